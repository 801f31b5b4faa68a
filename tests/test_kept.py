"""Numbers that are kept for a moment."""

import time
from functools import partial

import pytest

from postbuch.webmail.kept import Kept


def test_for_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same until it is too old, for each user and key; what a user has changed is made anew at once."""
    at = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: at)
    numbers, made = Kept[int](20.0, 10), iter(range(100))

    def get(user_id: int, *key: object) -> int:
        return numbers.get(user_id, key, lambda: next(made))

    assert [get(1, "a"), get(1, "b"), get(2, "a"), get(1, "a", 7)] == [0, 1, 2, 3]
    at = 119.9
    assert [get(1, "a"), get(1, "b"), get(2, "a"), get(1, "a", 7)] == [0, 1, 2, 3]
    numbers.forget(1, {"a"})
    assert [get(1, "a"), get(1, "b"), get(2, "a"), get(1, "a", 7)] == [4, 1, 2, 5]
    at = 120.0
    assert [get(1, "b"), get(2, "a"), get(1, "a")] == [6, 7, 4]


def test_old_ones_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has no time gets what there is, however old; when it was due says which one is next."""
    at = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: at)
    numbers = Kept[int](20.0, 10)
    assert numbers.until(1, ("a",)) == 0
    assert numbers.get(1, ("a",), lambda: 7, old_too=True) == 7
    at = 130.0
    assert numbers.get(1, ("a",), lambda: 8, old_too=True) == 7
    assert numbers.until(1, ("a",)) == 120
    assert numbers.get(1, ("a",), lambda: 8) == 8
    assert numbers.until(1, ("a",)) == 150


def test_longer_while_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the stamp that it was made with a value lasts longer; with another, or none, no longer than any."""
    at = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: at)
    numbers, made = Kept[int](20.0, 10, 120.0), iter(range(100))

    def get(stamp: object) -> int:
        return numbers.get(1, ("a",), lambda: next(made), stamp=stamp)

    assert get("x") == 0
    at = 119.0
    assert [get("x"), get("y"), get(None)] == [0, 0, 0]
    at = 219.0
    assert numbers.until(1, ("a",), "x") == 220 and numbers.until(1, ("a",), "y") == 120
    assert [get("x"), get("y"), get("x")] == [0, 1, 1]
    at = 240.0
    assert [get("x"), get("x")] == [2, 2]
    at = 360.0
    assert [get("x"), get(None)] == [3, 3]
    at = 381.0
    assert get(None) == 4


def test_no_more_than_so_many() -> None:
    """All are forgotten when there are too many."""
    numbers = Kept[int](20.0, 3)
    for number in range(4):
        assert numbers.get(1, (number,), partial(int, number)) == number
    assert numbers.get(1, (0,), lambda: 9) == 9
    assert numbers.get(1, (3,), lambda: 9) == 3
