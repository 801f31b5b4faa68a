"""What the collector decides: which mailboxes, how closely, which UIDs; and how long it waits after a failure."""

import itertools
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postbuch.archive.collect_backoff import CONNECTIONS, DARE_EVERY_S, Connections, Trouble, pause_s
from postbuch.archive.collect_plan import (
    BATCH_MESSAGES,
    BATCH_OCTETS,
    Choice,
    Listed,
    Look,
    Standing,
    Swept,
    batches,
    chosen,
    compare,
    how_to_look,
    is_whole,
    portions,
    read_choice,
    window_starts,
    windows,
)
from postbuch.archive.errors import UsageError
from postbuch.archive.uidset import LARGEST, UidSet

NOW = datetime(2026, 11, 23, 12)
UIDS = st.sets(st.integers(1, 60)).map(lambda numbers: UidSet.of(sorted(numbers)))


def box(name: str, *attributes: bytes) -> Listed:
    return Listed(name=name.encode(), readable=name, attributes=frozenset(attributes))


def names(listed: list[Listed], choice: Choice, *, gmail: bool = False) -> list[str]:
    return [each.readable for each in chosen(listed, choice, gmail=gmail)]


def test_what_people_wait_for_comes_first() -> None:
    """INBOX, then Sent, then the rest, then Junk and Trash; what cannot be opened is left out."""
    listed = [
        box("Junk", b"\\junk"), box("Projekt"), box("Sent", b"\\sent"), box("INBOX"), box("Ordner", b"\\noselect"),
    ]  # fmt: skip
    assert names(listed, Choice()) == ["INBOX", "Sent", "Projekt", "Junk"]


def test_modes_and_exclusions() -> None:
    """All, none, named mailboxes with what is below them; what is excluded is out in each mode."""
    listed = [box("INBOX"), box("Archiv"), box("Archiv/2025"), box("Junk"), box("Junk/Alt")]
    assert names(listed, read_choice("none")) == [] and read_choice("none").nothing
    assert names(listed, read_choice("mailboxes:Archiv")) == ["Archiv", "Archiv/2025"]
    assert names(listed, read_choice("mailboxes:inbox, Archiv", ["Archiv/2025"])) == ["INBOX", "Archiv"]
    assert names(listed, read_choice("all", ["Junk"])) == ["INBOX", "Archiv", "Archiv/2025"]
    for wrong in ("alles", "mailboxes:", "mailboxes:A,,B", ""):
        with pytest.raises(UsageError):
            read_choice(wrong)


def test_gmail_is_collected_once() -> None:
    """Labels show the same messages again: All Mail, Spam and Trash are everything."""
    listed = [
        box("INBOX"), box("[Gmail]/Alle", b"\\all"), box("[Gmail]/Spam", b"\\junk"), box("[Gmail]/X", b"\\trash"),
    ]  # fmt: skip
    assert names(listed, Choice(), gmail=True) == ["[Gmail]/Alle", "[Gmail]/Spam", "[Gmail]/X"]
    assert "INBOX" in names(listed[:1], Choice(), gmail=True)


def test_how_closely_a_mailbox_is_looked_at() -> None:
    """The same UIDNEXT and count are the same messages; all else has a reason to look."""
    before = Swept(uidvalidity=7, uidnext=11, messages=10, listed=10, swept_at=NOW)

    def look(uidvalidity: int, uidnext: int, messages: int, *, later: timedelta = timedelta()) -> Look:
        standing = Standing(uidvalidity=uidvalidity, uidnext=uidnext, messages=messages)
        return how_to_look(standing, before, NOW + later)

    assert look(7, 11, 10) is Look.NOTHING
    assert look(7, 11, 9) is Look.ALL, "one was removed"
    assert look(7, 13, 12) is Look.NEW
    assert look(8, 11, 10) is Look.ALL, "another UIDVALIDITY"
    assert look(7, 9, 8) is Look.ALL, "UIDNEXT must never fall"
    assert look(7, 0, 10) is Look.ALL, "it does not say"
    assert look(7, 11, 10, later=timedelta(hours=25)) is Look.ALL, "the daily sweep"
    assert look(7, 11, 10, later=-timedelta(days=300)) is Look.ALL, "the clock was ahead at the last one"
    assert how_to_look(Standing(uidvalidity=7, uidnext=1, messages=0), None, NOW) is Look.ALL
    assert is_whole(Standing(uidvalidity=7, uidnext=13, messages=12), before, 2)
    assert not is_whole(Standing(uidvalidity=7, uidnext=13, messages=11), before, 2)


