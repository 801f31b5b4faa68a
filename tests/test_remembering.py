"""Passwords of good log-ins, remembered for the collector: sealed on their way and where they lie."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import USERS
from imap_proxy import ImapProxy, config_for
from spool_records import published

from postbuch.archive import credentials, database, seal
from postbuch.archive.config import Config
from postbuch.archive.database import Role
from postbuch.archive.drain import Drain
from postbuch.archive.objects import ObjectStore
from provider.archive import new_database
from provider.dovecot import Dovecot

GRETA = list(USERS)[6]
PASSWORD = USERS[GRETA]


@pytest.fixture
def config(tmp_path: Path, dovecot: Dovecot) -> Iterator[Config]:
    made = config_for(tmp_path, dovecot)
    [provider] = made.upstream
    made = made.model_copy(update={"upstream": [provider.model_copy(update={"remember": True})]})
    new_database(made)
    with database.running(made):
        yield made


def drain(config: Config) -> None:
    published(config.data / "spool")
    engine = database.engine(config, Role.INGEST)
    worker = Drain(engine, config.data / "spool", ObjectStore(config.data))
    try:
        worker.drain_once()
    finally:
        worker.close()
        engine.dispose()


def known(config: Config) -> credentials.Credential | None:
    with database.connection(config, Role.INGEST) as conn:
        sealer = seal.load(config.data / "keys")
        return credentials.for_collector(conn, sealer, GRETA, config.upstream[0])


def test_remembered_and_forgotten(config: Config) -> None:
    """A good log-in gives the collector its password; a wrong one changes nothing; no file holds it in the clear."""
    with ImapProxy(config) as proxy:
        for _ in range(2):
            proxy.logged_in(GRETA, PASSWORD).ok(b"NOOP")
        assert proxy.client().command(f'LOGIN {GRETA} "falsch"'.encode())[-1].split()[1] == b"NO"
        time.sleep(0.2)
        kinds = [record.facts["event"] for record in proxy.records() if record.kind != 1]
        assert kinds.count("credential") == 1  # the second log-in tells nothing new
        for path in config.data.rglob("*"):
            assert not path.is_file() or PASSWORD.encode() not in path.read_bytes(), path
    drain(config)
    found = known(config)
    assert found is not None and (found.user, found.password) == (GRETA, PASSWORD)
    for path in config.data.rglob("*"):
        assert not path.is_file() or PASSWORD.encode() not in path.read_bytes(), path
    with database.connection(config, Role.INGEST) as conn:
        credentials.refused(conn, GRETA, GRETA, credentials.REMEMBERED)
    assert known(config) is None
