"""Connections to the database that outlive their server, or do not."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, text

from postbuch.archive import database
from postbuch.archive.database import Role
from postbuch.archive.errors import ServiceMissing
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
