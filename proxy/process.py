"""The proxy process: one uvloop loop with both listeners, from start to SIGTERM."""

import asyncio
import contextlib
import gc
import logging
import signal
import sys
import time

import uvloop

from postbuch.archive import database
from postbuch.archive.config import Config
from postbuch.archive.database import Role
from postbuch.archive.sighted import Place, appended, seen
from postbuch.archive.spool import SpoolWriter
from postbuch.archive.spoolring import Ring
from postbuch.certs.server import ServerContext
from postbuch.proxy import submission_listener
from postbuch.proxy.allocator import keep_freed_memory
from postbuch.proxy.announced import Announced
from postbuch.proxy.archived import MAX_SENT, Archived, Load
from postbuch.proxy.busypoll import busy_poll
from postbuch.proxy.listener import listen
from postbuch.proxy.runtime import Runtime
from postbuch.proxy.session import Session
from postbuch.proxy.submission_session import SubmissionSession

log = logging.getLogger("postbuch.proxy")

# How long clients that are being served may go on after SIGTERM; `up` allows 12 s for all of it.
DRAIN_S = 5.0
# The spool's thread must not hold the interpreter for 5 ms (CPython's default) while a client waits for an answer.
SWITCH_INTERVAL_S = 0.0005
EXPIRE_EVERY_S = 15.0
GC_THRESHOLDS = (20_000, 20, 20)


def main(config: Config) -> int:
    """Run until SIGTERM or SIGINT. Blocks. Raises ConfigError, SpoolError."""
    keep_freed_memory()
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    # Modules and models stay for good; what a session leaves behind is freed by counting, so cycles can wait.
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    with SpoolWriter(config.data / "spool") as spool:
        return uvloop.run(_run(config, spool))


async def _run(config: Config, spool: SpoolWriter) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    spool.ring = Ring.opened(busy_poll.expect)
    archived = Archived(_sighted(config))
    runtime = Runtime(config, spool, archived)
    tls = ServerContext(config)
    sessions: set[Session] = set()
    submissions: set[SubmissionSession] = set()
    announced = Announced()
    servers = [
        *await listen(runtime, "imap", config.imap.listen, tls.context, lambda: Session(runtime, announced, sessions)),
        *await submission_listener.start(runtime, tls.context, submissions),
    ]
    runtime.spawn(announced.ask_all(runtime))
    health = runtime.spawn(runtime.write_health())
    expiry = runtime.spawn(_expire(sessions))
    print("ready proxy", flush=True)  # noqa: T201 - the supervisor waits for it
    await stop.wait()
    log.info("draining sessions=%d", len(sessions))
    for server in servers:
        server.close()
    for session in list(sessions):
        session.shut_down()
    await submission_listener.drain(submissions, DRAIN_S)
    for task in (health, expiry):
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    archived.close()
    return 0


def _sighted(config: Config) -> Load:
    """Asks the database what it has of a mailbox; as the user of the web, who may read and not write what is kept."""
    engine = database.engine(config, Role.WEB)

    def load(place: Place) -> tuple[list[tuple[int, int]], dict[int, int]]:
        with engine.connect() as conn:
            sent = appended(conn, place, most=MAX_SENT)
            return seen(conn, place), {uid: sent[uid].size_octets for uid in sorted(sent)}

    return load


async def _expire(sessions: set[Session]) -> None:
    while True:
        await asyncio.sleep(EXPIRE_EVERY_S)
        now = time.monotonic()
        for session in list(sessions):
            session.expire(now)
