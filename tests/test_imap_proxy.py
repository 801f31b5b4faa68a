"""An IMAP session through the proxy to a real Dovecot, TLS on both legs: what clients do all day."""

import base64
import gc
import hashlib
import logging
import time
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import USERS
from imap_proxy import Client, ImapProxy, config_for, make_config

from postbuch.proxy.session import Session
from postbuch.proxy.stage import GO_AHEAD_TIMEOUT_S
from provider.dovecot import Dovecot
from provider.ports import wait_until

FRANK, GRETA = list(USERS)[5:7]
PASSWORD = USERS[FRANK]
MESSAGE = b"From: a@b.example\r\nTo: c@d.example\r\nSubject: eins\r\n\r\nZeile\r\n.\r\n)\r\na1 OK done\r\n"


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory, dovecot: Dovecot) -> Iterator[ImapProxy]:
    config = config_for(tmp_path_factory.mktemp("imap"), dovecot)
    with ImapProxy(config) as made:
        yield made


@pytest.fixture
def client(proxy: ImapProxy) -> Client:
    return proxy.logged_in(FRANK, PASSWORD)


def plain(user: str, password: str, authority: str = "") -> bytes:
    return base64.b64encode(f"{authority}\0{user}\0{password}".encode())


def b64(text: str) -> bytes:
    return base64.b64encode(text.encode())


USER = FRANK.encode()
SECRET = PASSWORD.encode()


@pytest.mark.parametrize(
    "steps",
    [
        [b"x LOGIN " + USER + b" " + SECRET],
        [b'x login "' + USER + b'" "' + SECRET + b'"'],
        [b"x LOGIN {%d}" % len(USER), USER + b" {%d}" % len(SECRET), SECRET],
        [b"x LOGIN {%d+}\r\n" % len(USER) + USER + b" {%d+}\r\n" % len(SECRET) + SECRET],
        [b"x LOGIN " + USER.upper() + b" {%d+}\r\n" % len(SECRET) + SECRET],
        [b"x AUTHENTICATE PLAIN " + plain(FRANK, PASSWORD)],
        [b"x AUTHENTICATE PLAIN " + plain(FRANK, PASSWORD, FRANK)],
        [b"x authenticate plain", plain(FRANK, PASSWORD)],
        [b"x AUTHENTICATE LOGIN", b64(FRANK), b64(PASSWORD)],
        [b"x AUTHENTICATE LOGIN " + b64(FRANK), b64(PASSWORD)],
    ],
)
def test_every_kind_of_log_in(proxy: ImapProxy, steps: list[bytes]) -> None:
    """LOGIN with atoms, strings and both kinds of literals; PLAIN and LOGIN with and without an initial response."""
    client = proxy.client()
    for step in steps[:-1]:
        client.send(step + b"\r\n")
        assert client.line().startswith(b"+ ")
    client.send(steps[-1] + b"\r\n")
    answer = client.until(b"x")
    assert answer[-1].startswith(b"x OK"), answer
    client.ok(b"SELECT INBOX")


def test_a_cancelled_log_in(proxy: ImapProxy) -> None:
    """`*` ends AUTHENTICATE (RFC 9051 section 6.2.2); what is no base64 is refused, and who would be somebody else."""
    client = proxy.client()
    client.send(b"x AUTHENTICATE PLAIN\r\n*\r\n")
    assert client.line() == b"+ \r\n"
    assert client.line().startswith(b"x BAD")
    for token in (b"!!!", plain(FRANK, PASSWORD, GRETA), b64("no nul")):
        assert client.command(b"AUTHENTICATE PLAIN " + token)[-1].split()[1] == b"BAD"
    assert client.command(b"AUTHENTICATE GSSAPI")[-1].split()[1] == b"NO"
    assert client.command(b"LOGIN one two three")[-1].split()[1] == b"BAD"


