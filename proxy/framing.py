"""Where lines and literals begin and end on an IMAP connection. Pure: octets in, events out, no I/O.

One class a direction, because the two differ in trust. Upstream's octets have been forwarded before they are looked
at, so `UpstreamFramer` must only never lose its place; what a client sends is read strictly (`ClientFramer`): **if we
and upstream disagree about where a command ends, a deletion can be smuggled past us.** RFC 9051 sections 2.2 and 4.3.

Any split of a stream gives the same events; adjacent `Skipped` and adjacent `Data` events may be cut differently.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

# One FETCH or SEARCH line: 100,000 UIDs of 8 digits are 0.9 MB; a hundred times that is an attack on our memory.
MAX_UPSTREAM_LINE_OCTETS = 96 * 1024 * 1024
# proxy.md section 1: lines before and after the log-in.
MAX_LINE_BEFORE_LOGIN_OCTETS = 8 * 1024
MAX_LINE_OCTETS = 64 * 1024

_CRLF = b"\r\n"
# `{12}`, `{12+}`, `~{12}` at the end of a physical line; RFC 9051 section 9 (literal), RFC 6855 and 3516 (literal8).
_LITERAL = re.compile(rb"(~?)\{(\d{1,20})(\+?)\}\r\n\Z")
_LITERAL_OF_TOO_MANY_DIGITS = re.compile(rb"\{\d{21,}\+?\}\r\n\Z")
_NEARLY_LITERAL = re.compile(rb"\{[^{}]*\}\r\n\Z")
# FETCH responses without a literal and without a body section: flags, sizes, dates. A listing is nothing else. Jumping
# to the first line that is something else is four times as quick as matching each.
_FETCH = re.compile(rb"\* [0-9]+ (?:FETCH|fetch) ")
_NO_FETCH = re.compile(rb"\r\n(?!\* [0-9]+ (?:FETCH|fetch) )")
# A message without line ends may come as a quoted string, and `RFC822 "…"` has no bracket. No server mixes cases.
_INLINE_MESSAGE = (b"RFC822 ", b"rfc822 ")
# Status text may end in what looks like a literal (RFC 9051 section 7.1).
_STATUS = re.compile(rb"\* (?:OK|NO|BAD|BYE|PREAUTH)\b", re.IGNORECASE)
_BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n|\0")


# Named tuples: several are made for each message, and a frozen dataclass costs three times as much.
class Skipped(NamedTuple):
    """Whole lines that nobody needs to look at."""

    octets: bytes


class Line(NamedTuple):
    """One physical line with its CRLF. `first`: a response or command begins; `literal`: so many octets follow."""

    octets: bytes
    first: bool
    literal: int | None


class Data(NamedTuple):
    """Octets of a literal; `last` when it is complete. An empty literal is one empty, last `Data`."""

    octets: bytes | memoryview
    last: bool


class ClientLine(NamedTuple):
    """One physical line of a client, checked, with its CRLF."""

    octets: bytes
    first: bool
    literal: int | None
    synchronising: bool


class Violation(NamedTuple):
    """The client broke the grammar; nothing after it is read."""

    reason: str


UpstreamEvent = Skipped | Line | Data
ClientEvent = ClientLine | Data | Violation


class FramingLost(Exception):
    """Upstream's octets can no longer be followed; the session must end."""


