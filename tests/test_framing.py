"""The framers: any split of a stream gives the same events and the same octets, and nothing makes them raise."""

import random
from itertools import pairwise
from pathlib import Path

import pytest
from growing import times_as_long
from hypothesis import given, settings
from hypothesis import strategies as st

from postbuch.archive.spool import SpoolWriter
from postbuch.proxy import capability, fetchdata
from postbuch.proxy.captures import Mailbox
from postbuch.proxy.framing import (
    ClientLine,
    Data,
    FramingLost,
    Line,
    Skipped,
    Violation,
    apart,
    synchronising,
)
from postbuch.proxy.framing_client import ClientFramer
from postbuch.proxy.framing_upstream import UpstreamFramer
from postbuch.proxy.outstanding import Outstanding
from postbuch.proxy.relay import Relay
from postbuch.proxy.tap import Tap

# A session with a real Dovecot, shortened, with what other servers are known to send.
UPSTREAM = (
    b"* OK [CAPABILITY IMAP4rev1 SASL-IR LITERAL+ AUTH=PLAIN] ready {3}\r\n"
    b"* CAPABILITY IMAP4rev1 COMPRESS=DEFLATE IDLE\r\n"
    b"a1 OK [CAPABILITY IMAP4rev1 IDLE LITERAL+ NOTIFY] Logged in {9}\r\n"
    b"* FLAGS (\\Answered \\Seen)\r\n* 3 EXISTS\r\n* OK [UIDVALIDITY 1795442137] UIDs valid\r\n"
    b"a2 OK [READ-WRITE] Select completed.\r\n"
    b"* 1 FETCH (UID 7 FLAGS (\\Seen) INTERNALDATE \"17-Jul-2026 02:44:25 -0700\" BODY[] {12}\r\n"
    b"a: b\r\n\r\nxyz\n)\r\n"
    b"* 2 FETCH (FLAGS ())\r\n* 3 FETCH (FLAGS (\\Seen) UID 9)\r\n"
    b"* 2 FETCH (BODY[]<0> {5}\r\na3 OK UID 8)\r\n"
    b"* 3 FETCH (UID 9 BODY[] {0}\r\n FLAGS (\\Recent))\r\n"
    b"* 3 FETCH (UID 9 ENVELOPE (NIL {4}\r\nUID  NIL) BODY[] \"q\\\"x\")\r\n"
    b"a3 OK Fetch completed.\r\n+ idling\r\n* BYE {7}\r\n"
)
CLIENT = (
    b"a1 LOGIN {4+}\r\nanna {6}\r\ngeheim\r\na2 SELECT \"INBOX\"\r\n"
    b"a3 UID FETCH 1:* (UID BODY.PEEK[]<0.393216>)\r\n"
    b"a4 APPEND Sent (\\Seen) {5+}\r\n\r\n{9}\r\na5 APPEND {4}\r\nSent ~{0}\r\n\r\na6 IDLE\r\nDONE\r\n"
)


def chunks(octets: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, len(octets), *(cut % (len(octets) + 1) for cut in cuts)})
    return [octets[start:end] for start, end in pairwise(places)]


def upstream_events(parts: list[bytes]) -> list[object]:
    """The events with neighbouring Skipped and Data of one literal put together, and each Fetched as its parts."""
    framer, found = UpstreamFramer(), list[object]()
    for part in parts:
        for event in (piece for whole in framer.feed(part) for piece in apart(whole)):
            before = found[-1] if found else None
            if isinstance(event, Skipped) and isinstance(before, Skipped):
                found[-1] = Skipped(before.octets + event.octets)
            elif isinstance(event, Data):
                octets = bytes(event.octets)
                if isinstance(before, Data) and not before.last:
                    found[-1] = Data(bytes(before.octets) + octets, event.last)
                else:
                    found.append(Data(octets, event.last))
            else:
                found.append(event)
    return found


def client_events(parts: list[bytes]) -> list[object]:
    framer, found = ClientFramer(), list[object]()
    for part in parts:
        framer.feed(part)
        while (event := framer.next()) is not None:
            before = found[-1] if found else None
            if isinstance(event, Data) and isinstance(before, Data) and not before.last:
                found[-1] = Data(bytes(before.octets) + bytes(event.octets), event.last)
            else:
                found.append(event)
    return found


@given(st.lists(st.integers(0, 10_000), max_size=40))
@settings(max_examples=400)
def test_any_split_gives_the_same_events(cuts: list[int]) -> None:
    """Both directions, cut at random places."""
    assert upstream_events(chunks(UPSTREAM, cuts)) == upstream_events([UPSTREAM])
    assert client_events(chunks(CLIENT, cuts)) == client_events([CLIENT])


