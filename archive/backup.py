"""A backup while everything runs: database, attachments, spool, keys and configuration, as of one moment.

The moment is the snapshot of the database, T. What is read in which order, and why nothing is lost or twice:

1. The spool before T. What a dead proxy left in a segment is published first, as its next start would do; those of
   living proxies are waited for (they publish every 0.2 s). Then the files in `new` are copied. A message that was
   acknowledged before the backup began is thus in a file that is copied, or its file has gone meanwhile: files go after
   the commit, so the rows are in a snapshot that is taken later. A file that is copied and drained before T is in both:
   its name stands in `spool_file`, and a drain passes over it.
2. Everything else in the data folder before T. Each checkpoint's file is written after its row was committed, so no
   file is newer than the snapshot: `verify` would take that for a cut tail. Only keys and certificates must be neither
   older nor newer: they are read before T and again behind it, and when they have changed, T is taken anew.
3. T, and all tables as they were then.
4. The attachments after T: their files are on the disk before rows that name them are committed, and are never
   changed or removed. Those that the target has already are left as they are, so the next backup copies the new ones.
   Which of them are read again, because a disk may have damaged them, says `backupcopies.py`.

What is being written while this goes on and is not acknowledged yet is not in it, nor need it be.
"""

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import zstandard
from sqlalchemy import Connection, select

from postbuch.archive import audit, backupfiles, database, dump, systemwords
from postbuch.archive.backupcopies import Copies, Progress
from postbuch.archive.backupfiles import (
    ABSOLUTE,
    CONFIG,
    DATA,
    DATABASE,
    MANIFEST,
    OBJECTS,
    Backup,
    Digesting,
    Manifest,
    Stored,
)
from postbuch.archive.config import Config
from postbuch.archive.database import Role
from postbuch.archive.errors import NotFound, PostbuchError, SpoolError, UsageError
from postbuch.archive.objects import ObjectStore
from postbuch.archive.reasons import Saving
from postbuch.archive.schema import object_
from postbuch.archive.spool import SpoolWriter
from postbuch.archive.spoolfolder import sync_folder, waiting
from postbuch.archive.spoolsegment import SUFFIX

# Of the data folder: what has a way of its own, and what a start makes anew.
_APART = {"mariadb", "mariadb.new", "objects", "attachments", "index", "jobs", "run", "spool", "thumbnails"}
_HELD = ("keys", "tls")
# A living writer publishes a segment after 0.2 s, or tries again as often when its disk is full.
SPOOL_PATIENCE_S = 10.0
# Keys change when an administrator changes them, and once a year: a second look finds them at rest.
TRIES = 5
COMPRESSION = 3


class KeysChange(PostbuchError):
    """The keys were another each time that they were looked at."""

    temporary = True


def make(
    config: Config, config_file: Path, target: Path, made_by: str, progress: Progress, *, thorough: bool = False
) -> tuple[Path, Manifest]:
    """A new backup in the target; its folder and what it says. The database must answer.

    `thorough`: every attachment that the target has already is read.
    Raises UsageError, SpoolError, ServiceMissing, KeysChange.
    """
    if target.absolute().is_relative_to(config.data):
        raise UsageError(Saving.INSIDE.said(path=target))
    try:
        target.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _locked(target):
            return _make(config, config_file, target, made_by, progress, thorough=thorough)
    except OSError as error:
        raise UsageError(Saving.NOT_WRITTEN.said(path=target, words=systemwords.cause(error))) from error


