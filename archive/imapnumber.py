"""Numbers as IMAP writes them (RFC 9051 section 9: number, number64). Pure.

What a peer calls a number is read here: Python refuses to read one of more than 4,300 digits, with an error that no
parser expects.
"""

from postbuch.archive.uidset import LARGEST

_LARGEST_64 = 2**63 - 1
# It has 19; as many as a literal may have (proxy.md section 1).
_MAX_DIGITS = 20


def number(digits: bytes) -> int | None:
    """A number of 32 bits: of messages, a UID. None when it is larger, or there are other octets than digits."""
    return _read(digits, LARGEST)


def number64(digits: bytes) -> int | None:
    """One of 63 bits: of octets; a UIDVALIDITY too, which some providers take from a clock of milliseconds."""
    return _read(digits, _LARGEST_64)


def _read(digits: bytes, largest: int) -> int | None:
    if len(digits) > _MAX_DIGITS or not digits.isdigit():
        return None
    found = int(digits)
    return found if found <= largest else None
