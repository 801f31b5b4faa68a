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
