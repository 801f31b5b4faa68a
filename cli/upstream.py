"""Is the mail provider there, is it who it says, does it take the password: asked the way a mail program asks.

Everything here blocks for at most TIMEOUT_S a step and answers with one sentence instead of an exception.
"""

import imaplib
import smtplib
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass

from postbuch.archive.config import Upstream
from postbuch.archive.endpoint import Endpoint
from postbuch.archive.errors import ConfigError
from postbuch.certs.trust import client_context
from postbuch.cli.language import translate as _

TIMEOUT_S = 10.0
_TLS_FROM_THE_START = {"imaps", "smtps"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """What was found on one of the two ways to the provider. `sentence` is empty when all is well."""

    name: str
    endpoint: Endpoint
    sentence: str


def look(upstream: Upstream, login: str = "", password: str = "") -> list[Leg]:
    """Connect both ways with verified TLS and read the greeting; with a password also log in."""
    ways: tuple[tuple[str, Endpoint, Callable[[Endpoint, ssl.SSLContext, str, str], None]], ...] = (
        ("IMAP", upstream.imap_endpoint, _imap),
        ("SMTP", upstream.submission_endpoint, _smtp),
    )
    try:
        trust = client_context(upstream.ca_file)
    except ConfigError as error:
        return [Leg(name=name, endpoint=endpoint, sentence=str(error)) for name, endpoint, _way in ways]
    return [
        Leg(name=name, endpoint=endpoint, sentence=_sentence(endpoint, lambda: way(endpoint, trust, login, password)))  # noqa: B023 - called at once
        for name, endpoint, way in ways
    ]


def _imap(endpoint: Endpoint, trust: ssl.SSLContext, login: str, password: str) -> None:
    if endpoint.scheme in _TLS_FROM_THE_START:
        client: imaplib.IMAP4 = imaplib.IMAP4_SSL(endpoint.host, endpoint.port, ssl_context=trust, timeout=TIMEOUT_S)
    else:
        client = imaplib.IMAP4(endpoint.host, endpoint.port, timeout=TIMEOUT_S)
    with client:
        if password:
            # AUTHENTICATE PLAIN instead of LOGIN: a password may have characters that a quoted string may not.
            client.authenticate("PLAIN", lambda _challenge: f"\0{login}\0{password}".encode())


def _smtp(endpoint: Endpoint, trust: ssl.SSLContext, login: str, password: str) -> None:
    if endpoint.scheme in _TLS_FROM_THE_START:
        client: smtplib.SMTP = smtplib.SMTP_SSL(endpoint.host, endpoint.port, context=trust, timeout=TIMEOUT_S)
    else:
        client = smtplib.SMTP(endpoint.host, endpoint.port, timeout=TIMEOUT_S)
    with client:
        client.ehlo()
        if endpoint.scheme == "submission":
            client.starttls(context=trust)
            client.ehlo()
        if password:
            client.user, client.password = login, password
            client.auth("PLAIN", client.auth_plain)


def _sentence(endpoint: Endpoint, act: Callable[[], None]) -> str:
    host, port = endpoint.host, endpoint.port
    try:
        act()
    except socket.gaierror:
        return _("the name {host} cannot be found; check the spelling and the DNS").format(host=host)
    except ssl.SSLCertVerificationError as error:
        return _("the certificate of {host} is not trusted: {cause}; name its CA in ca_file").format(
            host=host, cause=error.verify_message
        )
    except ssl.SSLError:
        return _("{host} port {port} does not speak TLS; check scheme and port").format(host=host, port=port)
    except TimeoutError:
        return _("{host} port {port} does not answer; check the port and the firewall").format(host=host, port=port)
    except ConnectionRefusedError:
        return _("nothing listens on {host} port {port}; check the port and the server").format(host=host, port=port)
    except smtplib.SMTPAuthenticationError as error:
        said = error.smtp_error.decode("utf-8", "replace") if isinstance(error.smtp_error, bytes) else error.smtp_error
        return _("{host} refuses the log-in: {answer}").format(host=host, answer=f"{error.smtp_code} {said}")
    except smtplib.SMTPNotSupportedError:
        return _("{host} port {port} does not offer what is needed (STARTTLS, AUTH)").format(host=host, port=port)
    except imaplib.IMAP4.error as error:
        said = error.args[0] if error.args else ""
        text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        return _("{host} refuses the log-in: {answer}").format(host=host, answer=text)
    except (OSError, smtplib.SMTPException) as error:
        return _("{host} port {port} broke off: {cause}").format(host=host, port=port, cause=error)
    return ""
