"""The reading of attachments for their words, behind the drains. A job of the archive process.

Hostile files cost time here, in a child, and nobody waits for it. What was read is committed file by file or so, so
that whoever kills this at any moment loses a second's work.
"""

import logging
import time
from collections.abc import Callable

from sqlalchemy import Engine

from postbuch.archive import extract_text, letters
from postbuch.archive.config import Config
from postbuch.archive.errors import NotFound
from postbuch.archive.extract_bounds import MAX_FILE_OCTETS
from postbuch.archive.extract_found import Extract
from postbuch.archive.extract_parser import FileParser
from postbuch.archive.extract_reasons import Unsearched
from postbuch.archive.extract_text import WaitingFile
from postbuch.archive.mailfirst import MailFirst
from postbuch.archive.objects import ObjectStore
from postbuch.archive.parser import Parser, Unreadable
from postbuch.archive.skeleton import SkeletonDamaged

log = logging.getLogger("postbuch.archive")

# Images of one look: their parts that are attachments are found in 5 ms.
STEP = 1000
# What is committed at once: so many characters, or what was read in a second.
COMMIT_CHARACTERS, COMMIT_S = 2_000_000, 1.0
# How long one call works; then the job says how it goes, and ends when it should.
TURN_S = 5.0
# Two drains commit out of order, by some hundred images; what comes later still is found when all is looked through.
NEAR = 1000
FAR_EVERY_S = 3600.0
# While the drains are behind, this waits as well; but not for longer than a minute.
PATIENCE_S = 60.0
# How many wait is counted no more often than this: 100,000 are counted in half a second.
COUNT_EVERY_S = 30.0
# Of one message that holds files in itself the octets are kept for the next of them.
MAX_MESSAGE_OCTETS = 134_217_728


class ExtractWork:
    """One thread. `close` at the end. `waiting` may be read by others: None until it was counted."""

    def __init__(self, config: Config, engine: Engine, stopped: Callable[[], bool] = lambda: False) -> None:
        self._config = config
        self._engine = engine
        self._stopped = stopped
        self._store = ObjectStore(config.data)
        self._files = FileParser()
        self._messages = Parser()
        self._above = 0
        self._far_at = time.monotonic() + FAR_EVERY_S
        self._counted_at = 0.0
        self._mail_first = MailFirst(config.data / "spool", PATIENCE_S)
        self._message: tuple[int, bytes] = (0, b"")
        self.waiting: int | None = None

    def look_far(self) -> None:
        """Look through all images the next time: old ones have files that they had not. From any thread."""
        self._far_at = 0.0

    def close(self) -> None:
        """End the children."""
        self._files.close()
        self._messages.close()

    def look(self) -> str:
        """Read what waits, for some seconds. Nothing is ever wrong with it that is not said beside the file."""
        if self._mail_first.gives_way():
            return ""
        end = time.monotonic() + TURN_S
        if time.monotonic() > self._far_at:
            self._far_at = time.monotonic() + FAR_EVERY_S
            self._above = 0
        with self._engine.connect() as conn:
            newest = extract_text.newest_image(conn)
        above = min(self._above, max(newest - NEAR, 0))
        while above < newest and time.monotonic() < end and not self._stopped():
            upto = min(above + STEP, newest)
            if not self._read_all(above, upto, end):
                break
            above = upto
        self._above = above
        self._message = (0, b"")
        self._count(above >= newest)
        return ""

    def _read_all(self, above: int, upto: int, end: float) -> bool:
        """Read what waits of these images; False when the time was over before."""
        with self._engine.connect() as conn:
            listed = extract_text.waiting(conn, above, upto)
        found: dict[bytes, Extract] = {}
        begun = time.monotonic()
        for each in listed:
            if time.monotonic() > end or self._stopped():
                self._write(found)
                return False
            found[each.sha256] = self._read(each)
            size = sum(len(one.text) for one in found.values())
            if size > COMMIT_CHARACTERS or time.monotonic() - begun > COMMIT_S:
                self._write(found)
                found, begun = {}, time.monotonic()
        self._write(found)
        return True

    def _write(self, found: dict[bytes, Extract]) -> None:
        if not found:
            return
        with self._engine.begin() as conn:
            extract_text.write(conn, found)
        log.info("attachments-read files=%d given_up=%d", len(found), sum(bool(each.reason) for each in found.values()))

    def _read(self, file: WaitingFile) -> Extract:
        if file.size_octets > MAX_FILE_OCTETS:
            return Extract("", Unsearched.TOO_LARGE.name, "none")
        try:
            octets = self._store.read(file.sha256) if file.stored else self._part(file)
        except Unreadable:
            return Extract("", Unsearched.TOO_MUCH.name, "none")
        except (NotFound, SkeletonDamaged) as error:  # `postbuch verify` says so, to somebody
            log.error("attachment-unread sha256=%s reason=%s", file.sha256.hex(), error)
            return Extract("", Unsearched.GONE.name, "none")
        return self._files.extract(octets)

    def _part(self, file: WaitingFile) -> bytes:
        """A file that was not cut out of its message. Raises NotFound, SkeletonDamaged, Unreadable."""
        if self._message[0] != file.image_id:
            with self._engine.connect() as conn:
                octets = letters.octets(conn, self._config, file.image_id)
            self._message = (file.image_id, octets)
        if len(self._message[1]) > MAX_MESSAGE_OCTETS:
            raise Unreadable("the message is larger than those that are taken apart")
        return self._messages.leaf(self._message[1], file.position).payload

    def _count(self, done: bool) -> None:
        now = time.monotonic()
        if done:
            self.waiting = 0
        elif self.waiting in (None, 0) or now - self._counted_at > COUNT_EVERY_S:
            self._counted_at = now
            with self._engine.connect() as conn:
                self.waiting = extract_text.waiting_count(conn, self._above)
