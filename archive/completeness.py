"""Whether everything that upstream has is here: per account and mailbox upstream's count against ours.

Made of what the collector last found (`collect_mailbox`), of gaps, refusals and disappearances. Nothing here asks
upstream: the collector does, every few minutes, and compares every UID once a day.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from sqlalchemy import Connection, Table, func, select

from postbuch.archive import audit, collect_choice, said
from postbuch.archive.reasons import Collecting, Reason
from postbuch.archive.schema import account, collect_exclusion, collect_mailbox, gap, mailbox, refusal, vanishing
from postbuch.archive.schema_collect import FOREVER
from postbuch.archive.systemwords import System

# The collector looks at everything every five minutes at most; twelve times that is no hiccup any more.
LATE_AFTER = timedelta(hours=1)
# The job that looks regularly, as its troubles are named.
JOB = "completeness"
# `status` says each; one line of the log and of the health file need not.
MOST_SENTENCES = 5


class Verdict(Enum):
    """How an account or a mailbox stands."""

    COMPLETE = "complete"  # every message that upstream listed when it was last looked at is here
    WORKING = "working"  # the collector is bringing it up to date
    MISSING = "missing"  # upstream lists messages that could not be had
    LATE = "late"  # it was not found complete for longer than LATE_AFTER
    UNKNOWN = "unknown"  # no password is known: what passes the proxy is here, and nobody looked at the rest
    PAUSED = "paused"  # a person paused it
    LEFT_OUT = "left-out"  # nothing of it is collected, by choice


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A mailbox as upstream has it now. Numbers are messages; times UTC."""

    name: str
    upstream: int
    archived: int  # of those
    gone: int  # here, and not upstream any more
    gaps: int
    looked_at: datetime
    compared_at: datetime | None  # when every UID was last compared
    failure: str

    @property
    def missing(self) -> int:
        """What upstream has and we do not."""
        return max(self.upstream - self.archived, 0)

    @property
    def verdict(self) -> Verdict:
        return Verdict.MISSING if self.failure or self.missing else Verdict.COMPLETE


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusion:
    """A mailbox that is left out on purpose."""

    name: str
    since: datetime
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """An account. `lag` is how long ago it was last found complete; None when it never was, by a right clock."""

    account: str
    upstream: str
    verdict: Verdict
    boxes: tuple[Box, ...]
    exclusions: tuple[Exclusion, ...]
    choice: str
    gaps: int
    refusals: int
    complete_at: datetime | None
    lag: timedelta | None
    wanted: int
    fetched: int
    octets_received: int  # all that upstream ever sent the collector
    octets_archived: int
    failure: str

    @property
    def octets_per_octet(self) -> float | None:
        """What was fetched for each octet that was archived by fetching it; None before anything was."""
        return self.octets_received / self.octets_archived if self.octets_archived else None

    @property
    def messages(self) -> int:
        return sum(box.upstream for box in self.boxes)

    @property
    def archived(self) -> int:
        return sum(box.archived for box in self.boxes)

    @property
    def missing(self) -> int:
        return sum(box.missing for box in self.boxes)

    @property
    def sentence(self) -> str:
        """What is wrong; empty when nothing is, or when it is a person's choice."""
        if self.verdict is Verdict.MISSING:
            names = ", ".join(box.name for box in self.boxes if box.verdict is Verdict.MISSING)
            return Reason.INCOMPLETE.said(
                account=self.account, missing=self.missing, messages=self.messages, mailboxes=names
            )
        if self.verdict is Verdict.LATE:
            why = self.failure or Reason.COLLECTOR_BEHIND.said()
            if self.complete_at is None:
                return Reason.NEVER_COMPLETE.said(account=self.account, why=why)
            return Reason.LATE.said(account=self.account, time=f"{self.complete_at:%Y-%m-%d %H:%M}", why=why)
        return ""

    def as_json(self) -> dict[str, Any]:
        """For `status --json`."""
        return {
            "verdict": self.verdict.value, "messages": self.messages, "archived": self.archived,
            "missing": self.missing, "complete_at": _stamp(self.complete_at),
            "octets_per_octet": None if self.octets_per_octet is None else round(self.octets_per_octet, 3),
            "lag_s": None if self.lag is None else round(self.lag.total_seconds()),
            "excluded": [
                {"mailbox": each.name, "since": _stamp(each.since), "by": each.by} for each in self.exclusions
            ],
            "mailboxes": [
                {
                    "mailbox": box.name, "verdict": box.verdict.value, "upstream": box.upstream,
                    "archived": box.archived, "missing": box.missing, "gone": box.gone, "gaps": box.gaps,
                    "looked_at": _stamp(box.looked_at), "compared_at": _stamp(box.compared_at),
                    "failure": box.failure,
                }
                for box in self.boxes
            ],
        }  # fmt: skip


