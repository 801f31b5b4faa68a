"""One log-in by FTPS: who it is, what he may read at this moment, and the record of what he is about to be shown.

Knows nothing of FTP. Each question asks for the rights anew, as each click in the web does.
"""

import unicodedata
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import BinaryIO

from sqlalchemy import Connection, Engine

from postbuch.archive import audit, filetree, users
from postbuch.archive.errors import NotFound, PostbuchError
from postbuch.archive.filetree import LAST_YEAR, File, Folder
from postbuch.archive.objects import ObjectDamaged, ObjectStore
from postbuch.archive.users import ALL, Rights, User

# Folders of which a session remembers that it was shown them: more than a person opens in a day.
MAX_SHOWN = 1_000
# year/month/day/account/file
_DEPTH = 5
TREE = "attachments"
NOWHERE = "there is no such file or folder"


class Ended(PostbuchError):
    """The user was shut out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A line of a listing. `at` is in UTC; for a folder its first moment."""

    name: str
    is_folder: bool
    at: datetime
    size_octets: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What stands at a path: a folder with the words of its path, or a file in the folder of an account."""

    words: tuple[str, ...]
    entry: Entry
    where: Folder | None = None
    file: File | None = None


class Visit:
    """Used by one thread. `origin` is the client's address."""

    def __init__(self, engine: Engine, store: ObjectStore, user: User, origin: str) -> None:
        self.user = user
        self._engine = engine
        self._store = store
        self._origin = origin
        self._shown: OrderedDict[str, None] = OrderedDict()
        self._reading: Folder | None = None

    def is_welcome(self) -> bool:
        """Whether the user is still active, and may read what he is being sent."""
        try:
            with self._engine.begin() as conn:
                rights = self._rights(conn)
        except Ended:
            return False
        return self._reading is None or _covers(rights, self._reading)

    def sent(self) -> None:
        """The file that was opened last is at its end, or given up."""
        self._reading = None

    def leave(self) -> None:
        """The log-out, on record."""
        with self._engine.begin() as conn:
            self._record(conn, "log-out", "ftps")

    def entry(self, path: str) -> Entry:
        """What stands at a path; on record. Raises NotFound, Ended."""
        with self._look(path) as (_, _, found):
            pass
        return _demanded(found).entry

    def listing(self, path: str) -> Iterator[Entry]:
        """What is in a folder, or the one file; on record. Raises NotFound, and Ended also while it is read."""
        with self._look(path) as (conn, rights, found):
            here = [] if found is None or found.where is not None else list(_inside(conn, rights, found.words))
        found = _demanded(found)
        if not found.entry.is_folder:
            return iter([found.entry])
        return iter(here) if found.where is None else self._files(found.where)

    def open(self, path: str) -> BinaryIO:
        """The octets of a file after they were checked; on record. Raises NotFound, ObjectDamaged, Ended."""
        with self._look(path) as (conn, _, found):
            file = None if found is None else found.file
            if file is not None:
                after: dict[str, object] = {"image": filetree.image_sha256(conn, file.image_id), "part": file.part}
                self._record(conn, "download", f"letter {file.letter_id}", after)
        if file is None or found is None:
            raise NotFound(NOWHERE)
        try:
            stream = self._store.open(file.sha256)
        except NotFound as error:
            raise ObjectDamaged(str(error)) from error
        self._reading = found.where
        return stream

    def _files(self, where: Folder) -> Iterator[Entry]:
        """The files of a folder page by page, as long as it may be read."""
        after = None
        while True:
            with self._engine.begin() as conn:
                if not _covers(self._rights(conn), where):
                    raise Ended("the right to this folder has ended")
                files, after = filetree.page(conn, where, after)
            yield from (_file_entry(each) for each in files)
            if after is None:
                return

    def _rights(self, conn: Connection) -> Rights:
        """As they are now. Raises Ended."""
        if users.get_user(conn, self.user.id) is None:
            raise Ended(f"the user '{self.user.login}' is not active")
        return users.accounts_of(conn, self.user.id)

    @contextmanager
    def _look(self, path: str) -> Iterator[tuple[Connection, Rights, _Found | None]]:
        """What stands at a path within the rights, and its transaction: that it is shown, or was asked for in vain, is
        on record when that is committed."""
        # Some clients send names as their file system takes them apart (a and two dots for ä).
        words = tuple(word for word in unicodedata.normalize("NFC", path).split("/") if word)
        with self._engine.begin() as conn:
            rights = self._rights(conn)
            found = _at(conn, rights, words)
            folder = "/".join((TREE, *(words if found is None or found.file is None else words[:-1])))
            if found is None:
                number = filetree.letter_in(words[-1]) if len(words) == _DEPTH else None
                self._record(conn, "refused", TREE if number is None else f"letter {number}", {"page": "ftps"})
            elif folder not in self._shown:
                self._record(conn, "list", folder)
            yield conn, rights, found
        if found is not None:  # not before the commit: what the record has lost was not shown
            self._shown[folder] = None
            self._shown.move_to_end(folder)
            if len(self._shown) > MAX_SHOWN:
                self._shown.popitem(last=False)

    def _record(self, conn: Connection, action: str, target: str, after: dict[str, object] | None = None) -> None:
        audit.record(conn, self.user.login, self._origin, action, target, after=after)


