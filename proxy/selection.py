"""The selected mailbox as upstream's lines tell of it: name, UIDVALIDITY, how many messages, what was renumbered.

The tap hears of each change when it has looked at all that came before.
"""

import re
from dataclasses import replace
from functools import partial

from postbuch.archive.imapnumber import number, number64
from postbuch.archive.uidset import LARGEST
from postbuch.proxy.backlog import Backlog
from postbuch.proxy.captures import Mailbox
from postbuch.proxy.outstanding import Outstanding
from postbuch.proxy.tap import Tap

SELECTING = (b"SELECT", b"EXAMINE")
# The name of an open mailbox whose own name nobody knows: nothing counts as archived there.
UNREADABLE = b"?"
_EXPUNGE = re.compile(rb"\* (\d+) EXPUNGE\b", re.IGNORECASE)
_VANISHED = re.compile(rb"\* VANISHED\b", re.IGNORECASE)
_EXISTS = re.compile(rb"\* (\d+) EXISTS\b", re.IGNORECASE)
_UIDVALIDITY = re.compile(rb"\* OK \[UIDVALIDITY (\d+)\]", re.IGNORECASE)
_ENABLED_UTF8 = re.compile(rb"\* ENABLED\b.*\b(?:UTF8=ACCEPT|IMAP4rev2)\b", re.IGNORECASE)


class Selection:
    """One an upstream connection. Without a tap nobody else is told."""

    def __init__(self, tap: Tap | None, backlog: Backlog | None) -> None:
        self.mailbox: Mailbox | None = None
        self.utf8 = False  # names are UTF-8
        self.renumbered = 0  # how often upstream took a message out of the numbering
        self.exists = LARGEST  # how many messages upstream counts at most
        self._tap = tap
        self._backlog = backlog
        self._uidvalidity: int | None = None
        self._asked = 0  # commands of SELECTING without an answer

    def ask(self) -> None:
        """A command of SELECTING goes upstream."""
        self._asked += 1
        self.exists = LARGEST  # until upstream says it of the mailbox that is selected now

    def answered(self, command: Outstanding, line: bytes, *, good: bool) -> None:
        """The tagged answer to one: when it fails nothing is selected (RFC 9051 section 6.3.2)."""
        self._asked -= 1
        # A name that upstream could read and we could not: the gate must know that a mailbox is open.
        name = (command.mailbox or UNREADABLE) if good else None
        read_only = command.verb == b"EXAMINE" or b"[READ-ONLY]" in line.upper()
        self.select(None if name is None else Mailbox(
            name=name, utf8=self.utf8, read_only=read_only,
            uidvalidity=None if name is UNREADABLE else self._uidvalidity,
        ), exists=None if self.exists == LARGEST else self.exists)
        self._uidvalidity = None

    def select(self, mailbox: Mailbox | None, *, exists: int | None = None) -> None:
        """This mailbox is selected now, or none."""
        self.mailbox = mailbox
        if self._tap is not None and self._backlog is not None:
            self._backlog.then(partial(self._tap.select, mailbox, exists))

    def note(self, line: bytes) -> None:
        """An untagged line that does not begin with a number."""
        found = _UIDVALIDITY.match(line)
        if found:
            self._uidvalidity = number64(found.group(1))
            if self.mailbox is not None and not self._asked:
                self.select(replace(self.mailbox, uidvalidity=self._uidvalidity))
        elif _ENABLED_UTF8.match(line):
            self.utf8 = True
        elif _VANISHED.match(line):
            self._renumber(None)

    def note_number(self, line: bytes) -> None:
        """One that does."""
        if (found := _EXISTS.match(line)) is not None:
            exists = number(found.group(1))
            self.exists = LARGEST if exists is None else exists
            if self._tap is not None and self._backlog is not None:
                self._backlog.then(partial(self._tap.counted, self.exists))
        elif (found := _EXPUNGE.match(line)) is not None:
            self._renumber(number(found.group(1)))

    def _renumber(self, number: int | None) -> None:
        self.renumbered += 1
        if self._tap is not None and self._backlog is not None:
            self._backlog.then(partial(self._tap.renumbered, number))
