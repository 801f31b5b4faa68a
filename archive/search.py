"""Search in SQL: the tree of `query.py` as conditions on letters. Rights are part of the query, never a filter after.

An index of its own comes with a later version; until then a common word costs a scan of the readable text.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, exists, false, func, not_, or_, select, true

from postbuch.archive import query
from postbuch.archive.query import Group, Node, Not, Word
from postbuch.archive.schema import (
    account,
    address,
    body_text,
    header_summary,
    image,
    image_address,
    letter,
    letter_image,
    letter_place,
    mailbox,
    mark,
    part,
    sighting,
    smtp_envelope,
    smtp_recipient,
)
from postbuch.archive.users import ALL, FOREVER, Rights

_FROM_FIELDS = ("from", "sender")
_TO_FIELDS = ("to",)
_CC_FIELDS = ("cc",)


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
    """How many letters match, exactly, and the asked-for rows (interface.md: `search`), newest first."""

    total: int
    rows: list[dict[str, Any]]


def search(
    conn: Connection, text: str, accounts: Rights, *, limit: int = 50, offset: int = 0, user_id: int | None = None
) -> SearchResult:
    """Find letters within the rights. `user_id` is whose read marks `is:unread` means. Raises UsageError."""
    condition = and_(readable(accounts), Conditions(accounts, user_id).of(query.parse(text)))
    total = conn.scalar(select(func.count()).select_from(letter).where(condition)) or 0
    ids = (
        select(letter.c.id).where(condition).order_by(letter.c.sort_at.desc(), letter.c.id.desc())
        .limit(limit).offset(offset)
    )
    return SearchResult(total=total, rows=rows(conn, list(conn.scalars(ids)), accounts))


def readable(accounts: Rights) -> ColumnElement[bool]:
    """The condition on `letter` that holds what the rights allow."""
    if accounts == ALL:
        return true()
    if not accounts:
        return false()
    return exists().where(letter_place.c.letter_id == letter.c.id, letter_place.c.account_id.in_(accounts))


def visible_images(letter_id: Any, accounts: Rights) -> Any:
    """The images of a letter that were seen in an account within the rights: a colleague's copy may hold his Bcc."""
    found = select(letter_image.c.image_id).where(letter_image.c.letter_id == letter_id)
    if accounts == ALL:
        return found
    seen = exists().where(sighting.c.image_id == letter_image.c.image_id, sighting.c.account_id.in_(accounts))
    return found.where(seen)


def rows(conn: Connection, ids: list[int], accounts: Rights) -> list[dict[str, Any]]:
    """The rows of interface.md's `search` for these letters, in this order."""
    if not ids:
        return []
    shown = _shown_images(conn, ids, accounts)
    head = (
        select(
            image.c.id.label("image_id"), image.c.sha256, image.c.archived_at, header_summary.c.message_id,
            header_summary.c.subject, header_summary.c.from_display, header_summary.c.to_display,
            header_summary.c.date_header, header_summary.c.attachment_count, header_summary.c.preview,
        )
        .join(header_summary, header_summary.c.image_id == image.c.id)
        .where(image.c.id.in_(shown.values()))
    )
    summaries = {row.image_id: row for row in conn.execute(head)}
    found = {number: summaries[image_id] for number, image_id in shown.items() if image_id in summaries}
    arrived = dict(conn.execute(select(letter.c.id, letter.c.sort_at).where(letter.c.id.in_(ids))).tuples().all())
    accounts_of: dict[int, list[str]] = {}
    mailboxes_of: dict[int, list[str]] = {}
    place = (
        select(letter_place.c.letter_id, account.c.address, mailbox.c.name)
        .join(account, account.c.id == letter_place.c.account_id)
        .join(mailbox, mailbox.c.id == letter_place.c.mailbox_id, isouter=True)
        .where(letter_place.c.letter_id.in_(ids))
        .order_by(account.c.address, mailbox.c.name)
    )
    if accounts != ALL:
        place = place.where(letter_place.c.account_id.in_(accounts))
    for row in conn.execute(place):
        for known, name in ((accounts_of, row.address), (mailboxes_of, row.name)):
            names = known.setdefault(row.letter_id, [])
            if name is not None and name not in names:
                names.append(name)
    return [
        {
            "id": number,
            "sha256": found[number].sha256.hex(),
            "message_id": found[number].message_id,
            "subject": found[number].subject,
            "from": found[number].from_display,
            "to": found[number].to_display,
            "date": (found[number].date_header or arrived[number]).isoformat() + "Z",
            "archived_at": found[number].archived_at.isoformat() + "Z",
            "accounts": accounts_of.get(number, []),
            "mailboxes": mailboxes_of.get(number, []),
            "has_attachments": found[number].attachment_count > 0,
            "preview": found[number].preview,
            "arrived_at": arrived[number].isoformat() + "Z",
        }
        for number in ids
        if number in found
    ]


def _shown_images(conn: Connection, ids: list[int], accounts: Rights) -> dict[int, int]:
    """Letter → its first image within the rights."""
    if accounts == ALL:
        first = select(letter.c.id, letter.c.first_image_id).where(letter.c.id.in_(ids))
        return dict(conn.execute(first).tuples().all())
    seen = (
        select(letter_image.c.letter_id, func.min(letter_image.c.image_id))
        .join(sighting, sighting.c.image_id == letter_image.c.image_id)
        .where(letter_image.c.letter_id.in_(ids), sighting.c.account_id.in_(accounts))
        .group_by(letter_image.c.letter_id)
    )
    return dict(conn.execute(seen).tuples().all())


