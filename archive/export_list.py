"""An export of what a list shows: asked for once, counted, and written within the rights that hold at that moment.

What is asked for can be kept as JSON, so that a job does it later; titles are in it, in the language of who asked.
"""

import json
from array import array
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, tzinfo
from typing import IO, Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from postbuch.archive import clock, filtergrammar, listresolve, listview
from postbuch.archive.errors import UsageError
from postbuch.archive.export_table import Column, Form, Row, Table
from postbuch.archive.export_table_forms import write
from postbuch.archive.filterform import Filter
from postbuch.archive.listcolumn import View
from postbuch.archive.users import Rights
from postbuch.archive.wrong import Wrong

# Called with the number of what is written so far; raises to end the work.
Advance = Callable[[int], None]
# Messages go out of the list of letters alone.
MESSAGE_VIEW = "letters"
MESSAGE_FORMS = {"zip": "application/zip", "mbox": "application/mbox"}
FORMS = (*(form.value for form in Form), *MESSAGE_FORMS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is to be exported. arguments: the list's address (`filtergrammar`); columns: their names in order.

    titles: of the columns, for people; empty for messages. zone: name of the time zone on whose clock times are written
    and days are meant; empty for UTC.
    """

    form: str
    view: str
    arguments: dict[str, str] = field(default_factory=dict)
    columns: tuple[str, ...] = ()
    titles: tuple[str, ...] = ()
    title: str = ""
    language: str = "en"
    zone: str = ""
    semicolon: bool = False
    byte_order_mark: bool = True

    @property
    def clock(self) -> tzinfo:
        return ZoneInfo(self.zone) if self.zone else UTC

    @property
    def is_table(self) -> bool:
        return self.form not in MESSAGE_FORMS

    @property
    def content_type(self) -> str:
        return Form(self.form).content_type if self.is_table else MESSAGE_FORMS[self.form]

    @property
    def filter(self) -> Filter:
        return filtergrammar.parse(self.arguments)

    def as_record(self) -> dict[str, Any]:
        """For the audit log: the list, its query, and as what it goes out."""
        return {"list": self.view, **self.arguments, "format": self.form, "columns": " ".join(self.columns)}

    def as_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False)


def from_json(text: str) -> Asked:
    """What `as_json` wrote."""
    found = json.loads(text)
    return Asked(**{**found, "columns": tuple(found["columns"]), "titles": tuple(found["titles"])})


def ask(
    form: str, view_name: str, arguments: Mapping[str, str], columns: tuple[str, ...], title_of: Callable[[str], str],
    **other: Any,
) -> Asked:
    """Checked as far as it can be without the database. Raises UsageError.

    columns: in their order; none for those that the list shows first. title_of: English title → the reader's.
    """
    if form not in FORMS:
        raise UsageError(Wrong.NO_FORMAT.said(form=form, forms=", ".join(FORMS)))
    view = listview.VIEWS.get(view_name)
    if view is None:
        raise UsageError(Wrong.NO_LIST.said(name=view_name, lists=", ".join(listview.VIEWS)))
    if form in MESSAGE_FORMS and view_name != MESSAGE_VIEW:
        raise UsageError(Wrong.NO_MESSAGES_OF.said(messages=MESSAGE_VIEW, name=view_name))
    wanted = listresolve.understood(view, arguments)
    # A place in the list and a page size are not part of what is exported.
    kept = {key: str(value) for key, value in filtergrammar.write(wanted).items() if key not in ("offset", "pagesize")}
    chosen = () if form in MESSAGE_FORMS else _names(view, columns)
    titles = tuple(title_of(_column(view, name).title) for name in chosen)
    return Asked(
        form=form, view=view_name, arguments=kept, columns=chosen, titles=titles, title=title_of(view.title), **other
    )


def count(conn: Connection, asked: Asked, rights: Rights, user_id: int | None) -> int:
    """How many rows or letters there are now. Raises UsageError for a search with a mistake."""
    with clock.on(asked.clock):
        return listview.count(conn, listview.VIEWS[asked.view], asked.filter, rights, user_id, whole=True)


def letters_of(conn: Connection, asked: Asked, rights: Rights, user_id: int | None) -> "array[int]":
    """The letters whose messages go out, in the order of the list."""
    with clock.on(asked.clock):
        return listview.keys_of(conn, listview.VIEWS[MESSAGE_VIEW], asked.filter, rights, user_id)


def write_table(
    conn: Connection, stream: IO[bytes], asked: Asked, rights: Rights, user_id: int | None,
    advance: Advance | None = None,
) -> int:
    """Write the rows; how many there were. What `advance` raises ends it, and the file is not whole."""
    view = listview.VIEWS[asked.view]
    columns = tuple(
        Column(name=name, kind=_column(view, name).kind, title=title)
        for name, title in zip(asked.columns, asked.titles, strict=True)
    )
    table = Table(
        name=asked.view, title=asked.title, columns=columns, language=asked.language, zone=asked.clock,
        semicolon=asked.semicolon, byte_order_mark=asked.byte_order_mark,
    )
    written = 0

    def rows() -> Iterator[Row]:
        nonlocal written
        for row in listview.stream(conn, view, asked.filter, rights, user_id, asked.columns):
            yield row
            written += 1
            if advance is not None:
                advance(written)

    with clock.on(table.zone):
        write(stream, Form(asked.form), table, rows())
    return written


def _names(view: View, columns: tuple[str, ...]) -> tuple[str, ...]:
    shown = listview.shown_columns(view)
    found = []
    for name in columns:
        column = view.column(name)
        if column is None or not column.shown:
            raise UsageError(Wrong.NO_COLUMN.said(name=name, columns=", ".join(shown)))
        found.append(column.name)
    return tuple(dict.fromkeys(found)) or view.first_columns


def _column(view: View, name: str) -> listview.Column:
    column = view.column(name)
    if column is None:
        raise UsageError(Wrong.NO_COLUMN.said(name=name, columns=", ".join(listview.shown_columns(view))))
    return column
