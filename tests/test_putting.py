"""Mail goes back to a real Dovecot: the same octets, flags, INTERNALDATE and tree; never twice, whatever breaks off."""

import hashlib
import imaplib
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import USERS, MakeConfig
from sqlalchemy import func, select

from postbuch.archive import accounts, database, export, letters, mailboxname, putting
from postbuch.archive.collect_connection import UpstreamTrouble
from postbuch.archive.config import load
from postbuch.archive.database import Role
from postbuch.archive.importer import import_paths
from postbuch.archive.ingest import Ingester
from postbuch.archive.objects import ObjectStore
from postbuch.archive.parser import Parser
from postbuch.archive.put_session import PutSession
from postbuch.archive.putting import Put, Putting
from postbuch.archive.record import Record
from postbuch.archive.schema import image, sighting
from postbuch.archive.setup import initialise
from postbuch.certs.trust import client_context
from provider.archive import message_record
from provider.collector import Password
from provider.corpus import corpus_folder
from provider.dovecot import Dovecot
from provider.instance import Postbuch

EVA, FRANK = "eva@firma.example", "frank@firma.example"
LARGE = b"Subject: large\r\n\r\n" + b"0123456789abcde\r\n" * 550_000  # more than is asked for at a time
MAIL = {
    number: f"From: a@x.example\r\nTo: {EVA}\r\nSubject: Nr {number}\r\n\r\nText {number}\r\n".encode()
    for number in range(30)
}
BARE = b"From: a@x.example\nSubject: bare\n\nLine\nfeeds\n"
NUL = b"From: a@x.example\r\nSubject: NUL\r\n\r\na\0b\r\n"


def records() -> list[Record]:
    """Eva's mailboxes as they were."""
    found = [
        message_record(
            octets, account=EVA, mailbox="INBOX", uid=number + 1, uidvalidity=7,
            flags=["\\Seen", "$Label1"] if number % 2 else [],
            internal_date=f"2026-11-{number % 28 + 1:02}T08:00:00+01:00",
        )
        for number, octets in MAIL.items()
    ]  # fmt: skip
    found += [
        message_record(octets, account=EVA, mailbox="Projekte/Über & unter", mailbox_utf8=True, flags=["\\Deleted"])
        for octets in (MAIL[0], LARGE)
    ]
    found += [message_record(octets, account=EVA, mailbox="Schwierig") for octets in (BARE, NUL)]
    found += [message_record(MAIL[1] + b"sent\r\n", account=EVA, source="submission", mailbox=None)]
    return found


class Eva:
    """An archive with Eva's mail, and means to put it back."""

    def __init__(self, config: Any, engine: Any, work: Ingester) -> None:
        self.config, self.engine, self.work = config, engine, work
        with engine.begin() as conn:
            self.number = accounts.find_account(conn, EVA) or 0

    def session(self) -> PutSession:
        served = self.config.upstream_for(FRANK)
        return PutSession(
            served.imap_endpoint, client_context(served.ca_file), Password(user=FRANK, password=USERS[FRANK])
        )

    def put(self, prefix: str, query: str = "", limit: int | None = None) -> list[Put]:
        """Into Frank's account; broken off after `limit` results."""
        with self.engine.connect() as conn:
            boxes = putting.plan(conn, export.find(conn, query, frozenset({self.number})), self.number)
        session = self.session()
        try:
            work = Putting(
                self.config, self.engine, self.work, session, account=FRANK, upstream="provider", prefix=prefix
            )
            done = []
            for one in work.run(boxes, self.number, EVA):
                done.append(one)
                if len(done) == limit:
                    break
            return done
        finally:
            session.close()


@pytest.fixture(scope="module")
def eva(tmp_path_factory: pytest.TempPathFactory, make_config: MakeConfig) -> Iterator[Eva]:
    config = load(make_config(tmp_path_factory.mktemp("put")))
    initialise(config)
    with database.running(config):
        engine = database.engine(config, Role.INGEST)
        with Parser() as parser:
            work = Ingester(engine, ObjectStore(config.data), parser)
            work.ingest(records())
            yield Eva(config, engine, work)
        engine.dispose()


