"""Compound files (MS-CFB): streams in storages, as old Office programs and Outlook's messages keep them. Pure, linear.

Sizes and counts that lie are cut to what is there, chains that loop end, and all streams together give no more than
twice the file: a file that was cut off is still to be read as far as it goes.
"""

import struct
from array import array
from collections.abc import Iterator
from dataclasses import dataclass

MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_HEAD = struct.Struct("<H16xI4xII4xI")  # from octet 30: sector shift, directory, cut-off, small FAT, DIFAT
_HEAD_AT, _FIRST_FAT_AT, _HEAD_OCTETS = 30, 76, 512
_ENTRY = struct.Struct("<64sHBxIII36xIII")  # name, its octets, kind, left, right, child, start, size
_SMALL_OCTETS, _NUMBER_OCTETS = 64, 4
_STORAGE, _STREAM, _ROOT = 1, 2, 5
# A message with 1,000 files has 50,000 entries.
MAX_ENTRIES = 200_000


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str
    kind: int
    left: int
    right: int
    child: int
    start: int
    size: int


class Compound:
    """An open file. A path names storages and a stream with slashes between; its letters may be small or large.

    What is damaged has no entries, or some.
    """

    def __init__(self, octets: bytes) -> None:
        self._octets = memoryview(octets)
        self._left = 2 * len(octets)
        self._entries: list[_Entry] = []
        self._within: dict[int, dict[str, int]] = {}  # storage → name → entry, each by its number
        if len(octets) < _HEAD_OCTETS or not octets.startswith(MAGIC):
            return
        shift, directory, self._cut_off, small, more = _HEAD.unpack_from(octets, _HEAD_AT)
        if shift not in (9, 12):
            return
        self._sector_octets = 1 << shift
        self._fat = self._whole_fat(more)
        self._entries = self._directory(self._read(directory, len(octets)))
        self._small_fat = _numbers(self._read(small, len(octets)))
        root = next((each for each in self._entries[:1] if each.kind == _ROOT), None)
        self._small = self._read(root.start, root.size) if root else b""
        self._name_all()

    def names(self, storage: str = "") -> list[str]:
        """What stands in a storage itself, in small letters."""
        number = self._number(storage) if storage else 0
        return list(self._within.get(number, ())) if number is not None else []

    def stream(self, path: str) -> bytes:
        """The octets of a stream; none where there is no such stream."""
        number = self._number(path)
        entry = self._entries[number] if number is not None else None
        if entry is None or entry.kind != _STREAM:
            return b""
        size = min(entry.size, self._left)
        if entry.size < self._cut_off:
            found = self._pieces(memoryview(self._small), entry.start, size, self._small_fat, _SMALL_OCTETS, 0)
        else:
            found = self._read(entry.start, size)
        self._left -= len(found)
        return found

    def _number(self, path: str) -> int | None:
        """Which entry stands there."""
        number: int | None = 0
        for name in path.lower().split("/"):
            number = self._within.get(number, {}).get(name) if number is not None else None
        return number

    def _whole_fat(self, more: int) -> "array[int]":
        """The table of which sector follows which, no longer than the file.

        Where the file was cut off, so that the table is not all there, each follows the one before it, as most do.
        """
        most = len(self._octets) // self._sector_octets
        fat = array("I")  # has four octets wherever Python runs
        for number in self._fat_sectors(more, most):
            fat += _numbers(self._sector(number))
            if len(fat) >= most:
                break
        fat.extend(range(len(fat) + 1, most + 1))
        return fat[:most]

    def _fat_sectors(self, more: int, most: int) -> Iterator[int]:
        """Where the table stands: the first 109 sectors are in the head, others in sectors that name the next one.

        Each sector of the table stands for a hundred of the file and more, so that many are enough to name them all.
        """
        yield from _numbers(self._octets[_FIRST_FAT_AT:_HEAD_OCTETS])
        for _ in range(most * _NUMBER_OCTETS // self._sector_octets + 1):
            listed = _numbers(self._sector(more))
            if not listed:
                return
            yield from listed[:-1]
            more = listed[-1]

    def _sector(self, number: int) -> memoryview:
        start = (number + 1) * self._sector_octets
        return self._octets[start : start + self._sector_octets]

    def _read(self, start: int, size: int) -> bytes:
        return self._pieces(self._octets, start, size, self._fat, self._sector_octets, 1)

    @staticmethod
    def _pieces(
        octets: memoryview, start: int, size: int, table: "array[int]", piece_octets: int, before: int
    ) -> bytes:
        """The sectors of a chain put together. A chain has no more of them than its table, and none behind the file.

        So each step gives a whole sector or is the last one: what a chain costs is what it gives.
        """
        pieces = []
        for _ in range(min(len(table), -(-size // piece_octets))):
            if start >= len(table):
                break
            place = (start + before) * piece_octets
            pieces.append(octets[place : place + piece_octets])
            if len(pieces[-1]) < piece_octets:
                break
            start = table[start]
        return b"".join(pieces)[:size]

    @staticmethod
    def _directory(octets: bytes) -> list[_Entry]:
        found = []
        for place in range(0, min(len(octets), MAX_ENTRIES * _ENTRY.size) // _ENTRY.size * _ENTRY.size, _ENTRY.size):
            name, length, kind, left, right, child, start, size, _ = _ENTRY.unpack_from(octets, place)
            letters = name[: max(0, min(length, 64) - 2) // 2 * 2].decode("utf-16-le", "replace")
            found.append(_Entry(letters.lower(), kind, left, right, child, start, size))
        return found

    def _name_all(self) -> None:
        """Give each entry its name in its storage. Each has one place in the tree, so that a tree that loops ends."""
        seen = {0}
        waiting = [(self._entries[0].child, 0)] if self._entries else []
        while waiting:
            number, storage = waiting.pop()
            if number >= len(self._entries) or number in seen:
                continue
            seen.add(number)
            entry = self._entries[number]
            self._within.setdefault(storage, {}).setdefault(entry.name, number)
            waiting += [(entry.right, storage), (entry.left, storage)]
            if entry.kind == _STORAGE:
                waiting.append((entry.child, number))


def _numbers(octets: bytes | memoryview) -> "array[int]":
    found = array("I")
    found.frombytes(octets[: len(octets) // 4 * 4])
    if struct.pack("=H", 1) != b"\1\0":
        found.byteswap()
    return found
