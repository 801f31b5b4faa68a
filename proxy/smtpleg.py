"""The leg towards a provider's submission server: greeting, EHLO, STARTTLS, AUTH, commands, a message in blocks.

RFC 5321, 6409, 3207, 4954. Replies are kept as they came, so that the client gets upstream's own words.
"""

import asyncio
import base64
from dataclasses import dataclass

from postbuch.archive.config import Upstream
from postbuch.proxy import esmtp, upstream
from postbuch.proxy.failure import Reason, UpstreamFailed
from postbuch.proxy.runtime import Runtime

# Outlook gives up after 60 s: our answer must come before (proxy.md section 6).
REPLY_TIMEOUT_S = 50.0
# RFC 5321 section 4.5.3.1.5 asks for 512 octets a line; servers write more. 64 lines of 2 KiB are an EHLO and a joke.
_MAX_REPLY_OCTETS = 128 * 1024
# How much may wait to be written before the client is read no further.
_WRITE_BUFFER_OCTETS = 512 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A reply: its code and its lines without line ends, as upstream wrote them."""

    code: int
    lines: tuple[bytes, ...]

    @property
    def raw(self) -> bytes:
        """All lines as they go to the client, without the last CRLF."""
        return b"\r\n".join(self.lines)

    @property
    def text(self) -> str:
        """The words, without codes, for the record."""
        return " ".join(line[4:].decode("utf-8", "replace") for line in self.lines)


class _Replies(asyncio.Protocol):
    """Collects replies; knows whether the transport can take more."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._lines: list[bytes] = []
        self._replies: asyncio.Queue[Reply | None] = asyncio.Queue()
        self._may_write = asyncio.Event()
        self._may_write.set()
        self.lost = False
        self.broken = ""

    @property
    def idle(self) -> bool:
        """Whether upstream has said nothing that was not read."""
        return not self._buffer and not self._lines and self._replies.empty()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\n")) >= 0:
            line = bytes(self._buffer[:end]).rstrip(b"\r")
            del self._buffer[: end + 1]
            if len(line) < 3 or not line[:3].isdigit() or line[3:4] not in (b"", b" ", b"-"):
                self._break(f"the reply {line[:60].decode('ascii', 'replace')!r}")
                return
            self._lines.append(line)
            if line[3:4] != b"-":
                self._replies.put_nowait(Reply(code=int(line[:3]), lines=tuple(self._lines)))
                self._lines = []
        if len(self._buffer) + sum(map(len, self._lines)) > _MAX_REPLY_OCTETS:
            self._break("a reply without an end")

    def _break(self, what: str) -> None:
        self.broken = what
        self._replies.put_nowait(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        self._may_write.set()
        self._replies.put_nowait(None)

    def pause_writing(self) -> None:
        self._may_write.clear()

    def resume_writing(self) -> None:
        self._may_write.set()

    async def drain(self) -> None:
        await self._may_write.wait()

    async def reply(self, what: str) -> Reply:
        """The next reply. Raises UpstreamFailed."""
        try:
            async with asyncio.timeout(REPLY_TIMEOUT_S):
                found = await self._replies.get()
        except TimeoutError:
            raise UpstreamFailed(Reason.UPSTREAM_TIMEOUT, f"no reply to {what}") from None
        if found is None:
            self._replies.put_nowait(None)  # so it stays lost for whoever asks next
            if self.broken:
                raise UpstreamFailed(Reason.UPSTREAM_PROTOCOL, self.broken)
            raise UpstreamFailed(Reason.UPSTREAM_CLOSED, f"before it replied to {what}")
        return found


class SmtpLeg:
    """One connection. Made by `open_leg`; every method but `abort` may raise UpstreamFailed."""

    def __init__(self, transport: asyncio.Transport, replies: _Replies) -> None:
        self.extensions: dict[str, str] = {}
        self._transport = transport
        self._replies = replies
        transport.set_write_buffer_limits(_WRITE_BUFFER_OCTETS)

    @property
    def usable(self) -> bool:
        """Whether another command may be sent: upstream is there and has said nothing unasked (421)."""
        return not self._replies.lost and self._replies.idle

    async def command(self, line: str) -> Reply:
        """Send one command line (without CRLF) and give its reply."""
        self._transport.write(line.encode("utf-8", "surrogateescape") + b"\r\n")
        return await self._replies.reply(line.split(" ", 1)[0].split(":", 1)[0])

    async def greet(self, wanted: str = "") -> None:
        """EHLO; what was known of extensions is forgotten."""
        name = self._transport.get_extra_info("sockname")
        host = str(name[0]) if name else "127.0.0.1"
        literal = f"[IPv6:{host}]" if ":" in host else f"[{host}]"  # RFC 5321 section 4.1.4
        reply = await self.command(f"EHLO {wanted or literal}")
        if reply.code != 250:
            raise UpstreamFailed(Reason.UPSTREAM_PROTOCOL, f"EHLO was answered {reply.text!r}")
        self.extensions = esmtp.extensions_of(line[4:].decode("ascii", "replace") for line in reply.lines[1:])

    async def authenticate(self, user: bytes, password: bytes) -> Reply:
        """AUTH PLAIN, else LOGIN; the token always after 334, because it may be longer than a command line."""
        mechanisms = self.extensions.get("AUTH", "").upper().split()
        if "PLAIN" in mechanisms or "LOGIN" not in mechanisms:
            steps = [b"\0" + user + b"\0" + password]
            reply = await self.command("AUTH PLAIN")
        else:
            steps = [user, password]
            reply = await self.command("AUTH LOGIN")
        for step in steps:
            if reply.code != 334:
                return reply
            self._transport.write(base64.b64encode(step) + b"\r\n")
            reply = await self._replies.reply("AUTH")
        return reply

    async def write(self, octets: bytes) -> None:
        """A block of a message; returns when upstream takes more."""
        if self._replies.lost:
            raise UpstreamFailed(Reason.UPSTREAM_CLOSED, "in the middle of a message")
        self._transport.write(octets)
        await self._replies.drain()

    async def end_of_data(self) -> Reply:
        """The final dot (every block before ended in CRLF), and the reply to the message."""
        self._transport.write(b".\r\n")
        return await self._replies.reply("the message")

    async def start_tls(self, runtime: Runtime, provider: Upstream) -> None:
        """STARTTLS (RFC 3207): required, nothing may have come before it, and all that was said is forgotten."""
        if "STARTTLS" not in self.extensions:
            raise UpstreamFailed(Reason.UPSTREAM_PROTOCOL, "it does not offer STARTTLS, which is required")
        reply = await self.command("STARTTLS")
        if reply.code != 220:
            raise UpstreamFailed(Reason.UPSTREAM_PROTOCOL, f"STARTTLS was answered {reply.text!r}")
        if not self._replies.idle:
            raise UpstreamFailed(Reason.UPSTREAM_PROTOCOL, "it sent octets before TLS began (an injection?)")
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(upstream.CONNECT_TIMEOUT_S):
                secured = await loop.start_tls(
                    self._transport, self._replies, runtime.trust(provider),
                    server_hostname=provider.submission_endpoint.host,
                )
        except (TimeoutError, OSError) as error:
            raise upstream.as_failure(error) from error
        if secured is None:
            raise UpstreamFailed(Reason.UPSTREAM_CLOSED, "in the TLS handshake")
        self._transport = secured
        secured.set_write_buffer_limits(_WRITE_BUFFER_OCTETS)
        await self.greet()

    def quit(self) -> None:
        """An orderly end; nobody waits for the reply."""
        if not self._transport.is_closing():
            self._transport.write(b"QUIT\r\n")
            self._transport.close()

    def abort(self) -> None:
        """End at once: a message without its final dot must never be taken for a whole one."""
        self._transport.abort()


async def open_leg(runtime: Runtime, provider: Upstream) -> SmtpLeg:
    """A connection that has greeted, inside TLS where the scheme says so. Raises UpstreamFailed, ConfigError."""
    endpoint = provider.submission_endpoint
    trust = runtime.trust(provider) if endpoint.scheme == "smtps" else None
    transport, replies = await upstream.connect(_Replies, endpoint, trust)
    leg = SmtpLeg(transport, replies)
    try:
        greeting = await replies.reply("the connection")
        if greeting.code != 220:
            raise UpstreamFailed(Reason.UPSTREAM_PROTOCOL, f"it greeted with {greeting.text!r}")
        await leg.greet()
        if endpoint.scheme == "submission":
            await leg.start_tls(runtime, provider)
    except BaseException:
        leg.abort()
        raise
    return leg
