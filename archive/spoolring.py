"""Writes that the kernel makes durable by itself (io_uring) and tells the loop of: no thread wakes for them.

To hand a record to a thread and to hear of it takes two wakes of a sleeping processor and the interpreter twice, 0.1 ms
beside the 0.12 of the disk, and several times that on a busy machine. Where the kernel does not let us (before 5.6,
`kernel.io_uring_disabled`, the system call filter of a container), the spool's thread writes, as it does everything
else.
"""

import asyncio
import contextlib
import errno
import logging
import os
import threading
from collections.abc import Callable
from typing import Any, Self

# One write at a time is on its way; the next takes along what has gathered meanwhile.
ENTRIES = 4

log = logging.getLogger(__name__)

Told = Callable[[OSError | None], None]


class Ring:
    """Belongs to the loop that runs when it is opened. One write at a time."""

    def __init__(self, library: Any, expect: Callable[[], None]) -> None:
        self._operation = library.Operation
        self._context = library.Context(max_requests=ENTRIES, sqpoll=False)
        self._expect = expect
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._on_its_way = False
        self._loop.add_reader(self._context.fileno, self._came)

    @classmethod
    def opened(cls, expect: Callable[[], None]) -> Self | None:
        """A ring, or None where the kernel does not let us. `expect` is called when a write has begun."""
        try:
            import caio.linux_uring as library  # looks whether the kernel lets us

            return cls(library, expect)
        except (ImportError, OSError, SystemError) as error:
            log.info("spool-by-thread reason=%s", error)
            return None

    @property
    def is_here(self) -> bool:
        """Whether the caller is in the thread of the ring's loop."""
        return threading.get_ident() == self._thread

    def write(self, handle: int, octets: bytes, offset: int, told: Told) -> None:
        """Have all of it written; the handle is one with O_DSYNC. `told` is called on the loop.

        Raises MemoryError before the kernel is asked, OSError when it does not take it. After that nothing may be asked
        of this ring any more: what it did not take would be written with the next.
        """
        operation = self._operation.write(octets, handle, offset)
        operation.set_callback(lambda written: self._written(written, len(octets), told))
        self._on_its_way = True
        try:
            self._context.submit(operation)
            with contextlib.suppress(MemoryError):  # it is on its way then; what became of it is told by the event
                self._context.flush()
        except (OSError, OverflowError, SystemError) as error:
            self._on_its_way = False
            raise OSError(errno.EIO, str(error)) from error
        self._expect()

    def close(self) -> None:
        """Wait for what is on its way, and tell of it. May block for one sync."""
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.remove_reader(self._context.fileno)
        while self._on_its_way:
            self._context.process_events(1, 1, 1)
        del self._context  # and with it what the kernel has for it

    def _written(self, written: int, octets: int, told: Told) -> None:
        self._on_its_way = False
        if written == octets:
            told(None)
        else:  # a number of octets that is too small is a full disk
            number = -written if written < 0 else errno.ENOSPC
            told(OSError(number, os.strerror(number)))

    def _came(self) -> None:
        with contextlib.suppress(BlockingIOError):  # it was told of already
            self._context.poll()
        self._context.process_events()
