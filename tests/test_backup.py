"""A backup brings back everything: each table to the row, attachments, spool, keys, and an archive that verifies."""

import json
import os
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, literal_column, select, text
from sqlalchemy.exc import DatabaseError

from postbuch.archive import (
    audit,
    backup,
    backupcopies,
    backupfiles,
    checkpoints,
    coverage,
    database,
    dump,
    restoration,
    spoolsegment,
)
from postbuch.archive.backupfiles import Backup, BackupDamaged, Manifest
from postbuch.archive.columns import written
from postbuch.archive.config import Config, Signing
from postbuch.archive.database import Role
from postbuch.archive.drain import Drain
from postbuch.archive.errors import NotFound, SpoolError, UsageError
from postbuch.archive.objects import ObjectStore
from postbuch.archive.record import MESSAGE
from postbuch.archive.schema import image, metadata, sighting, spool_file
from postbuch.archive.spool import SpoolWriter, waiting
from postbuch.archive.spoolfile import Group
from postbuch.archive.spoolsegment import Segments
from postbuch.archive.verification import Verification
from provider.archive import config_in, ingester, message_facts, new_database
from provider.evidence import a_message, fill

HOSTILE = "It's 100% \\ \n\r\t\0 \x1a \"quoted\" `x` ; ü 🐴 );\nDROP"


def silent(what: str, done: int, total: int) -> None:
    assert 0 < done <= total, what


@contextmanager
def running(config: Config) -> Iterator[Engine]:
    with database.running(config), database.pool(config, Role.INGEST) as engine:
        yield engine


def set_up(folder: Path) -> tuple[Config, Path]:
    """An archive that is not running, and its configuration file."""
    folder.mkdir(exist_ok=True)
    config = config_in(folder)
    file = folder / "postbuch.toml"
    file.write_text('data_dir = "data"\n')
    (config.data / "tls").mkdir(parents=True)
    (config.data / "tls" / "ca.pem").write_text("a certificate")
    new_database(config)
    return config, file


def spooled(config: Config, numbers: range) -> None:
    """Messages that wait in the spool."""
    with SpoolWriter(config.data / "spool", reserve_octets=0) as writer:
        for number in numbers:
            message = writer.begin()
            message.write(a_message(number))
            message.commit(message_facts(uid=number), urgent=True).result(30)


def drain(config: Config, engine: Engine) -> None:
    work = Drain(engine, config.data / "spool", ObjectStore(config.data))
    work.drain_once()
    work.close()
    assert not waiting(config.data / "spool")


def checksums(config: Config) -> dict[str, int]:
    """MariaDB's own check sum of each table; it takes in what a computed column holds only now and then."""
    computed = {each.name: each for each in metadata.tables.values() if len(written(each)) < len(each.columns)}
    with database.connection(config, Role.OWNER) as conn:
        names = dump.tables(conn)
        found = {name: conn.exec_driver_sql(f"CHECKSUM TABLE `{name}`").one()[1] for name in names}
        for name, each in computed.items():
            rows = select(func.sum(func.crc32(literal_column(coverage.row_sql(each))))).select_from(each)
            found[name] = int(conn.scalar(rows) or 0)
        return found


def books(engine: Engine) -> tuple[int, int]:
    with engine.connect() as conn:
        seen = conn.scalar(select(func.sum(spool_file.c.messages)))
        return int(seen or 0), conn.scalar(select(func.count()).select_from(sighting)) or 0


