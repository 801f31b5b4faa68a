"""The parameters of a MIME field (RFC 2045 section 5.1, RFC 2231, RFC 6266), and what programs make of them.

Pure, and linear for every input.
"""

import re
from itertools import groupby
from operator import itemgetter
from urllib.parse import unquote_to_bytes

from postbuch.archive.charsets import codec, decode_octets

# A comment, also one within another. None begins at an escaped sign, so that no sign is looked at more than twice.
_COMMENT = r"(?<!\\)\((?>(?:[^()\\]++|\\.|\((?>(?:[^()\\]++|\\.)*)\))*)\)"
# A quote ends a value only where one can end: names have quotes within that nobody escaped. Values without quotes go to
# the next semicolon, because many have blanks and brackets. A quote that nothing ends takes all that is left.
_PARAMETER = re.compile(
    rf'{_COMMENT}|;(?>(?:\s|{_COMMENT})*)(?P<name>[^\s;="]++)\s*+=\s*+'
    r'(?:"(?P<quoted>(?>(?:\\.|[^"\\]|"(?!\s*+(?:;|\(|\Z)|\s++[\w*-]++=)|\\)*))"?|(?P<plain>[^;"][^;]*+)?)',
    re.DOTALL,
)
_NAME = re.compile(r"([^*]++)(?:\*([0-9]{1,4}))?(\*)?")
# What RFC 2231 has before the text; some programs forget the language with its quote.
_CHARSET = re.compile(r"([^']{0,60})'([\w-]{0,35}')?", re.ASCII)
# Of all pairs these alone are undone: old programs write C:\Users\anna\a.pdf without any.
_PAIR = re.compile(r'\\(["\\])')


def read(field: str, name: str) -> str:
    """The value of a parameter (its name in lower case); empty when there is none.

    One in the form of RFC 2231 goes before a plain one (RFC 6266 section 4.3). Of its pieces those count that are
    there, by their numbers; of two with the same name or number the first. A plain one may have that form by mistake,
    or single quotes around it.
    """
    if name not in field.lower():
        return ""
    plain = extended = ""
    pieces: dict[int, tuple[bool, str]] = {}
    for found in _PARAMETER.finditer(f";{field}"):
        written = _NAME.fullmatch((found["name"] or "").lower())
        if written is None or written[1] != name:
            continue
        value = _bare(found["plain"] or "") if found["quoted"] is None else _PAIR.sub(r"\1", found["quoted"])
        if written[2]:
            pieces.setdefault(int(written[2]), (bool(written[3]), value))
        elif written[3]:
            extended = extended or _joined([(True, value)])
        else:
            plain = plain or (_joined([(True, value)]) if _is_extended(value) else value)
    return extended or _joined([piece for _, piece in sorted(pieces.items())]) or plain or _behind_a_blank(field, name)


def _bare(value: str) -> str:
    value = value.strip()
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] == "'" else value


def _is_extended(value: str) -> bool:
    return "%" in value and (begin := _CHARSET.match(value)) is not None and bool(codec(begin[1]))


def _behind_a_blank(field: str, name: str) -> str:
    """The same where the first parameter has a blank or a comma before it, and no semicolon."""
    head = field.partition(";")[0].partition('"')[0]
    place = head.lower().find(name)
    if place < 1 or head[place - 1] not in " \t\r\n," or "=" not in head[place:]:
        return ""
    return read(field[place:], name)


def _joined(pieces: list[tuple[bool, str]]) -> str:
    """Pieces (whether in per cent signs, text) as one; a character may be split between two."""
    charset = None
    begin = _CHARSET.match(pieces[0][1]) if pieces and pieces[0][0] else None
    if begin is not None and (begin[2] or codec(begin[1])):
        charset = begin[1]
        pieces = [(True, pieces[0][1][begin.end() :]), *pieces[1:]]
    return "".join(
        decode_octets(unquote_to_bytes(text), charset or None) if is_extended else text
        for is_extended, run in groupby(pieces, itemgetter(0))
        for text in ("".join(text for _, text in run),)
    )
