"""One message on its way into the spool: in memory while it is small, streamed to a file of its own when it is not."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Protocol

from postbuch.archive.errors import SpoolError
from postbuch.archive.reasons import Reason
from postbuch.archive.record import MESSAGE, new_capture
from postbuch.archive.spoolfile import SMALL_OCTETS, Buffer, Folder, LargeFile, Waiter

CLOSED = Reason.SPOOL_CLOSED.said()
# 16 KiB: a larger piece is kept as it is, a smaller one copied, because it may hold a whole chunk of 256 KiB in memory.
VIEW_OCTETS = 16_384


class Writer(Folder, Protocol):
    """What a message needs of the spool's writer."""

    def put(self, job: Callable[[], None]) -> bool: ...

    def put_record(
        self, kind: int, chunks: Sequence[Buffer], facts: Mapping[str, Any], waiter: Waiter, urgent: bool
    ) -> None: ...


class SpoolMessage:
    """One message while it is received. One caller at a time; made by `SpoolWriter.begin`."""

    def __init__(self, writer: Writer) -> None:
        self.capture = new_capture()
        self._writer = writer
        self._pieces: list[Buffer] = []
        self._octets = 0  # in them
        self._copied: bytearray | None = None  # the last piece, while it is one of our own that grows
        self._large: LargeFile | None = None
        self._done = False

    @property
    def pending_octets(self) -> int:
        """Octets given and not yet written. Pause reading above 4 MiB, go on below."""
        return self._octets + (self._large.pending if self._large else 0)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keeps or copies it and returns; a write error is told by `commit`."""
        self._keep(data)
        if self._octets > SMALL_OCTETS:
            if self._large is None:
                self._large = LargeFile(self._writer)
            large, pieces, octets = self._large, *self._taken()
            large.give(octets)
            if not self._writer.put(lambda: large.write(pieces)):
                large.give(-octets)

    def commit(self, facts: Mapping[str, Any], *, urgent: bool) -> "Future[str]":
        """Ends the message. The future gives the SHA-256 in hex once it is durable, or SpoolError.

        `urgent`: somebody waits for the answer; else the record may wait up to LINGER_S for company.
        """
        future: Future[str] = Future()
        if urgent:  # a waiter may be cancelled; nobody waits for the others
            future.set_running_or_notify_cancel()
        self.end(facts, future, urgent=urgent)
        return future

    def end(self, facts: Mapping[str, Any], waiter: Waiter, *, urgent: bool) -> None:
        """`commit`, and the waiter is told."""
        self._done = True
        whole = {"capture": self.capture.hex(), **facts, "kind": "message"}
        pieces, octets = self._taken()
        if self._large is None:
            self._writer.put_record(MESSAGE, pieces, whole, waiter, urgent)
        else:
            large = self._large
            large.give(octets)

            def finish() -> None:
                large.write(pieces)
                large.finish(whole, waiter)

            if not self._writer.put(finish):
                waiter.set_exception(SpoolError(CLOSED))

    def abort(self) -> None:
        """Forget the message; nothing of it stays on the disk. Harmless after `commit`."""
        if not self._done:
            self._done = True
            self._taken()
            if self._large is not None:
                self._writer.put(self._large.discard)

    def _keep(self, data: Buffer) -> None:
        self._octets += len(data)
        if len(data) >= VIEW_OCTETS and memoryview(data).readonly:
            self._pieces.append(data)
            self._copied = None
            return
        if self._copied is None:
            self._copied = bytearray()
            self._pieces.append(self._copied)
        self._copied += data

    def _taken(self) -> tuple[list[Buffer], int]:
        pieces, octets = self._pieces, self._octets
        self._pieces, self._octets, self._copied = [], 0, None
        return pieces, octets
