"""Mailboxes with many gaps in their UIDs: a set that no line holds, at a real Dovecot (proxy/inparts.py)."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import USERS
from imap_proxy import Client, ImapProxy, config_for, scripted_proxy
from pretender import PLAIN, Provider

from postbuch.proxy import inparts
from provider.dovecot import Dovecot

HEIKE = list(USERS)[7]
PASSWORD = USERS[HEIKE]
COUNT = 240
# As of a mailbox twenty times as large.
LIMIT_OCTETS = 400


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory, dovecot: Dovecot) -> Iterator[ImapProxy]:
    config = config_for(tmp_path_factory.mktemp("long"), dovecot)
    with ImapProxy(config) as made:
        yield made


class Full:
    """A mailbox of its own with UIDs 1, 3, 5, … and every other of them flagged with $x."""

    def __init__(self, proxy: ImapProxy, dovecot: Dovecot, name: bytes) -> None:
        self.name = name
        self.proxy = proxy
        self.straight = Client(dovecot.imap_port, None)
        self.straight.ok(f"LOGIN {HEIKE} {PASSWORD}".encode())
        self.straight.ok(b"CREATE " + name)
        self.straight.ok(b"CREATE %s-weg" % name)
        one = b" {%d+}\r\n%s"
        octets = [b"Subject: %s %d\r\n\r\nx\r\n" % (name, number) for number in range(2 * COUNT)]
        self.straight.ok(b"APPEND " + name + b"".join(one % (len(each), each) for each in octets))
        self.straight.ok(b"SELECT " + name)
        gone = b",".join(b"%d" % uid for uid in range(2, 2 * COUNT + 1, 2))
        self.straight.ok(b"UID STORE %s +FLAGS.SILENT (\\Deleted)" % gone)
        self.straight.ok(b"EXPUNGE")
        marked = b",".join(b"%d" % number for number in range(1, COUNT + 1, 2))
        self.straight.ok(b"STORE %s +FLAGS.SILENT ($x)" % marked)

    def client(self) -> Client:
        client = self.proxy.logged_in(HEIKE, PASSWORD)
        client.ok(b"SELECT " + self.name)
        return client

    def left(self) -> list[int]:
        self.straight.ok(b"NOOP")
        return [int(word) for word in self.straight.ok(b"UID SEARCH ALL")[-2].split()[2:]]

    def moved(self) -> int:
        (line, _) = self.straight.ok(b"STATUS %s-weg (MESSAGES)" % self.name)
        found = re.search(rb"MESSAGES (\d+)", line)
        return int(found[1]) if found else -1

    def kept(self) -> set[int]:
        """The UIDs of what is here."""
        name = self.name.decode()
        return {
            record.facts["uid"] for record in self.proxy.records()
            if record.kind == 1 and record.facts.get("mailbox") == name
        }


@pytest.fixture
def full(
    proxy: ImapProxy, dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Full]:
    monkeypatch.setattr(inparts, "MAX_SET_OCTETS", LIMIT_OCTETS)
    made = Full(proxy, dovecot, b"lang-%d" % (abs(hash(request.node.name)) % 10**9))
    yield made
    made.straight.ok(b"UNSELECT")
    made.straight.ok(b"DELETE " + made.name)
    made.straight.ok(b"DELETE %s-weg" % made.name)
    made.straight.close()


ODD = b",".join(b"%d" % number for number in range(1, COUNT + 1, 2))
EMPTYING = {
    "all by uid, expunge": [b"UID STORE 1:* +FLAGS.SILENT (\\Deleted)", b"EXPUNGE"],
    "as far as they go": [b"UID STORE 1:5000 +FLAGS (\\Deleted)", b"UID EXPUNGE 1:5000"],
    "all by number, expunge": [b"STORE 1:* +FLAGS.SILENT (\\Deleted)", b"EXPUNGE"],
    "all by number, uid expunge": [b"STORE 1:* +FLAGS (\\Deleted)", b"UID EXPUNGE 1:*"],
    "close": [b"STORE 1:* +FLAGS (\\Deleted)", b"CLOSE"],
    "uid move": [b"UID MOVE 1:* %s-weg"],
    "move": [b"MOVE 1:* %s-weg"],
    "saved search": [b"SEARCH RETURN (SAVE) ALL", b"UID STORE $ +FLAGS (\\Deleted)", b"EXPUNGE"],
}  # fmt: skip
HALF = {
    "written out": [b"STORE " + ODD + b" +FLAGS (\\Deleted)", b"EXPUNGE"],
    "saved search": [b"SEARCH RETURN (SAVE) KEYWORD $x", b"STORE $ +FLAGS (\\Deleted)", b"EXPUNGE"],
    "saved search by uid": [
        b"UID SEARCH RETURN (SAVE) KEYWORD $x", b"UID STORE $ +FLAGS (\\Deleted)", b"UID EXPUNGE $"
    ],
    "flagged by others": [b"=STORE " + ODD + b" +FLAGS (\\Deleted)", b"EXPUNGE"],
    "move": [b"SEARCH RETURN (SAVE) KEYWORD $x", b"MOVE $ %s-weg"],
    "uid move": [b"SEARCH RETURN (SAVE) KEYWORD $x", b'UID MOVE $ "%s-weg"'],
    "move to a literal": [b"SEARCH RETURN (SAVE) KEYWORD $x", b"MOVE $ {%d+}\r\n%s-weg"],
}  # fmt: skip


def do(full: Full, client: Client, words: bytes) -> list[bytes]:
    words = words.replace(b"%s", full.name).replace(b"%d", b"%d" % (len(full.name) + 4))
    return full.straight.ok(words[1:]) if words.startswith(b"=") else client.ok(words)


@pytest.mark.parametrize("name", EMPTYING)
def test_emptied(full: Full, name: str) -> None:
    """All of it goes, and all of it is here."""
    client = full.client()
    answers = [line for words in EMPTYING[name] for line in do(full, client, words)]
    assert full.left() == [] and full.kept() == set(range(1, 2 * COUNT, 2))
    assert full.moved() == (COUNT if "move" in name else 0)
    if name != "close":
        assert sum(line.endswith(b" EXPUNGE\r\n") for line in answers) == COUNT, "the client hears of each"


@pytest.mark.parametrize("name", HALF)
def test_every_other_one(full: Full, name: str) -> None:
    """In several commands, with one answer; what lies between stays, and is not even fetched."""
    client = full.client()
    answers = [line for words in HALF[name] for line in do(full, client, words)]
    assert full.left() == list(range(3, 2 * COUNT, 4)) and full.kept() == set(range(1, 2 * COUNT, 4))
    assert full.moved() == (COUNT // 2 if "move" in name else 0)
    assert sum(line.endswith(b" EXPUNGE\r\n") for line in answers) == COUNT // 2
    client.ok(b"FETCH %d (UID)" % (COUNT // 2))


def test_refused(full: Full) -> None:
    """A refusal is upstream's own."""
    client = full.client()
    client.ok(b"SEARCH RETURN (SAVE) KEYWORD $x")
    assert b" NO [TRYCREATE] " in client.command(b"MOVE $ %s-nie" % full.name)[-1]
    assert client.command(b"UID STORE $ +FLAGS (\\Recent \\Deleted)")[-1].split()[1] == b"BAD"
    assert len(full.left()) == COUNT