def there(dovecot: Dovecot, prefix: str, user: str = FRANK) -> dict[str, list[tuple[str, str, str]]]:
    """What Dovecot has below a prefix: mailbox → digest, flags, INTERNALDATE of each message."""
    found: dict[str, list[tuple[str, str, str]]] = {}
    with imaplib.IMAP4("localhost", dovecot.imap_port) as client:
        client.login(user, USERS[user])
        _, names = client.list(f'"{prefix}/"', "*")
        for line in (each for each in names if isinstance(each, bytes) and b"\\Noselect" not in each):
            wire = line.decode().rpartition(' "/" ')[2].strip('"')
            client.select(f'"{wire}"', readonly=True)
            _, data = client.fetch("1:*", "(FLAGS INTERNALDATE BODY.PEEK[])")
            name = mailboxname.readable(wire).removeprefix(f"{prefix}/")
            for item in (each for each in data if isinstance(each, tuple)):
                flags = re.search(rb"FLAGS \(([^)]*)\)", item[0])
                date = re.search(rb'INTERNALDATE "([^"]*)"', item[0])
                assert flags is not None and date is not None
                found.setdefault(name, []).append(
                    (hashlib.sha256(item[1]).hexdigest(), flags[1].decode(), date[1].decode())
                )
    return found


def digest(octets: bytes) -> str:
    return hashlib.sha256(octets).hexdigest()


def test_octets_flags_dates_and_tree(eva: Eva, dovecot: Dovecot) -> None:
    """Invariant 1: upstream has the SHA-256 of the archive, in the same mailboxes; what cannot be, is told."""
    done = eva.put("Zurück")
    assert Counter(each.result for each in done) == {"put": 33, "altered": 1, "refused": 1}
    told = {each.sha256: each.reason for each in done if each.reason}
    assert "other octets" in told[digest(BARE)] and "NUL" in told[digest(NUL)]
    found = there(dovecot, "Zur&APw-ck")
    found = {name.removeprefix("Zurück/"): messages for name, messages in found.items()}
    assert sorted(each[0] for each in found["INBOX"]) == sorted(map(digest, MAIL.values()))
    assert sorted(each[0] for each in found["Projekte/Über & unter"]) == sorted([digest(MAIL[0]), digest(LARGE)])
    assert [each[0] for each in found["Sent"]] == [digest(MAIL[1] + b"sent\r\n")] and len(found["Schwierig"]) == 1
    by_digest = {each[0]: each for each in found["INBOX"]}
    _, flags, date = by_digest[digest(MAIL[3])]
    assert set(flags.split()) - {"\\Recent"} == {"\\Seen", "$Label1"} and date == "04-Nov-2026 07:00:00 +0000"
    assert "\\Deleted" not in found["Projekte/Über & unter"][0][1]


def test_never_twice(eva: Eva, dovecot: Dovecot) -> None:
    """Run again, everything is there; what a person removed at upstream comes back, and nothing else."""
    eva.put("Zweimal")
    before = there(dovecot, "Zweimal")
    again = eva.put("Zweimal")
    assert Counter(each.result for each in again) == {"there": 34, "refused": 1}
    with imaplib.IMAP4("localhost", dovecot.imap_port) as client:
        client.login(FRANK, USERS[FRANK])
        client.select("Zweimal/INBOX")
        client.store("3", "+FLAGS", "(\\Deleted)")
        client.expunge()
    assert Counter(each.result for each in eva.put("Zweimal")) == {"put": 1, "there": 33, "refused": 1}
    after = there(dovecot, "Zweimal")
    assert {name: sorted(each[0] for each in messages) for name, messages in before.items()} == {
        name: sorted(each[0] for each in messages) for name, messages in after.items()
    }  # fmt: skip


