"""The check of the leaves: tree against checkpoints, leaves against rows, rows against octets. One pass, from the left.

Memory does not grow with the archive: a chunk of leaves, a few messages, 64 hashes and the roots that are looked for.
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, func, or_, select

from postbuch.archive import coverage, failing, skeleton, systemwords
from postbuch.archive.errors import PostbuchError
from postbuch.archive.findings import LISTED, Detail, Findings, Kind
from postbuch.archive.ledgertree import LEVEL_HEIGHT
from postbuch.archive.merkle import Frontier
from postbuch.archive.objects import ObjectStore
from postbuch.archive.schema import image, ledger_entry, ledger_leaf, ledger_node, object_
from postbuch.archive.sealer import ENTRY, Wrote

# 2,048 leaves are some 450 messages with all that belongs to them: half a second.
CHUNK = 2048
# Rows whose texts are read at once, and octets of messages that are rebuilt from one answer of the database.
ROWS = 512
OCTETS = 16_777_216
# 256^7 leaves are more than there will ever be.
HIGHEST = 7
# A file is read in pieces: attachments may have gigabytes.
PIECE_OCTETS = 1_048_576


class LeafCheck:
    """Reads leaves in order. `roots`: size → (where, root) that the tree of that size must have."""

    def __init__(
        self, store: ObjectStore, findings: Findings, roots: Mapping[int, Sequence[tuple[str, bytes]]],
        frontier: Frontier | None = None,
    ) -> None:
        self._store = store
        self._findings = findings
        self._roots = roots
        self.frontier = frontier or Frontier()
        self.entry: Wrote | None = None
        self.entered = ""  # the number of that entry
        self.followed = 0  # leaves of rows that came after its own
        self.whole = True  # no leaf was missing so far, so that roots can be computed
        self.checked: Counter[str] = Counter()
        self.octets = 0

    def read(self, conn: Connection, stop: int) -> None:
        """The next chunk of leaves, up to position `stop`."""
        first = self.frontier.size
        last = min(first + CHUNK, stop)
        query = select(ledger_leaf).where(ledger_leaf.c.position.between(first, last - 1))
        found = conn.execute(query.order_by(ledger_leaf.c.position)).all()
        leaves = {row.position: row for row in found}
        entries = self._entries(conn, [row.row_key for row in found if row.kind == ENTRY])
        nodes = _nodes(conn, first, last)
        for position in range(first, last):
            leaf = leaves.get(position)
            if leaf is None:
                self._lost(position)
                self.frontier.append(bytes(32))
                continue
            self._place(leaf, entries)
            self._grow(leaf.hash, nodes)
        self.rows(conn, found)

    # --- the tree -------------------------------------------------------------------------------------------------

    def _lost(self, position: int) -> None:
        detail = Detail.LEAF_GONE_FIRST if self.whole else Detail.LEAF_GONE
        self._findings.add(Kind.LEAF_REMOVED, f"leaf {position}", detail.said())
        self.whole = False

    def _grow(self, found: bytes, nodes: Mapping[tuple[int, int], bytes]) -> None:
        for height, index, made in self.frontier.append(found):
            level, rest = divmod(height, LEVEL_HEIGHT)
            if self.whole and not rest and nodes.get((level, index)) != made:
                start, stop = index << height, ((index + 1) << height) - 1
                self._findings.add(
                    Kind.NODE_CHANGED, f"leaves {start} to {stop}",
                    Detail.NODE_OTHER.said(level=level, place=index),
                )
        size = self.frontier.size
        for where, root in self._roots.get(size, ()):
            if self.whole and root != self.frontier.root():
                self._findings.add(Kind.ROOT_CHANGED, where, Detail.SIGNED_OTHER.said(size=size))

    def _entries(self, conn: Connection, keys: Sequence[str]) -> dict[str, Wrote]:
        numbers = [int(key) for key in keys if key.isdecimal()]
        query = select(ledger_entry).where(ledger_entry.c.id.in_(numbers))
        return {str(row.id): Wrote(row.kind, row.wrote) for row in conn.execute(query)} if numbers else {}

    def _place(self, leaf: Any, entries: Mapping[str, Wrote]) -> None:
        """After the leaf of an entry come those of the rows that it names, and no others."""
        where = f"leaf {leaf.position}"
        if leaf.kind not in coverage.units():
            self._findings.add(Kind.LEAF_UNKNOWN, where, Detail.LEAF_OF_NOTHING.said(kind=leaf.kind))
        elif leaf.kind == ENTRY:
            self.complete_entry()
            self.entry, self.entered, self.followed = entries.get(leaf.row_key), leaf.row_key, 0
        elif self.entry is None or self.entry.names(leaf.kind, leaf.row_key):
            self.followed += 1
        else:
            self._findings.add(
                Kind.LEAF_MISPLACED, where, Detail.LEAF_ELSEWHERE.said(kind=leaf.kind, key=leaf.row_key)
            )

    def complete_entry(self) -> None:
        """The entry that ends here, or with the tree, has the leaves of all its rows: none was gone before sealing."""
        if self.entry is not None and self.entry.exact and self.followed != self.entry.count:
            self._findings.add(
                Kind.ROW_REMOVED, f"ledger_entry {self.entered}",
                Detail.ROWS_GONE_BEFORE.said(
                    rows=self.entry.count, kind=self.entry.kind, keys=self.entry.wrote, leaves=self.followed
                ),
            )

    # --- the rows -------------------------------------------------------------------------------------------------

    def rows(self, conn: Connection, leaves: Sequence[Any]) -> None:
        """Each leaf against its row and all that belongs to it; messages and files against their digests."""
        kinds: dict[str, list[Any]] = {}
        for leaf in leaves:
            kinds.setdefault(leaf.kind, []).append(leaf)
        for kind, of_kind in kinds.items():
            unit = coverage.units().get(kind)
            if unit is None:
                continue
            for start in range(0, len(of_kind), ROWS):
                part = {leaf.row_key: leaf for leaf in of_kind[start : start + ROWS]}
                texts = coverage.texts_of(conn, unit, part.keys())
                sealed = {key for key, leaf in part.items() if self._row(unit, key, leaf.hash, texts.get(key))}
                if kind == image.name:
                    self._images(conn, sorted(map(int, texts)), sealed)
                elif kind == object_.name:
                    self._objects(conn, sorted(map(int, texts)))
            self.checked[kind] += len(of_kind)

    def _row(self, unit: coverage.Unit, key: str, expected: bytes, text: bytes | None) -> bool:
        """Whether the row is as it was sealed."""
        where = f"{unit.kind} {key}"
        if text is None:
            self._findings.add(Kind.ROW_REMOVED, where, Detail.ROW_GONE.said())
        elif coverage.leaf_hash(text) != expected:
            tables = ", ".join(table.name for table in unit.members)
            self._findings.add(Kind.ROW_CHANGED, where, Detail.ROW_OTHER.said(tables=tables))
        else:
            return True
        return False

    def _images(self, conn: Connection, numbers: list[int], sealed: Collection[str]) -> None:
        """Each message comes back, octet for octet."""
        for part in _by_size(conn, numbers):
            query = select(image.c.id, image.c.sha256, image.c.skeleton).where(image.c.id.in_(part))
            for row in conn.execute(query):
                where = f"image {row.id}"
                try:
                    octets = skeleton.rebuild(row.skeleton, self._store.read)
                except PostbuchError as error:
                    self._findings.add(Kind.OCTETS_CHANGED, where, Detail.MESSAGE_NOT_BACK.said(words=error))
                    continue
                except MemoryError as error:
                    if str(row.id) in sealed:  # a lack of this machine, which the message cannot help
                        raise
                    # A skeleton that was made to unpack to more than there is memory, so that the check ends here.
                    self._findings.add(
                        Kind.OCTETS_CHANGED, where, Detail.MESSAGE_NOT_BACK.said(words=failing.sentence(error))
                    )
                    continue
                self.octets += len(octets)
                if hashlib.sha256(octets).digest() != row.sha256:
                    self._findings.add(Kind.OCTETS_CHANGED, where, Detail.MESSAGE_OTHER.said())

    def _objects(self, conn: Connection, numbers: list[int]) -> None:
        """Each attachment's file is there and has its digest."""
        for row in conn.execute(select(object_.c.id, object_.c.sha256).where(object_.c.id.in_(numbers))):
            path = self._store.path(row.sha256)
            digest = hashlib.sha256()
            try:
                with path.open("rb") as stream:
                    while piece := stream.read(PIECE_OCTETS):
                        digest.update(piece)
            except OSError as error:
                said = Detail.OBJECT_UNREADABLE.said(number=row.id, words=systemwords.cause(error))
                self._findings.add(Kind.OBJECT_MISSING, str(path), said)
                continue
            if digest.digest() != row.sha256:
                self._findings.add(Kind.OBJECT_CHANGED, str(path), Detail.OBJECT_OTHER.said(number=row.id))


