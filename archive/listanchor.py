"""A page that begins behind a row, wherever that row now stands: for lists whose rows leave them under the reader.

Who marks a page of unread letters as read takes it out of the list: by the number of rows before it the next page would
skip as many as went. The row itself may have left the list; where it would stand is told by what is sorted by.
"""

from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, false, or_

from postbuch.archive import audit, listnewest, listquery, query
from postbuch.archive.errors import UsageError
from postbuch.archive.filterform import Filter
from postbuch.archive.listcolumn import Place, Scope, View
from postbuch.archive.listorder import Anchor
from postbuch.archive.query import Node, Not, Word


def is_changing(wanted: Filter) -> bool:
    """Whether rows leave the list or come to it as the reader reads and marks. For a resolved filter."""
    if wanted.tab in ("read", "unread") or any(
        each.field == "unread" for each in (*wanted.conditions, *wanted.within)
    ):
        return True
    try:
        return _asks_for_marks(query.parse(audit.storable(wanted.words)))
    except UsageError:
        return False  # that is said where it is looked for


def _asks_for_marks(node: Node) -> bool:
    match node:
        case Word():
            return node.field == "is"
        case Not():
            return _asks_for_marks(node.node)
        case _:
            return any(map(_asks_for_marks, node.nodes))


def keys(conn: Connection, view: View, wanted: Filter, scope: Scope, anchor: Anchor, limit: int) -> list[int] | None:
    """The keys of the rows behind the anchor or, the nearest first, ahead of it; None for one outside the rights.

    Raises UsageError for a search with a mistake.
    """
    held = _next_to(conn, view, wanted, scope, anchor)
    if held is None:
        return None
    if view.walk is not None and wanted.is_plain:
        walked = view.walk(conn, scope, wanted, Place(limit=limit, anchor=anchor))
        if walked is not None:
            return walked
    lead = listquery.lead(conn, view, wanted)
    if not anchor.ahead and listquery.is_usual(view, wanted):
        near = listnewest.near(conn, view, wanted, scope, lead, limit, held)
        if near is not None:
            return near[0]
    query = listquery.keys(conn, view, wanted, scope, lead).where(held)
    parts = listquery.order_parts(view, wanted, scope)
    return list(conn.scalars(query.order_by(
        *(each.desc() if descending != anchor.ahead else each for each, descending in parts)
    ).limit(limit)))


def _next_to(
    conn: Connection, view: View, wanted: Filter, scope: Scope, anchor: Anchor
) -> ColumnElement[bool] | None:
    """What holds for the rows on the anchor's side of the page."""
    parts = listquery.order_parts(view, wanted, scope)
    values = conn.execute(
        view.source(scope).with_only_columns(*(each.label(f"by_{n}") for n, (each, _) in enumerate(parts)))
        .where(view.key == anchor.key)
    ).one_or_none()  # fmt: skip
    if values is None:
        return None
    found: list[ColumnElement[bool]] = []
    alike: list[ColumnElement[bool]] = []
    for (each, descending), value in zip(parts, values, strict=True):
        found.append(and_(*alike, _beyond(each, value, descending != anchor.ahead)))
        alike.append(each.is_(None) if value is None else each == value)
    # The first part once more by itself: an OR of several uses no index.
    (first, descending), value = parts[0], values[0]
    return and_(or_(_beyond(first, value, descending != anchor.ahead), alike[0]), or_(*found))


def _beyond(each: ColumnElement[Any], value: Any, descending: bool) -> ColumnElement[bool]:
    """Behind the value. The server has NULL below everything."""
    if value is None:
        return false() if descending else each.is_not(None)
    return or_(each < value, each.is_(None)) if descending else each > value