@pytest.mark.parametrize("by_uid", [False, True])
def test_conditional_store(full: Full, by_uid: bool) -> None:
    """Those that were changed since are told of in the one answer, as the client would have had them."""
    client = full.client()
    client.ok(b"ENABLE CONDSTORE")
    client.ok(b"UID FETCH 1:* (MODSEQ)")
    (line,) = (line for line in full.straight.ok(b"STATUS %s (HIGHESTMODSEQ)" % full.name) if b"STATUS" in line[:9])
    (highest,) = map(int, re.findall(rb"HIGHESTMODSEQ (\d+)", line))
    full.straight.ok(b"UID STORE 1,477 +FLAGS.SILENT ($y)")
    client.ok(b"SEARCH RETURN (SAVE) KEYWORD $x")
    words = b"STORE $ (UNCHANGEDSINCE %d) +FLAGS.SILENT (\\Deleted)" % highest
    answer = client.ok(b"UID " + words if by_uid else words)[-1]
    assert b" OK [MODIFIED %s]" % (b"1,477" if by_uid else b"1,239") in answer
    client.ok(b"EXPUNGE")
    assert full.left() == [1, *range(3, 477, 4), 477, 479]


@pytest.fixture
def gaps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Client, Provider, ImapProxy]]:
    """A client in a mailbox with the UIDs 101, 103, …, 119, of which a line holds three."""
    monkeypatch.setattr(inparts, "MAX_SET_OCTETS", 11)
    provider = Provider(capabilities=PLAIN + b" UIDPLUS")
    for number in range(20):
        provider.put(b"INBOX", b"Subject: %d\r\n\r\nx\r\n" % number)
    for uid in range(102, 121, 2):
        del provider.boxes[b"INBOX"][uid]
    with scripted_proxy(tmp_path, provider.script) as proxy:
        client = proxy.logged_in("anna@firma.example", "geheim")
        client.ok(b"SELECT INBOX")
        yield client, provider, proxy


