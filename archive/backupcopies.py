"""The attachments of a backup: what the target lacks is copied, and what it has is read again by and by.

A copy is held to its SHA-256 when it is made. Later it is read again
- when it was written behind the last whole backup: by one that was broken off, whose files a power cut may have left
  with their length and without their octets, or by whoever wrote into it since;
- when its turn comes: a disk damages what lies on it without a trace in any time or length;
- when a person asks for all (`backup --thorough`).
One that is damaged is taken from the archive again, which mends the older backups of the target as well.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from postbuch.archive import backupfiles
from postbuch.archive.backupfiles import Backup
from postbuch.archive.objects import ObjectStore
from postbuch.archive.reasons import Saving

# A thirty-first is read each day that a backup is made: of a terabyte 32 GB, five minutes at 100 MB/s. A prime, so all
# get their turn whether backups are made daily, weekly or each second Sunday.
TURNS = 31

# What is being done, how much of it is done, how much there is.
Progress = Callable[[str, int, int], None]


class Copies:
    """The attachments that one backup names. `written`: see `is_trusted`; `day`: counted as by `date.toordinal`."""

    def __init__(self, backup: Backup, written: int | None, day: int) -> None:
        self._backup = backup
        self._written = written
        self._turn = day % TURNS
        self.read = 0  # how many were found to have their SHA-256: copied now, or read again
        self.mended: list[str] = []  # a sentence for each that was damaged in the target and is whole again

    def take(self, store: ObjectStore, total: int, progress: Progress) -> Iterator[str]:
        """Have all in the target; a sentence for each that is not what it should be, which keeps no other out."""
        for number, (sha256, size) in enumerate(self._backup.objects(), 1):
            yield from self._take(store.path(bytes.fromhex(sha256)), sha256, size)
            progress("objects", number, total)

    def _take(self, source: Path, sha256: str, size: int) -> Iterator[str]:
        target = self._backup.object_path(sha256)
        there = target.stat() if target.exists() else None
        if there is not None and there.st_size == size:
            if is_trusted(sha256, there.st_mtime_ns, self._written, self._turn):
                return
            if _is_whole(target, sha256):
                self.read += 1
                return
        if not os.access(source, os.R_OK):
            yield Saving.OBJECT_GONE.said(sha256=sha256, words=source)
        elif backupfiles.copy(source, target).sha256 != sha256:
            target.unlink()
            yield Saving.OBJECT_CHANGED.said(sha256=sha256)
        else:
            self.read += 1
            if there is not None:
                self.mended.append(Saving.COPY_MENDED.said(path=target))


def is_trusted(sha256: str, modified: int, written: int | None, turn: int) -> bool:
    """Whether a copy of the right length is left unread. Pure.

    `modified`: when it was last written; `written`: when the last whole backup was (both ns), None: all are read.
    """
    return written is not None and modified <= written and int(sha256[:8], 16) % TURNS != turn


def _is_whole(path: Path, sha256: str) -> bool:
    try:
        return backupfiles.digest(path) == sha256
    except OSError:  # a bad sector
        return False
