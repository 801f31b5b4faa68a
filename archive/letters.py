"""Reading letters: the list page, finding one, its octets, and read marks.

Rights are part of each query. A letter outside them is NotFound, with the same words as one that does not exist.
"""

import hashlib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, func, or_, select, tuple_

from postbuch.archive import audit, marks, objects, skeleton
from postbuch.archive.config import Config
from postbuch.archive.errors import NotFound
from postbuch.archive.listorder import Cursor as Cursor
from postbuch.archive.marks import is_read
from postbuch.archive.schema import (
    account,
    header_summary,
    image,
    letter,
    letter_image,
    letter_place,
    mailbox,
    sighting,
)
from postbuch.archive.users import ALL, Rights
from postbuch.archive.visible import readable, seen, visible_images
from postbuch.archive.wrong import Wrong

PAGE = 50
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
# MariaDB's BIGINT UNSIGNED ends at 20 digits; 18 can never overflow.
_NUMBER = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """Which octets: number, SHA-256 in hex, length."""

    id: int
    sha256: str
    size_octets: int


def newest(conn: Connection, accounts: Rights, known: Collection[Mapping[str, Any]]) -> Cursor | None:
    """The place of the newest letter within the rights. `known`: the `mailboxes` within them."""
    if not known:
        return None
    at = max(each["newest"] for each in known)
    if accounts == ALL:
        last = select(func.max(letter.c.id)).where(letter.c.sort_at == at)
    else:
        last = select(func.max(letter_place.c.letter_id)).where(
            letter_place.c.sort_at == at, letter_place.c.account_id.in_(accounts)
        )
    return Cursor(sort_at=at, letter_id=conn.scalar(last) or 0)


def mailboxes(conn: Connection, accounts: Rights) -> list[dict[str, Any]]:
    """The mailboxes within the rights: account_id, account, mailbox_id (0: submissions), mailbox, newest (its letter's
    sort_at)."""
    known = select(
        letter_place.c.account_id, letter_place.c.mailbox_id, func.max(letter_place.c.sort_at).label("newest")
    ).group_by(letter_place.c.account_id, letter_place.c.mailbox_id)
    if accounts != ALL:
        known = known.where(letter_place.c.account_id.in_(accounts))
    places = known.subquery()
    query = (
        select(
            account.c.id.label("account_id"), account.c.address.label("account"), places.c.mailbox_id,
            mailbox.c.name.label("mailbox"), places.c.newest,
        )
        .join(places, places.c.account_id == account.c.id)
        .join(mailbox, mailbox.c.id == places.c.mailbox_id, isouter=True)
        .order_by(account.c.address, mailbox.c.name)
    )
    return [dict(row._mapping) for row in conn.execute(query)]


def last_seen(conn: Connection, accounts: Rights) -> dict[int, datetime]:
    """Account → when anything was seen in it last, of those within the rights: read from the end of an index each."""
    query = select(sighting.c.account_id, func.max(sighting.c.seen_at)).group_by(sighting.c.account_id)
    if accounts != ALL:
        query = query.where(sighting.c.account_id.in_(accounts))
    return {row[0]: row[1] for row in conn.execute(query)}


def unread(
    conn: Connection, account_id: int, mailbox_id: int, user_id: int, accounts: Rights, within: int
) -> int:
    """How many of a mailbox's newest letters, `within` of them, the user has not read."""
    newest = (
        select(letter_place.c.letter_id)
        .where(letter_place.c.account_id == account_id, letter_place.c.mailbox_id == mailbox_id)
        .order_by(letter_place.c.sort_at.desc(), letter_place.c.letter_id.desc()).limit(within).subquery()
    )
    count = select(func.count()).select_from(newest).where(~is_read(newest.c.letter_id, user_id, accounts))
    return conn.scalar(count) or 0


def mailboxes_of(conn: Connection, ids: Collection[int]) -> set[tuple[int, int]]:
    """The (account_id, mailbox_id) in which these letters were seen."""
    places = select(letter_place.c.account_id, letter_place.c.mailbox_id).distinct()
    return {(row.account_id, row.mailbox_id) for row in conn.execute(places.where(letter_place.c.letter_id.in_(ids)))}


