"""Reading and drawing files in a child, as `parser.py` takes messages apart: the child may die, the caller never."""

from postbuch.archive import parserframe
from postbuch.archive.extract_bounds import MAX_CHARACTERS, MAX_FILE_OCTETS
from postbuch.archive.extract_found import Extract
from postbuch.archive.extract_reasons import Unsearched
from postbuch.archive.parser import Parser

# The child has 10 s of processor time for what can be broken off and 21 s for what cannot; on a busy machine that is
# more by the clock.
TIME_LIMIT_S = 60.0
# The side of a drawn page or picture in pixels: a tile of 160 px on a screen of twice the density.
SIDE = 320
# A drawing of that size in JPEG has 20 KB, noise 100 KB.
MAX_DRAWING_OCTETS = 524_288


class FileParser(Parser):
    """Owns one child, started when it is first needed. Thread-safe. `close` at the end."""

    MODULE = "postbuch.archive.extract_child"
    ROOM_OCTETS = MAX_DRAWING_OCTETS

    def __init__(self, *, time_limit_s: float = TIME_LIMIT_S) -> None:
        super().__init__(time_limit_s=time_limit_s)

    def extract(self, octets: bytes) -> Extract:
        """The words of a file. Never raises on content."""
        if len(octets) > MAX_FILE_OCTETS:
            return Extract("", Unsearched.TOO_LARGE.name, "none")
        with self._lock:
            answers, problem = self._ask_again(parserframe.EXTRACT, 0, [octets])
        if problem or answers[0].failed:
            return Extract("", Unsearched.TOO_MUCH.name, "none")
        try:
            found = parserframe.extract(answers[0].encoded)
        except ValueError:
            return Extract("", Unsearched.TOO_MUCH.name, "none")
        if len(found.text) > MAX_CHARACTERS or (found.reason and found.reason not in Unsearched.__members__):
            return Extract("", Unsearched.TOO_MUCH.name, "none")
        return found

    def draw(self, octets: bytes) -> bytes | None:
        """A JPEG of at most SIDE pixels on each side; None for what cannot be drawn within the limits."""
        if len(octets) > MAX_FILE_OCTETS:
            return None
        with self._lock:
            answers, problem = self._ask_again(parserframe.DRAWING, SIDE, [octets])
        if problem or answers[0].failed or not answers[0].payload.startswith(b"\xff\xd8\xff"):
            return None
        return answers[0].payload
