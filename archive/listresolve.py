"""What the filter of an address means for a list: the names of its columns, and what of it is not understood. Pure."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from postbuch.archive import filtergrammar
from postbuch.archive.errors import UsageError
from postbuch.archive.filterform import Condition, Filter, Order, Warned, base_op
from postbuch.archive.listcolumn import Unfit, View, fits, read_test
from postbuch.archive.wrong import Wrong

# Nothing in these is a field that could be another: the number is how much there may be.
_TOO_MUCH = {"long": Wrong.FILTER_TOO_LONG, "many": Wrong.FILTER_TOO_MANY}


def resolve(view: View, wanted: Filter) -> Filter:
    """The filter in the names of the view; what it does not know is left out and becomes a warning. Harmless twice."""
    warnings = list(wanted.warnings)
    conditions = tuple(each for each in map(_known(view, warnings), wanted.conditions) if each)
    within = tuple(each for each in map(_known(view, warnings), wanted.within) if each)
    order: list[Order] = []
    for each in wanted.order:
        column = view.column(each.field)
        if column is None or not column.sortable:
            warnings.append(Warned(kind="order", text=each.field))
        elif all(known.field != column.name for known in order):
            order.append(Order(field=column.name, descending=each.descending))
    tab = wanted.tab
    if tab and tab not in view.tabs:
        warnings.append(Warned(kind="tab", text=tab))
        tab = ""
    return replace(
        wanted, conditions=conditions, within=within, order=tuple(order), tab=tab,
        warnings=tuple(dict.fromkeys(warnings)),
    )


def understood(view: View, arguments: Mapping[str, str]) -> Filter:
    """The filter of an address in the names of the view. Raises UsageError for what a page would only warn of.

    Who asks for a file, or by a program, would not see the warning, and would get more than he meant.
    """
    found = resolve(view, filtergrammar.parse(arguments))
    for each in found.warnings:
        if each.kind in _TOO_MUCH:
            raise UsageError(_TOO_MUCH[each.kind].said(number=each.text))
        if each.kind == "tab":
            raise UsageError(Wrong.NO_TAB.said(tab=each.text, tabs=", ".join(view.tabs) or "–"))
    if found.warnings:
        words = ", ".join(f"{each.kind} '{each.text}'" for each in found.warnings)
        raise UsageError(Wrong.NOT_UNDERSTOOD.said(words=words, fields=", ".join(c.name for c in view.columns)))
    return found


def _known(view: View, warnings: list[Warned]) -> Any:
    def look(each: Condition) -> Condition | None:
        column = view.column(each.field)
        if column is None or not column.filterable:
            warnings.append(Warned(kind="field", text=each.field))
            return None
        if not fits(column.kind, base_op(each.op)[0]):
            warnings.append(Warned(kind="unfit", text=f"{each.field} {each.op}"[:80]))
            return None
        try:
            read_test(column.kind, base_op(each.op)[0], each.value, each.second)
        except Unfit as error:
            warnings.append(Warned(kind="value", text=f"{each.field} {error}"[:80]))
            return None
        return replace(each, field=column.name)

    return look
