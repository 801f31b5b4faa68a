"""Whether a mail password is right: a log-in at the upstream's IMAP server, and straight out again."""

import imaplib
from collections.abc import Callable
from enum import Enum

from postbuch.archive.config import Upstream
from postbuch.certs.trust import client_context

# A log-in at a large provider takes 0.2 to 2 s, and some hold back the answer to a wrong password for 5 s.
TIMEOUT_S = 15.0


class Verdict(Enum):
    """What upstream said."""

    GOOD = "good"
    WRONG = "wrong"
    SILENT = "silent"  # not there, not to be trusted, or not able to say


def check(upstream: Upstream, login: str, password: str) -> Verdict:
    """Ask upstream. Blocks for up to some 15 s; never raises on what upstream does."""
    if not login or not password or any(character in login + password for character in "\r\n\0"):
        return Verdict.WRONG
    try:
        connection = _connect(upstream)
    except (OSError, imaplib.IMAP4.error):
        return Verdict.SILENT
    try:
        return _log_in(connection, login, password)
    finally:
        try:
            connection.logout()
        except (OSError, imaplib.IMAP4.error):  # it hung up on a wrong password, which is its right
            connection.shutdown()


def _connect(upstream: Upstream) -> imaplib.IMAP4:
    endpoint = upstream.imap_endpoint
    if endpoint.scheme == "imap":  # the configuration lets this through for loopback only
        return imaplib.IMAP4(endpoint.host, endpoint.port, timeout=TIMEOUT_S)
    context = client_context(upstream.ca_file or None)
    return imaplib.IMAP4_SSL(endpoint.host, endpoint.port, ssl_context=context, timeout=TIMEOUT_S)


def _log_in(connection: imaplib.IMAP4, login: str, password: str) -> Verdict:
    def plain(_challenge: bytes) -> bytes:
        return f"\0{login}\0{password}".encode()

    # AUTHENTICATE PLAIN carries any password (RFC 4616); LOGIN's quoted strings are ASCII only (RFC 3501 section 9).
    step: Callable[[], object]
    if "AUTH=PLAIN" in connection.capabilities:
        step = lambda: connection.authenticate("PLAIN", plain)  # noqa: E731
    else:
        step = lambda: connection.login(login, password)  # noqa: E731
    try:
        step()
    except imaplib.IMAP4.abort:
        return Verdict.SILENT
    except imaplib.IMAP4.error as error:
        # RFC 5530: the server could not check, which says nothing about the password.
        return Verdict.SILENT if "[UNAVAILABLE]" in str(error).upper() else Verdict.WRONG
    except (OSError, UnicodeEncodeError):
        return Verdict.SILENT
    return Verdict.GOOD
