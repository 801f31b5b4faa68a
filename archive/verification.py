"""The check of the whole archive against its ledger: `postbuch verify`, and by schedule.

Full: every leaf against the tree, its row and its octets; every row against the leaves; every file; every checkpoint.
Incremental: what was added since the last good check, a sample of the rest, and every checkpoint's signature. A full
check that is broken off goes on where it was.
"""

import contextlib
import json
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, select
from sqlalchemy.exc import SQLAlchemyError

from postbuch.archive import audit, coverage, database, merkle, rowcheck
from postbuch.archive.bulk import insert_rows
from postbuch.archive.checkpointcheck import CheckpointCheck, Roots
from postbuch.archive.config import Config
from postbuch.archive.findings import Finding, Findings, Kind, Progress
from postbuch.archive.leafcheck import CHUNK, LeafCheck, check_nodes_beyond
from postbuch.archive.ledgertree import StoredNodes, tree_size
from postbuch.archive.objects import ObjectStore
from postbuch.archive.reasons import Reason
from postbuch.archive.schema import ledger_leaf
from postbuch.archive.schema_ledger import verification
from postbuch.archive.sealer import Sealer, Wrote

# Old leaves that an incremental check takes at random: one changed row in a hundred is found with 99.99 %.
SAMPLE = 1000
# Of the checkpoints before the last good check, the newest whose roots are computed again: two days of hourly ones.
OLD_ROOTS = 48
SAVE_EVERY_S = 10.0
_RESUME, _VERIFIED = "full.json", "verified.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was checked and found. `complete` is false when it was stopped; a full check then goes on the next time."""

    scope: str
    complete: bool
    checked: dict[str, int]
    findings: Findings
    started_at: datetime
    ended_at: datetime

    def as_json(self) -> dict[str, Any]:
        """As `postbuch verify --json` prints it."""
        return {
            "ok": self.complete and not self.findings.count, "scope": self.scope, "complete": self.complete,
            "started_at": self.started_at.isoformat() + "Z", "ended_at": self.ended_at.isoformat() + "Z",
            "checked": self.checked, "found": self.findings.count, "findings": self.findings.as_json(),
        }


