"""The words and numbers of XLS, as Excel wrote it from 5.0 (1993) to 2003 (MS-XLS).

As in XLSX each text of Excel 97 to 2003 stands once, and cells are read by what they hold: a date as its number.
"""

import math
import struct

from postbuch.archive import codepage, compound
from postbuch.archive.biff import Cut, Strings, records
from postbuch.archive.charsets import decode_octets
from postbuch.archive.extract_bounds import Budget, GivenUp

_BEGIN, _PROTECTED, _CODE_PAGE, _SHEET, _SHARED, _SERIES = 0x0809, 0x002F, 0x0042, 0x0085, 0x00FC, 0x100D
_NUMBER, _SHORT, _SHORTS, _FORMULA, _RESULT = 0x0203, 0x027E, 0x00BD, 0x0006, 0x0207
_LABEL, _RICH_LABEL, _BOX, _NOTE = 0x0204, 0x00D6, 0x01B6, 0x001C
# Before Excel 97 texts are in the code page that the file names.
_EXCEL_5, _EXCEL_97 = 0x0500, 0x0600
# Excel's own numbers of code pages.
_PAGES = {0x8000: 10000, 0x8001: 1252, 367: 20127}
# Row, column and format stand at the beginning of a cell; the length of its text where there is one.
_CELL_OCTETS, _BOX_LENGTH_AT = 6, 10
# So many texts and numbers are counted at once.
_BATCH = 1000


def read_xls(octets: bytes, budget: Budget) -> None:
    """The names of the sheets, the texts, what stands in cells itself, text boxes and comments. Raises GivenUp."""
    if octets.startswith(compound.MAGIC):
        file = compound.Compound(octets)
        octets = file.stream("Workbook") or file.stream("Book")
    sheets = _Sheets(budget)
    try:
        for kind, pieces in records(octets):
            sheets.take(kind, pieces)
    finally:
        sheets.flush()
    if not sheets.version:
        raise GivenUp("DAMAGED")


class _Sheets:
    """What was read so far, and what tells how to read on."""

    def __init__(self, budget: Budget) -> None:
        self.version = 0
        self._budget = budget
        self._page = 1252
        self._row = b""
        self._pieces: list[str] = []

    def take(self, kind: int, pieces: list[bytes]) -> None:
        """One record. Raises GivenUp."""
        self._budget.look()
        read = _READERS.get(kind)
        if read is None:
            return
        try:
            read(self, pieces)
        except (Cut, struct.error):  # this record alone
            return

    def flush(self) -> None:
        """Count what was read. Raises GivenUp."""
        pieces, self._pieces = self._pieces, []
        if pieces:
            self._budget.add("".join(pieces))

    def _say(self, text: str, after: str = "\n") -> None:
        self._pieces.append(text + after)
        if len(self._pieces) >= _BATCH:
            self.flush()

    def _cell(self, pieces: list[bytes], text: str) -> None:
        row = pieces[0][:2]
        if row != self._row:
            self._row = row
            self._pieces.append("\n")
        self._say(text, " ")

    def _text(self, pieces: list[bytes], place: int, count_octets: int = 2) -> str:
        found = Strings(pieces, place)
        if self.version == _EXCEL_97:
            return found.text(count_octets)
        return decode_octets(found.take(found.number(count_octets)), codepage.label(self._page))

    def begin(self, pieces: list[bytes]) -> None:
        version = int.from_bytes(pieces[0][:2], "little")
        if version not in (_EXCEL_5, _EXCEL_97):
            raise GivenUp("LEGACY")
        self.version = version

    def protected(self, _: list[bytes]) -> None:
        raise GivenUp("PASSWORD")

    def code_page(self, pieces: list[bytes]) -> None:
        number = int.from_bytes(pieces[0][:2], "little")
        self._page = _PAGES.get(number, number)

    def sheet(self, pieces: list[bytes]) -> None:
        self._say(self._text(pieces, 6, 1))

    def series(self, pieces: list[bytes]) -> None:
        self._say(self._text(pieces, 2, 1))

    def shared(self, pieces: list[bytes]) -> None:
        found = Strings(pieces, 8)
        while True:  # ends where the record does
            self._say(found.text())

    def label(self, pieces: list[bytes]) -> None:
        self._cell(pieces, self._text(pieces, _CELL_OCTETS))

    def result(self, pieces: list[bytes]) -> None:
        self._say(self._text(pieces, 0), " ")

    def number(self, pieces: list[bytes]) -> None:
        (value,) = struct.unpack_from("<d", pieces[0], _CELL_OCTETS)
        self._cell(pieces, _written(value))

    def formula(self, pieces: list[bytes]) -> None:
        if pieces[0][12:14] != b"\xff\xff":  # else it is no number (section 2.5.133); a text follows by itself
            self.number(pieces)

    def short(self, pieces: list[bytes]) -> None:
        self._cell(pieces, _written(_short(struct.unpack_from("<I", pieces[0], _CELL_OCTETS)[0])))

    def shorts(self, pieces: list[bytes]) -> None:
        for place in range(4, len(pieces[0]) - 7, 6):
            self._cell(pieces, _written(_short(struct.unpack_from("<2xI", pieces[0], place)[0])))

    def box(self, pieces: list[bytes]) -> None:
        (count,) = struct.unpack_from("<H", pieces[0], _BOX_LENGTH_AT)
        self._say(Strings(pieces, len(pieces[0])).characters(count))

    def note(self, pieces: list[bytes]) -> None:
        if self.version == _EXCEL_5:  # later ones say who wrote it; their words are in a box
            self._say(decode_octets(pieces[0][_CELL_OCTETS:], codepage.label(self._page)))


def _short(number: int) -> float:
    """A number in 30 bits (section 2.5.217: RkNumber)."""
    if number & 2:
        value = float((number >> 2) - (1 << 30 if number & 0x80000000 else 0))
    else:
        (value,) = struct.unpack("<d", bytes(4) + struct.pack("<I", number & 0xFFFFFFFC))
    return value / 100 if number & 1 else value


def _written(value: float) -> str:
    return f"{value:.15g}" if math.isfinite(value) else ""


_READERS = {
    _BEGIN: _Sheets.begin, _PROTECTED: _Sheets.protected, _CODE_PAGE: _Sheets.code_page, _SHEET: _Sheets.sheet,
    _SHARED: _Sheets.shared, _SERIES: _Sheets.series, _LABEL: _Sheets.label, _RICH_LABEL: _Sheets.label,
    _RESULT: _Sheets.result, _NUMBER: _Sheets.number, _FORMULA: _Sheets.formula, _SHORT: _Sheets.short,
    _SHORTS: _Sheets.shorts, _BOX: _Sheets.box, _NOTE: _Sheets.note,
}  # fmt: skip