def test_one_octet_at_a_time() -> None:
    """The finest split there is."""
    assert upstream_events([bytes([octet]) for octet in UPSTREAM]) == upstream_events([UPSTREAM])
    assert client_events([bytes([octet]) for octet in CLIENT]) == client_events([CLIENT])


def test_the_events_are_the_stream() -> None:
    """Put together they are the octets that came: nothing is lost, doubled or changed."""
    for events, octets in ((upstream_events([UPSTREAM]), UPSTREAM), (client_events([CLIENT]), CLIENT)):
        assert b"".join(bytes(event.octets) for event in events) == octets  # type: ignore[attr-defined]


def test_an_empty_part_changes_nothing() -> None:
    """Also between the two octets of a line's end."""
    assert upstream_events([b"* OK a\r", b"", b"\n"]) == upstream_events([b"* OK a\r\n"])


def test_a_line_that_does_not_end_is_put_together_once() -> None:
    """Line feeds alone are no ends of lines; what came is not copied again for each of them."""
    def feed(count: int) -> None:
        framer = UpstreamFramer()
        for _ in range(count):
            assert list(framer.feed(b"* OK said without an end\n" * 20)) == []

    assert times_as_long(feed, 400) < 10


@pytest.mark.parametrize("line", [
    b"* 1 FETCH (RFC822 NIL)\r\n", b'* 1 FETCH (ENVELOPE ("RFC822 "))\r\n', b'* 1 FETCH (ENVELOPE ("[a]"))\r\n',
    b'* 1 FETCH (X "{")\r\n',
])
def test_no_octet_of_many_responses_is_looked_for_again(line: bytes) -> None:
    """What stands in each of them is looked for from one to the next, and what stands in none once."""
    assert upstream_events([line * 3]) == [Line(line, True, None)] * 3
    assert times_as_long(lambda count: list(UpstreamFramer().feed(line * count)), 2_500) < 10


def relayed(parts: list[bytes], edited: bool) -> bytes:
    """What a client gets; `edited`: a command is outstanding whose answer is rewritten."""
    out = bytearray()
    relay = Relay(None, out.extend)
    if edited:
        relay.expect(Outstanding(tag=b"a2", verb=b"SELECT"))
    for part in parts:
        relay.feed(part)
    return bytes(out)


def test_thousands_of_commands_ahead_of_their_answers() -> None:
    """Each is found by its tag, however many wait: 32,000 held all sessions for seconds."""
    def ask(count: int) -> None:
        relay = Relay(None, lambda octets: None)
        for number in range(count):
            assert not relay.owes(b"a%d" % number)
            relay.expect(Outstanding(tag=b"a%d" % number, verb=b"NOOP"))
        relay.feed(b"".join(b"a%d OK done\r\n" % number for number in reversed(range(count))))
        assert not relay.awaited

    assert times_as_long(ask, 2_000) < 10


@given(st.lists(st.integers(0, 10_000), max_size=40), st.booleans())
@settings(max_examples=300)
def test_the_client_gets_the_same_octets_however_they_come(cuts: list[int], edited: bool) -> None:
    """Untouched while nothing is edited; else with the capability lists filtered, whatever the split (invariant 6)."""
    got = relayed(chunks(UPSTREAM, cuts), edited)
    if not edited:
        assert got == UPSTREAM
    else:
        assert got == relayed([UPSTREAM], edited)
        assert b"COMPRESS" not in got


def test_capabilities_are_filtered_and_referrals_taken_out() -> None:
    """What blinds the tap or leads past the archive is not announced; all else keeps its place."""
    line = b"* CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN AUTH=XOAUTH2 IDLE COMPRESS=DEFLATE NOTIFY X-NEW\r\n"
    assert capability.rewritten(line, logged_in=True) == b"* CAPABILITY IMAP4rev1 IDLE X-NEW\r\n"
    refer = b"a NO [REFERRAL imap://other/] go there\r\n"
    assert capability.rewritten(refer, logged_in=True) == b"a NO go there\r\n"


def test_non_synchronising_literals_go_upstream_as_synchronising_ones() -> None:
    """`{n+}` becomes `{n}`, so that upstream says whether it wants the octets."""
    assert synchronising(b"a APPEND x {12+}\r\n") == b"a APPEND x {12}\r\n"
    assert synchronising(b"a APPEND x ~{12+}\r\n") == b"a APPEND x ~{12}\r\n"


@pytest.mark.parametrize(
    "octets",
    [b"a NOOP\n", b"a NO\rOP\r\n", b"a \0NOOP\r\n", b"x" * 9000, b"a LOGIN {123456789012345678901}\r\n", b"\r\r\n"],
)
def test_what_a_client_must_not_send(octets: bytes) -> None:
    """Bare CR, bare LF, NUL, endless lines, endless numbers: nothing behind them is read."""
    framer = ClientFramer()
    framer.feed(octets + b"a2 LOGOUT\r\n")
    assert isinstance(framer.next(), Violation)
    assert framer.next() is None


