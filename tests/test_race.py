"""Invariant 3 under load: many clients deliver, read, flag, move and remove at random while processes are killed.

`--race-s 900` is the long run. At the end each message that ever was in a mailbox is there still, or in the archive
with its digest: what was removed, was removed through the proxy.
"""

import contextlib
import hashlib
import imaplib
import itertools
import random
import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import USERS, MakeConfig
from killing import Killer, imap_client
from sqlalchemy import select

from postbuch.archive.database import Role, connection
from postbuch.archive.schema import image
from provider.dovecot import LOCK_PATIENCE_S, Dovecot
from provider.instance import Postbuch
from provider.ports import wait_until
from provider.sink import Sink

CLIENTS = 20
OWNERS = list(USERS)[:5]
MAILBOXES = ("Rennen-1", "Rennen-2", "Rennen-3")
# A message is delivered behind the proxy's back this often, all mailboxes together.
DELIVER_EVERY_S = 0.02
# A client's command is several of ours upstream: a DELETE opens the mailbox, renames it, opens and fetches it, removes
# it or gives it its name back. Each may run into the lock that a RENAME took along; the rest is for a busy machine.
PATIENCE_S = 8 * LOCK_PATIENCE_S + 100
# At least so many messages have to be removed.
REMOVED = 50
TROUBLE = (OSError, imaplib.IMAP4.error, EOFError)


class Deliveries(threading.Thread):
    """Puts unique messages straight into upstream's mailboxes. `given` are their digests."""

    def __init__(self, dovecot: Dovecot, seed: int) -> None:
        super().__init__(name="deliveries", daemon=True)
        self.given: set[str] = set()
        self._dovecot = dovecot
        self._chance = random.Random(seed)
        self.over = threading.Event()

    def run(self) -> None:
        straight = {}
        for owner in OWNERS:
            straight[owner] = imaplib.IMAP4("localhost", self._dovecot.imap_port)
            straight[owner].login(owner, USERS[owner])
            for mailbox in MAILBOXES:
                straight[owner].create(mailbox)
        for number in itertools.count():
            if self.over.wait(DELIVER_EVERY_S):
                break
            owner = self._chance.choice(OWNERS)
            body = f"{self._chance.getrandbits(256):064x}\r\n" * self._chance.randint(1, 40)
            octets = f"Subject: {number}\r\nFrom: x@y.example\r\n\r\n{body}".encode()
            with contextlib.suppress(imaplib.IMAP4.error):  # a client has just removed or renamed the mailbox
                answer, _ = straight[owner].append(self._chance.choice(MAILBOXES), "", "", octets)
                if answer == "OK":
                    self.given.add(hashlib.sha256(octets).hexdigest())
        for client in straight.values():
            client.shutdown()


class Client(threading.Thread):
    """One mail program that does anything at any time. `done` counts what upstream agreed to, `doing` is the last."""

    def __init__(self, postbuch: Postbuch, number: int, seed: int, over: threading.Event) -> None:
        super().__init__(name=f"client-{number}", daemon=True)
        self._postbuch = postbuch
        self._owner = OWNERS[number % len(OWNERS)]
        self._chance = random.Random(seed)
        self._over = over
        self.done: dict[str, int] = {}
        self.doing = ""
        self.problem: BaseException | None = None

    def run(self) -> None:
        while not self._over.is_set():
            try:
                with imap_client(self._postbuch, self._owner) as client:
                    self._work(client)
            except TROUBLE:
                self._over.wait(0.1)
            except BaseException as problem:
                self.problem = problem
                return

    def _work(self, client: imaplib.IMAP4_SSL) -> None:
        while not self._over.is_set():
            mailbox = self._chance.choice(MAILBOXES)
            if client.select(mailbox)[0] != "OK":
                client.create(mailbox)
                continue
            for _ in range(self._chance.randint(1, 8)):
                self._act(client)
                if self._over.wait(self._chance.uniform(0, 0.05)):
                    return

    def _act(self, client: imaplib.IMAP4_SSL) -> None:
        chance = self._chance
        low = chance.randint(1, 30)
        some = chance.choice(("1:*", "*", f"{low}", f"{low}:{low + 5}", "1:3", f"{low}:*"))
        other = chance.choice(MAILBOXES)
        acts: list[tuple[str, Callable[[], tuple[str, object]]]] = [
            ("fetch", lambda: client.fetch(some, "(FLAGS BODY.PEEK[])")),
            ("peek", lambda: client.uid("FETCH", some, "(FLAGS)")),
            ("seen", lambda: client.store(some, "+FLAGS", "(\\Seen)")),
            ("delete", lambda: client.store(some, "+FLAGS", "(\\Deleted)")),
            ("uid-delete", lambda: client.uid("STORE", some, "+FLAGS.SILENT", "(\\Deleted)")),
            ("expunge", client.expunge),
            ("uid-expunge", lambda: client.uid("EXPUNGE", some)),
            ("move", lambda: client.uid("MOVE", some, other)),
            ("sequence-move", lambda: client._simple_command("MOVE", some, other)),
            ("copy", lambda: client.copy(some, other)),
            ("close", lambda: (client.close(), client.select(other))[0]),
            ("remove-mailbox", lambda: self._rarely(client, "DELETE", other)),
            ("rename", lambda: self._rarely(client, "RENAME", other, f"{chance.choice(MAILBOXES)}")),
            ("rename-away", lambda: self._rarely(client, "RENAME", other, f"Weg-{chance.getrandbits(32)}")),
        ]  # fmt: skip
        name, act = chance.choice(acts)
        self.doing = f"{name} {some} {other}"
        answer = act()
        if answer[0] == "OK":
            self.done[name] = self.done.get(name, 0) + 1

    def _rarely(self, client: imaplib.IMAP4_SSL, *words: str) -> tuple[str, object]:
        if self._chance.random() < 0.7:
            return "NO", None
        return client._simple_command(*words)  # type: ignore[no-any-return] # imaplib checks the state otherwise


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


