"""Whom we trust upstream: the system's roots and, for internal servers, one more file. Never less than that."""

import ssl
from pathlib import Path

from postbuch.archive.errors import ConfigError


def client_context(ca_file: str | Path | None = None) -> ssl.SSLContext:
    """A client-side context that verifies the certificate and the host name, TLS 1.2 or newer.

    Loading the system's roots takes some 20 ms: make one for each upstream and keep it.
    Raises ConfigError when `ca_file` is missing or holds no certificate.
    """
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file:
        try:
            context.load_verify_locations(cafile=ca_file)
        except (FileNotFoundError, PermissionError) as error:
            raise ConfigError(f"the key 'upstream.ca_file': {ca_file}: {error.strerror}") from None
        except (ssl.SSLError, OSError):
            raise ConfigError(f"the key 'upstream.ca_file': {ca_file} holds no certificate in PEM form") from None
    return context
