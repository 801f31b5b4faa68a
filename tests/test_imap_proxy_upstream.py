"""An IMAP session in front of an upstream that misbehaves, or answers as some servers do and Dovecot does not."""

import contextlib
import gc
import logging
import socket
import threading
import time
import weakref
from pathlib import Path

import psutil
import pytest
from imap_proxy import ImapProxy, Scripted, Wire, make_config, scripted_proxy

from postbuch.proxy.session import AUTOLOGOUT_S, LOGIN_TIMEOUT_S
from provider.ports import wait_until

ANNA = "anna@firma.example"
MESSAGE = b"Subject: x\r\n\r\nhello\r\n"


def log_in(wire: Wire) -> None:
    wire.log_in()


@pytest.mark.parametrize(
    "greeting", [b"* PREAUTH welcome\r\n", b"* BYE too busy\r\n", b"220 smtp.example ESMTP\r\n", b"", b"x" * 300_000]
)
def test_a_greeting_that_is_none(tmp_path: Path, greeting: bytes) -> None:
    """PREAUTH would make everyone somebody else; all of them: try again later, and a name for the admin."""
    with scripted_proxy(tmp_path, lambda wire: wire.say(greeting)) as proxy:
        client = proxy.client()
        assert client.command(b"LOGIN anna@firma.example x")[-1].split()[1:3] == [b"NO", b"[UNAVAILABLE]"]
        (failure,) = proxy.runtime.health()["failures"]
        assert failure["reason"] in ("upstream_protocol", "upstream_closed")
        assert failure["answered"] is True


def test_a_log_in_without_initial_response(tmp_path: Path) -> None:
    """LOGIN where the greeting allows it; AUTHENTICATE in two steps where LOGIN is disabled."""

    def two_steps(wire: Wire) -> None:
        wire.say(b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN LOGINDISABLED] hi\r\n")
        tag = wire.tag()
        wire.say(b"+ \r\n")
        wire.hear()
        wire.say(tag + b" OK in\r\n")
        wire.hear()

    with scripted_proxy(tmp_path, two_steps) as proxy:
        client = proxy.logged_in(ANNA, "x")
        client.send(b"a LOGOUT\r\n")
        assert client.rest() == b""


def test_literals_in_a_log_in(tmp_path: Path) -> None:
    """A password that is no quoted string goes upstream as a literal, each at its turn."""

    def script(wire: Wire) -> None:
        wire.say(b"* OK hello\r\n")
        tag = wire.tag()
        wire.say(b"+ go\r\n")
        assert wire.stream.read(10) == "pässwört".encode()
        assert wire.hear() == b"\r\n"
        wire.say(tag + b" NO [AUTHENTICATIONFAILED] wrong\r\n")

    with scripted_proxy(tmp_path, script) as proxy:
        client = proxy.client()
        client.send(b"a LOGIN anna@firma.example {10+}\r\n" + "pässwört".encode() + b"\r\n")
        assert client.until(b"a")[-1].startswith(b"a NO [AUTHENTICATIONFAILED]")


def test_a_log_in_that_upstream_puts_off(tmp_path: Path) -> None:
    """Codes that say "later" reach the client as such and do not count as guesses (RFC 5530)."""

    def script(wire: Wire) -> None:
        wire.say(b"* OK hello\r\n")
        wire.say(wire.tag() + b" NO [UNAVAILABLE] directory is down\r\n")

    with scripted_proxy(tmp_path, script) as proxy:
        client = proxy.client()
        for _ in range(6):
            assert client.command(b"LOGIN anna@firma.example x")[-1].split()[1:3] == [b"NO", b"[UNAVAILABLE]"]


def test_the_answer_to_id_is_no_log_in(tmp_path: Path) -> None:
    """The ID that goes before the log-in has a tag that nobody can guess, and its answer stays here."""

    def script(wire: Wire) -> None:
        wire.say(b"* OK [CAPABILITY IMAP4rev1 ID] hello\r\n")
        tag = wire.tag()
        wire.say(b'* ID ("name" "upstream")\r\n' + tag + b" OK ID\r\n" + wire.tag() + b" OK in\r\n")
        wire.hear()

    with scripted_proxy(tmp_path, script) as proxy:
        client = proxy.client()
        client.ok(b'ID ("name" "mutt")')
        assert client.ok(b"LOGIN anna@firma.example x") == [b"t2 OK in\r\n"]


