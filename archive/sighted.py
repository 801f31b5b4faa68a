"""Which messages of a mailbox the archive has by their UIDs.

The gate asks before it lets one be removed, the collector before it fetches one.
"""

from typing import NamedTuple

from sqlalchemy import Connection, text

from postbuch.archive.uidset import UidSet

# 100 octets each in memory: 10 MB for a mailbox that was filled by APPEND and never looked at since.
MOST_APPENDED = 100_000

# Islands of consecutive UIDs, counted by the database: a mailbox of a million messages is a few rows. A message that
# came by APPEND has its UID from upstream's answer (APPENDUID).
_ISLANDS = text("""
    SELECT MIN(uid), MAX(uid) FROM (
        SELECT uid, uid - ROW_NUMBER() OVER (ORDER BY uid) AS island FROM (
            SELECT s.uid FROM sighting s JOIN mailbox m ON m.id = s.mailbox_id JOIN account a ON a.id = m.account_id
            WHERE a.address = :account AND m.name = :mailbox AND s.uidvalidity = :uidvalidity AND s.uid >= :first
            UNION
            SELECT o.uid FROM outcome o JOIN sighting s ON s.capture = o.capture JOIN mailbox m ON m.id = s.mailbox_id
            JOIN account a ON a.id = m.account_id
            WHERE a.address = :account AND m.name = :mailbox AND o.uidvalidity = :uidvalidity AND o.uid >= :first
              AND s.source = 'append' AND o.verdict = 'accepted'
        ) AS known
    ) AS numbered GROUP BY island
""")
_SEEN = text("""
    SELECT MIN(uid), MAX(uid) FROM (
        SELECT uid, uid - ROW_NUMBER() OVER (ORDER BY uid) AS island FROM (
            SELECT DISTINCT s.uid FROM sighting s JOIN mailbox m ON m.id = s.mailbox_id
            JOIN account a ON a.id = m.account_id
            WHERE a.address = :account AND m.name = :mailbox AND s.uidvalidity = :uidvalidity
        ) AS known
    ) AS numbered GROUP BY island
""")
# A client's FETCH that gave no octet: some providers answer so for what they cannot read just now. Whether the message
# is empty, its length tells, for which the gate and the collector ask.
_EMPTY = text("""
    SELECT DISTINCT s.uid FROM image i JOIN sighting s ON s.image_id = i.id JOIN mailbox m ON m.id = s.mailbox_id
    JOIN account a ON a.id = m.account_id
    WHERE i.size_octets = 0 AND s.source = 'fetch'
      AND a.address = :account AND m.name = :mailbox AND s.uidvalidity = :uidvalidity
      AND NOT EXISTS (
        SELECT 1 FROM sighting t WHERE t.mailbox_id = s.mailbox_id AND t.uidvalidity = s.uidvalidity AND t.uid = s.uid
          AND (t.source <> s.source OR t.image_id <> s.image_id)
      )
""")
# The sighting of an APPEND has no UID of its own; upstream's answer has.
_APPENDED = text("""
    SELECT o.uid, s.image_id, i.size_octets
    FROM sighting s JOIN mailbox m ON m.id = s.mailbox_id JOIN account a ON a.id = m.account_id
    JOIN outcome o ON o.capture = s.capture JOIN image i ON i.id = s.image_id
    WHERE a.address = :account AND m.name = :mailbox AND s.uid IS NULL AND s.source = 'append'
      AND o.verdict = 'accepted' AND o.uidvalidity = :uidvalidity AND o.uid >= :first
      AND NOT EXISTS (
        SELECT 1 FROM sighting t WHERE t.mailbox_id = s.mailbox_id AND t.uidvalidity = o.uidvalidity AND t.uid = o.uid
      )
    ORDER BY o.uid DESC LIMIT :most
""")


class Place(NamedTuple):  # its hash is asked for with each message
    """A mailbox as the archive calls it. `uidvalidity` None: the server says none, and no UID means anything."""

    account: str
    mailbox: str
    uidvalidity: int | None


class Candidate(NamedTuple):
    """An image that a message may be, and the length of its octets."""

    image_id: int
    size_octets: int


def sighted(conn: Connection, place: Place, first: int = 1) -> list[tuple[int, int]]:
    """(first, last) of each run of UIDs, from `first` on, whose messages are in the archive."""
    if place.uidvalidity is None:
        return []
    facts = {**place._asdict(), "first": first}
    return _without_empty(conn, place, [(int(start), int(end)) for start, end in conn.execute(_ISLANDS, facts)])


def seen(conn: Connection, place: Place) -> list[tuple[int, int]]:
    """As `sighted`, without what was only sent there: its octets as upstream has them, nobody has read."""
    if place.uidvalidity is None:
        return []
    return _without_empty(conn, place, [(int(start), int(end)) for start, end in conn.execute(_SEEN, place._asdict())])


def _without_empty(conn: Connection, place: Place, spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    empty = UidSet.of(conn.scalars(_EMPTY, place._asdict())) if spans else None
    return list(UidSet(spans).without(empty).spans()) if empty else spans


def appended(conn: Connection, place: Place, first: int = 1, most: int = MOST_APPENDED) -> dict[int, Candidate]:
    """UID → what was sent there by APPEND, where nobody has seen since what upstream gives out; the highest UIDs."""
    if place.uidvalidity is None:
        return {}
    facts = {**place._asdict(), "first": first, "most": most}
    return {row.uid: Candidate(row.image_id, row.size_octets) for row in conn.execute(_APPENDED, facts)}
