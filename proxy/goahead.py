"""A go-ahead in advance: what upstream has agreed to once in a session it will most likely agree to again.

Who uploads a folder asks for a `+` for each message (RFC 9051 section 4.3), each a round trip to the provider. From the
second one on, the client has upstream's own words at once, and sends while upstream is asked. If upstream does refuse
then, its answer comes behind the message, as it does with LITERAL+ (RFC 7888). Pure.
"""

import re

from postbuch.proxy import fetchdata
from postbuch.proxy.framing import ClientLine
from postbuch.proxy.outstanding import Outstanding

# 64 KiB, half a second at 1 Mbit/s: what is sent in vain when upstream refuses after all.
EARLY_OCTETS = 65_536
# Mailbox and flags, perhaps a date, the literal of an APPEND that is one message.
_APPEND = re.compile(rb'( .+?)(?: "([^"]*)")? \{[1-9]\d*\}\r\n')


class GoAhead:
    """One a session: the last APPEND that upstream agreed to, and its words."""

    def __init__(self) -> None:
        self._like: bytes | None = None
        self._words = b""
        self._asked: bytes | None = None

    def asking(self, line: ClientLine, verb: bytes, rest: bytes) -> bytes | None:
        """A message is to follow the line: upstream's words for one like it, or None. `rest`: behind the verb."""
        self._asked = likeness(rest) if verb == b"APPEND" and line.first else None
        return self._words if self._asked is not None and self._asked == self._like else None

    def given(self, words: bytes) -> None:
        """Upstream said `+`."""
        if self._asked is not None:
            self._like, self._words, self._asked = self._asked, words, None

    def answered(self, done: Outstanding, answer: bytes) -> None:
        """Upstream's last word on a command: after a refusal it is asked anew."""
        if done.verb == b"APPEND":
            self._asked = None
            if answer[len(done.tag) + 1 :][:3].upper() != b"OK ":
                self._like = None


def likeness(rest: bytes) -> bytes | None:
    """What two APPENDs have in common of which upstream will hardly take one and not the other; None for no such."""
    found = _APPEND.fullmatch(rest)
    if found is None:
        return None
    what, date = found.groups()
    if date is None:
        return what
    return what + b' "date"' if fetchdata.internal_date(date) is not None else None
