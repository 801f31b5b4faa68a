"""FETCH responses of odd and hostile providers: read in time that grows with them, and never past what is certain."""

import pytest
from growing import times_as_long

from postbuch.proxy import fetchdata

ENDLESS = {
    "sections": b"BODY[", "sections behind names": b"X BODY[", "sections in values": b"FLAGS (BODY[",
    "pairs in a string": b'"\\', "strings in a section": b'BODY["', "pairs in a section": b'BODY["\\',
    "atoms": b"a", "brackets": b"[", "digits": b"1", "literals": b"{1", "names": b"HEADER.FIELDS (",
    "bodies": b'BODY[] "x\\', "blanks": b"  ",
}


@pytest.mark.parametrize("begin", [b"", b'"', b"X ", b'X "'])
@pytest.mark.parametrize("name", ENDLESS)
def test_what_nothing_closes(begin: bytes, name: str) -> None:
    """One answer of a broken provider held all sessions: each of its beginnings was looked for an end of."""
    def read(count: int) -> None:
        text = b"* 1 FETCH (UID 1 " + begin + ENDLESS[name] * count + b"\r\n"
        assert fetchdata.parse(text) is None
        fetchdata.is_doubtful(text)
        fetchdata.has_inline_body(text)
        fetchdata.body_origin(text)

    assert times_as_long(read, 2_500) < 10


@pytest.mark.parametrize("text", [
    b'* 1 FETCH (X "UID 7 BODY[] {3}\r\n)\r\n', b"* 1 FETCH (BODY[TEXT UID 7 BODY[] {3}\r\n)\r\n",
    b"* 1 FETCH (UID 7 BODY[] {3}\r\n\r\n", b'* 1 FETCH (UID 7 BODY[HEADER.FIELDS ("a] BODY[] {3}\r\n)\r\n',
    b"* 1 FETCH (UID 7 FLAGS (a BODY[] {3}\r\n)\r\n", b"* 1 FETCH (UID 0 BODY[] {3}\r\n)\r\n",
    b"* 1 FETCH UID 7 BODY[] {3}\r\n\r\n", b"* 1 FETCH ) (UID 7 BODY[] {3}\r\n)\r\n",
])
def test_what_is_not_whole_says_nothing(text: bytes) -> None:
    """What stands behind a thing that has no end may be part of it: no message is bound to what it says."""
    assert fetchdata.parse(text) is None


@pytest.mark.parametrize("flags", [b"a[", b"$x] [y", b"]", b"{3}", b"BODY[", b"BODY[] [UID"])
def test_brackets_in_a_keyword(flags: bytes) -> None:
    """An atom may hold them (RFC 9051 section 9, ATOM-CHAR): no section begins in a flag, and the UID is the one."""
    facts = fetchdata.parse(b"* 1 FETCH (FLAGS (%b) UID 7 BODY[] {3}\r\n)\r\n" % flags)
    assert facts is not None and (facts.uid, facts.missing, facts.inline) == (7, False, ())
    assert facts.flags == tuple(flags.decode().split())


@pytest.mark.parametrize(("rest", "parts"), [
    (b" 1 BODY.PEEK[]<0.5>", {0: 5}), (b" 1 (BODY[]<0.5> body.peek[]<5.7> BODY[]<0.3>)", {0: 3, 5: 7}),
    (b" 1 (BODY.PEEK[1.TEXT]<0.2048> BODY[]<0.5>)", {0: 5}), (b" 1 (BODY[HEADER.FIELDS (TO)]<0.9>)", {}),
    (b" 1 (FLAGS BODY.PEEK[])", {}), (b" 1 BODY[]<%b.5>" % (b"0" * 21), {-1: 0}),
    (b" 1 BODY[]<0.%b>" % (b"9" * 5000), {-1: 0}), (b" 1 BODY[]<4294967296.5>", {4294967296: 5, -1: 0}),
    (b" 1 BODY[ ]<0.5>", {-1: 0}), (b" 1 (BODY[]<0.7> BODY[] <0.5>)", {0: 7, -1: 0}),
    (b" 1 BODY[HEADER.FIELDS ({3}\r\n", {-1: 0}),
])
def test_parts_that_are_asked_for(rest: bytes, parts: dict[int, int]) -> None:
    """What a server may take for a part and we cannot read makes all of them uncertain."""
    assert fetchdata.asked_parts(rest) == parts
