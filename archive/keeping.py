"""What the archive process does by the clock: sealing, checkpoints, checks of ledger, completeness and signatures,
the reading of attachments, and a second look at what an older version read.

The home of APScheduler.

Threads of low priority beside the drains. What is due is asked of the database, so that a restart neither skips
anything nor does it twice.
"""

import contextlib
import logging
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy import Engine, select
from sqlalchemy.exc import SQLAlchemyError

from postbuch.archive import (
    audit,
    checkplan,
    checkpoints,
    checkreport,
    completeness,
    database,
    logins,
    said,
    topics,
    verification,
)
from postbuch.archive.config import Config
from postbuch.archive.database import Role
from postbuch.archive.dkimwork import SignatureWork
from postbuch.archive.errors import PostbuchError
from postbuch.archive.extract_work import ExtractWork
from postbuch.archive.laterwork import LaterWork
from postbuch.archive.mailfirst import MailFirst
from postbuch.archive.reasons import Reason
from postbuch.archive.schema_ledger import checkpoint
from postbuch.archive.sealer import FAR, NEAR, Sealer
from postbuch.archive.tallywork import TallyWork

log = logging.getLogger("postbuch.archive")

SEAL_EVERY_S = 1
# While the drains are behind, leaves wait for so long, and come in larger batches.
SEAL_PATIENCE_S = 10.0
# What lists by topic and the counts of attachments and senders follow by then.
FOLLOW_PATIENCE_S = 10.0
# Each this many rounds the sealer looks far back for what was committed late: every five minutes.
FAR_ROUNDS = 300
DUE_EVERY_S = 20
COMPLETE_EVERY_S = 60
# A new password or right holds for the next log-in that comes so much later.
LOGINS_EVERY_S = 2
# Whoever reads a new letter a few seconds after it came is told by whom it is signed.
SIGNATURES_EVERY_S = 1
# A new attachment is found by its words a few seconds after it came.
ATTACHMENTS_EVERY_S = 1
# A new letter stands in the lists of media and senders so much later.
TALLY_EVERY_S = 2
# After an update, what it reads otherwise in older mail is found little by little.
READ_AGAIN_EVERY_S = 1
# A letter stands in its topic a second or two after it came.
TOPICS_EVERY_S = 1
# A job that could not do its work tries again after this, so that its trouble ends soon after the cause.
AGAIN_S = 2
# Below the drains and the proxy (nice 0): their work comes first on a busy machine.
NICE = 10
# Sealing goes on while a checkpoint is written and while everything is checked.
JOBS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """A sentence for the status, and since when."""

    reason: str
    sentence: str
    at: datetime


