"""How long a search takes among many letters, beside InnoDB FULLTEXT and notmuch on the same letters; and whole pages.

    python benchmarks/search.py [--letters 100000] [--notmuch-minutes 0] [--only postbuch,pages,fulltext,notmuch]
                                [--folder FOLDER] [--build] [--json FILE]

Each figure is the exact total and the newest 50, as a page needs them: median and 95th percentile of many different
words of the kind, in random order, warmed up. Postbuch is measured in the engine (`index_reader`), with the rows of the
page from the database (`search.search`), and in the engine for who may read 3 of 50 accounts; whole pages as `pages.py`
says. FULLTEXT is a table of its own with the text, sender and date of each letter and their indexes, asked in boolean
mode; what it finds is sorted by date. Its questions are ended after 30 s, and count as that (`>`). notmuch is asked in
this process by its library, so that no start of a program counts; its files and its index lie in memory where there is
room. Neither knows rights.

notmuch indexes beside the others' building and is ended with it, so that times of building are not comparable, and it
may know fewer letters (the table says how many). All questions are asked afterwards, one peer after the other, alone;
the slow ones get fewer. A prefix is a word, mostly a compound, without its last four letters. The plain words of
Postbuch find all forms of a word, those of the others do not, or do so in English only: it finds more.

A million letters take half an hour to build. With `--folder` they are built once and kept there, with what the others
keep, and asked again as often as wanted; `--build` asks nothing. An archive of an earlier version is migrated.
"""

import argparse
import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pymysql
from letters import FIRST_DAY, fill
from measure import some_of
from pages import THREE, pages
from peers import LONGEST_S, Ask, Fulltext, Notmuch, TooLong
from questions import KINDS, questions, words
from sqlalchemy import Connection, Engine

from postbuch.archive import audit, database, index_query, index_reader, index_store, query, search, secrets, server
from postbuch.archive.config import Config
from postbuch.archive.database import Role
from postbuch.archive.index_follower import make_anew
from postbuch.archive.users import ALL, Rights

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))

from provider.archive import fresh_archive

WAYS = ("postbuch", "pages", "fulltext", "notmuch")
PAGE = 50
# Says that everything in the folder is built, and what building took.
KEPT = "built.json"
ROUNDS = 3
# Of a slow peer: six kinds with ten questions of a second and its page of another take two minutes; common words of
# FULLTEXT take several seconds.
BUDGET_S = 420.0
LEAST = 10
# So many questions of a kind were ended: then its median is known to be more.
GIVEN_UP = 4


