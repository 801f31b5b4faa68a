"""What became of a record, told on the loop. A concurrent Future and its asyncio shell cost five times as much."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from postbuch.archive.errors import SpoolError
from postbuch.proxy.busypoll import busy_poll


class OnLoop:
    """A waiter for one record: `tell` is called on the loop that runs now, with None when it is durable."""

    def __init__(self, tell: Callable[[SpoolError | None], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._tell = tell
        self._told = False
        busy_poll.rest()  # for the thread; a ring expects more

    def set_result(self, result: Any, /) -> None:
        """It is durable. In the spool's thread or in the loop's."""
        self._hand(None)

    def set_exception(self, exception: BaseException, /) -> None:
        """It is not. In the spool's thread or in the loop's."""
        self._hand(exception if isinstance(exception, SpoolError) else SpoolError(str(exception)))

    def done(self) -> bool:
        """Whether it was told."""
        return self._told

    def _hand(self, error: SpoolError | None) -> None:
        self._told = True
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._on_loop, error)

    def _on_loop(self, error: SpoolError | None) -> None:
        busy_poll.expect()
        self._tell(error)
