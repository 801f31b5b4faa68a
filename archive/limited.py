"""Providers that look at so many messages of a command and no more (RFC 9738; Yahoo and AOL at 1,000).

They take those with the highest UIDs, say OK, and name the lowest that they came to, in the answer or, where that has
another code, in an untagged NO. Whoever asks which messages there are must go on below it: those that are not heard of
are removed with the others, since DELETE, RENAME, EXPUNGE and CLOSE know no limit. Pure.
"""

import re
from collections.abc import Iterable

from postbuch.archive import uidset
from postbuch.archive.imapnumber import number
from postbuch.archive.uidset import LARGEST, UidSet

_LIMIT = re.compile(rb"(?:OK|\* NO) \[MESSAGELIMIT \d+(?: (\d+))?\]", re.IGNORECASE)
_ANNOUNCED = b"MESSAGELIMIT="


def is_limit(line: bytes) -> bool:
    """Whether an untagged line, or an answer without its tag, says that there is more."""
    return _LIMIT.match(line) is not None


def lowest(lines: Iterable[bytes]) -> int | None:
    """The lowest UID that upstream came to; 0 when it does not say; None: it came to all."""
    found = [match for match in map(_LIMIT.match, lines) if match is not None]
    return min(number(match[1] or b"0") or 0 for match in found) if found else None


def below(numbers: bytes, lowest: int) -> bytes | None:
    """What of a set upstream has not come to; None when nobody can say."""
    wanted = uidset.parse(numbers, largest=LARGEST)
    if wanted is None or not lowest:
        return None
    left = wanted.without(UidSet([(lowest, LARGEST)]))
    return None if left == wanted else left.wire()


def announced(capabilities: Iterable[bytes]) -> int | None:
    """How many messages one command may be about, of capabilities in upper case; None: as many as it likes."""
    told = [number(each.removeprefix(_ANNOUNCED)) for each in capabilities if each.startswith(_ANNOUNCED)]
    return next(filter(None, told), None)
