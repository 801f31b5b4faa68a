"""`auth = "stored"`: people log in with a password of Postbuch's own and never know the mailbox's, alone or several.

A whole Postbuch in front of a real Dovecot and a submission server, set up by commands as an admin does it.
"""

import contextlib
import imaplib
import json
import smtplib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from postbuch.archive import logins
from postbuch.archive.database import Role, connection
from postbuch.archive.schema import audit_event, sighting
from postbuch.certs.trust import client_context
from provider.dovecot import Dovecot
from provider.instance import Postbuch, write_config
from provider.ports import wait_until
from provider.sink import Sink

ANNA, BERND, INFO, LEER = (f"{name}@firma.example" for name in ("anna", "bernd", "info", "leer"))
# What the provider knows, and what people know; nobody of them knows the provider's.
THEIRS = {ANNA: "provider-anna", INFO: "provider-info", LEER: "provider-leer"}
OURS = {ANNA: "Postbuch-anna-1", BERND: "Postbuch-bernd-1"}
AS_ANNA, AS_BERND = f"{INFO}*{ANNA}", f"{INFO}*{BERND}"
MAIL = b"From: a@firma.example\r\nTo: b@firma.example\r\nSubject: geteilt\r\n\r\nText\r\n"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Postbuch, Dovecot, Sink]]:
    folder = tmp_path_factory.mktemp("stored")
    with (
        tempfile.TemporaryDirectory(prefix="postbuch-stored-") as name, Dovecot(Path(name), THEIRS) as server,
        Sink(folder / "sink", THEIRS) as sink,
    ):
        file = write_config(
            folder / "postbuch", imap=f"imaps://localhost:{server.imaps_port}",
            submission=f"smtps://localhost:{sink.smtps_port}", ca_files=[server.ca_file, sink.ca_file],
        )  # fmt: skip
        file.write_text(file.read_text() + 'auth = "stored"\n')
        made = Postbuch(file)
        made.initialise()
        with made:
            for login, password in OURS.items():
                made.command("user", "add", login, "--password-file", secret(made, password))
            for address in (ANNA, INFO):
                made.command("account", "store", address, "--password-file", secret(made, THEIRS[address]))
            made.command("account", "add", LEER)
            made.command("user", "grant", ANNA, "--account", LEER)
            made.command("user", "grant", ANNA, "--account", INFO)
            made.command("user", "grant", BERND, "--account", INFO)
            wait_until(lambda: INFO in people(made).get(BERND, frozenset()), "the log-ins", 30)
            yield made, server, sink


def people(instance: Postbuch) -> dict[str, frozenset[str]]:
    """Who may open what, as the proxy knows it."""
    file = logins.path(instance.data)
    known = logins.read(file).people if file.exists() else {}
    return {name: each.accounts for name, each in known.items()}


def secret(instance: Postbuch, password: str) -> str:
    """A file with the password in its first line."""
    path = instance.folder / "secret"
    path.write_text(password + "\n")
    return str(path)


@contextlib.contextmanager
def imap(instance: Postbuch, user: str, password: str) -> Iterator[imaplib.IMAP4_SSL]:
    trust = client_context(instance.ca_file)
    with imaplib.IMAP4_SSL("localhost", instance.imap_port, ssl_context=trust, timeout=60) as client:
        client.login(user, password)
        yield client


def log_in(instance: Postbuch, user: str, password: str) -> str:
    """OK, or the code of the refusal."""
    try:
        with imap(instance, user, password):
            return "OK"
    except imaplib.IMAP4.error as error:
        return str(error).partition("[")[2].partition("]")[0]


def send(instance: Postbuch, user: str, password: str, octets: bytes = MAIL) -> int:
    """250, or the code of the refused log-in."""
    with smtplib.SMTP_SSL(
        "localhost", instance.submission_port, context=client_context(instance.ca_file), timeout=60
    ) as client:
        try:
            client.login(user, password)
        except smtplib.SMTPAuthenticationError as error:
            return error.smtp_code
        return 250 if client.sendmail(INFO, ["kunde@x.example"], octets) == {} else 0


def test_each_with_his_own_password(house: tuple[Postbuch, Dovecot, Sink]) -> None:
    """His own account by its address; the provider's password opens nothing here, nor does nobody's."""
    instance, _, _ = house
    assert log_in(instance, ANNA, OURS[ANNA]) == "OK"
    assert log_in(instance, ANNA.upper(), OURS[ANNA]) == "OK"
    for user, password in (
        (ANNA, THEIRS[ANNA]), (ANNA, OURS[BERND]), (BERND, OURS[ANNA]), (INFO, THEIRS[INFO]), (INFO, OURS[ANNA]),
        (f"{ANNA}*{BERND}", OURS[BERND]), (f"{INFO}*", ""), (f"*{ANNA}", OURS[ANNA]), ("admin@firma.example", "x"),
    ):
        assert log_in(instance, user, password) == "AUTHENTICATIONFAILED", user


