"""The canonical body of DKIM (RFC 6376 section 3.4) by copies that take time in proportion to the message.

dkimpy's regular expressions need a minute for a line of 100,000 spaces, and a list of all lines.
"""

import re

_HEADER_END = re.compile(rb"(?:\A|\n)\r?\n")


def apart(octets: bytes) -> tuple[bytes, bytes]:
    """Header with its line ends, and body; the first empty line between them is in neither."""
    end = _HEADER_END.search(octets)
    if end is None:
        return octets, b""
    head = end.start() + 1 if end[0].startswith(b"\n") and end.start() else 0
    return octets[:head], octets[end.end() :]


def canonical(body: bytes, *, relaxed: bool) -> bytes:
    """What is hashed: line ends as CRLF, no empty lines at the end; relaxed: white space as one space, none at ends."""
    body = body.replace(b"\r\n", b"\n")
    if relaxed:
        body = body.replace(b"\t", b" ")
        while b"  " in body:  # each turn halves the longest run
            body = body.replace(b"  ", b" ")
        body = body.replace(b" \n", b"\n")
    body = body.rstrip(b"\n")
    if not body:
        # Section 3.4.3: of an empty body one CRLF is left; section 3.4.4: relaxed, nothing is.
        return b"" if relaxed else b"\r\n"
    return (body + b"\n").replace(b"\n", b"\r\n")
