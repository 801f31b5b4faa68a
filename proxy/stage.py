"""Client to upstream, command by command: the one place where a command can be held, changed or refused.

What the client sends is read only as far as nothing must be waited for. A dangerous command is held with everything
behind it (`dangerous.py`); what may go on is sent on by `running.py`.
"""

import asyncio
from collections.abc import Callable
from functools import partial

from postbuch.archive import said
from postbuch.archive.errors import SpoolError
from postbuch.proxy import command, fetchdata, shape
from postbuch.proxy.append import IncomingFactory
from postbuch.proxy.arrival import Arrival
from postbuch.proxy.command import Command
from postbuch.proxy.dangerous import Dangerous
from postbuch.proxy.framing import ClientLine, Data, Violation
from postbuch.proxy.framing_client import MAX_LINE_OCTETS, ClientFramer
from postbuch.proxy.holding import Holding
from postbuch.proxy.outstanding import Injected, Outstanding
from postbuch.proxy.relay import Relay
from postbuch.proxy.running import Running
from postbuch.proxy.waiting import Ended, Wait

# A server that cannot read a line may say neither `+` nor what is wrong with it: Dovecot 2.3 waits for the octets of
# `APPEND x y {3}`. Thunderbird gives up after 100 s; the session looks every 15 s.
GO_AHEAD_TIMEOUT_S = 60.0


