"""A page of the list of letters sorted by sender, subject or size, read in the order of an index as long as that pays.

The index is walked image by image; of each is looked up whether it is the one that is shown of a letter in the list,
until the page is full. Who may read one letter in a hundred walks past ninety-nine others for each. By sender he also
walks past all that his colleagues sent before he comes to his own: there the images that he saw are gathered first,
and passing one that is not among them takes a seventh of the time. A walk is begun only where it should be shorter than
sorting all letters of the list, and is given up where it turns out not to be: at worst a page takes twice as long as
by sorting.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Connection, Select, Table, func, literal, select, text

from postbuch.archive import listsender
from postbuch.archive.filterform import Filter
from postbuch.archive.listcolumn import Place, Scope
from postbuch.archive.listorder import Selection, accounts_of
from postbuch.archive.schema import header_summary, image, letter, letter_image, letter_place, sighting
from postbuch.archive.users import ALL
from postbuch.archive.visible import first_seen

# Rows that the server reads for each image that it walks past: the index, and two tables in which it looks up.
EXAMINED = 3
# So many rows of a walk take as long as sorting does for each letter of the list. Measured with 100,000 letters: 0.75
# to 1.3 µs a row; 7 µs a letter of one account for who reads all, 18 µs where the image that he saw is looked up.
WORTH_OF_ALL = 4
WORTH_OF_SOME = 10
# How far the letters of a list are counted, as a multiple of those that make the walk pay: what is counted more lets
# the walk go on longer where luck is bad. For the first page of a million letters that is up to 25,000, in 13 ms.
SLACK = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """An index of (what is sorted by, number of the image)."""

    table: Table
    start: Column[Any]
    image_id: Column[Any]
    index: str


WALKS: Mapping[str, Walk] = {
    "from": Walk(table=header_summary, start=header_summary.c.from_start, image_id=header_summary.c.image_id,
                 index="header_summary_from"),
    "subject": Walk(table=header_summary, start=header_summary.c.subject_start, image_id=header_summary.c.image_id,
                    index="header_summary_subject"),
    "size": Walk(table=image, start=image.c.size_octets, image_id=image.c.id, index="image_size"),
}  # fmt: skip


def page(conn: Connection, scope: Scope, wanted: Filter, place: Place) -> list[int] | None:
    """The numbers of the letters, or None when the list is to be sorted. `wanted` is plain and in the view's names."""
    if len(wanted.order) != 1 or wanted.tab not in ("", "all") or scope.rights == frozenset():
        return None
    order = wanted.order[0]
    walk = WALKS.get(order.field)
    if walk is None:
        return None
    if order.field == "from":
        numbers = listsender.page(conn, scope, wanted, place)
        if numbers is not None:
            return numbers
    if not _is_whole(scope, wanted) and not getattr(conn.dialect, "is_mariadb", False):
        return None  # MySQL knows no end of a walk
    query, by = _query(walk, scope, wanted), (walk.start, walk.image_id)
    query = query.order_by(*(each.desc() if wanted.order[0].descending else each for each in by))
    query = query.limit(place.limit).offset(place.offset)
    if not _is_whole(scope, wanted):
        most = _most(conn, scope, wanted, place)
        if most is None:
            return None
        query = query.suffix_with(text("ROWS EXAMINED :most").bindparams(most=most))
    with conn.execute(query) as found:
        driver: Any = found.cursor
        numbers = [row[0] for row in found]
        # A warning says that the walk was given up: then rows are missing, and the last may be wrong.
        return None if driver.warning_count else numbers


def _is_whole(scope: Scope, wanted: Filter) -> bool:
    """Whether all letters are listed: then no walk is longer than the list."""
    return scope.rights == ALL and wanted.account is None and wanted.mailbox is None


def _query(walk: Walk, scope: Scope, wanted: Filter) -> Select[Any]:
    """The letters by their shown images, in no order yet. All joins from the index on, none begun elsewhere."""
    if _is_whole(scope, wanted):
        joined = walk.table.join(letter, letter.c.first_image_id == walk.image_id)
        query = select(letter.c.id).select_from(joined)
        return _from_index_on(query, walk).with_hint(letter, "FORCE INDEX (first_image_id)")
    seen, mine, there = sighting.alias(), letter_image.alias(), letter_place.alias()
    number = letter.c.id if scope.rights == ALL else mine.c.letter_id
    if scope.rights == ALL:
        joined = walk.table.join(letter, letter.c.first_image_id == walk.image_id)
    else:
        # What nobody of these saw is left out first: that is one look into an index, and most images go there.
        joined = walk.table.join(seen, seen.c.image_id == walk.image_id).join(mine, mine.c.image_id == walk.image_id)
    joined = joined.join(there, there.c.letter_id == number)
    # An image was seen several times, and a letter lies in several mailboxes: each is one row of the group.
    query = select(func.min(number)).select_from(joined).group_by(walk.start, walk.image_id)
    if scope.rights == ALL:
        query = query.with_hint(letter, "FORCE INDEX (first_image_id)")
    else:
        shown = first_seen(mine.c.letter_id, scope.rights).correlate(mine).scalar_subquery()
        query = query.where(walk.image_id == shown, there.c.account_id.in_(scope.rights))
        query = query.with_hint(mine, "FORCE INDEX (PRIMARY)")
        query = query.where(seen.c.account_id.in_(scope.rights)).with_hint(seen, "FORCE INDEX (sighting_image)")
    if wanted.account is not None:
        query = query.where(there.c.account_id == wanted.account)
    if wanted.mailbox is not None:
        query = query.where(there.c.mailbox_id == wanted.mailbox)
    return _from_index_on(query, walk).with_hint(there, "FORCE INDEX (PRIMARY)")


def _from_index_on(query: Select[Any], walk: Walk) -> Select[Any]:
    return query.prefix_with("STRAIGHT_JOIN").with_hint(walk.table, f"FORCE INDEX ({walk.index})")


def _most(conn: Connection, scope: Scope, wanted: Filter, place: Place) -> int | None:
    """How many rows a walk may read; None when it is not worth beginning.

    Of N letters n are listed: by chance, a walk to the end of the page passes (limit + offset) * N / n images.
    """
    worth = WORTH_OF_ALL if scope.rights == ALL else WORTH_OF_SOME
    passed = EXAMINED * (place.limit + place.offset) * (conn.scalar(select(func.max(letter.c.id))) or 0)
    enough = math.isqrt(passed // worth) + 1
    listed = _listed(conn, scope, wanted, SLACK * enough)
    return worth * listed if listed >= enough else None


def _listed(conn: Connection, scope: Scope, wanted: Filter, most: int) -> int:
    """How many letters the list has, counted no further than `most`; one in two mailboxes counts twice."""
    selection = Selection(accounts=scope.rights, account_id=wanted.account, mailbox_id=wanted.mailbox)
    found = select(literal(1)).where(letter_place.c.account_id.in_(accounts_of(conn, selection)))
    index = "letter_place_newest"
    if wanted.mailbox is not None:
        index = "letter_place_mailbox"
        found = found.where(letter_place.c.mailbox_id == wanted.mailbox)
    found = found.with_hint(letter_place, f"FORCE INDEX ({index})").limit(most)
    return conn.scalar(select(func.count()).select_from(found.subquery())) or 0
