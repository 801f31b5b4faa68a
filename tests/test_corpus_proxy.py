"""Every corpus message, on every way in, comes out with its SHA-256, and the books balance (invariants 1 and 8)."""

import hashlib
import smtplib
import socket
import time
from collections.abc import Iterable

import imapclient
import pytest
from sqlalchemy import select

from postbuch.archive import letters
from postbuch.archive.database import Role, connection
from postbuch.archive.schema import account, image, sighting
from postbuch.certs.trust import client_context
from provider.corpus import corpus_files
from provider.dovecot import Dovecot
from provider.instance import DOMAIN, Postbuch
from provider.ports import wait_until
from provider.sink import Sink

MESSAGES = len(corpus_files())
ANNA, BERND = f"anna@{DOMAIN}", f"bernd@{DOMAIN}"
PASSWORDS = {ANNA: "geheim-anna", BERND: "geheim-bernd"}


@pytest.fixture(scope="module")
def corpus() -> list[bytes]:
    return [path.read_bytes() for path in corpus_files()]


def digest(octets: bytes) -> str:
    return hashlib.sha256(octets).hexdigest()


def log_in(postbuch: Postbuch, user: str) -> imapclient.IMAPClient:
    context = client_context(postbuch.ca_file)
    client = imapclient.IMAPClient("localhost", postbuch.imap_port, ssl_context=context, timeout=60)
    client.login(user, PASSWORDS[user])
    return client


def archived(postbuch: Postbuch, source: str, user: str) -> set[str]:
    """The digests of what the archive gives out again, octet for octet, of one way in."""
    with connection(postbuch.config, Role.WEB) as conn:
        query = (
            select(image.c.id, image.c.sha256).distinct()
            .join(sighting, sighting.c.image_id == image.c.id)
            .join(account, account.c.id == sighting.c.account_id)
            .where(sighting.c.source == source, account.c.address == user)
        )
        found = conn.execute(query).all()
        for row in found:
            assert digest(letters.octets(conn, postbuch.config, row.id)) == row.sha256.hex()
        return {row.sha256.hex() for row in found}


def settle(postbuch: Postbuch, source: str, user: str, wanted: Iterable[str]) -> None:
    """Wait until all that is wanted has come, then hold the archive to it."""
    expected = set(wanted)
    postbuch.wait_drained()

    def complete() -> bool:
        with connection(postbuch.config, Role.WEB) as conn:
            query = (
                select(image.c.sha256).join(sighting, sighting.c.image_id == image.c.id)
                .join(account, account.c.id == sighting.c.account_id)
                .where(sighting.c.source == source, account.c.address == user)
            )
            return expected <= {each.hex() for each in conn.scalars(query)}

    wait_until(complete, f"all messages by {source}", 60)
    assert expected <= archived(postbuch, source, user)
    status = postbuch.status()
    assert status["books"]["balanced"], status["books"]


def test_append(postbuch: Postbuch, corpus: list[bytes]) -> None:
    """APPEND: the digest of what the client sent, also of what upstream refuses (it stays on record as refused)."""
    client = log_in(postbuch, ANNA)
    client.create_folder("Korpus")
    client.logout()
    context = client_context(postbuch.ca_file)
    refused = []
    # By hand: imaplib would change the line ends before it sends.
    with (
        socket.create_connection(("localhost", postbuch.imap_port), timeout=60) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as wire,
        wire.makefile("rb") as answers,
    ):
        wire.sendall(f"a LOGIN {ANNA} {PASSWORDS[ANNA]}\r\n".encode())
        while not answers.readline().startswith(b"a OK"):
            pass
        for number, octets in enumerate(corpus):
            wire.sendall(b"t%d APPEND Korpus {%d+}\r\n%b\r\n" % (number, len(octets), octets))
            while not (answer := answers.readline()).startswith(b"t%d " % number):
                assert answer
            if not answer.startswith(b"t%d OK" % number):
                refused.append((len(octets), answer))
    # Dovecot takes no empty message, and says so itself.
    assert [octets for octets, _ in refused] == [0]
    settle(postbuch, "append", ANNA, {digest(octets) for octets in corpus})


def test_fetch(postbuch: Postbuch, dovecot: Dovecot, corpus: list[bytes]) -> None:
    """FETCH from a mailbox filled behind our back: the digest of what upstream serves (asked for past Postbuch)."""
    at = int(time.time()) - 10_000
    dovecot.fill(BERND, "Korpus", [(octets, at + number, "S") for number, octets in enumerate(corpus)])
    direct = imapclient.IMAPClient("localhost", dovecot.imap_port, ssl=False, timeout=60)
    direct.login(BERND, PASSWORDS[BERND])
    direct.select_folder("Korpus", readonly=True)
    client = log_in(postbuch, BERND)
    client.select_folder("Korpus", readonly=True)
    uids = client.search("ALL")
    assert len(uids) == MESSAGES
    wanted = set()
    for start in range(0, len(uids), 200):
        window = uids[start : start + 200]
        served = direct.fetch(window, ["BODY.PEEK[]"])
        got = client.fetch(window, ["FLAGS", "INTERNALDATE", "BODY.PEEK[]"])
        for uid in window:
            assert got[uid][b"BODY[]"] == served[uid][b"BODY[]"]
            wanted.add(digest(served[uid][b"BODY[]"] or b""))
    direct.logout()
    client.logout()
    settle(postbuch, "fetch", BERND, wanted)


def test_submission(postbuch: Postbuch, sink: Sink, corpus: list[bytes]) -> None:
    """Submission: the digest of what the client sent; upstream gets each once, without a bare line end."""
    wanted = []
    context = client_context(postbuch.ca_file)
    with smtplib.SMTP_SSL("localhost", postbuch.submission_port, context=context, timeout=60) as client:
        client.login(ANNA, PASSWORDS[ANNA])
        for octets in corpus:
            whole = octets if octets.endswith(b"\r\n") or not octets else octets + b"\r\n"
            assert client.mail(ANNA)[0] == 250
            assert client.rcpt(BERND)[0] == 250
            assert client.docmd("DATA")[0] == 354
            stuffed = (b"\r\n" + whole).replace(b"\r\n.", b"\r\n..")[2:]
            client.send(stuffed + b".\r\n")
            code, text = client.getreply()
            # RFC 5322 section 4 knows no NUL; servers differ in what they make of one.
            assert code == (550 if b"\0" in whole else 250), text
            if code == 250:
                wanted.append(digest(whole))
    # Each refusal stands in the archive with its reason.
    assert postbuch.status()["refusals"] >= sum(b"\0" in octets for octets in corpus)
    assert len(sink.messages) == sum(b"\0" not in octets for octets in corpus)
    assert sink.bare_line_ends == 0
    settle(postbuch, "submission", ANNA, set(wanted))
