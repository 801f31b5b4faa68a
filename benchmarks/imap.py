"""What Postbuch costs on IMAP: the same work straight to Dovecot, through Postbuch, nginx and emailproxy.

    python benchmarks/imap.py [--rounds 5] [--quick] [--only ROW,…] [--routes NAME,…] [--whole] [--json FILE]

TLS on all legs. Postbuch's proxy process runs as it is run, spooling and syncing every message; with `--whole` the
archive process and its database run beside it on the same machine. The load generator (`wire.py`) is the same for all.
"""

import argparse
import contextlib
import multiprocessing
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))

from measure import BASELINE, Board, Row, heading, rounds, some_of, timed, write_json
from route import NAMES, PASSWORD, USER, Ground, Route, ground, versions
from wire import Imap, transfer, trust

ROWS = [
    Row(key="login", title="Log-in, SELECT, LOGOUT by 4 clients", unit="per s", times=3),
    Row(key="noop", title="NOOP, median of one connection", unit="µs", more_is_better=False),
    Row(key="one", title="FETCH of one message of 10 KB, median", unit="µs", more_is_better=False),
    Row(key="small", title="Download of 5,000 small messages", unit="messages/s", times=3),
    Row(key="large", title="Download of 200 messages of 1 to 5 MB", unit="MB/s"),
    Row(key="flags", title="List of 5,000 messages' flags", unit="messages/s"),
    Row(key="append", title="APPEND of 10 KB, one client", unit="per s", times=3),
    Row(key="append-large", title="APPEND of 1 MB, one client", unit="MB/s", times=3),
    Row(key="memory", title="Memory for an idle connection, of 500", unit="KB", more_is_better=False),
    Row(key="noop-append", title="Another's NOOP while 100 MB pass by APPEND, median", unit="ms", more_is_better=False),
    Row(key="noop-fetch", title="Another's NOOP while 100 MB pass by FETCH, median", unit="ms", more_is_better=False),
]  # fmt: skip
HUGE_OCTETS = 100_000_000
LINE = 76


class Sizes:
    """How much work each row is."""

    def __init__(self, quick: bool) -> None:
        self.small = 1000 if quick else 5000
        self.large = 20 if quick else 200
        self.logins = 40 if quick else 200
        self.noops = 500 if quick else 2000
        self.fetches = 100 if quick else 500
        self.appends = 50 if quick else 200
        self.large_appends = 10 if quick else 50
        self.listings = 2 if quick else 5
        self.idle = 100 if quick else 500


