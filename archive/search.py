"""Search in SQL: the tree of `query.py` as conditions on letters. Rights are part of the query, never a filter after.

An index of its own comes with a later version; until then a common word costs a scan of the readable text.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, exists, false, func, not_, or_, select, true, union

from postbuch.archive import audit, query
from postbuch.archive.marks import is_read
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
    part,
    sighting,
    smtp_envelope,
    smtp_recipient,
)
from postbuch.archive.users import ALL, Rights

_FROM_FIELDS = ("from", "sender")
_TO_FIELDS = ("to",)
_CC_FIELDS = ("cc",)
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
    """How many letters match, exactly, and the asked-for rows (interface.md: `search`), newest first."""

    total: int
    rows: list[dict[str, Any]]


def search(
    conn: Connection, text: str, accounts: Rights, *, limit: int = 50, offset: int = 0, user_id: int | None = None
) -> SearchResult:
    """Find letters within the rights. `user_id` is whose read marks `is:unread` means. Raises UsageError."""
    condition = matching(text, accounts, user_id)
    # The total beside each row: the letters are looked for once.
    found = conn.execute(
        select(letter.c.id, func.count().over()).where(condition)
        .order_by(letter.c.sort_at.desc(), letter.c.id.desc()).limit(limit).offset(offset)
    ).all()
    if found:
        total = found[0][1]
    else:  # an offset behind the last one
        total = (offset and conn.scalar(select(func.count()).select_from(letter).where(condition))) or 0
    return SearchResult(total=total, rows=rows(conn, [row.id for row in found], accounts))


def matching(text: str, accounts: Rights, user_id: int | None) -> ColumnElement[bool]:
    """The condition on `letter` that a search is. Raises UsageError."""
    tree = query.parse(audit.storable(text))
    allowed = _is_readable(accounts) if _is_narrow(tree) else readable(accounts)
    return and_(allowed, Conditions(accounts, user_id).of(tree))


def _is_narrow(node: Node) -> bool:
    """Whether a tree is about few letters, those with a word: then rights are best looked up for each."""
    match node:
        case Word():
            return node.field not in (*query.FLAG_FIELDS, *query.DATE_FIELDS, *query.SIZE_FIELDS)
        case Not():
            return False
        case Group():
            return (any if node.kind == "and" else all)(_is_narrow(each) for each in node.nodes)


def readable(accounts: Rights) -> ColumnElement[bool]:
    """The condition on `letter` that holds what the rights allow."""
    if accounts == ALL:
        return true()
    if not accounts:
        return false()
    return exists().where(letter_place.c.letter_id == letter.c.id, letter_place.c.account_id.in_(accounts))


def _is_readable(accounts: Rights) -> ColumnElement[bool]:
    """`readable` by a scalar subquery, which is evaluated for the letters that the other conditions leave."""
    if accounts == ALL or not accounts:
        return readable(accounts)
    place = select(letter_place.c.letter_id).where(
        letter_place.c.letter_id == letter.c.id, letter_place.c.account_id.in_(accounts)
    )
    return place.limit(1).scalar_subquery().is_not(None)


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
    arrivals = select(letter.c.id, letter.c.sort_at).where(letter.c.id.in_(ids))
    arrived = {row.id: row.sort_at for row in conn.execute(arrivals)}
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
        return {row[0]: row[1] for row in conn.execute(first)}
    seen = (
        select(letter_image.c.letter_id, func.min(letter_image.c.image_id))
        .join(sighting, sighting.c.image_id == letter_image.c.image_id)
        .where(letter_image.c.letter_id.in_(ids), sighting.c.account_id.in_(accounts))
        .group_by(letter_image.c.letter_id)
    )
    return {row[0]: row[1] for row in conn.execute(seen)}


class Conditions:
    """Turns a tree into a condition on `letter` for one searcher.

    Each word is the set of the letters that hold it, found once; sets that were found again for each letter took
    minutes for a million.
    """

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
                found = (
                    self._summary(_has(header_summary.c.subject, text)), self._people((), text), self._envelope(text),
                    self._file(text), self._body(text),
                )
                return letter.c.id.in_(select(union(*found).subquery().c.letter_id))
            case "from":
                return letter.c.id.in_(self._people(_FROM_FIELDS, text))
            case "to":
                either = union(self._people(_TO_FIELDS, text), self._envelope(text)).subquery()
                return letter.c.id.in_(select(either.c.letter_id))
            case "cc":
                return letter.c.id.in_(self._people(_CC_FIELDS, text))
            case "subject":
                return letter.c.id.in_(self._summary(_has(header_summary.c.subject, text)))
            case "body":
                return letter.c.id.in_(self._body(text))
            case "attachment" | "filename":
                return letter.c.id.in_(self._file(text))
            case "message-id":
                return letter.c.id.in_(self._summary(header_summary.c.message_id == text.strip("<>")))
            case "sha256":
                digest = bytes.fromhex(text) if _SHA256.fullmatch(text) else b""
                return letter.c.id.in_(self._image(image.c.sha256 == digest))
            case "account":
                return letter.c.id.in_(self._place(_has(account.c.address, text)))
            case "mailbox":
                return letter.c.id.in_(self._place(_has(mailbox.c.name, text)))
            case "has":
                return letter.c.id.in_(self._summary(header_summary.c.attachment_count > 0))
            case "is":
                return not_(self._read()) if text == "unread" else self._read()
            case "larger":
                return letter.c.id.in_(self._image(image.c.size_octets > int(text)))
            case "smaller":
                return letter.c.id.in_(self._image(image.c.size_octets < int(text)))
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

    def _letters(self, image_id: Any, *conditions: ColumnElement[bool]) -> Select[Any]:
        """The letters of the images within the rights for which the conditions hold."""
        query = select(letter_image.c.letter_id).where(letter_image.c.image_id == image_id, *conditions)
        if self._accounts == ALL:
            return query
        seen = sighting.alias()
        mine = select(seen.c.id).where(
            seen.c.image_id == letter_image.c.image_id, seen.c.account_id.in_(self._accounts)
        )
        return query.where(mine.limit(1).scalar_subquery().is_not(None))

    def _summary(self, condition: ColumnElement[bool]) -> Select[Any]:
        return self._letters(header_summary.c.image_id, condition)

    def _image(self, condition: ColumnElement[bool]) -> Select[Any]:
        return self._letters(image.c.id, condition)

    def _body(self, text: str) -> Select[Any]:
        return self._letters(body_text.c.image_id, _has(body_text.c.text, text))

    def _file(self, text: str) -> Select[Any]:
        return self._letters(part.c.image_id, part.c.file_name != "", _has(part.c.file_name, text))

    def _people(self, fields: tuple[str, ...], text: str) -> Select[Any]:
        found = self._letters(
            image_address.c.image_id, address.c.id == image_address.c.address_id,
            or_(_has(address.c.address, text.lower()), _has(image_address.c.display_name, text)),
        )
        return found.where(image_address.c.field.in_(fields)) if fields else found

    def _envelope(self, text: str) -> Select[Any]:
        """Recipients of the searcher's own submissions, Bcc included."""
        found = self._letters(
            sighting.c.image_id, sighting.c.capture == smtp_envelope.c.capture,
            smtp_envelope.c.id == smtp_recipient.c.envelope_id, address.c.id == smtp_recipient.c.address_id,
            _has(address.c.address, text.lower()),
        )
        return found if self._accounts == ALL else found.where(smtp_envelope.c.account_id.in_(self._accounts))

    def _place(self, condition: ColumnElement[bool]) -> Select[Any]:
        found = (
            select(letter_place.c.letter_id)
            .join(account, account.c.id == letter_place.c.account_id)
            .join(mailbox, mailbox.c.id == letter_place.c.mailbox_id, isouter=True)
            .where(condition)
        )
        return found if self._accounts == ALL else found.where(letter_place.c.account_id.in_(self._accounts))

    def _read(self) -> ColumnElement[bool]:
        return is_read(letter.c.id, self._user_id, self._accounts)


def _has(column: ColumnElement[Any], text: str) -> ColumnElement[bool]:
    """`contains` with % and _ taken as they are; letter case as the column's collation has it."""
    return column.contains(text, autoescape=True, escape="|")


