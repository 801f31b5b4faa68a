"""The record of who did what (invariant 9). Written in the caller's transaction, before the result is shown."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select

from postbuch.archive.bulk import insert_rows
from postbuch.archive.schema import audit_event
from postbuch.archive.widths import KEY_CHARACTERS


def now() -> datetime:
    """The present in UTC, without a zone as the database keeps it."""
    return datetime.now(UTC).replace(tzinfo=None)


def after(seconds: float) -> datetime:
    """A time to come, as `now`."""
    return now() + timedelta(seconds=seconds)


def storable(text: str) -> str:
    """With `?` for what is no Unicode text: an argument of a command may hold octets that are not UTF-8."""
    return text.encode("utf-8", "replace").decode()


def record(
    conn: Connection,
    actor: str,
    origin: str,
    action: str,
    target: str,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """One event. `origin` is a client address or `cli`; `target` names the thing, for example `letter 12`."""
    insert_rows(conn, audit_event, [{
        "at": now(),
        "actor": storable(actor)[:KEY_CHARACTERS],
        "origin": origin[:60],
        "action": action,
        "target": storable(target)[:KEY_CHARACTERS],
        "before_value": _json(before),
        "after_value": _json(after),
    }])


def _json(values: Mapping[str, Any] | None) -> str | None:
    return None if values is None else storable(json.dumps(values, ensure_ascii=False, default=str))


def history(conn: Connection, target: str, limit: int = 200) -> list[dict[str, Any]]:
    """The newest events on one target: at, actor, origin, action."""
    columns = (audit_event.c.at, audit_event.c.actor, audit_event.c.origin, audit_event.c.action)
    query = select(*columns).where(audit_event.c.target == target).order_by(audit_event.c.id.desc()).limit(limit)
    return [dict(row._mapping) for row in conn.execute(query)]
