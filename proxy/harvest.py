"""Finding out which messages a set means, and fetching those that are not durable yet, in the session itself.

Works on an upstream connection that owes the client nothing: commands of our own, whose answers the client never
sees (`Injected`). The octets take the way of every FETCH, through the tap into the spool.
"""

import itertools
import secrets
from collections.abc import Callable, Iterable, Iterator

from postbuch.archive import limited, uidset
from postbuch.archive.imapnumber import number, number64
from postbuch.archive.sighted import Place
from postbuch.archive.spool import SpoolWriter
from postbuch.archive.uidset import LARGEST, UidSet
from postbuch.proxy import fetchdata
from postbuch.proxy.answers import (
    CAPABILITY,
    HIGHEST,
    NUMBER,
    SIZE,
    Found,
    Refused,
    Unsafe,
    found_by,
    is_body,
    is_news,
    is_number,
    is_ok,
    is_search,
    is_size,
    named,
)
from postbuch.proxy.archived import Archived
from postbuch.proxy.failure import Detail
from postbuch.proxy.outstanding import Injected
from postbuch.proxy.relay import Relay
from postbuch.proxy.tap import Tap

# Servers take lines of 8,000 octets and more (RFC 7162 section 4); one window is also what one answer brings.
MAX_SET_OCTETS = 4000
WINDOW_MESSAGES = 200


