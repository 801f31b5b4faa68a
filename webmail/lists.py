"""Any list as a page: columns that are chosen and remembered, chips that mirror the address, sorting, page size.

What a list holds comes from `archive/listview.py` alone, so that what is shown, marked and exported is the same.
"""

from dataclasses import dataclass, field, replace
from typing import Any

from flask import request, url_for
from sqlalchemy import Connection

from postbuch.archive import listchoices, listresolve, listview
from postbuch.archive.errors import UsageError
from postbuch.archive.listchoices import Choice
from postbuch.archive.listorder import Anchor
from postbuch.archive.listview import View
from postbuch.webmail import listing, listwords, strangewords
from postbuch.webmail.listaddress import ENDPOINTS, Chip, Head, address, chips, heading
from postbuch.webmail.listing import Listing
from postbuch.webmail.people import COLUMNS
from postbuch.webmail.sessions import Viewer

USUAL_PAGE_SIZE = 50
PAGE_SIZES = (20, 50, 100, 200, 500)
# Counted no further where many are meant: "more than 10,000" tells as much, and counting ends within 50 ms.
MOST = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Beyond:
    """Where to go from a page behind the end of a list that has rows: last is None when they were not all counted."""

    first: str
    last: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """One page of a list. total: NOT_COUNTED (-1) when it was not counted."""

    view: View
    listing: Listing
    rows: list[dict[str, Any]]
    total: int
    newer: str | None
    older: str | None
    chips: list[Chip] = field(default_factory=list)
    choice: Choice = field(default_factory=Choice)
    page_size: int = USUAL_PAGE_SIZE
    problem: str = ""
    beyond: Beyond | None = None

    @property
    def most(self) -> int | None:
        """How far it was counted, when there are more."""
        return MOST if self.total == MOST + 1 else None

    @property
    def by_age(self) -> bool:
        """Whether its pages lead to older and newer letters."""
        return self.total < 0 and not self.listing.filter.order

    @property
    def hrefs(self) -> dict[int, str]:
        """Where each row leads."""
        return {each["id"]: _href(self.view, self.listing, each["id"]) for each in self.rows}

    @property
    def action(self) -> str:
        """Where its filter form leads: an address of ours, whatever link it was opened by."""
        return url_for(ENDPOINTS[self.view.name])

    @property
    def criteria(self) -> tuple[bool, str] | None:
        """Whether one of its conditions is enough, and the address where that is the other way; None with one field."""
        wanted = self.listing.filter
        if len({each.field for each in wanted.conditions}) < 2:
            return None
        one = wanted.criteria == "or"
        return one, address(self.view, replace(wanted, criteria="and" if one else "or"))

    @property
    def is_table(self) -> bool:
        """Whether somebody chose columns: then it is a table."""
        return bool(self.choice.columns)

    @property
    def columns(self) -> list[tuple[str, str, bool]]:
        """What can be chosen: name, title, and whether it is; those that are come first, in their order."""
        chosen = self.choice.columns or self.view.first_columns
        names = [*chosen, *(name for name in listview.shown_columns(self.view) if name not in chosen)]
        return [(name, listwords.title(self.view, name), name in chosen) for name in names]

    @property
    def fields(self) -> list[tuple[str, str, str]]:
        """What can be filtered by: name, title and kind."""
        return [
            (each.name, listwords.title(self.view, each.name), each.kind)
            for each in self.view.columns if each.filterable
        ]  # fmt: skip

    @property
    def heads(self) -> list[Head]:
        """The columns of the table."""
        names = self.choice.columns or self.view.first_columns
        return [heading(self.view, self.listing.filter, name) for name in names]

    @property
    def sorting(self) -> list[Head]:
        """Every column that can be sorted by."""
        return [head for head in self._all_heads() if head.href]

    def _all_heads(self) -> list[Head]:
        return [heading(self.view, self.listing.filter, name) for name in listview.shown_columns(self.view)]