def text(chance: random.Random, octets: int, number: int) -> bytes:
    """A message of about that length: a header and lines that do not compress."""
    head = b"From: a@firma.example\r\nTo: b@firma.example\r\nSubject: number %d\r\nMessage-ID: <%d@b.example>\r\n\r\n"
    block = chance.randbytes(min(octets, 65536) * 3 // 4).hex().encode()
    lines = b"".join(block[at : at + LINE] + b"\r\n" for at in range(0, len(block) - LINE, LINE))
    body = (lines * (octets // len(lines) + 1))[: octets - octets % (LINE + 2)]
    return head % (number, number) + body + b"\r\n"


def fill(place: Ground, sizes: Sizes) -> None:
    """The mailboxes, and one look at each so that every route finds Dovecot's index made."""
    chance = random.Random(1)
    at = 1_700_000_000
    put = place.dovecot.fill
    put(USER, "Small", ((text(chance, chance.randint(1000, 8000), n), at + n, "S") for n in range(sizes.small)))
    put(USER, "Large", ((text(chance, chance.randint(10**6, 5 * 10**6), n), at + n, "S") for n in range(sizes.large)))
    put(USER, "Single", ((text(chance, 10_000, n), at + n, "S") for n in range(50)))
    put(USER, "Huge", [(text(chance, HUGE_OCTETS, 1), at, "S")])
    put(USER, "Grow", [])
    client = logged_in(place.routes[BASELINE])
    for mailbox in (b"Small", b"Large", b"Single", b"Huge", b"Grow"):
        client.command(b"SUBSCRIBE " + mailbox)
        client.command(b"SELECT " + mailbox)
        if mailbox != b"Grow":
            client.command(b"UID FETCH 1:* (FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])")
    client.close()


def logged_in(route: Route, mailbox: bytes = b"") -> Imap:
    client = Imap(route.imap_port, trust(route.ca_file))
    client.log_in(USER, PASSWORD)
    if mailbox:
        client.command(b"EXAMINE " + mailbox)
    return client


class Work:
    """One method a row: does the work on a route and gives the figure."""

    def __init__(self, place: Ground, sizes: Sizes) -> None:
        self._place = place
        self._sizes = sizes
        self._chance = random.Random(2)

    def method(self, row: Row) -> Callable[[Route], float]:
        found: Callable[[Route], float] = getattr(self, row.key.replace("-", "_"))
        return found

    def login(self, route: Route) -> float:
        count = 8 if route.slow_login else self._sizes.logins
        context = trust(route.ca_file)
        errors: list[Exception] = []

        def run() -> None:
            try:
                for _ in range(count // 4):
                    client = Imap(route.imap_port, context)
                    client.log_in(USER, PASSWORD)
                    client.command(b"SELECT Single")
                    client.command(b"LOGOUT")
                    client.close()
            except Exception as error:
                errors.append(error)

        threads = [threading.Thread(target=run) for _ in range(4)]

        def all_of_them() -> None:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

        seconds = timed(all_of_them)
        if errors:
            raise errors[0]
        return (count // 4) * 4 / seconds

    def noop(self, route: Route) -> float:
        client = logged_in(route, b"Single")
        times = []
        for _ in range(self._sizes.noops):
            start = time.perf_counter_ns()
            client.noop()
            times.append(time.perf_counter_ns() - start)
        client.close()
        return statistics.median(times) / 1000

    def one(self, route: Route) -> float:
        client = logged_in(route, b"Single")
        times = []
        for number in range(self._sizes.fetches):
            words = b"UID FETCH %d (UID FLAGS BODY.PEEK[])" % (number % 50 + 1)
            start = time.perf_counter_ns()
            client.command(words)
            times.append(time.perf_counter_ns() - start)
        client.close()
        return statistics.median(times) / 1000

    def small(self, route: Route) -> float:
        client = logged_in(route, b"Small")
        seconds = timed(lambda: client.command(b"UID FETCH 1:* (UID FLAGS INTERNALDATE BODY.PEEK[])"))
        client.close()
        return self._sizes.small / seconds

    def large(self, route: Route) -> float:
        client = logged_in(route, b"Large")
        before = client.octets
        seconds = timed(lambda: client.command(b"UID FETCH 1:* (UID FLAGS INTERNALDATE BODY.PEEK[])"))
        client.close()
        return (client.octets - before) / seconds / 1e6

    def flags(self, route: Route) -> float:
        client = logged_in(route, b"Small")
        times = [timed(lambda: client.command(b"UID FETCH 1:* (FLAGS)")) for _ in range(self._sizes.listings)]
        client.close()
        return self._sizes.small / statistics.median(times)

    def append(self, route: Route) -> float:
        return self._append(route, 10_000, self._sizes.appends)

    def append_large(self, route: Route) -> float:
        return self._append(route, 1_000_000, self._sizes.large_appends)

    def _append(self, route: Route, octets: int, count: int) -> float:
        client = logged_in(route)
        messages = [text(self._chance, octets, number) for number in range(count)]

        def run() -> None:
            for message in messages:
                client.append(b"Grow", message)

        seconds = timed(run)
        client.close()
        self._empty()
        return count / seconds if octets < 100_000 else sum(map(len, messages)) / seconds / 1e6

    def memory(self, route: Route) -> float:
        if not route.processes():
            return 0.0
        count = 20 if route.slow_login else self._sizes.idle
        warm = [logged_in(route, b"Single") for _ in range(4)]
        before = route.resident_octets()
        clients = [logged_in(route, b"Single") for _ in range(count)]
        time.sleep(0.5)
        grown = route.resident_octets() - before
        for client in warm + clients:
            client.close()
        time.sleep(0.5)
        return grown / count / 1000

    def noop_append(self, route: Route) -> float:
        return self._while_passing(route, "append", text(self._chance, HUGE_OCTETS, 1))

    def noop_fetch(self, route: Route) -> float:
        return self._while_passing(route, "fetch", 1)

    def _while_passing(self, route: Route, kind: str, payload: bytes | int) -> float:
        client = logged_in(route, b"Single")
        context = multiprocessing.get_context("spawn")
        here, there = context.Pipe()
        other = context.Process(
            target=transfer, args=(there, kind, route.imap_port, route.ca_file, USER, PASSWORD, payload)
        )
        other.start()
        times = noops_during(here, client)
        other.join()
        client.close()
        if kind == "append":
            self._empty()
        return statistics.median(times) * 1000

    def _empty(self) -> None:
        client = logged_in(self._place.routes[BASELINE])
        client.command(b"DELETE Grow")
        client.command(b"CREATE Grow")
        client.close()


def noops_during(pipe: "multiprocessing.connection.Connection", client: Imap) -> list[float]:
    """Seconds that each NOOP took between the other's `begin` and `end`."""
    assert pipe.recv() == "begin"
    times = []
    while not pipe.poll():
        start = time.perf_counter()
        client.noop()
        times.append(time.perf_counter() - start)
        time.sleep(0.001)
    assert pipe.recv() == "end"
    return times


def options(description: str | None, rows: list[Row]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="less of everything: to see that it runs")
    keys = [row.key for row in rows]
    parser.add_argument("--only", type=some_of(keys), default=keys, help="rows: " + ",".join(keys))
    parser.add_argument("--routes", type=some_of(NAMES), default=NAMES, help="ways: " + ",".join(NAMES))
    parser.add_argument("--whole", action="store_true", help="with archive process and database beside the proxy")
    parser.add_argument("--json", type=Path, help="write every sample there")
    return parser.parse_args()


def main() -> int:
    """Measure and print the table."""
    chosen = options(__doc__, ROWS)
    sizes = Sizes(chosen.quick)
    rows = [row for row in ROWS if row.key in chosen.only]
    names = [name for name in NAMES if name == BASELINE or name in chosen.routes]
    board = Board(rows, names)
    with (
        tempfile.TemporaryDirectory(prefix="postbuch-imap-") as folder,
        ground(Path(folder), names, whole=chosen.whole) as place,
    ):
        print("filling the mailboxes …", file=sys.stderr)
        fill(place, sizes)
        work = Work(place, sizes)
        with contextlib.suppress(KeyboardInterrupt):  # Ctrl-C: the table of what there is
            for number, row, order in rounds(chosen.rounds, rows, names):
                for name in order:
                    if row.key == "memory" and name == BASELINE:
                        continue
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
    print(heading("IMAP" + (", archive beside it" if chosen.whole else ""), versions(names), chosen.rounds))
    print(board.markdown(), end="\n\n")
    print(board.processor_markdown())
    write_json(chosen.json, board)
    return 0


if __name__ == "__main__":
    sys.exit(main())