def test_files_that_the_configuration_names_are_in_it(tmp_path: Path) -> None:
    """A restored archive signs mail, and its collector logs in: the key and the password came along."""
    config, file = set_up(tmp_path / "first")
    for name in ("dkim.pem", "master"):
        (tmp_path / "first" / name).write_text(name)
    beside = tmp_path / "first"
    named = config.model_copy(update={
        "signing": [Signing(domain="firma.example", selector="s", key_file=str(beside / "dkim.pem"))],
        "upstream": [config.upstream[0].model_copy(update={"master_password_file": str(beside / "master")})],
    })
    with running(config):
        place, manifest = backup.make(named, file, tmp_path / "target", "test", silent)
    assert {"config/dkim.pem", "config/master"} <= {each.path for each in manifest.files}
    assert (place / "config" / "dkim.pem").read_text() == "dkim.pem"


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A backup of an archive with something of everything, messages in the spool, and what was true of it."""
    folder = tmp_path_factory.mktemp("saved")
    config, file = set_up(folder / "first")
    with running(config) as engine:
        with ingester(config, engine) as work:
            fill(engine, work, 6)
        with engine.begin() as conn:
            audit.record(conn, "anna", "::1", "search", HOSTILE[:200], after={"query": HOSTILE, "none": None})
        checkpoints.make(config, engine)
        spooled(config, range(500, 503))
        drain(config, engine)
        spooled(config, range(503, 505))
        found = checksums(config)
        names = tree(config.data / "attachments")
        place, manifest = backup.make(config, file, folder / "target", "test", silent)
        assert checksums(config) == found
    return config, Backup(place, folder / "target"), manifest, found, names


def tree(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_everything_comes_back(saved: Any, tmp_path: Path) -> None:
    """Every table by its check sum, files, modes, readable names; then drained and verified, and the books balance."""
    _, made, manifest, found, names = saved
    config = config_in(tmp_path)
    told, problems = restoration.restore(config, made, "test", "cli", silent)
    assert told == manifest and problems == []
    assert not (config.data / restoration.MARK).exists() and (config.data / "tls" / "ca.pem").read_text()
    assert (config.data / "keys" / "ledger.json").stat().st_mode & 0o777 == 0o600
    assert (config.data / "keys").stat().st_mode & 0o777 == 0o700
    assert tree(config.data / "attachments") == names and len(waiting(config.data / "spool")) > 0
    with running(config) as engine:
        after = checksums(config)
        different = {name for name in found if after[name] != found[name]}
        assert different == {"audit_event", "ledger_entry"}  # the restore itself is on record
        report = Verification(config, engine).run(full=True).as_json()
        assert report["findings"] == []
        drain(config, engine)
        with engine.connect() as conn:
            assert conn.scalar(select(func.count()).select_from(image)) == manifest.tables["image"] + 2
        refused = pytest.raises(DatabaseError, match="postbuch: rows of image take no DELETE")
        with refused, database.connection(config, Role.OWNER) as conn:
            conn.execute(text("DELETE FROM image"))
        seen, there = books(engine)
        assert seen == 5 and there == manifest.tables["sighting"] + 2
        assert Verification(config, engine).run(full=True).as_json()["findings"] == []


def test_the_next_backup_copies_what_is_new(tmp_path: Path) -> None:
    """Attachments of the first are not written again; both can be brought back; a broken one is no backup."""
    config, file = set_up(tmp_path / "first")
    target = tmp_path / "target"
    with running(config) as engine, ingester(config, engine) as work:
        fill(engine, work, 3)
        first, _ = backup.make(config, file, target, "test", silent)
        before = {path: path.stat().st_ino for path in (target / "objects").rglob("*") if path.is_file()}
        (target / "backups" / ".old.part").mkdir()
        fill(engine, work, 3, start=50)
        second, manifest = backup.make(config, file, target, "test", silent)
    after = {path: path.stat().st_ino for path in (target / "objects").rglob("*") if path.is_file()}
    assert before.items() < after.items() and len(after) == manifest.objects
    assert sorted((target / "backups").iterdir()) == [first, second]
    assert backupfiles.newest(target).folder == second and backupfiles.newest(first).target == target.absolute()
    for place in (first, second):
        fresh = config_in(tmp_path / place.name)
        restored, problems = restoration.restore(fresh, backupfiles.newest(place), "test", "cli", silent)
        assert problems == [] and restored.objects == len(list(Backup(place, target).objects()))


def test_a_backup_by_a_clock_that_was_ahead(saved: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that is made when the clock is right again is the newest, and is the one that comes back."""
    config, *_ = saved
    file, target, now = config.data.parent / "postbuch.toml", tmp_path / "target", audit.now()
    with database.running(config):
        for days, trusted in ((0, False), (400, True), (0, False), (-400, True), (0, True)):
            moment = now + timedelta(days=days)
            monkeypatch.setattr(audit, "now", lambda moment=moment: moment)
            folder, made = backup.make(config, file, target, "test", silent)
            os.utime(folder / "manifest.json", (moment.timestamp(), moment.timestamp()))
            found = backupfiles.newest(target)
            assert (found.folder, found.read().made_at) == (folder, f"{moment.isoformat()}Z")
            assert trusted or made.objects_read == made.objects


@pytest.fixture
def busy_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """What follows at once shares a segment, however busy the machine is."""
    monkeypatch.setattr(spoolsegment, "SUCCESSION_S", 60.0)


