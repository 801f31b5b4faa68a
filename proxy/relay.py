"""Upstream to client: forwards each chunk first, then looks at it (proxy.md section 1).

Only a few answers are edited on the way: capability lists, referral codes, and the `+` that a client did not ask for.
While one of them may come, octets go on event by event; else chunk by chunk, untouched.
"""

import contextlib
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol

from postbuch.proxy import capability
from postbuch.proxy.backlog import Backlog
from postbuch.proxy.captures import Mailbox
from postbuch.proxy.fetchdata import is_fetch
from postbuch.proxy.framing import Fetched, FramingLost, Line, Skipped, UpstreamEvent, apart
from postbuch.proxy.framing_upstream import UpstreamFramer
from postbuch.proxy.numbering import Numbering
from postbuch.proxy.outstanding import Injected, Outstanding, Owed
from postbuch.proxy.selection import SELECTING, Selection
from postbuch.proxy.tap import Tap

# REPLACE tells it before its tagged answer (RFC 8508 section 3.4).
_APPENDED = re.compile(rb"\* OK \[APPENDUID ", re.IGNORECASE)


class CommandStage(Protocol):
    """What the relay tells the client's side."""

    def continued(self, words: bytes) -> None: ...
    def completed(self, command: Outstanding, answer: bytes) -> None: ...


