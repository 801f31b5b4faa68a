"""Client to upstream, command by command: the one place where a command can be held, changed or refused.

Non-synchronising literals end here: the client's `{n+}` goes upstream as `{n}` and waits for its `+`, so that both
sides always agree where a command ends. A small message is taken in meanwhile, and its `+` is perhaps said in advance
(`goahead.py`). A message on its way in (APPEND) is durable in the spool before its last octets reach upstream
(invariant 2). The gate stands in `_begin`: a dangerous command is taken in whole, literals and all, and held with
everything behind it until `holding.py` says how it may go on (invariant 3).
"""

import asyncio
import logging
import time
from enum import Enum
from typing import Protocol

from postbuch.archive import said
from postbuch.archive.errors import SpoolError
from postbuch.proxy import append, command, fetchdata, gate, shape
from postbuch.proxy.append import IncomingFactory, is_built_elsewhere
from postbuch.proxy.arrival import Arrival
from postbuch.proxy.command import Command
from postbuch.proxy.framing import ClientLine, Data, Violation, synchronising
from postbuch.proxy.framing_client import MAX_LINE_OCTETS, ClientFramer
from postbuch.proxy.gate import Reach
from postbuch.proxy.holding import Holding
from postbuch.proxy.outstanding import Outstanding
from postbuch.proxy.relay import Relay
from postbuch.proxy.verdict import Held

log = logging.getLogger("postbuch.proxy.imap")

# Search keys, mailbox names, annotations: 1 MiB is a thousand times what clients send.
MAX_LITERAL_OCTETS = 1024 * 1024
# Mailbox names are kept while their command is read: 1,000 characters of UTF-8 and more.
_MAX_KEPT_OCTETS = 8 * 1024


class _Wait(Enum):
    """What must happen before the client's next octets are read."""

    NOTHING = 0
    CONTINUATION = 1  # upstream's `+` for a literal, or for a message that is durable
    IDLE = 2  # upstream's `+` for IDLE
    DURABLE = 3  # the spool's sync
    GATE = 4  # every message that the command can hit is durable
    ANSWER = 5  # upstream's answer: what follows must not be taken to mean the numbers before it
    END = 6  # nothing: the session is over


# A server that cannot read a line may say neither `+` nor what is wrong with it: Dovecot 2.3 waits for the octets of
# `APPEND x y {3}`. Thunderbird gives up after 100 s; the session looks every 15 s.
GO_AHEAD_TIMEOUT_S = 60.0


class Wire(Protocol):
    """The session's side of the stage."""

    def to_upstream(self, octets: bytes) -> None: ...
    def end_client(self, reason: str, line: bytes) -> None: ...