def summary(found: list[Standing], most: int = MOST_SENTENCES) -> str:
    """What is wrong, of so many accounts at most and the number of the others; empty when all is well."""
    sentences = [each.sentence for each in found if each.sentence]
    more = len(sentences) - most
    return said.joined(sentences[:most] + ([Reason.MORE_ACCOUNTS.said(accounts=more)] if more > 0 else []))


def look(conn: Connection) -> list[Standing]:
    """Every account that is in use, by address."""
    boxes, exclusions = _boxes(conn), _exclusions(conn)
    gaps, refusals = _per_account(conn, gap), _per_account(conn, refusal)
    progress = collect_choice.progress(conn)
    # After it: an account that is made in between is among these, and none is ever removed.
    upstreams = {row.id: row.upstream for row in conn.execute(select(account.c.id, account.c.upstream))}
    now = audit.now()
    found = []
    for each in progress:
        number, at = each["id"], each["finished_at"]
        if at is not None and at > now + LATE_AFTER:  # of a time to come: found while the clock was ahead
            at = None
        lag = None if at is None else max(now - at, timedelta())
        mine = tuple(boxes.get(number, ()))
        found.append(Standing(
            account=each["address"], upstream=upstreams[number], verdict=_verdict(each, mine, lag), boxes=mine,
            exclusions=tuple(exclusions.get(number, ())), choice=each["archive"], gaps=gaps.get(number, 0),
            refusals=refusals.get(number, 0), complete_at=at, lag=lag, wanted=each["wanted"] or 0,
            fetched=each["fetched"] or 0, octets_received=each["octets_received"] or 0,
            octets_archived=each["octets_archived"] or 0,
            failure=said.understood(each["failure"] or "", Collecting, System),
        ))  # fmt: skip
    return found


def _verdict(one: dict[str, Any], boxes: tuple[Box, ...], lag: timedelta | None) -> Verdict:
    fixed = {"paused": Verdict.PAUSED, "none": Verdict.LEFT_OUT, "no-credential": Verdict.UNKNOWN}
    if one["state"] in fixed:
        return fixed[one["state"]]
    if one["told_at"] is None:  # never collected: no password, or it is only just known
        return Verdict.UNKNOWN
    if any(box.failure for box in boxes):
        return Verdict.MISSING
    if lag is None:
        return Verdict.LATE if one["state"] == "failing" else Verdict.WORKING
    if lag > LATE_AFTER:
        return Verdict.LATE
    return Verdict.WORKING if any(box.missing for box in boxes) else Verdict.COMPLETE


def _boxes(conn: Connection) -> dict[int, list[Box]]:
    gone = _per_place(conn, vanishing)
    gaps = _per_place(conn, gap)
    query = (
        select(mailbox.c.account_id, mailbox.c.name, collect_mailbox)
        .join(mailbox, mailbox.c.id == collect_mailbox.c.mailbox_id)
        .where(collect_mailbox.c.ended_at.is_(None)).order_by(mailbox.c.name)
    )  # fmt: skip
    found: dict[int, list[Box]] = defaultdict(list)
    for row in conn.execute(query):
        place = row.mailbox_id, row.uidvalidity
        found[row.account_id].append(Box(
            name=row.name, upstream=max(row.messages, row.listed), archived=row.archived, gone=gone.get(place, 0),
            gaps=gaps.get(place, 0), looked_at=row.looked_at, compared_at=row.swept_at,
            failure=said.understood(row.failure, Collecting, System),
        ))  # fmt: skip
    for each in found.values():
        each.sort(key=lambda box: (box.name.upper() != "INBOX", box.name.casefold()))
    return found


def _per_place(conn: Connection, table: Table) -> dict[tuple[int, int], int]:
    place = table.c.mailbox_id, table.c.uidvalidity
    return {(row[0], row[1]): row[2] for row in conn.execute(select(*place, func.count()).group_by(*place))}


def _per_account(conn: Connection, table: Table) -> dict[int, int]:
    count = select(table.c.account_id, func.count()).group_by(table.c.account_id)
    return {row[0]: row[1] for row in conn.execute(count)}


def _exclusions(conn: Connection) -> dict[int, list[Exclusion]]:
    query = select(collect_exclusion).where(collect_exclusion.c.until == FOREVER).order_by(collect_exclusion.c.mailbox)
    found: dict[int, list[Exclusion]] = defaultdict(list)
    for row in conn.execute(query):
        found[row.account_id].append(Exclusion(name=row.mailbox, since=row.since, by=row.set_by))
    return found


def _stamp(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat() + "Z"
