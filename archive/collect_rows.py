"""The rows that the collector reads and writes. Short transactions of their own; no decisions, no upstream."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, select, text, update
from sqlalchemy.dialects.mysql import insert

from postbuch.archive import audit, recognition
from postbuch.archive.bulk import insert_rows
from postbuch.archive.collect_plan import Standing, Swept
from postbuch.archive.numbers import Numbers
from postbuch.archive.recognition import Recognised, Unnamed
from postbuch.archive.schema import (
    account,
    collect_account,
    collect_exclusion,
    collect_mailbox,
    collect_pause,
    mailbox,
    vanishing,
)
from postbuch.archive.schema_collect import FOREVER, SENTENCE_CHARACTERS
from postbuch.archive.sighted import Candidate, Place, appended, sighted
from postbuch.archive.uidset import UidSet

_VANISHED = text("""
    SELECT MIN(uid), MAX(uid) FROM (
        SELECT uid, uid - ROW_NUMBER() OVER (ORDER BY uid) AS island FROM vanishing
        WHERE mailbox_id = :mailbox_id AND uidvalidity = :uidvalidity AND uid >= :first
    ) AS numbered GROUP BY island
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """An account as the collector needs it."""

    id: int
    address: str
    upstream: str
    archive: str = "all"
    excluded: frozenset[str] = frozenset()
    paused: bool = False
    asked_at: datetime | None = None
    began_at: datetime | None = None


