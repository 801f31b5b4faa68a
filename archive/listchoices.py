"""The columns and the page size that a user chose for a list. Every choice is kept with its end."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, insert, select, update

from postbuch.archive.audit import now
from postbuch.archive.schema import list_choice
from postbuch.archive.users import FOREVER


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Columns in their order, empty for the usual look; rows of a page, 0 for the usual number."""

    columns: tuple[str, ...] = ()
    page_size: int = 0


def find(conn: Connection, user_id: int, list_name: str) -> Choice:
    """What holds now."""
    row = conn.execute(select(list_choice).where(*_holds(user_id, list_name))).one_or_none()
    if row is None:
        return Choice()
    return Choice(columns=tuple(row.column_names.split()), page_size=row.page_size)


def keep(conn: Connection, user_id: int, list_name: str, columns: Sequence[str], page_size: int) -> Choice:
    """From now on these. Gives what held before."""
    before = find(conn, user_id, list_name)
    at = now()
    conn.execute(update(list_choice).where(*_holds(user_id, list_name)).values(until=at))
    conn.execute(insert(list_choice).prefix_with("IGNORE"), {
        "user_id": user_id, "list_name": list_name, "column_names": " ".join(columns), "page_size": page_size,
        "since": at, "until": FOREVER,
    })  # fmt: skip
    return before


def _holds(user_id: int, list_name: str) -> tuple[ColumnElement[bool], ...]:
    return (
        list_choice.c.user_id == user_id, list_choice.c.list_name == list_name, list_choice.c.until == FOREVER
    )
