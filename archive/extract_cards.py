"""The words of calendars and cards: iCalendar (RFC 5545), vCard (RFC 6350), and the older vCalendar 1.0, vCard 2.1."""

import quopri
import re

from postbuch.archive.charsets import decode_octets
from postbuch.archive.extract_bounds import Budget, GivenUp
from postbuch.archive.extract_plain import decoded

# An address book of a thousand people with a portrait of 30 KB each.
MAX_CARDS_OCTETS = 33_554_432
_WIDE = (b"\xff\xfe", b"\xfe\xff")
# A line goes on behind a line end and a blank, which belongs to both (RFC 5545 section 3.1), anywhere: also within a
# word and between the octets of a letter. In the older formats lines are folded at blanks, and those stay.
_FOLD = re.compile(rb"\r?\n[ \t]")
_OLDER = re.compile(rb"^VERSION:(?:1\.0|2\.1)[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
# What stands before the value; a colon in quotes ends nothing.
_HEAD = re.compile(r'(?>(?:[^":]|"[^"]*")*):')
_CHARSET = re.compile(r";CHARSET=\"?([\w.:-]{1,40})", re.IGNORECASE)
_QUOTED = re.compile(r";(?:ENCODING=)?QUOTED-PRINTABLE[;:]", re.IGNORECASE)
_BINARY = re.compile(r";(?:ENCODING=)?(?:B|BASE64)[;:]", re.IGNORECASE)
_ESCAPE = re.compile(r"\\([nN,;:\\])")


def read_cards(octets: bytes, budget: Budget) -> None:
    """Each property with its parameters, which name people; pictures and files are left out. Raises GivenUp."""
    narrow = octets[:MAX_CARDS_OCTETS]
    if narrow.startswith(_WIDE):
        narrow = decoded(narrow, MAX_CARDS_OCTETS).encode("utf-8", "replace")
    whole = _FOLD.sub(b" " if _OLDER.search(narrow) else b"", narrow)
    lines = iter(decoded(whole, MAX_CARDS_OCTETS).splitlines())
    for line in lines:
        head = _HEAD.match(line)
        if head is None:
            budget.add(line + "\n")
            continue
        value = line[head.end() :]
        if _BINARY.search(head[0]) or value[:5].lower() == "data:":
            value = ""
        elif _QUOTED.search(head[0]):
            pieces = [value]
            while pieces[-1].endswith("=") and (more := next(lines, None)) is not None:
                pieces.append(more)
            charset = _CHARSET.search(head[0])
            written = "\n".join(pieces).encode("utf-8", "replace")
            value = decode_octets(quopri.decodestring(written), charset[1] if charset else None)
        budget.add(head[0] + _ESCAPE.sub(_meant, value) + "\n")
    if len(octets) > MAX_CARDS_OCTETS:
        raise GivenUp("PART")


def _meant(escape: re.Match[str]) -> str:
    return "\n" if escape[1] in "nN" else escape[1]
