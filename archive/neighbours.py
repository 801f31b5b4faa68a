"""The letters before and after one in what a search found."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, func, or_, select

from postbuch.archive.index_schema import order_of
from postbuch.archive.schema import letter
from postbuch.archive.search import in_index, matching, readable
from postbuch.archive.users import Rights


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbours:
    """Numbers of letters; None at either end."""

    newer: int | None
    older: int | None


def in_search(conn: Connection, text: str, accounts: Rights, letter_id: int, user_id: int) -> Neighbours:
    """Costs as much as the search itself, where the index cannot answer alone. Raises UsageError.

    The letter itself need not be found any more: one that was opened from `is:unread` is read since then. One outside
    the rights has no neighbours: where it would stand in the list tells when it came.
    """
    asked = in_index(conn, text, accounts)
    if asked is not None:
        look, made = asked
        at = conn.scalar(select(letter.c.sort_at).where(letter.c.id == letter_id, readable(accounts)))
        if at is None:
            return Neighbours(newer=None, older=None)
        newer, older = look.beside(made, order_of(at, letter_id))
        return Neighbours(newer=newer, older=older)
    order: tuple[Any, ...] = (letter.c.sort_at, letter.c.id)
    found = (
        select(
            letter.c.id, func.lag(letter.c.id).over(order_by=order).label("older"),
            func.lead(letter.c.id).over(order_by=order).label("newer"),
        )
        .where(or_(matching(text, accounts, user_id, conn), and_(letter.c.id == letter_id, readable(accounts))))
        .subquery()
    )  # fmt: skip
    row = conn.execute(select(found.c.newer, found.c.older).where(found.c.id == letter_id)).one_or_none()
    return Neighbours(newer=None, older=None) if row is None else Neighbours(newer=row.newer, older=row.older)
