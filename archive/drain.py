"""The drain: from the spool's files to the archive, in batches, until nothing waits. Files go only after the commit.

A record that cannot be stored never stops the others: the batch falls back to single records, a record that fails
alone is stored unread, and one that fails even so becomes a refusal with its reason while its file is set aside.
What is wrong with the surroundings (no database, a full disk) is no fault of a record: then everything waits.
"""

import logging
import time
import zlib
from collections import deque
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from threading import Barrier, Event, local

from sqlalchemy import Engine, select

from postbuch.archive import audit, spool
from postbuch.archive.errors import PostbuchError
from postbuch.archive.failing import is_of_the_record, sentence
from postbuch.archive.ingest import Ingester, SpoolFile
from postbuch.archive.objects import ObjectStore
from postbuch.archive.parser import Parser
from postbuch.archive.reasons import Reason
from postbuch.archive.record import EVENT, MESSAGE, Record, counts_in
from postbuch.archive.refused import refusal
from postbuch.archive.spoolclaim import claimed

log = logging.getLogger("postbuch.archive")

# Measured on 2 cores: 300 messages a commit give 95 % of what 1,000 give, and a batch stays below half a second.
BATCH_MESSAGES = 300
BATCH_OCTETS = 16_777_216
# Two threads: while one waits for the database, the other's child parses.
WORKERS = 2
POLL_S = 0.05
# After trouble with the surroundings: 0.5 s, doubled up to 5 s.
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 5.0
# A file that fails this often while the database answers is taken record by record, and then left for later.
TRIES = 3
LATER_S = 60.0
# A lack of memory is the surroundings' fault until a file has met it so often, on its own and once a minute: a quarter
# of an hour in which nothing else had to wait. Then the record is too large for this machine, and is refused.
STARVED_TRIES = 15


