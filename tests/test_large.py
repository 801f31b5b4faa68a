"""A message of 100 MB passes by APPEND, FETCH and submission; the proxy's memory grows by less than 16 MB."""

import hashlib
import imaplib
import random
import smtplib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from conftest import USERS

from postbuch.certs.trust import client_context
from provider.dovecot import Dovecot
from provider.instance import Postbuch
from provider.ports import wait_until
from provider.sink import Sink

HANS = list(USERS)[7]
MESSAGE_OCTETS = 100_000_000
ALLOWED_OCTETS = 16_000_000
PATIENCE_S = 240.0


def message(octets: int, number: int) -> bytes:
    """Lines of hexadecimal digits that repeat after 6 MB, so that making them takes no time."""
    chance = random.Random(number)
    head = f"From: {HANS}\r\nTo: {HANS}\r\nSubject: {octets} {number}\r\nMessage-ID: <{octets}.{number}@large>\r\n\r\n"
    digits = chance.randbytes(3_000_000).hex().encode()
    lines = b"".join(digits[at : at + 76] + b"\r\n" for at in range(0, len(digits) - 76, 76))
    return (head.encode() + lines * (octets // len(lines) + 1))[: octets - 2] + b"\r\n"


class Peak:
    """The most memory that a process has had since this was made: the kernel's own record (proc(5), clear_refs)."""

    def __init__(self, process: psutil.Process) -> None:
        self._status = Path(f"/proc/{process.pid}/status")
        Path(f"/proc/{process.pid}/clear_refs").write_text("5")
        self._before = self._octets("VmRSS")

    def growth_octets(self) -> int:
        return self._octets("VmHWM") - self._before

    def _octets(self, key: str) -> int:
        line = next(each for each in self._status.read_text().splitlines() if each.startswith(key + ":"))
        return int(line.split()[1]) * 1024


def by_append(postbuch: Postbuch, sink: Sink, dovecot: Dovecot, octets: bytes) -> None:
    with imap(postbuch.imap_port, postbuch.ca_file) as client:
        answer, text = client.append("INBOX", "", "", octets)
        assert answer == "OK", text


def by_submission(postbuch: Postbuch, sink: Sink, dovecot: Dovecot, octets: bytes) -> None:
    trust = client_context(postbuch.ca_file)
    with smtplib.SMTP_SSL("localhost", postbuch.submission_port, context=trust, timeout=PATIENCE_S) as client:
        client.login(HANS, USERS[HANS])
        assert client.mail(HANS)[0] == client.rcpt(HANS)[0] == 250
        assert client.docmd("DATA")[0] == 354
        client.send(octets + b".\r\n")  # no line of ours begins with a dot
        assert client.getreply()[0] == 250
    assert sink.messages[-1].octets == octets


def by_fetch(postbuch: Postbuch, sink: Sink, dovecot: Dovecot, octets: bytes) -> None:
    mailbox = f"Large{len(octets)}"
    dovecot.fill(HANS, mailbox, [(octets, 1_700_000_000, "S")])
    with imap(postbuch.imap_port, postbuch.ca_file) as client:
        client.select(mailbox, readonly=True)
        _, answer = client.fetch("1", "(UID BODY.PEEK[])")
        assert isinstance(answer[0], tuple)
        assert answer[0][1] == octets
    # Its LOGOUT was answered, also while the spool still writes: `imap` would have raised.


def imap(port: int, ca_file: Path) -> imaplib.IMAP4_SSL:
    client = imaplib.IMAP4_SSL("localhost", port, ssl_context=client_context(ca_file), timeout=PATIENCE_S)
    client.login(HANS, USERS[HANS])
    return client


@pytest.fixture(scope="module", autouse=True)
def room_again(dovecot: Dovecot) -> Iterator[None]:
    """The large messages do not stay in the server that other tests use."""
    yield
    with imaplib.IMAP4("localhost", dovecot.imap_port, timeout=PATIENCE_S) as client:
        client.login(HANS, USERS[HANS])
        _, count = client.select("INBOX")
        if int(count[0] or 0):
            client.store("1:*", "+FLAGS", "\\Deleted")
            client.expunge()


@pytest.mark.parametrize(("number", "way"), list(enumerate([by_append, by_submission, by_fetch])))
def test_a_message_of_100_mb(
    postbuch: Postbuch, sink: Sink, dovecot: Dovecot, number: int,
    way: Callable[[Postbuch, Sink, Dovecot, bytes], None],
) -> None:  # fmt: skip
    """Through, octet for octet, in less memory than a sixth of it; the archive has it by its digest."""
    way(postbuch, sink, dovecot, message(100_000, number))  # what is imported and made at the first use
    proxy = postbuch.child("proxy")
    assert proxy is not None
    octets = message(MESSAGE_OCTETS, number)
    peak = Peak(proxy)
    way(postbuch, sink, dovecot, octets)
    growth_octets = peak.growth_octets()
    assert growth_octets < ALLOWED_OCTETS, f"the proxy grew by {growth_octets / 1e6:.1f} MB"
    postbuch.wait_drained(PATIENCE_S)
    digest = hashlib.sha256(octets).hexdigest()
    copy = postbuch.folder / "copy"
    began = time.monotonic()

    def archived() -> bool:
        assert time.monotonic() - began < PATIENCE_S
        postbuch.command("get", digest, "--output", str(copy))
        return copy.exists()

    wait_until(archived, "the message in the archive")
    assert hashlib.sha256(copy.read_bytes()).hexdigest() == digest
    copy.unlink()
