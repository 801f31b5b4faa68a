"""Which images are one letter. Images are linked, never merged; a link is never taken back.

Rules (design, proxy.md section 6): the same Message-ID, or original-ID header that a provider kept, and equal decoded
bodies. Else, for the copy that a client files of what it submitted: the same subject, addresses and decoded bodies
within 30 minutes. The second rule links a submission to one image from a mailbox only, so that an alert that is sent
every ten minutes in the same words stays as many letters as there were.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select

from postbuch.archive import bulk
from postbuch.archive.schema import letter, letter_image, link_key, sighting

WITHIN = timedelta(minutes=30)
SUBMISSION = "submission"
_OF_SUBMISSION = f"source = '{SUBMISSION}'"
# Counted and not `IN`: that the optimizer may answer by reading the whole table once.
_SUBMITTED = (
    f"(SELECT COUNT(*) FROM sighting WHERE sighting.image_id = link_key.image_id AND {_OF_SUBMISSION}) > 0"  # noqa: S608 - constants
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """By what an image is found: digests of its bodies and of subject and addresses, its original Message-ID."""

    body_sha256: bytes
    people_sha256: bytes
    original_id: str
    submitted: bool
    at: datetime


@dataclass(slots=True, kw_only=True)
class Candidate:
    """A letter that an image may belong to. `reference` is how the caller names letters."""

    reference: int
    keys: list[Key] = field(default_factory=list)


def choose(key: Key, candidates: Iterable[Candidate]) -> tuple[int, str] | None:
    """(the letter, the reason) for an image; None when it is a letter of its own. Pure."""
    near: Candidate | None = None
    for candidate in candidates:
        for other in candidate.keys:
            if other.body_sha256 != key.body_sha256:
                continue
            if key.original_id and other.original_id == key.original_id:
                return candidate.reference, "message-id"
            if _is_copy(key, other) and not any(known.submitted == key.submitted for known in candidate.keys):
                near = near or candidate
    return None if near is None else (near.reference, "content")


def _is_copy(key: Key, other: Key) -> bool:
    """One was submitted and the other lies in a mailbox, and nothing that people read differs."""
    return (
        key.submitted != other.submitted
        and key.people_sha256 == other.people_sha256
        and abs(key.at - other.at) <= WITHIN
    )


class Linker:
    """The letters that a batch may link to: those in the database and those that the batch makes."""

    def __init__(self, conn: Connection, keys: Sequence[Key]) -> None:
        self._by_body: dict[bytes, dict[int, Candidate]] = {}
        if keys:
            self._load(conn, keys)

    def place(self, key: Key, own_reference: int) -> tuple[int, str]:
        """(letter, reason) for an image; `own_reference` names the letter that it makes when no other fits."""
        candidates = self._by_body.setdefault(key.body_sha256, {})
        reference, reason = choose(key, candidates.values()) or (own_reference, "first")
        candidates.setdefault(reference, Candidate(reference=reference)).keys.append(key)
        return reference, reason

    def _load(self, conn: Connection, keys: Sequence[Key]) -> None:
        """Letters are named by their first image, which is known before the letter has a number."""
        known = self._known(conn, keys)
        # Letters are looked at for few: most equal bodies are those of mail that is sent to many.
        query = (
            select(letter.c.first_image_id, letter.c.sort_at, letter_image.c.image_id)
            .join(letter, letter.c.id == letter_image.c.letter_id)
            .order_by(letter_image.c.image_id)
        )
        for part in bulk.chunks(sorted(known)):
            for row in conn.execute(query.where(letter_image.c.image_id.in_(part))):
                facts = known[row.image_id]
                candidates = self._by_body.setdefault(facts.body_sha256, {})
                candidate = candidates.setdefault(row.first_image_id, Candidate(reference=row.first_image_id))
                candidate.keys.append(replace(facts, at=row.sort_at))

    @staticmethod
    def _known(conn: Connection, keys: Sequence[Key]) -> dict[int, Key]:
        """Image → its key, for the images that a rule may link to. The time of a letter is not in it yet."""
        columns = (
            link_key.c.image_id, link_key.c.body_sha256, link_key.c.people_sha256, link_key.c.original_id,
        )
        identifiers = {(key.body_sha256, key.original_id) for key in keys if key.original_id}
        people = {(key.body_sha256, key.people_sha256) for key in keys}
        # Newsletters and empty mails have thousands of equals: the server passes over those that no rule is for.
        same_identifier = bulk.among(conn, link_key.c.original_id, {each for _, each in identifiers})
        same_people = bulk.among(conn, link_key.c.people_sha256, {each for _, each in people})
        either = f"({same_identifier} OR {same_people} AND {_SUBMITTED})"
        bodies = {key.body_sha256 for key in keys}
        rows = bulk.look_up(conn, columns, link_key.c.body_sha256, bodies, either)
        submitted = Linker._submitted(conn, rows)
        both = {key.body_sha256 for key in keys if key.submitted} | {row[1] for row in rows if row[0] in submitted}
        if both:
            rows = [row for row in rows if row[1] not in both]
            rows += bulk.look_up(conn, columns, link_key.c.body_sha256, both, f"({same_identifier} OR {same_people})")
            submitted = Linker._submitted(conn, rows)
        rows = [row for row in rows if (row[1], row[3]) in identifiers or (row[1], row[2]) in people]
        # Bodies that were both submitted and seen in a mailbox: the second rule is for these alone.
        ways: dict[bytes, set[bool]] = {}
        for key in keys:
            ways.setdefault(key.body_sha256, set()).add(key.submitted)
        for row in rows:
            ways[row[1]].add(row[0] in submitted)
        return {
            row[0]: Key(
                body_sha256=row[1], people_sha256=row[2], original_id=row[3], submitted=row[0] in submitted,
                at=datetime.min,
            )
            for row in rows
            if len(ways[row[1]]) == 2 or (row[1], row[3]) in identifiers
        }

    @staticmethod
    def _submitted(conn: Connection, rows: Sequence[Any]) -> set[int]:
        """Which of the images of these rows were submitted."""
        images = [row[0] for row in rows]
        found = bulk.look_up(conn, (sighting.c.image_id,), sighting.c.image_id, images, _OF_SUBMISSION)
        return {row[0] for row in found}
