"""The private MariaDB: set up once, ended and started again whatever was killed, brought along by upgrades."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from postbuch.archive import database, secrets, setup
from postbuch.archive.config import Config
from postbuch.archive.database import Role
from postbuch.archive.errors import ServiceMissing
from postbuch.archive.server import (
    LEAST_POOL_OCTETS,
    TEMPORARY,
    PrivateServer,
    memory_octets,
    pool_octets,
    server_version,
)
from provider.archive import config_in


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """A data folder that is set up; no server runs."""
    made = config_in(tmp_path_factory.mktemp("server"))
    setup.initialise(made)
    return made


def servers(config: Config) -> list[psutil.Process]:
    """Those that work on the data folder."""
    word = f"--datadir={PrivateServer(config).folder}"
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if word in (process.info["cmdline"] or []) and process.status() != psutil.STATUS_ZOMBIE:
            found.append(process)
    return found


def until(condition: object, patience_s: float = 60) -> None:
    """Wait for it."""
    assert callable(condition)
    end = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def events(config: Config) -> int:
    """How many rows the audit record has."""
    with database.connection(config, Role.WEB) as conn:
        return int(conn.exec_driver_sql("SELECT count(*) FROM audit_event").scalar() or 0)


def insert(config: Config) -> None:
    """One row, committed."""
    with database.connection(config, Role.WEB) as conn:
        conn.exec_driver_sql(
            "INSERT INTO audit_event (at, actor, origin, action, target) VALUES (NOW(6), 'a', 'cli', 'test', 'x')"
        )


def test_a_command_starts_and_ends_its_own_server(config: Config) -> None:
    """No server is left behind; keys are for the owner of the folder alone; nothing listens on the network."""
    assert servers(config) == []
    with database.running(config):
        [server] = servers(config)
        with database.running(config):  # another command meanwhile
            assert [each.pid for each in servers(config)] == [server.pid]
        assert [each.pid for each in servers(config)] == [server.pid]
        assert [each for each in server.net_connections() if each.status == psutil.CONN_LISTEN and each.laddr] == []
        with database.connection(config, Role.OWNER) as conn:
            durable = "SELECT @@innodb_flush_log_at_trx_commit, @@skip_networking, @@max_allowed_packet >= 256 << 20"
            assert tuple(conn.exec_driver_sql(durable).one()) == (1, 1, 1)
            assert conn.exec_driver_sql("SELECT @@tx_isolation, @@time_zone").one() == ("READ-COMMITTED", "+00:00")
    assert servers(config) == []
    assert (config.data / "keys").stat().st_mode & 0o777 == 0o700
    assert (config.data / "keys" / "database.json").stat().st_mode & 0o777 == 0o600


def test_setting_up_again_is_harmless(config: Config) -> None:
    """Passwords and rows stay."""
    with database.running(config):
        insert(config)
        before = events(config)
    passwords = secrets.read(config.data / "keys")
    setup.initialise(config)
    assert secrets.read(config.data / "keys") == passwords
    with database.running(config):
        assert events(config) == before


def test_killed_server(config: Config) -> None:
    """kill -9 of the server: what was committed is there after the next start."""
    server = PrivateServer(config)
    server.prepare()
    server.start()
    insert(config)
    before = events(config)
    [process] = servers(config)
    process.kill()
    server.stop()
    assert not server.healthy()
    with database.running(config):
        assert events(config) == before


@pytest.mark.parametrize("early", [False, True])
def test_killed_owner(config: Config, early: bool) -> None:
    """kill -9 of ours leaves an orphan, perhaps one that still starts: the next start ends it, one server works."""
    word = "import sys,pathlib\nfrom provider.archive import config_in\n"
    word += "from postbuch.archive.server import PrivateServer"
    wait = "import subprocess; subprocess.Popen(s.command()); print(1, flush=True)" if early else "s.start(); print(1)"
    program = f"{word}\ns = PrivateServer(config_in(pathlib.Path(sys.argv[1])))\ns.prepare()\n{wait}\ninput()\n"
    child = subprocess.Popen(
        [sys.executable, "-u", "-c", program, str(config.data.parent)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": "scripts"},
    )  # fmt: skip
    assert child.stdin is not None and child.stdout is not None
    with child.stdin, child.stdout:
        child.stdout.readline()
        child.send_signal(signal.SIGKILL)
        child.wait()
    [orphan] = servers(config)
    server = PrivateServer(config)
    server.prepare()
    assert not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE
    server.start()
    assert len(servers(config)) == 1 and events(config) >= 0
    server.stop()
    assert servers(config) == []


def test_killed_command(config: Config) -> None:
    """A command that started the server was killed: the next one uses what runs and ends it."""
    server = PrivateServer(config)
    server.prepare()
    (server.run / TEMPORARY).touch()
    server.start()
    with database.running(config):
        assert len(servers(config)) == 1
    until(lambda: servers(config) == [], 10)
    server.stop()


def test_a_server_that_was_there_stays(config: Config) -> None:
    """A command does not end what it did not start."""
    server = PrivateServer(config)
    server.prepare()
    server.start()
    with database.running(config):
        pass
    assert len(servers(config)) == 1
    server.stop()


def test_upgrade(config: Config) -> None:
    """Debian brought another version: the server's own program brings its tables along, once."""
    marker = config.data / "mariadb" / "postbuch-version"
    marker.write_text("mariadbd  Ver 10.5.1")
    server = PrivateServer(config)
    server.prepare()
    assert marker.read_text() == server_version()
    assert servers(config) == []
    assert list((config.data / "run").glob("*.cnf")) == []


