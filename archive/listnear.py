"""The newest letters for which conditions hold, looked for among the newest of all that may be read.

For conditions that many letters meet: of a sender with a hundred thousand the newest fifty are found in 10 ms, all of
them in a second.
"""

import math
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Select, select

from postbuch.archive.listcolumn import Scope
from postbuch.archive.listimages import one_of
from postbuch.archive.listorder import FEW_STREAMS
from postbuch.archive.schema import letter, letter_place
from postbuch.archive.users import ALL
from postbuch.archive.visible import readable_each

_LAST = 1 << 64
_BEFORE_ALL = (datetime.min, 0)


def near(
    conn: Connection, scope: Scope, images: Select[tuple[int]], others: Sequence[ColumnElement[bool]], limit: int,
    among: int,
) -> list[int]:
    """The newest `limit` letters within the rights with one of these images, for which the other conditions hold.

    Looked for among the newest `among`. Fewer where these have no more, or where that is not known.
    """
    conditions = [one_of(scope, images), *others]
    newest = [letter.c.sort_at.desc(), letter.c.id.desc()]
    if scope.rights == ALL or len(scope.rights) > FEW_STREAMS:
        since = conn.scalar(select(letter.c.sort_at).order_by(*newest).offset(among).limit(1))
        query = select(letter.c.id).where(readable_each(scope.rights), *conditions).order_by(*newest).limit(limit)
        return list(conn.scalars(query if since is None else query.where(letter.c.sort_at >= since)))
    share = 1 / max(len(scope.rights), 1)
    # What each account has is known down to its last row; of equal ones each has its share of a page, and some more.
    most = limit if share == 1 else math.ceil(1.25 * limit * share) + 5
    found: set[tuple[datetime, int]] = set()
    known_since = _BEFORE_ALL
    for account_id in scope.rights:
        rows, since = _newest_of(conn, account_id, conditions, most, math.ceil(among * share))
        found |= rows
        known_since = max(known_since, since)
    return [place[1] for place in sorted(found, reverse=True) if place >= known_since][:limit]


def _newest_of(
    conn: Connection, account_id: int, conditions: Sequence[ColumnElement[bool]], limit: int, among: int
) -> tuple[set[tuple[datetime, int]], tuple[datetime, int]]:
    """(arrival, number) of letters of an account, and the one down to which these are all."""
    place = letter_place.alias()
    mine = select(place.c.sort_at, place.c.letter_id).with_hint(place, "FORCE INDEX (letter_place_newest)")
    mine = mine.where(place.c.account_id == account_id).order_by(place.c.sort_at.desc(), place.c.letter_id.desc())
    oldest = conn.scalar(mine.with_only_columns(place.c.sort_at).offset(among).limit(1))
    query = mine.join(letter, letter.c.id == place.c.letter_id).prefix_with("STRAIGHT_JOIN").where(*conditions)
    query = query.group_by(place.c.sort_at, place.c.letter_id)  # it may stand in two mailboxes
    if oldest is not None:
        query = query.where(place.c.sort_at > oldest)
    rows = [(row.sort_at, row.letter_id) for row in conn.execute(query.limit(limit))]
    if len(rows) == limit:
        return set(rows), rows[-1]
    return set(rows), _BEFORE_ALL if oldest is None else (oldest, _LAST)
