"""Reading one FETCH response: which message, which flags, and where in it the octets of a message stand. Pure.

RFC 9051 section 7.5.2. The UID is trusted, not the sequence number; it may stand after the body.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from postbuch.archive.imapnumber import number
from postbuch.archive.uidset import LARGEST

_HEAD = re.compile(rb"\* +(\d+) +FETCH +", re.IGNORECASE)
# The whole message: BODY[] and RFC822, with the origin of a partial answer. BINARY[] is not it: attachments are decoded
# there (RFC 3516 section 4.3), so its octets are others, and what would be archived is not what was sent.
_BODY_ITEM = re.compile(rb"(?:BODY\[\]|RFC822)(?:<(\d{1,20})>)?", re.IGNORECASE)
_BEFORE_LITERAL = re.compile(rb"[ (](BODY\[\]|RFC822)(?:<(\d{1,20})>)? ~?\{\d+\}\r\n\Z", re.IGNORECASE)
# One thing of a response after the other, each of which is read once: what has no end is none, and no begin is looked
# for within it. A section may name header fields as quoted strings, and those hold what the client likes: brackets as
# well. In a value a bracket is a letter like others (ATOM-CHAR).
_NAME = re.compile(
    rb'\s*+(?:(?P<bracket>\))'
    rb'|(?P<atom>[^\s()"\[]++(?>(?:\[(?>(?:[^\]\["]|"(?>(?:[^"\\]|\\.)*)")*)\](?:<\d+>)?)?))(?!\[))'
)
_VALUE = re.compile(
    rb'\s*+(?:"(?P<string>(?>(?:[^"\\\r\n]|\\.)*))"|(?P<literal>~?\{\d+\}\r\n)|(?P<bracket>[()])|(?P<atom>[^\s()"]++))'
)
_ESCAPE = re.compile(rb"\\(.)")
# Lists of header fields are the client's own words, which upstream says again as they came. With brackets in their
# names, or names that are literals, nobody can say where the section ends and what is an item behind it.
_FIELDS = re.compile(rb"HEADER\.FIELDS", re.IGNORECASE)
_PLAIN_FIELDS = re.compile(rb"HEADER\.FIELDS(?:\.NOT)? \([^()\[\]{}\\\r\n]*\)\]", re.IGNORECASE)
# What is asked for in parts: BODY.PEEK[]<0.393216>.
_ASKED = re.compile(rb"BODY(?:\.PEEK)?\[\]<(\d{1,20})\.(\d{1,20})>", re.IGNORECASE)
# A part of a section that has a name, which is no message.
_ASKED_OF_SECTION = re.compile(rb"[A-Za-z0-9.)]\]<")
_LITERAL_FOLLOWS = re.compile(rb"\{\d+\+?\}\r\n\Z")
# The origin of parts that nobody can read from the first line of a command: while one is on its way, no part is taken
# for the end of its message.
UNREADABLE = -1

# What most responses look like: one look instead of one for each word.
_USUAL_ITEM = (
    rb"UID (\d{1,20})|FLAGS \(([^()\"\[\]{}]*)\)|INTERNALDATE \"([^\"\\]*)\"|RFC822\.SIZE \d+|MODSEQ \(\d+\)"
)
_USUAL = re.compile(
    rb"\* (\d+) FETCH \((?:(?:" + _USUAL_ITEM + rb"|(?:BODY\[\]|RFC822)(?:<\d+>)? \{\d+\}\r\n)(?: |(?=\))))+\)\r\n"
)
# The same up to its literal, which is the message as a whole.
_USUAL_WHOLE = re.compile(
    rb"\* (\d+) FETCH \((?:(?:" + _USUAL_ITEM + rb") )*(?:BODY\[\]|RFC822) \{\d+\}\r\n"
)
_INLINE_BODY = re.compile(rb'(?:BODY\[\]|RFC822)(?:<\d+>)? (?:"|NIL)', re.IGNORECASE)


class FetchFacts(NamedTuple):
    """What a FETCH response says beside the octets. `inline`: bodies that came as quoted strings, with their origin."""

    sequence: int
    uid: int | None
    flags: tuple[str, ...]
    internal_date: datetime | None
    inline: tuple[tuple[int | None, bytes], ...] = ()
    missing: bool = False  # a body was announced as NIL: there is nothing to keep


def is_fetch(line: bytes) -> bool:
    """Whether a response's first line is a FETCH response."""
    return _HEAD.match(line) is not None


def body_origin(line: bytes) -> tuple[bool, int | None]:
    """Whether the literal at the end of the line is a message, and the origin of a partial one."""
    found = _BEFORE_LITERAL.search(line[-64:])
    if not found:
        return False, None
    return True, int(found.group(2)) if found.group(2) else None


