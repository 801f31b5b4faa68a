"""Which letters stand on a page of the list: read in the order of an index, so that depth and size cost nothing.

Every stream of letters that one index holds in order (an account, or one mailbox of it) gives its newest few; the
newest of these are the page. Rights are the choice of streams.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, select, tuple_, union

from postbuch.archive.marks import is_read
from postbuch.archive.schema import account, letter, letter_place, letter_topic, mailbox
from postbuch.archive.users import ALL, Rights

# More streams than this are read together by walking along all letters; some index reads each would cost more.
MAX_STREAMS = 64
# Of more streams than these a page is first looked for among so many of all letters: 5 µs each, where the reading of
# 50 streams takes 100 ms. What is rarer than one in 40 of them is read from the streams.
FEW_STREAMS = 8
NEAR = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """A place between two letters of a list: `before` means older than it."""

    sort_at: datetime
    letter_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """The row next to a page: the last one before it or, where the page is `ahead` of it, the first one behind."""

    key: int
    ahead: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What is listed: all that the rights allow, an account, a mailbox (0: submissions), perhaps only what is unread.

    Older than `before`, or newer than `after`; by whom it is read says `user_id`. With `among` only letters that were
    seen in one of these mailboxes, with `read` only what is read, with `heads` only the newest letter of each topic.
    """

    accounts: Rights
    user_id: int = 0
    account_id: int | None = None
    mailbox_id: int | None = None
    unread: bool = False
    before: Cursor | None = None
    after: Cursor | None = None
    read: bool = False
    among: frozenset[int] | None = None
    heads: bool = False


def cursors(conn: Connection, wanted: Selection, limit: int, offset: int = 0) -> list[Cursor]:
    """At most `limit` letters behind the first `offset`: newest first, or with `after` oldest first."""
    end = limit + offset
    whole = wanted.accounts == ALL and wanted.account_id is None and wanted.mailbox_id is None and wanted.among is None
    streams = None if whole else accounts_of(conn, wanted)
    if streams == []:
        return []
    if streams is not None and len(streams) > FEW_STREAMS and end < NEAR:
        found = _page(conn, _near(streams, wanted), limit, offset)
        if len(found) == limit:
            return found
    if streams is None or len(streams) > MAX_STREAMS:
        number = letter.c.id
        query: Select[Any] = select(letter.c.sort_at, number)
        query = query.where(*_conditions(number, wanted), *_place(letter.c.sort_at, number, wanted))
        if streams is not None:
            query = query.where(_is_among(number, streams, wanted))
        query = _ordered(query, letter.c.sort_at, number, wanted).limit(end)
    else:
        parts = [_stream(number, wanted, end).subquery() for number in streams]
        if len(parts) == 1:
            query = select(parts[0])
        else:
            both = union(*(select(part) for part in parts)).subquery()
            query = _ordered(select(both), both.c.sort_at, both.c.letter_id, wanted).limit(end)
    return _page(conn, query, limit, offset)


def _page(conn: Connection, query: Select[Any], limit: int, offset: int) -> list[Cursor]:
    return [Cursor(sort_at=row[0], letter_id=row[1]) for row in conn.execute(query.offset(offset).limit(limit))]


def _near(streams: list[int], wanted: Selection) -> Select[Any]:
    """Those of the next few of all letters, whatever accounts they lie in: enough where many of them are meant."""
    number = letter.c.id
    next_ones = select(letter.c.sort_at, number).where(*_place(letter.c.sort_at, number, wanted))
    near = _ordered(next_ones, letter.c.sort_at, number, wanted).limit(NEAR).subquery("near")
    chosen = select(near).where(*_conditions(near.c.id, wanted), _is_among(near.c.id, streams, wanted))
    return _ordered(chosen, near.c.sort_at, near.c.id, wanted)


def accounts_of(conn: Connection, wanted: Selection) -> list[int]:
    """The accounts that hold what is listed."""
    if wanted.accounts != ALL and not wanted.mailbox_id:
        return sorted(wanted.accounts if wanted.account_id is None else wanted.accounts & {wanted.account_id})
    query = select(account.c.id)
    if wanted.account_id is not None:
        query = query.where(account.c.id == wanted.account_id)
    if wanted.mailbox_id:
        owner = select(mailbox.c.account_id).where(mailbox.c.id == wanted.mailbox_id)
        query = query.where(account.c.id.in_(owner))
    if wanted.accounts != ALL:
        query = query.where(account.c.id.in_(wanted.accounts))
    return list(conn.scalars(query))