def test_the_octets_of_a_refused_literal_are_no_commands(tmp_path: Path) -> None:
    """A server was seen to answer `{n+}` with BAD and to run the literal's octets: it must not get them."""
    heard: list[bytes] = []

    def script(wire: Wire) -> None:
        wire.log_in()
        wire.say(wire.tag() + b" BAD no literals here\r\n")
        heard.append(wire.hear())
        wire.say(heard[0].split()[0] + b" OK done\r\n")

    with scripted_proxy(tmp_path, script) as proxy:
        client = proxy.logged_in(ANNA, "x")
        evil = b"x DELETE INBOX\r\n"
        client.send(b"a SEARCH SUBJECT {%d+}\r\n%b\r\nb NOOP\r\n" % (len(evil), evil))
        assert client.until(b"b") == [b"a BAD no literals here\r\n", b"b OK done\r\n"]
    assert heard == [b"b NOOP\r\n"]


def test_octets_that_come_after_a_synchronising_literal_was_refused(tmp_path: Path) -> None:
    """A client that waits for `+` sends a new command next: both sides agree on that."""

    def script(wire: Wire) -> None:
        wire.log_in()
        wire.say(wire.tag() + b" NO [OVERQUOTA] full\r\n")
        wire.say(wire.tag() + b" OK done\r\n")

    with scripted_proxy(tmp_path, script) as proxy:
        client = proxy.logged_in(ANNA, "x")
        assert client.command(b"APPEND INBOX {5}") == [b"t2 NO [OVERQUOTA] full\r\n"]
        client.ok(b"NOOP")
        assert [record.facts for record in proxy.records() if record.facts["kind"] == "message"] == []


def test_referrals_do_not_reach_the_client(tmp_path: Path) -> None:
    """RFC 2193: SELECT and others may answer with one."""

    def script(wire: Wire) -> None:
        wire.log_in()
        wire.say(wire.tag() + b" NO [REFERRAL IMAP://other/x] Remote\r\n")

    with scripted_proxy(tmp_path, script) as proxy:
        assert proxy.logged_in(ANNA, "x").command(b"SELECT x") == [b"t2 NO Remote\r\n"]


def test_bodies_in_unusual_shapes(tmp_path: Path) -> None:
    """UID behind the body, no UID at all, a quoted string, an empty message, NIL, a FETCH that nobody asked for."""
    answer = (
        b"* 1 FETCH (BODY[] {21}\r\n" + MESSAGE + b" UID 11 FLAGS (\\Seen))\r\n"
        b"* 2 FETCH (BODY[] {21}\r\n" + MESSAGE.replace(b"x", b"y") + b")\r\n"
        b'* 3 FETCH (UID 13 BODY[] "a \\"quoted\\" one")\r\n'
        b'* 4 FETCH (UID 14 RFC822 "another")\r\n'
        b"* 5 FETCH (UID 15 BODY[] {0}\r\n FLAGS ())\r\n"
        b"* 6 FETCH (UID 16 BODY[] NIL)\r\n"
        b"* 7 FETCH (UID 17 BODY[HEADER] {14}\r\nSubject: x\r\n\r\n)\r\n"
        b"* 8 FETCH (UID 18 BODY[]<0> {4}\r\nhalf)\r\n"
    )

    def script(wire: Wire) -> None:
        wire.log_in()
        wire.select()
        tag = wire.tag()
        wire.say(answer + tag + b" OK done\r\n")
        wire.hear()

    with scripted_proxy(tmp_path, script) as proxy:
        client = proxy.logged_in(ANNA, "x")
        client.ok(b"SELECT INBOX")
        assert b"".join(client.ok(b"FETCH 1:* (BODY[])")) == answer + b"t3 OK done\r\n"
        found = {record.facts["uid"]: record for record in proxy.messages(5)}
        assert {uid: record.load() for uid, record in found.items()} == {
            11: MESSAGE, None: MESSAGE.replace(b"x", b"y"), 13: b'a "quoted" one', 14: b"another", 15: b"",
        }  # fmt: skip
        assert found[11].facts["flags"] == ["\\Seen"]
        assert {record.facts["uidvalidity"] for record in found.values()} == {7}


