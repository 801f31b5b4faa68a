"""Messages in files: EML, mbox, Maildir, EMLX, ZIP of these. Yields octets as they lie there.

What is imported stays for good, so a file that cannot be a message is refused: a packed one, a damaged ZIP, a mailbox
of Outlook. What is called EML, begins with a field, or is text is kept however odd it is.

A ZIP that `postbuch export` wrote says in its manifest where each message was; a member whose digest is not the
manifest's is refused.
"""

import hashlib
import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from postbuch.archive import emlx, manifest, systemwords
from postbuch.archive.manifest import Entry
from postbuch.archive.mbox import is_mbox, read
from postbuch.archive.reasons import Incoming

# 1 GiB for one message or member of a ZIP: above it is a bomb or no mail.
MAX_OCTETS = 1_073_741_824
BLOCK_OCTETS = 1_048_576
# How a header begins: the name of a field and a colon (RFC 5322 section 2.2, blanks as in 4.5.3).
_FIELD = re.compile(rb"[^\x00-\x20\x7f:]+[ \t]*:")
# What `zipfile` raises on a member that it cannot give out.
_UNREADABLE = (OSError, RuntimeError, NotImplementedError, ValueError, EOFError, zipfile.BadZipFile)
# Maildir info letters (cr.yp.to/proto/maildir.html) as IMAP flags.
FLAGS = {"P": "$Forwarded", "R": "\\Answered", "S": "\\Seen", "T": "\\Deleted", "D": "\\Draft", "F": "\\Flagged"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One message found. `octets` is None when it could not be read: `reason` says why."""

    source: str
    octets: bytes | None
    flags: list[str] = field(default_factory=list)
    arrived: datetime | None = None
    reason: str = ""
    origin: "Origin | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where the message was when it was exported. `mailbox` None: it was submitted and in no mailbox."""

    account: str
    mailbox: str | None


def messages_in(path: Path) -> Iterator[Item]:
    """Every message below a file or a folder, in the order of the names. Raises nothing on content."""
    source = str(path)
    try:
        if path.is_dir():
            yield from _folder(path)
        elif not path.is_file():  # to open a pipe waits for whoever writes into it
            yield Item(source=source, octets=None, reason=Incoming.NO_FILE.said())
        elif zipfile.is_zipfile(path):
            yield from _archive(path)
        else:
            with path.open("rb") as stream:
                yield from _file(stream, path.name, source)
    except (OSError, zipfile.BadZipFile) as error:
        yield _unreadable(source, error)


def _file(stream: BinaryIO, name: str, source: str) -> Iterator[Item]:
    """The messages of one that is no ZIP; of one that is no mail no more than its head is read."""
    head = stream.read(BLOCK_OCTETS)
    stream.seek(0)
    if is_mbox(head, name):
        for number, found in enumerate(read(stream), 1):
            yield _fitting(Item(source=f"{source}#{number}", octets=found.octets, arrived=found.arrived))
    elif name.lower().endswith(emlx.ENDINGS) and not _FIELD.match(head):
        yield _of_apple_mail(stream, name, source)
    elif name.lower().endswith(".eml") or _FIELD.match(head) or b"\0" not in head:
        yield _fitting(Item(source=source, octets=stream.read(MAX_OCTETS + 1)))
    else:
        yield Item(source=source, octets=None, reason=Incoming.OTHER_KIND.said())


def _of_apple_mail(stream: BinaryIO, name: str, source: str) -> Item:
    if name.lower().endswith(emlx.IN_PIECES):
        return Item(source=source, octets=None, reason=Incoming.WITHOUT_ATTACHMENTS.said())
    found = emlx.read(stream.read(MAX_OCTETS + 1))
    if found is None:
        return Item(source=source, octets=None, reason=Incoming.CUT_OFF.said())
    return Item(source=source, octets=found.octets, flags=found.flags, arrived=found.arrived)


def _fitting(item: Item) -> Item:
    """The item; refused where it has more octets than any message."""
    if len(item.octets or b"") <= MAX_OCTETS:
        return item
    return Item(source=item.source, octets=None, reason=Incoming.TOO_LARGE.said())


def _unreadable(source: str, error: Exception) -> Item:
    cause = systemwords.cause(error) if isinstance(error, OSError) else str(error) or type(error).__name__
    return Item(source=source, octets=None, reason=Incoming.UNREADABLE.said(cause=cause))


def _folder(path: Path) -> Iterator[Item]:
    """In a Maildir only its messages and the Maildirs below; else every file that is not hidden."""
    maildir = _is_maildir(path)
    if maildir:
        yield from _maildir(path)
    for child in sorted(path.iterdir()):
        if maildir and child.name in ("cur", "new", "tmp"):
            continue
        if child.is_symlink():  # it may lead round in a circle, or to what lies in another folder of these
            if not (maildir or child.name.startswith(".")):
                yield Item(source=str(child), octets=None, reason=Incoming.LINK.said())
        elif child.is_dir() or not (maildir or child.name.startswith(".")):
            yield from messages_in(child)


def _is_maildir(path: Path) -> bool:
    return (path / "cur").is_dir() and (path / "new").is_dir()


def _maildir(path: Path) -> Iterator[Item]:
    for folder in ("new", "cur"):
        for file in sorted((path / folder).iterdir()):
            if file.name.startswith(".") or not file.is_file():
                continue
            letters = file.name.rpartition(":2,")[2] if ":2," in file.name else ""
            try:
                with file.open("rb") as stream:
                    octets = stream.read(MAX_OCTETS + 1)
            except OSError as error:
                yield _unreadable(str(file), error)
                continue
            flags = [FLAGS[letter] for letter in letters if letter in FLAGS]
            yield _fitting(Item(source=str(file), octets=octets, flags=flags, arrived=_delivered(file.name)))


def _delivered(name: str) -> datetime | None:
    """When it was delivered, in seconds since 1970 at the head of the name; the file's own time may be a copy's."""
    seconds = name.partition(".")[0]
    if not (seconds.isascii() and seconds.isdecimal() and 8 <= len(seconds) <= 10):
        return None
    return datetime.fromtimestamp(int(seconds), UTC)


def is_export(path: Path) -> bool:
    """Whether it is a ZIP of `postbuch export`: its messages say where they belong."""
    try:
        if not (path.is_file() and zipfile.is_zipfile(path)):
            return False
        with zipfile.ZipFile(path) as archive:
            return _has_manifest(archive)
    except (OSError, zipfile.BadZipFile):
        return False


def _has_manifest(archive: zipfile.ZipFile) -> bool:
    try:
        with archive.open(manifest.NAME) as lines:
            return manifest.is_ours(lines.readline(manifest.LINE_OCTETS))
    except (KeyError, *_UNREADABLE):
        return False


def _archive(path: Path) -> Iterator[Item]:
    """The members of a ZIP, nothing unpacked to disk; a ZIP within it is no mail."""
    with zipfile.ZipFile(path) as archive:
        told: set[str] = set()
        if _has_manifest(archive):
            told |= {manifest.NAME, manifest.SUMS}
            yield from _told(archive, path, told)
        for member in archive.infolist():
            hidden = member.filename.rpartition("/")[2].startswith(".")  # as in a folder; a Macintosh adds such files
            if member.is_dir() or hidden or member.filename in told:
                continue
            source = f"{path}!{member.filename}"
            octets = _member(archive, member, source)
            if isinstance(octets, Item):
                yield octets
            else:
                yield from _file(io.BytesIO(octets), member.filename, source)


def _told(archive: zipfile.ZipFile, path: Path, told: set[str]) -> Iterator[Item]:
    """The messages that the manifest names, each held to its digest."""
    with archive.open(manifest.NAME) as lines:
        for entry in manifest.entries(lines):
            source = f"{path}!{entry.file}"
            told.add(entry.file)
            try:
                member = archive.getinfo(entry.file)
            except KeyError:
                yield Item(source=source, octets=None, reason=Incoming.NOT_IN_ZIP.said())
                continue
            octets = _member(archive, member, source)
            yield octets if isinstance(octets, Item) else _held(octets, entry, source)


def _held(octets: bytes, entry: Entry, source: str) -> Item:
    if hashlib.sha256(octets).hexdigest() != entry.sha256:
        return Item(source=source, octets=None, reason=Incoming.ANOTHER_DIGEST.said())
    return Item(
        source=source, octets=octets, flags=list(entry.flags), arrived=entry.internal_date,
        origin=Origin(account=entry.account, mailbox=entry.mailbox),
    )


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, source: str) -> bytes | Item:
    """The octets of a member, or why it cannot be read."""
    try:
        with archive.open(member) as stream:
            octets = stream.read(MAX_OCTETS + 1)
    except Exception as error:  # also what the unpacking libraries call their own
        return _unreadable(source, error)
    if len(octets) > MAX_OCTETS:
        return Item(source=source, octets=None, reason=Incoming.TOO_LARGE.said())
    return octets