def test_broken_off_anywhere(eva: Eva, dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch) -> None:
    """A break between upstream's OK and our writing it down, and one in the middle of a batch: each is there once."""
    kill = RuntimeError("killed")

    def die(*_: object) -> Any:
        raise kill

    with monkeypatch.context() as patched:
        patched.setattr(Putting, "_write_down", die)
        with pytest.raises(RuntimeError):
            eva.put("Bruch")
    assert sum(map(len, there(dovecot, "Bruch").values())) == 20
    assert len(eva.put("Bruch", limit=25)) == 25
    eva.put("Bruch")
    found = there(dovecot, "Bruch")
    assert sorted(each[0] for each in found["INBOX"]) == sorted(map(digest, MAIL.values()))
    with monkeypatch.context() as patched:  # upstream goes away
        append = PutSession.append

        def cut(self: PutSession, *words: Any) -> Any:
            self.cut()
            return append(self, *words)

        patched.setattr(PutSession, "append", cut)
        with pytest.raises(UpstreamTrouble, match="broke off"):
            eva.put("Weg")


def test_it_is_on_the_books(eva: Eva) -> None:
    """Invariant 5: what was put is a sighting with its mailbox, of an image that was known."""
    with eva.engine.connect() as conn:
        before = conn.scalar(select(func.count()).select_from(image))
    done = eva.put("Bücher", "subject:Nr")
    with eva.engine.connect() as conn:
        assert conn.scalar(select(func.count()).select_from(image)) == before
        frank = accounts.find_account(conn, FRANK)
        query = select(func.count()).where(sighting.c.account_id == frank, sighting.c.source == "append")
        assert (conn.scalar(query) or 0) >= len(done) > 30


@pytest.mark.timeout(600)
def test_the_corpus(eva: Eva, dovecot: Dovecot) -> None:
    """Every message of the corpus that IMAP can carry as it is comes back from Dovecot with its digest."""
    with eva.engine.begin() as conn:
        before = {each.hex() for each in conn.scalars(select(image.c.sha256))}
    list(import_paths(eva.config, [corpus_folder()], EVA, "Korpus"))
    done = {each.sha256: each for each in eva.put("Korpus", "mailbox:Korpus") if each.mailbox.endswith("/Korpus")}
    assert len(done) > 100 and set(done) - before
    results = Counter(each.result for each in done.values())
    found = {each[0] for each in there(dovecot, "Korpus")["Korpus"]}
    assert {sha256 for sha256, each in done.items() if each.result == "put"} <= found
    with eva.engine.connect() as conn:
        for row in conn.execute(select(image.c.id, image.c.sha256)):
            each = done.get(row.sha256.hex())
            if each is not None and each.result == "altered":
                octets = letters.octets(conn, eva.config, row.id)
                plain = octets.replace(b"\r\n", b"")
                assert b"\n" in plain or b"\r" in plain or not octets.strip(), "it was altered without need"
    assert results["put"] > 400 and results["refused"] < 10, results


def test_the_command(tmp_path: Path, make_config: MakeConfig, dovecot: Dovecot) -> None:
    """By the stored password, with a result a line; wrong use is one sentence."""
    house = Postbuch(make_config(tmp_path))
    house.initialise()
    file, password = tmp_path / "one.eml", tmp_path / "password"
    file.write_bytes(MAIL[5])
    password.write_text(USERS[FRANK])
    with database.running(house.config):
        house.command("import", str(file), "--account", FRANK, "--mailbox", "Alt")
        with pytest.raises(AssertionError, match=r"no password of frank@firma\.example"):
            house.command("put", "Nr", "--account", FRANK)
        with pytest.raises(AssertionError, match="elsewhere"):
            house.command("put", "Nr", "--account", "frank@elsewhere.example")
        house.command("account", "store", FRANK, "--password-file", str(password))
        said = house.command("put", "Nr", "--account", FRANK, "--mailbox", "Befehl", "--json")
        assert [json.loads(line)["result"] for line in said.splitlines()] == ["put"]
        assert house.command("put", "Nr", "--account", FRANK, "--mailbox", "Befehl") == ""
    assert there(dovecot, "Befehl")["Alt"][0][0] == digest(MAIL[5])
