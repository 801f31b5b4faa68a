"""Which condition leads: of a list of letters with conditions, the one that an index tells the fewest images of.

The list is then made from these images; left to itself the server may go through all letters instead, 9 s of a million
for the letters of a sender with 8,000.
"""

from dataclasses import dataclass, replace

from sqlalchemy import Connection, Select, func, select

from postbuch.archive.filterform import Condition, Filter, base_op
from postbuch.archive.listcolumn import View, read_test
from postbuch.archive.users import ALL, Rights

# Letters that are made from images and sorted: 8 µs each. Of more the newest are looked for among so many newest of all
# that may be read: 6 µs each for who reads all accounts, twice that with rights to look up. When an address wrote none
# of these, it takes the long way as well.
MOST = 5_000
MOST_OF_SOME = 15_000
NEAR = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """The images, the filter without the condition, and whether they are too many to be sorted."""

    images: Select[tuple[int]]
    rest: Filter
    is_wide: bool


def find(conn: Connection, view: View, wanted: Filter, rights: Rights) -> Lead | None:
    """The condition that leads, of a resolved filter; None when no index tells its images."""
    if wanted.criteria == "or" and len({each.field for each in wanted.conditions}) > 1:
        return None
    found: list[tuple[Select[tuple[int]], Filter]] = []
    for place, each in enumerate(wanted.conditions):
        # Two conditions on one field are alternatives.
        alone = sum(other.field == each.field for other in wanted.conditions) == 1
        images = _images(conn, view, each) if alone else None
        if images is not None:
            found.append((images, replace(wanted, conditions=_without(wanted.conditions, place))))
    for place, each in enumerate(wanted.within):
        images = _images(conn, view, each)
        if images is not None:
            found.append((images, replace(wanted, within=_without(wanted.within, place))))
    most = MOST if rights == ALL else MOST_OF_SOME
    sizes = [_size(conn, images, most) for images, _ in found]
    if not sizes:
        return None
    images, rest = found[sizes.index(min(sizes))]
    return Lead(images=images, rest=rest, is_wide=min(sizes) > most)


def _images(conn: Connection, view: View, each: Condition) -> "Select[tuple[int]] | None":
    column = view.column(each.field)
    base, negative = base_op(each.op)
    if column is None or column.images is None or negative:
        return None
    return column.images(conn, read_test(column.kind, base, each.value, each.second))


def _size(conn: Connection, images: "Select[tuple[int]]", most: int) -> int:
    """How many; no further than one more than `most`."""
    return conn.scalar(select(func.count()).select_from(images.limit(most + 1).subquery())) or 0


def _without(conditions: tuple[Condition, ...], place: int) -> tuple[Condition, ...]:
    return conditions[:place] + conditions[place + 1 :]