def wanted_of(view: View, *, is_link: bool = False, choice: Choice | None = None) -> Listing:
    """The list that the request's address means, in the names of the view, with a warning for what is none."""
    usual = (choice.page_size if choice else 0) or USUAL_PAGE_SIZE
    found = listing.parse(request.args, is_link=is_link, usual_page_size=usual)
    filter_ = listresolve.resolve(view, found.filter)
    strange = strangewords.warnings(request.args)
    return replace(found, filter=replace(filter_, warnings=(*filter_.warnings, *strange)))


def sheet(
    conn: Connection, who: Viewer, view: View, wanted: Listing, choice: Choice | None = None, place: str = ""
) -> Sheet:
    """The page, for whoever looks. A search with a mistake gives one with the problem. `place`: as in `chips`."""
    choice = choice or listchoices.find(conn, who.user_id, view.name)
    known = listview.shown_columns(view)
    choice = replace(choice, columns=tuple(name for name in choice.columns if name in known))
    size = wanted.filter.page_size or choice.page_size or USUAL_PAGE_SIZE
    names = (*view.first_columns, *choice.columns, *(COLUMNS if view.name == "letters" else ()))
    bare = Sheet(
        view=view, listing=wanted, choice=choice, page_size=size, chips=chips(view, wanted.filter, place=place),
        rows=[], total=0, newer=None, older=None,
    )
    try:
        page = listview.page(
            conn, view, wanted.filter, who.accounts, who.user_id, limit=size, before=wanted.before,
            after=wanted.after, names=names, most=MOST, count_all=False, anchor=wanted.anchor,
        )
    except UsageError as error:
        return replace(bare, problem=listwords.no_search(error), total=listview.NOT_COUNTED)
    start = wanted.filter.offset
    if not page.rows and (start or wanted.before or wanted.after or wanted.anchor):
        bare = replace(bare, beyond=_beyond(conn, who, view, wanted, page.total, size))
    if page.by_cursor:
        newer = _at(view, wanted, after=page.newer and listing.write_cursor(page.newer)) if page.newer else None
        older = _at(view, wanted, before=page.older and listing.write_cursor(page.older)) if page.older else None
    else:
        end = start + len(page.rows)
        ahead, behind = _beside(page)
        newer = _at(view, wanted, offset=max(start - size, 0) or None, **ahead) if page.fewer else None
        older = _at(view, wanted, offset=end, **behind) if page.more else None
    return replace(bare, rows=page.rows, total=page.total, newer=newer, older=older)


def keep_place(endpoint: str, values: dict[str, Any]) -> None:
    """For `Flask.url_defaults`: links among the pages of letters keep the page of the list that they came from."""
    if not endpoint.startswith("letter.") or request.blueprint != "letter":
        return
    place = listing.parse(request.args)
    for name, value in place.context.items():
        if name in listing.PLACES:
            values.setdefault(name, value)


def _beside(page: listview.Page) -> tuple[dict[str, int], dict[str, int]]:
    """What asks for the page before and for the next one, beside the offset."""
    if not page.changing or not page.rows:
        return {}, {}
    first, last = Anchor(key=page.rows[0]["id"], ahead=True), Anchor(key=page.rows[-1]["id"])
    return listing.write_anchor(first), listing.write_anchor(last)


def _beyond(conn: Connection, who: Viewer, view: View, wanted: Listing, total: int, size: int) -> Beyond | None:
    if total < 0:
        total = listview.count(conn, view, wanted.filter, who.accounts, who.user_id, most=MOST)
    if not total:
        return None
    last = _at(view, wanted, offset=last_offset(total, size) or None) if total <= MOST else None
    return Beyond(first=_at(view, wanted), last=last)


def last_offset(total: int, size: int) -> int:
    """Where the last page begins."""
    return (total - 1) // size * size


def _href(view: View, wanted: Listing, number: int) -> str:
    if view.name == "topics":
        return url_for("topics.show", letter_id=number, **wanted.context)
    return url_for("letter.show", letter_id=number, **wanted.context)


def _at(view: View, wanted: Listing, **place: Any) -> str:
    return url_for(ENDPOINTS[view.name], **wanted.scope, **place)
