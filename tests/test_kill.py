"""Invariant 2: kill -9 of any process at any moment; what a client was told is kept is there, once.

`--kills 200` is the long run. The order of the killings comes from a seed that is printed when the test fails.
"""

import hashlib
import imaplib
import random
import smtplib
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import USERS, MakeConfig
from killing import CLIENT_TIMEOUT_S, Killer, imap_client
from sqlalchemy import select

from postbuch.archive import letters
from postbuch.archive.database import Role, connection
from postbuch.archive.schema import image, sighting
from postbuch.certs.trust import client_context
from provider.dovecot import Dovecot
from provider.instance import Postbuch
from provider.ports import wait_until
from provider.sink import Sink

ANNA, BERND, CARLA = list(USERS)[:3]
MAILBOX = "Kill"
# Between two messages of a client, so that a long run does not make a hundred thousand of them.
BREATH_S = 0.02
# Every so often one that is streamed to a file of its own.
LARGE_EVERY, LARGE_OCTETS = 15, 400_000


class Load(threading.Thread):
    """A client that goes on whatever happens to its connection. `tried` and `kept` are digests of unique messages."""

    source = ""

    def __init__(self, postbuch: Postbuch, number: int) -> None:
        super().__init__(name=f"{self.source}-{number}", daemon=True)
        self.tried: list[str] = []
        self.kept: list[str] = []
        self.lost = 0
        self.problem: BaseException | None = None
        self._postbuch = postbuch
        self._chance = random.Random(self.name)
        self._over = threading.Event()

    def run(self) -> None:
        try:
            while not self._over.is_set():
                try:
                    self.session()
                except (OSError, imaplib.IMAP4.error, smtplib.SMTPException, EOFError):
                    self.lost += 1
                    time.sleep(0.05)
        except BaseException as problem:  # for the test, which must not overlook it
            self.problem = problem

    def session(self) -> None:
        """Connect and work until it breaks or `going_on` is false."""
        raise NotImplementedError

    def going_on(self) -> bool:
        return not self._over.wait(BREATH_S)

    def end(self) -> None:
        self._over.set()
        self.join(60)
        assert not self.is_alive(), f"{self.name} hangs"
        if self.problem is not None:
            raise self.problem

    def message(self) -> bytes:
        """One that never was before."""
        number = len(self.tried)
        head = f"From: {ANNA}\r\nTo: {BERND}\r\nSubject: {self.name} {number}\r\nMessage-ID: <{number}@{self.name}>\r\n"
        lines = LARGE_OCTETS // 66 if number % LARGE_EVERY == LARGE_EVERY - 1 else self._chance.randint(1, 60)
        body = "".join(f"{self._chance.getrandbits(256):064x}\r\n" for _ in range(lines))
        octets = (head + "\r\n" + body).encode()
        self.tried.append(hashlib.sha256(octets).hexdigest())
        return octets


class Appending(Load):
    """Tagged OK to APPEND: kept."""

    source = "append"

    def session(self) -> None:
        with imap_client(self._postbuch, ANNA) as client:
            while self.going_on():
                answer, _ = client.append(MAILBOX, "", "", self.message())
                if answer == "OK":
                    self.kept.append(self.tried[-1])


class Submitting(Load):
    """250 after the dot: kept."""

    source = "submission"

    def session(self) -> None:
        trust = client_context(self._postbuch.ca_file)
        with smtplib.SMTP_SSL(
            "localhost", self._postbuch.submission_port, context=trust, timeout=CLIENT_TIMEOUT_S
        ) as client:
            client.login(BERND, USERS[BERND])
            while self.going_on():
                client.sendmail(BERND, [ANNA], self.message())
                self.kept.append(self.tried[-1])


