"""Checkpoints are signed, written where they are wanted, stamped, and survive a change of the key."""

import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select

from postbuch.archive import audit, checkpoints, ledgerkey, merkle, timestamp
from postbuch.archive.config import Config
from postbuch.archive.ledgertree import StoredNodes
from postbuch.archive.schema_ledger import checkpoint, checkpoint_stamp
from postbuch.archive.signednote import NoteInvalid
from provider.archive import fresh_archive
from provider.stamper import Stamper


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Config, Engine]]:
    with fresh_archive(tmp_path_factory.mktemp("a")) as found:
        yield found


def changed(config: Config, **ledger: Any) -> Config:
    """The configuration with other settings of the ledger."""
    return config.model_copy(update={"ledger": config.ledger.model_copy(update=ledger)})


def enter(engine: Engine, target: str) -> None:
    """Something to seal."""
    with engine.begin() as conn:
        audit.record(conn, "anna", "cli", "view", target)


def test_a_checkpoint_in_every_folder(archive: tuple[Config, Engine], tmp_path: Path) -> None:
    """Signed by the archive's key over the root of everything before it; a folder that comes later gets all."""
    config, engine = archive
    enter(engine, "letter 1")
    first = checkpoints.make(config, engine)
    enter(engine, "letter 2")
    late = changed(config, checkpoint_dirs=[str(tmp_path / "worm")])
    second = checkpoints.make(late, engine)
    assert first.problems == second.problems == () and second.size > first.size
    names = {path.name: path.read_text() for path in (tmp_path / "worm").iterdir()}
    assert names[checkpoints.file_name(first.number)] == first.note
    assert names[checkpoints.file_name(second.number)] == second.note
    read = checkpoints.read(second.note)
    with engine.connect() as conn:
        [key] = [each for each in ledgerkey.public_keys(conn) if each.signed(read.note)]
        assert read.origin == key.name
        assert (read.size, read.root) == (second.size, merkle.root(StoredNodes(conn), second.size))
        proof = merkle.consistency(StoredNodes(conn), first.size, second.size)
    assert merkle.is_consistent(first.size, first.root, second.size, second.root, proof)
    assert (config.data / "keys" / "ledger.json").stat().st_mode & 0o077 == 0


def test_a_new_key_is_introduced_by_the_old(archive: tuple[Config, Engine]) -> None:
    """The checkpoint of a rotation bears both signatures; the next one the new key's alone."""
    config, engine = archive
    checkpoints.make(config, engine)
    turned = checkpoints.read(checkpoints.make(config, engine, rotate=True).note)
    after = checkpoints.read(checkpoints.make(config, engine).note)
    with engine.connect() as conn:
        *_, old, new = ledgerkey.public_keys(conn)
    assert old.signed(turned.note) and new.signed(turned.note) and turned.next_key == str(new)
    assert new.signed(after.note) and not old.signed(after.note)


def test_a_broken_off_rotation_goes_on(archive: tuple[Config, Engine]) -> None:
    """A key that the database knows and that lies beside the old one is taken; one that it does not know is not."""
    config, engine = archive
    keys = config.data / "keys"
    checkpoints.make(config, engine)
    with engine.begin() as conn:
        old = ledgerkey.ensure(conn, keys)
        ledgerkey.prepare_next(keys, old.name)
        assert ledgerkey.ensure(conn, keys) == old
        new = ledgerkey.prepare_next(keys, old.name)
        ledgerkey.enter(conn, new)
    assert checkpoints.make(config, engine).problems == ()
    with engine.connect() as conn:
        assert ledgerkey.ensure(conn, keys) == new and not (keys / ledgerkey.NEXT).exists()


def test_a_lost_key_is_told(archive: tuple[Config, Engine]) -> None:
    """Without the secret half nothing is signed, and nobody makes another key in silence."""
    config, engine = archive
    checkpoints.make(config, engine)
    file = config.data / "keys" / "ledger.json"
    kept = file.read_text()
    for wrong in (None, "{}", kept.replace('"seed": "', '"seed": "A')):
        file.unlink()
        if wrong is not None:
            file.write_text(wrong)
        with pytest.raises(ledgerkey.KeyMissing):
            checkpoints.make(config, engine)
        file.write_text(kept)
    assert checkpoints.make(config, engine).problems == ()


