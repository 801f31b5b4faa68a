"""What is durable here already, by mailbox and UID: so that the gate lets an archived message go without a round trip.

Filled by the taps of this process when the spool has synced, and from the database when a mailbox is selected. The
database is asked beside the session, never waited for (invariant 7): what is not known is fetched again, and the
archive knows its digest.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from postbuch.archive.sighted import Place
from postbuch.archive.uidset import UidSet

log = logging.getLogger("postbuch.proxy")

# 5,000 open mailboxes of some ten intervals each: 2 MB. The one that was not used for the longest time goes first.
MAX_PLACES = 5000
# Lengths of messages that came in by APPEND and were not read since, the newest: 2 MB a mailbox at the very most.
MAX_SENT = 20_000
# A mailbox that is selected again is asked for again after this: the collector may have worked meanwhile.
ASK_AGAIN_S = 60.0
# A database that did not answer is asked again after this, not with each SELECT.
AFTER_FAILURE_S = 5.0


# The runs of UIDs that the database has, and UID → length of what was sent there by APPEND and not read since.
Load = Callable[[Place], tuple[list[tuple[int, int]], dict[int, int]]]


class Archived:
    """One a process, for all threads. `load` asks the database; it may block and fail."""

    def __init__(self, load: Load | None = None) -> None:
        self._load = load
        self._lock = threading.Lock()
        self._known: dict[Place, UidSet] = {}
        self._sent: dict[Place, dict[int, int]] = {}
        self._asked: dict[Place, float] = {}
        # One thread: a database that hangs holds up only its own answers.
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="archived") if load is not None else None

    def add(self, place: Place, uid: int) -> None:
        """The message is durable."""
        if place.uidvalidity is not None:
            with self._lock:
                self._of(place).add(uid)
                if (sent := self._sent.get(place)) is not None:
                    sent.pop(uid, None)

    def sent(self, place: Place, lengths: Mapping[int, int]) -> None:
        """These UIDs are messages that were durable before they were sent there; some providers store other octets."""
        if place.uidvalidity is None:
            return
        with self._lock:
            known, sent = self._of(place), self._sent.setdefault(place, {})
            sent.update((uid, length) for uid, length in lengths.items() if uid not in known)
            while len(sent) > MAX_SENT:
                del sent[next(iter(sent))]

    def take_lengths(self, place: Place, wanted: UidSet) -> dict[int, int]:
        """UID → octets that were sent, of those of the wanted that came in by APPEND and were not read since.

        Whoever takes them asks upstream for theirs. They are forgotten here: what differs is as good as unknown.
        """
        with self._lock:
            sent = self._sent.get(place)
            if not sent:
                return {}
            few = wanted if len(wanted) < len(sent) else [uid for uid in sent if uid in wanted]
            return {uid: sent.pop(uid) for uid in few if uid in sent}

    def missing(self, place: Place, wanted: UidSet) -> UidSet:
        """What of the wanted is not known to be durable."""
        with self._lock:
            return wanted.without(self._of(place)) if place.uidvalidity is not None else wanted

    def has(self, place: Place, wanted: UidSet) -> bool:
        """Whether all of the wanted is known to be durable."""
        with self._lock:
            known = self._known.get(place)
            return known is not None and place.uidvalidity is not None and known.covers(wanted)

    def known(self, place: Place) -> UidSet:
        """All that is known to be durable of a mailbox; a copy."""
        with self._lock:
            return UidSet(self._of(place).spans()) if place.uidvalidity is not None else UidSet()

    def selected(self, place: Place) -> None:
        """A client works in this mailbox: ask the database what it has of it. Does not block."""
        now = time.monotonic()
        if self._pool is None or place.uidvalidity is None:
            return
        with self._lock:
            if now - self._asked.get(place, -ASK_AGAIN_S) < ASK_AGAIN_S:
                return
            self._asked[place] = now
        self._pool.submit(self._ask, place)

    def close(self) -> None:
        """The process ends."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def _ask(self, place: Place) -> None:
        if self._load is None:
            return
        try:
            spans, sent = self._load(place)
        except Exception as error:  # whatever the database's trouble is, the gate works without it
            log.info("archived-unknown reason=%s", type(error).__name__)
            with self._lock:
                self._asked[place] = time.monotonic() - ASK_AGAIN_S + AFTER_FAILURE_S
            return
        with self._lock:
            self._of(place).update(UidSet(spans))
        self.sent(place, sent)

    def _of(self, place: Place) -> UidSet:
        known = self._known.pop(place, None) or UidSet()
        self._known[place] = known
        while len(self._known) > MAX_PLACES:
            oldest = next(iter(self._known))
            del self._known[oldest]
            self._asked.pop(oldest, None)
            self._sent.pop(oldest, None)
        return known
