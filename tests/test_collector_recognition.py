"""What the collector does not fetch twice: Gmail's messages under every label, and what came in by APPEND.

In front of a pretender (`pretender.py`), whose count of the octets that it gave out is the proof (invariants 5, 8).
"""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from collecting import Collecting, collecting, digest, letter
from imap_proxy import ImapProxy, Scripted, make_config
from pretender import ALL, GMAIL, PLAIN, SPAM, TRASH, Provider
from sqlalchemy import update

from postbuch.archive import database
from postbuch.archive.collect_answers import Described
from postbuch.archive.collect_recognition import APPENDUID, match
from postbuch.archive.drain import Drain
from postbuch.archive.objects import ObjectStore
from postbuch.archive.schema import account
from postbuch.archive.search import search
from postbuch.archive.sighted import Candidate, Place, appended, seen, sighted
from postbuch.archive.status import books
from postbuch.archive.users import ALL as ANYBODY
from provider.instance import Postbuch, write_config
from provider.ports import wait_until

NUMBERS = itertools.count(1)
LETTERS = itertools.count(70_000)


class House:
    """A provider, an archive in front of it, one account."""

    def __init__(self, postbuch: Postbuch, archive: Collecting, provider: Provider, url: str) -> None:
        self.postbuch = postbuch
        self.archive = archive
        self.provider = provider
        self.url = url
        self.user = f"erkannt{next(NUMBERS)}@firma.example"
        self.number = archive.account(self.user, "geheim")

    def collect(self) -> int:
        """Everything, by a collector that remembers nothing; the octets of messages that the provider gave out."""
        before = self.provider.given_octets
        self.archive.once()
        row = self.archive.row(self.user)
        assert (row["state"], row["failure"]) == ("idle", ""), row
        return self.provider.given_octets - before

    def choose(self, choice: str) -> None:
        with self.archive.engine.begin() as conn:
            conn.execute(update(account).where(account.c.id == self.number).values(archive=choice))

    def through_proxy(self, folder: Path, words: list[bytes], messages: int) -> None:
        """A mail program says this by way of Postbuch's proxy, and what was captured is drained."""
        config = make_config(folder, self.url)
        with ImapProxy(config) as proxy:
            client = proxy.logged_in(self.user, "geheim")
            for each in words:
                client.send(b"x " + each + b"\r\n")
                while not (line := client.line()).startswith(b"x "):
                    client.octets(int(line[line.rindex(b"{") + 1 : -3]) if line.endswith(b"}\r\n") else 0)
                assert line.startswith(b"x OK"), line
            proxy.messages(messages)
        drain = Drain(self.archive.engine, config.data / "spool", ObjectStore(self.archive.config.data))
        drain.drain_once()
        drain.close()

    def sightings(self, octets: bytes) -> list[dict[str, Any]]:
        """What `postbuch show` says of the letter."""
        subject = octets.partition(b"Subject: ")[2].partition(b"\r\n")[0].decode()
        with self.archive.engine.connect() as conn:
            (found,) = search(conn, f'subject:"{subject}"', ANYBODY).rows
        facts = json.loads(self.postbuch.command("show", str(found["id"]), "--json"))
        text = self.postbuch.command("show", str(found["id"]))
        for each in facts["sightings"]:
            assert not each["recognised_by"] or f"not fetched again: {each['recognised_by']}" in text
        return list(facts["sightings"])


@pytest.fixture(scope="module")
def postbuch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postbuch]:
    """An installation of which only the database runs."""
    made = Postbuch(write_config(
        tmp_path_factory.mktemp("recognition"), imap="imap://127.0.0.1:9", submission="smtp://127.0.0.1:9",
        ca_files=[],
    ))  # fmt: skip
    made.initialise()
    with database.running(made.config):
        yield made


@pytest.fixture
def provider() -> Provider:
    made = Provider(capabilities=GMAIL, gmail=True)
    made.boxes = {name: {} for name in (b"INBOX", b"Projekte", ALL, TRASH, SPAM)}
    return made


@pytest.fixture
def house(postbuch: Postbuch, provider: Provider) -> Iterator[House]:
    with Scripted(provider.script) as upstream, collecting(postbuch.config, upstream.port) as archive:
        yield House(postbuch, archive, provider, upstream.url)
        with archive.engine.connect() as conn:
            assert books(conn)["balanced"]


def new_letters(count: int) -> list[bytes]:
    return [letter(next(LETTERS)) for _ in range(count)]


def octets_of(letters: list[bytes]) -> int:
    return sum(map(len, letters))


