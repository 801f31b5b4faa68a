"""What came in by APPEND, and may have been stored otherwise: looked at before it may go (invariant 3)."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from imap_proxy import Client, ImapProxy, scripted_proxy
from pretender import PLAIN, Provider

ANNA = "anna@firma.example"
SENT = b"Subject: Angebot\r\n\r\nfrei Haus\r\n"


def serialised_anew(octets: bytes) -> bytes:
    """As Exchange does it: another message of the same meaning."""
    return octets.replace(b"\r\n\r\n", b"\r\nMIME-Version: 1.0\r\n\r\n", 1)


class House:
    """A provider, a proxy in front of it, and what was removed when it was not here."""

    def __init__(self, proxy: ImapProxy, provider: Provider) -> None:
        self.proxy = proxy
        self.provider = provider
        self.unseen: list[bytes] = []
        provider.on_removal = self._look

    def _look(self, octets: bytes) -> None:
        if hashlib.sha256(octets).hexdigest() not in self.here():
            self.unseen.append(octets)

    def here(self) -> set[str]:
        return {record.facts["sha256"] for record in self.proxy.records() if record.kind == 1}

    def client(self) -> Client:
        made = self.proxy.logged_in(ANNA, "geheim")
        made.ok(b"SELECT INBOX")
        return made

    def asked(self, words: bytes) -> list[bytes]:
        return [each for each in self.provider.heard if words in each]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    provider = Provider(capabilities=PLAIN + b" UIDPLUS MOVE REPLACE")
    provider.boxes = {b"INBOX": {}, b"Trash": {}}
    with scripted_proxy(tmp_path, provider.script) as proxy:
        made = House(proxy, provider)
        yield made
        assert made.unseen == []


def append(client: Client, octets: bytes) -> int:
    """The UID."""
    answer = client.ok(b"APPEND INBOX {%d+}\r\n" % len(octets) + octets)[-1]
    return int(answer.partition(b"[APPENDUID 9 ")[2].partition(b"]")[0])


REMOVING = [b"UID STORE %d +FLAGS (\\Deleted)", b"STORE 1 +FLAGS (\\Deleted)", b"UID MOVE %d Trash", b"XREMOVE"]


@pytest.mark.parametrize("words", REMOVING)
def test_stored_otherwise(house: House, words: bytes) -> None:
    """Upstream has another length than was sent: what it has is fetched before it may go."""
    house.provider.rewrites = serialised_anew
    client = house.client()
    uid = append(client, SENT)
    client.command(words.replace(b"%d", b"%d" % uid))
    client.ok(b"EXPUNGE")
    assert len(house.asked(b"BODY.PEEK[]")) == 1
    assert {record.load() for record in house.proxy.messages(2)} == {SENT, serialised_anew(SENT)}


@pytest.mark.parametrize("words", REMOVING[:3])
def test_stored_as_sent(house: House, words: bytes) -> None:
    """The length is asked for once and no octets are fetched; the next command costs nothing."""
    client = house.client()
    uid = append(client, SENT)
    client.ok(words.replace(b"%d", b"%d" % uid))
    assert len(house.asked(b"RFC822.SIZE")) == 1 and house.asked(b"BODY") == []
    before = len(house.provider.heard)
    if uid in house.provider.boxes[b"INBOX"]:
        client.ok(b"UID STORE %d +FLAGS (\\Seen \\Deleted)" % uid)
        assert len(house.provider.heard) == before + 1
    assert len(house.proxy.messages(1)) == 1


def test_length_that_is_not_told(house: House) -> None:
    """Silence proves nothing: fetched."""
    client = house.client()
    uid = append(client, SENT)
    house.provider.sizes[uid] = 0
    client.ok(b"UID STORE %d +FLAGS (\\Deleted)" % uid)
    client.ok(b"EXPUNGE")
    assert len(house.asked(b"BODY.PEEK[]")) == 1 and house.provider.gone == [SENT]


def test_what_was_read_since_is_known(house: House) -> None:
    """A program that reads back what it filed: nobody is asked for its length."""
    house.provider.rewrites = serialised_anew
    client = house.client()
    uid = append(client, SENT)
    client.send(b"f UID FETCH %d (BODY.PEEK[])\r\n" % uid)
    stored = serialised_anew(SENT)
    assert b"{%d}" % len(stored) in client.line() and client.octets(len(stored)) == stored
    client.until(b"f")
    house.proxy.messages(2)
    client.ok(b"UID STORE %d +FLAGS (\\Deleted)" % uid)
    assert house.asked(b"RFC822.SIZE") == []


def test_many_at_once(house: House) -> None:
    """Some as they were sent, some not: the lengths in one question, the others fetched."""
    client = house.client()
    uids = [append(client, SENT + b"%d\r\n" % number) for number in range(4)]
    house.provider.boxes[b"INBOX"][uids[1]] += b"-- \r\n"
    client.ok(b"STORE 1:* +FLAGS (\\Deleted)")
    client.ok(b"EXPUNGE")
    assert len(house.provider.gone) == 4 and len(house.asked(b"RFC822.SIZE")) == 1
    assert house.asked(b"BODY.PEEK[]") == [b"UID FETCH %d (UID FLAGS INTERNALDATE BODY.PEEK[])" % uids[1]]


def test_a_held_command_has_no_end_of_literals(house: House) -> None:
    """100,000 empty ones held all sessions for minutes, as each had those before it counted again."""
    client = house.client()
    client.send(b"x DELETE" + b" {0+}\r\n" * 1_001)
    assert client.rest().endswith(b"* BYE the command has too many literals\r\n")
    client = house.client()
    client.send(b"x DELETE" + b" {0+}\r\n" * 1_000 + b"\r\n")
    assert client.until(b"x")[-1].startswith(b"x NO ")


def test_a_name_longer_than_is_kept(house: House) -> None:
    """Whose mailbox nobody knows, its message would pass as any literal does, and be nowhere here."""
    client = house.client()
    client.send(b"a APPEND {8193}\r\n")
    assert client.line().startswith(b"* BYE ") and house.asked(b"APPEND") == []
