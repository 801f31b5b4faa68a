"""Logging in: reading the client's credentials, opening upstream, logging in there. Nothing here is ever logged.

The client's own password goes on to upstream, which alone decides (proxy.md section 5, pass-through). Routing comes
from the configuration, never from the name that the client typed.
"""

import asyncio
import base64
import binascii
import secrets
from dataclasses import dataclass

from postbuch.archive.config import Upstream
from postbuch.proxy import capability, upstream
from postbuch.proxy.command import quoted
from postbuch.proxy.credential import Credentials
from postbuch.proxy.failure import Detail, Reason, UpstreamFailed
from postbuch.proxy.receiver import Receiver
from postbuch.proxy.runtime import Runtime

# From greeting to tagged answer: some servers delay wrong passwords by ten seconds and more.
ANSWER_TIMEOUT_S = 45.0
# What upstream may say before it answers the log-in: greeting and capabilities are one KB.
MAX_TALK_OCTETS = 256 * 1024
# RFC 4616 section 2: each of the three names at most 255 octets, generously; OAuth tokens run to 4 KB.
MAX_CREDENTIAL_OCTETS = 16 * 1024


def plain_response(token: bytes) -> Credentials | None:
    """SASL PLAIN (RFC 4616 section 2), base64. None when it is malformed or asks to act as somebody else."""
    decoded = decode(token)
    if decoded is None:
        return None
    parts = decoded.split(b"\0")
    if len(parts) != 3 or not parts[1] or (parts[0] and parts[0] != parts[1]):
        return None
    return Credentials(user=parts[1], password=parts[2])


def decode(token: bytes) -> bytes | None:
    """Base64 as SASL writes it; `=` alone is the empty string (RFC 9051 section 6.2.2)."""
    if token == b"=":
        return b""
    try:
        decoded = base64.b64decode(token, validate=True)
    except (binascii.Error, ValueError):
        return None
    return decoded if len(decoded) <= MAX_CREDENTIAL_OCTETS else None


@dataclass(slots=True, kw_only=True)
class LoggedIn:
    """Upstream took the log-in: the connection, and every line that it sent with its answer."""

    transport: asyncio.Transport
    leg: "LoginLeg"
    lines: list[bytes]
    answer: bytes
    greeting: bytes


class LoginRefused(Exception):
    """Upstream said NO or BAD; `answer` is its line."""

    def __init__(self, answer: bytes) -> None:
        super().__init__("log-in refused")
        self.answer = answer


class LoginLeg(Receiver):
    """The upstream leg until the log-in is answered; then `hand_over` gives the connection to the session."""

    def __init__(self) -> None:
        self.tag = b""
        self._lines: asyncio.Queue[bytes] = asyncio.Queue()
        self._early = bytearray()
        self._answered = False
        self._talked_octets = 0
        self._closed = False

    def data_received(self, data: bytes) -> None:
        self._early += data
        self._talked_octets += len(data)
        while not self._answered:
            if self._talked_octets > MAX_TALK_OCTETS:
                self._lines.put_nowait(b"")
                return
            end = self._early.find(b"\n")
            if end < 0:
                return
            line = bytes(self._early[: end + 1])
            del self._early[: end + 1]
            self._answered = bool(self.tag) and line.startswith(self.tag + b" ")
            self._lines.put_nowait(line)

    def connection_lost(self, exc: Exception | None) -> None:
        self._closed = True
        self._lines.put_nowait(b"")

    async def line(self) -> bytes:
        """The next line. Raises UpstreamFailed when upstream closes or talks without end."""
        line = await self._lines.get()
        if not line:
            raise UpstreamFailed(Reason.UPSTREAM_CLOSED, Detail.BEFORE_LOG_IN_ANSWER.said())
        return line

    def hand_over(self, transport: asyncio.Transport, receiver: Receiver) -> None:
        """From now on the octets are the receiver's, first those that came already."""
        transport.set_protocol(receiver)
        if self._early:
            receiver.data_received(bytes(self._early))
        if self._closed:  # right behind its answer
            receiver.connection_lost(None)


