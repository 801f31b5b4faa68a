"""The words of DOC, as Word wrote it from 6.0 (1993) to 2003 (MS-DOC): pieces of text, put together by a table.

Headers, notes, comments and text boxes stand behind the main text in the same table. A field is a code and its result.
"""

import re
import struct
from collections.abc import Iterator

from postbuch.archive import codepage
from postbuch.archive.charsets import decode_octets
from postbuch.archive.compound import Compound
from postbuch.archive.extract_bounds import MAX_CHARACTERS, Budget, GivenUp

_WORD_6, _WORD_97 = 0xA5DC, 0xA5EC
_COMPLEX, _ENCRYPTED, _TABLE_1, _WIDE = 0x0004, 0x0100, 0x0200, 0x1000
_HEAD = struct.Struct("<H4xHxxH8xH2xI")  # what it is, language, flags, charset, where the text begins
_HEAD_OCTETS = 0x200
_MACINTOSH = 0x100
# Where Word 97 has the place and length of the piece table, and where Word 6 has it and the counts of its eight texts.
_PIECES_97, _PIECES_6, _COUNTS_6 = 0x1A2, 0x160, 0x34
# A piece with one octet for each character says so in its place, which it doubles (section 2.9.73).
_NARROW, _PLACE = 0x40000000, 0x3FFFFFFF
# Codes of fields are read and then left out: no more than this is read for the words that are kept.
_ENOUGH_CHARACTERS = 4 * MAX_CHARACTERS
_BEGIN, _RESULT, _END = "\x13", "\x14", "\x15"
_FIELD_MARK = re.compile("([\x13\x14\x15])")
# Ends of cells, lines, pages, columns; hyphens that stay and that go; pictures, notes, drawings (section 2.4.1).
_MARKS: dict[int, str] = {7: "\t", 11: "\n", 12: "\n", 14: "\n", 30: "\u2011"}
_MARKS |= dict.fromkeys((1, 2, 3, 4, 5, 6, 8, 19, 20, 21, 31), "")

# Where a piece begins, how many characters it has, and how many octets each of them takes.
_Piece = tuple[int, int, int]


def read_doc(octets: bytes, budget: Budget) -> None:
    """All texts of the document, one behind the other. Raises GivenUp."""
    file = Compound(octets)
    main = file.stream("WordDocument")
    if len(main) < _HEAD_OCTETS:
        raise GivenUp("DAMAGED")
    magic, language, flags, charset, begin = _HEAD.unpack_from(main)
    if magic not in (_WORD_6, _WORD_97):
        raise GivenUp("LEGACY")
    if flags & _ENCRYPTED:
        raise GivenUp("PASSWORD")
    page = 1252
    if magic == _WORD_97:
        pieces = _pieces(main, file.stream("1Table" if flags & _TABLE_1 else "0Table"), _PIECES_97, 0, budget)
    else:
        page = 10000 if charset == _MACINTOSH else codepage.of_language(language)
        width = 2 if flags & _WIDE else 1
        pieces = _pieces(main, main, _PIECES_6, width, budget) if flags & _COMPLEX else \
            iter([(begin, sum(struct.unpack_from("<8I", main, _COUNTS_6)), width)])
    text, is_whole = _together(main, pieces, page, budget)
    budget.add(_without_codes(text).translate(_MARKS))
    if not is_whole:
        raise GivenUp("PART")


def _pieces(main: bytes, table: bytes, place_at: int, width: int, budget: Budget) -> Iterator[_Piece]:
    """The pieces that a table names (section 2.9.38: Clx). `width` 0: each says its own."""
    place, length = struct.unpack_from("<II", main, place_at)
    found = table[place : place + length]
    place = 0
    while found[place : place + 1] == b"\1":  # how pieces look
        budget.look()
        place += 3 + int.from_bytes(found[place + 1 : place + 3], "little")
    if found[place : place + 1] != b"\2":
        raise GivenUp("DAMAGED")
    count = max(0, (min(int.from_bytes(found[place + 1 : place + 5], "little"), len(found) - place - 5) - 4) // 12)
    for number in range(count):
        begin, end = struct.unpack_from("<II", found, place + 5 + 4 * number)
        (start,) = struct.unpack_from("<2xI2x", found, place + 5 + 4 * (count + 1) + 8 * number)
        if width:
            yield start, end - begin, width
        elif start & _NARROW:
            yield (start & _PLACE) // 2, end - begin, 1
        else:
            yield start, end - begin, 2


def _together(main: bytes, pieces: Iterator[_Piece], page: int, budget: Budget) -> tuple[str, bool]:
    """The text of the pieces, and whether that is all. Pieces may name the same place again and again."""
    out, left = [], _ENOUGH_CHARACTERS
    label = codepage.label(page)
    for start, characters, width in pieces:
        budget.look()
        if characters <= 0:
            continue
        octets = main[start : start + min(characters, left) * width]
        text = octets.decode("utf-16-le", "replace") if width == 2 else decode_octets(octets, label)
        out.append(text)
        left -= len(text)
        if left <= 0:
            return "".join(out), False
    return "".join(out), True


def _without_codes(text: str) -> str:
    """With the results of fields and without their codes; a field that does not end is left as it is."""
    out: list[str] = []
    begun: list[int] = []  # where the code of each open field begins; -1 where its result has begun
    for piece in _FIELD_MARK.split(text):
        if piece == _BEGIN:
            begun.append(len(out))
        elif piece in (_RESULT, _END) and begun:
            if begun[-1] >= 0:
                del out[begun[-1] :]
                begun[-1] = -1
            if piece == _END:
                begun.pop()
        else:
            out.append(piece)
    return "".join(out)
