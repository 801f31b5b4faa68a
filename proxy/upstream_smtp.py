"""A provider's submission server: connection, verified TLS, EHLO, log-in, commands one at a time, the octets of DATA.

One command waits for its reply before the next is sent. A reply that nobody waits for means that upstream and we no
longer agree; such a connection is not used again.
"""

import asyncio
import base64
import contextlib
import re
from collections import deque
from collections.abc import Callable
from typing import Protocol

from postbuch.archive import said
from postbuch.archive.config import Upstream
from postbuch.proxy.credential import Credentials
from postbuch.proxy.failure import Detail, Reason, UpstreamFailed
from postbuch.proxy.receiver import Receiver, part
from postbuch.proxy.runtime import Runtime
from postbuch.proxy.smtpreply import Reply, ReplyBroken, ReplyReader
from postbuch.proxy.upstream import CONNECT_TIMEOUT_S, as_failure, connect

# Outlook gives up after 60 s: it must get our answer before, also when upstream gives none.
ANSWER_TIMEOUT_S = 50.0
# Some servers delay wrong passwords by ten seconds and more.
LOGIN_TIMEOUT_S = 45.0
QUIT_TIMEOUT_S = 2.0
# How much may wait for a slow upstream: two blocks of the size that TLS hands over at once.
WRITE_BUFFER_OCTETS = 512 * 1024
# RFC 4954 section 4: a line of AUTH with initial response obeys the limit of command lines, 512 octets.
MAX_INLINE_OCTETS = 500

# What of a client's own name may go upstream in EHLO: a host name or an address literal.
_NAME = re.compile(r"[A-Za-z0-9._:\[\]-]{1,255}\Z")
OWN_NAME = "[127.0.0.1]"

Say = Callable[[bytes], None]


class Watcher(Protocol):
    """Who sends the octets of DATA."""

    def full(self, full: bool) -> None: ...
    def spoke(self, reply: Reply) -> None: ...
    def lost(self, failure: UpstreamFailed) -> None: ...


class SmtpLoginRefused(Exception):
    """Upstream did not take the log-in; `reply` is what it said."""

    def __init__(self, reply: Reply) -> None:
        super().__init__("log-in refused")
        self.reply = reply


