"""How much longer four times as much takes: some four times where the time grows with the input, 16 with its square."""

import time
from collections.abc import Callable


def times_as_long(work: Callable[[int], object], count: int) -> float:
    """The processor time of `work` for four times the count by that for the count; the best of three of each."""
    return _seconds(work, 4 * count) / _seconds(work, count)


def _seconds(work: Callable[[int], object], count: int) -> float:
    found = []
    for _ in range(3):
        began = time.thread_time()  # what others do meanwhile does not count
        work(count)
        found.append(time.thread_time() - began)
    return max(min(found), 0.000_1)
