"""Lists that a user keeps under a name; some stand among his folders with what is unread in them."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, insert, select, update

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
    return [
        Saved(id=row.id, name=row.name, address=row.address, in_sidebar=bool(row.in_sidebar))
        for row in conn.execute(query)
    ]


def keep(conn: Connection, user_id: int, name: str, address: str, *, in_sidebar: bool) -> None:
    """Keep a list under a name; one that is called so already ends. Raises UsageError."""
    if not address or len(address) > MAX_ADDRESS_CHARACTERS:
        raise UsageError(Wrong.SEARCH_LENGTH.said(number=MAX_ADDRESS_CHARACTERS))
    name = _name(name)
    conn.execute(update(saved_search).where(*_holds(user_id), saved_search.c.name == name).values(until=now()))
    _add(conn, user_id, name, address, in_sidebar=in_sidebar)


def change(conn: Connection, user_id: int, number: int, name: str, *, in_sidebar: bool) -> Saved:
    """Another name or place for one; what it was before. Its row ends, and it has a new number.

    Raises NotFound, and UsageError, with which the transaction must end, when another is called so.
    """
    found = remove(conn, user_id, number)
    _add(conn, user_id, _name(name), found.address, in_sidebar=in_sidebar)
    return found


def restore(conn: Connection, user_id: int, number: int) -> Saved:
    """Keep again what was removed, under a new number. Raises NotFound, and UsageError when another is called so."""
    row = conn.execute(
        select(saved_search).where(saved_search.c.user_id == user_id, saved_search.c.id == number)
    ).one_or_none()
    if row is None:
        raise NotFound(Wrong.NO_SEARCH.said(number=number))
    _add(conn, user_id, row.name, row.address, in_sidebar=bool(row.in_sidebar))
    return Saved(id=row.id, name=row.name, address=row.address, in_sidebar=bool(row.in_sidebar))


def _name(text: str) -> str:
    name = text.strip()
    if not name or len(name) > KEY_CHARACTERS:
        raise UsageError(Wrong.SEARCH_NAME.said(number=KEY_CHARACTERS))
    return name


def _add(conn: Connection, user_id: int, name: str, address: str, *, in_sidebar: bool) -> None:
    if len(listed(conn, user_id)) >= MAX_SAVED:
        raise UsageError(Wrong.TOO_MANY_SEARCHES.said(number=MAX_SAVED))
    made = conn.execute(insert(saved_search).prefix_with("IGNORE"), {
        "user_id": user_id, "name": name, "address": address, "in_sidebar": in_sidebar, "since": now(),
        "until": FOREVER,
    })  # fmt: skip
    if not made.rowcount:
        raise UsageError(Wrong.SEARCH_TAKEN.said(name=name))


def get(conn: Connection, user_id: int, number: int) -> Saved:
    """One of the user's own. Raises NotFound."""
    found = next((each for each in listed(conn, user_id) if each.id == number), None)
    if found is None:
        raise NotFound(Wrong.NO_SEARCH.said(number=number))
    return found


def remove(conn: Connection, user_id: int, number: int) -> Saved:
    """End one of the user's own. Raises NotFound."""
    found = get(conn, user_id, number)
    conn.execute(update(saved_search).where(saved_search.c.id == number).values(until=now()))
    return found


def _holds(user_id: int) -> tuple[ColumnElement[bool], ...]:
    return saved_search.c.user_id == user_id, saved_search.c.until == FOREVER