@pytest.mark.usefixtures("busy_or_not")
def test_what_a_dead_proxy_left_is_in_it(tmp_path: Path) -> None:
    """Invariant 2: a message in a segment of a killed writer is in the backup; a living one is waited for."""
    config, file = set_up(tmp_path / "first")
    spool = config.data / "spool"
    with running(config), SpoolWriter(spool, reserve_octets=0) as writer:
        dead = Segments(writer)
        for number in range(3):  # the first has a file of its own, what follows at once shares a segment
            group = Group()
            facts = {"capture": os.urandom(16).hex(), "kind": "message", **message_facts(uid=number + 1)}
            waiter = backup_waiter()
            group.add(MESSAGE, [a_message(number)], facts, waiter)
            group.urgent = True
            dead.write(group)
            assert waiter.done()
        [segment] = (spool / "tmp").glob("*.seg")
        alive = threading.Timer(0.5, dead.flush)
        alive.start()  # it lives, and publishes half a second later
        place, _ = backup.make(config, file, tmp_path / "alive", "test", silent)
        alive.join()
        assert not segment.exists() and len(list((place / "data" / "spool" / "new").iterdir())) == 2
        for path in waiting(spool):
            path.rename(spool / "tmp" / f"{path.name}.seg")  # nobody holds these
        place, manifest = backup.make(config, file, tmp_path / "dead", "test", silent)
    shutil.rmtree(config.data)
    restoration.restore(config, Backup(place, tmp_path / "dead"), "test", "cli", silent)
    with running(config) as engine:
        drain(config, engine)
        assert books(engine) == (3, 3) and manifest.tables["image"] == 0


def backup_waiter() -> "Future[str]":
    made: Future[str] = Future()
    made.set_running_or_notify_cancel()
    return made


