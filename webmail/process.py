"""The webmail process: the WSGI application on Twisted's reactor, over TLS or (behind a proxy) HTTP on loopback."""

import logging
import os
import signal
import threading
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from twisted.internet import endpoints, reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall, deferLater
from twisted.protocols.basic import FileSender
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool
from twisted.web.wsgi import WSGIResource

from postbuch.archive.config import Config
from postbuch.archive.endpoint import parse_address
from postbuch.archive.health import HealthFile, health_path
from postbuch.certs.reactor import ReactorContext
from postbuch.webmail.app import create_app, settle
from postbuch.webmail.channel import BoundedRequest, PageSite
from postbuch.webmail.jobworker import JobWorker
from postbuch.webmail.services import EXTENSION, Services
from postbuch.webmail.waiting import HEADER, HOLDS, Question, Waiting, came

log = logging.getLogger("postbuch.webmail")
NAME = "webmail"
# A page holds a thread for some 20 ms, a log-in for as long as upstream takes (at most 15 s).
THREADS = 16
# Browsers keep connections open between clicks.
IDLE_CONNECTION_S = 60
HEALTH_STEP_S = 1.5
# What is still being answered when we are told to end. `postbuch up` kills after 30 s.
DRAIN_S = 10.0
_DRAIN_STEP_S = 0.05
BACKLOG = 128
# The exit code of a needed service that is not there: here the port.
CANNOT_LISTEN = 3


class PageRequest(BoundedRequest):
    """A request for a page: what our application says beside the answer is done here."""

    waiting: Waiting | None = None

    def setHeader(self, name: bytes, value: bytes) -> None:
        """Which server this is, and which version of it, concerns nobody."""
        if name != b"Server":
            super().setHeader(name, value)  # type: ignore[no-untyped-call]

    def finish(self) -> None:
        """With `X-Sendfile` of our application the file follows, block by block as the browser takes it.

        What WSGI gives is in memory as a whole; an export may be as large as the archive. With the header of
        `waiting.py` the answer is kept back.
        """
        asked = self.responseHeaders.getRawHeaders(HEADER, [])
        self.responseHeaders.removeHeader(HEADER)
        if asked and self.waiting is not None and not self.startedWriting:
            forget = self.waiting.hold(Question.read(asked[0]), super().finish)
            self.notifyFinish().addBoth(lambda _: forget())
            return
        paths = self.responseHeaders.getRawHeaders("x-sendfile", [])
        self.responseHeaders.removeHeader("x-sendfile")
        if not paths or self.code != 200 or self.method == b"HEAD" or self.startedWriting:
            super().finish()  # type: ignore[no-untyped-call]
            return
        stream = Path(paths[0]).open("rb")  # noqa: SIM115 - closed when it was sent
        self.responseHeaders.setRawHeaders("content-length", [str(os.fstat(stream.fileno()).st_size)])

        def sent(outcome: object) -> None:
            stream.close()
            if not isinstance(outcome, Failure):  # else the browser has gone
                super(PageRequest, self).finish()  # type: ignore[no-untyped-call]

        FileSender().beginFileTransfer(stream, self).addBoth(sent)  # type: ignore[no-untyped-call]


class Counted:
    """A WSGI application that knows how many requests it is answering."""

    def __init__(self, app: Callable[..., Iterable[bytes]]) -> None:
        self._app = app
        self._lock = threading.Lock()
        self.open = 0

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        with self._lock:
            self.open += 1
        try:
            # Our answers are whole before they are sent, so nothing is lost by taking them all at once.
            answer = self._app(environ, start_response)
            try:
                return list(answer)
            finally:
                close = getattr(answer, "close", None)
                if close is not None:
                    close()
        finally:
            with self._lock:
                self.open -= 1


def main(config: Config) -> int:
    """Serve until SIGTERM; 0 when what was asked until then is answered. Raises ConfigError."""
    loop: Any = reactor
    app = create_app(config)
    app.config["USE_X_SENDFILE"] = True  # see PageRequest.finish
    counted = Counted(app)
    pool = ThreadPool(minthreads=2, maxthreads=THREADS, name=NAME)
    pool.start()
    health = HealthFile(health_path(config, NAME))
    outcome: list[int] = []

    def started(port: Any) -> None:
        address = str(parse_address(config.web.listen.removeprefix("http://")))
        beat = LoopingCall(health.write, {"listeners": [{"name": "web", "address": address}]})
        beat.clock = loop
        beat.start(HEALTH_STEP_S)
        loop.addSystemEventTrigger("before", "shutdown", _drain, loop, port, counted)
        outcome.append(0)
        # Only who can be reached starts children and takes jobs in hand: another one may be at it already.
        pool.callInThread(services.reader.warm)
        worker.start()
        print(f"ready {NAME}", flush=True)  # noqa: T201 - the supervisor waits for this line
        log.info("listening address=%s", address)

    def failed(failure: Any) -> None:
        log.error("cannot-listen address=%s cause=%s", config.web.listen, failure.getErrorMessage())
        outcome.append(CANNOT_LISTEN)
        loop.stop()

    services: Services = app.extensions[EXTENSION]
    settle()
    worker = JobWorker(config)
    PageRequest.waiting = Waiting(loop, pool, partial(came, services.engine))
    app.config[HOLDS] = True
    pages = WSGIResource(loop, pool, counted)  # type: ignore[no-untyped-call]
    site = PageSite(pages, requestFactory=PageRequest, timeout=IDLE_CONNECTION_S)
    loop.callWhenRunning(lambda: _endpoint(loop, config).listen(site).addCallbacks(started, failed))
    # Ctrl-C reaches the whole group of processes; the supervisor ends us in its order.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    loop.addSystemEventTrigger("after", "shutdown", pool.stop)
    loop.run()
    if outcome == [0]:  # who could not listen leaves the file of the one who does
        health.remove()
    worker.stop()
    services.close()
    return outcome[0] if outcome else 1


def _endpoint(loop: Any, config: Config) -> Any:
    """Where to listen, with TLS unless the configuration says http:// (which it may for loopback only)."""
    address = parse_address(config.web.listen.removeprefix("http://"))
    if config.web.listen.startswith("http://"):
        kind = endpoints.TCP6ServerEndpoint if ":" in address.host else endpoints.TCP4ServerEndpoint
        return kind(loop, address.port, backlog=BACKLOG, interface=address.host)
    return endpoints.SSL4ServerEndpoint(  # type: ignore[no-untyped-call]
        loop, address.port, ReactorContext(config), backlog=BACKLOG, interface=address.host
    )


def _drain(loop: Any, port: Any, counted: Counted) -> Deferred[None]:
    """Take no new connections, and give what is being answered its time."""
    end = loop.seconds() + DRAIN_S
    port.stopListening()

    def wait(_: object = None) -> Any:
        if counted.open and loop.seconds() < end:
            return deferLater(loop, _DRAIN_STEP_S, lambda: None).addCallback(wait)
        # The last answer is with the reactor by now, which needs one more turn to write it.
        return deferLater(loop, _DRAIN_STEP_S, lambda: None)

    return wait()  # type: ignore[no-any-return]
