"""The skeleton of an image: the octets without the attachments cut out, and the way back, octet for octet.

A base64 part with a file name, at any size, and any other above LARGE_OCTETS is cut out and decoded, when encoding it
again gives the very octets. Whether a part is one is only guessed from the header lines round it: a wrong guess costs
nothing, because a run that does not come back octet for octet stays where it is. `rebuild` needs the objects alone.

    skeleton = "PBK1" | zstd( holes u32 | size u64 | holes × (place u64, object length u64, SHA-256, line u32, end u8)
                              | text )

Big-endian. `place` counts in the text; `line` is the length of a full base64 line, 0 for one line without end; `end`
is 0 for LF and 1 for CRLF. Line ends before and after the run, the final one too, stand in the text.
"""

import hashlib
import re
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pybase64
import zstandard

from postbuch.archive.errors import PostbuchError

# 64 KiB of octets in the message: below it a nameless part (an inline logo) is cheaper within the row.
LARGE_OCTETS = 65_536
# 64 KiB: how far the lines of one part's header are looked for on both sides.
HEADER_OCTETS = 65_536
# Level 3: measured on mail 0.44 of the size at 400 MB/s; 9 saves 3 % at a quarter of the speed.
LEVEL = 3
MAGIC = b"PBK1"
# A block of zstd has at least 3 octets of header and one of content, and at most 128 KiB come of it (RFC 8878 section
# 3.1.1.2): what says that it unpacks to more than that for every four octets is damaged.
BLOCK_OCTETS, LEAST_BLOCK_OCTETS = 131_072, 4

_HEAD = struct.Struct(">IQ")
_HOLE = struct.Struct(">QQ32sIB")
_ENDS = (b"\n", b"\r\n")
_ENCODING_LINE = re.compile(rb"content-transfer-encoding[ \t]*:[ \t\"]*$")
_EMPTY_LINE = re.compile(rb"\n\r?\n")
_NAMED = re.compile(rb"name(?:\*[0-9]{0,2}\*?)?[ \t]*=", re.IGNORECASE)
_contexts = threading.local()


