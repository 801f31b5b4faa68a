"""The question for new mail, kept back by a real server until there is some: no thread is held meanwhile."""

import http.cookiejar
import logging
import re
import resource
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from browser import serving
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool
from web_archive import ADMIN, ADMIN_PASSWORD, ANNA, ANNA_PASSWORD, Filling, archive, ingest, old

from postbuch.archive import database, users
from postbuch.archive.config import Config
from postbuch.archive.database import Role
from postbuch.archive.users import ALL
from postbuch.webmail import waiting
from postbuch.webmail.process import THREADS
from postbuch.webmail.waiting import HEADER, HELD_S, LOOK_S, Question, Waiting
from provider.ports import free_port

# What is still being answered gets 10 s; a question that is kept back none of them.
AT_ONCE_S = 8
# Well before a question is answered because its time is over.
BEFORE_S = HELD_S - 5
LENA = "lena@firma.example"


def octets(number: int) -> bytes:
    """A plain message."""
    return f"From: a@b.example\r\nSubject: N {number}\r\nMessage-ID: <n{number}@x>\r\n\r\nText\r\n".encode()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Config, str]]:
    """One letter for each of two people, one of whom reads her own; and the address of the server."""
    folder = tmp_path_factory.mktemp("news")
    with archive(folder / "data", f"127.0.0.1:{free_port()}") as config:
        filling = Filling()
        filling.add(octets(1), ANNA, at=old(3))
        filling.add(octets(2), LENA, at=old(2))
        ingest(config, filling.records)
        with database.connection(config, Role.OWNER) as conn:
            users.grant(conn, ANNA, ANNA, by="test")
        with serving(config, Path(folder / "postbuch.toml")) as base:
            yield config, base


def entered(base: str, login: str, password: str) -> urllib.request.OpenerDirector:
    """A program that has logged in as a browser does."""
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
    page = opener.open(f"{base}/login").read().decode()
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert token
    form = urllib.parse.urlencode({"csrf_token": token[1], "login": login, "password": password})
    assert opener.open(urllib.request.Request(f"{base}/login", form.encode(), {"Referer": base})).status == 200
    return opener


def test_questions_wait_for_mail_and_hold_no_thread(site: tuple[Config, str]) -> None:
    """More of them than there are threads, and pages are answered; a letter answers those of whom it is for."""
    config, base = site
    admin, anna = entered(base, ADMIN, ADMIN_PASSWORD), entered(base, ANNA, ANNA_PASSWORD)
    [since] = re.findall(r'/news\?since=([^"&]+)"', admin.open(base).read().decode())

    def ask(opener: urllib.request.OpenerDirector) -> None:
        with opener.open(f"{base}/news?since={since}") as answer:
            assert answer.status == 204 and HEADER not in answer.headers and not answer.read()

    with ThreadPoolExecutor(2 * THREADS + 1) as pool:
        asked: list[Future[None]] = [pool.submit(ask, admin) for _ in range(2 * THREADS)]
        hers = pool.submit(ask, anna)
        done, _ = wait([*asked, hers], timeout=1.5)
        assert not done
        assert "N 2" in admin.open(base).read().decode()
        filling = Filling(uid=100)
        filling.add(octets(3), LENA)
        ingest(config, filling.records)
        for each in asked:
            each.result(timeout=BEFORE_S)
        assert 'name="known" value="1"' in admin.open(f"{base}/news?since={since}").read().decode()
        assert not hers.done()
        filling.add(octets(4), ANNA)
        ingest(config, filling.records[1:])
        hers.result(timeout=BEFORE_S)


@pytest.mark.parametrize(("accounts", "came", "is_answered"), [
    (ALL, {3: 11}, True), (ALL, {3: 10}, False), (frozenset({1, 2}), {3: 11}, False), (ALL, {}, False),
    (frozenset({1, 2}), {2: 11, 3: 12}, True), (frozenset[int](), {2: 11}, False),
])  # fmt: skip
def test_what_answers_a_question(accounts: users.Rights, came: dict[int, int], is_answered: bool) -> None:
    """A later letter in one of its accounts; the header says the same as was written into it."""
    question = Question(above=10, accounts=accounts)
    assert Question.read(question.written()) == question
    assert question.is_answered(came) is is_answered


class Here(ThreadPool):
    """Does at once what it is given: what a thread does is of no matter here."""

    def callInThreadWithCallback(self, onResult: Any, func: Any, *args: Any, **kw: Any) -> None:
        try:
            answer = (True, func(*args, **kw))
        except Exception:
            answer = (False, Failure())  # type: ignore[no-untyped-call] # Twisted has none
        onResult(*answer)


class Loop(Clock):
    """Time that goes on when the test says so."""

    def callFromThread(self, what: Callable[..., None], *args: Any) -> None:
        what(*args)


def question() -> Question:
    return Question(above=10, accounts=ALL)


def test_a_database_that_is_away_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """However long it is away; when it is back, who waits is answered, and the next time it is said again."""
    loop, away, answered = Loop(), True, []

    def look(_above: int) -> dict[int, int]:
        if away:
            raise OSError("away\nand on a second line")
        return {1: 11}

    held = Waiting(loop, Here(), look)
    with caplog.at_level(logging.INFO, logger="postbuch.webmail"):
        for times in (1, 2):
            held.hold(question(), lambda: answered.append(loop.seconds()))
            away = True
            loop.pump([LOOK_S] * 9)
            assert caplog.messages == ["cannot-look cause=OSError"] * times and len(answered) == times - 1
            away = False
            loop.pump([LOOK_S] * 2)
            assert len(answered) == times
    # Nobody waits, and no timer is left: neither of the looks nor of the answers.
    loop.advance(HELD_S)
    assert not loop.getDelayedCalls() and len(answered) == 2


def test_not_more_are_kept_back_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits longest makes room; half of the files are left for pages. Who has gone is not answered."""
    monkeypatch.setattr(waiting, "MOST", 3)
    assert waiting.most_held() == 3 < resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2
    loop, answered = Loop(), list[int]()
    held = Waiting(loop, Here(), lambda _: {})
    forget = [held.hold(question(), partial(answered.append, number)) for number in range(5)]
    assert answered == [0, 1]
    forget[3]()
    loop.advance(HELD_S)
    assert answered == [0, 1, 2, 4]


def test_it_ends_at_once_though_questions_are_kept_back(tmp_path: Path) -> None:
    """Nobody is waited for, and no browser waits for us."""
    with archive(tmp_path / "data", f"127.0.0.1:{free_port()}") as config:
        ingest(config, [])
        with ThreadPoolExecutor(20) as pool:
            with serving(config, tmp_path / "postbuch.toml") as base:
                admin = entered(base, ADMIN, ADMIN_PASSWORD)
                address = f"{base}/news?since=1970-01-01T00:00:00_0"
                asked = [pool.submit(admin.open, address) for _ in range(20)]
                assert not wait(asked, timeout=1.5).done
                ended = time.monotonic()
            assert time.monotonic() - ended < AT_ONCE_S
            assert not wait(asked, timeout=BEFORE_S).not_done
