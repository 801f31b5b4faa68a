"""When the checks of the ledger are due: asked of the reports, so that a restart neither skips nor repeats one."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select

from postbuch.archive import audit
from postbuch.archive.config import Verify
from postbuch.archive.schema_ledger import checkpoint, verification

FULL, INCREMENTAL = "full", "incremental"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """When the next check of each scope is due (UTC); None when it is switched off, or nothing was signed yet."""

    full: datetime | None
    incremental: datetime | None

    def due(self, now: datetime) -> str:
        """The scope that is to be made now; the full one first, because it counts as an incremental one as well."""
        if self.full is not None and now >= self.full:
            return FULL
        return INCREMENTAL if self.incremental is not None and now >= self.incremental else ""


def plan(settings: Verify, first: datetime | None, ended: Mapping[str, datetime]) -> Plan:
    """`first`: when the first checkpoint was made; `ended`: when the last check of each scope ended."""
    if first is None:
        return Plan(full=None, incremental=None)
    full = ended.get(FULL, first)
    newest = max(full, ended.get(INCREMENTAL, first))
    return Plan(
        full=full + timedelta(days=settings.full_every_days) if settings.full_every_days else None,
        incremental=newest + timedelta(hours=settings.every_hours) if settings.every_hours else None,
    )


def look(conn: Connection, settings: Verify) -> Plan:
    """The plan by what the database says, leaving out what was written while the clock was ahead."""
    now = audit.now()
    query = (
        select(verification.c.scope, func.max(verification.c.ended_at))
        .where(verification.c.ended_at <= now).group_by(verification.c.scope)
    )  # fmt: skip
    first = conn.scalar(select(checkpoint.c.at).where(checkpoint.c.at <= now).order_by(checkpoint.c.id).limit(1))
    return plan(settings, first, dict(map(tuple, conn.execute(query))))
