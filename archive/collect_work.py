"""One account in the hands of the collector: connected, worked on in slices, idling, failing. Decides no order."""

import logging
import random
import ssl
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field

from sqlalchemy.exc import SQLAlchemyError

from postbuch.archive import audit, collect_account, said
from postbuch.archive.collect_backoff import Connections, Trouble, pause_s
from postbuch.archive.collect_connection import LogIn, UpstreamTrouble
from postbuch.archive.collect_imap import Session
from postbuch.archive.collect_keeper import Keeper
from postbuch.archive.collect_plan import Listed
from postbuch.archive.collect_rows import Owner, Rows, Tally
from postbuch.archive.collect_run import Run
from postbuch.archive.config import Upstream
from postbuch.archive.errors import PostbuchError
from postbuch.archive.failing import sentence

log = logging.getLogger("postbuch.collector")

# So long an account works before others get their turn; a waiting message is fetched within 3 s all the same.
SLICE_S = 1.0
# How often the row that people see is written while work goes on.
TELL_EVERY_S = 1.0
# How often an account that cannot log in is looked at for a (new) credential; upstream is not asked.
CREDENTIAL_EVERY_S = 5.0
# All mailboxes are looked at so often; it also renews IDLE, which RFC 2177 wants within 29 minutes and NATs within 9.
POLL_EVERY_S = 300.0
# Where there is no IDLE, or no connection to spare for it.
POLL_OFTEN_S = 60.0
# A mail program that idles as well fetches the new message now: what comes through the proxy is not fetched again.
GRACE_S = 0.7
# A run that is made once gives up after so many failures in a row, with nothing fetched in between.
TRIES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """An upstream of the configuration, with what is learnt of it. `trust` is None for a plain loopback."""

    upstream: Upstream
    trust: ssl.SSLContext | None
    connections: Connections = field(default_factory=Connections)


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What all accounts share."""

    rows: Rows
    keeper: Keeper
    log_in: Callable[[int], LogIn | None]
    stopping: Callable[[], bool]
    once: bool = False


class Work:
    """One account. `step` runs in a thread of the pool, everything else in the scheduler's; never both at once."""

    def __init__(self, owner: Owner, provider: Provider, means: Means) -> None:
        self.owner = owner
        self.provider = provider
        self.session: Session | None = None
        self.due = 0.0  # when to work next; monotonic
        self.poll_at = 0.0  # when to look at all mailboxes again; monotonic
        self.news = False  # the watched mailbox has changed: ahead of others
        self.served_at = 0.0
        self.running = False
        self.idles = False  # the connection idles and may be watched
        self.watched = False
        self.ending = False  # not ours to work on any more
        self.complete = False  # at least once since the start
        self.failures = 0
        self.failure = ""
        self.trouble: Trouble | None = None
        self.without_credential = False
        self._means = means
        self._job: Generator[None, None, None] | None = None
        self._run: Run | None = None
        self._watched: Listed | None = None
        self._whole = True
        self._tally = Tally()
        self._counted = 0
        self._told_at = 0.0
        self._one_by_one = False
        # The credential that upstream refused is not tried again before its time; another one is at once.
        self._refused: tuple[str, str] | None = None
        self._refused_until = 0.0

    @property
    def settled(self) -> bool:
        """Whether nothing more comes of it by itself: complete, or failed."""
        tries = TRIES if self.trouble in (Trouble.CONNECTION, Trouble.SIZES) else 1
        over = self.complete or self.failures >= tries or self.without_credential
        return over and not self.running and self._job is None

    def step(self) -> None:
        """Work for SLICE_S, or until the job is done. Does not raise what upstream, spool or database can do."""
        try:
            if self._job is not None or self._begin():
                self._go_on()
        except UpstreamTrouble as error:
            self._one_by_one = self._one_by_one or error.trouble is Trouble.SIZES
            self._fail(error.trouble, said.of(error))
        except (PostbuchError, SQLAlchemyError, OSError) as error:
            self._fail(Trouble.OURS, sentence(error))

    def _begin(self) -> bool:
        """Connect if need be and begin a job; False when there is nothing to log in with."""
        means, now = self._means, time.monotonic()
        watched = self._watched if self.news and self.complete and now < self.poll_at else None
        self._whole = watched is None
        self.news = False
        if self.session is not None and self.idles:
            self.idles = False
            try:
                self.session.wake()
            except UpstreamTrouble:
                self.drop()  # it was closed while it idled, as servers do
        if self.session is None and not self._connect():
            return False
        if self.session is None:
            return False
        if self._whole:
            means.rows.tell(self.owner.id, state="working", began_at=audit.now(), wanted=0, fetched=0)
        self._run = Run(
            session=self.session, owner=self.owner, rows=means.rows, keeper=means.keeper, tally=self._tally,
            one_by_one=self._one_by_one,
        )  # fmt: skip
        self._job = (
            collect_account.collect_watched(self._run, watched) if watched else collect_account.collect_all(self._run)
        )
        return True

    def _connect(self) -> bool:
        log_in = self._means.log_in(self.owner.id)
        now = time.monotonic()
        self.due = now + CREDENTIAL_EVERY_S
        if log_in is None:
            # Also after the database was away while a credential was looked for: that trouble is over.
            if not self.without_credential or self.failure:
                self.without_credential, self.failure, self.trouble = True, "", None
                self.tell(state="no-credential", failure="", retry_at=None)
            return False
        self.without_credential = False
        if self._refused == (log_in.user, log_in.password) and now < self._refused_until:
            return False
        connections = self.provider.connections
        connections.count(1)
        try:
            self.session = Session(self.provider.upstream.imap_endpoint, self.provider.trust, log_in)
        except UpstreamTrouble as error:
            connections.count(-1)
            if error.trouble is Trouble.LIMIT:
                connections.refused(now)
            if error.trouble is Trouble.LOGIN:
                self._refused = log_in.user, log_in.password
            raise
        self._refused = None
        self._counted = 0
        return True

    def _go_on(self) -> None:
        job, run = self._job, self._run
        if job is None or run is None:
            return
        end = time.monotonic() + SLICE_S
        for _ in job:
            now = time.monotonic()
            if now > self._told_at + TELL_EVERY_S:
                self.tell(state="working", wanted=max(run.wanted, run.fetched))
            if self._means.stopping() or now > end:
                self.due = now
                return
            if self._means.keeper.is_behind():
                self.due = now + 0.5
                return
        self._job = self._run = None
        self._done(run)
        self._rest()

    def _done(self, run: Run) -> None:
        self.failures = 0
        self.trouble = None
        self.failure = said.joined(run.failures)
        facts: dict[str, object] = {"state": "idle", "failure": self.failure, "retry_at": None}
        if self._whole:
            self.complete = True
            self._watched = run.watched
            facts["wanted"] = run.fetched
            if not run.failures:
                facts["finished_at"] = audit.now()
            log.info("collected account=%s messages=%d", self.owner.address, run.fetched)
        self.tell(**facts)

    def _rest(self) -> None:
        """Idle until there is news or time to look at all mailboxes; without IDLE the connection is given up."""
        now, session = time.monotonic(), self.session
        if session is None or self._means.once:
            self.drop()
            return
        idles = session.has(b"IDLE") and not self.provider.connections.scarce
        if self._whole:
            # Spread: accounts that began together need not be looked at together for ever.
            self.poll_at = now + (POLL_EVERY_S if idles else POLL_OFTEN_S) * random.uniform(0.8, 1.0)  # noqa: S311
        self.due = self.poll_at
        if not idles:
            self.drop()
        elif self._watched is not None:
            self.idles = True
            if session.idle():
                self.news, self.due = True, now + GRACE_S

    def _fail(self, trouble: Trouble, reason: str) -> None:
        if self._run is not None and self._run.fetched:
            self.failures = 0  # it gets on, if in pieces
        self.drop()
        self.failures += 1
        pause = pause_s(trouble, self.failures)
        self.due = time.monotonic() + pause
        if trouble is Trouble.LOGIN:
            self._refused_until, self.due = self.due, time.monotonic() + CREDENTIAL_EVERY_S
        self.failure, self.trouble = reason, trouble
        log.warning("collect-failed account=%s kind=%s again_s=%d reason=%s",
                    self.owner.address, trouble.value, pause, reason)  # fmt: skip
        try:
            self.tell(state="failing", failure=reason, retry_at=audit.after(pause))
        except (PostbuchError, SQLAlchemyError, OSError) as error:
            log.warning("collect-row reason=%s", sentence(error))

    def tell(self, **values: object) -> None:
        """Write the row that people see, with what was done since the last time."""
        if self.session is not None:
            self._tally.octets_received += self.session.octets_received - self._counted
            self._counted = self.session.octets_received
        self._means.rows.tell(self.owner.id, self._tally, **values)
        self._tally.fetched = self._tally.octets_received = self._tally.octets_archived = 0
        self._told_at = time.monotonic()

    def drop(self) -> None:
        """Give up the job and the connection. What was fetched is durable."""
        job, self._job, self._run = self._job, None, None
        if job is not None:
            job.close()
        self.idles = False
        session, self.session = self.session, None
        if session is not None:
            self._tally.octets_received += session.octets_received - self._counted
            self.provider.connections.count(-1)
            session.close()
