"""The indexer: brings the index up to the ledger, and makes a new one where there is none.

It follows the leaves of the ledger. They are numbered under a lock, in the order of their commits, without gaps: what
a drain commits late gets a later leaf and is not passed over. A leaf names a row; the letter that the row belongs to is
read anew and written in place of what the index had. So doing a thing twice is harmless, and the mark, which is
committed with the letters, may be as old as it likes.
"""

import logging
import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, Engine, func, select

from postbuch.archive import index_attached, index_store
from postbuch.archive.bulk import chunks
from postbuch.archive.index_letters import IndexedLetter, load
from postbuch.archive.index_store import Mark, Writing
from postbuch.archive.ledgertree import tree_size
from postbuch.archive.schema import letter, letter_image, sighting, smtp_envelope
from postbuch.archive.schema_ledger import ledger_leaf

log = logging.getLogger("postbuch.archive")

# Letters that are read at once: at 64 KiB of text at most 13 MiB, and a query of milliseconds.
LETTERS = 200
# Leaves that are read at once; a letter has about five.
LEAVES = 5000
# A commit syncs some files, about 50 ms. While much is to be done one comes for each so many letters, else at once.
COMMIT_LETTERS = 5000
# While a new index is made nobody reads it: a commit is what need not be done again after a crash, a minute's work.
COMMIT_BUILT = 50_000
# Letters that are written ahead of their leaves, each round: what comes while people wait for it, not an import.
AHEAD = 50
# Leaves of nothing that is indexed, such as of views on record: the mark moves on after so many.
IDLE_LEAVES = 50_000
# Texts of attachments and later readings have no leaves. They are looked for by time, so far back that no transaction
# takes longer.
TEXTS_EVERY_S = 2.0
TEXTS_OVERLAP = timedelta(minutes=10)
TEXTS = 500
# So many errors of the library in a row: then it is the index and no passing trouble.
STRIKES = 3
# What the library says when another process still writes.
BUSY = "LockBusy"
# How often the letters are counted here and there.
RECONCILE_EVERY_S = 600.0
_EPOCH = datetime(1970, 1, 1)

Stopped = Callable[[], bool]
Tell = Callable[[int, int], object]


class Damaged(Exception):
    """The index does not fit the archive, or cannot be read; it is made anew."""


def build(engine: Engine, writing: Writing, stopped: Stopped, tell: Tell) -> bool:
    """Write all letters into a new generation, going on where it was; whether it is complete. `tell(done, total)`."""
    with engine.connect() as conn:
        mark = writing.mark
        if mark is None:
            # What is sealed from here on is followed; what was sealed before is among the letters.
            texts = index_attached.newest(conn) or _EPOCH
            mark = Mark(leaf=tree_size(conn), built=0, highest=0, texts=texts.isoformat())
        if mark.built is None:
            return True
        total = int(conn.scalar(select(func.count()).select_from(letter)) or 0)
        done = int(conn.scalar(select(func.count()).select_from(letter).where(letter.c.id <= mark.built)) or 0)
        waiting = 0
        # The next letters are read while these are written.
        with ThreadPoolExecutor(1) as reader:
            coming = reader.submit(_read, conn, mark.built)
            while not stopped():
                tell(done, max(total, done))
                highest, letters = coming.result()
                if highest is None:
                    writing.commit(replace(mark, built=None))
                    return True
                coming = reader.submit(_read, conn, highest)
                writing.put(letters)
                mark = replace(mark, built=highest, highest=highest)
                done, waiting = done + len(letters), waiting + len(letters)
                if waiting >= COMMIT_BUILT:
                    writing.commit(mark)
                    waiting = 0
    return False


def _read(conn: Connection, above: int) -> tuple[int | None, list[IndexedLetter]]:
    """The next letters behind a number, and the highest of theirs; None when there are no more."""
    ids = list(conn.scalars(select(letter.c.id).where(letter.c.id > above).order_by(letter.c.id).limit(LETTERS)))
    letters = load(conn, ids) if ids else []
    conn.rollback()
    return (ids[-1] if ids else None), letters


