"""One client's IMAP session: the client's leg, the log-in, then upstream's leg, and back-pressure between the two.

The dialogue before the log-in is `dialogue.py`, what goes up is `stage.py`, what comes down is `relay.py`.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from enum import Enum
from functools import partial

from postbuch.archive import said
from postbuch.archive.config import Upstream
from postbuch.proxy import capability, login
from postbuch.proxy.admission import Admission, Admitted
from postbuch.proxy.announced import Announced
from postbuch.proxy.append import IncomingFactory
from postbuch.proxy.credential import Credentials
from postbuch.proxy.dialogue import Dialogue
from postbuch.proxy.failure import Detail, Reason
from postbuch.proxy.framing import FramingLost, Violation
from postbuch.proxy.framing_client import ClientFramer
from postbuch.proxy.harvest import Harvester
from postbuch.proxy.holding import Holding
from postbuch.proxy.receiver import Receiver
from postbuch.proxy.relay import Relay
from postbuch.proxy.runtime import Runtime
from postbuch.proxy.second import second_session
from postbuch.proxy.stage import Stage
from postbuch.proxy.tap import Tap
from postbuch.proxy.upstream import peer_name

log = logging.getLogger("postbuch.proxy.imap")

# RFC 9051 section 5.4: an autologout timer of at least 30 minutes; before the log-in a minute is plenty.
AUTOLOGOUT_S = 31 * 60.0
LOGIN_TIMEOUT_S = 60.0 + login.ANSWER_TIMEOUT_S
# What the spool may have waiting before its session's peer is not read any more, and how often to look again.
MAX_PENDING_OCTETS = 1024 * 1024
# The same while no message was asked for. What comes while nobody reads is lost when upstream closes behind it: the
# answer to a LOGOUT right behind a message of 60 MB, several times of twelve on a busy disk.
MAX_UNASKED_OCTETS = 32 * 1024 * 1024
_LOOK_AGAIN_S = 0.005
# What a client may send ahead of a command that is held.
MAX_AHEAD_OCTETS = 1024 * 1024
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
        self._dialogue = Dialogue(self._write, self.end_client, self._log_in, self._capabilities)
        self._client: asyncio.Transport
        self._admission: Admission
        self._upstream: asyncio.Transport | None = None
        self._provider: Upstream | None = None
        self._relay: Relay | None = None
        self._stage: Stage | None = None
        self._tap: Tap | None = None
        self._incoming: IncomingFactory | None = None
        self._client_address = ""
        self._logging_in: asyncio.Task[None] | None = None
        self._active_at = self._answered_at = time.monotonic()
        self._reading_client = True
        self._reading_upstream = True
        self._client_full = False
        self._upstream_full = False
        self._looking = False

    # --- the client's leg -----------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._client = transport  # type: ignore[assignment] # a listener's stream transport
        self._client.set_write_buffer_limits(WRITE_BUFFER_OCTETS)
        self._client_address = peer_name(transport)
        self._admission = Admission(self._runtime, self.id, self._client_address, self._say)
        self._sessions.add(self)
        self._runtime.counters["imap-connections"] += 1
        self._write(b"* OK [CAPABILITY " + self._capabilities() + b"] Postbuch is ready\r\n")

    def data_received(self, data: bytes) -> None:
        self._active_at = time.monotonic()
        if self._stage is not None and self._phase is _Phase.RELAY and self._stage.take_plain(data):
            return
        self._framer.feed(data)
        self._take()
        if self._framer.pending_octets > MAX_AHEAD_OCTETS or (self._stage and self._stage.pending_octets):
            self._balance()

    def pause_writing(self) -> None:
        self._client_full = True
        self._balance()

    def resume_writing(self) -> None:
        self._client_full = False
        self._balance()

    def connection_lost(self, exc: Exception | None) -> None:
        self._close()

    def _write(self, octets: bytes) -> None:
        self._client.write(octets)

    def _take(self) -> None:
        if self._phase is _Phase.RELAY and self._stage is not None:
            self._stage.pump()
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
            self._write(line)

    def _start(self, admitted: Admitted) -> None:
        """From here on upstream speaks to the client."""
        runtime, account = self._runtime, admitted.who.account
        provider, done = admitted.provider, admitted.done
        self.account, self._provider, self._upstream = account, provider, done.transport
        done.transport.set_write_buffer_limits(WRITE_BUFFER_OCTETS)
        facts = {
            "account": account, "upstream": provider.name, "session": self.id, "client_address": self._client_address,
        }
        if provider.archive != "none":
            loop = asyncio.get_running_loop()

            def failed(detail: str) -> None:
                with contextlib.suppress(RuntimeError):  # the loop has ended
                    loop.call_soon_threadsafe(self._spool_failed, detail)

            self._tap = Tap(runtime.spool, facts, failed, runtime.archived)
            self._incoming = IncomingFactory(runtime.spool, facts, runtime.event, runtime.archived)
        self._relay = Relay(self._tap, self._write, self._later)
        holding = None
        if self._tap is not None:
            told = capability.told([done.answer, *done.lines])
            holding = self._gate(self._relay, self._tap, provider, admitted.shown, facts, told)
        self._stage = Stage(self, self._relay, self._framer, self._incoming, holding)
        self._write(b"".join(capability.rewritten(line, logged_in=True) for line in (*done.lines, done.answer)))
        self._phase = _Phase.RELAY
        log.info("login session=%s account=%s client=%s", self.id, account, self._client_address)
        done.leg.hand_over(done.transport, _UpstreamSide(self))
        self._stage.pump()

    def _gate(
        self, relay: Relay, tap: Tap, provider: Upstream, credentials: Credentials, facts: dict[str, str],
        capabilities: set[bytes] | None,
    ) -> Holding:
        runtime = self._runtime

        def failed(detail: str) -> None:
            self._failed(Reason.NOT_ARCHIVED, self.account, provider, detail, answered=True)

        harvester = Harvester(relay, tap, runtime.archived, runtime.spool, self.to_upstream)
        second = partial(second_session, runtime, provider, credentials, facts)
        return Holding(relay, harvester, runtime.archived, self.account, second, failed, capabilities)

    # --- upstream's leg -------------------------------------------------------------------------------------------

    def from_upstream(self, data: bytes) -> None:
        """Octets of upstream: to the client first."""
        self._answered_at = time.monotonic()
        if self._relay is None or self._phase is _Phase.CLOSED:
            return
        try:
            self._relay.feed(data)
        except FramingLost as error:
            self._lose_track(error)
            return
        if self._relay.injecting and self._tap is not None and self._tap.pending_octets > MAX_PENDING_OCTETS:
            self._balance()

    def _later(self, call: Callable[[], None]) -> None:
        asyncio.get_running_loop().call_soon(self._guarded, call)

    def _guarded(self, call: Callable[[], None]) -> None:
        """Run a part of the relay; upstream's octets that cannot be followed end the session."""
        try:
            call()
        except FramingLost as error:
            self._lose_track(error)
            return
        if self._tap is not None and self._tap.pending_octets > MAX_PENDING_OCTETS:
            self._balance()

    def _lose_track(self, error: FramingLost) -> None:
        self._failed(Reason.UPSTREAM_PROTOCOL, self.account, self._provider, said.of(error), answered=False)
        self._close()

    def upstream_lost(self) -> None:
        """Upstream closed: what it said goes out, then the client's connection ends too; never a made-up line."""
        if self._phase is _Phase.CLOSED:
            return
        if self._relay is not None and not self._relay.said_bye:
            self._failed(Reason.UPSTREAM_CLOSED, self.account, self._provider, Detail.IN_SESSION.said(), answered=False)
        self._close()

    def upstream_full(self, full: bool) -> None:
        """Upstream takes no more, or does again."""
        self._upstream_full = full
        self._balance()

    def to_upstream(self, octets: bytes) -> None:
        """For the stage."""
        if octets and self._upstream is not None:
            self._upstream.write(octets)
            if not self._reading_upstream:
                self._balance()

    def _balance(self) -> None:
        """Read each side only while the other side and the spool keep up."""
        if self._phase is _Phase.CLOSED:
            return
        writing = self._tap.pending_octets if self._tap else 0
        coming = self._stage.pending_octets if self._stage else 0
        most = MAX_PENDING_OCTETS if self._relay is None or self._relay.fetching else MAX_UNASKED_OCTETS
        read_upstream = not self._client_full and writing <= most
        read_client = (
            not self._upstream_full and coming <= MAX_PENDING_OCTETS
            and self._framer.pending_octets <= MAX_AHEAD_OCTETS
        )
        if read_client != self._reading_client:
            self._reading_client = read_client
            (self._client.resume_reading if read_client else self._client.pause_reading)()
        if self._upstream is not None and read_upstream != self._reading_upstream:
            self._reading_upstream = read_upstream
            (self._upstream.resume_reading if read_upstream else self._upstream.pause_reading)()
        if not (read_client and read_upstream) and not self._looking:
            # The spool's thread tells nobody when it has caught up.
            self._looking = True
            asyncio.get_running_loop().call_later(_LOOK_AGAIN_S, self._look_again)

    def _look_again(self) -> None:
        self._looking = False
        self._balance()

    # --- the end --------------------------------------------------------------------------------------------------

    def end_client(self, reason: str, line: bytes) -> None:
        """Say a last line and close both legs. An empty reason is an orderly end."""
        if self._phase is _Phase.CLOSED:
            return
        if self._relay is not None and self._relay.looking:
            asyncio.get_running_loop().call_soon(self.end_client, reason, line)
            return
        if reason:
            self._failed(Reason.CLIENT_PROTOCOL, self.account, self._provider, reason, answered=True, leg="client")
        if self._relay is None:
            self._write(line)
        else:
            self._relay.say(line)
        self._close(abort_upstream=True)

    def expire(self, now: float) -> None:
        """Autologout, called every now and then."""
        if self._stage is not None:
            self._stage.expire(now)
        limit_s = AUTOLOGOUT_S if self._phase is _Phase.RELAY else LOGIN_TIMEOUT_S
        # Who waits for a long answer is not away: neither is who idles, but mail programs renew that in time.
        waiting = self._relay is not None and self._relay.awaited
        if now - (max(self._active_at, self._answered_at) if waiting else self._active_at) > limit_s:
            self.end_client("", b"* BYE autologout\r\n")

    def shut_down(self) -> None:
        """The proxy ends."""
        self.end_client("", b"* BYE the server is being restarted\r\n")

    def _close(self, *, abort_upstream: bool = False) -> None:
        if self._phase is _Phase.CLOSED:
            return
        if self._phase is _Phase.LOGGING_IN and self._logging_in is not None:
            self._logging_in.cancel()
        self._phase = _Phase.CLOSED
        self._sessions.discard(self)
        if self._stage is not None:
            self._stage.close()
        if self._relay is not None:
            self._relay.close()
        if self._relay is not None and self._incoming is not None:
            for command in self._relay.outstanding:
                for capture in command.captures:
                    self._incoming.outcome(capture, "unknown", "the connection ended before an answer", None, None)
        if self._tap is not None:
            self._tap.close()
            self._runtime.counters["fetch-captured"] += self._tap.captures.captured
            self._runtime.counters["fetch-missed"] += self._tap.captures.missed
        self._client.close()
        if self._upstream is not None:
            # A literal that is not complete must not look complete: no orderly end in the middle of a command.
            (self._upstream.abort if abort_upstream else self._upstream.close)()
        self._let_go()
        log.info("end session=%s account=%s", self.id, self.account or "-")

    def _let_go(self) -> None:
        """Break the circles, so that it all goes now: the collector comes after 200 sessions, and takes 20 ms then."""
        if self._relay is not None:
            self._relay.stage = None
        self._stage = self._relay = self._tap = self._incoming = self._upstream = self._logging_in = None
        del self._dialogue, self._admission, self._client

    def _spool_failed(self, detail: str) -> None:
        self._failed(Reason.SPOOL_UNWRITABLE, self.account, self._provider, detail, answered=True, leg="spool")

    def _failed(
        self, reason: Reason, account: str, provider: Upstream | None, detail: str, *, answered: bool,
        leg: str = "imap",
    ) -> None:
        self._runtime.failed(
            reason, account=account, leg=leg, detail=detail, session=self.id, answered=answered, upstream=provider
        )


class _UpstreamSide(Receiver):
    """Upstream's leg after the log-in."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.data_received = session.from_upstream  # type: ignore[method-assign] # one call less for each chunk

    def connection_lost(self, exc: Exception | None) -> None:
        self._session.upstream_lost()

    def pause_writing(self) -> None:
        self._session.upstream_full(True)

    def resume_writing(self) -> None:
        self._session.upstream_full(False)
