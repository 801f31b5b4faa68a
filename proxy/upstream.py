"""Opening a connection to a provider: TCP, verified TLS, no delay; a library's errors become named reasons here."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import TypeVar

from postbuch.archive.config import Endpoint
from postbuch.proxy.failure import Reason, UpstreamFailed

# TCP and TLS together: Outlook gives up after 60 s, so the client still gets our answer.
CONNECT_TIMEOUT_S = 20.0

Protocol = TypeVar("Protocol", bound=asyncio.BaseProtocol)


async def connect(
    factory: Callable[[], Protocol], endpoint: Endpoint, trust: ssl.SSLContext | None
) -> tuple[asyncio.Transport, Protocol]:
    """A connected transport, inside TLS when `trust` is given. Raises UpstreamFailed."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            made = await loop.create_connection(
                factory, endpoint.host, endpoint.port, ssl=trust, server_hostname=endpoint.host if trust else None
            )
    except (TimeoutError, ssl.SSLError, OSError) as error:
        raise as_failure(error) from error
    set_no_delay(made[0])
    return made


def as_failure(error: BaseException) -> UpstreamFailed:
    """The named reason of a failed connection."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return UpstreamFailed(Reason.UPSTREAM_CERTIFICATE, error.verify_message)
    if isinstance(error, ssl.SSLError):
        return UpstreamFailed(Reason.UPSTREAM_PROTOCOL, f"no TLS: {error.reason or error}")
    if isinstance(error, TimeoutError):
        return UpstreamFailed(Reason.UPSTREAM_TIMEOUT, f"no connection within {CONNECT_TIMEOUT_S:.0f} s")
    detail = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return UpstreamFailed(Reason.UPSTREAM_UNREACHABLE, detail)


def set_no_delay(transport: asyncio.BaseTransport) -> None:
    """TCP_NODELAY: without it an answer waits 40 ms for company."""
    connection = transport.get_extra_info("socket")
    if connection is not None and connection.family in (socket.AF_INET, socket.AF_INET6):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def peer_name(transport: asyncio.BaseTransport) -> str:
    """The client's address without its port; empty when it has gone already."""
    name = transport.get_extra_info("peername")
    return str(name[0]) if name else ""
