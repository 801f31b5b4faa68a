"""mbox files: read as they lie there, written as mboxrd so that every octet comes back. Pure.

A message is what stands between two `From ` lines, without that line and without the empty line before the next one.
In what other programs wrote `>From ` stays as it is: nobody can know whether the quoting was the writer's, and the
octets are the evidence. Who does not quote counts (mboxcl2: `Content-Length`); a count is believed while each one leads
to the end of its message, and then a `From ` line before that is the message's own.

In what we wrote the `From ` line names the SHA-256 of the message as its sender,

    From <SHA-256>@mboxrd.postbuch Mon Nov 23 10:00:00 2026

so that the reader knows that lines are quoted (mboxrd: one `>` more in front of `>*From `), whether the line end before
the empty line was the message's own, and that it has every octet. What does not have its digest any more is read like
another program's.
"""

import hashlib
import re
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

_SEPARATOR = re.compile(rb"From [^\r\n]*[0-9]{2}:[0-9]{2}[^\r\n]*\r?\n?$")
_OURS = re.compile(rb"From ([0-9a-f]{64})@mboxrd\.postbuch ([A-Za-z0-9: ]{24})\n$")
_LENGTH = re.compile(rb"content-length[ \t]*:[ \t]*([0-9]{1,12})[ \t]*\r?\n$", re.IGNORECASE)
_TO_QUOTE = re.compile(rb"^(>*From )", re.MULTILINE)
_QUOTED = re.compile(rb"^>(>*From )", re.MULTILINE)
_EMPTY = (b"\n", b"\r\n")
# 100 MiB, as many as a message has: so far is looked for the end of one that is counted.
AHEAD_OCTETS = 104_857_600
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
    source = _Lines(lines)
    counts = True  # whether Content-Length was right so far
    head: bytes | None = None
    message: list[bytes] = []
    rest = 0  # octets of the body that are counted and did not come yet
    led = False  # whether the count of this message leads to its end
    previous_empty, in_header = True, False
    for line in source:
        if previous_empty and line.startswith(b"From ") and (head is None or _SEPARATOR.match(line)):
            if counts and rest > 0:
                if not led:
                    ahead, counts = _ahead(source, line, rest)
                    source.put_back(ahead[1:])
                if counts:
                    message.append(line)
                    rest, led, previous_empty = rest - len(line), True, False
                    continue
            if head is not None:
                yield _found(head, message)
            head, message, rest, led = line, [], 0, False
            in_header = _OURS.match(line) is None  # what we wrote is quoted, so that no count is asked
        else:
            message.append(line)
            if not in_header:
                rest -= len(line)
            elif (length := _LENGTH.match(line)) is not None:
                rest = int(length[1])
            in_header = in_header and line not in _EMPTY
        previous_empty = line in _EMPTY
    if head is not None:
        yield _found(head, message)


class _Lines:
    """Lines of which some may be put back."""

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._lines = iter(lines)
        self._back: deque[bytes] = deque()

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return self._back.popleft() if self._back else next(self._lines)

    def put_back(self, lines: Iterable[bytes]) -> None:
        """They come next, in their order."""
        self._back.extendleft(reversed(list(lines)))


def _ahead(source: _Lines, line: bytes, rest: int) -> tuple[list[bytes], bool]:
    """This line and those after it, and whether the next message or the end of the file is where the count says.

    Where it is not, whoever counted did it otherwise, and a `From ` line is what it is without a count.
    """
    ahead = [line]
    left, held = rest - len(line), 0
    while left > 0 and held < AHEAD_OCTETS and (line := next(source, b"")):
        ahead.append(line)
        left, held = left - len(line), held + len(line)
    if not -2 <= left <= 0:  # the last line may have its end uncounted
        return ahead, False
    after = list(islice(source, 2))
    separators = [each for each in after if each not in _EMPTY]
    return [*ahead, *after], not separators or _SEPARATOR.match(separators[0]) is not None


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
