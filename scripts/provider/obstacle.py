"""A middle man on a loopback port that stands for what goes wrong on the way to a server.

It forwards octets to a target on loopback and understands none of them, so it works for IMAP, SMTP, TLS and LMTP.
Runs in a thread of its own.
"""

import asyncio
import contextlib
import enum
import socket
import struct
import threading

from provider.ports import free_port

_HOST = "127.0.0.1"
_BLOCK_OCTETS = 64 * 1024
_START_PATIENCE_S = 60.0
_LEAVE_PATIENCE_S = 5.0


class Mode(enum.Enum):
    """What happens to a connection."""

    FORWARD = "forward"
    REFUSE = "refuse"  # nobody listens: connection refused
    HANG = "hang"  # accepted, and then silence
    CUT = "cut"  # the client gets exactly `cut_after_octets` of what the target sends, and then the end (FIN)


class _Cut(ConnectionError):
    """As much has been forwarded as was to be."""


class Obstacle:
    """`port` leads to `target`, as `mode` allows. What is set is for new connections; `cut()` ends those that are."""

    def __init__(self, target: int, mode: Mode = Mode.FORWARD, *, cut_after_octets: int = 0) -> None:
        self.target = target
        self.port = free_port()
        self.connections = 0
        self.cut_after_octets = cut_after_octets
        self._mode = mode
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._run, name="obstacle", daemon=True)

    @property
    def mode(self) -> Mode:
        return self._mode

    def set(self, mode: Mode, *, cut_after_octets: int = 0) -> None:
        """From now on; connections that stand go on as they began. Returns once the port is open or closed."""
        self.cut_after_octets = cut_after_octets
        self._mode = mode
        asyncio.run_coroutine_threadsafe(self._apply(), self._loop).result(_START_PATIENCE_S)

    def cut(self) -> None:
        """Break off every connection that stands, with a reset (RST), as a crashed machine or a firewall does."""
        asyncio.run_coroutine_threadsafe(self._abort(), self._loop).result(_START_PATIENCE_S)

    def start(self) -> None:
        """Listen (or not, as the mode is); returns when it is so."""
        self._thread.start()
        self.set(self._mode, cut_after_octets=self.cut_after_octets)

    def stop(self) -> None:
        """Break off everything and end the thread."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(_START_PATIENCE_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def __enter__(self) -> "Obstacle":
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    async def _apply(self) -> None:
        if self._mode is Mode.REFUSE:
            self._close_listener()
        elif self._server is None:
            self._server = await asyncio.start_server(self._accepted, _HOST, self.port)

    def _close_listener(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.close()

    async def _abort(self) -> None:
        for writer in list(self._writers):
            # Without lingering a close is a reset (tcp(7), socket(7): SO_LINGER).
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        if self._tasks:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _end(self) -> None:
        self._close_listener()
        await self._abort()

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = self._loop.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        limit = self.cut_after_octets if self._mode is Mode.CUT else None
        self._writers.add(writer)
        try:
            if self._mode is Mode.HANG:
                await _swallow(reader)
            else:
                await self._forward(reader, writer, limit)
        except* _Cut:
            await _take_leave(reader, writer)
        except* OSError:
            pass  # either side broke off: both sides end
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, limit: int | None) -> None:
        upstream_reader, upstream_writer = await asyncio.open_connection(_HOST, self.target)
        self._writers.add(upstream_writer)
        try:
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(_pump(reader, upstream_writer, None))
                pumps.create_task(_pump(upstream_reader, writer, limit))
        finally:
            self._writers.discard(upstream_writer)
            upstream_writer.close()


async def _take_leave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """End our half and take what still comes: a close with unread octets is a reset, and that loses sent ones."""
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(_LEAVE_PATIENCE_S):
            writer.write_eof()
            await _swallow(reader)


async def _swallow(reader: asyncio.StreamReader) -> None:
    while await reader.read(_BLOCK_OCTETS):
        pass


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, limit: int | None) -> None:
    """Copy until the end, which is passed on. Raises _Cut at the limit."""
    left = limit
    while left is None or left > 0:
        block = await reader.read(_BLOCK_OCTETS if left is None else min(left, _BLOCK_OCTETS))
        if not block:
            writer.write_eof()
            return
        writer.write(block)
        await writer.drain()
        if left is not None:
            left -= len(block)
    raise _Cut(f"after {limit} octets")
