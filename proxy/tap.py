"""The tap: reads what upstream answers, after it was forwarded, and copies complete messages into the spool.

Knows which mailbox is selected and what each FETCH asked for. Must not wait for anything: a spool that cannot be
written is put on record, and reading goes on (invariant 7).
"""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from postbuch.archive.errors import SpoolError
from postbuch.archive.mailboxname import readable
from postbuch.archive.sighted import Place
from postbuch.archive.spool import SpoolMessage, SpoolWriter
from postbuch.proxy import fetchdata
from postbuch.proxy.archived import Archived
from postbuch.proxy.framing import Data, Line, UpstreamEvent

# Messages that a client is fetching in parts at the same time; the oldest is given up (the collector gets it).
MAX_PARTIALS = 8
# Clients that ask for one message again and again: what was captured in this session is not captured twice.
MAX_REMEMBERED = 100_000
# Parts behind the first are held in memory until their response ends; clients ask for 100 to 1,000 KB at a time.
MAX_LATER_PART_OCTETS = 4 * 1024 * 1024


@dataclass(slots=True, kw_only=True)
class Mailbox:
    """The selected mailbox: its name as it stands on the wire, whether that is UTF-8, and its UIDVALIDITY."""

    name: bytes
    utf8: bool
    uidvalidity: int | None = None
    read_only: bool = False


def place_of(account: str, mailbox: Mailbox) -> Place:
    """How the archive calls the mailbox."""
    name = mailbox.name.decode("utf-8" if mailbox.utf8 else "latin-1", "replace")
    return Place(account=account, mailbox=readable(name, is_utf8=mailbox.utf8), uidvalidity=mailbox.uidvalidity)


@dataclass(slots=True)
class _Partial:
    message: SpoolMessage
    next_origin: int


class _LaterPart:
    """A part behind the first one, kept until the response says which message it belongs to."""

    def __init__(self) -> None:
        self.octets = bytearray()

    @property
    def pending_octets(self) -> int:
        return len(self.octets)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.octets += data

    def abort(self) -> None:
        self.octets.clear()


