"""How long the collector waits after a failure, and how many connections a provider takes. Pure; times in seconds."""

import threading
from dataclasses import dataclass, field
from enum import Enum


class Trouble(Enum):
    """What kind of failure it was; each has its own patience."""

    CONNECTION = "connection"  # not reached, broken off, silent
    LIMIT = "limit"  # OVERQUOTA, LIMIT, too many connections: the provider asks for less
    LOGIN = "login"  # each try counts against the account at the provider
    ANSWER = "answer"  # an answer that makes no sense
    SIZES = "sizes"  # messages are larger than was said: they have to be fetched one by one
    OURS = "ours"  # the spool or the database


# First and longest pause. A provider's day limit (Gmail: 2.5 GB) needs hours; a restart of a server needs seconds.
_PAUSES: dict[Trouble, tuple[float, float]] = {
    Trouble.CONNECTION: (1.0, 300.0),
    Trouble.LIMIT: (60.0, 3600.0),
    Trouble.LOGIN: (300.0, 21_600.0),
    Trouble.ANSWER: (5.0, 900.0),
    Trouble.SIZES: (1.0, 900.0),
    Trouble.OURS: (1.0, 30.0),
}
# No limit that we know of is met by so many; one machine idles more.
CONNECTIONS = 2000
# After a refusal one more connection is dared each quarter of an hour.
DARE_EVERY_S = 900.0


def pause_s(trouble: Trouble, failures: int) -> float:
    """How long to wait after the so-and-so-many-eth failure in a row (from 1)."""
    first, longest = _PAUSES[trouble]
    return min(first * 2.0 ** min(failures - 1, 20), longest)


@dataclass(slots=True)
class Connections:
    """How many connections one provider takes from us: learnt from its refusals. For all threads."""

    limit: int = CONNECTIONS
    open: int = 0
    changed_at: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, change: int) -> None:
        """One was opened (1) or closed (-1)."""
        with self._lock:
            self.open += change

    def may_open(self, now: float) -> bool:
        if self.limit < CONNECTIONS and now - self.changed_at > DARE_EVERY_S:
            self.limit += 1
            self.changed_at = now
        return self.open < self.limit

    def refused(self, now: float) -> None:
        """The provider said that these were too many: it keeps what it has."""
        self.limit, self.changed_at = max(1, self.open), now

    @property
    def scarce(self) -> bool:
        """Whether an idle connection should be given up for another account."""
        return self.open >= self.limit
