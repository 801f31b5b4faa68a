"""Numbers that cost a look at thousands of letters, kept for a moment for who asks on the next page again."""

import threading
import time
from collections.abc import Callable, Collection, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

V = TypeVar("V")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Value(Generic[V]):
    made_at: float  # by the monotonic clock
    stamp: Hashable
    value: V


class Kept(Generic[V]):
    """Values by user and key, whose first element says what it is a number of. Threads of one process share it.

    seconds: how old a value may be. unchanged_s: how old as long as its stamp is the same, which says when that of
    which it is a number last changed. most: how many are kept.
    """

    def __init__(self, seconds: float, most: int, unchanged_s: float = 0.0) -> None:
        self._seconds, self._most, self._unchanged_s = seconds, most, unchanged_s
        self._values: dict[tuple[int, tuple[Hashable, ...]], _Value[V]] = {}
        self._lock = threading.Lock()

    def get(
        self, user_id: int, key: tuple[Hashable, ...], make: Callable[[], V], *, stamp: Hashable = None,
        old_too: bool = False,
    ) -> V:
        """The value, made anew when it is too old; with `old_too` only when there is none."""
        known = self._known(user_id, key)
        if known is not None and (old_too or time.monotonic() < self._end(known, stamp)):
            return known.value
        value = make()
        with self._lock:
            if len(self._values) >= self._most:
                self._values.clear()
            self._values[user_id, key] = _Value(made_at=time.monotonic(), stamp=stamp, value=value)
        return value

    def until(self, user_id: int, key: tuple[Hashable, ...], stamp: Hashable = None) -> float:
        """When the value is too old, by the monotonic clock; 0 when there is none."""
        known = self._known(user_id, key)
        return self._end(known, stamp) if known is not None else 0.0

    def _known(self, user_id: int, key: tuple[Hashable, ...]) -> _Value[V] | None:
        with self._lock:
            return self._values.get((user_id, key))

    def _end(self, known: _Value[V], stamp: Hashable) -> float:
        is_same = stamp is not None and stamp == known.stamp
        return known.made_at + (max(self._seconds, self._unchanged_s) if is_same else self._seconds)

    def forget(self, user_id: int, things: Collection[Hashable]) -> None:
        """What this user has changed: all numbers of these things."""
        with self._lock:
            for each in [each for each in self._values if each[0] == user_id and each[1][0] in things]:
                del self._values[each]
