"""What can be no request at all is answered here, before there is one: with 400, our headers and nothing else.

Such a connection has no language and no session, so it gets no page; browsers show one of their own.
"""

from typing import Any

from twisted.web.http import HTTPChannel
from twisted.web.server import Site

from postbuch.webmail.policy import Kind

_REFUSED = (
    "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\nCache-Control: no-store\r\n"
    f"Content-Security-Policy: {Kind.FILE.value}\r\nX-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n"
    "\r\n"
).encode()


class Channel(HTTPChannel):
    """The connection of a browser."""

    def lineLengthExceeded(self, line: bytes) -> None:
        """Twisted only closes; a link with very many words is told apart from a server that is gone."""
        self._respondToBadRequestAndDisconnect()

    def headerReceived(self, line: bytes) -> bool:
        """False ends it. A length of thousands of figures is no number for Python."""
        try:
            return bool(super().headerReceived(line))  # type: ignore[no-untyped-call]
        except ValueError:
            self._respondToBadRequestAndDisconnect()
            return False

    def _respondToBadRequestAndDisconnect(self) -> None:
        transport: Any = self.transport
        transport.write(_REFUSED)
        self.loseConnection()  # type: ignore[no-untyped-call]


class PageSite(Site):
    """Our pages, over HTTP/1.1. What a form says, Flask reads, and has a page for what is wrong with it."""

    protocol = Channel  # type: ignore[assignment] # Twisted's own has one around it, for HTTP/2
    displayTracebacks = False

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, parsePOSTFormSubmission=False, **named)  # type: ignore[no-untyped-call]

    def acceptableProtocols(self) -> list[bytes]:
        """Without HTTP/2, also where Twisted could."""
        return [b"http/1.1"]