def make_anew(engine: Engine, data: Path, stopped: Stopped, tell: Tell) -> int | None:
    """Build a generation beside the current one and have it read; how many letters it has.

    None when it was stopped, or somebody else builds: then it goes on from there the next time.
    """
    with index_store.building(data) as mine:
        if not mine:
            return None
        generation = index_store.unfinished(data) or index_store.new_generation(data)
        try:
            writing = Writing(generation)
        except ValueError:
            shutil.rmtree(generation, ignore_errors=True)
            generation = index_store.new_generation(data)
            writing = Writing(generation)
        try:
            complete = build(engine, writing, stopped, tell)
            letters = writing.letters() if complete else None
        finally:
            writing.close()
        if complete:
            index_store.make_current(data, generation)
            log.info("index-built generation=%s letters=%d", generation.name, letters)
        return letters


class Follower:
    """Keeps the current generation up to date. One thread; one process at a time, held apart by the index's lock."""

    def __init__(self, engine: Engine, data: Path, stopped: Stopped, tell: Tell = lambda done, total: None) -> None:
        self._engine = engine
        self._data = data
        self._stopped = stopped
        self._tell = tell
        self._writing: Writing | None = None
        self._leaf = 0
        self._late: dict[index_attached.Late, datetime] = {}
        self._texts_at = self._reconciled_at = 0.0
        self._differed = self._strikes = 0

    def round(self) -> int:
        """Do what there is to do; how many letters were written. Errors are the database's, or OSError."""
        current = index_store.current(self._data)
        if self._writing is not None and self._writing.generation != current:
            self.close()
        if current is None:
            try:
                return make_anew(self._engine, self._data, self._stopped, self._tell) or 0
            except ValueError as error:  # as below: the library says everything by it
                raise OSError(str(error)) from error
        try:
            written = self._follow(self._writing or self._open(current))
            self._strikes = 0
            return written
        except (Damaged, ValueError) as error:
            self.close()
            # The library says everything by ValueError, also that the disk is full or another one still writes.
            self._strikes += isinstance(error, ValueError) and BUSY not in str(error)
            if isinstance(error, ValueError) and self._strikes < STRIKES:
                raise OSError(str(error)) from error
            # It can be made again from the tables, and nobody must find less than there is.
            log.error("index-damaged generation=%s reason=%s", current.name, error)
            index_store.give_up(self._data, current)
            self._strikes = 0
            return 0

    def close(self) -> None:
        """Give the index up."""
        writing, self._writing = self._writing, None
        if writing is not None:
            try:
                writing.close()
            except (ValueError, OSError) as error:  # its folder is gone
                log.info("index-closed reason=%s", error)

    def _open(self, generation: Path) -> Writing:
        self._writing = writing = Writing(generation)
        self._differed = 0
        if writing.mark is None or writing.mark.built is not None:
            raise Damaged("it is not complete")
        self._leaf = writing.mark.leaf
        self._late.clear()
        self._texts_at = self._reconciled_at = 0.0
        kept = [each for each in (generation, index_store.unfinished(self._data)) if each is not None]
        index_store.remove_old(self._data, kept)
        return writing

    def _follow(self, writing: Writing) -> int:
        mark = writing.mark
        if mark is None:
            raise Damaged("it has no mark")
        with self._engine.connect() as conn:
            size = tree_size(conn)
            if size < self._leaf:
                raise Damaged("the ledger is shorter than it was")
            written = waiting = 0
            committed = mark.leaf
            while self._leaf < size and not self._stopped():
                rows = conn.execute(
                    select(ledger_leaf.c.position, ledger_leaf.c.kind, ledger_leaf.c.row_key)
                    .where(ledger_leaf.c.position >= self._leaf).order_by(ledger_leaf.c.position).limit(LEAVES)
                ).all()
                if not rows:
                    break
                ids = sorted(letters_of(conn, [(row.kind, row.row_key) for row in rows]))
                mark = self._write(conn, writing, ids, replace(mark, leaf=rows[-1].position + 1))
                self._leaf = mark.leaf
                waiting += len(ids)
                if waiting >= COMMIT_LETTERS or mark.leaf - committed >= IDLE_LEAVES:
                    writing.commit(mark)
                    committed = mark.leaf
                    written, waiting = written + waiting, 0
            # What is not sealed yet, so that a letter is found at once; its leaves have it written once more.
            newer = select(letter.c.id).where(letter.c.id > mark.highest).order_by(letter.c.id).limit(AHEAD)
            if not self._stopped() and (ahead := list(conn.scalars(newer))):
                mark = self._write(conn, writing, ahead, mark)
                waiting += len(ahead)
            if time.monotonic() - self._texts_at >= TEXTS_EVERY_S:
                mark, letters = self._follow_texts(conn, writing, mark)
                waiting += letters
            if waiting:
                writing.commit(mark)
            self._reconcile(conn, writing, size)
        return written + waiting

    @staticmethod
    def _write(conn: Connection, writing: Writing, ids: Sequence[int], mark: Mark) -> Mark:
        for start in range(0, len(ids), LETTERS):
            some = ids[start : start + LETTERS]
            found = load(conn, some)
            conn.rollback()
            writing.remove(some)
            writing.put(found)
        return replace(mark, highest=max([mark.highest, *ids]))

    def _follow_texts(self, conn: Connection, writing: Writing, mark: Mark) -> tuple[Mark, int]:
        """Letters of which more was read since; what this process has seen within the overlap is passed over."""
        self._texts_at = time.monotonic()
        since = datetime.fromisoformat(mark.texts)
        found = index_attached.came_since(conn, since - TEXTS_OVERLAP, len(self._late) + TEXTS)
        fresh = {key: at for key, at in found if key not in self._late}
        if not fresh:
            return mark, 0
        self._late = {
            key: at for key, at in {**self._late, **fresh}.items() if at >= max(fresh.values()) - TEXTS_OVERLAP
        }
        ids = sorted(index_attached.letters_with(conn, fresh))
        mark = replace(mark, texts=max(since, *fresh.values()).isoformat())
        return self._write(conn, writing, ids, mark), len(ids)

    def _reconcile(self, conn: Connection, writing: Writing, size: int) -> None:
        """Whether there are as many letters here as there: after an error of ours, or a file that was put back.

        Letters that are not sealed yet may differ for a moment; the same difference twice is one.
        """
        if time.monotonic() - self._reconciled_at < RECONCILE_EVERY_S or self._leaf < size:
            return
        self._reconciled_at = time.monotonic()
        there = int(conn.scalar(select(func.count()).select_from(letter)) or 0)
        differ = there - writing.letters()
        if differ and differ == self._differed:
            raise Damaged(f"it differs by {differ} letters")
        self._differed = differ


def letters_of(conn: Connection, leaves: Iterable[tuple[str, str]]) -> set[int]:
    """The letters that the rows of these leaves (table, key) belong to."""
    keys: dict[str, set[int]] = {}
    for kind, key in leaves:
        number = key.partition(".")[0]
        if number.isdecimal():
            keys.setdefault(kind, set()).add(int(number))
    found = keys.get("letter", set()) | keys.get("letter_place", set())  # whose key begins with the letter
    images = keys.get("image", set())
    for some in chunks(keys.get("sighting", ())):
        images |= set(conn.scalars(select(sighting.c.image_id).where(sighting.c.id.in_(some))))
    for some in chunks(keys.get("smtp_envelope", ())):
        images |= set(conn.scalars(
            select(sighting.c.image_id).join(smtp_envelope, smtp_envelope.c.capture == sighting.c.capture)
            .where(smtp_envelope.c.id.in_(some))
        ))  # fmt: skip
    for some in chunks(images):
        found |= set(conn.scalars(select(letter_image.c.letter_id).where(letter_image.c.image_id.in_(some))))
    return found
