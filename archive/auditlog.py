"""Reading the record of who did what: newest first, page by page, by who, what, on what, when and by words.

What people typed to find letters may hold what stands in them. Only those who may read every letter see it; for
others such events have neither words nor values, and are not found by them. That is part of the query.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, case, null, or_, select, tuple_

from postbuch.archive.audit import storable
from postbuch.archive.errors import UsageError
from postbuch.archive.schema import audit_event
from postbuch.archive.users import ALL, Rights
from postbuch.archive.wrong import Wrong

PAGE = 50
# Events that one question for words looks at: 50,000 took 0.35 s beside other work on two cores. The answer says how
# far back it looked.
LOOKED_AT = 50_000
# As many as an export reads at once.
CHUNK = 1_000
MAX_TEXT_CHARACTERS = 200
# The actions that keep what somebody typed.
WORDED = (
    "search", "search-keep", "search-end", "find", "media", "senders", "export", "export-refused", "put", "audit-read",
    "audit-export",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An event as a place in the list: what is older comes after it."""

    at: datetime
    id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What is asked for; what is empty is not asked. `since` is the first moment, `until` the first one after (UTC)."""

    actor: str = ""
    action: str = ""
    target: str = ""
    text: str = ""
    since: datetime | None = None
    until: datetime | None = None

    def as_record(self) -> dict[str, str]:
        """For the record: what was asked."""
        names = ("actor", "action", "target", "text", "since", "until")
        return {name: str(getattr(self, name)) for name in names if getattr(self, name)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Events newest first, and where the next page begins; None at the end.

    `is_cut`: the words were looked for as far back as `older`, and no further.
    """

    rows: list[dict[str, Any]]
    older: Place | None
    is_cut: bool = False


def page(
    conn: Connection, wanted: Filter, accounts: Rights, *, before: Place | None = None, limit: int = PAGE
) -> Page:
    """One page. Each row: id, at, actor, origin, action, target (None: not for this reader), before, after.

    Read in the order of an index: neither the number of events nor the depth of the page costs anything.
    """
    query = _ordered(_columns(accounts).where(*_conditions(wanted, accounts), *_older_than(before)), wanted)
    end = None
    if wanted.text:
        end = _end(conn, wanted, accounts, before)
        query = query.where(_has(storable(wanted.text), accounts))
        if end is not None:
            place = tuple_(audit_event.c.at, audit_event.c.id)
            query = query.where(audit_event.c.at >= end.at, place >= (end.at, end.id))
    found = conn.execute(query.limit(limit + 1)).all()
    if len(found) > limit:
        last = found[limit - 1]
        return Page(rows=[_row(row) for row in found[:limit]], older=Place(at=last.at, id=last.id))
    return Page(rows=[_row(row) for row in found], older=end, is_cut=end is not None)


def everything(conn: Connection, wanted: Filter, accounts: Rights, upto: Place) -> Iterator[dict[str, Any]]:
    """All events from `upto` back that are asked for, for an export: in pieces, so that memory does not grow."""
    place: Place | None = replace(upto, id=upto.id + 1)
    while place is not None:
        found = page(conn, wanted, accounts, before=place, limit=CHUNK)
        yield from found.rows
        place = found.older


def newest(conn: Connection) -> Place:
    """The newest event. There is one: whoever asks was put on record."""
    row = conn.execute(_ordered(select(audit_event.c.at, audit_event.c.id), Filter()).limit(1)).one()
    return Place(at=row.at, id=row.id)


def read_day(text: str) -> datetime:
    """Midnight of a day such as 2026-01-31. Raises UsageError."""
    try:
        return datetime.strptime(text, "%Y-%m-%d")
    except ValueError:
        raise UsageError(Wrong.NO_DAY.said(text=text)) from None


def _columns(accounts: Rights) -> Select[Any]:
    event = audit_event.c
    kept: list[ColumnElement[Any]] = [event.target, event.before_value, event.after_value]
    if accounts != ALL:
        kept = [case((event.action.in_(WORDED), null()), else_=column) for column in kept]
    names = ("target", "before_value", "after_value")
    return select(
        event.id, event.at, event.actor, event.origin, event.action,
        *(column.label(name) for column, name in zip(kept, names, strict=True)),
    )


def _conditions(wanted: Filter, accounts: Rights) -> list[ColumnElement[bool]]:
    event = audit_event.c
    found: list[ColumnElement[bool]] = [
        column == storable(text)
        for column, text in ((event.actor, wanted.actor), (event.action, wanted.action), (event.target, wanted.target))
        if text
    ]
    if wanted.target and accounts != ALL:
        found.append(event.action.not_in(WORDED))
    if wanted.since is not None:
        found.append(event.at >= wanted.since)
    if wanted.until is not None:
        found.append(event.at < wanted.until)
    return found


def _older_than(place: Place | None) -> tuple[ColumnElement[bool], ...]:
    """Said twice: for a row comparison MariaDB does not use the index."""
    if place is None:
        return ()
    event = audit_event.c
    return (event.at <= place.at, tuple_(event.at, event.id) < (place.at, place.id))


def _ordered(query: Select[Any], wanted: Filter) -> Select[Any]:
    """Newest first along the index of what is rarest. Left to itself MariaDB sorts half of all events for a page."""
    asked = ((wanted.target, "target"), (wanted.actor, "actor"), (wanted.action, "action"), ("*", "at"))
    column = next(name for text, name in asked if text)
    query = query.with_hint(audit_event, f"FORCE INDEX (audit_event_{column})")
    return query.order_by(audit_event.c.at.desc(), audit_event.c.id.desc())


def _end(conn: Connection, wanted: Filter, accounts: Rights, before: Place | None) -> Place | None:
    """The last event that a question for words looks at; None when all are."""
    query = select(audit_event.c.at, audit_event.c.id).where(*_conditions(wanted, accounts), *_older_than(before))
    row = conn.execute(_ordered(query, wanted).limit(1).offset(LOOKED_AT - 1)).one_or_none()
    return None if row is None else Place(at=row.at, id=row.id)


def _has(text: str, accounts: Rights) -> ColumnElement[bool]:
    event = audit_event.c
    where = (event.actor, event.origin, event.action, event.target, event.before_value, event.after_value)
    found = or_(*(column.contains(text, autoescape=True, escape="|") for column in where))
    return found if accounts == ALL else found & event.action.not_in(WORDED)


def _row(row: Any) -> dict[str, Any]:
    return {
        "id": row.id, "at": row.at, "actor": row.actor, "origin": row.origin, "action": row.action,
        "target": row.target, "before": _values(row.before_value), "after": _values(row.after_value),
    }


def _values(text: str | None) -> Any:
    return None if text is None else json.loads(text)
