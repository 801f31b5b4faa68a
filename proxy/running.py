"""The command that is on its way upstream: its lines, its literals, and what upstream must say before the next octet.

Non-synchronising literals end here: the client's `{n+}` goes upstream as `{n}` and waits for its `+`, so that both
sides always agree where a command ends. A small message is taken in meanwhile, and its `+` is perhaps said in advance
(`goahead.py`). A message on its way in (APPEND) is durable in the spool before its last octets reach upstream
(invariant 2).
"""

import time
from collections.abc import Callable

from postbuch.archive.errors import SpoolError
from postbuch.proxy import append, command, fetchdata, gate, shape
from postbuch.proxy.append import is_built_elsewhere
from postbuch.proxy.arrival import Arrival
from postbuch.proxy.command import Command
from postbuch.proxy.framing import ClientLine, Data, synchronising
from postbuch.proxy.framing_client import ClientFramer
from postbuch.proxy.outstanding import Outstanding
from postbuch.proxy.relay import Relay
from postbuch.proxy.waiting import Ended, Wait

# Mailbox names are kept while their command is read: 1,000 characters of UTF-8 and more.
_MAX_KEPT_OCTETS = 8 * 1024


class Running:
    """One a session. Its methods raise Ended, and give what must happen before the client's next octets are read."""

    def __init__(
        self, relay: Relay, framer: ClientFramer, arrival: Arrival, to_upstream: Callable[[bytes], None]
    ) -> None:
        self.command: Outstanding | None = None  # until all of it is upstream, or upstream has answered
        self.asked_at = 0.0  # when upstream was asked for its go-ahead last
        self._relay = relay
        self._framer = framer
        self._arrival = arrival
        self._to_upstream = to_upstream
        self._rest = b""  # what the command's lines said so far, behind the verb
        self._literals: list[bytes] = []
        self._keeping = False
        self._synchronising = True  # the client waits for a `+` as well
        self._pieces: list[bytes] = []  # what is still to be sent of a command that the gate released
        self._together: list[bytes] | None = None  # what is to be sent in one piece

    @property
    def tag(self) -> bytes:
        """What to answer under."""
        return self.command.tag if self.command is not None else b"*"

    # --- lines ----------------------------------------------------------------------------------------------------

    def begin(self, parsed: Command, line: ClientLine) -> Wait:
        """A command that may go on as it is."""
        self._rest, self._literals = parsed.rest, []
        if parsed.verb in gate.REPLACING:
            self._rest = gate.behind_set(parsed.rest)
        self.command = Outstanding(tag=parsed.tag, verb=parsed.verb)
        if parsed.verb in (b"FETCH", b"UID FETCH"):
            self.command.parts = fetchdata.asked_parts(parsed.rest)
        return self._go_on(line)

    def line(self, line: ClientLine) -> Wait:
        """Its line behind a literal."""
        running = self.command
        if running is not None and running.verb in shape.NAMING:
            if running.verb in append.VERBS and is_built_elsewhere(line.octets):
                answer = running.tag + b" BAD CATENATE is not available here\r\n* BYE it cannot be taken back\r\n"
                raise Ended("CATENATE behind a literal", answer)
            if running.mailbox is None:
                self._rest += line.octets
        return self._go_on(line)

    def refuse(self, line: ClientLine, answer: bytes) -> None:
        """Answer the line's command here; what still belongs to it is dropped."""
        self._relay.say(answer)
        if line.literal is not None:
            self._framer.refuse(synchronising=line.synchronising)

    def _go_on(self, line: ClientLine) -> Wait:
        """Send one line upstream, with all that a literal at its end needs."""
        running = self.command
        if running is None:
            # Answered before its end, as Dovecot answers once it has the last literal: it still reads up to the CRLF,
            # and would take the next command for it. A literal more would be one that it does not expect.
            self.send(line.octets if line.literal is None else b"\r\n")
            if line.literal is not None:
                self._framer.refuse(synchronising=line.synchronising)
            return Wait.NOTHING
        if line.literal is None:
            running.altered = running.altered or (bool(running.captures) and line.octets != b"\r\n")
            if running.verb in shape.NAMING and running.mailbox is None:
                self._name(running)
            if line.first:
                self._relay.expect(running)
            self.send(line.octets)
            if running.verb == b"IDLE":
                return Wait.IDLE
            if running.verb in shape.RENUMBERING:
                return Wait.ANSWER
            self.command = None
            return Wait.NOTHING
        if not self._begin_literal(running, line, line.literal):
            return Wait.NOTHING
        early = self._arrival.early(line, running.verb, self._rest)
        if early and line.synchronising:
            self._relay.say(early)
        self._synchronising = line.synchronising and early is None
        self._relay.swallow_continuation = not self._synchronising
        self.asked_at = time.monotonic()
        if line.first:
            self._relay.expect(running)
        self.send(synchronising(line.octets))
        return Wait.CONTINUATION if early is None else Wait.NOTHING

    def _name(self, running: Outstanding) -> None:
        found = command.argument(self._rest, list(self._literals))
        running.mailbox = found[0] if found is not None else None

    # --- literals -------------------------------------------------------------------------------------------------

    def _begin_literal(self, running: Outstanding, line: ClientLine, size: int) -> bool:
        """Whether the literal at the end of the line may go on; when not, the client has its answer."""
        if running.verb in shape.WITHOUT_LITERAL:
            raise shape.no_literal(running.verb)
        if running.verb in shape.NAMING and running.mailbox is None:
            self._name(running)
        self._keeping = False
        if running.verb in append.VERBS and running.mailbox is not None:
            return self._begin_message(running, line)
        nameless = running.verb in append.VERBS and size > _MAX_KEPT_OCTETS  # its message would be none to us
        if nameless or size > shape.MAX_LITERAL_OCTETS:
            raise shape.too_large()
        self._keeping = running.verb in shape.NAMING and size <= _MAX_KEPT_OCTETS
        if self._keeping:
            self._literals.append(b"")
        return True

    def _begin_message(self, running: Outstanding, line: ClientLine) -> bool:
        try:
            self._arrival.begin(running, line, utf8=self._relay.selection.utf8)
        except SpoolError:
            answer = running.tag + b" NO [UNAVAILABLE] the message cannot be kept at the moment; try again later\r\n"
            if not line.first:  # part of the command is upstream already, and IMAP knows no way back
                raise Ended("the spool cannot be written", answer + b"* BYE try again later\r\n") from None
            self.command = None
            self.refuse(line, answer)
            return False
        return True

    def octets(self, data: Data) -> bool:
        """Octets of a literal; whether a message is all here."""
        octets = bytes(data.octets)
        if not self._arrival:
            if self._framer.dropping:
                return False
            if self._keeping:
                self._literals[-1] += octets
            self.send(octets)
            return False
        ready = self._arrival.take(octets)
        if self._framer.dropping:
            if data.last:
                self._arrival.keep_refused()
            return False
        if ready:
            self.send(ready)
        return data.last

    # --- what the gate released -----------------------------------------------------------------------------------

    def release(self, tag: bytes, verb: bytes, pieces: list[bytes]) -> Wait:
        """What may go on of a dangerous command: a line, and then literal and line in turn."""
        self.command = Outstanding(tag=tag, verb=verb)
        self._relay.expect(self.command)
        return self._send_pieces(self.command, pieces)

    def _send_pieces(self, running: Outstanding, pieces: list[bytes]) -> Wait:
        """Send as far as upstream takes it without a `+`: a line, or a literal and the line."""
        count = 1 if len(pieces) % 2 else 2
        (*literal, line), self._pieces = pieces[:count], pieces[count:]
        self._relay.swallow_continuation = bool(self._pieces)
        if self._pieces:
            self.asked_at = time.monotonic()
            self.send(b"".join((*literal, synchronising(line))))
            return Wait.CONTINUATION
        self.send(b"".join((*literal, line)))
        if running.verb in shape.RENUMBERING:
            return Wait.ANSWER
        self.command = None
        return Wait.NOTHING

    # --- told by the relay ----------------------------------------------------------------------------------------

    def continued(self) -> Wait:
        """Upstream said the `+` that was waited for."""
        if self._pieces and self.command is not None:
            return self._send_pieces(self.command, self._pieces)
        self._relay.swallow_continuation = False
        return Wait.NOTHING

    def refused(self, done: Outstanding, answer: bytes) -> None:
        """Upstream answered instead: nobody may send the literal's octets on."""
        self._relay.swallow_continuation = False
        if self._pieces:  # the client's literal is here already
            self._pieces = []
            return
        self._arrival.refuse(done, answer, synchronising=self._synchronising)
        self._framer.refuse(synchronising=self._synchronising)

    # --- to upstream ----------------------------------------------------------------------------------------------

    def send(self, octets: bytes) -> None:
        """At once, or together with the end of a message."""
        if self._together is None:
            self._to_upstream(octets)
        else:
            self._together.append(octets)

    def hand_on(self, octets: bytes, then: Callable[[], None]) -> None:
        """The end of a message, which is durable; what goes upstream in `then` goes along, and it is woken once."""
        self._together = [octets, self._arrival.durable(self.command)]
        try:
            then()
        finally:
            self._send_together()

    def end(self) -> None:
        """The legs are closed next, and what came whole before is upstream's."""
        self._relay.swallow_continuation = False
        self._send_together()

    def _send_together(self) -> None:
        together, self._together = self._together, None
        if together is not None:
            self._to_upstream(b"".join(together))
