"""The octets of DATA: where the message ends, what is archived of it, what goes upstream. Pure, no I/O.

The end is CRLF.CRLF and nothing else (RFC 5321 section 4.1.1.4); a bare CR or LF is a part of the message and ends no
line. Archived are the client's octets without the transparent dots (section 4.5.2). Relayed is the same with every
line end as CRLF and the dots put back, so that upstream finds the one end that we found, however it reads bare ones.
"""

from postbuch.proxy.lineends import has_bare

_END = b"\r\n.\r\n"
_LINE_DOT = b"\r\n."
# What a chunk may end with and still be undecided: how the end begins. Longest first.
_UNDECIDED = (b"\r\n.\r", b"\r\n.", b"\r\n", b"\r")


class Unstuffer:
    """One message. `feed` until `ended`; then `rest` is what the client sent behind the end."""

    __slots__ = ("_carry", "_dot_starts_line", "_virtual", "bare_cr", "bare_lf", "ended", "nul", "rest", "size_octets")

    def __init__(self) -> None:
        self.ended = False
        self.rest = b""
        self.bare_cr = 0
        self.bare_lf = 0
        self.nul = 0
        self.size_octets = 0  # of what is archived
        # The line of DATA itself ends with the CRLF that a first dot may follow.
        self._carry = b"\r\n"
        self._virtual = True
        self._dot_starts_line = False

    @property
    def normalised(self) -> bool:
        """Whether what is relayed has other line ends than what is archived."""
        return bool(self.bare_cr or self.bare_lf)

    def feed(self, chunk: bytes) -> tuple[bytes, bytes]:
        """What the chunk brought: (octets to archive, octets to relay). At most five octets wait for the next one.

        The final dot is in neither: whoever relays writes `.CRLF` when the message may be sent. Not after `ended`.
        """
        data = self._carry + chunk
        dot = data.find(_LINE_DOT)
        end = data.find(_END, dot) if dot >= 0 else -1
        if end >= 0:
            self.ended = True
            self.rest = data[end + 5 :]
            body, self._carry = data[: end + 2], b""
        else:
            kept = len(data) - _undecided_octets(data)
            body, self._carry = data[:kept], data[kept:]
        if self._virtual and body:
            # Counted and cut with the line end of DATA in front, so that a first dot is like any other.
            self._virtual = False
            archived, relayed = self._take(body, dot >= 0)
            archived, relayed = archived[2:], relayed[2:]
        else:
            archived, relayed = self._take(body, dot >= 0)
        self.size_octets += len(archived)
        return archived, relayed

    def _take(self, body: bytes, dotted: bool) -> tuple[bytes, bytes]:
        if b"\0" in body:
            self.nul += body.count(b"\0")
        archived = body.replace(_LINE_DOT, b"\r\n") if dotted else body
        if not has_bare(body) and not self._dot_starts_line:
            # Dots are put in anew, never passed on: one that stood in front of a bare CR would make an end upstream.
            return archived, body if len(archived) == len(body) else archived.replace(_LINE_DOT, b"\r\n..")
        # A CRLF is never cut in two: a CR at the end is carried, so these counts are exact.
        pairs = body.count(b"\r\n")
        self.bare_cr += body.count(b"\r") - pairs
        self.bare_lf += body.count(b"\n") - pairs
        relayed = _with_crlf(archived).replace(_LINE_DOT, b"\r\n..")
        if self._dot_starts_line and relayed.startswith(b"."):
            relayed = b"." + relayed
        if relayed:
            # Only a bare line end can stand at the end of a body: a CRLF is carried.
            self._dot_starts_line = relayed.endswith(b"\r\n")
        return archived, relayed


def _undecided_octets(data: bytes) -> int:
    for start in _UNDECIDED:
        if data.endswith(start):
            # One bare CR in front may belong to the same line end.
            return len(start) + data.endswith(b"\r" + start)
    return 0


def _with_crlf(octets: bytes) -> bytes:
    # Text that was converted twice (CR CR LF) is one line end, as for Postfix; else a header would end too early.
    # Replacing four times is ten times as quick as one regex.
    one = octets.replace(b"\r\r\n", b"\r\n").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return one.replace(b"\n", b"\r\n")
