"""Which condition leads: of a list of letters with conditions, the one that an index tells the fewest images of.

The list is then made from these images; left to itself the server may go through all letters instead, 9 s of a million
for the letters of a sender with 8,000.
"""

from dataclasses import dataclass, replace

from sqlalchemy import Connection, Select, func, select

from postbuch.archive import index_text
from postbuch.archive.filterform import Condition, Filter, base_op
from postbuch.archive.listcolumn import Column, Test, View, read_test
from postbuch.archive.query import MOST_CLOSED, Group, Node, Word

# Letters that are made from images and sorted: 8 µs each. Of more a page is read by the index (`listnear`).
MOST = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """The images, and the filter without the condition.

    words: where they are too many to be sorted, what the letters of these images have in the index of the search, and
    others too; None where the index does not know it.
    """

    images: Select[tuple[int]]
    rest: Filter
    words: Node | None


def find(conn: Connection, view: View, wanted: Filter) -> Lead | None:
    """The condition that leads, of a resolved filter; None when no index tells its images."""
    if wanted.criteria == "or" and len({each.field for each in wanted.conditions}) > 1:
        return None
    found: list[Lead] = []
    for place, each in enumerate(wanted.conditions):
        # Two conditions on one field are alternatives.
        if sum(other.field == each.field for other in wanted.conditions) == 1:
            found += _led(conn, view, each, replace(wanted, conditions=_without(wanted.conditions, place)))
    for place, each in enumerate(wanted.within):
        found += _led(conn, view, each, replace(wanted, within=_without(wanted.within, place)))
    if not found:
        return None
    sizes = [_size(conn, each.images) for each in found]
    lead = found[sizes.index(min(sizes))]
    return lead if min(sizes) > MOST else replace(lead, words=None)


def _led(conn: Connection, view: View, each: Condition, rest: Filter) -> list[Lead]:
    """What is led by a condition, when an index tells its images."""
    column = view.column(each.field)
    base, negative = base_op(each.op)
    if column is None or column.images is None or negative:
        return []
    test = read_test(column.kind, base, each.value, each.second)
    images = column.images(conn, test)
    return [] if images is None else [Lead(images=images, rest=rest, words=_words(column, test))]


def _words(column: Column, test: Test) -> Node | None:
    # A value without a letter or digit is not in the index.
    if column.word is None or not all(map(index_text.words, test.values)):
        return None
    closes = len(test.values) <= MOST_CLOSED
    return Group(kind="or", nodes=tuple(
        Word(field=column.word, text=value, kind="phrase", closes=closes) for value in test.values
    ))  # fmt: skip


def _size(conn: Connection, images: "Select[tuple[int]]") -> int:
    """How many; no further than one more than MOST."""
    return conn.scalar(select(func.count()).select_from(images.limit(MOST + 1).subquery())) or 0


def _without(conditions: tuple[Condition, ...], place: int) -> tuple[Condition, ...]:
    return conditions[:place] + conditions[place + 1 :]
