"""What checks remember between runs: how far a full check came, and what the last good check had seen.

Two files in `verify/` of the data folder. They save work and are no evidence: whoever can write them can make a check
skip what they name. So each report says at which leaf it went on, and `verify --full --restart` believes neither.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from postbuch.archive import said
from postbuch.archive.findings import Detail, Finding, Findings, Kind
from postbuch.archive.leafcheck import LeafCheck
from postbuch.archive.ledgertree import StoredNodes
from postbuch.archive.merkle import Frontier
from postbuch.archive.reasons import Reason
from postbuch.archive.sealer import Wrote
from postbuch.archive.systemwords import System

_RESUME, _VERIFIED = "full.json", "verified.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Halt:
    """A full check that has not ended yet: begun when (UTC), how many leaves of how many are done."""

    started_at: datetime
    done: int
    total: int
    findings: int


class Memory:
    """The two files below the data folder. What cannot be read is as if it were not there."""

    def __init__(self, data: Path) -> None:
        self._folder = data / "verify"

    # --- the last good check --------------------------------------------------------------------------------------

    def verified(self) -> dict[str, Any]:
        """`size` and `root` of the tree that was found good, and for each kind the newest row (`rows`); or empty."""
        return _read(self._folder / _VERIFIED)

    def keep_verified(self, size: int, root: bytes, rows: Mapping[str, int]) -> None:
        """A check without findings has ended."""
        _write(self._folder / _VERIFIED, {"size": size, "root": root.hex(), "rows": dict(rows)})

    # --- a full check on its way ----------------------------------------------------------------------------------

    def forget(self) -> None:
        """The next full check begins at the first leaf."""
        (self._folder / _RESUME).unlink(missing_ok=True)

    def save(self, check: LeafCheck, findings: Findings, started_at: datetime, total: int) -> None:
        """How far it came."""
        entry = None if check.entry is None else [check.entry.kind, check.entry.wrote, check.entered, check.followed]
        _write(self._folder / _RESUME, {
            "size": check.frontier.size, "peaks": [peak.hex() for peak in check.frontier.peaks],
            "whole": check.whole, "entry": entry, "checked": check.checked, "octets": check.octets,
            "findings": findings.as_json(), "count": findings.count, "started_at": started_at.isoformat(), "of": total,
        })

    def halted(self) -> Halt | None:
        """Where a full check stands that has not ended."""
        known = _read(self._folder / _RESUME)
        try:
            return Halt(
                started_at=datetime.fromisoformat(known["started_at"]), done=int(known["size"]),
                total=int(known["of"]), findings=int(known["count"]),
            )
        except (KeyError, ValueError, TypeError):
            return None

    def resume(self, check: LeafCheck, findings: Findings, nodes: StoredNodes, size: int) -> datetime | None:
        """Put check and findings where the last full check was broken off; when that began, or None.

        None also when the first leaves of the tree, of `size` leaves, are not those that it had read.
        """
        known = _read(self._folder / _RESUME)
        try:
            frontier = Frontier(size=known["size"], peaks=[bytes.fromhex(peak) for peak in known["peaks"]])
            if frontier.size > size or len(frontier.peaks) != frontier.size.bit_count():
                return None
            if known["whole"] and frontier != nodes.frontier(frontier.size):
                return None
            started_at = datetime.fromisoformat(known["started_at"])
            listed = [Finding(**each) for each in known["findings"]]
            kinds = [Kind(each.kind) for each in listed]
            count, octets, whole = int(known["count"]), int(known["octets"]), bool(known["whole"])
            kind, wrote, entered, followed = known["entry"] or (None, "", "", 0)
            checked = {str(name): int(number) for name, number in known["checked"].items()}
        except (LookupError, ValueError, TypeError, AttributeError):
            return None
        for each, which in zip(listed, kinds, strict=True):
            findings.add(which, each.where, said.understood(each.detail, Detail, Reason, System))
        findings.count = max(findings.count, count)
        check.frontier, check.whole, check.octets = frontier, whole, octets
        if kind is not None:
            check.entry, check.entered, check.followed = Wrote(kind, wrote), entered, followed
        check.checked.update(checked)
        return started_at


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(path: Path, facts: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}")
    temporary.write_text(json.dumps(facts), encoding="utf-8")
    temporary.replace(path)
