"""Doing one job: the export that it asks for, within the rights that its owner has now, into a file.

The count of what was written goes on record before the file can be had (invariant 9).
"""

import logging
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy import Engine

from postbuch.archive import audit, export_list, exportfile, jobs, users
from postbuch.archive.config import Config
from postbuch.archive.errors import PostbuchError
from postbuch.archive.export import Export, Missing, read, volume
from postbuch.archive.export_list import Asked
from postbuch.archive.jobs import Job
from postbuch.archive.reasons import Work
from postbuch.archive.said import of
from postbuch.archive.users import Rights

log = logging.getLogger("postbuch.archive")
BEAT_S = 1.0
# What stays free on the disk: the spool may lie on it, and mail comes first.
SPARE_OCTETS = 1_073_741_824
ORIGIN = "job"


class Stopped(Exception):
    """Cancelled, or taken away from this worker."""


@dataclass(kw_only=True)
class Hand:
    """One job in one worker's hands."""

    config: Config
    engine: Engine
    job: Job
    worker: str
    clock: Callable[[], float] = time.monotonic
    _told_at: float = field(default=0.0, init=False)

    def run(self) -> None:
        """Do it and write down how it ended. Raises what is no error of ours, such as a database that is away."""
        path = jobs.result(self.config, self.job.id)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        asked = export_list.from_json(self.job.parameters)
        try:
            login, rights = self._owner()
            count, missing = self._write(asked, login, rights)
            size = path.stat().st_size
            with self.engine.begin() as conn:
                audit.record(conn, login, ORIGIN, "export", f"job {self.job.id}", after={
                    **asked.as_record(), "count": count, "missing": missing, "size_octets": size,
                })  # fmt: skip
                if not jobs.done(conn, self.job.id, self.worker, count, size):
                    raise Stopped
        except Stopped:
            path.unlink(missing_ok=True)
            with self.engine.begin() as conn:
                jobs.ended(conn, self.job.id, self.worker, jobs.CANCELLED)
            log.info("job-stopped id=%d", self.job.id)
        except PostbuchError as error:
            path.unlink(missing_ok=True)
            if error.temporary:
                raise
            with self.engine.begin() as conn:
                jobs.ended(conn, self.job.id, self.worker, jobs.FAILED, of(error))
            log.warning("job-failed id=%d cause=%s", self.job.id, error)
        else:
            log.info("job-done id=%d count=%d octets=%d", self.job.id, count, size)

    def _owner(self) -> tuple[str, Rights]:
        with self.engine.connect() as conn:
            owner = users.get_user(conn, self.job.user_id)
            if owner is None:
                raise PostbuchError(Work.OWNER_GONE.said())
            return owner.login, users.accounts_of(conn, owner.id)

    def _write(self, asked: Asked, login: str, rights: Rights) -> tuple[int, int]:
        """(rows or messages written, messages that could not be read)."""
        path = jobs.result(self.config, self.job.id)
        if asked.is_table:
            with self.engine.connect() as conn, exportfile.new_file(path, replace=True) as stream:
                return export_list.write_table(conn, stream, asked, rights, self.job.user_id, self.advance), 0
        missing: list[Missing] = []
        with self.engine.connect() as conn:
            found = Export(self.engine, self.config, rights, export_list.letters_of(
                conn, asked, rights, self.job.user_id
            ))  # fmt: skip
        if asked.form == "zip":
            head = {"made_at": f"{audit.now().isoformat()}Z", "made_by": login, **asked.arguments}
            messages = exportfile.write_zip(path, found, missing, head, replace=True)
        else:
            messages = exportfile.write_mbox(path, read(found, missing), replace=True)
        count = 0
        try:
            for count, _ in enumerate(messages, 1):
                self.advance(count)
        finally:
            messages.close()  # type: ignore[attr-defined] # a generator: its file is closed and removed
        return count, len(missing)

    def advance(self, count: int) -> None:
        """So much is written. Raises Stopped, or PostbuchError when the disk is nearly full."""
        at = self.clock()
        if at - self._told_at < BEAT_S:
            return
        self._told_at = at
        if shutil.disk_usage(jobs.folder(self.config)).free < SPARE_OCTETS:
            raise PostbuchError(Work.DISK_NEARLY_FULL.said())
        with self.engine.begin() as conn:
            if not jobs.beat(conn, self.job.id, self.worker, count):
                raise Stopped


def steps(engine: Engine, asked: Asked, rights: Rights, user_id: int) -> tuple[int, int]:
    """How many rows or messages there will be, and for messages how many octets. Raises UsageError."""
    with engine.connect() as conn:
        if asked.is_table:
            return export_list.count(conn, asked, rights, user_id), 0
        return volume(conn, export_list.letters_of(conn, asked, rights, user_id), rights)