def test_parts_asked_for_in_two_lengths_at_once(tmp_path: Path) -> None:
    """Nobody knows which FETCH an answer belongs to: only what is shorter than both is the whole message."""

    def script(wire: Wire) -> None:
        wire.log_in()
        wire.select()
        first, second = wire.tag(), wire.tag()
        wire.say(
            b"* 1 FETCH (UID 1 BODY[]<0> {10}\r\n0123456789)\r\n" + first + b" OK\r\n"
            b"* 2 FETCH (UID 2 BODY[]<0> {5}\r\nshort)\r\n" + second + b" OK\r\n"
        )
        wire.say(wire.tag() + b" OK\r\n")
        wire.hear()

    with scripted_proxy(tmp_path, script) as proxy:
        client = proxy.logged_in(ANNA, "x")
        client.ok(b"SELECT INBOX")
        client.send(b"a UID FETCH 1 (BODY.PEEK[]<0.10>)\r\nb UID FETCH 2 (BODY.PEEK[]<0.1000>)\r\n")
        client.until(b"b")
        client.ok(b"NOOP")  # it does not go on
        (record,) = proxy.messages(1)
        assert (record.facts["uid"], record.load()) == (2, b"short")


def test_names_in_utf_8(tmp_path: Path) -> None:
    """From ENABLE UTF8=ACCEPT on, mailbox names are UTF-8 and messages literal8s (RFC 6855)."""

    def script(wire: Wire) -> None:
        wire.log_in()
        wire.say(b"* ENABLED UTF8=ACCEPT\r\n" + wire.tag() + b" OK\r\n")
        wire.select()
        wire.say(b'* 1 FETCH (UID 1 BODY[] ~{3}\r\nabc)\r\n' + wire.tag() + b" OK\r\n")
        tag = wire.tag()
        wire.say(b"+ go\r\n")
        assert wire.stream.read(4) == "für".encode()
        assert wire.hear() == b")\r\n"
        wire.say(tag + b" OK [APPENDUID 7 2] done\r\n")
        wire.hear()

    with scripted_proxy(tmp_path, script) as proxy:
        client = proxy.logged_in(ANNA, "x")
        client.ok(b"ENABLE UTF8=ACCEPT")
        client.ok('SELECT "Bücher"'.encode())
        client.ok(b"FETCH 1 (UID BODY[])")
        client.send('a APPEND "Bücher" UTF8 (~{4+}\r\nfür)\r\n'.encode())
        assert client.until(b"a")[-1].startswith(b"a OK")
        found = {record.facts["source"]: record for record in proxy.messages(2, mailbox="Bücher", mailbox_utf8=True)}
        assert (found["fetch"].load(), found["append"].load()) == (b"abc", "für".encode())


def test_upstream_closes_in_a_literal(tmp_path: Path) -> None:
    """What came goes on, nothing is made up, and half a message is no message."""

    def script(wire: Wire) -> None:
        wire.log_in()
        wire.select()
        wire.tag()
        wire.say(b"* 1 FETCH (UID 1 BODY[] {1000}\r\n" + b"x" * 500)

    with scripted_proxy(tmp_path, script) as proxy:
        client = proxy.logged_in(ANNA, "x")
        client.ok(b"SELECT INBOX")
        client.send(b"a FETCH 1 (UID BODY[])\r\n")
        assert client.rest() == b"* 1 FETCH (UID 1 BODY[] {1000}\r\n" + b"x" * 500
        assert [record for record in proxy.records() if record.facts["kind"] == "message"] == []
        assert proxy.runtime.health()["failures"][0]["reason"] == "upstream_closed"


def test_upstream_closes_right_behind_the_log_in(tmp_path: Path) -> None:
    """Also when its end comes with its answer."""
    with scripted_proxy(tmp_path, log_in) as proxy:
        for _ in range(5):
            client = proxy.client()
            client.send(b"a LOGIN anna@firma.example x\r\n")
            assert client.rest() == b"a OK in\r\n"


