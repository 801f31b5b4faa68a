"""What each kind of answer may do in a browser: the headers of webmail.md section 3."""

from enum import Enum
from urllib.parse import urlsplit

from flask import Response, g

from postbuch.archive.config import Config
from postbuch.archive.endpoint import is_loopback

_SANDBOX = "sandbox allow-same-origin allow-popups allow-popups-to-escape-sandbox"


class Kind(Enum):
    """Kinds of answers by their Content-Security-Policy."""

    PAGE = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
        "frame-src 'self'; font-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )
    # The message itself. Without allow-same-origin Chromium sends no cookie for the pictures.
    BODY = (
        "default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; "
        f"frame-ancestors 'self'; {_SANDBOX}"
    )
    # Files out of messages, downloaded or shown as an image or as text.
    FILE = "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox"
    # Chromium's PDF viewer is a page of its own and refuses to work in a sandbox; the type is checked before.
    PDF = "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; object-src 'self'; frame-ancestors 'none'"


def mark(kind: Kind) -> None:
    """Say of which kind the answer to this request is; PAGE unless said otherwise."""
    g.kind = kind


def apply(response: Response, config: Config) -> Response:
    """Put the headers on an answer."""
    kind: Kind = g.get("kind", Kind.PAGE)
    headers = response.headers
    headers["Content-Security-Policy"] = kind.value
    headers["X-Content-Type-Options"] = "nosniff"
    # Our own pages get it (the check of forms over TLS wants it), nobody else learns an address of ours.
    headers["Referrer-Policy"] = "same-origin" if kind is Kind.PAGE else "no-referrer"
    headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    # On a shared computer nothing stays behind after the log-out.
    headers.setdefault("Cache-Control", "no-store")
    if _strict_transport(config):
        headers["Strict-Transport-Security"] = "max-age=31536000"
    return response


def _strict_transport(config: Config) -> bool:
    """For a real name over TLS; on loopback it would bind every other program of the machine."""
    parts = urlsplit(config.web.public_url)
    return parts.scheme == "https" and not is_loopback(parts.hostname or "localhost")


def is_secure(config: Config) -> bool:
    """Whether browsers reach us by TLS, ours or that of a proxy in front of us."""
    return not config.web.listen.startswith("http://") or config.web.public_url.startswith("https://")
