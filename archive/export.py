"""What goes out: the letters that a query finds, each with every image and place within the rights, octet for octet.

The same conditions as the search and the pages. A letter that comes while an export runs is not in it.
"""

import hashlib
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, func, select

from postbuch.archive import letters
from postbuch.archive.config import Config
from postbuch.archive.errors import NotFound, PostbuchError
from postbuch.archive.schema import account, header_summary, image, letter, letter_image, mailbox, sighting
from postbuch.archive.search import matching
from postbuch.archive.users import ALL, Rights
from postbuch.archive.visible import seen
from postbuch.archive.wrong import Wrong

# Letters whose facts are asked for at once: at a place or three each, a query of milliseconds.
CHUNK = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an image was: `mailbox` None is a submission. Flags are those seen last, INTERNALDATE (UTC) the first."""

    account: str
    mailbox: str | None
    flags: tuple[str, ...]
    internal_date: datetime | None
    source: str
    uidvalidity: int | None
    uid: int | None
    seen_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One image of a letter. `arrived` (UTC): its first INTERNALDATE, else the letter's arrival."""

    image_id: int
    letter_id: int
    sha256: str
    size_octets: int
    subject: str
    arrived: datetime
    places: tuple[Place, ...]


class Export:
    """The messages of one query. `engine`: of a user who may read; each chunk takes a connection for its time."""

    def __init__(self, engine: Engine, config: Config, accounts: Rights, found: "array[int]") -> None:
        self._engine = engine
        self._config = config
        self._accounts = accounts
        # 8 octets a letter: ten million are 80 MB.
        self.letters = found

    def messages(self) -> Iterator[Message]:
        """Every image, in the order of the letters' arrival."""
        for start in range(0, len(self.letters), CHUNK):
            wanted = self.letters[start : start + CHUNK].tolist()
            with self._engine.connect() as conn:
                found = _messages(conn, wanted, self._accounts)
            for letter_id in wanted:
                yield from found.get(letter_id, ())

    def octets(self, message: Message) -> bytes:
        """The octets, held to their digest. Raises PostbuchError for what is damaged."""
        with self._engine.connect() as conn:
            octets = letters.octets(conn, self._config, message.image_id)
        if hashlib.sha256(octets).hexdigest() != message.sha256:
            raise NotFound(Wrong.ANOTHER_IMAGE.said(number=message.image_id))
        return octets


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """A message that could not be read, and why."""

    sha256: str
    letter: int
    reason: str


def find(conn: Connection, query: str, accounts: Rights, user_id: int | None = None) -> "array[int]":
    """The letters that a query finds, by arrival. Raises UsageError for a query that makes no sense."""
    found = matching(conn, query, accounts, user_id, whole=True)
    wanted = select(letter.c.id).where(found).order_by(letter.c.sort_at, letter.c.id)
    rows = conn.execute(wanted, execution_options={"stream_results": True, "yield_per": 10_000})
    return array("Q", rows.scalars())


def volume(conn: Connection, found: "array[int]", accounts: Rights) -> tuple[int, int]:
    """How many images the letters have, and how many octets those are."""
    images = octets = 0
    for start in range(0, len(found), 10 * CHUNK):
        wanted = found[start : start + 10 * CHUNK].tolist()
        query = (
            select(func.count(), func.sum(image.c.size_octets))
            .join(letter_image, letter_image.c.image_id == image.c.id)
            .where(letter_image.c.letter_id.in_(wanted), seen(accounts))
        )
        row = conn.execute(query).one()
        images, octets = images + row[0], octets + int(row[1] or 0)
    return images, octets


def read(export: Export, missing: list[Missing]) -> Iterator[tuple[Message, bytes]]:
    """The messages with their octets; what cannot be read is told at the end and keeps no other from going out."""
    for message in export.messages():
        try:
            octets = export.octets(message)
        except PostbuchError as error:
            if error.temporary:
                raise
            missing.append(Missing(sha256=message.sha256, letter=message.letter_id, reason=str(error)))
        else:
            yield message, octets


def _messages(conn: Connection, wanted: list[int], accounts: Rights) -> dict[int, list[Message]]:
    images = conn.execute(
        select(
            letter_image.c.letter_id, image.c.id, image.c.sha256, image.c.size_octets, letter.c.sort_at,
            header_summary.c.subject,
        )
        .join(image, image.c.id == letter_image.c.image_id)
        .join(letter, letter.c.id == letter_image.c.letter_id)
        .join(header_summary, header_summary.c.image_id == image.c.id, isouter=True)
        .where(letter_image.c.letter_id.in_(wanted), seen(accounts)).order_by(image.c.id)
    ).all()
    places = _places(conn, [row.id for row in images], accounts)
    found: dict[int, list[Message]] = {}
    for row in images:
        own = tuple(places.get(row.id, {}).values())
        dates = [place.internal_date for place in own if place.internal_date is not None]
        found.setdefault(row.letter_id, []).append(Message(
            image_id=row.id, letter_id=row.letter_id, sha256=row.sha256.hex(), size_octets=row.size_octets,
            subject=row.subject or "", arrived=min(dates, default=row.sort_at), places=own,
        ))
    return found


def _places(
    conn: Connection, images: list[int], accounts: Rights
) -> dict[int, dict[tuple[str, str | None], Place]]:
    """Image → the places, in the order in which they were first seen."""
    query = (
        select(
            sighting.c.image_id, account.c.address, mailbox.c.name, sighting.c.flags, sighting.c.internal_date,
            sighting.c.source, sighting.c.uidvalidity, sighting.c.uid, sighting.c.seen_at,
        )
        .join(account, account.c.id == sighting.c.account_id)
        .join(mailbox, mailbox.c.id == sighting.c.mailbox_id, isouter=True)
        .where(sighting.c.image_id.in_(images)).order_by(sighting.c.seen_at, sighting.c.id)
    )
    if accounts != ALL:
        query = query.where(sighting.c.account_id.in_(accounts))
    found: dict[int, dict[tuple[str, str | None], Place]] = {}
    for row in conn.execute(query):
        own = found.setdefault(row.image_id, {})
        before = own.get((row.address, row.name))
        first = row.internal_date if before is None or before.internal_date is None else before.internal_date
        own[row.address, row.name] = Place(
            account=row.address, mailbox=row.name, flags=tuple(row.flags.split()), internal_date=first,
            source=row.source, uidvalidity=row.uidvalidity, uid=row.uid, seen_at=row.seen_at,
        )
    return found
