"""What a sequence number means, held against a model of a server (proxy/numbering.py; proxy.md section 1)."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postbuch.archive.uidset import UidSet
from postbuch.proxy.numbering import Numbering

# What a server may do to a session: (deed, a number that chooses the message or says how far the next UID is).
DEEDS = st.lists(
    st.tuples(st.sampled_from(["read", "read", "read", "read on", "remove", "remove", "arrive", "select"]),
              st.integers(0, 30)),
    max_size=60,
)  # fmt: skip
SETS = [b"1", b"2", b"1:2", b"1:*", b"*", b"*:3", b"4,2", b"3:5,1", b"6:*", b"1:9"]


class Server:
    """A mailbox as one session sees it. What it does it tells the Numbering, as RFC 9051 section 7.5.1 has it."""

    def __init__(self) -> None:
        self.numbering = Numbering()
        self.uids: list[int] = []
        self._next = 1
        self._read = 0
        self.select(5)

    def do(self, deed: str, number: int) -> None:
        if deed == "arrive":
            self._deliver(number % 3)
            self.numbering.counted(len(self.uids))
        elif deed == "select":
            self.select(number % 8)
        elif not self.uids:
            return
        elif deed == "remove":
            place = number % len(self.uids)
            del self.uids[place]
            self.numbering.removed(place + 1)
        else:
            self._read = (self._read + 1 if deed == "read on" else number) % len(self.uids)
            self.read(self._read)

    def read(self, place: int) -> None:
        self.numbering.learn(place + 1, self.uids[place])

    def select(self, count: int) -> None:
        self.uids = []
        for number in range(count):
            self._deliver(number % 2)
        self.numbering.selected(count)

    def _deliver(self, gap: int) -> None:
        self.uids.append(self._next + gap)
        self._next += gap + 1

    def means(self, numbers: bytes) -> tuple[UidSet, UidSet] | None:
        """What the set means to the server; None when it names a message that there is not."""
        found: set[int] = set()
        for word in numbers.split(b","):
            ends = [len(self.uids) if end == b"*" else int(end) for end in word.split(b":")]
            found.update(range(min(ends), max(ends) + 1))
        if not found <= set(range(1, len(self.uids) + 1)):
            return None
        return UidSet.of(found), UidSet.of(self.uids[number - 1] for number in found)


@given(DEEDS)
def test_never_another_message(deeds: list[tuple[str, int]]) -> None:
    """Whatever happens in whatever order: what a number is said to mean is what it means to the server."""
    server = Server()
    for deed, number in deeds:
        server.do(deed, number)
        for numbers in SETS:
            known = server.numbering.uids(numbers)
            assert known is None or known == server.means(numbers), (deed, number, numbers)
        assert server.numbering.all_uids() in (None, UidSet.of(server.uids))


@given(DEEDS, st.integers(1, 8))
def test_a_mailbox_that_was_read_is_known(deeds: list[tuple[str, int]], count: int) -> None:
    """Read from the first to the last message, as mail programs do, it is known, also after some have gone."""
    server = Server()
    for deed, number in deeds:
        server.do(deed, number)
    server.select(count)
    for place in range(count):
        server.read(place)
    while server.uids:
        for numbers in SETS:
            assert server.numbering.uids(numbers) == server.means(numbers)
        assert server.numbering.all_uids() == UidSet.of(server.uids)
        server.do("remove", count)
    assert server.numbering.uids(b"1:*") is None and server.numbering.all_uids() is None


def _gone_silently(server: Server) -> None:
    del server.uids[1]
    server.read(1)


ODD: dict[str, Callable[[Server], None]] = {
    "VANISHED": lambda server: server.numbering.void(),
    "EXISTS shrinks": lambda server: server.numbering.counted(4),
    "EXPUNGE of none": lambda server: server.numbering.removed(0),
    "EXPUNGE above EXISTS": lambda server: server.numbering.removed(6),
    "FETCH above EXISTS": lambda server: server.numbering.learn(1006, server.uids[4]),
    "FETCH of number 0": lambda server: server.numbering.learn(0, 7),
    "a UID below its number": lambda server: server.numbering.learn(5, 4),
    "another UID": lambda server: server.numbering.learn(2, server.uids[1] + 1),
    "gone without a word": _gone_silently,
    "UIDs that do not ascend": lambda server: server.numbering.learn(5, server.uids[3]),
    "too few UIDs before it": lambda server: server.numbering.learn(1, server.uids[1]),
    "UIDVALIDITY": lambda server: server.numbering.selected(None),
}


@pytest.mark.parametrize("name", ODD)
def test_nothing_is_believed_after_something_odd(name: str) -> None:
    """Until another mailbox is selected: what the server says afterwards is not believed either."""
    server = Server()
    for place in range(1, 4):
        server.read(place)
    assert server.numbering.uids(b"2:4") == server.means(b"2:4") is not None
    ODD[name](server)
    assert server.numbering.uids(b"2:4") is None
    for place in range(4):
        server.read(place)
    assert server.numbering.uids(b"1:4") is None
    server.select(3)
    server.read(0)
    assert server.numbering.uids(b"1") == server.means(b"1")


def test_exchange() -> None:
    """It answers with numbers above those it counts; one that is too high by one is found at the last message."""
    for above in (1, 2, 1000):
        server = Server()
        for place in range(5):
            server.numbering.learn(place + 1 + above, server.uids[place])
        assert all(server.numbering.uids(numbers) is None for numbers in SETS)
