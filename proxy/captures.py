"""What a session has captured: its way into the spool, and what is known of it until it is durable there.

Must not wait for anything: a spool that cannot be written is put on record, and reading goes on (invariant 7).
"""

import asyncio
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from postbuch.archive import said
from postbuch.archive.errors import SpoolError
from postbuch.archive.mailboxname import of_octets, readable
from postbuch.archive.sighted import Place
from postbuch.archive.spool import SpoolMessage, SpoolWriter
from postbuch.proxy.archived import Archived
from postbuch.proxy.fetchdata import FetchFacts
from postbuch.proxy.numbering import Numbering

# Clients that ask for one message again and again: what was captured in this session is not captured twice.
MAX_REMEMBERED = 100_000

# The spool's thread tells nobody that its disk hangs.
_LOOK_AGAIN_S = 1.0

# Mailbox, UIDVALIDITY, UID.
_Key = tuple[bytes, int | None, int]


@dataclass(slots=True, kw_only=True)
class Mailbox:
    """The selected mailbox: its name as it stands on the wire, whether that is UTF-8, and its UIDVALIDITY."""

    name: bytes
    utf8: bool
    uidvalidity: int | None = None
    read_only: bool = False


def place_of(account: str, mailbox: Mailbox) -> Place:
    """How the archive calls the mailbox."""
    name = of_octets(mailbox.name, is_utf8=mailbox.utf8)
    return Place(account=account, mailbox=readable(name, is_utf8=mailbox.utf8), uidvalidity=mailbox.uidvalidity)


class Captures:
    """One a session. `facts` are those that every capture of the session has."""

    def __init__(
        self, spool: SpoolWriter, facts: Mapping[str, Any], failed: Callable[[str], None], archived: Archived | None
    ) -> None:
        """`archived` is told of every message with a UID once it is durable."""
        self.urgent = False  # somebody waits for what is captured now
        self.mailbox: Mailbox | None = None
        self.numbering = Numbering()
        self.captured = 0
        self.missed = 0
        self._spool = spool
        self._facts = dict(facts)
        self._here: dict[str, Any] = {}
        self._place: Place | None = None
        self._failed = failed
        self._archived = archived
        self._known: set[_Key] = set()
        self._known_empty: set[_Key] = set()  # came without an octet
        self._given_octets = 0
        self._written_octets = 0  # counted by the spool's thread
        self._lock = threading.Lock()
        self._unwritten: set[_Capture] = set()
        self._all_durable: Future[None] | None = None

    def select(self, mailbox: Mailbox | None, exists: int | None = None) -> None:
        """Another mailbox is selected, or none; `exists` is how many messages upstream counts in it."""
        self.mailbox = mailbox
        self.numbering.selected(exists)
        if mailbox is None:
            return
        self._place = place_of(str(self._facts["account"]), mailbox)
        self._here = {
            **self._facts, "source": "fetch", "mailbox_utf8": mailbox.utf8, "uidvalidity": mailbox.uidvalidity,
            "mailbox": of_octets(mailbox.name, is_utf8=mailbox.utf8),
            "normalised": False, "envelope": None,
        }
        if self._archived is not None:
            self._archived.selected(self._place)

    def begin(self, expected_octets: int) -> SpoolMessage | None:
        """A message that comes in pieces; None, put on record, when the spool has no place for it."""
        try:
            return self._spool.begin(expected_octets)
        except SpoolError as error:
            self.lost(said.of(error))
            return None

    def end(self, message: SpoolMessage, found: FetchFacts, length: int) -> None:
        """The message is complete and these are its facts."""
        made = self._capture(found, length)
        if made is None:
            message.abort()
        else:
            message.end(self._facts_of(found), made, urgent=self.urgent)

    def keep(self, octets: bytes | memoryview, found: FetchFacts) -> None:
        """A message of at most SMALL_OCTETS that came in one piece; it is not copied."""
        made = self._capture(found, len(octets))
        if made is None:
            return
        try:
            self._spool.keep(octets, self._facts_of(found), made, urgent=self.urgent)
        except SpoolError as error:
            made.set_exception(error)

    @property
    def stalled(self) -> bool:
        """Whether the spool's disk does not answer."""
        return self._spool.stalled

    @property
    def pending_octets(self) -> int:
        """Octets that were given to the spool and are not written yet."""
        return self._given_octets - self._written_octets

    async def durable(self) -> None:
        """Until everything that was captured is durable, or known not to be, or the disk does not answer."""
        with self._lock:
            if not self._unwritten:
                return
            if self._all_durable is None:
                self._all_durable = Future()
            waiting = self._all_durable
        written = asyncio.wrap_future(waiting)
        while not written.done() and not self.stalled:
            await asyncio.wait([written], timeout=_LOOK_AGAIN_S)

    def lost(self, reason: str) -> None:
        """A message could not be captured."""
        self.missed += 1
        self._failed(reason)

    def _capture(self, found: FetchFacts, length: int) -> "_Capture | None":
        """None when no mailbox is selected, or when this very message was captured before."""
        box = self.mailbox
        if box is None:
            return None
        if found.uid is not None:
            self.numbering.learn(found.sequence, found.uid)
        key: _Key | None = None
        if found.uid is not None:
            key = (box.name, box.uidvalidity, found.uid)
            known = self._known if length else self._known_empty
            if key in known:
                return None
            if len(known) < MAX_REMEMBERED:
                known.add(key)
        self.captured += 1
        self._given_octets += length
        made = _Capture(self, key, length, self._place)
        with self._lock:
            self._unwritten.add(made)
        return made

    def _facts_of(self, found: FetchFacts) -> dict[str, Any]:
        date = found.internal_date
        return {
            **self._here, "uid": found.uid, "flags": found.flags,
            "internal_date": None if date is None else date.isoformat(), "seen_at": datetime.now(UTC).isoformat(),
        }

    def _written(self, capture: "_Capture", error: BaseException | None) -> None:
        """Called in the spool's thread."""
        self._written_octets += capture.length
        if error is None:
            if capture.key is not None and capture.place is not None and self._archived is not None:
                if capture.length:
                    self._archived.add(capture.place, capture.key[2])
                else:
                    # Some providers give a body without an octet for what they cannot read just now. Where upstream
                    # says that the message has none, nothing can be lost: the gate asks.
                    self._archived.sent(capture.place, {capture.key[2]: 0})
        else:
            if capture.key is not None:
                (self._known if capture.length else self._known_empty).discard(capture.key)  # the next FETCH may do it
            self.lost(said.of(error))
        with self._lock:
            self._unwritten.discard(capture)
            waiting = None if self._unwritten else self._all_durable
            if waiting is not None:
                self._all_durable = None
        if waiting is not None:
            waiting.set_result(None)


class _Capture:
    """Told by the spool's thread what became of one message. A Future costs ten times as much."""

    __slots__ = ("_captures", "_told", "key", "length", "place")

    def __init__(self, captures: Captures, key: _Key | None, length: int, place: Place | None) -> None:
        self._captures = captures
        self._told = False
        self.key = key
        self.length = length
        self.place = place

    def set_result(self, result: Any, /) -> None:
        self._told = True
        self._captures._written(self, None)

    def set_exception(self, exception: BaseException, /) -> None:
        self._told = True
        self._captures._written(self, exception)

    def done(self) -> bool:
        return self._told
