"""One run of the collector over an account: what it works with, what it has found so far."""

from collections import deque
from dataclasses import dataclass, field

from postbuch.archive.collect_imap import Session
from postbuch.archive.collect_keeper import WAITING_MESSAGES, Keeper
from postbuch.archive.collect_plan import BATCH_MESSAGES, Listed
from postbuch.archive.collect_rows import Owner, Rows, Tally
from postbuch.archive.sighted import Candidate
from postbuch.archive.uidset import UidSet


@dataclass(slots=True, kw_only=True)
class Run:
    """What one run over an account works with, and its tally. One thread at a time."""

    session: Session
    owner: Owner
    rows: Rows
    keeper: Keeper
    tally: Tally
    one_by_one: bool = False  # upstream was found to lie about sizes
    wanted: int = 0  # messages, as far as is known
    fetched: int = 0
    watched: Listed | None = None  # which mailbox is open at the end, to idle on
    failures: list[str] = field(default_factory=list)  # what could not be collected, a sentence each
    # What the provider calls the messages that were fetched last: more cannot be on their way to the database.
    recent: deque[str] = field(default_factory=lambda: deque(maxlen=WAITING_MESSAGES + BATCH_MESSAGES))

    def archived(self, name: str, uidvalidity: int, first: int) -> UidSet:
        found = self.rows.archived(self.owner, name, uidvalidity, first)
        return self.keeper.with_durable((self.owner.id, name, uidvalidity), found)

    def appended(self, name: str, uidvalidity: int, first: int) -> dict[int, Candidate]:
        """UID → what was sent there by APPEND and not read there since."""
        durable = self.keeper.durable((self.owner.id, name, uidvalidity))
        found = self.rows.appended(self.owner, name, uidvalidity, first)
        return {uid: sent for uid, sent in found.items() if uid not in durable}
