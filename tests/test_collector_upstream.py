"""Upstreams that misbehave: the collector ends complete, or says exactly what is missing and why."""

import itertools
import re
import threading
from collections.abc import Iterator

import pytest
from collecting import Collecting, collecting, digest, letter
from collecting_upstream import Hangup, Upstream, upstream
from sqlalchemy import Connection, select

from postbuch.archive import collect_backoff
from postbuch.archive.collect_backoff import Trouble
from postbuch.archive.collect_lease import Leases
from postbuch.archive.config import Config
from postbuch.archive.schema import mailbox

NUMBERS = itertools.count()
ALL = sorted(digest(letter(number)) for number in range(30))


@pytest.fixture
def server() -> Iterator[Upstream]:
    """One mailbox of 30 messages with UIDs 3, 6, 9, …"""
    with upstream() as made:
        made.messages = {3 * number + 3: letter(number) for number in range(30)}
        yield made


@pytest.fixture
def archive(mariadb: Config, server: Upstream, monkeypatch: pytest.MonkeyPatch) -> Iterator[Collecting]:
    """An account of its own; failures are waited for 0.1 s, not minutes."""
    monkeypatch.setattr(collect_backoff, "_PAUSES", dict.fromkeys(Trouble, (0.1, 0.1)))
    with collecting(mariadb, server.port) as made:
        made.account(f"mis{next(NUMBERS)}@firma.example", "geheim")
        yield made


def row(archive: Collecting) -> dict[str, object]:
    with archive.engine.connect():
        owner = next(iter(archive.passwords.values()))
    return archive.row(owner.user)


def test_dropped_connections(archive: Collecting, server: Upstream) -> None:
    """Upstream hangs up in the middle again and again: what came is kept, the rest is fetched, nothing twice."""
    calls = itertools.count(1)

    def answer(command: bytes) -> bytes | None:
        if b"BODY.PEEK" in command and next(calls) % 2:
            raise Hangup
        return None

    server.answer = answer
    server.messages = {number + 1: letter(number, 1_000_000) for number in range(12)}
    archive.once()
    assert archive.digests() == sorted(digest(octets) for octets in server.messages.values())
    assert server.connections > 3 and row(archive)["failure"] == ""


def test_cut_in_a_message(archive: Collecting, server: Upstream) -> None:
    """Half a literal is no message: nothing of it is kept."""
    cut = iter([True])

    def answer(command: bytes) -> bytes | None:
        if b"BODY.PEEK" in command and next(cut, False):
            server.hang_up_next = True
            return b"* 1 FETCH (UID 3 FLAGS () BODY[]<0> {500}\r\nFrom: half"
        return None

    server.answer = answer
    archive.once()
    assert archive.digests() == ALL


def test_fetch_without_uid(archive: Collecting, server: Upstream) -> None:
    """Answers that do not say whose they are are not guessed at: each message is asked for alone."""
    server.without_uid = True
    archive.once()
    assert archive.digests() == ALL


def test_counts_that_lie(archive: Collecting, server: Upstream) -> None:
    """More claimed than there are: all of them are here, and the difference is said."""
    server.counted = 33
    archive.once()
    assert archive.digests() == ALL
    assert archive.failures() == ["upstream counts 33 messages and lists 30"]
    before = len(server.commands)
    archive.once()
    assert not [command for command in server.commands[before:] if b"BODY" in command]


def test_answer_nested_without_end(archive: Collecting, server: Upstream) -> None:
    """It cannot be read, which is said; the messages come when it answers again."""
    def answer(command: bytes) -> bytes | None:
        if b"FETCH" not in command:
            return None
        return b"* 1 FETCH (UID 3 FLAGS " + b"(" * 5_000 + b")" * 5_000 + b")\r\nTAG OK done\r\n"

    server.answer = answer
    archive.once()
    assert "gives an answer that cannot be read" in str(row(archive)["failure"])
    server.answer = lambda command: None
    archive.once()
    assert archive.digests() == ALL and archive.failures() == []


def test_search_that_leaves_out(archive: Collecting, server: Upstream) -> None:
    """What SEARCH forgets FETCH tells."""
    server.unlisted = frozenset({9, 12})
    archive.once()
    assert archive.digests() == ALL and archive.failures() == []


def test_messages_that_are_not_given_out(archive: Collecting, server: Upstream) -> None:
    """Each is a gap with its UID and its reason, once; the others are here."""
    server.withheld = frozenset({30, 60})
    archive.once()
    assert len(archive.digests()) == 28
    assert archive.gaps() == ["upstream lists the message and does not give it out"] * 2
    assert archive.failures() == [
        "2 messages cannot be had: upstream lists the message and does not give it out (UID 30,60)"
    ]
    server.withheld = frozenset()
    server.messages[93] = letter(31)
    archive.once()
    assert archive.digests() == sorted([*ALL, digest(letter(31))])
    assert len(archive.gaps()) == 2 + 1, "and UIDs 91 and 92, which never were there"
    assert archive.failures() == []