class Drain:
    """Drains one spool folder into one archive. `run` blocks until `stop` is set; workers are threads.

    `share` is (which, of how many): several processes begin with different files, by their names, and whoever is
    done sooner goes on with those of the others.
    """

    def __init__(
        self, engine: Engine, folder: Path, store: ObjectStore, *,
        workers: int = WORKERS, share: tuple[int, int] = (0, 1),
    ) -> None:
        self._engine = engine
        self._folder = folder
        self._store = store
        self._workers = workers
        self._share = share
        self._local = local()
        self._parsers: list[Parser] = []
        self._failed: dict[Path, int] = {}
        self._later: dict[Path, float] = {}
        self.stored = self.refused = 0
        self.problem: str | None = None  # one sentence while the surroundings are in trouble
        self.problem_at = audit.now()
        self.notices: deque[str] = deque(maxlen=20)  # what was set aside, for people to look at

    def run(self, stop: Event) -> None:
        """Drain until `stop` is set; what is in hand is finished."""
        pause = FIRST_PAUSE_S
        with ThreadPoolExecutor(self._workers, thread_name_prefix="drain") as pool:
            try:
                self._begin(pool)
                while not stop.is_set():
                    try:
                        worked = self._round(pool, stop)
                    except Exception as error:
                        self._trouble(error)
                        stop.wait(pause)
                        pause = min(pause * 2, LONGEST_PAUSE_S)
                        continue
                    if worked or self.problem is None or self._database_answers():
                        self.problem, pause = None, FIRST_PAUSE_S
                    if not worked:
                        stop.wait(POLL_S)
            finally:
                for parser in self._parsers:
                    parser.close()

    def _begin(self, pool: ThreadPoolExecutor) -> None:
        """Have each thread start its parser child, so that the first messages do not wait for it."""
        together = Barrier(self._workers)  # no thread takes two of these

        def begin() -> None:
            together.wait()
            self._ingester().begin()

        wait([pool.submit(begin) for _ in range(self._workers)])

    def drain_once(self) -> None:
        """Everything that waits now, in this thread. Raises what `run` would wait for."""
        for batch in self._plan():
            self._drain(batch)

    # --- one round: everything that waited when it began ----------------------------------------------------------

    def _round(self, pool: ThreadPoolExecutor, stop: Event) -> bool:
        batches = deque(self._plan())
        worked = False
        running: set[Future[bool]] = set()
        errors: list[BaseException] = []
        while batches or running:
            while batches and len(running) < self._workers and not errors and not stop.is_set():
                running.add(pool.submit(self._drain, batches.popleft()))
            if not running:
                break
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                error = future.exception()
                if error is None:
                    worked = future.result() or worked
                else:
                    errors.append(error)
        if errors:
            raise errors[0]
        return worked

    def _plan(self) -> list[list[Path]]:
        """The waiting files in batches of limited size: those of our share first, oldest first."""
        now = time.monotonic()
        batches: list[list[Path]] = []
        messages = octets = 0
        for path in sorted(spool.waiting(self._folder), key=lambda path: not self._is_ours(path)):
            if self._later.get(path, 0.0) > now:
                continue
            try:
                size = path.stat().st_size
            except FileNotFoundError:
                continue
            count = sum(counts_in(path.name))
            alone = self._failed.get(path, 0) > 0
            full = messages + count > BATCH_MESSAGES or octets + size > BATCH_OCTETS
            if not batches or full or alone:
                batches.append([])
                messages = octets = 0
            batches[-1].append(path)
            messages, octets = messages + count, octets + (BATCH_OCTETS if alone else size)
        return batches

    def _is_ours(self, path: Path) -> bool:
        which, count = self._share
        return count == 1 or zlib.crc32(path.name.encode()) % count == which

    # --- one batch ------------------------------------------------------------------------------------------------

    def _drain(self, paths: Sequence[Path]) -> bool:
        """Drain what nobody else is draining; whether that was anything."""
        with claimed(paths) as ours:
            if ours:
                self._drain_claimed(ours)
            return bool(ours)

    def _drain_claimed(self, paths: Sequence[Path]) -> None:
        if any(self._failed.get(path, 0) >= TRIES for path in paths):
            self._carefully(paths[0])
            return
        try:
            records = [record for path in paths for record in spool.read(path)]
            files = [_file(path) for path in paths]
            stored = self._ingester().ingest(records, files)
        except Exception as error:
            if not is_of_the_record(error):
                if self._database_answers():
                    for path in paths:
                        self._failed[path] = self._failed.get(path, 0) + 1
                raise
            log.warning("batch-by-record files=%d reason=%s", len(paths), type(error).__name__)
            for path in paths:
                self._carefully(path)
            return
        self.stored += len(stored)
        for path in paths:
            self._failed.pop(path, None)
            path.unlink(missing_ok=True)

    def _carefully(self, path: Path) -> None:
        """One file, record by record; what cannot be stored is refused with its reason and the file set aside."""
        try:
            problems = self._by_record(path)
        except FileNotFoundError:
            return
        except Exception:
            if self._failed.get(path, 0) >= TRIES and self._database_answers():
                self._failed[path] += 1
                self._later[path] = time.monotonic() + LATER_S  # so that the others go on
            raise
        self._failed.pop(path, None)
        self._later.pop(path, None)
        if problems:
            aside = spool.quarantine(self._folder, path, "\n".join(problems))
            self.notices.append(f"{aside}: was set aside, {len(problems)} of its records could not be stored")
            log.error("spool-file-set-aside file=%s problems=%d", path.name, len(problems))
        else:
            path.unlink(missing_ok=True)

    def _by_record(self, path: Path) -> list[str]:
        records, problems = spool.salvage(path)
        expected_messages, expected_events = counts_in(path.name)
        found = [record for record in records if record.kind == MESSAGE]
        refusals = []
        for place, record in enumerate(found):
            reason = self._store_one(record, path)
            if reason is not None:
                problems.append(reason)
                refusals.append(refusal(path, place, record, reason))
        for place in range(len(found), expected_messages):
            refusals.append(refusal(path, place, None, "the spool file is damaged"))
        events = self._fit_events([record for record in records if record.kind == EVENT], problems)
        # The counts are those of the one who wrote the file; a name that says less than is there cannot hide it.
        file = SpoolFile(name=path.name, messages=max(expected_messages, len(found)), events=expected_events)
        self._ingester().ingest([*events, *refusals], [file])
        self.refused += len(refusals)
        return problems

    def _store_one(self, record: Record, path: Path) -> str | None:
        """Why the record cannot be stored; None when it was. Raises what is no fault of the record."""
        reason = ""
        for read in (True, False):
            try:
                self.stored += len(self._ingester().ingest([record], read=read))
            except Exception as error:
                if not (is_of_the_record(error) or self._is_starved(error, path)):
                    raise
                reason = sentence(error)
            else:
                return None
        return f"the message cannot be stored: {reason}"

    def _is_starved(self, error: Exception, path: Path) -> bool:
        """Whether memory did not suffice for the file so often that it will not by waiting."""
        return isinstance(error, MemoryError) and self._failed.get(path, 0) >= STARVED_TRIES

    def _fit_events(self, events: list[Record], problems: list[str]) -> list[Record]:
        """The events that can be stored. Each is tried and rolled back, because log-ins must not come twice."""
        fit = []
        for record in events:
            try:
                self._ingester().try_events([record])
            except Exception as error:
                if not is_of_the_record(error):
                    raise
                problems.append(f"an event cannot be stored: {sentence(error)}")
            else:
                fit.append(record)
        return fit

    # --- surroundings ---------------------------------------------------------------------------------------------

    def _ingester(self) -> Ingester:
        """One a thread: a connection and a parser child are used by one batch at a time."""
        found: Ingester | None = getattr(self._local, "ingester", None)
        if found is None:
            parser = Parser()
            self._parsers.append(parser)
            found = self._local.ingester = Ingester(self._engine, self._store, parser)
        return found

    def close(self) -> None:
        """End the parser children of `drain_once`."""
        for parser in self._parsers:
            parser.close()

    def _database_answers(self) -> bool:
        try:
            with self._engine.connect() as conn:
                conn.execute(select(1))
        except Exception:  # a server that dies while it answers gives the driver all kinds of things to trip over
            return False
        return True

    def _trouble(self, error: BaseException) -> None:
        if self.problem is None:
            self.problem_at = audit.now()
            log.error("drain-waits reason=%s", sentence(error), exc_info=not isinstance(error, PostbuchError))
        self.problem = Reason.DRAIN_WAITS.said(problem=sentence(error))


def _file(path: Path) -> SpoolFile:
    messages, events = counts_in(path.name)
    return SpoolFile(name=path.name, messages=messages, events=events)