def test_moved_to_trash(house: House, provider: Provider) -> None:
    """All Mail once; what goes to the Trash has its new place and is not fetched again, also after a restart."""
    letters = new_letters(6)
    numbers = [provider.deliver(octets, b"INBOX", b"Projekte") for octets in letters]
    assert house.collect() == octets_of(letters)
    for number in numbers[:2]:
        provider.to_trash(number)
    assert house.collect() == 0 and house.archive.vanished() == 2
    assert house.archive.digests("[Gmail]/Trash") == sorted(map(digest, letters[:2]))
    assert house.archive.digests() == sorted(map(digest, [*letters, *letters[:2]])) and house.archive.gaps() == []
    first, second = house.sightings(letters[0])
    assert (first["mailbox"], first["recognised_by"], bool(first["gone_at"])) == ("[Gmail]/All Mail", None, True)
    assert (second["mailbox"], second["uid"], second["gone_at"]) == ("[Gmail]/Trash", min(provider.boxes[TRASH]), None)
    assert (second["source"], second["recognised_by"]) == ("collector", f"X-GM-MSGID {numbers[0]}")
    assert second["internal_date"] == first["internal_date"] == "2026-07-17T00:44:25Z"
    assert house.collect() == 0, "its place is known now"
    row = house.archive.row(house.user)
    assert (row["listed"], row["archived"], row["octets_archived"]) == (6, 6, octets_of(letters))


def test_labels(house: House, provider: Provider) -> None:
    """Mailboxes that were chosen by name show the same messages: each is fetched once, within one run as well."""
    house.choose("mailboxes:INBOX,Projekte,[Gmail]/All Mail")
    letters = new_letters(30)
    for octets in letters:
        provider.deliver(octets, b"INBOX", b"Projekte")
    assert house.collect() == octets_of(letters)
    assert house.archive.digests() == sorted(map(digest, letters * 3))
    for name in ("INBOX", "Projekte", "[Gmail]/All Mail"):
        assert house.archive.digests(name) == sorted(map(digest, letters))


def test_two_messages_of_one_name(house: House, provider: Provider) -> None:
    """A server that lies: the length is not the known one, so the other message is fetched and kept."""
    first, second = new_letters(1)[0], new_letters(1)[0] + b"laenger"
    number = provider.deliver(first)
    assert house.collect() == len(first)
    provider.put(TRASH, second, number)
    provider.put(SPAM, first, number)
    assert house.collect() == len(second)
    assert house.archive.digests("[Gmail]/Trash") == [digest(second)]
    assert house.archive.digests("[Gmail]/Spam") == [digest(first)]


def test_lengths_that_lie(house: House, provider: Provider) -> None:
    """A wrong RFC822.SIZE, or none, costs a second fetch and nothing else."""
    letters = new_letters(2)
    for octets in letters:
        provider.deliver(octets)
    house.collect()
    for uid in list(provider.boxes[ALL]):
        provider.to_trash(provider.names[uid])
    wrong, none = provider.boxes[TRASH]
    provider.sizes = {wrong: 1, none: 0}
    assert house.collect() == octets_of(letters)
    assert house.archive.digests("[Gmail]/Trash") == sorted(map(digest, letters))


def test_read_by_a_mail_program(house: House, provider: Provider, tmp_path: Path) -> None:
    """What a client fetched from INBOX through the proxy is known in All Mail; what it did not, is fetched."""
    letters = new_letters(4)
    for octets in letters[:3]:
        provider.deliver(octets, b"INBOX")
    provider.deliver(letters[3])
    house.through_proxy(tmp_path, [b"SELECT INBOX", b"UID FETCH 1:* (UID FLAGS BODY.PEEK[])"], 3)
    assert house.collect() == len(letters[3])
    assert house.archive.digests("[Gmail]/All Mail") == sorted(map(digest, letters))
    assert {each["recognised_by"] for each in house.sightings(letters[0])} == {
        None, f"X-GM-MSGID {min(provider.names.values())}"
    }
    asked = provider.heard.count(b"EXAMINE INBOX")
    assert house.collect() == 0 and provider.heard.count(b"EXAMINE INBOX") == asked, "INBOX has nothing new to say"


def test_read_by_a_mail_program_while_the_collector_waits(house: House, provider: Provider, tmp_path: Path) -> None:
    """It idles on All Mail, and hears of a message that a client has read in INBOX: there the name is asked for."""
    provider.capabilities += b" IDLE"
    (octets,) = new_letters(1)
    with house.archive.steady():
        wait_until(lambda: bool(provider.idling), "the collector to idle")
        uid = provider.put(b"INBOX", octets)
        house.through_proxy(tmp_path, [b"SELECT INBOX", b"UID FETCH %d (UID BODY.PEEK[])" % uid], 1)
        before = provider.given_octets
        provider.put(ALL, octets, provider.names[uid])
        wait_until(lambda: house.archive.digests("[Gmail]/All Mail") == [digest(octets)], "the sighting")
    assert provider.given_octets == before == len(octets)


def filed(octets: bytes) -> list[bytes]:
    return [b"APPEND INBOX {%d+}\r\n%s" % (len(octets), octets)]