def _stream(account_id: int, wanted: Selection, limit: int) -> Select[Any]:
    place = letter_place.alias()
    query = select(place.c.sort_at, place.c.letter_id).where(place.c.account_id == account_id)
    if wanted.among is not None:
        query = query.where(place.c.mailbox_id.in_(sorted(wanted.among)))
    if wanted.mailbox_id is None:
        index = "letter_place_newest"
        query = query.group_by(place.c.sort_at, place.c.letter_id)  # a letter in two mailboxes stands there twice
    else:
        index = "letter_place_mailbox"
        query = query.where(place.c.mailbox_id == wanted.mailbox_id)
    # Left to itself MariaDB reads up to half of a mailbox before it comes to the place of a page.
    query = query.with_hint(place, f"FORCE INDEX ({index})")
    number = place.c.letter_id
    query = query.where(*_conditions(number, wanted), *_place(place.c.sort_at, number, wanted))
    return _ordered(query, place.c.sort_at, number, wanted).limit(limit)


def _conditions(number: Any, wanted: Selection) -> list[ColumnElement[bool]]:
    """What is looked up for each letter."""
    found = []
    if wanted.unread:
        found.append(~is_read(number, wanted.user_id, wanted.accounts))
    if wanted.read:
        found.append(is_read(number, wanted.user_id, wanted.accounts))
    if wanted.heads:
        found.append(is_head(number, wanted.accounts, wanted.account_id, wanted.mailbox_id))
    return found


def _place(sort_at: Any, number: Any, wanted: Selection) -> list[ColumnElement[bool]]:
    """Behind the neighbour. It is said twice: for a row comparison MariaDB does not use the index."""
    found: list[ColumnElement[bool]] = []
    if wanted.after is not None:
        place = (wanted.after.sort_at, wanted.after.letter_id)
        found += [sort_at >= place[0], tuple_(sort_at, number) > place]
    if wanted.before is not None:
        place = (wanted.before.sort_at, wanted.before.letter_id)
        found += [sort_at <= place[0], tuple_(sort_at, number) < place]
    return found


def _ordered(query: Select[Any], sort_at: Any, number: Any, wanted: Selection) -> Select[Any]:
    if wanted.after is not None:
        return query.order_by(sort_at, number)
    return query.order_by(sort_at.desc(), number.desc())


def _is_among(number: Any, streams: list[int], wanted: Selection) -> ColumnElement[bool]:
    """A scalar subquery, not EXISTS: that would become a join which sorts everything."""
    place = letter_place.alias()
    found = select(place.c.letter_id).where(place.c.letter_id == number, place.c.account_id.in_(streams))
    if wanted.mailbox_id is not None:
        found = found.where(place.c.mailbox_id == wanted.mailbox_id)
    if wanted.among is not None:
        found = found.where(place.c.mailbox_id.in_(sorted(wanted.among)))
    return found.limit(1).scalar_subquery().is_not(None)


def is_head(
    number: Any, accounts: Rights, account_id: int | None = None, mailbox_id: int | None = None
) -> ColumnElement[bool]:
    """Whether a letter is the newest of its topic within the rights, the account and the mailbox.

    One without a topic yet is its own.
    """
    own, other, place = letter_topic.alias(), letter_topic.alias(), letter_place.alias()
    newer = (
        select(other.c.letter_id)
        .join(own, own.c.topic_id == other.c.topic_id)
        .where(
            own.c.letter_id == number, other.c.sort_at >= own.c.sort_at,
            tuple_(other.c.sort_at, other.c.letter_id) > tuple_(own.c.sort_at, own.c.letter_id),
        )
    )
    mine = select(place.c.letter_id).where(place.c.letter_id == other.c.letter_id)
    if accounts != ALL:
        mine = mine.where(place.c.account_id.in_(accounts))
    if account_id is not None:
        mine = mine.where(place.c.account_id == account_id)
    if mailbox_id is not None:
        mine = mine.where(place.c.mailbox_id == mailbox_id)
    if (accounts, account_id, mailbox_id) != (ALL, None, None):
        newer = newer.where(mine.limit(1).scalar_subquery().is_not(None))
    return newer.limit(1).scalar_subquery().is_(None)
