"""Topics (threads): which letters belong together. Follows the letters, and can be made again from them.

By References and In-Reply-To (RFC 5322 section 3.6.4) as far as `header_summary` keeps them: the first reference and
the first answered one. A letter that has neither, and a subject with Re:, AW: or the like, belongs to the letters with
the same subject of the 30 days before it that stand between the same people. What a client submitted and its copy in
the sent mailbox are one letter already. Letters are taken in the order of their numbers, which is that of their
commits; a letter that comes late and joins two topics makes them one.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from postbuch.archive.bulk import chunks
from postbuch.archive.listcolumn import Scope
from postbuch.archive.marks import unread_of
from postbuch.archive.schema import (
    header_summary,
    image_address,
    letter,
    letter_image,
    letter_topic,
)
from postbuch.archive.visible import readable

# Letters in one transaction: 500 are some 30 ms of look-ups and one insert.
BATCH = 500
WITHIN = timedelta(days=30)
# Letters with the same subject that are looked at for one: a daily report with "Re:" would have thousands.
MOST_ALIKE = 20
# Of a longer topic the newest are looked at one by one: a page of 50 topics asks for at most 50,000 read marks, 0.2 s.
MEMBERS = 1_000
# Shorter subjects ("Re: ?") say nothing.
MIN_SUBJECT_CHARACTERS = 3
_REPLY = re.compile(
    r"\s*(?:(?:re|aw|antw|antwort|fw|fwd|wg|sv|vs|tr|rif|res|odp|回复)\s*(?:\[\d+\]|\(\d+\))?\s*[:：]\s*|\[ext(?:ern(?:al)?)?\]\s*)",
    re.IGNORECASE,
)


def bare_subject(subject: str) -> tuple[str, bool]:
    """The subject without Re:, AW:, WG: and the like, and whether there was one."""
    bare = subject
    while (found := _REPLY.match(bare)) is not None:
        bare = bare[found.end() :]
    return bare.strip(), bare != subject


@dataclass(frozen=True, slots=True, kw_only=True)
class Members:
    """A topic within the rights: how many letters, when the first one came, (number, arrival) of the newest MEMBERS."""

    total: int
    first: datetime
    newest: list[tuple[int, datetime]] = field(default_factory=list)


@dataclass(slots=True)
class _Groups:
    """Topics by the Message-IDs that they are known by; topics that turn out to be one are joined."""

    by_key: dict[str, int] = field(default_factory=dict)
    joined: dict[int, int] = field(default_factory=dict)

    def root(self, topic: int) -> int:
        while topic in self.joined:
            topic = self.joined[topic]
        return topic

    def join(self, found: Iterable[int]) -> int:
        roots = sorted({self.root(topic) for topic in found})
        for other in roots[1:]:
            self.joined[other] = roots[0]
        return roots[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Head:
    """What of a letter says where it belongs."""

    number: int
    at: datetime
    image_id: int
    keys: tuple[str, ...]
    answers: bool
    subject_sha256: bytes
    by_subject: bool
    may_be_answered: bool


def follow(conn: Connection, most: int = BATCH) -> int:
    """Give the next letters their topics; how many. One at a time; commit behind it."""
    last = conn.scalar(select(func.max(letter_topic.c.letter_id))) or 0
    heads = [_head(row) for row in conn.execute(
        select(
            letter.c.id, letter.c.sort_at, letter.c.first_image_id, header_summary.c.message_id,
            header_summary.c.in_reply_to, header_summary.c.thread_root, header_summary.c.subject,
        )
        .join(header_summary, header_summary.c.image_id == letter.c.first_image_id)
        .where(letter.c.id > last).order_by(letter.c.id).limit(most)
    )]  # fmt: skip
    if not heads:
        return 0
    groups = _Groups()
    _load(conn, groups, {key for head in heads for key in head.keys})
    alike = _alike(conn, heads)
    made: dict[int, dict[str, Any]] = {}
    for head in heads:
        topics = [groups.by_key[key] for key in head.keys if key in groups.by_key]
        reason = "references" if topics else "first"
        if not topics and not head.answers:
            topics = alike.topics(head)
            reason = "subject" if topics else "first"
        topic = groups.join(topics) if topics else head.number
        for key in head.keys:
            groups.by_key[key] = topic
        alike.add(head, topic)
        made[head.number] = {
            "letter_id": head.number, "topic_id": topic, "sort_at": head.at, "subject_sha256": head.subject_sha256,
            "by_subject": head.by_subject, "reason": reason,
        }
    for row in made.values():
        row["topic_id"] = groups.root(row["topic_id"])
    for other in groups.joined:
        conn.execute(
            update(letter_topic).where(letter_topic.c.topic_id == other).values(topic_id=groups.root(other))
        )
    # Another node may be at the same letters; what it says of them is the same.
    conn.execute(insert(letter_topic).prefix_with("IGNORE"), list(made.values()))
    return len(made)


def _head(row: Any) -> _Head:
    subject, is_reply = bare_subject(row.subject)
    keys = tuple(dict.fromkeys(key for key in (row.message_id, row.thread_root, row.in_reply_to) if key))
    answers = bool(row.in_reply_to) or row.thread_root not in ("", row.message_id)
    telling = len(subject) >= MIN_SUBJECT_CHARACTERS
    return _Head(
        number=row.id, at=row.sort_at, image_id=row.first_image_id, keys=keys, answers=answers,
        subject_sha256=hashlib.sha256(subject.casefold().encode("utf-8", "surrogatepass")).digest(),
        by_subject=telling and is_reply and not answers, may_be_answered=telling and not answers,
    )


def _load(conn: Connection, groups: _Groups, keys: set[str]) -> None:
    """The topics of the letters that are named, or that name the same ones."""
    for column in (header_summary.c.message_id, header_summary.c.thread_root):
        for part in chunks(sorted(keys)):
            query = (
                select(header_summary.c.message_id, header_summary.c.thread_root, letter_topic.c.topic_id)
                .join(letter_image, letter_image.c.image_id == header_summary.c.image_id)
                .join(letter_topic, letter_topic.c.letter_id == letter_image.c.letter_id)
                .where(column.in_(part)).distinct()
            )
            for row in conn.execute(query):
                for key in (row.message_id, row.thread_root):
                    if key:
                        known = groups.by_key.get(key)
                        groups.by_key[key] = row.topic_id if known is None else groups.join((known, row.topic_id))


@dataclass(slots=True)
class _Alike:
    """Letters with the same subjects, and who stands in them."""

    known: dict[bytes, list[tuple[int, datetime, bool, int]]] = field(default_factory=dict)
    senders: dict[int, set[int]] = field(default_factory=dict)
    people: dict[int, set[int]] = field(default_factory=dict)

    def add(self, head: _Head, topic: int) -> None:
        self.known.setdefault(head.subject_sha256, []).append((topic, head.at, head.by_subject, head.image_id))

    def topics(self, head: _Head) -> list[int]:
        """The topic of the nearest letter that it answers, or that answers it."""
        if not head.may_be_answered:
            return []
        fitting = [
            (abs(head.at - at), topic) for topic, at, by_subject, image_id in self.known.get(head.subject_sha256, ())
            if ((head.by_subject and timedelta() <= head.at - at <= WITHIN)
                or (by_subject and timedelta() <= at - head.at <= WITHIN))
            and self._meet(head.image_id, image_id)
        ]  # fmt: skip
        return [min(fitting)[1]] if fitting else []

    def _meet(self, one: int, other: int) -> bool:
        """Whether the sender of each stands in the other."""
        nobody: set[int] = set()
        return bool(
            self.senders.get(one, nobody) & self.people.get(other, nobody)
            and self.senders.get(other, nobody) & self.people.get(one, nobody)
        )


def _alike(conn: Connection, heads: Sequence[_Head]) -> _Alike:
    """What is known of the subjects of these letters."""
    found = _Alike()
    known_letters = select(
        letter_topic.c.topic_id, letter_topic.c.sort_at, letter_topic.c.by_subject, letter.c.first_image_id,
        letter_topic.c.subject_sha256,
    ).join(letter, letter.c.id == letter_topic.c.letter_id).order_by(letter_topic.c.sort_at.desc())  # fmt: skip
    rows: list[Any] = []
    for head in heads:
        if head.by_subject:
            alike = known_letters.where(
                letter_topic.c.subject_sha256 == head.subject_sha256,
                letter_topic.c.sort_at.between(head.at - WITHIN, head.at + WITHIN),
            )
            rows += conn.execute(alike.limit(MOST_ALIKE)).all()
    # Most letters answer nothing and are answered with references: these are looked for together.
    others = [head for head in heads if head.may_be_answered and not head.by_subject]
    times = [head.at for head in others]
    for part in chunks(sorted({head.subject_sha256 for head in others})):
        answers = known_letters.where(
            letter_topic.c.subject_sha256.in_(part), letter_topic.c.by_subject,
            letter_topic.c.sort_at.between(min(times), max(times) + WITHIN),
        )
        rows += conn.execute(answers.limit(MOST_ALIKE * len(part))).all()
    for row in rows:
        known = found.known.setdefault(row.subject_sha256, [])
        if tuple(row[:4]) not in known:
            known.append((row.topic_id, row.sort_at, bool(row.by_subject), row.first_image_id))
    images = {each[3] for known in found.known.values() for each in known}
    images |= {head.image_id for head in heads if head.may_be_answered}
    for part in chunks(sorted(images)):
        query = select(image_address.c.image_id, image_address.c.field, image_address.c.address_id).where(
            image_address.c.image_id.in_(part)
        )
        for row in conn.execute(query):
            found.people.setdefault(row.image_id, set()).add(row.address_id)
            if row.field in ("from", "sender"):
                found.senders.setdefault(row.image_id, set()).add(row.address_id)
    return found


def members(conn: Connection, letter_ids: Sequence[int], scope: Scope) -> dict[int, Members]:
    """For each letter what is within the rights of its topic; of those that may be read themselves at least."""
    own, other = letter_topic.alias(), letter_topic.alias()
    asked = own.c.letter_id
    newest = [other.c.sort_at.desc(), other.c.letter_id.desc()]
    numbered = (
        select(
            asked.label("asked"), other.c.letter_id, other.c.sort_at,
            func.count().over(partition_by=asked).label("total"),
            func.min(other.c.sort_at).over(partition_by=asked).label("first"),
            func.row_number().over(partition_by=asked, order_by=newest).label("place"),
        )
        .join(other, other.c.topic_id == own.c.topic_id)
        .where(asked.in_(letter_ids), readable(scope.rights, other.c.letter_id)).subquery()
    )
    listed = select(numbered).where(numbered.c.place <= MEMBERS).order_by(numbered.c.asked, numbered.c.place)
    found: dict[int, Members] = {}
    for row in conn.execute(listed):
        one = found.setdefault(row.asked, Members(total=row.total, first=row.first))
        one.newest.append((row.letter_id, row.sort_at))
    # What has no topic yet is alone in its own.
    alone = select(letter.c.id, letter.c.sort_at).where(letter.c.id.in_(letter_ids), readable(scope.rights))
    for number, at in conn.execute(alone):
        found.setdefault(number, Members(total=1, first=at, newest=[(number, at)]))
    return found


def unread(conn: Connection, letter_ids: Sequence[int], scope: Scope) -> set[int]:
    """Which of the letters are unread, for letters within the rights."""
    found: set[int] = set()
    for part in chunks(list(letter_ids)):
        found |= unread_of(conn, part, scope.user_id or 0, scope.rights)
    return found
