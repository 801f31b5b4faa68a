"""Upstream to client: where responses, lines and literals begin and end. Pure; `framing.py` has the events."""

import re
from collections.abc import Iterator

from postbuch.proxy.failure import Detail
from postbuch.proxy.framing import FETCHED_END, LITERAL, Data, Fetched, FramingLost, Line, Skipped, UpstreamEvent

# One FETCH or SEARCH line: 100,000 UIDs of 8 digits are 0.9 MB; a hundred times that is an attack on our memory.
MAX_UPSTREAM_LINE_OCTETS = 96 * 1024 * 1024

_CRLF = b"\r\n"
_LITERAL_OF_TOO_MANY_DIGITS = re.compile(rb"\{\d{21,}\+?\}\r\n\Z")
# What a mail program gets when it fetches a folder: nothing but these, so one look for all of it.
_MESSAGE = re.compile(rb"\* [0-9]+ (?:FETCH|fetch) [^\r\n]*\{([0-9]{1,20})\}\r\n")
# FETCH responses without a literal and without a body section: flags, sizes, dates. A listing is nothing else. Jumping
# to the first line that is something else is four times as quick as matching each.
_FETCH = re.compile(rb"\* [0-9]+ (?:FETCH|fetch) ")
_NO_FETCH = re.compile(rb"\r\n(?!\* [0-9]+ (?:FETCH|fetch) )")
# What ends such a run: a section, a literal. A message without line ends may come as a quoted string, and `RFC822 "…"`
# has no bracket. No server mixes cases.
_MARKS = (b"[", b"{", b"RFC822 ", b"rfc822 ")
# Status text may end in what looks like a literal (RFC 9051 section 7.1).
_STATUS = re.compile(rb"\* (?:OK|NO|BAD|BYE|PREAUTH)\b", re.IGNORECASE)


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
        if self._pieces and data:
            # Only a line's end can change anything; a long line is not put together and searched again and again.
            if _CRLF not in data and self._pieces[-1][-1:] + data[:1] != _CRLF:
                self._keep(data[position:])
                return
            self._pieces.append(data[position:])
            data, position = b"".join(self._pieces), 0
            self._pieces, self._pieces_octets = [], 0
        length = len(data)
        marks = dict.fromkeys(_MARKS, -1)  # where the next of each stands; none is looked for where it was not found
        while position < length:
            if self._first and (found := _MESSAGE.match(data, position)):
                line, start = found[0], found.end()
                end = start + int(found[1])
                if data.startswith(FETCHED_END, end):
                    yield Fetched(line, memoryview(data)[start:end])
                    position = end + len(FETCHED_END)
                    continue
            elif self._first and _FETCH.match(data, position):
                for mark, place in marks.items():
                    if place < position:
                        marks[mark] = data.find(mark, position) % (length + 1)
                end = _boring_end(data, position, min(marks.values()))
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
            raise FramingLost(Detail.LONG_LINE.said(octets=MAX_UPSTREAM_LINE_OCTETS))

    def _literal(self, octets: bytes) -> int | None:
        if octets[-3:-2] != b"}":
            return None
        # Only an untagged response that is not status text can hold a literal.
        if self._first and (octets[:2] != b"* " or _STATUS.match(octets)):
            return None
        found = LITERAL.search(octets[-26:])
        if found:
            return int(found.group(2))
        if _LITERAL_OF_TOO_MANY_DIGITS.search(octets):
            raise FramingLost(Detail.LONG_NUMBER.said())
        return None


def _boring_end(data: bytes, start: int, mark: int) -> int:
    """Where the boring FETCH responses end that begin at `start` and are complete before the first mark."""
    other = _NO_FETCH.search(data, start, mark)
    return other.start() + 2 if other else _line_start(data, start, mark)


def _line_start(data: bytes, start: int, place: int) -> int:
    """The begin of the line that `place` stands in; not before `start`."""
    found = data.rfind(_CRLF, start, place)
    return start if found < 0 else found + 2
