"""The quickest submission server that we can have: takes every message, counts, forgets. For benchmarks only.

`python -m provider.blackhole CERTIFICATE KEY` prints its port (implicit TLS) and runs until standard input ends.
"""

import asyncio
import ssl
import subprocess
import sys
from pathlib import Path

import trustme
import uvloop

from provider.ports import free_port

_END = b"\r\n.\r\n"
_GREETING = b"220 blackhole\r\n"
_EHLO = (
    b"250-blackhole\r\n250-PIPELINING\r\n250-SIZE 209715200\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-DSN\r\n"
    b"250-ENHANCEDSTATUSCODES\r\n250 AUTH PLAIN LOGIN XOAUTH2\r\n"
)
_REPLIES = {
    b"MAIL": b"250 2.1.0 ok\r\n", b"RCPT": b"250 2.1.5 ok\r\n",
    b"RSET": b"250 2.0.0 ok\r\n", b"NOOP": b"250 2.0.0 ok\r\n",
}


class _Session(asyncio.Protocol):
    def __init__(self) -> None:
        self._lines = b""
        self._tail: bytes | None = None  # the last octets of a message that is being read
        self._answers = 0  # lines of an AUTH dialogue that are still to come
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment] # a listener's stream transport
        self._transport.write(_GREETING)

    def data_received(self, data: bytes) -> None:
        if self._tail is not None:
            data = self._swallow(data)
        self._lines += data
        while b"\r\n" in self._lines and self._tail is None:
            line, _, self._lines = self._lines.partition(b"\r\n")
            self._take(line)
            if self._tail is not None:
                rest, self._lines = self._lines, b""
                self._lines = self._swallow(rest)

    def _swallow(self, data: bytes) -> bytes:
        assert self._tail is not None
        seam = self._tail + data[: len(_END)]
        at = seam.find(_END)
        if at >= 0:
            rest = data[at + len(_END) - len(self._tail) :]
        else:
            at = data.find(_END)
            if at < 0:
                self._tail = (self._tail + data)[-len(_END) + 1 :]
                return b""
            rest = data[at + len(_END) :]
        self._tail = None
        self._transport.write(b"250 2.0.0 taken\r\n")
        return rest

    def _take(self, line: bytes) -> None:
        if self._answers:
            self._answers -= 1
            self._transport.write(b"334 UGFzc3dvcmQ6\r\n" if self._answers else b"235 2.7.0 welcome\r\n")
            return
        verb = line[:4].upper()
        if verb == b"DATA":
            self._transport.write(b"354 go on\r\n")
            self._tail = b"\r\n"
        elif verb in _REPLIES:
            self._transport.write(_REPLIES[verb])
        elif verb == b"EHLO":
            self._transport.write(_EHLO)
        elif verb == b"AUTH":
            words = line.upper().split()
            self._answers = (0 if len(words) > 2 else 1) + (1 if words[1] == b"LOGIN" else 0)
            self._transport.write(b"334 \r\n" if self._answers else b"235 2.7.0 welcome\r\n")
        elif verb == b"QUIT":
            self._transport.write(b"221 2.0.0 bye\r\n")
            self._transport.close()
        else:
            self._transport.write(b"500 5.5.1 what?\r\n")


async def _serve(certificate: str, key: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    port = free_port()
    await asyncio.get_running_loop().create_server(_Session, "127.0.0.1", port, ssl=context, backlog=1024)
    print(port, flush=True)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(0, ended.set)  # nothing is ever sent: it is the end of file
    await ended.wait()


class Blackhole:
    """The server as a process of its own."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.ca_file = folder / "ca.pem"
        self.port = 0
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Blackhole":
        authority = trustme.CA()
        certificate = authority.issue_cert("localhost", "127.0.0.1")
        authority.cert_pem.write_to_path(str(self.ca_file))
        pem, key = self._folder / "server.pem", self._folder / "server.key"
        certificate.private_key_pem.write_to_path(str(key))
        for number, each in enumerate(certificate.cert_chain_pems):
            each.write_to_path(str(pem), append=number > 0)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "provider.blackhole", str(pem), str(key)], cwd=Path(__file__).resolve().parents[1],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())
        return self

    def __exit__(self, *exc: object) -> None:
        assert self._process is not None and self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()


if __name__ == "__main__":
    uvloop.run(_serve(*sys.argv[1:3]))
