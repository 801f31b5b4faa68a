"""What waits for the spool's writer, and whose turn it is to write: the thread's, or the ring's on the loop.

One writes at a time. What comes meanwhile gathers and goes together with the next write. All work is the thread's but
one kind: a few small records, one of which somebody waits for, while a segment is open that has room for them.
"""

import threading
import time
from collections.abc import Callable
from enum import Enum, auto

from postbuch.archive.sleeper import FOREVER, Sleeper
from postbuch.archive.spoolfile import Queued
from postbuch.archive.spoolsegment import Segments

# How long a record that nobody waits for may wait for company: each file costs the disk three syncs.
LINGER_S = 0.15
# 64 KiB: the loop digests and copies them itself, which takes it 0.1 ms. More is the thread's.
RING_OCTETS = 65_536
# What a record has besides its message: its facts are some 400 to 900 octets.
RECORD_OCTETS = 1024

Job = Callable[[], None]


class Turn(Enum):
    """Who writes."""

    NOBODYS = auto()
    THREADS = auto()
    RINGS = auto()


class Queue:
    """Thread-safe. `open` before use, `close` at the end."""

    def __init__(self, segments: Segments) -> None:
        self._segments = segments
        self._lock = threading.Lock()
        self._sleeper = Sleeper(self._lock)
        self._jobs: list[Job] = []
        self._records: list[Queued] = []
        self._octets = 0  # of the records
        self._due: float | None = None  # when the oldest record that waits for company must go
        self._turn = Turn.NOBODYS
        self._closed = True
        self.busy_since = FOREVER  # when who writes now began with it

    def open(self) -> None:
        """From now on there is a thread that takes what is put here."""
        self._closed = False

    def close(self) -> None:
        """Nothing more is taken in; the thread is given what is left, and then None."""
        with self._lock:
            self._closed = True
            self._sleeper.rouse(0.0)

    def put(self, job: Job) -> bool:
        """Have the thread do the job; False when it has ended."""
        with self._lock:
            if self._closed:
                return False
            self._jobs.append(job)
            self._sleeper.rouse(0.0)
        return True

    def put_record(self, record: Queued, octets: int, *, ring: bool) -> list[Queued] | None:
        """Queue it; None when the thread has ended.

        With `ring` the caller can write what is given back, and is to do so: it is his turn until `after_ring` or
        `back`.
        """
        now = time.monotonic()
        urgent = record[-1]
        with self._lock:
            if self._closed:
                return None
            self._records.append(record)
            self._octets += octets + RECORD_OCTETS
            if urgent and ring and self._is_rings(now):
                self._turn, self.busy_since = Turn.RINGS, now
                return self._taken()
            due = now if urgent else now + LINGER_S
            if self._due is None or due < self._due:
                self._due = due
                self._sleeper.rouse(due)
        return []

    def after_ring(self) -> list[Queued]:
        """What the ring is to write next; empty when it is its turn no more."""
        with self._lock:
            now = time.monotonic()
            publish = self._segments.due
            for_thread = self._jobs or self._closed or (publish is not None and publish <= now)
            if not for_thread and self._is_due(now) and self._octets <= RING_OCTETS:
                self.busy_since = now
                return self._taken()
            self._turn, self.busy_since = Turn.NOBODYS, FOREVER
            self._sleeper.rouse(0.0 if for_thread else self._wakes_at(now))
        return []

    def back(self, job: Job) -> None:
        """The ring could not write; it is the thread's turn, first with this job. Taken in even after `close`."""
        with self._lock:
            self._turn, self.busy_since = Turn.NOBODYS, FOREVER
            self._jobs.insert(0, job)
            self._sleeper.rouse(0.0)

    def next(self) -> tuple[list[Job], list[Queued]] | None:
        """The thread's next work, when there is some; None when all is done and nothing more comes."""
        while True:
            with self._lock:
                now = wakes_at = time.monotonic()
                if self._turn is Turn.RINGS:
                    wakes_at = FOREVER
                else:
                    jobs, self._jobs = self._jobs, []
                    records = self._taken() if self._is_due(now) or self._closed else []
                    if self._closed and not jobs and not records:
                        return None
                    wakes_at = self._wakes_at(now)
                    if jobs or records or wakes_at <= now:
                        self._turn, self.busy_since = Turn.THREADS, now
                        return jobs, records
                    self._turn, self.busy_since = Turn.NOBODYS, FOREVER
                self._sleeper.lie_down(wakes_at)
            self._sleeper.sleep(wakes_at)

    # --- with the lock --------------------------------------------------------------------------------------------

    def _is_rings(self, now: float) -> bool:
        segments = self._segments
        return (
            self._turn is Turn.NOBODYS and not self._jobs and self._octets <= RING_OCTETS
            and segments.takes(self._octets) and segments.is_quick(now)
            and (segments.due is None or segments.due > now)
        )  # fmt: skip

    def _is_due(self, now: float) -> bool:
        return self._due is not None and self._due <= now

    def _taken(self) -> list[Queued]:
        records, self._records, self._octets, self._due = self._records, [], 0, None
        return records

    def _wakes_at(self, now: float) -> float:
        """When the thread has something to do if nothing else comes."""
        dues = [due for due in (self._due, self._segments.due) if due is not None]
        # The outcome that follows a message may linger as well, so it is due later: nobody need be woken for it.
        outcome = self._segments.last_urgent + LINGER_S
        if outcome > now:
            dues.append(outcome)
        return min(dues, default=FOREVER)
