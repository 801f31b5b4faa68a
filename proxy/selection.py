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
# RFC 7162 section 3.2.11: said between two mailboxes, and by Dovecot when none is opened behind the one that it closes.
_CLOSED = re.compile(rb"\* OK \[CLOSED\]", re.IGNORECASE)
# Codes stand at the begin (RFC 9051 section 7.1): words behind them may be a mailbox's name, which Gmail repeats.
_READ_ONLY = re.compile(rb"\S+ OK \[READ-ONLY\]", re.IGNORECASE)
_READ_WRITE = re.compile(rb"\* OK \[READ-WRITE\]", re.IGNORECASE)
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
        self._exists_before = LARGEST  # in the mailbox that is open when one of them goes upstream

    def ask(self) -> None:
        """A command of SELECTING goes upstream."""
        self._asked += 1
        # Until upstream says it of the mailbox that is selected now.
        self._exists_before, self.exists = self.exists, LARGEST

    def answered(self, command: Outstanding, line: bytes, *, good: bool) -> None:
        """The tagged answer to one. When it fails nothing is selected, says RFC 9051 section 6.3.2.

        But servers leave the mailbox open that was, when they could not read the command: the gate goes by that.
        """
        self._asked -= 1
        uidvalidity, self._uidvalidity = self._uidvalidity, None
        if not good:
            self.exists = self._exists_before
            self.select(self.mailbox)
            return
        # A name that upstream could read and we could not: the gate must know that a mailbox is open.
        name = command.mailbox or UNREADABLE
        self.select(Mailbox(
            name=name, utf8=self.utf8, read_only=command.verb == b"EXAMINE" or _READ_ONLY.match(line) is not None,
            uidvalidity=None if name is UNREADABLE else uidvalidity,
        ), exists=None if self.exists == LARGEST else self.exists)

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
        elif _CLOSED.match(line):
            self.select(None)
        elif _READ_WRITE.match(line):
            if self.mailbox is not None and self.mailbox.read_only:
                self.select(replace(self.mailbox, read_only=False))
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
