"""Connections of browsers: what can be no request, and what has more to say than a request may.

What is none is answered here, before there is one: with 400, our headers and nothing else. Such a connection has no
language and no session, so it gets no page; browsers show one of their own.
"""

from typing import Any

from twisted.web.http import HTTPChannel
from twisted.web.server import Request, Site

from postbuch.webmail.policy import Kind
from postbuch.webmail.requests import MAX_FORM_OCTETS

# Who is answered while he still sends reads the answer when he has sent, or is told by the end of the connection.
LINGER_S = 5.0

_REFUSED = (
    "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\nCache-Control: no-store\r\n"
    f"Content-Security-Policy: {Kind.FILE.value}\r\nX-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n"
    "\r\n"
).encode()


class Channel(HTTPChannel):
    """The connection of a browser."""

    is_refusing = False  # what still comes is thrown away

    def allHeadersReceived(self) -> None:
        """A body that is announced as too long is not waited for, nor asked for by 100 (RFC 9110 section 10.1.1)."""
        if self.length is not None and self.length > MAX_FORM_OCTETS:
            self.requests[-1].requestHeaders.removeHeader(b"expect")
            self.length = 0
            super().allHeadersReceived()  # type: ignore[no-untyped-call]
            self._begin_refusing()
        else:
            super().allHeadersReceived()  # type: ignore[no-untyped-call]

    def too_much(self) -> None:
        """A body whose length nobody announced goes on behind what a form may be."""
        self._begin_refusing()
        self.allContentReceived()  # type: ignore[no-untyped-call]

    def _begin_refusing(self) -> None:
        request = self.requests[-1]
        self.is_refusing, self.persistent = True, False
        request.responseHeaders.setRawHeaders(b"Connection", [b"close"])
        # By this Flask knows, and has a page that says so (413).
        request.requestHeaders.removeHeader(b"transfer-encoding")
        request.requestHeaders.setRawHeaders(b"Content-Length", [b"%d" % (MAX_FORM_OCTETS + 1)])

    def rawDataReceived(self, data: bytes) -> None:
        """The body, or what comes before the answer to it."""
        if not self.is_refusing:
            super().rawDataReceived(data)

    def _finishRequestBody(self, data: bytes) -> None:
        if not self.is_refusing:
            super()._finishRequestBody(data)  # type: ignore[no-untyped-call]

    def requestDone(self, request: Request) -> None:
        """An end with unread octets would take the answer away from who still sends (RFC 9112 section 9.6)."""
        if self.is_refusing:
            self.requests.remove(request)
            self.setTimeout(LINGER_S)  # type: ignore[no-untyped-call]
        else:
            super().requestDone(request)  # type: ignore[no-untyped-call]

    def resetTimeout(self) -> None:
        """Who never stops sending does not keep the connection by it."""
        if not self.is_refusing:
            super().resetTimeout()  # type: ignore[no-untyped-call]

    def lineLengthExceeded(self, line: bytes) -> None:
        """Twisted only closes; a link with very many words is told apart from a server that is gone."""
        self.refuse()

    def headerReceived(self, line: bytes) -> bool:
        """False ends it. A length of thousands of figures is no number for Python."""
        try:
            return bool(super().headerReceived(line))  # type: ignore[no-untyped-call]
        except ValueError:
            self.refuse()
            return False

    def refuse(self) -> None:
        """Answer that this is no request, and end."""
        transport: Any = self.transport
        transport.write(_REFUSED)
        self.loseConnection()  # type: ignore[no-untyped-call]

    def _respondToBadRequestAndDisconnect(self) -> None:
        self.refuse()


class BoundedRequest(Request):
    """A request whose body ends where our forms do: Twisted would keep any amount of it on the disk, from anybody."""

    def handleContentChunk(self, data: bytes) -> None:
        channel: Any = self.channel
        if self.content is None or channel is None or channel.is_refusing:
            return
        if self.content.tell() + len(data) > MAX_FORM_OCTETS:
            channel.too_much()
        else:
            super().handleContentChunk(data)  # type: ignore[no-untyped-call]

    def process(self) -> None:
        """`*` is no page (RFC 9110 section 7.1): Twisted would answer for itself."""
        channel: Any = self.channel
        if self.path == b"*" and channel is not None:
            channel.refuse()
        else:
            super().process()  # type: ignore[no-untyped-call]


class PageSite(Site):
    """Our pages, over HTTP/1.1. What a form says, Flask reads, and has a page for what is wrong with it."""

    protocol = Channel  # type: ignore[assignment] # Twisted's own has one around it, for HTTP/2
    displayTracebacks = False

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, parsePOSTFormSubmission=False, **named)  # type: ignore[no-untyped-call]

    def acceptableProtocols(self) -> list[bytes]:
        """Without HTTP/2, also where Twisted could."""
        return [b"http/1.1"]
