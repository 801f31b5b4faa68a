"""A message on its way in by APPEND: into the spool and upstream at once, its last octets withheld until it is durable.

RFC 9051 section 6.3.12, RFC 3502 (MULTIAPPEND), RFC 4315 (APPENDUID), RFC 8508 (REPLACE).
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from postbuch.archive.errors import SpoolError
from postbuch.archive.imapnumber import number, number64
from postbuch.archive.mailboxname import of_octets
from postbuch.archive.spool import SpoolWriter
from postbuch.proxy import command, fetchdata, gate
from postbuch.proxy.archived import Archived
from postbuch.proxy.captures import Mailbox, place_of
from postbuch.proxy.durable import OnLoop
from postbuch.proxy.lineends import has_bare
from postbuch.proxy.outstanding import Outstanding

# 64 KiB: of a block up to this size one octet is withheld, at the cost of a copy; a larger one, a part of a large
# message, is withheld whole.
CUT_OCTETS = 65_536
# Of an answer: nobody appends so many at once, and a span of a few octets may name a thousand million.
MAX_UIDS = 100_000
VERBS = gate.REPLACING | {b"APPEND"}
# Servers need no space in front of it.
_CATENATE = re.compile(rb"CATENATE *\(", re.IGNORECASE)
_LITERAL_ALONE = re.compile(rb" *\{\d+\+?\}\r\n")
# What may stand between a mailbox's name, or the message before, and a message that is stored as it is sent.
_PLAIN = re.compile(rb'(?: \([^(){}"]*\))?(?: "[^"]*")? \{\d+\+?\}\r\n')
_FLAGS = re.compile(rb"\(([^()]*)\)")
_DATE = re.compile(rb'"([ \d]\d-[A-Za-z]{3}-\d{4} [\d:]{8} [+-]\d{4})"')
_APPENDUID = re.compile(rb"\[APPENDUID (\d+) ([\d:,]+)\]", re.IGNORECASE)


def is_built_elsewhere(rest: bytes) -> bool:
    """Whether a line of one of the VERBS builds its message on the server (RFC 4469), where we cannot see it."""
    return _CATENATE.search(rest) is not None


def names_a_mailbox(verb: bytes, rest: bytes) -> bool:
    """Whether the first line of one of the VERBS names a mailbox that we can read, or says nothing more at all."""
    named = gate.behind_set(rest) if verb in gate.REPLACING else rest
    return not named.strip() or command.argument(named) is not None or _LITERAL_ALONE.fullmatch(named) is not None


def is_plain(line: bytes, *, first: bool) -> bool:
    """Whether the line in front of a message's literal is one that lets a server store it as it is sent.

    Not so with a literal8: Dovecot encodes the message anew (RFC 3516), and what it gives out is another one.
    """
    return _PLAIN.fullmatch(_behind_name(line) if first else line) is not None


class Incoming:
    """One message of an APPEND. `altered`: servers give it out with other line ends, or without its NUL."""

    def __init__(self, spool: SpoolWriter, size_octets: int, facts: Mapping[str, Any]) -> None:
        self._message = spool.begin(size_octets)
        self._facts = facts
        self.size_octets = size_octets
        self.altered = False
        self._ends_in_cr = False
        self.held = b""
        self.committed = False
        self.given_up = False
        self.refused: Callable[[], None] | None = None  # set when upstream did not want it

    @property
    def capture(self) -> bytes:
        return self._message.capture

    @property
    def pending_octets(self) -> int:
        return 0 if self.given_up else self._message.pending_octets

    def give_up(self) -> None:
        """It cannot be kept: what still comes goes upstream all the same, where the command is taken back."""
        self.given_up = True
        if not self.committed:
            self._message.abort()

    def take(self, octets: bytes) -> bytes:
        """Keep a block; gives what may go upstream: all but the last octets."""
        if self.given_up:
            ready, self.held = self.held + octets, b""
            return ready
        if not octets:
            return b""
        self._message.write(octets)
        if b"\0" in octets:
            self.altered = True
        elif has_bare(octets):
            begins_in_lf = self._ends_in_cr and octets.startswith(b"\n")
            ends = octets.count(b"\r\n") + begins_in_lf
            self.altered = self.altered or octets.count(b"\n") != ends
        self._ends_in_cr = octets.endswith(b"\r")
        # Of a small message upstream then has all but this when the disk is done.
        cut = len(octets) - 1 if len(octets) <= CUT_OCTETS else 0
        ready, self.held = self.held + octets[:cut], octets[cut:]
        return ready

    def commit(self, tell: Callable[[SpoolError | None], None]) -> None:
        """All octets are here; `tell` is called on the loop when they are durable, or known not to be."""
        self.committed = True
        self._message.end({**self._facts, "seen_at": datetime.now(UTC).isoformat()}, OnLoop(tell), urgent=True)

    def abort(self) -> None:
        """The command came to nothing."""
        self._message.abort()


class IncomingFactory:
    """Makes the `Incoming` of a session and writes down what upstream answered."""

    def __init__(
        self, spool: SpoolWriter, facts: Mapping[str, Any], event: Callable[[Mapping[str, Any]], None],
        archived: Archived | None = None,
    ) -> None:
        self._archived = archived
        self._spool = spool
        self._facts = facts
        self._event = event

    def begin(self, running: Outstanding, line: bytes, size_octets: int, *, utf8: bool) -> Incoming:
        """A message follows the line. Raises SpoolError when there is no room."""
        flags, date = options(line)
        running.utf8 = utf8
        return Incoming(
            self._spool,
            size_octets,
            {
                **self._facts,
                "source": "append",
                "mailbox": of_octets(running.mailbox or b"", is_utf8=utf8),
                "mailbox_utf8": utf8,
                "uidvalidity": None,
                "uid": None,
                "flags": flags,
                "internal_date": date.isoformat() if date else None,
                "normalised": False,
                "envelope": None,
            },
        )

    @property
    def stalled(self) -> bool:
        """Whether the spool's disk does not answer."""
        return self._spool.stalled

    def answered(self, done: Outstanding, answer: bytes) -> None:
        """Upstream's last word on the messages of a command."""
        good = answer[len(done.tag) + 1 :][:2].upper() == b"OK"
        verdict = "accepted" if good else "refused"
        text = answer[len(done.tag) + 1 :].decode("utf-8", "replace").strip()
        uidvalidity, uids = append_uids(done.said or answer)
        if done.altered or len(uids) != len(done.captures):  # which of them is which message, octet for octet?
            uidvalidity, uids = None, []
        for position, capture in enumerate(done.captures):
            uid = uids[position] if position < len(uids) else None
            self.outcome(capture, verdict, text, uidvalidity, uid)
            if self._archived is not None and good and uid is not None and done.mailbox is not None:
                box = Mailbox(name=done.mailbox, utf8=done.utf8, uidvalidity=uidvalidity)
                self._archived.sent(place_of(str(self._facts["account"]), box), {uid: done.lengths[position]})

    def outcome(self, capture: bytes, verdict: str, text: str, uidvalidity: int | None, uid: int | None) -> None:
        """Write one outcome to the spool."""
        self._event({
            "event": "outcome", "of": capture.hex(), "verdict": verdict, "code": 0, "text": text[:1000],
            "uidvalidity": uidvalidity, "uid": uid, "at": datetime.now(UTC).isoformat(),
        })


