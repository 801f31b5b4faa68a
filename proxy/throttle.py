"""Slowing down those who guess passwords: a growing delay per address and per account. Pure but for the clock given.

The right password from another address is not delayed by the account's own failures alone: the delay of an account
counts only together with the address that failed.
"""

import time
from collections.abc import Callable

# 1, 2, 4 … 32 s after the third failure; forgotten after a quarter of an hour without one.
FREE_FAILURES = 3
FIRST_DELAY_S = 1.0
LONGEST_DELAY_S = 32.0
FORGET_AFTER_S = 900.0
# 100,000 entries of some 200 octets are 20 MB: an attacker with more addresses than that is not slowed by this.
MAX_ENTRIES = 100_000


class Throttle:
    """Failures by client address, and by client address with account. For one thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: dict[str, tuple[int, float]] = {}

    def delay_s(self, address: str, account: str) -> float:
        """How long this attempt must wait before upstream is asked."""
        # An address that many colleagues share (NAT) may fail four times as often before all of them wait.
        own = self._delay(self._count(f"{address} {account}"), FREE_FAILURES)
        shared = self._delay(self._count(address), 4 * FREE_FAILURES)
        return max(own, shared)

    def failed(self, address: str, account: str) -> None:
        """A log-in failed."""
        now = self._clock()
        for key in (address, f"{address} {account}"):
            count = self._count(key)
            self._failures.pop(key, None)
            self._failures[key] = (count + 1, now)
        while len(self._failures) > MAX_ENTRIES:
            del self._failures[next(iter(self._failures))]

    def succeeded(self, address: str, account: str) -> None:
        """A log-in was right: this account from this address starts afresh."""
        self._failures.pop(f"{address} {account}", None)

    def _count(self, key: str) -> int:
        count, at = self._failures.get(key, (0, 0.0))
        return count if count and self._clock() - at < FORGET_AFTER_S else 0

    def _delay(self, count: int, free: int) -> float:
        if count < free:
            return 0.0
        return float(min(FIRST_DELAY_S * 2 ** min(count - free, 10), LONGEST_DELAY_S))
