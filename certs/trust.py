"""Whom we trust upstream: the system's roots and, for internal servers, one more file. Never less than that."""

import ssl
import time
from pathlib import Path
from typing import TypeVar

from postbuch.archive import systemwords
from postbuch.archive.errors import ConfigError
from postbuch.archive.settingreasons import Setting

Context = TypeVar("Context", bound=ssl.SSLContext)


# A server's tickets live for hours; a certificate that is not trusted any more is noticed within one.
RESUME_FOR_S = 3600.0


class ResumingContext(ssl.SSLContext):
    """Offers a server its last session again, which saves both sides most of the handshake (RFC 8446 section 2.2).

    The session is of a connection whose certificate and host name were verified by this context. A server that does
    not know it makes a full handshake, with verification. For the connections to one service: one host, one port.
    """

    _known: tuple[ssl.SSLSession, str, float] | None = None

    def remember(self, connection: ssl.SSLObject) -> None:
        """Keep the session of a connection that has received data (TLS 1.3 sends tickets after the handshake)."""
        if connection.session_reused:
            return  # and asking for its session would copy it
        session, name = connection.session, connection.server_hostname
        if session is not None and name is not None:
            self._known = session, name, time.monotonic()

    def wrap_bio(
        self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, server_side: bool = False,
        server_hostname: str | bytes | None = None, session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        """As the base class, with the session that is known."""
        if session is None and self._known is not None:
            known, name, at = self._known
            if name == server_hostname and time.monotonic() - at < RESUME_FOR_S:
                session = known
        return super().wrap_bio(incoming, outgoing, server_side, server_hostname, session)


def resuming_context(ca_file: str | Path | None = None) -> ResumingContext:
    """As `client_context`, for one service that is connected to again and again."""
    return _trusting(ResumingContext(ssl.PROTOCOL_TLS_CLIENT), ca_file)


def client_context(ca_file: str | Path | None = None) -> ssl.SSLContext:
    """A client-side context that verifies the certificate and the host name, TLS 1.2 or newer.

    Loading the system's roots takes some 20 ms: make one for each upstream and keep it.
    Raises ConfigError when `ca_file` is missing or holds no certificate.
    """
    return _trusting(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), ca_file)


def _trusting(context: Context, ca_file: str | Path | None) -> Context:
    # PROTOCOL_TLS_CLIENT verifies the certificate and the host name by itself.
    context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file:
        try:
            context.load_verify_locations(cafile=ca_file)
        except (FileNotFoundError, PermissionError) as error:
            raise ConfigError(Setting.NO_CA_FILE.said(path=ca_file, cause=systemwords.cause(error))) from None
        except (ssl.SSLError, OSError):
            raise ConfigError(Setting.CA_FILE_EMPTY.said(path=ca_file)) from None
    return context
