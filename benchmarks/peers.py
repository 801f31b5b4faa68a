"""The same letters in InnoDB FULLTEXT and in notmuch, for `search.py`."""

import ctypes
import multiprocessing
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy
from letters import letters, octets

from postbuch.archive import database, databaseerrors
from postbuch.archive.config import Config
from postbuch.archive.database import Role

LIBRARY = "libnotmuch.so.5"
NEWEST_FIRST = 1
# A question of FULLTEXT is ended after so long, and counts as that.
LONGEST_S = 30.0
# MariaDB's numbers for it: ER_STATEMENT_TIMEOUT; where FULLTEXT itself is interrupted, its own error.
_ENDED = (1969, 188)
# Letters between two looks at whether it is enough: a minute's work of notmuch.
STEP = 10_000
# notmuch's part takes 16 KB a letter, in memory where so many or half a million of them fit; it ends when no more than
# this is left for the others.
LEFT_OCTETS = 6 * 2**30
HALF_A_MILLION = 8 * 2**30
_MEMORY = Path("/dev/shm")

Ask = Callable[[str], tuple[int, int]]


class TooLong(Exception):
    """It was ended."""


class Fulltext:
    """A table of its own with the text, sender and date of each letter, their indexes, and a FULLTEXT index."""

    def __init__(self, config: Config, page: int) -> None:
        self._engine = database.engine(config, Role.OWNER)
        self._conn = self._engine.connect()
        self._page = page

    def build(self, count: int) -> float:
        """The FULLTEXT index is made after the rows are in the table, as is quickest; how long that took."""
        self._conn.exec_driver_sql(
            "CREATE TABLE bench (id BIGINT UNSIGNED PRIMARY KEY, at DATETIME NOT NULL, sender VARCHAR(200) NOT NULL, "
            "content MEDIUMTEXT NOT NULL, KEY (at), KEY (sender, at)) ENGINE=InnoDB CHARACTER SET utf8mb4"
        )
        batch: list[tuple[Any, ...]] = []
        for each in letters(count):
            batch.append((each.id, each.at, each.sender, f"{each.subject} {each.body} {each.file_name}"))
            if len(batch) == 1000 or each.id == count:
                self._conn.exec_driver_sql("INSERT INTO bench VALUES (%s, %s, %s, %s)", batch)
                self._conn.commit()
                batch = []
        start = time.perf_counter()
        self._conn.exec_driver_sql("ALTER TABLE bench ADD FULLTEXT KEY (content)")
        return time.perf_counter() - start

    def ask(self, condition: str) -> tuple[int, int]:
        """The total and the newest. Raises TooLong."""
        end = time.perf_counter() + LONGEST_S
        total = self._run(f"SELECT count(*) FROM bench WHERE {condition}", end)[0][0]
        rows = self._run(f"SELECT id FROM bench WHERE {condition} ORDER BY at DESC LIMIT {self._page}", end)
        return int(total), len(rows)

    def _run(self, question: str, end: float) -> list[Any]:
        left = max(end - time.perf_counter(), 0.01)
        try:
            return list(self._conn.exec_driver_sql(f"SET STATEMENT max_statement_time={left:.2f} FOR {question}"))
        except sqlalchemy.exc.DBAPIError as error:
            if databaseerrors.number(error) not in _ENDED:
                raise
            self._conn.rollback()
            raise TooLong from error

    def close(self) -> None:
        """End the connection."""
        self._conn.close()
        self._engine.dispose()


class Notmuch:
    """Files in folders of a thousand and `notmuch new`, in a process of its own beside all other building."""

    def __init__(self, count: int, kept: Path | None = None) -> None:
        """`kept`: where it is to stay; what is there already is asked as it is."""
        fits = _free() > min(count * 16_000, HALF_A_MILLION) + LEFT_OCTETS
        place = _MEMORY if fits else None
        self._kept = kept is not None
        self._folder = kept / "notmuch" if kept else Path(tempfile.mkdtemp(prefix="postbuch-notmuch-", dir=place))
        built = (self._folder / "done").exists()
        self._folder.mkdir(parents=True, exist_ok=True)
        context = multiprocessing.get_context("fork")
        self._enough = context.Event()
        self._process = context.Process(target=self._build, args=(0 if built else count,))
        self._process.start()

    @property
    def in_memory(self) -> bool:
        return self._folder.is_relative_to(_MEMORY)

    def finish(self, at_most_s: float) -> tuple[int, float]:
        """Wait so long for the rest, and end it; of how many letters it knows, and how long `notmuch new` took."""
        self._process.join(at_most_s)
        self._enough.set()
        self._process.join()
        count, seconds = (self._folder / "done").read_text().split()
        return int(count), float(seconds)

    def asking(self) -> Ask:
        """Questions by its library, so that no start of a program counts."""
        return _asking(self._folder / "mail")

    def close(self) -> None:
        """Remove it."""
        self._enough.set()
        self._process.join()
        if not self._kept:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _build(self, count: int) -> None:
        if not count:
            return
        mail, seconds = self._folder / "mail", 0.0
        file = self._folder / "config"
        file.write_text(
            f"[database]\npath={mail}\n[new]\ntags=new\n[maildir]\nsynchronize_flags=false\n"
            "[user]\nname=x\nprimary_email=x@firma.example\n"
        )
        for each in letters(count):
            below = mail / str(each.id // 1000)
            if each.id % 1000 in (0, 1):
                below.mkdir(parents=True, exist_ok=True)
            (below / f"{each.id}.eml").write_bytes(octets(each, whole=False))
            if each.id % STEP == 0 or each.id == count:
                start = time.perf_counter()
                subprocess.run(
                    ["notmuch", "new", "--quiet"], env={**os.environ, "NOTMUCH_CONFIG": str(file)}, check=True
                )
                seconds += time.perf_counter() - start
                (self._folder / "done").write_text(f"{each.id} {seconds}")
                if self._enough.is_set() or (self.in_memory and _free() < LEFT_OCTETS):
                    break


def _free() -> int:
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable"))


def _asking(mail: Path) -> Ask:
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
        while rows < 50 and library.notmuch_messages_valid(found):
            message = ctypes.c_void_p(library.notmuch_messages_get(found))
            assert library.notmuch_message_get_message_id(message)
            library.notmuch_messages_move_to_next(found)
            rows += 1
        library.notmuch_query_destroy(asked)
        return total.value, rows

    return ask
