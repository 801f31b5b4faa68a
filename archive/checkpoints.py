"""Checkpoints: the root of the ledger's tree, signed, in the database and in folders that others guard.

The text is a C2SP tlog-checkpoint with the time as a further line, and the next key's line when the key changes:

    postbuch/8f3a…
    1234
    <root, base64>
    time 2026-11-23T10:00:00Z
"""

import base64
import binascii
import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, Engine, select

from postbuch.archive import audit, ledgerkey, merkle, said, signednote, systemwords, timestamp
from postbuch.archive.bulk import insert_rows
from postbuch.archive.config import Config
from postbuch.archive.errors import PostbuchError
from postbuch.archive.ledgertree import StoredNodes, tree_size
from postbuch.archive.reasons import Reason
from postbuch.archive.schema_ledger import checkpoint, checkpoint_stamp
from postbuch.archive.sealer import Sealer, locked
from postbuch.archive.signednote import Note, NoteInvalid

PATTERN = "checkpoint-*.txt"
_TIME, _NEXT = "time ", "next-key "


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A checkpoint that was read; nothing is said about its signatures. `at` is in UTC, without a zone."""

    origin: str
    size: int
    root: bytes
    at: datetime | None
    next_key: str
    note: Note


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What a new checkpoint says, and one sentence for each folder or authority that did not take it."""

    number: int
    size: int
    root: bytes
    note: str
    problems: tuple[str, ...]


def read(text: str) -> Checkpoint:
    """Take a checkpoint apart. Raises NoteInvalid."""
    note = signednote.read_note(text)
    lines = note.text.splitlines()
    try:
        size, root = int(lines[1]), base64.b64decode(lines[2], validate=True)
        facts = dict(line.partition(" ")[::2] for line in lines[3:])
        at = facts.get(_TIME.strip())
        moment = datetime.fromisoformat(at).astimezone(UTC).replace(tzinfo=None) if at else None
    except (IndexError, ValueError, binascii.Error):
        raise NoteInvalid("this is no checkpoint") from None
    if size < 0 or len(root) != merkle.HASH_OCTETS:
        raise NoteInvalid("this is no checkpoint")
    return Checkpoint(
        origin=lines[0], size=size, root=root, at=moment, next_key=facts.get(_NEXT.strip(), ""), note=note
    )


def folders(config: Config) -> list[Path]:
    """Where checkpoints are written: the data folder, and those of the configuration."""
    return [config.data / "checkpoints", *map(Path, config.ledger.checkpoint_dirs)]


def make(config: Config, engine: Engine, *, rotate: bool = False) -> Written:
    """Seal what there is, sign it, write it out. `rotate`: with a new key, which the old one introduces.

    Raises ServiceMissing. A folder that cannot be written gets what it lacks the next time.
    """
    Sealer(engine).seal()
    keys = config.data / "keys"
    with engine.connect() as conn, locked(conn):
        key = ledgerkey.ensure(conn, keys)
        size = tree_size(conn)
        root = merkle.root(StoredNodes(conn), size)
        now = audit.now()
        lines = [key.name, str(size), base64.b64encode(root).decode(), f"{_TIME}{now:%Y-%m-%dT%H:%M:%SZ}"]
        signers = [key]
        if rotate:
            signers.append(ledgerkey.prepare_next(keys, key.name))
            ledgerkey.enter(conn, signers[1])
            lines.append(f"{_NEXT}{signers[1].verifier}")
        note = str(signednote.sign("\n".join(lines) + "\n", signers))
        row = {"size": size, "root": root, "note": note, "at": now}
        [(_, number)] = insert_rows(conn, checkpoint, [row])
        conn.commit()
        if rotate:
            ledgerkey.adopt(keys)
        problems = [*_write_all(config, conn), *_stamp(config, conn, number, note)]
        conn.commit()
    return Written(number=number, size=size, root=root, note=note, problems=tuple(problems))


def _write_all(config: Config, conn: Connection) -> Iterator[str]:
    """Every folder gets every checkpoint that it lacks; gives one sentence for each that did not."""
    for folder in folders(config):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            there = {path.name for path in folder.glob(PATTERN)}
            last = folder / max(there, default="")
            with contextlib.suppress(OSError):  # a WORM medium keeps what it has
                if last.is_file() and not last.read_bytes().endswith(b"\n"):  # a crash broke its writing off
                    last.unlink()
                    there.discard(last.name)
            for number in conn.scalars(select(checkpoint.c.id).order_by(checkpoint.c.id)).all():
                if file_name(number) not in there:
                    note = conn.scalar(select(checkpoint.c.note).where(checkpoint.c.id == number)) or ""
                    _write(folder / file_name(number), note)
        except OSError as error:
            yield Reason.CHECKPOINTS_NOT_WRITTEN.said(folder=folder, words=systemwords.cause(error))


def file_name(number: int) -> str:
    """The name of the file of a checkpoint; it is never written twice."""
    return f"checkpoint-{number:010}.txt"


def number_of(path: Path) -> int:
    """The number of the checkpoint that a file is named after; 0 when it is none of ours."""
    digits = path.stem.rpartition("-")[2]
    return int(digits) if digits.isdecimal() else 0


def _write(path: Path, note: str) -> None:
    """Once, durable. No renaming: a WORM medium may forbid it, and half a note has no good signature."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444)
    try:
        view = memoryview(note.encode())
        while view:
            view = view[os.write(handle, view) :]
        os.fsync(handle)
    except OSError:  # a full disk: the next time it is written whole
        with contextlib.suppress(OSError):
            path.unlink()
        raise
    finally:
        os.close(handle)


def _stamp(config: Config, conn: Connection, number: int, note: str) -> Iterator[str]:
    settings = config.ledger
    if not settings.tsa_url:
        return
    try:
        stamp = timestamp.request(note.encode(), settings.tsa_url, Path(settings.tsa_ca_file))
    except PostbuchError as error:
        yield said.of(error)
        return
    row = {
        "checkpoint_id": number, "authority": settings.tsa_url[:255], "stamped_at": stamp.at, "response": stamp.response
    }
    insert_rows(conn, checkpoint_stamp, [row])
    for folder in folders(config):
        with contextlib.suppress(OSError):  # the folder's own trouble was told before
            (folder / file_name(number)).with_suffix(".tsr").write_bytes(stamp.response)