class Relay:
    """One a session. `write` gives octets to the client."""

    def __init__(
        self, tap: Tap | None, write: Callable[[bytes], None], later: Callable[[Callable[[], None]], None] | None = None
    ) -> None:
        """`later` calls back once the loop has sent what was written; without it everything is looked at at once."""
        self.stage: CommandStage | None = None
        self.swallow_continuation = False
        self.said_bye = False
        self.lost: Exception | None = None  # what became of upstream
        self._tap = tap
        self._backlog = Backlog(tap.see) if tap is not None else None
        self.selection = Selection(tap, self._backlog)
        self._write = write
        self._framer = UpstreamFramer()
        self._owed = Owed()
        self._sent = 0  # octets of the line without an end that the client has already
        self._own: list[bytes] = []
        self._later = later
        self._unseen: list[bytes] = []  # forwarded, not looked at
        self._in_fetch = False
        self._in_parts = self._looking = False
        self._untracked: FramingLost | None = None
        self._forwarded: list[bytes] = []  # what the client gets of the chunk that is being edited
        self._hiding = False  # the response that is being read is the injected command's

    def expect(self, command: Outstanding) -> None:
        """A command goes upstream now."""
        self.catch_up()
        self._owed.add(command)
        if command.verb in SELECTING:
            self.selection.ask()
        self._hiding = self._hiding and not isinstance(command, Injected)
        if (command.parts or self._in_parts) and self._tap is not None and self._backlog is not None:
            self._in_parts = True  # it does that to the end, and what it does not go on with is whole
            self._backlog.then(partial(self._tap.ask, command.parts or {}))

    @property
    def outstanding(self) -> Mapping[bytes, Outstanding]:
        """The commands without an answer by their tags, oldest first."""
        return self._owed.commands

    @property
    def injecting(self) -> bool:
        """Whether a command of our own is on its way: what it brings may come faster than the spool takes it."""
        return self._owed.injected is not None

    def owes(self, tag: bytes) -> bool:
        """Whether upstream owes the answer to a command of this tag."""
        self.catch_up()
        return tag in self._owed.commands

    async def quiet(self) -> None:
        """Until upstream owes no answer: only then may a command of our own go there."""
        self.catch_up()
        await self._owed.quiet()

    def settled_mailbox(self) -> Mailbox | None:
        """The selected mailbox, if upstream owes no answer that could change it."""
        self.catch_up()
        return None if self._owed.commands else self.selection.mailbox

    def settled_numbering(self) -> Numbering | None:
        """What the numbers mean to upstream, if it owes no answer and all that it said has been looked at."""
        self.catch_up()
        if self._owed.commands or self._tap is None or self._backlog is None or not self._backlog.empty:
            return None
        return self._tap.captures.numbering

    def settle(self) -> None:
        """Have the tap look at all that came."""
        self.catch_up()
        if self._backlog is not None:
            self._backlog.work_off()

    @property
    def looking(self) -> bool:
        """Whether a chunk is being looked at, the rest of which the client has already: no line of ours fits now."""
        return self._looking

    @property
    def fetching(self) -> bool:
        """Whether upstream may be sending messages: it owes the answer to a FETCH, or to a command of our own."""
        return self._owed.fetching

    @property
    def awaited(self) -> bool:
        """Whether upstream owes the answer to a command other than IDLE."""
        return self._owed.awaited

    def say(self, line: bytes) -> None:
        """A line of our own: now if a response just ended, else as soon as one does."""
        self.catch_up()
        # While a chunk is looked at the client has the rest of it already. Of an answer to our own command it has none.
        hidden = self._owed.injected is not None and self._hiding and not self._sent
        if (self._framer.at_rest or hidden) and not self._looking:
            self._flush()
            self._write(line)
        else:
            self._own.append(line)

    def feed(self, data: bytes) -> None:
        """Octets of upstream. Raises FramingLost."""
        if self._unseen:
            self.catch_up()
        if self._owed.edited or self.swallow_continuation:
            try:
                self._edit(data)
            finally:
                self._flush()
            self._after()
            return
        self._write(data)
        self._unseen.append(data)
        if self._later is None:
            self.catch_up()
        else:
            # The loop sends after its callbacks: looking now would keep the client waiting.
            self._later(self.catch_up)

    def _edit(self, data: bytes) -> None:
        for event in (piece for whole in self._framer.feed(data) for piece in apart(whole)):
            if self._owed.injected is None:
                self._forward(event)
            elif (rest := self._not_ours(event, self._owed.injected)) is not None:
                self._forward(rest)
            self._see(event)
        if not (self._owed.edited or self.swallow_continuation):
            self._write_pending()

    def _flush(self) -> None:
        """One write, one TLS record, for all lines of a chunk: an EXPUNGE of a mailbox is answered by thousands."""
        if self._forwarded:
            forwarded, self._forwarded = self._forwarded, []
            self._write(b"".join(forwarded))

    def catch_up(self) -> None:
        """Look at what was forwarded. Raises FramingLost, from then on each time: nobody may act on what is known."""
        if self._untracked is not None:
            raise self._untracked
        if not self._unseen:
            return
        unseen, self._unseen = self._unseen, []
        self._looking = True
        try:
            for data in unseen:
                for event in self._framer.feed(data):
                    self._see(event)
        except FramingLost as error:
            self._untracked = error
            raise
        finally:
            self._looking = False
        self._sent = self._framer.pending_octets
        self._after()

    def _after(self) -> None:
        if self._own and self._framer.at_rest:
            own, self._own = self._own, []
            self._write(b"".join(own))
        if self._backlog is not None:
            self._backlog.fed()

    def close(self) -> None:
        """The session is over: what was forwarded is looked at to the end, and the client gets no more."""
        with contextlib.suppress(FramingLost):
            self.catch_up()
        self._write = _to_nobody
        if self._backlog is not None:
            self._backlog.close()

    def lose(self, failure: Exception) -> None:
        """Upstream is gone: our own commands get no answer any more."""
        self.lost = failure
        self._owed.lose(failure)

    def _forward(self, event: UpstreamEvent) -> None:
        octets: bytes | memoryview = event.octets
        if isinstance(event, Line):
            sent, self._sent = self._sent, 0
            if sent:
                octets = octets[sent:]  # its begin is with the client already: too late for an edit
            elif event.first and event.octets[:1] == b"+" and self.swallow_continuation:
                return
            elif event.first:
                octets = capability.rewritten(event.octets, logged_in=True)
        elif isinstance(event, Skipped) and self._sent:
            octets, self._sent = event.octets[self._sent :], 0
        if len(octets):
            self._forwarded.append(bytes(octets))

    def _not_ours(self, event: UpstreamEvent, injected: Injected) -> UpstreamEvent | None:
        """What of the event is not the answer to our own command."""
        if self._sent:  # its begin is with the client already
            return event
        if isinstance(event, Skipped):  # whole lines, several at once
            lines = event.octets.splitlines(keepends=True)
            ours = [line for line in lines if injected.takes(line)]
            injected.lines += ours
            return Skipped(b"".join(line for line in lines if not injected.takes(line))) if ours else event
        if isinstance(event, Line) and event.first:
            taken = injected.takes(event.octets)
            self._hiding = taken or event.octets.startswith(injected.tag + b" ")
            if taken:
                injected.lines.append(event.octets)
        return None if self._hiding else event

    def _write_pending(self) -> None:
        pending = self._framer.pending
        if len(pending) > self._sent:
            self._forwarded.append(pending[self._sent :])
        self._sent = len(pending)

    def _see(self, event: UpstreamEvent) -> None:
        if isinstance(event, Fetched):
            if self._backlog is not None:
                self._backlog.put(event)
            return
        if isinstance(event, Line) and event.first:
            start = event.octets[:1]
            self._in_fetch = start == b"*" and is_fetch(event.octets)
            if start == b"+":
                if self.stage is not None:
                    self.stage.continued(event.octets)
            elif start != b"*":
                self._complete(event.octets)
            elif event.literal is None:
                if event.octets[2:3].isdigit():
                    self.selection.note_number(event.octets)
                else:
                    self._note(event.octets)
        if self._in_fetch and self._backlog is not None and not isinstance(event, Skipped):
            self._backlog.put(event)

    def _note(self, line: bytes) -> None:
        if line[:5].upper() == b"* BYE":
            self.said_bye = True
        elif _APPENDED.match(line):
            for command in self._owed.commands.values():
                command.said = command.said or line if command.captures else b""
        else:
            self.selection.note(line)

    def _complete(self, line: bytes) -> None:
        tag = line.split(b" ", 1)[0]
        command = self._owed.take(tag)
        if command is None:
            return
        good = line[len(tag) + 1 :][:2].upper() == b"OK"
        if command.verb in SELECTING:
            self.selection.answered(command, line, good=good)
        elif command.verb in (b"CLOSE", b"UNSELECT") and good:
            self.selection.select(None)
        if command.parts and self._tap is not None and self._backlog is not None:
            self._backlog.then(partial(self._tap.answered, command.parts))
        if isinstance(command, Injected):
            if not command.done.done():
                command.done.set_result(line)
        elif self.stage is not None:
            self.stage.completed(command, line)
        self._owed.settle()


def _to_nobody(octets: bytes) -> None:
    """The client is gone, and the rest of a chunk is still gone through."""
