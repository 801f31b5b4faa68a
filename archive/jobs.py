"""Long work as rows: asked for, worked on, ended. The queue of `jobwork.py`, and what its owner sees of it.

A worker says every few seconds that it lives. One that died leaves a row that goes stale: the job is taken again, and
after MAX_ATTEMPTS it has failed, with a sentence. Each change asks for the state that it changes, so two workers never
have the same job.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, insert, or_, select, update

from postbuch.archive.audit import now
from postbuch.archive.config import Config
from postbuch.archive.errors import NotFound, UsageError
from postbuch.archive.reasons import Work
from postbuch.archive.schema import job
from postbuch.archive.widths import KEY_CHARACTERS
from postbuch.archive.wrong import Wrong

WAITING, RUNNING, DONE, FAILED, CANCELLED, EXPIRED = "waiting", "running", "done", "failed", "cancelled", "expired"
OPEN = (WAITING, RUNNING)
# A person waits for a few; more would be a program that does not look.
MAX_OPEN = 20
# A worker says that it lives every second (`jobwork.BEAT_S`); one that was not heard of for so long is dead.
STALE_S = 30
# An out-of-memory kill or a power cut once is bad luck; three times it is the job.
MAX_ATTEMPTS = 3
# As long as a person may be away for; then the copy of the mail goes, the archive has it still.
KEPT = timedelta(days=7)
LISTED = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One job as its owner sees it. Times are UTC."""

    id: int
    user_id: int
    title: str
    parameters: str
    state: str
    steps_done: int
    steps: int
    attempts: int
    cancel_asked: bool
    reason: str
    file_name: str
    content_type: str
    size_octets: int
    made_at: datetime
    ended_at: datetime | None
    expires_at: datetime | None

    @property
    def is_open(self) -> bool:
        return self.state in OPEN

    @property
    def percent(self) -> int:
        """How far it is; 100 only when it is done."""
        if self.state == DONE:
            return 100
        return min(99, 100 * self.steps_done // self.steps) if self.steps else 0


def folder(config: Config) -> Path:
    """Where results lie."""
    return config.data / "jobs"


def result(config: Config, job_id: int) -> Path:
    """The file of a job that is done."""
    return folder(config) / str(job_id)


def create(
    conn: Connection, user_id: int, *, title: str, parameters: str, steps: int, file_name: str, content_type: str
) -> int:
    """Ask for it; the number of the job. Raises UsageError when somebody has MAX_OPEN that have not ended."""
    waiting = conn.scalar(select(func.count()).where(job.c.user_id == user_id, job.c.state.in_(OPEN))) or 0
    if waiting >= MAX_OPEN:
        raise UsageError(Wrong.JOBS_WAIT.said(number=waiting))
    at = now()
    made = conn.execute(insert(job).values(
        user_id=user_id, title=title[:KEY_CHARACTERS], parameters=parameters, state=WAITING, steps=steps,
        file_name=file_name, content_type=content_type, made_at=at, beat_at=at,
    ))  # fmt: skip
    return int((made.inserted_primary_key or [0])[0])


def listed(conn: Connection, user_id: int, limit: int = LISTED, before: int | None = None) -> list[Job]:
    """Those of a user, newest first."""
    query = select(job).where(job.c.user_id == user_id).order_by(job.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(job.c.id < before)
    return [_job(row._mapping) for row in conn.execute(query)]


def get(conn: Connection, user_id: int, job_id: int) -> Job:
    """One of a user's. Raises NotFound, for somebody else's as for none."""
    row = conn.execute(select(job).where(job.c.id == job_id, job.c.user_id == user_id)).one_or_none()
    if row is None:
        raise NotFound(Wrong.NO_JOB.said(number=job_id))
    return _job(row._mapping)


def finished(conn: Connection, config: Config, user_id: int, job_id: int) -> tuple[Job, Path]:
    """One of a user's that is done, and its file. Raises NotFound."""
    found, path = get(conn, user_id, job_id), result(config, job_id)
    if found.state != DONE or not path.is_file():
        raise NotFound(Wrong.JOB_WITHOUT_FILE.said(number=job_id))
    return found, path


def cancel(conn: Connection, user_id: int, job_id: int) -> bool:
    """End it at once when nobody works on it yet, else ask its worker to. False when it has ended already."""
    mine = (job.c.id == job_id, job.c.user_id == user_id)
    at = now()
    ended = conn.execute(
        update(job).where(*mine, job.c.state == WAITING).values(state=CANCELLED, ended_at=at, told=True)
    )
    asked = conn.execute(update(job).where(*mine, job.c.state == RUNNING).values(cancel_asked=True, told=True))
    return bool(ended.rowcount or asked.rowcount)


def untold(conn: Connection, user_id: int) -> tuple[list[Job], bool]:
    """Those that have ended and whose owner was not told yet (now he is), and whether others are still open."""
    query = select(job).where(job.c.user_id == user_id, job.c.told.is_(False)).order_by(job.c.id)
    found = [_job(row._mapping) for row in conn.execute(query)]
    ended = [each for each in found if not each.is_open]
    if ended:
        conn.execute(update(job).where(job.c.id.in_([each.id for each in ended])).values(told=True))
    return ended, len(ended) < len(found)


# --- the side of the workers ---------------------------------------------------------------------------------------


def due(conn: Connection, limit: int) -> list[int]:
    """Which jobs want a worker, the oldest first. Ends those that cannot have one any more."""
    at = now()
    stale = _is_stale(at)
    conn.execute(update(job).where(stale, job.c.cancel_asked).values(state=CANCELLED, ended_at=at, worker=""))
    conn.execute(update(job).where(stale, job.c.attempts >= MAX_ATTEMPTS).values(
        state=FAILED, reason=Work.DIED.said(attempts=MAX_ATTEMPTS), ended_at=at, worker=""
    ))  # fmt: skip
    query = select(job.c.id).where(or_(job.c.state == WAITING, stale)).order_by(job.c.id).limit(limit)
    return list(conn.scalars(query))


def claim(conn: Connection, job_id: int, worker: str) -> Job | None:
    """Take it; None when somebody else has it, or it has ended."""
    at = now()
    taken = conn.execute(
        update(job).where(job.c.id == job_id, or_(job.c.state == WAITING, _is_stale(at)))
        .values(state=RUNNING, worker=worker, attempts=job.c.attempts + 1, steps_done=0, beat_at=at)
    )
    if not taken.rowcount:
        return None
    return _job(conn.execute(select(job).where(job.c.id == job_id)).one()._mapping)


def beat(conn: Connection, job_id: int, worker: str, steps_done: int) -> bool:
    """Say that the worker lives and how far it is. False when it is to end: cancelled, or no longer its job."""
    mine = conn.execute(
        update(job).where(*_of(job_id, worker)).values(beat_at=now(), steps_done=steps_done)
    )
    asked = conn.scalar(select(job.c.cancel_asked).where(job.c.id == job_id))
    return bool(mine.rowcount) and not asked


def done(conn: Connection, job_id: int, worker: str, steps_done: int, size_octets: int) -> bool:
    """The result is there. False when the job was taken away."""
    at = now()
    ended = conn.execute(update(job).where(*_of(job_id, worker)).values(
        state=DONE, steps_done=steps_done, steps=steps_done, size_octets=size_octets, ended_at=at,
        expires_at=at + KEPT, worker="",
    ))  # fmt: skip
    return bool(ended.rowcount)


def ended(conn: Connection, job_id: int, worker: str, state: str, reason: str = "") -> None:
    """It has failed, or was cancelled."""
    conn.execute(update(job).where(*_of(job_id, worker)).values(
        state=state, reason=reason[:1000], ended_at=now(), worker=""
    ))  # fmt: skip


def put_back(conn: Connection, job_id: int, worker: str) -> None:
    """Its worker is known to be dead: the next one may take it at once, as a stale one."""
    conn.execute(
        update(job).where(*_of(job_id, worker)).values(beat_at=now() - timedelta(seconds=STALE_S + 1), worker="")
    )


def expire(conn: Connection, config: Config) -> int:
    """Remove the results whose time is over, and whatever no job holds that runs or is done. How many jobs expired."""
    # Before the states are read: what lies here now belongs to a job that was taken before, so it runs, is done, or has
    # ended badly. A result gets its name while its job still runs.
    lying = list(folder(config).glob("*"))
    over = conn.execute(update(job).where(job.c.state == DONE, job.c.expires_at < now()).values(state=EXPIRED))
    held = set(conn.scalars(select(job.c.id).where(job.c.state.in_((RUNNING, DONE)))))
    for path in lying:
        number = path.name.removeprefix(".").partition(".")[0]
        if number.isdecimal() and int(number) not in held:
            path.unlink(missing_ok=True)
    return over.rowcount


def _is_stale(at: datetime) -> ColumnElement[bool]:
    return and_(job.c.state == RUNNING, job.c.beat_at < at - timedelta(seconds=STALE_S))


def _of(job_id: int, worker: str) -> tuple[ColumnElement[bool], ...]:
    return (job.c.id == job_id, job.c.state == RUNNING, job.c.worker == worker)


def _job(row: Any) -> Job:
    values = {name: row[name] for name in Job.__dataclass_fields__}
    return Job(**{**values, "cancel_asked": bool(values["cancel_asked"])})
