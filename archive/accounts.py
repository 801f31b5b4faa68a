"""Accounts: the log-ins at upstream providers whose mail is archived. Removing one leaves its messages."""

from typing import Any

from sqlalchemy import Connection, insert, select, update

from postbuch.archive.audit import now
from postbuch.archive.errors import NotFound
from postbuch.archive.schema import account
from postbuch.archive.wrong import Wrong


def find_account(conn: Connection, address: str) -> int | None:
    """The number of the account with this log-in name."""
    found: int | None = conn.scalar(select(account.c.id).where(account.c.address == address.strip().lower()))
    return found


def number_of(conn: Connection, address: str) -> int:
    """The number of the account with this log-in name. Raises NotFound."""
    found = find_account(conn, address)
    if found is None:
        raise NotFound(Wrong.NO_ACCOUNT.said(address=address))
    return found


def ensure_account(conn: Connection, address: str, upstream: str) -> int:
    """The account's number, made when it is new. Safe beside others that make the same one."""
    known = find_account(conn, address)
    if known is not None:
        return known
    statement = insert(account).prefix_with("IGNORE")
    conn.execute(statement, {"address": address.strip().lower(), "upstream": upstream, "created_at": now()})
    made = find_account(conn, address)
    if made is None:  # READ COMMITTED sees the other's row as soon as it is there
        raise NotFound(Wrong.ACCOUNT_NOT_MADE.said(address=address))
    return made


def list_accounts(conn: Connection) -> list[dict[str, Any]]:
    """Every account: id, address, upstream, archive, active, created_at."""
    return [dict(row._mapping) for row in conn.execute(select(account).order_by(account.c.address))]


def set_account(
    conn: Connection, address: str, *, archive: str | None = None, active: bool | None = None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Change what is given; the values before and after. Raises NotFound."""
    row = conn.execute(select(account).where(account.c.id == number_of(conn, address))).one()
    before = {"archive": row.archive, "active": bool(row.active)}
    after = {
        "archive": before["archive"] if archive is None else archive,
        "active": before["active"] if active is None else active,
    }
    conn.execute(update(account).where(account.c.id == row.id).values(**after))
    return before, after
