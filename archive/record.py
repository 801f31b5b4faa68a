"""The records of a spool file: their layout, written and read. No threads, no policy.

    record = magic "PBS1" | kind u8 | facts length u32 | octets length u64 | CRC-32 of header and facts u32
             | octets | facts (JSON, UTF-8)

Big-endian. The facts stand after the octets, so that a streamed file patches only its header at the end. The CRC
covers what steers the reading; the octets are covered by the SHA-256 among the facts.
"""

import hashlib
import itertools
import json
import os
import struct
import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from postbuch.archive.errors import PostbuchError, SpoolError
from postbuch.archive.wrong import Wrong

MAGIC = b"PBS1"
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode
MESSAGE = 1
EVENT = 2
_STEERING = struct.Struct(">4sBIQ")
HEADER = struct.Struct(">4sBIQI")
# Records up to here come with their octets; larger ones are read from the file when they are wanted.
INLINE_OCTETS = 1_048_576
# 16 MiB of JSON: 100,000 recipients with replies; more is damage, not facts.
MAX_FACTS_OCTETS = 16_777_216


class SpoolDamaged(PostbuchError):
    """A spool file that cannot be read in full; the sentence says where and why."""


# Once a process: asking the kernel for each message would cost more than all the rest of its number.
_PROCESS = os.urandom(5)
_NUMBERS = itertools.count(int.from_bytes(os.urandom(3), "big"))