def highest(conn: Connection) -> int:
    """The highest number of a letter, whoever may read it."""
    return conn.scalar(select(func.max(letter.c.id))) or 0


def highest_by_account(conn: Connection, above: int) -> dict[int, int]:
    """For each account that has letters with a higher number, the highest."""
    query = select(letter_place.c.account_id, func.max(letter_place.c.letter_id))
    query = query.where(letter_place.c.letter_id > above).group_by(letter_place.c.account_id)
    return {row[0]: row[1] for row in conn.execute(query)}


def newer_count(conn: Connection, accounts: Rights, cursor: Cursor) -> int:
    """How many letters within the rights are newer than a place in the list, for the "3 new" badge."""
    place = (cursor.sort_at, cursor.letter_id)
    newer = and_(letter.c.sort_at >= cursor.sort_at, tuple_(letter.c.sort_at, letter.c.id) > place)
    return conn.scalar(select(func.count()).select_from(letter).where(newer, readable(accounts))) or 0


def find_letter(conn: Connection, reference: str, accounts: Rights = ALL) -> int:
    """The letter's number for a number, a SHA-256 in hex or a Message-ID. Raises NotFound."""
    reference = audit.storable(reference)
    ways = []
    if _NUMBER.fullmatch(reference):
        ways.append(letter.c.id == int(reference))
    # A colleague's copy is not known by its Message-ID or digest either.
    images = select(letter_image.c.letter_id).where(seen(accounts))
    if _SHA256.fullmatch(reference):
        ways.append(letter.c.id.in_(
            images.join(image, image.c.id == letter_image.c.image_id).where(image.c.sha256 == bytes.fromhex(reference))
        ))
    if "@" in reference:
        ways.append(letter.c.id.in_(
            images.join(header_summary, header_summary.c.image_id == letter_image.c.image_id)
            .where(header_summary.c.message_id == reference.strip("<>"))
        ))
    found = None
    if ways:
        query = select(letter.c.id).where(or_(*ways), readable(accounts)).order_by(letter.c.sort_at.desc())
        found = conn.scalar(query.limit(1))
    if found is None:
        raise NotFound(Wrong.NO_LETTER.said(reference=reference))
    return int(found)


def find_image(conn: Connection, reference: str, accounts: Rights = ALL) -> Image:
    """The image for a SHA-256 in hex, else the first readable image of a letter. Raises NotFound."""
    columns = (image.c.id, image.c.sha256, image.c.size_octets)
    letter_id = find_letter(conn, reference, accounts)
    query = select(*columns).where(image.c.id.in_(visible_images(letter_id, accounts))).order_by(image.c.id)
    if _SHA256.fullmatch(reference):
        query = query.where(image.c.sha256 == bytes.fromhex(reference))
    row = conn.execute(query.limit(1)).one_or_none()
    if row is None:
        raise NotFound(Wrong.NO_LETTER.said(reference=reference))
    return Image(id=row.id, sha256=row.sha256.hex(), size_octets=row.size_octets)


def octets(conn: Connection, config: Config, image_id: int) -> bytes:
    """The message as it was, rebuilt from its skeleton and the objects. Raises NotFound, or SkeletonDamaged."""
    row = conn.execute(select(image.c.skeleton, image.c.sha256).where(image.c.id == image_id)).one_or_none()
    if row is None:
        raise NotFound(Wrong.NO_IMAGE.said(number=image_id))
    found = skeleton.rebuild(row.skeleton, objects.ObjectStore(config.data).read)
    if hashlib.sha256(found).digest() != row.sha256:
        raise skeleton.SkeletonDamaged(f"the image {image_id} does not come back with its SHA-256")
    return found


def mark_read(
    conn: Connection, letter_ids: list[int], user_id: int, read: bool, accounts: Rights, at: datetime | None = None
) -> list[int]:
    """Mark those of the letters that are within the rights and differ as read or unread; gives these back."""
    return marks.mark_read(conn, letter_ids, user_id, read, accounts, readable(accounts), at)