class SmtpLeg(Receiver):
    """The connection. `extensions` are what EHLO said last: keyword → parameters, both in upper case."""

    def __init__(self) -> None:
        self.extensions: dict[str, str] = {}
        self.lost: UpstreamFailed | None = None
        self.full = False
        self.watcher: Watcher | None = None
        self._transport: asyncio.Transport
        self._reader = ReplyReader()
        self._replies: deque[Reply] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._say: Say | None = None
        self._gone = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    # --- the transport's calls --------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment] # a stream transport
        self._transport.set_write_buffer_limits(WRITE_BUFFER_OCTETS)

    def data_received(self, data: bytes) -> None:
        try:
            replies = self._reader.feed(data)
        except ReplyBroken as error:
            self._lose(UpstreamFailed(Reason.UPSTREAM_PROTOCOL, said.of(error)))
            self._transport.abort()
            return
        for reply in replies:
            if self.watcher is not None:
                self.watcher.spoke(reply)
            else:
                if self._say is not None:
                    say, self._say = self._say, None
                    say(reply.octets)
                self._replies.append(reply)
                self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone.set()
        self._lose(UpstreamFailed(Reason.UPSTREAM_CLOSED, str(exc) if exc else Detail.WITHOUT_REPLY.said()))
        part(self._transport)

    def pause_writing(self) -> None:
        self.full = True
        if self.watcher is not None:
            self.watcher.full(True)

    def resume_writing(self) -> None:
        self.full = False
        if self.watcher is not None:
            self.watcher.full(False)

    def _lose(self, failure: UpstreamFailed) -> None:
        if self.lost is None:
            self.lost, self._say = failure, None  # the client has another answer
            if self.watcher is not None:
                self.watcher.lost(failure)
            self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # --- commands ---------------------------------------------------------------------------------------------------

    @property
    def usable(self) -> bool:
        """Whether a command can be sent: upstream is there and has said nothing unasked (421 before it closes)."""
        return self.lost is None and not self._replies and self._reader.at_rest and not self._transport.is_closing()

    async def reply(self, timeout_s: float | None = None) -> Reply:
        """The next reply. Raises UpstreamFailed; whoever stops waiting loses the connection with it."""
        if not self._replies and self.lost is None:
            loop = self._loop
            self._waiter = loop.create_future()
            # A bare timer: asyncio.timeout costs as much as all the rest of a command.
            timer = loop.call_later(timeout_s or ANSWER_TIMEOUT_S, self._expire)
            try:
                await self._waiter
            except asyncio.CancelledError:
                self._expire()
                raise
            finally:
                timer.cancel()
                self._waiter = None
        if self._replies:
            return self._replies.popleft()
        raise self.lost or UpstreamFailed(Reason.INTERNAL, "woken without a reply")

    def _expire(self) -> None:
        self._lose(UpstreamFailed(Reason.UPSTREAM_TIMEOUT, Detail.NO_REPLY_IN_TIME.said()))
        self._transport.abort()

    def send(self, line: bytes, say: Say | None = None) -> None:
        """Send a line (without CRLF); its reply is for `reply` or for a watcher. Raises UpstreamFailed.

        `say` gets the reply's octets at once: who waits for `reply` is woken a turn of the loop later.
        """
        if not self.usable:
            failure = self.lost or UpstreamFailed(Reason.UPSTREAM_CLOSED, Detail.SPOKE_UNASKED.said())
            self._transport.abort()
            raise failure
        self._say = say
        self._transport.write(line + b"\r\n")

    async def command(self, line: bytes, timeout_s: float | None = None, *, say: Say | None = None) -> Reply:
        """Send a line and give its reply. Raises UpstreamFailed."""
        self.send(line, say)
        return await self.reply(timeout_s)

    def watch(self, watcher: Watcher) -> None:
        """After 354 or DATA: what upstream says from now on is the watcher's, also what came in 354's packet."""
        self.watcher = watcher
        while self._replies:
            watcher.spoke(self._replies.popleft())
        if self.lost is not None:
            watcher.lost(self.lost)
        if self.full:
            watcher.full(True)

    def write(self, octets: bytes) -> None:
        """Octets of DATA. Whether there may be more is told to the watcher."""
        self._transport.write(octets)

    def abort(self) -> None:
        """Drop the connection at once: what was begun must not look complete."""
        self._transport.abort()

    async def quit(self) -> None:
        """An orderly end; upstream is not waited for long."""
        if self.usable:
            with contextlib.suppress(UpstreamFailed):
                await self.command(b"QUIT", QUIT_TIMEOUT_S)
        self._transport.close()
        try:
            async with asyncio.timeout(QUIT_TIMEOUT_S):
                await self._gone.wait()
        except TimeoutError:
            self._transport.abort()

    # --- greeting and log-in ----------------------------------------------------------------------------------------

    async def hello(self, name: str) -> None:
        """EHLO. Raises UpstreamFailed."""
        reply = await self.command(b"EHLO " + (name if _NAME.match(name) else OWN_NAME).encode(), LOGIN_TIMEOUT_S)
        if reply.code != 250:
            raise _protocol(Detail.EHLO_ANSWERED.said(code=reply.code))
        self.extensions = {}
        for line in reply.texts[1:]:
            keyword, _, parameters = line.strip().upper().replace("AUTH=", "AUTH ", 1).partition(" ")
            known = self.extensions.get(keyword)
            self.extensions[keyword] = f"{known} {parameters}" if known else parameters

    async def start_tls(self, runtime: Runtime, provider: Upstream) -> None:
        """STARTTLS, always (RFC 3207). Nothing said before it counts afterwards. Raises UpstreamFailed."""
        if "STARTTLS" not in self.extensions:
            raise _protocol(Detail.NO_STARTTLS.said())
        reply = await self.command(b"STARTTLS", LOGIN_TIMEOUT_S)
        if reply.code != 220:
            raise _protocol(Detail.STARTTLS_ANSWERED.said(code=reply.code))
        if self._replies or not self._reader.at_rest:
            # Put in by somebody on the way, to be taken for what came inside TLS (CVE-2011-0411 and its kin).
            raise _protocol(Detail.BEHIND_STARTTLS.said())
        host = provider.submission_endpoint.host
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                inside = await asyncio.get_running_loop().start_tls(
                    self._transport, self, runtime.trust(provider), server_hostname=host
                )
        except (TimeoutError, OSError) as error:
            raise as_failure(error) from error
        if inside is None:
            raise UpstreamFailed(Reason.UPSTREAM_CLOSED, Detail.STARTING_TLS.said())
        self.connection_made(inside)
        self.extensions = {}

    async def log_in(self, credentials: Credentials) -> Reply:
        """AUTH with the client's own password; upstream's consent. Raises SmtpLoginRefused, UpstreamFailed."""
        offered = self.extensions.get("AUTH", "").split()
        if "PLAIN" in offered:
            token = base64.b64encode(b"\0" + credentials.user + b"\0" + credentials.password)
            line = b"AUTH PLAIN " + token
            answers = []
            if len(line) > MAX_INLINE_OCTETS:
                line, answers = b"AUTH PLAIN", [token]
        elif "LOGIN" in offered:
            line = b"AUTH LOGIN"
            answers = [base64.b64encode(credentials.user), base64.b64encode(credentials.password)]
        else:
            raise _protocol(Detail.NO_AUTH.said())
        reply = await self.command(line, LOGIN_TIMEOUT_S)
        for answer in answers:
            if reply.code != 334:
                break
            reply = await self.command(answer, LOGIN_TIMEOUT_S)
        if not reply.positive:
            raise SmtpLoginRefused(reply)
        return reply


def _protocol(detail: str) -> UpstreamFailed:
    return UpstreamFailed(Reason.UPSTREAM_PROTOCOL, detail)


async def open_leg(runtime: Runtime, provider: Upstream, name: str) -> SmtpLeg:
    """A connection that has greeted, inside TLS, ready for AUTH. `name` is what EHLO says. Raises UpstreamFailed."""
    endpoint = provider.submission_endpoint
    trust = runtime.trust(provider) if endpoint.scheme == "smtps" else None
    _, leg = await connect(SmtpLeg, endpoint, trust)
    try:
        greeting = await leg.reply(LOGIN_TIMEOUT_S)
        if greeting.code != 220:
            words = f"{greeting.code} {greeting.text[:200]}"
            raise UpstreamFailed(Reason.UPSTREAM_CLOSED, Detail.GREETED.said(words=words))
        await leg.hello(name)
        if endpoint.scheme == "submission":
            await leg.start_tls(runtime, provider)
            await leg.hello(name)
    except BaseException:
        leg.abort()
        raise
    return leg
