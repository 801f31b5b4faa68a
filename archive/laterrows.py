"""The rows of what a later reading found in images: which images may hold more than was read, how far it is."""

from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, func, or_, select, update
from sqlalchemy.dialects.mysql import insert as upsert

from postbuch.archive import audit, containers
from postbuch.archive.bulk import insert_rows
from postbuch.archive.filefamily import family
from postbuch.archive.message import ParsedMessage, PartSummary
from postbuch.archive.mimepart import APPLE_FORK, SIGNATURES
from postbuch.archive.readnow import NONE, current, text_now
from postbuch.archive.schema import body_text, image, later_part, later_progress, later_reading, part
from postbuch.archive.widths import BODY_CHARACTERS

# Raised when the reader opens what it did not open before: then `may_hold` says in which parts that is.
READER = 1
# What a file in a text begins with (`uuencoded.py`). The first reading left it among the words.
_IN_TEXT = r"begin(-base64)?[ \t]+[0-7]{3,4}\s|=ybegin\s"
_CONTAINER_WORDS = ("tnef", "pkcs7")
_UNKNOWN_FAMILY = "file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Images up to the first number were looked through, those up to the second are to be."""

    upto: int
    until: int


def may_hold(content_type: str, file_name: str, disposition: str) -> bool:
    """Whether there may be parts within a part, as far as its row tells; files in texts are told by the text."""
    if content_type in containers.RTF_TYPES:
        return not file_name and disposition != "attachment"
    if content_type in SIGNATURES:
        return False
    if content_type == APPLE_FORK or content_type.startswith("message/"):
        return True
    if any(word in content_type for word in _CONTAINER_WORDS):
        return True
    return family(content_type, file_name) == _UNKNOWN_FAMILY


def progress(conn: Connection) -> Progress:
    """How far it is; the first time it begins, with the images that are there."""
    query = select(later_progress.c.upto, later_progress.c.until).where(later_progress.c.reader == READER)
    row = conn.execute(query).one_or_none()
    if row is None:
        newest = int(conn.scalar(select(func.max(image.c.id))) or 0)
        insert_rows(conn, later_progress, [{"reader": READER, "upto": 0, "until": newest}], skip_known=True)
        row = conn.execute(query).one()
    return Progress(upto=row.upto, until=row.until)


def move(conn: Connection, upto: int) -> None:
    """Note how far it is. Another process that is behind does not take it back."""
    farther = func.greatest(later_progress.c.upto, upto)
    conn.execute(update(later_progress).where(later_progress.c.reader == READER).values(upto=farther))


def count(conn: Connection, above: int, upto: int) -> int:
    """How many images there are above one number, up to another. Of ten million it takes seconds."""
    query = select(func.count()).select_from(image).where(image.c.id > above, image.c.id <= upto)
    return int(conn.scalar(query) or 0)


def candidates(conn: Connection, above: int, upto: int) -> list[int]:
    """The images above one number, up to another, whose rows do not tell that nothing is within their parts."""
    rows = conn.execute(
        select(part.c.image_id, part.c.content_type, part.c.file_name, part.c.disposition)
        .where(part.c.image_id > above, part.c.image_id <= upto)
    )
    found = {row.image_id for row in rows if may_hold(row.content_type, row.file_name, row.disposition)}
    # Of a long text the row has the beginning alone.
    told = or_(body_text.c.text.regexp_match(_IN_TEXT), func.char_length(body_text.c.text) >= BODY_CHARACTERS)
    texts = select(body_text.c.image_id).where(body_text.c.image_id > above, body_text.c.image_id <= upto, told)
    return sorted(found.union(conn.scalars(texts)))


def write(conn: Connection, found: dict[int, ParsedMessage]) -> int:
    """Keep what the readings say otherwise than the rows; of how many images. Nothing of what could not be read.

    A part that a reading does not find any more gets a row as well, which says so.
    """
    read = {number: parsed for number, parsed in found.items() if parsed.parser != "none"}
    known, texts = _known(conn, read)
    changed: list[int] = []
    parts: list[dict[str, Any]] = []
    for number, parsed in read.items():
        rows = [{"image_id": number, **_columns(each)} for each in parsed.parts]
        places = {row["position"] for row in rows}
        rows += [{**row, "content_type": NONE} for row in known[number].values() if row["position"] not in places]
        other = [row for row in rows if known[number].get(row["position"]) != row]
        if other or texts.get(number) != parsed.text:
            changed.append(number)
            parts += other
    if parts:
        made = upsert(later_part)
        names = [column.name for column in later_part.c if not column.primary_key]
        conn.execute(made.on_duplicate_key_update([(name, made.inserted[name]) for name in names]), parts)
    if changed:
        again = upsert(later_reading)
        conn.execute(
            again.on_duplicate_key_update([(name, again.inserted[name]) for name in ("text", "read_at")]),
            [{"image_id": number, "text": read[number].text, "read_at": audit.now()} for number in changed],
        )
    return len(changed)


def _columns(each: PartSummary) -> dict[str, Any]:
    return {**asdict(each), "sha256": bytes.fromhex(each.sha256)}


def _known(
    conn: Connection, images: Collection[int]
) -> tuple[dict[int, dict[int, dict[str, Any]]], dict[int, str]]:
    """The parts by image and position, and the texts, as they are known now."""
    rows = conn.execute(select(current(lambda table: table.c.image_id.in_(images))))
    texts = conn.execute(
        select(body_text.c.image_id, text_now())
        .join(later_reading, later_reading.c.image_id == body_text.c.image_id, isouter=True)
        .where(body_text.c.image_id.in_(images))
    )
    parts: dict[int, dict[int, dict[str, Any]]] = {number: {} for number in images}
    for row in rows:
        parts[row.image_id][row.position] = {**row._mapping, "is_attachment": bool(row.is_attachment)}
    return parts, {row[0]: row[1] for row in texts}
