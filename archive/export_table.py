"""A table that goes out as a file: its columns, its formats, and what a text may hold there. Pure.

Each format has a module of its own, `export_table_….py`, with a `write(stream, table, rows)` that takes one row after
the other and forgets it: memory does not grow with the number of rows. A value is a str (kind text), an int (number,
size), a datetime in UTC without zone (time), a bool (flag), a sequence of str (list), or None for "there is none".
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from enum import Enum
from typing import Literal

Kind = Literal["text", "number", "size", "time", "flag", "list"]
Row = Sequence[object]
Rows = Iterable[Row]

# Where a list of names has to be one text.
LIST_SEPARATOR = ", "
# What XML 1.0 section 2.2 and so XLSX cannot hold; half of a surrogate pair cannot be written in UTF-8 at all.
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_NO_CHARACTER = re.compile("[\ud800-\udfff\ufffe\uffff]")
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
# The block of pictures for control characters: U+0000 is shown as U+2400, U+007F as U+2421.
_PICTURES, _PICTURE_OF_DELETE = 0x2400, "\N{SYMBOL FOR DELETE}"


class Form(Enum):
    """What a table is written as; the value is the ending of the file's name as well."""

    XLSX = "xlsx"
    CSV = "csv"
    XML = "xml"
    SQL = "sql"
    JSON = "json"

    @property
    def content_type(self) -> str:
        return _CONTENT_TYPES[self]


_CONTENT_TYPES = {
    Form.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    Form.CSV: "text/csv; charset=utf-8",
    Form.XML: "application/xml",
    Form.SQL: "application/sql",
    Form.JSON: "application/json",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column. `name` is for programs and stays the same in every language, `title` is for people."""

    name: str
    kind: Kind
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """What stands around the rows. `zone`: on whose clock people read times; programs always get UTC.

    `semicolon` and `byte_order_mark` are for CSV: what a German Excel needs.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    language: str = "en"
    zone: tzinfo = UTC
    semicolon: bool = False
    byte_order_mark: bool = True

    @property
    def titles(self) -> list[str]:
        """For people: above a time stands on whose clock it is."""
        clock = getattr(self.zone, "key", None) or str(self.zone)
        return [f"{each.title} ({clock})" if each.kind == "time" else each.title for each in self.columns]


def local(moment: datetime, zone: tzinfo) -> datetime:
    """A time of the database (UTC, without zone) on a clock, again without zone. The first and last days stay."""
    try:
        return moment.replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None)
    except OverflowError:  # a Date header may name the year 1
        return moment


def encodable(text: str) -> str:
    """With what is no character (half a surrogate pair) replaced visibly."""
    return _NO_CHARACTER.sub(_REPLACEMENT, text) if _NO_CHARACTER.search(text) else text


def readable(text: str) -> str:
    """`encodable`, with control characters as their pictures; tab and line ends stay."""
    text = encodable(text)
    return _CONTROL.sub(_picture, text) if _CONTROL.search(text) else text


def _picture(found: re.Match[str]) -> str:
    return _PICTURE_OF_DELETE if found[0] == "\x7f" else chr(_PICTURES + ord(found[0]))


def joined(value: object) -> str:
    """A list as one text."""
    return LIST_SEPARATOR.join(map(str, value)) if isinstance(value, list | tuple) else str(value)