async def open_upstream(runtime: Runtime, provider: Upstream) -> tuple[asyncio.Transport, LoginLeg, bytes]:
    """A connection on which upstream has greeted, and the greeting. Raises UpstreamFailed."""
    endpoint = provider.imap_endpoint
    trust = runtime.trust(provider, "imap") if endpoint.scheme == "imaps" else None
    transport, leg = await upstream.connect(LoginLeg, endpoint, trust)
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            greeting = await leg.line()
    except TimeoutError:
        transport.abort()
        raise UpstreamFailed(Reason.UPSTREAM_TIMEOUT, Detail.NO_GREETING.said()) from None
    except (UpstreamFailed, asyncio.CancelledError):
        transport.abort()
        raise
    if not greeting.upper().startswith(b"* OK"):
        # PREAUTH would make everyone somebody else; BYE says why it does not want us.
        transport.abort()
        words = repr(greeting[:80].decode("ascii", "replace").strip())
        raise UpstreamFailed(Reason.UPSTREAM_PROTOCOL, Detail.GREETING.said(words=words))
    return transport, leg, greeting


async def log_in(
    runtime: Runtime, provider: Upstream, credentials: Credentials, tag: bytes, client_id: bytes = b""
) -> LoggedIn:
    """Log in upstream under the client's own tag; `client_id` are the arguments of the client's ID, which goes first.

    Raises UpstreamFailed, LoginRefused.
    """
    transport, leg, greeting = await open_upstream(runtime, provider)
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            # A tag that no client can guess: the answer to ID must not pass for the answer to the log-in.
            id_tag = b"pb" + secrets.token_hex(8).encode()
            leg.tag = tag
            await _send(transport, leg, tag, credentials, greeting, id_tag + b" ID" + client_id if client_id else b"")
            lines: list[bytes] = []
            while not (line := await leg.line()).startswith(tag + b" "):
                if line.upper().startswith(b"* BYE"):
                    raise UpstreamFailed(Reason.UPSTREAM_CLOSED, Detail.SAID_BYE.said())
                if not line.startswith((id_tag, b"* ID ")):
                    lines.append(line)
    except TimeoutError:
        transport.abort()
        raise UpstreamFailed(Reason.UPSTREAM_TIMEOUT, Detail.NO_LOG_IN_ANSWER.said()) from None
    except (UpstreamFailed, asyncio.CancelledError):
        transport.abort()
        raise
    except LoginRefused:
        transport.close()
        raise
    if line[len(tag) + 1 :][:3].upper() not in (b"OK ", b"OK\r"):
        transport.close()
        raise LoginRefused(line)
    connection = transport.get_extra_info("ssl_object")
    if connection is not None:
        runtime.trust(provider, "imap").remember(connection)
    return LoggedIn(transport=transport, leg=leg, lines=lines, answer=line, greeting=greeting)


async def _send(
    transport: asyncio.Transport, leg: LoginLeg, tag: bytes, credentials: Credentials, greeting: bytes, before: bytes
) -> None:
    """AUTHENTICATE PLAIN where the greeting offers it, else LOGIN. Raises LoginRefused, UpstreamFailed."""
    known = {token.upper() for token in capability.tokens(greeting) or []}
    if b"AUTH=PLAIN" not in known or not known & {b"SASL-IR", b"LOGINDISABLED"}:
        await _send_login(transport, leg, tag, credentials, before)
        return
    token = base64.b64encode(b"\0" + credentials.user + b"\0" + credentials.password)
    if b"SASL-IR" in known:
        transport.write(before + tag + b" AUTHENTICATE PLAIN " + token + b"\r\n")
        return
    transport.write(before + tag + b" AUTHENTICATE PLAIN\r\n")
    await _continued(leg, tag)
    transport.write(token + b"\r\n")


async def _send_login(
    transport: asyncio.Transport, leg: LoginLeg, tag: bytes, credentials: Credentials, before: bytes
) -> None:
    """LOGIN (RFC 9051 section 6.2.3), with literals where quoted strings will not do."""
    transport.write(before)
    line = tag + b" LOGIN"
    for text in (credentials.user, credentials.password):
        as_quoted = quoted(text)
        if as_quoted is not None:
            line += b" " + as_quoted
            continue
        transport.write(line + b" {%d}\r\n" % len(text))
        await _continued(leg, tag)
        line = text
    transport.write(line + b"\r\n")


async def _continued(leg: LoginLeg, tag: bytes) -> None:
    """Wait for upstream's `+`. Raises LoginRefused when it answers instead."""
    while not (answer := await leg.line()).startswith(b"+"):
        if answer.startswith(tag + b" "):
            raise LoginRefused(answer)
