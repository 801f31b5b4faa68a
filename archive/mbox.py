"""mbox files: read as they lie there, written as mboxrd so that every octet comes back. Pure.

A message is what stands between two `From ` lines, without that line and without the empty line before the next one.
In what other programs wrote `>From ` stays as it is: nobody can know whether the quoting was the writer's, and the
octets are the evidence. In what we wrote the `From ` line names the SHA-256 of the message as its sender,

    From <SHA-256>@mboxrd.postbuch Mon Nov 23 10:00:00 2026

so that the reader knows that lines are quoted (mboxrd: one `>` more in front of `>*From `), whether the line end before
the empty line was the message's own, and that it has every octet. What does not have its digest any more is read like
another program's.
"""

import hashlib
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

_SEPARATOR = re.compile(rb"From [^\r\n]*[0-9]{2}:[0-9]{2}[^\r\n]*\r?\n?$")
_OURS = re.compile(rb"From ([0-9a-f]{64})@mboxrd\.postbuch ([A-Za-z0-9: ]{24})\n$")
_TO_QUOTE = re.compile(rb"^(>*From )", re.MULTILINE)
_QUOTED = re.compile(rb"^>(>*From )", re.MULTILINE)
_EMPTY = (b"\n", b"\r\n")
_TIME = "%a %b %d %H:%M:%S %Y"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One message of an mbox. `arrived` is known for our own only."""

    octets: bytes
    arrived: datetime | None = None


def is_mbox(head: bytes, name: str) -> bool:
    """Whether a file is an mbox: called one, or not called anything else and begins with a `From ` line with a time.

    An EML file that begins with such a line keeps it: it is one message, and the line is part of its octets. Any other
    that is empty is an mbox without messages, as of a folder that nothing was ever put into.
    """
    name = name.lower()
    if not head:
        return not name.endswith(".eml")
    if not head.startswith(b"From ") or name.endswith(".eml"):
        return False
    line = head[: head.find(b"\n") + 1] or head
    return name.endswith((".mbox", ".mbx")) or _SEPARATOR.match(line) is not None


def read(lines: Iterable[bytes]) -> Iterator[Found]:
    """The messages, from lines with their ends (a binary file gives these)."""
    head: bytes | None = None
    message: list[bytes] = []
    previous_empty = True
    for line in lines:
        if previous_empty and line.startswith(b"From ") and (head is None or _SEPARATOR.match(line)):
            if head is not None:
                yield _found(head, message)
            head, message = line, []
        else:
            message.append(line)
        previous_empty = line in _EMPTY
    if head is not None:
        yield _found(head, message)


def written(octets: bytes, arrived: datetime) -> bytes:
    """The message as it stands in an mbox of ours. `arrived` is in UTC, kept to the second."""
    line = f"From {hashlib.sha256(octets).hexdigest()}@mboxrd.postbuch {time.asctime(arrived.timetuple())}\n"
    end = b"\n\n" if octets and not octets.endswith(b"\n") else b"\n"
    return line.encode("ascii") + _TO_QUOTE.sub(rb">\1", octets) + end


def _found(head: bytes, lines: list[bytes]) -> Found:
    ours = _OURS.match(head)
    if ours is not None:
        text = _QUOTED.sub(rb"\1", b"".join(lines))
        for octets in (text[:-1], text[:-2]):  # with its own line end, or without one
            if hashlib.sha256(octets).hexdigest().encode() == ours[1]:
                return Found(octets=octets, arrived=_arrived(ours[2].decode("ascii")))
    if lines and lines[-1] in _EMPTY:  # the writer's, before the next From_ line
        lines = lines[:-1]
    return Found(octets=b"".join(lines))


def _arrived(text: str) -> datetime | None:
    try:
        return datetime(*time.strptime(text, _TIME)[:6], tzinfo=UTC)
    except ValueError:
        return None
