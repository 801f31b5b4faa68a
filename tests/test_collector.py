"""The collector in front of a real Dovecot: complete, nothing twice, what others do behind our back is on record."""

import contextlib
import imaplib
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from collecting import Collecting, collecting, digest, letter

from postbuch.archive import collect_answers
from postbuch.archive.collect_connection import LogIn
from postbuch.archive.collect_work import Work
from postbuch.archive.config import Config
from postbuch.archive.errors import PostbuchError, ServiceMissing
from provider.dovecot import Dovecot
from provider.ports import wait_until

PASSWORD = "geheim"
USERS = {f"{name}@firma.example": PASSWORD for name in ("one", "two", "three", "four", "five", "six", "seven")}
ARRIVED = 1_700_000_000


@pytest.fixture(scope="module")
def server() -> Iterator[Dovecot]:
    """Mailboxes of our own: each test takes a user."""
    with tempfile.TemporaryDirectory(prefix="postbuch-collect-") as name, Dovecot(Path(name), USERS) as made:
        yield made


@pytest.fixture
def archive(mariadb: Config, server: Dovecot) -> Iterator[Collecting]:
    """An archive in front of the provider; each test sees its own account."""
    with collecting(mariadb, server.imap_port) as made:
        yield made


@contextlib.contextmanager
def client(server: Dovecot, user: str, mailbox: str = "INBOX") -> Iterator[imaplib.IMAP4]:
    """A mail program that goes straight to the provider."""
    with imaplib.IMAP4("127.0.0.1", server.imap_port, timeout=60) as made:
        made.login(user, PASSWORD)
        made.select(mailbox)
        yield made


def fill(server: Dovecot, user: str, mailbox: str, messages: list[bytes]) -> list[str]:
    server.fill(user, mailbox, [(octets, ARRIVED + number, "S") for number, octets in enumerate(messages)])
    return sorted(map(digest, messages))


def test_everything_once(archive: Collecting, server: Dovecot, monkeypatch: pytest.MonkeyPatch) -> None:
    """All mailboxes with their names, large messages in parts; a second run fetches nothing."""
    monkeypatch.setattr(collect_answers, "PART_OCTETS", 100_000)
    monkeypatch.setattr("postbuch.archive.collect_imap.PART_OCTETS", 100_000)
    user = "one@firma.example"
    sizes = [0, 99_000, 100_000 - len(letter(2)), 250_000, 1_000_000]
    inbox = fill(server, user, "INBOX", [letter(number, size) for number, size in enumerate(sizes)])
    other = fill(server, user, "Pr&APw-fung", [letter(100 + number) for number in range(450)])
    owner = archive.account(user, PASSWORD)
    archive.once()
    assert archive.digests("INBOX") == inbox
    assert archive.digests("Prüfung") == other
    row = archive.row(user)
    assert (row["state"], row["failure"], row["listed"], row["archived"]) == ("idle", "", 455, 455)
    assert row["total_fetched"] == 455 and row["finished_at"] is not None
    received, kept = int(str(row["octets_received"])), int(str(row["octets_archived"]))
    assert kept == sum(len(letter(number, size)) for number, size in enumerate(sizes)) + sum(
        len(letter(100 + number)) for number in range(450)
    )
    assert received - kept < 455 * 200 + 10_000, "what upstream sends besides the messages"
    archive.once()
    again = archive.row(user)
    assert again["total_fetched"] == 455
    assert int(str(again["octets_received"])) - received < 5000, "nothing is asked for that is known"
    assert owner in archive.passwords and not archive.gaps() and not archive.vanished()


