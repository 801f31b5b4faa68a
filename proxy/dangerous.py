"""A dangerous command: taken in whole, literals and all, and held until the gate's verdict (invariant 3)."""

import asyncio
import logging
from collections.abc import Callable
from functools import partial

from postbuch.proxy import command, gate, shape
from postbuch.proxy.command import Command
from postbuch.proxy.framing import ClientLine
from postbuch.proxy.gate import Hazard, Reach
from postbuch.proxy.holding import Holding
from postbuch.proxy.relay import Relay
from postbuch.proxy.running import Running
from postbuch.proxy.verdict import Held, Verdict
from postbuch.proxy.waiting import Ended, Wait

log = logging.getLogger("postbuch.proxy.imap")


class Dangerous:
    """One a session. Without a gate nothing is dangerous. `decided` gets what follows from the gate's verdict.

    Methods give what must happen before the client's next octets are read; None: the command is not dangerous, or not
    known to be safe.
    """

    def __init__(
        self, holding: Holding | None, relay: Relay, running: Running, decided: Callable[[Callable[[], Wait]], None]
    ) -> None:
        self._holding = holding
        self._relay = relay
        self._running = running
        self._decided = decided
        self.held: Held | None = None  # one that is not complete yet
        self._checking: asyncio.Task[None] | None = None

    def hazard(self, parsed: Command) -> Hazard | None:
        """What the command may hit; None: it is not dangerous."""
        return self._holding.hazard(parsed) if self._holding is not None else None

    def at_once(self, parsed: Command, hazard: Hazard, octets: bytes) -> Wait | None:
        """Send on a dangerous command of one line if all that it can hit is known to be archived."""
        return self._known(Held(command=parsed, hazard=hazard, pieces=[octets]))

    def begin(self, parsed: Command, line: ClientLine) -> Wait | None:
        """The first line of a command."""
        hazard = self.hazard(parsed)
        if hazard is None:
            return None
        held = Held(command=parsed, hazard=hazard, pieces=[line.octets])
        if line.literal is None and (wait := self._known(held)) is not None:
            return wait
        # Whatever its arguments are, a command is safe when the whole mailbox is, and upstream says what it takes of
        # them; the message of a REPLACE comes later.
        if hazard.reach is Reach.MAILBOX or parsed.verb in gate.REPLACING:
            return self._check(held, line)
        self.held = held
        return self._collect(held, line)

    def line(self, held: Held, line: ClientLine) -> Wait:
        """Its line behind a literal. Raises Ended."""
        held.pieces.append(line.octets)
        return self._collect(held, line)

    def close(self) -> None:
        """The session is over."""
        checking, self._checking = self._checking, None  # whose frames hold us
        if checking is not None:
            checking.cancel()

    def _known(self, held: Held) -> Wait | None:
        verdict = self._holding.at_once(held) if self._holding is not None else None
        if verdict is None or verdict.pieces is None:
            return None
        return self._running.release(held.command.tag, verdict.verb, verdict.pieces)

    def _collect(self, held: Held, line: ClientLine) -> Wait:
        """A line is here: take the literal at its end, or have checked what is complete."""
        if line.literal is None:
            self.held = None
            return self._check(held, None)
        if held.command.verb in shape.WITHOUT_LITERAL:
            raise shape.no_literal(held.command.verb)
        if len(held.pieces) >= 2 * shape.MAX_LITERALS:
            raise shape.too_many()
        if line.literal + sum(map(len, held.pieces)) > shape.MAX_LITERAL_OCTETS:
            raise shape.too_large()
        held.pieces.append(b"")
        if line.synchronising:
            self._relay.say(b"+ OK\r\n")
        return Wait.NOTHING

    def _check(self, held: Held, first: ClientLine | None) -> Wait:
        """Have the gate asked; `first` is the first line of a command that was not taken in whole."""
        self._checking = asyncio.get_running_loop().create_task(self._ask(held, first))
        return Wait.GATE

    async def _ask(self, held: Held, first: ClientLine | None) -> None:
        if self._holding is None:
            return
        try:
            verdict = await self._holding.check(held)
        except Exception as error:  # a defect of ours: nothing is let go, and the client hears of it
            log.exception("gate-error verb=%s", held.command.verb.decode("ascii", "replace"))
            self._decided(partial(_fail, error))
            return
        self._decided(partial(self._follow, verdict, held, first))

    def _follow(self, verdict: Verdict, held: Held, first: ClientLine | None) -> Wait:
        """Do what the gate says."""
        if verdict.pieces is None:
            if first is None:
                self._relay.say(verdict.answer)
            else:
                self._running.refuse(first, verdict.answer)
            return Wait.NOTHING
        if first is None:
            return self._running.release(held.command.tag, verdict.verb, verdict.pieces)
        line = first._replace(octets=verdict.pieces[0])
        return self._running.begin(command.parse(line.octets) or held.command, line)


def _fail(error: Exception) -> Wait:
    raise Ended(f"the gate failed: {type(error).__name__}", b"* BYE an error here; try again\r\n")
