"""What people choose and see of the collector: exclusions, pauses, "now, please", and how far it is. Versioned rows."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, case, func, insert, select, update
from sqlalchemy.dialects import mysql

from postbuch.archive import audit
from postbuch.archive.schema import account, collect_account, collect_exclusion, collect_mailbox, collect_pause, mailbox
from postbuch.archive.schema_collect import FOREVER


def pause(conn: Connection, owners: Iterable[int], who: str) -> None:
    """Collect nothing of these accounts until `resume`. Harmless when they are paused already."""
    paused = set(conn.scalars(select(collect_pause.c.account_id).where(collect_pause.c.until == FOREVER)))
    for owner in set(owners) - paused:
        conn.execute(insert(collect_pause).values(
            account_id=owner, since=audit.now(), until=FOREVER, paused_by=audit.storable(who)
        ))  # fmt: skip


def resume(conn: Connection, owners: Collection[int]) -> None:
    """Collect them again."""
    held = update(collect_pause).where(collect_pause.c.account_id.in_(owners), collect_pause.c.until == FOREVER)
    conn.execute(held.values(until=audit.now()))


def excluded(conn: Connection, owner: int) -> list[str]:
    """The mailboxes of the account that are left out on purpose."""
    held = collect_exclusion.c.account_id == owner, collect_exclusion.c.until == FOREVER
    return sorted(conn.scalars(select(collect_exclusion.c.mailbox).where(*held)))


def exclude(conn: Connection, owner: int, names: Collection[str], who: str) -> tuple[list[str], list[str]]:
    """Leave out these mailboxes and no others; the names before and after."""
    before, after = excluded(conn, owner), sorted(set(names))
    ended = update(collect_exclusion).where(
        collect_exclusion.c.account_id == owner, collect_exclusion.c.until == FOREVER,
        collect_exclusion.c.mailbox.in_(set(before) - set(after)),
    )  # fmt: skip
    conn.execute(ended.values(until=audit.now()))
    for name in sorted(set(after) - set(before)):
        conn.execute(insert(collect_exclusion).values(
            account_id=owner, mailbox=name, since=audit.now(), until=FOREVER, set_by=audit.storable(who)
        ))  # fmt: skip
    return before, after


def ask(conn: Connection, owners: Iterable[int]) -> None:
    """Have the process that collects these accounts look at all of their mailboxes now."""
    now = audit.now()
    for owner in owners:
        asked = mysql.insert(collect_account).values(account_id=owner, state="waiting", asked_at=now)
        conn.execute(asked.on_duplicate_key_update(asked_at=now))


def progress(conn: Connection, owner_ids: Sequence[int] | None = None) -> list[dict[str, Any]]:
    """Every account: its row of `collect_account` (None where it was never collected), mailboxes, and pause."""
    pause = select(func.count()).where(
        collect_pause.c.account_id == account.c.id, collect_pause.c.until == FOREVER
    ).scalar_subquery()  # fmt: skip
    columns = [each for each in collect_account.c if each.name != "account_id"]
    query = (
        select(account.c.id, account.c.address, account.c.archive, pause.label("paused"), *columns)
        .outerjoin(collect_account, collect_account.c.account_id == account.c.id)
        .where(account.c.active).order_by(account.c.address)
    )  # fmt: skip
    if owner_ids is not None:
        query = query.where(account.c.id.in_(owner_ids))
    boxes = {row.account_id: row for row in conn.execute(
        select(
            mailbox.c.account_id, func.count().label("mailboxes"),
            func.sum(collect_mailbox.c.listed).label("listed"), func.sum(collect_mailbox.c.archived).label("archived"),
            func.sum(case((collect_mailbox.c.failure != "", 1), else_=0)).label("incomplete"),
        )
        .join(mailbox, mailbox.c.id == collect_mailbox.c.mailbox_id)
        .where(collect_mailbox.c.ended_at.is_(None)).group_by(mailbox.c.account_id)
    )}  # fmt: skip
    found = []
    for row in conn.execute(query):
        box = boxes.get(row.id)
        found.append({
            **row._mapping, "paused": bool(row.paused), "state": _state(row),
            "mailboxes": box.mailboxes if box else 0, "listed": int(box.listed) if box else 0,
            "archived": int(box.archived) if box else 0, "incomplete": int(box.incomplete) if box else 0,
        })  # fmt: skip
    return found


def _state(row: Any) -> str:
    if row.paused:
        return "paused"
    return "none" if row.archive == "none" else row.state or "waiting"
