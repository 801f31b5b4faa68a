"""What is held, and what becomes of it."""

from dataclasses import dataclass

from postbuch.proxy.command import Command
from postbuch.proxy.gate import Hazard


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A dangerous command, complete: `pieces` are its first line, and then literal and line in turn."""

    command: Command
    hazard: Hazard
    pieces: list[bytes]

    def released(self, verb: bytes, rest: bytes) -> list[bytes]:
        """The pieces with another verb or other arguments on the first line."""
        return [self.command.tag + b" " + verb + rest, *self.pieces[1:]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What becomes of a held command: these pieces go upstream under this verb, or the client has its answer."""

    verb: bytes = b""
    pieces: list[bytes] | None = None
    answer: bytes = b""