def _nodes(conn: Connection, first: int, last: int) -> dict[tuple[int, int], bytes]:
    """The stored hashes of the subtrees that end within the leaves: (level, index) → hash."""
    found: dict[tuple[int, int], bytes] = {}
    level = 1
    while last >> (level * LEVEL_HEIGHT):
        begin, end = first >> (level * LEVEL_HEIGHT), last >> (level * LEVEL_HEIGHT)
        query = select(ledger_node.c.position, ledger_node.c.hash).where(
            ledger_node.c.level == level, ledger_node.c.position.between(begin, end)
        )
        found.update({(level, row.position): row.hash for row in conn.execute(query)})
        level += 1
    return found


def check_nodes_beyond(conn: Connection, size: int, findings: Findings) -> None:
    """No hash is stored of a subtree that the tree of this size does not have."""
    level = ledger_node.c.level
    beyond = (ledger_node.c.position + 1) * func.pow(2, func.least(level, HIGHEST) * LEVEL_HEIGHT) > size
    for row in conn.execute(select(ledger_node).where(or_(beyond, level < 1, level > HIGHEST)).limit(LISTED)):
        findings.add(Kind.NODE_CHANGED, f"level {row.level}, {row.position}", Detail.NODE_OF_NOTHING.said())


def _by_size(conn: Connection, numbers: list[int]) -> Iterator[list[int]]:
    """The images in groups that fit the memory."""
    if not numbers:
        return
    part: list[int] = []
    octets = 0
    query = select(image.c.id, image.c.size_octets).where(image.c.id.in_(numbers)).order_by(image.c.id)
    for row in conn.execute(query).all():
        if part and octets + row.size_octets > OCTETS:
            yield part
            part, octets = [], 0
        part.append(row.id)
        octets += row.size_octets
    yield part
