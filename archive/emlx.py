"""EMLX, the files of Apple Mail: a line with the length of the message, the message, a property list about it. Pure.

The format is Apple's own and written down nowhere; what is not as every version of Apple Mail has it is refused,
because what is imported stays for good.
"""

import plistlib
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from xml.parsers.expat import ExpatError

# A message whose attachments lie in other files beside it, and these: together they are not the octets that came.
IN_PIECES = (".partial.emlx", ".emlxpart")
ENDINGS = (".emlx", *IN_PIECES)
_LENGTH = re.compile(rb"([0-9]{1,12})[ \t]*\r?\n")
# Bits of `flags` in the property list.
_FLAGS = {0: "\\Seen", 2: "\\Answered", 4: "\\Flagged", 6: "\\Draft", 8: "$Forwarded"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The message. Flags and arrival as far as Apple Mail tells them."""

    octets: bytes
    flags: list[str] = field(default_factory=list)
    arrived: datetime | None = None


def read(file: bytes) -> Found | None:
    """The message of a file; None when it has no length, or fewer octets than it says."""
    head = _LENGTH.match(file)
    if head is None:
        return None
    begin, end = head.end(), head.end() + int(head[1])
    if end > len(file):
        return None
    told = _told(file[end:])
    flags, seconds = told.get("flags"), told.get("date-received")
    return Found(
        octets=file[begin:end],
        flags=[name for bit, name in _FLAGS.items() if isinstance(flags, int) and flags >> bit & 1],
        arrived=datetime.fromtimestamp(seconds, UTC) if isinstance(seconds, int) and 0 < seconds < 1 << 32 else None,
    )


def _told(text: bytes) -> dict[str, Any]:
    """What stands in the property list; nothing where it cannot be read: the message is whole without it."""
    try:
        found = plistlib.loads(text.strip(), fmt=plistlib.FMT_XML)
    except (ValueError, TypeError, LookupError, AttributeError, ExpatError):
        return {}
    return found if isinstance(found, dict) else {}
