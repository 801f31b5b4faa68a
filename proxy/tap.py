"""The tap: reads what upstream answers, after it was forwarded, and finds the complete messages in it.

Knows what each FETCH asked for. Must not wait for anything; what becomes of a message is up to `captures.py`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from postbuch.archive.spool import SMALL_OCTETS, SpoolMessage, SpoolWriter
from postbuch.proxy import fetchdata
from postbuch.proxy.archived import Archived
from postbuch.proxy.captures import Captures, Mailbox
from postbuch.proxy.framing import FETCHED_END, Data, Fetched, Line, UpstreamEvent, apart

# Messages that a client is fetching in parts at the same time; the oldest is given up (the collector gets it).
MAX_PARTIALS = 8
# Parts behind the first are held in memory until their response ends; clients ask for 100 to 1,000 KB at a time.
MAX_LATER_PART_OCTETS = 4 * 1024 * 1024


@dataclass(slots=True)
class _Partial:
    """Octets from the begin of a message. `facts`: it seems to be whole, unless the client asks for what follows."""

    message: SpoolMessage
    next_origin: int
    facts: fetchdata.FetchFacts | None = None


@dataclass(slots=True, kw_only=True)
class _Small:
    """A whole message that comes in pieces, and will be kept in one go if nothing else stands behind it."""

    line: Line
    facts: fetchdata.FetchFacts
    pieces: list[bytes | memoryview]


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
        self.captures = Captures(spool, facts, failed, archived)
        self._asked: dict[int, list[int]] = {}  # origin → the lengths that commands without an answer ask for
        self._lines: list[bytes] = []  # of the FETCH response that is being read
        self._small: _Small | None = None
        self._taking: SpoolMessage | _LaterPart | None = None
        self._origin: int | None = None
        self._length = 0
        self._done: list[tuple[SpoolMessage | _LaterPart, int | None, int]] = []
        self._partials: dict[tuple[int | None, int], _Partial] = {}
        self._capped = False  # upstream has given less than was asked for of a message that went on

    def select(self, mailbox: Mailbox | None, exists: int | None = None) -> None:
        """Another mailbox is selected, or none; `exists` is how many messages upstream counts in it."""
        self.drop_partials()
        self.captures.select(mailbox, exists)

    def ask(self, parts: Mapping[int, int]) -> None:
        """A command goes upstream that asks for these parts of bodies, or for none: origin → length.

        What seemed to be whole is, if the client does not go on there.
        """
        for key, partial in list(self._partials.items()):
            if partial.facts is not None and partial.next_origin not in parts and fetchdata.UNREADABLE not in parts:
                self._give_up(self._partials.pop(key))
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
        """Octets that the spool has not written yet: upstream is not read while they are many.

        None of a disk that hangs: reading goes on (invariant 7), and what is read meanwhile is not captured.
        """
        if self.captures.stalled:
            return 0
        waiting = self.captures.pending_octets
        if self._taking is not None:
            waiting += self._taking.pending_octets
        for message, _, _ in self._done:
            waiting += message.pending_octets
        return waiting

    def see(self, event: UpstreamEvent) -> None:
        """One event of the upstream framer. Never raises on what upstream sends."""
        if isinstance(event, Fetched):
            self._fetched(event)
        elif isinstance(event, Data):
            if self._small is not None:
                self._small.pieces.append(event.octets)
            elif self._taking is not None:
                self._length += len(event.octets)
                self._taking.write(event.octets)
                if event.last:
                    self._done.append((self._taking, self._origin, self._length))
                    self._taking = None
        elif isinstance(event, Line):
            self._line(event)

    def close(self) -> None:
        """The session is over: what is incomplete is forgotten."""
        self._small = None
        if self._taking is not None:
            self._taking.abort()
            self._taking = None
        for message, _, _ in self._done:
            message.abort()
        self._done.clear()
        self.drop_partials()

    def drop_partials(self) -> None:
        """No parts follow any more."""
        for partial in self._partials.values():
            self._give_up(partial)
        self._partials.clear()

    def _give_up(self, partial: _Partial) -> None:
        """Nothing follows: it is whole, or it was not completed."""
        if partial.facts is not None:
            self.captures.end(partial.message, partial.facts, partial.next_origin)
        else:
            partial.message.abort()
            self.captures.missed += 1

    def counted(self, exists: int) -> None:
        """Upstream counts so many messages."""
        self.captures.numbering.counted(exists)

    def renumbered(self, number: int | None) -> None:
        """A message was taken out of the numbering: parts that are known by their number alone may be another's.

        None: upstream names UIDs.
        """
        if number is None:
            self.captures.numbering.void()
        else:
            self.captures.numbering.removed(number)
        for key in [key for key in self._partials if key[0] is None]:
            self._give_up(self._partials.pop(key))

    def _fetched(self, event: Fetched) -> None:
        facts = self._whole(event.line, len(event.octets))
        if facts is not None:
            self.captures.keep(event.octets, facts)
            return
        for piece in apart(event):
            self.see(piece)

    def _whole(self, line: bytes, length: int) -> fetchdata.FetchFacts | None:
        """The facts of a small message that is fetched as a whole, as nearly all are."""
        return fetchdata.whole(line) if length <= SMALL_OCTETS and not self._partials and not self._asked else None

    def _line(self, line: Line) -> None:
        small, self._small = self._small, None
        if line.first:
            facts = None if line.literal is None else self._whole(line.octets, line.literal)
            if facts is not None:
                self._small = _Small(line=line, facts=facts, pieces=[])
                return
        elif small is not None:
            octets = b"".join(small.pieces)
            if line.octets == FETCHED_END:
                self.captures.keep(octets, small.facts)
                return
            self._lines = [small.line.octets]
            message = self.captures.begin(len(octets))
            if message is not None:
                message.write(octets)
                self._done.append((message, None, len(octets)))
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
            self.captures.missed += 1
            return
        taking: SpoolMessage | _LaterPart | None = _LaterPart() if origin else self.captures.begin(line.literal)
        self._taking = taking
        if line.literal == 0 and self._taking is not None:
            self._done.append((self._taking, origin, 0))
            self._taking = None

    def _bind(self, text: bytes) -> None:
        """A response is complete: give the bodies in it their facts."""
        if not self._done and not fetchdata.has_inline_body(text):
            return
        facts = None if fetchdata.is_doubtful(text) else fetchdata.parse(text)
        done, self._done = self._done, []
        if facts is None:
            for message, _, _ in done:
                message.abort()
            self.captures.missed += 1
            return
        self.captures.missed += facts.missing  # a body was announced and there is none
        for origin, octets in facts.inline:
            if origin:
                later = _LaterPart()
                later.write(octets)
                done.append((later, origin, len(octets)))
                continue
            begun = self.captures.begin(len(octets))
            if begun is not None:
                begun.write(octets)
                done.append((begun, origin, len(octets)))
        for each, origin, length in done:
            if origin is None and not self._may_be_part(length) and isinstance(each, SpoolMessage):
                self.captures.end(each, facts, length)
            elif origin is None:
                each.abort()
                self.captures.missed += 1
            else:
                self._part(each, origin, length, facts)

    def _may_be_part(self, length: int) -> bool:
        """Whether a body without an origin may be a part that was asked for, of whose begin upstream says nothing."""
        asked = self._asked
        if not asked or (asked.keys() == {0} and length < min(asked[0])):
            return False
        return fetchdata.UNREADABLE in asked or length <= max(map(max, asked.values()))

    def _part(self, message: SpoolMessage | _LaterPart, origin: int, length: int, facts: fetchdata.FetchFacts) -> None:
        """A partial body: shorter than asked means that the message ends here (iOS fetches like this).

        But some servers give less at a time than they are asked for: the client then goes on where the octets end.
        """
        key = (facts.uid, facts.sequence if facts.uid is None else 0)
        before = self._partials.pop(key, None)
        if before is not None and before.facts is not None and length and origin >= before.next_origin:
            self._capped, before.facts = True, None
        if isinstance(message, SpoolMessage):
            if before is not None:
                self._give_up(before)
            whole = message
        elif before is not None and before.next_origin == origin:
            whole = before.message
            whole.write(message.octets)
        else:
            if before is not None:
                self._give_up(before)
            self.captures.missed += 1
            return
        while len(self._partials) >= MAX_PARTIALS:
            self._give_up(self._partials.pop(next(iter(self._partials))))
        self._partials[key] = _Partial(whole, origin + length, facts if self._ends(origin, length) else None)

    def _ends(self, origin: int, length: int) -> bool:
        """Whether a part that was answered like this is the last one, as far as upstream is known."""
        asked = self._asked.get(origin)
        if asked is None or fetchdata.UNREADABLE in self._asked:
            return False
        # With several commands on their way nobody knows whose answer this is: it must be shorter than each asked for.
        return not length if self._capped else length < min(asked)
