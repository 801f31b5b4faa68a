"""The same certificate for Twisted's listeners, which speak pyOpenSSL instead of the `ssl` module."""

import contextlib

from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLContextFactory
from zope.interface import implementer

from postbuch.archive.config import Config
from postbuch.archive.errors import ConfigError
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
            raise ConfigError(f"{files.server}: is missing; run `postbuch init` first")
        try:
            self._context = self._load()
        except SSL.Error:
            raise ConfigError(f"{files.server}: the certificate and {files.server_key.name} do not fit") from None
        self._pair.take(stamps)

    def getContext(self) -> SSL.Context:
        """The context with the newest certificate that fits its key."""
        if self._pair.changed():
            stamps = self._pair.stamps()
            with contextlib.suppress(SSL.Error):
                self._context = self._load()
                self._pair.take(stamps)
        return self._context

    def _load(self) -> SSL.Context:
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        context.set_min_proto_version(SSL.TLS1_2_VERSION)
        context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION)
        context.set_mode(SSL.MODE_RELEASE_BUFFERS)
        context.set_session_id(b"postbuch")
        context.use_certificate_chain_file(str(self._pair.certificate))
        context.use_privatekey_file(str(self._pair.key))
        context.check_privatekey()
        return context
