"""What the tap still has to look at: octets go to the client first, and are read when the connection is quiet.

A mail program that fetches a folder waits for octets, not for the archive. So events queue here, in order, and are
worked off in short slices once nothing has come for a moment, at the latest after a quarter of a second; above the
limit at once, which is the back-pressure. Nothing is lost at the end of a session: `close` works off the rest.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable

from postbuch.proxy.framing import Data, UpstreamEvent

# All sessions of the process together.
LIMIT_OCTETS = 8 * 1024 * 1024
# A piece of a literal of this size belongs to a large message: holding it back costs memory (a message of 100 MB was
# measured to cost 24 MB, 16 are allowed) and saves nothing.
LARGE_PIECE_OCTETS = 16 * 1024
# Others must get their turn: a NOOP that comes now waits no longer than this.
SLICE_S = 0.001
QUIET_S = 0.004
LATEST_S = 0.25


class Backlog:
    """One a session. `see` is the tap's; everything is called on the loop."""

    waiting_octets = 0  # of all sessions of the process

    def __init__(self, see: Callable[[UpstreamEvent], None]) -> None:
        self._see = see
        self._items: deque[UpstreamEvent | Callable[[], None]] = deque()
        self._octets = 0
        self._since = self._last = 0.0
        self._timer: asyncio.Handle | None = None

    def put(self, event: UpstreamEvent) -> None:
        """An event to look at later. A large literal is passed on at once: it would fill the limit for nothing."""
        self._items.append(event)
        octets = len(event.octets)
        self._octets += octets
        Backlog.waiting_octets += octets
        if octets >= LARGE_PIECE_OCTETS:
            self._work(None)

    def then(self, call: Callable[[], None]) -> None:
        """Do something when all that came before has been seen; at once when that is so."""
        if self._items:
            self._items.append(call)
        else:
            call()

    def fed(self) -> None:
        """A chunk has been forwarded and queued: plan when to look at it."""
        if not self._items:
            return
        self._last = time.monotonic()
        if Backlog.waiting_octets > LIMIT_OCTETS:
            self._work(None)
        elif self._timer is None:
            self._since = self._last
            self._timer = asyncio.get_running_loop().call_later(QUIET_S, self._look)

    def work_off(self) -> None:
        """Look at all that waits, now."""
        self._work(None)

    def close(self) -> None:
        """Look at all the rest."""
        if self._timer is not None:
            self._timer.cancel()
        self._work(None)

    def _look(self) -> None:
        self._timer = None
        if not self._items:
            return
        now = time.monotonic()
        loop = asyncio.get_running_loop()
        if now - self._last < QUIET_S and now - self._since < LATEST_S:
            self._timer = loop.call_later(QUIET_S, self._look)
            return
        self._work(now + SLICE_S)
        if self._items:
            self._timer = loop.call_later(0, self._look)

    def _work(self, until: float | None) -> None:
        items, done = self._items, 0
        while items:
            item = items.popleft()
            if isinstance(item, Data) or not callable(item):
                octets = len(item.octets)
                self._octets -= octets
                Backlog.waiting_octets -= octets
                self._see(item)
            else:
                item()
            done += 1
            if until is not None and done % 8 == 0 and time.monotonic() > until:
                return
