"""The sealer: gives every row of a write-once table its leaf in the hash tree, soon after it was committed.

Who writes such a row enters its key in `ledger_entry` in the same transaction (`bulk.py`). The sealer takes the
entries that have no leaf yet, reads the rows that they name, and appends the leaf of the entry and those of the rows.
So appending costs a writer one small row a statement and no lock, the order of commits does not matter, and numbers
that were never used are nothing special. A row that nobody entered is never sealed: it is a finding.
"""

import contextlib
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.exc import IntegrityError

from postbuch.archive import coverage
from postbuch.archive.bulk import look_up
from postbuch.archive.errors import ServiceMissing
from postbuch.archive.ledgertree import StoredNodes, append, tree_size
from postbuch.archive.merkle import Frontier
from postbuch.archive.reasons import Reason
from postbuch.archive.schema_ledger import ledger_entry, ledger_leaf

log = logging.getLogger("postbuch.archive")

LOCK = "postbuch.ledger"
LOCK_PATIENCE_S = 60
# Entries of one transaction of the sealer: some 2,000 leaves at the rate of an import, a tenth of a second.
ENTRIES = 64
# How far below the newest sealed entry a late commit is looked for each time: at 30 entries a second, half a minute.
NEAR = 1000
# And now and then: as many as an hour of import makes. What is later still is found by `postbuch verify`.
FAR = 100_000
_RANGE = re.compile(r"(\d+)([-~])(\d+)(?:/(\d+))?")
ENTRY = str(ledger_entry.name)