class Stage:
    """One a session, from the log-in on."""

    def __init__(
        self, wire: Wire, relay: Relay, framer: ClientFramer, incoming: IncomingFactory | None,
        holding: Holding | None = None,
    ) -> None:
        self._wire = wire
        self._relay = relay
        self._framer = framer
        self._framer.line_limit = MAX_LINE_OCTETS
        self._arrival = Arrival(incoming)
        self._wait = _Wait.NOTHING
        self._idling = False
        self._dropping = False
        self._running: Outstanding | None = None
        self._rest = b""  # what the command's lines said so far, behind the verb
        self._literals: list[bytes] = []
        self._keeping = False
        self._literal_synchronising = True
        self._holding = holding
        self._held: Held | None = None  # a dangerous command that is not complete yet
        self._parts: list[bytes] = []  # what is still to be sent of one that was released
        self._together: list[bytes] | None = None  # what is to be sent in one piece
        self._checking: asyncio.Task[None] | None = None
        self._asked_at = 0.0  # when upstream was asked for its go-ahead last
        relay.stage = self

    @property
    def pending_octets(self) -> int:
        """Octets of a message that the spool has not written yet."""
        return self._arrival.pending_octets

    def pump(self) -> None:
        """Act on what the client sent, as far as nothing must be waited for."""
        while self._wait is _Wait.NOTHING:
            event = self._framer.next()
            if event is None:
                return
            if isinstance(event, Violation):
                self._end(event.reason, b"* BYE protocol error\r\n")
                return
            if isinstance(event, Data):
                self._data(event)
            else:
                self._line(event)

    def take_plain(self, data: bytes) -> bool:
        """Send on at once what is one whole command that needs no thought; False when `pump` must have it."""
        if self._wait is not _Wait.NOTHING or self._idling or self._dropping or not self._framer.at_rest:
            return False
        found = shape.PLAIN.fullmatch(data)
        if found is None:
            return False
        tag, verb, rest = found.groups()
        if any(command.tag == tag for command in self._relay.outstanding):
            return False  # unless it was answered a moment ago
        if verb in shape.REMOVING:
            return self._send_at_once(Command(tag=tag, verb=verb, rest=rest + b"\r\n"), data)
        self._send(data)
        self._relay.expect(Outstanding(tag=tag, verb=verb, parts=fetchdata.asked_parts(rest)))
        return True

    def expire(self, now: float) -> None:
        """Called every now and then: an upstream that never says whether it wants a literal must not hold for ever."""
        asking = self._arrival.asking or self._wait is _Wait.CONTINUATION
        if asking and self._wait is not _Wait.END and now - self._asked_at > GO_AHEAD_TIMEOUT_S:
            tag = self._running.tag if self._running is not None else b"*"
            answer = tag + b" BAD the server does not answer this\r\n* BYE the command cannot be taken back\r\n"
            self._end("upstream gave no go-ahead for a literal", answer)

    def close(self) -> None:
        """The session is over."""
        self._wait = _Wait.END
        if self._checking is not None:
            self._checking.cancel()
        self._arrival.close()

    def _end(self, reason: str, line: bytes) -> None:
        self._send_together()  # the legs are closed next, and what came whole before is upstream's
        self._stop_waiting()
        self._wait = _Wait.END
        self._wire.end_client(reason, line)

    # --- told by the relay ----------------------------------------------------------------------------------------

    def continued(self, words: bytes) -> None:
        """Upstream said `+`; `words` is the whole line."""
        self._arrival.given(words)
        if self._arrival.asking and self._wait is not _Wait.END:
            self._agreed()
        elif self._wait is _Wait.CONTINUATION and self._parts:
            self._send_parts()
        elif self._wait is _Wait.CONTINUATION:
            self._stop_waiting()
            self.pump()
        elif self._wait is _Wait.IDLE:
            self._wait, self._idling = _Wait.NOTHING, True
            self.pump()

    def completed(self, done: Outstanding, answer: bytes) -> None:
        """Upstream answered a command for good."""
        self._arrival.answered(done, answer)
        if done is not self._running:
            return
        self._running = None
        asking = self._arrival.asking and self._wait is not _Wait.END
        if self._wait is _Wait.CONTINUATION and self._parts:  # the client's literal is here already
            self._parts = []
            self._stop_waiting()
            self.pump()
        elif asking or self._wait is _Wait.CONTINUATION:  # it refused the literal: nobody may send its octets on
            self._stop_waiting()
            self._arrival.refuse(done, answer, synchronising=self._literal_synchronising)
            self._refuse_literal(synchronising=self._literal_synchronising)
            self.pump()
        elif self._wait in (_Wait.IDLE, _Wait.ANSWER):
            self._wait = _Wait.NOTHING
            self.pump()
        elif self._wait is _Wait.NOTHING:
            self._idling = False

    # --- lines ----------------------------------------------------------------------------------------------------

    def _line(self, line: ClientLine) -> None:
        if self._dropping:
            self._dropping = line.literal is not None
            if line.literal is not None and line.synchronising:
                self._framer.start_over()  # it waits for a `+` that it will not get; its command is answered
                self._dropping = False
        elif self._idling:
            self._idling = False
            if line.octets.upper() != b"DONE\r\n":
                self._end("something else than DONE while idling", b"* BYE expected DONE\r\n")
                return
            self._send(line.octets)
        elif line.first:
            self._begin(line)
        elif self._held is not None:
            self._held.pieces.append(line.octets)
            self._collect(self._held, line)
        else:
            self._continue(line)

    def _continue(self, line: ClientLine) -> None:
        """A command's line behind a literal."""
        running = self._running
        if running is not None and running.verb in shape.NAMING:
            if running.verb in append.VERBS and is_built_elsewhere(line.octets):
                answer = running.tag + b" BAD CATENATE is not available here\r\n* BYE it cannot be taken back\r\n"
                self._end("CATENATE behind a literal", answer)
                return
            if running.mailbox is None:
                self._rest += line.octets
        self._go_on(line)

    def _begin(self, line: ClientLine) -> None:
        parsed = command.parse(line.octets)
        if parsed is None:
            tag = command.tag_of(line.octets)
            if tag == b"*":
                self._end("a tag that is none", b"* BAD this is no command\r\n* BYE protocol error\r\n")
            else:
                self._answer(line, tag + b" BAD this is no command\r\n")
            return
        refusal = shape.refusal(parsed)
        if refusal is None and self._relay.owes(parsed.tag):
            # Nobody could tell whose answer is whose.
            refusal = b" BAD [CLIENTBUG] a command with this tag is not answered yet\r\n"
        if refusal is not None:
            self._answer(line, parsed.tag + refusal)
            return
        if line.literal is None and self._send_at_once(parsed, line.octets):
            return
        hazard = self._holding.hazard(parsed) if self._holding is not None else None
        if hazard is not None and hazard.reach is Reach.MAILBOX:
            # Whatever its arguments are, it is safe when the whole mailbox is; upstream says what it takes of them.
            self._hold(Held(command=parsed, hazard=hazard, pieces=[]), line)
        elif hazard is not None and parsed.verb in gate.REPLACING:
            self._hold(Held(command=parsed, hazard=hazard, pieces=[line.octets]), line)  # its message comes later
        elif hazard is not None:
            self._held = Held(command=parsed, hazard=hazard, pieces=[line.octets])
            self._collect(self._held, line)
        else:
            self._proceed(parsed, line)

    def _proceed(self, parsed: Command, line: ClientLine) -> None:
        """A command that may go on as it is."""
        self._rest, self._literals = parsed.rest, []
        if parsed.verb in gate.REPLACING:
            self._rest = gate.behind_set(parsed.rest)
        self._running = Outstanding(tag=parsed.tag, verb=parsed.verb)
        if parsed.verb in (b"FETCH", b"UID FETCH"):
            self._running.parts = fetchdata.asked_parts(parsed.rest)
        self._go_on(line)

    # --- dangerous commands ---------------------------------------------------------------------------------------

    def _send_at_once(self, parsed: Command, octets: bytes) -> bool:
        """Send on a dangerous command if all that it can hit is known to be archived; False when it is another."""
        hazard = self._holding.hazard(parsed) if self._holding is not None else None
        if hazard is None or self._holding is None:
            return False
        held = Held(command=parsed, hazard=hazard, pieces=[octets])
        verdict = self._holding.at_once(held)
        if verdict is None or verdict.pieces is None:
            return False
        self._release(held, verdict.verb, verdict.pieces)
        return True

    def _collect(self, held: Held, line: ClientLine) -> None:
        """A line of a dangerous command is here: take the literal at its end, or hold what is complete."""
        if line.literal is None:
            self._held = None
            self._hold(held, None)
        elif held.command.verb in shape.WITHOUT_LITERAL:
            self._end(f"a literal in {held.command.verb.decode()}", b"* BYE this command takes no literal\r\n")
        elif line.literal + sum(map(len, held.pieces)) > MAX_LITERAL_OCTETS:
            self._end("a literal above 1 MiB that is no message", b"* BYE the literal is too large\r\n")
        else:
            held.pieces.append(b"")
            if line.synchronising:
                self._relay.say(b"+ OK\r\n")

    def _hold(self, held: Held, first: ClientLine | None) -> None:
        self._wait = _Wait.GATE
        self._checking = asyncio.get_running_loop().create_task(self._check(held, first))

    async def _check(self, held: Held, first: ClientLine | None) -> None:
        """Ask the gate, and do what it says; `first` is the first line of a command that was not taken in whole."""
        if self._holding is None:
            return
        try:
            verdict = await self._holding.check(held)
        except Exception as error:  # a defect of ours: nothing is let go, and the client hears of it
            log.exception("gate-error verb=%s", held.command.verb.decode("ascii", "replace"))
            self._end(f"the gate failed: {type(error).__name__}", b"* BYE an error here; try again\r\n")
            return
        if self._wait is not _Wait.GATE:
            return
        self._wait = _Wait.NOTHING
        if verdict.pieces is None:
            if first is None:
                self._relay.say(verdict.answer)
            else:
                self._answer(first, verdict.answer)
        elif first is not None:
            line = first._replace(octets=verdict.pieces[0]) if verdict.pieces else first
            self._proceed(command.parse(line.octets) or held.command, line)
        else:
            self._release(held, verdict.verb, verdict.pieces)
        if self._wait is _Wait.NOTHING:
            self.pump()

    def _release(self, held: Held, verb: bytes, pieces: list[bytes]) -> None:
        """Send on what may go on of a dangerous command."""
        self._running = Outstanding(tag=held.command.tag, verb=verb)
        self._relay.expect(self._running)
        self._parts = pieces
        self._send_parts()

    def _send_parts(self) -> None:
        """Send a released command as far as upstream takes it without a `+`: a line, or a literal and the line."""
        count = 1 if len(self._parts) % 2 else 2
        sending, self._parts = self._parts[:count], self._parts[count:]
        *literals, line = sending
        if self._parts:
            self._relay.swallow_continuation = True
            self._wait = _Wait.CONTINUATION
            self._asked_at = time.monotonic()
            self._send(b"".join(literals) + synchronising(line))
            return
        waited = self._wait is _Wait.CONTINUATION
        self._stop_waiting()
        self._send(b"".join(literals) + line)
        if self._running is not None and self._running.verb in shape.RENUMBERING:
            self._wait = _Wait.ANSWER
            return
        self._running = None
        if waited:
            self.pump()

    def _go_on(self, line: ClientLine) -> None:
        """Send one line of the running command upstream, with all that a literal at its end needs."""
        running = self._running
        if running is None:
            # Answered before its end, as Dovecot answers once it has the last literal: it still reads up to the CRLF,
            # and would take the next command for it. A literal more would be one that it does not expect.
            self._send(line.octets if line.literal is None else b"\r\n")
            if line.literal is not None:
                self._refuse_literal(synchronising=line.synchronising)
            return
        if line.literal is None:
            running.altered = running.altered or (bool(running.captures) and line.octets != b"\r\n")
            if running.verb in shape.NAMING and running.mailbox is None:
                self._name(running)
            self._send_first(running, line)
            if running.verb == b"IDLE":
                self._wait = _Wait.IDLE
            elif running.verb in shape.RENUMBERING:
                self._wait = _Wait.ANSWER
            else:
                self._running = None
            return
        if not self._begin_literal(running, line):
            return
        early = self._arrival.early(line, running.verb, self._rest)
        if early and line.synchronising:
            self._relay.say(early)
        self._literal_synchronising = line.synchronising and early is None
        self._relay.swallow_continuation = not self._literal_synchronising
        self._wait = _Wait.CONTINUATION if early is None else _Wait.NOTHING
        self._asked_at = time.monotonic()
        self._send_first(running, line)

    def _send_first(self, running: Outstanding, line: ClientLine) -> None:
        if line.first:
            self._relay.expect(running)
        self._send(synchronising(line.octets) if line.literal is not None else line.octets)

    def _begin_literal(self, running: Outstanding, line: ClientLine) -> bool:
        """Whether the literal at the end of the line may go on; when not, the client has its answer."""
        size = line.literal or 0
        if running.verb in shape.WITHOUT_LITERAL:
            self._end(f"a literal in {running.verb.decode()}", b"* BYE this command takes no literal\r\n")
            return False
        if running.verb in shape.NAMING and running.mailbox is None:
            self._name(running)
        if running.verb in append.VERBS and running.mailbox is not None:
            return self._begin_message(running, line)
        if size > MAX_LITERAL_OCTETS:
            self._end("a literal above 1 MiB that is no message", b"* BYE the literal is too large\r\n")
            return False
        self._keeping = running.verb in shape.NAMING and size <= _MAX_KEPT_OCTETS
        if self._keeping:
            self._literals.append(b"")
        return True

    def _begin_message(self, running: Outstanding, line: ClientLine) -> bool:
        try:
            self._arrival.begin(running, line, utf8=self._relay.utf8)
        except SpoolError:
            answer = running.tag + b" NO [UNAVAILABLE] the message cannot be kept at the moment; try again later\r\n"
            if not line.first:  # part of the command is upstream already, and IMAP knows no way back
                self._end("the spool cannot be written", answer + b"* BYE try again later\r\n")
                return False
            self._running = None
            self._answer(line, answer)
            return False
        return True

    def _name(self, running: Outstanding) -> None:
        found = command.argument(self._rest, list(self._literals))
        running.mailbox = found[0] if found is not None else None

    # --- literals -------------------------------------------------------------------------------------------------

    def _data(self, data: Data) -> None:
        octets = bytes(data.octets)
        if self._held is not None:
            self._held.pieces[-1] += octets
            return
        if self._dropping:
            if self._arrival:
                self._arrival.take(octets)
                if data.last:
                    self._arrival.keep_refused()
            return
        if not self._arrival:
            if self._keeping:
                self._literals[-1] += octets
            self._send(octets)
            return
        ready = self._arrival.take(octets)
        if ready:
            self._send(ready)
        if data.last:
            self._wait = _Wait.DURABLE
            self._arrival.commit(self._durable)

    def _durable(self, error: SpoolError | None) -> None:
        if self._wait is not _Wait.DURABLE:
            return
        if error is not None:
            self._arrival.lost()
            tag = self._running.tag if self._running is not None else b"*"
            answer = b" NO [UNAVAILABLE] the message cannot be kept at the moment\r\n* BYE try again\r\n"
            self._end(said.of(error), tag + answer)
        elif self._arrival.asking:
            self._wait = _Wait.CONTINUATION
        else:
            self._hand_on(b"")

    def _agreed(self) -> None:
        """Upstream's go-ahead for a message that was taken in meanwhile."""
        self._relay.swallow_continuation = False
        ready = self._arrival.agreed()
        if self._wait is _Wait.CONTINUATION:
            self._hand_on(ready)
        else:
            self._send(ready)

    def _hand_on(self, ready: bytes) -> None:
        """The message is durable, and upstream wants it."""
        self._wait = _Wait.NOTHING
        # The end of the command is mostly here already, and goes along: upstream is woken once.
        self._together = [ready, self._arrival.durable(self._running)]
        try:
            self.pump()
        finally:
            self._send_together()

    def _send_together(self) -> None:
        together, self._together = self._together, None
        if together is not None:
            self._wire.to_upstream(b"".join(together))

    def _send(self, octets: bytes) -> None:
        if self._together is None:
            self._wire.to_upstream(octets)
        else:
            self._together.append(octets)

    def _stop_waiting(self) -> None:
        self._wait = _Wait.NOTHING
        self._relay.swallow_continuation = False

    def _answer(self, line: ClientLine, answer: bytes) -> None:
        """Answer a command here; what still belongs to it is dropped."""
        self._relay.say(answer)
        if line.literal is not None:
            self._refuse_literal(synchronising=line.synchronising)

    def _refuse_literal(self, *, synchronising: bool) -> None:
        if synchronising:
            self._framer.start_over()
        else:
            self._dropping = True
