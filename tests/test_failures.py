"""Upstream, disk or database fail: the client gets upstream's own answer or a temporary error, nothing acknowledged is
lost, and status says in one sentence what is wrong (invariants 2, 7, 8).
"""

import contextlib
import hashlib
import imaplib
import os
import smtplib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from conftest import USERS, MakeConfig
from sqlalchemy import select

from postbuch.archive.database import Role, connection
from postbuch.archive.schema import image, outcome, sighting, smtp_recipient
from postbuch.certs.trust import client_context
from provider.dovecot import Dovecot
from provider.instance import Postbuch
from provider.obstacle import Mode, Obstacle
from provider.ports import wait_until
from provider.sink import Sink

DIETER, EVA = list(USERS)[3:5]
STRANGER = "anna@fremd.example"
# Outlook gives up after 60 s: whatever upstream does, the client has an answer before.
ANSWER_S = 60.0
CLIENT_TIMEOUT_S = 90.0
# More than the spool keeps free (64 MiB), so that a file can take the rest.
SPOOL_OCTETS = 160 * 1024 * 1024


class House:
    """A Postbuch behind obstacles, with a spool of its own size."""

    def __init__(self, postbuch: Postbuch, imap: Obstacle, smtp: Obstacle) -> None:
        self.postbuch = postbuch
        self.imap_way = imap
        self.smtp_way = smtp

    @contextlib.contextmanager
    def imap(self, user: str = DIETER) -> Iterator[imaplib.IMAP4_SSL]:
        trust = client_context(self.postbuch.ca_file)
        client = imaplib.IMAP4_SSL("localhost", self.postbuch.imap_port, ssl_context=trust, timeout=CLIENT_TIMEOUT_S)
        try:
            client.login(user, USERS.get(user, "egal"))
            yield client
        finally:
            client.shutdown()

    @contextlib.contextmanager
    def smtp(self, user: str = DIETER) -> Iterator[smtplib.SMTP_SSL]:
        trust = client_context(self.postbuch.ca_file)
        client = smtplib.SMTP_SSL(
            "localhost", self.postbuch.submission_port, context=trust, timeout=CLIENT_TIMEOUT_S
        )  # fmt: skip
        try:
            client.login(user, USERS.get(user, "egal"))
            yield client
        finally:
            client.close()

    def sentences(self) -> list[str]:
        found: list[str] = self.postbuch.status()["sentences"]
        return found

    def says(self, *words: str) -> None:
        """Status has one sentence with all the words, soon."""
        wait_until(lambda: any(all(word in each for word in words) for each in self.sentences()), f"{words}", 20)

    def is_silent(self, *words: str, patience_s: float = 20) -> None:
        """Status has no sentence with all the words any more."""
        said: list[str] = []

        def silent() -> bool:
            said[:] = [each for each in self.sentences() if all(word in each for word in words)]
            return not said

        try:
            wait_until(silent, f"no {words}", patience_s)
        except TimeoutError as error:
            raise AssertionError(f"{error}: {said}") from error

    def sightings(self, octets: bytes) -> list[Any]:
        """Each time that the archive saw the message."""
        digest = hashlib.sha256(octets).digest()
        with connection(self.postbuch.config, Role.WEB) as conn:
            query = select(sighting).join(image, image.c.id == sighting.c.image_id).where(image.c.sha256 == digest)
            return list(conn.execute(query))

    def settled(self) -> None:
        """All that was captured is in the database and the books balance."""
        self.postbuch.wait_drained()

        def balanced() -> bool:
            books = self.postbuch.status()["books"]
            return books is not None and books["balanced"]

        wait_until(balanced, "balanced books")


@pytest.fixture(scope="module")
def made(
    tmp_path_factory: pytest.TempPathFactory, make_config: MakeConfig, dovecot: Dovecot, sink_server: Sink
) -> Iterator[House]:
    with Obstacle(dovecot.imaps_port) as imap, Obstacle(sink_server.smtps_port) as smtp:
        path = make_config(
            tmp_path_factory.mktemp("failures"), imap=f"imaps://localhost:{imap.port}",
            submission=f"smtps://localhost:{smtp.port}",
        )  # fmt: skip
        with path.open("a") as config:
            config.write(
                "[[upstream]]\n"
                'name = "fremd"\ndomains = ["fremd.example"]\n'
                f'imap = "imaps://localhost:{dovecot.imaps_port}"\n'
                f'submission = "smtps://localhost:{sink_server.smtps_port}"\n'
            )
        instance = Postbuch(path, spool_octets=SPOOL_OCTETS)
        instance.initialise()
        with instance:
            yield House(instance, imap, smtp)


@pytest.fixture
def house(made: House) -> Iterator[House]:
    """All is well before each test."""
    yield made
    for way in (made.imap_way, made.smtp_way):
        way.set(Mode.FORWARD)


