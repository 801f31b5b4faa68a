"""Which messages of a mailbox the archive has by their UIDs.

The gate asks before it lets one be removed, the collector before it fetches one.
"""

from typing import NamedTuple

from sqlalchemy import Connection, text

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


class Place(NamedTuple):  # its hash is asked for with each message
    """A mailbox as the archive calls it. `uidvalidity` None: the server says none, and no UID means anything."""

    account: str
    mailbox: str
    uidvalidity: int | None


def sighted(conn: Connection, place: Place, first: int = 1) -> list[tuple[int, int]]:
    """(first, last) of each run of UIDs, from `first` on, whose messages are in the archive."""
    if place.uidvalidity is None:
        return []
    facts = {"account": place.account, "mailbox": place.mailbox, "uidvalidity": place.uidvalidity, "first": first}
    return [(int(start), int(end)) for start, end in conn.execute(_ISLANDS, facts)]
