"""Keys by which programs ask in the name of a user: made, found, ended. Only the digest of a key is kept.

A key has 256 bits of chance, so a plain SHA-256 is enough: there is nothing to guess. It can never do more than its
user can at that moment, and of that only what its scopes say.
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, insert, select, update

from postbuch.archive.audit import now
from postbuch.archive.errors import NotFound, UsageError
from postbuch.archive.schema import api_key, app_user
from postbuch.archive.users import FOREVER
from postbuch.archive.widths import KEY_CHARACTERS
from postbuch.archive.wrong import Wrong

# What a key may do. `GET /me` is allowed with every key.
LETTERS, CONTENT, MARKS, EXPORTS = "letters", "content", "marks", "exports"
SCOPES = (LETTERS, CONTENT, MARKS, EXPORTS)
PREFIX = "pb_"
_OCTETS = 32
_HINT_CHARACTERS = 8
# Programs of one person; more is a program that makes keys.
MAX_KEYS = 50
# Each write is a durable commit, so the last use is known to the minute only.
_USED_STEP = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key; the key itself is not in it."""

    id: int
    user_id: int
    login: str
    name: str
    hint: str
    scopes: tuple[str, ...]
    since: datetime
    made_by: str
    used_at: datetime | None


def make(
    conn: Connection, user_id: int, name: str, scopes: Sequence[str], *, by: str
) -> tuple[str, int]:
    """(the key, which is told this once, and its number). Raises UsageError."""
    name = name.strip()
    if not name or len(name) > KEY_CHARACTERS:
        raise UsageError(Wrong.KEY_WITHOUT_NAME.said())
    unknown = [each for each in scopes if each not in SCOPES]
    if unknown or not scopes:
        known = ", ".join(SCOPES)
        raise UsageError(
            Wrong.NO_SCOPE.said(scope=unknown[0], scopes=known) if unknown
            else Wrong.KEY_WITHOUT_SCOPE.said(scopes=known)
        )
    held = select(func.count()).select_from(api_key).where(api_key.c.user_id == user_id, *_holds())
    # Which names are the same says the database: neither case nor accents tell them apart.
    if conn.scalar(held.where(api_key.c.name == name)):
        raise UsageError(Wrong.KEY_TAKEN.said(name=name))
    if (conn.scalar(held) or 0) >= MAX_KEYS:
        raise UsageError(Wrong.TOO_MANY_KEYS.said(number=MAX_KEYS))
    key = PREFIX + secrets.token_urlsafe(_OCTETS)
    made = conn.execute(insert(api_key).values(
        user_id=user_id, name=name, hint=key[: len(PREFIX) + _HINT_CHARACTERS], key_sha256=_digest(key),
        scopes=" ".join(each for each in SCOPES if each in scopes), since=now(), until=FOREVER, made_by=by,
    ))  # fmt: skip
    return key, int((made.inserted_primary_key or [0])[0])


def find(conn: Connection, key: str) -> Key | None:
    """The key that a program showed; None for one that is unknown, revoked, or of a user who is not active."""
    row = _row(conn, key, app_user.c.active, *_holds())
    if row is None:
        return None
    at = now()
    if row.used_at is None or at - row.used_at >= _USED_STEP:
        conn.execute(update(api_key).where(api_key.c.id == row.id).values(used_at=at))
    return _key(row)


def refused(conn: Connection, key: str) -> Key | None:
    """The one that `find` did not take, if it is ours: revoked since, or of a user who is shut out."""
    row = _row(conn, key)
    return None if row is None else _key(row)


def listed(conn: Connection, user_id: int | None = None) -> list[Key]:
    """Those that hold, of one user or of all, by the user and the name; of users who are shut out, too.

    Theirs are of no use until they are let in again: who looks after them sees and revokes them before.
    """
    query = _keys().where(*_holds()).order_by(app_user.c.login, api_key.c.name)
    return [_key(row) for row in conn.execute(query if user_id is None else query.where(api_key.c.user_id == user_id))]


def revoke(conn: Connection, user_id: int, key_id: int) -> Key:
    """End it with the next question that is asked with it; its row stays. Raises NotFound."""
    row = conn.execute(
        _keys().where(api_key.c.id == key_id, api_key.c.user_id == user_id, *_holds())
    ).one_or_none()
    if row is None:
        raise NotFound(Wrong.NO_KEY.said(number=key_id))
    conn.execute(update(api_key).where(api_key.c.id == key_id).values(until=func.greatest(now(), api_key.c.since)))
    return _key(row)


def _row(conn: Connection, key: str, *conditions: ColumnElement[bool]) -> Any:
    if not key.startswith(PREFIX) or len(key) > KEY_CHARACTERS:
        return None
    return conn.execute(_keys().where(api_key.c.key_sha256 == _digest(key), *conditions)).one_or_none()


def _keys() -> Any:
    return select(api_key, app_user.c.login).join(app_user, app_user.c.id == api_key.c.user_id)


def _holds() -> tuple[ColumnElement[bool], ...]:
    return (api_key.c.until == FOREVER,)


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "replace")).digest()


def _key(row: Any) -> Key:
    return Key(
        id=row.id, user_id=row.user_id, login=row.login, name=row.name, hint=row.hint,
        scopes=tuple(row.scopes.split()), since=row.since, made_by=row.made_by, used_at=row.used_at,
    )