def message(subject: str, octets: int = 500) -> bytes:
    """A message that is this test's own."""
    head = f"From: {DIETER}\r\nTo: {EVA}\r\nSubject: {subject}\r\nMessage-ID: <{time.time_ns()}@failures>\r\n\r\n"
    return head.encode() + (b"x" * 74 + b"\r\n") * (octets // 76 + 1)


def refused_log_in(house: House, user: str = DIETER) -> tuple[str, smtplib.SMTPResponseException]:
    """What IMAP and submission answer to a log-in, both at the same time, and in time."""
    answers: dict[str, Any] = {}

    def imap() -> None:
        with pytest.raises(imaplib.IMAP4.error) as caught, house.imap(user):
            raise AssertionError("logged in")
        answers["imap"] = str(caught.value)

    def smtp() -> None:
        with pytest.raises(smtplib.SMTPResponseException) as caught, house.smtp(user):
            raise AssertionError("logged in")
        answers["smtp"] = caught.value

    began = time.monotonic()
    threads = [threading.Thread(target=each) for each in (imap, smtp)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.monotonic() - began < ANSWER_S
    return answers["imap"], answers["smtp"]


def test_a_refused_recipient(house: House, sink: Sink) -> None:
    """Upstream's own words for the one; the other gets the mail; both are on record with their replies."""
    sink.behaviour.refuse_recipients.add("weg@firma.example")
    octets = message("recipient")
    with house.smtp() as client:
        refused = client.sendmail(DIETER, [EVA, "weg@firma.example"], octets)
    assert refused == {"weg@firma.example": (550, b"5.1.1 no such person as weg@firma.example")}
    assert [each.octets for each in sink.messages] == [octets]
    house.settled()
    (seen,) = house.sightings(octets)
    assert seen.source == "submission"
    with connection(house.postbuch.config, Role.WEB) as conn:
        codes = list(conn.scalars(select(smtp_recipient.c.code).order_by(smtp_recipient.c.position)))
    assert codes[-2:] == [250, 550]


def test_refused_data(house: House, sink: Sink) -> None:
    """Upstream's own words to DATA; the next message passes on the same connection."""
    with house.smtp() as client:
        sink.behaviour.replies["data"] = "554 5.7.1 not from here"
        with pytest.raises(smtplib.SMTPDataError) as caught:
            client.sendmail(DIETER, [EVA], message("data"))
        assert (caught.value.smtp_code, caught.value.smtp_error) == (554, b"5.7.1 not from here")
        sink.behaviour.replies.clear()
        client.sendmail(DIETER, [EVA], message("data again"))
    house.settled()


def test_refused_after_the_dot(house: House, sink: Sink) -> None:
    """Upstream's own words; the message stays, marked as refused."""
    sink.behaviour.replies["dot"] = "552 5.2.2 the mailbox is full"
    octets = message("dot")
    with house.smtp() as client, pytest.raises(smtplib.SMTPDataError) as caught:
        client.sendmail(DIETER, [EVA], octets)
    assert (caught.value.smtp_code, caught.value.smtp_error) == (552, b"5.2.2 the mailbox is full")
    house.settled()
    (seen,) = house.sightings(octets)
    with connection(house.postbuch.config, Role.WEB) as conn:
        row = conn.execute(select(outcome).where(outcome.c.capture == seen.capture)).one()
    assert (row.verdict, row.code) == ("refused", 552)


def test_upstream_is_down(house: House) -> None:
    """Temporary errors, a sentence that names the address; when it is back the sentence is gone."""
    house.imap_way.set(Mode.REFUSE)
    house.smtp_way.set(Mode.REFUSE)
    imap, smtp = refused_log_in(house)
    assert "[UNAVAILABLE]" in imap
    assert smtp.smtp_code == 454
    house.says("provider", f"imaps://localhost:{house.imap_way.port}", "cannot be reached")
    house.says("provider", f"smtps://localhost:{house.smtp_way.port}", "cannot be reached")
    house.imap_way.set(Mode.FORWARD)
    house.smtp_way.set(Mode.FORWARD)
    with house.imap(), house.smtp():
        pass
    house.is_silent("cannot be reached")


def test_upstream_hangs(house: House) -> None:
    """Accepted and then silence: an answer within a minute, and a sentence."""
    house.imap_way.set(Mode.HANG)
    house.smtp_way.set(Mode.HANG)
    imap, smtp = refused_log_in(house)
    assert "[UNAVAILABLE]" in imap
    assert smtp.smtp_code == 454
    house.says("did not answer in time", "imaps://")
    house.says("did not answer in time", "smtps://")


def test_a_wrong_certificate(house: House) -> None:
    """No password goes to a server whose certificate is not trusted; the sentence says where to put its root."""
    imap, smtp = refused_log_in(house, STRANGER)
    assert "[UNAVAILABLE]" in imap
    assert smtp.smtp_code == 454
    house.says("certificate", "fremd", "imaps://", "ca_file")
    house.says("certificate", "fremd", "smtps://", "ca_file")


def test_upstream_breaks_off_in_a_fetched_literal(house: House, dovecot: Dovecot) -> None:
    """The client's connection ends too, nothing is made up, half a message is no message; the next time it is whole."""
    octets = message("fetch", 2_000_000)
    dovecot.fill(DIETER, "Cut", [(octets, 1_700_000_000, "S")])
    house.imap_way.set(Mode.CUT, cut_after_octets=1_000_000)
    with house.imap() as client:
        client.select("Cut", readonly=True)
        with pytest.raises((imaplib.IMAP4.abort, OSError)):
            client.fetch("1", "(UID BODY.PEEK[])")
    house.says("closed the connection")
    house.settled()
    assert house.sightings(octets) == []
    house.imap_way.set(Mode.FORWARD)
    with house.imap() as client:
        client.select("Cut", readonly=True)
        _, answer = client.fetch("1", "(UID BODY.PEEK[])")
        assert isinstance(answer[0], tuple)
        assert answer[0][1] == octets
    house.settled()
    assert len(house.sightings(octets)) == 1


def test_upstream_breaks_off_in_an_appended_literal(house: House) -> None:
    """No OK; what did not arrive is not archived; the client does it again and it is there once."""
    octets = message("append", 1_000_000)
    with house.imap() as client:
        client.send(b"x1 APPEND INBOX {%d}\r\n" % len(octets))
        assert client.readline().startswith(b"+")
        client.send(octets[:500_000])
        time.sleep(0.3)
        house.imap_way.cut()
        # Not sent before the proxy knows: of a message that came whole nobody can say whether upstream has it, and that
        # one is archived.
        with contextlib.suppress(OSError):
            while line := client.readline():
                assert line.startswith(b"*")
        with contextlib.suppress(OSError):
            client.send(octets[500_000:] + b"\r\n")
    house.settled()
    assert house.sightings(octets) == []
    with house.imap() as client:
        assert client.append("INBOX", "", "", octets)[0] == "OK"
    house.settled()
    assert [each.source for each in house.sightings(octets)] == ["append"]


def test_the_disk_is_full(house: House, sink: Sink, dovecot: Dovecot) -> None:
    """Mail in is refused for the time being and reading goes on; a sentence; with room again all is as before."""
    dovecot.fill(DIETER, "Read", [(message("read"), 1_700_000_000, "S")])
    filler = house.postbuch.spool / "filler"
    room = os.statvfs(house.postbuch.spool)
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, room.f_bavail * room.f_frsize - 30_000_000)
    try:
        with house.imap() as client:
            answer, text = client.append("INBOX", "", "", message("no room"))
            assert (answer, b"[UNAVAILABLE]" in text[0]) == ("NO", True)
            client.select("Read", readonly=True)
            _, found = client.fetch("1", "(UID BODY.PEEK[])")
            assert isinstance(found[0], tuple)
        with house.smtp() as mail, pytest.raises(smtplib.SMTPResponseException) as caught:
            mail.sendmail(DIETER, [EVA], message("no room"))
        assert caught.value.smtp_code // 10 == 45
        assert sink.messages == []
        house.says("refused for the time being")
    finally:
        filler.unlink()
    octets = message("room")
    with house.imap() as client, house.smtp() as mail:
        assert client.append("INBOX", "", "", octets)[0] == "OK"
        mail.sendmail(DIETER, [EVA], octets)
    house.settled()
    assert sorted(each.source for each in house.sightings(octets)) == ["append", "submission"]
    house.is_silent("refused for the time being")


class Sender(threading.Thread):
    """Sends until told otherwise; `kept` is what was acknowledged."""

    def __init__(self, send: Callable[[bytes], None]) -> None:
        super().__init__(daemon=True)
        self.kept: list[bytes] = []
        self.problem: Exception | None = None
        self._send = send
        self._over = threading.Event()

    def run(self) -> None:
        try:
            while not self._over.wait(0.05):
                octets = message(f"{self.name} {len(self.kept)}")
                self._send(octets)
                self.kept.append(octets)
        except Exception as problem:
            self.problem = problem

    def end(self) -> None:
        self._over.set()
        self.join(CLIENT_TIMEOUT_S)
        assert self.problem is None


def test_the_database_is_down_under_load(house: House, sink: Sink, request: pytest.FixtureRequest) -> None:
    """Clients notice nothing; a sentence; when it is back everything acknowledged is archived, once."""
    down_s = request.config.getoption("--database-down-s")
    with house.imap() as client, house.smtp() as mail:

        def append(octets: bytes) -> None:
            assert client.append("INBOX", "", "", octets)[0] == "OK"

        def submit(octets: bytes) -> None:
            assert mail.sendmail(DIETER, [EVA], octets) == {}

        senders = [Sender(append), Sender(submit)]
        for sender in senders:
            sender.start()
        time.sleep(1)
        end = time.monotonic() + down_s
        said = False
        while time.monotonic() < end or not said:
            server = house.postbuch.child("mariadbd")
            if server is not None:
                server.kill()
            said = said or any("database" in each for each in house.sentences())
            assert time.monotonic() < end + 30, "status says nothing of the database"
            time.sleep(0.1)
        for sender in senders:
            sender.end()
    kept = [octets for sender in senders for octets in sender.kept]
    assert len(kept) > down_s
    house.is_silent("database", patience_s=90)
    house.settled()
    assert [octets for octets in kept if len(house.sightings(octets)) != 1] == []
