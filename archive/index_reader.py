"""Reading the index: one open reader for each folder and process, always of the newest commit.

Which folder belongs to a connection stands in the options of its engine (`database.engine`).
"""

import contextlib
import threading
import time
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection
from tantivy import FieldType, Index, Occur, Order, Query, Searcher, SearchResult

from postbuch.archive import database, index_query, index_store
from postbuch.archive import index_schema as names
from postbuch.archive.errors import UsageError
from postbuch.archive.index_store import Mark
from postbuch.archive.users import ALL, Rights
from postbuch.archive.wrong import Mistake

# At most so many ids of a condition go to the database as they are: 1,000,000 of 8 digits are 9 MB of the 16 MiB that
# a statement may have. What finds more is looked for in SQL.
MAX_IDS = 1_000_000
# Hits that are taken out at once: each is 200 octets of Python.
SLICE = 100_000
# Finding the newest of so many takes 1 ms: 35 ns for each that matches, counting a third of that.
BROAD = 20_000
# Of so many documents those that do not match are counted sooner.
NEARLY_ALL = 0.85
NEWEST_DAYS = (30, 365)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The index at one moment."""

    searcher: Searcher
    mark: Mark
    _owning: dict[int, bool] = field(default_factory=dict)

    def owning(self, rights: Rights) -> list[int]:
        """Of the accounts within the rights those that have words of their own (`index_schema`)."""
        wanted = [names.ALL_ACCOUNTS] if rights == ALL else sorted(rights)
        for each in wanted:
            if each not in self._owning:
                self._owning[each] = self.searcher.doc_freq("owner", str(each)) > 0
        return [each for each in wanted if self._owning[each]]

    def newest(
        self, query: Query, limit: int, offset: int, terms: Sequence[tuple[str, str]] = ()
    ) -> tuple[int, list[int]]:
        """How many letters match, and those asked for, newest first. `terms`: as in `count_any`."""
        total = self.count_any(query, terms)
        if not limit or offset >= total:
            return total, []
        # Of what half of the letters have, the newest are looked for among the newest letters.
        for days in NEWEST_DAYS if total > BROAD else ():
            since = max(int(time.time()) - 86_400 * days, 0) << names.ORDER_BITS
            newer = Query.range_query(names.schema(), "order", FieldType.Unsigned, since, (1 << 64) - 1)
            orders = self.first(Query.boolean_query([(Occur.Must, query), (Occur.Must, newer)]), limit, offset)
            if len(orders) == limit:
                return total, list(map(names.letter_of, orders))
        return total, list(map(names.letter_of, self.first(query, limit, offset)))

    def first(self, query: Query, limit: int, offset: int = 0) -> list[int]:
        """The places (`index_schema.order_of`) of the newest letters that match, newest first."""
        found = self._search(query, limit=limit, offset=offset, count=False, order_by_field="order", order=Order.Desc)
        return [order for order, _ in found.hits]

    def count(self, query: Query) -> int:
        """How many letters match."""
        return names.counted(self._search(query, limit=1, count=True))

    def count_any(self, query: Query, terms: Sequence[tuple[str, str]]) -> int:
        """How many letters match. `terms`: the query is any of these (field, word), as far as that is known.

        Of a word that half of the letters have: the letters with it in one field, and those that have it in another
        field alone, which takes two thirds of the time; of one that nearly all have, those without it.
        """
        often = [self.searcher.doc_freq(field, word) for field, word in terms]
        if not terms or sum(often) <= BROAD:
            return self.count(query)
        parts = [index_query.term(field, word) for field, word in terms]
        first = parts.pop(often.index(max(often)))
        others = self.count(index_query.without(index_query.any_of(parts), first)) if parts else 0
        documents = self.searcher.num_docs
        if max(often) > NEARLY_ALL * documents:
            return documents - self.count(index_query.without(Query.all_query(), first)) + others
        return self.count(first) + others

    def letters(self) -> int:
        """How many letters are in it."""
        return self.count(Query.term_query(names.schema(), "kind", names.LETTER_KIND))

    def every(self, query: Query) -> "array[int] | None":
        """All letters that match, newest first; None when they are more than MAX_IDS."""
        if self.count(query) > MAX_IDS:
            return None
        found = array("Q")
        rest = query
        while True:
            hits = self._search(rest, limit=SLICE, count=False, order_by_field="order", order=Order.Desc).hits
            found.extend(names.letter_of(order) for order, _ in hits)
            if len(hits) < SLICE:
                return found
            older = Query.range_query(names.schema(), "order", FieldType.Unsigned, 0, hits[-1][0], include_upper=False)
            rest = Query.boolean_query([(Occur.Must, query), (Occur.Must, older)])

    def aggregate(self, query: Query, wanted: dict[str, Any]) -> dict[str, Any]:
        """What the library says of the letters that match."""
        with _said():
            found: dict[str, Any] = self.searcher.aggregate(query, wanted)
            return found

    def _search(self, query: Query, **how: Any) -> SearchResult:
        with _said():
            return self.searcher.search(query, **how)


@contextlib.contextmanager
def _said() -> Iterator[None]:
    """The library's limit on how many words a beginning within a phrase may stand for, as a UsageError."""
    try:
        yield
    except ValueError as error:
        if "max expansions" not in str(error):
            raise
        raise UsageError(Mistake.PHRASE_FITS_TOO_MUCH.said()) from error


class Reader:
    """One data folder's index. For all threads of a process."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._lock = threading.Lock()
        self._state: tuple[object, ...] = ()
        self._index: Index | None = None
        self._look: Look | None = None

    def look(self) -> Look | None:
        """The newest commit of the current generation; None while there is none."""
        state = self._seen()
        with self._lock:
            if state != self._state:
                self._look = self._open(state)
                self._state = state
            return self._look

    def _seen(self) -> tuple[object, ...]:
        """What changes with each commit and each change of generations."""
        generation = index_store.current(self._data)
        if generation is None:
            return ()
        try:
            facts = (generation / "meta.json").stat()
        except OSError:
            return ()
        return (generation, facts.st_mtime_ns, facts.st_ino, facts.st_size)

    def _open(self, state: tuple[object, ...]) -> Look | None:
        if not state:
            self._index = None
            return None
        try:
            if self._index is None or self._state[:1] != state[:1]:
                self._index = index_store.opened(Path(str(state[0])))
            self._index.reload()
            searcher = self._index.searcher()
            mark = index_store.read_mark(searcher)
        except ValueError:  # damaged, or removed just now: the indexer makes it again
            self._index = None
            return None
        return None if mark is None or mark.built is not None else Look(searcher=searcher, mark=mark)


_readers: dict[Path, Reader] = {}
_making = threading.Lock()


def of_folder(data: Path) -> Reader:
    """The reader of a data folder."""
    with _making:
        return _readers.setdefault(data, Reader(data))


def of(conn: Connection) -> Look | None:
    """The index beside the database of a connection; None while there is none that is complete."""
    data = conn.get_execution_options().get(database.DATA_OPTION)
    return None if data is None else of_folder(Path(data)).look()
