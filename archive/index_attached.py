"""The text of attachments, as far as it was extracted: the table `object_text`, one row for each object.

The table may be absent: then attachments are found by their names.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select

from postbuch.archive.bulk import chunks
from postbuch.archive.schema import letter_image, metadata, part

TABLE = "object_text"


def texts_of(conn: Connection, digests: Collection[bytes]) -> dict[bytes, str]:
    """SHA-256 of an object → its text."""
    table = metadata.tables.get(TABLE)
    if table is None:
        return {}
    found: dict[bytes, str] = {}
    for some in chunks(digests):
        query = select(table.c.sha256, table.c.text).where(table.c.sha256.in_(some), table.c.text != "")
        found.update((row[0], row[1]) for row in conn.execute(query))
    return found


def newest(conn: Connection) -> datetime | None:
    """When the last text was extracted."""
    table = metadata.tables.get(TABLE)
    return None if table is None else conn.scalar(select(func.max(table.c.extracted_at)))


def extracted_since(conn: Connection, since: datetime, limit: int) -> list[tuple[bytes, datetime]]:
    """The objects whose text came at or after the moment, oldest first."""
    table = metadata.tables.get(TABLE)
    if table is None:
        return []
    query: Any = select(table.c.sha256, table.c.extracted_at).where(table.c.extracted_at >= since)
    return [(row[0], row[1]) for row in conn.execute(query.order_by(table.c.extracted_at).limit(limit))]


def letters_with(conn: Connection, digests: Collection[bytes]) -> set[int]:
    """The letters that hold one of the files. Whoever adds the table has an index on `part.sha256` as well."""
    letters: set[int] = set()
    for some in chunks(digests):
        letters.update(conn.scalars(
            select(letter_image.c.letter_id).join(part, part.c.image_id == letter_image.c.image_id)
            .where(part.c.sha256.in_(some))
        ))
    return letters
