"""The newest letters of an address that wrote very many, by the index of the search.

The index tells the newest of all that may be meant; whether each is, with every other condition and the rights, says
the database, as it does of letters that the index lacks. So the rows are those of the general way, in its order: a page
of fifty takes some milliseconds, where making it from a hundred thousand letters takes a second. What the index does
not know yet of a letter that it has, because a copy of it came in this second, may be missing until it does.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Select, func, or_, select

from postbuch.archive import index_schema, search
from postbuch.archive.listcolumn import Scope
from postbuch.archive.listimages import one_of
from postbuch.archive.query import Node
from postbuch.archive.schema import letter
from postbuch.archive.visible import readable_each

# So many of the newest are looked at: 4 to 8 µs each. Of more than the last the page is looked for in the general way.
LOOKED_AT = (200, 1_000, 5_000)
# An index that lacks more letters is being mended, and the general way is as quick.
MOST_LACKING = 1_000


def near(
    conn: Connection, scope: Scope, words: Node, images: Select[tuple[int]], others: Sequence[ColumnElement[bool]],
    limit: int,
) -> tuple[list[int], int | None] | None:
    """The newest `limit` letters within the rights with one of these images for which the other conditions hold.

    And how many there are, where that is known by then. `words`: what the letters of all these images have in the
    index. None where it does not tell: there is none, it is behind, or most of what it finds is not meant.
    """
    found = search.tree_in_index(conn, words, scope.rights)
    if found is None:
        return None
    look, query = found
    if _lacks_many(conn, look.mark.highest):
        return None
    for most in LOOKED_AT:
        if most <= limit:
            continue
        places = look.first(query, most)
        rows = _held(conn, scope, images, others, list(map(index_schema.letter_of, places)), look.mark.highest)
        if len(places) < most:
            return [number for _, number in rows[:limit]], len(rows)
        # The index knows the second alone: of the last one others may stand behind the last place.
        last = index_schema.second_at(places[-1])
        known = [number for at, number in rows if index_schema.second_of(at) > last]
        if len(known) >= limit:
            return known[:limit], None
    return None


def _lacks_many(conn: Connection, highest: int) -> bool:
    newer = select(letter.c.id).where(letter.c.id > highest).limit(MOST_LACKING + 1).subquery()
    return (conn.scalar(select(func.count()).select_from(newer)) or 0) > MOST_LACKING


def _held(
    conn: Connection, scope: Scope, images: Select[tuple[int]], others: Sequence[ColumnElement[bool]],
    ids: Sequence[int], highest: int,
) -> list[tuple[datetime, int]]:
    """(arrival, number) of those that are meant, of these letters and of those that the index lacks; newest first."""
    among = or_(letter.c.id.in_(ids), letter.c.id > highest)
    query = select(letter.c.sort_at, letter.c.id).where(
        among, readable_each(scope.rights), one_of(scope, images), *others
    )
    rows = conn.execute(query.order_by(letter.c.sort_at.desc(), letter.c.id.desc()))
    return [(row.sort_at, row.id) for row in rows]
