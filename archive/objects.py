"""Attachments as files: each once by its digest, and by hard link under names that people find them by.

    objects/ab/cd/<SHA-256>                                   the octets, read-only
    attachments/<year>/<month>/<day>/<account>/<letter>-<name>  the same file for file browser, SMB, FTP

One `sync` makes everything durable that was put before it; nothing may be committed that refers to a file before that.
"""

import contextlib
import ctypes
import fcntl
import filecmp
import hashlib
import os
import re
import secrets
import unicodedata
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from postbuch.archive import systemwords
from postbuch.archive.errors import NotFound, PostbuchError
from postbuch.archive.wrong import Wrong

# 180 octets: with a letter number and a repeat number in front the name stays below the 255 of every file system.
NAME_OCTETS = 180
EXTENSION_OCTETS = 20
# So many files of one letter may have the same name.
MAX_REPEATS = 10_000
# Windows and SMB refuse these, with any extension.
RESERVED = re.compile(r"^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\.|$)", re.IGNORECASE)
_FORBIDDEN = re.compile(r'[\\/:*?"<>|]')
_libc = ctypes.CDLL(None, use_errno=True)


class ObjectsUnwritable(PostbuchError):
    """The folder of the attachments cannot be written; the message waits in the spool."""

    temporary = True


class ObjectDamaged(PostbuchError):
    """The file of an attachment is not what was stored."""


def _unreadable(digest: bytes, error: OSError) -> NotFound:
    return NotFound(Wrong.ATTACHMENT_UNREADABLE.said(digest=digest.hex(), cause=systemwords.cause(error)))


class ObjectStore:
    """The two folders below the data folder. Several processes may use them at once."""

    def __init__(self, data: Path) -> None:
        self.objects = data / "objects"
        self.attachments = data / "attachments"

    def path(self, digest: bytes) -> Path:
        """Where an object lies."""
        name = digest.hex()
        return self.objects / name[:2] / name[2:4] / name

    def read(self, digest: bytes) -> bytes:
        """The octets of an object. Raises NotFound; that they have the digest is checked with the image's."""
        try:
            return self.path(digest).read_bytes()
        except OSError as error:
            raise _unreadable(digest, error) from error

    def open(self, digest: bytes) -> BinaryIO:
        """An object from its beginning, after all of it was read and has the digest. Raises NotFound, ObjectDamaged."""
        try:
            stream = self.path(digest).open("rb")
        except OSError as error:
            raise _unreadable(digest, error) from error
        try:
            if hashlib.file_digest(stream, "sha256").digest() != digest:
                raise ObjectDamaged(f"the attachment {digest.hex()} does not have its SHA-256")
            stream.seek(0)
        except OSError as error:
            stream.close()
            raise _unreadable(digest, error) from error
        except ObjectDamaged:
            stream.close()
            raise
        return stream

    def put(self, payloads: Mapping[bytes, bytes]) -> None:
        """Write objects that no committed row names yet. Raises ObjectsUnwritable.

        A file of that name stays when it is whole: another ingester may have committed it by now. Else it is replaced:
        a crash before `sync` can leave half of it.
        """
        try:
            for digest, payload in payloads.items():
                path = self.path(digest)
                # Never a name that was used before: a crash may have left it as a second one of the object.
                temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
                try:
                    handle = self._create(temporary)
                    try:
                        view = memoryview(payload)
                        while view:
                            view = view[os.write(handle, view) :]
                        os.fchmod(handle, 0o440)
                    finally:
                        os.close(handle)
                    try:
                        os.link(temporary, path)
                    except FileExistsError:
                        if path.read_bytes() != payload:
                            temporary.rename(path)
                finally:
                    temporary.unlink(missing_ok=True)
        except OSError as error:
            raise ObjectsUnwritable(f"{self.objects}: cannot be written: {error.strerror}") from error

    def _create(self, path: Path) -> int:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        try:
            return os.open(path, flags, 0o600)
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
            return os.open(path, flags, 0o600)

    def folder(self, at: datetime, account: str) -> Path:
        """Where the readable names lie of what an account saw, by the arrival of the letter."""
        return self.attachments / f"{at:%Y/%m/%d}" / safe_name(account)

    def link(self, digest: bytes, at: datetime, account: str, letter_id: int, name: str) -> Path:
        """A readable name for an object, or the one the letter has already. Raises ObjectsUnwritable."""
        return self.link_in(self.folder(at, account), digest, letter_id, name)[0]

    def link_in(self, folder: Path, digest: bytes, letter_id: int, name: str) -> tuple[Path, bool]:
        """As `link`, in a folder that is known; and whether the name is new."""
        source, place = str(self.path(digest)), str(folder)
        try:
            for each in readable_names(letter_id, name):
                new = self._link(source, f"{place}/{each}")
                if new is not None:
                    return folder / each, new
        except OSError as error:
            raise ObjectsUnwritable(f"{folder}: cannot be written: {error.strerror}") from error
        raise ObjectsUnwritable(f"{folder}: the letter {letter_id} has too many attachments of the same name")

    @staticmethod
    def _link(source: str, target: str) -> bool | None:
        """Whether `target` is a new name of `source`; None when it is one of another file."""
        for attempt in (1, 2):
            try:
                os.link(source, target)  # a Path for each takes longer than the link
            except FileExistsError:
                # A tree that was copied to another disk may have lost its hard links, and the octets are the same.
                is_ours = Path(target).samefile(source) or filecmp.cmp(source, target, shallow=False)
                return False if is_ours else None
            except FileNotFoundError:
                if attempt == 2:
                    raise
                Path(target).parent.mkdir(parents=True, exist_ok=True, mode=0o750)
            else:
                return True
        return None

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        """For the time from the first file to the commit of its row. Waits while somebody is `at_rest`."""
        with contextlib.ExitStack() as work:
            try:
                self.attachments.mkdir(parents=True, exist_ok=True, mode=0o750)
                self.objects.mkdir(parents=True, exist_ok=True, mode=0o750)
                with _held(self.attachments, fcntl.LOCK_SH):
                    pass
                work.enter_context(_held(self.objects, fcntl.LOCK_SH))
            except OSError as error:
                raise ObjectsUnwritable(f"{self.objects}: cannot be written: {error.strerror}") from error
            yield

    @contextlib.contextmanager
    def at_rest(self) -> Iterator[None]:
        """While nobody is `at_work`: each file has its row by now, or gets none."""
        # Whoever begins stands at the first lock, so that those at work come to their end before others begin.
        with _held(self.attachments, fcntl.LOCK_EX), _held(self.objects, fcntl.LOCK_EX):
            yield

    def sync(self) -> None:
        """One sync for all files and names that were put and linked before. Raises ObjectsUnwritable."""
        for folder in (self.objects, self.attachments):
            with contextlib.suppress(FileNotFoundError):
                handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
                try:
                    if _libc.syncfs(handle) != 0:
                        reason = os.strerror(ctypes.get_errno())
                        raise ObjectsUnwritable(f"{folder}: cannot be synced: {reason}")
                finally:
                    os.close(handle)
                if folder == self.objects and self._one_file_system():
                    return

    def _one_file_system(self) -> bool:
        try:
            return self.objects.stat().st_dev == self.attachments.stat().st_dev
        except FileNotFoundError:
            return True


