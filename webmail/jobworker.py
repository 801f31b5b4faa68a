"""Has jobs worked on: looks for those that want a worker, and gives each a child process.

What is in the children's hands when this process ends is taken again when it is back (`archive/jobs.py`).
"""

import json
import logging
import secrets
import subprocess
import sys
import threading
import time
from dataclasses import dataclass

from sqlalchemy import Engine

from postbuch.archive import jobs
from postbuch.archive.config import Config
from postbuch.archive.errors import PostbuchError
from postbuch.webmail.services import pages_engine

log = logging.getLogger("postbuch.webmail")
# Two at once: a long one does not keep a short one waiting, and two processors are not more than what there is.
WORKERS = 2
LOOK_EVERY_S = 0.5
# After an error (the database is away) it waits this long.
AGAIN_S = 5.0
EXPIRE_EVERY_S = 600.0


@dataclass(kw_only=True)
class _Child:
    job_id: int
    worker: str
    process: subprocess.Popen[bytes]


class JobWorker:
    """Runs from `start` to `stop` in a thread of its own."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._engine: Engine = pages_engine(config)
        self._stop = threading.Event()
        self._children: list[_Child] = []
        self._expired_at = -EXPIRE_EVERY_S
        self._thread = threading.Thread(target=self._run, name="jobs", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the children, too: their jobs go on after the next start."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        for child in self._children:
            child.process.kill()
        try:
            self._bury()
        except PostbuchError as error:  # the rows go stale by themselves
            log.warning("jobs-not-put-back cause=%s", error)
        self._engine.dispose()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.look()
            except PostbuchError as error:
                log.warning("jobs-wait cause=%s", error)
                self._stop.wait(AGAIN_S)
            except Exception:
                log.exception("jobs-failed")
                self._stop.wait(AGAIN_S)
            self._stop.wait(LOOK_EVERY_S)

    def look(self) -> None:
        """One round."""
        self._bury(dead_only=True)
        with self._engine.begin() as conn:
            wanted = jobs.due(conn, WORKERS * 2)
        busy = {child.job_id for child in self._children}
        for job_id in wanted:
            if job_id not in busy and len(self._children) < WORKERS:
                self._children.append(self._begin(job_id))
        if time.monotonic() - self._expired_at > EXPIRE_EVERY_S:
            with self._engine.begin() as conn:
                jobs.expire(conn, self._config)
            self._expired_at = time.monotonic()

    def _begin(self, job_id: int) -> _Child:
        worker = secrets.token_hex(8)
        process = subprocess.Popen([sys.executable, "-I", "-m", "postbuch.archive.jobchild"], stdin=subprocess.PIPE)
        asked = {"config": self._config.model_dump(mode="json"), "job": job_id, "worker": worker}
        try:
            if process.stdin is not None:
                process.stdin.write(json.dumps(asked).encode() + b"\n")
                process.stdin.flush()
        except OSError as error:  # it died at once; the next round sees it
            log.warning("job-child-died id=%d cause=%s", job_id, error)
        return _Child(job_id=job_id, worker=worker, process=process)

    def _bury(self, *, dead_only: bool = False) -> None:
        for child in list(self._children):
            if dead_only and child.process.poll() is None:
                continue
            code = child.process.wait()
            if child.process.stdin is not None:
                child.process.stdin.close()
            self._children.remove(child)
            if code:
                log.warning("job-child-ended id=%d code=%d", child.job_id, code)
                with self._engine.begin() as conn:
                    jobs.put_back(conn, child.job_id, child.worker)
