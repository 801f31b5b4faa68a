"""Whether the disk under the spool has room: what must stay free, and how often it is asked."""

import os
import time
from pathlib import Path

from postbuch.archive import said
from postbuch.archive.reasons import Reason
from postbuch.archive.spoolfile import as_spool_error

# 64 MiB: what must stay free, so that events and the database still find room when messages are refused.
RESERVE_OCTETS = 67_108_864
# How often the kernel is asked what room there is; a message a millisecond would else ask as often.
LOOK_EVERY_S = 0.1


def full_disk(folder: Path) -> str:
    """The sentence that nothing can be taken in for want of room; empty while there is some, or no spool yet."""
    try:
        full = _free_octets(folder) < RESERVE_OCTETS
    except OSError:
        return ""
    return Reason.SPOOL_FULL.said(folder=folder) if full else ""


class Room:
    """What is free on the disk of one spool, for who asks before each message."""

    def __init__(self, folder: Path, reserve_octets: int) -> None:
        self._folder = folder
        self._temporary = str(folder / "tmp")
        self._reserve_octets = reserve_octets
        self._octets = 0
        self._looked_at = 0.0

    def obstacle(self, expected_octets: int) -> str | None:
        """Why there is no room for so much, as a sentence; None when there is."""
        now = time.monotonic()
        if now >= self._looked_at + LOOK_EVERY_S:
            try:
                self._octets, self._looked_at = _free_octets(self._temporary), now
            except OSError as error:
                return said.of(as_spool_error(error, self._folder))
        # What was taken since the last look is counted as written, so that the reserve is not eaten up in between.
        self._octets -= expected_octets
        if self._octets < self._reserve_octets:
            self._looked_at = 0.0
            return Reason.SPOOL_FULL.said(folder=self._folder)
        return None


def _free_octets(folder: str | Path) -> int:
    """For who is not root."""
    room = os.statvfs(folder)
    return room.f_bavail * room.f_frsize
