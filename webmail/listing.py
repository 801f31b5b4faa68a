"""What a list shows, as it stands in its address: `/?account=3&unread=1`, `/?q=(from~equals~a@b.de)`. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from postbuch.archive import filtergrammar
from postbuch.archive.filterform import Filter
from postbuch.archive.listorder import Anchor, Cursor

_NUMBER = re.compile(r"[0-9]{1,18}\Z")
# The arguments that are a place in a list.
PLACES = ("before", "after", "behind", "ahead", "offset")
_CURSOR = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?)_(\d{1,18})\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One list. What nothing narrows pages by place, everything else by offset.

    anchor: what changes as it is read pages by the row next to the page; where that row is none the next page is found
    by offset, and the one before is the first.
    """

    filter: Filter = field(default_factory=Filter)
    before: Cursor | None = None
    after: Cursor | None = None
    anchor: Anchor | None = None

    @property
    def account(self) -> int | None:
        return self.filter.account

    @property
    def mailbox(self) -> int | None:
        return self.filter.mailbox

    @property
    def unread(self) -> bool:
        return self.filter.tab == "unread"

    @property
    def query(self) -> str:
        """The words that are looked for."""
        return self.filter.words

    @property
    def found(self) -> bool:
        """Whether it is what was looked for, not all that there is."""
        return not self.filter.is_plain

    @property
    def only_words(self) -> bool:
        """Whether it is a search in all letters and nothing more, as the command line has it."""
        plain = replace(Filter(), words=self.query, offset=self.filter.offset, page_size=self.filter.page_size)
        return bool(self.query) and replace(self.filter, order=(), warnings=()) == plain

    @property
    def scope(self) -> dict[str, Any]:
        """The arguments without the place: the first page of the same list."""
        return filtergrammar.write(replace(self.filter, offset=0))

    @property
    def context(self) -> dict[str, Any]:
        """The arguments with the place: this page of the list, which a letter's address keeps for the way back."""
        cursors = {"before": self.before, "after": self.after}
        return filtergrammar.write(self.filter) | {
            name: write_cursor(cursor) for name, cursor in cursors.items() if cursor
        } | (write_anchor(self.anchor) if self.anchor else {})

    @property
    def at_first_page(self) -> "Listing":
        """The same list without the place."""
        return Listing(filter=replace(self.filter, offset=0))

    @property
    def name(self) -> str:
        """For the record: what was looked at."""
        if self.found:
            return f"search {self.query if self.only_words else urlencode(self.scope)}"
        words = [f"{key} {value}" for key, value in self.scope.items()]
        return "list " + (", ".join(words) or "all")


def parse(arguments: Mapping[str, str], *, is_link: bool = False, usual_page_size: int = 50) -> Listing:
    """The list that an address means. `is_link`: it is one of the seed product's own."""
    wanted = filtergrammar.parse(arguments, usual_page_size=usual_page_size, is_link=is_link)
    return Listing(
        filter=wanted, before=parse_cursor(arguments.get("before", "")), after=parse_cursor(arguments.get("after", "")),
        anchor=_anchor(arguments),
    )


def write_cursor(cursor: Cursor) -> str:
    """A place in a list as it stands in an address."""
    return f"{cursor.sort_at.isoformat()}_{cursor.letter_id}"


def parse_cursor(text: str) -> Cursor | None:
    """The place; None when it is none."""
    found = _CURSOR.match(text)
    if found is None:
        return None
    try:
        return Cursor(sort_at=datetime.fromisoformat(found[1]), letter_id=int(found[2]))
    except ValueError:
        return None


def write_anchor(anchor: Anchor) -> dict[str, int]:
    """The argument that asks for the page next to a row."""
    return {"ahead" if anchor.ahead else "behind": anchor.key}


def _anchor(arguments: Mapping[str, str]) -> Anchor | None:
    for name in ("behind", "ahead"):
        if _NUMBER.match(arguments.get(name, "")):
            return Anchor(key=int(arguments[name]), ahead=name == "ahead")
    return None
