"""The servers that the other tests stand on are real and do what they are told."""

import imaplib
import smtplib
import ssl
from pathlib import Path

import pytest
from sqlalchemy import inspect

from postbuch.archive import database
from postbuch.archive.config import Config
from postbuch.archive.database import Role
from postbuch.archive.schema import metadata
from provider.dovecot import Dovecot
from provider.instance import CHILDREN, Postbuch
from provider.sink import Sink

ANNA = ("anna@firma.example", "geheim-anna")
LETTER = b"From: a@firma.example\r\nSubject: x\r\n\r\n.one dot\r\n..two\r\n"


def _trust(path: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(path))


def test_dovecot_serves_what_was_put_behind_its_back(dovecot: Dovecot) -> None:
    """By TLS with its own root: log-in, the octets unaltered, the flags, a message by LMTP."""
    dovecot.fill(ANNA[0], "Alt", [(LETTER, 1_700_000_000, "S")])
    dovecot.deliver(ANNA[0], LETTER)
    with imaplib.IMAP4_SSL("localhost", dovecot.imaps_port, ssl_context=_trust(dovecot.ca_file)) as client:
        client.login(*ANNA)
        client.select("Alt")
        _, answer = client.fetch("1", "(FLAGS BODY.PEEK[])")
        assert isinstance(answer[0], tuple)
        assert b"\\Seen" in answer[0][0]
        assert answer[0][1] == LETTER
        _, count = client.select("INBOX")
        assert int(count[0] or 0) >= 1


@pytest.mark.parametrize("kind", ["smtps", "submission"])
def test_the_sink_keeps_the_octets(sink: Sink, kind: str) -> None:
    """Implicit TLS and STARTTLS: log-in, envelope, octets as they were before the dots were doubled."""
    trust = _trust(sink.ca_file)
    if kind == "smtps":
        client: smtplib.SMTP = smtplib.SMTP_SSL("localhost", sink.smtps_port, context=trust)
    else:
        client = smtplib.SMTP("localhost", sink.submission_port)
        client.starttls(context=trust)
    with client:
        client.login(*ANNA)
        client.sendmail(ANNA[0], ["b@firma.example", "c@firma.example"], LETTER)
    (message,) = sink.messages
    assert (message.octets, message.user) == (LETTER, ANNA[0])
    assert [each.split(">")[0] for each in message.recipients] == ["<b@firma.example", "<c@firma.example"]


def test_the_sink_refuses_on_command(sink: Sink) -> None:
    """A recipient, and everything after the dot; the next test finds it well-behaved."""
    sink.behaviour.refuse_recipients.add("b@firma.example")
    sink.behaviour.replies["dot"] = "552 5.2.2 full"
    with smtplib.SMTP("localhost", sink.smtp_port) as client:
        client.ehlo()
        client.login(*ANNA)
        with pytest.raises(smtplib.SMTPDataError, match="full"):
            client.sendmail(ANNA[0], ["b@firma.example", "c@firma.example"], LETTER)
    assert sink.messages == []


def test_the_private_database_has_its_tables(mariadb: Config) -> None:
    """It runs, and the reader's user may read each of them."""
    with database.connection(mariadb, Role.WEB) as connection:
        assert set(inspect(connection).get_table_names()) >= set(metadata.tables)
        for name in metadata.tables:
            connection.exec_driver_sql(f"SELECT 1 FROM `{name}` LIMIT 1")


def test_postbuch_runs(postbuch: Postbuch) -> None:
    """All four processes; status speaks."""
    assert set(postbuch.children()) == set(CHILDREN)
    assert postbuch.status()["processes"]["proxy"] is True
