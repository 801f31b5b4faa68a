"""Users of Postbuch: who logs in to the web, and which accounts each may read.

An auditor reads everything and changes nothing. What others may read is said by their grants and by the departments
that they belong to, never by the role: an administrator without either reads nothing.
"""

import contextlib
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final, Literal

import argon2
from sqlalchemy import ColumnElement, Connection, insert, select, union, update

from postbuch.archive.accounts import ensure_account, number_of
from postbuch.archive.audit import now
from postbuch.archive.errors import NotFound, UsageError
from postbuch.archive.schema import account, account_grant, app_user, department_account, department_member
from postbuch.archive.wrong import Wrong

# Which accounts somebody may read: their numbers, or all of them (also those that come later).
Rights = frozenset[int] | Literal["all"]
ALL: Final = "all"
FOREVER = datetime(9999, 12, 31)
AUDITOR = "auditor"
ROLES = ("employee", AUDITOR, "admin")
MIN_PASSWORD_CHARACTERS = 8

# argon2-cffi's defaults follow RFC 9106 section 4 (low-memory profile: 64 MiB, 3 passes, 4 lanes).
_hasher = argon2.PasswordHasher()


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """One person. `has_password` is False when upstream checks the password."""

    id: int
    login: str
    role: str
    language: str
    has_password: bool


def create_user(conn: Connection, login: str, *, role: str = "employee", password: str = "") -> int:
    """Make a user; an empty password leaves the check to upstream. Raises UsageError."""
    login = login.strip().lower()
    if "@" not in login or len(login) > 255:
        raise UsageError(Wrong.NO_LOGIN.said(login=login))
    _check_role(role)
    hashed = _hash(password) if password else ""
    made = conn.execute(
        insert(app_user).prefix_with("IGNORE"),
        {"login": login, "role": role, "password_hash": hashed, "created_at": now()},
    )
    if not made.rowcount:  # perhaps one that is not active, or one made at this moment
        raise UsageError(Wrong.USER_TAKEN.said(login=login))
    return int(conn.scalars(select(app_user.c.id).where(app_user.c.login == login)).one())


def find_user(conn: Connection, login: str) -> User | None:
    """The active user with this log-in name."""
    row = conn.execute(active().where(app_user.c.login == login.strip().lower())).one_or_none()
    return None if row is None else user_of(row)


def user_number(conn: Connection, login: str) -> int:
    """The number of the active user with this log-in name. Raises NotFound."""
    found = find_user(conn, login)
    if found is None:
        raise NotFound(Wrong.NO_USER.said(login=login))
    return found.id


def get_user(conn: Connection, user_id: int) -> User | None:
    """The active user with this number."""
    row = conn.execute(active().where(app_user.c.id == user_id)).one_or_none()
    return None if row is None else user_of(row)


def check_password(conn: Connection, login: str, password: str) -> User | None:
    """The user, when the Postbuch password is right. Takes about 50 ms whoever asks."""
    query = select(app_user.c.password_hash).where(app_user.c.login == login.strip().lower(), app_user.c.active)
    return find_user(conn, login) if is_right(conn.scalar(query) or "", password) else None


def is_right(hashed: str, password: str) -> bool:
    """Whether it is the password of that hash; never that of an empty one. Takes about 50 ms whatever comes of it."""
    nobody = _nobody()  # asked for in any case, or the first answer for a name that there is not would take longer
    try:
        _hasher.verify(hashed or nobody, password)
    except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
        return False
    return bool(hashed)


@cache
def _nobody() -> str:
    """Compared with when there is no such user. Costs as much as a check, which most that load this never make."""
    return _hasher.hash("nobody has this password")


def set_password(conn: Connection, user_id: int, password: str) -> None:
    """Give a user a new Postbuch password. Raises UsageError when it is too short."""
    conn.execute(update(app_user).where(app_user.c.id == user_id).values(password_hash=_hash(password)))


def set_language(conn: Connection, user_id: int, language: str) -> None:
    """Keep the language of the pages: de, en, or empty for the browser's."""
    conn.execute(update(app_user).where(app_user.c.id == user_id).values(language=language))


