"""The proxy's IMAP listener in a thread of the test, a client that speaks octets, an upstream that follows a script."""

import asyncio
import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import uvloop
from spool_records import everything

from postbuch.archive import spool, spoolqueue
from postbuch.archive.config import Config, parse
from postbuch.archive.record import Record
from postbuch.archive.spoolring import Ring
from postbuch.certs import authority
from postbuch.certs.server import ServerContext
from postbuch.certs.trust import client_context
from postbuch.proxy.announced import Announced
from postbuch.proxy.busypoll import busy_poll
from postbuch.proxy.listener import listen
from postbuch.proxy.runtime import Runtime
from postbuch.proxy.session import Session
from provider.dovecot import Dovecot
from provider.ports import free_port, wait_until

PATIENCE_S = 60.0


def make_config(folder: Path, imap: str, ca_file: Path | None = None, *, archive: str = "all") -> Config:
    """A configuration with one upstream for firma.example, certificates made."""
    raw: dict[str, Any] = {
        "data_dir": str(folder / "data"),
        "imap": {"listen": [f"127.0.0.1:{free_port()}"]},
        "upstream": [
            {
                "name": "provider", "domains": ["firma.example"], "imap": imap, "submission": "smtp://127.0.0.1:9",
                "archive": archive,
                **({"ca_file": str(ca_file)} if ca_file else {}),
            }
        ],
    }  # fmt: skip
    made = parse(raw, folder / "postbuch.toml")
    authority.initialise(made.data, ["localhost", "127.0.0.1"])
    return made


def config_for(folder: Path, server: Dovecot) -> Config:
    """The same for a Dovecot, by TLS."""
    return make_config(folder, f"imaps://localhost:{server.imaps_port}", server.ca_file)


class Client:
    """An IMAP client that sends and gets octets."""

    def __init__(self, port: int, trust: ssl.SSLContext | None, *, source: str = "127.0.0.1") -> None:
        plain = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S, source_address=(source, 0))
        self.wire = trust.wrap_socket(plain, server_hostname="localhost") if trust else plain
        self._stream = self.wire.makefile("rb")
        self.greeting = self.line()
        self._number = 0

    def send(self, octets: bytes) -> None:
        self.wire.sendall(octets)

    def line(self) -> bytes:
        """One line; empty at the end of the connection."""
        return self._stream.readline()

    def octets(self, count: int) -> bytes:
        return self._stream.read(count)

    def until(self, tag: bytes) -> list[bytes]:
        """All lines up to the tagged one. Not for answers with literals that hold the tag."""
        found: list[bytes] = []
        while True:
            line = self.line()
            assert line, f"closed while waiting for {tag!r}: {found}"
            found.append(line)
            if line.startswith(tag + b" "):
                return found

    def command(self, words: bytes) -> list[bytes]:
        """Send it under a new tag; its answer."""
        self._number += 1
        tag = b"t%d" % self._number
        self.send(tag + b" " + words + b"\r\n")
        return self.until(tag)

    def ok(self, words: bytes) -> list[bytes]:
        """As `command`, which must succeed."""
        found = self.command(words)
        assert found[-1].split()[1] == b"OK", found
        return found

    def rest(self) -> bytes:
        """What comes until the other side closes."""
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            return self._stream.read()
        return b""

    def close(self) -> None:
        self._stream.close()
        self.wire.close()


