"""How many letters of a list arrived in each month, on the clock of whoever asks: whatever narrows it."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, func, literal_column, select

from postbuch.archive import clock, listview
from postbuch.archive.filterform import Filter
from postbuch.archive.listview import VIEWS
from postbuch.archive.schema import letter
from postbuch.archive.users import Rights


def counts(conn: Connection, wanted: Filter, rights: Rights, user_id: int | None) -> dict[str, int]:
    """Month (2026-11) → how many letters, the newest first, without months that have none. Raises UsageError."""
    oldest, newest = conn.execute(select(func.min(letter.c.sort_at), func.max(letter.c.sort_at))).one()
    if oldest is None:
        return {}
    months = _months(oldest, newest)
    # INTERVAL (the function) takes numbers, and gives how many of the begins are not behind the moment.
    begins: list[Any] = [literal_column(f"{clock.stretch(first)[0]:%Y%m%d%H%M%S}") for first in months]
    [number] = listview.every(conn, VIEWS["letters"], wanted, rights, user_id).subquery().c
    place: Any = func.interval(letter.c.sort_at + literal_column("0"), *begins).label("place")
    query = select(place, func.count()).join(number.table, number == letter.c.id).group_by(place)
    counted = {months[row[0] - 1]: int(row[1]) for row in conn.execute(query)}
    return {f"{first:%Y-%m}": counted[first] for first in sorted(counted, reverse=True)}


def _months(oldest: datetime, newest: datetime) -> list[date]:
    """The first days of all months between; one more on both sides, because of the clock."""
    places = range(oldest.year * 12 + oldest.month - 2, newest.year * 12 + newest.month + 1)
    return [date(place // 12, place % 12 + 1, 1) for place in places]
