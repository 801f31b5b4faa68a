"""The TLS side towards clients: one context whose certificate follows the files, without dropping a connection."""

import os
import ssl
from pathlib import Path
from typing import Any

from postbuch.archive import systemwords
from postbuch.archive.config import Config
from postbuch.archive.errors import ConfigError
from postbuch.archive.settingreasons import Setting
from postbuch.certs.files import certificate_files

# (device, inode, mtime in ns, size) of one file; a rename or a rewrite changes at least one of them.
_Stamp = tuple[int, int, int, int]


def _stamp(path: Path) -> _Stamp:
    facts = os.stat(path)  # noqa: PTH116 - on the way of every handshake: Path.stat costs twice as much
    return facts.st_dev, facts.st_ino, facts.st_mtime_ns, facts.st_size


class CertificatePair:
    """The server certificate and its key on disk, and whether they changed since they were last taken up."""

    def __init__(self, certificate: Path, key: Path) -> None:
        self.certificate = certificate
        self.key = key
        self._taken: tuple[_Stamp, _Stamp] | None = None

    def stamps(self) -> tuple[_Stamp, _Stamp] | None:
        """What the files are now; None while one of them is missing (it is being replaced)."""
        try:
            return _stamp(self.certificate), _stamp(self.key)
        except OSError:
            return None

    def changed(self) -> bool:
        """Whether there is something new to load. Two `stat` calls; never raises."""
        now = self.stamps()
        return now is not None and now != self._taken

    def take(self, stamps: tuple[_Stamp, _Stamp] | None) -> None:
        """Remember what was loaded."""
        self._taken = stamps


class ServerContext:
    """A server-side `ssl.SSLContext` for listeners; give `.context` to asyncio once and forget about it.

    The files are looked at before each handshake (two `stat` calls). When they changed, the new certificate serves
    this handshake and all later ones; connections that stand are left alone. A pair that does not fit (key and
    certificate are two files, replaced one after the other) is not taken up: the old one serves until they fit.
    """

    def __init__(self, config: Config) -> None:
        files = certificate_files(config.data)
        self._pair = CertificatePair(files.server, files.server_key)
        self.context = _server_context()
        stamps = self._pair.stamps()
        try:
            self._load(self.context)
        except FileNotFoundError as error:
            raise ConfigError(Setting.CERTIFICATE_MISSING.said(path=error.filename or files.server)) from None
        except (ssl.SSLError, OSError) as error:
            raise ConfigError(Setting.CERTIFICATE_UNUSABLE.said(
                path=files.server, key=files.server_key.name, cause=systemwords.cause(error)
            )) from None  # fmt: skip
        self._pair.take(stamps)
        # Called in every handshake, also without a server name (RFC 6066 section 3 makes the name optional).
        self.context.sni_callback = self._before_handshake

    def reload_if_changed(self) -> ssl.SSLContext | None:
        """Take up changed files; the fresh context when there was something new and it fits, else None."""
        if not self._pair.changed():
            return None
        stamps = self._pair.stamps()
        fresh = _server_context()
        try:
            self._load(fresh)
            self._load(self.context)
        except (ssl.SSLError, OSError):
            return None
        self._pair.take(stamps)
        return fresh

    def _load(self, context: ssl.SSLContext) -> None:
        context.load_cert_chain(self._pair.certificate, self._pair.key)

    def _before_handshake(self, connection: Any, _name: str | None, _context: ssl.SSLContext) -> None:
        # OpenSSL copied the certificate into this connection before it asked us, so the connection is moved over.
        fresh = self.reload_if_changed()
        if fresh is not None:
            connection.context = fresh


def _server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    # A connection that resumes gets a new ticket: the second one that OpenSSL makes would be for nothing.
    context.num_tickets = 1
    return context