@pytest.mark.usefixtures("busy_or_not")
def test_a_spool_that_stands_still_is_no_backup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A segment that its writer does not publish: no backup without it, and nothing half is left."""
    monkeypatch.setattr(backup, "SPOOL_PATIENCE_S", 0.3)
    config, file = set_up(tmp_path / "first")
    with running(config), SpoolWriter(config.data / "spool", reserve_octets=0) as writer:
        held = Segments(writer)
        for _ in range(2):
            group, waiter = Group(), backup_waiter()
            facts = {"capture": os.urandom(16).hex(), "kind": "message", **message_facts()}
            group.add(MESSAGE, [a_message(1)], facts, waiter)
            group.urgent = True
            held.write(group)
        with pytest.raises(SpoolError, match="not been published"):
            backup.make(config, file, tmp_path / "target", "test", silent)
        held.flush()
    with pytest.raises(NotFound, match="no whole backup"):
        backupfiles.newest(tmp_path / "target")
    assert list((tmp_path / "target" / "backups").iterdir()) == []


def copied(saved: Any, tmp_path: Path) -> tuple[Backup, Config]:
    _, made, *_ = saved
    shutil.copytree(made.target, tmp_path / "target")
    return backupfiles.newest(tmp_path / "target"), config_in(tmp_path / "new")


@pytest.mark.parametrize("name", ["database.sql.zst", "objects.txt", "data/keys/ledger.json"])
@pytest.mark.parametrize("gone", [True, False])
def test_a_changed_backup_is_named(saved: Any, tmp_path: Path, name: str, gone: bool) -> None:
    """A file with other octets, or none, is an error that names it; the next attempt with a good one begins anew."""
    made, config = copied(saved, tmp_path)
    path = made.folder / name
    octets = path.read_bytes()
    if gone:
        path.unlink()
    else:
        path.write_bytes(octets[:-1] + bytes([octets[-1] ^ 1]))
    with pytest.raises(BackupDamaged, match=name):
        restoration.restore(config, made, "test", "cli", silent)
    assert not (config.data / "tls" / "ca.pem").exists()
    path.write_bytes(octets)
    if name == "objects.txt":
        restoration.restore(config, made, "test", "cli", silent)
        assert (config.data / "tls" / "ca.pem").exists()


def test_an_attachment_that_is_gone(saved: Any, tmp_path: Path) -> None:
    """Missing or changed in the backup: told, everything else comes back, and `verify` names it."""
    made, config = copied(saved, tmp_path)
    first, second = [made.object_path(sha256) for sha256, _ in made.objects()][:2]
    first.unlink()
    second.chmod(0o600)
    second.write_bytes(b"another")
    _, problems = restoration.restore(config, made, "test", "cli", silent)
    assert len(problems) == 2 and first.name in problems[0] + problems[1]
    with running(config) as engine:
        where = json.dumps(Verification(config, engine).run(full=True).as_json()["findings"])
    assert first.name in where and second.name in where


def test_a_damaged_archive_is_backed_up_all_the_same(tmp_path: Path) -> None:
    """An attachment that is gone or changed in the archive: a problem of the backup, and everything else is in it."""
    config, file = set_up(tmp_path / "first")
    with running(config) as engine:
        with ingester(config, engine) as work:
            fill(engine, work, 3)
        first, second = [path for path in (config.data / "objects").rglob("*") if path.is_file()][:2]
        first.unlink()
        second.chmod(0o600)
        second.write_bytes(second.read_bytes()[:-1] + b"?")
        _, manifest = backup.make(config, file, tmp_path / "target", "test", silent)
    assert sorted(each.split()[2] for each in manifest.problems) == sorted([first.name, second.name])


def test_a_damaged_copy_is_found_and_mended(tmp_path: Path) -> None:
    """Cut and filled up again, or written by a backup that a power cut ended: at once; a rotten one in its turn."""
    config, file = set_up(tmp_path / "first")
    target = tmp_path / "target"

    def made(*, thorough: bool = False) -> Manifest:
        return backup.make(config, file, target, "test", silent, thorough=thorough)[1]

    with running(config) as engine:
        with ingester(config, engine) as work:
            fill(engine, work, 3)
        assert made().objects_read == 3
        path = next(path for path in (target / "objects").rglob("*") if path.is_file())
        octets, times = path.read_bytes(), (path.stat().st_atime_ns, path.stat().st_mtime_ns)
        path.chmod(0o600)
        path.write_bytes(b"\0" * len(octets))
        os.utime(path, ns=(times[0], times[1] + 3600 * 10**9))
        manifest = made()
        assert path.read_bytes() == octets and manifest.problems == ()
        [sentence] = manifest.mended
        assert str(path) in sentence
        path.chmod(0o600)
        path.write_bytes(b"\0" * len(octets))
        os.utime(path, ns=times)  # nothing tells
        manifest = made(thorough=True)
        assert path.read_bytes() == octets and len(manifest.mended) == 1 and manifest.objects_read == 3
        assert made(thorough=True).mended == ()


def test_each_copy_gets_its_turn() -> None:
    """Within 31 backups each attachment is read once; what is younger than the last backup at once."""
    digests = [f"{number * 0x1234567 % 2**32:08x}{'0' * 56}" for number in range(500)]
    for step in (1, 7, 14):
        read = [digest for day in range(0, 31 * step, step) for digest in digests
                if not backupcopies.is_trusted(digest, 5, 5, day % backupcopies.TURNS)]  # fmt: skip
        assert sorted(read) == sorted(digests)
    assert not any(backupcopies.is_trusted(digest, 6, 5, 0) for digest in digests)
    assert not any(backupcopies.is_trusted(digest, 1, None, 0) for digest in digests)


def test_only_into_nothing(saved: Any, tmp_path: Path) -> None:
    """A folder with anything in it is left alone; a backup does not go into the data folder; no two at once."""
    config, made, *_ = saved
    with pytest.raises(UsageError, match="not empty"):
        restoration.restore(config, made, "test", "cli", silent)
    file = config.data.parent / "postbuch.toml"
    with pytest.raises(UsageError, match="data folder"):
        backup.make(config, file, config.data / "backup", "test", silent)
    (tmp_path / "target").mkdir()
    with backup._locked(tmp_path / "target"), pytest.raises(UsageError, match="another backup"):
        backup.make(config, file, tmp_path / "target", "test", silent)
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot be written"):
        backup.make(config, file, tmp_path / "file", "test", silent)


@pytest.mark.parametrize("text", ["", "[]", '{"format": "postbuch-backup-2"}', '{"format": "postbuch-backup-1"}'])
def test_what_is_no_manifest(tmp_path: Path, text: str) -> None:
    """One sentence; and no path of a manifest leads out of its folder."""
    (tmp_path / backupfiles.MANIFEST).write_text(text)
    with pytest.raises(UsageError, match="no manifest of a backup"):
        Backup(tmp_path, tmp_path).read()
    for path in ("/etc/passwd", "data/../../x"):
        with pytest.raises(UsageError, match="no manifest"):
            backupfiles.inside(path)


def test_keys_that_change_meanwhile(saved: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The snapshot is taken again until the keys in front of it and behind it are the same; and not for ever."""
    config, *_ = saved
    key = config.data / "keys" / "ledger.json"
    octets = key.read_bytes()
    begin, times = dump.begin, [0]

    def beginning(conn: Any) -> None:
        begin(conn)
        times[0] += 1
        if times[0] in (1, 2) or times[0] > 3:
            key.write_bytes(octets + b" " * times[0])

    monkeypatch.setattr(dump, "begin", beginning)
    file = config.data.parent / "postbuch.toml"
    with running(config):
        place, manifest = backup.make(config, file, tmp_path / "target", "test", silent)
        assert times[0] == 3 and (place / "data" / "keys" / "ledger.json").read_bytes() == octets + b"  "
        with pytest.raises(backup.KeysChange):
            backup.make(config, file, tmp_path / "target", "test", silent)
    key.write_bytes(octets)
    assert isinstance(manifest, Manifest)
