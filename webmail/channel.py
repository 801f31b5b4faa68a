"""Connections of browsers: what can be no request, and what has more to say than a request may.

What is none is answered here, before there is one: with 400, our headers and nothing else. Such a connection has no
language and no session, so it gets no page; browsers show one of their own.
"""

import re
from os import SEEK_END
from typing import Any

from twisted.web.http import HTTPChannel
from twisted.web.server import Request, Site

from postbuch.webmail.policy import Kind
from postbuch.webmail.requests import MAX_FORM_OCTETS

# Who is answered while he still sends reads the answer when he has sent, or is told by the end of the connection.
LINGER_S = 5.0
# A target in the form for proxies; the name of a user before the host is an error (RFC 9110 section 4.2.4).
_WHOLE = re.compile(rb"https?://(?P<host>[^/?#@]+)(?P<path>(?:[/?].*)?)\Z", re.IGNORECASE)

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
        """The two forms of a request that proxies and programs use beside that of browsers become that one.

        A target that is whole has the host in it, which then counts (RFC 9112 section 3.2.2). One that is no path is no
        page: Twisted would answer `*` for itself. A body in chunks is here as a whole, and has a length (section
        7.1.3), without which Flask reads none of it.
        """
        channel: Any = self.channel
        if whole := _WHOLE.match(self.uri):
            self.requestHeaders.setRawHeaders(b"host", [whole["host"]])
            self.uri = whole["path"] if whole["path"].startswith(b"/") else b"/" + whole["path"]
            self.path = self.uri.partition(b"?")[0]
        if not self.path.startswith(b"/") and channel is not None:
            channel.refuse()
            return
        if self.content is not None and self.requestHeaders.hasHeader(b"transfer-encoding"):
            self.requestHeaders.removeHeader(b"transfer-encoding")
            self.requestHeaders.setRawHeaders(b"content-length", [b"%d" % self.content.seek(0, SEEK_END)])
            self.content.seek(0)
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
