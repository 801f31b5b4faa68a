"""How long a search takes among many letters, beside InnoDB FULLTEXT and notmuch on the same letters.

    python benchmarks/search.py [--letters 100000] [--notmuch N] [--only postbuch,fulltext,notmuch] [--json FILE]

Each figure is the exact total and the newest 50, as a page needs them: median and 95th percentile of many different
words of the kind, in random order, after one round to warm up. Postbuch is measured in the engine (`index_reader`),
with the rows of the page from the database (`search.search`), and in the engine for who may read 3 of 50 accounts.
FULLTEXT is a table of its own with the text, sender and date of each letter and their indexes, asked in boolean mode;
what it finds is sorted by date. notmuch is asked in this process by its library, so that no start of a program counts;
it gets files (`--notmuch`: of how many letters, default all). Neither knows rights. A prefix is a word, mostly a
compound, without its last four letters. The plain words of Postbuch find all forms of a word, those of the others do
not, or do so in English only: it finds more.
"""

import argparse
import ctypes
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from email.utils import format_datetime
from pathlib import Path
from typing import Any

from letters import FIRST_DAY, fill, letters, sender_of, vocabulary
from sqlalchemy import Connection, Engine

from postbuch.archive import audit, database, index_query, index_reader, index_store, query, search
from postbuch.archive.config import Config
from postbuch.archive.database import Role
from postbuch.archive.index_follower import make_anew
from postbuch.archive.users import ALL, Rights

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))

from provider.archive import fresh_archive

PAGE = 50
ROUNDS = 3
WORDS = 20
LIBRARY = "libnotmuch.so.5"
NEWEST_FIRST = 1
KINDS = ("rare word", "common word", "phrase", "three words", "prefix", "sender + dates + word")
Asked = tuple[str, str, str]  # in Postbuch's words, in FULLTEXT's SQL, in notmuch's words
Measured = dict[str, list[float]]


def questions() -> list[tuple[str, Asked]]:
    """(kind, question) with different words each, in random order."""
    chance = random.Random(4)
    words = vocabulary()
    # FULLTEXT has no words of three letters and less, and leaves out its stop words.
    left_out = ("about", "their")
    common = [each for each in words[:400] if len(each) > 4 and each.isascii() and each.lower() not in left_out]
    middle = [each for each in words[400:4000] if each.isascii()]
    rare = [each for each in words if each.startswith(("ref", "lot"))][5_000:]
    found: list[tuple[str, Asked]] = []
    for place in range(WORDS):
        one, two = chance.sample(common, 2)
        seldom, half = chance.choice(rare), chance.choice(middle)
        found += [
            ("rare word", _words(seldom)), ("common word", _words(common[place])),
            ("three words", _words(one, two, half)),
            ("phrase", _phrase("offene Rechnung" if place % 2 else f"{one} {two}")), ("prefix", _prefix(half[:-4])),
            ("sender + dates + word", _narrow(sender_of(place), 2019 + place % 5, one)),
        ]  # fmt: skip
    chance.shuffle(found)
    return found


def _match(text: str) -> str:
    return f"MATCH(content) AGAINST('{text}' IN BOOLEAN MODE)"


def _words(*words: str) -> Asked:
    return " ".join(words), _match(" ".join(f"+{each}" for each in words)), " ".join(words)


def _phrase(text: str) -> Asked:
    return f'"{text}"', _match(f'"{text}"'), f'"{text}"'


def _prefix(text: str) -> Asked:
    return f"{text}*", _match(f"{text}*"), f"{text}*"


def _narrow(sender: str, year: int, word: str) -> Asked:
    return (
        f"from:{sender} after:{year - 1}-12-31 before:{year + 1}-01-01 {word}",
        f"sender = '{sender}' AND at >= '{year}-01-01' AND at < '{year + 1}-01-01' AND {_match('+' + word)}",
        f"from:{sender} date:{year}-01-01..{year}-12-31 {word}",
    )


def measure(ask: Callable[[str], tuple[int, int]], which: int) -> tuple[Measured, dict[str, int]]:
    """Milliseconds by kind, and how many letters were found by kind. `ask` gives (total, rows of the page)."""
    times: Measured = {kind: [] for kind in KINDS}
    totals = dict.fromkeys(KINDS, 0)
    for number in range(ROUNDS + 1):
        for kind, question in questions():
            start = time.perf_counter()
            total, rows = ask(question[which])
            took = time.perf_counter() - start
            assert rows == min(total, PAGE), (question, total, rows)
            if number:
                times[kind].append(1000 * took)
            else:
                totals[kind] += total
    return times, totals


