"""What Postbuch costs on submission: straight to a server that takes all, through Postbuch, nginx and emailproxy.

    python benchmarks/submission.py [--rounds 5] [--quick] [--only ROW,…] [--routes NAME,…] [--whole] [--json FILE]

TLS on all legs. Postbuch syncs each message to disk before the client hears 250, which none of the others does.
"""

import contextlib
import multiprocessing
import random
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))

from imap import HUGE_OCTETS, Sizes, fill, logged_in, noops_during, options, text
from measure import BASELINE, Board, Row, heading, rounds, timed, write_json
from route import NAMES, PASSWORD, USER, Ground, Route, ground, versions
from wire import Smtp, submit, transfer, trust

ROWS = [
    Row(key="small-1", title="10 KB, one kept connection", unit="messages/s", times=5),
    Row(key="small-8", title="10 KB, eight kept connections", unit="messages/s", times=3),
    Row(key="small-fresh", title="10 KB, a fresh connection each", unit="messages/s"),
    Row(key="large-1", title="1 MB, one kept connection", unit="messages/s"),
    Row(key="large-8", title="1 MB, eight kept connections", unit="messages/s"),
    Row(key="noop", title="Another's IMAP NOOP while 100 MB are submitted, median", unit="ms", more_is_better=False),
]


class Work:
    """One method a row: does the work on a route and gives the figure."""

    def __init__(self, place: Ground, quick: bool) -> None:
        self._place = place
        self._share = 5 if quick else 1
        chance = random.Random(3)
        self._small = _message(chance, 10_000)
        self._large = _message(chance, 1_000_000)

    def method(self, row: Row) -> Callable[[Route], float]:
        found: Callable[[Route], float] = getattr(self, row.key.replace("-", "_"))
        return found

    def small_1(self, route: Route) -> float:
        return self._kept(route, self._small, 1, 500 // self._share)

    def small_8(self, route: Route) -> float:
        return self._kept(route, self._small, 8, 200 // self._share)

    def large_1(self, route: Route) -> float:
        return self._kept(route, self._large, 1, 50 // self._share)

    def large_8(self, route: Route) -> float:
        return self._kept(route, self._large, 8, 10 // self._share)

    def small_fresh(self, route: Route) -> float:
        count = 5 if route.slow_login else 100 // self._share
        context = trust(route.smtp_ca_file)

        def run() -> None:
            for _ in range(count):
                leg = Smtp(route.smtp_port, context)
                leg.log_in(USER, PASSWORD)
                submit([leg], USER.encode(), USER.encode(), self._small)
                leg.command(b"QUIT")
                leg.close()

        return count / timed(run)

    def noop(self, route: Route) -> float:
        client = logged_in(route, b"Single")
        context = multiprocessing.get_context("spawn")
        here, there = context.Pipe()
        payload = _message(random.Random(4), HUGE_OCTETS)
        other = context.Process(
            target=transfer, args=(there, "submit", route.smtp_port, route.smtp_ca_file, USER, PASSWORD, payload)
        )
        other.start()
        times = noops_during(here, client)
        other.join()
        client.close()
        return statistics.median(times) * 1000

    def _kept(self, route: Route, body: bytes, connections: int, count: int) -> float:
        context = trust(route.smtp_ca_file)
        legs = [Smtp(route.smtp_port, context) for _ in range(connections)]
        for leg in legs:
            leg.log_in(USER, PASSWORD)

        def run() -> None:
            for _ in range(count):
                submit(legs, USER.encode(), USER.encode(), body)

        seconds = timed(run)
        for leg in legs:
            leg.close()
        return connections * count / seconds


def _message(chance: random.Random, octets: int) -> bytes:
    """With its end of data."""
    return text(chance, octets, 1) + b".\r\n"


def main() -> int:
    """Measure and print the table."""
    chosen = options(__doc__, ROWS)
    rows = [row for row in ROWS if row.key in chosen.only]
    names = [name for name in NAMES if name == BASELINE or name in chosen.routes]
    board = Board(rows, names)
    with (
        tempfile.TemporaryDirectory(prefix="postbuch-submission-") as folder,
        ground(Path(folder), names, whole=chosen.whole) as place,
    ):
        fill(place, Sizes(quick=True))
        work = Work(place, chosen.quick)
        with contextlib.suppress(KeyboardInterrupt):  # Ctrl-C: the table of what there is
            for number, row, order in rounds(chosen.rounds, rows, names):
                for name in order:
                    route = place.routes[name]
                    before_s = route.processor_s()
                    value = work.method(row)(route)
                    used_s = route.processor_s() - before_s
                    route.settle()
                    board.add(row.key, name, value, used_s)
                    print(
                        f"round {number + 1} {row.key} {name}: {value:.1f} {row.unit}, processor {used_s:.2f} s",
                        file=sys.stderr,
                    )
    print(heading("Submission" + (", archive beside it" if chosen.whole else ""), versions(names), chosen.rounds))
    print(board.markdown(), end="\n\n")
    print(board.processor_markdown())
    write_json(chosen.json, board)
    return 0


if __name__ == "__main__":
    sys.exit(main())
