"""A table as an Excel workbook (ISO/IEC 29500). The home of XlsxWriter, which keeps one row in memory, no more.

No cell acts as a formula or a link. What a cell or a sheet of Excel cannot hold is cut visibly, or goes on to the next.
"""

import tempfile
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import IO

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from postbuch.archive.export_table import Row, Rows, Table, joined, local, readable

# Excel's limits ("Excel specifications and limits"): rows of a sheet, characters of a cell and of a sheet's name.
SHEET_ROWS = 1_048_576
CELL_CHARACTERS = 32_767
SHEET_NAME_CHARACTERS = 31
_CUT = " […]"
# Excel counts with doubles: from here on a whole number would lose its last digits.
_LARGEST_EXACT = 2**53
# Its calendar begins here, and before March it has a day too many (29 February 1900).
_FIRST_YEAR = 1901
# How wide a column becomes: by its title and its first rows, between these (in characters).
_LOOKED_AT_ROWS = 200
_NARROWEST, _WIDEST = 8, 60
_TIME_WIDTH = 20
_TIME_FORMATS = {"de": "dd.mm.yyyy hh:mm:ss", "en": "yyyy-mm-dd hh:mm:ss"}


def write(stream: IO[bytes], table: Table, rows: Rows) -> None:
    """A frozen row of titles, then the rows; a full sheet goes on in the next. Times are the reader's."""
    with tempfile.TemporaryDirectory(prefix="postbuch-xlsx-") as folder:
        book = xlsxwriter.Workbook(stream, {
            "constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False,
            "strings_to_numbers": False, "use_zip64": True, "tmpdir": folder,
        })  # fmt: skip
        try:
            _sheets(_Book(book, table), iter(rows))
            book.close()
        finally:
            for sheet in book.worksheets():
                sheet.row_data_fh.close()  # broken off, XlsxWriter leaves it open


def _sheets(book: "_Book", rows: Iterator[Row]) -> None:
    number = 1
    while True:
        # One row more is asked for than has room, so that a full last sheet is followed by none that is empty.
        first = list(islice(rows, 1))
        if first or number == 1:
            book.sheet(number, first, islice(rows, SHEET_ROWS - 2))
        if not first:
            return
        number += 1


class _Book:
    def __init__(self, book: xlsxwriter.Workbook, table: Table) -> None:
        self._book = book
        self._table = table
        self._bold: Format = book.add_format({"bold": True, "bottom": 1})
        self._formats: dict[str, Format] = {
            "time": book.add_format({"num_format": _TIME_FORMATS.get(table.language, _TIME_FORMATS["en"])}),
            "size": book.add_format({"num_format": "#,##0"}),
            "number": book.add_format({"num_format": "0"}),
        }
        book.set_properties({"title": readable(table.title)})

    def sheet(self, number: int, first: list[Row], others: Rows) -> None:
        """One sheet with the rows that it has room for."""
        sheet = self._book.add_worksheet(_sheet_name(self._table.title, number))
        sheet.freeze_panes(1, 0)
        titles = self._table.titles
        widths = [len(title) + 3 for title in titles]
        for place, title in enumerate(titles):
            sheet.write_string(0, place, _fit(title), self._bold)
        line = 0
        for rows in (first, others):
            for row in rows:
                line += 1
                for place, value in enumerate(row):
                    shown = self._write(sheet, line, place, value)
                    if line <= _LOOKED_AT_ROWS:
                        widths[place] = max(widths[place], shown + 1)
        for place, width in enumerate(widths):
            sheet.set_column(place, place, min(max(width, _NARROWEST), _WIDEST))
        if line:
            sheet.autofilter(0, 0, line, len(titles) - 1)

    def _write(self, sheet: Worksheet, line: int, place: int, value: object) -> int:
        """Write one cell; about how many characters wide it is."""
        if value is None:
            return 0
        if isinstance(value, bool):
            sheet.write_boolean(line, place, value)
            return 6
        if isinstance(value, datetime) and value.year >= _FIRST_YEAR:
            sheet.write_datetime(line, place, local(value, self._table.zone), self._formats["time"])
            return _TIME_WIDTH
        if isinstance(value, int | float) and abs(value) < _LARGEST_EXACT:
            sheet.write_number(line, place, value, self._formats.get(self._table.columns[place].kind))
            return len(str(value)) + 2
        text = _fit(joined(value))
        if text:
            sheet.write_string(line, place, text)
        return len(text)


def _fit(text: str) -> str:
    text = readable(text).replace("\r\n", "\n").replace("\r", "\n")  # Excel's line end within a cell
    if len(text.encode("utf-16-le")) > 2 * CELL_CHARACTERS:  # Excel counts in units of UTF-16
        half = text.encode("utf-16-le")[: 2 * (CELL_CHARACTERS - len(_CUT))]
        text = half.decode("utf-16-le", "ignore") + _CUT
    # XlsxWriter writes a text that looks like this into the file as it is, as XML.
    return f"{text} " if text.startswith("<r>") and text.endswith("</r>") else text


def _sheet_name(title: str, number: int) -> str:
    """Without what Excel forbids there."""
    suffix = f" {number}" if number > 1 else ""
    plain = "".join(" " if sign in "[]:*?/\\" or sign < " " else sign for sign in readable(title)).strip(" '") or "1"
    return plain[: SHEET_NAME_CHARACTERS - len(suffix)] + suffix
