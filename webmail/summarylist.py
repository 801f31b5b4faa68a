"""What the pages of attachments and of senders have in common: their address, sorting, pages, and what narrows them.

The address is that of every list (`archive/filtergrammar.py`); the form of the page writes its fields into it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flask import request, url_for

from postbuch.archive import filtergrammar, listview
from postbuch.archive.filtergrammar import Condition, Filter, Order
from postbuch.archive.listview import View
from postbuch.webmail import listwords

PAGE = 60
PAGE_SIZES = (20, 60, 100, 200)
# Counted no further: "more than 20,000" tells as much, and costs 10 ms where 300,000 would cost 150.
MOST = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """The head of a column: where a click leads, and how the list is sorted by it: ascending, descending or none."""

    name: str
    title: str
    href: str
    sort: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chip:
    """What narrows the list and stands in no field of the form, or was not understood; `without` leads on."""

    text: str
    without: str
    bad: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A list as its address asks for it. `fields`: the form, filled in; `extra`: what of the address is none of it."""

    view: View
    endpoint: str
    filter: Filter
    fields: dict[str, str]
    extra: dict[str, Any]

    @property
    def size(self) -> int:
        return self.filter.page_size or PAGE

    @property
    def scope(self) -> dict[str, Any]:
        """The arguments of the first page."""
        return {**filtergrammar.write(replace(self.filter, offset=0)), **self.extra}

    def href(self, **changes: Any) -> str:
        """The address of the list with another filter."""
        return url_for(self.endpoint, **filtergrammar.write(replace(self.filter, **changes)), **self.extra)

    def headings(self, names: Sequence[str]) -> list[Heading]:
        """Of these columns; a second click turns the order round."""
        now = self.filter.order or self.view.order
        found = []
        for name in names:
            title = listwords.title(self.view, name)
            column = self.view.column(name)
            is_text = column is not None and column.kind == "text"
            sorted_ = now[0].field == name
            descending = not now[0].descending if sorted_ else not is_text
            order = (Order(field=name, descending=descending),)
            sort = ("descending" if now[0].descending else "ascending") if sorted_ else "none"
            found.append(Heading(name=name, title=title, href=self.href(order=order, offset=0), sort=sort))
        return found

    def chips(self, known: Sequence[tuple[str, str]]) -> list[Chip]:
        """What is not in the form: conditions other than the `known` ones (field, op), and what makes no sense."""
        found = []
        for place, each in enumerate(self.filter.conditions):
            if (each.field, each.op) in known and self.fields.get(each.field) == each.value:
                continue
            rest = self.filter.conditions[:place] + self.filter.conditions[place + 1 :]
            words = listwords.condition(self.view, each)
            found.append(Chip(text=words, without=self.href(conditions=rest, offset=0)))
        clean = self.href(offset=0)
        return found + [
            Chip(text=listwords.warning(each), without=clean, bad=True)
            for each in self.filter.warnings
        ]

    def pages(self, total: int, shown: int) -> tuple[str | None, str | None]:
        """The addresses of the page before and of the next one."""
        start = self.filter.offset
        before = self.href(offset=max(start - self.size, 0)) if start else None
        return before, self.href(offset=start + shown) if start + shown < total else None


def asked(view: View, endpoint: str, form: Sequence[tuple[str, str]], extra: Mapping[str, Any]) -> Asked:
    """The list that the request's address means. `form`: (field, op) of each field of the form, by its name."""
    wanted = listview.resolve(view, filtergrammar.parse(request.args, usual_page_size=PAGE))
    fields = {"words": wanted.words}
    for field, op in form:
        fields[field] = next((each.value for each in wanted.conditions if (each.field, each.op) == (field, op)), "")
    kept = {name: value for name, value in extra.items() if value}
    return Asked(view=view, endpoint=endpoint, filter=wanted, fields=fields, extra=kept)


def written(asked_: Asked, form: Sequence[tuple[str, str]]) -> str | None:
    """The address that the form of the page means; None when the request did not come from it."""
    if "form" not in request.args:
        return None
    given = {field: request.args.get(f"by_{field}", "").strip()[:200] for field, _ in form}
    names = {field for field, _ in form}
    others = [each for each in asked_.filter.conditions if each.field not in names]
    made = [Condition(field=field, op=op, value=given[field]) for field, op in form if given[field]]
    # Words are words here, also those that look like the conditions of an address.
    words = request.args.get("words", "").strip()[: filtergrammar.MAX_CHARACTERS].replace("~", " ")
    size = request.args.get("pagesize", "")
    filter_ = replace(
        asked_.filter, conditions=(*others, *made), words=words, offset=0,
        page_size=int(size) if size.isdecimal() and int(size) in PAGE_SIZES and int(size) != PAGE else 0,
    )
    return url_for(asked_.endpoint, **filtergrammar.write(filter_), **asked_.extra)
