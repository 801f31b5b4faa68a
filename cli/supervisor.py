"""`postbuch up`: runs the database server, the archive, the proxy and the web mail client, and ends them in order.

One Twisted reactor that only watches; nothing here touches mail. Start: database, migrations, then the others at
once; `postbuch: ready` when all of them listen. End (SIGTERM, SIGINT): first those that talk to clients drain, then
the archive drains the spool, then the database. The sum of the patience stays below the 30 s that are promised.
"""

import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from twisted.internet import task, threads
from twisted.internet.defer import Deferred, DeferredList
from twisted.python.failure import Failure

from postbuch.archive import setup
from postbuch.archive.config import Config
from postbuch.archive.errors import PostbuchError, ServiceMissing
from postbuch.archive.server import PrivateServer
from postbuch.certs import authority
from postbuch.cli import output
from postbuch.cli.child import Child

log = logging.getLogger("postbuch.supervisor")

READY = "postbuch: ready"
PROCESSES = ("archive", "proxy", "webmail")
# Only with `ftps.listen`.
FTPS = "ftps"
# Those that talk to clients end first. 12 + 8 + 8 = 28 s at the most, below the 30 s that `up` promises.
ENDING: tuple[tuple[tuple[str, ...], float], ...] = (
    (("proxy", "webmail", FTPS), 12.0),
    (("archive",), 8.0),
    (("database",), 8.0),
)
RENEWAL_INTERVAL_S = 24 * 3600.0
_HEALTH_POLL_S = 0.1
# A child with this exit code has a wrong configuration: starting it again cannot help.
_WRONG_USE = 2
# So often the database may die before it first answers; after that it is not a matter of patience.
_DATABASE_TRIES = 4


class Supervisor:
    """Everything that `up` runs. Made and used in one thread, the reactor's."""

    def __init__(self, reactor: Any, config: Config, config_file: Path) -> None:
        self.exit_code = 0
        self._reactor = reactor
        self._config = config
        self._file = config_file
        self._children: dict[str, Child] = {}
        self._is_ready = False
        self._stopping = False

    def run(self) -> int:
        """Run until SIGTERM, SIGINT or SIGHUP; the exit code. Blocks."""
        self._reactor.addSystemEventTrigger("before", "shutdown", self._end_children)
        self._reactor.callWhenRunning(self._begin)
        self._reactor.run()
        return self.exit_code

    def _begin(self) -> None:
        # Twisted's own handlers complain about a second signal; ours take it as said once.
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: self._reactor.callFromThread(self._stop, 0))
        Deferred.fromCoroutine(self._start()).addErrback(self._failed)

    async def _start(self) -> None:
        if not self._config.database.url:
            await self._start_database()
        # Migrations and grants: a newer program may bring both.
        await threads.deferToThread(setup.initialise, self._config)
        wanted = (*PROCESSES, FTPS) if self._config.ftps.listen else PROCESSES
        for name in wanted:
            words = [sys.executable, "-m", "postbuch.cli.main", "run", name, "--config", str(self._file)]
            self._add(name, words).start()
        for name in wanted:
            await self._children[name].ready
        self._is_ready = True
        renewal = task.LoopingCall(self._renew)
        renewal.clock = self._reactor
        renewal.start(RENEWAL_INTERVAL_S, now=False).addErrback(self._failed)
        output.print_line(READY)
        log.info("ready")

    async def _start_database(self) -> None:
        server = PrivateServer(self._config)
        await threads.deferToThread(server.prepare)
        child = self._add("database", server.command())
        child.start()
        while not await threads.deferToThread(server.healthy):
            if child.starts > _DATABASE_TRIES:
                raise ServiceMissing(
                    f"the database server does not start; its log {server.error_log} says why, "
                    "`postbuch doctor` looks for what is missing"
                )
            await task.deferLater(self._reactor, _HEALTH_POLL_S)
        child.became_ready()

    def _add(self, name: str, command: Sequence[str]) -> Child:
        child = Child(self._reactor, name, command, os.getpid(), fatal=self._is_fatal)
        self._children[name] = child
        return child

    def _is_fatal(self, child: Child, code: int) -> bool:
        """Whether a death ends everything: only a wrong configuration before we were ever ready."""
        if self._is_ready or code != _WRONG_USE:
            return False
        self._stop(_WRONG_USE)  # the child said why, on our standard error
        return True

    def _renew(self) -> Deferred[None]:
        """Renew the server certificate when it is time; the listeners notice the new file."""
        names = authority.server_names(self._config)
        renewed: Deferred[bool] = threads.deferToThread(authority.renew_if_due, self._config.data, names)
        return renewed.addCallbacks(
            lambda done: log.info("certificate-checked renewed=%s", done),
            lambda failure: log.error("certificate-renewal-failed cause=%s", failure.value),
        )

    def _failed(self, failure: Failure) -> None:
        error = failure.value
        if isinstance(error, PostbuchError):
            output.say_problem(str(error))
            self._stop(error.exit_code)
        else:
            log.error("supervisor-failed cause=%r\n%s", error, failure.getTraceback())
            self._stop(1)

    def _stop(self, code: int) -> None:
        if not self._stopping:
            self._stopping = True
            self.exit_code = code
            self._reactor.stop()

    def _end_children(self) -> Deferred[None]:
        """Twisted waits for this before the reactor ends."""
        return Deferred.fromCoroutine(self._end_in_order())

    async def _end_in_order(self) -> None:
        self._stopping = True
        log.info("draining")
        for names, patience_s in ENDING:
            children = [self._children[name] for name in names if name in self._children]
            await DeferredList([child.end(patience_s) for child in children])
        log.info("ended")