def asked_parts(rest: bytes) -> dict[int, int]:
    """Origin → the least length of the partial bodies that a FETCH command asks for; `rest` is of its first line.

    One command may ask for the same origin twice, and nobody can tell which answer is whose. What servers make of
    numbers above 32 bits is their secret.
    """
    found: dict[int, int] = {}
    asked = [(int(origin), int(length)) for origin, length in _ASKED.findall(rest)]
    # More digits than we read, or a spelling that is the server's secret too.
    if _LITERAL_FOLLOWS.search(rest) or rest.count(b"<") != len(asked) + len(_ASKED_OF_SECTION.findall(rest)):
        found[UNREADABLE] = 0
    for origin, length in asked:
        found[origin] = min(length, found.get(origin, length))
        if max(origin, length) > LARGEST:
            found[UNREADABLE] = 0
    return found


def has_inline_body(text: bytes) -> bool:
    """Whether a response holds a message as a quoted string, or says NIL instead of one."""
    return _INLINE_BODY.search(text) is not None


def is_doubtful(text: bytes) -> bool:
    """Whether a response repeats names of header fields that could pass for items of it: nothing in it is certain."""
    return len(_FIELDS.findall(text)) != len(_PLAIN_FIELDS.findall(text))


def parse(text: bytes) -> FetchFacts | None:
    """The facts of a response from its lines alone (literals left out).

    None when it is not a FETCH response, when something in it has no end, or when a number in it is none.
    """
    usual = _USUAL.fullmatch(text)
    return _facts(usual) if usual else _parse(text)


def whole(line: bytes) -> FetchFacts | None:
    """The facts of a response that ends behind the literal of this line, a whole message. None: look at all of it."""
    usual = _USUAL_WHOLE.fullmatch(line)
    return _facts(usual) if usual else None


def _facts(usual: re.Match[bytes]) -> FetchFacts | None:
    digits, uid_digits, words, when = usual.groups()
    sequence, uid = number(digits), None if uid_digits is None else number(uid_digits)
    if not sequence or (uid_digits is not None and not uid):
        return None
    flags = tuple(word.decode("utf-8", "replace") for word in words.split()) if words else ()
    return FetchFacts(sequence, uid, flags, internal_date(when) if when else None)


def _parse(text: bytes) -> FetchFacts | None:
    head = _HEAD.match(text)
    sequence = number(head.group(1)) if head else None
    if head is None or not sequence or not text.startswith(b"(", head.end()):
        return None
    depth, name, place = 1, b"", head.end() + 1
    uid: int | None = None
    date: datetime | None = None
    flags: list[str] = []
    inline: list[tuple[int | None, bytes]] = []
    missing = False
    while depth:
        found = (_VALUE if name or depth != 1 else _NAME).match(text, place)
        if found is None:
            return None
        kind, word, place = found.lastgroup, found[found.lastgroup or 0], found.end()
        if kind == "literal" and depth > 1 and _BEFORE_LITERAL.search(text, max(place - 64, 0), place):
            return None  # what stands in a value passed for a message
        if word == b"(" and kind == "bracket":
            depth += 1
        elif kind == "bracket":
            depth -= 1
            name = b"" if depth == 1 else name
        elif depth == 2 and name == b"FLAGS" and kind == "atom":
            flags.append(word.decode("utf-8", "replace"))
        elif depth != 1:
            continue
        elif not name:
            name = word.upper()
        else:
            body = _BODY_ITEM.fullmatch(name)
            if name == b"UID":
                uid = number(word) if kind == "atom" else None
                if not uid:
                    return None
            elif name == b"INTERNALDATE" and kind == "string":
                date = internal_date(word)
            elif body and kind == "string":
                inline.append((int(body.group(1)) if body.group(1) else None, _ESCAPE.sub(rb"\1", word)))
            elif body and kind == "atom" and word.upper() == b"NIL":
                missing = True
            name = b""
    return FetchFacts(
        sequence=sequence, uid=uid, flags=tuple(flags), internal_date=date, inline=tuple(inline), missing=missing,
    )


_MONTHS = {name: number for number, name in enumerate(
    (b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec"), 1
)}
_DATE = re.compile(rb" ?(\d{1,2})-([A-Za-z]{3})-(\d{4}) (\d{2}):(\d{2}):(\d{2}) ([+-])(\d{2})(\d{2})")


def internal_date(text: bytes) -> datetime | None:
    """`17-Jul-1996 02:44:25 -0700` in UTC; None when it is no date (RFC 9051 section 9, date-time)."""
    found = _DATE.fullmatch(text)
    if not found or found.group(2).lower() not in _MONTHS:
        return None
    day, month, year, hour, minute, second, sign, zone_hours, zone_minutes = found.groups()
    try:
        local = datetime(
            int(year), _MONTHS[month.lower()], int(day), int(hour), int(minute), min(int(second), 59), tzinfo=UTC
        )
        if zone_hours == zone_minutes == b"00":
            return local
        offset = timedelta(hours=int(zone_hours), minutes=int(zone_minutes))
        return local - offset if sign == b"+" else local + offset
    except (ValueError, OverflowError):
        return None
