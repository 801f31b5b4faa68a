"""The rows of new images: the octets, what they say, their attachments, and the letters they are or belong to."""

from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from postbuch.archive.bulk import chunks, find, insert_numbered, insert_rows
from postbuch.archive.linking import Key, Linker
from postbuch.archive.numbers import Numbers
from postbuch.archive.objects import ObjectStore
from postbuch.archive.preparation import Message, NewImage, naive
from postbuch.archive.schema import (
    body_text,
    header_summary,
    image,
    image_address,
    image_object,
    letter,
    letter_image,
    link_key,
    object_,
    part,
)

New = tuple[Message, NewImage]


def insert_images(conn: Connection, new: Sequence[New], now: datetime) -> dict[bytes, int]:
    """Rows for images that are not there yet, each SHA-256 once; SHA-256 → number of the image.

    `insert_objects` and `insert_people` make what belongs to them and may belong to others too.
    """
    ids: dict[bytes, int] = insert_numbered(conn, image, [
        {
            "sha256": message.sha256, "size_octets": len(message.octets), "skeleton": made.skeleton,
            "parser": made.parsed.parser, "defect": made.parsed.defect, "archived_at": now,
        }
        for message, made in new
    ], image.c.sha256)
    _insert_summaries(conn, new, ids)
    return ids


def _insert_summaries(conn: Connection, new: Sequence[New], ids: dict[bytes, int]) -> None:
    summaries, texts, parts = [], [], []
    for message, made in new:
        number, parsed = ids[message.sha256], made.parsed
        summaries.append({
            "image_id": number, "subject": parsed.subject, "message_id": parsed.message_id,
            "in_reply_to": parsed.in_reply_to, "thread_root": parsed.thread_root,
            "date_header": None if parsed.date is None else naive(parsed.date),
            "from_display": parsed.from_display, "to_display": parsed.to_display,
            "attachment_count": parsed.attachment_count, "preview": parsed.preview,
        })
        texts.append({"image_id": number, "text": parsed.text})
        parts += [
            {
                "image_id": number, "position": item.position, "content_type": item.content_type,
                "disposition": item.disposition, "file_name": item.file_name, "content_id": item.content_id,
                "size_octets": item.size_octets, "sha256": bytes.fromhex(item.sha256),
                "is_attachment": item.is_attachment,
            }
            for item in parsed.parts
        ]
    insert_rows(conn, header_summary, summaries)
    insert_rows(conn, body_text, texts)
    insert_rows(conn, part, parts)


def insert_people(conn: Connection, numbers: Numbers, new: Sequence[New], ids: dict[bytes, int]) -> None:
    """Who stands in the address fields of the new images."""
    known = numbers.addresses(conn, (item.address for _, made in new for item in made.parsed.addresses))
    rows = []
    for message, made in new:
        places: dict[str, int] = {}
        for item in made.parsed.addresses:
            position = places.get(item.field, 0)
            places[item.field] = position + 1
            rows.append({
                "image_id": ids[message.sha256], "field": item.field, "position": position,
                "address_id": known[item.address], "display_name": item.display_name,
            })
    insert_rows(conn, image_address, rows)


def insert_objects(
    conn: Connection, store: ObjectStore, new: Sequence[New], ids: dict[bytes, int], now: datetime
) -> None:
    """The attachments of the new images: their files, which are synced, and their rows."""
    payloads = {digest: payload for _, made in new for digest, payload in made.objects.items()}
    known = find(conn, object_.c.sha256, object_.c.id, payloads)
    fresh = {digest: payload for digest, payload in payloads.items() if digest not in known}
    if fresh:
        store.put(fresh)
        store.sync()
        # Another ingester may be at the same attachment: then this waits for it and takes its row.
        insert_rows(conn, object_, [
            {"sha256": digest, "size_octets": len(fresh[digest]), "created_at": now} for digest in sorted(fresh)
        ], skip_known=True)
        known.update(find(conn, object_.c.sha256, object_.c.id, fresh))
    insert_rows(conn, image_object, [
        {"image_id": ids[message.sha256], "position": position, "object_id": known[digest]}
        for message, made in new
        for position, digest in enumerate(made.order)
    ])