def test_a_mailbox_named_by_a_literal_before_a_message_that_nobody_keeps(tmp_path: Path) -> None:
    """What a literal named is over when a message comes that only passes."""
    got: list[bytes] = []

    def script(wire: Wire) -> None:
        wire.log_in()
        tag = wire.tag()
        wire.say(b"+ go\r\n")
        assert wire.hear() == b"INBOX\r\n"
        wire.say(tag + b" OK [READ-WRITE] INBOX\r\n")
        tag = wire.tag()
        wire.say(b"+ go\r\n")
        got.append(wire.stream.read(len(MESSAGE) + 2))
        wire.say(tag + b" OK done\r\n")

    with scripted_proxy(tmp_path, script, archive="none") as proxy:
        client = proxy.logged_in(ANNA, "x")
        client.send(b"a SELECT {5+}\r\nINBOX\r\n")
        assert client.until(b"a")[-1].startswith(b"a OK")
        client.send(b"b APPEND INBOX {%d+}\r\n%b\r\n" % (len(MESSAGE), MESSAGE))
        assert client.until(b"b")[-1] == b"b OK done\r\n"
    assert got == [MESSAGE + b"\r\n"]


UNREADABLE = b"* 5 X {%s}\r\n" % (b"9" * 24)


@pytest.mark.parametrize("rest", [b"* 5 EXISTS\r\n", UNREADABLE])
def test_a_session_that_ends_within_a_chunk_of_upstream(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, rest: bytes
) -> None:
    """An answer lets go what ends the session: the lines behind the answer are nobody's, and no failure of ours."""

    def script(wire: Wire) -> None:
        wire.log_in()
        wire.say(wire.tag() + b" OK moved\r\n" + rest)
        wire.stream.read()

    with scripted_proxy(tmp_path, script, archive="none") as proxy:
        client = proxy.logged_in(ANNA, "x")
        client.send(b"a RENAME x y\r\nb NOOP {3}\r\n")
        assert b"a OK moved\r\n* BYE" in client.rest()
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []


@pytest.mark.parametrize("moment", ["a command", "the proxy ends"])
def test_upstream_is_lost_track_of_in_the_moment_of_something_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, moment: str
) -> None:
    """Whoever finds it out first: it is on record, the session ends, and nothing spins or is let go."""
    ended = threading.Event()

    def script(wire: Wire) -> None:
        wire.log_in()
        wire.select()
        assert wire.stream.read() == b""
        ended.set()

    with scripted_proxy(tmp_path, script) as proxy:
        client = proxy.logged_in(ANNA, "x")
        client.ok(b"SELECT INBOX")
        (session,) = proxy.sessions

        def at_once() -> None:
            assert session._legs is not None
            session._legs.data_received(UNREADABLE)
            if moment == "a command":
                session.data_received(b"c EXPUNGE\r\n")
            else:
                session.shut_down()

        proxy.loop.call_soon_threadsafe(at_once)
        client.rest()
        assert ended.wait(30)
        assert proxy.runtime.health()["failures"][0]["reason"] == "upstream_protocol"
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []


def test_a_client_that_leaves_while_the_gate_is_asked_leaves_nothing_behind(tmp_path: Path) -> None:
    """The question ends with it, and no circle keeps the session."""
    asked = threading.Event()

    def script(wire: Wire) -> None:
        wire.log_in()
        wire.select()
        wire.hear()
        asked.set()
        wire.stream.read()

    gc.disable()
    try:
        with scripted_proxy(tmp_path, script) as proxy:
            client = proxy.logged_in(ANNA, "x")
            client.ok(b"SELECT INBOX")
            (session,) = [weakref.ref(each) for each in proxy.sessions]
            client.send(b"a EXPUNGE\r\n")
            assert asked.wait(30)
            client.close()
            wait_until(lambda: session() is None, "the end of the session")
    finally:
        gc.enable()


def test_a_client_that_leaves_while_logging_in(tmp_path: Path) -> None:
    """Upstream is not kept waiting for nobody."""
    asked, gone = threading.Event(), threading.Event()

    def script(wire: Wire) -> None:
        wire.say(b"* OK hello\r\n")
        wire.hear()
        asked.set()
        with contextlib.suppress(ConnectionError):
            wire.hear()
        gone.set()

    with scripted_proxy(tmp_path, script) as proxy:
        client = proxy.client()
        client.send(b"a LOGIN anna@firma.example x\r\n")
        assert asked.wait(30)
        client.wire.shutdown(socket.SHUT_RDWR)
        assert gone.wait(30)


