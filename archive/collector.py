"""The collector: every account that has a credential, first until it is complete and then as mail comes.

One scheduler thread decides, a few workers fetch, one watcher idles for all (`collect_idle.py`). Accounts take turns of
a second; one whose INBOX has news goes first. A lease for each account keeps other processes away.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from postbuch.archive import spool
from postbuch.archive.collect_connection import LogIn
from postbuch.archive.collect_idle import Watcher
from postbuch.archive.collect_keeper import Keeper
from postbuch.archive.collect_lease import Leases
from postbuch.archive.collect_rows import Owner, Rows
from postbuch.archive.collect_work import GRACE_S, Means, Provider, Work
from postbuch.archive.errors import PostbuchError
from postbuch.archive.failing import sentence
from postbuch.archive.health import failure
from postbuch.archive.said import Joint
from postbuch.archive.spool import SpoolWriter

log = logging.getLogger("postbuch.collector")

# Each holds up to PART_OCTETS twice. One is kept for news, so that old mail never holds it up.
WORKERS = 4
# How often accounts, pauses and requests are read, and the leases held to be ours.
LOOK_EVERY_S = 1.0
# While all workers are busy there is nothing to decide more often than this.
BREATH_S = 0.05
# How long spool files of an earlier run may take to be drained before we fetch what may be in them.
OLDER_PATIENCE_S = 600.0
# At the end: for the batches in hand, then connections are cut.
STOP_PATIENCE_S = 3.0


class Collector:
    """`run` blocks until `stop`, or with `once` until every account is complete or has failed."""

    def __init__(
        self, engine: Engine, writer: SpoolWriter, providers: Iterable[Provider],
        log_in: Callable[[int], LogIn | None], *, only: frozenset[int] | None = None, once: bool = False,
    ) -> None:
        self._providers = {each.upstream.name: each for each in providers}
        self._rows = Rows(engine)
        self._keeper = Keeper(writer)
        self._leases = Leases(engine)
        self._only = only
        self._once = once
        self._stop = threading.Event()
        self._condition = threading.Condition()
        self._stirred = False
        self._work: dict[int, Work] = {}
        self._asked: dict[int, Any] = {}
        self._means = Means(
            rows=self._rows, keeper=self._keeper, log_in=log_in, stopping=self._stop.is_set, once=once
        )
        self._older: list[Path] = []
        self.elsewhere: set[int] = set()  # accounts that another process collects

    def run(self, stop: threading.Event) -> None:
        """Until `stop` is set. Raises nothing that upstream or database can do."""
        self._older = spool.waiting(self._keeper.folder)
        patience = time.monotonic() + OLDER_PATIENCE_S
        watcher = Watcher(self._told)
        running: set[Future[None]] = set()
        looked_at = 0.0
        with ThreadPoolExecutor(WORKERS, thread_name_prefix="collect") as pool:
            try:
                while not stop.is_set():
                    now = time.monotonic()
                    if now >= looked_at + LOOK_EVERY_S:
                        self._look(watcher)
                        looked_at = now
                    if not self._waits_for_older(now > patience):
                        for work in self._next(now, len(running)):
                            work.running, work.served_at = True, now
                            self._unwatch(work, watcher)
                            running.add(pool.submit(self._step, work))
                        if self._once and not running and all(work.settled for work in self._work.values()):
                            break
                    for work in self._work.values():
                        if work.idles and not work.running and not work.watched and not work.news:
                            self._watch(work, watcher)
                    self._wait(looked_at)
                    for future in [each for each in running if each.done()]:
                        running.discard(future)
                        future.result()
            finally:
                self._stop.set()
                watcher.close()
                self._end(running)
        self._leases.close()

    def failures(self) -> list[dict[str, Any]]:
        """Entries of the health file: accounts that cannot be collected now."""
        return [
            failure(
                "collector", work.trouble.value if work.trouble else "mailbox",
                Joint.ABOUT.said(subject=work.owner.address, what=work.failure), None, account=work.owner.address,
            )
            for work in list(self._work.values()) if work.failure
        ]  # fmt: skip

    # --- the scheduler's thread -----------------------------------------------------------------------------------

    def _look(self, watcher: Watcher) -> None:
        """Which accounts there are now, and which of them are ours."""
        if not self._leases.renew():
            for work in self._work.values():
                self._forget(work, watcher)
        try:
            owners = self._rows.owners()
        except (PostbuchError, SQLAlchemyError, OSError) as error:
            log.warning("collector-waits reason=%s", sentence(error))
            return
        wanted = {each.id: each for each in owners if self._wants(each)}
        for number in set(self._work) - set(wanted):
            work = self._work[number]
            self._forget(work, watcher)
            if not work.running:
                del self._work[number]
                self._leases.give(number)
        self.elsewhere.clear()
        for owner in wanted.values():
            self._take(owner, watcher)

    def _wants(self, owner: Owner) -> bool:
        provider = self._providers.get(owner.upstream)
        return (
            (self._only is None or owner.id in self._only)
            and not owner.paused and owner.archive != "none"
            and provider is not None and provider.upstream.archive != "none"
        )  # fmt: skip

    def _take(self, owner: Owner, watcher: Watcher) -> None:
        work = self._work.get(owner.id)
        if not self._leases.take(owner.id):
            self.elsewhere.add(owner.id)
            if work is not None:
                self._forget(work, watcher)
                if not work.running:
                    del self._work[owner.id]
            return
        if work is not None and work.running:
            return
        if work is None:
            work = self._work[owner.id] = Work(owner, self._providers[owner.upstream], self._means)
            self._asked[owner.id] = owner.asked_at
        elif (work.owner.archive, work.owner.excluded) != (owner.archive, owner.excluded):
            self._forget(work, watcher)
            work.due = work.poll_at = 0.0
        if owner.asked_at is not None and owner.asked_at != self._asked.get(owner.id):
            self._asked[owner.id] = owner.asked_at
            work.due = work.poll_at = 0.0
        work.owner, work.ending = owner, False

    def _forget(self, work: Work, watcher: Watcher) -> None:
        """Stop working on it; a step in hand ends by itself."""
        work.ending = True
        if not work.running:
            self._unwatch(work, watcher)
            work.drop()

    def _watch(self, work: Work, watcher: Watcher) -> None:
        if work.session is not None:
            work.watched = True
            watcher.add(work.owner.id, work.session)

    def _unwatch(self, work: Work, watcher: Watcher) -> None:
        if work.watched:
            work.watched = False
            watcher.remove(work.owner.id)

    def _waits_for_older(self, impatient: bool) -> bool:
        """Whether an earlier run's messages are still on their way: they would be fetched a second time."""
        if impatient:
            return False
        while self._older and not self._older[-1].exists():  # one that is there says enough
            self._older.pop()
        return bool(self._older)

    def _next(self, now: float, busy: int) -> list[Work]:
        ready = [work for work in self._work.values() if self._is_ready(work, now)]
        ready.sort(key=lambda work: (not work.news, work.served_at))
        chosen = []
        for work in ready:
            if busy >= WORKERS or (busy >= WORKERS - 1 and not work.news):
                break
            chosen.append(work)
            busy += 1
        return chosen

    def _is_ready(self, work: Work, now: float) -> bool:
        return not work.running and not work.ending and work.due <= now and self._may(work, now)

    def _may(self, work: Work, now: float) -> bool:
        """Whether the provider takes one more connection; an idle one is given up for an account that has none."""
        if work.session is not None or work.provider.connections.may_open(now):
            return True
        for other in self._work.values():
            if other.provider is work.provider and other.watched:
                other.due = min(other.due, now)  # it wakes, looks, and is not left to idle: the provider is scarce
                break
        return False

    def _wait(self, looked_at: float) -> None:
        """Until something is due, done or heard."""
        dues = [work.due for work in self._work.values() if not work.running and not work.ending]
        with self._condition:
            until = min([looked_at + LOOK_EVERY_S, *dues])
            self._condition.wait_for(lambda: self._stirred, max(BREATH_S, until - time.monotonic()))
            self._stirred = False

    def _step(self, work: Work) -> None:
        try:
            work.step()
        finally:
            with self._condition:
                work.running = False
                self._stirred = True
                self._condition.notify()

    def _told(self, who: int, lost: bool) -> None:
        """The watcher's thread: an idling connection says something."""
        with self._condition:
            work = self._work.get(who)
            if work is not None and work.watched:
                work.watched = False
                work.news = True
                work.due = time.monotonic() + (0.0 if lost else GRACE_S)
                self._stirred = True
                self._condition.notify()

    def _end(self, running: set[Future[None]]) -> None:
        """Let the batches in hand end; who hangs is cut off. What was fetched is durable."""
        wait(running, STOP_PATIENCE_S)
        for work in self._work.values():
            session = work.session
            if work.running and session is not None:
                session.cut()
        wait(running)
        for work in self._work.values():
            work.drop()
