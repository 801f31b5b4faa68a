"""Commands that upstream has not answered yet, the client's and our own."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

# Their answers hold no capabilities and no referrals, and they are what clients do all day.
_FAST_VERBS = frozenset(
    {
        b"FETCH", b"UID FETCH", b"STORE", b"UID STORE", b"SEARCH", b"UID SEARCH", b"NOOP", b"IDLE", b"CHECK",
        b"SORT", b"UID SORT", b"THREAD", b"UID THREAD", b"EXPUNGE", b"UID EXPUNGE", b"APPEND",
    }
)


_FETCHING = (b"FETCH", b"UID FETCH")


@dataclass(slots=True, kw_only=True)
class Outstanding:
    """A command that upstream has not answered yet."""

    tag: bytes
    verb: bytes
    mailbox: bytes | None = None
    utf8: bool = False  # which its name is then
    parts: dict[int, int] | None = None  # of bodies that a FETCH asks for: origin → length
    captures: list[bytes] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)  # octets of each of the captures
    altered: bool = False  # upstream may store the messages otherwise than they were sent
    said: bytes = b""  # an untagged line that tells the UID of a message on its way in

    @property
    def edited(self) -> bool:
        return self.verb not in _FAST_VERBS


@dataclass(slots=True, kw_only=True)
class Injected(Outstanding):
    """A command of our own. What `takes` says is its answer does not reach the client, and stands in `lines`."""

    takes: Callable[[bytes], bool]
    lines: list[bytes] = field(default_factory=list)
    done: "asyncio.Future[bytes]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    @property
    def edited(self) -> bool:
        return True


class Owed:
    """The commands of one session that upstream has not answered, by their tags: a client may send thousands ahead."""

    def __init__(self) -> None:
        self.commands: dict[bytes, Outstanding] = {}  # oldest first
        self.edited = 0  # how many of them may have an answer that is edited
        self.injected: Injected | None = None
        self._quiet: list[asyncio.Future[None]] = []

    def add(self, command: Outstanding) -> None:
        """It goes upstream now, or the answer is another's from now on: one of our own in the client's place."""
        self.take(command.tag)
        self.commands[command.tag] = command
        self.edited += command.edited
        if isinstance(command, Injected):
            self.injected = command

    def take(self, tag: bytes) -> Outstanding | None:
        """The command that has its answer; None: there was none of this tag."""
        command = self.commands.pop(tag, None)
        if command is not None:
            self.edited -= command.edited
        if command is self.injected:
            self.injected = None
        return command

    @property
    def fetching(self) -> bool:
        """Whether upstream may be sending messages: it owes the answer to a FETCH, or to a command of our own."""
        return any(command.verb in _FETCHING or isinstance(command, Injected) for command in self.commands.values())

    @property
    def awaited(self) -> bool:
        """Whether upstream owes the answer to a command other than IDLE."""
        return any(command.verb != b"IDLE" for command in self.commands.values())

    async def quiet(self) -> None:
        """Until upstream owes no answer."""
        while self.commands:
            self._quiet.append(asyncio.get_running_loop().create_future())
            await self._quiet[-1]

    def settle(self) -> None:
        """An answer has been acted on: wake those who wait for quiet, if there is."""
        if not self.commands:
            waiting, self._quiet = self._quiet, []
            for future in waiting:
                if not future.done():
                    future.set_result(None)

    def lose(self, failure: Exception) -> None:
        """Upstream is gone: our own commands get no answer any more."""
        for command in self.commands.values():
            if isinstance(command, Injected) and not command.done.done():
                command.done.set_exception(failure)