class Harvester:
    """One an upstream connection. Everything is called on the loop, one caller at a time."""

    def __init__(
        self, relay: Relay, tap: Tap, archived: Archived, spool: SpoolWriter, to_upstream: Callable[[bytes], None]
    ) -> None:
        self._relay = relay
        self._tap = tap
        self._archived = archived
        self._spool = spool
        self._to_upstream = to_upstream
        # No client can guess it, so that it cannot forge or swallow an answer.
        self._prefix = b"pb" + secrets.token_hex(6).encode()
        self._numbers = itertools.count(1)

    async def ask(
        self, line: bytes, takes: Callable[[bytes], bool], *, verb: bytes = b"", mailbox: bytes | None = None
    ) -> tuple[list[bytes], bytes]:
        """Send a command of our own; (what is its answer, the tagged line without the tag).

        Raises UpstreamFailed when the connection is lost.
        """
        if self._relay.lost is not None:
            raise self._relay.lost
        tag = b"%s.%d" % (self._prefix, next(self._numbers))
        command = Injected(tag=tag, verb=verb, mailbox=mailbox, takes=takes)
        self._relay.expect(command)
        self._to_upstream(tag + b" " + line + b"\r\n")
        answer = await command.done
        return command.lines, answer[len(tag) + 1 :]

    async def look(self, line: bytes, takes: Callable[[bytes], bool]) -> tuple[list[bytes], bytes]:
        """As `ask`, for what the client gets no answer of; a HIGHESTMODSEQ in it is told all the same.

        With QRESYNC the answer to any command may bring one (RFC 7162 section 3.2.3), and upstream says it once.
        """
        lines, answer = await self.ask(line, lambda line: takes(line) or limited.is_limit(line))
        found = HIGHEST.match(answer)
        if found is not None and not takes(told := b"* OK " + found[1] + b" Highest\r\n"):
            self._relay.say(told)
        return lines, answer

    async def capabilities(self) -> set[bytes]:
        """What upstream offers now."""
        lines, _ = await self.ask(b"CAPABILITY", lambda line: CAPABILITY.match(line) is not None)
        return {word.upper() for line in lines for word in line.split()[2:]}

    async def resolve(self, numbers: bytes, *, by_uid: bool) -> list[Found]:
        """The messages of a set. Raises Refused and Unsafe."""
        found: list[Found] = []
        while numbers:
            some, lowest, answer = await self._resolve(numbers, by_uid=by_uid)
            found += some
            if lowest is not None and not by_uid:
                lowest = min((each.sequence for each in some), default=0)
            numbers = _rest(numbers, lowest, answer)
        return found

    async def _resolve(self, numbers: bytes, *, by_uid: bool) -> tuple[list[Found], int | None, bytes]:
        """The messages that upstream comes to at once, the lowest UID of them if there are more, and its answer."""
        prefix = b"UID " if by_uid else b""
        # The client hears of what else they say. They may also be of messages that the set does not name.
        among: dict[bytes, None] = {}

        def takes(line: bytes) -> bool:
            named_alone = is_number(line)
            if not named_alone and fetchdata.is_fetch(line):
                among[line] = None
            return named_alone

        lines, answer = await self.look(prefix + b"FETCH " + numbers + b" (UID)", takes)
        if not is_ok(answer):
            raise Refused(answer)
        found = [
            Found(sequence=named(match[1]), uid=named(match[2]))
            for match in map(NUMBER.fullmatch, lines) if match is not None
        ]
        known, wanted = {each.uid for each in found}, uidset.parse(numbers, largest=LARGEST) or UidSet()
        for facts in map(fetchdata.parse, among):
            if facts is None:  # of a message that may be hit all the same
                raise Unsafe(Detail.ODD_NUMBER.said())
            if facts.uid is None or facts.uid in known:
                continue
            if (facts.uid if by_uid else facts.sequence) in wanted:
                known.add(facts.uid)
                found.append(Found(sequence=facts.sequence, uid=facts.uid))
        return found, limited.lowest([*lines, answer]), answer

    async def deleted(self, within: bytes = b"") -> UidSet:
        """The UIDs of the messages flagged \\Deleted, of all or of a set of UIDs. Raises Refused and Unsafe."""
        found, more = UidSet(), True
        while more:
            lines, answer = await self.look(b"UID SEARCH DELETED" + (b" UID " + within if within else b""), is_search)
            if not is_ok(answer):
                raise Refused(answer)
            found.update(found_by(lines))
            within = _rest(within or b"1:*", limited.lowest([*lines, answer]), answer)
            more = bool(within)
        return found

    async def expunge_archived(self, archived: UidSet) -> tuple[bytes, UidSet]:
        """EXPUNGE of what is archived: upstream's answer, and the flagged messages that are left.

        The client hears of what went. One after the other: in one write Dovecot 2.3 begins SEARCH, by number or UID and
        behind a NOOP as well, before the EXPUNGE is done, and finds what is just being removed. Raises Refused.
        """
        _, answer = await self.ask(b"UID EXPUNGE " + archived.wire(), lambda line: False)
        return answer, await self.deleted() if is_ok(answer) else UidSet()

    async def expunge(self, sets: Iterable[bytes]) -> None:
        """Remove these, unseen by the client: for CLOSE, which tells nobody. Raises Refused."""
        for numbers in sets:
            _, answer = await self.ask(b"UID EXPUNGE " + numbers, is_news)
            if not is_ok(answer):
                raise Refused(answer)

    async def secure(self, place: Place, found: list[Found], *, by_uid: bool) -> None:
        """Have every one of the messages durable here. Raises Unsafe.

        By sequence number where the command that waits is by sequence number: during a FETCH without UID a server
        must not renumber (RFC 9051 section 7.5.1).
        """
        missing = self.missing(place, UidSet.of(each.uid for each in found))
        if not missing:
            return
        await self._compare_lengths(place, [each for each in found if each.uid in missing], by_uid=by_uid)
        missing = self.missing(place, missing)
        if not missing:
            return
        obstacle = self._spool.obstacle()
        if obstacle is not None:
            raise Unsafe(obstacle)
        self._tap.captures.urgent = True
        try:
            more = True
            while more:
                more, before = False, len(missing)
                for numbers in _windows([each for each in found if each.uid in missing], by_uid=by_uid):
                    more = await self._fetch(numbers, by_uid=by_uid) or more
                # What came without an octet is safe if its length is 0.
                await self._compare_lengths(place, [each for each in found if each.uid in missing], by_uid=by_uid)
                missing = self.missing(place, missing)
                more = more and 0 < len(missing) < before
        finally:
            self._tap.captures.urgent = False
        if missing and by_uid:  # those that somebody else has removed meanwhile are not ours to save
            there = [
                each.uid for numbers in missing.wires(MAX_SET_OCTETS)
                for each in await self.resolve(numbers, by_uid=True)
            ]
            missing = self.missing(place, UidSet.of(there))
        if missing:
            raise Unsafe(Detail.COULD_NOT_BE_KEPT.said(messages=len(missing), mailbox=place.mailbox))

    def missing(self, place: Place, uids: UidSet) -> UidSet:
        """What of the open mailbox is not known to be durable. Raises Unsafe when `place` is not that any more.

        A UIDVALIDITY that changes (RFC 9051 section 2.3.1.1) makes others of the messages that have these UIDs.
        """
        mailbox = self._relay.selection.mailbox
        if mailbox is None or mailbox.uidvalidity != place.uidvalidity:
            raise Unsafe(Detail.MADE_ANEW.said())
        return self._archived.missing(place, uids)

    async def secure_all(self, place: Place) -> None:
        """Have every message of the open mailbox durable here. Raises Unsafe and Refused."""
        await self.secure(place, await self.resolve(b"1:*", by_uid=True), by_uid=True)

    async def _compare_lengths(self, place: Place, found: list[Found], *, by_uid: bool) -> None:
        """What came in by APPEND is archived as it was sent; where upstream has as many octets, it has these."""
        sent = self._archived.take_lengths(place, UidSet.of(each.uid for each in found))
        for numbers in _windows([each for each in found if each.uid in sent], by_uid=by_uid):
            prefix = b"UID " if by_uid else b""
            lines, _ = await self.look(prefix + b"FETCH " + numbers + b" (UID RFC822.SIZE)", is_size)
            for match in map(SIZE.fullmatch, lines):
                if match is None or not (uid := number(match[1])):
                    continue
                if uid in sent and sent[uid] == number64(match[2]):
                    self._archived.add(place, uid)

    async def _fetch(self, numbers: bytes, *, by_uid: bool) -> bool:
        """Whether upstream has left some out because they are too many."""
        prefix = b"UID " if by_uid else b""
        line = prefix + b"FETCH " + numbers + b" (UID FLAGS INTERNALDATE BODY.PEEK[])"
        lines, answer = await self.look(line, is_body)
        self._relay.settle()
        await self._tap.captures.durable()
        if not is_ok(answer):
            raise _not_given(answer)
        return limited.lowest([*lines, answer]) is not None


def _not_given(answer: bytes) -> Unsafe:
    return Unsafe(Detail.NOT_GIVEN.said(words=answer[:200].decode("utf-8", "replace").strip()))


def _rest(numbers: bytes, lowest: int | None, answer: bytes) -> bytes:
    """What is still to be asked for of a set when upstream came down to this one. Raises Unsafe."""
    rest = b"" if lowest is None else limited.below(numbers, lowest)
    if rest is None:
        raise _not_given(answer)
    return rest


def _windows(found: list[Found], *, by_uid: bool) -> Iterator[bytes]:
    """The messages in sets of limited size."""
    wanted = [each.uid if by_uid else each.sequence for each in found]
    for start in range(0, len(wanted), WINDOW_MESSAGES):
        yield from UidSet.of(wanted[start : start + WINDOW_MESSAGES]).wires(MAX_SET_OCTETS)
