"""Exports as jobs: done by a child process, within the rights of their owner, whatever dies on the way."""

import contextlib
import csv
import io
import json
import mailbox
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from sqlalchemy import Engine, select, update
from web_archive import ANNA, Filling, archive, ingest

from postbuch.archive import audit, database, export_list, jobs, jobwork, users
from postbuch.archive.config import Config
from postbuch.archive.database import Role
from postbuch.archive.errors import NotFound, PostbuchError, ServiceMissing, UsageError
from postbuch.archive.export_list import FORMS, Asked
from postbuch.archive.jobs import CANCELLED, DONE, EXPIRED, FAILED, RUNNING, WAITING, Job
from postbuch.archive.jobwork import Hand
from postbuch.archive.schema import app_user, audit_event, job
from postbuch.webmail.jobworker import JobWorker, _Child

LENA = "lena@firma.example"
PATIENCE_S = 60


def octets(name: str) -> bytes:
    return f"From: a@x.example\r\nTo: {ANNA}\r\nSubject: Angebot {name}\r\n\r\nText {name}\r\n".encode()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Config, Engine, int]]:
    """Three letters for Anna, one for Lena; Anna's number."""
    with archive(tmp_path_factory.mktemp("jobs"), "127.0.0.1:1") as config:
        filling = Filling()
        for name in ("Eins", "Zwei", "Drei"):
            filling.add(octets(name), ANNA)
        filling.add(octets("Geheim"), LENA)
        ingest(config, filling.records)
        with database.connection(config, Role.OWNER) as conn:
            users.grant(conn, ANNA, ANNA, by="test")
            number = users.user_number(conn, ANNA)
        with database.pool(config, Role.WEB) as engine:
            yield config, engine, number


@pytest.fixture(autouse=True)
def no_job_is_left(house: tuple[Config, Engine, int]) -> Iterator[None]:
    """Each test begins without jobs that want a worker."""
    yield
    with house[1].begin() as conn:
        conn.execute(update(job).values(state=CANCELLED, told=True))


def asked(form: str, **arguments: str) -> Asked:
    return export_list.ask(form, "letters", arguments, ("id", "subject", "date"), lambda title: f"*{title}")


def made(house: tuple[Config, Engine, int], form: str = "csv", **arguments: str) -> int:
    wanted = asked(form, **arguments)
    with house[1].begin() as conn:
        return jobs.create(
            conn, house[2], title="Briefe", parameters=wanted.as_json(), steps=3,
            file_name=f"briefe.{form}", content_type=wanted.content_type,
        )  # fmt: skip


def of(house: tuple[Config, Engine, int], number: int) -> Job:
    with house[1].begin() as conn:
        return jobs.get(conn, house[2], number)


def until(house: tuple[Config, Engine, int], number: int, *states: str) -> Job:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        found = of(house, number)
        if found.state in states:
            return found
        time.sleep(0.05)
    raise AssertionError(found)


@pytest.fixture
def worker(house: tuple[Config, Engine, int]) -> Iterator[JobWorker]:
    made = JobWorker(house[0])
    made.start()
    yield made
    made.stop()


def read_csv(path: Path) -> list[list[str]]:
    return list(csv.reader(io.StringIO(path.read_text("utf-8-sig"), newline="")))


def test_every_format_is_made_within_the_rights(house: tuple[Config, Engine, int], worker: JobWorker) -> None:
    """Anna's three letters in each format, Lena's in none; the count is on record before the file can be had."""
    numbers = {form: made(house, form, q="Angebot") for form in FORMS}
    for form, number in numbers.items():
        found = until(house, number, DONE, FAILED)
        path = jobs.result(house[0], number)
        assert (found.state, found.steps_done, found.percent) == (DONE, 3, 100), found
        assert found.size_octets == path.stat().st_size and path.stat().st_mode & 0o777 == 0o600
        whole = path.read_bytes()
        if form == "zip":
            with zipfile.ZipFile(path) as packed:
                whole = b"".join(packed.read(name) for name in packed.namelist())
        if form == "xlsx":
            [sheet] = openpyxl.load_workbook(io.BytesIO(whole)).worksheets
            whole = repr(list(sheet.values)).encode()
        assert b"Geheim" not in whole and all(name in whole for name in (b"Eins", b"Zwei", b"Drei")), form
    assert read_csv(jobs.result(house[0], numbers["csv"]))[0] == ["*Number", "*Subject", "*Date (UTC)"]
    with contextlib.closing(mailbox.mbox(jobs.result(house[0], numbers["mbox"]))) as box:
        assert len(box) == 3
    with house[1].begin() as conn:
        rows = conn.execute(select(audit_event).where(audit_event.c.action == "export")).all()
    told = {row.target: json.loads(row.after_value) for row in rows if row.origin == jobwork.ORIGIN}
    assert {told[f"job {number}"]["count"] for number in numbers.values()} == {3}
    assert told[f"job {numbers['sql']}"]["q"] == "Angebot" and {row.actor for row in rows} == {ANNA}


