"""An export as files: single messages, mboxrd, or a ZIP with the folder tree and a manifest. Nothing is half there.

What is written gets its final name when it is whole and on the disk; broken off it leaves nothing.
"""

import contextlib
import itertools
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from postbuch.archive import export, harmless, manifest, mbox, systemwords
from postbuch.archive.errors import UsageError
from postbuch.archive.export import Export, Message, Missing, Place
from postbuch.archive.manifest import Entry
from postbuch.archive.objects import safe_name
from postbuch.archive.reasons import Outward
from postbuch.archive.spoolfolder import sync_folder
from postbuch.archive.zipstream import ZipStream

# What stands for the mailbox of a message that was submitted and in none; no mailbox name becomes this one.
SUBMITTED = "_submitted"
# With four folders of 60 octets above it a path stays below the 259 characters that Windows unpacks.
SUBJECT_OCTETS = 60
FOLDER_OCTETS = 60


@contextlib.contextmanager
def new_file(path: Path, *, replace: bool) -> Iterator[IO[bytes]]:
    """A file that has this name when the block has ended well, readable for us alone. Raises UsageError."""
    if path.exists() and not replace:
        raise UsageError(Outward.EXISTS.said(path=path))
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise UsageError(Outward.NOT_WRITTEN.said(path=path, words=systemwords.cause(error))) from error
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder that has this name when the block has ended well. Raises UsageError when something is there."""
    try:
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise UsageError(Outward.FOLDER_NOT_EMPTY.said(path=path))
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
        temporary.mkdir(mode=0o700)
        try:
            yield temporary
            temporary.replace(path)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        raise UsageError(Outward.NOT_WRITTEN.said(path=path, words=systemwords.cause(error))) from error


def write_message(path: Path, messages: Iterable[tuple[Message, bytes]], *, replace: bool) -> Iterator[Message]:
    """The one message as a file."""
    with new_file(path, replace=replace) as stream:
        for message, octets in messages:
            stream.write(octets)
            yield message


def write_folder(path: Path, messages: Iterable[tuple[Message, bytes]]) -> Iterator[Message]:
    """Each message as a file of a folder."""
    with new_folder(path) as folder:
        for message, octets in messages:
            (folder / file_name(message)).write_bytes(octets)
            yield message


def write_mbox(path: Path, messages: Iterable[tuple[Message, bytes]], *, replace: bool) -> Iterator[Message]:
    """All messages as one mbox."""
    with new_file(path, replace=replace) as stream:
        for message, octets in messages:
            stream.write(mbox.written(octets, message.arrived))
            yield message


def write_zip(
    path: Path, found: Export, missing: list[Missing], facts: Mapping[str, Any], *, replace: bool
) -> Iterator[Message]:
    """The ZIP of `zip_octets`."""
    with new_file(path, replace=replace) as stream:
        for message, octets in zip_octets(found, missing, facts):
            stream.write(octets)
            if message is not None:
                yield message


def pieces(form: str, found: Export, facts: Mapping[str, Any]) -> Iterator[bytes]:
    """The octets of a ZIP or an mbox, for who takes them as they come. What cannot be read is left out of an mbox."""
    if form == "zip":
        for _, octets in zip_octets(found, [], facts):
            yield octets
        return
    for message, octets in export.read(found, []):
        yield mbox.written(octets, message.arrived)


def zip_octets(
    found: Export, missing: list[Missing], facts: Mapping[str, Any]
) -> Iterator[tuple[Message | None, bytes]]:
    """A ZIP piece by piece; a message stands beside the piece that it ends with.

    One file for each place where a message was (account/mailbox/…), the manifest of what was written, and SHA256SUMS.
    `facts` stand at the head of the manifest: who made it, when, by which query.
    """
    folders = Folders()
    count = 0
    with ZipStream() as archive, tempfile.TemporaryFile() as lines, tempfile.TemporaryFile() as sums:
        lines.write(manifest.head(facts))
        for message, octets in export.read(found, missing):
            for place in message.places:
                name = f"{folders.of(place)}/{file_name(message)}"
                for piece in archive.message(name, octets, message.arrived):
                    yield None, piece
                lines.write(manifest.line(_entry(name, message, place), first=count == 0))
                sums.write(manifest.sum_line(message.sha256, name))
                count += 1
            yield message, b""
        lines.write(manifest.tail({"files": count, "missing": [asdict(each) for each in missing]}))
        now = datetime.now()
        pieces = itertools.chain(
            archive.file(manifest.SUMS, sums, now), archive.file(manifest.NAME, lines, now), archive.end()
        )
        for piece in pieces:
            yield None, piece


class Folders:
    """The folder of each place; two mailboxes whose names look the same on some system get two."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str | None], str] = {}
        self._taken: set[str] = set()

    def of(self, place: Place) -> str:
        """`account/mailbox`, with a folder for each level of the mailbox's name."""
        key = place.account, place.mailbox
        if key not in self._known:
            levels = SUBMITTED if place.mailbox is None else "/".join(map(_level, place.mailbox.split("/")))
            wanted = f"{_level(place.account)}/{levels}"
            names = itertools.chain([wanted], (f"{wanted}-{number}" for number in itertools.count(2)))
            name = next(each for each in names if each.casefold() not in self._taken)
            self._taken.add(name.casefold())
            self._known[key] = name
        return self._known[key]


def _is_name(written: str) -> bool:
    return not harmless.is_blank(written.strip(" ."))


def _level(name: str) -> str:
    safe = safe_name(name, FOLDER_OCTETS) if _is_name(name) else "_"
    return f"_{safe}" if safe == SUBMITTED else safe


def file_name(message: Message) -> str:
    """`2026-11-23-12-Angebot.eml`: the day, the number of the image, the subject."""
    subject = safe_name(message.subject, SUBJECT_OCTETS) if _is_name(message.subject) else ""
    return f"{message.arrived:%Y-%m-%d}-{message.image_id}{'-' if subject else ''}{subject}.eml"


def _entry(name: str, message: Message, place: Place) -> Entry:
    return Entry(
        file=name, sha256=message.sha256, size_octets=message.size_octets, letter=message.letter_id,
        account=place.account, mailbox=place.mailbox, flags=place.flags, internal_date=place.internal_date,
        seen_at=place.seen_at, source=place.source, uidvalidity=place.uidvalidity, uid=place.uid,
        subject=message.subject,
    )
