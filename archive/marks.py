"""Which letters a user has read: by a mark of his own, or because his mail program has seen or sent them.

A mark of his own always counts more: what he marks as unread is unread, whatever the flags upstream say.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, insert, or_, select, update

from postbuch.archive.audit import now
from postbuch.archive.schema import letter, letter_image, mark, sighting
from postbuch.archive.users import ALL, FOREVER, Rights

READ, UNREAD = "read", "unread"


def is_read(letter_id: ColumnElement[int], user_id: int | None, accounts: Rights) -> ColumnElement[bool]:
    """Whether the user has read the letter. Only sightings in accounts that he may read say anything.

    Looked up for each letter that is reached, by scalar subqueries: for EXISTS all marks of the user are fetched first.
    """
    seen = (
        select(sighting.c.id)
        .join(letter_image, letter_image.c.image_id == sighting.c.image_id)
        .where(
            letter_image.c.letter_id == letter_id,
            or_(sighting.c.source == "submission", sighting.c.flags.contains("\\\\Seen")),
        )
    )
    if accounts != ALL:
        seen = seen.where(sighting.c.account_id.in_(accounts))
    return or_(_has(letter_id, user_id, READ), and_(_there(seen), ~_has(letter_id, user_id, UNREAD)))


def _has(letter_id: Any, user_id: int | None, kind: str) -> ColumnElement[bool]:
    return _there(select(mark.c.id).where(
        mark.c.letter_id == letter_id, mark.c.user_id == (user_id or 0), mark.c.kind == kind, mark.c.until == FOREVER
    ))


def _there(query: Any) -> ColumnElement[bool]:
    return query.limit(1).scalar_subquery().is_not(None)  # type: ignore[no-any-return] # a select


def unread_of(conn: Connection, ids: list[int], user_id: int, accounts: Rights) -> set[int]:
    """Which of the letters the user has not read. For letters that are within his rights."""
    if not ids:
        return set()
    query = select(letter.c.id).where(letter.c.id.in_(ids), ~is_read(letter.c.id, user_id, accounts))
    return set(conn.scalars(query))


def mark_read(
    conn: Connection, ids: list[int], user_id: int, read: bool, accounts: Rights, readable: ColumnElement[bool],
    at: datetime | None = None,
) -> list[int]:
    """Mark those of the letters that are `readable` and differ; gives these back. `at`: since when, for `changed`."""
    there = set(conn.scalars(select(letter.c.id).where(letter.c.id.in_(ids), readable)))
    unread = unread_of(conn, sorted(there), user_id, accounts)
    changed = [number for number in ids if number in there and (number in unread) == read]
    if not changed:
        return []
    at = at or now()
    holds = (mark.c.user_id == user_id, mark.c.letter_id.in_(changed), mark.c.until == FOREVER)
    conn.execute(update(mark).where(*holds, mark.c.kind.in_((READ, UNREAD))).values(until=at))
    conn.execute(insert(mark).prefix_with("IGNORE"), [
        {"user_id": user_id, "letter_id": number, "kind": READ if read else UNREAD, "since": at, "until": FOREVER}
        for number in changed
    ])
    return changed


def changed(conn: Connection, user_id: int, at: datetime) -> list[int]:
    """The letters that were marked at that moment and have not been marked otherwise since."""
    query = select(mark.c.letter_id).where(
        mark.c.user_id == user_id, mark.c.since == at, mark.c.until == FOREVER, mark.c.kind.in_((READ, UNREAD))
    )
    return list(conn.scalars(query.order_by(mark.c.letter_id)))
