"""A submission server that writes down every octet and misbehaves on command: the SMTP side of the pretend provider.

Strict on purpose and independent of any SMTP library: what stands between 354 and CRLF.CRLF is recorded raw, and a
bare CR or LF, or a command it did not expect, is seen. Runs in a thread of its own, or as a process for benchmarks:
`python -m provider.sink FOLDER`.
"""

import asyncio
import base64
import contextlib
import json
import ssl
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import trustme

from provider.ports import free_port

_ANSWERS = ("PIPELINING", "SIZE 209715200", "8BITMIME", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES", "AUTH PLAIN LOGIN")


@dataclass(slots=True)
class Message:
    """One message as it arrived: `raw` is dot-stuffed as on the wire, with the CRLF before the final dot."""

    user: str
    mail_from: str
    recipients: list[str]
    raw: bytes

    @property
    def octets(self) -> bytes:
        """With the transparent dots taken out."""
        return (b"\r\n" + self.raw).replace(b"\r\n.", b"\r\n")[2:]


@dataclass(slots=True)
class Behaviour:
    """What goes wrong. Stages: connect, ehlo, auth, mail, rcpt, data, body, dot."""

    refuse_recipients: set[str] = field(default_factory=set)
    replies: dict[str, str] = field(default_factory=dict)  # stage → the reply instead of the usual one
    delays_s: dict[str, float] = field(default_factory=dict)  # stage → seconds before the reply
    close_at: str = ""
    silent_at: str = ""
    keep_messages: bool = True
    extensions: tuple[str, ...] = _ANSWERS


class Sink:
    """The server with its three ports: implicit TLS, STARTTLS and plain. `messages` and `commands` grow as it works."""

    def __init__(self, folder: Path, users: Mapping[str, str], host: str = "localhost") -> None:
        self.ca_file = folder / "sink-ca.pem"
        self.users = dict(users)
        self.smtps_port, self.submission_port, self.smtp_port = free_port(), free_port(), free_port()
        self.behaviour = Behaviour()
        self.messages: list[Message] = []
        self.commands: list[bytes] = []
        self.bare_line_ends = 0
        self._host = host
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="sink", daemon=True)
        self._started = threading.Event()
        folder.mkdir(parents=True, exist_ok=True)
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(self.ca_file))
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(host, "127.0.0.1").configure_cert(self.tls)

    def start(self) -> None:
        """Listen; returns when connections are accepted."""
        self._thread.start()
        self._started.wait(10)

    def stop(self) -> None:
        """End every connection and the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def __enter__(self) -> "Sink":
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def reset(self) -> None:
        """Well-behaved and empty again."""
        self.behaviour = Behaviour()
        self.messages.clear()
        self.commands.clear()
        self.bare_line_ends = 0

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._listen())
        self._started.set()
        self._loop.run_forever()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        for server in self._servers:
            server.close()
        self._loop.run_until_complete(asyncio.sleep(0.01))
        self._loop.close()

    async def _listen(self) -> None:
        self._servers = [
            await asyncio.start_server(self._serve, "127.0.0.1", self.smtps_port, ssl=self.tls, limit=1 << 20),
            await asyncio.start_server(self._serve_starttls, "127.0.0.1", self.submission_port, limit=1 << 20),
            await asyncio.start_server(self._serve, "127.0.0.1", self.smtp_port, limit=1 << 20),
        ]

    async def _serve_starttls(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._guarded(reader, writer, starttls=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._guarded(reader, writer, starttls=False)

    async def _guarded(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, starttls: bool) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError, asyncio.CancelledError):
            await _Connection(self, reader, writer, starttls).serve()
        writer.close()


class _Connection:
    def __init__(
        self, sink: Sink, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, starttls: bool
    ) -> None:
        self._sink = sink
        self._reader = reader
        self._writer = writer
        self._starttls = starttls
        self._user = ""
        self._mail_from: str | None = None
        self._recipients: list[str] = []

    async def serve(self) -> None:
        await self._reply("connect", "220 sink ready")
        while True:
            line = await self._reader.readuntil(b"\n")
            if not line.endswith(b"\r\n") or b"\r" in line[:-2]:
                self._sink.bare_line_ends += 1
            verb = line[:4].upper().rstrip()
            self._sink.commands.append(b"AUTH" if verb == b"AUTH" else line)
            words = line.decode("utf-8", "surrogateescape").strip()
            match verb:
                case b"EHLO" | b"HELO":
                    extensions = list(self._sink.behaviour.extensions)
                    if self._starttls:
                        extensions = [each for each in extensions if not each.startswith("AUTH")] + ["STARTTLS"]
                    lines = ["sink", *extensions]
                    text = "".join(f"250-{each}\r\n" for each in lines[:-1]) + f"250 {lines[-1]}"
                    await self._reply("ehlo", text)
                case b"STAR":
                    await self._reply("starttls", "220 go")
                    await self._writer.start_tls(self._sink.tls)
                    self._starttls = False
                case b"AUTH":
                    await self._auth(words)
                case b"MAIL":
                    if not self._user:
                        await self._reply("mail", "530 log in")
                        continue
                    self._mail_from, self._recipients = words[10:], []
                    await self._reply("mail", "250 2.1.0 sender ok")
                case b"RCPT":
                    await self._rcpt(words)
                case b"DATA":
                    await self._data()
                case b"RSET":
                    self._mail_from, self._recipients = None, []
                    await self._reply("rset", "250 reset")
                case b"NOOP":
                    await self._reply("noop", "250 ok")
                case b"QUIT":
                    await self._reply("quit", "221 bye")
                    return
                case _:
                    await self._reply("unknown", "500 what?")

    async def _reply(self, stage: str, text: str) -> None:
        behaviour = self._sink.behaviour
        if stage in behaviour.delays_s:
            await asyncio.sleep(behaviour.delays_s[stage])
        if behaviour.close_at == stage:
            raise ConnectionError(stage)
        if behaviour.silent_at == stage:
            await asyncio.sleep(3600)
        self._writer.write(behaviour.replies.get(stage, text).encode() + b"\r\n")
        await self._writer.drain()

    async def _auth(self, words: str) -> None:
        _, mechanism, *initial = words.split(" ")
        if mechanism.upper() == "PLAIN":
            token = initial[0] if initial else await self._challenge("")
            _, user, password = base64.b64decode(token).decode().split("\0")
        else:
            user = base64.b64decode(initial[0] if initial else await self._challenge("Username:")).decode()
            password = base64.b64decode(await self._challenge("Password:")).decode()
        if self._sink.users.get(user) == password:
            self._user = user
            await self._reply("auth", "235 2.7.0 welcome")
        else:
            await self._reply("auth", "535 5.7.8 no")

    async def _challenge(self, text: str) -> str:
        self._writer.write(b"334 " + base64.b64encode(text.encode()) + b"\r\n")
        return (await self._reader.readuntil(b"\r\n")).decode().strip()

    async def _rcpt(self, words: str) -> None:
        address = words[8:].strip()
        bare = address.split(">", 1)[0].lstrip("<")
        if bare in self._sink.behaviour.refuse_recipients:
            await self._reply("rcpt-refused", f"550 5.1.1 no such person as {bare}")
            return
        self._recipients.append(address)
        await self._reply("rcpt", "250 2.1.5 recipient ok")

    async def _data(self) -> None:
        behaviour = self._sink.behaviour
        if "data" in behaviour.replies:
            await self._reply("data", "")
            return
        await self._reply("data", "354 go on")
        if behaviour.close_at == "body":
            await self._reader.read(1000)
            raise ConnectionError("body")
        raw = bytearray(b"\r\n")
        while not raw.endswith(b"\r\n.\r\n"):
            # By CRLF, so that nothing behind the end is taken.
            raw += await self._read_line()
            if not behaviour.keep_messages and len(raw) > 1 << 20:
                del raw[: -(1 << 10)]
        body = bytes(raw[2:-3])
        pairs = body.count(b"\r\n")
        self._sink.bare_line_ends += (body.count(b"\r") - pairs) + (body.count(b"\n") - pairs)
        if "dot" not in behaviour.replies and behaviour.close_at != "dot" and behaviour.keep_messages:
            self._sink.messages.append(Message(self._user, self._mail_from or "", self._recipients, body))
        await self._reply("dot", "250 2.0.0 queued as 1")
        self._mail_from, self._recipients = None, []

    async def _read_line(self) -> bytes:
        try:
            return await self._reader.readuntil(b"\r\n")
        except asyncio.LimitOverrunError as error:
            return await self._reader.readexactly(error.consumed)


def _main(folder: Path) -> None:
    """A discarding sink for benchmarks: prints its ports as JSON and runs until standard input ends."""
    users = {"anna@firma.example": "geheim"}
    with Sink(folder, users) as sink:
        sink.behaviour.keep_messages = False
        ports = {"smtps": sink.smtps_port, "submission": sink.submission_port, "smtp": sink.smtp_port}
        print(json.dumps({**ports, "ca_file": str(sink.ca_file)}), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
