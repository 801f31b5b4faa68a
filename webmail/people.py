"""Names and addresses for lists and headers, and a letter's row in a list. Pure but for the address of the letter."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from flask import url_for

from postbuch.archive import harmless
from postbuch.archive.index_snippets import Snippet
from postbuch.webmail import impostors
from postbuch.webmail.listing import Listing

_SHOWN = re.compile(r"\s*<[^<>]*>")
# What `row` takes of the columns of a letter.
COLUMNS = ("from", "to", "subject", "preview", "date", "unread", "attachments", "account")
# Six tints that hold 4.5:1 with white and dark text in both themes; which one a person gets is always the same.
TINTS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A letter in a list."""

    id: int
    href: str
    who: str
    outgoing: bool
    subject: str
    preview: str
    at: datetime
    unread: bool
    has_attachments: bool
    accounts: list[str]
    tint: int
    initials: str
    subject_marked: Snippet | None = None
    passage: Snippet | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody in an address field."""

    name: str
    address: str

    @property
    def shown(self) -> str:
        return self.address if harmless.is_blank(self.name) else self.name

    @property
    def names_another(self) -> bool:
        """Whether the name has an address of somebody else in it."""
        return impostors.names_another(self.name, self.address)

    @property
    def looks_like(self) -> str:
        """The domain as the DNS has it, if it can be taken for another one; else ''."""
        return impostors.looks_like(self.address)

    @property
    def initials(self) -> str:
        return initials(self.shown)

    @property
    def tint(self) -> int:
        return tint(self.address or self.name)


def row(
    facts: Mapping[str, Any], wanted: Listing, own: str = "", *, subject_marked: Snippet | None = None,
    passage: Snippet | None = None,
) -> Row:
    """The row of a letter (`listletters.rows`) as the page shows it.

    `own` is the address whose list it is: what it sent itself is shown with those it was sent to. Of a letter that a
    search found: its subject with the words marked, and the passage that stands in place of its first words.
    """
    sender: str = facts["from"]
    outgoing = bool(own) and own in sender.lower() and bool(facts["to"])
    who = short_names(facts["to"] if outgoing else sender)
    return Row(
        id=facts["id"],
        href=url_for("letter.show", letter_id=facts["id"], **wanted.context),
        who=who,
        outgoing=outgoing,
        subject=facts["subject"],
        preview=facts["preview"],
        at=facts["date"].replace(tzinfo=UTC),
        unread=facts["unread"],
        has_attachments=facts["attachments"] > 0,
        accounts=[each for each in facts["account"] if each != own],
        tint=tint(who),
        initials=initials(who),
        subject_marked=subject_marked,
        passage=passage,
    )


def moment(text: str | None) -> datetime:
    """A time as the archive writes it (ISO 8601 with Z)."""
    return datetime.fromisoformat(text or "1970-01-01T00:00:00Z")


def short_names(display: str) -> str:
    """Names without their addresses; an address where there is no name."""
    named = _SHOWN.sub("", display).strip(" ,")
    return display.strip("<> ") if harmless.is_blank(named) else named


def initials(name: str) -> str:
    """One or two letters for the round sign beside a name."""
    words = [word for word in re.split(r"[\s,._@-]+", name) if word and word[0].isalnum()]
    if not words:
        return "?"
    first = words[0][0]
    return (first + words[1][0] if len(words) > 1 and "@" not in name else first).upper()


def tint(key: str) -> int:
    """Which of the tints a name gets, from 0."""
    return sum(key.lower().encode("utf-8", "replace")) % TINTS
