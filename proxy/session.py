"""One client's IMAP session: the client's leg, its log-in and its end.

The dialogue before the log-in is `dialogue.py`; from then on there are both legs (`legs.py`).
"""

import asyncio
import logging
import time
from enum import Enum

from postbuch.archive import said
from postbuch.archive.config import Upstream
from postbuch.proxy import capability, login
from postbuch.proxy.admission import Admission, Admitted
from postbuch.proxy.announced import Announced
from postbuch.proxy.balance import MAX_AHEAD_OCTETS, Balance
from postbuch.proxy.credential import Credentials
from postbuch.proxy.dialogue import Dialogue
from postbuch.proxy.failure import Reason
from postbuch.proxy.framing import FramingLost, Violation
from postbuch.proxy.framing_client import ClientFramer
from postbuch.proxy.legs import Legs
from postbuch.proxy.receiver import Receiver
from postbuch.proxy.runtime import Runtime
from postbuch.proxy.upstream import peer_name

log = logging.getLogger("postbuch.proxy.imap")

# RFC 9051 section 5.4: an autologout timer of at least 30 minutes; before the log-in a minute is plenty.
AUTOLOGOUT_S = 31 * 60.0
LOGIN_TIMEOUT_S = 60.0 + login.ANSWER_TIMEOUT_S
# How much may wait for a slow peer: two blocks of the size that TLS hands over at once.
WRITE_BUFFER_OCTETS = 512 * 1024


class _Phase(Enum):
    DIALOGUE = 0
    LOGGING_IN = 1
    RELAY = 2
    CLOSED = 3