@dataclass(slots=True, kw_only=True)
class Tally:
    """What has been done since it was last written down. One thread."""

    fetched: int = 0
    octets_received: int = 0
    octets_archived: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A mailbox that was collected before: its number, and its row that has not ended."""

    mailbox_id: int
    name: str
    swept: Swept


@dataclass(frozen=True, slots=True)
class Rows:
    """One a process, for all threads: `engine` is a pool."""

    engine: Engine
    _numbers: dict[tuple[int, str], int] = field(default_factory=dict)

    def owners(self) -> list[Owner]:
        """Every active account, with what was chosen for it."""
        with self.engine.connect() as conn:
            excluded: dict[int, set[str]] = {}
            query = select(collect_exclusion.c.account_id, collect_exclusion.c.mailbox)
            for owner, name in conn.execute(query.where(collect_exclusion.c.until == FOREVER)):
                excluded.setdefault(owner, set()).add(name)
            paused = set(conn.scalars(select(collect_pause.c.account_id).where(collect_pause.c.until == FOREVER)))
            found = conn.execute(
                select(account.c.id, account.c.address, account.c.upstream, account.c.archive,
                       collect_account.c.asked_at, collect_account.c.began_at)
                .outerjoin(collect_account, collect_account.c.account_id == account.c.id)
                .where(account.c.active).order_by(account.c.id)
            )  # fmt: skip
            return [
                Owner(
                    id=row.id, address=row.address, upstream=row.upstream, archive=row.archive,
                    excluded=frozenset(excluded.get(row.id, ())), paused=row.id in paused,
                    asked_at=row.asked_at, began_at=row.began_at,
                )
                for row in found
            ]  # fmt: skip

    # --- what is archived of a mailbox ---------------------------------------------------------------------------

    def archived(self, owner: Owner, name: str, uidvalidity: int, first: int = 1) -> UidSet:
        """The UIDs from `first` on whose messages the archive has."""
        with self.engine.connect() as conn:
            place = Place(account=owner.address, mailbox=name, uidvalidity=uidvalidity)
            return UidSet(sighted(conn, place, first))

    def vanished(self, mailbox_id: int, uidvalidity: int, first: int = 1) -> UidSet:
        """The UIDs from `first` on that are known to have gone."""
        facts = {"mailbox_id": mailbox_id, "uidvalidity": uidvalidity, "first": first}
        with self.engine.connect() as conn:
            return UidSet((int(start), int(end)) for start, end in conn.execute(_VANISHED, facts))

    def add_vanished(self, mailbox_id: int, uidvalidity: int, uids: Iterable[int], cause: str = "unknown") -> None:
        """Write down that the messages are not there any more."""
        now = audit.now()
        with self.engine.begin() as conn:
            insert_rows(conn, vanishing, [
                {"mailbox_id": mailbox_id, "uidvalidity": uidvalidity, "uid": uid, "cause": cause, "noticed_at": now}
                for uid in uids
            ], skip_known=True)

    # --- what need not be fetched --------------------------------------------------------------------------------

    def appended(self, owner: Owner, name: str, uidvalidity: int, first: int = 1) -> dict[int, Candidate]:
        """UID → what was sent there by APPEND and not seen there since."""
        with self.engine.connect() as conn:
            place = Place(account=owner.address, mailbox=name, uidvalidity=uidvalidity)
            return appended(conn, place, first)

    def named(self, owner: Owner, names: Collection[str]) -> dict[str, list[Candidate]]:
        """What the provider means by these names."""
        if not names:
            return {}
        with self.engine.connect() as conn:
            return recognition.named(conn, owner.id, names)

    def recognised(
        self, owner: Owner, name: str, uidvalidity: int, session: str, found: Sequence[Recognised]
    ) -> None:
        """Sightings of messages that were not fetched."""
        mailbox_id = self.mailbox_id(owner, name)
        with self.engine.begin() as conn:
            recognition.add(conn, owner.id, mailbox_id, uidvalidity, session, found)

    def unnamed(self, owner: Owner, after: int) -> tuple[list[Unnamed], int, bool]:
        """As `recognition.unnamed`."""
        with self.engine.connect() as conn:
            return recognition.unnamed(conn, owner.id, after)

    def named_to(self, owner: Owner) -> int:
        """Up to which sighting the provider was asked for names."""
        query = select(collect_account.c.named_to).where(collect_account.c.account_id == owner.id)
        with self.engine.connect() as conn:
            return conn.scalar(query) or 0

    def learnt(self, owner: Owner, names: Iterable[tuple[str, int]]) -> None:
        """(name, image) pairs that the provider has told."""
        with self.engine.begin() as conn:
            recognition.keep_names(conn, owner.id, names)

    # --- how far we are ------------------------------------------------------------------------------------------

    def known(self, owner: Owner) -> dict[str, Known]:
        """The mailboxes of the account that upstream had when we last looked; the newest UIDVALIDITY of each."""
        query = (
            select(collect_mailbox, mailbox.c.name).join(mailbox, mailbox.c.id == collect_mailbox.c.mailbox_id)
            .where(mailbox.c.account_id == owner.id, collect_mailbox.c.ended_at.is_(None))
            .order_by(collect_mailbox.c.id)
        )  # fmt: skip
        with self.engine.connect() as conn:
            return {
                row.name: Known(mailbox_id=row.mailbox_id, name=row.name, swept=Swept(
                    uidvalidity=row.uidvalidity, uidnext=row.uidnext, messages=row.messages, listed=row.listed,
                    swept_at=row.swept_at, failure=row.failure,
                ))
                for row in conn.execute(query)
            }  # fmt: skip

    def mailbox_id(self, owner: Owner, name: str) -> int:
        """The number of a mailbox, made when it is new."""
        found = self._numbers.get((owner.id, name))
        if found is None:
            with self.engine.begin() as conn:
                found = Numbers().mailboxes(conn, [(owner.id, name)])[owner.id, name]
            self._numbers[owner.id, name] = found
        return found

    def begin_mailbox(self, mailbox_id: int, uidvalidity: int) -> None:
        """It is there with this UIDVALIDITY; what it had under another one has ended."""
        now = audit.now()
        with self.engine.begin() as conn:
            conn.execute(
                update(collect_mailbox)
                .where(collect_mailbox.c.mailbox_id == mailbox_id, collect_mailbox.c.uidvalidity != uidvalidity,
                       collect_mailbox.c.ended_at.is_(None))
                .values(ended_at=now, ended_because="uidvalidity")
            )  # fmt: skip
            conn.execute(insert(collect_mailbox).values(
                mailbox_id=mailbox_id, uidvalidity=uidvalidity, uidnext=0, messages=0, listed=0, archived=0,
                looked_at=now,
            ).on_duplicate_key_update(looked_at=now, ended_at=None, ended_because=""))  # fmt: skip

    def end_mailbox(self, mailbox_id: int) -> None:
        """Upstream has it no more."""
        ended = update(collect_mailbox).where(
            collect_mailbox.c.mailbox_id == mailbox_id, collect_mailbox.c.ended_at.is_(None)
        )
        with self.engine.begin() as conn:
            conn.execute(ended.values(ended_at=audit.now(), ended_because="removed"))

    def looked(self, mailbox_id: int, standing: Standing, *, listed: int, archived: int, swept: bool, failure: str
               ) -> None:  # fmt: skip
        """The mailbox is complete, or `failure` says what is missing."""
        now = audit.now()
        row = update(collect_mailbox).where(
            collect_mailbox.c.mailbox_id == mailbox_id, collect_mailbox.c.uidvalidity == standing.uidvalidity
        )
        values = {
            "uidnext": standing.uidnext, "messages": standing.messages, "listed": listed, "archived": archived,
            "looked_at": now, "failure": failure[:SENTENCE_CHARACTERS], **({"swept_at": now} if swept else {}),
        }
        with self.engine.begin() as conn:
            conn.execute(row.values(**values))

    def tell(self, owner_id: int, tally: Tally | None = None, **values: Any) -> None:
        """The account's row: `values` are its columns; the tally is added to its totals."""
        tally = tally or Tally()
        columns = collect_account.c
        if "failure" in values:
            values["failure"] = values["failure"][:SENTENCE_CHARACTERS]
        values["told_at"] = audit.now()
        first = {
            "state": "waiting", "fetched": tally.fetched, "total_fetched": tally.fetched,
            "octets_received": tally.octets_received, "octets_archived": tally.octets_archived, **values,
        }
        again = {
            "total_fetched": columns.total_fetched + tally.fetched,
            "octets_received": columns.octets_received + tally.octets_received,
            "octets_archived": columns.octets_archived + tally.octets_archived,
            "fetched": columns.fetched + tally.fetched, **values,
        }
        with self.engine.begin() as conn:
            conn.execute(insert(collect_account).values(account_id=owner_id, **first).on_duplicate_key_update(**again))
