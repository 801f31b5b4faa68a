"""What upstream's answers to the gate's own questions say: which messages there are, and what else they tell. Pure."""

import re
from dataclasses import dataclass

from postbuch.archive import uidset
from postbuch.archive.imapnumber import number
from postbuch.archive.uidset import UidSet
from postbuch.proxy.failure import Detail

NUMBER = re.compile(rb"\* (\d+) FETCH \(UID (\d+)(?: MODSEQ \(\d+\))?\)\r\n", re.IGNORECASE)
_BODY = re.compile(rb"\* \d+ FETCH \(.*(?:BODY\[\]|INTERNALDATE)", re.IGNORECASE | re.DOTALL)
SIZE = re.compile(
    rb"\* \d+ FETCH \((?=[^)]*UID (\d+))(?=[^)]*RFC822\.SIZE (\d+))"
    rb"(?:UID \d+|RFC822\.SIZE \d+)(?: (?:UID \d+|RFC822\.SIZE \d+|MODSEQ \(\d+\)))*\)\r\n",
    re.IGNORECASE,
)
# Not the news of a search that the client has kept up to date (RFC 5267 section 4.3): ours never is.
_SEARCH = re.compile(rb"\* (?:SEARCH\b|ESEARCH\b(?!.* (?:ADDTO|REMOVEFROM) ))", re.IGNORECASE)
_ALL = re.compile(rb"\bALL ([\d:,]+)", re.IGNORECASE)
_NEWS = re.compile(
    rb"\* (?:\d+ (?:EXPUNGE|EXISTS|RECENT|FETCH)|VANISHED|FLAGS|OK \[(?:PERMANENTFLAGS|HIGHESTMODSEQ))\b", re.IGNORECASE
)
HIGHEST = re.compile(rb"OK (\[HIGHESTMODSEQ \d+\])", re.IGNORECASE)
CAPABILITY = re.compile(rb"\* CAPABILITY\b", re.IGNORECASE)


class Unsafe(Exception):
    """The messages could not be made durable, so nothing may remove them. The text is for the log."""


class Refused(Exception):
    """Upstream does not take the set; `answer` is what it said, without the tag."""

    def __init__(self, answer: bytes) -> None:
        super().__init__("upstream refused the set")
        self.answer = answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A message that exists: its sequence number at that moment and its UID."""

    sequence: int
    uid: int


def is_ok(answer: bytes) -> bool:
    """Whether a tagged answer, without its tag, is OK."""
    return answer[:2].upper() == b"OK"


def is_news(line: bytes) -> bool:
    """Whether an untagged line tells of a change in the mailbox."""
    return _NEWS.match(line) is not None


def is_search(line: bytes) -> bool:
    """Whether an untagged line is the answer to a SEARCH."""
    return _SEARCH.match(line) is not None


def found_by(lines: list[bytes]) -> UidSet:
    """The numbers in `* SEARCH 2 84` or `* ESEARCH (TAG "x") UID ALL 2,84` (RFC 9051 section 7.3.4). Raises Unsafe."""
    spans: list[tuple[int, int]] = []
    for line in lines:
        if line[:8].upper() == b"* SEARCH":
            spans += ((uid, uid) for uid in map(named, filter(bytes.isdigit, line.split()[2:])))
        elif listed := _ALL.search(line):
            found = uidset.parse(listed.group(1))
            if found is None:
                raise Unsafe(Detail.ODD_NUMBER.said())
            spans += found.spans()
    return UidSet(spans)


def named(digits: bytes) -> int:
    """What upstream names a message by. Raises Unsafe: one that cannot be read may be hit all the same."""
    found = number(digits)
    if not found:
        raise Unsafe(Detail.ODD_NUMBER.said())
    return found


def is_number(line: bytes) -> bool:
    return NUMBER.fullmatch(line) is not None


def is_size(line: bytes) -> bool:
    return SIZE.fullmatch(line) is not None


def is_body(line: bytes) -> bool:
    return _BODY.match(line) is not None
