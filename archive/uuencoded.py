"""Files that stand in a text: uuencoded (POSIX uuencode) and yEnc (yEnc draft 1.3), as mail had them before MIME.

Pure, linear, never raises on content. What does not decode to its end is text.
"""

import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass

from postbuch.archive.charsets import decode_octets

# A letter with more is a bomb: each is a part, and there are 1,000 of them (`mimewalk.MAX_LEAVES`).
MAX_FILES = 200
# A name as long as file systems have it, four octets a character.
_BEGIN = re.compile(
    rb"^(?:begin(?P<base64>-base64)?[ \t]+[0-7]{3,4}(?P<name>|[ \t][^\r\n]{0,1020})"
    rb"|=ybegin[ \t](?P<facts>[^\r\n]{0,200}?)name=(?P<yname>[^\r\n]{1,1020}))\r?\n",
    re.MULTILINE,
)
# One that another begins before has none: its rest is lost, and that one is not.
_YENC_END = re.compile(rb"^=y(?:end[ \t]([^\r\n]*)\r?(?:\n|\Z)|(?=begin[ \t]))", re.MULTILINE)
_YENC_PART = re.compile(rb"=ypart[^\r\n]*\r?\n")
_ESCAPED = re.compile(rb"=(.)", re.DOTALL)
_MINUS_42 = bytes((octet - 42) % 256 for octet in range(256))
_SIZE = re.compile(rb"(?:^|[ \t])size=([0-9]{1,18})")
_CRC = re.compile(rb"(?:^|[ \t])(pcrc32|crc32)=0*([0-9a-f]{1,8})(?![0-9a-f])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class File:
    """A file with its name as written."""

    name: str
    payload: bytes


def take_out(text: bytes, charset: str | None) -> tuple[list[File], bytes]:
    """The files of a text in their order, and the text without them; the very text when there are none."""
    if b"begin" not in text:
        return [], text
    files: list[File] = []
    rest: list[bytes] = []
    kept = place = 0  # up to where the text is in `rest`, and up to where it was looked at
    has_end = True  # whether yEnc may end further on: looked for in vain once, not for each begin
    while len(files) < MAX_FILES and (begin := _BEGIN.search(text, place)) is not None:
        if begin["yname"] is None:
            end, decode = (b"====", _of_base64) if begin["base64"] else (b"end", _of_uu)
            payload, place = _lines(text, begin.end(), end, decode)
        elif has_end and (last := _YENC_END.search(text, begin.end())) is not None:
            payload, place = _yenc(text, begin.end(), last) if last[1] is not None else (None, last.start())
        else:
            payload, place, has_end = None, begin.end(), False
        if payload is not None:
            name = (begin["yname"] or begin["name"] or b"").strip().strip(b'"')
            files.append(File(decode_octets(name, charset), payload))
            rest.append(text[kept : begin.start()].rstrip(b"\r\n"))
            while text[place : place + 1] in (b"\r", b"\n"):
                place += 1
            kept = place
    return (files, b"\n\n".join(filter(None, [*rest, text[kept:]]))) if files else ([], text)


def _line(text: bytes, place: int) -> tuple[bytes, int]:
    """The line there without its end, and where the next one begins."""
    end = text.find(b"\n", place)
    end = len(text) if end < 0 else end
    return text[place:end].rstrip(b"\r"), end + 1


def _lines(text: bytes, place: int, end: bytes, decode: Callable[[bytes], bytes]) -> tuple[bytes | None, int]:
    """The decoded lines up to `end` and the place behind it; None and where it does not go on."""
    pieces: list[bytes] = []
    while place < len(text):
        line, after = _line(text, place)
        if line.rstrip() == end:
            return b"".join(pieces), min(after, len(text))
        try:
            pieces.append(decode(line))
        except binascii.Error:
            return None, place
        place = after
    return None, place


def _of_uu(line: bytes) -> bytes:
    length = (line[0] - 32) & 63 if line else 0
    needed = 1 + (length + 2) // 3 * 4
    if len(line.rstrip()) > needed + 1:  # one more is the check sum of some programs
        raise binascii.Error
    # What fills the last letters up is not looked at: some programs write anything there.
    return binascii.a2b_uu(line[: 1 + (4 * length + 2) // 3]) if length else b""


def _of_base64(line: bytes) -> bytes:
    return binascii.a2b_base64(line.rstrip(), strict_mode=True)


def _yenc(text: bytes, place: int, end: re.Match[bytes]) -> tuple[bytes | None, int]:
    """The same for yEnc, when it has the size and the check sum that its end names."""
    part = _YENC_PART.match(text, place, end.start())
    lines = text[part.end() if part else place : end.start()].translate(None, b"\r\n")
    payload = _ESCAPED.sub(lambda found: bytes([(found[1][0] - 64) % 256]), lines).translate(_MINUS_42)
    size = _SIZE.search(end[1])
    sums = {found[1].lower(): int(found[2], 16) for found in _CRC.finditer(end[1])}
    expected = sums.get(b"pcrc32", None if part else sums.get(b"crc32"))
    is_whole = size is not None and int(size[1]) == len(payload) and expected in (None, binascii.crc32(payload))
    return (payload, end.end()) if is_whole else (None, end.end())