def test_answers_without_a_body(archive: Collecting, server: Upstream) -> None:
    """iCloud says OK and leaves out the literal: that is no message of no octets, it is one that is missing."""
    server.bodiless = frozenset({30})
    archive.once()
    assert len(archive.digests()) == 29 and len(archive.gaps()) == 1
    server.bodiless = frozenset()
    server.messages[93] = letter(31)
    archive.once()
    assert archive.digests() == sorted([*ALL, digest(letter(31))])


def test_log_in_by_login(archive: Collecting, server: Upstream) -> None:
    """A server that announces no AUTH=PLAIN is not sent any."""
    server.mechanisms = b""
    archive.once()
    assert archive.digests() == ALL
    (line,) = [command for command in server.commands if command.startswith((b"LOGIN", b"AUTHENTICATE"))]
    assert re.fullmatch(rb'LOGIN "mis\d+@firma\.example" \{6\} geheim', line)


def test_server_that_repeats_what_it_was_sent(archive: Collecting, server: Upstream) -> None:
    """The password does not get into the sentence that people read."""
    server.mechanisms = b""
    server.answer = lambda command: b"TAG BAD what is " + command + b"\r\n" if command.startswith(b"LOGIN") else None
    archive.once()
    assert "what is LOGIN" in str(row(archive)["failure"]) and "geheim" not in str(row(archive)["failure"])


def test_password_of_any_letters(archive: Collecting, server: Upstream) -> None:
    """Umlauts, quotes and backslashes, by either way of logging in."""
    password = 'gehe"im\\ß'
    for mechanisms in (b" AUTH=PLAIN", b""):
        server.mechanisms = mechanisms
        archive.account(next(iter(archive.passwords.values())).user, password)
        archive.once()
        assert row(archive)["failure"] == ""
    (line,) = [command for command in server.commands if command.startswith(b"LOGIN")]
    assert line.endswith(b" " + password.encode())


def test_numbers_above_those_that_are_counted(archive: Collecting, server: Upstream) -> None:
    """Exchange: sequence numbers in answers mean nothing, UIDs do."""
    server.number_offset = 1000
    archive.once()
    assert archive.digests() == ALL and archive.failures() == []


def test_one_message_that_is_refused(archive: Collecting, server: Upstream) -> None:
    """A message that upstream cannot read makes a whole FETCH fail: the others are fetched alone."""

    def answer(command: bytes) -> bytes | None:
        if b"BODY.PEEK" in command and 30 in server._wanted(command.split()[2]):
            return b"TAG NO [SERVERBUG] cannot read it\r\n"
        return None

    server.answer = answer
    archive.once()
    assert len(archive.digests()) == 29 and len(archive.gaps()) == 1


