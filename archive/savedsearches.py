"""Lists that a user keeps under a name; some stand among his folders with what is unread in them.

A row is written once, so each change is a new row with a new number. People keep addresses with a number in them: each
leads on to the row that holds now (`get`).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, insert, select, update

from postbuch.archive.audit import now
from postbuch.archive.errors import NotFound, UsageError
from postbuch.archive.schema import saved_search
from postbuch.archive.users import FOREVER
from postbuch.archive.widths import KEY_CHARACTERS
from postbuch.archive.wrong import Wrong

MAX_ADDRESS_CHARACTERS = 4_000
# Each that stands among the folders is counted; people find nothing in more.
MAX_SAVED = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """One: its number, name, and the arguments of the list as they stand in its address."""

    id: int
    name: str
    address: str
    in_sidebar: bool


def listed(conn: Connection, user_id: int) -> list[Saved]:
    """Those of a user, by name."""
    query = select(saved_search).where(*_holds(user_id)).order_by(saved_search.c.name)
    return [_saved(row) for row in conn.execute(query)]


def keep(conn: Connection, user_id: int, name: str, address: str, *, in_sidebar: bool) -> None:
    """Keep a list under a name; one that is called so already ends. Raises UsageError."""
    if not address or len(address) > MAX_ADDRESS_CHARACTERS:
        raise UsageError(Wrong.SEARCH_LENGTH.said(number=MAX_ADDRESS_CHARACTERS))
    name, at = _name(name), now()
    conn.execute(update(saved_search).where(*_holds(user_id), saved_search.c.name == name).values(until=at))
    _add(conn, user_id, name, address, at, in_sidebar=in_sidebar)


def change(conn: Connection, user_id: int, number: int, name: str, *, in_sidebar: bool) -> Saved:
    """Another name or place for one; what it was before. Its row ends when the next begins.

    Raises NotFound, and UsageError, with which the transaction must end, when another is called so.
    """
    at = now()
    found = _end(conn, user_id, number, at)
    _add(conn, user_id, _name(name), found.address, at, in_sidebar=in_sidebar)
    return found


def restore(conn: Connection, user_id: int, number: int) -> Saved:
    """Keep again what was removed. Raises NotFound, and UsageError when another is called so."""
    found = _saved(_newest(conn, user_id, number))
    _add(conn, user_id, found.name, found.address, now(), in_sidebar=found.in_sidebar)
    return found


def _name(text: str) -> str:
    name = text.strip()
    if not name or len(name) > KEY_CHARACTERS:
        raise UsageError(Wrong.SEARCH_NAME.said(number=KEY_CHARACTERS))
    return name


def _add(conn: Connection, user_id: int, name: str, address: str, at: datetime, *, in_sidebar: bool) -> None:
    if len(listed(conn, user_id)) >= MAX_SAVED:
        raise UsageError(Wrong.TOO_MANY_SEARCHES.said(number=MAX_SAVED))
    made = conn.execute(insert(saved_search).prefix_with("IGNORE"), {
        "user_id": user_id, "name": name, "address": address, "in_sidebar": in_sidebar, "since": at,
        "until": FOREVER,
    })  # fmt: skip
    if not made.rowcount:
        raise UsageError(Wrong.SEARCH_TAKEN.said(name=name))


def get(conn: Connection, user_id: int, number: int) -> Saved:
    """One of the user's own, by the number that it has or had before it was changed or restored. Raises NotFound."""
    row = _newest(conn, user_id, number)
    if row.until != FOREVER:
        raise _none(number)
    return _saved(row)


def remove(conn: Connection, user_id: int, number: int) -> Saved:
    """End one of the user's own. Raises NotFound."""
    return _end(conn, user_id, number, now())


def _end(conn: Connection, user_id: int, number: int, at: datetime) -> Saved:
    found = get(conn, user_id, number)
    ended = conn.execute(update(saved_search).where(*_holds(user_id), saved_search.c.id == found.id).values(until=at))
    if not ended.rowcount:  # of two clicks the other was quicker
        raise _none(number)
    return found


def _newest(conn: Connection, user_id: int, number: int) -> Row[Any]:
    """The last of the rows that one search has had, from this one on. Raises NotFound.

    The next one began when this one ended (it was changed), or is the same again later (it was restored).
    """
    query = select(saved_search).where(saved_search.c.user_id == user_id, saved_search.c.id >= number)
    found = None
    for row in conn.execute(query.order_by(saved_search.c.id)):
        if (row.id == number) if found is None else (
            row.since == found.until
            or (row.since > found.until and (row.name, row.address) == (found.name, found.address))
        ):  # fmt: skip
            found = row
    if found is None:
        raise _none(number)
    return found


def _none(number: int) -> NotFound:
    return NotFound(Wrong.NO_SEARCH.said(number=number))


def _saved(row: Row[Any]) -> Saved:
    return Saved(id=row.id, name=row.name, address=row.address, in_sidebar=bool(row.in_sidebar))


def _holds(user_id: int) -> tuple[ColumnElement[bool], ...]:
    return saved_search.c.user_id == user_id, saved_search.c.until == FOREVER