@dataclass(slots=True)
class Wrote:
    """The rows that an entry names: ranges of numbers (first, last, step), and keys that are no number.

    `exact`: every number of the ranges was written; not so for `first~last`, which names those that are there.
    """

    kind: str
    wrote: str
    ranges: list[tuple[int, int, int]] = field(init=False)
    keys: set[str] = field(init=False)
    exact: bool = field(init=False)

    def __post_init__(self) -> None:
        found = _RANGE.findall(self.wrote)
        self.ranges = [(int(first), int(last), int(step or 1) or 1) for first, _, last, step in found]
        self.keys = set() if found else set(self.wrote.split())
        self.exact = bool(found) and all(mark == "-" for _, mark, *_ in found)

    @property
    def count(self) -> int:
        """How many rows it names."""
        return len(self.keys) + sum((last - first) // step + 1 for first, last, step in self.ranges)

    def names(self, kind: str, key: str) -> bool:
        """Whether the row is among them."""
        if kind != self.kind or key in self.keys or not key.isdecimal():
            return kind == self.kind and key in self.keys
        number = int(key)
        return any(first <= number <= last and not (number - first) % step for first, last, step in self.ranges)


class Sealer:
    """Seals what has been entered. One thread; any number of processes may try, one works at a time."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._newest = 0  # of the sealed entries; another sealer may know a newer one
        self._frontier: Frontier | None = None  # of the tree as this sealer left it

    def seal(self, *, window: int | None = FAR) -> int:
        """Seal everything that was committed before the call; how many leaves that gave.

        `window`: how many entries below the newest sealed one are looked at again; None for all.
        Raises ServiceMissing.
        """
        leaves = 0
        with self._engine.connect() as conn, locked(conn):
            self._newest = self._newest or _newest_sealed(conn)
            floor = 0 if window is None else max(self._newest - window, 0)
            frontier: Frontier | None = None
            while entries := _pending(conn, floor):
                if frontier is None:
                    frontier = self._end(conn)
                found = leaves_of(conn, entries, look=False)
                self._frontier = None  # until the commit nobody knows how the tree ends
                try:
                    append(conn, frontier, found)
                except IntegrityError:  # a row that was entered twice: by hand, or it is no row of ours
                    conn.rollback()
                    frontier = self._end(conn)
                    found = leaves_of(conn, entries, look=True)
                    append(conn, frontier, found)
                conn.commit()
                self._frontier = frontier
                leaves += len(found)
                self._newest = max(self._newest, entries[-1][0])
                if len(entries) < ENTRIES:
                    break
                floor = entries[-1][0]
        return leaves

    def _end(self, conn: Connection) -> Frontier:
        """The end of the tree; read when another one has appended, or a transaction of ours did not go through."""
        size, known = tree_size(conn), self._frontier
        return known if known is not None and known.size == size else StoredNodes(conn).frontier(size)


@contextlib.contextmanager
def locked(conn: Connection) -> Iterator[None]:
    """The lock of all who append to the tree; writers of rows do not know it. Raises ServiceMissing."""
    if conn.scalar(select(func.get_lock(LOCK, LOCK_PATIENCE_S))) != 1:
        raise ServiceMissing(Reason.LEDGER_BUSY.said())
    try:
        conn.commit()  # what was committed while we waited is to be seen
        yield
    finally:
        with contextlib.suppress(ServiceMissing):
            conn.rollback()
            conn.scalar(select(func.release_lock(LOCK)))
            conn.rollback()


def _newest_sealed(conn: Connection) -> int:
    """The number of the entry sealed last, from the newest leaves; 0 when none of those is of an entry."""
    near = ledger_leaf.c.position > tree_size(conn) - FAR
    query = select(ledger_leaf.c.row_key).where(near, ledger_leaf.c.kind == ENTRY)
    key = conn.scalar(query.order_by(ledger_leaf.c.position.desc()).limit(1)) or ""
    return int(key) if key.isdecimal() else 0


def _pending(conn: Connection, floor: int) -> list[tuple[int, str, str]]:
    """Entries above the floor that have no leaf: (number, kind, what was written)."""
    sealed = select(ledger_leaf.c.position).where(
        ledger_leaf.c.kind == ENTRY, ledger_leaf.c.row_key == func.concat(ledger_entry.c.id)
    )
    query = (
        select(ledger_entry.c.id, ledger_entry.c.kind, ledger_entry.c.wrote)
        .where(ledger_entry.c.id > floor, ~sealed.exists())
        .order_by(ledger_entry.c.id).limit(ENTRIES)
    )
    return [(row.id, row.kind, row.wrote) for row in conn.execute(query)]


def leaves_of(conn: Connection, entries: list[tuple[int, str, str]], *, look: bool) -> list[tuple[str, str, bytes]]:
    """The leaves of the entries and of the rows they name: kind, key, hash. A row that has a leaf gets no second.

    Without `look` that is taken for granted of rows that an entry names exactly: they were written with it, once.
    """
    units = coverage.units()
    numbers = [str(number) for number, _, _ in entries]
    own = coverage.texts_of(conn, units[ENTRY], numbers)
    found: dict[tuple[str, str], bytes] = {}
    for number, kind, wrote in entries:
        found[ENTRY, str(number)] = coverage.leaf_hash(own[str(number)])
        unit = units.get(kind)
        if unit is None:
            log.error("ledger-entry-unknown entry=%d kind=%s", number, kind)
            continue
        texts = written(conn, unit, wrote)
        named = Wrote(kind, wrote)
        known = set() if (named.exact or named.keys) and not look else _sealed(conn, kind, list(texts))
        for key, text in texts.items():
            if key not in known:
                found.setdefault((kind, key), coverage.leaf_hash(text))
    return [(kind, key, digest) for (kind, key), digest in found.items()]


def written(conn: Connection, unit: coverage.Unit, wrote: str) -> dict[str, bytes]:
    """The texts of the rows that an entry names and that are there."""
    named = Wrote(unit.kind, wrote)
    if not unit.numbered:
        return coverage.texts_of(conn, unit, named.keys)
    ways = [
        f"({{key}} BETWEEN {first} AND {last} AND ({{key}} - {first}) % {step} = 0)"
        if step > 1 else f"{{key}} BETWEEN {first} AND {last}"
        for first, last, step in named.ranges
    ]
    return coverage.texts(conn, unit, " OR ".join(ways)) if ways else {}


def _sealed(conn: Connection, kind: str, keys: list[str]) -> set[str]:
    """Which of the rows have a leaf."""
    column = ledger_leaf.c.row_key
    return {row[0] for row in look_up(conn, (column,), column, keys, f"kind = '{kind}'")}
