"""A message in octets that header and parts can be read from: ASCII as ASCII, lines with line feeds. Pure, linear.

For reading alone: what is archived and given out stays as it is.
"""

import codecs
import contextlib
import re
from collections.abc import Iterator

from postbuch.archive import charsets, doubledboundary, headers

# 100 empty lines may stand before the header: see `headers.py`.
_FIELD = rb"[\r\n \t]{0,200}%b[^\r\n]*" % headers.FIELD_NAME
# The first line says how all end. A lone CR ends lines only where no line feed comes before the empty line.
_ENDED_BY_CR = re.compile(rb"%b\r(?!\r*\n)(?>(?:[^\r\n]++\r(?!\n))*)(?:\r|[^\r\n]*+(?:\r?\n)?\Z)" % _FIELD)
_ENDED_BY_CR_CR_LF = re.compile(rb"%b\r\r+\n" % _FIELD)
_LONE_CR = re.compile(rb"\r(?!\n)")
# From the first CR of a run alone: else each looks for the line feed anew.
_CR_CR_LF = re.compile(rb"(?<!\r)\r\r++\n")
# A line that is neither field nor the rest of one; the first line is one.
_NO_FIELD = re.compile(rb"(?<=\n)(?![ \t\r\n]|%b)[^\n]*+(?:\n|\Z)(?>(?:[ \t][^\n]*+(?:\n|\Z))*)" % headers.FIELD_NAME)
# A header without such a line, in one go: looking for one at each octet takes eight times as long.
_FIELDS = re.compile(rb"(?>(?:(?:[ \t\r]|%b)[^\n]*+\n?|\n)*)" % headers.FIELD_NAME)
_CONTENT = re.compile(rb"^Content-Type[ \t]*:[ \t]*[\w-]+/", re.IGNORECASE | re.MULTILINE)
_BEGIN = re.compile(rb"\A|^--[^\n]*+\n", re.MULTILINE)
_HEAD = re.compile(rb"(?:>?From [^\n]*+\n)?(?>(?:(?:[ \t]|%b)[^\n]*+\n)*)" % headers.FIELD_NAME)
_EMPTY_LINE = re.compile(rb"\r?\n")
_MESSAGE = re.compile(rb"^Content-Type[ \t]*:[ \t]*message/(?:rfc822|global)\b", re.IGNORECASE | re.MULTILINE)
# With a line feed in front it is found by that one octet, eight times as quick as by the beginnings of lines.
_ANY_CONTENT_WITH_BLANK = re.compile(rb"\nContent-[a-z-]{1,40}[ \t]++:", re.IGNORECASE)
_CONTENT_WITH_BLANK = re.compile(rb"^(Content-[a-z-]{1,40})[ \t]+(?=:)", re.IGNORECASE | re.MULTILINE)
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:-]{1,60})", re.IGNORECASE)
_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def message(octets: bytes) -> bytes:
    """The message from its first header field on; the same octets when nothing is in the way."""
    found = _narrow(octets) if octets.startswith(_WIDE) else octets
    if b"\r" in found[:headers.MAX_HEADER_OCTETS]:
        found = _with_line_feeds(found)
    found = _with_whole_header(headers.from_first_field(found))
    return doubledboundary.parted(_without_blanks_before_colons(found))


def _with_line_feeds(octets: bytes) -> bytes:
    if _ENDED_BY_CR_CR_LF.match(octets):
        return _CR_CR_LF.sub(b"\r\n", octets)
    if _ENDED_BY_CR.match(octets, 0, headers.MAX_HEADER_OCTETS):
        return _LONE_CR.sub(b"\r\n", octets)
    return octets


def _with_whole_header(octets: bytes) -> bytes:
    """Without lines in the header that are no fields, where those that say what the parts are stand behind them.

    Parsers take the first such line for the text: a field that was folded without a blank, what a server put there.
    """
    header = headers.header_block(octets)
    fields = _FIELDS.match(header)
    if fields is None or fields.end() == len(header) or not headers.FIELD.match(header):
        return octets
    other = _NO_FIELD.match(header, fields.end())
    if other is None or _CONTENT.search(header, 0, other.start()) or not _CONTENT.search(header, other.end()):
        return octets
    return _NO_FIELD.sub(b"", header) + octets[len(header) :]


def _without_blanks_before_colons(octets: bytes) -> bytes:
    """RFC 5322 section 4.5 has readers take them; parsers do not where fields say what a part is."""
    if not _CONTENT_WITH_BLANK.match(octets) and not _ANY_CONTENT_WITH_BLANK.search(octets):
        return octets
    pieces, place = [], 0
    for start, end in _heads(octets):
        pieces += [octets[place:start], _CONTENT_WITH_BLANK.sub(rb"\1", octets[start:end])]
        place = end
    found = b"".join([*pieces, octets[place:]])
    return octets if found == octets else found


def _heads(octets: bytes) -> Iterator[tuple[int, int]]:
    """Where the headers of the message, of what looks like its parts, and of messages in these stand."""
    place = 0
    for begin in _BEGIN.finditer(octets):
        if begin.start() < place:  # within a header, which has been looked at
            continue
        place = begin.end()
        while (head := _HEAD.match(octets, place)) is not None and head.end() > place:
            yield head.span()
            place = head.end()
            if not _MESSAGE.search(head[0]) or (empty := _EMPTY_LINE.match(octets, place)) is None:
                break
            place = empty.end()


def _narrow(octets: bytes) -> bytes:
    """UTF-16 in the charset that all parts name, else in UTF-8: an editor saved the message so."""
    text = octets.decode("utf-16", "replace")
    names = {charsets.codec(found[1]) for found in _CHARSET.finditer(text)} - {""}
    if len(names) == 1:
        with contextlib.suppress(UnicodeError):
            narrow = text.encode(names.pop())
            if b"\0" not in narrow:
                return narrow
    return text.encode("utf-8", "replace")
