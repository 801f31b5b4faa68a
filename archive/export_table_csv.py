"""A table as CSV (RFC 4180), UTF-8, for spreadsheets and mailing tools. No cell acts as a formula (`csvtext.py`)."""

from collections.abc import Iterator
from datetime import datetime
from typing import IO

from postbuch.archive import csvtext
from postbuch.archive.export_table import Rows, Table, joined, local, readable


def write(stream: IO[bytes], table: Table, rows: Rows) -> None:
    """Titles in the first line; times on the reader's clock, flags as 1 and 0, lists parted by `, `."""
    lines = csvtext.lines(
        _cells(table, rows), semicolon=table.semicolon, byte_order_mark=table.byte_order_mark
    )
    for line in lines:
        stream.write(line.encode("utf-8"))


def _cells(table: Table, rows: Rows) -> Iterator[list[object]]:
    yield [readable(title) for title in table.titles]
    for row in rows:
        yield [_cell(table, value) for value in row]


def _cell(table: Table, value: object) -> object:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, datetime):
        return local(value, table.zone).isoformat(" ", "seconds")
    if value is None or isinstance(value, int | float):
        return value
    return readable(joined(value))
