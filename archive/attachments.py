"""One attachment by its number: in which letters it stands within the rights, and its octets.

A file that stands in no letter within the rights is NotFound, with the same words as one that does not exist.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, select

from postbuch.archive.errors import NotFound
from postbuch.archive.schema import header_summary, letter, letter_image, object_, part
from postbuch.archive.schema_media import attachment
from postbuch.archive.users import Rights
from postbuch.archive.visible import part_seen
from postbuch.archive.wrong import Wrong

# Letters that the page of one file lists: a logo may stand in all.
MAX_LETTERS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a file stands: one part of an image that may be read. `stored`: it is an object as well."""

    attachment_id: int
    sha256: bytes
    letter_id: int
    image_id: int
    position: int
    content_type: str
    file_name: str
    size_octets: int
    sort_at: datetime
    stored: bool


def place_of(conn: Connection, attachment_id: int, rights: Rights) -> Place:
    """Any place of a file within the rights. Raises NotFound."""
    found = places_of(conn, [attachment_id], rights)
    if not found:
        raise NotFound(Wrong.NO_ATTACHMENT.said(number=attachment_id))
    return found[0]


def places_of(conn: Connection, numbers: Collection[int], rights: Rights) -> list[Place]:
    """A place of each of the files within the rights, in the order of the numbers; others are left out."""
    found = []
    for number in dict.fromkeys(numbers):
        # By the last image, in the order of the index: a logo may stand in all.
        row = conn.execute(_places(number, rights).order_by(part.c.image_id.desc()).limit(1)).one_or_none()
        if row is not None:
            found.append(_place(row))
    return found


def letters_of(conn: Connection, attachment_id: int, rights: Rights) -> list[dict[str, Any]]:
    """The letters with a file within the rights, newest first: id, subject, from, file_name, arrived_at.

    Of more than MAX_LETTERS those that were archived last, read in the order of an index.
    """
    # A letter may have several images.
    places = _places(attachment_id, rights).order_by(part.c.image_id.desc()).limit(4 * MAX_LETTERS).subquery()
    query = (
        select(
            places.c.letter_id, places.c.sort_at, places.c.file_name, header_summary.c.subject,
            header_summary.c.from_display,
        )
        .join(header_summary, header_summary.c.image_id == places.c.image_id)
        .order_by(places.c.sort_at.desc(), places.c.letter_id.desc(), places.c.image_id)
    )
    found: dict[int, dict[str, Any]] = {}
    for row in conn.execute(query):
        found.setdefault(row.letter_id, {
            "id": row.letter_id, "subject": row.subject, "from": row.from_display, "file_name": row.file_name,
            "arrived_at": row.sort_at,
        })  # fmt: skip
    return list(found.values())[:MAX_LETTERS]


def _places(attachment_id: int, rights: Rights) -> Select[Any]:
    """All places of a file within the rights."""
    return (
        select(
            attachment.c.id, part.c.sha256, letter_image.c.letter_id, part.c.image_id, part.c.position,
            part.c.content_type, part.c.file_name, part.c.size_octets, letter.c.sort_at,
            object_.c.id.label("object_id"),
        )
        .select_from(attachment)
        .join(part, part.c.sha256 == attachment.c.sha256)
        .join(letter_image, letter_image.c.image_id == part.c.image_id)
        .join(letter, letter.c.id == letter_image.c.letter_id)
        .join(object_, object_.c.sha256 == attachment.c.sha256, isouter=True)
        .where(attachment.c.id == attachment_id, part.c.is_attachment, part_seen(rights))
    )


def _place(row: Any) -> Place:
    return Place(
        attachment_id=row.id, sha256=row.sha256, letter_id=row.letter_id, image_id=row.image_id,
        position=row.position, content_type=row.content_type, file_name=row.file_name, size_octets=row.size_octets,
        sort_at=row.sort_at, stored=row.object_id is not None,
    )