def test_what_others_do(archive: Collecting, server: Dovecot) -> None:
    """Removed, moved, delivered and removed again, renamed, deleted mailboxes: each has its trace."""
    user = "two@firma.example"
    fill(server, user, "INBOX", [letter(number) for number in range(10)])
    fill(server, user, "Alt", [letter(100 + number) for number in range(5)])
    archive.account(user, PASSWORD)
    archive.once()
    with client(server, user) as mail:
        mail.uid("STORE", "3,5", "+FLAGS", "(\\Deleted)")
        mail.expunge()
        mail.create("Neu")
        mail.uid("MOVE", "7", "Neu")
        mail.append("INBOX", "", imaplib.Time2Internaldate(ARRIVED), letter(50))
        mail.append("INBOX", "", imaplib.Time2Internaldate(ARRIVED), letter(51))
        mail.uid("STORE", "11", "+FLAGS", "(\\Deleted)")
        mail.expunge()
        mail.rename("Alt", "Umbenannt")
    archive.once()
    row = archive.row(user)
    assert row["failure"] == "" and row["listed"] == row["archived"] == 8 + 1 + 5
    assert archive.vanished() == 3 + 5, "three of INBOX, and the mailbox that was renamed"
    assert len(archive.gaps()) == 1 and "UID 11" in archive.gaps()[0]
    assert digest(letter(51)) in archive.digests("INBOX")
    assert archive.digests("Neu") == [digest(letter(6))]
    assert archive.digests("Umbenannt") == archive.digests("Alt")
    with client(server, user) as mail:
        mail.delete("Umbenannt")
    archive.once()
    assert archive.vanished() == 3 + 5 + 5 and len(archive.gaps()) == 1


def test_another_uidvalidity(archive: Collecting, server: Dovecot) -> None:
    """Everything is read again under the new UIDs, and no image comes twice."""
    user = "three@firma.example"
    digests = fill(server, user, "INBOX", [letter(number) for number in range(20)])
    archive.account(user, PASSWORD)
    archive.once()
    (server.maildir(user) / "dovecot-uidlist").unlink()
    for path in server.maildir(user).glob("dovecot.index*"):
        path.unlink()
    time.sleep(1.1)  # UIDVALIDITY is the time in seconds
    archive.once()
    assert archive.digests("INBOX") == sorted(digests * 2), "two sightings of each"
    assert len(set(archive.digests("INBOX"))) == 20
    assert archive.vanished() == 0, "old UIDs mean nothing any more"
    assert archive.row(user)["listed"] == 20


def test_steady_state(archive: Collecting, server: Dovecot) -> None:
    """What is delivered behind our back is found by a search within 3 seconds; what is removed is noticed."""
    user = "four@firma.example"
    archive.account(user, PASSWORD)
    fill(server, user, "INBOX", [letter(number) for number in range(3)])
    with archive.steady():
        wait_until(lambda: archive.row(user)["state"] == "idle", "the first sync", patience_s=60)
        slowest = 0.0
        for number in range(10, 15):
            began = time.monotonic()
            with client(server, user) as mail:
                mail.append("INBOX", "", imaplib.Time2Internaldate(ARRIVED), letter(number))
            wait_until(lambda n=number: archive.finds(f'subject:"Nummer {n}"'), "the message", patience_s=30)  # type: ignore[misc]
            slowest = max(slowest, time.monotonic() - began)
        assert slowest < 3.0
        with client(server, user) as mail:
            mail.uid("STORE", "2", "+FLAGS", "(\\Deleted)")
            mail.expunge()
        wait_until(lambda: archive.vanished() == 1, "the removal", patience_s=30)
    assert archive.gaps() == []


def test_trouble_ends_without_a_credential(archive: Collecting) -> None:
    """The database is away while a credential is looked for; that there is still none is no trouble (invariant 8)."""
    number = archive.account("ohne@firma.example", "")
    answers: list[PostbuchError | None] = [None, ServiceMissing("the database does not answer"), None]

    def log_in(_: int) -> LogIn | None:
        found = answers.pop(0)
        if found is not None:
            raise found
        return None

    collector = archive.collector(log_in=log_in)
    [owner] = [each for each in collector._rows.owners() if each.id == number]
    work = Work(owner, archive.provider, collector._means)
    said = []
    for _ in range(3):
        work.step()
        said.append(work.failure)
    assert said == ["", "the database does not answer", ""]
    assert work.without_credential
