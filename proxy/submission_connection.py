"""A client's connection, under the submission dialogue: aiosmtpd's, with reading and writing of our own.

aiosmtpd gives the life of the connection, its clock and the table of commands. Its stream reader is not used: it copies
a message three times, takes a bare LF for the end of a command, and logs what a confused client says after AUTH.
"""

import asyncio
import logging

from aiosmtpd.smtp import SMTP

from postbuch.proxy.failure import Detail
from postbuch.proxy.receiver import part
from postbuch.proxy.transfer import Transfer
from postbuch.proxy.upstream import set_no_delay

# Our own lines say enough; no argument of AUTH may ever stand in a log.
logging.getLogger("mail.log").disabled = True

# What a client may send ahead of a command that is being worked on.
MAX_AHEAD_OCTETS = 64 * 1024
HANG_UP_S = 5.0
IDLE_TIMEOUT_S = 300.0  # RFC 5321 section 4.5.3.2.7


_COMMANDS: dict[type, list[str]] = {}


class LineBroken(Exception):
    """What came is no line; `answer` is the last that the client hears."""

    def __init__(self, answer: bytes, detail: str) -> None:
        super().__init__(detail)
        self.answer = answer


class Connection(SMTP):
    """Lines in, octets out; octets of DATA go straight from the transport to the transfer that is running."""

    def __init__(self, hostname: str) -> None:
        super().__init__(
            None, hostname=hostname, ident="Postbuch", timeout=IDLE_TIMEOUT_S, loop=asyncio.get_running_loop()
        )
        self._client: asyncio.Transport
        self._transfer: Transfer | None = None
        self._closing = False
        self._gone = asyncio.Event()
        self._inbox = bytearray()
        self._more: asyncio.Future[None] | None = None
        self._reading = True

    def __dir__(self) -> list[str]:
        # aiosmtpd looks through all attributes of each new connection to find its commands: 0.5 ms of 3.
        kind = type(self)
        if kind not in _COMMANDS:
            _COMMANDS[kind] = [name for name in dir(kind) if name.startswith("smtp_")]
        return _COMMANDS[kind]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        set_no_delay(transport)
        self._client = transport  # type: ignore[assignment] # a listener's stream transport
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._gone.set()
        super().connection_lost(error)
        part(self._client)

    def _let_go(self) -> None:
        """It has hung up: break aiosmtpd's circles, so that nothing waits for the collector."""
        self._handler_coroutine = None
        self._smtp_methods.clear()
        self._auth_methods.clear()
        self._client_connected_cb = None
        del self._reader, self._writer

    def data_received(self, data: bytes) -> None:
        transfer = self._transfer
        if transfer is not None:
            self._reset_timeout()
            transfer.feed(data)
            if not transfer.ended:
                return
            self._transfer = None
            data = transfer.reader.rest
        self._inbox += data
        if self._more is not None and not self._more.done():
            self._more.set_result(None)
        elif len(self._inbox) > MAX_AHEAD_OCTETS:
            self._read_client(False)

    def eof_received(self) -> bool:
        return False  # inside TLS nobody can be answered any more: close

    def _timeout_cb(self) -> None:
        self.shut_down(b"421 4.4.2 time-out\r\n")

    def shut_down(self, line: bytes) -> None:
        """Say a last line and close. Harmless when it is closing already."""
        if not self._client.is_closing():
            self._client.write(line)
            self._client.close()

    async def _hang_up(self) -> None:
        """Close; a client that does not answer the end of TLS is not waited for any longer."""
        self._client.close()
        try:
            async with asyncio.timeout(HANG_UP_S):
                await self._gone.wait()
        except TimeoutError:
            self._client.abort()
            await self._gone.wait()

    async def _say(self, octets: bytes) -> None:
        self._client.write(octets)
        await self._heard()

    async def _heard(self) -> None:
        """Wait for a client that does not read. Raises ConnectionError when it has left."""
        if self._client.is_closing() or self._client.get_write_buffer_size():
            await self._writer.drain()

    def _read_client(self, read: bool) -> None:
        if read != self._reading and not self._client.is_closing():
            self._reading = read
            (self._client.resume_reading if read else self._client.pause_reading)()

    async def _line(self, limit: int) -> bytes:
        """The next line without CRLF. Raises LineBroken."""
        while (end := self._inbox.find(b"\n")) < 0 and len(self._inbox) <= limit:
            self._read_client(True)
            self._more = self.loop.create_future()
            await self._more
            self._more = None
        if end < 0 or end > limit:
            raise LineBroken(b"500 5.5.6 the line is too long\r\n", Detail.LINE_WITHOUT_END.said())
        line = bytes(self._inbox[: end + 1])
        del self._inbox[: end + 1]
        if not line.endswith(b"\r\n") or b"\r" in line[:-2] or b"\0" in line:
            # Where two servers could disagree about where a command ends, nobody is served.
            answer = b"500 5.5.2 a line ends with CRLF and holds neither CR nor NUL\r\n"
            raise LineBroken(answer, Detail.BARE_LINE_END.said())
        return line[:-2]

    def _begin(self, transfer: Transfer) -> None:
        """DATA is answered: from now on the client's octets are the transfer's, first those that came already."""
        self._transfer = transfer
        early, self._inbox = bytes(self._inbox), bytearray()
        self._read_client(True)
        if early:
            self.data_received(early)

    # --- commands whose answer is always the same ---------------------------------------------------------------

    async def smtp_NOOP(self, arg: str) -> None:
        await self._say(b"250 2.0.0 done\r\n")

    async def smtp_HELP(self, arg: str) -> None:
        await self._say(b"214 2.0.0 this is a submission server as in RFC 6409\r\n")

    async def smtp_STARTTLS(self, arg: str) -> None:
        await self._say(b"503 5.5.1 TLS is there already\r\n")

    async def smtp_EXPN(self, arg: str) -> None:
        await self._say(b"502 5.5.1 not served here\r\n")

    async def smtp_QUIT(self, arg: str) -> None:
        self._closing = True
        await self._say(b"221 2.0.0 goodbye\r\n")
