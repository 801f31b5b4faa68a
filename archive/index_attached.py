"""The text of attachments, as far as it was extracted: the table `object_text`, one row for each object."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select

from postbuch.archive.bulk import chunks
from postbuch.archive.schema import letter_image, part
from postbuch.archive.schema_media import object_text


def texts_of(conn: Connection, digests: Collection[bytes], most: int | None = None) -> dict[bytes, str]:
    """SHA-256 of an object → its text, with `most` only so many characters of it."""
    found: dict[bytes, str] = {}
    text: ColumnElement[str] = object_text.c.text if most is None else func.left(object_text.c.text, most)
    for some in chunks(digests):
        query = select(object_text.c.sha256, text).where(object_text.c.sha256.in_(some))
        found.update((row[0], row[1]) for row in conn.execute(query.where(object_text.c.text != "")))
    return found


def newest(conn: Connection) -> datetime | None:
    """When the last text was extracted."""
    found: datetime | None = conn.scalar(select(func.max(object_text.c.extracted_at)))
    return found


def extracted_since(conn: Connection, since: datetime, limit: int) -> list[tuple[bytes, datetime]]:
    """The objects whose text came at or after the moment, oldest first."""
    query: Any = select(object_text.c.sha256, object_text.c.extracted_at).where(object_text.c.extracted_at >= since)
    return [(row[0], row[1]) for row in conn.execute(query.order_by(object_text.c.extracted_at).limit(limit))]


def letters_with(conn: Connection, digests: Collection[bytes]) -> set[int]:
    """The letters that hold one of the files."""
    letters: set[int] = set()
    for some in chunks(digests):
        letters.update(conn.scalars(
            select(letter_image.c.letter_id).join(part, part.c.image_id == letter_image.c.image_id)
            .where(part.c.sha256.in_(some))
        ))
    return letters
