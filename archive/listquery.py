"""The query of a list: the rows that a resolved filter means on a view, and their whole order. No page, no reading."""

from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, false, not_, or_, true

from postbuch.archive import listlead
from postbuch.archive.errors import UsageError
from postbuch.archive.filterform import Condition, Filter, base_op
from postbuch.archive.listcolumn import Scope, View, compare, opposite, read_test
from postbuch.archive.listlead import Lead
from postbuch.archive.wrong import Mistake


def keys(conn: Connection, view: View, wanted: Filter, scope: Scope, by: Lead | None) -> Select[Any]:
    """The numbers of all rows, made from what leads when something does (`lead`). Raises UsageError."""
    if by is not None and view.led is not None:
        source, wanted = view.led(scope, by.images), by.rest
    elif view.of_texts is not None:
        texts, wanted = _parted(view, wanted)
        source = view.of_texts(scope, None if texts.is_plain else _asked(conn, view, texts, scope))
    else:
        source = view.source(scope)
    return source.with_only_columns(view.key).where(*conditions(conn, view, wanted, scope))


def conditions(conn: Connection, view: View, wanted: Filter, scope: Scope) -> list[ColumnElement[bool]]:
    """What holds for each row. Raises UsageError."""
    narrowed = view.narrowed(conn, scope, wanted) if view.narrowed else ()
    return [*narrowed, _asked(conn, view, wanted, scope)]


def lead(conn: Connection, view: View, wanted: Filter) -> Lead | None:
    """The condition whose rows an index tells, if there is one."""
    return None if view.led is None else listlead.find(conn, view, wanted)


def order(view: View, wanted: Filter, scope: Scope) -> list[Any]:
    """The whole order, which every page, stream and neighbour keeps, however it is read."""
    return [each.desc() if descending else each for each, descending in order_parts(view, wanted, scope)]


def order_parts(view: View, wanted: Filter, scope: Scope) -> list[tuple[ColumnElement[Any], bool]]:
    """What it is ordered by, and whether the largest comes first; together they are unique to each row."""
    orders = wanted.order or view.order
    found = []
    for each in orders:
        column = view.column(each.field)
        if column is not None:
            found.append((column.expression(scope), each.descending))
    # A number last, so that no two pages show the same row; the newest first where the rest is equal.
    first = view.column(orders[0].field)
    tie = view.key if first is None or first.tie is None else first.tie(scope)
    return [*found, (tie, orders[0].descending)]


def ordered(query: Select[Any], view: View, wanted: Filter, scope: Scope) -> Select[Any]:
    """The query in that order."""
    return query.order_by(*order(view, wanted, scope))


def _parted(view: View, wanted: Filter) -> tuple[Filter, Filter]:
    """The conditions on texts that hold for each row, and the rest."""
    alternatives = wanted.criteria == "or" and len({each.field for each in wanted.conditions}) > 1

    def is_text(each: Condition) -> bool:
        column = view.column(each.field)
        return column is not None and column.kind == "text"

    def those(conditions: tuple[Condition, ...], of_texts: bool) -> tuple[Condition, ...]:
        return tuple(each for each in conditions if is_text(each) == of_texts)

    first = () if alternatives else those(wanted.conditions, True)
    rest = wanted.conditions if alternatives else those(wanted.conditions, False)
    texts = Filter(conditions=first, within=those(wanted.within, True))
    return texts, replace(wanted, conditions=rest, within=those(wanted.within, False))


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
            raise UsageError(Mistake.TAKES_NO_WORDS.said())
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


def is_usual(view: View, wanted: Filter) -> bool:
    """Whether it is in the usual order."""
    return wanted.order in ((), view.order)


def is_narrow(view: View, wanted: Filter) -> bool:
    """Whether few rows are meant: then they are found once and counted beside."""
    columns = [view.column(each.field) for each in (*wanted.conditions, *wanted.within)]
    return bool(wanted.words) or any(each is not None and each.kind in ("text", "list") for each in columns)