def test_sizes_that_lie(archive: Collecting, server: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    """Much larger than was said: memory stays bounded, and each is fetched alone."""
    monkeypatch.setattr("postbuch.archive.collect_connection.ANSWER_OCTETS", 1_000_000)
    server.claim = 1
    server.messages = {number + 1: letter(number, 300_000) for number in range(10)}
    archive.once()
    assert archive.digests() == sorted(digest(octets) for octets in server.messages.values())


@pytest.mark.parametrize("claim", [None, 2_000_000], ids=["true", "too large"])
def test_less_at_a_time_than_asked_for(archive: Collecting, server: Upstream, claim: int | None) -> None:
    """What is shorter than was asked for is not the whole message at every provider."""
    server.cap_octets, server.claim = 40_000, claim
    server.messages = {number + 1: letter(number, 100_000 * number) for number in range(4)}
    archive.once()
    assert archive.digests() == sorted(digest(octets) for octets in server.messages.values())


def test_body_that_is_empty(archive: Collecting, server: Upstream) -> None:
    """Of a message that has a length, that is no body: it is named as not given out."""
    server.empty = frozenset({6})
    archive.once()
    assert len(archive.digests()) == 29 and archive.failures() == [
        "one message cannot be had: upstream lists it and does not give it out (UID 6)"
    ]


def test_message_that_is_empty(archive: Collecting, server: Upstream) -> None:
    """Its length is 0 as well: it is archived as what it is."""
    server.messages[6] = b""
    archive.once()
    assert digest(b"") in archive.digests() and archive.failures() == []


def test_message_limit(archive: Collecting, server: Upstream) -> None:
    """A provider that looks at some messages of a command and says OK (RFC 9738): all of them, none taken for gone."""
    server.limit = 7
    archive.once()
    assert archive.digests() == ALL and archive.failures() == []
    server.messages |= {91 + number: letter(100 + number) for number in range(20)}
    archive.once()
    assert archive.digests() == sorted(digest(octets) for octets in server.messages.values())
    assert archive.gaps() == [] and archive.failures() == []


def test_over_quota(archive: Collecting, server: Upstream) -> None:
    """Upstream asks for less: said so, waited for, and gone on where it was."""
    refusals = iter([True, True])

    def answer(command: bytes) -> bytes | None:
        if b"BODY.PEEK" in command and next(refusals, False):
            return b"TAG NO [OVERQUOTA] Account exceeded command or bandwidth limits\r\n"
        return None

    server.answer = answer
    archive.once()
    assert archive.digests() == [] and "OVERQUOTA" in str(row(archive)["failure"])
    assert row(archive)["state"] == "failing" and row(archive)["retry_at"] is not None
    archive.once()
    archive.once()
    assert archive.digests() == ALL and row(archive)["failure"] == ""


def test_too_many_connections(archive: Collecting, server: Upstream) -> None:
    """A refusal at the log-in is no wrong password: the provider is left in peace."""
    server.answer = lambda command: (
        b"TAG NO [UNAVAILABLE] Too many simultaneous connections\r\n" if command.startswith(b"AUTH") else None
    )
    archive.once()
    assert archive.provider.connections.limit == 1
    server.answer = lambda command: None
    archive.once()
    assert archive.digests() == ALL


def test_wrong_password_is_not_tried_again(archive: Collecting, server: Upstream) -> None:
    """Tries count at the provider; another password is tried at once."""
    server.answer = lambda command: (
        b"TAG NO [AUTHENTICATIONFAILED] no\r\n" if command.startswith(b"AUTH") else None
    )
    archive.once()
    assert "AUTHENTICATIONFAILED" in str(row(archive)["failure"])
    assert sum(command.startswith(b"AUTH") for command in server.commands) == 1


def test_another_uidvalidity_while_it_works(archive: Collecting, server: Upstream) -> None:
    """What was known by UID is void; the images are the same."""
    archive.once()
    server.uidvalidity += 1
    server.messages = {number + 1: letter(number) for number in range(30)}
    archive.once()
    assert archive.digests() == sorted(ALL * 2) and archive.vanished() == 0 and archive.failures() == []


def test_two_collectors_share_nothing(archive: Collecting, server: Upstream) -> None:
    """The lease: while one works on an account another leaves it alone, and takes it when the first has ended."""
    held = threading.Event()
    released = threading.Event()

    def answer(command: bytes) -> bytes | None:
        if b"BODY.PEEK" in command:
            held.set()
            released.wait(60)
        return None

    server.answer = answer
    first = threading.Thread(target=archive.collector(once=True).run, args=(threading.Event(),))
    first.start()
    assert held.wait(60)
    before = server.connections
    archive.collector(once=True).run(threading.Event())
    assert server.connections == before
    released.set()
    first.join(60)
    archive.drained()
    assert archive.digests() == ALL


def test_who_comes_next_has_the_lease_at_once(archive: Collecting, monkeypatch: pytest.MonkeyPatch) -> None:
    """However late the server sees that the connection has ended.

    One run right behind another ended with nothing, because the account seemed to be somebody else's.
    """
    first, second = Leases(archive.engine), Leases(archive.engine)
    for each in (first, second):
        each.renew()
    assert first.take(7) and not second.take(7)
    with monkeypatch.context() as late:
        late.setattr(Connection, "invalidate", lambda self: None)
        late.setattr(Connection, "close", lambda self: None)
        lingering = first._conn
        first.close()
        assert second.take(7)
    second.close()
    assert lingering is not None
    lingering.close()


def test_names_that_nobody_agreed_on(archive: Collecting, server: Upstream) -> None:
    """Names of 8 bits, one that fits on no line: all but that one are collected, each by itself.

    UIDs and UIDVALIDITY are the same in all of them.
    """
    boxes = {
        b"INBOX": 0, "Entwürfe".encode(): 1, b"Entw&APw-rfe": 2, "Entwürfe".encode("latin-1"): 3, b"Alt": 4, b"Alt ": 5,
        b'a"b\\c': 6, b"2024": 7,
    }
    selected = [0]

    def answer(command: bytes) -> bytes | None:
        if command.startswith(b"LIST"):
            listed = [b'* LIST () "/" {%d}\r\n%b\r\n' % (len(name), name) for name in [*boxes, b"x\r\ny STATUS z"]]
            return b"".join(listed) + b"TAG OK done\r\n"
        if command.startswith((b"STATUS", b"EXAMINE")):
            name = re.sub(rb"\\(.)", rb"\1", re.search(rb'"(.*)"', command)[1])  # type: ignore[index]
            if name not in boxes:
                return b"TAG NO there is none\r\n"
            selected[0] = boxes[name]
            server.messages = {1: letter(selected[0])}
        return None

    server.answer = answer
    archive.once()
    assert archive.digests() == sorted(digest(letter(number)) for number in range(8))
    with archive.engine.connect() as conn:
        query = select(mailbox.c.name).where(mailbox.c.account_id == next(iter(archive.passwords)))
        names = sorted(re.sub("#[0-9a-f]{8}", "#", name) for name in conn.scalars(query))
    assert names == ["2024", "Alt", "Alt #", "Entwürfe", "Entwürfe #", "Entwürfe #", "INBOX", 'a"b\\c']
    assert not any(command.startswith(b"y ") for command in server.commands)
    assert "written" in str(row(archive)["failure"])
