"""What answers of upstream name many messages by, read in time and memory that grow with what came."""

import tracemalloc
from datetime import UTC, datetime

import pytest
from growing import times_as_long

from postbuch.archive import collect_answers
from postbuch.archive.collect_plan import Standing
from postbuch.archive.imapnumber import number, number64
from postbuch.archive.uidset import LARGEST, UidSet
from postbuch.proxy import answers, append, fetchdata
from postbuch.proxy.relay import Relay

# Python's int() raises above 4,300 digits.
DIGITS = (b"9" * 5000, b"9" * 25, b"4294967296")


@pytest.mark.parametrize(("lines", "uids"), [
    ([b"* SEARCH 2 84 3\r\n"], [2, 3, 84]),
    ([b'* ESEARCH (TAG "a") UID ALL 9:7,2\r\n'], [2, 7, 8, 9]),
    ([b'* ESEARCH (TAG "a") UID\r\n', b"* SEARCH\r\n"], []),
    ([b"* SEARCH 4\r\n", b'* ESEARCH (TAG "a") UID ALL 5\r\n'], [4, 5]),
])
def test_what_a_search_found(lines: list[bytes], uids: list[int]) -> None:
    """In both forms of an answer, and in several."""
    assert answers.found_by(lines) == UidSet.of(uids)


@pytest.mark.parametrize("change", [b"UID ADDTO (0 9)", b"UID REMOVEFROM (0 3:4)", b"ADDTO (1 2) REMOVEFROM (0 3)"])
def test_news_of_a_search_of_the_clients(change: bytes) -> None:
    """It hears of what changes in a search that it keeps up (RFC 5267), also while the gate searches."""
    assert not answers.is_search(b'* ESEARCH (TAG "a") ' + change + b"\r\n")
    assert answers.is_search(b'* ESEARCH (TAG "pb1") UID ALL 2\r\n') and answers.is_search(b"* search\r\n")


@pytest.mark.parametrize("form", [b"* SEARCH %b", b'* ESEARCH (TAG "a") UID ALL %b'])
def test_many_that_are_no_neighbours(form: bytes) -> None:
    """A folder of 10,000 deleted messages between others held all sessions for eight seconds."""
    mark = b"," if b"ALL" in form else b" "

    def find(count: int) -> None:
        assert len(answers.found_by([form % mark.join(b"%d" % (2 * n) for n in range(1, count + 1))])) == count

    assert times_as_long(find, 1_000) < 10


@pytest.mark.parametrize(("answer", "found"), [
    (b"a OK [APPENDUID 9 4] done", (9, [4])), (b"a OK [APPENDUID 9 4:6,9] done", (9, [4, 5, 6, 9])),
    (b"a OK [APPENDUID 9 7:5] done", (9, [])), (b"a OK done", (None, [])),
])
def test_the_uids_of_what_was_appended(answer: bytes, found: tuple[int | None, list[int]]) -> None:
    """In their order; the one is of the first message."""
    assert append.append_uids(answer) == found


def test_spans_name_no_more_than_there_can_be() -> None:
    """Each says in a few octets what takes megabytes to count up."""
    tracemalloc.start()
    try:
        _, uids = append.append_uids(b"a OK [APPENDUID 9 " + b",".join([b"1:4294967295"] * 50) + b"]")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(uids) == append.MAX_UIDS and peak < 100 * append.MAX_UIDS


@pytest.mark.parametrize(("digits", "short", "long"), [
    (b"0", 0, 0), (b"7", 7, 7), (b"007", 7, 7), (b"4294967295", LARGEST, LARGEST), (b"4294967296", None, 2**32),
    (b"9223372036854775807", None, 2**63 - 1), (b"9223372036854775808", None, None), (b"9" * 5000, None, None),
    (b"0" * 5000, None, None), (b"", None, None), (b"-1", None, None), (b"+1", None, None), (b"1_0", None, None),
    (b" 1", None, None), ("²".encode(), None, None),
])
def test_numbers(digits: bytes, short: int | None, long: int | None) -> None:
    """As the grammar has them, in 32 and in 63 bits, and not as Python reads them."""
    assert (number(digits), number64(digits)) == (short, long)


