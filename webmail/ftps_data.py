"""The connection that carries one listing or one file, always by TLS, and only to who is logged in."""

from collections.abc import Callable
from typing import Any

from postbuch.archive.reasons import Files
from postbuch.certs.reactor import is_resumed
from postbuch.webmail.ftps_library import TLS_DTPHandler

# Without progress; a client that has gone is noticed by it.
STALL_S = 60


class DataChannel(TLS_DTPHandler):  # type: ignore[misc] # pyftpdlib ships no types
    """Nothing is sent before the handshake is over and the client has shown that it is the one who logged in.

    Whoever shares the client's address (an office behind one router, a terminal server) could connect to the open
    port first. The ticket of the control connection's TLS session is what he does not have.
    """

    timeout = STALL_S

    def __init__(self, sock: Any, cmd_channel: Any) -> None:
        self._waiting: list[Callable[[], None]] = []
        self.is_busy = self.is_foreign = False
        super().__init__(sock, cmd_channel)

    def push(self, data: Any) -> None:
        self.is_busy = True
        self._when_private(lambda: super(DataChannel, self).push(data))

    def push_with_producer(self, producer: Any) -> None:
        self.is_busy = True
        self._when_private(lambda: super(DataChannel, self).push_with_producer(producer))

    def close_when_done(self) -> None:
        self._when_private(lambda: super(DataChannel, self).close_when_done())

    def handle_ssl_established(self) -> None:
        """pyftpdlib: the handshake is over."""
        self.is_foreign = self.cmd_channel.house.requires_resumption and not is_resumed(self.socket)
        if self.is_foreign:
            # Before a command there is nothing that this could answer.
            if self.is_busy:
                self.refuse()
            return
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each()

    def cut(self) -> None:
        """Hang up without the good-bye of TLS, for which a client that reads nothing could let us wait for ever."""
        self._error = True
        self.close()

    def handle_timeout(self) -> None:
        """pyftpdlib: looks for progress, and closes when there is none."""
        self._error = self.get_transmitted_bytes() <= self._lastdata
        super().handle_timeout()

    def refuse(self) -> None:
        """Say why nothing is sent, and hang up."""
        self._waiting.clear()
        self.cmd_channel.say(522, Files.NOT_RESUMED)
        self.close()

    def _when_private(self, step: Callable[[], None]) -> None:
        # OpenSSL would finish the handshake within the first write, and nobody would have looked at it.
        if self._ssl_established:
            step()
        elif not self._closed:
            self._waiting.append(step)
