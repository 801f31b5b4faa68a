"""A small APPEND is taken in while upstream is asked; of one like the last, the client has its go-ahead at once."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from imap_proxy import Client, ImapProxy, Wire, scripted_proxy

from postbuch.proxy.framing import ClientLine
from postbuch.proxy.goahead import EARLY_OCTETS, GoAhead, likeness
from postbuch.proxy.outstanding import Outstanding
from provider.ports import wait_until

ANNA = "anna@firma.example"
MESSAGE = b"Subject: x\r\n\r\nhello\r\n"
WHOLE = MESSAGE + b"\r\n"
DATE = b'"17-Jul-2026 02:44:25 -0700"'
SENT = b" APPEND Sent (\\Seen) {%d}\r\n" % len(MESSAGE)


@pytest.mark.parametrize(
    ("rest", "like"),
    [
        (b" INBOX {5}\r\n", b" INBOX"),
        (b' "Sent Items" {5}\r\n', b' "Sent Items"'),
        (b" Sent (\\Seen $x) {77}\r\n", b" Sent (\\Seen $x)"),
        (b" Sent (\\Seen) " + DATE + b" {77}\r\n", b' Sent (\\Seen) "date"'),
        (b' "Sent" ' + DATE + b" {5}\r\n", b' "Sent" "date"'),
        (b' Sent "no date" {5}\r\n', None),
        (b" Sent {0}\r\n", None),  # Dovecot refuses an empty message
        (b" Sent ~{5}\r\n", None),
        (b" Sent UTF8 (~{5}\r\n", None),
        (b" Sent {5+}\r\n", None),  # wants none
        (b" {4}\r\n", None),  # the mailbox's name is to come
        (b" Sent\r\n", None),
    ],
)
def test_likeness(rest: bytes, like: bytes | None) -> None:
    """Mailbox, flags, and that there is a date that can be read."""
    assert likeness(rest) == like


def test_only_what_is_like_the_last_one() -> None:
    """Nothing before upstream has agreed once; nothing after it has refused."""
    go_ahead, line = GoAhead(), ClientLine(SENT, True, 5, True)
    assert go_ahead.asking(line, b"APPEND", b" Sent {5}\r\n") is None
    go_ahead.given(b"+ yes\r\n")
    for verb, rest, words in (
        (b"APPEND", b" Sent {7}\r\n", b"+ yes\r\n"),
        (b"APPEND", b" Drafts {5}\r\n", None),
        (b"APPEND", b" Sent (\\Seen) {5}\r\n", None),
        (b"REPLACE", b" Sent {5}\r\n", None),
    ):
        assert go_ahead.asking(line, verb, rest) == words, rest
    assert go_ahead.asking(line._replace(first=False), b"APPEND", b" Sent {5}\r\n") is None
    for verb, answer, words in (
        (b"APPEND", b"a OK done\r\n", b"+ yes\r\n"), (b"NOOP", b"a NO x\r\n", b"+ yes\r\n"),
        (b"APPEND", b"a NO full\r\n", None),
    ):
        go_ahead.answered(Outstanding(tag=b"a", verb=verb), answer)
        assert go_ahead.asking(line, b"APPEND", b" Sent {5}\r\n") == words


def at_the_second(proxy: ImapProxy) -> Client:
    """A client that has sent one message, with upstream's own go-ahead, and has that for the next one, `b`, already."""
    client = proxy.logged_in(ANNA, "x")
    client.send(b"a" + SENT)
    assert client.line() == b"+ go on\r\n"
    client.send(WHOLE)
    assert client.until(b"a") == [b"a OK done\r\n"]
    client.send(b"b" + SENT)
    assert client.line() == b"+ go on\r\n"
    return client


def behind_the_first(then: Callable[[Wire, bytes], None]) -> tuple[threading.Event, Callable[[Wire], None]]:
    """An upstream that takes one, and does what is said with the next (its tag is given) once the event is set."""
    go = threading.Event()

    def script(wire: Wire) -> None:
        wire.log_in()
        tag = wire.tag()
        wire.say(b"+ go on\r\n")
        assert wire.stream.read(len(WHOLE)) == WHOLE
        wire.say(tag + b" OK done\r\n")
        tag = wire.tag()
        assert go.wait(30)
        then(wire, tag)

    return go, script


