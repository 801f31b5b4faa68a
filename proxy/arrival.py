"""The message of an APPEND that a session has in hand, from its literal's head to upstream's word on it.

A small one is taken in while upstream is still asked for its go-ahead (`asking`): the disk works meanwhile.
"""

from collections.abc import Callable

from postbuch.archive.errors import SpoolError
from postbuch.proxy import append
from postbuch.proxy.append import Incoming, IncomingFactory
from postbuch.proxy.framing import ClientLine
from postbuch.proxy.goahead import EARLY_OCTETS, GoAhead
from postbuch.proxy.outstanding import Outstanding


class Arrival:
    """One a session. Without a factory nothing is kept, and messages pass as any literal does."""

    def __init__(self, factory: IncomingFactory | None) -> None:
        self._factory = factory
        self._message: Incoming | None = None
        self._go_ahead = GoAhead()
        self._ready: list[bytes] | None = None  # what may go upstream once it has given its go-ahead

    def __bool__(self) -> bool:
        """Whether a message is in hand."""
        return self._message is not None

    @property
    def pending_octets(self) -> int:
        """Octets of it that the spool has not written yet."""
        return self._message.pending_octets if self._message is not None else 0

    def begin(self, running: Outstanding, line: ClientLine, *, utf8: bool) -> None:
        """A message follows the line. Raises SpoolError when there is no room."""
        if self._factory is None:
            return
        running.altered = running.altered or not append.is_plain(line.octets, first=line.first)
        self._message = self._factory.begin(running, line.octets, line.literal or 0, utf8=utf8)

    @property
    def asking(self) -> bool:
        """Whether upstream's go-ahead is waited for while the message is taken in."""
        return self._ready is not None

    def early(self, line: ClientLine, verb: bytes, rest: bytes) -> bytes | None:
        """Whether the message that follows the line is taken in while upstream is asked; None: it is not.

        Who waits for a go-ahead is to have this one now. `rest` is what stands behind the verb.
        """
        if self._message is None:
            return None
        words = self._go_ahead.asking(line, verb, rest)
        if not 0 < self._message.size_octets <= EARLY_OCTETS or (line.synchronising and words is None):
            return None
        self._ready = []
        return words or b""

    def given(self, words: bytes) -> None:
        """Upstream said `+`; `words` is the whole line."""
        self._go_ahead.given(words)

    def agreed(self) -> bytes:
        """Upstream has given it; gives what was kept back for that."""
        ready, self._ready = self._ready or [], None
        return b"".join(ready)

    def take(self, octets: bytes) -> bytes:
        """Keep a block; gives what may go upstream: all but the last octets."""
        ready = self._message.take(octets) if self._message is not None else b""
        if self._ready is None:
            return ready
        self._ready.append(ready)
        return b""

    def commit(self, tell: Callable[[SpoolError | None], None]) -> None:
        """All its octets are here; `tell` is called on the loop when they are durable, or known not to be.

        Not when the message is out of hand by then.
        """
        message = self._message
        if message is not None:
            message.commit(lambda error: tell(error) if self._message is message else None)

    def durable(self, running: Outstanding | None) -> bytes:
        """It belongs to the command from now on, durable or given up; gives its last octets, which may go upstream."""
        message, self._message = self._message, None
        if message is None:
            return b""
        if running is not None and (message.committed or not message.given_up):
            running.captures.append(message.capture)
            running.lengths.append(message.size_octets)
            running.altered = running.altered or message.altered
        return message.held

    def lost(self) -> None:
        """It could not be made durable."""
        self._message = self._ready = None

    @property
    def stalled(self) -> bool:
        """Whether it waits for a disk that does not answer."""
        message = self._message
        waits = message is not None and not message.given_up and message.refused is None
        return waits and self._factory is not None and self._factory.stalled

    @property
    def given_up(self) -> bool:
        """Whether what is in hand goes on without being kept."""
        return self._message is not None and self._message.given_up

    def give_up(self, *, failed: bool = False) -> None:
        """It cannot be kept. One that is whole may come to be in the archive all the same, unless that has `failed`."""
        if self._message is not None:
            self._message.committed = self._message.committed and not failed
            self._message.give_up()

    def answered(self, done: Outstanding, answer: bytes) -> None:
        """Upstream's last word on the messages of a command."""
        self._go_ahead.answered(done, answer)
        if done.captures and self._factory is not None:
            self._factory.answered(done, answer)

    def refuse(self, done: Outstanding, answer: bytes, *, synchronising: bool) -> None:
        """Upstream does not want it: what the client sends of it all the same stays on record as refused."""
        message, self._ready = self._message, None
        if message is None:
            return
        message.refused = lambda: self._put_refused(message, done, answer)
        if message.size_octets == 0 or message.committed:
            self.keep_refused()
        elif synchronising:
            message.abort()  # the client waits for a `+` that does not come, and keeps its message
            self._message = None

    def keep_refused(self) -> None:
        """All of a refused message is here."""
        message, self._message = self._message, None
        if message is not None and message.refused is not None:
            message.refused()

    def close(self) -> None:
        """The session is over."""
        message, self._message, self._ready = self._message, None, None
        if message is None:
            return
        if message.committed and self._factory is not None:
            text = "the connection ended before the last octets went upstream"
            self._factory.outcome(message.capture, "unknown", text, None, None)
        message.abort()

    def _put_refused(self, message: Incoming, done: Outstanding, answer: bytes) -> None:
        if self._factory is not None:
            if not message.committed:
                message.commit(lambda error: None)  # nobody waits for it
            refused = Outstanding(
                tag=done.tag, verb=done.verb, captures=[message.capture], lengths=[message.size_octets]
            )
            self._factory.answered(refused, answer)
