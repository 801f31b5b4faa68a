"""Connections to the database that outlive their server, or do not."""

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, text

from postbuch.archive import database, said
from postbuch.archive.config import parse
from postbuch.archive.database import Role
from postbuch.archive.errors import ServiceMissing
from postbuch.archive.server import PrivateServer
from provider.archive import fresh_archive

_PULSE = text("SELECT 1")
# As many as the pool keeps.
_KEPT = 5


@pytest.fixture
def pools(tmp_path: Path) -> Iterator[tuple[Engine, Engine]]:
    """Two of one user, who may end each other's connections as the end of the server does."""
    with (
        fresh_archive(tmp_path) as (config, _),
        database.pool(config, Role.INGEST) as pool,
        database.pool(config, Role.INGEST) as other,
    ):
        yield pool, other


def number_of(conn: Connection) -> int:
    return int(conn.scalar(text("SELECT CONNECTION_ID()")) or 0)


def end(pool: Engine, number: int) -> None:
    with pool.connect() as conn:
        conn.execute(text(f"KILL CONNECTION {number}"))


def test_a_pool_outlives_the_server(pools: tuple[Engine, Engine]) -> None:
    """Kept connections that have ended cost nobody an error: each is replaced when it is asked for."""
    pool, other = pools
    with contextlib.ExitStack() as stack:
        numbers = [number_of(stack.enter_context(pool.connect())) for _ in range(_KEPT)]
    for number in numbers:
        end(other, number)
    with contextlib.ExitStack() as stack:
        found = [number_of(stack.enter_context(pool.connect())) for _ in range(_KEPT)]
    assert not set(found) & set(numbers)


def test_a_connection_that_ends_in_use_is_said(pools: tuple[Engine, Engine]) -> None:
    """The statement did not run: whoever asked is told in a sentence, and the next one succeeds."""
    pool, other = pools
    with pool.connect() as conn:
        end(other, number_of(conn))
        with pytest.raises(ServiceMissing, match="the database does not answer"):
            conn.scalar(_PULSE)
    with pool.connect() as conn:
        assert conn.scalar(_PULSE) == 1


_ROWS = (
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20) "
    "SELECT REPEAT('x', 20000){} FROM n"
)


def test_a_long_answer_that_is_broken_off_is_not_read_to_its_end(pools: tuple[Engine, Engine]) -> None:
    """Ctrl-C between two rows: the connection ends, and what PyMySQL leaves behind has nothing to complain about."""
    with pools[0].connect() as conn:
        rows = conn.execute(text(_ROWS.format("")), execution_options={"stream_results": True, "yield_per": 1})
        with pytest.raises(KeyboardInterrupt), database.streaming(conn):
            next(rows)
            raise KeyboardInterrupt
        assert conn.invalidated
        del rows


def test_ctrl_c_while_a_row_is_read_leaves_no_complaint(pools: tuple[Engine, Engine]) -> None:
    """An exception that nobody catches would be an error of this test."""
    with pools[0].connect() as conn:
        query = text(_ROWS.format(", SLEEP(0.3)"))
        rows = conn.execute(query, execution_options={"stream_results": True, "yield_per": 1})
        signal.setitimer(signal.ITIMER_REAL, 1.0)
        usual = signal.signal(signal.SIGALRM, signal.default_int_handler)
        try:
            with pytest.raises(KeyboardInterrupt), database.streaming(conn):
                rows.all()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, usual)
        assert conn.invalidated
        del rows


@pytest.mark.parametrize("url", ["", "mysql://a:b@127.0.0.1:9/postbuch"])
def test_no_server_is_said_in_german_as_well(tmp_path: Path, url: str) -> None:
    """On the private socket and by the network: what the system says is ours to translate, too."""
    section = {"url": url}
    config = parse({"data_dir": "data", "database": section}, tmp_path / "postbuch.toml")
    with pytest.raises(ServiceMissing) as caught, database.connection(config, Role.WEB):
        pass
    place = "127.0.0.1:9 (Verbindung abgelehnt)" if url else f"{PrivateServer(config).socket} (Datei oder Ordner"
    assert f"kein Server bei {place}" in said.told(said.of(caught.value), "de")