def test_one_mailbox_for_several(house: tuple[Postbuch, Dovecot, Sink]) -> None:
    """Two people at once in a mailbox that neither knows the password of; what they do is one account's mail."""
    instance, server, sink = house
    server.deliver(INFO, MAIL)
    with imap(instance, AS_ANNA, OURS[ANNA]) as one, imap(instance, AS_BERND, OURS[BERND]) as other:
        for client in (one, other):
            client.select()
            answer = client.fetch("1", "(BODY.PEEK[])")[1][0]
            assert isinstance(answer, tuple) and answer[1].endswith(MAIL)
        # A second session of ours, for the DELETE, opens the same mailbox.
        assert one.create("Kurz")[0] == "OK" and one.append("Kurz", "", "", MAIL + b"kurz\r\n")[0] == "OK"
        assert one.delete("Kurz")[0] == "OK"
    assert send(instance, AS_BERND, OURS[BERND]) == 250
    assert sink.messages[-1].octets == MAIL
    instance.wait_drained()
    with connection(instance.config, Role.WEB) as conn:
        accounts = {each["account"]: each for each in instance.status()["accounts"]}
        assert accounts[INFO]["collector"]["state"] in ("idle", "working")
        found = conn.execute(
            select(audit_event.c.actor).where(
                audit_event.c.action == "log-in", audit_event.c.target == f"account {INFO}"
            )
        )
        assert {ANNA, BERND} <= set(found.scalars()), "who it was is on record"
        assert conn.execute(select(sighting.c.id)).first() is not None


def test_without_a_stored_password(house: tuple[Postbuch, Dovecot, Sink]) -> None:
    """The person did nothing wrong, so his mail program asks for no other password; the admin is told what to do."""
    instance, _, _ = house
    assert log_in(instance, f"{LEER}*{ANNA}", OURS[ANNA]) == "UNAVAILABLE"
    assert send(instance, f"{LEER}*{ANNA}", OURS[ANNA]) == 454
    wait_until(
        lambda: any(LEER in each and "postbuch account store" in each for each in instance.status()["sentences"]),
        "the sentence",
    )


def test_a_stored_password_that_is_wrong(house: tuple[Postbuch, Dovecot, Sink]) -> None:
    """Upstream sees it once, whoever tries; the right one works as soon as it is stored."""
    instance, server, _ = house
    instance.command("sync", "--pause", "--account", LEER)  # the collector would try it as well
    instance.command("account", "store", LEER, "--unchecked", "--password-file", secret(instance, "veraltet-9"))
    name = f"{LEER}*{ANNA}"
    wait_until(lambda: "refuses the stored password" in said(instance, name), "the sentence", 20)
    before = failures(server)
    assert before
    assert [log_in(instance, name, OURS[ANNA]) for _ in range(3)] == ["UNAVAILABLE"] * 3
    assert failures(server) == before
    instance.command("account", "store", LEER, "--password-file", secret(instance, THEIRS[LEER]))
    wait_until(lambda: log_in(instance, name, OURS[ANNA]) == "OK", "the right one", 20)


def said(instance: Postbuch, name: str) -> str:
    log_in(instance, name, OURS[ANNA])
    return " ".join(instance.status()["sentences"])


def failures(server: Dovecot) -> int:
    """Log-ins that Dovecot has refused."""
    return (server.folder / "dovecot.log").read_text(encoding="utf-8", errors="replace").count("auth failed")


def test_the_database_is_away(house: tuple[Postbuch, Dovecot, Sink]) -> None:
    """Nobody is kept from his mail by it."""
    instance, _, _ = house
    server = instance.child("mariadbd")
    assert server is not None
    server.kill()
    assert log_in(instance, AS_BERND, OURS[BERND]) == "OK"


def test_what_is_written_down(house: tuple[Postbuch, Dovecot, Sink]) -> None:
    """The file of log-ins is ours alone, and no password stands in it as it is."""
    instance, _, _ = house
    file = instance.data / "run" / "logins"
    assert file.stat().st_mode & 0o777 == 0o600
    text = file.read_text()
    assert ANNA in text and not [each for each in (*THEIRS.values(), *OURS.values()) if each in text]


def test_rights_and_passwords_change(house: tuple[Postbuch, Dovecot, Sink]) -> None:
    """A right that ended and a password that was changed hold for the next log-in, seconds later."""
    instance, _, _ = house
    wait_until(lambda: json.loads(instance.command("user", "list", "--json")) != [], "the database", 60)
    instance.command("user", "password", ANNA, "--password-file", secret(instance, "Postbuch-anna-2"))
    instance.command("user", "grant", BERND, "--account", INFO, "--revoke")  # last: when it is known, both are
    wait_until(lambda: INFO not in people(instance)[BERND], "the end of the right", 30)
    assert log_in(instance, AS_BERND, OURS[BERND]) == "AUTHENTICATIONFAILED"
    assert log_in(instance, ANNA, OURS[ANNA]) == "AUTHENTICATIONFAILED"
    assert log_in(instance, ANNA, "Postbuch-anna-2") == "OK"
