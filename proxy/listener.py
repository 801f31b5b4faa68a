"""Listeners with implicit TLS."""

import asyncio
import ssl
from collections.abc import Callable

from postbuch.archive.endpoint import parse_address
from postbuch.proxy.receiver import Receiver
from postbuch.proxy.runtime import Runtime

_BACKLOG = 1024
_HANDSHAKE_TIMEOUT_S = 20.0


async def listen(
    runtime: Runtime, name: str, addresses: list[str], tls: ssl.SSLContext, factory: Callable[[], Receiver]
) -> list[asyncio.AbstractServer]:
    """One listener an address; each stands in the health file. Raises OSError when an address is taken."""
    servers: list[asyncio.AbstractServer] = []
    for text in addresses:
        address = parse_address(text)
        servers.append(
            await asyncio.get_running_loop().create_server(
                factory, address.host, address.port, ssl=tls, backlog=_BACKLOG,
                ssl_handshake_timeout=_HANDSHAKE_TIMEOUT_S,
            )
        )
        runtime.listeners.append({"name": name, "address": str(address)})
    return servers
