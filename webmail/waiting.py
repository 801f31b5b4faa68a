"""Questions for new mail that are answered when there is some: held here without a thread, and looked for once for all.

Our application answers such a question at once: that there is nothing, and in a header (`HEADER`) up to which letter it
looked and for which accounts. The answer is then kept back until letters come to one of these or `HELD_S` are over; the
page asks again, and is told by the application, with all rights, what came.
"""

import logging
import resource
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine
from twisted.internet.task import LoopingCall
from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool

from postbuch.archive import letters
from postbuch.archive.users import ALL, Rights

log = logging.getLogger("postbuch.webmail")
HEADER = "X-Postbuch-Wait"
# Of the application's configuration: whether its answers are kept back by who runs it.
HOLDS = "HOLDS_QUESTIONS"
# Below the 60 s after which proxies, our own connections and htmx give up.
HELD_S = 25.0
# While anybody waits: one look at the end of an index.
LOOK_S = 1.0
# Each keeps a connection open. Of what the system gives us, pages and log-ins need some as well.
SHARE_OF_FILES = 2
MOST = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What somebody waits for: letters with a higher number than `above`, in one of the accounts."""

    above: int
    accounts: Rights

    def written(self) -> str:
        """As the header has it."""
        names = "*" if self.accounts == ALL else ",".join(map(str, sorted(self.accounts)))
        return f"{self.above};{names}"

    @classmethod
    def read(cls, written: str) -> "Question":
        """What `written` gave."""
        above, _, names = written.partition(";")
        accounts: Rights = ALL if names == "*" else frozenset(int(each) for each in names.split(",") if each)
        return cls(above=int(above), accounts=accounts)

    def is_answered(self, newest: Mapping[int, int]) -> bool:
        """`newest`: account → the highest number of its letters that have come."""
        return any(
            number > self.above for account_id, number in newest.items()
            if self.accounts == ALL or account_id in self.accounts
        )


def came(engine: Engine, above: int) -> dict[int, int]:
    """For each account that has letters with a higher number, the highest."""
    with engine.connect() as conn:
        return letters.highest_by_account(conn, above) if letters.highest(conn) > above else {}


def most_held() -> int:
    """How many answers are kept back at most."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST if files == resource.RLIM_INFINITY else min(MOST, max(files // SHARE_OF_FILES, 1))


class Waiting:
    """The answers that are kept back. Belongs to the reactor's thread."""

    def __init__(self, loop: Any, pool: ThreadPool, look: Callable[[int], dict[int, int]]) -> None:
        self._loop = loop
        self._pool = pool
        self._look = look
        self._held: dict[Callable[[], None], Question] = {}
        self._most = most_held()
        self._is_blind = False
        self._looking = LoopingCall(self._ask)
        self._looking.clock = loop

    def hold(self, question: Question, answer: Callable[[], None]) -> Callable[[], None]:
        """Call `answer` once, from now on at any time; what is given back forgets it (the browser has gone).

        Of more than there is room for, the one that waits longest is answered first.
        """
        if len(self._held) >= self._most:
            self._release(next(iter(self._held)))
        self._held[answer] = question
        late = self._loop.callLater(HELD_S, lambda: self._release(answer))

        def forget() -> None:
            self._held.pop(answer, None)
            if late.active():
                late.cancel()

        if not self._looking.running:
            self._looking.start(LOOK_S, now=False)
        return forget

    def _ask(self) -> Any:
        if not self._held:
            self._looking.stop()
            return None
        lowest = min(each.above for each in self._held.values())
        found = deferToThreadPool(self._loop, self._pool, self._look, lowest)
        return found.addCallbacks(self._tell, self._fail)

    def _fail(self, failure: Failure) -> None:
        """Said once, until there is an answer: whoever waits is looked for each second."""
        if not self._is_blind:
            log.warning("cannot-look cause=%s", type(failure.value).__name__)
        self._is_blind = True

    def _tell(self, newest: Mapping[int, int]) -> None:
        self._is_blind = False
        for answer, question in list(self._held.items()):
            if question.is_answered(newest):
                self._release(answer)

    def _release(self, answer: Callable[[], None]) -> None:
        if self._held.pop(answer, None) is not None:
            answer()
