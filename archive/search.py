"""Search: words are looked up in the index, the rest in SQL; rights are part of the query, never a filter after.

While there is no index, as at the first start, SQL answers words too: it reads the texts themselves, which takes
seconds for a million letters, and knows no stems. A result says which of the two it came from.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Connection,
    and_,
    exists,
    false,
    func,
    literal_column,
    not_,
    or_,
    select,
    true,
)

from postbuch.archive import audit, index_query, index_reader, query
from postbuch.archive.index_reader import Look
from postbuch.archive.query import Group, Node, Not, Word
from postbuch.archive.schema import (
    account,
    header_summary,
    image,
    letter,
    letter_image,
    letter_place,
    mailbox,
    sighting,
)
from postbuch.archive.search_sql import Conditions, named
from postbuch.archive.users import ALL, Rights


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
    """How many letters match, exactly, and the asked-for rows (interface.md: `search`), newest first.

    `indexed`: words were looked up in the index. It then lacked `lag` letters that the searcher may read.
    `unindexed`: they would have been, if there were one.
    """

    total: int
    rows: list[dict[str, Any]]
    indexed: bool = False
    unindexed: bool = False
    lag: int = 0


def search(
    conn: Connection, text: str, accounts: Rights, *, limit: int = 50, offset: int = 0, user_id: int | None = None
) -> SearchResult:
    """Find letters within the rights. `user_id` is whose read marks `is:unread` means. Raises UsageError."""
    tree = query.parse(audit.storable(text))
    wanted = asks_index(tree)
    look = index_reader.of(conn) if wanted else None
    if look is None:
        found = _in_sql(conn, matching(text, accounts, user_id, conn), accounts, limit, offset)
        return replace(found, unindexed=wanted)
    lag = lag_of(conn, look, accounts)
    answer = _newest(conn, look, tree, accounts, limit, offset)
    if answer is None:
        found = _in_sql(conn, matching(text, accounts, user_id, conn), accounts, limit, offset)
        return replace(found, indexed=True, lag=lag)
    return SearchResult(total=answer[0], rows=rows(conn, answer[1], accounts), indexed=True, lag=lag)


def newest(
    conn: Connection, text: str, accounts: Rights, *, limit: int, offset: int = 0
) -> tuple[int, list[int]] | None:
    """How many letters match and the numbers of some, newest first, by the index alone; None where SQL is needed.

    Raises UsageError.
    """
    tree = query.parse(audit.storable(text))
    look = index_reader.of(conn) if asks_index(tree) else None
    return None if look is None else _newest(conn, look, tree, accounts, limit, offset)


def standing(conn: Connection, text: str, accounts: Rights) -> tuple[bool, int]:
    """Whether the words would be looked up in an index that is not there, and how many letters an index lacks.

    Raises UsageError.
    """
    if not asks_index(query.parse(audit.storable(text))):
        return False, 0
    look = index_reader.of(conn)
    return look is None, 0 if look is None else lag_of(conn, look, accounts)


def _newest(
    conn: Connection, look: Look, tree: Node, accounts: Rights, limit: int, offset: int
) -> tuple[int, list[int]] | None:
    kept = index_query.without_empty(tree)
    if kept is None:
        return 0, []
    if not index_query.knows(kept):
        return None
    return look.newest(indexed(look, kept, accounts, places(conn, accounts)), limit, offset)


def _in_sql(
    conn: Connection, condition: ColumnElement[bool], accounts: Rights, limit: int, offset: int
) -> SearchResult:
    # The total beside each row: the letters are looked for once.
    found = conn.execute(
        select(letter.c.id, func.count().over()).where(condition)
        .order_by(letter.c.sort_at.desc(), letter.c.id.desc()).limit(limit).offset(offset)
    ).all()
    if found:
        total = found[0][1]
    else:  # an offset behind the last one
        total = (offset and conn.scalar(select(func.count()).select_from(letter).where(condition))) or 0
    return SearchResult(total=total, rows=rows(conn, [row.id for row in found], accounts))


def asks_index(node: Node) -> bool:
    """Whether there is anything in a tree that the index answers better than SQL."""
    match node:
        case Word():
            return index_query.knows(node)
        case Not():
            return asks_index(node.node)
        case Group():
            return any(asks_index(each) for each in node.nodes)


def indexed(look: Look, node: Node, accounts: Rights, found_places: Callable[[str, str], Sequence[int]]) -> Any:
    """The query of the index for a tree that it knows, within the rights."""
    searcher = index_query.Searcher(own=look.owning(accounts), places=found_places)
    return index_query.within_rights(index_query.of(node, searcher), accounts)


def places(conn: Connection, accounts: Rights) -> Callable[[str, str], Sequence[int]]:
    """(account or mailbox, text) → the numbers of those within the rights whose name holds the text."""

    def find(kind: str, text: str) -> Sequence[int]:
        table, owner, name = (
            (account, account.c.id, account.c.address) if kind == "account"
            else (mailbox, mailbox.c.account_id, mailbox.c.name)
        )  # fmt: skip
        found = select(table.c.id).where(named(name, text))
        return conn.scalars(found if accounts == ALL else found.where(owner.in_(accounts))).all()

    return find


def in_index(conn: Connection, text: str, accounts: Rights) -> tuple[Look, Any] | None:
    """The index and the query within the rights, for a search that it can answer alone. Raises UsageError."""
    tree = query.parse(audit.storable(text))
    look = index_reader.of(conn) if asks_index(tree) else None
    kept = index_query.without_empty(tree)
    if look is None or kept is None or not index_query.knows(kept):
        return None
    return look, indexed(look, kept, accounts, places(conn, accounts))


def lag_of(conn: Connection, look: Look, accounts: Rights) -> int:
    """How many letters within the rights have come since the index was written."""
    newer = select(func.count()).select_from(letter).where(letter.c.id > look.mark.highest, _is_readable(accounts))
    return int(conn.scalar(newer) or 0)


def matching(
    text: str, accounts: Rights, user_id: int | None, conn: Connection | None = None, *, whole: bool = False
) -> ColumnElement[bool]:
    """The condition on `letter` that a search is. Raises UsageError.

    Words are looked up in the index now, when there is one: that of the connection, else the only one that this
    process reads. The condition then holds the numbers of what was found. `whole`: with letters that are not in the
    index yet, for which SQL reads the texts; for exports, which must lack nothing.
    """
    tree = query.parse(audit.storable(text))
    look = None
    if asks_index(tree):
        look = index_reader.only() if conn is None else index_reader.of(conn)
    if look is None:
        allowed = _is_readable(accounts) if _is_narrow(tree) else readable(accounts)
        return and_(allowed, Conditions(accounts, user_id).of(tree))
    kept = index_query.without_empty(tree)
    if kept is None:
        return false()
    found = IndexedConditions(accounts, user_id, look, conn).of(kept)
    if whole and conn is not None and lag_of(conn, look, accounts):
        found = or_(found, and_(letter.c.id > look.mark.highest, Conditions(accounts, user_id).of(kept)))
    return and_(_is_readable(accounts), found)


class IndexedConditions(Conditions):
    """What the index knows is a list of letters; the rest are conditions in SQL."""

    def __init__(self, accounts: Rights, user_id: int | None, look: Look, conn: Connection | None) -> None:
        super().__init__(accounts, user_id)
        self._look = look
        self._conn = conn

    def of(self, node: Node) -> ColumnElement[bool]:
        """The condition of a tree."""
        if isinstance(node, Not):
            # What the index has not seen yet is no more known to lack a word than to have it.
            other = not_(self.of(node.node))
            return and_(other, letter.c.id <= self._look.mark.highest) if asks_index(node.node) else other
        if index_query.knows(node) and not (self._conn is None and _names_places(node)):
            numbers = self._look.every(indexed(self._look, node, self._accounts, self._places()))
            if numbers is not None:
                return _among(numbers)
        return super().of(node)

    def _places(self) -> Callable[[str, str], Sequence[int]]:
        return (lambda kind, text: ()) if self._conn is None else places(self._conn, self._accounts)


def _names_places(node: Node) -> bool:
    match node:
        case Word():
            return node.field in index_query.PLACES
        case Not():
            return _names_places(node.node)
        case Group():
            return any(_names_places(each) for each in node.nodes)


def _among(numbers: Sequence[int]) -> ColumnElement[bool]:
    """Bound parameters would cost 2 µs each, and there may be a million."""
    if not numbers:
        return false()
    return literal_column(f"letter.id IN ({','.join(map(str, numbers))})", Boolean)


def _is_narrow(node: Node) -> bool:
    """Whether a tree is about few letters, those with a word: then rights are best looked up for each."""
    match node:
        case Word():
            return node.field not in (*query.FLAG_FIELDS, *query.DATE_FIELDS, *query.SIZE_FIELDS)
        case Not():
            return False
        case Group():
            return (any if node.kind == "and" else all)(_is_narrow(each) for each in node.nodes)


def readable(accounts: Rights) -> ColumnElement[bool]:
    """The condition on `letter` that holds what the rights allow."""
    if accounts == ALL:
        return true()
    if not accounts:
        return false()
    return exists().where(letter_place.c.letter_id == letter.c.id, letter_place.c.account_id.in_(accounts))


def _is_readable(accounts: Rights) -> ColumnElement[bool]:
    """`readable` by a scalar subquery, which is evaluated for the letters that the other conditions leave."""
    if accounts == ALL or not accounts:
        return readable(accounts)
    place = select(letter_place.c.letter_id).where(
        letter_place.c.letter_id == letter.c.id, letter_place.c.account_id.in_(accounts)
    )
    return place.limit(1).scalar_subquery().is_not(None)


def visible_images(letter_id: Any, accounts: Rights) -> Any:
    """The images of a letter that were seen in an account within the rights: a colleague's copy may hold his Bcc."""
    found = select(letter_image.c.image_id).where(letter_image.c.letter_id == letter_id)
    if accounts == ALL:
        return found
    seen = exists().where(sighting.c.image_id == letter_image.c.image_id, sighting.c.account_id.in_(accounts))
    return found.where(seen)