def test_a_spool_without_room(tmp_path: Path) -> None:
    """APPEND: try again later, before upstream sees a word of it; reading goes on (invariant 7)."""

    def script(wire: Wire) -> None:
        wire.log_in()
        wire.select()
        wire.say(b"* 1 FETCH (UID 1 BODY[] {21}\r\n" + MESSAGE + b")\r\n" + wire.tag() + b" OK\r\n")
        assert wire.hear() == b"z NOOP\r\n"
        wire.say(b"z OK\r\n")

    with scripted_proxy(tmp_path, script, reserve_octets=1 << 60) as proxy:
        client = proxy.logged_in(ANNA, "x")
        client.ok(b"SELECT INBOX")
        client.send(b"f FETCH 1 (UID BODY[])\r\n")
        assert MESSAGE in b"".join(client.until(b"f"))
        client.send(b"a APPEND INBOX {21}\r\n")
        assert client.until(b"a")[-1].startswith(b"a NO [UNAVAILABLE]")
        client.send(b"b APPEND INBOX {21+}\r\n" + MESSAGE + b"\r\nz NOOP\r\n")
        answer = client.until(b"z")
        assert [line.split()[:2] for line in answer] == [[b"b", b"NO"], [b"z", b"OK"]]
        assert any(each["reason"] == "spool_unwritable" for each in proxy.runtime.health()["failures"])


def test_the_last_octets_wait_for_the_disk(tmp_path: Path) -> None:
    """Invariant 2: upstream cannot say OK to a message that is not durable here, because it has not got all of it."""
    seen: list[bool] = []

    def script(wire: Wire) -> None:
        wire.log_in()
        tag = wire.tag()
        wire.say(b"+ go\r\n")
        wire.stream.read(len(MESSAGE))
        seen.append(any(record.facts["kind"] == "message" for record in proxy.records()))
        wire.hear()
        wire.say(tag + b" OK done\r\n")

    with scripted_proxy(tmp_path, script) as proxy:
        client = proxy.logged_in(ANNA, "x")
        client.send(b"a APPEND INBOX {%d+}\r\n%b\r\n" % (len(MESSAGE), MESSAGE))
        assert client.until(b"a") == [b"a OK done\r\n"]
    assert seen == [True]


def test_what_ends_the_session_does_not_take_the_message_with_it(tmp_path: Path) -> None:
    """A message that came whole is upstream's, with the end of its command, whatever the client sends behind it."""
    seen: list[bytes] = []

    def script(wire: Wire) -> None:
        wire.log_in()
        wire.tag()
        wire.say(b"+ go\r\n")
        seen.append(wire.stream.read(len(MESSAGE) + 2))

    with scripted_proxy(tmp_path, script) as proxy:
        client = proxy.logged_in(ANNA, "x")
        client.send(b"a APPEND INBOX {%d+}\r\n%b\r\nb SELECT \0\r\n" % (len(MESSAGE), MESSAGE))
        wait_until(lambda: bool(seen), "what upstream got")
    assert seen == [MESSAGE + b"\r\n"]


def kernel_buffer(kind: str) -> int:
    """The most octets that the kernel holds for one direction of a connection (tcp(7): the third number)."""
    return int(Path(f"/proc/sys/net/ipv4/tcp_{kind}").read_text().split()[2])


