"""SMTP replies as upstream sends them: lines to replies, with the octets that go on to the client. Pure, no I/O."""

import re
from dataclasses import dataclass

from postbuch.proxy.failure import Detail

# RFC 5321 section 4.5.3.1.5: 512 octets a line; EHLO answers and policy texts run longer. A reply above this is none.
MAX_REPLY_OCTETS = 65_536
_LINE = re.compile(rb"([2-5]\d\d)([ -]?)([^\r\n\0]*)\Z", re.DOTALL)

# What nearly always comes: one reply of one line.
_WHOLE = re.compile(rb"([2-5]\d\d)(?: [^\r\n\0]*)?\r\n\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One reply. `octets` are all its lines, each with CRLF."""

    code: int
    octets: bytes

    @property
    def positive(self) -> bool:
        """2yz: what was asked for is done."""
        return 200 <= self.code < 300

    @property
    def texts(self) -> list[str]:
        """The lines without the code."""
        return [line[4:].decode("utf-8", "replace") for line in self.octets.splitlines()]

    @property
    def text(self) -> str:
        """The lines as one, for records and the log."""
        return " ".join(self.texts)


class ReplyBroken(Exception):
    """What came is no SMTP reply; the connection cannot be used any more."""


class ReplyReader:
    """`feed(octets) -> replies`. Raises ReplyBroken."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._lines = bytearray()

    @property
    def at_rest(self) -> bool:
        """Whether no part of a reply is waiting for its end."""
        return not self._buffer and not self._lines

    def feed(self, data: bytes) -> list[Reply]:
        """The replies that the octets complete."""
        if self.at_rest and (whole := _WHOLE.match(data)) is not None:
            return [Reply(code=int(whole.group(1)), octets=data)]
        self._buffer += data
        replies: list[Reply] = []
        while (end := self._buffer.find(b"\n")) >= 0:
            line = bytes(self._buffer[:end]).removesuffix(b"\r")
            del self._buffer[: end + 1]
            found = _LINE.match(line)
            if not found:
                raise ReplyBroken(Detail.REPLY_LINE.said(words=repr(line[:80].decode("ascii", "replace"))))
            self._lines += line + b"\r\n"
            if found.group(2) != b"-":
                replies.append(Reply(code=int(found.group(1)), octets=bytes(self._lines)))
                self._lines.clear()
        if len(self._buffer) + len(self._lines) > MAX_REPLY_OCTETS:
            raise ReplyBroken(Detail.REPLY_WITHOUT_END.said())
        return replies