def test_a_wrong_password(proxy: ImapProxy, caplog: pytest.LogCaptureFixture) -> None:
    """One text for a wrong password and a domain that nobody serves; no password in the log; trying again works."""
    texts = set()
    with caplog.at_level(logging.DEBUG):
        client = proxy.client()
        for user in (FRANK, "anna@nirgends.example"):
            answer = client.command(f'LOGIN {user} "streng geheim"'.encode())
            assert len(answer) == 1
            texts.add(answer[0].split(b" ", 1)[1].split(b"(session")[0])
        client.ok(f"LOGIN {FRANK} {PASSWORD}".encode())
    assert texts == {b"NO [AUTHENTICATIONFAILED] the log-in failed "}
    assert "geheim" not in caplog.text
    assert base64.b64encode(b"streng geheim").decode() not in caplog.text


def test_before_the_log_in(proxy: ImapProxy) -> None:
    """We speak for upstream: its capabilities without what leads past us, NOOP, ID, LOGOUT; nothing else."""
    client = proxy.client()
    (answer, _) = client.ok(b"CAPABILITY")
    words = set(answer.split())
    assert {b"IMAP4rev1", b"AUTH=PLAIN", b"AUTH=LOGIN", b"SASL-IR", b"LITERAL+", b"IDLE"} <= words
    assert not words & {b"STARTTLS", b"LOGINDISABLED", b"LOGIN-REFERRALS"}
    assert words - {b"*"} >= set(client.greeting.split(b"[")[1].split(b"]")[0].split())
    client.ok(b"NOOP")
    assert client.ok(b'ID ("name" "test")')[0].startswith(b"* ID (")
    for words_before in (b"SELECT INBOX", b"STARTTLS", b"COMPRESS DEFLATE"):
        assert client.command(words_before)[-1].split()[1] == b"BAD"
    assert client.command(b"LOGOUT")[0].startswith(b"* BYE")
    assert client.rest() == b""


def test_the_client_hears_what_upstream_says(proxy: ImapProxy, dovecot: Dovecot) -> None:
    """Byte for byte but for the capabilities (invariant 6), also the answer to a log-in behind an ID."""
    client, straight = proxy.client(), Client(dovecot.imap_port, None)
    client.ok(b'ID ("name" "x")')
    for each in (client, straight):
        each.send(b"x LOGIN " + USER + b" " + SECRET + b"\r\n")
    (got,), (said,) = client.until(b"x"), straight.until(b"x")
    listed = got.split(b"]")[0].split()[3:]
    assert [word for word in said.split(b"]")[0].split()[3:] if word in listed] == listed
    # Ours begin where dovecot's own login line does, so only the list differs.
    assert got.split(b"]")[1] == said.split(b"]")[1]
    for words in (b"NAMESPACE", b'LIST "" *', b"EXAMINE INBOX", b"STATUS INBOX (MESSAGES UNSEEN)", b"FETCH 1:* FLAGS"):
        assert without_tag(client.command(words)) == without_tag(straight.command(words))
    straight.close()


def without_tag(lines: list[bytes]) -> list[bytes]:
    """The time that Dovecot took is not the same twice."""
    return [*lines[:-1], lines[-1].split(b" ", 1)[1].split(b" (")[0]]


def test_fetch_is_captured(proxy: ImapProxy, client: Client, dovecot: Dovecot) -> None:
    """BODY[], BODY.PEEK[], RFC822: the octets, and where they were seen."""
    straight = Client(dovecot.imap_port, None)
    straight.ok(b"LOGIN " + USER + b" " + SECRET)
    boxes = []
    for number, words in enumerate((b"BODY[]", b"UID BODY.PEEK[]", b"FLAGS RFC822")):
        box = b"Fetch%d" % number
        octets = MESSAGE.replace(b"eins", box)
        dovecot.fill(FRANK, box.decode(), [(octets, 1_700_000_000, "S")])
        opened = client.ok(b"SELECT " + box)
        client.send(b"f UID FETCH 1:* (INTERNALDATE " + words + b")\r\n")
        head = client.line()
        assert head.endswith(b"{%d}\r\n" % len(octets)), head
        assert client.octets(len(octets)) == octets
        client.until(b"f")
        boxes.append((box, octets, opened))
    for box, octets, opened in boxes:
        (record,) = proxy.messages(1, mailbox=box.decode())
        facts = record.facts
        assert record.load() == octets
        assert facts["sha256"] == hashlib.sha256(octets).hexdigest()
        validity = next(line for line in opened if b"UIDVALIDITY" in line)
        assert facts["uidvalidity"] == int(validity.split(b"UIDVALIDITY ")[1].split(b"]")[0])
        assert (facts["uid"], facts["source"], facts["account"], facts["upstream"]) == (1, "fetch", FRANK, "provider")
        assert facts["internal_date"] == "2023-11-14T22:13:20+00:00"
    straight.close()


