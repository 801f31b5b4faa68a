"""What all sessions of the proxy process share: configuration, spool, trust, failures, counters, the health file."""

import asyncio
import itertools
import logging
import secrets
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from postbuch.archive.config import Config, Upstream
from postbuch.archive.endpoint import Endpoint
from postbuch.archive.health import WRITE_EVERY_S, HealthFile, failure, health_path
from postbuch.archive.spool import SpoolWriter
from postbuch.certs.trust import ResumingContext, resuming_context
from postbuch.proxy.archived import Archived
from postbuch.proxy.failure import Failure, Reason
from postbuch.proxy.mapped import Mapped, Wanted
from postbuch.proxy.remembering import Remembering
from postbuch.proxy.throttle import Throttle

log = logging.getLogger("postbuch.proxy")

# One a leg and account; the oldest go first. 1,000 entries of some 300 octets: 0.3 MB in the health file.
MAX_FAILURES = 1000


class Runtime:
    """One a process. All methods are for the loop's thread and none blocks."""

    def __init__(self, config: Config, spool: SpoolWriter, archived: Archived | None = None) -> None:
        self.config = config
        self.spool = spool
        self.archived = archived or Archived()
        self.throttle = Throttle()
        self.counters: Counter[str] = Counter()
        self.listeners: list[dict[str, str]] = []
        self.tasks: set[asyncio.Task[Any]] = set()
        self._failures: dict[tuple[str, str], Failure] = {}
        self._captured_before_failure = 0  # what the spool takes after its last failure shows that it is over
        self._trust: dict[tuple[str, str], ResumingContext] = {}
        self._numbers = itertools.count(1)
        self._prefix = secrets.token_hex(3)
        self.remembering = Remembering(config.data / "keys", self.event)
        self.mapped = Mapped(config.data)
        self._health = HealthFile(health_path(config, "proxy"))
        self._changed = asyncio.Event()

    def new_session(self) -> str:
        """An id that the client, the log and the archive all name."""
        return f"{self._prefix}-{next(self._numbers)}"

    def trust(self, upstream: Upstream, leg: str = "submission") -> ResumingContext:
        """The client-side TLS context of an upstream's service, made once. Raises ConfigError."""
        key = upstream.name, leg
        if key not in self._trust:
            self._trust[key] = resuming_context(upstream.ca_file or None)
        return self._trust[key]

    def failed(
        self, reason: Reason, *, account: str, leg: str, detail: str, session: str, answered: bool,
        upstream: Upstream | None = None,
    ) -> None:
        """Put a failure on record: one log line, and status's last failure of the account and leg."""
        endpoint: Endpoint | str = ""
        if upstream is not None:
            endpoint = upstream.submission_endpoint if leg == "submission" else upstream.imap_endpoint
        name = upstream.name if upstream is not None else ""
        sentence = reason.said(upstream=name, endpoint=endpoint, detail=detail)
        key = (account, leg)
        if leg == "spool":
            self._captured_before_failure = self.spool.captured
        self._failures.pop(key, None)
        self._failures[key] = Failure(
            account=account, leg=leg, reason=reason, sentence=sentence, at=datetime.now(UTC), answered=answered
        )
        while len(self._failures) > MAX_FAILURES:
            del self._failures[next(iter(self._failures))]
        self.counters[f"failed-{reason.name.lower().replace('_', '-')}"] += 1
        log.warning(
            "failed session=%s leg=%s account=%s reason=%s answered=%s detail=%r",
            session, leg, account, reason.name.lower(), answered, detail,
        )
        self._changed.set()

    def succeeded(self, *, account: str, leg: str) -> None:
        """What failed before works again: status no longer shows it."""
        if self._failures.pop((account, leg), None):
            self._changed.set()

    def spawn(self, coroutine: Any) -> asyncio.Task[Any]:
        """A task that the process remembers until it is done."""
        task: asyncio.Task[Any] = asyncio.get_running_loop().create_task(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    def event(self, facts: Mapping[str, Any]) -> None:
        """Write an event to the spool; nobody waits for it. A spool that cannot be written is a failure on record."""
        self.spool.note(facts)

    def login_event(
        self, who: Wanted, client_address: str, session: str, *, ok: bool
    ) -> None:
        """A log-in for the audit log (invariant 9)."""
        self.event({
            "event": "login", "account": who.account, "person": who.person if who.person != who.account else None,
            "upstream": who.provider.name if who.provider else "", "user_agent": None,
            "client_address": client_address, "session": session, "ok": ok, "at": datetime.now(UTC).isoformat(),
        })

    def health(self) -> dict[str, Any]:
        """The health file's content."""
        spool = self.spool.report()
        obstacle = self.spool.obstacle()
        if not obstacle and self.spool.captured > self._captured_before_failure:
            self._failures = {key: each for key, each in self._failures.items() if each.leg != "spool"}
        failures = [
            failure(
                each.leg, each.reason.name.lower(), each.sentence, each.at.isoformat(), account=each.account,
                answered=each.answered,
            )
            for each in self._failures.values()
        ]
        if obstacle:
            sentence = Reason.SPOOL_UNWRITABLE.said(detail=obstacle)
            at = datetime.now(UTC).isoformat()
            failures.append(failure("spool", "spool_unwritable", sentence, at, account="", answered=True))
        return {
            "listeners": self.listeners, "failures": failures, "spool": spool, "counters": dict(self.counters),
        }

    async def write_health(self) -> None:
        """Write the health file at least every two seconds, and soon after each change. Runs until cancelled."""
        try:
            while True:
                self._changed.clear()
                self._health.write(self.health())
                try:
                    await asyncio.wait_for(self._changed.wait(), WRITE_EVERY_S)
                except TimeoutError:
                    continue
                await asyncio.sleep(0.1)  # many failures at once are one write
        finally:
            self._health.remove()