class Fetching(Load):
    """Reads all the time; what it got must have been whole."""

    source = "fetch"

    def __init__(self, postbuch: Postbuch, number: int, served: set[str]) -> None:
        super().__init__(postbuch, number)
        self._served = served

    def session(self) -> None:
        with imap_client(self._postbuch, CARLA) as client:
            client.select(MAILBOX, readonly=True)
            while self.going_on():
                _, answer = client.fetch("1:*", "(UID FLAGS BODY.PEEK[])")
                bodies = [item[1] for item in answer if isinstance(item, tuple)]
                assert {hashlib.sha256(body).hexdigest() for body in bodies} == self._served


@pytest.fixture
def alone(tmp_path: Path, make_config: MakeConfig) -> Iterator[Postbuch]:
    """A Postbuch of its own: others must not be killed with it."""
    instance = Postbuch(make_config(tmp_path))
    instance.initialise()
    try:
        instance.start()
        yield instance
    finally:
        instance.kill()


def _sightings(postbuch: Postbuch, source: str) -> Counter[str]:
    """Digest → how often it was seen that way."""
    with connection(postbuch.config, Role.WEB) as conn:
        query = select(image.c.sha256).join(sighting, sighting.c.image_id == image.c.id).where(
            sighting.c.source == source
        )  # fmt: skip
        return Counter(each.hex() for each in conn.scalars(query))


def _rebuilt(postbuch: Postbuch) -> set[str]:
    """The digest of every image as the archive gives it out."""
    with connection(postbuch.config, Role.WEB) as conn:
        numbers = list(conn.scalars(select(image.c.id)))
        return {hashlib.sha256(letters.octets(conn, postbuch.config, number)).hexdigest() for number in numbers}


@pytest.mark.timeout(3600)
def test_kill(alone: Postbuch, dovecot: Dovecot, sink: Sink, request: pytest.FixtureRequest) -> None:
    """Every acknowledged APPEND and submission has one image and one sighting, at upstream too; the books balance."""
    fixed = [f"Subject: {number}\r\n\r\n{'x' * number * 100}\r\n".encode() for number in range(40)]
    dovecot.fill(CARLA, MAILBOX, [(octets, 1_700_000_000 + number, "S") for number, octets in enumerate(fixed)])
    with imaplib.IMAP4("localhost", dovecot.imap_port) as direct:
        direct.login(ANNA, USERS[ANNA])
        direct.create(MAILBOX)
    served = {hashlib.sha256(octets).hexdigest() for octets in fixed}
    loads = [
        Appending(alone, 1), Appending(alone, 2), Submitting(alone, 1), Submitting(alone, 2), Fetching(alone, 1, served)
    ]  # fmt: skip
    seed = random.randrange(1 << 32)
    killer = Killer(alone, seed)
    for load in loads:
        load.start()
    for _ in range(request.config.getoption("--kills")):
        killer.strike()
        assert all(load.problem is None for load in loads)
    time.sleep(1)
    for load in loads:
        load.end()
    what = f"seed {seed}, killed {dict(killer.killed)}"
    wait_until(lambda: len(alone.children()) == 4, f"all processes ({what})", 60)
    alone.wait_drained()

    for source in ("append", "submission"):
        mine = [load for load in loads if load.source == source]
        seen = _sightings(alone, source)
        kept = [digest for load in mine for digest in load.kept]
        assert len(kept) > request.config.getoption("--kills"), f"hardly any load: {what}"
        assert [digest for digest in kept if seen[digest] != 1] == [], what
        assert set(seen) <= {digest for load in mine for digest in load.tried}, what
        assert max(seen.values()) == 1, what
    assert set(_sightings(alone, "fetch")) <= served, what
    everything = _rebuilt(alone)
    assert {digest for load in loads for digest in load.kept} <= everything, what

    delivered = Counter(hashlib.sha256(each.octets).hexdigest() for each in sink.messages)
    submitted = [digest for load in loads if load.source == "submission" for digest in load.kept]
    assert [digest for digest in submitted if delivered[digest] != 1] == [], what
    status = alone.status()
    assert status["books"]["balanced"], (what, status["books"])
    assert alone.stop() == 0
