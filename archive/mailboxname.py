"""Names of mailboxes as people read them, and on the wire: modified UTF-7 (RFC 3501 section 5.1.3). Never raises."""

import base64
import binascii
import re

from postbuch.archive import headers
from postbuch.archive.widths import KEY_CHARACTERS

_SHIFTED = re.compile(r"&([A-Za-z0-9+,]*)-")
_TO_SHIFT = re.compile(r"&|[^\x20-\x7e]+")


def decode(name: str, *, is_utf8: bool = False) -> str:
    """The readable name. A stretch that is no modified UTF-7 stays as it was; UTF-8 names need no decoding."""
    return name if is_utf8 else _SHIFTED.sub(_shifted, name)


def readable(name: str, *, is_utf8: bool = False) -> str:
    """The name as the archive keeps it: decoded, one line that fits its column."""
    found = decode(name, is_utf8=is_utf8)
    # INBOX is the one name without case (RFC 3501 section 5.1).
    return "INBOX" if found.upper() == "INBOX" else headers.one_line(found, KEY_CHARACTERS) or "?"


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
