"""Messages that are not read again because it is known which image they are: the rows of it. No decisions.

A provider that names its messages (Gmail's X-GM-MSGID) says which of them are one; APPENDUID says where a message
lies that came in by APPEND. Both are claims of the provider, so each such sighting says what it goes by.
"""

import uuid
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select, text

from postbuch.archive import audit, eventrows, imagerows
from postbuch.archive.bulk import chunks, insert_rows
from postbuch.archive.headers import one_line
from postbuch.archive.preparation import naive
from postbuch.archive.record import new_capture
from postbuch.archive.schema import image, provider_identity, sighting, spool_file
from postbuch.archive.sighted import Candidate

# What is asked for of a provider at a time.
MOST_UNNAMED = 2000

_UNNAMED = text("""
    SELECT s.id, m.name, COALESCE(s.uidvalidity, o.uidvalidity) AS uidvalidity, COALESCE(s.uid, o.uid) AS uid,
           s.image_id, i.size_octets
    FROM sighting s JOIN mailbox m ON m.id = s.mailbox_id JOIN image i ON i.id = s.image_id
    LEFT JOIN outcome o ON o.capture = s.capture AND o.verdict = 'accepted'
    WHERE s.account_id = :account_id AND s.id > :after AND COALESCE(s.uid, o.uid) IS NOT NULL
      AND COALESCE(s.uidvalidity, o.uidvalidity) IS NOT NULL
      AND NOT EXISTS (
        SELECT 1 FROM provider_identity p WHERE p.image_id = s.image_id AND p.account_id = s.account_id
      )
    ORDER BY s.id LIMIT :most
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unnamed:
    """A place where an image was seen whose name at the provider is not known."""

    sighting_id: int
    mailbox: str
    uidvalidity: int
    uid: int
    candidate: Candidate


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognised:
    """A message that is this image, and `by` what. `identity` is what the provider calls it, or empty."""

    uid: int
    image_id: int
    by: str
    identity: str
    flags: tuple[str, ...]
    internal_date: datetime | None


def named(conn: Connection, account_id: int, names: Collection[str]) -> dict[str, list[Candidate]]:
    """What the provider means by these names."""
    found: dict[str, list[Candidate]] = {}
    query = (
        select(provider_identity.c.name, provider_identity.c.image_id, image.c.size_octets)
        .join(image, image.c.id == provider_identity.c.image_id).where(provider_identity.c.account_id == account_id)
    )  # fmt: skip
    for some in chunks(names):
        for name, image_id, size in conn.execute(query.where(provider_identity.c.name.in_(some))):
            found.setdefault(name, []).append(Candidate(image_id, size))
    return found


def unnamed(conn: Connection, account_id: int, after: int) -> tuple[list[Unnamed], int, bool]:
    """Sightings behind `after` whose images have no name yet; up to which sighting these are all; whether more are."""
    latest = conn.scalar(select(func.max(sighting.c.id))) or 0
    facts = {"account_id": account_id, "after": after, "most": MOST_UNNAMED}
    found = [
        Unnamed(
            sighting_id=row.id, mailbox=row.name, uidvalidity=row.uidvalidity, uid=row.uid,
            candidate=Candidate(row.image_id, row.size_octets),
        )
        for row in conn.execute(_UNNAMED, facts)
    ]  # fmt: skip
    more = len(found) == MOST_UNNAMED
    return found, found[-1].sighting_id if more else max(latest, after), more


def add(
    conn: Connection, account_id: int, mailbox_id: int, uidvalidity: int, session: str, found: Sequence[Recognised]
) -> None:
    """A sighting for each, in one transaction with what the books count it by."""
    if not found:
        return
    now = audit.now()
    insert_rows(conn, sighting, [
        {
            "capture": new_capture(), "image_id": one.image_id, "account_id": account_id, "mailbox_id": mailbox_id,
            "source": "collector", "uidvalidity": uidvalidity, "uid": one.uid,
            "flags": one_line(" ".join(one.flags), 1000),
            "internal_date": None if one.internal_date is None else naive(one.internal_date),
            "session": session, "client_address": "", "normalised": False, "seen_at": now, "recognised_by": one.by,
        }
        for one in found
    ])
    insert_rows(conn, spool_file, [
        {"name": f"recognised-{uuid.uuid4()}", "messages": len(found), "events": 0, "drained_at": now}
    ])
    eventrows.insert_senders(conn, {(account_id, one.image_id) for one in found}, {})
    eventrows.insert_identities(conn, {(account_id, one.identity, one.image_id) for one in found if one.identity})
    letters = imagerows.letters_of(conn, sorted({one.image_id for one in found}))
    eventrows.insert_places(conn, {(account_id, mailbox_id, *letters[one.image_id]) for one in found})


def keep_names(conn: Connection, account_id: int, names: Iterable[tuple[str, int]]) -> None:
    """(name, image) pairs that the provider has told."""
    eventrows.insert_identities(conn, {(account_id, name, image_id) for name, image_id in names})
