"""A page sorted by sender of what some accounts saw, from the index of each of them (`seen_sender`).

An index of all senders would lead through thousands of images that only colleagues saw before the first page is full.
"""

from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Select, select, union

from postbuch.archive.filterform import Filter
from postbuch.archive.listcolumn import Place, Scope
from postbuch.archive.listorder import MAX_STREAMS
from postbuch.archive.schema import letter_image, letter_place, seen_sender
from postbuch.archive.users import ALL
from postbuch.archive.visible import first_seen

# So many images are looked at, with 10 µs each: some are not those that are shown of their letters, and some letters
# do not lie in the mailbox. Of more the page is looked for in the general way.
LOOKED_AT = (200, 2_000, 20_000)


def page(conn: Connection, scope: Scope, wanted: Filter, place: Place) -> list[int] | None:
    """The numbers of the letters; None when these images do not tell the page. `wanted` is sorted by sender alone."""
    if scope.rights == ALL or not 0 < len(scope.rights) <= MAX_STREAMS:
        return None
    end = place.offset + place.limit
    for most in LOOKED_AT:
        if most < end:
            continue
        rows = conn.execute(_images(scope.rights, wanted, most)).all()
        letters = [row.letter_id for row in rows if row.meant]
        if len(letters) >= end or len(rows) < most:
            return letters[place.offset : end]
    return None


def _images(accounts: frozenset[int], wanted: Filter, most: int) -> Select[Any]:
    """The first images in the order of the list, their letters, and whether they are what the list has of these."""
    streams = [_stream(account_id, wanted, most).subquery() for account_id in sorted(accounts)]
    every = union(*(select(each) for each in streams)).subquery()
    first = _ordered(select(every), every, wanted).limit(most).subquery("first_ones")
    mine = letter_image.alias()
    meant = mine.c.image_id == first_seen(mine.c.letter_id, accounts).correlate(mine).scalar_subquery()
    if (wanted.account, wanted.mailbox) != (None, None):
        meant &= _lies(mine.c.letter_id, accounts, wanted)
    joined = first.join(mine, mine.c.image_id == first.c.image_id)
    query = select(mine.c.letter_id, meant.label("meant")).select_from(joined).prefix_with("STRAIGHT_JOIN")
    return _ordered(query, first, wanted)


def _lies(number: Column[int], accounts: frozenset[int], wanted: Filter) -> ColumnElement[bool]:
    """Whether a letter lies in the account and the mailbox."""
    there = select(letter_place.c.letter_id).where(
        letter_place.c.letter_id == number, letter_place.c.account_id.in_(accounts)
    )
    if wanted.account is not None:
        there = there.where(letter_place.c.account_id == wanted.account)
    if wanted.mailbox is not None:
        there = there.where(letter_place.c.mailbox_id == wanted.mailbox)
    return there.correlate(number.table).limit(1).scalar_subquery().is_not(None)


def _stream(account_id: int, wanted: Filter, most: int) -> Select[Any]:
    query = select(seen_sender.c.from_start, seen_sender.c.image_id).where(seen_sender.c.account_id == account_id)
    return _ordered(query, seen_sender, wanted).limit(most)


def _ordered(query: Select[Any], of: Any, wanted: Filter) -> Select[Any]:
    by = (of.c.from_start, of.c.image_id)
    return query.order_by(*(each.desc() if wanted.order[0].descending else each for each in by))
