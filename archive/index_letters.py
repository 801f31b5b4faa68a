"""What the index is told of letters: read from the tables, and parted into what all readers of a letter may know and
what only some may. No library of the index is used here.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, select

from postbuch.archive.index_attached import texts_of
from postbuch.archive.index_schema import ALL_ACCOUNTS
from postbuch.archive.readnow import parts, text_now
from postbuch.archive.schema import (
    address,
    body_text,
    header_summary,
    image_address,
    later_reading,
    letter,
    letter_image,
    letter_place,
    sighting,
    smtp_envelope,
    smtp_recipient,
)

# Of one attachment. A book has 500,000 characters; what is longer is a table or a log.
ATTACHED_CHARACTERS = 1_000_000
# Longer endings are no types.
_TYPE_CHARACTERS = 5
_FIELD_OF = {"from": "from", "sender": "from", "to": "to", "cc": "cc"}

Texts = dict[str, list[str]]


@dataclass(slots=True, kw_only=True)
class IndexedLetter:
    """One letter. `shared`: field → texts for all who may read it; `own`: account → the same, for its readers only.

    Fields are those of `index_schema.SPELLED` without `head`, `people` for other names, and `has`.
    """

    id: int
    at: datetime
    accounts: set[int] = field(default_factory=set)
    mailboxes: set[int] = field(default_factory=set)
    shared: Texts = field(default_factory=dict)
    own: dict[int, Texts] = field(default_factory=dict)
    senders: list[str] = field(default_factory=list)
    types: list[str] = field(default_factory=list)


class _Gathered:
    """The texts of one letter and the accounts that saw each."""

    def __init__(self, letter: IndexedLetter) -> None:
        self.letter = letter
        self._seen: dict[tuple[str, str], set[int]] = {}

    def add(self, name: str, text: str, accounts: Iterable[int]) -> None:
        if text:
            self._seen.setdefault((name, text), set()).update(accounts)

    def part(self) -> IndexedLetter:
        """What every account of the letter saw is shared; the rest is for those that saw it, and for who reads all."""
        made = self.letter
        for (name, text), accounts in self._seen.items():
            if made.accounts <= accounts:
                made.shared.setdefault(name, []).append(text)
            else:
                for each in {*accounts, ALL_ACCOUNTS}:
                    made.own.setdefault(each, {}).setdefault(name, []).append(text)
        made.senders = made.shared.pop("sender", [])
        made.types = made.shared.pop("type", [])
        return made


def load(conn: Connection, ids: Collection[int]) -> list[IndexedLetter]:
    """The letters with these numbers; those that are not there are left out."""
    found: dict[int, _Gathered] = {}
    images: dict[int, _Gathered] = {}
    heads = conn.execute(
        select(
            letter.c.id, letter.c.sort_at, letter_image.c.image_id, header_summary.c.subject,
            text_now().label("text"),
        )
        .join(letter_image, letter_image.c.letter_id == letter.c.id, isouter=True)
        .join(header_summary, header_summary.c.image_id == letter_image.c.image_id, isouter=True)
        .join(body_text, body_text.c.image_id == letter_image.c.image_id, isouter=True)
        .join(later_reading, later_reading.c.image_id == letter_image.c.image_id, isouter=True)
        .where(_among(letter.c.id, ids))
    ).all()
    for number, at, image_id, *_ in heads:
        found[number] = found.get(number) or _Gathered(IndexedLetter(id=number, at=at))
        if image_id is not None:
            images[image_id] = found[number]
    place = select(letter_place.c.letter_id, letter_place.c.account_id, letter_place.c.mailbox_id)
    for letter_id, account_id, mailbox_id in conn.execute(place.where(_among(letter_place.c.letter_id, ids))):
        found[letter_id].letter.accounts.add(account_id)
        if mailbox_id:
            found[letter_id].letter.mailboxes.add(mailbox_id)
    if images:
        _read_images(conn, heads, images)
    return [each.part() for each in found.values()]


def _among(column: ColumnElement[int], numbers: Collection[int]) -> ColumnElement[bool]:
    """As they are in the statement: the driver takes as long to bind a number as to read a row."""
    return column.in_(bindparam(None, list(numbers), expanding=True, literal_execute=True))


def _read_images(conn: Connection, heads: Iterable[Any], images: dict[int, _Gathered]) -> None:
    seen: dict[int, set[int]] = {number: set() for number in images}
    sightings = select(sighting.c.image_id, sighting.c.account_id).distinct()
    for image_id, account_id in conn.execute(sightings.where(_among(sighting.c.image_id, images))):
        seen[image_id].add(account_id)

    def add(image_id: int, name: str, text: str) -> None:
        images[image_id].add(name, text, seen[image_id])

    for _, _, image_id, subject, text in heads:
        if image_id is not None:
            add(image_id, "subject", subject or "")
            add(image_id, "body", text or "")
    people = (
        select(image_address.c.image_id, image_address.c.field, image_address.c.display_name, address.c.address)
        .join(address, address.c.id == image_address.c.address_id)
        .where(_among(image_address.c.image_id, images))
        .order_by(image_address.c.image_id, image_address.c.field, image_address.c.position)
    )
    for image_id, field_name, display_name, person in conn.execute(people):
        add(image_id, _FIELD_OF.get(field_name, "people"), f"{display_name} {person}".strip())
        if field_name == "from":
            add(image_id, "sender", person)
    _read_envelopes(conn, images)
    _read_parts(conn, images, add)


def _read_envelopes(conn: Connection, images: dict[int, _Gathered]) -> None:
    """Recipients of a submission, Bcc included, are for those who may read the account that submitted it."""
    recipients = (
        select(sighting.c.image_id, smtp_envelope.c.account_id, address.c.address).distinct()
        .join(smtp_envelope, smtp_envelope.c.capture == sighting.c.capture)
        .join(smtp_recipient, smtp_recipient.c.envelope_id == smtp_envelope.c.id)
        .join(address, address.c.id == smtp_recipient.c.address_id)
        .where(_among(sighting.c.image_id, images))
    )
    for row in conn.execute(recipients):
        images[row.image_id].add("to", row.address, {row.account_id})


def _read_parts(conn: Connection, images: dict[int, _Gathered], add: Callable[[int, str, str], None]) -> None:
    found = parts(conn, lambda table: _among(table.c.image_id, images), "file_name", "is_attachment", "sha256")
    texts = texts_of(conn, {row.sha256 for row in found if row.is_attachment or row.file_name})
    for row in found:
        add(row.image_id, "file", row.file_name)
        if row.is_attachment:
            add(row.image_id, "has", "attachment")
            add(row.image_id, "type", type_of(row.file_name))
        add(row.image_id, "attached", texts.get(row.sha256, "")[:ATTACHED_CHARACTERS])


def type_of(file_name: str) -> str:
    """What people call the type of an attachment, and find it by: the ending of its name; empty without one."""
    _, point, ending = file_name.rpartition(".")
    ending = ending.strip().lower()
    if point and ending.isalnum() and ending.isascii() and len(ending) <= _TYPE_CHARACTERS:
        return ending
    return ""
