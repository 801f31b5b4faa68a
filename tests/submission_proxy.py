"""The proxy's submission listener in a thread of the test, between a client and the sink; the spool can be read."""

import asyncio
import base64
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import uvloop
from spool_records import everything, published

from postbuch.archive import spool
from postbuch.archive.config import Config, parse
from postbuch.archive.record import Record
from postbuch.archive.spoolring import Ring
from postbuch.certs import authority
from postbuch.certs.server import ServerContext
from postbuch.certs.trust import client_context
from postbuch.proxy import submission_listener
from postbuch.proxy.busypoll import busy_poll
from postbuch.proxy.runtime import Runtime
from postbuch.proxy.submission_session import SubmissionSession
from postbuch.proxy.throttle import Throttle
from provider.ports import free_port, wait_until

ANNA, BERND = "anna@firma.example", "bernd@firma.example"
USERS = {ANNA: "geheim-anna", BERND: "geheim-bernd"}


def make_config(folder: Path, upstream: str, ca_file: Path, **submission_keys: Any) -> Config:
    """A configuration with one upstream, certificates made."""
    raw = {
        "data_dir": str(folder / "data"),
        "submission": {"listen": [f"127.0.0.1:{free_port()}"], **submission_keys},
        "upstream": [
            {
                "name": "provider", "domains": ["firma.example"], "imap": "imap://127.0.0.1:9",
                "submission": upstream, "ca_file": str(ca_file),
            }
        ],
    }  # fmt: skip
    made = parse(raw, folder / "postbuch.toml")
    authority.initialise(made.data, ["localhost", "127.0.0.1"])
    return made


class RunningProxy:
    """The listener with its runtime and spool. `with` starts and ends it."""

    def __init__(self, config: Config, *, reserve_octets: int = 0) -> None:
        self.config = config
        self.spool = spool.SpoolWriter(config.data / "spool", reserve_octets=reserve_octets)
        self.runtime: Runtime
        self.port = int(config.submission.listen[0].rpartition(":")[2])
        self.trust: ssl.SSLContext = client_context(config.data / "tls" / "ca.pem")
        self.loop: asyncio.AbstractEventLoop
        self.sessions: set[SubmissionSession] = set()
        self._started = threading.Event()
        self._stop: asyncio.Event
        self._thread = threading.Thread(target=lambda: uvloop.run(self._run()), name="proxy")

    def __enter__(self) -> "RunningProxy":
        self.spool.start()
        self._thread.start()
        assert self._started.wait(60)
        return self

    def __exit__(self, *exc: object) -> None:
        self.loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self.spool.close()

    async def _run(self) -> None:
        self.loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self.spool.ring = Ring.opened(busy_poll.expect)
        self.runtime = Runtime(self.config, self.spool)
        servers = await submission_listener.start(self.runtime, ServerContext(self.config).context, self.sessions)
        self._started.set()
        await self._stop.wait()
        for server in servers:
            server.close()
        await submission_listener.drain(self.sessions, 2.0)

    def fresh(self) -> None:
        """Forget what earlier tests did: failed log-ins, records, what still waits for company in the writer."""
        self.runtime.throttle = Throttle()
        self.spool.event({}, urgent=True).result(10)
        for path in published(self.config.data / "spool"):
            path.unlink()

    def records(self) -> list[Record]:
        """All that is durable in the spool."""
        return everything(self.config.data / "spool")

    def messages(self) -> list[Record]:
        """The captured messages."""
        return [record for record in self.records() if record.facts["kind"] == "message"]

    def events(self, kind: str, count: int = 1) -> list[dict[str, Any]]:
        """The events of a kind, once there are as many; they are written soon after the answer."""

        def found() -> list[dict[str, Any]]:
            return [dict(record.facts) for record in self.records() if record.facts.get("event") == kind]

        wait_until(lambda: len(found()) >= count, f"{count} {kind}", 10)
        return found()

    def failures(self) -> list[str]:
        """The sentences that status would show."""
        return [each["sentence"] for each in self.runtime.health()["failures"]]

    def client(self) -> "Client":
        """A client that has read the greeting."""
        return Client(self.port, self.trust)


class Client:
    """SMTP by hand: octets out, replies in."""

    def __init__(self, port: int, trust: ssl.SSLContext) -> None:
        plain = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.socket = trust.wrap_socket(plain, server_hostname="localhost")
        self._file = self.socket.makefile("rb")
        self.greeting = self.reply()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()
        self.socket.close()

    def send(self, octets: bytes) -> None:
        self.socket.sendall(octets)

    def reply(self) -> bytes:
        """One reply with all its lines; empty at the end of the connection."""
        lines = b""
        while line := self._file.readline():
            lines += line
            if line[3:4] != b"-":
                break
        return lines

    def replies(self) -> Iterator[bytes]:
        """All replies up to the end of the connection."""
        while one := self.reply():
            yield one

    def ask(self, line: bytes) -> bytes:
        """A command and its reply."""
        self.send(line + b"\r\n")
        return self.reply()

    def log_in(self, user: str = ANNA, password: str = "") -> bytes:
        """EHLO and AUTH PLAIN."""
        self.ask(b"EHLO client.example")
        return self.ask(b"AUTH PLAIN " + plain(user, password or USERS.get(user, "")))

    def message(self, octets: bytes, sender: str = ANNA, recipient: str = BERND) -> bytes:
        """A whole transaction; `octets` are what stands between 354 and the final dot."""
        assert self.ask(f"MAIL FROM:<{sender}>".encode())[:3] == b"250"
        assert self.ask(f"RCPT TO:<{recipient}>".encode())[:3] == b"250"
        assert self.ask(b"DATA")[:3] == b"354"
        return self.ask(octets + b".")


def plain(user: str, password: str) -> bytes:
    """The token of SASL PLAIN."""
    return base64.b64encode(f"\0{user}\0{password}".encode())
