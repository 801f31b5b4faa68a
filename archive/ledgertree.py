"""The hash tree in the database: leaves, and the hashes of the complete subtrees of 256, 65,536 … leaves above them.

With those, a root or a proof reads at most 256 hashes for each of its nodes and level, whatever the size of the tree.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, func, select

from postbuch.archive import merkle
from postbuch.archive.bulk import insert_rows
from postbuch.archive.schema_ledger import ledger_leaf, ledger_node

# 2^8 nodes of one level make one of the next, as in C2SP tlog-tiles.
LEVEL_HEIGHT = 8


class StoredNodes:
    """The subtrees of the tree in the database. Raises LookupError when a hash is not there."""

    def __init__(self, conn: Connection) -> None:
        self._conn = conn

    def node(self, height: int, index: int) -> bytes:
        """As `merkle.Nodes` says."""
        level, rest = divmod(height, LEVEL_HEIGHT)
        found = self.hashes(level, index << rest, 1 << rest)
        if len(found) != 1 << rest:
            raise LookupError(f"hashes of level {level} from {index << rest} on are missing")
        return merkle.combined(found)

    def hashes(self, level: int, first: int, count: int) -> list[bytes]:
        """Neighbouring hashes of one level; fewer when they are not there."""
        if level:
            table = ledger_node
            query = select(table.c.hash).where(table.c.level == level)
        else:
            table = ledger_leaf
            query = select(table.c.hash)
        query = query.where(table.c.position.between(first, first + count - 1)).order_by(table.c.position)
        return list(self._conn.scalars(query))

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
