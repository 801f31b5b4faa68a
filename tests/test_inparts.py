"""Sets that no line holds: what is written shorter hits the same messages, and nothing else (proxy/inparts.py)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postbuch.archive import uidset
from postbuch.archive.uidset import UidSet
from postbuch.proxy import inparts
from postbuch.proxy.answers import Found


@given(st.sets(st.integers(1, 80)), st.sets(st.integers(1, 80)), st.integers(0, 1000))
def test_joined_hits_these_and_no_others(there: set[int], wanted: set[int], offset: int) -> None:
    """Whatever exists and whatever of it is meant; the numbers may begin anywhere (Exchange)."""
    numbered = [Found(sequence=offset + number, uid=uid) for number, uid in enumerate(sorted(there), 1)]
    found = [each for each in numbered if each.uid in wanted]
    hit = inparts.joined(found[::-1])
    assert {uid for uid in there if uid in hit} == there & wanted
    assert not found or max(hit) == max(there & wanted), "what comes later has a higher UID"
    if there <= wanted:
        assert len(list(hit.spans())) <= 1


@given(st.sets(st.integers(1, 80), min_size=1), st.sets(st.integers(1, 80)))
def test_joined_of_an_answer_with_a_hole(there: set[int], withheld: set[int]) -> None:
    """A message that exists, and that upstream left out of its answer, is not hit."""
    numbered = [Found(sequence=number, uid=uid) for number, uid in enumerate(sorted(there), 1)]
    hit = inparts.joined([each for each in numbered if each.uid not in withheld])
    assert not any(uid in hit for uid in there & withheld)


@pytest.mark.parametrize(
    ("uids", "shorter", "expected"),
    [
        (UidSet(), None, [inparts.NOTHING]),
        (UidSet.of([1, 3]), UidSet([(1, 3)]), [b"1,3"]),  # as it is, while it is short
        (UidSet.of(range(1, 5000, 2)), UidSet([(1, 4999)]), [b"1:4999"]),
    ],
)
def test_sets(uids: UidSet, shorter: UidSet | None, expected: list[bytes]) -> None:
    """The exact one where a line holds it."""
    assert inparts.sets(uids, shorter) == expected


def test_sets_in_parts() -> None:
    """What no line holds is all in the parts, each once."""
    uids = UidSet.of(range(1, 9000, 2))
    parts = inparts.sets(uids, uids)
    assert len(parts) == 3 and all(len(part) <= inparts.MAX_SET_OCTETS for part in parts)
    assert sum(len(uidset.parse(part) or ()) for part in parts) == len(uids)
    assert (uidset.parse(b",".join(parts)) or UidSet()) == uids
