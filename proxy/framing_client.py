"""Client to upstream: where commands and literals begin and end, read strictly. Pure; `framing.py` has the events."""

import re

from postbuch.proxy.framing import LITERAL, ClientEvent, ClientLine, Data, Violation

# proxy.md section 1: lines before and after the log-in.
MAX_LINE_BEFORE_LOGIN_OCTETS = 8 * 1024
MAX_LINE_OCTETS = 64 * 1024

_NEARLY_LITERAL = re.compile(rb"\{[^{}]*\}\r\n\Z")
_BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n|\0")


class ClientFramer:
    """Client to upstream, strict and lazy: `events` gives one event after the other and stops when asked to wait.

    The one who reads sets `line_limit` and takes events only while it can act on them, so that a command that is
    held also holds what the client sent behind it.
    """

    def __init__(self) -> None:
        self.line_limit = MAX_LINE_BEFORE_LOGIN_OCTETS
        self.dropping = False  # the rest of a command that has its answer: of its literals the octets are still given
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

    def refuse(self, *, synchronising: bool) -> None:
        """The command has its answer at a literal: who waits for a `+` begins another one, else the rest is dropped."""
        self.dropping = not synchronising
        if synchronising:
            self._left, self._first = 0, True

    def next(self) -> ClientEvent | None:
        """The next event, or None when more octets are needed. After a Violation there is nothing more."""
        if self._broken:
            return None
        if self._left < 0:  # an empty literal
            self._left = 0
            return Data(b"", True)
        data, at = self._data, self._at
        if not data:
            return None
        if self._left:
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
        literal = LITERAL.search(octets) if octets[-3:-2] == b"}" else None
        if literal is not None:
            size = int(literal.group(2))
            self._left, self._first = size or -1, False
            line = ClientLine(octets, first, size, not literal.group(3))
        elif octets[-3:-2] == b"}" and _NEARLY_LITERAL.search(octets):
            # Some servers take for a literal what others do not: nobody may find out which ours is.
            return self._break("a literal that is not of the grammar, or of more than 20 digits")
        else:
            line = ClientLine(octets, first, None, False)
        return self._drop(line) if self.dropping else line

    def _drop(self, line: ClientLine) -> ClientEvent | None:
        """Nobody is given the line; the event behind it."""
        self.dropping = False
        if line.literal is not None:
            self.refuse(synchronising=line.synchronising)
        return self.next()

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
