"""The one list engine: a filter (`filtergrammar.py`) on a view, as pages and as a stream of rows.

Every list, export and count goes through here, so that what is shown, marked, printed and exported is the same. The
rights are part of each query. Newest-first pages are read in the order of an index as long as nothing narrows them,
those sorted by sender, subject or size where that is quicker than sorting.
"""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, false, func, not_, or_, select, true

from postbuch.archive.errors import UsageError
from postbuch.archive.filterform import Condition, Filter, base_op
from postbuch.archive.listcolumn import Column as Column
from postbuch.archive.listcolumn import Place, Scope, compare, opposite, read_test
from postbuch.archive.listcolumn import View as View
from postbuch.archive.listorder import Cursor
from postbuch.archive.listresolve import resolve
from postbuch.archive.listview_letters import LETTERS
from postbuch.archive.listview_media import MEDIA
from postbuch.archive.listview_senders import SENDERS
from postbuch.archive.listview_topics import TOPICS
from postbuch.archive.users import Rights

VIEWS: dict[str, View] = {view.name: view for view in (LETTERS, TOPICS, MEDIA, SENDERS)}
# Rows that a stream looks up together: 500 letters with all their columns are below 2 MB.
CHUNK = 500
NOT_COUNTED = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some rows (column name → value, `id` always), how many there are, and where the neighbouring pages begin.

    total: exact, or `most` + 1 when there are more and it was asked so, or NOT_COUNTED. older, newer, by_cursor: of a
    list in the usual order that nothing narrows. more: whether rows come behind this page.
    """

    rows: list[dict[str, Any]]
    total: int
    older: Cursor | None = None
    newer: Cursor | None = None
    more: bool = False
    by_cursor: bool = False


def page(
    conn: Connection, view: View, wanted: Filter, rights: Rights, user_id: int | None, *, limit: int = 50,
    offset: int | None = None, before: Cursor | None = None, after: Cursor | None = None,
    names: Sequence[str] | None = None, most: int | None = None, count_all: bool = True,
) -> Page:
    """One page. `names`: the columns that are wanted, else the usual. Raises UsageError for a search with a mistake.

    `before` and `after` count only in the usual order of a list that nothing narrows. `most`: count no further.
    Without `count_all` a list that only an account, a mailbox or a tab narrows is not counted: of a million letters
    that would take longer than the page.
    """
    wanted, scope = _for(view, wanted, rights, user_id)
    offset = wanted.offset if offset is None else offset
    columns = view.first_columns if names is None else names
    if is_quick(view, wanted):
        return _quick(conn, view, wanted, scope, Place(limit=limit, offset=offset, before=before, after=after),
                      columns, most, count_all)  # fmt: skip
    if view.found is not None and _is_search(view, wanted):
        answer = view.found(conn, wanted.words, scope, Place(limit=limit, offset=offset))
        if answer is not None:
            total, keys = answer
            rows = _rows(conn, view, keys, scope, columns)
            return Page(rows=rows, total=total, more=offset + len(keys) < total)
    if view.walk is not None and wanted.is_plain:
        walked = view.walk(conn, scope, wanted, Place(limit=limit + 1, offset=offset))
        if walked is not None:
            total = count(conn, view, wanted, rights, user_id, most=most) if count_all else NOT_COUNTED
            rows = _rows(conn, view, walked[:limit], scope, columns)
            return Page(rows=rows, total=total, more=len(walked) > limit)
    query = _keys(conn, view, wanted, scope)
    if most is None or _is_narrow(view, wanted):
        # The total beside each row: the letters are looked for once.
        found = conn.execute(_ordered(query.add_columns(func.count().over()), view, wanted, scope)
                             .limit(limit).offset(offset)).all()  # fmt: skip
        total = found[0][1] if found else (offset and count(conn, view, wanted, rights, user_id)) or 0
        more = offset + len(found) < total
    else:
        found = conn.execute(_ordered(query, view, wanted, scope).limit(limit + 1).offset(offset)).all()
        more, found = len(found) > limit, found[:limit]
        counted = count_all or not wanted.is_plain
        total = count(conn, view, wanted, rights, user_id, most=most) if counted else NOT_COUNTED
    return Page(rows=_rows(conn, view, [row[0] for row in found], scope, columns), total=total, more=more)


def is_quick(view: View, wanted: Filter) -> bool:
    """Whether its pages are read in the order of an index. For a resolved filter."""
    return view.quick is not None and wanted.is_plain and wanted.order in ((), view.order) and (
        wanted.tab in view.quick_tabs
    )


def count(
    conn: Connection, view: View, wanted: Filter, rights: Rights, user_id: int | None, *, most: int | None = None,
    whole: bool = False,
) -> int:
    """How many rows there are; with `most` no further than one more than that. Raises UsageError.

    `whole`: as `keys_of` finds them.
    """
    wanted, scope = _for(view, wanted, rights, user_id, whole=whole)
    keys = _keys(conn, view, wanted, scope)
    if most is not None:
        keys = keys.limit(most + 1)
    return conn.scalar(select(func.count()).select_from(keys.subquery())) or 0


def stream(
    conn: Connection, view: View, wanted: Filter, rights: Rights, user_id: int | None, column_names: Sequence[str]
) -> Iterator[tuple[Any, ...]]:
    """Every row as a tuple of these columns, in the order of the list. Eight octets a row, and one chunk.

    Raises UsageError for a search with a mistake or a column that is none, when the first row is asked for.
    """
    for name in column_names:
        column = view.column(name)
        if column is None or not column.shown:
            raise UsageError(f"the list has no column '{name}'; there is {', '.join(shown_columns(view))}")
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
    query = _ordered(_keys(conn, view, wanted, scope), view, wanted, scope).limit(limit)
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
    order = _order(view, wanted, scope)
    conditions = and_(true(), *_conditions(conn, view, wanted, scope))
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


def _asked(conn: Connection, view: View, wanted: Filter, scope: Scope) -> ColumnElement[bool]:
    """The conditions of a resolved filter, without account, mailbox and tab. Raises UsageError."""
    fields: dict[str, list[ColumnElement[bool]]] = {}
    for each in wanted.conditions:
        fields.setdefault(each.field, []).append(_condition(view, each, scope))
    groups = [or_(false(), *each) for each in fields.values()]
    found = [or_(false(), *groups)] if wanted.criteria == "or" and groups else groups
    found += [_condition(view, each, scope) for each in wanted.within]
    if wanted.words:
        if view.words is None:
            raise UsageError("this list takes no search words; filter by one of its fields")
        found.append(view.words(conn, wanted.words, scope))
    return and_(true(), *found)


def _condition(view: View, each: Condition, scope: Scope) -> ColumnElement[bool]:
    column = view.column(each.field)
    if column is None:
        raise LookupError(each.field)
    base, negative = base_op(each.op)
    test = read_test(column.kind, base, each.value, each.second)
    if column.condition is not None:
        found = column.condition(scope, test)
        # Membership in a set is never NULL; its opposite stays one that is looked up once.
        return not_(found) if negative else found
    found = compare(column.expression(scope), column.kind, test)
    return opposite(found) if negative else found


def _for(
    view: View, wanted: Filter, rights: Rights, user_id: int | None, *, whole: bool = False
) -> tuple[Filter, Scope]:
    wanted = resolve(view, wanted)
    return wanted, Scope(rights=rights, user_id=user_id, narrow=_is_narrow(view, wanted), whole=whole)


def _keys(conn: Connection, view: View, wanted: Filter, scope: Scope) -> Select[Any]:
    return view.source(scope).with_only_columns(view.key).where(*_conditions(conn, view, wanted, scope))


def _conditions(conn: Connection, view: View, wanted: Filter, scope: Scope) -> list[ColumnElement[bool]]:
    narrowed = view.narrowed(conn, scope, wanted) if view.narrowed else ()
    return [*narrowed, _asked(conn, view, wanted, scope)]


def _order(view: View, wanted: Filter, scope: Scope) -> list[Any]:
    """The whole order, which every page, stream and neighbour keeps, however it is read."""
    orders = wanted.order or view.order
    found = []
    for each in orders:
        column = view.column(each.field)
        if column is not None:
            expression = column.expression(scope)
            found.append(expression.desc() if each.descending else expression)
    # A number last, so that no two pages show the same row; the newest first where the rest is equal.
    first = view.column(orders[0].field)
    tie = view.key if first is None or first.tie is None else first.tie(scope)
    return [*found, tie.desc() if orders[0].descending else tie]


def _ordered(query: Select[Any], view: View, wanted: Filter, scope: Scope) -> Select[Any]:
    return query.order_by(*_order(view, wanted, scope))


def _is_search(view: View, wanted: Filter) -> bool:
    """Whether it is words alone, in the usual order."""
    return bool(wanted.words) and wanted.order in ((), view.order) and not (
        wanted.conditions or wanted.within or wanted.account is not None or wanted.mailbox is not None
        or wanted.tab not in ("", "all")
    )  # fmt: skip


def _is_narrow(view: View, wanted: Filter) -> bool:
    """Whether few rows are meant: then they are found once and counted beside."""
    columns = [view.column(each.field) for each in (*wanted.conditions, *wanted.within)]
    return bool(wanted.words) or any(each is not None and each.kind in ("text", "list") for each in columns)


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