class Conditions:
    """Turns a tree into a condition on `letter` for one searcher."""

    def __init__(self, accounts: Rights, user_id: int | None) -> None:
        self._accounts = accounts
        self._user_id = user_id

    def of(self, node: Node) -> ColumnElement[bool]:
        """The condition of a tree."""
        match node:
            case Word():
                return self._word(node)
            case Not():
                return not_(self.of(node.node))
            case Group():
                parts = [self.of(each) for each in node.nodes]
                return and_(true(), *parts) if node.kind == "and" else or_(false(), *parts)

    def _word(self, word: Word) -> ColumnElement[bool]:
        text = word.text
        match word.field:
            case "":
                return or_(
                    self._summary(_has(header_summary.c.subject, text)), self._people((), text), self._envelope(text),
                    self._file(text), self._body(text),
                )
            case "from":
                return self._people(_FROM_FIELDS, text)
            case "to":
                return or_(self._people(_TO_FIELDS, text), self._envelope(text))
            case "cc":
                return self._people(_CC_FIELDS, text)
            case "subject":
                return self._summary(_has(header_summary.c.subject, text))
            case "body":
                return self._body(text)
            case "attachment" | "filename":
                return self._file(text)
            case "message-id":
                return self._summary(header_summary.c.message_id == text.strip("<>"))
            case "sha256":
                return self._image(func.hex(image.c.sha256) == text.upper())
            case "account":
                return self._place(_has(account.c.address, text))
            case "mailbox":
                return self._place(_has(mailbox.c.name, text))
            case "has":
                return self._summary(header_summary.c.attachment_count > 0)
            case "is":
                return not_(self._read()) if text == "unread" else self._read()
            case "larger":
                return self._image(image.c.size_octets > int(text))
            case "smaller":
                return self._image(image.c.size_octets < int(text))
            case _:
                return self._date(word.field, datetime.fromisoformat(text))

    def _date(self, field: str, day: datetime) -> ColumnElement[bool]:
        next_day = day + timedelta(days=1)
        match field:
            case "before":
                return letter.c.sort_at < day
            case "after":
                return letter.c.sort_at >= next_day
            case _:
                return and_(letter.c.sort_at >= day, letter.c.sort_at < next_day)

    def _mine(self) -> Any:
        return visible_images(letter.c.id, self._accounts).correlate(letter)

    def _summary(self, condition: ColumnElement[bool]) -> ColumnElement[bool]:
        return exists().where(header_summary.c.image_id.in_(self._mine()), condition)

    def _image(self, condition: ColumnElement[bool]) -> ColumnElement[bool]:
        return exists().where(image.c.id.in_(self._mine()), condition)

    def _body(self, text: str) -> ColumnElement[bool]:
        return exists().where(body_text.c.image_id == letter.c.first_image_id, _has(body_text.c.text, text))

    def _file(self, text: str) -> ColumnElement[bool]:
        return exists().where(part.c.image_id.in_(self._mine()), _has(part.c.file_name, text), part.c.file_name != "")

    def _people(self, fields: tuple[str, ...], text: str) -> ColumnElement[bool]:
        found = select(image_address.c.image_id).join(address, address.c.id == image_address.c.address_id)
        found = found.where(
            image_address.c.image_id.in_(self._mine()),
            or_(_has(address.c.address, text.lower()), _has(image_address.c.display_name, text)),
        )
        if fields:
            found = found.where(image_address.c.field.in_(fields))
        return exists(found)

    def _envelope(self, text: str) -> ColumnElement[bool]:
        """Recipients of the searcher's own submissions, Bcc included."""
        found = (
            select(smtp_recipient.c.envelope_id)
            .join(smtp_envelope, smtp_envelope.c.id == smtp_recipient.c.envelope_id)
            .join(sighting, sighting.c.capture == smtp_envelope.c.capture)
            .join(address, address.c.id == smtp_recipient.c.address_id)
            .where(sighting.c.image_id.in_(self._mine()), _has(address.c.address, text.lower()))
        )
        if self._accounts != ALL:
            found = found.where(smtp_envelope.c.account_id.in_(self._accounts))
        return exists(found)

    def _place(self, condition: ColumnElement[bool]) -> ColumnElement[bool]:
        found = (
            select(letter_place.c.letter_id)
            .join(account, account.c.id == letter_place.c.account_id)
            .join(mailbox, mailbox.c.id == letter_place.c.mailbox_id, isouter=True)
            .where(letter_place.c.letter_id == letter.c.id, condition)
        )
        if self._accounts != ALL:
            found = found.where(letter_place.c.account_id.in_(self._accounts))
        return exists(found)

    def _read(self) -> ColumnElement[bool]:
        return is_read(letter.c.id, self._user_id)


def is_read(letter_id: ColumnElement[int], user_id: int | None) -> ColumnElement[bool]:
    """Whether the user has a read mark on the letter that holds."""
    return exists().where(
        mark.c.letter_id == letter_id, mark.c.user_id == (user_id or 0), mark.c.kind == "read", mark.c.until == FOREVER
    )


def _has(column: ColumnElement[Any], text: str) -> ColumnElement[bool]:
    """`contains` with % and _ taken as they are; letter case as the column's collation has it."""
    return column.contains(text, autoescape=True, escape="|")


