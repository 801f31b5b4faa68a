"""Names of mailboxes as people read them, and on the wire: modified UTF-7 (RFC 3501 section 5.1.3). Never raises."""

import base64
import binascii
import hashlib
import re

from postbuch.archive import headers
from postbuch.archive.widths import KEY_CHARACTERS

_SHIFTED = re.compile(r"&([A-Za-z0-9+,]*)-")
_MARK = re.compile(r" #[0-9a-f]{8}\Z")
_TO_SHIFT = re.compile(r"&|[^\x20-\x7e]+")


def of_octets(octets: bytes, *, is_utf8: bool = False) -> str:
    """The name on the wire as records have it: UTF-8 where that was agreed (RFC 6855), else a character an octet."""
    return octets.decode("utf-8", "surrogateescape") if is_utf8 else octets.decode("latin-1")


def decode(name: str, *, is_utf8: bool = False) -> str:
    """The readable name. A stretch that is no modified UTF-7 stays as it was; UTF-8 names need no decoding.

    Some servers give names of 8 bits that nobody agreed on: UTF-8 where they are that, else Latin-1.
    """
    if is_utf8:
        return name
    if name.isascii():
        return _SHIFTED.sub(_shifted, name)
    try:
        return name.encode("latin-1").decode()
    except UnicodeError:
        return name


def readable(name: str, *, is_utf8: bool = False) -> str:
    """The name as the archive keeps it: decoded, one line that fits its column, of no other mailbox.

    One that is not the only way to write what is read gets a mark: `Alt #1f0c3a5b` for `Alt` with a space behind it.
    """
    if name.isascii() and name.upper() == "INBOX":  # the one name without case (RFC 3501 section 5.1)
        return "INBOX"
    found = decode(name, is_utf8=is_utf8)
    kept = headers.one_line(found, KEY_CHARACTERS)
    written = found if is_utf8 else encode(found).decode("ascii")
    if kept and kept == found and written == name:
        return kept
    mark = "#" + hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{kept[: KEY_CHARACTERS - 1 - len(mark)]} {mark}".strip()


def without_mark(kept: str) -> str:
    """The name as people know it, of one that `readable` may have marked."""
    return _MARK.sub("", kept)


def _shifted(match: re.Match[str]) -> str:
    if not match[1]:
        return "&"
    octets = match[1].replace(",", "/").encode("ascii")
    try:
        return base64.b64decode(octets + b"=" * (-len(octets) % 4)).decode("utf-16-be")
    except (binascii.Error, ValueError):
        return match[0]


def encode(name: str) -> bytes:
    """The name on the wire, in modified UTF-7."""
    return _TO_SHIFT.sub(lambda match: _shift(match[0]), name).encode("ascii")


def _shift(text: str) -> str:
    if text == "&":
        return "&-"
    packed = base64.b64encode(text.encode("utf-16-be", "replace")).decode("ascii")
    return f"&{packed.rstrip('=').replace('/', ',')}-"
