"""The drain, as a process and in this one: nothing acknowledged is lost, nothing comes twice, nothing blocks."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from spool_records import published
from sqlalchemy import Engine, Table, event, func, select

from postbuch.archive import database, letters, spool, status
from postbuch.archive.config import Config
from postbuch.archive.database import Role
from postbuch.archive.drain import STARVED_TRIES, Drain
from postbuch.archive.health import read_all
from postbuch.archive.objects import ObjectStore
from postbuch.archive.schema import audit_event, image, refusal, sighting, spool_file
from postbuch.archive.server import PrivateServer
from postbuch.archive.spoolclaim import claimed
from provider.archive import ACCOUNT, config_in, fresh_archive, message_facts, new_database
from provider.evidence import a_message

PROCESS = """
import sys
from pathlib import Path
from postbuch.archive import process
from postbuch.certs.trust import client_context
from provider.archive import config_in
sys.exit(process.main(config_in(Path(sys.argv[1])), client_context))
"""


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[tuple[Config, Engine]]:
    with fresh_archive(tmp_path) as made:
        yield made


@pytest.fixture
def writer(archive: Any) -> Iterator[spool.SpoolWriter]:
    with spool.SpoolWriter(archive[0].data / "spool", reserve_octets=0) as made:
        yield made


def drained(config: Config, engine: Engine, share: tuple[int, int] = (0, 1)) -> Drain:
    published(config.data / "spool")
    drain = Drain(engine, config.data / "spool", ObjectStore(config.data), share=share)
    try:
        drain.drain_once()
    finally:
        drain.close()
    return drain


def put(writer: spool.SpoolWriter, octets: bytes, **facts: Any) -> str:
    message = writer.begin()
    message.write(octets)
    return message.commit(message_facts(**facts), urgent=True).result(30)


def count(engine: Engine, table: Table) -> int:
    with engine.connect() as conn:
        return conn.scalar(select(func.count()).select_from(table)) or 0


def books(engine: Engine) -> tuple[int, int]:
    """(messages that were seen, sightings and refusals): equal when the books balance (invariant 8)."""
    with engine.connect() as conn:
        seen = conn.scalar(select(func.sum(spool_file.c.messages))) or 0
    return int(seen), count(engine, sighting) + count(engine, refusal)


def process(folder: Path) -> "subprocess.Popen[str]":
    scripts = str(Path(__file__).resolve().parents[1] / "scripts")
    started = subprocess.Popen(
        [sys.executable, "-c", PROCESS, str(folder)], stdout=subprocess.PIPE, text=True,
        stderr=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": scripts},
    )
    assert started.stdout is not None and started.stdout.readline() == "ready archive\n"
    return started


def ended(child: "subprocess.Popen[str]") -> int:
    child.send_signal(signal.SIGTERM)
    code = child.wait(30)
    assert child.stdout is not None
    child.stdout.close()
    return code


def until(condition: Any, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def test_everything_from_the_spool(archive: Any, writer: spool.SpoolWriter) -> None:
    """Small and large messages and events: stored, the octets come back, the spool is empty, the books balance."""
    config, engine = archive
    sent = {put(writer, b"Subject: %d\r\n\r\n%s" % (number, bytes(number * 9000))) for number in range(40)}
    writer.event({"event": "login", "account": ACCOUNT, "ok": True, "client_address": "::1"}, urgent=True).result(10)
    drained(config, engine)
    assert spool.waiting(config.data / "spool") == []
    with engine.connect() as conn:
        numbers = list(conn.scalars(select(image.c.id)))
        back = {conn.scalar(select(image.c.sha256).where(image.c.id == number)): letters.octets(conn, config, number)
                for number in numbers}
    assert {digest.hex() for digest in back if digest is not None} == sent
    assert books(engine) == (40, 40) and count(engine, audit_event) == 1


def test_committed_but_not_removed(archive: Any, writer: spool.SpoolWriter) -> None:
    """A drain killed between commit and removal: the file is drained again and adds nothing, log-ins neither."""
    config, engine = archive
    put(writer, b"Subject: x\r\n\r\nx")
    writer.event({"event": "login", "account": ACCOUNT, "ok": True, "client_address": "::1"}, urgent=True).result(10)
    copies = {path: path.read_bytes() for path in published(config.data / "spool")}
    drained(config, engine)
    for path, octets in copies.items():
        path.write_bytes(octets)
    drained(config, engine)
    assert books(engine) == (1, 1) and count(engine, audit_event) == 1
    assert spool.waiting(config.data / "spool") == []


def test_poison_does_not_stop_the_others(archive: Any, writer: spool.SpoolWriter) -> None:
    """A record with impossible facts becomes a refusal with its reason; its file is set aside; the rest is stored."""
    config, engine = archive
    for number in range(5):
        put(writer, b"Subject: %d\r\n\r\nx" % number)
    put(writer, b"Subject: bad\r\n\r\nx", source="nowhere")
    writer.event({"event": "party"}, urgent=True).result(10)
    for number in range(5):
        put(writer, b"Subject: %d\r\n\r\ny" % number)
    drain = drained(config, engine)
    assert (count(engine, image), count(engine, refusal)) == (10, 1) and books(engine) == (11, 11)
    with engine.connect() as conn:
        assert "no good capture, source or account" in (conn.scalar(select(refusal.c.reason)) or "")
    aside = list((config.data / "spool" / "damaged").glob("*.pbs"))
    assert 1 <= len(aside) <= 2 and len(drain.notices) == len(aside)  # both stand in one file or in two
    assert spool.waiting(config.data / "spool") == []


def test_damaged_file_is_set_aside_with_its_losses_counted(archive: Any, writer: spool.SpoolWriter) -> None:
    """A flipped bit in one of three records: two are stored, the third is a refusal, and the file is kept."""
    config, engine = archive
    messages = [writer.begin() for _ in range(3)]
    for number, message in enumerate(messages):
        message.write(b"Subject: damage-%d\r\n\r\nx" % number)
    for future in [message.commit(message_facts(), urgent=False) for message in messages]:
        future.result(10)
    [path] = published(config.data / "spool")
    raw = path.read_bytes()
    path.write_bytes(raw.replace(b"damage-1", b"damagE-1"))
    drained(config, engine)
    assert (count(engine, image), count(engine, refusal)) == (2, 1) and books(engine) == (3, 3)
    put(writer, b"Subject: cut off\r\n\r\nx")
    [path] = published(config.data / "spool")
    path.write_bytes(path.read_bytes()[:30])
    drained(config, engine)
    assert books(engine) == (4, 4)
    reasons = [item.read_text() for item in (config.data / "spool" / "damaged").glob("*.reason")]
    assert len(reasons) == 2 and any("cut off" in reason for reason in reasons)


def test_process_is_quick_and_ends_cleanly(archive: Any, writer: spool.SpoolWriter, tmp_path: Path) -> None:
    """Idle: from the spool to the rows in under a second. SIGTERM: ends with 0 and takes its health file along."""
    config, engine = archive
    child = process(tmp_path)
    put(writer, b"Subject: warm\r\n\r\nx")
    until(lambda: count(engine, image) == 1)
    spent = []
    for number in range(5):
        start = time.monotonic()
        put(writer, b"Subject: %d\r\n\r\nx" % number)
        until(lambda wanted=number + 2: count(engine, image) == wanted)
        spent.append(time.monotonic() - start)
    assert sorted(spent)[2] < 1
    assert read_all(config)["archive"]["alive"]
    assert ended(child) == 0
    assert "archive" not in read_all(config)


def test_killed_at_any_moment(archive: Any, writer: spool.SpoolWriter, tmp_path: Path) -> None:
    """Invariant 2: kill -9 of the archive process under load; every acknowledged message is there once."""
    config, engine = archive
    acknowledged: set[str] = set()
    number = 0
    for round_number in range(6):
        child = process(tmp_path)
        end = time.monotonic() + 0.15 * (round_number + 1)
        while time.monotonic() < end:
            acknowledged.add(put(writer, b"Subject: %d\r\n\r\n%d" % (number, number)))
            number += 1
        child.kill()
        child.wait()
        assert child.stdout is not None
        child.stdout.close()
    child = process(tmp_path)
    until(lambda: not spool.waiting(config.data / "spool"), 60)
    assert ended(child) == 0
    with engine.connect() as conn:
        assert {digest.hex() for digest in conn.scalars(select(image.c.sha256))} == acknowledged
    assert books(engine) == (number, number)


def waiting(config: Config) -> list[dict[str, Any]]:
    """What the health file says of mail that waits for the database."""
    failures = read_all(config)["archive"]["failures"]
    return [each for each in failures if each["reason"] == "drain-waits"]


def test_database_away(tmp_path: Path) -> None:
    """The server is killed: mail waits in the spool, the health file says so in a sentence; afterwards all is there."""
    config = config_in(tmp_path)
    new_database(config)
    server = PrivateServer(config)
    server.prepare()
    server.start()
    child = process(tmp_path)
    engine = database.engine(config, Role.INGEST)
    with spool.SpoolWriter(config.data / "spool", reserve_octets=0) as writer:
        put(writer, b"Subject: before\r\n\r\nx")
        until(lambda: count(engine, image) == 1)
        engine.dispose()
        os.kill(int(server.pid_file.read_text()), signal.SIGKILL)
        server.stop()
        for number in range(5):
            put(writer, b"Subject: %d\r\n\r\nwhile away" % number)
        until(lambda: waiting(config))
        [failure] = waiting(config)
        assert "waits in the spool" in failure["sentence"] and "nothing is lost" in failure["sentence"]
        assert json.dumps(failure) and failure["leg"] == "database"
        server.prepare()
        server.start()
        until(lambda: count(engine, image) == 6, 60)
        until(lambda: not read_all(config)["archive"]["failures"])
        assert books(engine) == (6, 6)
    engine.dispose()
    assert ended(child) == 0
    server.stop()


def test_a_drain_takes_what_others_have_not(archive: tuple[Config, Engine], writer: spool.SpoolWriter) -> None:
    """Whoever is done with its own files goes on with those of the others, but for those that they work on."""
    config, engine = archive
    for number in range(6):
        put(writer, b"Subject: %d\r\n\r\nx" % number, uid=number + 1)
        published(config.data / "spool")
        time.sleep(0.1)  # a file each
    files = spool.waiting(config.data / "spool")
    assert len(files) > 2
    with claimed(files[:2]) as held:
        assert held == files[:2]
        drained(config, engine, share=(1, 2))
        assert spool.waiting(config.data / "spool") == held
    drained(config, engine, share=(0, 2))
    assert spool.waiting(config.data / "spool") == []
    assert books(engine) == (6, 6)


def test_a_claim_is_of_one_who_has_it_alone(tmp_path: Path) -> None:
    """Nobody claims what is claimed or gone; a claim ends with its block."""
    path = tmp_path / "file.pbs"
    path.write_bytes(b"x")
    with claimed([path, tmp_path / "gone.pbs"]) as first, claimed([path]) as second:
        assert (first, second) == ([path], [])
    with claimed([path]) as again:
        assert again == [path]
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    with claimed([path, path]) as once:
        assert once == [path]
    assert len(list(Path("/proc/self/fd").iterdir())) == descriptors


def test_books_balance_while_messages_come(archive: tuple[Config, Engine], writer: spool.SpoolWriter) -> None:
    """Invariant 8: both sides are counted at one moment; what is stored meanwhile is no fault."""
    config, engine = archive
    looked: list[str] = []

    def come(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if not looked:
            looked.append(statement)
            put(writer, b"Subject: meanwhile\r\n\r\nx")
            drained(config, engine)

    with database.connection(config, Role.WEB) as conn:
        event.listen(conn, "after_cursor_execute", come)
        found = status.books(conn)
    assert looked and found["balanced"], found
    with database.connection(config, Role.WEB) as conn:
        assert status.books(conn)["seen"] == 1


class Starving(ObjectStore):
    """Memory does not suffice for an attachment, so many times."""

    def __init__(self, data: Path, times: int) -> None:
        super().__init__(data)
        self.left = times

    def put(self, payloads: Mapping[bytes, bytes]) -> None:
        if self.left > 0:
            self.left -= 1
            raise MemoryError
        super().put(payloads)


@pytest.mark.parametrize(("times", "stored"), [(10, True), (10_000, False)])
def test_a_lack_of_memory_is_the_surroundings_fault_first(
    archive: tuple[Config, Engine], writer: spool.SpoolWriter, monkeypatch: pytest.MonkeyPatch, times: int, stored: bool
) -> None:
    """A good message waits and is stored when there is memory; one that never fits is refused and its file kept."""
    config, engine = archive
    monkeypatch.setattr("postbuch.archive.drain.LATER_S", 0.0)
    put(writer, a_message(1))
    published(config.data / "spool")
    drain = Drain(engine, config.data / "spool", Starving(config.data, times))
    tries = 0
    while spool.waiting(config.data / "spool"):
        tries += 1
        with contextlib.suppress(MemoryError):
            drain.drain_once()
        assert tries < 50
    drain.close()
    assert (count(engine, sighting), count(engine, refusal)) == ((1, 0) if stored else (0, 1))
    assert tries == (11 if stored else STARVED_TRIES + 1)
    assert books(engine) == (1, 1) and bool(drain.notices) is not stored
