"""The ftps process: the readable tree of the attachments by FTP with TLS, for file managers. Off unless configured."""

import logging
import os
import signal
import threading
import time
from typing import Any

from postbuch.archive.config import Config
from postbuch.archive.endpoint import parse_address
from postbuch.archive.errors import ConfigError
from postbuch.archive.health import WRITE_EVERY_S, HealthFile, health_path
from postbuch.archive.objects import ObjectStore
from postbuch.archive.settingreasons import Setting
from postbuch.certs.reactor import ReactorContext
from postbuch.webmail import entrance
from postbuch.webmail.ftps_door import House
from postbuch.webmail.ftps_guard import Guard
from postbuch.webmail.ftps_library import PassiveDTP, ThreadedFTPServer
from postbuch.webmail.ftps_session import Session
from postbuch.webmail.ftps_visit import Visit
from postbuch.webmail.services import pages_engine
from postbuch.webmail.upstream import Verdict

log = logging.getLogger("postbuch.ftps")
NAME = "ftps"
# Each has a thread, some 0.2 MiB of memory, and at most 6 open files: control, its poll, a listener, data, the
# attachment, the database. 900 of the 1,024 that a process gets, and 30 MiB.
MAX_SESSIONS = 150
# FileZilla opens up to 10 for one person; an office behind one address is several persons.
MAX_SESSIONS_OF_ADDRESS = 50
# What is still being sent when we are told to end, and then threads that wait for upstream are left. `postbuch up`
# kills after 12 s.
DRAIN_S = 7.0
JOIN_S = 0.02  # 3 s if all are such
TURN_S = 0.5
# The exit code of a needed service that is not there: here the port.
CANNOT_LISTEN = 3


class OneClient(PassiveDTP):  # type: ignore[misc] # pyftpdlib ships no types
    """A port for one data connection: nobody waits behind it."""

    backlog = 1


class Server(ThreadedFTPServer):  # type: ignore[misc] # pyftpdlib ships no types
    """A thread for each session; all sessions are known, so that the end can wait for what they send."""

    max_cons = MAX_SESSIONS
    max_cons_per_ip = MAX_SESSIONS_OF_ADDRESS
    join_timeout = JOIN_S

    def __init__(self, address: tuple[str, int], handler: type[Session]) -> None:
        self.sessions: set[Session] = set()
        super().__init__(address, handler)

    def _start_task(self, *args: Any, **kw: Any) -> threading.Thread:
        # One that waits for upstream must not hold up the end.
        return threading.Thread(*args, **kw, daemon=True)

    def _loop(self, handler: Session) -> None:
        self.sessions.add(handler)
        try:
            super()._loop(handler)
        finally:
            self.sessions.discard(handler)


class Admission:
    """The log-in: limits, the password, the record."""

    def __init__(self, config: Config) -> None:
        self.engine = pages_engine(config)
        self._config = config
        self._store = ObjectStore(config.data)
        self._guard = Guard()

    def admit(self, login: str, password: str, origin: str) -> tuple[Verdict | None, Visit | None]:
        """The visit when the password is right; no verdict when there were too many wrong ones."""
        name = login.strip().lower()[: entrance.MAX_LOGIN_CHARACTERS]
        if not self._guard.may_try(origin, name):
            return None, None
        if len(password) > entrance.MAX_PASSWORD_CHARACTERS:
            password = ""
        verdict, visit = entrance.admit(
            self._config, self.engine, name, password, origin=origin, door=NAME,
            begin=lambda _conn, user: Visit(self.engine, self._store, user, origin),
        )  # fmt: skip
        if visit is None:
            self._guard.failed(origin, name)
        return verdict, visit


def main(config: Config) -> int:
    """Serve until SIGTERM; 0 when what was being sent then is sent. Raises ConfigError."""
    if not config.ftps.listen:
        raise ConfigError(Setting.NO_FTPS.said())
    # Its lines repeat what clients type.
    logging.getLogger("pyftpdlib").setLevel(logging.ERROR)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    # Ctrl-C reaches the whole group of processes; the supervisor ends us in its order.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    admission = Admission(config)
    address = parse_address(config.ftps.listen)
    try:
        server = Server((address.host, address.port), _sessions(config, admission))
    except OSError as error:
        log.error("cannot-listen address=%s cause=%s", address, error.strerror or error)
        return CANNOT_LISTEN
    print(f"ready {NAME}", flush=True)  # noqa: T201 - the supervisor waits for this line
    log.info("listening address=%s", address)
    health = HealthFile(health_path(config, NAME))
    _serve(server, stop, health, str(address))
    _drain(server)
    health.remove()
    admission.engine.dispose()
    return 0


def _sessions(config: Config, admission: Admission) -> type[Session]:
    """The class of this process's sessions, as pyftpdlib wants its settings."""
    class Configured(Session):
        house = House(
            admit=admission.admit, context=ReactorContext(config).alone,
            requires_resumption=config.ftps.require_resumption,
        )
        passive_dtp = OneClient
        passive_ports = config.ftps.ports
        masquerade_address = config.ftps.public_address or None

    return Configured


def _serve(server: Server, stop: threading.Event, health: HealthFile, address: str) -> None:
    written = 0.0
    while not stop.is_set():
        if time.monotonic() - written >= WRITE_EVERY_S - TURN_S:
            health.write({"listeners": [{"name": NAME, "address": address}], "pid": os.getpid()})
            written = time.monotonic()
        server.ioloop.loop(TURN_S, blocking=False)
        if server.socket.fileno() < 0:  # pyftpdlib closes it when it cannot accept, with too many files open
            raise RuntimeError("the listener was closed")


def _drain(server: Server) -> None:
    """Take no new connections, and give what is being sent its time."""
    server.del_channel()
    server.socket.close()
    end = time.monotonic() + DRAIN_S
    while any(each.is_sending for each in list(server.sessions)) and time.monotonic() < end:
        time.sleep(TURN_S / 5)
    server.close_all()
