"""Sets of UIDs: held against Python's own sets (proxy/uidset.py)."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postbuch.archive import uidset
from postbuch.archive.uidset import UidSet

NUMBERS = st.sets(st.integers(1, 60))


@given(NUMBERS, NUMBERS)
def test_is_a_set(left: set[int], right: set[int]) -> None:
    """Union, difference, membership and cover are those of sets; intervals are as few as can be."""
    a, b = UidSet.of(left), UidSet.of(right)
    assert set(a) == left and len(a) == len(left) and bool(a) == bool(left)
    assert set(a.without(b)) == left - right
    assert a.covers(b) == (right <= left)
    assert all((number in a) == (number in left) for number in range(62))
    one_by_one = UidSet()
    for number in left:
        one_by_one.add(number)
    assert one_by_one == a
    assert set(a.hull()) == (set(range(min(left), max(left) + 1)) if left else set())
    a.update(b)
    assert set(a) == left | right
    spans = list(a.spans())
    assert all(last + 1 < first for (_, last), (first, _) in itertools.pairwise(spans))


@given(NUMBERS, st.integers(5, 40))
def test_written_and_read(numbers: set[int], limit: int) -> None:
    """As on the wire and back; cut into lines of limited length it is the same set."""
    whole = UidSet.of(numbers)
    assert (uidset.parse(whole.wire()) or UidSet()) == whole
    lines = list(whole.wires(limit))
    assert all(len(line) <= limit for line in lines)
    assert set().union(*(set(uidset.parse(line) or ()) for line in lines)) == numbers


@pytest.mark.parametrize(
    ("text", "numbers"),
    [(b"1", {1}), (b"3:1", {1, 2, 3}), (b"2,4:5,4", {2, 4, 5}), (b"4294967295", {uidset.LARGEST})],
)
def test_read(text: bytes, numbers: set[int]) -> None:
    """RFC 9051 section 9: ranges in either order, overlaps allowed."""
    assert set(uidset.parse(text) or ()) == numbers and uidset.is_set(text)


@pytest.mark.parametrize("text", [b"", b"0", b"1:", b":1", b"1,,2", b"a", b"1 2", b"4294967296", b"$", b"-1", b"1:2:3"])
def test_no_set(text: bytes) -> None:
    """What is outside the grammar is no set."""
    assert uidset.parse(text) is None and not uidset.is_set(text)


@pytest.mark.parametrize("text", [b"0:*", b"*,0", b"*:4294967296"])
def test_no_open_set(text: bytes) -> None:
    """Nor is one with a `*` and a number that no message can have."""
    assert not uidset.is_set(text)


@pytest.mark.parametrize("text", [b"*", b"1:*", b"*:4", b"2,*"])
def test_open_sets(text: bytes) -> None:
    """`*` is of the grammar, and only upstream knows what it is."""
    assert uidset.is_set(text) and uidset.parse(text) is None
