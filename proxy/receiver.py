"""Protocols that TLS decrypts for into one buffer of the process.

uvloop reads a plain Protocol's octets record by record: it makes a string of 256 KiB for each record of 16 KiB, cuts it
to size and joins what came. A BufferedProtocol's records are decrypted into its own buffer one behind the other; one
copy makes the string. As reading and `buffer_updated` follow each other without a pause, one buffer serves all.
"""

import asyncio

from postbuch.proxy.busypoll import busy_poll

# Twice of what uvloop reads from a socket at once: what had gathered while reading was paused comes in one go, too.
BUFFER_OCTETS = 2 * 256 * 1024

_buffer = memoryview(bytearray(BUFFER_OCTETS))


class Receiver(asyncio.BufferedProtocol):
    """Gets its octets by `data_received`, as a Protocol does."""

    def data_received(self, data: bytes) -> None:
        """Octets of the peer."""
        raise NotImplementedError

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the octets go next."""
        return _buffer

    def buffer_updated(self, nbytes: int) -> None:
        """They are there."""
        busy_poll.came(nbytes)
        self.data_received(bytes(_buffer[:nbytes]))


_NOBODY = Receiver()


def part(transport: asyncio.Transport) -> None:
    """Nothing comes by this transport any more: have it forget its protocol, so that both go now.

    uvloop's TLS keeps the methods of the last one that it called. Two legs are 0.6 MB, and the collector comes seldom.
    """
    transport.set_protocol(_NOBODY)


class Receiving(Receiver):
    """A Receiver in front of a protocol that has to be a plain one, as aiosmtpd's is."""

    def __init__(self, protocol: asyncio.Protocol) -> None:
        self._protocol = protocol
        self.data_received = protocol.data_received  # type: ignore[method-assign] # one call less for each chunk

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """As the protocol does."""
        self._protocol.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """As the protocol does."""
        self._protocol.connection_lost(exc)

    def eof_received(self) -> bool | None:
        """As the protocol does."""
        return self._protocol.eof_received()

    def pause_writing(self) -> None:
        """As the protocol does."""
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        """As the protocol does."""
        self._protocol.resume_writing()
