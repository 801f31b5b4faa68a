"""Everything that is known about one letter: its images, where they were seen, who was written to, what became of it.

Rights are part of each query. A letter outside them is NotFound, with the same words as one that does not exist.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, func, select

from postbuch.archive import audit, dkimrows
from postbuch.archive.errors import NotFound
from postbuch.archive.readnow import current
from postbuch.archive.schema import (
    account,
    address,
    header_summary,
    image,
    image_address,
    letter,
    letter_image,
    letter_place,
    mailbox,
    outcome,
    sighting,
    smtp_envelope,
    smtp_recipient,
    vanishing,
)
from postbuch.archive.users import ALL, Rights
from postbuch.archive.visible import readable, visible_images
from postbuch.archive.wrong import Wrong


def read(conn: Connection, letter_id: int, accounts: Rights = ALL) -> dict[str, Any]:
    """What is known about a letter within the rights, ready for JSON. Raises NotFound.

    Keys: id, sort_at, summary, images, parts, people, sightings, envelopes (Bcc included, for who may read the
    account that submitted), places, verdicts (`dkimrows.facts`), history.
    """
    head = conn.execute(select(letter).where(letter.c.id == letter_id, readable(accounts))).one_or_none()
    if head is None:
        raise NotFound(Wrong.NO_LETTER.said(reference=letter_id))
    visible = visible_images(letter_id, accounts)
    images = [dict(row._mapping) for row in conn.execute(
        select(
            image.c.id, image.c.sha256, image.c.size_octets, image.c.parser, image.c.defect, image.c.archived_at,
            letter_image.c.reason,
        )
        .join(letter_image, letter_image.c.image_id == image.c.id)
        .where(image.c.id.in_(visible)).order_by(image.c.id)
    )]
    sightings = _sightings(conn, visible, accounts)
    for each in images:
        # By whom its octets came; who recognised it elsewhere did not read them.
        each["sources"] = sorted({
            seen["source"] for seen in sightings if seen["image_id"] == each["id"] and not seen["recognised_by"]
        })
    first = images[0]["id"]
    summary = conn.execute(select(header_summary).where(header_summary.c.image_id == first)).one()
    known = current(lambda table: table.c.image_id.in_(visible))
    query = select(known).order_by(known.c.image_id, known.c.position)
    parts = [{**row._mapping, "is_attachment": bool(row.is_attachment)} for row in conn.execute(query)]
    people = [dict(row._mapping) for row in conn.execute(
        select(image_address.c.image_id, image_address.c.field, image_address.c.display_name, address.c.address)
        .join(address, address.c.id == image_address.c.address_id)
        .where(image_address.c.image_id == first).order_by(image_address.c.field, image_address.c.position)
    )]
    places = [dict(row._mapping) for row in conn.execute(_places(letter_id, accounts))]
    found = {
        "id": letter_id, "sort_at": head.sort_at, "summary": dict(summary._mapping), "images": images, "parts": parts,
        "people": people, "sightings": sightings, "envelopes": _envelopes(conn, visible, accounts), "places": places,
        "verdicts": dkimrows.facts(conn, visible),
        # Who else looked at it would tell an employee who received it by Bcc.
        "history": audit.history(conn, f"letter {letter_id}") if accounts == ALL else [],
    }
    return _plain(found)  # type: ignore[no-any-return] # a dict stays a dict


def _sightings(conn: Connection, visible: Any, accounts: Rights) -> list[dict[str, Any]]:
    query = (
        select(
            sighting, account.c.address.label("account"), mailbox.c.name.label("mailbox"),
            outcome.c.verdict, outcome.c.code, outcome.c.text.label("answer"),
            outcome.c.uidvalidity.label("answer_uidvalidity"), outcome.c.uid.label("answer_uid"),
            vanishing.c.noticed_at.label("gone_at"), vanishing.c.cause.label("gone_because"),
        )
        .join(account, account.c.id == sighting.c.account_id)
        .join(mailbox, mailbox.c.id == sighting.c.mailbox_id, isouter=True)
        .join(outcome, outcome.c.capture == sighting.c.capture, isouter=True)
        .join(vanishing, and_(
            vanishing.c.mailbox_id == sighting.c.mailbox_id,
            vanishing.c.uidvalidity == func.coalesce(sighting.c.uidvalidity, outcome.c.uidvalidity),
            vanishing.c.uid == func.coalesce(sighting.c.uid, outcome.c.uid),
        ), isouter=True)
        .where(sighting.c.image_id.in_(visible)).order_by(sighting.c.seen_at, sighting.c.id)
    )
    if accounts != ALL:
        query = query.where(sighting.c.account_id.in_(accounts))
    return [dict(row._mapping) for row in conn.execute(query)]


def _envelopes(conn: Connection, visible: Any, accounts: Rights) -> list[dict[str, Any]]:
    query = (
        select(
            smtp_envelope, account.c.address.label("account"), sighting.c.image_id,
            outcome.c.verdict, outcome.c.code, outcome.c.text.label("answer"),
        )
        .join(account, account.c.id == smtp_envelope.c.account_id)
        .join(sighting, sighting.c.capture == smtp_envelope.c.capture)
        .join(outcome, outcome.c.capture == smtp_envelope.c.capture, isouter=True)
        .where(sighting.c.image_id.in_(visible)).order_by(smtp_envelope.c.at, smtp_envelope.c.id)
    )
    if accounts != ALL:
        query = query.where(smtp_envelope.c.account_id.in_(accounts))
    found = []
    for row in conn.execute(query).all():
        recipients = (
            select(address.c.address, smtp_recipient.c.code, smtp_recipient.c.text, smtp_recipient.c.accepted)
            .join(address, address.c.id == smtp_recipient.c.address_id)
            .where(smtp_recipient.c.envelope_id == row.id).order_by(smtp_recipient.c.position)
        )
        facts = dict(row._mapping)
        facts["recipients"] = [dict(each._mapping) for each in conn.execute(recipients)]
        found.append(facts)
    return found


def _places(letter_id: int, accounts: Rights) -> Any:
    query = (
        select(account.c.address.label("account"), mailbox.c.name.label("mailbox"))
        .select_from(letter_place)
        .join(account, account.c.id == letter_place.c.account_id)
        .join(mailbox, mailbox.c.id == letter_place.c.mailbox_id, isouter=True)
        .where(letter_place.c.letter_id == letter_id)
        .order_by(account.c.address, mailbox.c.name)
    )
    return query if accounts == ALL else query.where(letter_place.c.account_id.in_(accounts))


def _plain(value: Any) -> Any:
    """Digests as hex, times as ISO 8601 in UTC."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, bytes):
        return value.hex()
    return value.isoformat() + "Z" if isinstance(value, datetime) else value
