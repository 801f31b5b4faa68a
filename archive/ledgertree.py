"""The hash tree in the database: leaves, and the hashes of the complete subtrees of 256, 65,536 … leaves above them.

With those, a root or a proof reads at most 256 hashes for each of its nodes and level, whatever the size of the tree.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, func, select

from postbuch.archive import merkle
from postbuch.archive.bulk import insert_rows
from postbuch.archive.findings import Detail
from postbuch.archive.schema_ledger import ledger_leaf, ledger_node

# 2^8 nodes of one level make one of the next, as in C2SP tlog-tiles.
LEVEL_HEIGHT = 8
TILE = 1 << LEVEL_HEIGHT
# Tiles that are kept: the three levels of a million leaves and some neighbours; 64 * 256 hashes are 2 MiB.
KEPT_TILES = 64
JOINED_OCTETS = 65_536


class StoredNodes:
    """The subtrees of the tree in the database. Raises LookupError when a hash is not there.

    Reads whole tiles and keeps some: the nodes beside the way of one leaf lie in as many tiles as the tree has levels.
    """

    def __init__(self, conn: Connection) -> None:
        self._conn = conn
        self._tiles: dict[tuple[int, int], dict[int, bytes]] = {}
        self._known: dict[tuple[int, int], bytes] = {}  # nodes within those tiles

    def node(self, height: int, index: int) -> bytes:
        """As `merkle.Nodes` says."""
        known = self._known.get((height, index))
        if known is not None:
            return known
        level, rest = divmod(height, LEVEL_HEIGHT)
        first, count = index << rest, 1 << rest
        for fresh in (False, True):  # the tile at the end of the tree grows
            tile = self._tile(level, first >> LEVEL_HEIGHT, fresh)
            found = [tile[place] for place in range(first, first + count) if place in tile]
            if len(found) == count:
                known = self._known[height, index] = merkle.combined(found)
                return known
        raise LookupError(Detail.HASHES_GONE.said(level=level, first=first))

    def _tile(self, level: int, number: int, fresh: bool) -> dict[int, bytes]:
        known = None if fresh else self._tiles.get((level, number))
        if known is None:
            if len(self._tiles) >= KEPT_TILES:
                self._tiles.clear()
                self._known.clear()
            known = self._tiles[level, number] = self._joined(level, number * TILE)
        return known

    def _joined(self, level: int, first: int) -> dict[int, bytes]:
        """One tile as one value, which the server joins: 256 rows of a result cost more than all else of a proof."""
        table = "ledger_node" if level else "ledger_leaf"
        which = f"position BETWEEN {first} AND {first + TILE - 1}" + (f" AND level = {level}" if level else "")
        [(count, start, stop, text)] = self._conn.exec_driver_sql(
            f"SET STATEMENT group_concat_max_len = {JOINED_OCTETS} FOR SELECT COUNT(*), MIN(position), MAX(position), "  # noqa: S608 - ours
            f"GROUP_CONCAT(hash ORDER BY position SEPARATOR '') FROM {table} WHERE {which}"
        )
        if not count:
            return {}
        if count != stop - start + 1 or len(text) != count * merkle.HASH_OCTETS:
            return self._read(level, first, TILE)  # with holes
        return {start + place: text[32 * place : 32 * place + 32] for place in range(count)}

    def hashes(self, level: int, first: int, count: int) -> list[bytes]:
        """Neighbouring hashes of one level; fewer when they are not there."""
        return list(self._read(level, first, count).values())

    def _read(self, level: int, first: int, count: int) -> dict[int, bytes]:
        """Place → hash, in order."""
        table = ledger_node if level else ledger_leaf
        query = select(table.c.position, table.c.hash).where(table.c.position.between(first, first + count - 1))
        if level:
            query = query.where(table.c.level == level)
        return dict(map(tuple, self._conn.execute(query.order_by(table.c.position))))

    def frontier(self, size: int) -> merkle.Frontier:
        """The tree of `size` leaves, ready to be appended to."""
        peaks, start = [], 0
        for height in range(size.bit_length() - 1, -1, -1):
            if size >> height & 1:
                peaks.append(self.node(height, start >> height))
                start += 1 << height
        return merkle.Frontier(size=size, peaks=peaks)


def tree_size(conn: Connection) -> int:
    """How many leaves there are: one more than the last position."""
    last = conn.scalar(select(func.max(ledger_leaf.c.position)))
    return 0 if last is None else int(last) + 1


def append(conn: Connection, frontier: merkle.Frontier, leaves: Sequence[tuple[str, str, bytes]]) -> None:
    """Add leaves (kind, key, hash) to the tree that the frontier ends. Only under the lock of the sealer."""
    rows, nodes = [], []
    for kind, key, found in leaves:
        rows.append({"position": frontier.size, "kind": kind, "row_key": key, "hash": found})
        nodes += [
            {"level": height // LEVEL_HEIGHT, "position": index, "hash": each}
            for height, index, each in frontier.append(found)
            if height % LEVEL_HEIGHT == 0
        ]
    insert_rows(conn, ledger_leaf, rows)
    insert_rows(conn, ledger_node, nodes)