class Keeper:
    """Runs from `start` to `stop`; `troubles` may be read at any time."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._engine: Engine = database.engine(config, Role.INGEST)
        self._sealer = Sealer(self._engine)
        spool_folder = config.data / "spool"
        self._mail_first = MailFirst(spool_folder, SEAL_PATIENCE_S)
        self._topics_first = MailFirst(spool_folder, FOLLOW_PATIENCE_S)
        self._tally_first = MailFirst(spool_folder, FOLLOW_PATIENCE_S)
        self._stop = threading.Event()
        self._signatures = SignatureWork(config, self._engine, self._stop.is_set)
        self._tally = TallyWork(self._engine, self._stop.is_set)
        self._attachments = ExtractWork(config, self._engine, self._stop.is_set)
        self._later = LaterWork(config, self._engine, self._stop.is_set, self._attachments.look_far)
        self._troubles: dict[str, Trouble] = {}
        # What the last checkpoint and the last check found, until the next; an error in between ends by itself.
        self._said = {"checkpoint": "", "verify": ""}
        self._known_logins: logins.Logins | None = None
        self._rounds = 0
        self._clock = audit.now()
        self._reported: int | None = None  # the newest check whose result is told
        pool = ThreadPoolExecutor(JOBS, pool_kwargs={"initializer": _step_back})
        self._scheduler = BackgroundScheduler(timezone="UTC", executors={"default": pool})

    def start(self) -> None:
        """Begin. Call after the drains were forked: there are threads from here on."""
        logging.getLogger("apscheduler").setLevel(logging.ERROR)
        settings = {"max_instances": 1, "coalesce": True, "misfire_grace_time": None}
        for job, work, every_s in (
            ("seal", self._seal, SEAL_EVERY_S), ("checkpoint", self._checkpoint, DUE_EVERY_S),
            ("verify", self._verify, DUE_EVERY_S), (completeness.JOB, self._completeness, COMPLETE_EVERY_S),
            ("logins", self._logins, LOGINS_EVERY_S),
            ("signatures", self._signatures.look, SIGNATURES_EVERY_S), ("topics", self._topics, TOPICS_EVERY_S),
            ("attachments", self._attachments.look, ATTACHMENTS_EVERY_S), ("tally", self._count, TALLY_EVERY_S),
            ("read_again", self._later.look, READ_AGAIN_EVERY_S),
        ):
            self._scheduler.add_job(
                self._run, "interval", id=job, args=(job, work), seconds=every_s, next_run_time=datetime.now(UTC),
                **settings,
            )
        self._scheduler.start()

    def follow_clock(self) -> None:
        """Called every few seconds. The scheduler goes by the clock: set back by a day, it would wait for a day."""
        now = audit.now()
        if now < self._clock:
            log.warning("clock-set-back from=%s", self._clock)
            for job in self._scheduler.get_jobs():
                self._scheduler.modify_job(job.id, next_run_time=now.replace(tzinfo=UTC))
        self._clock = now

    def stop(self) -> None:
        """End; a check that runs is broken off, and goes on the next time."""
        self._stop.set()
        if self._scheduler.running:
            self._scheduler.shutdown(wait=True)
        self._signatures.close()
        self._attachments.close()
        self._later.close()
        self._engine.dispose()

    @property
    def troubles(self) -> tuple[Trouble, ...]:
        """What is wrong now."""
        return tuple(self._troubles.values())

    @property
    def waiting_attachments(self) -> int | None:
        """How many attachments wait to be read for their words; None until it is known."""
        return self._attachments.waiting

    @property
    def waiting_readings(self) -> int | None:
        """How many images may have to be read once more after an update; None until it is known."""
        return self._later.waiting

    def _run(self, job: str, work: Callable[[], str]) -> None:
        """One round of a job; what it says or raises is the trouble it has."""
        try:
            sentence = work()
        except (PostbuchError, SQLAlchemyError, LookupError, OSError) as error:
            if self._stop.is_set():
                return
            cause = getattr(error, "orig", None) or error
            words = said.of(cause) if isinstance(cause, PostbuchError) else str(cause)[:300]
            sentence = Reason.JOB_FAILED.said(job=Reason[f"JOB_{job.upper()}"].said(), words=words)
            with contextlib.suppress(JobLookupError):  # the scheduler is ending
                self._scheduler.modify_job(job, next_run_time=datetime.now(UTC) + timedelta(seconds=AGAIN_S))
        known = self._troubles.get(job)
        if not sentence:
            self._troubles.pop(job, None)
        elif known is None or known.sentence != sentence:
            log.error("trouble job=%s reason=%s", job, sentence)
            self._troubles[job] = Trouble(reason=f"keeping-{job}", sentence=sentence, at=audit.now())

    def _seal(self) -> str:
        if self._mail_first.gives_way():
            return ""
        self._rounds += 1
        self._sealer.seal(window=FAR if self._rounds % FAR_ROUNDS == 1 else NEAR)
        return ""

    def _checkpoint(self) -> str:
        with self._engine.connect() as conn:
            last = conn.scalar(select(checkpoint.c.at).order_by(checkpoint.c.id.desc()).limit(1))
        every = timedelta(minutes=self._config.ledger.checkpoint_every_minutes)
        # One that is of a time to come was made while the clock was ahead.
        if last is not None and timedelta() <= audit.now() - last < every:
            return self._said["checkpoint"]
        made = checkpoints.make(self._config, self._engine)
        log.info("checkpoint number=%d size=%d", made.number, made.size)
        self._said["checkpoint"] = said.joined(made.problems)
        return self._said["checkpoint"]

    def _verify(self) -> str:
        with self._engine.connect() as conn:
            scope = checkplan.look(conn, self._config.verify).due(audit.now())
        if scope:
            check = verification.Verification(self._config, self._engine, lambda done, total: not self._stop.is_set())
            report = check.run(full=scope == checkplan.FULL)
            log.info("verified scope=%s complete=%s findings=%d", scope, report.complete, report.findings.count)
        with self._engine.connect() as conn:
            # A person's check counts as well.
            newest = checkreport.newest(conn)
            if newest != self._reported:
                found = checkreport.current(conn).values()
                self._said["verify"] = said.joined([checkreport.sentence(each) for each in found if each["found"]])
                self._reported = newest
        return self._said["verify"]

    def _completeness(self) -> str:
        """Whether all that upstream has is here, as far as the collector could look."""
        with self._engine.connect() as conn:
            return completeness.summary(completeness.look(conn))

    def _count(self) -> str:
        """The attachments and senders of what came."""
        return "" if self._tally_first.gives_way() else self._tally.look()

    def _topics(self) -> str:
        """Give the letters that came their topics; after an update, all there are."""
        if self._topics_first.gives_way():
            return ""
        done = topics.BATCH
        while done == topics.BATCH and not self._stop.is_set():
            with self._engine.begin() as conn:
                done = topics.follow(conn)
        return ""

    def _logins(self) -> str:
        """Who may log in with a stored password behind his own, for the proxy."""
        upstreams = logins.mapped(self._config)
        file = logins.path(self._config.data)
        if not upstreams:
            file.unlink(missing_ok=True)
            return ""
        with self._engine.connect() as conn:
            found = logins.gather(conn, upstreams)
        if found != self._known_logins or not file.is_file():
            logins.write(file, found)
            self._known_logins = found
            log.info("logins people=%d accounts=%d", len(found.people), len(found.keys))
        return ""


def _step_back() -> None:
    """Lower the priority of this thread (Linux: each thread has its own)."""
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
