"""A database by URL: a second MariaDB on TCP loopback, set up with the rights that its user has."""

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pymysql
import pytest
from sqlalchemy.exc import DBAPIError

from postbuch.archive import database, databaseerrors, secrets, setup, status
from postbuch.archive.config import Config, parse
from postbuch.archive.database import Role
from postbuch.archive.errors import ConfigError, ServiceMissing
from postbuch.archive.server import PrivateServer
from provider.archive import config_in
from provider.ports import free_port

PASSWORD = "p@ss:w/rd%"
EVENT = "INSERT INTO audit_event (at, actor, origin, action, target) VALUES (NOW(6), 'a', 'cli', 't', 'x')"
MakeUser = Callable[[str, str], None]


class External:
    """A MariaDB that is not ours: listens on TCP, logs in binary as hosted ones do."""

    def __init__(self, folder: Path) -> None:
        self._home = config_in(folder)
        server = PrivateServer(self._home)
        server.prepare()
        self.port = free_port()
        words = [word for word in server.command() if word != "--skip-networking"]
        self._process = subprocess.Popen(
            [*words, f"--port={self.port}", "--bind-address=127.0.0.1", f"--log-bin={folder / 'binlog'}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        end = time.monotonic() + 60
        while not server.healthy():
            assert self._process.poll() is None and time.monotonic() < end
            time.sleep(0.1)
        self._socket = str(server.socket)

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait()

    def run(self, *statements: str) -> None:
        """As its root."""
        password = secrets.read(self._home.data / "keys")["root"]
        conn = pymysql.connect(unix_socket=self._socket, user="root", password=password, autocommit=True)
        with conn, conn.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def user(self, name: str, *grants: str) -> None:
        """A user and an empty database with his name."""
        self.run(
            f"CREATE DATABASE {name}", f"CREATE USER {name}@'%%' IDENTIFIED BY '{PASSWORD}'".replace("%%", "%"), *grants
        )

    def config(self, folder: Path, name: str, password: str = PASSWORD, port: int = 0) -> Config:
        """A configuration that uses it."""
        url = f"mysql://{name}:{quote(password, safe='')}@127.0.0.1:{port or self.port}/{name}"
        return parse({"data_dir": "data", "database": {"url": url}}, folder / "postbuch.toml")


@pytest.fixture(scope="module")
def external(tmp_path_factory: pytest.TempPathFactory) -> Iterator[External]:
    made = External(tmp_path_factory.mktemp("external"))
    yield made
    made.close()


def refused(config: Config, role: Role, statement: str) -> int:
    """The number of the error."""
    with pytest.raises(DBAPIError) as caught, database.connection(config, role) as conn:
        conn.exec_driver_sql(statement)
    return databaseerrors.number(caught.value)


def test_all_rights(external: External, tmp_path: Path) -> None:
    """A user who may make users: ours are there with their grants, the triggers too, and nothing is weaker."""
    external.user(
        "full", "GRANT ALL PRIVILEGES ON full.* TO full@'%' WITH GRANT OPTION", "GRANT CREATE USER ON *.* TO full@'%'",
        "SET GLOBAL log_bin_trust_function_creators = 1",
    )  # fmt: skip
    config = external.config(tmp_path, "full")
    setup.initialise(config)
    setup.initialise(config)
    assert setup.warning(config) == ""
    with database.running(config), database.connection(config, Role.WEB) as conn:
        assert str(conn.exec_driver_sql("SELECT current_user()").scalar()).startswith("postbuch_web@")
        conn.exec_driver_sql(EVENT)
    assert refused(config, Role.WEB, "UPDATE image SET size_octets = 1") == 1142
    assert refused(config, Role.OWNER, "DELETE FROM audit_event") == 1644
    assert not (config.data / "mariadb").exists()


def test_no_right_to_make_users(external: External, tmp_path: Path) -> None:
    """Everything runs as the one user, the triggers hold, and status says what is weaker and what to do."""
    rights = "GRANT ALL PRIVILEGES ON plain.* TO plain@'%'"
    external.user("plain", rights, "SET GLOBAL log_bin_trust_function_creators = 1")
    config = external.config(tmp_path, "plain")
    setup.initialise(config)
    assert "may not create other users" in setup.warning(config)
    with database.connection(config, Role.WEB) as conn:
        assert str(conn.exec_driver_sql("SELECT current_user()").scalar()).startswith("plain@")
        conn.exec_driver_sql(EVENT)
    assert refused(config, Role.WEB, "UPDATE audit_event SET actor = 'b'") == 1644
    assert any("CREATE USER" in sentence for sentence in status.status(config)["sentences"])
    # The right was given: the next set-up makes it good.
    external.run(f"{rights} WITH GRANT OPTION", "GRANT CREATE USER ON *.* TO plain@'%'")
    setup.initialise(config)
    assert setup.warning(config) == ""


def test_no_right_to_make_triggers(external: External, tmp_path: Path) -> None:
    """Binary logging on and no SUPER, as hosted databases have it: said in a sentence, and it works."""
    external.user(
        "hosted", "GRANT ALL PRIVILEGES ON hosted.* TO hosted@'%' WITH GRANT OPTION",
        "GRANT CREATE USER ON *.* TO hosted@'%'", "SET GLOBAL log_bin_trust_function_creators = 0",
    )  # fmt: skip
    config = external.config(tmp_path, "hosted")
    setup.initialise(config)
    assert "log_bin_trust_function_creators" in setup.warning(config)
    assert refused(config, Role.WEB, "UPDATE image SET size_octets = 1") == 1142


@pytest.mark.parametrize(
    ("name", "password", "port", "words"),
    [("full", "wrong", 0, "denied"), ("nobody", PASSWORD, 0, "denied"), ("full", PASSWORD, 9, "refused")],
)
def test_wrong_url(external: External, tmp_path: Path, name: str, password: str, port: int, words: str) -> None:
    """A wrong password, an unknown user, nobody there: one sentence, without the password."""
    with pytest.raises(ServiceMissing) as caught:
        setup.initialise(external.config(tmp_path, name, password, port))
    text = str(caught.value)
    assert words in text and "\n" not in text and password not in text


def test_may_not_make_tables(external: External, tmp_path: Path) -> None:
    """A user who may only read: one sentence."""
    external.user("reader", "GRANT SELECT ON reader.* TO reader@'%'")
    with pytest.raises(ServiceMissing, match="may not set up the tables"):
        setup.initialise(external.config(tmp_path, "reader"))


@pytest.mark.parametrize(("version", "old"), [
    ("10.6.18-MariaDB-log", True), ("10.11.19-MariaDB-0+deb12u1", False), ("11.4.2-MariaDB", False), ("5.7.44", True),
    ("8.0.36", False),
])  # fmt: skip
def test_what_is_too_old(version: str, old: bool) -> None:
    """By what the server calls itself."""
    assert setup.is_too_old(version) is old


def test_a_server_that_is_too_old_is_told(
    external: External, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is made in it."""
    external.user("aged", "GRANT ALL PRIVILEGES ON aged.* TO aged@'%'")
    monkeypatch.setattr(setup, "_LEAST_MARIADB", (999, 0))
    with pytest.raises(ServiceMissing, match=r"the database server is 1.*MariaDB 10\.11, MySQL 8 or newer"):
        setup.initialise(external.config(tmp_path, "aged"))


def test_tls_is_verified(external: External, tmp_path: Path) -> None:
    """`?tls=true` never falls back to a connection that is open or not verified."""
    external.user("secure", "GRANT ALL PRIVILEGES ON secure.* TO secure@'%'")
    url = f"mysql://secure:{quote(PASSWORD, safe='')}@127.0.0.1:{external.port}/secure?tls=true"
    config = parse({"data_dir": "data", "database": {"url": url}}, tmp_path / "postbuch.toml")
    with pytest.raises(ServiceMissing):
        database.check(config, Role.OWNER)


@pytest.mark.parametrize("url", ["mysql://h:port/db", "postgres://u:p@h/db", "mysql://u:p@h", "mysql://u:p@h/"])
def test_not_a_url(url: str, tmp_path: Path) -> None:
    """The configuration says what it must look like."""
    with pytest.raises(ConfigError, match="must look like"):
        parse({"data_dir": "data", "database": {"url": url}}, tmp_path / "postbuch.toml")
