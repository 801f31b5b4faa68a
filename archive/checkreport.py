"""What the checks have found: the reports that were kept, which of them hold now, and the newest checkpoint."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from postbuch.archive import said
from postbuch.archive.checkplan import FULL, INCREMENTAL
from postbuch.archive.findings import Detail
from postbuch.archive.reasons import Reason
from postbuch.archive.schema_ledger import checkpoint, checkpoint_stamp, verification
from postbuch.archive.systemwords import System

# A year of daily checks is too long for a page; a month and a half of them, and the full ones among them, is not.
RECENT = 45


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check that was made: its scope, when (UTC), leaves in the tree, how many things were wrong."""

    number: int
    scope: str
    started_at: datetime
    ended_at: datetime
    leaves: int
    findings: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A checkpoint: when it was signed, over how many leaves, and when an authority stamped it, if one did (UTC)."""

    number: int
    at: datetime
    leaves: int
    stamped_at: datetime | None


def recent(conn: Connection) -> list[Check]:
    """The newest checks, the newest first."""
    table = verification
    columns = (table.c.id, table.c.scope, table.c.started_at, table.c.ended_at, table.c.size, table.c.findings)
    return [
        Check(
            number=row.id, scope=row.scope, started_at=row.started_at, ended_at=row.ended_at, leaves=row.size,
            findings=row.findings,
        )
        for row in conn.execute(select(*columns).order_by(table.c.id.desc()).limit(RECENT))
    ]  # fmt: skip


def newest(conn: Connection) -> int:
    """The number of the check that was made last; 0 when there is none."""
    return conn.scalar(select(verification.c.id).order_by(verification.c.id.desc()).limit(1)) or 0


def current(conn: Connection) -> dict[str, dict[str, Any]]:
    """Scope → the newest report of it, as JSON gives it. A full check takes the place of incremental ones before it."""
    found, numbers = {}, {}
    for scope in (INCREMENTAL, FULL):
        query = select(verification.c.id, verification.c.report).where(verification.c.scope == scope)
        row = conn.execute(query.order_by(verification.c.id.desc()).limit(1)).one_or_none()
        report = None if row is None else _read(row.report)
        if row is not None and report is not None:
            found[scope], numbers[scope] = report, row.id
    if len(found) == 2 and numbers[FULL] > numbers[INCREMENTAL]:
        del found[INCREMENTAL]
    return found


def _read(text: str) -> dict[str, Any] | None:
    """The report; None when somebody made something else of the row, which the next check finds."""
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def sentence(report: dict[str, Any]) -> str:
    """What a report with findings means for whoever looks after the archive."""
    first = report["findings"][0]
    return Reason.VERIFY_FOUND.said(
        scope=Reason[f"SCOPE_{report['scope'].upper()}"].said(), time=report["started_at"][:16].replace("T", " "),
        found=report["found"], where=first["where"], kind=first["kind"],
    )


def detail(finding: dict[str, Any]) -> str:
    """The sentence of a finding, ready to be told in any language."""
    return said.understood(str(finding["detail"]), Detail, Reason, System)


def last_signed(conn: Connection) -> Signed | None:
    """The newest checkpoint."""
    row = conn.execute(select(checkpoint).order_by(checkpoint.c.id.desc()).limit(1)).one_or_none()
    if row is None:
        return None
    stamp = select(checkpoint_stamp.c.stamped_at).where(checkpoint_stamp.c.checkpoint_id == row.id).limit(1)
    return Signed(number=row.id, at=row.at, leaves=row.size, stamped_at=conn.scalar(stamp))
