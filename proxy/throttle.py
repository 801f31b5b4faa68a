"""Slowing down those who guess passwords: a growing delay, and after some guesses upstream is not asked any more.

What counts is the client's address together with the account, so that the right password from another address goes
through at once. A password that upstream has just refused is not asked again: twelve tries of a mail program with an
old password are one log-in failure there, and do not lock the mailbox.
"""

import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

# 1, 2, 4 … 32 s after the third failure; forgotten after a quarter of an hour without one.
FREE_FAILURES = 3
FIRST_DELAY_S = 1.0
LONGEST_DELAY_S = 32.0
FORGET_AFTER_S = 900.0
# So many different passwords go upstream; then one each five minutes: 12 an hour, 300 a day. Providers lock a mailbox
# after ten or so.
MAX_GUESSES = 8
NEXT_GUESS_S = 300.0
# A password that was wrong may be right after this: it was just set anew at the provider.
WRONG_FOR_S = 300.0
# 100,000 entries of some 600 octets are 60 MB: an attacker with more addresses than that is not slowed by this.
MAX_ENTRIES = 100_000
# What the log and status say then, in the place of upstream's words.


@dataclass(slots=True)
class _Record:
    """What one address did with one account, or with all (then without passwords)."""

    failures: int = 0
    failed_at: float = 0.0
    wrong: dict[bytes, float] = field(default_factory=dict)  # digest of the password, when upstream refused it
    asked: dict[bytes, int] = field(default_factory=dict)  # in flight now


class Throttle:
    """Failures by client address, and by client address with account. For one thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._records: dict[str, _Record] = {}
        self._key = secrets.token_bytes(32)

    def attempt(self, address: str, account: str, password: bytes) -> "Attempt":
        """A log-in that is about to be tried; use it as a context."""
        digest = hashlib.blake2b(password, digest_size=8, key=self._key).digest()
        return Attempt(self, address, account, digest)

    def record(self, key: str) -> _Record:
        """What is known and not forgotten; a new one otherwise."""
        found = self._records.pop(key, None)
        if found is None or (not found.asked and self._clock() - found.failed_at >= FORGET_AFTER_S):
            found = _Record()
        self._records[key] = found
        while len(self._records) > MAX_ENTRIES:
            del self._records[next(iter(self._records))]
        return found

    def now(self) -> float:
        """Seconds."""
        return self._clock()


class Attempt:
    """One log-in, from the wish to its end."""

    def __init__(self, throttle: Throttle, address: str, account: str, digest: bytes) -> None:
        self._throttle = throttle
        self._digest = digest
        self._own = throttle.record(f"{address} {account}")
        self._shared = throttle.record(address)

    def __enter__(self) -> Self:
        self._own.asked[self._digest] = self._own.asked.get(self._digest, 0) + 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        left = self._own.asked.pop(self._digest) - 1
        if left:
            self._own.asked[self._digest] = left

    @property
    def delay_s(self) -> float:
        """How long to wait before anything else. Passwords that are being tried beside it count as failures."""
        beside = len(self._own.asked.keys() - {self._digest})
        own = _delay(self._own.failures + beside, FREE_FAILURES)
        # An address that many colleagues share (NAT) may fail four times as often before all of them wait.
        return max(own, _delay(self._shared.failures, 4 * FREE_FAILURES))

    @property
    def may_ask(self) -> bool:
        """Whether upstream is asked. If not, the password counts as wrong."""
        now, wrong = self._throttle.now(), self._own.wrong
        if now - wrong.get(self._digest, -WRONG_FOR_S) < WRONG_FOR_S:
            return False
        return len(wrong) < MAX_GUESSES or now - max(wrong.values()) >= NEXT_GUESS_S

    def failed(self, *, asked: bool) -> None:
        """The log-in failed, by upstream's word (`asked`) or without it."""
        now = self._throttle.now()
        for each in (self._own, self._shared):
            each.failures += 1
            each.failed_at = now
        if asked:
            self._own.wrong.pop(self._digest, None)
            self._own.wrong[self._digest] = now
            while len(self._own.wrong) > MAX_GUESSES:
                del self._own.wrong[next(iter(self._own.wrong))]

    def succeeded(self) -> None:
        """The log-in was right: this account from this address starts afresh."""
        self._own.failures = 0
        self._own.wrong.clear()


def _delay(count: int, free: int) -> float:
    if count < free:
        return 0.0
    return float(min(FIRST_DELAY_S * 2 ** min(count - free, 10), LONGEST_DELAY_S))