def test_a_slow_client_holds_up_upstream_and_nobody_else(tmp_path: Path) -> None:
    """Back-pressure: upstream's octets do not gather here; another client is served meanwhile."""
    sent = [0]
    # The kernel's buffers of both connections fill; how far, it decides: 8 to 21 MB were seen.
    ours_octets = 16_000_000  # 3 to 5 MB were seen, of upstream and client as well, which are in this process
    most = 2 * sum(kernel_buffer(kind) for kind in ("rmem", "wmem")) + ours_octets
    total = most // 100_000 * 100_000 + 20_000_000

    def script(wire: Wire) -> None:
        wire.log_in()
        while True:
            tag = wire.tag()
            if b"FETCH" in wire.heard[-1]:
                wire.say(b"* 1 FETCH (UID 1 BODY[] {%d}\r\n" % total)
                block = b"x" * 100_000
                for _ in range(total // len(block)):
                    wire.say(block)
                    sent[0] += len(block)
                wire.say(b")\r\n")
            wire.say(tag + b" OK\r\n")

    with scripted_proxy(tmp_path, script) as proxy:
        slow, other = proxy.logged_in(ANNA, "x"), proxy.logged_in(ANNA, "x")
        memory = psutil.Process().memory_info().rss
        slow.send(b"a FETCH 1 (UID BODY[])\r\n")
        seen = [0, 1]
        while len(set(seen[-3:])) > 1 or not sent[0]:  # until all that lies between is full
            time.sleep(0.5)
            seen.append(sent[0])
        for _ in range(20):
            other.ok(b"NOOP")
        time.sleep(0.5)
        assert sent[0] == seen[-1] < most
        assert psutil.Process().memory_info().rss - memory < ours_octets
        assert slow.line().startswith(b"* 1 FETCH")
        assert slow.octets(total) == b"x" * total
        slow.until(b"a")


def test_autologout(tmp_path: Path) -> None:
    """After half an hour without a word, but not while a client waits for an answer that is still coming."""
    asked, go_on = threading.Event(), threading.Event()

    def script(wire: Wire) -> None:
        wire.log_in()
        tag = wire.tag()
        asked.set()
        assert go_on.wait(30)
        wire.say(tag + b" OK\r\n")
        wire.hear()

    with scripted_proxy(tmp_path, script) as proxy:
        stranger, client = proxy.client(), proxy.logged_in(ANNA, "x")
        client.send(b"a SEARCH ALL\r\n")
        assert asked.wait(30)
        for session in proxy.sessions:
            session._active_at -= AUTOLOGOUT_S
        proxy.each_session(lambda session: session.expire(time.monotonic() + 1))
        assert stranger.rest() == b"* BYE autologout\r\n"
        assert LOGIN_TIMEOUT_S < AUTOLOGOUT_S
        go_on.set()
        client.until(b"a")
        proxy.each_session(lambda session: session.expire(time.monotonic() + 1))
        assert client.rest() == b"* BYE autologout\r\n"


def test_log_ins_that_fail_are_slowed(tmp_path: Path) -> None:
    """The fourth of an account from an address waits a second; upstream is asked once for each."""

    def script(wire: Wire) -> None:
        wire.say(b"* OK hello\r\n")
        wire.say(wire.tag() + b" NO wrong\r\n")

    with Scripted(script) as upstream, ImapProxy(make_config(tmp_path, upstream.url)) as proxy:
        client = proxy.client()
        for number in range(3):
            client.command(b"LOGIN anna@firma.example x%d" % number)
        began = time.monotonic()
        client.command(b"LOGIN anna@firma.example x")
        assert time.monotonic() - began >= 0.9
        assert sum(bool(wire.heard and wire.heard[0]) for wire in upstream.wires) == 4


def test_upstream_is_asked_for_its_capabilities_once_it_is_there(tmp_path: Path) -> None:
    """Learned from each greeting: what a provider gains or loses is known at the next log-in."""
    offered = [b"IMAP4rev1 IDLE"]

    def script(wire: Wire) -> None:
        wire.log_in(offered[0] + b" AUTH=PLAIN SASL-IR")
        wire.hear()

    with scripted_proxy(tmp_path, script) as proxy:
        assert b" IDLE" in proxy.client().greeting
        offered[0] = b"IMAP4rev1 XLIST"
        proxy.logged_in(ANNA, "x")
        greeting = proxy.client().greeting
        assert b" XLIST" in greeting
        assert b" IDLE" not in greeting


@pytest.mark.parametrize("rest", [b"\r\n", b" (MESSAGES)\r\n", b" {3+}\r\nabc\r\n"])
def test_an_answer_before_the_end_of_the_command(tmp_path: Path, rest: bytes) -> None:
    """Dovecot answers at the last literal's end, and reads on to the CRLF: it must get one, then the next command."""
    heard: list[bytes] = []

    def script(wire: Wire) -> None:
        log_in(wire)
        tag = wire.tag()
        wire.say(b"+ go\r\n")
        assert wire.stream.read(5) == b"INBOX"
        wire.say(tag + b" OK early\r\n")
        heard.append(wire.hear())
        wire.say(wire.tag() + b" OK next\r\n")
        wire.hear()

    with scripted_proxy(tmp_path, script) as proxy:
        client = proxy.logged_in(ANNA, "x")
        client.send(b"a STATUS {5}\r\n")
        assert client.line() == b"+ go\r\n"
        client.send(b"INBOX")
        assert client.until(b"a") == [b"a OK early\r\n"]
        client.send(rest)
        assert client.ok(b"NOOP")
        client.send(b"b LOGOUT\r\n")
        client.rest()
    assert heard == [b"\r\n" if b"{" in rest else rest]
