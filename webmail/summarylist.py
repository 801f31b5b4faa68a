"""What the pages of attachments and of senders have in common: their address, sorting, pages, and what narrows them.

The address is that of every list (`archive/filtergrammar.py`); the form of the page writes its fields into it.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flask import request, url_for

from postbuch.archive import filtergrammar, listresolve
from postbuch.archive.filterform import Condition, Filter
from postbuch.archive.listview import View
from postbuch.webmail import listaddress, lists, strangewords
from postbuch.webmail.listaddress import Chip, Head
from postbuch.webmail.lists import Beyond

PAGE = 60
PAGE_SIZES = (20, 60, 100, 200)
# Counted no further: "more than 20,000" tells as much, and costs 10 ms where 300,000 would cost 150.
MOST = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A list as its address asks for it. `extra`: what of the address is none of it.

    fields: the form, filled in. form: the conditions that it shows, where they stand in the filter.
    """

    view: View
    filter: Filter
    fields: dict[str, str]
    form: Filter
    extra: dict[str, Any]

    @property
    def size(self) -> int:
        return self.filter.page_size or PAGE

    @property
    def scope(self) -> dict[str, Any]:
        """The arguments of the first page."""
        return {**filtergrammar.write(replace(self.filter, offset=0)), **self.extra}

    @property
    def hidden(self) -> dict[str, Any]:
        """What the form of the page carries beside its fields."""
        return {**filtergrammar.write(replace(self.filter, offset=0, words="", page_size=0)), **self.extra}

    def headings(self, names: Sequence[str]) -> list[Head]:
        """Of these columns; a second click turns the order round."""
        return [listaddress.heading(self.view, self.filter, name, **self.extra) for name in names]

    def chips(self) -> list[Chip]:
        """What stands in no field of the form."""
        return listaddress.chips(self.view, self.filter, self.form, **self.extra)

    def pages(self, total: int, shown: int) -> tuple[str | None, str | None]:
        """The addresses of the page before and of the next one."""
        start = self.filter.offset
        before = self._at(max(start - self.size, 0)) if start else None
        return before, self._at(start + shown) if start + shown < total else None

    def beyond(self, total: int) -> Beyond | None:
        """Where to go from a page behind the end; None when there is nothing at all."""
        if not total or self.filter.offset < total:
            return None
        last = self._at(lists.last_offset(total, self.size)) if total <= MOST else None
        return Beyond(first=self._at(0), last=last)

    def _at(self, offset: int) -> str:
        return url_for(listaddress.ENDPOINTS[self.view.name], **self.scope, offset=offset or None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """One field of the form of a page: the field of the list that it compares, how, and what can stand in it."""

    field: str
    op: str
    takes: str = r".{1,200}"

    def shows(self, condition: Condition) -> bool:
        """Whether a condition is what it says when it is filled in. What it cannot show is a chip."""
        alike = (condition.field, condition.op) == (self.field, self.op)
        return alike and re.fullmatch(self.takes, condition.value) is not None


def asked(view: View, form: Sequence[Input], extra: Mapping[str, Any]) -> Asked:
    """The list that the request's address means."""
    wanted = listresolve.resolve(view, filtergrammar.parse(request.args, usual_page_size=PAGE))
    wanted = replace(wanted, warnings=(*wanted.warnings, *strangewords.warnings(request.args, extra)))
    fields = {"words": wanted.words}
    alone = _alone(wanted)
    shown = []
    for each in form:
        found = next(filter(each.shows, (*alone, *wanted.within)), None)
        fields[each.field] = found.value if found else ""
        shown += [found] if found else []
    kept = {name: value for name, value in extra.items() if value}
    return Asked(view=view, filter=wanted, fields=fields, extra=kept, form=Filter(
        conditions=tuple(each for each in alone if each in shown),
        within=tuple(each for each in wanted.within if each in shown),
    ))  # fmt: skip


def _alone(wanted: Filter) -> list[Condition]:
    """Those of the conditions that must hold, as what stands in a form must; alternatives are none of them."""
    fields = Counter(each.field for each in wanted.conditions)
    if wanted.criteria == "or" and len(wanted.conditions) > 1:
        fields.clear()
    return [each for each in wanted.conditions if fields[each.field] == 1]


def written(asked_: Asked, form: Sequence[Input]) -> str | None:
    """The address that the form of the page means; None when the request did not come from it."""
    if "form" not in request.args:
        return None
    # Words are words here, also those that look like the conditions of an address.
    words = request.args.get("words", "").strip()[: filtergrammar.MAX_CHARACTERS].replace("~", " ")
    size = request.args.get("pagesize", "")
    filter_ = replace(
        asked_.filter, words=words, offset=0,
        conditions=tuple(each for each in asked_.filter.conditions if each not in asked_.form.conditions),
        within=tuple(each for each in asked_.filter.within if each not in asked_.form.within),
        page_size=int(size) if size.isdecimal() and int(size) in PAGE_SIZES and int(size) != PAGE else 0,
    )
    for each in form:
        value = request.args.get(f"by_{each.field}", "").strip()[:200]
        if value:
            filter_ = listaddress.narrowed(filter_, Condition(field=each.field, op=each.op, value=value))
    return listaddress.address(asked_.view, filter_, **asked_.extra)