@pytest.mark.parametrize("digits", DIGITS)
def test_a_message_named_by_no_number(digits: bytes) -> None:
    """It may be hit by what waits all the same: nothing goes on, and nothing else happens."""
    for line in (b"* SEARCH 2 %b\r\n", b'* ESEARCH (TAG "a") UID ALL 2,%b\r\n', b"* ESEARCH UID ALL 2,,%b\r\n"):
        with pytest.raises(answers.Unsafe):
            answers.found_by([line % digits])
    for line in (b"* %b FETCH (UID 1 BODY[] {1}\r\n", b"* 1 FETCH (UID %b BODY[] {1}\r\n"):
        assert fetchdata.is_fetch(line % digits)
        assert fetchdata.whole(line % digits) is None
        assert fetchdata.parse(line % digits + b")\r\n") is None
        assert fetchdata.parse(line % digits + b" X Y)\r\n") is None
    assert append.append_uids(b"a OK [APPENDUID 9 %b] done" % digits) == (None, [])
    assert append.append_uids(b"a OK [APPENDUID 9 4,%b:7] done" % digits) == (None, [])


def test_parts_at_no_number() -> None:
    """What begins where nobody can say is no message, and the response says the rest."""
    text = b'* 1 FETCH (UID 1 BODY[]<%b> "a")\r\n' % DIGITS[0]
    facts = fetchdata.parse(text)
    assert facts is not None and (facts.uid, facts.inline) == (1, ())
    assert fetchdata.body_origin(text.replace(b'"a"', b"{1}\r\n")) == (False, None)


@pytest.mark.parametrize("digits", DIGITS[:2])
def test_what_is_told_of_a_mailbox_in_no_number(digits: bytes) -> None:
    """It is not known then; what was told before is not true any more."""
    selection = Relay(None, lambda octets: None).selection
    selection.note(b"* OK [UIDVALIDITY 9] x\r\n")
    selection.note_number(b"* 3 EXISTS\r\n")
    selection.note(b"* OK [UIDVALIDITY %b] x\r\n" % digits)
    selection.note_number(b"* %b EXISTS\r\n" % digits)
    selection.note_number(b"* %b EXPUNGE\r\n" % digits)
    assert (selection._uidvalidity, selection.exists, selection.renumbered) == (None, LARGEST, 1)


@pytest.mark.parametrize("value", [b"x", b"-5", -5, b"9" * 5000, [b"9" * 25], 2**63, b"", [], None])
def test_a_mailbox_whose_uidvalidity_is_no_number(value: object) -> None:
    """No UID means anything then, which is nothing that ends the collector's work."""
    assert collect_answers.standing({b"UIDVALIDITY": value, b"UIDNEXT": 2, b"MESSAGES": 1}) is None
    other = collect_answers.standing({b"UIDVALIDITY": [b"1785000000000"], b"UIDNEXT": value, b"MESSAGES": value})
    assert other == Standing(uidvalidity=1_785_000_000_000, uidnext=0, messages=0)


@pytest.mark.parametrize(("written", "found"), [
    (b"17-Jul-1996 02:44:25 -0700", datetime(1996, 7, 17, 9, 44, 25, tzinfo=UTC)),
    (b"29-Feb-2024 23:59:59 +0000", datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC)),
    (b"19-Jan-2038 03:14:08 +0000", datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC)),
    (b"01-Jan-1601 00:00:00 +0000", None), (b"31-Dec-9999 23:59:59 -0100", None), (b"31-Dec-9999 23:59:59 +0000", None),
    (b"01-Jan-2026 00:00:00 +9999", None), (b"30-Feb-2026 00:00:00 +0000", None), (b"soon", None),
])
def test_an_internaldate_that_is_no_moment(written: bytes, found: datetime | None) -> None:
    """It is not known then, which keeps no message from being collected."""
    [answer] = collect_answers.fetch_answers([b'1 (UID 3 INTERNALDATE "%b")' % written])
    assert collect_answers.internal_date(answer) == found
