"""The indexer as a process of its own: it may die, or be killed, and nothing else of the archive does.

A child of the archive process keeps it: that one has no threads and may fork again whenever the indexer has ended. Both
end with the archive process, however that ends: the kernel closes the pipes between them.
"""

import logging
import multiprocessing
import os
import shutil
import signal
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from postbuch.archive import database, index_store, said
from postbuch.archive.config import Config
from postbuch.archive.database import Role
from postbuch.archive.errors import PostbuchError
from postbuch.archive.index_follower import Follower
from postbuch.archive.mailfirst import MailFirst
from postbuch.archive.reasons import Reason

log = logging.getLogger("postbuch.archive")

# From the seal of a letter to the look for it.
LOOK_EVERY_S = 0.25
# After an error, and before an indexer that died is started again: at first, and at most.
AGAIN_S, AGAIN_AT_MOST_S = 0.5, 30.0
# One that lives so long is well.
WELL_AFTER_S = 20.0
# So many deaths in a row that nobody ordered: then the index itself kills it, and is removed.
DEATHS = 3
# Below the drains and their parsers: letters come first, then their being found. While the drains are behind, this
# waits for so long, and then works for so long.
NICE = 10
PATIENCE_S, TURN_S = 10.0, 5.0
_KILLED = -signal.SIGKILL


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexState:
    """What the indexer says of itself. `building`: (done, total) letters of a new index; `problem`: a sentence."""

    pid: int
    problem: str | None = None
    building: tuple[int, int] | None = None


class Indexing:
    """Starts the keeper of the indexer. Make it before any thread: it forks.

    `inherited`: the parent's ends of pipes to other children, which those wait for to be closed.
    """

    def __init__(self, config: Config, inherited: Sequence[Connection] = ()) -> None:
        context = multiprocessing.get_context("fork")
        self._end, theirs = context.Pipe()
        ends = [self._end, *inherited]
        self._keeper = context.Process(target=_keep, args=(config, theirs, ends), name="index-keeper")
        self._keeper.start()
        theirs.close()
        self._state = IndexState(pid=0)

    def alive(self) -> bool:
        """Whether the keeper works."""
        return self._keeper.is_alive()

    def state(self) -> IndexState:
        """What the indexer said last."""
        try:
            while self._end.poll():
                self._state = self._end.recv()
        except (EOFError, OSError):
            pass  # `alive` tells
        return self._state

    def stop(self) -> None:
        """Have the indexer finish what is in hand, and wait for its end."""
        self._end.close()
        self._keeper.join()


def _keep(config: Config, end: Connection, parents_ends: list[Connection]) -> None:
    """Have an indexer run until the parent closes its end of the pipe."""
    for inherited in parents_ends:
        inherited.close()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    context = multiprocessing.get_context("fork")
    pause, deaths = AGAIN_S, 0
    while True:
        ours, theirs = context.Pipe()
        child = context.Process(target=_index, args=(config, theirs, [ours, end]), name="indexer")
        child.start()
        theirs.close()
        started = time.monotonic()
        while child.is_alive() and end not in (ready := wait([end, ours, child.sentinel])):
            if ours in ready:
                try:
                    end.send(ours.recv())
                except (EOFError, OSError):
                    break
        parent_is_gone = end.poll()  # readable: it has closed its end
        ours.close()
        child.join()
        if parent_is_gone:
            os._exit(0)
        well = time.monotonic() - started >= WELL_AFTER_S
        pause, deaths = (AGAIN_S, 0) if well else (min(2 * pause, AGAIN_AT_MOST_S), deaths)
        deaths += child.exitcode != _KILLED
        log.error("indexer-ended code=%s", child.exitcode)
        if deaths >= DEATHS:
            shutil.rmtree(index_store.folder(config.data), ignore_errors=True)
            deaths = 0
        if end.poll(0 if child.exitcode == _KILLED else pause):
            os._exit(0)


def _index(config: Config, end: Connection, others: list[Connection]) -> None:
    """The indexer, until the keeper closes its end of the pipe."""
    for inherited in others:
        inherited.close()
    os.nice(NICE)
    stop = threading.Event()
    engine = database.engine(config, Role.WEB)
    worker = _Worker(engine, config.data, stop)
    worker.start()
    told = None
    while worker.is_alive() and not end.poll(LOOK_EVERY_S):
        if worker.state != told:
            try:
                end.send(worker.state)
            except OSError:
                break
            told = worker.state
    died = not worker.is_alive()
    stop.set()
    worker.join()
    engine.dispose()
    os._exit(int(died))  # nothing of the parent's is cleaned up here


class _Worker(threading.Thread):
    """Rounds of the follower; what keeps it from its work is said and tried again."""

    def __init__(self, engine: Engine, data: Path, stop: threading.Event) -> None:
        super().__init__(name="indexer")
        self._mail_first = MailFirst(data / "spool", PATIENCE_S, TURN_S)
        self.state = IndexState(pid=os.getpid())
        self._stop_now = stop
        self._follower = Follower(engine, data, stop.is_set, self._tell)

    def run(self) -> None:
        while not self._stop_now.is_set():
            if self._mail_first.gives_way():
                self._stop_now.wait(LOOK_EVERY_S)
                continue
            try:
                written = self._follower.round()
                self.state = IndexState(pid=os.getpid())
                pause = 0.0 if written else LOOK_EVERY_S
            except (PostbuchError, SQLAlchemyError, OSError) as error:
                self._follower.close()
                cause = getattr(error, "orig", None) or error
                words = said.of(cause) if isinstance(cause, PostbuchError) else str(cause)[:300]
                self.state = IndexState(pid=os.getpid(), problem=Reason.INDEX_WAITS.said(words=words))
                log.error("trouble job=index reason=%s", words)
                pause = 2 * AGAIN_S
            self._stop_now.wait(pause)
        self._follower.close()

    def _tell(self, done: int, total: int) -> None:
        self.state = IndexState(pid=os.getpid(), building=(done, total))