def _at(conn: Connection, rights: Rights, words: tuple[str, ...]) -> _Found | None:
    """What stands at the path of these words."""
    if not words:
        return _Found(words=words, entry=Entry(name="/", is_folder=True, at=datetime(1970, 1, 1)))
    span = _span(words[:3])
    if span is None or len(words) > _DEPTH:
        return None
    begin, end = span
    entry = Entry(name=words[-1], is_folder=True, at=begin)
    if len(words) <= 3:
        return _Found(words=words, entry=entry) if filetree.has_files(conn, rights, begin, end) else None
    where = filetree.folder(conn, rights, begin.date(), words[3])
    if where is None or len(words) == 4:
        return None if where is None else _Found(words=words, entry=entry, where=where)
    file = filetree.find(conn, where, words[4])
    return None if file is None else _Found(words=words, entry=_file_entry(file), where=where, file=file)


def _span(words: tuple[str, ...]) -> tuple[datetime, datetime] | None:
    """The first moment of a year, a month or a day and the first one after it; None when it is not written so."""
    if not all(word.isascii() and word.isdigit() and len(word) <= 4 for word in words):
        return None
    year, month, day = (*(int(word) for word in words), 1, 1)[:3]
    if words != (str(year), f"{month:02}", f"{day:02}")[: len(words)] or year > LAST_YEAR:
        return None
    try:
        begin = datetime(year, month, day)
    except ValueError:
        return None
    if len(words) == 3:
        return begin, begin + timedelta(days=1)
    if len(words) == 2:
        return begin, datetime(year + month // 12, month % 12 + 1, 1)
    return begin, datetime(year + 1, 1, 1)


def _inside(conn: Connection, rights: Rights, words: tuple[str, ...]) -> Iterator[Entry]:
    """The folders in a folder above those of the accounts."""
    match [int(word) for word in words]:
        case []:
            for year in filetree.years(conn, rights):
                yield Entry(name=str(year), is_folder=True, at=datetime(year, 1, 1))
        case [year]:
            for month in filetree.months(conn, rights, year):
                yield Entry(name=f"{month:02}", is_folder=True, at=datetime(year, month, 1))
        case [year, month]:
            for day in filetree.days(conn, rights, year, month):
                yield Entry(name=f"{day:02}", is_folder=True, at=datetime(year, month, day))
        case [year, month, day]:
            for name in filetree.accounts(conn, rights, date(year, month, day)):
                yield Entry(name=name, is_folder=True, at=datetime(year, month, day))


def _file_entry(file: File) -> Entry:
    return Entry(name=file.name, is_folder=False, size_octets=file.size_octets, at=file.at)


def _demanded(found: _Found | None) -> _Found:
    if found is None:
        raise NotFound(NOWHERE)
    return found


def _covers(rights: Rights, where: Folder) -> bool:
    return rights == ALL or where.accounts <= rights
