"""Whether all that the provider has is here: told from what a real collector found, in words that are true."""

import itertools
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from collecting import Collecting, collecting, letter
from collecting_upstream import Upstream, upstream
from sqlalchemy import update

from postbuch.archive import audit, collect_backoff, collect_choice, completeness, database
from postbuch.archive.collect_backoff import Trouble
from postbuch.archive.completeness import Standing, Verdict
from postbuch.archive.config import Config
from postbuch.archive.database import Role
from postbuch.archive.schema import account, collect_account
from provider.dovecot import Dovecot

PASSWORD = "geheim"
NUMBERS = itertools.count()
USERS = [f"voll{number}@firma.example" for number in range(5)]


@pytest.fixture(scope="module")
def server() -> Iterator[Dovecot]:
    """Mailboxes of our own: each test takes a user."""
    passwords = dict.fromkeys(USERS, PASSWORD)
    with tempfile.TemporaryDirectory(prefix="postbuch-voll-") as name, Dovecot(Path(name), passwords) as made:
        yield made


@pytest.fixture
def user(server: Dovecot) -> str:
    """Somebody with three messages in INBOX and two in Archiv."""
    name = USERS[next(NUMBERS)]
    for mailbox, count in (("INBOX", 3), ("Archiv", 2)):
        server.fill(name, mailbox, [(letter(number), 1_700_000_000 + number, "S") for number in range(count)])
    return name


@pytest.fixture
def archive(mariadb: Config, server: Dovecot) -> Iterator[Collecting]:
    with collecting(mariadb, server.imap_port) as made:
        yield made


def standing(archive: Collecting, address: str) -> Standing:
    """What is said of the account, by the user that the web pages have."""
    with database.connection(archive.config, Role.WEB) as conn:
        return next(each for each in completeness.look(conn) if each.account == address)


def test_complete(archive: Collecting, user: str, server: Dovecot) -> None:
    """Counts per mailbox, INBOX first; what somebody removes at the provider stays here and is counted as such."""
    archive.account(user, PASSWORD)
    before = standing(archive, user)
    assert (before.verdict, before.boxes, before.sentence) == (Verdict.UNKNOWN, (), "")
    archive.once()
    found = standing(archive, user)
    assert (found.verdict, found.messages, found.archived, found.missing) == (Verdict.COMPLETE, 5, 5, 0)
    full = [(box.name, box.upstream, box.archived, box.gone) for box in found.boxes if box.upstream]
    assert full == [("INBOX", 3, 3, 0), ("Archiv", 2, 2, 0)]
    assert found.sentence == "" and found.lag is not None and found.lag < timedelta(minutes=5)
    for path in server.maildir(user).glob("cur/*"):
        path.unlink()
        break
    archive.once()
    inbox = standing(archive, user).boxes[0]
    assert (inbox.upstream, inbox.archived, inbox.gone, inbox.verdict) == (2, 2, 1, Verdict.COMPLETE)
    told = standing(archive, user).as_json()
    assert (told["verdict"], told["missing"], told["mailboxes"][0]["gone"]) == ("complete", 0, 1)


def test_what_people_chose_is_no_fault(archive: Collecting, user: str) -> None:
    """Left out, paused, nothing at all: shown with who chose it, and never a warning."""
    number = archive.account(user, PASSWORD)
    with database.connection(archive.config, Role.OWNER) as conn:
        collect_choice.exclude(conn, number, ["Archiv"], "chef@firma.example")
    archive.once()
    found = standing(archive, user)
    assert (found.verdict, [box.name for box in found.boxes if box.upstream]) == (Verdict.COMPLETE, ["INBOX"])
    assert "Archiv" not in [box.name for box in found.boxes]
    assert [(each.name, each.by) for each in found.exclusions] == [("Archiv", "chef@firma.example")]
    with database.connection(archive.config, Role.OWNER) as conn:
        collect_choice.pause(conn, [number], "chef@firma.example")
    assert (standing(archive, user).verdict, standing(archive, user).sentence) == (Verdict.PAUSED, "")
    with database.connection(archive.config, Role.OWNER) as conn:
        collect_choice.resume(conn, [number])
        conn.execute(update(account).where(account.c.id == number).values(archive="none"))
    assert (standing(archive, user).verdict, standing(archive, user).sentence) == (Verdict.LEFT_OUT, "")


def test_too_long_ago(archive: Collecting, user: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Complete once, and then for too long not looked at: said, with the moment."""
    archive.account(user, PASSWORD)
    archive.once()
    monkeypatch.setattr(completeness, "LATE_AFTER", timedelta(0))
    found = standing(archive, user)
    assert found.verdict is Verdict.LATE
    assert found.sentence.startswith(f"{user}: was not found complete since 20")


def test_complete_by_a_clock_that_was_ahead(archive: Collecting, user: str) -> None:
    """Found complete next year, as the clock said then; the provider cannot be had since: that is told."""
    number = archive.account(user, PASSWORD)
    archive.once()
    ahead = {"finished_at": audit.now() + timedelta(days=365)}
    with database.connection(archive.config, Role.OWNER) as conn:
        conn.execute(update(collect_account).where(collect_account.c.account_id == number).values(ahead))
    assert standing(archive, user).verdict is Verdict.WORKING
    archive.account(user, "falsch")
    archive.once()
    found = standing(archive, user)
    assert (found.verdict, found.complete_at) == (Verdict.LATE, None) and "AUTHENTICATIONFAILED" in found.sentence


def test_wrong_password(archive: Collecting, user: str) -> None:
    """Never complete, and it cannot become so: the provider's reason is in the sentence."""
    archive.account(user, "falsch")
    archive.once()
    found = standing(archive, user)
    assert (found.verdict, found.complete_at) == (Verdict.LATE, None)
    assert found.sentence.startswith(f"{user}: was not found complete yet; ")
    assert "AUTHENTICATIONFAILED" in found.sentence


@pytest.fixture
def liar() -> Iterator[Upstream]:
    """An upstream that says and does what it is told."""
    with upstream() as made:
        made.messages = {number: letter(number) for number in range(1, 11)}
        yield made


def test_missing(mariadb: Config, liar: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the provider lists and does not give out is missing: by name and number, and only as long as it is so."""
    monkeypatch.setattr(collect_backoff, "_PAUSES", dict.fromkeys(Trouble, (0.1, 0.1)))
    liar.withheld = frozenset({3, 7})
    with collecting(mariadb, liar.port) as archive:
        address = "fehlt@firma.example"
        archive.account(address, PASSWORD)
        archive.once()
        found = standing(archive, address)
        assert (found.verdict, found.messages, found.archived, found.gaps) == (Verdict.MISSING, 10, 8, 2)
        assert found.boxes[0].failure.endswith("(UID 3,7)")
        assert found.sentence == f"{address}: 2 of 10 messages are not archived (INBOX)"
        liar.withheld = frozenset()
        liar.messages[11] = letter(11)
        archive.once()
        whole = standing(archive, address)
        assert (whole.verdict, whole.messages, whole.archived, whole.sentence) == (Verdict.COMPLETE, 11, 11, "")
        assert completeness.summary([found, whole]) == found.sentence
        assert completeness.summary([found] * 3, most=1) == f"{found.sentence}; and 2 more accounts"