@dataclass(slots=True)
class Measured:
    """Milliseconds by kind, and how many letters each question found; what was ended counts as LONGEST_S."""

    times: dict[str, list[float]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    totals: dict[str, list[int]] = field(default_factory=lambda: {kind: [] for kind in KINDS})

    def ask(self, ask: Ask, kind: str, question: str, *, counts: bool = True) -> None:
        """Ask, and note how long it took if it counts."""
        start = time.perf_counter()
        try:
            total, rows = ask(question)
        except TooLong:
            total = rows = 0
            took = 1000 * LONGEST_S
        else:
            took = min(1000 * (time.perf_counter() - start), 1000 * LONGEST_S)
            assert rows == min(total, PAGE), (question, total, rows)
            self.totals[kind].append(total)
        if counts:
            self.times[kind].append(took)

    def ended(self, kind: str) -> int:
        """How many questions took too long."""
        return sum(each >= 1000 * LONGEST_S for each in self.times[kind])


def measure(ask: Ask, which: int) -> Measured:
    """`ask` gives (total, rows of the page) of a question in its own words."""
    made = Measured()
    for number in range(ROUNDS + 1):
        for kind, question in questions():
            made.ask(ask, kind, question[which], counts=number > 0)
    return made


def measure_within(ask: Ask, which: int, budget_s: float) -> Measured:
    """The same, as many as fit: two of each kind to warm up, then at least LEAST of each kind.

    A kind of which GIVEN_UP were ended is asked no more.
    """
    made = Measured()
    asked = questions()
    for kind in KINDS:
        for question in [each for name, each in asked if name == kind][-2:]:
            made.ask(ask, kind, question[which], counts=False)
    end = time.perf_counter() + budget_s
    for kind, question in asked * ROUNDS:
        enough = time.perf_counter() > end and len(made.times[kind]) >= LEAST
        if not enough and made.ended(kind) < GIVEN_UP:
            made.ask(ask, kind, question[which])
    return made


def engine_of(conn: Connection, rights: Rights) -> Ask:
    """The index alone."""
    def ask(text: str) -> tuple[int, int]:
        look = index_reader.of(conn)
        assert look is not None
        tree = index_query.without_empty(query.parse(audit.storable(text)))
        assert tree is not None
        terms = search.terms_of(look, tree, rights)
        total, ids = look.newest(search.indexed(look, tree, rights, lambda word: ()), PAGE, 0, terms)
        return total, len(ids)

    return ask


def whole_of(conn: Connection) -> Ask:
    """The index and the rows of the page."""
    def ask(text: str) -> tuple[int, int]:
        found = search.search(conn, text, ALL, limit=PAGE)
        assert found.indexed
        return found.total, len(found.rows)

    return ask


def build(config: Config, engine: Engine, told: dict[str, Any], only: list[str], count: int) -> None:
    """Letters, index and the table of FULLTEXT, with what each took."""
    clock = time.perf_counter
    start = clock()
    if {"postbuch", "pages"} & set(only):
        fill(engine, count)
        told["fill_s"] = clock() - start
        start = clock()
        made = make_anew(engine, config.data, lambda: False, lambda done, total: None)
        told["index_s"] = clock() - start
        told["index_octets"] = _size(index_store.folder(config.data))
        print(f"filled in {told['fill_s']:.0f} s; {made} letters indexed in {told['index_s']:.0f} s, "
              f"{told['index_octets'] / 2**20:.0f} MiB", flush=True)  # fmt: skip
    if "fulltext" in only:
        peer = Fulltext(config, PAGE)
        told["fulltext_s"] = peer.build(count)
        peer.close()
        print(f"FULLTEXT made in {told['fulltext_s']:.0f} s", flush=True)


def _give_memory(config: Config) -> int:
    """The memory that the database would have from its next start on: it began with nothing stored."""
    own = server.PrivateServer(config)
    octets = server.pool_octets(own.folder, server.memory_octets())
    with pymysql.connect(
        unix_socket=str(own.socket), user="root", password=secrets.read(config.data / "keys")["root"]
    ) as conn, conn.cursor() as cursor:
        cursor.execute("SET GLOBAL innodb_buffer_pool_size = %s", (octets,))
    return octets


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def postbuch(config: Config) -> dict[str, Measured]:
    """The three ways."""
    made = database.engine(config, Role.WEB)
    with made.connect() as conn:
        results = {
            "Postbuch, engine": measure(engine_of(conn, ALL), 0),
            "Postbuch, with rows": measure(whole_of(conn), 0),
            "Postbuch, engine, 3 accounts": measure(engine_of(conn, frozenset(THREE)), 0),
        }
    made.dispose()
    return results


def _cell(times: list[float]) -> str:
    if not times:
        return "–"
    median, most = statistics.median(times), statistics.quantiles(times, n=20, method="inclusive")[-1]
    said = [f"> {each:,.0f}" if each >= 1000 * LONGEST_S else f"{each:,.1f}" for each in (median, most)]
    return f"{said[0]} ({said[1]})"


def table(results: dict[str, Measured]) -> str:
    """Median and p95 in milliseconds; behind the peers how many times Postbuch's engine that is."""
    own = results.get("Postbuch, engine")
    lines = ["| ms, median (p95) | " + " | ".join(KINDS) + " |", "|---|" + "--:|" * len(KINDS)]
    for name, made in results.items():
        cells = []
        for kind in KINDS:
            cell = _cell(made.times[kind])
            if own is not None and not name.startswith("Postbuch"):
                cell += f" {statistics.median(made.times[kind]) / statistics.median(own.times[kind]):,.1f}×"
            cells.append(cell)
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
        found = " | ".join(f"{statistics.mean(made.totals[kind] or [0]):,.0f}" for kind in KINDS)
        lines.append(f"| … letters found for each | {found} |")
    return "\n".join(lines)


def pages_table(found: dict[str, dict[str, list[float]]]) -> str:
    """Median and p95 of whole pages in milliseconds."""
    lines = ["| page, ms, median (p95) | " + " | ".join(found) + " |", "|---|" + "--:|" * len(found)]
    for name in next(iter(found.values())):
        lines.append(f"| {name} | " + " | ".join(_cell(times[name]) for times in found.values()) + " |")
    return "\n".join(lines)


def heading(told: dict[str, Any]) -> str:
    """Date, machine, versions, and what building took."""
    notmuch_version = subprocess.run(["notmuch", "--version"], capture_output=True, text=True, check=False).stdout
    parts = [
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC", f"{len(os.sched_getaffinity(0))} cores",
        f"{platform.system()} {platform.release()}", f"CPython {platform.python_version()}",
        f"tantivy {version('tantivy')}", server.server_version().strip(), notmuch_version.strip(),
        f"{told['letters']:,} letters",
    ]  # fmt: skip
    built = {"fill_s": "filled", "index_s": "indexed", "fulltext_s": "FULLTEXT made", "notmuch_s": "`notmuch new`"}
    took = ", ".join(f"{words} in {told[name]:,.0f} s" for name, words in built.items() if name in told)
    size = f", {told['index_octets'] / 2**20:,.0f} MiB of index" if "index_octets" in told else ""
    size += f", {told['pool_octets'] / 2**20:,.0f} MiB of memory for the database" if "pool_octets" in told else ""
    beside = f"; notmuch knows {told['notmuch_letters']:,} of the letters" if "notmuch_letters" in told else ""
    return f"### Search\n\n{', '.join(parts)}; {took}{size} (beside each other){beside}.\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--letters", type=int, default=100_000)
    parser.add_argument("--notmuch-minutes", type=float, default=0.0,
                        help="how long the rest waits for notmuch's index when all others are made")
    parser.add_argument("--only", type=some_of(WAYS), default=WAYS, help="ways: " + ",".join(WAYS))
    parser.add_argument("--folder", type=Path, default=None, help="keep what is built there, and use what is there")
    parser.add_argument("--build", action="store_true", help="build only")
    parser.add_argument("--json", type=Path, default=None)
    options = parser.parse_args()
    folder = options.folder or Path(tempfile.mkdtemp(prefix="postbuch-search-"))
    kept = folder / KEPT
    told: dict[str, Any] = {"letters": options.letters, "first_day": FIRST_DAY.isoformat()}
    results: dict[str, Measured] = {}
    shown: dict[str, dict[str, list[float]]] = {}
    beside = Notmuch(options.letters, options.folder) if "notmuch" in options.only else None
    try:
        with fresh_archive(folder) as (config, engine):
            if kept.exists():
                told = json.loads(kept.read_text())
            else:
                build(config, engine, told, options.only, options.letters)
                if beside is not None:
                    told["notmuch_letters"], told["notmuch_s"] = beside.finish(60 * options.notmuch_minutes)
                kept.write_text(json.dumps(told))
            told["pool_octets"] = _give_memory(config)
            if options.build:
                return
            if "postbuch" in options.only:
                results |= postbuch(config)
                print(table(results), flush=True)
            if "pages" in options.only:
                shown = pages(config, told["letters"], *words())
                print(pages_table(shown), flush=True)
            if "fulltext" in options.only:
                peer = Fulltext(config, PAGE)
                results["FULLTEXT"] = measure_within(peer.ask, 1, BUDGET_S)
                peer.close()
            told["disk_octets"] = _size(folder)
        if beside is not None:
            results["notmuch"] = measure_within(beside.asking(), 2, BUDGET_S)
    finally:
        if beside is not None:
            beside.close()
        if options.folder is None:
            shutil.rmtree(folder, ignore_errors=True)
    told["peak_kib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(heading(told) + "\n" + table(results) + ("\n\n" + pages_table(shown) if shown else ""))
    if options.json is not None:
        told["results"] = {name: {"ms": made.times, "found": made.totals} for name, made in results.items()}
        options.json.write_text(json.dumps({**told, "pages": shown}, indent=1))


if __name__ == "__main__":
    main()