@contextmanager
def _locked(target: Path) -> Iterator[None]:
    with (target / ".lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(Saving.IN_USE.said(path=target)) from None
        yield


def _make(
    config: Config, config_file: Path, target: Path, made_by: str, progress: Progress, *, thorough: bool
) -> tuple[Path, Manifest]:
    made_at = audit.now()
    name = backupfiles.name_behind((target / "backups").glob(f"[!.]*/{MANIFEST}"), made_at)
    folder = target / "backups" / f".{name}.part"
    for left in (target / "backups").glob(".*.part"):  # of one that was broken off: nobody else is at work here
        shutil.rmtree(left)
    folder.mkdir(parents=True, mode=0o700)
    backup = Backup(folder, target)
    try:
        files = [*_spool(config.data / "spool", backup, progress), *_configuration(config, config_file, backup)]
        with database.pool(config, Role.OWNER) as engine, engine.connect() as conn:
            held = _snapshot(conn, config.data, backup)
            folders = {
                each.name: each.stat().st_mode & 0o777 for each in sorted(config.data.iterdir()) if each.is_dir()
            }
            tables, stored = _database(conn, backup, progress)
            objects, octets, listed = _list_objects(conn, backup)
        copies = Copies(backup, None if thorough else _last_written(target), made_at.toordinal())
        problems = tuple(copies.take(ObjectStore(config.data), objects, progress))
        manifest = Manifest(
            made_at=f"{made_at.isoformat()}Z", made_by=made_by, config_file=config_file.name, tables=tables,
            objects=objects, objects_octets=octets, files=(*files, *held, stored, listed), folders=folders,
            problems=problems, objects_read=copies.read, mended=tuple(copies.mended),
        )
        backup.write(manifest)
        os.sync()  # many files of a moment ago: one wait for all of them
        final = folder.with_name(name)
        folder.rename(final)
        sync_folder(final.parent)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return final, manifest


# --- before the moment ----------------------------------------------------------------------------------------------


def _spool(spool: Path, backup: Backup, progress: Progress) -> Iterator[Stored]:
    """Every file that waits for the drain, then those that were set aside."""
    with SpoolWriter(spool):
        pass  # has published what dead writers left
    _await_segments(spool)
    paths = waiting(spool)
    for number, path in enumerate(paths, 1):
        yield from _copied(path, backup, f"{DATA}/spool/new/{path.name}")
        progress("spool", number, len(paths))
    if (spool / "damaged").is_dir():
        for path in sorted((spool / "damaged").iterdir()):
            yield from _copied(path, backup, f"{DATA}/spool/damaged/{path.name}")


def _await_segments(spool: Path) -> None:
    """Return when each segment that is there now has been published. Raises SpoolError."""
    left = {path for path in (spool / "tmp").iterdir() if path.suffix == SUFFIX}
    end = time.monotonic() + SPOOL_PATIENCE_S
    while left := {path for path in left if path.exists()}:
        if time.monotonic() > end:
            raise SpoolError(Saving.SPOOL_STANDS.said(folder=spool, seconds=round(SPOOL_PATIENCE_S)))
        time.sleep(0.02)


def _copied(source: Path, backup: Backup, path: str) -> Iterator[Stored]:
    """One file, or none when it has gone."""
    try:
        found = backupfiles.copy(source, backup.folder / path)
    except FileNotFoundError:
        return
    yield Stored(path=path, sha256=found.sha256, size_octets=found.size_octets, mode=found.mode)


def _configuration(config: Config, config_file: Path, backup: Backup) -> Iterator[Stored]:
    """The file itself and those that it names; what lies elsewhere than beside it under its whole path."""
    base = config_file.absolute().parent
    yield from _copied(config_file, backup, f"{CONFIG}/{config_file.name}")
    for path in config.files:
        inside = path.relative_to(base) if path.is_relative_to(base) else Path(ABSOLUTE, *path.parts[1:])
        yield from _copied(path, backup, f"{CONFIG}/{inside.as_posix()}")


def _data(data: Path, backup: Backup, names: list[str]) -> list[Stored]:
    """The files below folders of the data folder."""
    found: list[Stored] = []
    for name in names:
        for path in sorted((data / name).rglob("*")):
            if path.is_file() and not path.name.startswith("."):  # those are being written
                found += _copied(path, backup, f"{DATA}/{path.relative_to(data).as_posix()}")
    return found


# --- the moment -----------------------------------------------------------------------------------------------------


def _snapshot(conn: Connection, data: Path, backup: Backup) -> list[Stored]:
    """Begin the snapshot; what lies in the data folder, as of then."""
    for _ in range(TRIES):
        others = [each.name for each in sorted(data.iterdir()) if each.is_dir() and each.name not in _APART]
        found = _data(data, backup, others)
        dump.begin(conn)
        again = {each.path: each.sha256 for each in _data(data, backup, list(_HELD))}
        held = tuple(f"{DATA}/{name}/" for name in _HELD)
        if again == {each.path: each.sha256 for each in found if each.path.startswith(held)}:
            return found
        conn.rollback()
    raise KeysChange(Saving.KEYS_CHANGE.said(folder=data / "keys"))


def _database(conn: Connection, backup: Backup, progress: Progress) -> tuple[dict[str, int], Stored]:
    total, done = dump.estimate(conn), 0

    def advance(rows: int) -> None:
        nonlocal done
        done += rows
        progress("database", done, max(total, done))

    path = backup.folder / DATABASE
    with path.open("xb") as stream:
        path.chmod(0o600)
        digesting = Digesting(stream)
        packer = zstandard.ZstdCompressor(level=COMPRESSION)
        with packer.stream_writer(digesting, closefd=False) as packed:  # type: ignore[arg-type] # has what it needs
            tables = dump.write(conn, packed, advance)
    return tables, Stored(
        path=DATABASE, sha256=digesting.sha256, size_octets=digesting.size_octets, mode=0o600
    )


# --- after the moment -----------------------------------------------------------------------------------------------


def _list_objects(conn: Connection, backup: Backup) -> tuple[int, int, Stored]:
    """The attachments that the snapshot names: how many, how many octets, their list."""
    count = octets = 0
    path = backup.folder / OBJECTS
    with path.open("xb") as stream:
        path.chmod(0o600)
        digesting = Digesting(stream)
        query = select(object_.c.sha256, object_.c.size_octets).order_by(object_.c.sha256)
        for row in conn.execute(query, execution_options={"stream_results": True, "yield_per": 1000}):
            digesting.write(f"{row.sha256.hex()} {row.size_octets}\n".encode())
            count, octets = count + 1, octets + row.size_octets
    return count, octets, Stored(
        path=OBJECTS, sha256=digesting.sha256, size_octets=digesting.size_octets, mode=0o600
    )


def _last_written(target: Path) -> int | None:
    """When the last whole backup of the target was on the disk, with all files that were written before it (ns).

    None where that is a time to come: the clock was ahead, and what is before it by that clock may be behind it.
    """
    try:
        last = backupfiles.newest(target)
    except NotFound:
        return None
    written = (last.folder / MANIFEST).stat().st_mtime_ns
    return written if written <= time.time_ns() else None
