"""A script of IMAP commands run on a socket, octet for octet, and what of its transcript depends on time."""

import contextlib
import re
import socket
import ssl
from dataclasses import dataclass

PATIENCE_S = 60.0

_LITERAL = re.compile(rb"\{(\d+)(\+?)\}\r\n")
_STATUS_TEXT = re.compile(rb"(?:\S+ (?:OK|NO|BAD|BYE|PREAUTH)|\+)\b", re.IGNORECASE)

# What a server makes up from its clock; everything else in an answer follows from the commands.
_OF_TIME = (
    # A mailbox's UIDVALIDITY is when it was made.
    (re.compile(rb"\b(UIDVALIDITY|APPENDUID|COPYUID) \d+", re.IGNORECASE), rb"\1 <uidvalidity>"),
    # How long Dovecot needed.
    (re.compile(rb" \(\d+\.\d{3} \+ \d+\.\d{3}(?: \+ \d+\.\d{3})? secs\)\."), b" (<time>)."),
    # When a message was filed, and the date that it gets when APPEND names none.
    (re.compile(rb'\b(SAVEDATE|INTERNALDATE) "[^"]*20(?:2[4-9]|[3-9]\d) [^"]*"'), rb'\1 "<now>"'),
)


# A command that may remove messages holds what is sent behind it, so the answers are those of one after the other.
HOLDING = re.compile(rb"(?:UID )?(?:EXPUNGE|CLOSE|MOVE|STORE .*Deleted|DELETE|RENAME)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One command without its tag and its last CRLF, or several that are sent in one go.

    Literals stand in it as on the wire; behind `{n}` the client waits for `+`, behind `{n+}` it does not. `replies`
    are sent one by one for further `+`. `refused`: Postbuch does not let it through (proxy.md section 2), so the server
    is not asked. `own`: Postbuch answers it, in words of its own; condition and code must be the server's.
    `elsewhere`: commands of a second session that runs while this one waits in IDLE, with the untagged answer that
    it waits for. `any_order`: which of them the server answers first is its own choice (RFC 9051 section 5.5), and a
    literal that it has to ask for makes it choose otherwise: the responses are compared, not their order.
    """

    commands: tuple[bytes, ...]
    replies: tuple[bytes, ...] = ()
    refused: bool = False
    own: bool = False
    any_order: bool = False
    elsewhere: tuple[bytes, ...] = ()
    until: bytes = b""

    @property
    def holding(self) -> bool:
        """Several commands, and one among them that is held and holds the others."""
        return len(self.commands) > 1 and any(HOLDING.match(command) for command in self.commands)


def one(command: bytes, *replies: bytes) -> Step:
    """A single command."""
    return Step(commands=(command,), replies=replies)


def each(*commands: bytes) -> list[Step]:
    """Commands one after the other."""
    return [one(command) for command in commands]


def pipelined(*commands: bytes, any_order: bool = False) -> Step:
    """Commands in one go: the client reads only when the last one is sent."""
    return Step(commands=commands, any_order=any_order)


def refused(*commands: bytes) -> list[Step]:
    """Commands that go with what is stripped from the capabilities."""
    return [Step(commands=(command,), refused=True) for command in commands]


def own(*commands: bytes) -> list[Step]:
    """Commands that Postbuch answers itself."""
    return [Step(commands=(command,), own=True) for command in commands]


class Silent(Exception):
    """The server owes an answer."""


class Talk:
    """One connection: greeted, with TLS or plain."""

    def __init__(self, port: int, trust: ssl.SSLContext | None) -> None:
        plain = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
        self._wire = trust.wrap_socket(plain, server_hostname="localhost") if trust else plain
        self._stream = self._wire.makefile("rb")
        self._number = 0
        self.greeting = self._response()

    def close(self) -> None:
        self._stream.close()
        self._wire.close()

    def agreed(self, heard: bytes, commands: int) -> bool:
        """Whether the last so many commands were answered with OK; what a message says that it is does not count."""
        tags = range(self._number - commands + 1, self._number + 1)
        return all(b"\r\nt%d OK " % tag in b"\r\n" + heard for tag in tags)

    def run(self, step: Step, second: "Talk | None" = None, *, in_turn: bool = False) -> bytes:
        """All octets of the server from the first of a step's commands to the answer of its last one.

        `in_turn`: commands that Postbuch does not let overtake each other are sent one after the other.
        """
        if in_turn and step.holding:
            return b"".join(self.run(one(command)) for command in step.commands)
        tags = []
        lines = []
        for command in step.commands:
            self._number += 1
            tags.append(b"t%d" % self._number)
            lines.append(tags[-1] + b" " + command + b"\r\n")
        heard = self._send(b"".join(lines), tags, dialogue=bool(step.replies or step.until))
        for reply in step.replies:
            if not heard.startswith(b"+") and b"\r\n+" not in heard:
                break
            self._put(reply + b"\r\n")
            heard += self._until(tags, continuation=reply is not step.replies[-1])
        if step.until and second is not None:
            heard += self._wait_for_others(step, second)
            self._put(b"DONE\r\n")
            heard += self._until(tags)
        return heard

    def _put(self, octets: bytes) -> None:
        with contextlib.suppress(OSError):  # the other side has closed: reading will tell
            self._wire.sendall(octets)

    def _wait_for_others(self, step: Step, second: "Talk") -> bytes:
        for command in step.elsewhere:
            second.run(one(command))
        heard = b""
        while step.until not in heard:
            heard += self._response()
        return heard

    def _send(self, octets: bytes, tags: list[bytes], *, dialogue: bool) -> bytes:
        """Send, waiting for `+` where a literal or a dialogue wants it; what came until the last tag."""
        heard, at, waiting, inside = b"", 0, list(tags), 0
        for found in _LITERAL.finditer(octets):
            if found.start() < inside:
                continue
            inside = found.end() + int(found.group(1))
            if found.group(2):
                continue
            self._put(octets[at : found.end()])
            answer = self._until(waiting, continuation=True)
            heard += answer
            if not answer.endswith(b"\r\n") or not answer.rsplit(b"\r\n", 2)[-2].startswith(b"+"):
                return heard  # refused: the literal stays here
            self._put(octets[found.end() : inside])
            at = inside
        self._put(octets[at:])
        return heard + self._until(waiting, continuation=dialogue)

    def _until(self, tags: list[bytes], *, continuation: bool = False) -> bytes:
        """Up to the answers of all tags, which are taken from the list; `continuation`: or to a `+`."""
        heard = b""
        while tags:
            response = self._response()
            if not response:
                return heard + b"<closed>"
            heard += response
            word = response.split(b" ", 1)[0]
            if word in tags:
                tags.remove(word)
            elif continuation and word.startswith(b"+"):
                break
        return heard

    def _response(self) -> bytes:
        """One response with its literals; empty at the end of the connection."""
        try:
            whole = line = self._stream.readline()
        except TimeoutError:
            raise Silent from None
        except (ConnectionError, ssl.SSLError):
            return b""
        if _STATUS_TEXT.match(line):
            return whole
        while (found := re.search(rb"\{(\d+)\}\r\n$", line)) is not None:
            whole += self._stream.read(int(found.group(1)))
            line = self._stream.readline()
            whole += line
        return whole


def without_time(heard: bytes) -> bytes:
    """A transcript with every value that depends on time put out of it."""
    for pattern, instead in _OF_TIME:
        heard = pattern.sub(instead, heard)
    return heard


def condition(heard: bytes) -> list[bytes]:
    """Of each line of an answer the tag, the condition and the code: what programs go by."""
    found = re.findall(rb"^(\S+ (?:OK|NO|BAD|BYE))\b(?: (\[[A-Z-]+))?", heard, re.MULTILINE)
    return [b" ".join(filter(None, each)) for each in found]