class Tap:
    """One a session. `facts` are those that every capture of the session has."""

    def __init__(
        self, spool: SpoolWriter, facts: Mapping[str, Any], failed: Callable[[str], None],
        archived: Archived | None = None,
    ) -> None:
        """`archived` is told of every message with a UID once it is durable."""
        self.urgent = False  # somebody waits for what is captured now
        self._archived = archived
        self._unwritten: set[Future[str]] = set()
        self.mailbox: Mailbox | None = None
        self.captured = 0
        self.missed = 0
        self._asked: dict[int, list[int]] = {}  # origin → the lengths that commands without an answer ask for
        self._given_octets = 0
        self._written_octets = 0  # counted by the spool's thread
        self._spool = spool
        self._facts = dict(facts)
        self._failed = failed
        self._lines: list[bytes] = []  # of the FETCH response that is being read
        self._taking: SpoolMessage | _LaterPart | None = None
        self._origin: int | None = None
        self._length = 0
        self._done: list[tuple[SpoolMessage | _LaterPart, int | None, int]] = []
        self._partials: dict[tuple[int | None, int], _Partial] = {}
        self._known: set[tuple[bytes, int | None, int]] = set()

    def select(self, mailbox: Mailbox | None) -> None:
        """Another mailbox is selected, or none."""
        self.mailbox = mailbox
        self.drop_partials()
        if mailbox is not None and self._archived is not None:
            self._archived.selected(place_of(str(self._facts["account"]), mailbox))

    def ask(self, parts: Mapping[int, int]) -> None:
        """A FETCH asks for these parts of bodies: origin → length."""
        for origin, length in parts.items():
            self._asked.setdefault(origin, []).append(length)

    def answered(self, parts: Mapping[int, int]) -> None:
        """The FETCH that asked for these parts is over."""
        for origin, length in parts.items():
            lengths = self._asked.get(origin, [])
            if length in lengths:
                lengths.remove(length)
            if not lengths:
                self._asked.pop(origin, None)

    @property
    def pending_octets(self) -> int:
        """Octets that the spool has not written yet: upstream is not read while they are many."""
        waiting = self._given_octets - self._written_octets
        if self._taking is not None:
            waiting += self._taking.pending_octets
        for message, _, _ in self._done:
            waiting += message.pending_octets
        return waiting

    def see(self, event: UpstreamEvent) -> None:
        """One event of the upstream framer. Never raises on what upstream sends."""
        if isinstance(event, Data):
            if self._taking is not None:
                self._length += len(event.octets)
                self._taking.write(event.octets)
                if event.last:
                    self._done.append((self._taking, self._origin, self._length))
                    self._taking = None
        elif isinstance(event, Line):
            self._line(event)

    def close(self) -> None:
        """The session is over: what is incomplete is forgotten."""
        if self._taking is not None:
            self._taking.abort()
            self._taking = None
        for message, _, _ in self._done:
            message.abort()
        self._done.clear()
        self.drop_partials()

    def drop_partials(self) -> None:
        """Give up what was fetched in parts and not completed."""
        for partial in self._partials.values():
            partial.message.abort()
            self.missed += 1
        self._partials.clear()

    def _line(self, line: Line) -> None:
        if line.first:
            self._lines = [line.octets] if fetchdata.is_fetch(line.octets) else []
        elif self._lines:
            self._lines.append(line.octets)
        if not self._lines:
            return
        if line.literal is None:
            self._bind(b"".join(self._lines))
            self._lines = []
            return
        is_body, origin = fetchdata.body_origin(line.octets)
        if not is_body:
            return
        self._origin, self._length = origin, 0
        if origin and line.literal > MAX_LATER_PART_OCTETS:
            self.missed += 1
            return
        try:
            self._taking = _LaterPart() if origin else self._spool.begin(line.literal)
        except SpoolError as error:
            self.missed += 1
            self._failed(str(error))
            return
        if line.literal == 0:
            self._done.append((self._taking, origin, 0))
            self._taking = None

    def _bind(self, text: bytes) -> None:
        """A response is complete: give the bodies in it their facts."""
        if not self._done and not fetchdata.has_inline_body(text):
            return
        facts = fetchdata.parse(text)
        done, self._done = self._done, []
        if facts is None:
            for message, _, _ in done:
                message.abort()
            return
        self.missed += facts.missing  # a body was announced and there is none
        for origin, octets in facts.inline:
            if origin:
                later = _LaterPart()
                later.write(octets)
                done.append((later, origin, len(octets)))
                continue
            try:
                message = self._spool.begin(len(octets))
            except SpoolError as error:
                self.missed += 1
                self._failed(str(error))
                continue
            message.write(octets)
            done.append((message, origin, len(octets)))
        for each, origin, length in done:
            if origin is None and isinstance(each, SpoolMessage):
                self._commit(each, facts, length)
            else:
                self._part(each, origin or 0, length, facts)

    def _part(self, message: SpoolMessage | _LaterPart, origin: int, length: int, facts: fetchdata.FetchFacts) -> None:
        """A partial body: shorter than asked means that the message ends here (iOS fetches like this)."""
        key = (facts.uid, facts.sequence if facts.uid is None else 0)
        # With several commands on their way nobody knows whose answer this is: it must be shorter than each asked for.
        asked = self._asked.get(origin)
        before = self._partials.pop(key, None)
        ends = asked is not None and length < min(asked)
        if isinstance(message, SpoolMessage):
            if before is not None:
                before.message.abort()
            whole = message
        elif before is not None and before.next_origin == origin:
            whole = before.message
            whole.write(message.octets)
        else:
            if before is not None:
                before.message.abort()
            self.missed += 1
            return
        if ends:
            self._commit(whole, facts, origin + length)
            return
        while len(self._partials) >= MAX_PARTIALS:
            self._partials.pop(next(iter(self._partials))).message.abort()
            self.missed += 1
        self._partials[key] = _Partial(whole, origin + length)

    def _commit(self, message: SpoolMessage, facts: fetchdata.FetchFacts, length: int) -> None:
        box = self.mailbox
        if box is None:
            message.abort()
            return
        key: tuple[bytes, int | None, int] | None = None
        if facts.uid is not None:
            key = (box.name, box.uidvalidity, facts.uid)
            if key in self._known:
                message.abort()
                return
            if len(self._known) < MAX_REMEMBERED:
                self._known.add(key)
        self.captured += 1
        self._given_octets += length
        future = message.commit(
            {
                **self._facts,
                "source": "fetch",
                "mailbox": box.name.decode("utf-8" if box.utf8 else "latin-1", "replace"),
                "mailbox_utf8": box.utf8,
                "uidvalidity": box.uidvalidity,
                "uid": facts.uid,
                "flags": list(facts.flags),
                "internal_date": facts.internal_date.isoformat() if facts.internal_date else None,
                "seen_at": datetime.now(UTC).isoformat(),
                "normalised": False,
                "envelope": None,
            },
            urgent=self.urgent,
        )
        self._unwritten.add(future)
        place = place_of(str(self._facts["account"]), box)
        future.add_done_callback(lambda done: self._written(done, key, length, place))

    async def durable(self) -> None:
        """Until everything that was captured is durable, or known not to be."""
        await asyncio.gather(*map(asyncio.wrap_future, list(self._unwritten)), return_exceptions=True)

    def _written(
        self, future: "Future[str]", key: tuple[bytes, int | None, int] | None, length: int, place: Place
    ) -> None:
        """Called in the spool's thread."""
        self._written_octets += length
        error = future.exception()
        if error is None and key is not None and self._archived is not None:
            self._archived.add(place, key[2])
        self._unwritten.discard(future)
        if error is not None:
            self.missed += 1
            if key is not None:
                self._known.discard(key)  # the next FETCH of it is another chance
            self._failed(str(error))