def new_capture() -> bytes:
    """16 octets: 7 of microseconds since 1970, 5 random of the process, 4 counted. Ordered by time, unique anywhere."""
    return (time.time_ns() // 1000).to_bytes(7, "big") + _PROCESS + (next(_NUMBERS) & 0xFFFFFFFF).to_bytes(4, "big")


def facts_octets(facts: Mapping[str, Any]) -> bytes:
    """The facts as JSON. ASCII escapes carry what UTF-8 cannot: lone surrogates.

    Raises TypeError or ValueError; SpoolError for more than is read again.
    """
    try:
        encoded = _encode(facts)
    except UnicodeError:
        encoded = json.dumps(facts, separators=(",", ":")).encode("ascii")
    if len(encoded) > MAX_FACTS_OCTETS:
        raise SpoolError(Wrong.FACTS_TOO_LONG.said(number=MAX_FACTS_OCTETS))
    return encoded


def _facts(encoded: bytes) -> dict[str, Any]:
    try:
        found: dict[str, Any] = _decode(encoded)
    except msgspec.DecodeError:
        found = json.loads(encoded)
    return found


def header_octets(kind: int, facts: bytes, octets: int) -> bytes:
    """The fixed header in front of a record."""
    steering = _STEERING.pack(MAGIC, kind, len(facts), octets)
    return HEADER.pack(MAGIC, kind, len(facts), octets, zlib.crc32(facts, zlib.crc32(steering)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One record as read. `octets` is None for events and for messages above INLINE_OCTETS: see `load`."""

    kind: int
    facts: dict[str, Any]
    octets: bytes | None
    size_octets: int
    path: Path | None = None
    offset: int = 0

    @property
    def capture(self) -> bytes:
        return bytes.fromhex(self.facts["capture"])

    def load(self) -> bytes:
        """The octets, held to their SHA-256. Raises SpoolDamaged."""
        octets = self.unproved()
        self.prove(octets)
        return octets

    def is_whole(self) -> bool:
        """Whether the octets have their SHA-256; an event has none."""
        try:
            return self.kind == EVENT or self.load() is not None
        except SpoolDamaged:
            return False

    def unproved(self) -> bytes:
        """The octets as they lie there, for who proves them or what is kept of them. Raises SpoolDamaged."""
        octets = self.octets
        if octets is None:
            if self.path is None:
                raise SpoolDamaged("a record without octets was asked for them")
            with self.path.open("rb") as stream:
                stream.seek(self.offset)
                octets = stream.read(self.size_octets)
        return octets

    def prove(self, octets: bytes) -> None:
        """Hold the octets to their SHA-256. Raises SpoolDamaged."""
        if hashlib.sha256(octets).hexdigest() != self.facts.get("sha256"):
            raise SpoolDamaged(f"{self.path}: the message at octet {self.offset} does not have its SHA-256")


def counts_in(name: str) -> tuple[int, int]:
    """(messages, events) as the file's name says them; (0, 0) for a foreign name."""
    parts = name.removesuffix(".pbs").split("-")
    if len(parts) != 5 or not (parts[3].isdecimal() and parts[4].isdecimal()):
        return 0, 0
    return int(parts[3]), int(parts[4])


def read(path: Path) -> Iterator[Record]:
    """The records of a file, in order. Raises SpoolDamaged at one that cannot be read, or when some are missing."""
    found = [0, 0]
    with path.open("rb") as stream:
        end = os.fstat(stream.fileno()).st_size
        while stream.tell() < end and not _is_blank(stream, end):
            record, problem = _read_one(stream, path, end)
            if record is None:
                raise SpoolDamaged(problem)
            found[record.kind != MESSAGE] += 1
            yield record
    if tuple(found) != counts_in(path.name):
        raise SpoolDamaged(f"{path}: holds {found[0]} messages and {found[1]} events, not what its name says")


def salvage(path: Path) -> tuple[list[Record], list[str]]:
    """Every record that can still be read, and a sentence for each stretch that cannot. Never raises on content."""
    records, problems = [], []
    with path.open("rb") as stream:
        end = os.fstat(stream.fileno()).st_size
        while stream.tell() < end and not _is_blank(stream, end):
            start = stream.tell()
            record, problem = _read_one(stream, path, end)
            if record is not None:
                records.append(record)
                continue
            problems.append(problem)
            # Its header is believed when it leads to another record: within a message anything may look like one.
            if stream.tell() <= start + HEADER.size or not _is_begin(stream, end):
                stream.seek(_next_magic(stream, start + 1, end))
    return records, problems


def intact(path: Path) -> tuple[int, int, int]:
    """(messages, events, where they end) of the records up to the last one that is whole, octets and all.

    One that is damaged before that was acknowledged too, and counts: as a message when its kind is lost. Where the
    next one begins is said by its header alone, never searched for: within a message anything may look like a record.
    """
    messages = events = place = lost = 0
    with path.open("rb") as stream:
        end = os.fstat(stream.fileno()).st_size
        while stream.tell() < end and not _is_blank(stream, end):
            headed = stream.tell() + HEADER.size
            record, _ = _read_one(stream, path, end)
            if record is None and stream.tell() <= headed:
                break
            if record is None or not record.is_whole():
                lost += 1
                continue
            messages += lost + (record.kind == MESSAGE)
            events += record.kind != MESSAGE
            place, lost = stream.tell(), 0
    return messages, events, place


def _is_begin(stream: BinaryIO, end: int) -> bool:
    """Whether a record begins here, or none follows."""
    start = stream.tell()
    begins = start == end or stream.read(len(MAGIC)) == MAGIC
    stream.seek(start)
    return begins or _is_blank(stream, end)


def _is_blank(stream: BinaryIO, end: int) -> bool:
    """Whether nothing but zeros follows: the rest of a segment that a crash left at its full length."""
    start = stream.tell()
    blank = stream.read(len(MAGIC)) == bytes(len(MAGIC))
    while blank and (block := stream.read(INLINE_OCTETS)):
        blank = not block.strip(b"\0")
    stream.seek(start)
    return blank


def _read_one(stream: BinaryIO, path: Path, end: int) -> tuple[Record | None, str]:
    start = stream.tell()

    def damaged(what: str) -> tuple[None, str]:
        return None, f"{path}: {what} at octet {start}"

    raw = stream.read(HEADER.size)
    if len(raw) < HEADER.size:
        return damaged("a header is cut off")
    magic, kind, facts_length, octets_length, crc = HEADER.unpack(raw)
    if magic != MAGIC or kind not in (MESSAGE, EVENT):
        return damaged("there is no record")
    offset = stream.tell()
    if facts_length > MAX_FACTS_OCTETS or offset + octets_length + facts_length > end:
        return damaged("a record is cut off")
    octets: bytes | None = None
    if octets_length > INLINE_OCTETS:
        stream.seek(octets_length, os.SEEK_CUR)
    elif kind == MESSAGE:
        octets = stream.read(octets_length)
    encoded = stream.read(facts_length)
    if zlib.crc32(encoded, zlib.crc32(raw[: _STEERING.size])) != crc:
        return damaged("the check sum of a record is wrong")
    facts = _facts(encoded)
    return Record(kind=kind, facts=facts, octets=octets, size_octets=octets_length, path=path, offset=offset), ""


def _next_magic(stream: BinaryIO, start: int, end: int) -> int:
    """Where the next record may begin: the next magic, searched in steps of 1 MiB."""
    position = start
    while position < end:
        stream.seek(position)
        block = stream.read(INLINE_OCTETS)
        found = block.find(MAGIC)
        if found >= 0:
            return position + found
        position += max(len(block) - len(MAGIC) + 1, 1)
    return end
