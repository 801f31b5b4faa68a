"""Load generators that cost little, so that what is between them and the server is measured: blocking sockets, large
reads, no parsing beyond finding the end of an answer. Used alike for every route.
"""

import socket
import ssl
from collections.abc import Iterable
from multiprocessing.connection import Connection
from pathlib import Path

_BLOCK_OCTETS = 1024 * 1024
# Longer than any tagged line that our servers send.
_TAIL_OCTETS = 1024
_PATIENCE_S = 300.0


class Lost(ConnectionError):
    """The other side closed, or refused what a benchmark needs."""


def trust(ca_file: Path) -> ssl.SSLContext:
    """A client-side context as mail programs have it: verified, TLS 1.2 or better."""
    return ssl.create_default_context(cafile=str(ca_file))


def connect(port: int, context: ssl.SSLContext) -> ssl.SSLSocket:
    """TCP without delay, then TLS; each time a full handshake."""
    plain = socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE_S)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return context.wrap_socket(plain, server_hostname="localhost")


class Imap:
    """One IMAP connection: commands one at a time."""

    def __init__(self, port: int, context: ssl.SSLContext) -> None:
        self.octets = 0
        self._socket = connect(port, context)
        self._buffer = bytearray(_BLOCK_OCTETS)
        self._view = memoryview(self._buffer)
        self._number = 0
        self._until(b"\r\n", start=b"")

    def command(self, words: bytes) -> bytes:
        """Send it, read until its tagged line; the end of what came. Raises Lost when it is not OK."""
        tag = self._tag()
        self._socket.sendall(tag + b" " + words + b"\r\n")
        return self._tagged(tag)

    def log_in(self, user: str, password: str) -> None:
        self.command(f'LOGIN "{user}" "{password}"'.encode())

    def noop(self) -> None:
        """The quickest way to and fro: one send, one receive."""
        tag = self._tag()
        self._socket.sendall(tag + b" NOOP\r\n")
        self._tagged(tag)

    def append(self, mailbox: bytes, octets: bytes) -> None:
        """APPEND with a synchronising literal."""
        tag = self._tag()
        self._socket.sendall(tag + b" APPEND " + mailbox + b" {%d}\r\n" % len(octets))
        if not self._until(b"\r\n", start=b"").startswith(b"+"):
            raise Lost("no go-ahead for APPEND")
        self._socket.sendall(octets)
        self._socket.sendall(b"\r\n")
        self._tagged(tag)

    def close(self) -> None:
        """Without a farewell."""
        self._socket.close()

    def _tag(self) -> bytes:
        self._number += 1
        return b"b%d" % self._number

    def _tagged(self, tag: bytes) -> bytes:
        end = self._until(b"\r\n", start=b"\r\n", line=b"\r\n" + tag + b" ")
        answer = end[end.rfind(b"\r\n" + tag + b" ") + 2 + len(tag) + 1 :]
        if not answer.startswith(b"OK"):
            raise Lost(answer.decode("utf-8", "replace"))
        return end

    def _until(self, finish: bytes, *, start: bytes, line: bytes = b"") -> bytes:
        """Read until what came ends with `finish` and holds `line`; its last octets."""
        tail = start
        while True:
            count = self._socket.recv_into(self._view)
            if not count:
                raise Lost("closed")
            self.octets += count
            if count >= _TAIL_OCTETS:
                tail = bytes(self._view[count - _TAIL_OCTETS : count])
            else:
                tail = (tail + bytes(self._view[:count]))[-_TAIL_OCTETS:]
            if tail.endswith(finish) and (not line or line in tail):
                return tail


class Smtp:
    """One submission connection: commands one at a time, as most mail programs send them."""

    def __init__(self, port: int, context: ssl.SSLContext) -> None:
        self._socket = connect(port, context)
        self.reply()
        self.command(b"EHLO benchmark")

    def send(self, octets: bytes) -> None:
        self._socket.sendall(octets)

    def reply(self) -> bytes:
        """One reply, all its lines. Raises Lost when it is a refusal."""
        text = b""
        while True:
            block = self._socket.recv(65536)
            if not block:
                raise Lost("closed")
            text += block
            if text.endswith(b"\r\n"):
                last = text[text.rfind(b"\r\n", 0, -2) + 2 if text.count(b"\r\n") > 1 else 0 :]
                if last[3:4] == b" ":
                    break
        if text[:1] not in b"23":
            raise Lost(text.decode("utf-8", "replace"))
        return text

    def command(self, words: bytes) -> bytes:
        self.send(words + b"\r\n")
        return self.reply()

    def log_in(self, user: str, password: str) -> None:
        import base64

        self.command(b"AUTH PLAIN " + base64.b64encode(f"\0{user}\0{password}".encode()))

    def close(self) -> None:
        self._socket.close()


def submit(connections: Iterable[Smtp], sender: bytes, recipient: bytes, body: bytes) -> None:
    """One message on each of the connections, step by step on all at once; `body` ends with CRLF.CRLF."""
    legs = list(connections)
    for words in (b"MAIL FROM:<" + sender + b">\r\n", b"RCPT TO:<" + recipient + b">\r\n", b"DATA\r\n", body):
        for leg in legs:
            leg.send(words)
        for leg in legs:
            leg.reply()


def transfer(
    pipe: Connection, kind: str, port: int, ca_file: Path, user: str, password: str, payload: bytes | int
) -> None:
    """In a process of its own: one large message by `append`, `fetch` or `submit`; tells when it begins and ends."""
    if kind == "submit":
        assert isinstance(payload, bytes)
        mail = Smtp(port, trust(ca_file))
        mail.log_in(user, password)
        for words in (f"MAIL FROM:<{user}>", f"RCPT TO:<{user}>", "DATA"):
            mail.command(words.encode())
        pipe.send("begin")
        mail.command(payload.removesuffix(b"\r\n"))
        pipe.send("end")
        mail.close()
        return
    client = Imap(port, trust(ca_file))
    client.log_in(user, password)
    if kind == "append":
        assert isinstance(payload, bytes)
        pipe.send("begin")
        client.append(b"Grow", payload)
    else:
        assert isinstance(payload, int)
        client.command(b"EXAMINE Huge")
        pipe.send("begin")
        client.command(b"UID FETCH %d (BODY.PEEK[])" % payload)
    pipe.send("end")
    client.close()
