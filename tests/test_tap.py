"""The tap and what waits for it: however a stream is cut, the same messages with the same facts are captured."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_framing import chunks

from postbuch.archive.spool import SMALL_OCTETS, SpoolWriter, read, waiting
from postbuch.proxy.backlog import LIMIT_OCTETS, Backlog
from postbuch.proxy.framing import Data, Fetched, Line, UpstreamEvent
from postbuch.proxy.outstanding import Outstanding
from postbuch.proxy.relay import Relay
from postbuch.proxy.tap import Tap

SEEN = b"\\Seen"
DATE = b'INTERNALDATE "17-Jul-2026 02:44:25 -0700"'
# What servers answer: the usual, the UID behind the body, a body in quotes, none, two in one answer, parts, nothing.
STREAM = b"".join((
    b"* 1 FETCH (UID 1 FLAGS (%s $x) %s BODY[] {6}\r\nfirst\n)\r\n" % (SEEN, DATE),
    b"* 2 FETCH (UID 2 RFC822.SIZE 7 RFC822 {7}\r\nsecond\n)\r\n",
    b"* 3 FETCH (BODY[] {6}\r\nthird\n UID 3 FLAGS (%s))\r\n" % SEEN,
    b'* 4 FETCH (UID 4 BODY[] "fourth")\r\n',
    b"* 5 FETCH (UID 5 BODY[] NIL)\r\n",
    b"* 6 FETCH (UID 6 BODY[] {0}\r\n)\r\n",
    b"* 7 FETCH (UID 7 BODY[HEADER] {9}\r\nno body\r\n)\r\n",
    b"* 8 FETCH (UID 8 BODY[]<0> {4}\r\neig)\r\n* 8 FETCH (UID 8 BODY[]<4> {2}\r\nht)\r\n",
    b"* 9 FETCH (UID 9 BODY[]<0> {4}\r\nnine)\r\n* 1 FETCH (UID 1 BODY[] {6}\r\nfirst\n)\r\n",
    b"* 10 FETCH (UID 10 BODY[] {5}\r\n\r\n)\r\n)\r\n",
    b"* 11 FETCH (FLAGS () UID 11 BODY[] {%d}\r\n%s)\r\n" % (SMALL_OCTETS + 1, b"x" * (SMALL_OCTETS + 1)),
    b"* 12 FETCH (BODY[] {10}\r\nwithout ID)\r\n",
    b"a OK done\r\n",
)).replace(b"{4}\r\neig)", b"{4}\r\neig-)")  # fmt: skip


def captured(parts: list[bytes], asked: dict[int, int]) -> tuple[list[tuple[Any, ...]], int]:
    """(UID, octets, flags, INTERNALDATE) of each message that the spool got, and how many were missed."""

    async def run(folder: Path) -> int:
        with SpoolWriter(folder, reserve_octets=0) as spool:
            tap = Tap(spool, {"account": "a@b.example"}, pytest.fail)
            relay = Relay(tap, lambda octets: None)
            relay.expect(Outstanding(tag=b"s", verb=b"SELECT", mailbox=b"INBOX"))
            relay.feed(b"* OK [UIDVALIDITY 7] is valid\r\ns OK done\r\n")
            relay.expect(Outstanding(tag=b"a", verb=b"UID FETCH", parts=asked))
            for part in parts:
                relay.feed(part)
            relay.settle()
            await asyncio.wait_for(tap.captures.durable(), 30)
            relay.close()
            tap.close()
            return tap.captures.missed

    with TemporaryDirectory() as name:
        missed = asyncio.run(run(Path(name)))
        records = [record for path in waiting(Path(name)) for record in read(path)]
        found = [
            (
                record.facts["uid"], record.load(), tuple(record.facts["flags"]), record.facts["internal_date"],
                record.facts["mailbox"], record.facts["uidvalidity"],
            )
            for record in records
        ]
        return sorted(found, key=repr), missed


def expected() -> list[tuple[Any, ...]]:
    place = ("INBOX", 7)
    return sorted([
        (1, b"first\n", ("\\Seen", "$x"), "2026-07-17T09:44:25+00:00", *place),
        (2, b"second\n", (), None, *place), (3, b"third\n", ("\\Seen",), None, *place),
        (4, b"fourth", (), None, *place),
        (8, b"eig-ht", (), None, *place), (10, b"\r\n)\r\n", (), None, *place),
        (11, b"x" * (SMALL_OCTETS + 1), (), None, *place), (None, b"without ID", (), None, *place),
    ], key=repr)  # fmt: skip


def test_what_is_captured_of_a_stream() -> None:
    """Each message once with its facts; what was not given, has no end, or may be a part, counts as missed."""
    found, missed = captured([STREAM], {0: 4, 4: 4})
    assert found == expected()
    assert missed == 3


@given(st.lists(st.integers(0, len(STREAM)), max_size=25))
@settings(max_examples=60)
def test_any_cut_captures_the_same(cuts: list[int]) -> None:
    """The short way for messages that come in one piece finds what the long way finds."""
    assert captured(chunks(STREAM, cuts), {0: 4, 4: 4}) == (expected(), 3)


def with_backlog(run: Callable[[Backlog, list[object]], None]) -> list[object]:
    """What the tap saw, in order, after `run` inside a loop; whatever waits is given up at the end."""
    seen: list[object] = []

    async def inside() -> None:
        backlog = Backlog(seen.append)
        run(backlog, seen)
        backlog.close()

    asyncio.run(inside())
    assert Backlog.waiting_octets == 0
    return seen


def fetched(number: int, length: int) -> UpstreamEvent:
    return Fetched(b"* %d FETCH (BODY[] {%d}\r\n" % (number, length), memoryview(bytes(length)))


def test_what_waits_is_seen_in_order_with_what_is_to_be_done_between() -> None:
    """A command's end, for example, is worked on after all that came before it."""

    def run(backlog: Backlog, seen: list[object]) -> None:
        backlog.then(lambda: seen.append("at once"))
        backlog.put(fetched(1, 10))
        backlog.then(lambda: seen.append("behind the first"))
        backlog.put(fetched(2, 10))
        backlog.fed()
        assert seen == ["at once"]

    seen = with_backlog(run)
    assert [each if isinstance(each, str) else "message" for each in seen] == [
        "at once", "message", "behind the first", "message"
    ]