def still_upstream(dovecot: Dovecot) -> set[str]:
    """The digests of all messages in the mailboxes of the owners."""
    found = set()
    for owner in OWNERS:
        with imaplib.IMAP4("localhost", dovecot.imap_port) as client:
            client.login(owner, USERS[owner])
            for line in client.list()[1]:
                name = re.sub(rb'.* "." ', b"", line).decode() if isinstance(line, bytes) else ""
                if client.select(name, readonly=True)[0] != "OK":
                    continue
                _, answer = client.uid("FETCH", "1:*", "(BODY.PEEK[])")
                found |= {hashlib.sha256(item[1]).hexdigest() for item in answer if isinstance(item, tuple)}
    return found


def enough(deliveries: Deliveries, dovecot: Dovecot) -> bool:
    """Whether so many were removed that it proves something; a lock that was taken along stops a mailbox."""
    given = set(deliveries.given)
    try:
        there = still_upstream(dovecot)
    except imaplib.IMAP4.error:  # the mailbox that is looked through was removed or renamed just now
        return False
    # Twice as many: what is moved while it is looked for is not seen.
    return len(given - there) >= 2 * REMOVED


@pytest.mark.timeout(3600)
def test_race(
    alone: Postbuch, dovecot: Dovecot, sink: Sink, request: pytest.FixtureRequest,
    record_property: Callable[[str, object], None],
) -> None:
    """Nothing that was removed through the proxy is missing from the archive. No exception."""
    seed = random.randrange(1 << 32)
    deliveries, over = Deliveries(dovecot, seed), threading.Event()
    clients = [Client(alone, number, seed + number, over) for number in range(CLIENTS)]
    killer = Killer(alone, seed)
    for thread in (deliveries, *clients):
        thread.start()
    end = time.monotonic() + request.config.getoption("--race-s")
    while time.monotonic() < end or (time.monotonic() < end + PATIENCE_S and not enough(deliveries, dovecot)):
        time.sleep(2)
        killer.strike()
    over.set()
    for client in clients:
        client.join(PATIENCE_S)
        assert not client.is_alive(), f"{client.name} hangs: {client.doing} (seed {seed})"
        assert client.problem is None, (client.problem, seed)
    deliveries.over.set()
    deliveries.join(PATIENCE_S)
    assert not deliveries.is_alive()
    what = f"seed {seed}, killed {dict(killer.killed)}"
    wait_until(lambda: len(alone.children()) == 4, f"all processes ({what})", 60)
    alone.wait_drained()
    there = still_upstream(dovecot)
    with connection(alone.config, Role.WEB) as conn:
        archived = {bytes(each).hex() for each in conn.scalars(select(image.c.sha256))}
    removed = deliveries.given - there
    lost = removed - archived
    acted: dict[str, int] = {}
    for client in clients:
        for name, count in client.done.items():
            acted[name] = acted.get(name, 0) + count
    counted = f"{len(deliveries.given)} messages, {len(removed)} removed, {len(lost)} lost; {acted}; {what}"
    record_property("counted", counted)
    assert not lost, (sorted(lost)[:5], what)
    assert len(removed) >= REMOVED, f"hardly anything was removed: {what}"
    status = alone.status()
    assert status["books"]["balanced"], (what, status["books"])