@contextlib.contextmanager
def _held(folder: Path, kind: int) -> Iterator[None]:
    """A lock on a folder; given back by name, because a child that was forked meanwhile has the handle, too."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, kind)
        yield
    finally:
        fcntl.flock(handle, fcntl.LOCK_UN)
        os.close(handle)


def readable_names(letter_id: int, name: str) -> Iterator[str]:
    """The names of an attachment in its folder: the first that no other file of the letter has is its own."""
    stem, extension = os.path.splitext(safe_name(name))  # noqa: PTH122 - a name, not a path
    yield f"{letter_id}-{stem}{extension}"
    for repeat in range(2, MAX_REPEATS):
        yield f"{letter_id}-{stem}-{repeat}{extension}"


def safe_name(name: str, limit_octets: int = NAME_OCTETS) -> str:
    """A file name that no system takes for anything else: no path, no control or direction marks, not reserved.

    Keeps the extension when the name is cut; an empty name becomes `attachment`.
    """
    kept = name
    if not (name.isascii() and name.isprintable()):
        # Categories C*: control, format (right-to-left override), surrogates, private use; Z*: line ends.
        kept = "".join(
            " " if unicodedata.category(c)[0] == "Z" else c
            for c in unicodedata.normalize("NFC", name)
            if unicodedata.category(c)[0] != "C"
        )
    kept = " ".join(_FORBIDDEN.sub("_", kept).split()).strip(" .")
    if RESERVED.match(kept):
        kept = "_" + kept
    stem, extension = os.path.splitext(kept)  # noqa: PTH122 - a name, not a path
    if len(extension.encode()) > EXTENSION_OCTETS:
        stem, extension = kept, ""
    room = limit_octets - len(extension.encode())
    stem = stem.encode()[:room].decode("utf-8", "ignore").rstrip(" .")
    return (stem + extension).strip(" .") or "attachment"