REFUSED = b"a APPEND x {3+}\r\n"
NEXT = b"b NOOP\r\n"


@pytest.mark.parametrize(
    ("rest", "given"),
    [
        (b"abc\r\n", [b"abc"]),
        (b"abc {2+}\r\nde\r\n", [b"abc", b"de"]),
        (b"abc {0+}\r\n {2+}\r\nde\r\n", [b"abc", b"", b"de"]),
        (b"abc {2}\r\n", [b"abc"]),  # nobody says `+` to this one
    ],
)
@pytest.mark.parametrize("step", [1, 100])
def test_of_a_command_refused_at_its_literal_only_octets_are_given(rest: bytes, given: list[bytes], step: int) -> None:
    """Until it ends, and not its lines: the command behind it is the next that is acted on."""
    framer, found = ClientFramer(), list[object]()
    framer.feed(REFUSED)
    framer.next()
    framer.refuse(synchronising=False)
    sent = rest + NEXT
    for start in range(0, len(sent), step):
        framer.feed(sent[start : start + step])
        while (event := framer.next()) is not None:
            found.append(event)
    octets = [bytes(event.octets) for event in found if isinstance(event, Data)]
    assert b"".join(octets) == b"".join(given)
    assert [event for event in found if not isinstance(event, Data)] == [ClientLine(NEXT, True, None, False)]
    assert sum(event.last for event in found if isinstance(event, Data)) == len(given)


def test_facts_of_a_fetch_response() -> None:
    """The UID may come after the body; a quoted body and strings that look like items confuse nobody."""
    text = (
        b'* 3 FETCH (ENVELOPE ("UID 99" NIL) BODY[] {4}\r\n UID 7 FLAGS (\\Seen $x) '
        b'INTERNALDATE " 1-Jan-2026 10:00:00 +0100")\r\n'
    )
    facts = fetchdata.parse(text)
    assert facts is not None
    assert (facts.uid, facts.sequence, facts.flags) == (7, 3, ("\\Seen", "$x"))
    assert facts.internal_date is not None
    assert facts.internal_date.isoformat() == "2026-01-01T09:00:00+00:00"
    assert fetchdata.parse(b'* 1 FETCH (UID 2 BODY[] "a\\"b")\r\n').inline == ((None, b'a"b'),)  # type: ignore[union-attr]


def test_a_hundred_thousand_mutated_streams(tmp_path: Path) -> None:
    """Mutated sessions in both directions: only `FramingLost` may leave the framer, nothing at all leaves the tap."""
    chance = random.Random(4711)
    lost = violations = 0
    with SpoolWriter(tmp_path / "spool", reserve_octets=0) as spool:
        for number in range(50_000):
            mutated = mutate(chance, UPSTREAM[chance.randrange(400) :])
            tap = Tap(spool, {"account": "a@b"}, lambda _: None)
            tap.select(Mailbox(name=b"INBOX", utf8=False, uidvalidity=1))
            # Committing is the spool's business: here the facts are read, and nothing is written for each of them.
            framer = UpstreamFramer()
            try:
                for part in chunks(mutated, [chance.randrange(len(mutated) + 1)]):
                    for event in framer.feed(part):
                        if number % 50 == 0:
                            tap.see(event)
                        elif isinstance(event, Line):
                            fetchdata.parse(event.octets)
                            fetchdata.body_origin(event.octets)
            except FramingLost:
                lost += 1
            tap.close()
        for _ in range(50_000):
            client = ClientFramer()
            for part in chunks(mutate(chance, CLIENT), [chance.randrange(len(CLIENT))]):
                client.feed(part)
            while (heard := client.next()) is not None:
                violations += isinstance(heard, Violation)
                assert isinstance(heard, Violation | Data | ClientLine)
    assert violations > 1000


def mutate(chance: random.Random, octets: bytes) -> bytes:
    """One to four places changed, taken out, doubled, or filled with what protocols trip over."""
    changed = bytearray(octets)
    for _ in range(chance.randrange(1, 5)):
        place = chance.randrange(len(changed) + 1)
        match chance.randrange(5):
            case 0 if changed:
                changed[place % len(changed)] = chance.randrange(256)
            case 1:
                del changed[place : place + chance.randrange(1, 9)]
            case 2:
                changed[place:place] = changed[place : place + chance.randrange(1, 30)]
            case 3:
                trips = [b"{5}\r\n", b"{99999999999}\r\n", b"\r", b"\n", b"\0", b'"', b"("]
                changed[place:place] = chance.choice(trips)
            case _:
                changed[place:place] = bytes(chance.randrange(256) for _ in range(4))
    return bytes(changed)
