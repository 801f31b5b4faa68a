"""Messages in files that other programs wrote: EML, mbox, Maildir, ZIP of these. Yields octets as they lie there.

mbox: a message is what stands between two `From ` lines, without that line and without the empty line before the next
one. `>From ` stays as it is: nobody can know whether the quoting was the writer's, and the octets are the evidence.
"""

import io
import re
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

# 1 GiB for one member of a ZIP: above it is a bomb or no mail.
MAX_MEMBER_OCTETS = 1_073_741_824
BLOCK_OCTETS = 1_048_576
_SEPARATOR = re.compile(rb"From [^\r\n]*[0-9]{2}:[0-9]{2}[^\r\n]*\r?\n?$")
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


def messages_in(path: Path) -> Iterator[Item]:
    """Every message below a file or a folder, in the order of the names. Raises nothing on content."""
    if path.is_dir():
        yield from _folder(path)
        return
    try:
        if zipfile.is_zipfile(path):
            yield from _archive(path)
            return
        with path.open("rb") as stream:
            if is_mbox(stream.read(BLOCK_OCTETS), path.name):
                stream.seek(0)
                yield from _mbox(stream, str(path))
            else:
                stream.seek(0)
                yield Item(source=str(path), octets=stream.read())
    except (OSError, zipfile.BadZipFile) as error:
        yield Item(source=str(path), octets=None, reason=f"cannot be read: {error}")


def _folder(path: Path) -> Iterator[Item]:
    """In a Maildir only its messages and the Maildirs below; else every file that is not hidden."""
    maildir = _is_maildir(path)
    if maildir:
        yield from _maildir(path)
    for child in sorted(path.iterdir()):
        if child.is_symlink() or (maildir and child.name in ("cur", "new", "tmp")):
            continue
        if child.is_dir() or not (maildir or child.name.startswith(".")):
            yield from messages_in(child)


def is_mbox(head: bytes, name: str) -> bool:
    """Whether a file is an mbox: called one, or not called anything else and begins with a `From ` line with a time.

    An EML file that begins with such a line keeps it: it is one message, and the line is part of its octets.
    """
    name = name.lower()
    if not head.startswith(b"From ") or name.endswith(".eml"):
        return False
    line = head[: head.find(b"\n") + 1] or head
    return name.endswith((".mbox", ".mbx")) or _SEPARATOR.match(line) is not None


def _mbox(lines: Iterable[bytes], source: str) -> Iterator[Item]:
    message: list[bytes] = []
    number = 0
    previous_empty = True
    for line in lines:
        if previous_empty and line.startswith(b"From ") and (number == 0 or _SEPARATOR.match(line)):
            if number:
                yield _mbox_item(source, number, message)
            number += 1
            message = []
        else:
            message.append(line)
        previous_empty = line in (b"\n", b"\r\n")
    if number:
        yield _mbox_item(source, number, message)


def _mbox_item(source: str, number: int, lines: list[bytes]) -> Item:
    if lines and lines[-1] in (b"\n", b"\r\n"):  # the writer's, before the next From_ line
        lines = lines[:-1]
    return Item(source=f"{source}#{number}", octets=b"".join(lines))


def _is_maildir(path: Path) -> bool:
    return (path / "cur").is_dir() and (path / "new").is_dir()


def _maildir(path: Path) -> Iterator[Item]:
    for folder in ("new", "cur"):
        for file in sorted((path / folder).iterdir()):
            if file.name.startswith(".") or not file.is_file():
                continue
            letters = file.name.rpartition(":2,")[2] if ":2," in file.name else ""
            try:
                octets = file.read_bytes()
            except OSError as error:
                yield Item(source=str(file), octets=None, reason=f"cannot be read: {error.strerror}")
                continue
            flags = [FLAGS[letter] for letter in letters if letter in FLAGS]
            yield Item(source=str(file), octets=octets, flags=flags, arrived=_delivered(file.name))


def _delivered(name: str) -> datetime | None:
    """When it was delivered, in seconds since 1970 at the head of the name; the file's own time may be a copy's."""
    seconds = name.partition(".")[0]
    if not (seconds.isascii() and seconds.isdecimal() and 8 <= len(seconds) <= 10):
        return None
    return datetime.fromtimestamp(int(seconds), UTC)


def _archive(path: Path) -> Iterator[Item]:
    """The members of a ZIP, nothing unpacked to disk; a ZIP within it is no mail."""
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if member.is_dir():
                continue
            source = f"{path}!{member.filename}"
            try:
                with archive.open(member) as stream:
                    octets = stream.read(MAX_MEMBER_OCTETS + 1)
            except (OSError, RuntimeError, NotImplementedError, ValueError, EOFError, zipfile.BadZipFile) as error:
                yield Item(source=source, octets=None, reason=f"cannot be read: {error}")
                continue
            except Exception as error:
                yield Item(source=source, octets=None, reason=f"cannot be read: {type(error).__name__}")
                continue
            if len(octets) > MAX_MEMBER_OCTETS:
                yield Item(source=source, octets=None, reason="is larger than 1 GiB")
            elif is_mbox(octets[:BLOCK_OCTETS], member.filename):
                yield from _mbox(io.BytesIO(octets), source)
            else:
                yield Item(source=source, octets=octets)
