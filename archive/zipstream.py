"""A ZIP file as a stream of octets (PKWARE APPNOTE 6.3.10), with ZIP64, in memory that does not grow with it.

`zipfile` keeps some 650 octets of memory for each member until the end, 6.5 GB for ten million messages, and needs a
file where a browser waits for a stream. Here the directory of what was written lies in a temporary file.
"""

import struct
import tempfile
import zlib
from collections.abc import Iterator
from datetime import datetime
from typing import IO, Self

BLOCK_OCTETS = 1_048_576
# Level 1: three times as quick as the default, and mail is base64 or packed already for the most part.
_LEVEL = 1
_STORED, _DEFLATED = 0, 8
_UTF8 = 0x0800
# "Made by Unix", of version 4.5, which is the one that knows ZIP64; a plain file that anyone may read.
_MADE_BY = (3 << 8) | 45
_ATTRIBUTES = 0o100644 << 16
# From these on a number stands in the ZIP64 fields, and the mark where it would have been.
_LIMIT_32, _LIMIT_16 = 0xFFFFFFFF, 0xFFFF
_MARK_32, _MARK_16 = 0xFFFFFFFF, 0xFFFF


class ZipStream:
    """Ask for one entry after the other and for the `end`; each gives the octets that come next."""

    def __init__(self) -> None:
        self._directory = tempfile.TemporaryFile()  # noqa: SIM115 - `close` closes it
        self._offset = self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._directory.close()

    def message(self, name: str, octets: bytes, at: datetime) -> Iterator[bytes]:
        """An entry that is here as a whole; packed when that makes it smaller."""
        packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
        packed = packer.compress(octets) + packer.flush()
        method, data = (_DEFLATED, packed) if len(packed) < len(octets) else (_STORED, octets)
        yield self._begin(name, at, method, zlib.crc32(octets), len(data), len(octets))
        yield data

    def file(self, name: str, stream: IO[bytes], at: datetime) -> Iterator[bytes]:
        """An entry that lies in a file, which is read twice: its check sum stands in front of it."""
        crc = size = 0
        stream.seek(0)
        while block := stream.read(BLOCK_OCTETS):
            crc, size = zlib.crc32(block, crc), size + len(block)
        yield self._begin(name, at, _STORED, crc, size, size)
        stream.seek(0)
        while block := stream.read(BLOCK_OCTETS):
            yield block

    def end(self) -> Iterator[bytes]:
        """The directory."""
        start, size = self._offset, self._directory.tell()
        self._directory.seek(0)
        while block := self._directory.read(BLOCK_OCTETS):
            yield block
        if self._count >= _LIMIT_16 or start >= _LIMIT_32 or size >= _LIMIT_32:
            where = start + size
            yield struct.pack(
                "<4sQHHIIQQQQ", b"PK\6\6", 44, _MADE_BY, 45, 0, 0, self._count, self._count, size, start
            ) + struct.pack("<4sIQI", b"PK\6\7", 0, where, 1)
        count = self._count if self._count < _LIMIT_16 else _MARK_16
        yield struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, count, count, _narrow(size), _narrow(start), 0)

    def _begin(self, name: str, at: datetime, method: int, crc: int, packed: int, size: int) -> bytes:
        """The header in front of an entry, and its line in the directory."""
        encoded = name.encode("utf-8")
        date = (max(at.year, 1980) - 1980) << 9 | at.month << 5 | at.day
        time = at.hour << 11 | at.minute << 5 | at.second // 2
        large = packed >= _LIMIT_32 or size >= _LIMIT_32
        far = self._offset >= _LIMIT_32
        extra = struct.pack("<HHQQ", 1, 16, size, packed) if large else b""
        sizes = (_MARK_32, _MARK_32) if large else (packed, size)
        facts = (45 if large or far else 20, _UTF8, method, time, date, crc, *sizes, len(encoded))
        header = struct.pack("<4sHHHHHIIIHH", b"PK\3\4", *facts, len(extra)) + encoded + extra
        wide = (struct.pack("<QQ", size, packed) if large else b"") + (struct.pack("<Q", self._offset) if far else b"")
        extra = struct.pack("<HH", 1, len(wide)) + wide if wide else b""
        self._directory.write(
            struct.pack(
                "<4sHHHHHHIIIHHHHHII", b"PK\1\2", _MADE_BY, *facts, len(extra), 0, 0, 0, _ATTRIBUTES,
                _narrow(self._offset),
            ) + encoded + extra
        )
        self._offset += len(header) + packed
        self._count += 1
        return header


def _narrow(number: int) -> int:
    return number if number < _LIMIT_32 else _MARK_32
