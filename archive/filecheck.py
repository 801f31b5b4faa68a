"""The check of the files: none too many in the object store, and the tree of readable names is what the rows say.

A file is there before its row is committed. So what has none is only suspected, and looked at again while no ingester
is between the two (`ObjectStore.at_rest`). Memory does not grow with the archive: some files, or names of some letters.
"""

import filecmp
import glob
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from itertools import islice
from pathlib import Path

from sqlalchemy import Connection

from postbuch.archive import backupfiles, readable, systemwords
from postbuch.archive.bulk import CHUNK, find
from postbuch.archive.filetree import letter_in
from postbuch.archive.findings import Detail, Findings, Kind
from postbuch.archive.imagerows import StoredFile
from postbuch.archive.objects import ObjectStore, readable_names
from postbuch.archive.schema import letter, object_

# Year, month, day, account: so many folders lie above a readable name.
DEPTH = 4
_DIGEST = re.compile(r"[0-9a-f]{64}")
_REPEATS = re.compile(r"(-[0-9]+)+$")


# --- the object store -----------------------------------------------------------------------------------------------


def check_objects(conn: Connection, store: ObjectStore, findings: Findings) -> int:
    """Every file of the object store has its row; how many files there are. Names that begin with a dot are drafts."""
    count = 0
    waiting: list[Path] = []
    folder = store.objects
    for top in sorted(folder.iterdir()) if folder.is_dir() else []:
        for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
            if path.name.startswith(".") or path.is_dir():
                continue
            count += 1
            waiting.append(path)
        if len(waiting) >= CHUNK:
            _name_strangers(conn, store, waiting, findings)
            waiting = []
    _name_strangers(conn, store, waiting, findings)
    return count


def _name_strangers(conn: Connection, store: ObjectStore, paths: list[Path], findings: Findings) -> None:
    by_digest = {}
    for path in paths:
        if _DIGEST.fullmatch(path.name) and path == store.path(bytes.fromhex(path.name)):
            by_digest[bytes.fromhex(path.name)] = path
        else:
            findings.add(Kind.OBJECT_EXTRA, str(path), Detail.FILE_STRAY.said())
    for at_rest in (False, True):
        with ExitStack() as rest:
            if at_rest:
                rest.enter_context(store.at_rest())
            for digest in find(conn, object_.c.sha256, object_.c.id, by_digest):
                del by_digest[digest]
            conn.rollback()
        if not by_digest:
            return
    for path in by_digest.values():
        findings.add(Kind.OBJECT_EXTRA, str(path), Detail.FILE_UNUSED.said())


# --- the readable names ---------------------------------------------------------------------------------------------


def check_names(conn: Connection, store: ObjectStore, findings: Findings) -> int:
    """Every attachment has its readable names, and no other file is among them; how many files there are."""
    last = 0
    while letters := readable.letters_after(conn, last):
        for (folder, letter_id), files in readable.named(conn, store, letters).items():
            for family in _families(letter_id, files):
                family.check(store, folder, findings)
        conn.rollback()
        last = letters[-1]
    count = 0
    for folder, names in _walk(store.attachments, 0, findings):
        count += len(names)
        _check_strangers(conn, store, folder, names, findings)
    return count


class _Family:
    """Attachments of one letter whose names may come into each other's way, as `r.pdf`, `r.pdf` and `r-2.pdf`.

    Which of them came first, and so has the name without a number, no row says. But each took the first name that was
    free, and no name is ever taken away: so before its name none is free. The same attachment may have two names.
    """

    def __init__(self, letter_id: int, files: Sequence[StoredFile]) -> None:
        self._letter_id = letter_id
        self.stem = _stem(next(readable_names(letter_id, files[0].name)))
        self._wanted = {(file.name, file.sha256): file for file in files}
        self._sizes = {file.sha256: file.size_octets for file in files}
        self._inodes: dict[tuple[int, int], bytes] | None = None

    def looked_at(self, store: ObjectStore, folder: Path) -> dict[str, dict[str, bytes | None]]:
        """Name of an attachment → its readable names, up to the first free one, and what is there. Raises OSError.

        At least as many as there are attachments: behind a name that is gone may be those of others.
        """
        found: dict[str, dict[str, bytes | None]] = {}
        for name in dict.fromkeys(file.name for file in self._wanted.values()):
            mine = found[name] = {}
            wanted = {digest for each, digest in self._wanted if each == name}
            for each in readable_names(self._letter_id, name):
                mine[each] = self.identify(store, folder / each)
                if len(mine) >= len(self._wanted) and (None in mine.values() or wanted <= set(mine.values())):
                    break
        return found

    def check(self, store: ObjectStore, folder: Path, findings: Findings) -> None:
        """Each attachment has its name, and under these names is nothing else."""
        try:
            found = self.looked_at(store, folder)
        except OSError as error:
            words = systemwords.cause(error)
            findings.add(Kind.NAME_MISSING, str(error.filename or folder), Detail.NAMES_UNREADABLE.said(words=words))
            return
        strangers = dict.fromkeys(each for mine in found.values() for each, there in mine.items() if there == b"")
        told: dict[str, bytes] = {}  # a name that is gone or another, and whose it was
        lost = [(name, digest) for name, digest in self._wanted if not _reached(found[name], digest)]
        # Those that have no name at all come first: the free name before that of another is theirs.
        for name, digest in sorted(lost, key=lambda each: each[1] in found[each[0]].values()):
            mine = found[name]
            free = [each for each, there in mine.items() if there is None] or list(mine)
            if (digest in mine.values() and free[0] in told) or any(told.get(each) == digest for each in mine):
                continue
            kind, detail = Kind.NAME_MISSING, Detail.NAME_GONE
            where = next((each for each in free if each not in told), free[0])
            changed = next((each for each in mine if each in strangers), None)
            if changed is not None and digest not in mine.values():
                del strangers[changed]
                kind, detail, where = Kind.NAME_CHANGED, Detail.NAME_OTHER, changed
            told[where] = digest
            findings.add(kind, str(folder / where), detail.said(sha256=digest.hex(), letter=self._letter_id))
        for each in strangers:
            findings.add(Kind.NAME_EXTRA, str(folder / each), Detail.NAME_STRAY.said())

    def identify(self, store: ObjectStore, path: Path) -> bytes | None:
        """The digest of the attachment that the file is; empty when it is none of them, None when there is no file.

        By the hard link; where a copy of the tree has lost it, by the octets. Raises OSError.
        """
        try:
            there = path.lstat()
        except FileNotFoundError:
            return None
        if not stat.S_ISREG(there.st_mode):
            return b""
        if self._inodes is None:
            self._inodes = dict(_inodes(store, self._sizes))
        digest = self._inodes.get((there.st_dev, there.st_ino))
        if digest is None and there.st_size in self._sizes.values():
            digest = bytes.fromhex(backupfiles.digest(path))
        return digest if digest in self._sizes else b""


