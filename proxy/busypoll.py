"""Looking for the next octets instead of sleeping, while they are likely to come at once.

A processor that sleeps takes 20 to 60 µs to wake, more where that takes an exit to a host, and each command wakes the
loop twice: for the client's line and for upstream's answer. Linux does the same for network cards (SO_BUSY_POLL in
socket(7)) and in guests (haltpoll). It pays where client and provider are near; whether they are, what came last tells.
"""

import asyncio
import os
import time

# Client and server of one machine or of one switch answer within 40 to 150 µs; haltpoll looks for 200 µs by default.
POLL_S = 0.0002
# Octets that follow others sooner than this are near ones: the loop had to be woken in between. Those of many far ones
# that come by chance, 1,000 a second, do so one time in four (1 - e^-0.3).
QUICK_S = 0.0003
# So often it is tried in vain when nearly all were quick: 4 times POLL_S of one processor, 0.8 ms.
TRIES = 4
# A line, a reply, a letter of 10 KB in one record of TLS (16 KiB) are parts of a conversation. More at once is bulk:
# what is left of the processors is for those who send and take it, and for our own threads that keep it.
BULK_OCTETS = 20_000
BULK_S = 0.01


class BusyPoll:
    """One a process, for the loop's thread. With one processor it does nothing: others need it to answer."""

    def __init__(self, processors: int | None = None) -> None:
        self._useful = (processors or len(os.sched_getaffinity(0))) > 1
        self._loop: asyncio.AbstractEventLoop | None = None  # the one that looks now
        self._came_at = self._until = self._bulk_until = 0.0
        self._tries = 0

    def came(self, octets: int) -> None:
        """So many octets came at once, from whichever side."""
        now = time.monotonic()
        if octets > BULK_OCTETS:
            self._bulk_until, self._tries = now + BULK_S, 0
            self.rest()
        elif now < self._bulk_until:
            pass
        elif now - self._came_at < QUICK_S:
            self._tries = min(self._tries + 1, TRIES)
        else:
            self._tries = max(self._tries - 1, 0)
        self._came_at = now
        self.expect()

    def expect(self) -> None:
        """More are expected."""
        if not self._tries or not self._useful:
            return
        self._until = time.monotonic() + POLL_S
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop = loop
            loop.call_soon(self._look, loop)

    def rest(self) -> None:
        """A thread of ours has work that somebody waits for: it needs the interpreter, which looking would keep."""
        self._until = 0.0

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """One turn of the loop that does not wait; who else wants the processor comes first."""
        if time.monotonic() >= self._until:
            self._loop = None
            return
        os.sched_yield()
        loop.call_soon(self._look, loop)


busy_poll = BusyPoll()