class Verification:
    """One check. The engine is that of the role `ingest`: the report is kept as a row."""

    def __init__(self, config: Config, engine: Engine, progress: Progress = lambda done, total: True) -> None:
        self._config = config
        self._engine = engine
        self._progress = progress
        self._folder = config.data / "verify"
        self._store = ObjectStore(config.data)
        self._findings = Findings()
        self._started = audit.now()
        self._checked: dict[str, int] = {}

    def run(self, *, full: bool, external: Sequence[Path] = (), restart: bool = False) -> Report:
        """Check, keep the report, give it. Raises ServiceMissing."""
        self._seal()
        with self._engine.connect() as conn:
            size = tree_size(conn)
            checkpoints = CheckpointCheck(self._config, conn, size, self._findings)
            checkpoints.run(external)
            if full:
                complete = self._full(conn, size, checkpoints.roots, restart=restart)
            else:
                complete = self._incremental(conn, size, checkpoints.roots, checkpoints.required)
            self._checked["leaves"] = size
            self._checked["checkpoints"] = sum(map(len, checkpoints.roots.values()))
            self._checked["checkpoint_files"] = checkpoints.files
        report = Report(
            scope="full" if full else "incremental", complete=complete, checked=self._checked,
            findings=self._findings, started_at=self._started, ended_at=audit.now(),
        )
        if complete:
            self._keep(report, size)
        return report

    def _seal(self) -> None:
        """Everything committed gets its leaf, however late; a tree that takes none is a finding, not an end."""
        try:
            Sealer(self._engine).seal(window=None)
        except (LookupError, SQLAlchemyError) as error:
            if isinstance(error, SQLAlchemyError) and database.is_gone(error):
                raise
            cause = getattr(error, "orig", None) or error
            self._findings.add(Kind.UNSEALED, "ledger", f"the tree takes no more leaves: {str(cause)[:200]}")

    # --- everything -----------------------------------------------------------------------------------------------

    def _full(self, conn: Connection, size: int, roots: Roots, *, restart: bool) -> bool:
        check = LeafCheck(self._store, self._findings, roots)
        if restart:
            (self._folder / _RESUME).unlink(missing_ok=True)
        self._resume(check, size)
        saved = time.monotonic()
        while check.frontier.size < size:
            check.read(conn, size)
            conn.rollback()  # the next chunk sees what was added meanwhile, and no old version is kept for us
            going = self._progress(check.frontier.size, size)
            if not going or time.monotonic() - saved > SAVE_EVERY_S:
                self._save(check, size)
                saved = time.monotonic()
            if not going:
                self._note(check)
                return False
        check.complete_entry()
        self._note(check)
        check_nodes_beyond(conn, tree_size(conn), self._findings)
        self._rows(conn, {})
        rowcheck.check_orphans(conn, self._findings)
        self._checked["files"] = rowcheck.check_files(conn, self._store.objects, self._findings)
        (self._folder / _RESUME).unlink(missing_ok=True)
        return True

    def _note(self, check: LeafCheck) -> None:
        self._checked |= {**check.checked, "octets": check.octets}

    def _rows(self, conn: Connection, first: dict[str, int]) -> None:
        """Rows without a leaf: those that still have none when everything has been sealed again."""
        suspects: dict[str, list[str]] = {}
        for kind, unit in coverage.units().items():
            for keys in rowcheck.without_leaf(conn, unit, first.get(kind, 0)):
                suspects.setdefault(kind, []).extend(keys)
            conn.rollback()
        if not any(suspects.values()):
            return
        self._seal()
        for kind, keys in suspects.items():
            for key in rowcheck.still_without(conn, coverage.units()[kind], keys):
                self._findings.add(
                    Kind.ROW_INSERTED, f"{kind} {key}", "the row was never entered in the ledger, or its leaf is gone"
                )

    # --- what is new ----------------------------------------------------------------------------------------------

    def _incremental(self, conn: Connection, size: int, roots: Roots, required: set[int]) -> bool:
        nodes = StoredNodes(conn)
        known = self._verified()
        old = known.get("size", 0)
        if old > size:
            self._findings.add(Kind.TAIL_CUT, "ledger", f"{old} leaves were checked before and there are {size}")
            old = 0
        frontier = None
        try:
            frontier = nodes.frontier(old)
            if old and frontier.root().hex() != known.get("root"):
                self._findings.add(
                    Kind.ROOT_CHANGED, "ledger", f"the first {old} leaves are not those that were checked before"
                )
            self._old_roots(nodes, old, roots, required)
        except LookupError as error:
            self._findings.add(Kind.LEAF_REMOVED, "ledger", f"{error}; check everything")
            old = 0
        check = LeafCheck(self._store, self._findings, roots, frontier if old else None)
        self._sample(conn, check, old)
        while check.frontier.size < size:
            check.read(conn, size)
            conn.rollback()
            if not self._progress(check.frontier.size - old, size - old):
                self._note(check)
                return False
        check.complete_entry()
        self._note(check)
        marks = {str(kind): int(mark) for kind, mark in known.get("rows", {}).items()} if old else {}
        self._rows(conn, marks)
        return True

    def _old_roots(self, nodes: StoredNodes, old: int, roots: Roots, required: set[int]) -> None:
        sizes = sorted(size for size in roots if size <= old)
        for size in sorted({*sizes[-OLD_ROOTS:], *(size for size in sizes if size in required)}):
            found = merkle.root(nodes, size)
            for where, root in roots[size]:
                if root != found:
                    self._findings.add(
                        Kind.ROOT_CHANGED, where, f"the first {size} leaves are not those that were signed"
                    )

    def _sample(self, conn: Connection, check: LeafCheck, old: int) -> None:
        """Rows of old leaves, each time others."""
        positions = random.sample(range(old), min(SAMPLE, old))
        for start in range(0, len(positions), CHUNK):
            query = select(ledger_leaf).where(ledger_leaf.c.position.in_(positions[start : start + CHUNK]))
            check.rows(conn, conn.execute(query).all())

    # --- what is remembered ---------------------------------------------------------------------------------------

    def _keep(self, report: Report, size: int) -> None:
        with self._engine.begin() as conn:
            insert_rows(conn, verification, [{
                "scope": report.scope, "started_at": report.started_at, "ended_at": report.ended_at, "size": size,
                "findings": report.findings.count, "report": json.dumps(report.as_json()),
            }])
            if report.findings.count:
                return
            root = merkle.root(StoredNodes(conn), size).hex()
            rows = {
                kind: conn.scalar(select(coverage.key_column(unit.table)).order_by(
                    coverage.key_column(unit.table).desc()).limit(1)) or 0
                for kind, unit in coverage.units().items() if unit.numbered
            }
        _write(self._folder / _VERIFIED, {"size": size, "root": root, "rows": rows})

    def _verified(self) -> dict[str, Any]:
        return _read(self._folder / _VERIFIED)

    def _save(self, check: LeafCheck, size: int) -> None:
        entry = None if check.entry is None else [check.entry.kind, check.entry.wrote, check.entered, check.followed]
        _write(self._folder / _RESUME, {
            "size": check.frontier.size, "peaks": [peak.hex() for peak in check.frontier.peaks],
            "whole": check.whole, "entry": entry, "checked": check.checked, "octets": check.octets,
            "findings": self._findings.as_json(), "count": self._findings.count,
            "started_at": self._started.isoformat(), "of": size,
        })

    def _resume(self, check: LeafCheck, size: int) -> None:
        """Go on where the last full check was broken off, if it was."""
        known = _read(self._folder / _RESUME)
        with contextlib.suppress(KeyError, ValueError, TypeError):
            if not known or known["size"] > size:
                return
            frontier = merkle.Frontier(size=known["size"], peaks=[bytes.fromhex(peak) for peak in known["peaks"]])
            if len(frontier.peaks) != frontier.size.bit_count():
                return
            started = datetime.fromisoformat(known["started_at"])
            for each in known["findings"]:
                found = Finding(**each)
                self._findings.add(Kind(found.kind), found.where, found.detail)
            self._findings.count = max(self._findings.count, int(known["count"]))
            check.frontier, check.whole, check.octets = frontier, bool(known["whole"]), int(known["octets"])
            if known["entry"]:
                kind, wrote, check.entered, check.followed = known["entry"]
                check.entry = Wrote(kind, wrote)
            check.checked.update(known["checked"])
            self._started = started


def latest(conn: Connection) -> dict[str, dict[str, Any]]:
    """The newest report of each scope, as JSON gives it."""
    found = {}
    for scope in ("incremental", "full"):
        query = select(verification.c.report).where(verification.c.scope == scope)
        text = conn.scalar(query.order_by(verification.c.id.desc()).limit(1))
        if text is not None:
            found[scope] = json.loads(text)
    return found


def sentence(report: dict[str, Any]) -> str:
    """What a report with findings means for whoever looks after the archive."""
    first = report["findings"][0]
    return Reason.VERIFY_FOUND.said(
        scope=Reason[f"SCOPE_{report['scope'].upper()}"].said(), time=report["started_at"][:16].replace("T", " "),
        found=report["found"], where=first["where"], kind=first["kind"],
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(path: Path, facts: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}")
    temporary.write_text(json.dumps(facts), encoding="utf-8")
    temporary.replace(path)