def test_rights_are_those_of_the_moment_when_it_is_made(
    house: tuple[Config, Engine, int], worker: JobWorker
) -> None:
    """A grant that ends while the job waits: nothing goes out. A user who is shut out: it fails with a sentence."""
    worker.stop()
    with database.connection(house[0], Role.OWNER) as conn:
        users.revoke(conn, ANNA, ANNA, by="test")
    first = made(house)
    again = JobWorker(house[0])
    again.start()
    try:
        assert until(house, first, DONE).steps_done == 0
        with database.connection(house[0], Role.OWNER) as conn:
            users.grant(conn, ANNA, ANNA, by="test")
            conn.execute(update(app_user).where(app_user.c.login == ANNA).values(active=False))
        second = made(house)
        assert "not active" in until(house, second, FAILED).reason
        assert not jobs.result(house[0], second).exists()
    finally:
        again.stop()
        with database.connection(house[0], Role.OWNER) as conn:
            conn.execute(update(app_user).where(app_user.c.login == ANNA).values(active=True))


def hand(house: tuple[Config, Engine, int], number: int, worker: str = "w1", **other: Any) -> Hand:
    with house[1].begin() as conn:
        found = jobs.claim(conn, number, worker)
    assert found is not None
    return Hand(config=house[0], engine=house[1], job=found, worker=worker, **other)


class Clock:
    """Each look is a minute later, so that every row is told."""

    def __init__(self, at_look: Any = lambda look: None) -> None:
        self.looks, self._at_look = 0, at_look

    def __call__(self) -> float:
        self.looks += 1
        self._at_look(self.looks)
        return self.looks * 60.0


def test_cancelled_while_it_waits_and_while_it_runs(house: tuple[Config, Engine, int]) -> None:
    """At once; or at the worker's next word. No file is left, and a second cancel does nothing."""
    waiting, running = made(house), made(house)

    def cancel(number: int) -> bool:
        with house[1].begin() as conn:
            return jobs.cancel(conn, house[2], number)

    assert cancel(waiting) and of(house, waiting).state == CANCELLED and not cancel(waiting)
    clock = Clock(lambda look: look == 2 and cancel(running))
    hand(house, running, clock=clock).run()
    assert (of(house, running).state, clock.looks) == (CANCELLED, 2)
    assert list(jobs.folder(house[0]).glob(f"*{running}*")) == []
    with house[1].begin() as conn:
        assert jobs.claim(conn, running, "w2") is None


def test_a_killed_worker_and_a_killed_process(house: tuple[Config, Engine, int]) -> None:
    """kill -9 of the child with the job in its hands: the next takes it. Its whole process dead: stale, taken again."""
    first = made(house)
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    process.send_signal(signal.SIGKILL)
    process.wait()
    dead = _Child(job_id=first, worker=hand(house, first).worker, process=process)
    worker = JobWorker(house[0])
    worker._children.append(dead)
    worker.look()  # at once, not when the job has gone stale
    assert [child.job_id for child in worker._children] == [first] and dead not in worker._children
    worker.start()
    found = until(house, first, DONE)
    worker.stop()
    assert found.attempts == 2
    second = made(house)
    lost = hand(house, second)  # and nobody goes on with it
    with house[1].begin() as conn:
        assert jobs.due(conn, 5) == []
        at = audit.now() - timedelta(seconds=jobs.STALE_S + 1)
        conn.execute(update(job).where(job.c.id == second).values(beat_at=at))
        assert jobs.due(conn, 5) == [second]
    hand(house, second, "w2").run()
    assert of(house, second).state == DONE and of(house, second).attempts == 2
    # The first worker was only slow: what it writes counts no more, and the result stays.
    with house[1].begin() as conn:
        assert not jobs.beat(conn, second, lost.worker, 1)
        assert not jobs.done(conn, second, lost.worker, 1, 1)


def test_what_breaks_off_each_time_fails(house: tuple[Config, Engine, int]) -> None:
    """After three dead workers it is the job's fault, and its owner is told in his language."""
    number = made(house)
    for attempt in range(jobs.MAX_ATTEMPTS):
        taken = hand(house, number, f"w{attempt}")
        with house[1].begin() as conn:
            jobs.put_back(conn, number, taken.worker)
    with house[1].begin() as conn:
        assert jobs.due(conn, 5) == []
    found = of(house, number)
    assert found.state == FAILED and "3 times" in found.reason


