"""Compound files (MS-CFB), as old Office programs and Outlook write them: streams in storages, in sectors."""

import struct
from dataclasses import dataclass, field

SECTOR_OCTETS, SMALL_OCTETS, CUT_OFF = 512, 64, 4096
NONE, END, FAT_SECTOR = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
# Where the header says how many sectors the FAT has, and the first of them (section 2.2).
FAT_COUNT_AT, FAT_FIRST_AT = 44, 76
MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


@dataclass
class _Entry:
    name: str
    kind: int
    octets: bytes = b""
    children: dict[str, "_Entry"] = field(default_factory=dict)
    number: int = 0
    next: int = NONE
    start: int = END


def compound(streams: dict[str, bytes]) -> bytes:
    """A file with these streams; a path like `storage/stream` stands in a storage."""
    root = _Entry("Root Entry", 5)
    for path, octets in streams.items():
        *storages, name = path.split("/")
        place = root
        for each in storages:
            place = place.children.setdefault(each, _Entry(each, 1))
        place.children[name] = _Entry(name, 2, octets)
    entries = [root]
    for entry in entries:
        for child in entry.children.values():  # siblings hang on each other like a list, which is a tree too
            child.number = len(entries)
            child.next = child.number + 1
            entries.append(child)
        if entry.children:
            entries[-1].next = NONE
    sectors, fat, small_fat = bytearray(), list[int](), list[int]()
    for entry in entries:
        if entry.kind == 2 and 0 < len(entry.octets) < CUT_OFF:
            entry.start = _chained(entry.octets, SMALL_OCTETS, small_fat)
            root.octets += entry.octets + bytes(-len(entry.octets) % SMALL_OCTETS)
    for entry in entries:
        if entry.kind == 5 or len(entry.octets) >= CUT_OFF:
            entry.start = _laid(entry.octets, sectors, fat)
    small_start = _laid(struct.pack(f"<{len(small_fat)}I", *small_fat), sectors, fat, b"\xff")
    directory = _laid(b"".join(_packed(entry) for entry in entries), sectors, fat)
    count = 1
    while count * SECTOR_OCTETS // 4 < len(fat) + count:
        count += 1
    first = len(fat)
    assert count <= 109, "larger files want a DIFAT"
    fat += [FAT_SECTOR] * count
    fat += [NONE] * (count * SECTOR_OCTETS // 4 - len(fat))
    places = [*range(first, first + count)] + [NONE] * (109 - count)
    head = MAGIC + bytes(16) + struct.pack(
        "<5H6x9I", 0x3E, 3, 0xFFFE, 9, 6, 0, count, directory, 0, CUT_OFF, small_start, len(small_fat) and 1, END, 0
    )
    return head + struct.pack("<109I", *places) + bytes(sectors) + struct.pack(f"<{len(fat)}I", *fat)


def _chained(octets: bytes, size: int, table: list[int]) -> int:
    start, count = len(table), -(-len(octets) // size)
    if not count:
        return END
    table += [*range(start + 1, start + count), END]
    return start


def _laid(octets: bytes, sectors: bytearray, fat: list[int], filling: bytes = b"\0") -> int:
    sectors += octets + filling * (-len(octets) % SECTOR_OCTETS)
    return _chained(octets, SECTOR_OCTETS, fat)


def _packed(entry: _Entry) -> bytes:
    """One entry of the directory."""
    name = entry.name.encode("utf-16-le") + b"\0\0"
    first = next((each.number for each in entry.children.values()), NONE)
    return struct.pack(
        "<64sHBBIII36xIQ", name, len(name), entry.kind, 1, NONE, entry.next, first, entry.start, len(entry.octets)
    )
