"""Mail comes first: what follows the drains lets them work while they are behind, but never waits for long."""

import time
from pathlib import Path

from postbuch.archive import spool

# More than a drain takes in a second.
BEHIND_MESSAGES = 500


class MailFirst:
    """Of one follower, in one thread. `patience_s`: how long it gives way at most."""

    def __init__(self, folder: Path, patience_s: float) -> None:
        self._folder = folder
        self._patience_s = patience_s
        self._since = 0.0

    def gives_way(self) -> bool:
        """Whether the drains have so much to do that this waits; after its patience it has its turn all the same."""
        now = time.monotonic()
        if spool.waiting_counts(self._folder)[0] <= BEHIND_MESSAGES:
            self._since = 0.0
            return False
        self._since = self._since or now
        if now - self._since < self._patience_s:
            return True
        self._since = now
        return False
