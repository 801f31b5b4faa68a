"""Compressed RTF, as MAPI keeps it (MS-OXRTFCP). Pure.

A reference of two octets says 17 octets at most, so what comes out has at most nine times the size of what goes in.
"""

import struct

_HEAD = struct.Struct("<II4sI")  # compressed size, size, kind, CRC
_WINDOW = 4096
# What the window holds before the first octet (section 2.1.2.1).
_PRELOAD = (
    b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript "
    b"\\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par "
    b"\\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx"
)


def expand(octets: bytes, limit: int) -> bytes:
    """The RTF, at most `limit` octets of it. What is cut off or damaged gives what can be read; never raises.

    Neither sizes nor CRC of the head are believed: a letter with a wrong one is still to be read.
    """
    if len(octets) < _HEAD.size:
        return b""
    _, size, kind, _ = _HEAD.unpack_from(octets)
    data = octets[_HEAD.size :]
    if kind == b"MELA":
        return data[: min(size, limit)]
    return _expanded(data, limit) if kind == b"LZFu" else b""


def _expanded(data: bytes, limit: int) -> bytes:
    # The window is the end of all that was written: a place in it is a distance back from here.
    out = bytearray(_PRELOAD)
    most = limit + len(_PRELOAD)
    place, end = 0, len(data)
    while place < end and len(out) < most:
        flags = data[place]
        place += 1
        if not flags:
            out += data[place : place + 8]
            place += 8
            continue
        for bit in range(8):
            if not flags >> bit & 1:
                out += data[place : place + 1]
                place += 1
                continue
            if place + 2 > end:
                return bytes(out[len(_PRELOAD) : most])
            token = data[place] << 8 | data[place + 1]
            place += 2
            distance = (len(out) - (token >> 4)) % _WINDOW
            if not distance:  # a reference to where the next octet goes says the end
                return bytes(out[len(_PRELOAD) : most])
            _copy(out, distance, (token & 15) + 2)
    return bytes(out[len(_PRELOAD) : most])


def _copy(out: bytearray, distance: int, count: int) -> None:
    """Octets from that far back; what was never written is blank, and what is shorter than asked for repeats itself."""
    start = len(out) - distance
    if start < 0:
        out += b" " * count
        return
    piece = out[start : start + count]
    while len(piece) < count:
        piece += piece[: count - len(piece)]
    out += piece
