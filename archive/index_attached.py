"""What is found of letters after they came: the text of attachments (`object_text`), and what a later reading found."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select

from postbuch.archive.bulk import chunks
from postbuch.archive.readnow import current
from postbuch.archive.schema import later_reading, letter_image
from postbuch.archive.schema_media import object_text


def texts_of(conn: Connection, digests: Collection[bytes], most: int | None = None) -> dict[bytes, str]:
    """SHA-256 of an object → its text, with `most` only so many characters of it."""
    found: dict[bytes, str] = {}
    text: ColumnElement[str] = object_text.c.text if most is None else func.left(object_text.c.text, most)
    for some in chunks(digests):
        query = select(object_text.c.sha256, text).where(object_text.c.sha256.in_(some))
        found.update((row[0], row[1]) for row in conn.execute(query.where(object_text.c.text != "")))
    return found


# By the SHA-256 of an object whose text came, or the number of an image that was read again.
Late = bytes | int


def newest(conn: Connection) -> datetime | None:
    """When the last of it came."""
    moments = [conn.scalar(select(func.max(at))) for at in (object_text.c.extracted_at, later_reading.c.read_at)]
    return max((at for at in moments if at is not None), default=None)


def came_since(conn: Connection, since: datetime, limit: int) -> list[tuple[Late, datetime]]:
    """What came at or after the moment, oldest first."""
    found: list[tuple[Late, datetime]] = []
    for key, at in (
        (object_text.c.sha256, object_text.c.extracted_at), (later_reading.c.image_id, later_reading.c.read_at),
    ):  # fmt: skip
        query: Any = select(key, at).where(at >= since).order_by(at).limit(limit)
        found += [(row[0], row[1]) for row in conn.execute(query)]
    return sorted(found, key=lambda pair: pair[1])[:limit]


def letters_with(conn: Connection, late: Collection[Late]) -> set[int]:
    """The letters that hold one of the files, or are one of the images."""
    letters: set[int] = set()
    for digests in chunks([each for each in late if isinstance(each, bytes)]):
        parts = current(lambda table, some=digests: table.c.sha256.in_(some))  # type: ignore[misc] # bound at once
        letters.update(conn.scalars(
            select(letter_image.c.letter_id).join(parts, parts.c.image_id == letter_image.c.image_id)
        ))
    for images in chunks([each for each in late if isinstance(each, int)]):
        letters.update(conn.scalars(select(letter_image.c.letter_id).where(letter_image.c.image_id.in_(images))))
    return letters
