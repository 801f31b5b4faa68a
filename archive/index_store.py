"""The folder of the index: generations, which of them is read, and how a letter is written into one.

    index/current          names the generation that is read
    index/2-0007/          a generation: version of the layout, then a serial number
    index/build.lock       held by whoever builds a new one

A generation becomes current as a whole, when it is complete. It can be removed at any time and is made again. How far
it has come (`Mark`) is a document in it: written in the same commit as the letters, so that both are there or neither.
"""

import contextlib
import fcntl
import json
import shutil
from collections.abc import Collection, Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

from tantivy import Document, Index, IndexWriter, Query, Searcher

from postbuch.archive import index_joins, index_text
from postbuch.archive import index_schema as names
from postbuch.archive.index_letters import IndexedLetter

FOLDER = "index"
CURRENT = "current"
# One thread's arena. A letter takes 5 to 10 KB of it, so some 10,000 letters fill it before a segment is written by
# itself; commits of the follower come long before that. Merging maps files and takes 50 MB more for a while.
HEAP_OCTETS = 100_000_000
THREADS = 1
# Suggestions: a subject of 1,000 characters has at most 150 words; beyond the first ones nobody looks.
SUGGESTED_WORDS = 30
SUGGESTED_LEAST = 3
# People whose names are not folded anew for each letter: 1 KB each.
KNOWN_PEOPLE = 2_000
_PEOPLE = ("from", "to", "cc", "people")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """How far an index has come.

    `leaf`: leaves of the ledger before this position are in it. `built`: while it is built, letters up to this number
    are in it; None when it is complete. `highest`: the largest number of a letter in it. `texts`: texts of attachments
    that were extracted before this moment (ISO 8601, UTC) are in it.
    """

    leaf: int
    built: int | None
    highest: int
    texts: str


def folder(data: Path) -> Path:
    """The folder of all generations."""
    return data / FOLDER


def current(data: Path) -> Path | None:
    """The generation that is read; None when there is none of this version."""
    try:
        name = (folder(data) / CURRENT).read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return None
    version, dash, serial = name.partition("-")
    if not dash or version != str(names.VERSION) or not serial.isdecimal():
        return None
    found = folder(data) / name
    return found if (found / "meta.json").is_file() else None


def make_current(data: Path, generation: Path) -> None:
    """Have this one read from now on. Readers see the old or the new one."""
    beside = folder(data) / f".{CURRENT}"
    beside.write_text(generation.name + "\n", encoding="ascii")
    beside.replace(folder(data) / CURRENT)


def give_up(data: Path, generation: Path) -> None:
    """Remove the one that is read: its name must not stand for the next one while that is made."""
    (folder(data) / CURRENT).unlink(missing_ok=True)
    shutil.rmtree(generation, ignore_errors=True)


def new_generation(data: Path) -> Path:
    """An empty folder for the next one."""
    serials = [int(each.name.partition("-")[2]) for each in generations(data)]
    made = folder(data) / f"{names.VERSION}-{max(serials, default=0) + 1:04d}"
    made.mkdir(parents=True)
    return made


def unfinished(data: Path) -> Path | None:
    """A generation after the current one that somebody began and did not complete."""
    read = current(data)
    later = [each for each in generations(data) if each.name.startswith(f"{names.VERSION}-")]
    return later[-1] if later and (read is None or later[-1].name > read.name) else None


def generations(data: Path) -> list[Path]:
    """All of them, the oldest first."""
    found = [each for each in folder(data).glob("*-*") if each.name.partition("-")[2].isdecimal()]
    return sorted(found, key=lambda each: int(each.name.partition("-")[2]))


def remove_old(data: Path, keep: Iterable[Path]) -> None:
    """Remove the other generations. Who still reads one goes on with the files that it has open."""
    kept = {each.name for each in keep}
    for each in generations(data):
        if each.name not in kept:
            shutil.rmtree(each, ignore_errors=True)


