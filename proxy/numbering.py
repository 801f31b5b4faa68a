"""Which message a sequence number means now: only as long as upstream's own words leave no doubt. Pure.

Learned from the messages that upstream gives out (a FETCH with a body says number and UID), moved by each EXPUNGE. A
server may renumber only with EXPUNGE or VANISHED, and neither while no command is in progress nor during FETCH, STORE
and SEARCH (RFC 9051 section 7.5.1), so what was told last holds when the next command arrives. Anything that does not
fit makes all of it worthless until another mailbox is selected (Exchange answers with numbers above those it counts).
"""

from array import array

from postbuch.archive import uidset
from postbuch.archive.uidset import LARGEST, UidSet

# 4 octets each: 400 KB for a session that reads so many messages, which takes many times that for their digests.
MAX_NUMBERS = 100_000


class Numbering:
    """One a session. Knows one run of neighbours: those that were read one after the other."""

    def __init__(self) -> None:
        self._exists = 0
        self._first = 1  # the number of the first that is known
        self._uids = array("I")
        self._trusted = False

    def selected(self, exists: int | None) -> None:
        """Another mailbox is selected, with so many messages; None: there is none, or nobody said."""
        self._forget()
        self._trusted, self._exists = exists is not None, exists or 0

    def void(self) -> None:
        """Upstream said what cannot be followed."""
        self._forget()
        self._trusted = False

    def counted(self, exists: int) -> None:
        """EXISTS: it may grow, and never shrinks without an EXPUNGE."""
        if exists < self._exists:
            self.void()
        self._exists = exists

    def removed(self, number: int) -> None:
        """EXPUNGE: the numbers behind it are one less from now on."""
        if not 1 <= number <= self._exists:
            self.void()
            return
        self._exists -= 1
        place = number - self._first
        if place < 0:
            self._first -= 1
        elif place < len(self._uids):
            del self._uids[place]

    def learn(self, number: int, uid: int) -> None:
        """A FETCH response says both."""
        if not self._trusted:
            return
        if not (1 <= number <= self._exists and number <= uid <= LARGEST):
            self.void()
            return
        known, place = self._uids, number - self._first
        if 0 <= place < len(known):
            if known[place] != uid:
                self.void()
        elif known and not self._fits(place, uid):
            self.void()
        elif known and place == len(known) < MAX_NUMBERS:
            known.append(uid)
        else:
            self._first, self._uids = number, array("I", (uid,))

    def uids(self, numbers: bytes) -> tuple[UidSet, UidSet] | None:
        """A set as its numbers, with `*` replaced by what it means now, and their UIDs; None when any is not known."""
        wanted = uidset.parse(numbers, largest=self._exists)
        if wanted is None:
            return None
        spans: list[tuple[int, int]] = []
        for first, last in wanted.spans():
            start, end = first - self._first, last - self._first
            if start < 0 or end >= len(self._uids):
                return None
            spans += self._spans(start, end)
        return wanted, UidSet(spans)

    def all_uids(self) -> UidSet | None:
        """The UIDs of all messages of the mailbox; None when any is not known, or there is no message."""
        if not self._uids or self._first != 1 or len(self._uids) != self._exists:
            return None
        return UidSet(self._spans(0, self._exists - 1))

    def _spans(self, start: int, end: int) -> list[tuple[int, int]]:
        known = self._uids
        if known[end] - known[start] == end - start:  # ascending: so none is missing between them
            return [(known[start], known[end])]
        return [(uid, uid) for uid in known[start : end + 1]]

    def _fits(self, place: int, uid: int) -> bool:
        """Whether a message outside of the run has a UID on the same side, and as far away at least."""
        if place < 0:
            return uid <= self._uids[0] + place
        return uid >= self._uids[-1] + place - (len(self._uids) - 1)

    def _forget(self) -> None:
        self._uids = array("I")