def test_a_range_where_nothing_lies_between(gaps: tuple[Client, Provider, ImapProxy]) -> None:
    """One command for neighbours, parts for others."""
    client, provider, _ = gaps
    words = b" +FLAGS (\\Deleted)"
    client.ok(b"UID STORE 101,105,109,113" + words)
    assert provider.heard[-2:] == [b"UID STORE 101,105,109" + words, b"UID STORE 113" + words]
    client.ok(b"UID STORE 1:*" + words)
    assert provider.heard[-1] == b"UID STORE 101:119" + words


def test_expunge_of_all_that_is_known(gaps: tuple[Client, Provider, ImapProxy]) -> None:
    """As one range, with no question asked."""
    client, provider, proxy = gaps
    client.send(b"f UID FETCH 1:* (BODY.PEEK[])\r\n")
    while not (line := client.line()).startswith(b"f "):
        literal = re.search(rb"\{(\d+)\}\r\n\Z", line)
        client.octets(int(literal[1]) if literal else 0)
    proxy.messages(10)
    before = len(provider.heard)
    client.ok(b"STORE 1:10 +FLAGS (\\Deleted)")
    client.ok(b"EXPUNGE")
    assert provider.heard[before + 1 :] == [b"UID EXPUNGE 101:119"] and provider.boxes[b"INBOX"] == {}


def test_numbers_that_are_wrong_join_nothing(gaps: tuple[Client, Provider, ImapProxy]) -> None:
    """Exchange: what lies between two messages cannot be told then."""
    client, provider, _ = gaps
    provider.number_offset = 1000
    client.ok(b"UID STORE 1:* +FLAGS (\\Deleted)")
    assert provider.heard[-4:] == [
        b"UID STORE %s +FLAGS (\\Deleted)" % part for part in (b"101,103,105", b"107,109,111", b"113,115,117", b"119")
    ]


def test_nothing_found(full: Full) -> None:
    """An empty `$` by number is answered as it is straight."""
    client = full.client()
    said = []
    for each in (client, full.straight):
        each.ok(b"SELECT " + full.name)
        each.ok(b"SEARCH RETURN (SAVE) SUBJECT nixda")
        said.append([
            re.sub(rb" \(.*secs\)", b"", each.ok(words)[-1].split(b" ", 1)[1]) for words in (
                b"STORE $ +FLAGS (\\Deleted)", b"UID STORE $ +FLAGS (\\Deleted)", b"MOVE $ %s-weg" % full.name,
                b"UID MOVE $ %s-weg" % full.name, b"UID EXPUNGE $",
            )
        ])  # fmt: skip
    assert said[0] == said[1] and len(full.left()) == COUNT