def insert_letters(conn: Connection, new: Sequence[New], ids: dict[bytes, int]) -> dict[int, tuple[int, datetime]]:
    """Link the new images to letters, or make letters of them. Only under the lock of all ingesters.

    Gives image → (letter, its arrival) for those that made a letter; `letters_of` knows the others.
    """
    keys = [
        Key(
            body_sha256=bytes.fromhex(made.parsed.body_sha256),
            people_sha256=bytes.fromhex(made.parsed.people_sha256),
            original_id=made.parsed.original_id,
            submitted=message.submitted,
            at=message.sort_at(made.parsed.date),
        )
        for message, made in new
    ]
    linker = Linker(conn, keys)
    links, letters, key_rows = [], [], []
    for (message, _), key in zip(new, keys, strict=True):
        number = ids[message.sha256]
        first, reason = linker.place(key, number)
        links.append((number, first, reason))
        if first == number:
            letters.append((number, key.at))
        key_rows.append({
            "image_id": number, "body_sha256": key.body_sha256, "people_sha256": key.people_sha256,
            "original_id": key.original_id,
        })
    insert_rows(conn, link_key, key_rows)
    letter_ids = insert_numbered(
        conn, letter, [{"first_image_id": number, "sort_at": at} for number, at in letters], letter.c.first_image_id
    )
    older = {first for _, first, _ in links} - set(letter_ids)
    letter_ids.update(find(conn, letter.c.first_image_id, letter.c.id, older))
    insert_rows(conn, letter_image, [
        {"image_id": number, "letter_id": letter_ids[first], "reason": reason} for number, first, reason in links
    ])
    return {number: (letter_ids[number], at) for number, at in letters}


def letters_of(conn: Connection, images: Sequence[int]) -> dict[int, tuple[int, datetime]]:
    """Image → (letter, its arrival)."""
    query = select(letter_image.c.image_id, letter.c.id, letter.c.sort_at).join(
        letter, letter.c.id == letter_image.c.letter_id
    )
    found: dict[int, tuple[int, datetime]] = {}
    for wanted in chunks(images):
        for row in conn.execute(query.where(letter_image.c.image_id.in_(wanted))):
            found[row.image_id] = (row.id, row.sort_at)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """An attachment of an image that is an object: the first part with its octets, and the name that it goes by."""

    sha256: bytes
    size_octets: int
    part: int | None
    name: str


def files_in(made: NewImage) -> list[StoredFile]:
    """What `files_of` says of an image once its rows are there."""
    parts = [(item.position, bytes.fromhex(item.sha256), item.file_name) for item in made.parsed.parts]
    return _files([(digest, len(made.objects[digest])) for digest in made.order], parts)


def files_of(conn: Connection, images: Sequence[int]) -> dict[int, list[StoredFile]]:
    """Image → its objects, in the order of the skeleton."""
    found: dict[int, list[StoredFile]] = {}
    for wanted in chunks(images):
        places: dict[int, list[tuple[bytes, int]]] = defaultdict(list)
        query = (
            select(image_object.c.image_id, object_.c.sha256, object_.c.size_octets)
            .join(object_, object_.c.id == image_object.c.object_id).where(image_object.c.image_id.in_(wanted))
            .order_by(image_object.c.image_id, image_object.c.position)
        )
        for row in conn.execute(query):
            places[row.image_id].append((row.sha256, row.size_octets))
        parts: dict[int, list[tuple[int, bytes, str]]] = defaultdict(list)
        named = select(part.c.image_id, part.c.position, part.c.sha256, part.c.file_name)
        named = named.where(part.c.image_id.in_(list(places))).order_by(part.c.image_id, part.c.position)
        for one in conn.execute(named):
            parts[one.image_id].append((one.position, one.sha256, one.file_name))
        found.update({image_id: _files(mine, parts[image_id]) for image_id, mine in places.items()})
    return found


def _files(places: Sequence[tuple[bytes, int]], parts: Sequence[tuple[int, bytes, str]]) -> list[StoredFile]:
    """`places`: digest and length of each object; `parts`: place, digest and name of each MIME part. Both in order.

    Of octets that were sent twice the first place is the first part's and the second the second's: they may have
    different names. A part without a name gets one by its place.
    """
    of: dict[bytes, deque[tuple[int, str]]] = defaultdict(deque)
    for position, sha256, name in parts:
        of[sha256].append((position, name))
    found: list[StoredFile] = []
    for sha256, size_octets in places:
        mine = of[sha256]
        place, name = mine[0] if mine else (None, "")
        if len(mine) > 1:
            mine.popleft()
        name = name or f"attachment-{len(found) + 1}.bin"
        found.append(StoredFile(sha256=sha256, size_octets=size_octets, part=place, name=name))
    return found
