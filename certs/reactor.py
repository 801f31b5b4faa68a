"""The same certificate for the listeners that speak pyOpenSSL instead of the `ssl` module: Twisted's, and FTPS."""

import contextlib
import secrets
from typing import Any

from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLContextFactory
from zope.interface import implementer

from postbuch.archive.config import Config
from postbuch.archive.errors import ConfigError
from postbuch.archive.settingreasons import Setting
from postbuch.certs.files import certificate_files
from postbuch.certs.server import CertificatePair


@implementer(IOpenSSLContextFactory)
class ReactorContext:
    """Give it to `SSL4ServerEndpoint` or `listenSSL`; Twisted asks `getContext` for every connection."""

    def __init__(self, config: Config) -> None:
        files = certificate_files(config.data)
        self._pair = CertificatePair(files.server, files.server_key)
        stamps = self._pair.stamps()
        if stamps is None:
            raise ConfigError(Setting.CERTIFICATE_MISSING.said(path=files.server))
        try:
            self._context = self._load()
        except SSL.Error:
            raise ConfigError(Setting.CERTIFICATE_UNFIT.said(path=files.server, key=files.server_key.name)) from None
        self._pair.take(stamps)

    def getContext(self) -> SSL.Context:
        """The context with the newest certificate that fits its key."""
        if self._pair.changed():
            stamps = self._pair.stamps()
            with contextlib.suppress(SSL.Error):
                self._context = self._load()
                self._pair.take(stamps)
        return self._context

    def alone(self, seconds: int) -> SSL.Context:
        """A context for one client, with keys for its tickets that nobody else has.

        A connection with it that resumes a session is by who had that session, for so many seconds. Raises ConfigError.
        """
        try:
            context = self._load(secrets.token_bytes(16))
        except SSL.Error:  # certificate and key are two files, replaced one after the other
            raise ConfigError(
                Setting.CERTIFICATE_UNFIT.said(path=self._pair.certificate, key=self._pair.key.name)
            ) from None
        context.set_timeout(seconds)
        return context

    def _load(self, session_id: bytes = b"postbuch") -> SSL.Context:
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        context.set_min_proto_version(SSL.TLS1_2_VERSION)
        context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION)
        context.set_mode(SSL.MODE_RELEASE_BUFFERS)
        context.set_session_id(session_id)
        context.use_certificate_chain_file(str(self._pair.certificate))
        context.use_privatekey_file(str(self._pair.key))
        context.check_privatekey()
        return context


def is_resumed(connection: SSL.Connection) -> bool:
    """Whether the handshake took up an earlier session of the same context (SSL_session_reused(3))."""
    library: Any = SSL
    # pyOpenSSL has no name of its own for it.
    return bool(library._lib.SSL_session_reused(connection._ssl))