@contextlib.contextmanager
def building(data: Path) -> Iterator[bool]:
    """The right to build; False when somebody else has it. The kernel takes it back from one that was killed."""
    folder(data).mkdir(mode=0o700, parents=True, exist_ok=True)  # it holds the words of all letters
    with (folder(data) / "build.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def opened(generation: Path) -> Index:
    """The index in a folder, made when the folder is empty. Raises ValueError when it is damaged."""
    index = Index(names.schema(), path=str(generation))
    names.register(index)
    return index


def read_mark(searcher: Searcher) -> Mark | None:
    """How far it has come; None when nothing was committed yet. Raises ValueError when it is not ours."""
    query = Query.term_query(names.schema(), "letter", names.MARK_LETTER)
    hits = searcher.search(query, limit=1, count=False).hits
    if not hits:
        return None
    try:
        return Mark(**json.loads(searcher.doc(hits[0][1]).get_first("mark") or ""))
    except TypeError as error:
        raise ValueError(f"the mark of the index is not understood: {error}") from error


class Writing:
    """One generation, open for writing by one process. Raises ValueError when it is damaged or in use."""

    def __init__(self, generation: Path) -> None:
        self.generation = generation
        self._index = opened(generation)
        self._writer: IndexWriter = self._index.writer(heap_size=HEAP_OCTETS, num_threads=THREADS)
        self.mark = read_mark(self._searcher())

    def letters(self) -> int:
        """How many letters are in it, as of the last commit."""
        searcher = self._searcher()
        return names.counted(searcher.search(Query.term_query(names.schema(), "kind", names.LETTER_KIND), limit=1))

    def put(self, letters: Iterable[IndexedLetter]) -> None:
        """Add letters; those that are there already are removed before."""
        for letter in letters:
            self._writer.add_document(document(letter))

    def remove(self, ids: Collection[int]) -> None:
        """What is there of these letters. By a query: `delete_documents_by_term` finds no unsigned numbers."""
        if ids:
            self._writer.delete_documents_by_query(Query.term_set_query(names.schema(), "letter", list(ids)))

    def commit(self, mark: Mark) -> None:
        """Make all of it durable and readable, with the mark."""
        self.remove([names.MARK_LETTER])
        made = Document()
        made.add_unsigned("letter", names.MARK_LETTER)
        made.add_text("mark", json.dumps(asdict(mark)))
        self._writer.add_document(made)
        self._writer.commit()
        self.mark = mark

    def close(self) -> None:
        """Give up what was not committed, and let another one write."""
        self._writer.rollback()
        self._writer.wait_merging_threads()
        del self._writer

    def _searcher(self) -> Searcher:
        self._index.reload()
        return self._index.searcher()


def document(letter: IndexedLetter) -> Document:
    """A letter as the index keeps it."""
    made = Document()
    made.add_text("kind", names.LETTER_KIND)
    made.add_unsigned("letter", letter.id)
    made.add_unsigned("order", names.order_of(letter.at, letter.id))
    for number in letter.accounts:
        made.add_unsigned("account", number)
    for number in letter.mailboxes:
        made.add_unsigned("mailbox", number)
    for sender in letter.senders[:1]:
        made.add_text("sender", sender)
    for kind in dict.fromkeys(letter.types):
        made.add_text("type", kind)
    for word in _suggested(letter):
        made.add_text("suggest", word)
    stems: dict[str, set[str]] = {}
    for name, texts in letter.shared.items():
        for text in texts:
            if name == "has":
                made.add_text("has", text)
                continue
            folded, stemmed = _of_person(text) if name in _PEOPLE else _words(text)
            for kept in _fields_of(name):
                for spelled in folded:  # each apart, so that a phrase goes over none of them
                    made.add_text(kept, spelled)
                if kept in names.STEMMED:
                    stems.setdefault(kept, set()).update(stemmed)
    for kept, found in stems.items():
        made.add_text(kept + names.STEM, " ".join(found))
    for account, fields in letter.own.items():
        made.add_text("owner", str(account))
        for name, texts in fields.items():
            for text in texts:
                for words in _own_words(account, name, text):
                    made.add_text(names.OWN, words)
    return made


def _words(text: str) -> tuple[list[str], set[str]]:
    """A text folded, with what is also looked for in a row, and its stems."""
    folded = index_text.fold(text)
    return [folded, *index_text.closed_up(folded)], index_text.all_stems(folded)


@lru_cache(KNOWN_PEOPLE)
def _of_person(text: str) -> tuple[list[str], set[str]]:
    """The same of a name and an address, which come again and again; with neighbours in the name as one word."""
    folded, stems = _words(text)
    joined = [index_text.fold(each) for each in index_joins.names(text.rpartition(" ")[0])]
    return folded + joined, stems | index_text.stem_set(index_text.spelling().analyze(" ".join(joined)))


def _fields_of(name: str) -> tuple[str, ...]:
    """Where a text goes: `people` are in `head` alone, body and attachments only in their own field."""
    if name in ("body", "attached", "has"):
        return (name,)
    return ("head",) if name == "people" else (name, "head")


def _own_words(account: int, name: str, text: str) -> Iterator[str]:
    if name == "has":
        yield names.own_word(account, name, text)
        return
    folded, stems = _of_person(text) if name in _PEOPLE else _words(text)
    for kept in _fields_of(name):
        for spelled in folded if kept in names.SPELLED else ():
            yield " ".join(names.own_word(account, kept, word) for word in index_text.spelling().analyze(spelled))
        if kept in names.STEMMED:
            yield " ".join(names.own_word(account, kept + names.STEM, stem) for stem in stems)


def _suggested(letter: IndexedLetter) -> Iterator[str]:
    """Words of the subject and addresses, each folded and as people write it, with a tab between."""
    found: dict[str, None] = {}
    for text in letter.shared.get("subject", ()):
        for written, spelled in index_text.spellings(text, SUGGESTED_WORDS):
            if len(written) >= SUGGESTED_LEAST and not spelled.isdecimal():
                found.setdefault(f"{spelled}\t{written.lower()}")
    for name in ("from", "to", "cc"):
        for text in letter.shared.get(name, [])[:SUGGESTED_WORDS]:
            address = text.rpartition(" ")[2]
            found.setdefault(f"{address}\t{address}")
    return iter(found)
