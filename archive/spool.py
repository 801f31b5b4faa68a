"""The spool: where a captured message is durable before anything is acknowledged.

Must not parse messages and must not wait for the database. One writer thread a process; any number of processes may
share the folder. `tmp` and `new` lie on one file system:

    write tmp/<pid>-<token>-<n>.tmp → fsync → rename to new/<µs>-<pid>-<n>-<messages>-<events>.pbs → fsync of new/

Group commit: the thread takes everything that queued while the last sync ran and writes one file of it. So an idle
writer makes one message durable at once, and a busy one thousands a second. Groups in quick succession go into a
segment instead (`spoolsegment.py`), which is in `tmp` until it is published.
"""

import itertools
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any

from postbuch.archive import said
from postbuch.archive.errors import SpoolError
from postbuch.archive.reasons import Reason
from postbuch.archive.record import EVENT, MESSAGE, Record, SpoolDamaged, counts_in, new_capture, read, salvage
from postbuch.archive.sleeper import FOREVER, Sleeper
from postbuch.archive.spoolfile import NOBODY, SMALL_OCTETS, Buffer, Group, LargeFile, Waiter, as_spool_error
from postbuch.archive.spoolfolder import quarantine, sync_folder, waiting, waiting_counts
from postbuch.archive.spoolmessage import CLOSED, SpoolMessage
from postbuch.archive.spoolsegment import SUFFIX, Segments, recover

__all__ = [
    "SMALL_OCTETS", "Record", "SpoolDamaged", "SpoolMessage", "SpoolWriter",
    "counts_in", "quarantine", "read", "salvage", "waiting", "waiting_counts",
]

# 64 MiB: what must stay free, so that events and the database still find room when messages are refused.
RESERVE_OCTETS = 67_108_864
# 32 MiB: a file of many records is read as one batch by the drain; this bounds its memory.
GROUP_OCTETS = 33_554_432
# How often the kernel is asked what room there is; a message a millisecond would else ask as often.
LOOK_EVERY_S = 0.1
# How long a record that nobody waits for may wait for company: each file costs the disk three syncs.
LINGER_S = 0.15
# After a write error other than a full disk, nothing is accepted for this long.
PAUSE_S = 1.0

# A record that waits for the thread: kind, octets, facts, who waits, whether somebody does.
_Waiting = tuple[int, Sequence[Buffer], Mapping[str, Any], Waiter, bool]
_TOKEN = os.urandom(4).hex()
_NUMBERS = itertools.count(1)


def full_disk(folder: Path) -> str:
    """The sentence that nothing can be taken in for want of room; empty while there is some, or no spool yet."""
    try:
        full = _room(folder) < RESERVE_OCTETS
    except OSError:
        return ""
    return Reason.SPOOL_FULL.said(folder=folder) if full else ""


def _room(folder: str | Path) -> int:
    """Free octets for who is not root."""
    room = os.statvfs(folder)
    return room.f_bavail * room.f_frsize


