"""One process under the supervisor: started, watched, started again when it dies, ended in its turn."""

import logging
import sys
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

log = logging.getLogger("postbuch.supervisor")

# A process that dies at once is started again after 0.5 s, then 1, 2, 4 … at most 30 s apart.
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
# One that ran this long was well; its next death counts as the first again.
WELL_AFTER_S = 60.0
# What is read of a line that never ends before it is dropped.
_LINE_OCTETS = 8192


class Call(Protocol):
    """What was asked of the reactor for later."""

    def cancel(self) -> None: ...


class Reactor(Protocol):
    """What of Twisted's reactor is used here."""

    def spawnProcess(self, *args: Any, **kw: Any) -> Any: ...
    def callLater(self, delay: float, callable: Callable[..., object], *args: object) -> Call: ...
    def seconds(self) -> float: ...


class State(Enum):
    """Where a child is in its life."""

    WAITING = "waiting"
    RUNNING = "running"
    ENDING = "ending"
    ENDED = "ended"


class Child(ProcessProtocol):
    """A program that is kept running. All methods are called in the reactor's thread and none blocks."""

    def __init__(
        self,
        reactor: Reactor,
        name: str,
        command: Sequence[str],
        parent: int,
        *,
        fatal: Callable[["Child", int], bool] = lambda child, code: False,
    ) -> None:
        self.name = name
        self.state = State.WAITING
        self.ready: Deferred[None] = Deferred()
        self.starts = 0
        self._reactor = reactor
        self._command = [sys.executable, "-m", "postbuch.cli.tether", str(parent), *command]
        self._fatal = fatal
        self._pause_s = FIRST_PAUSE_S
        self._started_at = 0.0
        self._line = b""
        self._again: Call | None = None
        self._ended: Deferred[None] | None = None

    def start(self) -> None:
        """Start it (again)."""
        self._again = None
        self._line = b""
        self.starts += 1
        self._started_at = self._reactor.seconds()
        self.state = State.RUNNING
        # Standard error is ours, passed on as it is: no pipe can fill up and hold the child.
        try:
            self._reactor.spawnProcess(
                self, self._command[0], self._command, env=None, childFDs={0: "w", 1: "r", 2: sys.stderr.fileno()}
            )
        except OSError as error:  # no memory, or while the program is being replaced
            log.error("child-not-started name=%s cause=%s", self.name, error)
            self._try_again()

    def connectionMade(self) -> None:
        """Twisted: it runs."""
        log.info("child-started name=%s pid=%s", self.name, self.pid)

    @property
    def pid(self) -> int | None:
        """Its process id; None while it does not run."""
        return None if self.transport is None else self.transport.pid

    def became_ready(self) -> None:
        """It said, or was seen, to do its work."""
        if not self.ready.called:
            self.ready.callback(None)

    def outReceived(self, data: bytes) -> None:
        """Twisted: it wrote on its standard output."""
        *lines, self._line = (self._line + data).split(b"\n")
        self._line = self._line[-_LINE_OCTETS:]
        if b"ready " + self.name.encode() in [line.strip() for line in lines]:
            log.info("child-ready name=%s", self.name)
            self.became_ready()

    def processEnded(self, reason: Failure) -> None:
        """Twisted: it is gone and its pipes are closed."""
        ended: Any = reason.value  # ProcessDone or ProcessTerminated
        code, number = ended.exitCode, ended.signal
        if self.state is State.ENDING:
            log.info("child-ended name=%s code=%s signal=%s", self.name, code, number)
            self._finish()
            return
        log.error("child-died name=%s code=%s signal=%s", self.name, code, number)
        if self._fatal(self, code if code is not None else -1):
            self._finish()
            return
        self._try_again()

    def _try_again(self) -> None:
        self.state = State.WAITING
        if self._reactor.seconds() - self._started_at >= WELL_AFTER_S:
            self._pause_s = FIRST_PAUSE_S
        self._again = self._reactor.callLater(self._pause_s, self.start)
        self._pause_s = min(self._pause_s * 2, LONGEST_PAUSE_S)

    def end(self, patience_s: float) -> Deferred[None]:
        """Ask it to end (SIGTERM), and after `patience_s` make it (SIGKILL). Fires when it is gone."""
        if self._ended is None:
            self._ended = Deferred()
            if self._again is not None:
                self._again.cancel()
                self._again = None
            if self.state is State.RUNNING:
                self.state = State.ENDING
                self._signal("TERM")
                self._reactor.callLater(patience_s, self._kill)
            else:
                self._finish()
        return self._ended

    def _kill(self) -> None:
        if self.state is State.ENDING:
            log.error("child-killed name=%s", self.name)
            self._signal("KILL")

    def _signal(self, name: str) -> None:
        transport: Any = self.transport
        try:
            transport.signalProcess(name)
        except ProcessExitedAlready:
            log.debug("child-gone name=%s", self.name)

    def _finish(self) -> None:
        self.state = State.ENDED
        if self._ended is not None and not self._ended.called:
            self._ended.callback(None)
