"""What a list shows, as it stands in its address: `/?account=3&mailbox=7&unread=1`, `/?q=from:anna`. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from postbuch.archive.letters import Cursor

_NUMBER = re.compile(r"[0-9]{1,18}\Z")
_CURSOR = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?)_(\d{1,18})\Z")
MAX_QUERY_CHARACTERS = 2_000
MAX_OFFSET = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One list. A search goes over everything that may be read and pages by offset, the others by place."""

    account: int | None = None
    mailbox: int | None = None
    unread: bool = False
    query: str = ""
    before: Cursor | None = None
    after: Cursor | None = None
    offset: int = 0

    @property
    def scope(self) -> dict[str, Any]:
        """The arguments without the place: the first page of the same list, and the context of a letter's address."""
        found: dict[str, Any] = {}
        if self.query:
            return {"q": self.query}
        if self.account is not None:
            found["account"] = self.account
        if self.mailbox is not None:
            found["mailbox"] = self.mailbox
        if self.unread:
            found["unread"] = 1
        return found

    @property
    def name(self) -> str:
        """For the record: what was looked at."""
        if self.query:
            return f"search {self.query}"
        words = [f"{key} {value}" for key, value in self.scope.items()]
        return "list " + (", ".join(words) or "all")


def parse(arguments: Mapping[str, str]) -> Listing:
    """The list that an address means; what makes no sense in it is passed over."""
    offset = _number(arguments.get("offset")) or 0
    return Listing(
        account=_number(arguments.get("account")),
        mailbox=_number(arguments.get("mailbox")),
        unread=arguments.get("unread") == "1",
        query=arguments.get("q", "").strip()[:MAX_QUERY_CHARACTERS],
        before=parse_cursor(arguments.get("before", "")),
        after=parse_cursor(arguments.get("after", "")),
        offset=min(offset, MAX_OFFSET),
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


def _number(text: str | None) -> int | None:
    return int(text) if text and _NUMBER.match(text) else None
