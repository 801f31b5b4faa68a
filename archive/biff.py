"""The records of an old Excel file, each with those that it goes on in, and the texts in them (MS-XLS). Pure, linear.

Lengths and counts that lie are cut to what is there.
"""

import struct
from collections.abc import Iterator

_RECORD = struct.Struct("<HH")  # kind, length
_GOES_ON = 0x003C
# 100 MB in records of 8 KB are 12,000; smaller ones stand behind text boxes alone.
MAX_PIECES = 20_000
_WIDE, _LATER, _RICH = 0x01, 0x04, 0x08


class Cut(Exception):
    """The record ends here, whatever it says."""


def records(octets: bytes) -> Iterator[tuple[int, list[bytes]]]:
    """The kind of each record and its octets: one piece for itself, and one for each record that it goes on in."""
    kind, pieces, place = 0, list[bytes](), 0
    while place + _RECORD.size <= len(octets):
        found, length = _RECORD.unpack_from(octets, place)
        place += _RECORD.size
        piece = octets[place : place + length]
        place += length
        if found == _GOES_ON and pieces:
            if len(pieces) < MAX_PIECES:
                pieces.append(piece)
            continue
        if pieces:
            yield kind, pieces
        kind, pieces = found, [piece]
    if pieces:
        yield kind, pieces


class Strings:
    """What stands in one record, from its beginning to its end."""

    def __init__(self, pieces: list[bytes], place: int = 0) -> None:
        self._pieces = pieces
        self._number = 0
        self._place = place

    def take(self, count: int) -> bytes:
        """So many octets. Raises Cut when they are not there."""
        found = b""
        while count > len(found):
            found += self._part(count - len(found))
        return found

    def number(self, size_octets: int) -> int:
        """A number of so many octets. Raises Cut."""
        return int.from_bytes(self.take(size_octets), "little")

    def text(self, count_octets: int = 2) -> str:
        """A text by Excel 97 to 2003 that begins with its length (section 2.5.293). Raises Cut."""
        count = self.number(count_octets)
        flags = self.number(1)
        after = 4 * self.number(2) if flags & _RICH else 0
        after += self.number(4) if flags & _LATER else 0
        found = self.characters(count, flags)
        while after > 0:  # how it looks and how it sounds
            after -= len(self._part(after))
        return found

    def characters(self, count: int, flags: int = 0) -> str:
        """So many characters, or what is there of them; each piece that they go on in says anew how wide they are."""
        found: list[str] = []
        while count > 0:
            if self._place >= len(self._pieces[self._number]):
                if self._number + 1 == len(self._pieces):
                    break
                flags = self.number(1)
                continue
            width = 2 if flags & _WIDE else 1
            octets = self._part(count * width)
            count -= max(1, len(octets) // width)
            found.append(octets.decode("utf-16-le" if width == 2 else "latin-1", "replace"))
        return "".join(found)

    def _part(self, most: int) -> bytes:
        """At most so many octets of the piece that they begin in, at least one. Raises Cut."""
        while self._place >= len(self._pieces[self._number]):
            if self._number + 1 == len(self._pieces):
                raise Cut
            self._number, self._place = self._number + 1, 0
        found = self._pieces[self._number][self._place : self._place + most]
        self._place += len(found)
        return found