@given(listed=UIDS, archived=UIDS, vanished=UIDS, first=st.integers(1, 60))
def test_nothing_is_forgotten(listed: UidSet, archived: UidSet, vanished: UidSet, first: int) -> None:
    """Each UID is archived, or fetched, or gone, or a gap; never two of them."""
    here = UidSet.of(uid for uid in listed if uid >= first)
    found = compare(here, archived, vanished, first=first, given=(first, 61))
    for uid in range(first, 61):
        places = [uid in here and uid in archived, uid in found.fetch, uid in found.vanished, uid in found.never_seen]
        known_gone = uid in vanished and uid not in here
        assert sum(places) == (0 if known_gone else 1), uid
    assert all(uid >= first for uid in found.vanished)


def test_a_first_look_knows_of_no_gaps() -> None:
    """What was there before we came is not known to have existed."""
    assert not compare(UidSet([(5, 9)]), UidSet(), UidSet()).never_seen


@pytest.mark.parametrize("messages", [0, 1, 50_000, 50_001, 100_000, 100_001, 1_000_000])
def test_windows_cover_everything_once(messages: int) -> None:
    """No window holds more messages than an answer of one line may have."""
    starts = window_starts(messages)
    found = windows(1, [number * 3 for number in starts])  # UIDs are three apart
    assert found[0][0] == 1 and found[-1][1] == LARGEST
    assert all(one[1] + 1 == other[0] for one, other in itertools.pairwise(found))
    assert len(found) == max(1, -(-messages // 50_000))
    assert all((last - first + 1) // 3 <= 50_000 for first, last in found[:-1])


@given(st.dictionaries(st.integers(1, 9999), st.integers(0, 2 * BATCH_OCTETS), max_size=700))
def test_batches_hold_all_in_order(sizes: dict[int, int]) -> None:
    """Each UID once; more than one message only within the limits."""
    found = list(batches(sizes))
    assert [uid for batch in found for uid in batch] == list(sizes)
    for batch in found:
        assert len(batch) <= BATCH_MESSAGES
        assert len(batch) == 1 or sum(sizes[uid] for uid in batch) <= BATCH_OCTETS


@given(UIDS, st.integers(1, 7))
def test_portions_are_newest_first(uids: UidSet, count: int) -> None:
    """All of the set, from its end, in pieces of the size asked for."""
    found = list(portions(uids, count))
    assert [uid for piece in found for uid in reversed(list(piece))] == list(reversed(list(uids)))
    assert all(len(piece) == count for piece in found[:-1])


def test_patience_grows_to_its_limit() -> None:
    """Log-ins are tried least, a restarted server is back soon."""
    assert [pause_s(Trouble.CONNECTION, times) for times in (1, 2, 3, 99)] == [1.0, 2.0, 4.0, 300.0]
    assert pause_s(Trouble.LOGIN, 1) == 300.0 and pause_s(Trouble.LIMIT, 50) == 3600.0


def test_connections_are_learnt_from_refusals() -> None:
    """After "too many" we keep what is open, and dare one more each quarter of an hour."""
    seen = Connections(open=12)
    assert seen.may_open(0.0) and not seen.scarce and seen.limit == CONNECTIONS
    seen.refused(100.0)
    assert not seen.may_open(200.0) and seen.scarce
    assert seen.may_open(101.0 + DARE_EVERY_S) and seen.limit == 13
