"""Which condition leads: of a list of letters with conditions, the one that an index tells the fewest images of.

The list is then made from these images; left to itself the server may go through all letters instead, 9 s of a million
for the letters of a sender with 8,000.
"""

from dataclasses import dataclass, replace

from sqlalchemy import Connection, Select, func, select

from postbuch.archive import index_text
from postbuch.archive.filterform import Condition, Filter, base_op
from postbuch.archive.listcolumn import Test, View, read_test
from postbuch.archive.query import Group, Node, Word

# Letters that are made from images and sorted: 8 µs each. Of more a page is read by the index (`listnear`).
MOST = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """The images, the filter without the condition, and whether they are too many to be sorted.

    words: what the letters of these images have in the index of the search, and others too; None where that may be
    nothing.
    """

    images: Select[tuple[int]]
    rest: Filter
    is_wide: bool
    words: Node | None


def find(conn: Connection, view: View, wanted: Filter) -> Lead | None:
    """The condition that leads, of a resolved filter; None when no index tells its images."""
    if wanted.criteria == "or" and len({each.field for each in wanted.conditions}) > 1:
        return None
    found: list[tuple[Condition, Select[tuple[int]], Filter]] = []
    for place, each in enumerate(wanted.conditions):
        # Two conditions on one field are alternatives.
        alone = sum(other.field == each.field for other in wanted.conditions) == 1
        images = _images(conn, view, each) if alone else None
        if images is not None:
            found.append((each, images, replace(wanted, conditions=_without(wanted.conditions, place))))
    for place, each in enumerate(wanted.within):
        images = _images(conn, view, each)
        if images is not None:
            found.append((each, images, replace(wanted, within=_without(wanted.within, place))))
    sizes = [_size(conn, images) for _, images, _ in found]
    if not sizes:
        return None
    each, images, rest = found[sizes.index(min(sizes))]
    return Lead(images=images, rest=rest, is_wide=min(sizes) > MOST, words=_words(view, each))


def _images(conn: Connection, view: View, each: Condition) -> "Select[tuple[int]] | None":
    column, test = view.column(each.field), _test(view, each)
    return None if column is None or column.images is None or test is None else column.images(conn, test)


def _words(view: View, each: Condition) -> Node | None:
    column, test = view.column(each.field), _test(view, each)
    # A value without a letter or digit is not in the index.
    if column is None or column.word is None or test is None or not all(map(index_text.words, test.values)):
        return None
    return Group(kind="or", nodes=tuple(Word(field=column.word, text=value, kind="phrase") for value in test.values))


def _test(view: View, each: Condition) -> Test | None:
    column = view.column(each.field)
    base, negative = base_op(each.op)
    return None if column is None or negative else read_test(column.kind, base, each.value, each.second)


def _size(conn: Connection, images: "Select[tuple[int]]") -> int:
    """How many; no further than one more than MOST."""
    return conn.scalar(select(func.count()).select_from(images.limit(MOST + 1).subquery())) or 0


def _without(conditions: tuple[Condition, ...], place: int) -> tuple[Condition, ...]:
    return conditions[:place] + conditions[place + 1 :]
