"""The health files: what each process says about itself, for `postbuch status` and the admin page.

A process writes its file on every change of a failure and at least every two seconds; readers need no connection to it.
"""

import contextlib
import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from postbuch.archive import said
from postbuch.archive.config import Config
from postbuch.archive.said import Said

WRITE_EVERY_S = 2.0
# Five times the interval: a process that is silent for longer is dead or hangs.
STALE_AFTER_S = 10.0


def health_path(config: Config, process: str) -> Path:
    """Where a process (proxy, archive, webmail, ftps) puts its file."""
    return config.data / "run" / f"{process}.json"


class HealthFile:
    """One process's file. `write` replaces it as a whole, so that a reader sees the old or the new one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)

    def write(self, facts: Mapping[str, Any]) -> None:
        """Fills in process, pid and at. A full disk is no reason to stop work: the old file then just grows stale."""
        whole = {
            "process": self.path.stem,
            "pid": os.getpid(),
            "at": datetime.now(UTC).isoformat(),
            "listeners": [],
            "failures": [],
            **facts,
        }
        temporary = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        try:
            temporary.write_text(json.dumps(whole), encoding="utf-8")
            temporary.replace(self.path)
        except OSError:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)

    def remove(self) -> None:
        """After an orderly stop: no file, no process."""
        self.path.unlink(missing_ok=True)


def failure(
    leg: str, reason: str, sentence: str, at: str | None, *, account: str | None = None, answered: bool = False
) -> dict[str, Any]:
    """An entry of `failures`. Whoever shows it takes the sentence apart with `said_in`."""
    return {
        "account": account, "leg": leg, "reason": reason, "sentence": sentence, "at": at, "answered": answered,
        "said": sentence.as_json() if isinstance(sentence, Said) else None,
    }


def said_in(entry: Mapping[str, Any]) -> str:
    """The sentence of an entry of `failures`, with what it is made of."""
    return said.from_json(entry.get("said"), entry["sentence"])


def read_all(config: Config) -> dict[str, dict[str, Any]]:
    """Process name → what its file says, plus `alive`: the process exists and spoke within STALE_AFTER_S."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted((config.data / "run").glob("*.json")):
        try:
            facts = json.loads(path.read_text(encoding="utf-8"))
            at = datetime.fromisoformat(facts["at"])
            pid = int(facts["pid"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
        age_s = (datetime.now(UTC) - at).total_seconds()
        found[path.stem] = {**facts, "alive": age_s < STALE_AFTER_S and _exists(pid)}
    return found


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
