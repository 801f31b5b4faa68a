"""The tree of `query.py` as conditions on letters in SQL: what the index does not know, and all while there is none."""

import re
from dataclasses import replace
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, false, func, not_, or_, select, true, union

from postbuch.archive import clock
from postbuch.archive.mailboxkind import called, called_like
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
from postbuch.archive.search_joined import has, holds, names
from postbuch.archive.users import ALL, Rights

_FROM_FIELDS = ("from", "sender")
_TO_FIELDS = ("to",)
_CC_FIELDS = ("cc",)
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")


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
                    self._summary(holds(header_summary.c.subject, word)), self._people((), word),
                    self._envelope(word), self._file(word), self._body(word),
                )
                return letter.c.id.in_(select(union(*found).subquery().c.letter_id))
            case "from":
                return letter.c.id.in_(self._people(_FROM_FIELDS, word))
            case "to":
                either = union(self._people(_TO_FIELDS, word), self._envelope(word)).subquery()
                return letter.c.id.in_(select(either.c.letter_id))
            case "cc":
                return letter.c.id.in_(self._people(_CC_FIELDS, word))
            case "subject":
                return letter.c.id.in_(self._summary(holds(header_summary.c.subject, word)))
            case "body":
                return letter.c.id.in_(self._body(word))
            case "attachment" | "filename":
                return letter.c.id.in_(self._file(word))
            case "message-id":
                return letter.c.id.in_(self._summary(header_summary.c.message_id == text.strip("<>")))
            case "sha256":
                digest = bytes.fromhex(text) if _SHA256.fullmatch(text) else b""
                return letter.c.id.in_(self._image(image.c.sha256 == digest))
            case "account":
                return letter.c.id.in_(self._place(named(account.c.address, word)))
            case "mailbox":
                return letter.c.id.in_(self._place(mailbox_named(word)))
            case "has":
                return letter.c.id.in_(self._summary(header_summary.c.attachment_count > 0))
            case "is":
                return not_(self._read()) if text == "unread" else self._read()
            case "larger":
                return letter.c.id.in_(self._image(image.c.size_octets > int(text)))
            case "smaller":
                return letter.c.id.in_(self._image(image.c.size_octets < int(text)))
            case _:
                return self._date(word.field, date.fromisoformat(text))

    def _date(self, field: str, day: date) -> ColumnElement[bool]:
        begin, next_day = clock.stretch(day)
        match field:
            case "before":
                return letter.c.sort_at < begin
            case "after":
                return letter.c.sort_at >= next_day
            case _:
                return and_(letter.c.sort_at >= begin, letter.c.sort_at < next_day)

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

    def _body(self, word: Word) -> Select[Any]:
        return self._letters(body_text.c.image_id, holds(body_text.c.text, word))

    def _file(self, word: Word) -> Select[Any]:
        return self._letters(part.c.image_id, part.c.file_name != "", holds(part.c.file_name, word))

    def _people(self, fields: tuple[str, ...], word: Word) -> Select[Any]:
        found = self._letters(
            image_address.c.image_id, address.c.id == image_address.c.address_id,
            or_(holds(address.c.address, _lower(word)), names(image_address.c.display_name, word)),
        )
        return found.where(image_address.c.field.in_(fields)) if fields else found

    def _envelope(self, word: Word) -> Select[Any]:
        """Recipients of the searcher's own submissions, Bcc included."""
        found = self._letters(
            sighting.c.image_id, sighting.c.capture == smtp_envelope.c.capture,
            smtp_envelope.c.id == smtp_recipient.c.envelope_id, address.c.id == smtp_recipient.c.address_id,
            holds(address.c.address, _lower(word)),
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


def _lower(word: Word) -> Word:
    """Addresses are kept in lower case."""
    return replace(word, text=word.text.lower())


def named(column: ColumnElement[Any], word: Word) -> ColumnElement[bool]:
    """For names that are kept exactly: letter case does not matter to who looks for one. In quotes it is that name."""
    text, lower = word.text.lower(), func.lower(column)
    return lower == text if word.kind == "phrase" else has(lower, text)


def mailbox_named(word: Word) -> ColumnElement[bool]:
    """Mailboxes by the provider's name or by what a page calls them; in quotes those that are the one called so."""
    lower = func.lower(mailbox.c.name)
    if word.kind == "phrase":
        return lower.in_(called(word.text))
    return or_(named(mailbox.c.name, word), lower.in_(called_like(word.text)))
