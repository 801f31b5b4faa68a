"""Connections to the database: one engine for each of its users, and the server for the time of one command.

The home of PyMySQL: its errors become ours here.
"""

import contextlib
import fcntl
import socket
import ssl
import time
from collections.abc import Iterator
from enum import Enum
from typing import Any
from urllib.parse import unquote, urlsplit

import pymysql
from pymysql.constants import SERVER_STATUS
from sqlalchemy import URL, Connection, Engine, create_engine, event

from postbuch.archive import databaseerrors, secrets, systemwords
from postbuch.archive.config import Config
from postbuch.archive.errors import ServiceMissing
from postbuch.archive.reasons import Reason
from postbuch.archive.server import DATABASE, TEMPORARY, PrivateServer

# The option of every connection that names the data folder: the index of the search lies there.
DATA_OPTION = "postbuch_data"
# How long a command waits for another one that is starting or ending the private server.
_LOCK_PATIENCE_S = 30.0
# After a client's patience its statement ends: not before, for the client says it better.
_UNHEARD_S = 1.0


class Role(Enum):
    """The database users; what each may do is in `access.py`."""

    OWNER = "owner"
    INGEST = "ingest"
    WEB = "web"
    REPORT = "report"

    @property
    def user(self) -> str:
        return f"postbuch_{self.value}"


def engine(config: Config, role: Role, *, patience_s: float | None = None) -> Engine:
    """A pool of connections as one database user: READ COMMITTED, UTC, utf8mb4. Does not connect yet.

    With an external database the owner is the user in the URL, and so is a role that has no password here.
    `patience_s`: how long a server that took the connection may say nothing, before it counts as gone. None is for
    ever: an index, a dump or a checked archive takes its time, and no one waits for it. Nobody hears of an answer that
    comes later, so a MariaDB then ends the statement, which would go on for minutes.
    """
    beginning = "SET time_zone = '+00:00'"
    if patience_s is not None:
        beginning += f"/*M!100101 , max_statement_time = {patience_s + _UNHEARD_S} */"  # a comment for MySQL
    patience = {} if patience_s is None else {"read_timeout": patience_s, "write_timeout": patience_s}
    made = create_engine(
        url(config, role),
        connect_args={"init_command": beginning, "connect_timeout": 10, **patience, **_tls(config)},
        isolation_level="READ COMMITTED",
        pool_pre_ping=True,
        pool_recycle=3600,
        pool_size=5,
        max_overflow=20,
        execution_options={DATA_OPTION: str(config.data)},
    )
    event.listen(made, "handle_error", _translate)
    event.listen(made, "do_connect", _connect)
    return made


@contextlib.contextmanager
def pool(config: Config, role: Role) -> Iterator[Engine]:
    """An `engine` for the time of a block; its connections are closed at the end."""
    made = engine(config, role)
    try:
        yield made
    finally:
        made.dispose()


def _connect(dialect: Any, record: Any, args: Any, parameters: dict[str, Any]) -> Any:
    """Connect to the private server by a socket of our own: PyMySQL leaves its open when nobody listens."""
    path = parameters.get("unix_socket")
    if path is None:
        return _connect_by_network(parameters)
    stream = socket.socket(socket.AF_UNIX)
    stream.settimeout(parameters["connect_timeout"])
    try:
        stream.connect(path)
    except OSError as error:
        stream.close()
        raise _not_at(path, error) from error
    conn = pymysql.connect(**parameters, defer_connect=True)
    conn.connect(stream)
    return conn


def _connect_by_network(parameters: dict[str, Any]) -> Any:
    try:
        return pymysql.connect(**parameters)
    except pymysql.OperationalError as error:
        cause = getattr(error, "original_exception", None)
        if not isinstance(cause, OSError):
            raise
        raise _not_at(f"{parameters['host']}:{parameters['port']}", cause) from error


def _not_at(place: str, cause: OSError) -> pymysql.OperationalError:
    return pymysql.OperationalError(
        2003, Reason.DATABASE_NOT_AT.said(place=place, cause=systemwords.cause(cause))
    )


def url(config: Config, role: Role) -> URL:
    """SQLAlchemy's URL for a role."""
    passwords = secrets.read(config.data / "keys")
    if not config.database.url:
        query = {"unix_socket": str(PrivateServer(config).socket), "charset": "utf8mb4"}
        return URL.create("mysql+pymysql", role.user, passwords.get(role.user, ""), database=DATABASE, query=query)
    parts = urlsplit(config.database.url)
    own = role is not Role.OWNER and role.user in passwords
    return URL.create(
        "mysql+pymysql",
        role.user if own else unquote(parts.username or ""),
        passwords[role.user] if own else unquote(parts.password or ""),
        host=parts.hostname,
        port=parts.port or 3306,
        database=parts.path.strip("/"),
        query={"charset": "utf8mb4"},
    )