def test_the_second_one_does_not_wait(tmp_path: Path) -> None:
    """Upstream's words of before; the message is durable when upstream agrees, and its `+` is not said twice."""

    def then(wire: Wire, tag: bytes) -> None:
        wire.say(b"* OK [ALERT] hear\r\n+ now\r\n")
        assert wire.stream.read(len(WHOLE)) == WHOLE
        wire.say(tag + b" OK [APPENDUID 7 2] done\r\n" + wire.tag() + b" NO [TOOBIG] no\r\n")

    go, script = behind_the_first(then)
    with scripted_proxy(tmp_path, script) as proxy:
        client = at_the_second(proxy)
        client.send(WHOLE)
        proxy.messages(2)
        client.send(b"c APPEND Sent (\\Seen) {%d}\r\n" % (EARLY_OCTETS + 1))
        go.set()
        assert client.until(b"b") == [b"* OK [ALERT] hear\r\n", b"b OK [APPENDUID 7 2] done\r\n"]
        assert client.until(b"c") == [b"c NO [TOOBIG] no\r\n"]  # a large one may be refused before it is sent
        assert [each["uid"] for each in proxy.outcomes(proxy.messages(2))] == [None, 2]


@pytest.mark.parametrize("here", [0, 5, len(MESSAGE), len(WHOLE)])
def test_refused_after_all(tmp_path: Path, here: int) -> None:
    """However much has come by then: no octet goes upstream, it is on record, and the next one waits again."""

    def then(wire: Wire, tag: bytes) -> None:
        wire.say(tag + b" NO [OVERQUOTA] full\r\n")
        wire.say(wire.tag() + b" OK noop\r\n")
        tag = wire.tag()
        wire.say(b"+ again\r\n")
        assert wire.stream.read(len(WHOLE)) == WHOLE
        wire.say(tag + b" OK done\r\n")

    go, script = behind_the_first(then)
    with scripted_proxy(tmp_path, script) as proxy:
        client = at_the_second(proxy)
        client.send(WHOLE[:here])
        if here >= len(MESSAGE):
            proxy.messages(2)
        go.set()
        assert client.until(b"b") == [b"b NO [OVERQUOTA] full\r\n"]
        client.send(WHOLE[here:] + b"c NOOP\r\nd" + SENT)
        assert client.until(b"c") == [b"c OK noop\r\n"]
        assert client.line() == b"+ again\r\n"
        client.send(WHOLE)
        assert client.until(b"d") == [b"d OK done\r\n"]
        assert [each["verdict"] for each in proxy.outcomes(proxy.messages(3))] == ["accepted", "refused", "accepted"]


def test_upstream_leaves_while_it_is_asked(tmp_path: Path) -> None:
    """The message is durable and nobody has it."""
    go, script = behind_the_first(lambda wire, tag: None)
    with scripted_proxy(tmp_path, script) as proxy:
        client = at_the_second(proxy)
        client.send(WHOLE)
        records = proxy.messages(2)
        go.set()
        assert client.rest() == b""
        assert [each["verdict"] for each in proxy.outcomes(records)] == ["accepted", "unknown"]


@pytest.mark.parametrize("agrees", [True, False])
def test_who_asks_for_no_go_ahead(tmp_path: Path, agrees: bool) -> None:
    """LITERAL+: the disk works while upstream is asked, too."""
    go = threading.Event()

    def script(wire: Wire) -> None:
        wire.log_in()
        tag = wire.tag()
        assert go.wait(30)
        if agrees:
            wire.say(b"+ go on\r\n")
            assert wire.stream.read(len(WHOLE)) == WHOLE
        wire.say(tag + (b" OK done\r\n" if agrees else b" NO no\r\n"))
        wire.say(wire.tag() + b" OK noop\r\n")

    with scripted_proxy(tmp_path, script) as proxy:
        client = proxy.logged_in(ANNA, "x")
        client.send(b"a APPEND Sent {%d+}\r\n%bb NOOP\r\n" % (len(MESSAGE), WHOLE))
        records = proxy.messages(1)
        go.set()
        assert client.until(b"b") == [b"a OK done\r\n" if agrees else b"a NO no\r\n", b"b OK noop\r\n"]
        assert [each["verdict"] for each in proxy.outcomes(records)] == ["accepted" if agrees else "refused"]


def test_the_disk_fails_while_upstream_is_asked(tmp_path: Path) -> None:
    """The client hears of it, and upstream gets no octet of the message."""
    got: list[bytes] = []
    go, script = behind_the_first(lambda wire, tag: got.append(wire.stream.read()))
    with scripted_proxy(tmp_path, script) as proxy:
        client = at_the_second(proxy)
        spool = proxy.config.data / "spool"
        (spool / "tmp").rename(spool / "gone")
        client.send(WHOLE)
        assert client.rest().startswith(b"b NO [UNAVAILABLE]")
        go.set()
        wait_until(lambda: bool(got), "the end of upstream's leg")
        (spool / "gone").rename(spool / "tmp")
    assert got == [b""]
