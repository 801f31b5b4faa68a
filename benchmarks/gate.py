"""What the gate costs: removing messages straight, through Postbuch, and through nginx.

    python benchmarks/gate.py [--rounds 5] [--quick] [--only ROW,…] [--routes NAME,…] [--whole] [--json FILE]

Each measurement has a mailbox of its own. `one`, `uid` and `all` remove messages that the client has read before, so
that they are archived; `unread` removes messages that nobody has ever read: Postbuch fetches them first.
"""

import contextlib
import itertools
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))

from imap import options, text
from measure import BASELINE, Board, Row, heading, rounds, timed, write_json
from route import NAMES, PASSWORD, USER, Ground, Route, ground, versions
from wire import Imap, trust

ROWS = [
    Row(key="one", title="STORE \\Deleted and EXPUNGE, one message at a time", unit="messages/s"),
    Row(key="uid", title="UID STORE \\Deleted and UID EXPUNGE, one message at a time", unit="messages/s"),
    Row(key="all", title="STORE \\Deleted and EXPUNGE of a whole mailbox", unit="messages/s"),
    Row(key="move", title="UID MOVE, one message at a time", unit="messages/s"),
    Row(key="unread", title="The same of a mailbox that nobody has read", unit="messages/s"),
]
# What was read is durable some milliseconds after the client has it; a person does not delete sooner.
DURABLE_S = 0.5


class Work:
    """One method a row: removes messages on a route and gives how many a second."""

    def __init__(self, place: Ground, quick: bool) -> None:
        self._place = place
        self._few, self._many = (100, 500) if quick else (500, 5000)
        self._numbers = itertools.count(1)
        self._chance = random.Random(3)

    def method(self, row: Row) -> Callable[[Route], float]:
        found: Callable[[Route], float] = getattr(self, row.key)
        return found

    def one(self, route: Route) -> float:
        return self._each(route, lambda uid: (b"STORE 1 +FLAGS.SILENT (\\Deleted)", b"EXPUNGE"))

    def uid(self, route: Route) -> float:
        return self._each(route, lambda uid: (b"UID STORE %d +FLAGS.SILENT (\\Deleted)" % uid, b"UID EXPUNGE %d" % uid))

    def move(self, route: Route) -> float:
        return self._each(route, lambda uid: (b"UID MOVE %d Trash" % uid,))

    def all(self, route: Route) -> float:
        return self._whole(route, read=True)

    def unread(self, route: Route) -> float:
        return self._whole(route, read=False)

    def _each(self, route: Route, commands: Callable[[int], tuple[bytes, ...]]) -> float:
        with self._mailbox(route, self._few, read=True) as client:

            def run() -> None:
                for uid in range(1, self._few + 1):
                    for words in commands(uid):
                        client.command(words)

            return self._few / timed(run)

    def _whole(self, route: Route, *, read: bool) -> float:
        with self._mailbox(route, self._many, read=read) as client:

            def run() -> None:
                client.command(b"STORE 1:* +FLAGS.SILENT (\\Deleted)")
                client.command(b"EXPUNGE")

            return self._many / timed(run)

    @contextlib.contextmanager
    def _mailbox(self, route: Route, count: int, *, read: bool) -> Iterator[Imap]:
        """A session on the route in a new mailbox; afterwards nothing may be left in it."""
        name = f"gate-{next(self._numbers)}"
        messages = ((text(self._chance, 4000, number), 1_700_000_000 + number, "S") for number in range(count))
        self._place.dovecot.fill(USER, name, messages)
        straight = _logged_in(self._place.routes[BASELINE])
        straight.command(b"SELECT " + name.encode())
        straight.command(b"UID FETCH 1:* (FLAGS INTERNALDATE RFC822.SIZE)")
        straight.command(b"UNSELECT")
        client = _logged_in(route)
        client.command(b"SELECT " + name.encode())
        if read:
            client.command(b"UID FETCH 1:* (UID FLAGS INTERNALDATE BODY.PEEK[])")
            time.sleep(DURABLE_S)
        yield client
        client.close()
        answer = straight.command(b"STATUS %s (MESSAGES)" % name.encode())
        if b"MESSAGES 0" not in answer:
            raise RuntimeError(f"not all was removed: {answer!r}")
        straight.command(b"DELETE " + name.encode())
        straight.close()


def _logged_in(route: Route) -> Imap:
    client = Imap(route.imap_port, trust(route.ca_file))
    client.log_in(USER, PASSWORD)
    return client


def main() -> int:
    """Measure and print the table."""
    chosen = options(__doc__, ROWS)
    rows = [row for row in ROWS if row.key in chosen.only]
    names = [name for name in NAMES if name == BASELINE or name in chosen.routes]
    names = [name for name in names if name != "emailproxy"]  # it lets everything pass, as nginx does, and is slower
    board = Board(rows, names)
    with (
        tempfile.TemporaryDirectory(prefix="postbuch-gate-") as folder,
        ground(Path(folder), names, whole=chosen.whole) as place,
    ):
        work = Work(place, chosen.quick)
        for number, row, order in rounds(chosen.rounds, rows, names):
            for name in order:
                route = place.routes[name]
                before_s = route.processor_s()
                value = work.method(row)(route)
                used_s = route.processor_s() - before_s
                route.settle()
                board.add(row.key, name, value, used_s)
                print(f"round {number + 1} {row.key} {name}: {value:.1f} {row.unit}", file=sys.stderr)
    print(heading("The gate" + (", archive beside it" if chosen.whole else ""), versions(names), chosen.rounds))
    print(board.markdown(), end="\n\n")
    print(board.processor_markdown())
    write_json(chosen.json, board)
    return 0


if __name__ == "__main__":
    sys.exit(main())
