"""A message that must be whole before its first octet goes upstream: held in memory while small, in a file when not.

Takes the place of the upstream connection in a `Transfer`. The file has no name, so it goes with the process.
"""

import asyncio
import tempfile
from collections.abc import Iterator
from concurrent.futures import Executor
from functools import partial

from postbuch.proxy.upstream_smtp import Watcher

# A quarter of a megabyte goes to the thread at once; 4 MiB may wait for the disk before the client is not read any
# more, and it is read again when most of that is written.
BLOCK_OCTETS, FULL_OCTETS, ROOM_OCTETS = 262_144, 4_194_304, 1_048_576
# Most messages never see the disk.
MEMORY_OCTETS = 1_048_576


class Hold:
    """One message. `thread` is one thread, so that writing keeps its order; all methods but `chunks` are the loop's."""

    def __init__(self, thread: Executor) -> None:
        self.full = False
        self.watcher: Watcher | None = None
        self.error: OSError | None = None
        self._thread = thread
        self._loop = asyncio.get_running_loop()
        # Closed by `close`, which comes however the message ends.
        self._file = tempfile.SpooledTemporaryFile(MEMORY_OCTETS)  # noqa: SIM115
        self._block = bytearray()
        self._pending = 0

    def watch(self, watcher: Watcher) -> None:
        """As an upstream connection has it."""
        self.watcher = watcher

    def write(self, octets: bytes) -> None:
        """Keep them."""
        self._block += octets
        if len(self._block) >= BLOCK_OCTETS:
            self.flush()

    def flush(self) -> None:
        """Hand over what is not written yet."""
        block, self._block = bytes(self._block), bytearray()
        self._pending += len(block)
        self._thread.submit(self._store, block)
        if self._pending > FULL_OCTETS and not self.full:
            self._tell(True)

    def abort(self) -> None:
        """Nobody needs it."""
        self.close()

    def close(self) -> None:
        """Forget the message. Harmless when it is forgotten."""
        self._thread.submit(self._file.close)

    def chunks(self) -> Iterator[bytes]:
        """All of it from the beginning; in the thread. Raises OSError, also what went wrong while it was written."""
        if self.error is not None:
            raise self.error
        self._file.seek(0)
        yield from iter(partial(self._file.read, BLOCK_OCTETS), b"")

    def _store(self, block: bytes) -> None:
        try:
            if self.error is None and not self._file.closed:
                self._file.write(block)
        except OSError as error:
            self.error = error
        self._loop.call_soon_threadsafe(self._stored, len(block))

    def _stored(self, octets: int) -> None:
        self._pending -= octets
        if self.full and self._pending < ROOM_OCTETS:
            self._tell(False)

    def _tell(self, full: bool) -> None:
        self.full = full
        if self.watcher is not None:
            self.watcher.full(full)
