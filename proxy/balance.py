"""Back-pressure between the two legs of a session: each is read only while the other one and the spool keep up."""

import asyncio

from postbuch.proxy.framing_client import ClientFramer
from postbuch.proxy.relay import Relay
from postbuch.proxy.stage import Stage
from postbuch.proxy.tap import Tap

# What the spool may have waiting before its session's peer is not read any more, and how often to look again.
MAX_PENDING_OCTETS = 1024 * 1024
# The same while no message was asked for. What comes while nobody reads is lost when upstream closes behind it: the
# answer to a LOGOUT right behind a message of 60 MB, several times of twelve on a busy disk.
MAX_UNASKED_OCTETS = 32 * 1024 * 1024
_LOOK_AGAIN_S = 0.005
# What a client may send ahead of a command that is held.
MAX_AHEAD_OCTETS = 1024 * 1024


class Balance:
    """One a session, of the client's leg alone until `join`."""

    def __init__(self, client: asyncio.Transport, framer: ClientFramer) -> None:
        self.reading_upstream = True
        self._reading_client = True
        self._client: asyncio.Transport | None = client
        self._framer = framer
        self._upstream: asyncio.Transport | None = None
        self._relay: Relay | None = None
        self._stage: Stage | None = None
        self._tap: Tap | None = None
        self._client_full = False
        self._upstream_full = False
        self._looking = False

    def join(self, upstream: asyncio.Transport, relay: Relay, stage: Stage, tap: Tap | None) -> None:
        """Upstream's leg is there."""
        self._upstream, self._relay, self._stage, self._tap = upstream, relay, stage, tap

    def end(self) -> None:
        """The session is over: nothing is kept of it."""
        self._client = self._upstream = self._relay = self._stage = self._tap = None

    def client_full(self, full: bool) -> None:
        """The client takes no more, or does again."""
        self._client_full = full
        self.look()

    def upstream_full(self, full: bool) -> None:
        """Upstream takes no more, or does again."""
        self._upstream_full = full
        self.look()

    def look(self) -> None:
        """Read on or not, as it is now."""
        if self._client is None:
            return
        writing = self._tap.pending_octets if self._tap is not None else 0
        coming = self._stage.pending_octets if self._stage is not None else 0
        most = MAX_PENDING_OCTETS if self._relay is None or self._relay.fetching else MAX_UNASKED_OCTETS
        read_upstream = not self._client_full and writing <= most
        read_client = (
            not self._upstream_full and coming <= MAX_PENDING_OCTETS
            and self._framer.pending_octets <= MAX_AHEAD_OCTETS
        )
        if read_client != self._reading_client:
            self._reading_client = read_client
            (self._client.resume_reading if read_client else self._client.pause_reading)()
        if self._upstream is not None and read_upstream != self.reading_upstream:
            self.reading_upstream = read_upstream
            (self._upstream.resume_reading if read_upstream else self._upstream.pause_reading)()
        if not (read_client and read_upstream) and not self._looking:
            # The spool's thread tells nobody when it has caught up.
            self._looking = True
            asyncio.get_running_loop().call_later(_LOOK_AGAIN_S, self._look_again)

    def _look_again(self) -> None:
        self._looking = False
        self.look()