def test_what_was_captured_is_not_captured_again(proxy: ImapProxy, client: Client, dovecot: Dovecot) -> None:
    """A client that fetches again and again costs one sighting a session."""
    dovecot.fill(FRANK, "Again", [(MESSAGE, 1_700_000_000, "")])
    for _ in range(3):
        client.ok(b"SELECT Again")
        client.send(b"f UID FETCH 1 (UID BODY.PEEK[])\r\n")
        client.until(b"f")
    proxy.messages(1, mailbox="Again")


@pytest.mark.parametrize("octets_at_a_time", [1000, 100_000, 300_000])
def test_a_message_in_parts(proxy: ImapProxy, client: Client, dovecot: Dovecot, octets_at_a_time: int) -> None:
    """iOS asks for `BODY.PEEK[]<0.393216>`; less than asked for is the whole message."""
    box = f"Parts{octets_at_a_time}"
    octets = MESSAGE + b"0123456789\r\n" * 25_000
    if octets_at_a_time == 1000:
        octets = octets[:5500]
    dovecot.fill(FRANK, box, [(octets, 1_700_000_000, "S")])
    client.ok(f"SELECT {box}".encode())
    got = b""
    while True:
        client.send(b"p UID FETCH 1 (UID BODY.PEEK[]<%d.%d>)\r\n" % (len(got), octets_at_a_time))
        head = client.line()
        count = int(head.rsplit(b"{", 1)[1].rstrip(b"}\r\n"))
        got += client.octets(count)
        client.until(b"p")
        if count < octets_at_a_time:
            break
    assert got == octets
    client.ok(b"NOOP")  # it does not go on: that was all
    (record,) = proxy.messages(1, mailbox=box)
    assert record.load() == octets


@pytest.mark.parametrize("synchronising", [True, False])
def test_append(proxy: ImapProxy, client: Client, synchronising: bool) -> None:
    """Both kinds of literals; the octets are durable, and upstream's answer and UID are on record."""
    box = b"Append%d" % synchronising
    client.ok(b"CREATE " + box)
    date = b'"17-Jul-2026 02:44:25 -0700"'
    size = b"%d%s" % (len(MESSAGE), b"" if synchronising else b"+")
    client.send(b"x APPEND " + box + b" (\\Seen $x) " + date + b" {" + size + b"}\r\n")
    if synchronising:
        assert client.line().startswith(b"+ ")
    client.send(MESSAGE + b"\r\n")
    answer = client.until(b"x")
    assert len(answer) == 1, answer
    assert answer[0].startswith(b"x OK [APPENDUID ")
    (record,) = proxy.messages(1, mailbox=box.decode(), source="append")
    assert record.load() == MESSAGE
    assert record.facts["flags"] == ["\\Seen", "$x"]
    assert record.facts["internal_date"] == "2026-07-17T09:44:25+00:00"
    (outcome,) = proxy.outcomes([record])
    assert (outcome["verdict"], outcome["uid"]) == ("accepted", 1)
    assert outcome["uidvalidity"] == int(answer[0].split()[3])


def test_multiappend(proxy: ImapProxy, client: Client) -> None:
    """RFC 3502: each message with its flags, each with its UID."""
    client.ok(b"CREATE Multi")
    first, second = MESSAGE, MESSAGE.replace(b"eins", b"zwei")
    client.send(
        b"x APPEND Multi (\\Seen) {%d+}\r\n%b (\\Draft) {%d+}\r\n%b\r\n" % (len(first), first, len(second), second)
    )
    assert client.until(b"x")[-1].startswith(b"x OK")
    records = proxy.messages(2, mailbox="Multi")
    assert sorted(record.load() for record in records) == sorted([first, second])
    assert {tuple(record.facts["flags"]) for record in records} == {("\\Seen",), ("\\Draft",)}
    numbers = {record.load(): outcome["uid"] for record, outcome in zip(records, proxy.outcomes(records), strict=True)}
    assert numbers == {first: 1, second: 2}