def options(line: bytes) -> tuple[list[str], datetime | None]:
    """Flags and INTERNALDATE in the line in front of a message's literal."""
    rest = _behind_name(line)
    flags = _FLAGS.search(rest)
    date = _DATE.search(rest)
    return (
        [flag.decode("utf-8", "replace") for flag in flags.group(1).split()] if flags else [],
        fetchdata.internal_date(date.group(1)) if date else None,
    )


def _behind_name(line: bytes) -> bytes:
    """What follows the mailbox's name, which may hold brackets; all of a line behind a literal."""
    parsed = command.parse(line)
    if parsed is None or parsed.verb not in VERBS:
        return line
    rest = gate.behind_set(parsed.rest) if parsed.verb in gate.REPLACING else parsed.rest
    named = command.argument(rest)
    return named[1] if named is not None else rest


def append_uids(answer: bytes) -> tuple[int | None, list[int]]:
    """UIDVALIDITY and the UIDs, in order, of an `[APPENDUID …]`."""
    found = _APPENDUID.search(answer)
    if not found:
        return None, []
    uids: list[int] = []
    for span in found.group(2).split(b","):
        begin, _, end = span.partition(b":")
        first, last = number(begin), number(end or begin)
        if not first or not last:
            return None, []  # nobody can count which is whose
        uids += range(first, min(last, first + MAX_UIDS - len(uids) - 1) + 1)
    return number64(found.group(1)), uids
