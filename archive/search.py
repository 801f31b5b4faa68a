"""Search: words are looked up in the index, the rest in SQL; rights are part of the query, never a filter after.

While there is no index, as at the first start, SQL answers words too: it reads the texts themselves, which takes
seconds for a million letters, and knows no stems. A result says which of the two it came from.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, ColumnElement, Connection, and_, false, func, literal_column, not_, or_, select

from postbuch.archive import audit, index_joins, index_query, index_reader, listletters, query
from postbuch.archive.index_reader import Look
from postbuch.archive.listcolumn import Scope
from postbuch.archive.query import Group, Node, Not, Word
from postbuch.archive.schema import account, letter, mailbox
from postbuch.archive.search_sql import Conditions, mailbox_named, named
from postbuch.archive.users import ALL, Rights
from postbuch.archive.visible import readable, readable_each

_COLUMNS = (
    "sha256", "message_id", "subject", "from", "to", "written", "date", "archived_at", "account", "mailbox",
    "attachments", "preview",
)


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
    asked = asks_index(query.parse(audit.storable(text)))
    unindexed, lag = standing(conn, text, accounts)
    answer = newest(conn, text, accounts, limit=limit, offset=offset)
    if answer is None:
        total, ids = _in_sql(conn, matching(conn, text, accounts, user_id), limit, offset)
    else:
        total, ids = answer
    return SearchResult(
        total=total, rows=rows(conn, ids, accounts), indexed=asked and not unindexed, unindexed=unindexed, lag=lag
    )


def newest(
    conn: Connection, text: str, accounts: Rights, *, limit: int, offset: int = 0
) -> tuple[int, list[int]] | None:
    """How many letters match and the numbers of some, newest first, by the index alone; None where SQL is needed.

    Raises UsageError.
    """
    asked = in_index(conn, text, accounts)
    if asked is None:
        return None
    look, made = asked
    return look.newest(made, limit, offset, terms_of(look, query.parse(audit.storable(text)), accounts))


def standing(conn: Connection, text: str, accounts: Rights) -> tuple[bool, int]:
    """Whether the words would be looked up in an index that is not there, and how many letters an index lacks.

    Raises UsageError.
    """
    if not asks_index(query.parse(audit.storable(text))):
        return False, 0
    look = index_reader.of(conn)
    return look is None, 0 if look is None else lag_of(conn, look, accounts)


def _in_sql(conn: Connection, condition: ColumnElement[bool], limit: int, offset: int) -> tuple[int, list[int]]:
    # The total beside each row: the letters are looked for once.
    found = conn.execute(
        select(letter.c.id, func.count().over()).where(condition)
        .order_by(letter.c.sort_at.desc(), letter.c.id.desc()).limit(limit).offset(offset)
    ).all()
    if found:
        total = found[0][1]
    else:  # an offset behind the last one
        total = (offset and conn.scalar(select(func.count()).select_from(letter).where(condition))) or 0
    return total, [row.id for row in found]


def asks_index(node: Node) -> bool:
    """Whether there is anything in a tree that the index answers better than SQL."""
    match node:
        case Word():
            return index_query.knows(node)
        case Not():
            return asks_index(node.node)
        case Group():
            return any(asks_index(each) for each in node.nodes)


def indexed(look: Look, node: Node, accounts: Rights, found_places: Callable[[Word], Sequence[int]]) -> Any:
    """The query of the index for a tree that it knows, within the rights."""
    searcher = index_query.Searcher(own=look.owning(accounts), places=found_places)
    return index_query.within_rights(index_query.of(node, searcher), accounts)


def _widened(look: Look, node: Node, accounts: Rights) -> Node:
    searcher = index_query.Searcher(own=look.owning(accounts), places=lambda _: ())
    return index_joins.widened(node, lambda word: look.count(index_query.of(word, searcher)) > 0)


def terms_of(look: Look, node: Node, accounts: Rights) -> list[tuple[str, str]]:
    """What `Look.count_any` takes, for a tree and the rights; nothing where these narrow it."""
    kept = index_query.without_empty(node)
    if accounts != ALL or kept is None:
        return []
    return index_query.terms(kept, index_query.Searcher(own=look.owning(accounts), places=lambda _: ()))


def places(conn: Connection, accounts: Rights) -> Callable[[Word], Sequence[int]]:
    """A word of account: or mailbox: → the numbers of those within the rights that it means."""

    def find(word: Word) -> Sequence[int]:
        table, owner, condition = (
            (account, account.c.id, named(account.c.address, word)) if word.field == "account"
            else (mailbox, mailbox.c.account_id, mailbox_named(word))
        )  # fmt: skip
        found = select(table.c.id).where(condition)
        return conn.scalars(found if accounts == ALL else found.where(owner.in_(accounts))).all()

    return find


def in_index(conn: Connection, text: str, accounts: Rights) -> tuple[Look, Any] | None:
    """The index and the query within the rights, for a search that it can answer alone. Raises UsageError."""
    return tree_in_index(conn, query.parse(audit.storable(text)), accounts)


def tree_in_index(conn: Connection, tree: Node, accounts: Rights) -> tuple[Look, Any] | None:
    """The same for a search that is a tree already."""
    look = index_reader.of(conn) if asks_index(tree) else None
    kept = index_query.without_empty(tree)
    if look is None or (kept is not None and not index_query.knows(kept)):
        return None
    return look, index_query.none() if kept is None else indexed(
        look, _widened(look, kept, accounts), accounts, places(conn, accounts)
    )


def lag_of(conn: Connection, look: Look, accounts: Rights) -> int:
    """How many letters within the rights have come since the index was written."""
    newer = select(func.count()).select_from(letter).where(letter.c.id > look.mark.highest, readable_each(accounts))
    return int(conn.scalar(newer) or 0)


def matching(
    conn: Connection, text: str, accounts: Rights, user_id: int | None, *, whole: bool = False
) -> ColumnElement[bool]:
    """The condition on `letter` that a search is. Raises UsageError.

    Words are looked up in the index now, when there is one; the condition then holds the numbers of what was found.
    `whole`: with letters that are not in the index yet, for which SQL reads the texts; for what must lack nothing.
    """
    tree = query.parse(audit.storable(text))
    look = index_reader.of(conn) if asks_index(tree) else None
    if look is None:
        allowed = readable_each(accounts) if _is_narrow(tree) else readable(accounts)
        return and_(allowed, Conditions(accounts, user_id).of(tree))
    kept = index_query.without_empty(tree)
    if kept is None:
        return false()
    found = IndexedConditions(conn, accounts, user_id, look).of(_widened(look, kept, accounts))
    if whole and lag_of(conn, look, accounts):
        found = or_(found, and_(letter.c.id > look.mark.highest, Conditions(accounts, user_id).of(kept)))
    return and_(readable_each(accounts), found)


class IndexedConditions(Conditions):
    """What the index knows is a list of letters; the rest are conditions in SQL."""

    def __init__(self, conn: Connection, accounts: Rights, user_id: int | None, look: Look) -> None:
        super().__init__(accounts, user_id)
        self._conn = conn
        self._look = look

    def of(self, node: Node) -> ColumnElement[bool]:
        """The condition of a tree."""
        if isinstance(node, Not):
            # What the index has not seen yet is no more known to lack a word than to have it.
            other = not_(self.of(node.node))
            return and_(other, letter.c.id <= self._look.mark.highest) if asks_index(node.node) else other
        if index_query.knows(node):
            found = places(self._conn, self._accounts)
            numbers = self._look.every(indexed(self._look, node, self._accounts, found))
            if numbers is not None:
                return _among(numbers)
        return super().of(node)


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


def rows(conn: Connection, ids: list[int], accounts: Rights) -> list[dict[str, Any]]:
    """The rows of interface.md's `search` for these letters, in this order."""
    return [
        {
            "id": row["id"],
            "sha256": row["sha256"].hex(),
            "message_id": row["message_id"],
            "subject": row["subject"],
            "from": row["from"],
            "to": row["to"],
            "date": _iso(row["written"] or row["date"]),
            "archived_at": _iso(row["archived_at"]),
            "accounts": row["account"],
            "mailboxes": row["mailbox"],
            "has_attachments": row["attachments"] > 0,
            "preview": row["preview"],
            "arrived_at": _iso(row["date"]),
        }
        for row in listletters.rows(conn, ids, Scope(rights=accounts, user_id=None), _COLUMNS)
    ]


def _iso(moment: datetime) -> str:
    return f"{moment.isoformat()}Z"
