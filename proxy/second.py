"""A second session upstream with the client's own credentials, for looking into a mailbox that the client deletes.

The client's session cannot do it: to look into a mailbox is to select it.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from postbuch.archive import said
from postbuch.archive.config import Upstream
from postbuch.proxy import login
from postbuch.proxy.credential import Credentials
from postbuch.proxy.failure import Detail, Reason, UpstreamFailed
from postbuch.proxy.framing import FramingLost
from postbuch.proxy.harvest import Harvester
from postbuch.proxy.receiver import Receiver
from postbuch.proxy.relay import Relay
from postbuch.proxy.runtime import Runtime
from postbuch.proxy.tap import Tap

# What the spool may have waiting before upstream is not read any more, and how often to look again.
MAX_PENDING_OCTETS = 1024 * 1024
LOOK_AGAIN_S = 0.005


class _Leg(Receiver):
    """Upstream's octets into the relay, as fast as the spool takes them."""

    def __init__(self, transport: asyncio.Transport, relay: Relay, tap: Tap) -> None:
        self._transport = transport
        self._relay = relay
        self._tap = tap

    def data_received(self, data: bytes) -> None:
        try:
            self._relay.feed(data)
        except FramingLost as error:
            self._relay.lose(UpstreamFailed(Reason.UPSTREAM_PROTOCOL, said.of(error)))
            self._transport.abort()
            return
        if self._tap.pending_octets > MAX_PENDING_OCTETS:
            self._transport.pause_reading()
            asyncio.get_running_loop().call_later(LOOK_AGAIN_S, self._look_again)

    def _look_again(self) -> None:
        if self._tap.pending_octets > MAX_PENDING_OCTETS:
            asyncio.get_running_loop().call_later(LOOK_AGAIN_S, self._look_again)
        elif not self._transport.is_closing():
            self._transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._relay.lose(UpstreamFailed(Reason.UPSTREAM_CLOSED, Detail.IN_SECOND_SESSION.said()))


@asynccontextmanager
async def second_session(
    runtime: Runtime, provider: Upstream, credentials: Credentials, facts: Mapping[str, str]
) -> AsyncIterator[tuple[Harvester, Relay]]:
    """Logged in; closed at the end. Raises UpstreamFailed, LoginRefused, ConfigError."""
    done = await login.log_in(runtime, provider, credentials, b"pbsecond")
    tap = Tap(runtime.spool, facts, lambda detail: None, runtime.archived)
    relay = Relay(tap, lambda octets: None)
    harvester = Harvester(relay, tap, runtime.archived, runtime.spool, done.transport.write)
    done.leg.hand_over(done.transport, _Leg(done.transport, relay, tap))
    try:
        yield harvester, relay
    finally:
        relay.close()
        tap.close()
        done.transport.close()
