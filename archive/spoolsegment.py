"""Segments: files of zeros, made in advance, that take records with one sync each while somebody waits.

A file of its own costs three trips to the disk's journal (its blocks, its name, its new folder), 0.7 to 2.3 ms; octets
that overwrite synced zeros cost one write, 0.15 to 0.27 ms (both measured side by side). So records that come in quick
succession go into a segment in `tmp`, are acknowledged there, and are renamed into `new` together a moment later. The
rename needs no sync: whichever name a crash leaves, the next start finds the records. A segment is locked by its
writer, whatever the process numbers say, and one that nobody holds is recovered by `recover`.
"""

import contextlib
import errno
import fcntl
import os
import time
from pathlib import Path

from postbuch.archive.record import intact
from postbuch.archive.spoolfile import Folder, Group, as_spool_error
from postbuch.archive.spoolfolder import sync_folder

SUFFIX = ".seg"
# A segment is made twice as large as what the last one took: zeros that nothing overwrites are written for nothing.
# 1 MiB is what some ten clients that send 10 KB at a time fill in the PUBLISH_S below; its zeros take 1 to 3 ms.
LEAST_OCTETS = 131_072
MOST_OCTETS = 1_048_576
# A larger group pays for a file of its own with the messages that share it.
GROUP_OCTETS = 262_144
# Groups that follow each other sooner than this are worth a segment; an idle writer makes none.
SUCCESSION_S = 0.05
# How long records may stay in a segment before the drain sees them.
PUBLISH_S = 0.2


class Segments:
    """What the writer writes with while messages come in quick succession. One caller at a time."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self.last_urgent = 0.0  # when somebody waited last
        self._path: Path | None = None
        self._handle = -1
        self._size = self._offset = self._messages = self._events = 0
        self._wanted = LEAST_OCTETS
        # Handle, path, octets, messages, events of those that could not be renamed: a folder needs room too.
        self._left: list[tuple[int, Path, int, int, int]] = []
        self.due: float | None = None  # when the records in the segment must be published

    def write(self, group: Group) -> None:
        """Make the group durable in the way that costs least, and tell its waiters."""
        # What nobody waits for goes along while a segment is open anyhow.
        now = time.monotonic()
        quick = self.is_quick(now) if group.urgent else self._handle >= 0
        if group.urgent:
            self.last_urgent = now
        whole = b"".join(group.buffers) if quick and group.octets <= GROUP_OCTETS else b""
        if not 0 < len(whole) <= MOST_OCTETS:
            group.write(self._folder)
            return
        try:
            if not self.takes(len(whole)):
                self.flush()
                self._open(len(whole))
            # Written and synced by one call: each costs a wait for the interpreter when it comes back.
            if os.pwrite(self._handle, whole, self._offset) != len(whole):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path))
        except OSError as error:
            self.wrote(group, 0, error)
            with contextlib.suppress(OSError):
                self.flush()  # what was acknowledged before goes on its way
        else:
            self.wrote(group, len(whole), None)

    def is_quick(self, now: float) -> bool:
        """Whether somebody has waited just before."""
        return now - self.last_urgent < SUCCESSION_S

    def takes(self, octets: int) -> bool:
        """Whether the segment that is open has room for so much."""
        return self._handle >= 0 and self._offset + octets <= self._size

    @property
    def place(self) -> tuple[int, int]:
        """(handle, offset): where who has asked `takes` writes next, and then says so by `wrote`."""
        return self._handle, self._offset

    def wrote(self, group: Group, octets: int, error: OSError | None) -> None:
        """The group is durable in the segment, or is not; tell its waiters."""
        if error is not None:
            self._folder.failed(error)
            group.tell(as_spool_error(error))
            return
        if group.urgent:
            self.last_urgent = time.monotonic()
        self._offset += octets
        self._messages += group.messages
        self._events += group.events
        if self.due is None:
            self.due = time.monotonic() + PUBLISH_S
        group.tell(None)

    def flush(self) -> None:
        """Publish what the segment holds. Raises OSError; the records then wait in `tmp` for the next attempt."""
        handle, path, self._handle, self._path, self.due = self._handle, self._path, -1, None, None
        if handle >= 0 and path is not None:
            self._wanted = 2 * self._offset
            self._left.append((handle, path, self._offset, self._messages, self._events))
        left, self._left = self._left, []
        while left:
            try:
                self._publish(*left[0])
            except OSError:
                self._left, self.due = left, time.monotonic() + PUBLISH_S
                raise
            # Locked till now: another process that starts would take it for a dead one's, and away from us.
            os.close(left.pop(0)[0])

    def _publish(self, handle: int, path: Path, size: int, messages: int, events: int) -> None:
        os.ftruncate(handle, size)
        if messages or events:
            self._folder.publish(path, messages, events, synced=True)
        else:
            path.unlink()

    def _open(self, octets: int) -> None:
        """A segment for so many octets, and for as much as is to be expected."""
        self._size = min(max(self._wanted, octets, LEAST_OCTETS), MOST_OCTETS)
        path = self._folder.new_temporary().with_suffix(SUFFIX)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_DSYNC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not os.fstat(handle).st_nlink:  # one that starts at this moment took it for a dead one's
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
            if os.pwrite(handle, bytes(self._size), 0) != self._size:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
            sync_folder(path.parent)
        except OSError:
            os.close(handle)
            path.unlink(missing_ok=True)
            raise
        self._path, self._handle = path, handle
        self._offset = self._messages = self._events = 0


def recover(folder: Folder, path: Path) -> bool:
    """Publish the records of a segment whose writer has ended; False for one that is in use. Raises OSError."""
    try:
        handle = os.open(path, os.O_RDWR)
    except FileNotFoundError:  # another process was quicker
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        messages, events, end = intact(path)
        os.ftruncate(handle, end)
        os.fsync(handle)
        if messages or events:
            folder.publish(path, messages, events)
        else:
            path.unlink()
    except BlockingIOError:
        return False
    except FileNotFoundError:
        pass
    finally:
        os.close(handle)
    return True
