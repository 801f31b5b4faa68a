"""A database that takes connections and says nothing: pages end, and are back with it."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text
from test_web_pages import log_in
from web_archive import application, archive

from postbuch.archive import database
from postbuch.archive.config import Config
from postbuch.archive.database import Role
from postbuch.archive.errors import ServiceMissing
from postbuch.archive.server import PrivateServer
from postbuch.webmail import services
from provider.ports import wait_until

# Seconds; a busy machine has answered a page of an empty archive by then.
PATIENCE_S = 2.0


@contextmanager
def silent(config: Config) -> Iterator[None]:
    """The server's process stands still: the system goes on taking connections for it."""
    pid = int(PrivateServer(config).pid_file.read_text())
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Config]:
    monkeypatch.setattr(services, "PATIENCE_S", PATIENCE_S)  # 25 s
    with archive(tmp_path / "data", "127.0.0.1:1") as config:
        yield config


@pytest.fixture
def client(house: Config) -> Iterator[FlaskClient]:
    with application(house) as app:
        yield app.test_client()


def test_a_page_ends_while_the_database_hangs(house: Config, client: FlaskClient) -> None:
    """By the connection that it has as by a new one; the same pages are there again when the database is.

    A program is told so, too, also by a browser that is logged in.
    """
    log_in(client)
    english = {"Accept-Language": "en"}
    with silent(house):
        for path in ("/", "/m/1"):
            answer = client.get(path, headers=english)
            assert (answer.status_code, "The archive does not answer" in answer.text) == (503, True), path
        answer = client.get("/api/v1/letters", headers={"X-API-Key": "pb_x"})
        assert (answer.status_code, answer.headers.get("Retry-After")) == (503, "60"), answer.text
    for _ in range(2):
        assert client.get("/", headers=english).status_code == 200


def test_only_who_is_waited_for_is_impatient(house: Config) -> None:
    """A statement that takes longer ends a page's connection alone: commands, drains and jobs have the same role."""
    slow = text(f"SELECT SLEEP({PATIENCE_S + 1})")
    with database.connection(house, Role.WEB) as conn:
        assert conn.scalar(slow) == 0
    pages = services.pages_engine(house)
    try:
        with pages.connect() as conn, pytest.raises(ServiceMissing, match="the database does not answer"):
            conn.scalar(slow)
        with pages.connect() as conn:
            assert conn.scalar(text("SELECT 1")) == 1
    finally:
        pages.dispose()


def test_a_statement_that_nobody_waits_for_ends(house: Config) -> None:
    """Soon after its page has given up; what works on the archive without a page runs as long as it takes."""
    running = text("SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'SELECT BENCHMARK%'")
    slow = text("SELECT BENCHMARK(1000000000, SHA2('x', 512))")  # some minutes
    limit = text("SELECT @@max_statement_time")
    pages = services.pages_engine(house)
    try:
        with pages.connect() as conn, pytest.raises(ServiceMissing):
            conn.scalar(slow)
        with pages.connect() as conn:
            wait_until(lambda: conn.scalar(running) == 0, "the end of the statement")
    finally:
        pages.dispose()
    with database.connection(house, Role.WEB) as conn:
        assert conn.scalar(limit) == 0
