"""Numbers that cost a look at thousands of letters, kept for a moment for who asks on the next page again."""

import threading
import time
from collections.abc import Callable, Collection, Hashable
from typing import Generic, TypeVar

V = TypeVar("V")


class Kept(Generic[V]):
    """Values by user and key, whose first element says what it is a number of. Threads of one process share it.

    seconds: how old a value may be. most: how many are kept.
    """

    def __init__(self, seconds: float, most: int) -> None:
        self._seconds, self._most = seconds, most
        self._values: dict[tuple[int, tuple[Hashable, ...]], tuple[float, V]] = {}
        self._lock = threading.Lock()

    def get(self, user_id: int, key: tuple[Hashable, ...], make: Callable[[], V], *, old_too: bool = False) -> V:
        """The value, made anew when it is too old; with `old_too` only when there is none."""
        with self._lock:
            known = self._values.get((user_id, key))
        if known is not None and (old_too or time.monotonic() < known[0]):
            return known[1]
        value = make()
        with self._lock:
            if len(self._values) >= self._most:
                self._values.clear()
            self._values[user_id, key] = (time.monotonic() + self._seconds, value)
        return value

    def until(self, user_id: int, key: tuple[Hashable, ...]) -> float:
        """When the value is too old, by the monotonic clock; 0 when there is none."""
        with self._lock:
            known = self._values.get((user_id, key))
        return known[0] if known is not None else 0.0

    def forget(self, user_id: int, things: Collection[Hashable]) -> None:
        """What this user has changed: all numbers of these things."""
        with self._lock:
            for each in [each for each in self._values if each[0] == user_id and each[1][0] in things]:
                del self._values[each]
