"""The archive process keeps the ledger by itself: seals, signs, checks, and says what is wrong."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from postbuch.archive import access, audit, checkplan, checkpoints, checkreport, database, mailfirst, spool
from postbuch.archive.config import Config
from postbuch.archive.database import Role
from postbuch.archive.keeping import Keeper
from postbuch.archive.ledgertree import tree_size
from postbuch.archive.schema_ledger import checkpoint, ledger_entry, ledger_leaf
from provider.archive import fresh_archive, message_facts
from provider.evidence import views
from provider.tampering import Intruder


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Config, Engine, Intruder]]:
    folder = tmp_path_factory.mktemp("a")
    with fresh_archive(folder) as (config, engine):
        intruder = Intruder(config, folder / "safe")
        yield config, engine, intruder
        intruder.close()


def until(condition: Callable[[], Any], what: str) -> None:
    """Wait at most a minute: the machine may be busy."""
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.1)


def count(engine: Engine, table: Any, *conditions: Any) -> int:
    with engine.connect() as conn:
        return conn.scalar(select(func.count()).select_from(table).where(*conditions)) or 0


def due(keeper: Keeper) -> str:
    """The check that the keeper would make now."""
    with keeper._engine.connect() as conn:
        return checkplan.look(conn, keeper._config.verify).due(audit.now())


def test_it_seals_and_signs(archive: tuple[Config, Engine, Intruder], tmp_path: Path) -> None:
    """What is written is sealed within seconds; the first checkpoint comes at once; trouble with a folder is told."""
    config, engine, _ = archive
    (tmp_path / "file").write_text("")
    config = config.model_copy(update={
        "ledger": config.ledger.model_copy(update={"checkpoint_dirs": [str(tmp_path / "file")]})
    })
    keeper = Keeper(config)
    keeper.start()
    try:
        views(engine, 10)
        until(lambda: count(engine, ledger_leaf, ledger_leaf.c.kind == "audit_event") == 10, "nothing was sealed")
        until(lambda: count(engine, checkpoint) == 1, "no checkpoint")
        until(lambda: keeper.troubles, "no trouble was told")
        assert str(tmp_path / "file") in keeper.troubles[0].sentence
    finally:
        keeper.stop()
    assert count(engine, ledger_entry) >= 11


def test_sealing_gives_way_to_mail(
    archive: tuple[Config, Engine, Intruder], monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the drains are behind nothing is sealed; then everything is."""
    config, engine, _ = archive
    monkeypatch.setattr(mailfirst, "BEHIND_MESSAGES", 0)
    folder = config.data / "spool"
    with spool.SpoolWriter(folder, reserve_octets=0) as writer:
        message = writer.begin(3)
        message.write(b"a\r\n")
        message.commit(message_facts(uid=1), urgent=True).result(30)
    views(engine, 3)
    keeper = Keeper(config)
    try:
        known = count(engine, ledger_leaf)
        keeper._seal()
        assert count(engine, ledger_leaf) == known
        for path in spool.waiting(folder):
            path.unlink()
        keeper._seal()
        assert count(engine, ledger_leaf) > known + 3
    finally:
        keeper.stop()


def test_checks_are_made_when_they_are_due(
    archive: tuple[Config, Engine, Intruder], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An incremental one after a day, a full one after a month; what they find is a trouble until it is gone."""
    config, engine, intruder = archive
    with database.connection(config, Role.OWNER) as conn:
        assert access.apply_guards(conn) == ""  # the triggers that the intruder took away, as each start makes them
    views(engine, 10)
    checkpoints.make(config, engine)
    keeper = Keeper(config)
    now, begun = audit.now, audit.now()
    try:
        assert due(keeper) == ""
        for days, scope in ((1.1, "incremental"), (31, "full")):
            monkeypatch.setattr(audit, "now", lambda days=days: now() + timedelta(days=days))
            assert due(keeper) == scope
            assert keeper._verify() == ""
            assert due(keeper) == ""
        monkeypatch.setattr(audit, "now", lambda: now() + timedelta(days=62))
        intruder.sql("DROP TRIGGER audit_event_no_update; UPDATE audit_event SET actor = 'bernd' WHERE id = 3")
        keeper._run("verify", keeper._verify)
        [trouble] = keeper.troubles
        assert "audit_event 3" in trouble.sentence and trouble.at > begun
        keeper._run("verify", keeper._verify)
        assert list(keeper.troubles) == [trouble]
        intruder.sql("UPDATE audit_event SET actor = 'anna' WHERE id = 3")
        with database.connection(config, Role.OWNER) as conn:
            access.apply_guards(conn)
        monkeypatch.setattr(audit, "now", lambda: now() + timedelta(days=93))
        keeper._run("verify", keeper._verify)
        assert not list(keeper.troubles)
    finally:
        keeper.stop()
    with engine.connect() as conn:
        assert set(checkreport.current(conn)) == {"full"}  # which counts as an incremental one as well


def test_what_was_made_while_the_clock_was_ahead_puts_nothing_off(
    archive: tuple[Config, Engine, Intruder], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a year: the next checkpoint and the next checks come when they would have come without it."""
    config, engine, _ = archive
    keeper = Keeper(config)
    try:
        with monkeypatch.context() as ahead:
            now = audit.now
            ahead.setattr(audit, "now", lambda: now() + timedelta(days=400))
            checkpoints.make(config, engine)
            assert due(keeper) == "full"
            keeper._verify()
        known = count(engine, checkpoint)
        keeper._checkpoint()
        assert count(engine, checkpoint) == known + 1
        assert due(keeper) == ""
        monkeypatch.setattr(audit, "now", lambda: now() + timedelta(days=3))
        assert due(keeper) == "incremental"
    finally:
        keeper.stop()


def test_jobs_go_on_when_the_clock_is_set_back(
    archive: tuple[Config, Engine, Intruder], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a day: nobody waits for the time at which they would have been due."""
    config, engine, _ = archive
    keeper = Keeper(config)
    keeper.start()
    try:
        with monkeypatch.context() as ahead:
            now = audit.now
            ahead.setattr(audit, "now", lambda: now() + timedelta(days=1))
            keeper.follow_clock()
            for job in keeper._scheduler.get_jobs():
                job.modify(next_run_time=audit.now().replace(tzinfo=UTC))
        keeper.follow_clock()
        assert all(job.next_run_time <= datetime.now(UTC) + timedelta(hours=2) for job in keeper._scheduler.get_jobs())
        views(engine, 10)
        until(lambda: count(engine, ledger_leaf, ledger_leaf.c.kind == "audit_event") >= 10, "nothing was sealed")
    finally:
        keeper.stop()


def test_a_database_that_is_away_is_told(archive: tuple[Config, Engine, Intruder]) -> None:
    """The job fails with a sentence, and the next round works again."""
    config, engine, _ = archive
    keeper = Keeper(config.model_copy(update={"data_dir": "/nonexistent"}))
    keeper._run("seal", keeper._seal)
    assert "does not answer" in keeper.troubles[0].sentence
    keeper.stop()
    with engine.connect() as conn:
        assert tree_size(conn) > 0
