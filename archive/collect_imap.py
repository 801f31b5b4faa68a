"""One session of the collector at upstream: what it asks of mailboxes and messages.

Reads only: mailboxes are opened by EXAMINE, messages with BODY.PEEK. Blocks and raises as `collect_connection.py` says.
"""

import imaplib
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from postbuch.archive import limited
from postbuch.archive.collect_answers import (
    PART_OCTETS,
    Described,
    Fetched,
    described,
    extended,
    fetch_answers,
    fetched,
    flags,
    internal_date,
    listed,
    standing,
    statuses,
)
from postbuch.archive.collect_backoff import Trouble
from postbuch.archive.collect_connection import Connection, UpstreamTrouble
from postbuch.archive.collect_plan import BATCH_MESSAGES, Listed, Standing, window_starts, windows
from postbuch.archive.imapnumber import number
from postbuch.archive.reasons import Collecting
from postbuch.archive.uidset import LARGEST, UidSet

# imaplib's own line limit is 1,000,000; most servers take commands of 8,192 (RFC 7162 section 4).
SET_OCTETS = 7000


class Session(Connection):
    """As `Connection`: logged in when it is made, raises UpstreamTrouble from every method."""

    @property
    def _identity(self) -> str:
        return " X-GM-MSGID" if self.has(b"X-GM-EXT-1") else ""

    # --- mailboxes -----------------------------------------------------------------------------------------------

    def mailboxes(self) -> tuple[list[Listed], dict[bytes, Standing]]:
        """Every mailbox, and the standing of those that upstream told at once (RFC 5819)."""
        wanted = []
        if self.has(b"SPECIAL-USE") and self.has(b"LIST-EXTENDED"):
            wanted.append("SPECIAL-USE")
        if self.has(b"LIST-STATUS"):
            wanted.append("STATUS (MESSAGES UIDNEXT UIDVALIDITY)")
        words = ['""', '"*"', *([f"RETURN ({' '.join(wanted)})"] if wanted else [])]
        with self._translated("LIST"):
            data = self._ask("LIST", "LIST", *words)
            told = self._imap.response("STATUS")[1]
            found = {one.name: one for one in map(listed, self._client._proc_folder_list(data))}
            return list(found.values()), dict(statuses(told))

    def standing(self, name: bytes) -> Standing | None:
        """STATUS of one mailbox; None when upstream gives no UIDVALIDITY. Raises `refused` when it is not there."""
        with self._translated("STATUS"):
            found = self._client.folder_status(name, ["MESSAGES", "UIDNEXT", "UIDVALIDITY"])
        return standing(found)

    def examine(self, name: bytes) -> Standing | None:
        """Open the mailbox for reading; None when upstream gives no UIDVALIDITY."""
        with self._translated("EXAMINE"):
            found = self._client.select_folder(name, readonly=True)
        return standing({**found, b"MESSAGES": found.get(b"EXISTS", 0)})

    # --- the open mailbox ----------------------------------------------------------------------------------------

    def uids(self, messages: int, first: int = 1) -> UidSet:
        """The UIDs from `first` on; `messages` says how many windows that takes."""
        starts: list[int] = []
        if first == 1 and (numbers := window_starts(messages)):
            found = self._fetch(",".join(map(str, numbers)), "(UID)", by_uid=False)
            starts = [facts[b"UID"] for facts in found if b"UID" in facts]
        spans: list[tuple[int, int]] = []
        for start, end in windows(first, starts):
            spans += self._search(start, end).spans()
        # `n:*` is never empty: it is the last message when n is behind it (RFC 9051 section 9, seq-range).
        return UidSet(spans).without(UidSet([(1, first - 1)] if first > 1 else []))

    def _search(self, first: int, last: int) -> UidSet:
        found = UidSet()
        while first <= last:
            some, lowest = self._search_down(first, last)
            found.update(some)
            if lowest is None:
                break
            if not lowest <= last:
                raise UpstreamTrouble(Trouble.ANSWER, Collecting.NO_LIMIT.said(host=self.host), refused=True)
            last = lowest - 1
        return found

    def _search_down(self, first: int, last: int) -> tuple[UidSet, int | None]:
        """The UIDs of a window, and the lowest that upstream came to if there are more."""
        text = f"{first}:{'*' if last == LARGEST else last}"
        with self._translated("SEARCH"):
            self._imap.response("MESSAGELIMIT")
            if self.has(b"ESEARCH"):
                self._imap.response("ESEARCH")
                self._ask("UID", "SEARCH", "SEARCH", "RETURN", "(ALL)", "UID", text)
                return extended(self._imap.response("ESEARCH")[1]), self._lowest()
            found: list[int] = []
            for line in self._ask("UID", "SEARCH", "SEARCH", "UID", text):
                found += map(int, (line or b"").partition(b"(")[0].split())
            return UidSet.of(sorted(uid for uid in found if 0 < uid <= LARGEST)), self._lowest()

    def _lowest(self) -> int | None:
        """The lowest UID that upstream came to in its last answer, 0 if it does not say; None: it came to all."""
        told = [each for each in self._imap.response("MESSAGELIMIT")[1] if each is not None]
        return min((number(each.partition(b" ")[2]) or 0 for each in told), default=None)

    def uids_by_number(self, messages: int) -> UidSet:
        """The UIDs as FETCH tells them: for an upstream whose SEARCH does not list what it counts."""
        found: set[int] = set()
        for start in range(1, messages + 1, BATCH_MESSAGES * 10):
            answers = self._fetch(f"{start}:{min(start + BATCH_MESSAGES * 10 - 1, messages)}", "(UID)", by_uid=False)
            found.update(facts[b"UID"] for facts in answers if b"UID" in facts)
        return UidSet.of(sorted(found))

    def described(self, uids: UidSet) -> dict[int, Described]:
        """UID → length and identity as upstream says them, newest first; also for UIDs of which it says nothing."""
        found = dict.fromkeys(reversed(list(uids)), Described())
        for facts in self._facts(uids, f"(UID RFC822.SIZE{self._identity})"):
            found[facts[b"UID"]] = described(facts)
        return found

    def flags(self, uids: UidSet) -> dict[int, tuple[tuple[str, ...], datetime | None]]:
        """UID → flags and INTERNALDATE, of those that are there."""
        return {
            facts[b"UID"]: (flags(facts), internal_date(facts))
            for facts in self._facts(uids, "(UID FLAGS INTERNALDATE)")
        }

    def _facts(self, uids: UidSet, items: str) -> Iterator[dict[bytes, Any]]:
        for line in uids.wires(SET_OCTETS):
            yield from (each for each in self._fetch(line.decode(), items) if each.get(b"UID", 0) in uids)

    def messages(self, uids: list[int]) -> Iterator[Fetched]:
        """What upstream gives of the messages, in any order; some may be missing. At most PART_OCTETS of each."""
        line = UidSet.of(sorted(uids)).wire().decode()
        items = f"(UID FLAGS INTERNALDATE RFC822.SIZE{self._identity} BODY.PEEK[]<0.{PART_OCTETS}>)"
        yield from fetched(self._fetch(line, items), uids)

    def rest(self, begun: Fetched) -> Iterator[bytes]:
        """What follows the beginning of a message, until as much has come as upstream says, or no more comes.

        Some servers give less at a time than they are asked for: one met doing so is asked until it gives none.
        """
        size = last = len(begun.octets)
        capped = False
        while last >= PART_OCTETS or size < begun.size_octets or capped:
            octets = self.part(begun.uid, size)
            if not octets:
                return
            capped = capped or last < PART_OCTETS
            yield octets
            size, last = size + len(octets), len(octets)

    def part(self, uid: int, offset: int) -> bytes:
        """The next PART_OCTETS of a message; none behind its end. Raises UpstreamTrouble when upstream does not say."""
        key = b"BODY[]<%d>" % offset
        for facts in self._fetch(str(uid), f"(UID BODY.PEEK[]<{offset}.{PART_OCTETS}>)"):
            if facts.get(b"UID", uid) == uid and key in facts:
                return bytes(facts[key] or b"")
        raise UpstreamTrouble(
            Trouble.ANSWER, Collecting.BROKE_OFF_IN_MESSAGE.said(host=self.host), refused=True
        )

    def _fetch(self, numbers: str, items: str, *, by_uid: bool = True) -> list[dict[bytes, Any]]:
        found: list[dict[bytes, Any]] = []
        left: bytes | None = numbers.encode()
        while left:
            some, lowest = self._fetch_down(left.decode(), items, by_uid=by_uid)
            found += some
            if lowest is None:
                break
            if not by_uid:
                lowest = min((facts[b"SEQ"] for facts in some), default=0)
            left = limited.below(left, lowest)
            if left is None:
                raise UpstreamTrouble(Trouble.ANSWER, Collecting.NO_LIMIT.said(host=self.host), refused=True)
        return found

    def _fetch_down(self, numbers: str, items: str, *, by_uid: bool) -> tuple[list[dict[bytes, Any]], int | None]:
        """The answers, and the lowest UID that upstream came to if there are more."""
        with self._translated("FETCH"):
            self._imap.response("FETCH")  # what came unasked
            self._imap.response("MESSAGELIMIT")
            words = ("UID", "FETCH", "FETCH") if by_uid else ("FETCH", "FETCH")
            try:
                data = self._ask(*words, numbers, items)
            except imaplib.IMAP4.error as error:
                if isinstance(error, imaplib.IMAP4.abort):
                    raise
                data = self._imap.response("FETCH")[1]  # RFC 9051 section 7.1.2: NO may follow some of the answers
                if not any(data):
                    raise
            return fetch_answers(data), self._lowest()