def _tls(config: Config) -> dict[str, Any]:
    """Verified TLS for an external database when its URL asks for it with `?tls=true`.

    A context of our own: PyMySQL verifies nothing when it makes one without a CA file. For the socket of the private
    server it makes one all the same, which takes 20 ms a connection for nothing, unless it is told not to.
    """
    if not config.database.url:
        return {"ssl_disabled": True}
    return {"ssl": ssl.create_default_context()} if urlsplit(config.database.url).query == "tls=true" else {}


def _translate(context: Any) -> None:
    """PyMySQL's "I cannot reach it" as ServiceMissing, with a sentence; the rest stays for the one who asked.

    A pooled connection that does not outlive its server is the pool's own matter: it pings, and connects anew.
    """
    if context.is_pre_ping:
        return
    error = context.original_exception
    if not isinstance(error, Exception) and context.connection is not None:  # Ctrl-C while something is read
        _expect_nothing_more(context.connection)
    if not isinstance(error, pymysql.MySQLError | OSError):
        return
    if databaseerrors.is_gone(error):
        raise ServiceMissing(Reason.DATABASE_SILENT.said(words=databaseerrors.reason(error))) from error
    if context.connection is None:  # it answers: with a wrong password, a database that is not there, no free place
        user = context.engine.url.username
        raise ServiceMissing(Reason.DATABASE_NO_LOG_IN.said(user=user, words=databaseerrors.reason(error))) from error


def is_backslash_plain(conn: Connection) -> bool:
    """Whether the server takes a backslash in a text for nothing but itself (SQL mode NO_BACKSLASH_ESCAPES)."""
    driver: Any = conn.connection.driver_connection
    return bool(driver.server_status & SERVER_STATUS.SERVER_STATUS_NO_BACKSLASH_ESCAPES)


@contextlib.contextmanager
def streaming(conn: Connection) -> Iterator[None]:
    """For reading a long answer row by row: what breaks that off, Ctrl-C as well, ends the connection.

    PyMySQL would read the rest first, which may take minutes, or complain that it cannot.
    """
    try:
        yield
    except BaseException:
        if not conn.invalidated:
            _expect_nothing_more(conn)
            conn.invalidate()
        raise


def _expect_nothing_more(conn: Connection) -> None:
    driver: Any = conn.connection.driver_connection
    if driver._result is not None:
        driver._result.unbuffered_active = False


@contextlib.contextmanager
def running(config: Config) -> Iterator[None]:
    """Have the database for the time of one command: as it is when it answers, else the private one started for it.

    Commands that overlap share one server; the last one ends it. Raises ServiceMissing.
    """
    if config.database.url:
        yield
        return
    server = PrivateServer(config)
    server.run.mkdir(parents=True, exist_ok=True)
    with (server.run / "mariadb.lock").open("a") as lock:
        marker = server.run / TEMPORARY
        _await_supervisor(server)
        if not server.healthy():
            _lock(lock, fcntl.LOCK_EX)
            if not server.healthy():
                server.prepare()
                marker.touch()
                server.start()
        # A shared lock says "in use"; who finds it free of others at the end may stop the server.
        _lock(lock, fcntl.LOCK_SH)
        try:
            yield
        finally:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if marker.exists():
                    server.end_predecessor()
                    server.stop()
                    marker.unlink()


def _await_supervisor(server: PrivateServer) -> None:
    """While `postbuch up` works on the folder the server is its own: wait for it, never start or end another."""
    end = time.monotonic() + _LOCK_PATIENCE_S
    while _supervised(server) and not server.healthy():
        if time.monotonic() > end:
            raise ServiceMissing(Reason.DATABASE_SILENT_SEE_LOG.said(log=server.error_log))
        time.sleep(0.1)


def _supervised(server: PrivateServer) -> bool:
    """Whether a `postbuch up` lives: it holds this lock until it ends."""
    try:
        with (server.run / "up.lock").open() as stream:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _lock(stream: Any, kind: int) -> None:
    end = time.monotonic() + _LOCK_PATIENCE_S
    while True:
        try:
            fcntl.flock(stream, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                raise ServiceMissing(Reason.DATABASE_HELD.said()) from None
            time.sleep(0.1)
        else:
            return


def check(config: Config, role: Role) -> None:
    """Connect once. Raises ServiceMissing with a sentence that names what the database answered."""
    with pool(config, role) as probe, probe.connect():
        pass


@contextlib.contextmanager
def connection(config: Config, role: Role) -> Iterator[Connection]:
    """One connection with one transaction, for commands: committed at the end, rolled back on an exception."""
    made = engine(config, role)
    try:
        with made.begin() as conn:
            yield conn
    finally:
        made.dispose()