class SpoolWriter:
    """The one writer of a process. Thread-safe; belongs to no loop. `start` before use, `close` at the end."""

    def __init__(self, folder: Path, *, reserve_octets: int = RESERVE_OCTETS) -> None:
        self.folder = folder
        self.streams: set[LargeFile] = set()
        self.captured = 0
        self._temporary = str(folder / "tmp")
        self._free_octets = 0
        self._looked_at = 0.0
        self._reserve_octets = reserve_octets
        self._lock = threading.Lock()
        self._sleeper = Sleeper(self._lock)
        self._jobs: list[Callable[[], None]] = []
        self._records: list[_Waiting] = []
        self._segments = Segments(self)
        self._due: float | None = None  # when the oldest record that waits for company must go
        self._closing = False
        self._failure: tuple[float, str] | None = None
        self._thread: threading.Thread | None = None
        self._directory = -1

    def start(self) -> None:
        """Make the folders, remove what dead processes left in tmp, start the thread. Raises SpoolError."""
        try:
            for name in ("tmp", "new"):
                (self.folder / name).mkdir(parents=True, exist_ok=True, mode=0o700)
            sync_folder(self.folder)
            self._directory = os.open(self.folder / "new", os.O_RDONLY | os.O_DIRECTORY)
            for path in sorted((self.folder / "tmp").iterdir()):
                if path.suffix == SUFFIX:
                    recover(self, path)
                elif _is_orphan(path.name):  # never acknowledged: its writer died before the rename
                    path.unlink(missing_ok=True)
        except OSError as error:
            raise as_spool_error(error, self.folder) from error
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="spool-writer", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Write what is waiting, drop what was never committed, end the thread. May block for one sync."""
        if self._thread is None:
            return
        with self._lock:
            self._closing = True
            self._sleeper.rouse(0.0)
        self._thread.join()
        self._thread = None
        for stream in list(self.streams):
            stream.discard()
        os.close(self._directory)

    def __enter__(self) -> "SpoolWriter":
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # --- for the proxy -------------------------------------------------------------------------------------------

    def begin(self, expected_octets: int | None = None) -> SpoolMessage:
        """A new message. Raises SpoolError at once when there is no room for it and the reserve. Does not block."""
        reason = self.obstacle(expected_octets or 0)
        if reason is not None:
            raise SpoolError(reason)
        return SpoolMessage(self)

    def keep(self, octets: Buffer, facts: Mapping[str, Any], waiter: Waiter, *, urgent: bool) -> None:
        """A message of at most SMALL_OCTETS that is here already, without a copy. Raises SpoolError as `begin` does."""
        reason = self.obstacle(len(octets))
        if reason is not None:
            raise SpoolError(reason)
        whole = {"capture": new_capture().hex(), **facts, "kind": "message"}
        self.put_record(MESSAGE, (octets,), whole, waiter, urgent)

    def event(self, facts: Mapping[str, Any], *, urgent: bool = False) -> "Future[None]":
        """A record without octets: outcome, refusal, gap, login. Durable when the future is done."""
        future: Future[None] = Future()
        future.set_running_or_notify_cancel()
        whole = {"capture": new_capture().hex(), **facts, "kind": "event"}
        self.put_record(EVENT, [], whole, future, urgent)
        return future

    def note(self, facts: Mapping[str, Any]) -> None:
        """`event`, for those who do not ask what becomes of it: a Future for each costs as much as the record."""
        whole = {"capture": new_capture().hex(), **facts, "kind": "event"}
        self.put_record(EVENT, [], whole, NOBODY, False)

    def obstacle(self, expected_octets: int = 0) -> str | None:
        """Why nothing can be captured now, as a sentence; None when all is well."""
        if self._failure is not None and time.monotonic() < self._failure[0]:
            return self._failure[1]
        now = time.monotonic()
        if now >= self._looked_at + LOOK_EVERY_S:
            try:
                self._free_octets, self._looked_at = _room(self._temporary), now
            except OSError as error:
                return said.of(as_spool_error(error, self.folder))
        # What was taken since the last look is counted as written, so that the reserve is not eaten up in between.
        self._free_octets -= expected_octets
        if self._free_octets < self._reserve_octets:
            self._looked_at = 0.0
            return Reason.SPOOL_FULL.said(folder=self.folder)
        return None

    def report(self) -> dict[str, Any]:
        """The `spool` entry of a health file."""
        messages, _ = waiting_counts(self.folder)
        return {"writable": self.obstacle() is None, "waiting_messages": messages, "captured": self.captured}

    # --- for SpoolMessage and the thread --------------------------------------------------------------------------

    def put(self, job: Callable[[], None]) -> bool:
        """Have the thread do the job; False when it has ended."""
        with self._lock:
            if self._closing or self._thread is None:
                return False
            self._jobs.append(job)
            self._sleeper.rouse(0.0)
        return True

    def put_record(
        self, kind: int, chunks: Sequence[Buffer], facts: Mapping[str, Any], waiter: Waiter, urgent: bool
    ) -> None:
        now = time.monotonic()
        with self._lock:
            if self._closing or self._thread is None:
                waiter.set_exception(SpoolError(CLOSED))
                return
            self._records.append((kind, chunks, facts, waiter, urgent))
            due = now if urgent else now + LINGER_S
            if self._due is None or due < self._due:
                self._due = due
                self._sleeper.rouse(due)

    def new_temporary(self) -> Path:
        return self.folder / "tmp" / f"{os.getpid()}-{_TOKEN}-{next(_NUMBERS)}.tmp"

    def publish(self, temporary: Path, messages: int, events: int, *, synced: bool = False) -> None:
        """Rename a synced file into `new`, behind all that came before it. Raises OSError.

        The directory is synced too, unless the file is found again under either name (`synced`).
        """
        self._segments.flush()
        stamp = f"{time.time_ns() // 1000:020d}-{os.getpid()}-{next(_NUMBERS)}-{messages}-{events}.pbs"
        temporary.rename(self.folder / "new" / stamp)
        if not synced:
            os.fsync(self._directory)
        self.captured += messages

    def failed(self, error: OSError) -> None:
        self._failure = (time.monotonic() + PAUSE_S, str(as_spool_error(error, self.folder)))

    def _run(self) -> None:
        while True:
            with self._lock:
                now = time.monotonic()
                jobs, self._jobs = self._jobs, []
                ready = self._due is not None and (self._closing or self._due <= now)
                records = self._records if ready else []
                if ready:
                    self._records, self._due = [], None
                if self._closing and not jobs and not records:
                    break
                wakes_at = self._wakes_at(now)
                idle = not jobs and not records and wakes_at > now
                if idle:
                    self._sleeper.lie_down(wakes_at)
            if idle:
                self._sleeper.sleep(wakes_at)
                continue
            for job in jobs:
                self._guard(job, ())
            if records:
                self._guard(partial(self._write_records, records), [record[3] for record in records])
            if self._segments.due is not None and self._segments.due <= time.monotonic():
                self._guard(self._segments.flush, ())
        self._guard(self._segments.flush, ())

    def _wakes_at(self, now: float) -> float:
        """When the thread has something to do if nothing else comes."""
        dues = [due for due in (self._due, self._segments.due) if due is not None]
        # The outcome that follows a message may linger as well, so it is due later: nobody need be woken for it.
        outcome = self._segments.last_urgent + LINGER_S
        if outcome > now:
            dues.append(outcome)
        return min(dues, default=FOREVER)

    def _guard(self, job: Callable[[], None], waiters: Iterable[Waiter]) -> None:
        """Nothing may end the thread while people wait for it: not even a lack of memory."""
        try:
            job()
        except Exception:
            logging.getLogger(__name__).exception("spool-writer-error")
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_exception(SpoolError(Reason.SPOOL_RECORD_FAILED.said()))

    def _write_records(self, records: list[_Waiting]) -> None:
        group = Group()
        for kind, chunks, facts, waiter, urgent in records:
            try:
                group.add(kind, chunks, facts, waiter)
            except (TypeError, ValueError) as error:
                waiter.set_exception(error)
            group.urgent = group.urgent or urgent
            if group.octets >= GROUP_OCTETS:
                self._segments.write(group)
                group = Group()
        if group.waiters:
            self._segments.write(group)


def _is_orphan(name: str) -> bool:
    pid, _, rest = name.partition("-")
    if not pid.isdecimal():
        return True
    if int(pid) == os.getpid():  # in a container a restarted process often has the number of its predecessor
        return not rest.startswith(_TOKEN)
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False
