"""Must show 3: the indexer killed at random moments and its folder deleted once; then its counts are those of SQL.

`--kills 100` is the long run. The moments come from a seed that is printed when the test fails.
"""

import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from sqlalchemy import Connection, Engine, func, select
from test_search import ANNA, BERND, mail

from postbuch.archive import database, index_reader, index_store
from postbuch.archive.config import Config
from postbuch.archive.database import Role
from postbuch.archive.index_follower import BUSY, STRIKES, Follower, make_anew
from postbuch.archive.ingest import Ingester
from postbuch.archive.schema import body_text, letter
from postbuch.archive.sealer import Sealer
from postbuch.archive.search import search
from postbuch.archive.users import ALL
from provider.archive import fresh_archive, ingester, message_record
from provider.ports import wait_until

LONGEST_PAUSE_S = 0.6
BATCH = 12
WORDS = ("alpha", "beta", "gamma")
_PROGRAM = """
import sys
from pathlib import Path
from postbuch.archive.index_process import Indexing
from provider.archive import config_in
sys.path.insert(0, sys.argv[2])
made = Indexing(config_in(Path(sys.argv[1])))
sys.stdin.read()
made.stop()
"""


@contextmanager
def indexing(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The processes of the indexer, as the archive process starts them."""
    scripts = str(Path(__file__).resolve().parent.parent / "scripts")
    program = f"import sys; sys.path.insert(0, {scripts!r})\n{_PROGRAM}"
    process = subprocess.Popen([sys.executable, "-c", program, str(folder), scripts], stdin=subprocess.PIPE)
    try:
        yield process
    finally:
        process.communicate(timeout=60)


def indexer(process: subprocess.Popen[bytes]) -> psutil.Process | None:
    """The child of the keeper, if there is one just now."""
    try:
        below = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return None
    return below[-1] if len(below) == 2 else None


class Load:
    """Letters that come, some of them seen elsewhere later."""

    def __init__(self, engine: Engine, work: Ingester, chance: random.Random) -> None:
        self._sealer = Sealer(engine)
        self._work = work
        self._chance = chance
        self._sent: list[bytes] = []

    def batch(self) -> None:
        """New ones for Anna, and older ones that Bernd sees as well."""
        made = []
        for _ in range(BATCH):
            word = self._chance.choice(WORDS)
            octets = mail(f"n{len(self._sent)}", f"From: a@kunde.example\r\nSubject: {word}", f"Text {word}")
            self._sent.append(octets)
            made.append(message_record(octets))
        made += [message_record(each, account=BERND) for each in self._chance.sample(self._sent, 2)]
        self._work.ingest(made)
        if self._chance.random() < 0.7:  # else later, together with the next
            self._sealer.seal()

    def end(self) -> None:
        """Seal what is left."""
        self._sealer.seal()


@pytest.mark.timeout(1800)
def test_kill(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Each letter is in the index once, also for whom it was seen later."""
    seed = random.randrange(1 << 32)
    chance = random.Random(seed)
    kills = request.config.getoption("--kills")
    with fresh_archive(tmp_path) as (config, engine), ingester(config, engine) as work, indexing(tmp_path) as process:
        load = Load(engine, work, chance)
        killed = 0
        while killed < kills:
            load.batch()
            time.sleep(chance.uniform(0, LONGEST_PAUSE_S))
            victim = indexer(process)
            if victim is None:
                continue
            victim.kill()
            killed += 1
            if killed == kills // 2:
                shutil.rmtree(index_store.folder(config.data))
        load.batch()
        load.end()
        wait_until(lambda: _same(config), f"the index to have all letters (seed {seed})", 60)
        assert process.poll() is None


def _same(config: Config) -> bool:
    """Whether the index, for all and for Bernd alone, counts as SQL does."""
    look = index_reader.of_folder(config.data).look()
    if look is None:
        return False
    with database.connection(config, Role.WEB) as conn:
        letters = conn.scalar(select(func.count()).select_from(letter))
        assert look.letters() <= (letters or 0), "a letter is in the index twice"
        assert look.searcher.num_docs == look.letters() + 1, "there is more than one mark"
        for word in WORDS:
            texts = conn.scalar(select(func.count()).where(body_text.c.text.contains(word)))
            if search(conn, word, ALL).total != texts:
                return False
        for address in (ANNA, BERND):
            found = search(conn, f"account:{address} subject:alpha", ALL)
            if not found.indexed:  # the damaged one was given up meanwhile
                return False
            # What only the database knows has the condition asked in SQL.
            if found.total != search(conn, f"account:{address} subject:alpha larger:1", ALL).total:
                return False
            if found.total != _places(conn, address):
                return False
        return look.letters() == letters


def _places(conn: Connection, address: str) -> int:
    """How many letters with this subject the tables have in an account."""
    sql = (
        "SELECT count(DISTINCT p.letter_id) FROM letter_place p JOIN account a ON a.id = p.account_id "
        "JOIN letter_image i ON i.letter_id = p.letter_id JOIN header_summary h ON h.image_id = i.image_id "
        "WHERE a.address = %s AND h.subject = 'alpha'"
    )
    return int(conn.exec_driver_sql(sql, (address,)).scalar_one())


def test_reading_goes_on_while_the_folder_is_gone(tmp_path: Path) -> None:
    """The search then answers from SQL and says so; a damaged file counts as none."""
    with fresh_archive(tmp_path) as (config, engine), ingester(config, engine) as work:
        load = Load(engine, work, random.Random(1))
        load.batch()
        load.end()
        with database.connection(config, Role.WEB) as conn:
            before = search(conn, "alpha OR beta OR gamma", ALL)
            assert (before.total, before.indexed) == (BATCH, False)
        with indexing(tmp_path) as process:
            wait_until(lambda: _same(config), "the first index", 60)
            generation = index_store.current(config.data)
            assert generation is not None
            for path in generation.glob("*.term"):
                path.unlink()  # who reads it goes on with the old one
                path.write_bytes(b"\0" * 100)
            found = indexer(process)
            assert found is not None
            found.kill()
            load.batch()
            load.end()
            wait_until(lambda: _same(config), "an index again", 60)
        shutil.rmtree(index_store.folder(config.data))
        with database.connection(config, Role.WEB) as conn:
            after = search(conn, "alpha OR beta OR gamma", ALL)
            assert (after.total, after.indexed) == (2 * BATCH, False)


def test_made_anew_beside_normal_use(tmp_path: Path) -> None:
    """What comes meanwhile is in the new one as well; the old one goes; broken off, it goes on where it was."""
    with fresh_archive(tmp_path) as (config, engine), ingester(config, engine) as work, indexing(tmp_path):
        load = Load(engine, work, random.Random(2))
        load.batch()
        wait_until(lambda: _same(config), "the first index", 60)
        old = index_store.current(config.data)
        assert make_anew(engine, config.data, lambda: True, lambda done, total: None) is None
        assert index_store.current(config.data) == old != index_store.unfinished(config.data)
        with index_store.building(config.data):
            assert make_anew(engine, config.data, lambda: False, lambda done, total: None) is None
        load.batch()
        told: list[tuple[int, int]] = []
        made = make_anew(engine, config.data, lambda: False, lambda done, total: told.append((done, total)))
        assert made == 2 * BATCH
        assert told[0] == (0, 2 * BATCH) and told[-1] == (2 * BATCH, 2 * BATCH)
        assert index_store.current(config.data) != old
        load.batch()
        load.end()
        wait_until(lambda: _same(config), "the new index to follow", 60)
        wait_until(lambda: len(index_store.generations(config.data)) == 1, "the old one to go", 60)


def test_two_indexers(tmp_path: Path) -> None:
    """The second one waits, and the index stays; what is no passing trouble is told apart after three times."""
    with fresh_archive(tmp_path) as (config, engine), ingester(config, engine) as work:
        load = Load(engine, work, random.Random(3))
        load.batch()
        load.end()
        first, second = (Follower(engine, config.data, lambda: False) for _ in range(2))
        first.round()
        first.round()
        generation = index_store.current(config.data)
        for _ in range(STRIKES + 1):
            with pytest.raises(OSError, match=BUSY):
                second.round()
        first.close()
        second.round()
        assert _same(config) and index_store.current(config.data) == generation
        second.close()
        assert generation is not None
        for path in generation.glob("*.idx"):
            path.unlink()
            path.write_bytes(b"\0" * 100)
        for _ in range(STRIKES - 1):
            with pytest.raises(OSError, match="magic"):
                second.round()
        second.round()
        assert index_store.current(config.data) is None
        second.round()
        assert _same(config)
