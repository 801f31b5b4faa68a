"""The folders of the spool as the drain sees them: what waits, what was set aside, what dead processes left."""

import os
from pathlib import Path

from postbuch.archive.record import counts_in


def waiting(folder: Path) -> list[Path]:
    """The spool files to drain, oldest first."""
    return [folder / "new" / name for name in sorted(_names(folder))]


def waiting_counts(folder: Path) -> tuple[int, int]:
    """(messages, events) durable in the spool and not yet drained."""
    counts = [counts_in(name) for name in _names(folder)]
    return sum(messages for messages, _ in counts), sum(events for _, events in counts)


def _names(folder: Path) -> list[str]:
    try:
        return [entry.name for entry in os.scandir(folder / "new") if entry.name.endswith(".pbs")]
    except FileNotFoundError:
        return []


def quarantine(folder: Path, path: Path, reason: str) -> Path:
    """Set a damaged file aside in `damaged/`, with the reason beside it, for a person to look at. Raises OSError."""
    aside = folder / "damaged"
    aside.mkdir(mode=0o700, exist_ok=True)
    (aside / f"{path.name}.reason").write_text(reason + "\n", encoding="utf-8")
    target = aside / path.name
    path.rename(target)
    sync_folder(aside)
    return target


def sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def is_orphan(name: str, token: str) -> bool:
    """Whether the writer of a temporary file is dead; `token` is that of this process."""
    pid, _, rest = name.partition("-")
    if not pid.isdecimal():
        return True
    if int(pid) == os.getpid():  # in a container a restarted process often has the number of its predecessor
        return not rest.startswith(token)
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False
