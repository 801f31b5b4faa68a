"""What `postbuch show` tells of a message whose mailbox changed under it: each sighting, one image, nothing lost."""

import imaplib
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from collecting import Collecting, collecting, letter

from postbuch.archive import database
from postbuch.archive.config import load
from postbuch.archive.search import search
from postbuch.archive.users import ALL
from provider.dovecot import Dovecot
from provider.instance import Postbuch, write_config

USER, PASSWORD = "story@firma.example", "geheim"
ARRIVED = 1_700_000_000


@pytest.fixture(scope="module")
def server() -> Iterator[Dovecot]:
    with tempfile.TemporaryDirectory(prefix="postbuch-story-") as name, Dovecot(Path(name), {USER: PASSWORD}) as made:
        yield made


@pytest.fixture(scope="module")
def postbuch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postbuch]:
    """An installation of which only the database runs."""
    made = Postbuch(write_config(
        tmp_path_factory.mktemp("story"), imap="imap://127.0.0.1:9", submission="smtp://127.0.0.1:9", ca_files=[]
    ))  # fmt: skip
    made.initialise()
    with database.running(load(made.config_file)):
        yield made


@pytest.fixture(scope="module")
def archive(postbuch: Postbuch, server: Dovecot) -> Iterator[Collecting]:
    """Its collector, which looks when it is told to."""
    with collecting(load(postbuch.config_file), server.imap_port) as made:
        made.account(USER, PASSWORD)
        yield made


def mail(server: Dovecot) -> imaplib.IMAP4:
    """A mail program that goes straight to the provider."""
    made = imaplib.IMAP4("127.0.0.1", server.imap_port, timeout=60)
    made.login(USER, PASSWORD)
    return made


def number_of(archive: Collecting, number: int) -> str:
    with archive.engine.connect() as conn:
        (found,) = search(conn, f'subject:"Nummer {number}"', ALL).rows
    return str(found["id"])


def told(postbuch: Postbuch, letter_number: str) -> list[str]:
    """`show` of the letter: its lines that say where it was seen."""
    return [line for line in postbuch.command("show", letter_number).splitlines() if "UIDVALIDITY" in line]


def test_what_happened_is_told(postbuch: Postbuch, archive: Collecting, server: Dovecot) -> None:
    """Another UIDVALIDITY, a mailbox made anew under its name, a message removed and appended again."""
    server.fill(USER, "INBOX", [(letter(1), ARRIVED, "S"), (letter(2), ARRIVED + 1, "S")])
    server.fill(USER, "Projekt", [(letter(3), ARRIVED, "S")])
    archive.once()

    (server.maildir(USER) / "dovecot-uidlist").unlink()
    for path in server.maildir(USER).glob("dovecot.index*"):
        path.unlink()
    with mail(server) as straight:
        straight.delete("Projekt")
    time.sleep(1.1)  # UIDVALIDITY is the time in seconds
    with mail(server) as straight:
        straight.create("Projekt")
        straight.append("Projekt", "", imaplib.Time2Internaldate(ARRIVED), letter(3))
    archive.once()

    with mail(server) as straight:
        straight.select("INBOX")
        straight.uid("STORE", "2", "+FLAGS", "(\\Deleted)")
        straight.expunge()
    archive.once()
    with mail(server) as straight:
        straight.append("INBOX", "", imaplib.Time2Internaldate(ARRIVED), letter(2))
    archive.once()

    facts = [json.loads(postbuch.command("show", number_of(archive, number), "--json")) for number in (1, 2, 3)]
    assert [len(shown["images"]) for shown in facts] == [1, 1, 1], "no second image"
    first, second, third = ([
        (each["mailbox"], each["uidvalidity"], each["uid"], bool(each["gone_at"])) for each in shown["sightings"]
    ] for shown in facts)  # fmt: skip
    before, after = first[0][1], first[1][1]
    assert first == [("INBOX", before, 1, False), ("INBOX", after, 1, False)] and before != after
    assert second == [
        ("INBOX", before, 2, False), ("INBOX", after, 2, True), ("INBOX", after, 3, False)
    ]  # fmt: skip
    assert [each[0] for each in third] == ["Projekt", "Projekt"] and third[0][1] != third[1][1]
    lines = told(postbuch, number_of(archive, 2))
    assert len(lines) == 3
    assert f"UIDVALIDITY {before} UID 2" in lines[0] and "gone" not in lines[0]
    assert f"UIDVALIDITY {after} UID 2" in lines[1] and "it was gone from there at" in lines[1]
    assert f"UIDVALIDITY {after} UID 3" in lines[2] and "gone" not in lines[2]


def test_mailbox_that_goes_is_told(postbuch: Postbuch, archive: Collecting, server: Dovecot) -> None:
    """Its messages stay here, and `show` says that they were in it."""
    server.fill(USER, "Weg", [(letter(9), ARRIVED, "S")])
    archive.once()
    with mail(server) as straight:
        straight.delete("Weg")
    archive.once()
    (line,) = told(postbuch, number_of(archive, 9))
    assert "the mailbox was gone at" in line