def test_a_folder_that_cannot_be_written(archive: tuple[Config, Engine], tmp_path: Path) -> None:
    """It is named, the others get theirs, and it gets what it lacks when it is there again."""
    config, engine = archive
    (tmp_path / "file").write_text("")
    broken = changed(config, checkpoint_dirs=[str(tmp_path / "file"), str(tmp_path / "good")])
    made = checkpoints.make(broken, engine)
    assert len(made.problems) == 1 and str(tmp_path / "file") in made.problems[0]
    assert (tmp_path / "good" / checkpoints.file_name(made.number)).exists()
    (tmp_path / "file").unlink()
    checkpoints.make(broken, engine)
    assert (tmp_path / "file" / checkpoints.file_name(made.number)).read_text() == made.note


def test_a_copy_that_a_full_disk_cut_is_written_again(
    archive: tuple[Config, Engine], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was not written whole is told and taken away again, and is there the next time."""
    config, engine = archive
    late = changed(config, checkpoint_dirs=[str(tmp_path / "small")])
    write = os.write
    room = [40]

    def short(handle: int, octets: bytes | memoryview) -> int:
        if not room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(handle, octets[: room.pop()])

    monkeypatch.setattr(os, "write", short)
    made = checkpoints.make(late, engine)
    monkeypatch.undo()
    assert any(str(tmp_path / "small") in each for each in made.problems)
    assert not list((tmp_path / "small").iterdir())
    checkpoints.make(late, engine)
    assert (tmp_path / "small" / checkpoints.file_name(made.number)).read_text() == made.note
    last = tmp_path / "small" / checkpoints.file_name(made.number + 1)
    whole = last.read_text()
    last.unlink()
    last.write_text(whole[:40])  # what a crash leaves
    checkpoints.make(late, engine)
    assert last.read_text() == whole


def test_stamps_of_an_authority(archive: tuple[Config, Engine], tmp_path: Path) -> None:
    """A stamp that our library and openssl find good, on this text only; trouble is told and stops nothing."""
    config, engine = archive
    with Stamper(tmp_path / "tsa") as stamper:
        stamped = changed(config, tsa_url=stamper.url, tsa_ca_file=str(stamper.ca_file))
        made = checkpoints.make(stamped, engine)
        assert made.problems == ()
        with engine.connect() as conn:
            row = conn.execute(select(checkpoint_stamp).where(checkpoint_stamp.c.checkpoint_id == made.number)).one()
            at = conn.scalar(select(checkpoint.c.at).where(checkpoint.c.id == made.number))
        assert at is not None and abs((row.stamped_at - at).total_seconds()) < 60
        assert timestamp.verify(row.response, made.note.encode(), stamper.ca_file) == row.stamped_at
        with pytest.raises(timestamp.StampInvalid):
            timestamp.verify(row.response, b"other", stamper.ca_file)
        note = config.data / "checkpoints" / checkpoints.file_name(made.number)
        given = ["-data", str(note), "-in", str(note.with_suffix(".tsr")), "-CAfile", str(stamper.ca_file)]
        done = subprocess.run(["openssl", "ts", "-verify", *given], capture_output=True, text=True, check=False)
        assert "Verification: OK" in done.stdout + done.stderr
        stamper.broken = True
        assert "no time stamp" in checkpoints.make(stamped, engine).problems[0]
    assert "does not answer" in checkpoints.make(stamped, engine).problems[0]
    with Stamper(tmp_path / "other") as other, Stamper(tmp_path / "third") as third:
        wrong = changed(config, tsa_url=other.url, tsa_ca_file=str(third.ca_file))
        assert "not good" in checkpoints.make(wrong, engine).problems[0]


@pytest.mark.parametrize("text", ["", "a\n\n— a YQ==\n", "a\n1\n!!\n\n— a YQ==\n", "a\n-1\nYQ==\n\n— a YQ==\n"])
def test_no_checkpoint(text: str) -> None:
    """A note that is no checkpoint is refused."""
    with pytest.raises(NoteInvalid):
        checkpoints.read(text)
