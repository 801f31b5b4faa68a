"""One side of a random session: a connection whose octets go out in random pieces, and what it was given to keep."""

import hashlib
import random
import re
import ssl
import time

from transcript import Step, Talk, one
from wire_words import MESSAGES, MODSEQ, UIDVALIDITY

_TOLD = re.compile(rb"\[UIDVALIDITY (\d+)\]")
_HIGHEST = re.compile(rb"\[HIGHESTMODSEQ (\d+)\]")
_WHOLE = re.compile(rb"(?:BODY\[\]|RFC822) \{(\d+)\}\r\n")
_SENT = re.compile(rb"\{(\d+)\+?\}\r\n")


class Chopped(Talk):
    """As Talk, but cuts what it sends at random octets, and knows the UIDVALIDITY that a command is to name."""

    def __init__(self, port: int, trust: ssl.SSLContext | None, *, seed: int) -> None:
        self._cuts = random.Random(seed)
        self._uidvalidity = self._modseq = b"1"
        super().__init__(port, trust)

    def _put(self, octets: bytes) -> None:
        octets = octets.replace(UIDVALIDITY, self._uidvalidity).replace(MODSEQ, self._modseq)
        if self._cuts.random() < 0.3:
            for _ in range(self._cuts.randint(1, 4)):
                at = self._cuts.randint(0, len(octets))
                super()._put(octets[:at])
                time.sleep(0.0005)  # so that it does not arrive with the rest
                octets = octets[at:]
        super()._put(octets)

    def _response(self) -> bytes:
        heard = super()._response()
        if (found := _TOLD.search(heard)) is not None:
            self._uidvalidity = found.group(1)
        if (found := _HIGHEST.search(heard)) is not None:
            self._modseq = found.group(1)
        return heard


def filled(talk: Talk) -> None:
    """The mailboxes and messages that a session finds."""
    for name in (b"A", b"A/B", b'"Z&APw-ge"', b'"mit Leer"'):
        talk.run(one(b"CREATE " + name))
    flags = (b"", b"(\\Seen) ", b"(\\Flagged $Wort) ", b"(\\Deleted) ")
    for place, message in enumerate((*MESSAGES, *MESSAGES[:3])):
        rest = b"%s\"%02d-Jan-2020 10:00:00 +0000\" {%d+}\r\n%s" % (flags[place % 4], place + 1, len(message), message)
        heard = talk.run(one(b"APPEND " + (b"A " if place >= len(MESSAGES) else b"INBOX ") + rest))
        assert b" OK " in heard, heard


def digest(message: bytes) -> str:
    """As the spool has it."""
    return hashlib.sha256(message).hexdigest()


def fetched(heard: bytes) -> set[str]:
    """Digests of the whole messages in an answer."""
    return {digest(heard[found.end() : found.end() + int(found.group(1))]) for found in _WHOLE.finditer(heard)}


def sent(step: Step) -> set[str]:
    """Digests of the messages of a step's APPENDs."""
    made = set()
    for command in step.commands:
        named = _SENT.match(command, 7)  # a mailbox's name may be a literal as well
        at = 0 if named is None else named.end()
        while command[:6].upper() == b"APPEND" and (found := _SENT.search(command, at)) is not None:
            at = found.end() + int(found.group(1))
            made.add(digest(command[found.end() : at]))
    return made
