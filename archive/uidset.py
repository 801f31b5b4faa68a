"""Sets of UIDs (or sequence numbers) as sorted intervals, read and written as IMAP does. Pure.

RFC 9051 section 9 (sequence-set). A mailbox of a million messages with few holes is a handful of intervals.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator

# Unsigned 32 bits (RFC 9051 section 2.3.1.1).
LARGEST = 4_294_967_295
_SET = re.compile(rb"(?:\d{1,10}|\*)(?::(?:\d{1,10}|\*))?(?:,(?:\d{1,10}|\*)(?::(?:\d{1,10}|\*))?)*")


class UidSet:
    """Numbers from 1 to LARGEST."""

    def __init__(self, spans: Iterable[tuple[int, int]] = ()) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        for first, last in sorted(spans):
            if self._ends and first <= self._ends[-1] + 1:
                self._ends[-1] = max(self._ends[-1], last)
            else:
                self._starts.append(first)
                self._ends.append(last)

    @classmethod
    def of(cls, numbers: Iterable[int]) -> "UidSet":
        return cls((number, number) for number in numbers)

    def add(self, number: int) -> None:
        place = bisect_right(self._starts, number)
        if place and number <= self._ends[place - 1]:
            return
        joins_left = place > 0 and self._ends[place - 1] == number - 1
        joins_right = place < len(self._starts) and self._starts[place] == number + 1
        if joins_left and joins_right:
            self._ends[place - 1] = self._ends.pop(place)
            del self._starts[place]
        elif joins_left:
            self._ends[place - 1] = number
        elif joins_right:
            self._starts[place] = number
        else:
            self._starts.insert(place, number)
            self._ends.insert(place, number)

    def update(self, other: "UidSet") -> None:
        """Take in all of the other."""
        merged = UidSet([*self.spans(), *other.spans()])
        self._starts, self._ends = merged._starts, merged._ends

    def spans(self) -> Iterator[tuple[int, int]]:
        """(first, last) of each interval, ascending."""
        return zip(self._starts, self._ends, strict=True)

    def __contains__(self, number: int) -> bool:
        place = bisect_right(self._starts, number)
        return place > 0 and number <= self._ends[place - 1]

    def __iter__(self) -> Iterator[int]:
        for first, last in self.spans():
            yield from range(first, last + 1)

    def __len__(self) -> int:
        return sum(last - first + 1 for first, last in self.spans())

    def __bool__(self) -> bool:
        return bool(self._starts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UidSet) and self._starts == other._starts and self._ends == other._ends

    __hash__ = None  # type: ignore[assignment] # it changes

    def __repr__(self) -> str:
        return f"UidSet({self.wire().decode()})"

    def covers(self, other: "UidSet") -> bool:
        """Whether all of the other is in here."""
        if len(other._starts) == 1:
            return self._covers(other._starts[0], other._ends[0])
        return all(self._covers(first, last) for first, last in other.spans())

    def _covers(self, first: int, last: int) -> bool:
        place = bisect_right(self._starts, first)
        return place > 0 and last <= self._ends[place - 1]

    def without(self, other: "UidSet") -> "UidSet":
        """What is in here and not in the other."""
        left: list[tuple[int, int]] = []
        for first, last in self.spans():
            place = bisect_left(other._ends, first)
            while first <= last and place < len(other._starts) and other._starts[place] <= last:
                if other._starts[place] > first:
                    left.append((first, other._starts[place] - 1))
                first = other._ends[place] + 1
                place += 1
            if first <= last:
                left.append((first, last))
        return UidSet(left)

    def hull(self) -> "UidSet":
        """All from the first to the last."""
        return UidSet([(self._starts[0], self._ends[-1])] if self else ())

    def wire(self) -> bytes:
        """As a sequence-set; empty when there is nothing."""
        return b",".join(
            b"%d" % first if first == last else b"%d:%d" % (first, last) for first, last in self.spans()
        )

    def wires(self, limit_octets: int) -> Iterator[bytes]:
        """As sequence-sets of at most so many octets each."""
        line = b""
        for first, last in self.spans():
            word = b"%d" % first if first == last else b"%d:%d" % (first, last)
            if line and len(line) + 1 + len(word) > limit_octets:
                yield line
                line = b""
            line = line + b"," + word if line else word
        if line:
            yield line


def parse(text: bytes, *, largest: int | None = None) -> UidSet | None:
    """A sequence-set; None when it is none, or when it has a `*` and nobody says what the largest number is."""
    if len(text) < 10 and text.isdigit():  # one message, as most commands name
        return UidSet(((int(text), int(text)),)) if int(text) else None
    if _SET.fullmatch(text) is None:
        return None
    if b"*" in text:
        if largest is None:
            return None
        text = text.replace(b"*", b"%d" % largest)
    spans = []
    for word in text.split(b","):
        first, _, last = word.partition(b":")
        ends = sorted((int(first), int(last or first)))
        if not ends[0] or ends[1] > LARGEST:
            return None
        spans.append((ends[0], ends[1]))
    return UidSet(spans)


def is_set(text: bytes) -> bool:
    """Whether it is a sequence-set of the grammar with numbers from 1 to LARGEST, `*` allowed, `$` not."""
    return parse(text, largest=LARGEST) is not None
