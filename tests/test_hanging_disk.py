"""A disk that hangs while a message is on its way: the client has its answer in time, and its session goes on."""

import contextlib
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import USERS
from gate_case import Case
from imap_proxy import PATIENCE_S, Client, ImapProxy, Wire, config_for, scripted_proxy
from pretender import Provider
from test_busy_disk import busy_disk

from postbuch.archive import spool
from postbuch.proxy.session import Session
from provider.dovecot import Dovecot
from provider.ports import wait_until

HEIKE = list(USERS)[7]
SMALL = b"Subject: klein\r\n\r\nx APPEND y {3+}\r\n"
LARGE = b"Subject: gross\r\n\r\n" + b"0123456789abcde\r\n" * 300_000


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory, dovecot: Dovecot) -> Iterator[ImapProxy]:
    with ImapProxy(config_for(tmp_path_factory.mktemp("hanging"), dovecot)) as made:
        yield made


@pytest.fixture
def case(proxy: ImapProxy, dovecot: Dovecot) -> Iterator[Case]:
    made = Case(proxy, dovecot)
    yield made
    made.close()


@contextlib.contextmanager
def hanging(proxy: ImapProxy, monkeypatch: pytest.MonkeyPatch, session: Session) -> Iterator[None]:
    """The disk hangs, which is known after a second; the sessions are looked at every now and then as they are."""
    with busy_disk(proxy), monkeypatch.context() as patched:
        proxy.loop.call_soon_threadsafe(look, proxy, session)
        patched.setattr(spool, "STALLED_S", 1.0)
        yield


def look(proxy: ImapProxy, session: Session) -> None:
    if session in proxy.sessions:
        session.expire(time.monotonic())
        proxy.loop.call_later(0.2, look, proxy, session)


def logged_in(case: Case) -> tuple[Client, Session]:
    before = set(case.proxy.sessions)
    client = case.client()
    [session] = case.proxy.sessions - before
    return client, session


@pytest.mark.parametrize(
    ("line", "octets"),
    [
        (b" {%d+}\r\n", [SMALL]), (b" {%d+}\r\n", [LARGE]), (b" (\\Seen) {%d+}\r\n", [SMALL, SMALL]),
        (b" {%d}\r\n", [SMALL]), (b" {%d}\r\n", [LARGE]),
    ],
    ids=["small", "large", "two", "small, asked for", "large, asked for"],
)  # fmt: skip
def test_append(case: Case, monkeypatch: pytest.MonkeyPatch, line: bytes, octets: list[bytes]) -> None:
    """Refused with a temporary error; upstream has nothing, and the session goes on as if nothing had been."""
    client, session = logged_in(case)
    with hanging(case.proxy, monkeypatch, session):
        client.send(b"a APPEND " + case.name)
        for each in octets:
            client.send(line % len(each))
            if b"+" not in line:
                assert client.line().startswith(b"+ ")
            client.send(each)
        client.send(b"\r\n")
        assert client.until(b"a")[-1].startswith(b"a NO [UNAVAILABLE] ")
        client.ok(b"NOOP")
        assert b"* 6 EXISTS" in b"".join(client.ok(b"EXAMINE " + case.name))
    client.ok(b"APPEND " + case.name + b" {%d+}\r\n%s" % (len(SMALL), SMALL))
    assert b"* 7 EXISTS" in b"".join(client.ok(b"EXAMINE " + case.name))
    client.close()


@pytest.mark.parametrize("words", [b"UID STORE 1:* +FLAGS (\\Deleted)", b"MOVE 1:2 Trash", b"DELETE %s"])
def test_held(case: Case, monkeypatch: pytest.MonkeyPatch, words: bytes) -> None:
    """A command whose messages had begun to be written is refused with a temporary error, and nothing is removed."""
    client, session = logged_in(case)
    with hanging(case.proxy, monkeypatch, session):
        words = words.replace(b"%s", case.name)
        assert b" NO [UNAVAILABLE] " in client.command(words)[-1]
        client.ok(b"NOOP")
        assert b"* 6 EXISTS" in b"".join(client.ok(b"EXAMINE " + case.name))
    client.close()


def test_where_nothing_can_be_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without MULTIAPPEND the client has its answer as well, and upstream the end of the connection."""
    provider = Provider(boxes={b"INBOX": {}, b"Drafts": {}})
    with scripted_proxy(tmp_path, provider.script) as proxy:
        client = proxy.logged_in("anna@firma.example", "geheim")
        [session] = proxy.sessions
        with hanging(proxy, monkeypatch, session):
            client.send(b"a APPEND Drafts {%d+}\r\n%s\r\n" % (len(SMALL), SMALL))
            assert re.fullmatch(rb"a NO \[UNAVAILABLE\] .*\r\n\* BYE .*\r\n", client.rest())
        wait_until(lambda: len(proxy.messages(1)) == 1, "the record")
        assert provider.boxes[b"Drafts"] == {}


def test_upstream_agrees_late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To a message that was given up meanwhile, and to the empty one behind it: the client hears nothing of either."""
    late = threading.Event()
    heard: list[bytes] = []

    def script(wire: Wire) -> None:
        wire.say(b"* OK [CAPABILITY IMAP4rev1 LITERAL+] ready\r\n")
        wire.say(wire.tag() + b" OK [CAPABILITY IMAP4rev1 LITERAL+ MULTIAPPEND] in\r\n")
        tag = wire.tag()
        assert late.wait(PATIENCE_S)
        wire.say(b"+ go on\r\n")
        heard.append(wire.stream.read(len(SMALL)))
        heard.append(wire.hear())
        wire.say(b"+ go on\r\n")
        heard.append(wire.hear())
        wire.say(tag + b" NO nothing to append\r\n")
        wire.say(wire.tag() + b" OK done\r\n")

    with scripted_proxy(tmp_path, script) as proxy:
        client = proxy.logged_in("anna@firma.example", "geheim")
        [session] = proxy.sessions
        with hanging(proxy, monkeypatch, session):
            client.send(b"a APPEND Drafts {%d+}\r\n%s\r\nb NOOP\r\n" % (len(SMALL), SMALL))
            wait_until(lambda: session._legs is not None and session._legs.stage._arrival.given_up, "giving up")
            late.set()
            assert [line[:4] for line in client.until(b"b")] == [b"a NO", b"b OK"]
        assert heard == [SMALL, b" {0}\r\n", b"\r\n"]