class ImapProxy:
    """The listener with its runtime and spool. `with` starts and ends it, and all of its clients."""

    def __init__(self, config: Config, *, reserve_octets: int = 0) -> None:
        self.config = config
        self.port = int(config.imap.listen[0].rpartition(":")[2])
        self.trust = client_context(config.data / "tls" / "ca.pem")
        self.spool = spool.SpoolWriter(config.data / "spool", reserve_octets=reserve_octets)
        self.sessions: set[Session] = set()
        self.runtime: Runtime
        self.loop: asyncio.AbstractEventLoop
        self._clients: list[Client] = []
        self._stop: asyncio.Event
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: uvloop.run(self._run()), name="proxy")

    def __enter__(self) -> "ImapProxy":
        self.spool.start()
        self._thread.start()
        assert self._started.wait(60)
        return self

    def __exit__(self, *exc: object) -> None:
        for client in self._clients:
            client.close()
        self.loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self.spool.close()

    async def _run(self) -> None:
        self.loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self.spool.ring = Ring.opened(busy_poll.expect)
        self.runtime = Runtime(self.config, self.spool)
        announced = Announced()
        await announced.ask_all(self.runtime)
        tls = ServerContext(self.config).context
        servers = await listen(
            self.runtime, "imap", self.config.imap.listen, tls, lambda: Session(self.runtime, announced, self.sessions)
        )
        self._started.set()
        await self._stop.wait()
        for server in servers:
            server.close()
        for session in list(self.sessions):
            session.shut_down()
        await asyncio.sleep(0.1)

    def each_session(self, call: Callable[[Session], None]) -> None:
        """Do something with every session where it lives; returns when it is done."""

        async def run() -> None:
            for session in list(self.sessions):
                call(session)

        asyncio.run_coroutine_threadsafe(run(), self.loop).result(PATIENCE_S)

    def client(self) -> Client:
        """Connected, greeted."""
        made = Client(self.port, self.trust)
        self._clients.append(made)
        return made

    def logged_in(self, user: str, password: str) -> Client:
        made = self.client()
        made.ok(f'LOGIN "{user}" "{password}"'.encode())
        return made

    def records(self) -> list[Record]:
        """What the spool holds, oldest first."""
        return everything(self.config.data / "spool")

    def messages(self, count: int, **facts: Any) -> list[Record]:
        """The captured messages with such facts, once there are `count` of them."""

        def found() -> list[Record]:
            return [
                record for record in self.records()
                if record.facts["kind"] == "message" and facts.items() <= record.facts.items()
            ]  # fmt: skip

        wait_until(lambda: len(found()) >= count, f"{count} messages with {facts}")
        time.sleep(2 * spoolqueue.LINGER_S)  # one more than that would be as wrong
        assert len(found()) == count
        return found()

    def outcomes(self, records: list[Record]) -> list[dict[str, Any]]:
        """What became of the messages, one of each in their order; written down soon after the answer."""

        def found() -> dict[str, list[dict[str, Any]]]:
            return {
                record.facts["capture"]: [
                    each for each in self.events("outcome") if each["of"] == record.facts["capture"]
                ]
                for record in records
            }  # fmt: skip

        wait_until(lambda: all(found().values()), "the outcomes")
        return [outcome for each in found().values() for outcome in each]

    def events(self, kind: str) -> list[dict[str, Any]]:
        """The facts of all events of a kind."""
        return [record.facts for record in self.records() if record.facts.get("event") == kind]


class Wire:
    """Upstream's end of one connection, for a script."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.stream = connection.makefile("rb")
        self.heard: list[bytes] = []

    def say(self, octets: bytes) -> None:
        self.connection.sendall(octets)

    def hear(self) -> bytes:
        """One line. The script ends when there is none: some connections only look at the greeting."""
        line = self.stream.readline()
        if not line:
            raise ConnectionError("the other side has gone")
        self.heard.append(line)
        return line

    def tag(self) -> bytes:
        """The tag of the next line."""
        return self.hear().split(b" ", 1)[0]

    def log_in(self, capabilities: bytes = b"IMAP4rev1 LITERAL+ AUTH=PLAIN SASL-IR") -> None:
        """Greet and take any log-in."""
        self.say(b"* OK [CAPABILITY " + capabilities + b"] ready\r\n")
        self.say(self.tag() + b" OK in\r\n")

    def select(self, name: bytes = b"INBOX", uidvalidity: int = 7) -> None:
        """Answer a SELECT or EXAMINE."""
        tag = self.tag()
        self.say(b"* OK [UIDVALIDITY %d] valid\r\n%s OK [READ-WRITE] %s\r\n" % (uidvalidity, tag, name))


class Scripted:
    """A plain server on loopback: each connection but those that only look at the greeting runs the script."""

    def __init__(self, script: Callable[[Wire], None]) -> None:
        self._script = script
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.wires: list[Wire] = []
        self.errors: list[BaseException] = []
        self._threads: list[threading.Thread] = []
        self._thread = threading.Thread(target=self._accept)

    @property
    def url(self) -> str:
        return f"imap://127.0.0.1:{self.port}"

    def __enter__(self) -> "Scripted":
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        for wire in self.wires:
            with contextlib.suppress(OSError):
                wire.connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        assert not self.errors, self.errors

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.settimeout(PATIENCE_S)
            wire = Wire(connection)
            self.wires.append(wire)
            thread = threading.Thread(target=self._serve, args=(wire,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, wire: Wire) -> None:
        try:
            self._script(wire)
        except OSError:
            pass  # the other side has gone
        except Exception as error:
            self.errors.append(error)
        finally:
            wire.stream.close()
            wire.connection.close()


@contextlib.contextmanager
def scripted_proxy(
    folder: Path, script: Callable[[Wire], None], *, reserve_octets: int = 0, archive: str = "all"
) -> Iterator[ImapProxy]:
    """A proxy in front of a scripted upstream."""
    with Scripted(script) as upstream:
        config = make_config(folder, upstream.url, archive=archive)
        with ImapProxy(config, reserve_octets=reserve_octets) as made:
            yield made
