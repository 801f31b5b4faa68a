"""The address of a list and what leads to another one: its chips, the heads of its columns, a filter that is added."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from flask import url_for

from postbuch.archive import filtergrammar
from postbuch.archive.filterform import OPS, Condition, Filter, Order, base_op
from postbuch.archive.listview import View
from postbuch.webmail import listwords
from postbuch.webmail.listing import Listing

ENDPOINTS = {
    "letters": "mailbox.index", "topics": "topics.index", "media": "media.index", "senders": "senders.index",
}  # fmt: skip
Joined = Literal["", "or", "and"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chip:
    """One condition of the address in words, and the address without it. `bad`: what was not understood.

    joined: how it counts beside those before it: "or" as an alternative, "and" behind alternatives; else empty.
    """

    text: str
    without: str
    bad: bool = False
    joined: Joined = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The head of a column: its title, where a click leads, and how the list is sorted by it (a, d or nothing)."""

    name: str
    kind: str
    title: str
    href: str
    sorted: str


def address(view: View, wanted: Filter, **more: Any) -> str:
    """The address of a list, at its first page."""
    return url_for(ENDPOINTS[view.name], **filtergrammar.write(replace(wanted, offset=0)), **more)


def heading(view: View, wanted: Filter, name: str, **more: Any) -> Head:
    """The head of a column: a click sorts by it, the next one the other way round. `more`: as in `address`."""
    column = view.column(name)
    if column is None:
        raise LookupError(name)
    order = wanted.order or view.order
    now = ("d" if order[0].descending else "a") if order[0].field == name else ""
    # What is newest, largest or most comes first; texts begin at a.
    descending = now == "a" if now else column.kind not in ("text", "list")
    chosen = (Order(field=name, descending=descending),)
    href = address(view, replace(wanted, order=() if chosen == view.order else chosen), **more)
    return Head(
        name=name, kind=column.kind, title=listwords.title(view, name), href=href if column.sortable else "", sorted=now
    )


def chips(
    view: View, wanted: Filter, form: Filter | None = None, *, place: str = "", **more: Any
) -> list[Chip]:
    """What narrows the list, and what of its address was not understood. `more`: as in `address`.

    form: the conditions that the fields of a form on the page show, as one of them shows the words. One that is an
    alternative as well stays a chip there.
    place: what the account or the mailbox is called. It and the tab are the title of a list that nothing else narrows.
    """

    def chip(text: str, **without: Any) -> Chip:
        return Chip(text=text, without=address(view, replace(wanted, **without), **more))

    found: list[Chip] = []
    groups: set[str] = set()
    # Those of one field beside each other, as they are alternatives; the filter keeps its own order.
    for number, each in sorted(enumerate(wanted.conditions), key=lambda one: _group(wanted, one[1])):
        if form is not None and each in form.conditions:
            continue
        made = chip(listwords.condition(view, each), conditions=_without(wanted.conditions, number))
        either = bool(groups) if wanted.criteria == "or" else each.field in groups
        found.append(replace(made, joined="or" if either else "and" if any(one.joined for one in found) else ""))
        groups.add(each.field)
    after: Joined = "and" if any(each.joined for each in found) else ""
    for number, each in enumerate(wanted.within):
        if form is None or each not in form.within:
            made = chip(listwords.condition(view, each), within=_without(wanted.within, number))
            found.append(replace(made, joined=after))
    if wanted.words and form is None:
        found.append(chip(listwords.words(wanted.words), words=""))
    if not wanted.is_plain and wanted.tab in listwords.TABS:
        found.append(chip(str(listwords.TABS[wanted.tab]), tab=""))
    if not wanted.is_plain and place:
        found.append(chip(place, account=None, mailbox=None))
    return found + [replace(chip(listwords.warning(each)), bad=True) for each in wanted.warnings]


def with_condition(view: View, wanted: Listing, arguments: Mapping[str, str]) -> str | None:
    """The address with the condition that the filter form adds; None when it adds none.

    Who adds a filter means to narrow the list. As another condition on its field would be an alternative to the first,
    it becomes one that must hold as well; who chose that one of all is enough gets one more of them.
    """
    name, op = arguments.get("add_field", ""), arguments.get("add_op", "")
    if not name:
        return None
    made = Condition(
        field=name[:40], op=op if op in OPS else "contains", value=arguments.get("add_value", "").strip(),
        second=arguments.get("add_second", "").strip() if op.endswith("between") else "",
    )
    filter_ = wanted.filter
    if made.value or made.second or base_op(made.op)[0] == "empty":
        filter_ = narrowed(filter_, made) if filter_.criteria == "and" else replace(
            filter_, conditions=(*filter_.conditions, made)
        )
    return address(view, filter_)


def narrowed(wanted: Filter, made: Condition) -> Filter:
    """The filter with one condition more, which must hold whatever the others are."""
    if wanted.criteria == "or" or any(each.field == made.field for each in wanted.conditions):
        return replace(wanted, within=(*wanted.within, made))
    return replace(wanted, conditions=(*wanted.conditions, made))


def _group(wanted: Filter, condition: Condition) -> int:
    """Where the first condition on the same field stands."""
    return next(place for place, each in enumerate(wanted.conditions) if each.field == condition.field)


def _without(conditions: tuple[Condition, ...], place: int) -> tuple[Condition, ...]:
    return conditions[:place] + conditions[place + 1 :]