def set_user(
    conn: Connection, login: str, *, role: str | None = None, active: bool | None = None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Change what is given, also of a user who is not active; the values before and after. Raises NotFound, UsageError.

    Who is no longer active is shut out with his next click, and loses no right: active again, he reads what he read.
    """
    row = conn.execute(select(app_user).where(app_user.c.login == login.strip().lower())).one_or_none()
    if row is None:
        raise NotFound(Wrong.NO_USER.said(login=login))
    _check_role(role or row.role)
    before = {"role": row.role, "active": bool(row.active)}
    after = {"role": role or row.role, "active": before["active"] if active is None else active}
    conn.execute(update(app_user).where(app_user.c.id == row.id).values(**after))
    return before, after


def list_users(conn: Connection) -> list[dict[str, Any]]:
    """Every user: id, login, role, active, accounts (addresses in one string, `*` for all)."""
    found = []
    for row in conn.execute(select(app_user).order_by(app_user.c.login)).all():
        rights = accounts_of(conn, row.id)
        addresses = "*" if rights == ALL else ", ".join(_addresses(conn, rights))
        found.append(
            {"id": row.id, "login": row.login, "role": row.role, "active": bool(row.active), "accounts": addresses}
        )
    return found


def accounts_of(conn: Connection, user_id: int) -> Rights:
    """Which accounts the user may read now: all as an auditor, else by grants and departments."""
    role = conn.scalar(select(app_user.c.role).where(app_user.c.id == user_id))
    return rights_of(conn, user_id, role or "")


def rights_of(conn: Connection, user_id: int, role: str) -> Rights:
    """`accounts_of` for a user whose role is known."""
    if role == AUDITOR:
        return ALL
    granted = select(account_grant.c.account_id).where(account_grant.c.user_id == user_id, *_holds())
    shared = (
        select(department_account.c.account_id)
        .join(department_member, department_member.c.department_id == department_account.c.department_id)
        .where(
            department_member.c.user_id == user_id, department_member.c.until == FOREVER,
            department_account.c.until == FOREVER,
        )
    )
    found = set(conn.scalars(union(granted, shared)))
    return ALL if None in found else frozenset(number for number in found if number is not None)


def granted_to(conn: Connection, login: str) -> list[str]:
    """The addresses of the grants that hold for a user, `*` for all; departments left out."""
    query = (
        select(account.c.address).select_from(account_grant)
        .join(app_user, app_user.c.id == account_grant.c.user_id)
        .join(account, account.c.id == account_grant.c.account_id, isouter=True)
        .where(app_user.c.login == login.strip().lower(), *_holds()).order_by(account.c.address)
    )
    return [address or "*" for address in conn.scalars(query)]


def grant(conn: Connection, login: str, address: str | None, *, by: str) -> None:
    """Let a user read an account, or all with None. Harmless when he may already. Raises NotFound."""
    user_id, account_id = _both(conn, login, address)
    if conn.scalar(select(account_grant.c.id).where(*_this(user_id, account_id))) is None:
        conn.execute(
            insert(account_grant).values(
                user_id=user_id, account_id=account_id, since=now(), until=FOREVER, granted_by=by
            )
        )


def revoke(conn: Connection, login: str, address: str | None, *, by: str) -> None:
    """End a grant; its row stays with its end. `by` goes on record with the caller's audit event. Raises NotFound."""
    user_id, account_id = _both(conn, login, address)
    conn.execute(update(account_grant).where(*_this(user_id, account_id)).values(until=now()))


def ensure_employee(conn: Connection, login: str, upstream: str) -> User:
    """The user of somebody whose mail password upstream took, made at the first log-in with a grant on his account."""
    account_id = ensure_account(conn, login, upstream)
    user = find_user(conn, login)
    if user is None:
        with contextlib.suppress(UsageError):  # there is one: not active, or made by a log-in at the same moment
            create_user(conn, login)
        user = find_user(conn, login)
    if user is None:
        raise UsageError(Wrong.NOT_ACTIVE.said(login=login))
    # Once only: a grant that an admin has ended stays ended.
    ever = select(account_grant.c.id).where(
        account_grant.c.user_id == user.id, account_grant.c.account_id.is_not_distinct_from(account_id)
    )
    if conn.scalar(ever.limit(1)) is None:
        grant(conn, login, login, by=f"log-in at {upstream}")
    return user


def _check_role(role: str) -> None:
    if role not in ROLES:
        raise UsageError(Wrong.NO_ROLE.said(role=role, roles=", ".join(ROLES)))


def _hash(password: str) -> str:
    if len(password) < MIN_PASSWORD_CHARACTERS:
        raise UsageError(Wrong.TOO_SHORT.said(number=MIN_PASSWORD_CHARACTERS))
    return _hasher.hash(password)


def active() -> Any:
    """A select of the active users, to be narrowed; `user_of` reads its rows."""
    return select(app_user).where(app_user.c.active)


def user_of(row: Any) -> User:
    """The user of a row of `active`."""
    return User(
        id=row.id, login=row.login, role=row.role, language=row.language, has_password=bool(row.password_hash)
    )


def _holds() -> tuple[ColumnElement[bool], ...]:
    return (account_grant.c.until == FOREVER,)


def _this(user_id: int, account_id: int | None) -> tuple[ColumnElement[bool], ...]:
    return (account_grant.c.user_id == user_id, account_grant.c.account_id.is_not_distinct_from(account_id), *_holds())


def _addresses(conn: Connection, rights: frozenset[int]) -> list[str]:
    return list(conn.scalars(select(account.c.address).where(account.c.id.in_(rights)).order_by(account.c.address)))


def _both(conn: Connection, login: str, address: str | None) -> tuple[int, int | None]:
    return user_number(conn, login), None if address is None else number_of(conn, address)