def _reached(mine: Mapping[str, bytes | None], digest: bytes) -> bool:
    """Whether the attachment has a name and none before it is free: whoever names it again finds it named."""
    return next((there == digest for there in mine.values() if there in (None, digest)), False)


def _families(letter_id: int, files: Sequence[StoredFile]) -> list[_Family]:
    found: dict[tuple[str, str], list[StoredFile]] = {}
    for file in files:
        found.setdefault(_stem(next(readable_names(letter_id, file.name))), []).append(file)
    return [_Family(letter_id, each) for each in found.values()]


def _stem(name: str) -> tuple[str, str]:
    """A readable name without the numbers of repeats, and its extension."""
    stem, extension = os.path.splitext(name)  # noqa: PTH122 - a name, not a path
    return _REPEATS.sub("", stem), extension


def _inodes(store: ObjectStore, digests: Iterable[bytes]) -> Iterator[tuple[tuple[int, int], bytes]]:
    for digest in digests:
        with suppress(OSError):
            found = store.path(digest).stat()
            yield (found.st_dev, found.st_ino), digest


def _walk(folder: Path, depth: int, findings: Findings) -> Iterator[tuple[Path, list[str]]]:
    """The files of the tree, some of one folder at a time. A link to a folder is a file, and so is one too deep."""
    folders: list[str] = []
    try:
        with os.scandir(folder) as entries:
            while part := list(islice(entries, CHUNK)):
                below = [each.name for each in part if depth < DEPTH and each.is_dir(follow_symlinks=False)]
                folders += below
                if len(below) < len(part):
                    yield folder, sorted({each.name for each in part}.difference(below))
    except FileNotFoundError:
        return
    except OSError as error:
        said = Detail.NAMES_UNREADABLE.said(words=systemwords.cause(error))
        findings.add(Kind.NAME_EXTRA, str(folder), said)
        return
    for name in sorted(folders):
        yield from _walk(folder / name, depth + 1, findings)


def _check_strangers(
    conn: Connection, store: ObjectStore, folder: Path, names: Sequence[str], findings: Findings
) -> None:
    """Each file has a letter that says so."""
    left = list(names)
    for at_rest in (False, True):
        with ExitStack() as rest:
            if at_rest:
                rest.enter_context(store.at_rest())
            numbers = {name: letter_in(name) for name in left}
            letters = {number for number in numbers.values() if number is not None}
            known = readable.named(conn, store, letters)
            there = find(conn, letter.c.id, letter.c.id, letters)
            conn.rollback()
        families = {number: _families(number, known.get((folder, number), ())) for number in letters}
        left = [
            name for name, number in numbers.items()
            if number is None or not (
                _has_name(store, folder / name, families[number]) if number in there
                else _is_left_over(conn, folder / name)
            )
        ]  # fmt: skip
        if not left:
            return
    for name in left:
        findings.add(Kind.NAME_EXTRA, str(folder / name), Detail.NAME_STRAY.said())


def _has_name(store: ObjectStore, path: Path, families: Iterable[_Family]) -> bool:
    """Whether `_Family.check` has looked at the file, or it is an attachment under one more name of its own."""
    mine = [family for family in families if family.stem == _stem(path.name)]
    return any(family.identify(store, path) for family in mine) or any(
        path.name in names for family in mine for names in family.looked_at(store, path.parent).values()
    )


def _is_left_over(conn: Connection, path: Path) -> bool:
    """Whether the name is of a batch that was broken off after it had named its files.

    Its letters got other numbers the next time, so the folder has the same file for a letter that there is. A name
    alone that leads to some attachment is none: it would show people what their account never got.
    """
    others = [each for each in path.parent.glob(f"*{glob.escape(_ending(path.name))}") if each.name != path.name]
    numbers = {each: letter_in(each.name) for each in others if _ending(each.name) == _ending(path.name)}
    there = find(conn, letter.c.id, letter.c.id, {number for number in numbers.values() if number is not None})
    conn.rollback()
    try:
        return stat.S_ISREG(path.lstat().st_mode) and any(
            stat.S_ISREG(each.lstat().st_mode) and (each.samefile(path) or filecmp.cmp(each, path, shallow=False))
            for each, number in numbers.items() if number in there
        )
    except OSError:
        return False


def _ending(name: str) -> str:
    """A readable name without the number of the letter."""
    return name.partition("-")[2]
