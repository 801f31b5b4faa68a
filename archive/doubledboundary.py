"""A multipart that has the boundary of the one around it: programs write so that miscount. Pure, linear.

Where the inner one ends both would end, and the files behind it would be lost.
"""

import re

# RFC 2046 section 5.1.1: 70 characters.
_VALUE = re.compile(rb"=\"?([^\s\";\\]{1,70})")
# A letter of people has a few; what has more is not looked at further.
MAX_MULTIPARTS = 100


def parted(octets: bytes) -> bytes:
    """The message with another boundary for the inner one; the same octets where no two are alike."""
    place, known = octets.find(b"oundary="), set[bytes]()
    for _ in range(MAX_MULTIPARTS):
        if place < 0:
            break
        found = _VALUE.match(octets, place + 7)
        if found is not None and found[1] in known:
            return _renamed(octets, found[1], found.end())
        if found is not None:
            known.add(found[1])
        place = octets.find(b"oundary=", place + 8)
    return octets


def _renamed(octets: bytes, boundary: bytes, start: int) -> bytes:
    """With the boundary that ends at `start` and the lines of it up to the first end under another name."""
    # It begins with octets of its own, for which an expression looks much more quickly than for the begin of each line.
    own = re.escape(boundary)
    line = re.compile(rb"--%b(?<=^--%b)(--)?(?=[ \t]*\r?$)" % (own, own), re.MULTILINE)
    end = next((each.end() for each in line.finditer(octets, start) if each[1]), None)
    new = b"within." + boundary  # not the other way: parsers take what begins like a boundary for it
    follows = None if end is None else line.search(octets, end)
    if follows is None or follows[1] or new in octets:  # nothing is lost
        return octets
    inside = line.sub(lambda found: b"--" + new + (found[1] or b""), octets[start:end])
    return octets[: start - len(boundary)] + new + inside + octets[end:]
