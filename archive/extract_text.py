"""The rows of the words of attachments: which files were not read yet, what was found, and how it is asked for."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select, union

from postbuch.archive import audit
from postbuch.archive.bulk import insert_rows
from postbuch.archive.extract_found import Extract
from postbuch.archive.extract_reasons import sentence
from postbuch.archive.readnow import current, halves
from postbuch.archive.schema import image, object_
from postbuch.archive.schema_media import object_text


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractedText:
    """What can be found of a file. `reason` is an English sentence, '' when all of it can be found."""

    text: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingFile:
    """An attachment that was not read yet, and where it stands. `stored`: it is an object, else a part of the image."""

    sha256: bytes
    image_id: int
    position: int
    size_octets: int
    stored: bool


def text_of(conn: Connection, sha256: bytes) -> ExtractedText | None:
    """What was read of a file; None while it waits. Whoever asks has to have the right to a letter with it."""
    row = conn.execute(select(object_text).where(object_text.c.sha256 == sha256)).one_or_none()
    return None if row is None else ExtractedText(text=row.text, reason=row.reason)


def reasons_of(conn: Connection, digests: Collection[bytes]) -> dict[bytes, tuple[str, bool]]:
    """Digest → (the reason, whether words were read all the same), for files that were read; others are left out."""
    if not digests:
        return {}
    columns = (object_text.c.sha256, object_text.c.reason, object_text.c.characters)
    found = conn.execute(select(*columns).where(object_text.c.sha256.in_(digests)))
    return {row.sha256: (row.reason, row.characters > 0) for row in found}


def waiting(conn: Connection, above: int, upto: int) -> list[WaitingFile]:
    """The attachments of the images above one number, up to another, that were not read yet; each file once."""
    part = current(lambda table: (table.c.image_id > above) & (table.c.image_id <= upto) & table.c.is_attachment)
    query = (
        select(part.c.sha256, part.c.image_id, part.c.position, part.c.size_octets, object_.c.id.label("object_id"))
        .join(object_text, object_text.c.sha256 == part.c.sha256, isouter=True)
        .join(object_, object_.c.sha256 == part.c.sha256, isouter=True)
        .where(object_text.c.id.is_(None))
        .order_by(part.c.image_id, part.c.position)
    )
    found: dict[bytes, WaitingFile] = {}
    for row in conn.execute(query):
        found.setdefault(row.sha256, WaitingFile(
            sha256=row.sha256, image_id=row.image_id, position=row.position, size_octets=row.size_octets,
            stored=row.object_id is not None,
        ))  # fmt: skip
    return list(found.values())


def waiting_count(conn: Connection, above: int) -> int:
    """How many attachments of the images above the number were not read yet. Costs a look-up for each."""
    # MariaDB writes what is united to a table first: the digests of those that wait, not the rows of all there are.
    waiting = union(*(
        select(table.c.sha256)
        .join(object_text, object_text.c.sha256 == table.c.sha256, isouter=True)
        .where(table.c.image_id > above, table.c.is_attachment, valid, object_text.c.id.is_(None))
        for table, valid in halves()
    )).subquery()
    return conn.scalar(select(func.count()).select_from(waiting)) or 0


def newest_image(conn: Connection) -> int:
    """The number of the newest image; 0 when there is none."""
    return conn.scalar(select(func.max(image.c.id))) or 0


def write(conn: Connection, found: dict[bytes, Extract]) -> None:
    """Keep what was read. What another process read meanwhile stays as it is."""
    at = audit.now()
    rows: list[dict[str, Any]] = [
        {
            "sha256": sha256, "text": each.text, "reason": str(sentence(each.reason)), "extractor": each.extractor[:40],
            "characters": len(each.text), "extracted_at": at,
        }
        for sha256, each in found.items()
    ]
    insert_rows(conn, object_text, rows, skip_known=True)