class Session(Receiver):
    """The client's leg. Made by the listener for each connection."""

    def __init__(self, runtime: Runtime, announced: Announced, sessions: "set[Session]") -> None:
        self.id = runtime.new_session()
        self.account = ""
        self._runtime = runtime
        self._announced = announced
        self._sessions = sessions
        self._phase = _Phase.DIALOGUE
        self._framer = ClientFramer()
        self._dialogue = Dialogue(self.write, self.end_client, self._log_in, self._capabilities)
        self._client: asyncio.Transport
        self._admission: Admission
        self._balance: Balance
        self._legs: Legs | None = None
        self._provider: Upstream | None = None
        self._client_address = ""
        self._logging_in: asyncio.Task[None] | None = None
        self._active_at = time.monotonic()

    # --- the client's leg -----------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._client = transport  # type: ignore[assignment] # a listener's stream transport
        self._client.set_write_buffer_limits(WRITE_BUFFER_OCTETS)
        self._balance = Balance(self._client, self._framer)
        self._client_address = peer_name(transport)
        self._admission = Admission(self._runtime, self.id, self._client_address, self._say)
        self._sessions.add(self)
        self._runtime.counters["imap-connections"] += 1
        self.write(b"* OK [CAPABILITY " + self._capabilities() + b"] Postbuch is ready\r\n")

    def data_received(self, data: bytes) -> None:
        self._active_at = time.monotonic()
        legs = self._legs
        try:
            if legs is not None and legs.stage.take_plain(data):
                return
            self._framer.feed(data)
            self._take()
        except FramingLost as error:  # found when it was to be known what upstream had said so far
            if legs is not None:
                legs.lose_track(error)
            return
        if self._framer.pending_octets > MAX_AHEAD_OCTETS or (self._legs and self._legs.stage.pending_octets):
            self._balance.look()

    def pause_writing(self) -> None:
        self._balance.client_full(True)

    def resume_writing(self) -> None:
        self._balance.client_full(False)

    def connection_lost(self, exc: Exception | None) -> None:
        self.close()

    def write(self, octets: bytes) -> None:
        """To the client."""
        self._client.write(octets)

    def _take(self) -> None:
        if self._legs is not None:
            self._legs.stage.pump()
        while self._phase is _Phase.DIALOGUE:
            event = self._framer.next()
            if event is None:
                return
            if isinstance(event, Violation):
                self.end_client(event.reason, b"* BYE protocol error\r\n")
            else:
                self._dialogue.take(event)

    def _capabilities(self) -> bytes:
        return b" ".join(capability.kept(self._announced.tokens(), logged_in=False))

    # --- the log-in -----------------------------------------------------------------------------------------------

    def _log_in(self, tag: bytes, credentials: Credentials) -> None:
        self._phase = _Phase.LOGGING_IN
        self._logging_in = self._runtime.spawn(self._try(tag, credentials))

    async def _try(self, tag: bytes, credentials: Credentials) -> None:
        admitted = await self._admission.admit(tag, credentials, self._dialogue.client_id)
        if admitted is None:
            self._again()
        elif self._phase is _Phase.CLOSED:
            admitted.done.transport.abort()
        else:
            self._announced.learn(admitted.provider.name, admitted.done.greeting)
            self._start(admitted)

    def _again(self) -> None:
        if self._phase is _Phase.LOGGING_IN:
            self._phase = _Phase.DIALOGUE
            self._take()

    def _say(self, line: bytes) -> None:
        if self._phase is not _Phase.CLOSED:
            self.write(line)

    def _start(self, admitted: Admitted) -> None:
        """From here on upstream speaks to the client."""
        provider, done = admitted.provider, admitted.done
        self.account, self._provider = admitted.who.account, provider
        done.transport.set_write_buffer_limits(WRITE_BUFFER_OCTETS)
        facts = {
            "account": self.account, "upstream": provider.name, "session": self.id,
            "client_address": self._client_address,
        }
        self._legs = Legs(self._runtime, self, self._framer, self._balance, admitted, facts)
        self.write(b"".join(capability.rewritten(line, logged_in=True) for line in (*done.lines, done.answer)))
        self._phase = _Phase.RELAY
        log.info("login session=%s account=%s client=%s", self.id, self.account, self._client_address)
        done.leg.hand_over(done.transport, self._legs)
        self._take()

    # --- the end --------------------------------------------------------------------------------------------------

    def end_client(self, reason: str, line: bytes) -> None:
        """Say a last line and close both legs. An empty reason is an orderly end."""
        if self._phase is _Phase.CLOSED:
            return
        relay = None if self._legs is None else self._legs.relay
        if relay is not None and relay.looking:
            asyncio.get_running_loop().call_soon(self.end_client, reason, line)
            return
        if reason:
            self.failed(Reason.CLIENT_PROTOCOL, reason, answered=True, leg="client")
        try:
            (self.write if relay is None else relay.say)(line)
        except FramingLost as error:
            self.failed(Reason.UPSTREAM_PROTOCOL, said.of(error), answered=False)
        self.close(abort_upstream=True)

    def expire(self, now: float) -> None:
        """Autologout, called every now and then."""
        limit_s, seen_at, legs = LOGIN_TIMEOUT_S, self._active_at, self._legs
        if legs is not None:
            legs.stage.expire(now)
            limit_s = AUTOLOGOUT_S
        if self._legs is not None and self._legs.relay.awaited:
            # Who waits for a long answer is not away: neither is who idles, but mail programs renew that in time.
            seen_at = max(seen_at, self._legs.answered_at)
        if now - seen_at > limit_s:
            self.end_client("", b"* BYE autologout\r\n")

    def shut_down(self) -> None:
        """The proxy ends."""
        self.end_client("", b"* BYE the server is being restarted\r\n")

    def close(self, *, abort_upstream: bool = False) -> None:
        """End both legs. Harmless when they have ended."""
        if self._phase is _Phase.CLOSED:
            return
        if self._phase is _Phase.LOGGING_IN and self._logging_in is not None:
            self._logging_in.cancel()
        self._phase = _Phase.CLOSED
        self._sessions.discard(self)
        if self._legs is not None:
            self._legs.end()
        self._client.close()
        if self._legs is not None:
            # A literal that is not complete must not look complete: no orderly end in the middle of a command.
            self._legs.hang_up(abort=abort_upstream)
        self._let_go()
        log.info("end session=%s account=%s", self.id, self.account or "-")

    def _let_go(self) -> None:
        """Break the circles, so that it all goes now: the collector comes after 200 sessions, and takes 20 ms then."""
        self._balance.end()
        self._legs = self._logging_in = None
        del self._dialogue, self._admission, self._client

    def failed(self, reason: Reason, detail: str, *, answered: bool, leg: str = "imap") -> None:
        """Put on record what went wrong."""
        self._runtime.failed(
            reason, account=self.account, leg=leg, detail=detail, session=self.id, answered=answered,
            upstream=self._provider,
        )
