"""Mail comes first: what follows the drains lets them work while they are behind, but never waits for long."""

import time
from pathlib import Path

from postbuch.archive import spool

# More than a drain takes in a second.
BEHIND_MESSAGES = 500


class MailFirst:
    """Of one follower, in one thread: it gives way for `patience_s` at most, and then has a turn of `turn_s`."""

    def __init__(self, folder: Path, patience_s: float, turn_s: float = 0.0) -> None:
        self._folder = folder
        self._patience_s = patience_s
        self._turn_s = turn_s
        self._since: float | None = None  # it gives way; when that is still to come, it has its turn until then

    def gives_way(self) -> bool:
        """Whether the drains have so much to do that this waits. Only who has waited has a turn: a burst is not its."""
        now = time.monotonic()
        if self._since is not None and now < self._since:
            return False
        if spool.waiting_counts(self._folder)[0] <= BEHIND_MESSAGES:
            self._since = None
            return False
        if self._since is None:
            self._since = now
        if now - self._since < self._patience_s:
            return True
        self._since = now + self._turn_s
        return False
