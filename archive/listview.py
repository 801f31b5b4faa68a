"""The one list engine: a filter (`filtergrammar.py`) on a view, as pages and as a stream of rows.

Every list, export and count goes through here, so that what is shown, marked, printed and exported is the same. The
rights are part of each query. Newest-first pages are read in the order of an index as long as nothing narrows them,
those sorted by sender, subject or size where that is quicker than sorting.
"""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Select, and_, func, or_, select, true

from postbuch.archive import listanchor, listnewest, listquery
from postbuch.archive.errors import UsageError
from postbuch.archive.filterform import Filter
from postbuch.archive.listcolumn import Column as Column
from postbuch.archive.listcolumn import Place, Scope
from postbuch.archive.listcolumn import View as View
from postbuch.archive.listlead import Lead
from postbuch.archive.listorder import Anchor, Cursor
from postbuch.archive.listresolve import resolve
from postbuch.archive.listview_letters import LETTERS
from postbuch.archive.listview_media import MEDIA
from postbuch.archive.listview_senders import SENDERS
from postbuch.archive.listview_topics import TOPICS
from postbuch.archive.users import ALL, Rights
from postbuch.archive.wrong import Wrong

VIEWS: dict[str, View] = {view.name: view for view in (LETTERS, TOPICS, MEDIA, SENDERS)}
# Rows that a stream looks up together: 500 letters with all their columns are below 2 MB.
CHUNK = 500
NOT_COUNTED = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some rows (column name → value, `id` always), how many there are, and where the neighbouring pages begin.

    total: exact, or `most` + 1 when there are more and it was asked so, or NOT_COUNTED. older, newer, by_cursor: of a
    list in the usual order that nothing narrows. more, fewer: whether rows come behind this page, and before it.
    changing: the neighbouring pages of such a list are asked for by an anchor.
    """

    rows: list[dict[str, Any]]
    total: int
    older: Cursor | None = None
    newer: Cursor | None = None
    more: bool = False
    by_cursor: bool = False
    fewer: bool = False
    changing: bool = False


def page(
    conn: Connection, view: View, wanted: Filter, rights: Rights, user_id: int | None, *, limit: int = 50,
    offset: int | None = None, before: Cursor | None = None, after: Cursor | None = None,
    names: Sequence[str] | None = None, most: int | None = None, count_all: bool = True, anchor: Anchor | None = None,
) -> Page:
    """One page. `names`: the columns that are wanted, else the usual. Raises UsageError for a search with a mistake.

    `before` and `after` count only in the usual order of a list that nothing narrows, an `anchor` (instead of the
    offset) in one that changes as it is read, if it is within the rights. `most`: count no further.
    Without `count_all` a list that only an account, a mailbox or a tab narrows is not counted, nor that of an address
    with very many letters: of a million letters that would take longer than the page.
    """
    wanted, scope = _for(view, wanted, rights, user_id)
    offset = wanted.offset if offset is None else offset
    columns = view.first_columns if names is None else names
    if is_quick(view, wanted):
        return _quick(conn, view, wanted, scope, Place(limit=limit, offset=offset, before=before, after=after),
                      columns, most, count_all)  # fmt: skip
    changing = listanchor.is_changing(wanted)
    if changing and anchor is not None:
        found_there = _anchored(conn, view, wanted, scope, anchor, limit, columns)
        if found_there is not None:
            counted = count_all or not wanted.is_plain
            total = count(conn, view, wanted, rights, user_id, most=most) if counted else NOT_COUNTED
            return replace(found_there, total=total)
        # Not enough rows are left before the page, or the anchor is none that may be read: it is the first one.
        offset = 0 if anchor.ahead else offset
    lead = listquery.lead(conn, view, wanted)
    known = _by_index(conn, view, wanted, scope, Place(limit=limit + 1, offset=offset), lead, most, count_all)
    if known is not None:
        keys, total = known
        rows = _rows(conn, view, keys[:limit], scope, columns)
        return Page(rows=rows, total=total, more=len(keys) > limit, fewer=offset > 0, changing=changing)
    query = listquery.keys(conn, view, wanted, scope, lead)
    if most is None or (listquery.is_narrow(view, wanted) and not _is_in_order(view, wanted, rights)):
        # The total beside each row: the letters are looked for once.
        found = conn.execute(listquery.ordered(query.add_columns(func.count().over()), view, wanted, scope)
                             .limit(limit).offset(offset)).all()  # fmt: skip
        total = found[0][1] if found else (offset and count(conn, view, wanted, rights, user_id)) or 0
        more = offset + len(found) < total
    else:
        found = conn.execute(listquery.ordered(query, view, wanted, scope).limit(limit + 1).offset(offset)).all()
        more, found = len(found) > limit, found[:limit]
        counted = count_all or not wanted.is_plain
        total = count(conn, view, wanted, rights, user_id, most=most) if counted else NOT_COUNTED
    rows = _rows(conn, view, [row[0] for row in found], scope, columns)
    return Page(rows=rows, total=total, more=more, fewer=offset > 0, changing=changing)


def _anchored(
    conn: Connection, view: View, wanted: Filter, scope: Scope, anchor: Anchor, limit: int, names: Sequence[str]
) -> Page | None:
    """The page next to the anchor, not counted; None where the anchor tells none or what is ahead of it fills none."""
    found = listanchor.keys(conn, view, wanted, scope, anchor, limit + 1)
    if found is None or (anchor.ahead and len(found) < limit):
        return None
    further, keys = len(found) > limit, found[:limit]
    if anchor.ahead:
        keys.reverse()
    beyond = Anchor(key=keys[-1 if anchor.ahead else 0], ahead=not anchor.ahead) if keys else None
    back = beyond is not None and bool(listanchor.keys(conn, view, wanted, scope, beyond, 1))
    more, fewer = (back, further) if anchor.ahead else (further, back)
    return Page(rows=_rows(conn, view, keys, scope, names), total=NOT_COUNTED, more=more, fewer=fewer, changing=True)


def _by_index(
    conn: Connection, view: View, wanted: Filter, scope: Scope, place: Place, lead: Lead | None, most: int | None,
    count_all: bool,
) -> tuple[list[int], int] | None:
    """The numbers of a page and the total, where an index tells the page; else None. Raises UsageError."""
    if view.found is not None and _is_search(view, wanted):
        answer = view.found(conn, wanted.words, scope, place)
        if answer is not None:
            return answer[1], answer[0]
    end, usual = place.offset + place.limit, listquery.is_usual(view, wanted)
    if view.newest is not None and wanted.is_plain and usual:
        newest = view.newest(conn, scope, end)
        if newest is not None:
            return newest[place.offset :], count(conn, view, wanted, scope.rights, scope.user_id, most=most)
    if view.walk is not None and wanted.is_plain:
        walked = view.walk(conn, scope, wanted, place)
        if walked is not None:
            counted = count(conn, view, wanted, scope.rights, scope.user_id, most=most) if count_all else NOT_COUNTED
            return walked, counted
    near = listnewest.near(conn, view, wanted, scope, lead, end) if usual and not count_all else None
    if near is not None:
        return near[0][place.offset :], NOT_COUNTED if near[1] is None else near[1]
    return None


def is_quick(view: View, wanted: Filter) -> bool:
    """Whether its pages are read in the order of an index. For a resolved filter."""
    return (
        view.quick is not None and wanted.is_plain and listquery.is_usual(view, wanted)
        and wanted.tab in view.quick_tabs
    )


def count(
    conn: Connection, view: View, wanted: Filter, rights: Rights, user_id: int | None, *, most: int | None = None,
    whole: bool = False,
) -> int:
    """How many rows there are; with `most` no further than one more than that. Raises UsageError.

    `whole`: as `keys_of` finds them.
    """
    keys = every(conn, view, wanted, rights, user_id, whole=whole)
    if most is not None:
        keys = keys.limit(most + 1)
    return conn.scalar(select(func.count()).select_from(keys.subquery())) or 0


def every(
    conn: Connection, view: View, wanted: Filter, rights: Rights, user_id: int | None, *, whole: bool = False
) -> Select[Any]:
    """The numbers of all rows, in no order. `whole` as in `count`. Raises UsageError."""
    wanted, scope = _for(view, wanted, rights, user_id, whole=whole)
    if view.keys is not None and wanted.is_plain:
        return view.keys(scope)
    return listquery.keys(conn, view, wanted, scope, listquery.lead(conn, view, wanted))


def stream(
    conn: Connection, view: View, wanted: Filter, rights: Rights, user_id: int | None, column_names: Sequence[str]
) -> Iterator[tuple[Any, ...]]:
    """Every row as a tuple of these columns, in the order of the list. Eight octets a row, and one chunk.

    Raises UsageError for a search with a mistake or a column that is none, when the first row is asked for.
    """
    for name in column_names:
        column = view.column(name)
        if column is None or not column.shown:
            raise UsageError(Wrong.NO_COLUMN.said(name=name, columns=", ".join(shown_columns(view))))
    scope = Scope(rights=rights, user_id=user_id)
    numbers = keys_of(conn, view, wanted, rights, user_id)
    for start in range(0, len(numbers), CHUNK):
        for row in _rows(conn, view, list(numbers[start : start + CHUNK]), scope, column_names):
            yield tuple(row[name] for name in column_names)


def keys_of(
    conn: Connection, view: View, wanted: Filter, rights: Rights, user_id: int | None, *, limit: int | None = None
) -> "array[int]":
    """The numbers of all rows in the order of the list, those too that the index lacks yet. Raises UsageError."""
    wanted, scope = _for(view, wanted, rights, user_id, whole=True)
    query = listquery.keys(conn, view, wanted, scope, listquery.lead(conn, view, wanted))
    query = listquery.ordered(query, view, wanted, scope).limit(limit)
    # As options of this statement: those of a connection would stay, and each later question would be a stream.
    with conn.execute(query, execution_options={"stream_results": True, "yield_per": 10_000}) as found:
        return array("Q", (row[0] for row in found))


def beside(
    conn: Connection, view: View, wanted: Filter, rights: Rights, user_id: int | None, key: int
) -> tuple[int | None, int | None]:
    """The numbers before and after one in the list, None at either end. Costs as much as the list. Raises UsageError.

    The row itself need not be in the list any more: one that was opened from a list of unread letters is read since.
    One outside the rights has no neighbours: where it would stand in the list tells when it came.
    """
    wanted, scope = _for(view, wanted, rights, user_id)
    order = listquery.order(view, wanted, scope)
    conditions = and_(true(), *listquery.conditions(conn, view, wanted, scope))
    found = (
        view.source(scope).with_only_columns(
            view.key.label("key"), func.lag(view.key).over(order_by=order).label("before"),
            func.lead(view.key).over(order_by=order).label("after"),
        )
        .where(or_(conditions, view.key == key)).subquery()
    )  # fmt: skip
    row = conn.execute(select(found.c.before, found.c.after).where(found.c.key == key)).one_or_none()
    return (None, None) if row is None else (row[0], row[1])


def shown_columns(view: View) -> tuple[str, ...]:
    """The names of what can be a column."""
    return tuple(each.name for each in view.columns if each.shown)


def _for(
    view: View, wanted: Filter, rights: Rights, user_id: int | None, *, whole: bool = False
) -> tuple[Filter, Scope]:
    wanted = resolve(view, wanted)
    return wanted, Scope(rights=rights, user_id=user_id, narrow=listquery.is_narrow(view, wanted), whole=whole)


def _is_in_order(view: View, wanted: Filter, rights: Rights) -> bool:
    """Whether the rows of a summary are read in the order of an index, and counted no further than is told."""
    one = rights == ALL or len(rights) == 1
    return view.keys is not None and one and not wanted.words and all(
        each.op == "equals" for each in (*wanted.conditions, *wanted.within)
    )


def _is_search(view: View, wanted: Filter) -> bool:
    """Whether it is words alone, in the usual order."""
    return bool(wanted.words) and listquery.is_usual(view, wanted) and not (
        wanted.conditions or wanted.within or wanted.account is not None or wanted.mailbox is not None
        or wanted.tab not in ("", "all")
    )  # fmt: skip


def _quick(
    conn: Connection, view: View, wanted: Filter, scope: Scope, place: Place, names: Sequence[str], most: int | None,
    count_all: bool,
) -> Page:
    if view.quick is None:
        raise LookupError(view.name)
    found = view.quick(conn, scope, wanted, replace(place, limit=place.limit + 1))
    more, found = len(found) > place.limit, found[: place.limit]
    after = place.after is not None
    if after:
        found.reverse()
    has_older = bool(found) and (more or after)
    has_newer = bool(found) and (more if after else place.before is not None or place.offset > 0)
    rows = _rows(conn, view, [each.letter_id for each in found], scope, names)
    total = count(conn, view, wanted, scope.rights, scope.user_id, most=most) if count_all else NOT_COUNTED
    return Page(
        rows=rows, total=total, older=found[-1] if has_older else None, newer=found[0] if has_newer else None,
        more=has_older, by_cursor=True,
    )


def _rows(conn: Connection, view: View, keys: list[int], scope: Scope, names: Iterable[str]) -> list[dict[str, Any]]:
    if not keys:
        return []
    names = [name for name in dict.fromkeys(names) if (column := view.column(name)) and column.shown]
    if view.rows is not None:
        return view.rows(conn, keys, scope, names)
    columns = [(view.column(name), name) for name in names]
    chosen = [each.expression(scope).label(name) for each, name in columns if each is not None]
    query = view.source(scope).with_only_columns(view.key.label("id"), *chosen).where(view.key.in_(keys))
    found = {row["id"]: dict(row) for row in conn.execute(query).mappings()}
    return [found[key] for key in keys if key in found]
