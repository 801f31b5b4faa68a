"""The list of letters: its columns, what each is compared with, and how its rows are read.

A letter is one or more images; what is compared is any image that was seen within the rights, what is shown is the
first of these. An address is looked for in all of a field; a value with an @ in it is about addresses alone, any other
about the names beside them as well.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Select, collate, exists, false, func, not_, or_, select

from postbuch.archive import listwalk, search
from postbuch.archive.filterform import Filter, Order
from postbuch.archive.listcolumn import Column, Place, Scope, Test, View, compare
from postbuch.archive.listimages import files, images_of, led, of_any, of_shown, people, shown, within
from postbuch.archive.listletters import rows
from postbuch.archive.listnear import near
from postbuch.archive.listorder import Cursor, Selection, cursors
from postbuch.archive.mailboxkind import kind_of
from postbuch.archive.marks import is_read
from postbuch.archive.query import Word
from postbuch.archive.schema import account, body_text, header_summary, image, letter, letter_place, mailbox
from postbuch.archive.search_sql import mailbox_named
from postbuch.archive.users import ALL
from postbuch.archive.widths import SORT_CHARACTERS

TABS = ("all", "in", "out", "unread", "read")
OLDEST_FIRST = Order(field="date", descending=False)
# Before every letter: the first moment that the database knows.
BEGINNING = Cursor(sort_at=datetime(1000, 1, 1), letter_id=0)

ALIASES = {
    "from_email": "from", "from_name": "from", "sender": "from", "mail_from": "from", "absender": "from",
    "to_email": "to", "to_name": "to", "recipient": "to", "recipients": "to", "empfaenger": "to",
    "cc_email": "cc", "maildate": "date", "mail_date": "date", "datum": "date", "arrived": "date", "arrived_at": "date",
    "date_header": "written", "betreff": "subject", "text": "body", "content": "body", "filename": "files",
    "attachment": "files", "attachment_name": "files", "has_attachments": "attachments", "attachment_count":
    "attachments", "konto": "account", "mail_account": "account", "folder": "mailbox", "ordner": "mailbox",
    "messageid": "message_id", "message-id": "message_id", "letter": "id", "size_octets": "size", "archived":
    "archived_at",
}  # fmt: skip


def _places(scope: Scope, *conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    found = select(letter_place.c.letter_id).where(*conditions)
    if scope.rights != ALL:
        found = found.where(letter_place.c.account_id.in_(scope.rights))
    return letter.c.id.in_(found)


def _account(scope: Scope, test: Test) -> ColumnElement[bool]:
    if test.op == "empty":
        return false()
    found = select(account.c.id).where(compare(account.c.address, "text", test))
    return _places(scope, letter_place.c.account_id.in_(found))


def _mailbox(scope: Scope, test: Test) -> ColumnElement[bool]:
    """By the provider's name or by what a page calls it; what was submitted lies in none, so it is `empty`."""
    if test.op == "empty":
        return not_(_places(scope, letter_place.c.mailbox_id != 0))
    kind: Literal["phrase", "word"] = "word" if test.op == "contains" else "phrase"
    texts = test.values if test.op in ("contains", "equals", "in") else ()
    called = [mailbox_named(Word(field="mailbox", text=each, kind=kind)) for each in texts]
    found = select(mailbox.c.id).where(or_(compare(mailbox.c.name, "text", test), *called))
    return _places(scope, letter_place.c.mailbox_id.in_(found))


def _unread(scope: Scope) -> ColumnElement[bool]:
    return not_(is_read(letter.c.id, scope.user_id, scope.rights))


def _first_place(column: ColumnElement[Any], joined: ColumnElement[bool]) -> Callable[[Scope], ColumnElement[Any]]:
    """What is sorted by: the first name in the alphabet."""
    def expression(scope: Scope) -> ColumnElement[Any]:
        found = select(func.min(column)).where(letter_place.c.letter_id == letter.c.id, joined)
        if scope.rights != ALL:
            found = found.where(letter_place.c.account_id.in_(scope.rights))
        return found.correlate(letter).scalar_subquery()

    return expression


