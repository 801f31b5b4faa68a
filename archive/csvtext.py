"""Rows as CSV that a spreadsheet opens without doing what a cell says. Pure."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

# What makes a spreadsheet take a cell for a formula, or end it (OWASP, CSV injection). A ' in front keeps it a text.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
# A spreadsheet takes a file without it for the character set of its machine.
BYTE_ORDER_MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"


def lines(
    rows: Iterable[Sequence[object]], *, semicolon: bool, byte_order_mark: bool = True
) -> Iterator[str]:
    """Each row as a line (RFC 4180). `semicolon` is what a German Excel takes for the end of a cell."""
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter=";" if semicolon else ",", lineterminator="\r\n")
    if byte_order_mark:
        yield BYTE_ORDER_MARK
    for row in rows:
        writer.writerow([cell(each) for each in row])
        yield stream.getvalue()
        stream.seek(0)
        stream.truncate()


def cell(value: object) -> str:
    """The text of a cell; a number stays one."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) and not isinstance(value, int | float) else text
