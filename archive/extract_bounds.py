"""How much a file may cost whose words are looked for, and what counts while it is read. Pure."""

import time
from dataclasses import dataclass, field

# 1,000,000 characters: some 500 printed pages. As a MEDIUMTEXT at most 4 MB.
MAX_CHARACTERS = 1_000_000
# 100 MB: what mail servers let pass at most (`imap`, `submission`), decoded.
MAX_FILE_OCTETS = 100_000_000
# A manual of 2,000 pages takes PDFium 6 s.
MAX_CPU_S = 10
# Real spreadsheets are packed to a hundredth at best; below 16 MiB nothing is asked.
MAX_RATIO = 200
FREE_OCTETS = 16_777_216
# An invoice has 2 pages, a manual 2,000; hostile page trees name millions.
MAX_PAGES = 5_000
# Mails in mails in mails: forwarded five times as an attachment.
MAX_DEPTH = 5
# Files within one mail that are looked into.
MAX_INSIDE = 100


class GivenUp(Exception):
    """Nothing more is read; `reason` is the name of an `Unsearched`. What was read until then stays."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(slots=True, kw_only=True)
class Budget:
    """What was read of one file, and what is left for the rest of it. For mails it is that of all files inside."""

    packed_octets: int
    pieces: list[str] = field(default_factory=list)
    characters: int = 0
    unpacked_octets: int = 0
    depth: int = 0
    inside: int = 0
    end: float = field(default_factory=lambda: time.process_time() + MAX_CPU_S)

    def add(self, text: str) -> None:
        """Take what was read. Raises GivenUp when it is enough."""
        room = MAX_CHARACTERS - self.characters
        self.pieces.append(text[:room])
        self.characters += min(len(text), room)
        if len(text) > room:
            raise GivenUp("PART")
        self.look()

    def unpack(self, octets: int) -> None:
        """Count what came out of a packed file. Raises GivenUp for a bomb."""
        self.unpacked_octets += octets
        if self.unpacked_octets > FREE_OCTETS and self.unpacked_octets > MAX_RATIO * self.packed_octets:
            raise GivenUp("EXPANDS")
        self.look()

    def look(self) -> None:
        """Raises GivenUp when the time is over."""
        if time.process_time() > self.end:
            raise GivenUp("TIME")