_SUMMARY = header_summary.c.image_id
COLUMNS = (
    Column(name="from", kind="text", title="From",
           expression=of_shown(header_summary.c.from_start, _SUMMARY), tie=shown,
           condition=people("from", "sender"), images=images_of("from", "sender"), word="from"),
    Column(name="to", kind="text", title="To",
           expression=of_shown(func.left(header_summary.c.to_display, SORT_CHARACTERS), _SUMMARY),
           condition=people("to"), images=images_of("to"), word="to"),
    Column(name="cc", kind="list", title="Cc", expression=lambda _: false(), condition=people("cc"),
           images=images_of("cc"), word="cc", sortable=False, shown_first=False),
    Column(name="subject", kind="text", title="Subject",
           expression=of_shown(header_summary.c.subject_start, _SUMMARY), tie=shown,
           condition=of_any(header_summary.c.subject, _SUMMARY, "text")),
    Column(name="preview", kind="text", title="First words", expression=lambda _: false(), sortable=False,
           filterable=False),
    Column(name="body", kind="text", title="Text", expression=lambda _: false(), sortable=False, shown=False,
           condition=of_any(body_text.c.text, body_text.c.image_id, "text")),
    Column(name="account", kind="list", title="Account", condition=_account,
           expression=_first_place(account.c.address, account.c.id == letter_place.c.account_id)),
    Column(name="mailbox", kind="list", title="Mailbox", condition=_mailbox, shown_first=False,
           expression=_first_place(collate(mailbox.c.name, "utf8mb4_unicode_ci"),
                                   mailbox.c.id == letter_place.c.mailbox_id)),
    Column(name="attachments", kind="number", title="Attachments",
           expression=of_shown(header_summary.c.attachment_count, _SUMMARY),
           condition=of_any(header_summary.c.attachment_count, _SUMMARY, "number")),
    Column(name="files", kind="list", title="File names", expression=lambda _: false(), condition=files,
           sortable=False, shown_first=False),
    Column(name="size", kind="size", title="Size", expression=of_shown(image.c.size_octets, image.c.id), tie=shown,
           condition=of_any(image.c.size_octets, image.c.id, "size"), shown_first=False),
    Column(name="unread", kind="flag", title="Unread", expression=_unread, sortable=False),
    Column(name="date", kind="time", title="Date", expression=lambda _: letter.c.sort_at),
    Column(name="written", kind="time", title="Date header", shown_first=False,
           expression=of_shown(header_summary.c.date_header, _SUMMARY),
           condition=of_any(header_summary.c.date_header, _SUMMARY, "time")),
    Column(name="archived_at", kind="time", title="Archived", shown_first=False,
           expression=of_shown(image.c.archived_at, image.c.id),
           condition=of_any(image.c.archived_at, image.c.id, "time")),
    Column(name="message_id", kind="text", title="Message-ID", shown_first=False, sortable=False,
           expression=of_shown(header_summary.c.message_id, _SUMMARY),
           condition=of_any(header_summary.c.message_id, _SUMMARY, "text")),
    Column(name="id", kind="number", title="Number", expression=lambda _: letter.c.id, shown_first=False),
)  # fmt: skip


def letters_within(scope: Scope) -> Select[Any]:
    """All letters within the rights, by their numbers."""
    return select(letter.c.id).select_from(letter).where(within(scope))


def narrowed(conn: Connection, scope: Scope, wanted: Filter) -> list[ColumnElement[bool]]:
    """The conditions of account, mailbox and tab."""
    found: list[ColumnElement[bool]] = []
    conditions = []
    if wanted.account is not None:
        conditions.append(letter_place.c.account_id == wanted.account)
    if wanted.mailbox is not None:
        conditions.append(letter_place.c.mailbox_id == wanted.mailbox)
    if wanted.tab in ("in", "out"):
        conditions.append(letter_place.c.mailbox_id.in_(sorted(mailboxes_of(conn, wanted.tab))))
    if conditions:
        if scope.rights != ALL:
            conditions.append(letter_place.c.account_id.in_(scope.rights))
        found.append(exists().where(letter_place.c.letter_id == letter.c.id, *conditions))
    if wanted.tab in ("read", "unread"):
        read = is_read(letter.c.id, scope.user_id, scope.rights)
        found.append(read if wanted.tab == "read" else not_(read))
    return found


def mailboxes_of(conn: Connection, tab: str) -> frozenset[int]:
    """The mailboxes of what comes in, or of what goes out (0 is what was submitted); drafts are neither."""
    kinds = {row.id: kind_of(row.name) for row in conn.execute(select(mailbox.c.id, mailbox.c.name))}
    if tab == "out":
        return frozenset({0, *(number for number, kind in kinds.items() if kind == "sent")})
    return frozenset(number for number, kind in kinds.items() if kind not in ("sent", "drafts"))


def selection(conn: Connection, scope: Scope, wanted: Filter, place: Place, *, heads: bool = False) -> Selection:
    """The same list for `listorder`."""
    return Selection(
        accounts=scope.rights, user_id=scope.user_id or 0, account_id=wanted.account, mailbox_id=wanted.mailbox,
        unread=wanted.tab == "unread", read=wanted.tab == "read", before=place.before, after=place.after, heads=heads,
        among=mailboxes_of(conn, wanted.tab) if wanted.tab in ("in", "out") else None,
    )


def _quick(conn: Connection, scope: Scope, wanted: Filter, place: Place) -> list[Cursor]:
    return cursors(conn, selection(conn, scope, wanted, place), place.limit, place.offset)


def _walk(conn: Connection, scope: Scope, wanted: Filter, place: Place) -> list[int] | None:
    """The oldest first is the same index from its other end; for other columns see `listwalk`."""
    if wanted.order != (OLDEST_FIRST,):
        return listwalk.page(conn, scope, wanted, place)
    oldest = replace(selection(conn, scope, wanted, place), after=BEGINNING)
    if place.anchor is not None:
        at = conn.scalar(select(letter.c.sort_at).where(letter.c.id == place.anchor.key))
        there = None if at is None else Cursor(sort_at=at, letter_id=place.anchor.key)
        ahead = place.anchor.ahead
        oldest = replace(oldest, before=there if ahead else None, after=None if ahead else there)
    return [each.letter_id for each in cursors(conn, oldest, place.limit, place.offset)]


def _words(conn: Connection, text: str, scope: Scope) -> ColumnElement[bool]:
    return search.matching(conn, text, scope.rights, scope.user_id, whole=scope.whole)


def _found(conn: Connection, text: str, scope: Scope, place: Place) -> tuple[int, list[int]] | None:
    return search.newest(conn, text, scope.rights, limit=place.limit, offset=place.offset)


LETTERS = View(
    name="letters", title="Letters", columns=COLUMNS, key=letter.c.id, source=letters_within,
    order=(Order(field="date", descending=True),), led=led, near=near, aliases=ALIASES, tabs=TABS, narrowed=narrowed,
    words=_words, found=_found, rows=rows, quick=_quick,
    quick_tabs=("", *TABS), walk=_walk,
)
