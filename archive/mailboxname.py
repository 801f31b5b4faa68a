"""Names of mailboxes as people read them: modified UTF-7 (RFC 3501 section 5.1.3) decoded. Never raises."""

import base64
import binascii
import re

from postbuch.archive import headers
from postbuch.archive.widths import KEY_CHARACTERS

_SHIFTED = re.compile(r"&([A-Za-z0-9+,]*)-")


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
