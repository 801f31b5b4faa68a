"""Both legs of a session, from the log-in on: what goes up is `stage.py`, what comes down is `relay.py`."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol

from postbuch.archive import said
from postbuch.proxy import capability
from postbuch.proxy.admission import Admitted
from postbuch.proxy.append import IncomingFactory
from postbuch.proxy.balance import MAX_PENDING_OCTETS, Balance
from postbuch.proxy.failure import Detail, Reason
from postbuch.proxy.framing import FramingLost
from postbuch.proxy.framing_client import ClientFramer
from postbuch.proxy.harvest import Harvester
from postbuch.proxy.holding import Holding
from postbuch.proxy.receiver import Receiver
from postbuch.proxy.relay import Relay
from postbuch.proxy.runtime import Runtime
from postbuch.proxy.second import second_session
from postbuch.proxy.stage import Stage
from postbuch.proxy.tap import Tap


class ClientLeg(Protocol):
    """The client's leg, which makes this one and ends both."""

    def write(self, octets: bytes) -> None: ...
    def end_client(self, reason: str, line: bytes) -> None: ...
    def close(self) -> None: ...
    def failed(self, reason: Reason, detail: str, *, answered: bool, leg: str = "imap") -> None: ...


class Legs(Receiver):
    """One a session; upstream's leg itself."""

    def __init__(
        self, runtime: Runtime, client: ClientLeg, framer: ClientFramer, balance: Balance, admitted: Admitted,
        facts: Mapping[str, str],
    ) -> None:
        """`facts` are those that all records of the session have."""
        self.answered_at = time.monotonic()
        self._runtime = runtime
        self._client = client
        self._balance = balance
        self._upstream: asyncio.Transport | None = admitted.done.transport
        self._tap: Tap | None = None
        self._incoming: IncomingFactory | None = None
        if admitted.provider.archive != "none":
            loop = asyncio.get_running_loop()

            def failed(detail: str) -> None:
                with contextlib.suppress(RuntimeError):  # the loop has ended
                    loop.call_soon_threadsafe(
                        partial(client.failed, Reason.SPOOL_UNWRITABLE, detail, answered=True, leg="spool")
                    )

            self._tap = Tap(runtime.spool, facts, failed, runtime.archived)
            self._incoming = IncomingFactory(runtime.spool, facts, runtime.event, runtime.archived)
        self.relay = Relay(self._tap, client.write, self._later)
        holding = None if self._tap is None else self._gate(self._tap, admitted, facts)
        told = capability.told([admitted.done.answer, *admitted.done.lines]) or set()
        self.stage = Stage(
            self.to_upstream, client.end_client, self.relay, framer, self._incoming, holding,
            takes_back=b"MULTIAPPEND" in told,
        )
        balance.join(admitted.done.transport, self.relay, self.stage, self._tap)

    def _gate(self, tap: Tap, admitted: Admitted, facts: Mapping[str, str]) -> Holding:
        runtime, relay, done = self._runtime, self.relay, admitted.done
        harvester = Harvester(relay, tap, runtime.archived, runtime.spool, self.to_upstream)
        second = partial(second_session, runtime, admitted.provider, admitted.shown, facts)
        failed = partial(self._client.failed, Reason.NOT_ARCHIVED, answered=True)
        told = capability.told([done.answer, *done.lines])
        return Holding(relay, harvester, runtime.archived, admitted.who.account, second, failed, told)

    def to_upstream(self, octets: bytes) -> None:
        """For the stage."""
        if octets and self._upstream is not None:
            self._upstream.write(octets)
            if not self._balance.reading_upstream:
                self._balance.look()

    # --- upstream's calls -----------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Octets of upstream: to the client first."""
        self.answered_at = time.monotonic()
        if self._upstream is None:
            return
        relay = self.relay
        try:
            relay.feed(data)
        except FramingLost as error:
            self.lose_track(error)
            return
        if relay.injecting and self._tap is not None and self._tap.pending_octets > MAX_PENDING_OCTETS:
            self._balance.look()

    def pause_writing(self) -> None:
        self._balance.upstream_full(True)

    def resume_writing(self) -> None:
        self._balance.upstream_full(False)

    def connection_lost(self, exc: Exception | None) -> None:
        """Upstream closed: what it said goes out, then the client's connection ends too; never a made-up line."""
        if self._upstream is None:
            return
        if not self.relay.said_bye:
            self._client.failed(Reason.UPSTREAM_CLOSED, Detail.IN_SESSION.said(), answered=False)
        self._client.close()

    def _later(self, call: Callable[[], None]) -> None:
        asyncio.get_running_loop().call_soon(self._guarded, call)

    def _guarded(self, call: Callable[[], None]) -> None:
        """Run a part of the relay; upstream's octets that cannot be followed end the session."""
        try:
            call()
        except FramingLost as error:
            self.lose_track(error)
            return
        if self._tap is not None and self._tap.pending_octets > MAX_PENDING_OCTETS:
            self._balance.look()

    def lose_track(self, error: FramingLost) -> None:
        """Upstream's octets cannot be followed any more."""
        if self._upstream is None:  # an earlier line of the chunk ended the session
            return
        self._client.failed(Reason.UPSTREAM_PROTOCOL, said.of(error), answered=False)
        self._client.close()

    # --- the end --------------------------------------------------------------------------------------------------

    def end(self) -> None:
        """All that came is looked at, and what became of each message is on record."""
        self.stage.close()
        self.relay.close()
        if self._incoming is not None:
            for command in self.relay.outstanding.values():
                for capture in command.captures:
                    self._incoming.outcome(capture, "unknown", "the connection ended before an answer", None, None)
        if self._tap is not None:
            self._tap.close()
            self._runtime.counters["fetch-captured"] += self._tap.captures.captured
            self._runtime.counters["fetch-missed"] += self._tap.captures.missed

    def hang_up(self, *, abort: bool) -> None:
        """Close upstream's leg, and break the circles."""
        upstream, self._upstream = self._upstream, None
        if upstream is not None:
            (upstream.abort if abort else upstream.close)()
        self.relay.stage = None
        self._tap = self._incoming = None
        del self.relay, self.stage, self._client
