"""The sleep of a thread that knows when it will wake by itself: others wake it only for what is due before that.

To wake a thread costs both sides, because it asks for the interpreter while the other one still runs. A Condition of
the library makes a lock for each wait besides.
"""

import threading
import time

FOREVER = float("inf")
_AWAKE = -FOREVER


class Sleeper:
    """One thread's. `lock` is its owner's, who holds it while he finds that there is nothing to be done."""

    def __init__(self, lock: threading.Lock) -> None:
        self._lock = lock
        self._bell = threading.Lock()  # free when the sleep is to end
        self._bell.acquire()
        self._wakes_at = _AWAKE

    @property
    def asleep(self) -> bool:
        """Whether `rouse` has somebody to wake. With the lock."""
        return self._wakes_at != _AWAKE

    def lie_down(self, wakes_at: float) -> None:
        """From now on `rouse` ends the sleep. With the lock; `sleep` is to follow without it."""
        self._wakes_at = wakes_at

    def sleep(self, wakes_at: float) -> None:
        """Until the time has come (of time.monotonic), or until `rouse`. Without the lock."""
        left_s = min(wakes_at - time.monotonic(), threading.TIMEOUT_MAX)
        rung = self._bell.acquire(timeout=max(left_s, 0.0))
        with self._lock:
            if not rung and not self.asleep:  # roused after the time had come
                self._bell.acquire()
            self._wakes_at = _AWAKE

    def rouse(self, due: float) -> None:
        """See that the thread is awake at this time. With the lock."""
        if due < self._wakes_at:
            self._wakes_at = _AWAKE
            self._bell.release()
