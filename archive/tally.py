"""The upkeep of what lists of attachments and of senders are read from: each image of each account counted once.

An image is counted in the transaction that notes it in `tallied_image`, so that whoever kills this at any moment, or
runs it again, changes nothing. Counted are letters: what a further image of a letter adds (a Bcc, another file) is
added, the rest of it was counted before.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, func, literal_column, select
from sqlalchemy.dialects.mysql import insert as upsert

from postbuch.archive.bulk import find, insert_rows
from postbuch.archive.filefamily import family
from postbuch.archive.schema import (
    account,
    address,
    image_address,
    letter,
    letter_image,
    part,
    sighting,
    smtp_envelope,
    smtp_recipient,
)
from postbuch.archive.schema_media import EVERY_ACCOUNT, attachment, attachment_summary, correspondent, tallied_image
from postbuch.archive.widths import ADDRESS_CHARACTERS

# Images of one transaction: 500 with what belongs to them are read and counted in a third of a second.
BATCH = 500
# Sightings that one look takes: each is one look-up in an index.
STEP = 20_000

Pair = tuple[int, int]  # account, image


class Person(NamedTuple):
    """An address in an image."""

    address_id: int
    address: str
    domain: str
    name: str


@dataclass(slots=True, kw_only=True)
class Facts:
    """What is counted of an image."""

    letter_id: int
    sort_at: datetime
    senders: list[Person] = field(default_factory=list)
    recipients: list[Person] = field(default_factory=list)
    envelope: dict[int, list[Person]] = field(default_factory=lambda: defaultdict(list))  # by account
    submitted: set[int] = field(default_factory=set)  # by these accounts
    files: list[Any] = field(default_factory=list)


def step(conn: Connection, above: int) -> tuple[int | None, int]:
    """Count some of what the sightings above a number saw: up to which it looked (None: no more), how much it counted.

    When it counted BATCH there may be more below that number.
    """
    upto = _last_of_step(conn, above)
    if upto is None:
        return None, 0
    pairs = _untallied(conn, above, upto)
    if pairs:
        count(conn, pairs)
    return upto, len(pairs)


def _last_of_step(conn: Connection, above: int) -> int | None:
    numbers = select(sighting.c.id).where(sighting.c.id > above).order_by(sighting.c.id).limit(STEP).subquery()
    last: int | None = conn.scalar(select(func.max(numbers.c.id)))
    return last


def _untallied(conn: Connection, above: int, upto: int) -> list[Pair]:
    query = (
        select(sighting.c.account_id, sighting.c.image_id).distinct()
        .join(
            tallied_image,
            (tallied_image.c.account_id == sighting.c.account_id) & (tallied_image.c.image_id == sighting.c.image_id),
            isouter=True,
        )
        .where(sighting.c.id > above, sighting.c.id <= upto, tallied_image.c.image_id.is_(None))
        .limit(BATCH)
    )
    return [(row.account_id, row.image_id) for row in conn.execute(query)]


def count(conn: Connection, pairs: Collection[Pair]) -> None:
    """Count these images of these accounts, and for all accounts together those that no account had before."""
    images = {image_id for _, image_id in pairs}
    everywhere = images - set(find(conn, tallied_image.c.image_id, tallied_image.c.image_id, images))
    wanted = sorted({*pairs, *((EVERY_ACCOUNT, image_id) for image_id in everywhere)})
    earlier = _earlier(conn, images)
    facts = _facts(conn, {*images, *(image_id for _, image_id in earlier)})
    own: dict[int, str] = {row.id: row.address for row in conn.execute(select(account.c.id, account.c.address))}
    done: dict[tuple[int, int], list[int]] = defaultdict(list)  # account, letter → images that are counted
    for account_id, image_id in earlier:
        done[account_id, facts[image_id].letter_id].append(image_id)
    people: dict[tuple[int, int], dict[str, Any]] = {}
    files: dict[tuple[int, bytes], dict[str, Any]] = {}
    for account_id, image_id in wanted:
        found = facts[image_id]
        before = [facts[each] for each in done[account_id, found.letter_id]]
        known = {(who.address_id, way) for each in before for who, way in _ways(each, account_id, own)}
        for who, way in {(who.address_id, way): (who, way) for who, way in _ways(found, account_id, own)}.values():
            if (who.address_id, way) not in known:
                _add_person(people, account_id, who, way, found.sort_at)
        had = {each.sha256 for one in before for each in one.files}
        for sha256, row in {each.sha256: each for each in found.files}.items():
            if sha256 not in had:
                _add_file(files, account_id, row, found)
        done[account_id, found.letter_id].append(image_id)
    _write_people(conn, people)
    _write_files(conn, files)
    insert_rows(conn, tallied_image, [{"account_id": each[0], "image_id": each[1]} for each in wanted])


def _ways(found: Facts, account_id: int, own: dict[int, str]) -> Iterable[tuple[Person, str]]:
    """Each address with the way that the letter went between it and the account: in or out."""
    ours = set(own.values()) if account_id == EVERY_ACCOUNT else {own.get(account_id, "")}
    sent = bool(found.submitted) if account_id == EVERY_ACCOUNT else account_id in found.submitted
    if not sent and not any(each.address in ours for each in found.senders):
        return [(each, "in") for each in found.senders]
    blind = (
        [each for one in found.envelope.values() for each in one] if account_id == EVERY_ACCOUNT
        else found.envelope.get(account_id, [])
    )
    # The names stand in the header; the envelope has none.
    return [(each, "out") for each in (*blind, *found.recipients)]


def _add_person(
    people: dict[tuple[int, int], dict[str, Any]], account_id: int, who: Person, way: str, at: datetime
) -> None:
    row = people.setdefault((account_id, who.address_id), {
        "account_id": account_id, "address_id": who.address_id, "address": who.address, "domain": who.domain,
        "display_name": "", "letters_in": 0, "letters_out": 0, "first_at": at, "last_at": at,
    })  # fmt: skip
    row[f"letters_{way}"] += 1
    if who.name and (at >= row["last_at"] or not row["display_name"]):
        row["display_name"] = who.name
    row["first_at"], row["last_at"] = min(row["first_at"], at), max(row["last_at"], at)


def _add_file(files: dict[tuple[int, bytes], dict[str, Any]], account_id: int, row: Any, found: Facts) -> None:
    at = found.sort_at
    sender = found.senders[0].address if found.senders else ""
    newest = {
        "family": family(row.content_type, row.file_name), "content_type": row.content_type,
        "file_name": row.file_name, "sender": sender[:ADDRESS_CHARACTERS],
    }
    known = files.setdefault((account_id, row.sha256), {
        "account_id": account_id, "sha256": row.sha256, **newest, "size_octets": row.size_octets, "letters": 0,
        "first_at": at, "last_at": at,
    })  # fmt: skip
    known["letters"] += 1
    if at >= known["last_at"]:
        known.update(newest)
    known["first_at"], known["last_at"] = min(known["first_at"], at), max(known["last_at"], at)


def _write_people(conn: Connection, people: dict[tuple[int, int], dict[str, Any]]) -> None:
    if not people:
        return
    made = upsert(correspondent)
    new, old = made.inserted, correspondent.c
    newer = new.last_at >= old.last_at
    none: ColumnElement[str] = literal_column("''")  # the driver fills in no values behind those of the rows
    conn.execute(made.on_duplicate_key_update([
        # In this order: what is compared with has its old value.
        ("display_name", func.if_((new.display_name != none) & (newer | (old.display_name == none)), new.display_name,
                                  old.display_name)),
        ("letters_in", old.letters_in + new.letters_in), ("letters_out", old.letters_out + new.letters_out),
        ("first_at", func.least(old.first_at, new.first_at)), ("last_at", func.greatest(old.last_at, new.last_at)),
    ]), [people[key] for key in sorted(people)])  # fmt: skip


def _write_files(conn: Connection, files: dict[tuple[int, bytes], dict[str, Any]]) -> None:
    if not files:
        return
    digests = {row["sha256"]: row["size_octets"] for row in files.values()}
    known = find(conn, attachment.c.sha256, attachment.c.id, digests)
    insert_rows(conn, attachment, [
        {"sha256": sha256, "size_octets": size} for sha256, size in sorted(digests.items()) if sha256 not in known
    ])  # fmt: skip
    numbers = find(conn, attachment.c.sha256, attachment.c.id, digests)
    rows = []
    for (account_id, sha256), row in files.items():
        rows.append({**{name: value for name, value in row.items() if name != "sha256"},
                     "account_id": account_id, "attachment_id": numbers[sha256]})  # fmt: skip
    made = upsert(attachment_summary)
    new, old = made.inserted, attachment_summary.c
    newest = [
        (name, func.if_(new.last_at >= old.last_at, new[name], old[name]))
        for name in ("family", "content_type", "file_name", "sender")
    ]
    conn.execute(made.on_duplicate_key_update([
        *newest, ("letters", old.letters + new.letters),
        ("first_at", func.least(old.first_at, new.first_at)), ("last_at", func.greatest(old.last_at, new.last_at)),
    ]), sorted(rows, key=lambda each: (each["account_id"], each["attachment_id"])))  # fmt: skip


def _earlier(conn: Connection, images: Collection[int]) -> list[Pair]:
    """The counted images of the same letters."""
    theirs = select(letter_image.c.letter_id).where(letter_image.c.image_id.in_(images))
    query = (
        select(tallied_image.c.account_id, tallied_image.c.image_id)
        .join(letter_image, letter_image.c.image_id == tallied_image.c.image_id)
        .where(letter_image.c.letter_id.in_(theirs))
    )
    return [(row.account_id, row.image_id) for row in conn.execute(query)]


def _facts(conn: Connection, images: Collection[int]) -> dict[int, Facts]:
    """What is counted of each image."""
    query = (
        select(letter_image.c.image_id, letter.c.id, letter.c.sort_at)
        .join(letter, letter.c.id == letter_image.c.letter_id).where(letter_image.c.image_id.in_(images))
    )
    found = {row.image_id: Facts(letter_id=row.id, sort_at=row.sort_at) for row in conn.execute(query)}
    who = (
        select(
            image_address.c.image_id, image_address.c.field, address.c.id, address.c.address, address.c.domain,
            image_address.c.display_name,
        )
        .join(address, address.c.id == image_address.c.address_id)
        .where(image_address.c.image_id.in_(images), image_address.c.field.in_(("from", "to", "cc", "bcc")))
        .order_by(image_address.c.image_id, image_address.c.field, image_address.c.position)
    )
    for row in conn.execute(who):
        person = Person(row.id, row.address, row.domain, row.display_name)
        (found[row.image_id].senders if row.field == "from" else found[row.image_id].recipients).append(person)
    for seen in conn.execute(
        select(sighting.c.image_id, sighting.c.account_id)
        .where(sighting.c.image_id.in_(images), sighting.c.source == "submission")
    ):
        found[seen.image_id].submitted.add(seen.account_id)
    blind = (
        select(sighting.c.image_id, smtp_envelope.c.account_id, address.c.id, address.c.address, address.c.domain)
        .join(smtp_envelope, smtp_envelope.c.capture == sighting.c.capture)
        .join(smtp_recipient, smtp_recipient.c.envelope_id == smtp_envelope.c.id)
        .join(address, address.c.id == smtp_recipient.c.address_id)
        .where(sighting.c.image_id.in_(images))
    )
    for each in conn.execute(blind):
        found[each.image_id].envelope[each.account_id].append(Person(each.id, each.address, each.domain, ""))
    files = (
        select(part.c.image_id, part.c.sha256, part.c.size_octets, part.c.content_type, part.c.file_name)
        .where(part.c.image_id.in_(images), part.c.is_attachment).order_by(part.c.image_id, part.c.position)
    )
    for file in conn.execute(files):
        found[file.image_id].files.append(file)
    return found
