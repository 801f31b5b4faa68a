"""What answers of upstream name many messages by, read in time and memory that grow with what came."""

import tracemalloc

import pytest
from growing import times_as_long

from postbuch.archive.uidset import UidSet
from postbuch.proxy import append, harvest


@pytest.mark.parametrize(("lines", "uids"), [
    ([b"* SEARCH 2 84 3\r\n"], [2, 3, 84]),
    ([b'* ESEARCH (TAG "a") UID ALL 9:7,2\r\n'], [2, 7, 8, 9]),
    ([b'* ESEARCH (TAG "a") UID\r\n', b"* SEARCH\r\n"], []),
    ([b"* SEARCH 4\r\n", b'* ESEARCH (TAG "a") UID ALL 5\r\n'], [4, 5]),
])
def test_what_a_search_found(lines: list[bytes], uids: list[int]) -> None:
    """In both forms of an answer, and in several."""
    assert harvest.found_by(lines) == UidSet.of(uids)


@pytest.mark.parametrize("form", [b"* SEARCH %b", b'* ESEARCH (TAG "a") UID ALL %b'])
def test_many_that_are_no_neighbours(form: bytes) -> None:
    """A folder of 10,000 deleted messages between others held all sessions for eight seconds."""
    mark = b"," if b"ALL" in form else b" "

    def find(count: int) -> None:
        assert len(harvest.found_by([form % mark.join(b"%d" % (2 * n) for n in range(1, count + 1))])) == count

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
