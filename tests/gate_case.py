"""A mailbox at a real Dovecot whose messages Postbuch has never seen, and the question whether any of them is lost."""

import hashlib
import itertools
import re

from conftest import USERS
from imap_proxy import Client, ImapProxy

from provider.dovecot import Dovecot

HEIKE = list(USERS)[7]
PASSWORD = USERS[HEIKE]
COUNT = 6
_numbers = itertools.count(1)
_NAME = re.compile(rb'"." (.+)\r\n')
BODY = re.compile(rb"\{(\d+)\}\r\n\Z")


class Case:
    """A mailbox of its own with COUNT messages that Postbuch has never seen."""

    def __init__(self, proxy: ImapProxy, dovecot: Dovecot) -> None:
        self.name = b"falle-%d" % next(_numbers)
        self.proxy = proxy
        self._dovecot = dovecot
        self.messages = [
            b"Subject: %s %d\r\n\r\nunersetzlich %d\r\n" % (self.name, number, number) for number in range(COUNT)
        ]
        self.straight = self.direct()
        self.straight.ok(b"CREATE " + self.name)
        for message in self.messages:
            self.deliver(message)

    def close(self) -> None:
        """The mailbox goes, if it is still there."""
        self.straight.command(b"DELETE " + self.name)
        self.straight.close()

    def direct(self) -> Client:
        client = Client(self._dovecot.imap_port, None)
        client.ok(f"LOGIN {HEIKE} {PASSWORD}".encode())
        return client

    def deliver(self, message: bytes) -> None:
        self.straight.ok(b"APPEND " + self.name + b" {%d+}\r\n" % len(message) + message)

    def client(self, *, select: bool = True) -> Client:
        client = self.proxy.logged_in(HEIKE, PASSWORD)
        if select:
            client.ok(b"SELECT " + self.name)
        return client

    def upstream(self) -> set[str]:
        """The digests of what is in any mailbox of the account."""
        found = set()
        client = self.direct()
        for line in client.ok(b'LIST "" *')[:-1]:
            name = _NAME.search(line)[1]  # type: ignore[index]
            if client.command(b"EXAMINE " + name)[-1].split()[1] != b"OK":
                continue
            client.send(b"all FETCH 1:* BODY.PEEK[]\r\n")
            while not (line := client.line()).startswith(b"all "):
                literal = BODY.search(line)
                if literal:
                    found.add(hashlib.sha256(client.octets(int(literal.group(1)))).hexdigest())
        client.command(b"LOGOUT")
        client.close()
        return found

    def add_stored(self, first: int) -> None:
        """From now on the message with this UID and those behind it count as well, as the provider gives them out."""
        client = self.direct()
        client.ok(b"EXAMINE " + self.name)
        client.send(b"all UID FETCH %d:* BODY.PEEK[]\r\n" % first)
        while not (line := client.line()).startswith(b"all "):
            literal = BODY.search(line)
            if literal:
                self.messages.append(client.octets(int(literal.group(1))))
        client.close()

    def nothing_lost(self) -> int:
        """Fails when a message is neither upstream nor here; how many were removed upstream."""
        kept = {record.facts["sha256"] for record in self.proxy.records() if record.kind == 1}
        there = self.upstream()
        removed = 0
        for message in self.messages:
            digest = hashlib.sha256(message).hexdigest()
            assert digest in there or digest in kept, f"lost: {message!r}"
            removed += digest not in there
        return removed