def test_broken_off_set_up(tmp_path: Path) -> None:
    """What a killed `init` left half-made is made again."""
    config = config_in(tmp_path)
    (config.data / "mariadb.new" / "mysql").mkdir(parents=True)
    setup.initialise(config)
    assert not (config.data / "mariadb.new").exists()
    with database.running(config):
        database.check(config, Role.WEB)


def test_long_path(tmp_path: Path) -> None:
    """A socket's path has at most 107 octets: a longer one lies in the folder for temporary files."""
    config = config_in(tmp_path / ("x" * 60) / ("y" * 60))
    server = PrivateServer(config)
    assert len(os.fsencode(server.socket)) <= 107
    setup.initialise(config)
    with database.running(config):
        assert server.socket.exists()
        assert server.socket.parent.stat().st_mode & 0o777 == 0o700
        database.check(config, Role.WEB)
    shutil.rmtree(server.socket.parent)


def test_memory_grows_with_the_archive(tmp_path: Path) -> None:
    """Twice what is stored, a quarter of the memory at most, and what has always done at least."""
    table = tmp_path / "postbuch" / "letter.ibd"
    table.parent.mkdir()
    least = LEAST_POOL_OCTETS
    for stored, memory, kept in (
        (2**20, 2**34, least), (2**30, 2**34, 2**31), (2**33, 2**34, 2**32), (2**33, 2**29, least)
    ):  # fmt: skip
        with table.open("ab") as file:
            file.truncate(stored)
        assert pool_octets(tmp_path, memory) == kept
    assert 2**28 < memory_octets() <= psutil.virtual_memory().total


def test_programs_are_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence that says what to install."""
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    with pytest.raises(ServiceMissing, match=r"apt-get install mariadb-server-core mariadb-client-core"):
        setup.initialise(config_in(tmp_path))


def test_a_damaged_folder(tmp_path: Path) -> None:
    """A server that does not start: one sentence that names its log, and no process."""
    config = config_in(tmp_path)
    setup.initialise(config)
    (config.data / "mariadb" / "ibdata1").write_bytes(b"x" * 1024)
    with pytest.raises(ServiceMissing, match=r"mariadb\.log"), database.running(config):
        pass
    until(lambda: servers(config) == [], 10)
