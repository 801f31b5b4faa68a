"""Opening a connection to a provider: TCP, verified TLS, no delay; a library's errors become named reasons here."""

import asyncio
import socket
import ssl
import time
from collections.abc import Callable
from typing import TypeVar

from postbuch.archive.endpoint import Endpoint
from postbuch.proxy.failure import Detail, Reason, UpstreamFailed

# TCP and TLS together: Outlook gives up after 60 s, so the client still gets our answer.
CONNECT_TIMEOUT_S = 20.0

ADDRESSES_FOR_S = 60.0

Protocol = TypeVar("Protocol", bound=asyncio.BaseProtocol)


class _Addresses:
    """What the names of providers stand for, asked again after a minute; the address that answered last comes first.

    Asking for each log-in costs a thread's work and, where a name has an address that nobody serves, one connection
    that is refused.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[str, int], tuple[list[str], float]] = {}

    def known(self, endpoint: Endpoint) -> list[str]:
        """Those of the last minute; empty when there are none."""
        found, at = self._known.get((endpoint.host, endpoint.port), ([], 0.0))
        return list(found) if time.monotonic() - at < ADDRESSES_FOR_S else []

    async def ask(self, endpoint: Endpoint) -> list[str]:
        """From the resolver. Raises OSError."""
        loop = asyncio.get_running_loop()
        answers = await loop.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
        found = list(dict.fromkeys(str(answer[4][0]) for answer in answers))
        self._known[endpoint.host, endpoint.port] = found, time.monotonic()
        return list(found)

    def prefer(self, endpoint: Endpoint, address: str) -> None:
        """This one answered."""
        found, _ = self._known.get((endpoint.host, endpoint.port), ([], 0.0))
        if found and found[0] != address and address in found:
            found.remove(address)
            found.insert(0, address)

    def forget(self, endpoint: Endpoint) -> None:
        """None of them answered."""
        self._known.pop((endpoint.host, endpoint.port), None)


_addresses = _Addresses()


async def connect(
    factory: Callable[[], Protocol], endpoint: Endpoint, trust: ssl.SSLContext | None
) -> tuple[asyncio.Transport, Protocol]:
    """A connected transport, inside TLS when `trust` is given. Raises UpstreamFailed.

    uvloop sets TCP_NODELAY by itself.
    """
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            known = _addresses.known(endpoint)
            if known:
                try:
                    return await _first(factory, endpoint, trust, known)
                except OSError as error:
                    if isinstance(error, ssl.SSLError):
                        raise
                    # It may have moved.
            return await _first(factory, endpoint, trust, await _addresses.ask(endpoint))
    except (TimeoutError, ssl.SSLError, OSError) as error:
        _addresses.forget(endpoint)
        raise as_failure(error) from error


async def _first(
    factory: Callable[[], Protocol], endpoint: Endpoint, trust: ssl.SSLContext | None, addresses: list[str]
) -> tuple[asyncio.Transport, Protocol]:
    """The first address that answers. Raises the last one's error."""
    last: OSError = ConnectionError("the name has no address")
    for address in addresses:
        try:
            made = await asyncio.get_running_loop().create_connection(
                factory, address, endpoint.port, ssl=trust, server_hostname=endpoint.host if trust else None
            )
        except ssl.SSLError:
            raise
        except OSError as error:
            last = error
        else:
            _addresses.prefer(endpoint, address)
            return made
    raise last


def as_failure(error: BaseException) -> UpstreamFailed:
    """The named reason of a failed connection."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return UpstreamFailed(Reason.UPSTREAM_CERTIFICATE, error.verify_message)
    if isinstance(error, ssl.SSLError):
        return UpstreamFailed(Reason.UPSTREAM_PROTOCOL, Detail.NO_TLS.said(words=error.reason or error))
    if isinstance(error, TimeoutError):
        return UpstreamFailed(Reason.UPSTREAM_TIMEOUT, Detail.NO_CONNECTION.said(seconds=round(CONNECT_TIMEOUT_S)))
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
