"""Who guesses passwords by FTPS is stopped as at the web's log-in: the same limits, counted by address and by name."""

from limits import parse_many
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter, RateLimiter

from postbuch.webmail.entrance import LIMIT_BY_ADDRESS, LIMIT_BY_NAME

_LIMITS = tuple((kind, parse_many(text)) for kind, text in (("address", LIMIT_BY_ADDRESS), ("name", LIMIT_BY_NAME)))


class Guard:
    """Thread-safe. Memory is enough, as in the web: nobody but the admin can make it forget by a restart."""

    def __init__(self, limiter: RateLimiter | None = None) -> None:
        self._limiter = limiter or MovingWindowRateLimiter(MemoryStorage())

    def may_try(self, address: str, name: str) -> bool:
        """Whether upstream is asked; if not, the password counts as wrong."""
        keys = {"address": address, "name": name}
        return all(self._limiter.test(item, kind, keys[kind]) for kind, items in _LIMITS for item in items)

    def failed(self, address: str, name: str) -> None:
        """Only what failed is counted: a whole office behind one address logs in every morning."""
        keys = {"address": address, "name": name}
        for kind, items in _LIMITS:
            for item in items:
                self._limiter.hit(item, kind, keys[kind])
