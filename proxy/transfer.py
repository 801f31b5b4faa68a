"""The octets of one DATA on their way: into the spool and upstream at once, as they come, with back-pressure both ways.

Called straight from the client's transport; no task is woken before the message is complete. The final dot is not
sent here: `delivery.py` does that when the message is durable.

The client may be sending before upstream has said 354. Until it does, what is for upstream is held here: had it refused
DATA, it would take the message for commands (RFC 5321 section 4.1.1.4).
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

from postbuch.archive.spool import SpoolMessage
from postbuch.proxy.failure import Detail, Reason, UpstreamFailed
from postbuch.proxy.smtpreply import Reply
from postbuch.proxy.unstuff import Unstuffer
from postbuch.proxy.upstream_smtp import ANSWER_TIMEOUT_S, Watcher

# What the spool may have waiting before the client is not read any more, and how often to look again.
MAX_PENDING_OCTETS = 4 * 1024 * 1024
_LOOK_AGAIN_S = 0.005
# After so much at one go others have their turn: the loop hands over up to 8 MB that have piled up, 70 ms of work.
TURN_OCTETS = 512 * 1024
# What is held for an upstream that has not said 354, before the client is not read any more.
HELD_OCTETS = 512 * 1024
# The end of a message waits for the dot, and both go in one piece: what small messages are sent and woken for once.
TAIL_OCTETS = 64 * 1024


class Leg(Protocol):
    """Where the octets go: upstream's connection, or a file while the message must be whole first."""

    full: bool
    watcher: Watcher | None

    def watch(self, watcher: Watcher) -> None: ...
    def write(self, octets: bytes) -> None: ...
    def abort(self) -> None: ...


class Transfer:
    """One message. `then` is called when the client's end of data has come.

    What goes wrong upstream meanwhile stands in `early` (it answered before the end) or `failure`; the client's octets
    are taken to their end all the same, because only then does it read a reply. `agreed`: upstream said 354 to DATA.
    `answered` is called when it has answered before the end, DATA or the message, or is gone.
    """

    def __init__(
        self, leg: Leg, message: SpoolMessage | None, limit_octets: int, read_client: Callable[[bool], None],
        *, agreed: bool = True,
    ) -> None:
        self.message = message
        self.early: Reply | None = None
        self.failure: UpstreamFailed | None = None
        self.then: Callable[[], None] | None = None
        self.answered: Callable[[], None] | None = None
        self.loop = asyncio.get_running_loop()
        self.reader = Unstuffer()
        self.tail = b""  # what upstream is still to get before the dot
        self.agreed = agreed
        self._held: list[bytes] = []  # for an upstream that has not agreed yet
        self._held_octets = 0
        self._leg = leg
        self._limit_octets = limit_octets
        self._read_client = read_client
        self._paused = False
        self._looking = False
        self._resting = False
        self._turn_octets = 0
        self._unfit = False
        self._stalled: asyncio.TimerHandle | None = None
        leg.watch(self)

    @property
    def too_large(self) -> bool:
        return self.reader.size_octets > self._limit_octets

    @property
    def ended(self) -> bool:
        return self.reader.ended

    def feed(self, data: bytes) -> None:
        """Octets of the client. Not after `ended`."""
        archived, relayed = self.reader.feed(data)
        if self.reader.nul or self.too_large:
            self._give_up()
        elif not self._unfit:
            if archived and self.message is not None:
                self.message.write(archived)
            if self.reader.ended and len(relayed) <= TAIL_OCTETS:
                self.tail = relayed
            elif relayed and self.early is None and self.failure is None:
                self._send(relayed)
        if self.reader.ended:
            self._settle()
            if self.then is not None:
                self.then()
            return
        self._turn_octets += len(data)
        if self._turn_octets >= TURN_OCTETS:
            self._resting = True
            self.loop.call_soon(self._rested)
            self._balance()
        elif self._pending:
            self._balance()

    def _send(self, octets: bytes) -> None:
        if self.agreed:
            self._leg.write(octets)
            return
        self._held.append(octets)
        self._held_octets += len(octets)
        if self._held_octets > HELD_OCTETS:
            self.full(True)

    def _rested(self) -> None:
        self._resting = False
        self._turn_octets = 0
        self._balance()

    @property
    def _pending(self) -> bool:
        return self.message is not None and self.message.pending_octets > MAX_PENDING_OCTETS

    def _give_up(self) -> None:
        """The message will be refused: nobody needs the rest of it."""
        if not self._unfit:
            self._unfit = True
            self._leg.watcher = None
            self._leg.abort()
            if self.message is not None:
                self.message.abort()
            self._release()
            self._balance()

    def abort(self) -> None:
        """The client has gone before the end: upstream must not take what it has for a message."""
        self._settle()
        self._give_up()

    def _settle(self) -> None:
        self._stop_clock()
        if self._paused:
            self._paused = False
            self._read_client(True)

    # --- back-pressure ----------------------------------------------------------------------------------------------

    def _balance(self) -> None:
        """Read the client only while upstream and the spool keep up."""
        if self.reader.ended:
            return
        upstream_full = (
            (self._leg.full or self._held_octets > HELD_OCTETS) and self.early is None and self.failure is None
        )
        pending = not self._unfit and self._pending
        pause = self._resting or pending or (upstream_full and not self._unfit)
        if pause != self._paused:
            self._paused = pause
            self._read_client(not pause)
        if pending and not self._looking:
            # The spool's thread tells nobody when it has caught up.
            self._looking = True
            self.loop.call_later(_LOOK_AGAIN_S, self._look_again)

    def _look_again(self) -> None:
        self._looking = False
        self._balance()

    def _stop_clock(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    # --- upstream's calls -------------------------------------------------------------------------------------------

    def full(self, full: bool) -> None:
        """Upstream takes no more, or does again."""
        if full and self._stalled is not None:
            return
        self._stop_clock()
        if full and not self.reader.ended:
            self._stalled = self.loop.call_later(ANSWER_TIMEOUT_S, self._stall)
        self._balance()

    def _stall(self) -> None:
        self.lost(UpstreamFailed(Reason.UPSTREAM_TIMEOUT, Detail.TOOK_NO_OCTETS.said(seconds=round(ANSWER_TIMEOUT_S))))
        self._leg.abort()

    def spoke(self, reply: Reply) -> None:
        """Upstream answers DATA, or the message before its end: a refusal is the answer; a consent makes no sense."""
        if self.early is not None or self.failure is not None:
            return
        held = self._release()
        if reply.code == 354 and not self.agreed:
            self.agreed = True
            if held:
                self._leg.write(held)
        elif reply.code >= 400:
            self.early = reply
        else:
            detail = Detail.ANSWERED_BEFORE_END.said(code=reply.code)
            self.failure = UpstreamFailed(Reason.UPSTREAM_PROTOCOL, detail)
        self._heard()

    def lost(self, failure: UpstreamFailed) -> None:
        """Upstream is gone."""
        if self.early is None and self.failure is None:
            self._release()
            self.failure = failure
            self._heard()

    def _release(self) -> bytes:
        """Hold nothing any more: what was held."""
        self._stop_clock()
        held, self._held, self._held_octets = b"".join(self._held), [], 0
        return held

    def _heard(self) -> None:
        self._balance()
        if self.answered is not None:
            self.answered()