def test_a_refused_append(proxy: ImapProxy, client: Client) -> None:
    """Upstream's own code; the session goes on; what was sent all the same stays on record as refused."""
    client.send(b"x APPEND Nowhere {%d}\r\n" % len(MESSAGE))
    assert client.until(b"x")[-1].startswith(b"x NO [TRYCREATE]")
    client.ok(b"NOOP")
    client.send(b"x APPEND Nowhere {%d+}\r\n%b\r\ny NOOP\r\n" % (len(MESSAGE), MESSAGE))
    answer = client.until(b"y")
    assert [line.split()[:2] for line in answer] == [[b"x", b"NO"], [b"y", b"OK"]]
    (record,) = proxy.messages(1, mailbox="Nowhere")
    assert record.load() == MESSAGE
    assert [each["verdict"] for each in proxy.outcomes([record])] == ["refused"]


def test_a_mailbox_named_by_a_literal(proxy: ImapProxy, client: Client) -> None:
    """Its name is known all the same, for SELECT and APPEND."""
    name = b"B&APw-cher 1"
    client.ok(b'CREATE "' + name + b'"')
    size = len(name)
    client.send(b"x APPEND {%d+}\r\n%b {%d+}\r\n%b\r\n" % (size, name, len(MESSAGE), MESSAGE))
    assert client.until(b"x")[-1].startswith(b"x OK")
    client.send(b"x SELECT {%d+}\r\n%b\r\n" % (size, name))
    assert client.until(b"x")[-1].startswith(b"x OK")
    client.send(b"f FETCH 1 (UID BODY.PEEK[])\r\n")
    client.until(b"f")
    for source in ("append", "fetch"):
        (record,) = proxy.messages(1, source=source, mailbox=name.decode())
        assert record.facts["mailbox_utf8"] is False


def test_idle(proxy: ImapProxy, client: Client, dovecot: Dovecot) -> None:
    """New mail is told at once; DONE ends it; what else is said meanwhile ends the session."""
    client.ok(b"CREATE Idle")
    client.ok(b"SELECT Idle")
    client.send(b"x IDLE\r\n")
    assert client.line().startswith(b"+ ")
    other = proxy.logged_in(FRANK, PASSWORD)
    other.send(b"y APPEND Idle {%d+}\r\n%b\r\n" % (len(MESSAGE), MESSAGE))
    other.until(b"y")
    assert client.line() == b"* 1 EXISTS\r\n"
    client.send(b"done\r\nz NOOP\r\n")
    assert client.until(b"x")[-1].startswith(b"x OK")
    client.until(b"z")
    client.send(b"x IDLE\r\nz NOOP\r\n")
    assert client.rest().endswith(b"* BYE expected DONE\r\n")


def test_pipelining(proxy: ImapProxy, client: Client) -> None:
    """Everything at once: all of it is answered, literals in between too (Dovecot may answer a STATUS first)."""
    client.send(
        b"a1 NOOP\r\na2 SELECT INBOX\r\na3 UID FETCH 1:* FLAGS\r\na4 UID SEARCH SUBJECT {4+}\r\neins\r\n"
        b"a5 STATUS {5+}\r\nDraft (MESSAGES)\r\na6 IDLE\r\nDONE\r\na7 NOOP\r\na8 LOGOUT\r\n"
    )
    lines = client.rest().splitlines()
    tagged = [line.split()[:2] for line in lines if line.startswith(b"a")]
    assert sorted(tagged) == [[b"a%d" % number, b"NO" if number == 5 else b"OK"] for number in range(1, 9)]
    assert tagged[-1][0] == b"a8"
    assert sum(line.startswith(b"+ ") for line in lines) == 1  # IDLE's: the other literals did not ask for one


@pytest.mark.parametrize(
    "words",
    [
        b"STARTTLS", b"COMPRESS DEFLATE", b"UNAUTHENTICATE", b"LOGIN a b", b"AUTHENTICATE PLAIN", b"NOTIFY NONE",
        b"GENURLAUTH x INTERNAL", b"URLFETCH x", b"RESETKEY",
        b'APPEND INBOX CATENATE (URL "/x")', b"ENABLE UIDONLY",
    ],
)  # fmt: skip
def test_what_would_lead_past_the_archive(client: Client, words: bytes) -> None:
    """Refused here; upstream never sees it; the session goes on."""
    assert client.command(words)[-1].split()[1] in (b"BAD", b"NO")
    client.ok(b"NOOP")


