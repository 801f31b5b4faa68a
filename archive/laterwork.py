"""The second look at images that were archived before the reader opened what stands within other things.

A job of the archive process, behind the drains and once for each version of the reader (`laterrows.READER`). Images
whose rows tell that nothing is within their parts are not read. How far it is is committed with what was found, so
that whoever kills this at any moment loses a second's work.
"""

import logging
import time
from collections.abc import Callable

from sqlalchemy import Engine

from postbuch.archive import laterrows, letters
from postbuch.archive.config import Config
from postbuch.archive.errors import NotFound
from postbuch.archive.mailfirst import MailFirst
from postbuch.archive.message import ParsedMessage
from postbuch.archive.parser import Parser
from postbuch.archive.skeleton import SkeletonDamaged

log = logging.getLogger("postbuch.archive")

# Images of one look: the rows of their parts and texts (3 KB each) are looked through in 0.1 s.
STEP = 1000
COMMIT_S = 1.0
# How long one call works; then the job says how it goes, and ends when it should.
TURN_S = 5.0
# While the drains are behind, this waits as well; but not for longer than a minute.
PATIENCE_S = 60.0


class LaterWork:
    """One thread. `close` at the end. `waiting` may be read by others: images to look through, None until counted.

    `finished`: called when all were looked through and more was found than the rows said.
    """

    def __init__(
        self, config: Config, engine: Engine, stopped: Callable[[], bool] = lambda: False,
        finished: Callable[[], None] = lambda: None,
    ) -> None:
        self._config = config
        self._engine = engine
        self._stopped = stopped
        self._finished = finished
        self._parser = Parser()
        self._mail_first = MailFirst(config.data / "spool", PATIENCE_S)
        self._found = 0
        self.waiting: int | None = None

    def close(self) -> None:
        """End the child."""
        self._parser.close()

    def look(self) -> str:
        """Look through what waits, for some seconds. Raises what the database raises."""
        if self.waiting == 0 or self._mail_first.gives_way():
            return ""
        end = time.monotonic() + TURN_S
        with self._engine.begin() as conn:
            left = laterrows.progress(conn)
            waiting = self.waiting
            if waiting is None:  # all are counted once; from then on those that were looked through
                waiting = laterrows.count(conn, left.upto, left.until)
        upto = left.upto
        while upto < left.until and time.monotonic() < end and not self._stopped():
            upto = self._step(upto, min(upto + STEP, left.until), end)
        if upto < left.until:
            with self._engine.connect() as conn:
                self.waiting = max(waiting - laterrows.count(conn, left.upto, upto), 1)
        else:
            self.waiting = 0
            self._parser.close()
            if self._found:
                self._finished()
        return ""

    def _step(self, above: int, upto: int, end: float) -> int:
        """Look through the images above one number, up to another; up to which it came in time."""
        with self._engine.connect() as conn:
            numbers = laterrows.candidates(conn, above, upto)
        found: dict[int, ParsedMessage] = {}
        begun = time.monotonic()
        for number in numbers:
            if found and (time.monotonic() - begun > COMMIT_S or time.monotonic() > end or self._stopped()):
                self._write(found, above)
                found, begun = {}, time.monotonic()
                if begun > end or self._stopped():
                    return above
            parsed = self._read(number)
            if parsed is not None:
                found[number] = parsed
            above = number
        self._write(found, upto)
        return upto

    def _read(self, number: int) -> ParsedMessage | None:
        try:
            with self._engine.connect() as conn:
                octets = letters.octets(conn, self._config, number)
        except (NotFound, SkeletonDamaged) as error:  # `postbuch verify` says so, to somebody
            log.error("image-not-read-again image=%d reason=%s", number, error)
            return None
        return self._parser.summary(octets)

    def _write(self, found: dict[int, ParsedMessage], upto: int) -> None:
        with self._engine.begin() as conn:
            changed = laterrows.write(conn, found)
            laterrows.move(conn, upto)
        self._found += changed
        if found:
            log.info("read-again images=%d more=%d upto=%d", len(found), changed, upto)