class UpstreamFramer:
    """Upstream to client. `feed` never copies literals."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._pieces_octets = 0
        self._left = 0  # octets of the literal that are still to come
        self._first = True

    @property
    def pending_octets(self) -> int:
        """Octets of a line that has no end yet."""
        return self._pieces_octets

    @property
    def pending(self) -> bytes:
        """The octets of a line that has no end yet."""
        return b"".join(self._pieces)

    @property
    def at_rest(self) -> bool:
        """Whether the last octet ended a response: only here may a line of ours stand."""
        return self._first and not self._left and not self._pieces

    def feed(self, data: bytes) -> Iterator[UpstreamEvent]:
        """The events that the octets complete. Raises FramingLost."""
        position = 0
        if self._left:
            view = memoryview(data)[: self._left]
            self._left -= len(view)
            position = len(view)
            yield Data(view, not self._left)
            if position == len(data):
                return
        if self._pieces:
            # Only a line's end can change anything; a long line is not searched again and again.
            if b"\n" not in data:
                self._keep(data[position:])
                return
            self._pieces.append(data[position:])
            data, position = b"".join(self._pieces), 0
            self._pieces, self._pieces_octets = [], 0
        length = len(data)
        bracket = -1  # where the next one stands
        while position < length:
            if self._first and _FETCH.match(data, position):
                if bracket < position:
                    bracket = min(data.find(each, position) % (length + 1) for each in (b"[", b"{"))
                end = _boring_end(data, position, bracket)
                if end > position:
                    yield Skipped(data[position:end])
                    position = end
                    continue
            end = data.find(_CRLF, position)
            if end < 0:
                self._keep(data[position:])
                return
            end += 2
            octets = data[position:end]
            position = end
            size = self._literal(octets)
            yield Line(octets, self._first, size)
            self._first = size is None
            if size is not None:
                view = memoryview(data)[position : position + size]
                position += len(view)
                self._left = size - len(view)
                if len(view) or not size:
                    yield Data(view, not self._left)

    def _keep(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._pieces_octets += len(piece)
        if self._pieces_octets > MAX_UPSTREAM_LINE_OCTETS:
            raise FramingLost(f"a line of more than {MAX_UPSTREAM_LINE_OCTETS} octets")

    def _literal(self, octets: bytes) -> int | None:
        if octets[-3:-2] != b"}":
            return None
        # Only an untagged response that is not status text can hold a literal.
        if self._first and (octets[:2] != b"* " or _STATUS.match(octets)):
            return None
        found = _LITERAL.search(octets[-26:])
        if found:
            return int(found.group(2))
        if _LITERAL_OF_TOO_MANY_DIGITS.search(octets):
            raise FramingLost("a literal of more than 20 digits")
        return None


class ClientFramer:
    """Client to upstream, strict and lazy: `events` gives one event after the other and stops when asked to wait.

    The one who reads sets `line_limit` and takes events only while it can act on them, so that a command that is
    held also holds what the client sent behind it.
    """

    def __init__(self) -> None:
        self.line_limit = MAX_LINE_BEFORE_LOGIN_OCTETS
        # What was fed and not yet given; a literal's octets leave as they came, without a copy.
        self._data = b""
        self._at = 0
        self._searched = 0
        self._left = 0
        self._first = True
        self._broken = False

    @property
    def pending_octets(self) -> int:
        """Octets that were fed and not yet given as events."""
        return len(self._data) - self._at

    def feed(self, data: bytes) -> None:
        """Take octets; `next` gives what they mean."""
        if self._broken:
            return
        if not self._data:
            self._data = data
            return
        self._searched -= self._at
        self._data, self._at = self._data[self._at :] + data, 0

    @property
    def at_rest(self) -> bool:
        """Whether the next octet begins a command and none is waiting."""
        return self._first and not self._data and not self._left and not self._broken

    def start_over(self) -> None:
        """The command ended before its literal was sent (upstream refused it): a new command follows."""
        self._left, self._first = 0, True

    def next(self) -> ClientEvent | None:
        """The next event, or None when more octets are needed. After a Violation there is nothing more."""
        if self._broken:
            return None
        if self._left < 0:  # an empty literal
            self._left = 0
            return Data(b"", True)
        data, at = self._data, self._at
        if self._left:
            if not data:
                return None
            octets = self._given(min(len(data), at + self._left))
            self._left -= len(octets)
            return Data(octets, not self._left)
        end = data.find(b"\n", max(at, self._searched))
        if end < 0:
            return self._unfinished()
        octets = self._given(end + 1)
        if len(octets) > self.line_limit:
            return self._break(f"a line of more than {self.line_limit} octets")
        if _BARE.search(octets):
            return self._break("a bare CR, LF or NUL in a command")
        first, self._first = self._first, True
        if octets[-3:-2] != b"}":
            return ClientLine(octets, first, None, False)
        literal = _LITERAL.search(octets)
        if literal is None:
            # Some servers take for a literal what others do not: nobody may find out which ours is.
            if _NEARLY_LITERAL.search(octets):
                return self._break("a literal that is not of the grammar, or of more than 20 digits")
            return ClientLine(octets, first, None, False)
        size = int(literal.group(2))
        self._left = size or -1
        self._first = False
        return ClientLine(octets, first, size, not literal.group(3))

    def _given(self, end: int) -> bytes:
        """The octets up to `end`, which are no longer pending."""
        data, at = self._data, self._at
        if end == len(data):
            self._data, self._at = b"", 0
            octets = data[at:] if at else data
        else:
            self._at = end
            octets = data[at:end]
        self._searched = 0
        return octets

    def _unfinished(self) -> Violation | None:
        """A line whose end has not come: what can be wrong with it already."""
        data, at = self._data, self._at
        if len(data) - at > self.line_limit:
            return self._break(f"a line of more than {self.line_limit} octets")
        # A lone CR at the end may become a CRLF.
        before = max(at, self._searched - 1)
        if data[-1:] == b"\0" or _BARE.search(data, before, max(len(data) - 1, before)):
            return self._break("a bare CR or NUL in a command")
        self._searched = len(data)
        return None

    def _break(self, reason: str) -> Violation:
        self._broken = True
        self._data, self._at = b"", 0
        return Violation(reason)


def _boring_end(data: bytes, start: int, bracket: int) -> int:
    """Where the boring FETCH responses end that begin at `start` and are complete before the bracket."""
    other = _NO_FETCH.search(data, start, bracket)
    end = other.start() + 2 if other else _line_start(data, start, bracket)
    for each in _INLINE_MESSAGE:
        found = data.find(each, start, end)
        if found >= 0:
            end = _line_start(data, start, found)
    return end


def _line_start(data: bytes, start: int, place: int) -> int:
    """The begin of the line that `place` stands in; not before `start`."""
    found = data.rfind(_CRLF, start, place)
    return start if found < 0 else found + 2


def synchronising(octets: bytes) -> bytes:
    """The line with its `{n+}` as `{n}`: what goes upstream (proxy.md section 1)."""
    return _LITERAL.sub(rb"\1{\2}" + _CRLF, octets)