def test_a_large_message_is_not_held_back() -> None:
    """Nor what waits before it; small pieces of it neither. A small message behind it waits again."""

    def run(backlog: Backlog, seen: list[object]) -> None:
        backlog.put(fetched(1, 10))
        backlog.put(Line(b"* 2 FETCH (BODY[] {999999}\r\n", True, 999_999))
        assert len(seen) == 2
        for count in range(3, 6):
            backlog.put(Data(b"small piece", False))
            assert len(seen) == count
        backlog.put(Line(b")\r\n", False, None))
        backlog.put(fetched(3, 10))
        assert len(seen) == 5

    assert len(with_backlog(run)) == 7


def test_above_the_limit_it_is_worked_off_as_fast_as_it_comes() -> None:
    """The oldest first, and no more than that: the loop has others to serve."""

    def run(backlog: Backlog, seen: list[object]) -> None:
        for _ in range(LIMIT_OCTETS // 65_536 + 3):
            backlog.put(fetched(1, 65_536))
            backlog.fed()
            assert Backlog.waiting_octets <= LIMIT_OCTETS
        assert len(seen) == 3

    with_backlog(run)


def test_what_upstream_owes_says_whether_messages_may_come() -> None:
    """Upstream is held back while it may send messages; after a LOGOUT it is read, or its answer would be lost."""
    relay = Relay(None, lambda octets: None)
    assert not relay.fetching
    relay.expect(Outstanding(tag=b"a", verb=b"UID FETCH"))
    relay.expect(Outstanding(tag=b"b", verb=b"LOGOUT"))
    assert relay.fetching
    relay.feed(b"* 1 FETCH (UID 1 BODY[] {3}\r\nabc)\r\na OK done\r\n")
    assert not relay.fetching and relay.awaited
    relay.feed(b"* BYE\r\nb OK done\r\n")
    assert not relay.awaited


def in_turn(*steps: tuple[dict[int, int], bytes]) -> list[tuple[int, bytes]]:
    """(UID, octets) of what is captured when a client sends one FETCH after the other: what it asks for, the answer."""

    async def run(folder: Path) -> None:
        with SpoolWriter(folder, reserve_octets=0) as spool:
            tap = Tap(spool, {"account": "a@b.example"}, pytest.fail)
            relay = Relay(tap, lambda octets: None)
            relay.expect(Outstanding(tag=b"s", verb=b"SELECT", mailbox=b"INBOX"))
            relay.feed(b"* OK [UIDVALIDITY 7] is valid\r\ns OK done\r\n")
            for asked, answer in steps:
                relay.expect(Outstanding(tag=b"f", verb=b"UID FETCH", parts=asked))
                relay.feed(answer + b"f OK done\r\n")
            relay.close()
            tap.close()

    with TemporaryDirectory() as name:
        asyncio.run(run(Path(name)))
        return [(record.facts["uid"], record.load()) for path in waiting(Path(name)) for record in read(path)]


def part(uid: int, origin: int, octets: bytes) -> bytes:
    return b"* %d FETCH (UID %d BODY[]<%d> {%d}\r\n%s)\r\n" % (uid, uid, origin, len(octets), octets)


def test_less_than_asked_for_is_whole_when_the_client_does_not_go_on() -> None:
    """iOS fetches like this; the next command may ask for another message in parts, or for nothing at all."""
    assert in_turn(({0: 99}, part(1, 0, b"one")), ({0: 99}, part(2, 0, b"two"))) == [(1, b"one"), (2, b"two")]
    assert in_turn(({0: 99}, part(1, 0, b"one")), ({}, b"")) == [(1, b"one")]
    # Both asked for ahead: behind the end there is nothing.
    ahead = part(1, 0, b"one") + b'* 1 FETCH (UID 1 BODY[]<99> "")\r\n'
    assert in_turn(({0: 99, 99: 99}, ahead)) == [(1, b"one")]


def test_upstream_that_gives_less_at_a_time_than_it_is_asked_for() -> None:
    """No piece is taken for the whole: not the first, and of what comes then only what an empty part ends."""
    first = ({0: 99}, part(1, 0, b"one")), ({3: 99}, part(1, 3, b" two"))
    assert in_turn(*first, ({}, b"")) == []
    assert in_turn(*first, ({7: 99}, part(1, 7, b"")), ({}, b"")) == [(1, b"one two")]
    assert in_turn(*first, ({7: 99}, b'* 1 FETCH (UID 1 BODY[]<7> "")\r\n'), ({}, b"")) == [(1, b"one two")]
    assert in_turn(*first, ({0: 99}, part(2, 0, b"three")), ({}, b"")) == []
    # Both asked for ahead, and there is something behind the end that seemed to be one.
    assert in_turn(({0: 99, 99: 99}, part(1, 0, b"one") + part(1, 99, b"more"))) == []