def engine_of(conn: Connection, rights: Rights) -> Callable[[str], tuple[int, int]]:
    """The index alone."""
    def ask(text: str) -> tuple[int, int]:
        look = index_reader.of(conn)
        assert look is not None
        tree = index_query.without_empty(query.parse(audit.storable(text)))
        assert tree is not None
        total, ids = look.newest(search.indexed(look, tree, rights, lambda word: ()), PAGE, 0)
        return total, len(ids)

    return ask


def whole_of(conn: Connection) -> Callable[[str], tuple[int, int]]:
    """The index and the rows of the page."""
    def ask(text: str) -> tuple[int, int]:
        found = search.search(conn, text, ALL, limit=PAGE)
        assert found.indexed
        return found.total, len(found.rows)

    return ask


def postbuch(config: Config, engine: Engine) -> dict[str, Any]:
    """The three ways, and what the index costs."""
    start = time.perf_counter()
    built = make_anew(engine, config.data, lambda: False, lambda done, total: None)
    seconds = time.perf_counter() - start
    made = database.engine(config, Role.WEB)
    with made.connect() as conn:
        results = {
            "Postbuch, engine": measure(engine_of(conn, ALL), 0),
            "Postbuch, with rows": measure(whole_of(conn), 0),
            "Postbuch, engine, 3 accounts": measure(engine_of(conn, frozenset({3, 17, 40})), 0),
        }
    made.dispose()
    size = sum(path.stat().st_size for path in index_store.folder(config.data).rglob("*") if path.is_file())
    print(f"postbuch: {built} letters indexed in {seconds:.0f} s, {size / 2**20:.0f} MiB", flush=True)
    return {"results": results, "build_s": seconds, "octets": size}


def fulltext(config: Config, count: int) -> dict[str, Any]:
    """A table with a FULLTEXT index, made after the rows are in it, as is quickest."""
    made = database.engine(config, Role.OWNER)
    with made.connect() as conn:
        conn.exec_driver_sql(
            "CREATE TABLE bench (id BIGINT UNSIGNED PRIMARY KEY, at DATETIME NOT NULL, sender VARCHAR(200) NOT NULL, "
            "content MEDIUMTEXT NOT NULL, KEY (at), KEY (sender, at)) ENGINE=InnoDB CHARACTER SET utf8mb4"
        )
        batch: list[tuple[Any, ...]] = []
        for each in letters(count):
            batch.append((each.id, each.at, each.sender, f"{each.subject} {each.body} {each.file_name}"))
            if len(batch) == 1000 or each.id == count:
                conn.exec_driver_sql("INSERT INTO bench VALUES (%s, %s, %s, %s)", batch)
                conn.commit()
                batch = []
        start = time.perf_counter()
        conn.exec_driver_sql("ALTER TABLE bench ADD FULLTEXT KEY (content)")
        seconds = time.perf_counter() - start

        def ask(condition: str) -> tuple[int, int]:
            total = conn.exec_driver_sql(f"SELECT count(*) FROM bench WHERE {condition}").scalar_one()
            rows = conn.exec_driver_sql(
                f"SELECT id FROM bench WHERE {condition} ORDER BY at DESC LIMIT {PAGE}"
            ).all()
            return int(total), len(rows)

        results = {"FULLTEXT": measure(ask, 1)}
    made.dispose()
    print(f"fulltext: indexed in {seconds:.0f} s", flush=True)
    return {"results": results, "build_s": seconds}