def test_a_database_that_is_away_is_no_failure(
    house: tuple[Config, Engine, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A temporary error leaves the job for the next worker, and no file."""
    number = made(house)

    def away(*_: object) -> None:
        raise ServiceMissing("away")

    monkeypatch.setattr(jobs, "beat", away)
    with pytest.raises(ServiceMissing):
        hand(house, number, clock=Clock()).run()
    assert of(house, number).state == RUNNING and not jobs.result(house[0], number).exists()


def test_a_full_disk_is_told(house: tuple[Config, Engine, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Mail comes first: below the spare space the job ends, and its owner reads why."""
    monkeypatch.setattr(jobwork, "SPARE_OCTETS", 2**62)
    number = made(house)
    hand(house, number, clock=Clock()).run()
    assert of(house, number).state == FAILED and "disk" in of(house, number).reason
    assert list(jobs.folder(house[0]).glob(f"*{number}*")) == []


def test_results_expire_and_rests_are_removed(house: tuple[Config, Engine, int]) -> None:
    """After a week the file goes; what a dead worker left, half or whole, goes as soon as its job has ended."""
    number = made(house)
    hand(house, number).run()
    rest = jobs.folder(house[0]) / f".{number}.0a0a0a0a.part"
    rest.write_bytes(b"half")
    running, stranger = made(house), jobs.folder(house[0]) / "notes.txt"
    stranger.write_bytes(b"not ours")
    hand(house, running)
    held = [jobs.result(house[0], running), jobs.folder(house[0]) / f".{running}.0b0b0b0b.part"]
    for path in held:  # of one that is being finished just now
        path.write_bytes(b"whole")
    for state in (FAILED, CANCELLED, EXPIRED):
        bad = made(house)
        jobs.result(house[0], bad).write_bytes(b"whole")
        with house[1].begin() as conn:
            conn.execute(update(job).where(job.c.id == bad).values(state=state))
    with house[1].begin() as conn:
        assert jobs.expire(conn, house[0]) == 0
        conn.execute(update(job).where(job.c.id == number).values(expires_at=audit.now() - timedelta(seconds=1)))
        assert jobs.expire(conn, house[0]) == 1
    assert of(house, number).state == EXPIRED
    assert sorted(jobs.folder(house[0]).iterdir()) == sorted([*held, stranger])


def test_only_the_owner_sees_it_and_is_told_once(house: tuple[Config, Engine, int]) -> None:
    """Somebody else's job is NotFound like none; the end of a job is told one time; not too many at once."""
    number = made(house)
    with house[1].begin() as conn:
        for user, which in ((house[2] + 1, number), (house[2], number + 1000)):
            with pytest.raises(NotFound):
                jobs.get(conn, user, which)
        assert not jobs.cancel(conn, house[2] + 1, number)
        assert jobs.listed(conn, house[2] + 1) == [] and jobs.listed(conn, house[2])[0].id == number
        assert jobs.untold(conn, house[2]) == ([], True)
    hand(house, number).run()
    with house[1].begin() as conn:
        ended, others = jobs.untold(conn, house[2])
        assert [each.id for each in ended] == [number] and not others
        assert jobs.untold(conn, house[2]) == ([], False)
    with pytest.raises(UsageError, match="already"):
        for _ in range(jobs.MAX_OPEN + 1):
            made(house)
    assert of(house, number + 1).state == WAITING


WRONG = [
    ("docx", "letters", (), "docx"), ("csv", "nowhere", (), "nowhere"), ("zip", "topics", (), "letters"),
    ("csv", "letters", ("body",), "body"),
]


@pytest.mark.parametrize(("form", "view", "columns", "word"), WRONG)
def test_what_makes_no_sense_is_one_sentence(form: str, view: str, columns: tuple[str, ...], word: str) -> None:
    """It names what is wrong."""
    with pytest.raises(PostbuchError, match=word):
        export_list.ask(form, view, {}, columns, str)


def test_what_is_mistyped_is_not_left_out(house: tuple[Config, Engine, int]) -> None:
    """An unknown field, comparison or order would be an export of everything."""
    for mistyped in ({"q": "(sbject~equals~Zwei)"}, {"q": "(subject~equls~Zwei)"}, {"orderby": "asbject"}):
        with pytest.raises(UsageError, match=r"not understood: .*there are the fields"):
            asked("csv", **mistyped)
