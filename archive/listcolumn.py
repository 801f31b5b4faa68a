"""What lists are made of: columns, views, and how a written comparison becomes one in SQL.

Semantics (design, webmail.md section 2): `empty` is NULL, '' or a count of 0; a day as upper end covers the whole day,
and `equals` a day means any time of it; texts are compared without regard to case, % and _ are taken as they are. A
negative comparison is the opposite of the positive one, so it also holds where there is nothing.
"""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Select, String, and_, case, cast, collate, false, not_, or_, true

from postbuch.archive import audit, clock, writtenvalue
from postbuch.archive.filterform import Filter, Order
from postbuch.archive.listorder import Anchor, Cursor
from postbuch.archive.query import Node
from postbuch.archive.users import Rights

Kind = Literal["text", "number", "size", "time", "flag", "list"]
# MariaDB's collation for what people read: without regard to case.
_READ = "utf8mb4_unicode_ci"
TRUE = frozenset({"1", "true", "yes", "ja", "on"})
_FALSE = frozenset({"0", "false", "no", "nein", "off", ""})
# What is true or false is neither more nor less than anything, holds no text and is never empty.
_OF_FLAGS = frozenset({"equals", "in"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """For whom a list is made: what he may read, and whose read marks count.

    narrow: few rows are meant, so rights are best looked up for each of them. each: so are conditions on images, as the
    list goes through the newest letters. whole: also what the index of the search lacks, for what must lack nothing.
    """

    rights: Rights
    user_id: int | None
    narrow: bool = False
    each: bool = False
    whole: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Test:
    """One comparison with its values read as the column's kind has it: str, int, bool, or (from, before) of times."""

    op: str
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a view.

    title: English, for gettext. expression: what is sorted by and, without `condition`, compared. condition: for
    what is compared otherwise, such as one of many addresses; gets a positive test. images: the images for which a test
    holds, where an index tells them; else None. word: the field of the search (`query.FIELDS`) in which the letters of
    these have the value. shown: whether it can be a column at all; some can only be filtered by.
    tie: what decides among equal values in a list that is sorted by this first, instead of the key: what ends the index
    that its pages are read from.
    """

    name: str
    kind: Kind
    title: str
    expression: Callable[[Scope], ColumnElement[Any]]
    condition: Callable[[Scope, Test], ColumnElement[bool]] | None = None
    images: "Callable[[Connection, Test], Select[tuple[int]] | None] | None" = None
    word: str | None = None
    sortable: bool = True
    filterable: bool = True
    shown: bool = True
    shown_first: bool = True
    tie: Callable[[Scope], ColumnElement[Any]] | None = None


Near = Callable[
    [Connection, Scope, Node, Select[tuple[int]], Sequence[ColumnElement[bool]], int],
    tuple[list[int], int | None] | None,
]


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One list: its columns and where its rows come from.

    key: the unique number of a row. source: a select of nothing yet, with its tables and the rights in its WHERE.
    of_texts: the same for rows for whose texts (columns of that kind) a condition holds, where that is quicker than
    comparing what it gives. led: the same for the letters of some images. near: the first rows of the usual order that
    have one of some images and for which conditions hold, and how many rows there are if that is known; None when the
    index of the search does not tell. order: the usual one. narrowed: conditions of account, mailbox and tab. words:
    the condition of a search. found: how many rows a search alone has and the numbers of one page of the usual order;
    None when only the condition tells. rows: the rows of these keys, in this order, at least with these columns and
    `id`; without it the expressions are selected. quick: a page of the usual order read from an index, for lists that
    nothing narrows. walk: the numbers of a page of another order read from an index; None where sorting is quicker.
    newest: the numbers of the first rows, or None. keys: all rows of a list that nothing narrows, to be counted.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    key: ColumnElement[int]
    source: Callable[[Scope], Select[Any]]
    order: tuple[Order, ...]
    of_texts: Callable[[Scope, ColumnElement[bool] | None], Select[Any]] | None = None
    led: "Callable[[Scope, Select[tuple[int]]], Select[Any]] | None" = None
    near: Near | None = None
    aliases: Mapping[str, str] = field(default_factory=dict)
    tabs: tuple[str, ...] = ()
    narrowed: Callable[[Connection, Scope, Filter], Sequence[ColumnElement[bool]]] | None = None
    words: Callable[[Connection, str, Scope], ColumnElement[bool]] | None = None
    found: Callable[[Connection, str, Scope, "Place"], tuple[int, list[int]] | None] | None = None
    rows: Callable[[Connection, list[int], Scope, Sequence[str]], list[dict[str, Any]]] | None = None
    quick: Callable[[Connection, Scope, Filter, "Place"], list[Cursor]] | None = None
    quick_tabs: tuple[str, ...] = ("",)
    walk: Callable[[Connection, Scope, Filter, "Place"], list[int] | None] | None = None
    newest: Callable[[Connection, Scope, int], list[int] | None] | None = None
    keys: Callable[[Scope], Select[Any]] | None = None

    def column(self, name: str) -> Column | None:
        """The column of a name or alias, letter case aside."""
        bare = name.lower()
        bare = self.aliases.get(bare, bare)
        return next((each for each in self.columns if each.name == bare), None)

    @property
    def first_columns(self) -> tuple[str, ...]:
        """The columns for who has not chosen any."""
        return tuple(each.name for each in self.columns if each.shown and each.shown_first)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Which page: by how many rows stand before it or by a neighbour, in the usual order or (an anchor) in any.

    What is ahead of an anchor comes with the nearest first.
    """

    limit: int
    offset: int = 0
    before: Cursor | None = None
    after: Cursor | None = None
    anchor: Anchor | None = None


class Unfit(Exception):
    """A value that a column of this kind cannot be compared with."""


def fits(kind: Kind, op: str) -> bool:
    """Whether a positive comparison makes sense of what a column holds."""
    return kind != "flag" or op in _OF_FLAGS


def read_test(kind: Kind, op: str, value: str, second: str) -> Test:
    """The test of a positive comparison. Raises Unfit."""
    if op == "empty":
        return Test(op=op, values=())
    if op == "in":
        written = [each.strip() for each in re.split(r"[,;]", value) if each.strip()]
        return Test(op=op, values=tuple(_read(kind, op, each) for each in written))
    if op == "between":
        return Test(op=op, values=tuple(_read(kind, op, each) if each else None for each in (value, second)))
    return Test(op=op, values=(_read(kind, op, value),))


def _read(kind: Kind, op: str, written: str) -> Any:
    if kind in ("text", "list") or op in ("contains", "startswith", "endswith"):
        return audit.storable(written)
    if kind == "time":
        return read_time(written)
    if kind == "flag":
        word = written.lower()
        if word not in TRUE | _FALSE:
            raise Unfit(written)
        return word in TRUE
    found = writtenvalue.octets(written)
    if found is None or (kind == "number" and not written.isdecimal()):
        raise Unfit(written)
    return found


def read_time(written: str) -> tuple[datetime, datetime]:
    """(first moment, first moment behind it) in UTC: of a day, a minute or a second of `clock.py`. Raises Unfit."""
    try:
        day = writtenvalue.day(written, clock.today())
        if day is not None:
            return clock.stretch(day)
        start = clock.moment(datetime.fromisoformat(written))
        return start, start + timedelta(minutes=1) if written.count(":") == 1 else start + timedelta(seconds=1)
    except (ValueError, OverflowError):
        raise Unfit(written) from None


def compare(column: ColumnElement[Any], kind: Kind, test: Test) -> ColumnElement[bool]:
    """The positive comparison in SQL; NULL counts as not held."""
    values = test.values
    if test.op == "empty":
        nothing = {"text": "", "list": "", "number": 0, "size": 0}.get(kind)
        return column.is_(None) if nothing is None else or_(column.is_(None), column == nothing)
    if test.op in ("contains", "startswith", "endswith"):
        return _like(column if kind in ("text", "list") else cast(column, String), test.op, values[0])
    if kind == "time":
        return _compare_times(column, test)
    if kind == "flag":
        return or_(false(), *(column if value else not_(column) for value in values))
    if kind in ("text", "list"):
        return _compare(_read_alike(column), test.op, values)
    return _compare(column, test.op, values)


_COMPARED: Mapping[str, Callable[[Any, Any], Any]] = {
    "equals": operator.eq, "morethan": operator.gt, "lessthan": operator.lt, "moreequal": operator.ge,
    "lessequal": operator.le,
}  # fmt: skip


def _compare(column: ColumnElement[Any], op: str, values: tuple[Any, ...]) -> ColumnElement[bool]:
    if op == "in":
        return column.in_(values)
    if op == "between":
        low, high = values
        return and_(true() if low is None else column >= low, true() if high is None else column <= high)
    found: ColumnElement[bool] = _COMPARED[op](column, values[0])
    return found


def _read_alike(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """As people read it: letter case makes no difference."""
    return collate(column, _READ)


def _compare_times(column: ColumnElement[Any], test: Test) -> ColumnElement[bool]:
    """Each value is a stretch of time: a day is over when its next begins."""
    if test.op in ("equals", "in"):
        return or_(false(), *(and_(column >= start, column < end) for start, end in test.values))
    low, high = test.values if test.op == "between" else (test.values[0], test.values[0])
    after = column >= low[1 if test.op == "morethan" else 0] if low else true()
    before = column < high[0 if test.op == "lessthan" else 1] if high else true()
    if test.op in ("morethan", "moreequal"):
        return and_(after)
    return and_(before) if test.op in ("lessthan", "lessequal") else and_(after, before)


def _like(column: ColumnElement[Any], op: str, value: str) -> ColumnElement[bool]:
    text = _read_alike(column)
    if op == "contains":
        return text.contains(value, autoescape=True, escape="|")
    if op == "startswith":
        return text.startswith(value, autoescape=True, escape="|")
    return text.endswith(value, autoescape=True, escape="|")


def opposite(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """Holds exactly where the condition does not, NULL included."""
    return case((condition, false()), else_=true()) == true()