class Stage:
    """One a session, from the log-in on."""

    def __init__(
        self, to_upstream: Callable[[bytes], None], end_client: Callable[[str, bytes], None], relay: Relay,
        framer: ClientFramer, incoming: IncomingFactory | None, holding: Holding | None, *, takes_back: bool = False,
    ) -> None:
        """`takes_back`: an APPEND can be taken back upstream (RFC 3502)."""
        self._end_client = end_client
        self._takes_back = takes_back
        self._relay = relay
        self._framer = framer
        self._framer.line_limit = MAX_LINE_OCTETS
        self._arrival = Arrival(incoming)
        self._running = Running(relay, framer, self._arrival, to_upstream)
        self._dangerous = Dangerous(holding, relay, self._running, self._decided)
        self._wait = Wait.NOTHING
        self._idling = False
        relay.stage = self

    @property
    def pending_octets(self) -> int:
        """Octets of a message that the spool has not written yet."""
        return self._arrival.pending_octets

    def pump(self) -> None:
        """Act on what the client sent, as far as nothing must be waited for."""
        try:
            while self._wait is Wait.NOTHING:
                event = self._framer.next()
                if event is None:
                    return
                if isinstance(event, Violation):
                    raise Ended(event.reason, b"* BYE protocol error\r\n")
                if not isinstance(event, Data):
                    self._line(event)
                elif self._dangerous.held is not None:
                    self._dangerous.held.pieces[-1] += event.octets
                elif self._running.octets(event):
                    if self._arrival.given_up:
                        self._unkept()
                        continue
                    self._wait = Wait.DURABLE
                    self._arrival.commit(self._durable)
        except Ended as ended:
            self._end(ended)

    def take_plain(self, data: bytes) -> bool:
        """Send on at once what is one whole command that needs no thought; False when `pump` must have it."""
        if self._wait is not Wait.NOTHING or self._idling or not self._framer.at_rest:
            return False
        found = shape.PLAIN.fullmatch(data)
        if found is None:
            return False
        tag, verb, rest = found.groups()
        if tag in self._relay.outstanding:
            return False  # unless it was answered a moment ago
        if verb in shape.REMOVING:
            parsed = Command(tag=tag, verb=verb, rest=rest + b"\r\n")
            hazard = self._dangerous.hazard(parsed)
            if hazard is not None:
                wait = self._dangerous.at_once(parsed, hazard, data)
                self._wait = wait or self._wait
                return wait is not None
            if verb in shape.RENUMBERING:
                return False
        self._running.send(data)
        self._relay.expect(Outstanding(tag=tag, verb=verb, parts=fetchdata.asked_parts(rest)))
        return True

    def expire(self, now: float) -> None:
        """Called every now and then: neither upstream, which may never say whether it wants a literal, nor a disk that
        does not answer must hold for ever.
        """
        if self._arrival.stalled and self._wait in (Wait.NOTHING, Wait.DURABLE):
            self._arrival.give_up()
            if self._wait is Wait.DURABLE or not self._may_take_back(self._running.command):
                self._guarded(self._unkept)
        if self._asking and now - self._running.asked_at > GO_AHEAD_TIMEOUT_S:
            answer = b" BAD the server does not answer this\r\n* BYE the command cannot be taken back\r\n"
            self._end(Ended("upstream gave no go-ahead for a literal", self._running.tag + answer))

    def close(self) -> None:
        """The session is over."""
        self._wait = Wait.END
        self._dangerous.close()
        self._arrival.close()
        del self._dangerous  # a circle, and nothing is to wait for the collector

    def _end(self, ended: Ended) -> None:
        self._wait = Wait.END
        self._running.end()
        self._end_client(ended.reason, ended.line)

    @property
    def _asking(self) -> bool:
        """Whether upstream's go-ahead is waited for."""
        return self._wait is Wait.CONTINUATION or (self._arrival.asking and self._wait is not Wait.END)

    # --- told by the relay ----------------------------------------------------------------------------------------

    def continued(self, words: bytes) -> None:
        """Upstream said `+`; `words` is the whole line."""
        self._arrival.given(words)
        if self._arrival.asking and self._wait is not Wait.END:
            self._agreed()
        elif self._wait is Wait.CONTINUATION:
            self._wait = self._running.continued()
            self.pump()
        elif self._wait is Wait.IDLE:
            self._wait, self._idling = Wait.NOTHING, True
            self.pump()
        elif self._wait is Wait.TAKEN_BACK:
            self._running.send(b"\r\n")

    def completed(self, done: Outstanding, answer: bytes) -> None:
        """Upstream answered a command for good."""
        self._arrival.answered(done, answer)
        if done is not self._running.command:
            return
        self._running.command = None
        if self._wait in (Wait.IDLE, Wait.ANSWER):
            self._wait = Wait.NOTHING
            self.pump()
        elif self._asking:
            self._wait = Wait.NOTHING
            self._running.refused(done, answer)
            self.pump()
        elif self._wait is Wait.NOTHING:
            self._idling = False

    # --- commands -------------------------------------------------------------------------------------------------

    def _line(self, line: ClientLine) -> None:
        if self._idling:
            self._idling = False
            if line.octets.upper() != b"DONE\r\n":
                raise Ended("something else than DONE while idling", b"* BYE expected DONE\r\n")
            self._running.send(line.octets)
        elif line.first:
            self._begin(line)
        elif self._dangerous.held is not None:
            self._wait = self._dangerous.line(self._dangerous.held, line)
        else:
            self._wait = self._running.line(line)

    def _begin(self, line: ClientLine) -> None:
        parsed = command.parse(line.octets)
        if parsed is None:
            tag = command.tag_of(line.octets)
            if tag == b"*":
                raise Ended("a tag that is none", b"* BAD this is no command\r\n* BYE protocol error\r\n")
            self._running.refuse(line, tag + b" BAD this is no command\r\n")
            return
        refusal = shape.refusal(parsed)
        if refusal is None and self._relay.owes(parsed.tag):
            # Nobody could tell whose answer is whose.
            refusal = b" BAD [CLIENTBUG] a command with this tag is not answered yet\r\n"
        if refusal is not None:
            self._running.refuse(line, parsed.tag + refusal)
            return
        self._wait = self._dangerous.begin(parsed, line) or self._running.begin(parsed, line)

    def _decided(self, act: Callable[[], Wait]) -> None:
        """The gate has spoken; `act` does what it says."""
        if self._wait is not Wait.GATE:
            return
        self._wait = Wait.NOTHING
        try:
            self._wait = act()
        except Ended as ended:
            self._end(ended)
        self.pump()

    # --- messages -------------------------------------------------------------------------------------------------

    def _durable(self, error: SpoolError | None) -> None:
        if self._wait is not Wait.DURABLE:
            return
        if error is not None:
            self._arrival.give_up(failed=True)
            self._guarded(partial(self._unkept, said.of(error)))
        elif self._arrival.asking:
            self._wait = Wait.CONTINUATION
        else:
            self._wait = Wait.NOTHING
            self._running.hand_on(b"", self.pump)  # the end of the command is mostly here already

    def _agreed(self) -> None:
        """Upstream's go-ahead for a message that was taken in meanwhile."""
        self._relay.swallow_continuation = False
        ready = self._arrival.agreed()
        if self._wait is Wait.CONTINUATION and self._arrival.given_up:
            self._running.send(ready)
            self._guarded(self._unkept)
        elif self._wait is Wait.CONTINUATION:
            self._wait = Wait.NOTHING
            self._running.hand_on(ready, self.pump)
        else:
            self._running.send(ready)

    def _unkept(self, reason: str = "the disk of the spool does not answer") -> None:
        """A message that cannot be kept: upstream must not have it either. Raises Ended.

        With MULTIAPPEND an empty message behind it takes all back (RFC 3502), else IMAP knows no way.
        """
        running = self._running.command
        if running is not None and not self._may_take_back(running):
            self._arrival.lost()
            answer = b" NO [UNAVAILABLE] the message cannot be kept at the moment\r\n* BYE try again\r\n"
            raise Ended(reason, running.tag + answer)
        if self._arrival.asking:  # upstream takes no literal before
            self._wait = Wait.CONTINUATION
            return
        rest = self._arrival.durable(running)
        if running is None:  # it has its answer
            self._wait = Wait.NOTHING
            self._running.send(rest)
            return
        self._wait = Wait.TAKEN_BACK
        self._running.command = None
        self._relay.swallow_continuation = True
        ours = Injected(tag=running.tag, verb=running.verb, takes=lambda line: False)  # the client gets none of it
        ours.done.add_done_callback(partial(self._taken_back, running))
        self._relay.expect(ours)
        self._running.send(rest + b" {0}\r\n")

    def _may_take_back(self, running: Outstanding | None) -> bool:
        return self._takes_back and (running is None or running.verb == b"APPEND")

    def _taken_back(self, running: Outstanding, answered: "asyncio.Future[bytes]") -> None:
        if answered.cancelled() or answered.exception() is not None or self._wait is not Wait.TAKEN_BACK:
            return
        answer = running.tag + b" NO [UNAVAILABLE] the message cannot be kept at the moment; try again later\r\n"
        self._arrival.answered(running, answer)
        self._relay.swallow_continuation = False
        self._framer.refuse(synchronising=False)
        self._wait = Wait.NOTHING
        self._relay.say(answer)
        self.pump()

    def _guarded(self, act: Callable[[], None]) -> None:
        try:
            act()
        except Ended as ended:
            self._end(ended)