def test_filed_by_a_mail_program(house: House, provider: Provider, tmp_path: Path) -> None:
    """An APPEND whose octets upstream kept is not fetched; the sighting says that it goes by APPENDUID."""
    provider.capabilities, provider.gmail = PLAIN + b" UIDPLUS", False
    (octets,) = new_letters(1)
    house.through_proxy(tmp_path, filed(octets), 1)
    place = Place(account=house.user, mailbox="INBOX", uidvalidity=9)
    with house.archive.engine.connect() as conn:
        assert seen(conn, place) == [] and appended(conn, place)[101].size_octets == len(octets)
    assert house.collect() == 0
    with house.archive.engine.connect() as conn:
        assert seen(conn, place) == [(101, 101)] and appended(conn, place) == {}
    first, second = house.sightings(octets)
    assert (first["source"], first["recognised_by"], first["answer_uid"]) == ("append", None, 101)
    assert (second["source"], second["recognised_by"], second["uid"]) == ("collector", "APPENDUID", 101)
    before = len(provider.heard)
    assert house.collect() == 0
    assert not [words for words in provider.heard[before:] if b"RFC822.SIZE" in words], "it is settled"


def test_filed_and_stored_otherwise(house: House, provider: Provider, tmp_path: Path) -> None:
    """Exchange serialises anew: what it has now is fetched, and stands beside what was sent."""
    provider.capabilities, provider.gmail = PLAIN + b" UIDPLUS", False
    provider.rewrites = lambda octets: octets + b"X"
    (octets,) = new_letters(1)
    house.through_proxy(tmp_path, filed(octets), 1)
    assert house.collect() == len(octets) + 1
    assert house.archive.digests("INBOX") == sorted([digest(octets), digest(octets + b"X")])
    assert house.collect() == 0


def test_filed_and_gone_before_anybody_looked(house: House, provider: Provider, tmp_path: Path) -> None:
    """It was archived on its way in: it has vanished, and is no gap."""
    provider.capabilities, provider.gmail = PLAIN + b" UIDPLUS", False
    house.collect()
    (octets,) = new_letters(1)
    house.through_proxy(tmp_path, filed(octets), 1)
    provider.boxes[b"INBOX"].clear()
    house.collect()
    assert house.archive.gaps() == [] and house.archive.vanished() == 1


def test_a_body_without_an_octet(house: House, provider: Provider, tmp_path: Path) -> None:
    """What a mail program got is archived as it came, and stands for nothing: the message is fetched later."""
    provider.capabilities, provider.gmail = PLAIN, False
    (octets,) = new_letters(1)
    uid = provider.put(b"INBOX", b"")
    house.through_proxy(tmp_path, [b"SELECT INBOX", b"UID FETCH 1:* (UID BODY.PEEK[])"], 1)
    assert house.archive.digests("INBOX") == [digest(b"")]
    place = Place(account=house.user, mailbox="INBOX", uidvalidity=9)
    with house.archive.engine.connect() as conn:
        assert seen(conn, place) == [] and sighted(conn, place) == []
    provider.boxes[b"INBOX"][uid] = octets
    assert house.collect() == len(octets)
    assert house.archive.digests("INBOX") == sorted([digest(b""), digest(octets)])
    assert house.collect() == 0
    with house.archive.engine.connect() as conn:
        assert seen(conn, place) == sighted(conn, place) == [(uid, uid)]


def test_a_message_that_is_empty(house: House, provider: Provider, tmp_path: Path) -> None:
    """The collector sees its length, once."""
    provider.capabilities, provider.gmail = PLAIN, False
    uid = provider.put(b"INBOX", b"")
    house.through_proxy(tmp_path, [b"SELECT INBOX", b"UID FETCH 1:* (UID BODY.PEEK[])"], 1)
    house.collect()
    place = Place(account=house.user, mailbox="INBOX", uidvalidity=9)
    with house.archive.engine.connect() as conn:
        assert seen(conn, place) == sighted(conn, place) == [(uid, uid)]
    before = len(provider.heard)
    house.collect()
    assert not [words for words in provider.heard[before:] if b"FETCH" in words and b"BODY" in words]


ONE, OTHER, LONGER = Candidate(1, 10), Candidate(2, 10), Candidate(3, 11)


@pytest.mark.parametrize(
    ("said", "named", "appended", "hit"),
    [
        (Described(size_octets=10, identity="n"), [ONE], None, (1, "n")),
        (Described(size_octets=10, identity="n"), [LONGER, ONE], None, (1, "n")),
        (Described(size_octets=10, identity="n"), [ONE, OTHER], None, None),
        (Described(size_octets=12, identity="n"), [ONE, LONGER], None, None),
        (Described(size_octets=0, identity="n"), [Candidate(1, 0)], Candidate(1, 0), None),
        (Described(size_octets=10), [], ONE, (1, APPENDUID)),
        (Described(size_octets=10), [], LONGER, None),
        (Described(size_octets=11, identity="n"), [LONGER], ONE, (3, "n")),
    ],
)  # fmt: skip
def test_by_what_a_message_is_known(
    said: Described, named: list[Candidate], appended: Candidate | None, hit: tuple[int, str] | None
) -> None:
    """The name and the length, or the place and the length; never one alone, never one of two."""
    assert match(said, named, appended) == hit