def test_catenate_behind_a_literal(client: Client) -> None:
    """The mailbox's name as a literal hides it from the first look; half of the command is upstream by then."""
    client.send(b"x APPEND {5+}\r\nINBOX CATENATE (TEXT {3+}\r\nabc)\r\n")
    answer = client.rest()
    assert answer.startswith(b"x BAD")
    assert b"* BYE" in answer


@pytest.mark.parametrize(
    "octets",
    [
        b"a NOOP\n", b"a NO\rOP\r\n", b"a NO\0OP\r\n", b"a SELECT {123456789012345678901}\r\n", b"a SELECT { 5}\r\n",
        b"a SELECT {5-}\r\n", b"a NOOP {3+}\r\nabc\r\n", b"a SEARCH {2000000+}\r\n", b"* NOOP\r\n", b"\r\n", b"+ x\r\n",
        b"x" * 70_000,
    ],
)  # fmt: skip
def test_what_breaks_the_grammar(client: Client, octets: bytes) -> None:
    """Nobody may find out what upstream would make of it: BYE, and nothing behind it is a command."""
    client.send(octets + b"b CREATE Smuggled\r\n")
    answer = client.rest()
    assert b"* BYE" in answer
    assert b"b OK" not in answer


def test_nothing_was_smuggled(client: Client) -> None:
    """None of the tests above made the mailbox."""
    assert len(client.ok(b'LIST "" Smuggled')) == 1


def test_the_end_of_the_proxy(tmp_path: Path, dovecot: Dovecot) -> None:
    """Clients are told."""
    config = make_config(tmp_path, f"imap://127.0.0.1:{dovecot.imap_port}")
    with ImapProxy(config) as proxy:
        early, late = proxy.client(), proxy.logged_in(FRANK, PASSWORD)
        late.ok(b"SELECT INBOX")
        proxy.each_session(Session.shut_down)
        for client in (early, late):
            assert client.rest().startswith(b"* BYE")


@pytest.mark.parametrize("farewell", [b"z LOGOUT\r\n", b"", b"z SELECT \0\r\n"])
def test_a_session_leaves_nothing_behind(tmp_path: Path, dovecot: Dovecot, farewell: bytes) -> None:
    """No circle keeps it: its buffers and both of its TLS connections go when it ends, without the collector."""
    config = config_for(tmp_path, dovecot)
    dovecot.fill(FRANK, box := f"Left{len(farewell)}", [(MESSAGE, 1_700_000_000, "S")])
    gc.disable()
    try:
        with ImapProxy(config) as proxy:
            client = proxy.logged_in(FRANK, PASSWORD)
            client.ok(b"SELECT " + box.encode())
            client.ok(b"FETCH 1:* (UID FLAGS BODY.PEEK[])")
            (session,) = [weakref.ref(each) for each in proxy.sessions]
            client.send(farewell)
            client.close()
            wait_until(lambda: session() is None, "the end of the session")
            assert len(proxy.messages(1)) == 1
    finally:
        gc.enable()


def test_upstream_never_says_whether_it_wants_a_literal(proxy: ImapProxy) -> None:
    """Dovecot waits for the octets of a line that it cannot read: the client has an answer and an end, not nothing."""
    before = set(proxy.sessions)
    client = proxy.logged_in(FRANK, PASSWORD)
    [session] = proxy.sessions - before
    client.send(b"a APPEND INBOX anders {3+}\r\nabc\r\n")
    wait_until(
        lambda: session._legs is not None and session._legs.stage._running.command is not None,
        "the literal is asked for",
    )
    later = time.monotonic() + GO_AHEAD_TIMEOUT_S
    proxy.loop.call_soon_threadsafe(session.expire, later - 5)
    proxy.loop.call_soon_threadsafe(session.expire, later + 5)
    said = client.rest()
    assert said.startswith(b"a BAD ")
    assert b"\r\n* BYE " in said