class SkeletonDamaged(PostbuchError):
    """A skeleton that cannot be read, or that does not give the octets it was made of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    start: int
    stop: int
    line: int
    end: int
    payload: bytes


def split(octets: bytes, *, hasty: bool = False) -> tuple[bytes, list[bytes]]:
    """(skeleton, objects in their order). `rebuild` of them is `octets`; `verify` says so before anything is kept.

    `hasty`: a run is cut out when it has the length of what would come back. That it does come back is left to
    `verify`; where that says no, split again and with care.
    """
    holes, pieces, objects = [], [], []
    place = start = 0
    for run in _runs(octets, hasty):
        pieces.append(octets[start : run.start])
        place += run.start - start
        start = run.stop
        digest = hashlib.sha256(run.payload).digest()
        holes.append(_HOLE.pack(place, len(run.payload), digest, run.line, run.end))
        objects.append(run.payload)
    pieces.append(octets[start:])
    body = b"".join([_HEAD.pack(len(holes), len(octets)), *holes, *pieces])
    return MAGIC + _compress(body), objects


def whole(octets: bytes) -> bytes:
    """A skeleton with nothing cut out, for an image whose split did not prove itself."""
    return MAGIC + _compress(_HEAD.pack(0, len(octets)) + octets)


def digests(skeleton: bytes) -> list[bytes]:
    """The SHA-256 of each object the skeleton needs, in their order. Raises SkeletonDamaged."""
    return [digest for _, _, digest, _, _ in _read(skeleton)[0]]


def rebuild(skeleton: bytes, fetch_object: Callable[[bytes], bytes]) -> bytes:
    """The octets of the image. `fetch_object` gives an object by its SHA-256. Raises SkeletonDamaged.

    Raises MemoryError where this machine lacks memory: that says nothing about the skeleton.
    """
    return b"".join(_pieces(skeleton, fetch_object))


def verify(skeleton: bytes, objects: list[bytes], sha256: bytes) -> bool:
    """Whether the skeleton and the objects give the image with this digest."""
    known = {hashlib.sha256(payload).digest(): payload for payload in objects}
    found = hashlib.sha256()
    try:
        for piece in _pieces(skeleton, known.__getitem__):
            found.update(piece)
    except (SkeletonDamaged, KeyError):
        return False
    return found.digest() == sha256


def _pieces(skeleton: bytes, fetch_object: Callable[[bytes], bytes]) -> list[bytes | memoryview]:
    """What the octets of the image are joined of."""
    holes, size, text = _read(skeleton)
    pieces: list[bytes | memoryview] = []
    start = 0
    for place, length, digest, line, end in holes:
        payload = fetch_object(digest)
        if len(payload) != length:
            raise SkeletonDamaged(f"the object {digest.hex()} has {len(payload)} octets and not {length}")
        pieces += [text[start:place], _encode(payload, line, _ENDS[end])]
        start = place
    pieces.append(text[start:])
    if (found := sum(map(len, pieces))) != size:
        raise SkeletonDamaged(f"the image came back with {found} octets and not {size}")
    return pieces


def _read(skeleton: bytes) -> tuple[list[tuple[int, int, bytes, int, int]], int, memoryview]:
    if skeleton[:4] != MAGIC:
        raise SkeletonDamaged("this is no skeleton")
    try:
        packed = skeleton[4:]
        if zstandard.frame_content_size(packed) > len(packed) // LEAST_BLOCK_OCTETS * BLOCK_OCTETS:
            raise SkeletonDamaged("the skeleton cannot be read: it says that it has more octets than it can have")
        body = memoryview(_context("decompressor", zstandard.ZstdDecompressor).decompress(packed))
        count, size = _HEAD.unpack_from(body)
        text = _HEAD.size + count * _HOLE.size
        holes = list(_HOLE.iter_unpack(body[_HEAD.size : text]))
    except (zstandard.ZstdError, struct.error) as error:
        raise SkeletonDamaged(f"the skeleton cannot be read: {error}") from error
    if holes:
        places = [hole[0] for hole in holes]
        if any(hole[4] >= len(_ENDS) for hole in holes) or places != sorted(places) or places[-1] > len(body):
            raise SkeletonDamaged("the skeleton cannot be read: its holes make no sense")
    return holes, size, body[text:]


def _compress(body: bytes) -> bytes:
    compressor = _context("compressor", lambda: zstandard.ZstdCompressor(level=LEVEL))
    return bytes(compressor.compress(body))


def _context(name: str, make: Callable[[], Any]) -> Any:
    """zstd contexts are costly to make and belong to one thread."""
    found = getattr(_contexts, name, None)
    if found is None:
        found = make()
        setattr(_contexts, name, found)
    return found


# --- finding and proving the runs -----------------------------------------------------------------------------------


def _runs(octets: bytes, hasty: bool) -> list[_Run]:
    lower = octets.lower()
    found: list[_Run] = []
    position = lower.find(b"base64")
    header = body = tried = 0  # behind which empty lines: one before and the next one; and the last that was looked at
    while position >= 0:
        after = position + 6
        near = max(position - 200, 0)
        line_start = max(lower.rfind(b"\n", near, position) + 1, near)
        if body < after:
            empty = _EMPTY_LINE.search(octets, after)
            header, body = body, len(octets) if empty is None else empty.end()
        is_new = body != tried and body - after <= HEADER_OCTETS  # a header may have the line many times
        if is_new and _ENCODING_LINE.match(lower, line_start, position):
            tried = body
            run = _run_of(octets, max(header, line_start - HEADER_OCTETS), line_start, body, hasty)
            if run is not None:
                found.append(run)
                after = run.stop
        position = lower.find(b"base64", after)
    return found


def _run_of(octets: bytes, begin: int, line_start: int, body: int, hasty: bool) -> _Run | None:
    """The base64 run behind the header with this encoding line, if it is canonical and worth it.

    The header does not begin before `begin`.
    """
    # No base64 has a "-": the first one begins the boundary, or this is none.
    dash = octets.find(b"-", body)
    if dash >= 0 and octets[dash - 1 : dash + 2] != b"\n--":
        return None
    stop = len(octets) if dash < 0 else dash - 1
    while stop > body and octets[stop - 1] in b"\r\n":
        stop -= 1
    while body < stop and octets[body] in b"\r\n":
        body += 1
    if body >= stop:
        return None
    if stop - body <= LARGE_OCTETS:
        begin = max(octets.rfind(b"\n\n", begin, line_start), octets.rfind(b"\n\r\n", begin, line_start), begin)
        if _NAMED.search(octets, begin, body) is None:
            return None
    return _canonical(octets, body, stop, hasty)


def _canonical(octets: bytes, start: int, stop: int, hasty: bool) -> _Run | None:
    first = octets.find(b"\n", start, stop)
    line, end = 0, 0
    if first >= 0:
        end = int(octets[first - 1 : first] == b"\r")
        line = first - end - start
        if line <= 0:
            return None
    run = octets[start:stop]
    try:
        payload = pybase64.b64decode(run)
    except ValueError:
        return None
    if not payload or len(run) != _encoded_length(len(payload), line, _ENDS[end]):
        return None
    if not hasty and _encode(payload, line, _ENDS[end]) != run:
        return None
    return _Run(start=start, stop=stop, line=line, end=end, payload=payload)


def _encoded_length(length: int, line: int, end: bytes) -> int:
    encoded = (length + 2) // 3 * 4
    return encoded + (encoded - 1) // line * len(end) if line else encoded


def _encode(payload: bytes, line: int, end: bytes) -> bytes:
    encoded = pybase64.b64encode(payload)
    if not line:
        return encoded
    blocks = _block(line)
    whole = len(encoded) // blocks.size * blocks.size
    lines = [end.join(block) for block in blocks.iter_unpack(encoded[:whole])]
    lines += [encoded[place : place + line] for place in range(whole, len(encoded), line)]
    return end.join(lines)


@lru_cache(maxsize=64)
def _block(line: int) -> struct.Struct:
    """64 lines at once: a slice for each takes six times as long."""
    return struct.Struct(f"{line}s" * 64)
