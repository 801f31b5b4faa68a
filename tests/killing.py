"""Killing the processes of a Postbuch at random moments, and clients that bear it."""

import contextlib
import imaplib
import random
import time
from collections import Counter
from collections.abc import Iterator

import psutil
from conftest import USERS

from postbuch.certs.trust import client_context
from provider.instance import Postbuch
from provider.ports import wait_until

VICTIMS = ("proxy", "archive", "drain", "mariadbd")
# After so many deaths the supervisor waits 4 s and more before it starts a child again; then it is killed itself.
DEATHS_BEFORE_UP = 3
LONGEST_PAUSE_S = 1.5
CLIENT_TIMEOUT_S = 30.0


@contextlib.contextmanager
def imap_client(postbuch: Postbuch, user: str) -> Iterator[imaplib.IMAP4_SSL]:
    """Logged in through Postbuch; the connection is cut at the end."""
    trust = client_context(postbuch.ca_file)
    client = imaplib.IMAP4_SSL("localhost", postbuch.imap_port, ssl_context=trust, timeout=CLIENT_TIMEOUT_S)
    try:
        client.login(user, USERS[user])
        yield client
    finally:
        client.shutdown()


class Killer:
    """Kills at random moments and sees to it that the killed one comes back."""

    def __init__(self, postbuch: Postbuch, seed: int) -> None:
        self.killed: Counter[str] = Counter()
        self._postbuch = postbuch
        self._chance = random.Random(seed)
        self._deaths: Counter[str] = Counter()

    def strike(self) -> None:
        """Wait for a random moment, kill one, return once it runs again."""
        time.sleep(self._chance.uniform(0, LONGEST_PAUSE_S))
        name = self._chance.choice(VICTIMS)
        victim = "archive" if name == "drain" else name  # which ends when one of its drains does
        if self._deaths[victim] >= DEATHS_BEFORE_UP:
            name = victim = "up"
        self.killed[name] += 1
        self._deaths[victim] += 1
        if victim == "up":
            self._deaths.clear()
            self._postbuch.kill()
            self._postbuch.start()
            return
        # One that ended because its database did is on its way back.
        before = self._running(victim)
        drains = self._postbuch.drains() if name == "drain" else []
        with contextlib.suppress(psutil.NoSuchProcess):  # it was quicker
            (self._chance.choice(drains) if drains else before).kill()
        wait_until(lambda: self._is_another(victim, before), f"{victim} after kill -9", 60)

    def _running(self, name: str) -> psutil.Process:
        """The process, once there is one: it may end again between two looks."""
        found: list[psutil.Process] = []

        def look() -> bool:
            child = self._postbuch.child(name)
            if child is not None:
                found.append(child)
            return child is not None

        wait_until(look, f"{name} to run", 60)
        return found[-1]

    def _is_another(self, name: str, before: psutil.Process) -> bool:
        now = self._postbuch.child(name)
        return now is not None and now.pid != before.pid
