"""How the writer thread puts records into files: a group of small ones, or one large one as it comes in."""

import contextlib
import hashlib
import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from postbuch.archive import systemwords
from postbuch.archive.errors import SpoolError
from postbuch.archive.reasons import Reason
from postbuch.archive.record import HEADER, MESSAGE, facts_octets, header_octets
from postbuch.archive.wrong import Wrong

# 256 KiB: above it a message streams to a file of its own and is never held in memory as a whole.
SMALL_OCTETS = 262_144
# 8 MiB: a large file is synced as it grows, so that the last sync does not hold up other people's messages.
SYNC_OCTETS = 8_388_608

Buffer = bytes | bytearray | memoryview


class Waiter(Protocol):
    """Who is told what became of a record, in the writer's thread: a Future, or something that costs less."""

    def set_result(self, result: Any, /) -> None: ...

    def set_exception(self, exception: BaseException, /) -> None: ...

    def done(self) -> bool: ...


class Nobody:
    """A waiter who does not wait."""

    def set_result(self, result: Any, /) -> None:
        """It is durable."""

    def set_exception(self, exception: BaseException, /) -> None:
        """It is not; the writer has the reason."""

    def done(self) -> bool:
        """Nobody need be told."""
        return True


NOBODY = Nobody()


# A record on its way into a file: kind, octets, facts, who waits, whether somebody does.
Queued = tuple[int, Sequence[Buffer], Mapping[str, Any], Waiter, bool]


class Folder(Protocol):
    """What a file needs of the writer."""

    streams: "set[LargeFile]"

    def new_temporary(self) -> Path: ...

    def publish(self, temporary: Path, messages: int, events: int, *, synced: bool = False) -> None: ...

    def failed(self, error: OSError) -> None: ...


class Group:
    """Records that go into one file together, and who waits for them."""

    def __init__(self) -> None:
        self.buffers: list[Buffer] = []
        self.octets = self.messages = self.events = 0
        self.urgent = False
        self.waiters: list[tuple[Waiter, Any]] = []

    def take(self, records: Iterable[Queued]) -> None:
        """Add them; whose facts are none, or too many, is told."""
        for kind, chunks, facts, waiter, urgent in records:
            try:
                self.add(kind, chunks, facts, waiter)
            except (SpoolError, TypeError, ValueError) as error:
                waiter.set_exception(error)
            self.urgent = self.urgent or urgent

    def add(self, kind: int, chunks: Iterable[Buffer], facts: Mapping[str, Any], waiter: Waiter) -> None:
        if kind == MESSAGE:
            digest, size = hashlib.sha256(), 0
            chunks = list(chunks)
            for chunk in chunks:
                digest.update(chunk)
                size += len(chunk)
            facts = {**facts, "sha256": digest.hexdigest(), "size_octets": size}
            encoded = facts_octets(facts)
            self.buffers += [header_octets(kind, encoded, size), *chunks, encoded]
            self.octets += size
            self.messages += 1
            self.waiters.append((waiter, facts["sha256"]))
        else:
            encoded = facts_octets(facts)
            self.buffers += [header_octets(kind, encoded, 0), encoded]
            self.events += 1
            self.waiters.append((waiter, None))

    def write(self, folder: Folder) -> None:
        """Write, sync and publish one file, then tell the waiters: the result, or SpoolError."""
        path = folder.new_temporary()
        try:
            # Buffered, so that the many short headers and facts do not cost a system call each.
            with path.open("xb", buffering=SMALL_OCTETS) as stream:
                path.chmod(0o600)
                stream.writelines(self.buffers)
                stream.flush()
                os.fsync(stream.fileno())
            folder.publish(path, self.messages, self.events)
        except OSError as error:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
            folder.failed(error)
            self.tell(as_spool_error(error))
        else:
            self.tell(None)

    def tell(self, error: SpoolError | None) -> None:
        """Tell the waiters: the result, or the error."""
        for waiter, result in self.waiters:
            if error is None:
                waiter.set_result(result)
            else:
                waiter.set_exception(error)


class LargeFile:
    """A message above SMALL_OCTETS: streamed to its own file by the writer thread."""

    def __init__(self, writer: Folder) -> None:
        self.pending = 0
        self._lock = threading.Lock()
        self._writer = writer
        self._path: Path | None = None
        self._handle = -1
        self._digest = hashlib.sha256()
        self._size = self._unsynced = 0
        self._error: OSError | None = None

    def give(self, octets: int) -> None:
        with self._lock:
            self.pending += octets

    def write(self, pieces: Sequence[Buffer]) -> None:
        try:
            if self._error is None:
                self._write(pieces)
        except OSError as error:
            self._error = error
            self._writer.failed(error)
            self.discard()
        finally:
            self.give(-sum(map(len, pieces)))

    def _write(self, pieces: Sequence[Buffer]) -> None:
        if self._handle < 0:
            self._path = self._writer.new_temporary()
            self._handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            self._writer.streams.add(self)
            _write_all(self._handle, bytes(HEADER.size))
        for piece in pieces:
            self._digest.update(piece)
            _write_all(self._handle, piece)
            self._size += len(piece)
            self._unsynced += len(piece)
        if self._unsynced >= SYNC_OCTETS:
            os.fdatasync(self._handle)
            self._unsynced = 0

    def finish(self, facts: Mapping[str, Any], waiter: Waiter) -> None:
        try:
            if self._error is not None:
                raise self._error
            if self._path is None:
                raise SpoolError(Wrong.ENDED_BEFORE.said())
            whole = {**facts, "sha256": self._digest.hexdigest(), "size_octets": self._size}
            encoded = facts_octets(whole)
            _write_all(self._handle, encoded)
            os.pwrite(self._handle, header_octets(MESSAGE, encoded, self._size), 0)
            os.fsync(self._handle)
            os.close(self._handle)
            self._handle = -1
            self._writer.publish(self._path, 1, 0)
            self._writer.streams.discard(self)
        except OSError as error:
            self._writer.failed(error)
            self.discard()
            waiter.set_exception(as_spool_error(error))
        except (SpoolError, TypeError, ValueError) as error:  # facts that are not JSON: not the disk's fault
            self.discard()
            waiter.set_exception(error)
        else:
            waiter.set_result(self._digest.hexdigest())

    def discard(self) -> None:
        self._writer.streams.discard(self)
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
        if self._path is not None:
            self._path.unlink(missing_ok=True)


def _write_all(handle: int, data: Buffer) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]


def as_spool_error(error: OSError, folder: Path | None = None) -> SpoolError:
    path = error.filename or folder or "spool"
    return SpoolError(Reason.SPOOL_NOT_WRITTEN.said(path=path, words=systemwords.cause(error)))
