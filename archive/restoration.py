"""A backup back into an empty data folder and an empty database. What it holds is checked on the way.

Broken off it leaves a folder that nothing takes for an archive: the certificates come last, and without them nothing
starts. The next attempt begins anew. What was in the spool of the backup is drained by the next `postbuch up`.
"""

import io
import shutil
from collections.abc import Iterator
from pathlib import Path

import zstandard

from postbuch.archive import audit, backupfiles, database, dump, readable, setup, systemwords
from postbuch.archive.backupcopies import Progress
from postbuch.archive.backupfiles import ABSOLUTE, CONFIG, DATA, DATABASE, OBJECTS, Backup, BackupDamaged, Manifest
from postbuch.archive.config import Config
from postbuch.archive.database import Role
from postbuch.archive.errors import UsageError
from postbuch.archive.objects import ObjectStore
from postbuch.archive.reasons import Saving

MARK = "restore-is-not-done"
_LAST = f"{DATA}/tls/"


def put_configuration(backup: Backup, config_file: Path) -> None:
    """The configuration of the backup where there is none, with the files that lay beside it."""
    manifest = backup.read()
    for stored in manifest.files:
        path = backupfiles.inside(stored.path)
        if path.parts[0] != CONFIG or path.parts[1] == ABSOLUTE:
            continue
        beside = Path(*path.parts[1:])
        target = config_file if str(beside) == manifest.config_file else config_file.absolute().parent / beside
        if not target.exists():
            backupfiles.take_back(backup, stored, target)


def restore(config: Config, backup: Backup, actor: str, origin: str, progress: Progress) -> tuple[Manifest, list[str]]:
    """Bring it back; the manifest, and one sentence for each attachment that is not there any more.

    Raises UsageError, BackupDamaged, ServiceMissing.
    """
    manifest = backup.read()
    try:
        _prepare_folder(config.data)
        _files(config, backup, manifest, progress)
        problems = list(_objects(config, backup, manifest, progress))
        with database.running(config):
            _database(config, backup, manifest, progress)
            setup.initialise(config)
            with database.connection(config, Role.INGEST) as conn:
                readable.make(conn, ObjectStore(config.data), lambda done, total: progress("names", done, total))
                after = {"made_at": manifest.made_at, "problems": len(problems)}
                audit.record(conn, actor, origin, "restore", "archive", after=after)
        for stored in manifest.files:
            if stored.path.startswith(_LAST):
                backupfiles.take_back(backup, stored, config.data / backupfiles.inside(stored.path).relative_to(DATA))
        (config.data / MARK).unlink()
    except OSError as error:
        raise UsageError(Saving.NOT_WRITTEN.said(path=config.data, words=systemwords.cause(error))) from error
    return manifest, problems


def _prepare_folder(data: Path) -> None:
    """An empty folder with the mark in it; what an attempt that was broken off has made goes."""
    data.mkdir(parents=True, exist_ok=True)
    there = list(data.iterdir())
    if there and not (data / MARK).exists():
        raise UsageError(Saving.NOT_EMPTY.said(folder=data))
    for path in there:
        if path.name == MARK:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    (data / MARK).touch()


def _files(config: Config, backup: Backup, manifest: Manifest, progress: Progress) -> None:
    """Keys, spool, checkpoints and whatever else lay in the data folder, but for the certificates."""
    for name, mode in manifest.folders.items():
        if not name.startswith("mariadb"):  # the server makes its own
            folder = config.data / backupfiles.inside(name)
            folder.mkdir(exist_ok=True, mode=0o700)
            folder.chmod(mode)
    mine = [each for each in manifest.files if each.path.startswith(f"{DATA}/") and not each.path.startswith(_LAST)]
    for number, stored in enumerate(mine, 1):
        backupfiles.take_back(backup, stored, config.data / backupfiles.inside(stored.path).relative_to(DATA))
        progress("files", number, len(mine))


def _objects(config: Config, backup: Backup, manifest: Manifest, progress: Progress) -> Iterator[str]:
    _check(backup, manifest, OBJECTS)
    store = ObjectStore(config.data)
    for number, (sha256, _) in enumerate(backup.objects(), 1):
        target = store.path(bytes.fromhex(sha256))
        try:
            found = backupfiles.copy(backup.object_path(sha256), target, mode=0o440)
        except FileNotFoundError as error:
            yield Saving.OBJECT_GONE.said(sha256=sha256, words=systemwords.cause(error))
        else:
            if found.sha256 != sha256:
                target.unlink()
                yield Saving.OBJECT_CHANGED.said(sha256=sha256)
        progress("objects", number, manifest.objects)


def _check(backup: Backup, manifest: Manifest, name: str) -> None:
    """Hold a file that is read where it lies to its digest. Raises BackupDamaged."""
    path = backup.folder / name
    wanted = next((each.sha256 for each in manifest.files if each.path == name), "")
    if not (wanted and path.is_file() and backupfiles.digest(path) == wanted):
        raise BackupDamaged(Saving.FILE_CHANGED.said(path=path))


def _database(config: Config, backup: Backup, manifest: Manifest, progress: Progress) -> None:
    """All tables, and as many rows in each as there were."""
    _check(backup, manifest, DATABASE)
    if config.database.url:
        database.check(config, Role.OWNER)
    else:
        setup.make_owner(config)
    path = backup.folder / DATABASE
    with database.connection(config, Role.OWNER) as conn, path.open("rb") as packed:
        if dump.tables(conn):
            raise UsageError(Saving.DATABASE_NOT_EMPTY.said())
        size = path.stat().st_size
        with zstandard.ZstdDecompressor().stream_reader(packed) as stream:
            lines = io.BufferedReader(stream, backupfiles.BLOCK_OCTETS)
            dump.load(conn, lines, lambda _: progress("database", packed.tell(), size))
        found = dump.counts(conn)
    for table, wanted in manifest.tables.items():
        if found.get(table) != wanted:
            raise BackupDamaged(Saving.NOT_ALIKE.said(table=table, rows=found.get(table, 0), wanted=wanted))