def notmuch(folder: Path, count: int) -> dict[str, Any]:
    """Files in folders of a thousand, `notmuch new`, then its library."""
    mail = folder / "mail"
    for each in letters(count):
        below = mail / str(each.id // 1000)
        below.mkdir(parents=True, exist_ok=True)
        (below / f"{each.id}.eml").write_text(
            f"From: {each.sender}\nTo: konto{each.owner}@firma.example\nSubject: {each.subject}\n"
            f"Message-ID: <{each.id}@bench>\nDate: {format_datetime(each.at)}\nMIME-Version: 1.0\n"
            f"Content-Type: text/plain; charset=utf-8\n\n{each.body} {each.file_name}\n", encoding="utf-8",
        )  # fmt: skip
    file = folder / "notmuch-config"
    file.write_text(f"[database]\npath={mail}\n[new]\ntags=new\n[user]\nname=x\nprimary_email=x@firma.example\n")
    start = time.perf_counter()
    subprocess.run(
        ["notmuch", "new", "--quiet"], env={**os.environ, "NOTMUCH_CONFIG": str(file)}, check=True
    )
    seconds = time.perf_counter() - start
    results = {"notmuch": measure(_notmuch_asking(mail), 2)}
    print(f"notmuch: {count} letters indexed in {seconds:.0f} s", flush=True)
    return {"results": results, "build_s": seconds, "letters": count}


def _notmuch_asking(mail: Path) -> Callable[[str], tuple[int, int]]:
    library: Any = ctypes.CDLL(LIBRARY)
    for name in ("query_create", "messages_get", "message_get_message_id"):
        getattr(library, f"notmuch_{name}").restype = ctypes.c_void_p
    opened = ctypes.c_void_p()
    assert library.notmuch_database_open(str(mail).encode(), 0, ctypes.byref(opened)) == 0

    def ask(text: str) -> tuple[int, int]:
        asked = ctypes.c_void_p(library.notmuch_query_create(opened, text.encode()))
        library.notmuch_query_set_sort(asked, NEWEST_FIRST)
        total, found = ctypes.c_uint(), ctypes.c_void_p()
        assert library.notmuch_query_count_messages(asked, ctypes.byref(total)) == 0
        assert library.notmuch_query_search_messages(asked, ctypes.byref(found)) == 0
        rows = 0
        while rows < PAGE and library.notmuch_messages_valid(found):
            message = ctypes.c_void_p(library.notmuch_messages_get(found))
            assert library.notmuch_message_get_message_id(message)
            library.notmuch_messages_move_to_next(found)
            rows += 1
        library.notmuch_query_destroy(asked)
        return total.value, rows

    return ask


def table(results: dict[str, tuple[Measured, dict[str, int]]]) -> str:
    """Median and p95 in milliseconds; behind the peers how many times Postbuch's engine that is."""
    own = next((times for name, (times, _) in results.items() if name == "Postbuch, engine"), None)
    lines = ["| ms, median (p95) | " + " | ".join(KINDS) + " |", "|---|" + "--:|" * len(KINDS)]
    for name, (times, totals) in results.items():
        cells = []
        for kind in KINDS:
            median, most = statistics.median(times[kind]), statistics.quantiles(times[kind], n=20)[-1]
            cell = f"{median:.2f} ({most:.2f})"
            if own is not None and not name.startswith("Postbuch"):
                cell += f" {median / statistics.median(own[kind]):.1f}×"
            cells.append(cell)
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
        found = " | ".join(str(totals[kind] // WORDS) for kind in KINDS)
        lines.append(f"| … letters found for each | {found} |")
    return "\n".join(lines)


def pages(config: Config) -> dict[str, tuple[Measured, dict[str, int]]]:
    """Where the timings of whole pages at the server (lists, topics, media, senders) are to be put in."""
    del config
    return {}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--letters", type=int, default=100_000)
    parser.add_argument("--notmuch", type=int, default=None, help="of how many letters notmuch gets files")
    parser.add_argument("--only", default="postbuch,fulltext,notmuch")
    parser.add_argument("--json", type=Path, default=None)
    options = parser.parse_args()
    only = options.only.split(",")
    folder = Path(tempfile.mkdtemp(prefix="postbuch-search-"))
    told: dict[str, Any] = {"letters": options.letters, "first_day": FIRST_DAY.isoformat()}
    results: dict[str, tuple[Measured, dict[str, int]]] = {}
    try:
        with fresh_archive(folder) as (config, engine):
            if "postbuch" in only:
                start = time.perf_counter()
                fill(engine, options.letters)
                print(f"filled in {time.perf_counter() - start:.0f} s", flush=True)
                told["postbuch"] = postbuch(config, engine)
                results |= told["postbuch"]["results"] | pages(config)
            if "fulltext" in only:
                told["fulltext"] = fulltext(config, options.letters)
                results |= told["fulltext"]["results"]
        if "notmuch" in only:
            told["notmuch"] = notmuch(folder, options.notmuch or options.letters)
            results |= told["notmuch"]["results"]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(table(results))
    if options.json is not None:
        options.json.write_text(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