def rows(conn: Connection, ids: list[int], accounts: Rights) -> list[dict[str, Any]]:
    """The rows of interface.md's `search` for these letters, in this order."""
    if not ids:
        return []
    shown = _shown_images(conn, ids, accounts)
    head = (
        select(
            image.c.id.label("image_id"), image.c.sha256, image.c.archived_at, header_summary.c.message_id,
            header_summary.c.subject, header_summary.c.from_display, header_summary.c.to_display,
            header_summary.c.date_header, header_summary.c.attachment_count, header_summary.c.preview,
        )
        .join(header_summary, header_summary.c.image_id == image.c.id)
        .where(image.c.id.in_(shown.values()))
    )
    summaries = {row.image_id: row for row in conn.execute(head)}
    found = {number: summaries[image_id] for number, image_id in shown.items() if image_id in summaries}
    arrivals = select(letter.c.id, letter.c.sort_at).where(letter.c.id.in_(ids))
    arrived = {row.id: row.sort_at for row in conn.execute(arrivals)}
    accounts_of: dict[int, list[str]] = {}
    mailboxes_of: dict[int, list[str]] = {}
    place = (
        select(letter_place.c.letter_id, account.c.address, mailbox.c.name)
        .join(account, account.c.id == letter_place.c.account_id)
        .join(mailbox, mailbox.c.id == letter_place.c.mailbox_id, isouter=True)
        .where(letter_place.c.letter_id.in_(ids))
        .order_by(account.c.address, mailbox.c.name)
    )
    if accounts != ALL:
        place = place.where(letter_place.c.account_id.in_(accounts))
    for row in conn.execute(place):
        for known, name in ((accounts_of, row.address), (mailboxes_of, row.name)):
            names = known.setdefault(row.letter_id, [])
            if name is not None and name not in names:
                names.append(name)
    return [
        {
            "id": number,
            "sha256": found[number].sha256.hex(),
            "message_id": found[number].message_id,
            "subject": found[number].subject,
            "from": found[number].from_display,
            "to": found[number].to_display,
            "date": (found[number].date_header or arrived[number]).isoformat() + "Z",
            "archived_at": found[number].archived_at.isoformat() + "Z",
            "accounts": accounts_of.get(number, []),
            "mailboxes": mailboxes_of.get(number, []),
            "has_attachments": found[number].attachment_count > 0,
            "preview": found[number].preview,
            "arrived_at": arrived[number].isoformat() + "Z",
        }
        for number in ids
        if number in found
    ]


def _shown_images(conn: Connection, ids: list[int], accounts: Rights) -> dict[int, int]:
    """Letter → its first image within the rights."""
    if accounts == ALL:
        first = select(letter.c.id, letter.c.first_image_id).where(letter.c.id.in_(ids))
        return {row[0]: row[1] for row in conn.execute(first)}
    seen = (
        select(letter_image.c.letter_id, func.min(letter_image.c.image_id))
        .join(sighting, sighting.c.image_id == letter_image.c.image_id)
        .where(letter_image.c.letter_id.in_(ids), sighting.c.account_id.in_(accounts))
        .group_by(letter_image.c.letter_id)
    )
    return {row[0]: row[1] for row in conn.execute(seen)}
