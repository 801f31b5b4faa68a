"""What a backup is on the disk, how files get in and out of it, and its manifest. Knows neither database nor spool.

    TARGET/objects/ab/cd/<SHA-256>                     every attachment once, for all backups in this folder
    TARGET/backups/<time>/manifest.json                what is in this backup, each file with its SHA-256
                          database.sql.zst             all tables at one moment
                          objects.txt                  which attachments belong to it: SHA-256 and length
                          data/…                       keys, certificates, spool, checkpoints, as in the data folder
                          config/…                     the configuration and the files that it names

A backup gets its name when it is whole and on the disk; until then it is called `.<time>.part`.
"""

import hashlib
import json
import os
import secrets
import stat
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import IO, Any

from postbuch.archive.errors import NotFound, PostbuchError, UsageError
from postbuch.archive.reasons import Saving

FORMAT = "postbuch-backup-1"
MANIFEST, DATABASE, OBJECTS = "manifest.json", "database.sql.zst", "objects.txt"
NAME = "%Y-%m-%dT%H-%M-%S-%fZ"
DATA, CONFIG, ABSOLUTE = "data", "config", "absolute"
BLOCK_OCTETS = 1_048_576


class BackupDamaged(PostbuchError):
    """Something in a backup is not what its manifest says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """One file of a backup; `path` counts from the backup's folder, `mode` is of chmod(2)."""

    path: str
    sha256: str
    size_octets: int
    mode: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a backup says of itself. `tables`: rows of each; `objects`: how many; `problems`: what is not in it.

    `objects_read`: of how many the SHA-256 was looked at in the target when the backup was made; `mended`: a sentence
    for each that the target had damaged.
    """

    made_at: str
    made_by: str
    config_file: str
    tables: dict[str, int]
    objects: int
    objects_octets: int
    files: tuple[Stored, ...]
    folders: dict[str, int] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    objects_read: int = 0
    mended: tuple[str, ...] = ()


class Backup:
    """One backup in its folder."""

    def __init__(self, folder: Path, target: Path) -> None:
        self.folder = folder
        self.target = target

    def object_path(self, sha256: str) -> Path:
        """Where an attachment lies."""
        return self.target / "objects" / sha256[:2] / sha256[2:4] / sha256

    def read(self) -> Manifest:
        """The manifest. Raises UsageError when it is none that is known here."""
        path = self.folder / MANIFEST
        try:
            facts = json.loads(path.read_text(encoding="utf-8"))
            if facts.pop("format") != FORMAT:
                raise ValueError
            facts["files"] = tuple(Stored(**each) for each in facts["files"])
            for name in ("problems", "mended"):
                facts[name] = tuple(facts.get(name, ()))
            return Manifest(**facts)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            raise UsageError(Saving.NOT_OURS.said(path=path)) from None

    def write(self, manifest: Manifest) -> None:
        """The manifest, the last file of a backup."""
        text = json.dumps({"format": FORMAT, **asdict(manifest)}, indent=1, ensure_ascii=False)
        handle = os.open(self.folder / MANIFEST, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)

    def objects(self) -> Iterator[tuple[str, int]]:
        """SHA-256 and length of each attachment that belongs to it."""
        with (self.folder / OBJECTS).open(encoding="ascii") as lines:
            for line in lines:
                sha256, _, size = line.partition(" ")
                yield sha256, int(size)


def name_behind(manifests: Iterable[Path], made_at: datetime) -> str:
    """The name of a backup of this moment; it comes behind those that are there, also behind those of a time to come.

    Else a backup that was made while the clock was ahead would be the newest until then, and be the one restored.
    """
    for path in manifests:
        try:
            made_at = max(made_at, datetime.strptime(path.parent.name, NAME) + timedelta(microseconds=1))
        except ValueError:  # a folder that a person named
            continue
    return made_at.strftime(NAME)


def newest(path: Path) -> Backup:
    """The backup that a path means: itself, or the newest whole one of a target. Raises NotFound."""
    if (path / MANIFEST).is_file():
        return Backup(path, path.absolute().parent.parent)
    whole = sorted(each.parent for each in (path / "backups").glob(f"[!.]*/{MANIFEST}"))
    if not whole:
        raise NotFound(Saving.NO_BACKUP.said(path=path))
    return Backup(whole[-1], path)


class Digesting:
    """A stream for writing that knows the digest and length of what went through it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._digest = hashlib.sha256()
        self.size_octets = 0

    def write(self, octets: bytes) -> int:
        """As that of a file."""
        self._digest.update(octets)
        self.size_octets += len(octets)
        return self._stream.write(octets)

    def flush(self) -> None:
        """As that of a file."""
        self._stream.flush()

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()


def copy(source: Path, target: Path, *, mode: int | None = None) -> Stored:
    """Copy a file, under its name when it is whole; what was copied (`path` is the target's). Raises OSError.

    `mode` None: that of the source.
    """
    with source.open("rb") as reader:
        given = stat.S_IMODE(os.fstat(reader.fileno()).st_mode) if mode is None else mode
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary = target.with_name(f".{target.name[:200]}.{secrets.token_hex(4)}")
        try:
            handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as stream:
                digesting = Digesting(stream)
                while block := reader.read(BLOCK_OCTETS):
                    digesting.write(block)
                os.fchmod(stream.fileno(), given)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
    return Stored(path=str(target), sha256=digesting.sha256, size_octets=digesting.size_octets, mode=given)


def take_back(backup: Backup, stored: Stored, target: Path) -> None:
    """Copy a file of the backup to where it belongs. Raises BackupDamaged, OSError."""
    source = backup.folder / stored.path
    try:
        found = copy(source, target, mode=stored.mode)
    except FileNotFoundError:
        raise BackupDamaged(Saving.FILE_CHANGED.said(path=source)) from None
    if found.sha256 != stored.sha256:
        target.unlink()
        raise BackupDamaged(Saving.FILE_CHANGED.said(path=source))


def digest(path: Path) -> str:
    """The SHA-256 of a file. Raises OSError."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def inside(path: str) -> PurePosixPath:
    """The path of a manifest, which stays below its folder. Raises UsageError."""
    found = PurePosixPath(path)
    if found.is_absolute() or ".." in found.parts:
        raise UsageError(Saving.NOT_OURS.said(path=path))
    return found


def facts(manifest: Manifest) -> dict[str, Any]:
    """What people are told of a backup."""
    names = ("image", "sighting", "letter", "refusal", "gap", "ledger_leaf", "audit_event")
    return {
        "made_at": manifest.made_at, "tables": {name: manifest.tables.get(name, 0) for name in names},
        "objects": manifest.objects, "objects_octets": manifest.objects_octets, "files": len(manifest.files),
        "objects_read": manifest.objects_read, "problems": list(manifest.problems), "mended": list(manifest.mended),
    }
