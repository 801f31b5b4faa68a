"""The spool: where a captured message is durable before anything is acknowledged.

Must not parse messages and must not wait for the database. One writer thread a process; any number of processes may
share the folder. `tmp` and `new` lie on one file system:

    write tmp/<pid>-<token>-<n>.tmp → fsync → rename to new/<µs>-<pid>-<n>-<messages>-<events>.pbs → fsync of new/

Group commit: the thread takes everything that queued while the last sync ran and writes one file of it. So an idle
writer makes one message durable at once, and a busy one thousands a second. Groups in quick succession go into a
segment instead (`spoolsegment.py`), which is in `tmp` until it is published; what is small and urgent is written into
it without the thread where there is a ring (`spoolring.py`).
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

from postbuch.archive.errors import SpoolError
from postbuch.archive.reasons import Reason
from postbuch.archive.record import EVENT, MESSAGE, Record, SpoolDamaged, counts_in, new_capture, read, salvage
from postbuch.archive.spoolfile import NOBODY, SMALL_OCTETS, Buffer, Group, LargeFile, Queued, Waiter, as_spool_error
from postbuch.archive.spoolfolder import is_orphan, quarantine, sync_folder, waiting, waiting_counts
from postbuch.archive.spoolmessage import CLOSED, SpoolMessage
from postbuch.archive.spoolqueue import Queue
from postbuch.archive.spoolring import Ring
from postbuch.archive.spoolroom import RESERVE_OCTETS, Room
from postbuch.archive.spoolsegment import SUFFIX, Segments, recover

__all__ = [
    "SMALL_OCTETS", "Record", "SpoolDamaged", "SpoolMessage", "SpoolWriter",
    "counts_in", "quarantine", "read", "salvage", "waiting", "waiting_counts",
]

# 32 MiB: a file of many records is read as one batch by the drain; this bounds its memory.
GROUP_OCTETS = 33_554_432
# A disk that does one job for so long hangs: what could wait for it is refused, and reading goes on without the spool.
STALLED_S = 20.0
# How long a dead process's segment may be held by what it had asked the kernel for: one sync, on a slow disk.
LET_GO_S = 5.0
# After a write error other than a full disk, nothing is accepted for this long.
PAUSE_S = 1.0

log = logging.getLogger(__name__)

_TOKEN = os.urandom(4).hex()
_NUMBERS = itertools.count(1)


class SpoolWriter:
    """The one writer of a process. Thread-safe; belongs to no loop. `start` before use, `close` at the end."""

    def __init__(self, folder: Path, *, reserve_octets: int = RESERVE_OCTETS) -> None:
        self.folder = folder
        self.streams: set[LargeFile] = set()
        self.captured = 0
        self.ring: Ring | None = None  # whoever runs a loop may give it one, once it runs
        self._room = Room(folder, reserve_octets)
        self._segments = Segments(self)
        self._queue = Queue(self._segments)
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
                    self._recover(path)
                elif is_orphan(path.name, _TOKEN):  # never acknowledged: its writer died before the rename
                    path.unlink(missing_ok=True)
        except OSError as error:
            raise as_spool_error(error, self.folder) from error
        self._queue.open()
        self._thread = threading.Thread(target=self._run, name="spool-writer", daemon=True)
        self._thread.start()

    def _recover(self, path: Path) -> None:
        """What a dead process left. The kernel holds it until a write of its ring that was on the way has ended."""
        end = time.monotonic() + LET_GO_S
        while not recover(self, path) and is_orphan(path.name, _TOKEN) and time.monotonic() < end:
            time.sleep(0.01)

    def close(self) -> None:
        """Write what is waiting, drop what was never committed, end the thread. May block for one sync."""
        if self._thread is None:
            return
        if self.ring is not None:
            self.ring.close()
            self.ring = None
        self._queue.close()
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
        if self.stalled:
            return Reason.SPOOL_STALLED.said(folder=self.folder)
        if self._failure is not None and time.monotonic() < self._failure[0]:
            return self._failure[1]
        return self._room.obstacle(expected_octets)

    @property
    def stalled(self) -> bool:
        """Whether the disk does not answer."""
        return time.monotonic() - self._queue.busy_since > STALLED_S

    def report(self) -> dict[str, Any]:
        """The `spool` entry of a health file."""
        messages, _ = waiting_counts(self.folder)
        return {"writable": self.obstacle() is None, "waiting_messages": messages, "captured": self.captured}

    # --- for SpoolMessage and the thread --------------------------------------------------------------------------

    def put(self, job: Callable[[], None]) -> bool:
        """Have the thread do the job; False when it has ended."""
        return self._queue.put(job)

    def put_record(
        self, kind: int, chunks: Sequence[Buffer], facts: Mapping[str, Any], waiter: Waiter, urgent: bool
    ) -> None:
        ring = self.ring is not None and self.ring.is_here
        records = self._queue.put_record((kind, chunks, facts, waiter, urgent), sum(map(len, chunks)), ring=ring)
        if records is None:
            waiter.set_exception(SpoolError(CLOSED))
        elif records:
            self._by_ring(records)

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
        while self._work():
            pass
        self._guard(self._segments.flush, ())

    def _work(self) -> bool:
        """The thread's next work, of which nothing is held when it is done; False when there is no more."""
        work = self._queue.next()
        if work is None:
            return False
        jobs, records = work
        for job in jobs:
            self._guard(job, ())
        if records:
            self._guard(partial(self._write_records, records), [record[3] for record in records])
        if self._segments.due is not None and self._segments.due <= time.monotonic():
            self._guard(self._segments.flush, ())
        return True

    def _by_ring(self, records: list[Queued]) -> None:
        """On the loop, when it is the ring's turn. What it cannot do, for whatever reason, the thread does."""
        job, waiters = partial(self._write_records, records), [record[3] for record in records]
        try:
            group = Group()
            group.take(records)
            job = partial(self._segments.write, group)
            whole = b"".join(group.buffers)
            if self.ring is not None and self._segments.takes(len(whole)):  # facts may be longer than was expected
                handle, offset = self._segments.place
                self.ring.write(handle, whole, offset, partial(self._by_ring_done, group, len(whole)))
                return
        except OSError:
            log.exception("spool-ring-given-up")
            self.ring = None
        except MemoryError:
            log.exception("spool-ring-left-out")
        self._queue.back(partial(self._guard, job, waiters))

    def _by_ring_done(self, group: Group, octets: int, error: OSError | None) -> None:
        waiters = [waiter for waiter, _ in group.waiters]
        self._guard(partial(self._segments.wrote, group, octets, error), waiters)
        if error is not None:
            self._queue.back(self._segments.flush)  # what was acknowledged before goes on its way
        elif more := self._queue.after_ring():
            self._by_ring(more)

    def _guard(self, job: Callable[[], None], waiters: Iterable[Waiter]) -> None:
        """Nothing may end the thread while people wait for it: not even a lack of memory."""
        try:
            job()
        except Exception:
            log.exception("spool-writer-error")
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_exception(SpoolError(Reason.SPOOL_RECORD_FAILED.said()))

    def _write_records(self, records: list[Queued]) -> None:
        group = Group()
        for record in records:
            group.take([record])
            if group.octets >= GROUP_OCTETS:
                self._segments.write(group)
                group = Group()
        if group.waiters:
            self._segments.write(group)
