"""Departments: members of one read its accounts. Every version stays: an end is written, nothing is removed."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Table, insert, select, update

from postbuch.archive.accounts import number_of
from postbuch.archive.audit import now
from postbuch.archive.errors import NotFound, UsageError
from postbuch.archive.schema import account, app_user, department, department_account, department_member
from postbuch.archive.users import FOREVER, user_number
from postbuch.archive.widths import KEY_CHARACTERS
from postbuch.archive.wrong import Wrong

# The column of who or what belongs to the department.
_OTHER = {department_member: "user_id", department_account: "account_id"}


def add(conn: Connection, name: str, *, by: str) -> int:
    """Make a department; its number. Raises UsageError."""
    name = name.strip()
    if not name or len(name) > KEY_CHARACTERS:
        raise UsageError(Wrong.DEPARTMENT_NAME.said(number=KEY_CHARACTERS))
    made = conn.execute(
        insert(department).prefix_with("IGNORE"), {"name": name, "since": now(), "until": FOREVER, "made_by": by}
    )
    if not made.rowcount:
        raise UsageError(Wrong.DEPARTMENT_TAKEN.said(name=name))
    return find(conn, name)


def find(conn: Connection, name: str) -> int:
    """The number of the department that is called so now. Raises NotFound."""
    query = select(department.c.id).where(department.c.name == name.strip(), department.c.until == FOREVER)
    found = conn.scalar(query)
    if found is None:
        raise NotFound(Wrong.NO_DEPARTMENT.said(name=name))
    return int(found)


def listed(conn: Connection) -> list[dict[str, Any]]:
    """Every department there is now: id, name, since, members (log-in names), accounts (addresses)."""
    query = select(department).where(department.c.until == FOREVER).order_by(department.c.name)
    return [
        {"id": row.id, "name": row.name, "since": row.since, **_content(conn, row.id)} for row in conn.execute(query)
    ]


def change(
    conn: Connection, name: str, *, by: str, add_members: Sequence[str] = (), remove_members: Sequence[str] = (),
    add_accounts: Sequence[str] = (), remove_accounts: Sequence[str] = (),
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Who belongs to it and what they read; members and accounts before and after.

    Harmless where it is so already. Raises NotFound.
    """
    number = find(conn, name)
    before = _content(conn, number)
    for login in add_members:
        _begin(conn, department_member, number, user_number(conn, login), by)
    for login in remove_members:
        _end(conn, department_member, number, user_number(conn, login))
    for address in add_accounts:
        _begin(conn, department_account, number, number_of(conn, address), by)
    for address in remove_accounts:
        _end(conn, department_account, number, number_of(conn, address))
    return before, _content(conn, number)


def remove(conn: Connection, name: str) -> dict[str, Any]:
    """End it with all that belongs to it; members and accounts as they were. Raises NotFound."""
    number = find(conn, name)
    before, at = _content(conn, number), now()
    for versions in (department_member, department_account):
        holds = (versions.c.department_id == number, versions.c.until == FOREVER)
        conn.execute(update(versions).where(*holds).values(until=at))
    conn.execute(update(department).where(department.c.id == number).values(until=at))
    return before


def _content(conn: Connection, number: int) -> dict[str, Any]:
    members = (
        select(app_user.c.login).join(department_member, department_member.c.user_id == app_user.c.id)
        .where(department_member.c.department_id == number, department_member.c.until == FOREVER)
        .order_by(app_user.c.login)
    )
    accounts = (
        select(account.c.address).join(department_account, department_account.c.account_id == account.c.id)
        .where(department_account.c.department_id == number, department_account.c.until == FOREVER)
        .order_by(account.c.address)
    )
    return {"members": list(conn.scalars(members)), "accounts": list(conn.scalars(accounts))}


def _begin(conn: Connection, versions: Table, number: int, other: int, by: str) -> None:
    """IGNORE: a row of the same two that holds is what is wanted."""
    conn.execute(
        insert(versions).prefix_with("IGNORE"),
        {"department_id": number, _OTHER[versions]: other, "since": now(), "until": FOREVER, "given_by": by},
    )


def _end(conn: Connection, versions: Table, number: int, other: int) -> None:
    this = (versions.c.department_id == number, versions.c[_OTHER[versions]] == other, versions.c.until == FOREVER)
    conn.execute(update(versions).where(*this).values(until=now()))
