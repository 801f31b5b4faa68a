"""What the tap still has to look at: octets go to the client first, and are read when the connection is quiet.

A mail program that fetches a folder waits for octets, not for the archive. So events queue here, in order, and are
worked off in short slices once nothing has come for a moment, at the latest after a second; above the limit as fast
as they come, which is the back-pressure. Nothing is lost at the end of a session: `close` works off the rest.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable

from postbuch.archive.spool import SMALL_OCTETS
from postbuch.proxy.framing import Data, Line, UpstreamEvent

# 32 MiB, all sessions of the process together: a folder of some 5,000 ordinary messages, or 20 people who open theirs.
LIMIT_OCTETS = 32 * 1024 * 1024
# Others must get their turn: a NOOP that comes now waits no longer than this.
SLICE_S = 0.001
QUIET_S = 0.004
LATEST_S = 1.0


class Backlog:
    """One a session. `see` is the tap's; everything is called on the loop."""

    waiting_octets = 0  # of all sessions of the process

    def __init__(self, see: Callable[[UpstreamEvent], None]) -> None:
        self._see = see
        self._items: deque[UpstreamEvent | Callable[[], None]] = deque()
        self._large = False  # a literal above SMALL_OCTETS is coming
        self._since = self._last = 0.0
        self._timer: asyncio.Handle | None = None

    def put(self, event: UpstreamEvent) -> None:
        """An event to look at later. A large literal is passed on at once: held back it costs memory and saves nothing.

        (A message of 100 MB was measured to cost 24 MB, 16 are allowed.)
        """
        self._items.append(event)
        Backlog.waiting_octets += len(event.octets)
        if isinstance(event, Line):
            self._large = event.literal is not None and event.literal > SMALL_OCTETS
        if self._large:
            self._work()

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
            self._work(leave=LIMIT_OCTETS)
        if self._timer is None:
            self._since = self._last
            self._timer = asyncio.get_running_loop().call_later(QUIET_S, self._look)

    @property
    def empty(self) -> bool:
        """Whether all that came has been looked at."""
        return not self._items

    def work_off(self) -> None:
        """Look at all that waits, now."""
        self._work()

    def close(self) -> None:
        """Look at all the rest."""
        if self._timer is not None:
            self._timer.cancel()
        self._work()

    def _look(self) -> None:
        self._timer = None
        if not self._items:
            return
        now = time.monotonic()
        loop = asyncio.get_running_loop()
        if now - self._last < QUIET_S and now - self._since < LATEST_S:
            self._timer = loop.call_later(QUIET_S, self._look)
            return
        self._work(until=now + SLICE_S)
        if self._items:
            self._timer = loop.call_later(0, self._look)

    def _work(self, *, until: float | None = None, leave: int = 0) -> None:
        """Look at what waits, oldest first, until the time is over or only so many octets are left."""
        items, done = self._items, 0
        while items and (not leave or Backlog.waiting_octets > leave):
            item = items.popleft()
            if isinstance(item, Data) or not callable(item):
                Backlog.waiting_octets -= len(item.octets)
                self._see(item)
            else:
                item()
            done += 1
            if until is not None and done % 8 == 0 and time.monotonic() > until:
                return
