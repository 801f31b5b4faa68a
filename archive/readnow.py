"""What is known of images now: the rows of the first reading, with those of a later one added or in their place."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, Connection, Subquery, Table, func, select, union_all

from postbuch.archive.schema import body_text, later_part, later_reading, part

# The media type of a part that is none any more: a later reading does not find it.
NONE = ""


def halves() -> tuple[tuple[Table, ColumnElement[bool]], ...]:
    """The two tables with parts, each with the condition on those of its rows that hold now."""
    again = select(later_part.c.image_id).where(
        later_part.c.image_id == part.c.image_id, later_part.c.position == part.c.position
    )
    return (part, ~again.exists()), (later_part, later_part.c.content_type != NONE)


def current(where: Callable[[Table], ColumnElement[bool]]) -> Subquery:
    """The parts as they are known now. `where`: a condition on a table that has the columns of `part`.

    MariaDB writes them to a table of their own first: for some images, not for all.
    """
    return union_all(*(select(*table.c).where(where(table), valid) for table, valid in halves())).subquery("part_now")


def parts(conn: Connection, where: Callable[[Table], ColumnElement[bool]], *names: str) -> list[Any]:
    """The same as rows with these columns, for a condition on the image alone: one statement more than of `part`."""
    first, later = (
        conn.execute(
            select(*(table.c[name] for name in ("image_id", "position", *names, "content_type"))).where(where(table))
        ).all()
        for table in (part, later_part)
    )
    again = {row[:2] for row in later}
    known = (row for row in later if row.content_type != NONE)
    return [*(row for row in first if row[:2] not in again), *known] if again else list(first)


def text_now() -> ColumnElement[str]:
    """The text of the body as it is known now, where `later_reading` is joined beside `body_text`."""
    return func.coalesce(later_reading.c.text, body_text.c.text)
