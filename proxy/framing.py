"""What lines and literals mean on an IMAP connection: the events of both framers, and what a literal looks like. Pure.

One framer a direction, because the two differ in trust. Upstream's octets have been forwarded before they are looked
at, so `framing_upstream.py` must only never lose its place; what a client sends is read strictly
(`framing_client.py`): **if we and upstream disagree about where a command ends, a deletion can be smuggled past us.**
RFC 9051 sections 2.2 and 4.3.

Any split of a stream gives the same events; adjacent `Skipped` and adjacent `Data` events may be cut differently, and a
`Fetched` may come as the three events that it stands for.
"""

import re
from typing import NamedTuple

# `{12}`, `{12+}`, `~{12}` at the end of a physical line; RFC 9051 section 9 (literal), RFC 6855 and 3516 (literal8).
LITERAL = re.compile(rb"(~?)\{(\d{1,20})(\+?)\}\r\n\Z")


# Named tuples: several are made for each message, and a frozen dataclass costs three times as much.
class Skipped(NamedTuple):
    """Whole lines that nobody needs to look at."""

    octets: bytes


class Line(NamedTuple):
    """One physical line with its CRLF. `first`: a response or command begins; `literal`: so many octets follow."""

    octets: bytes
    first: bool
    literal: int | None


class Data(NamedTuple):
    """Octets of a literal; `last` when it is complete. An empty literal is one empty, last `Data`."""

    octets: bytes | memoryview
    last: bool


class Fetched(NamedTuple):
    """A FETCH response that came in one piece and ends behind its only literal: `apart` gives its three events."""

    line: bytes
    octets: memoryview


class ClientLine(NamedTuple):
    """One physical line of a client, checked, with its CRLF."""

    octets: bytes
    first: bool
    literal: int | None
    synchronising: bool


class Violation(NamedTuple):
    """The client broke the grammar; nothing after it is read."""

    reason: str


UpstreamEvent = Skipped | Line | Data | Fetched
ClientEvent = ClientLine | Data | Violation
# Behind the literal of a Fetched.
FETCHED_END = b")\r\n"


class FramingLost(Exception):
    """Upstream's octets can no longer be followed; the session must end."""


def apart(event: UpstreamEvent) -> tuple[Skipped | Line | Data, ...]:
    """The event without a Fetched: its first line, its octets and its last line."""
    if not isinstance(event, Fetched):
        return (event,)
    return Line(event.line, True, len(event.octets)), Data(event.octets, True), Line(FETCHED_END, False, None)


def synchronising(octets: bytes) -> bytes:
    """The line with its `{n+}` as `{n}`: what goes upstream (proxy.md section 1)."""
    return LITERAL.sub(rb"\1{\2}\r\n", octets)
