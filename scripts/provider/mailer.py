"""The pretend provider's SMTP server: takes mail from its employees and puts it into their mailboxes by LMTP.

What goes to anybody else is accepted and forgotten: the demo sends nothing into the world.
"""

import asyncio
import hmac
import ssl
from collections.abc import Mapping
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword, Session

from provider.dovecot import Dovecot

# More than Postbuch's own default limit: it is Postbuch's answer that is seen.
MAX_SIZE_OCTETS = 150 * 1024 * 1024


class _Delivery:
    """aiosmtpd's handler: everyone may write from his own address only."""

    def __init__(self, dovecot: Dovecot, users: Mapping[str, str]) -> None:
        self._dovecot = dovecot
        self._users = users

    async def handle_MAIL(
        self, server: Any, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if not session.authenticated:
            return "530 5.7.0 log in first"
        data: Any = session.auth_data
        login = data.login.decode()
        if address.lower() != login.lower():
            return f"553 5.7.1 {login} may not send as {address}"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_RCPT(
        self, server: Any, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        domain = next(iter(self._users)).partition("@")[2]
        if address.lower().endswith(f"@{domain}") and address.lower() not in self._users:
            return f"550 5.1.1 there is no {address} here"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: Any, session: Session, envelope: Envelope) -> str:
        content = envelope.content
        assert isinstance(content, bytes)
        for address in envelope.rcpt_tos:
            if address.lower() in self._users:
                await asyncio.to_thread(self._dovecot.deliver, address.lower(), content)
        return "250 2.0.0 delivered"


class Mailer:
    """The server in a thread of its own, with implicit TLS on a loopback port."""

    def __init__(self, dovecot: Dovecot, users: Mapping[str, str], context: ssl.SSLContext, port: int) -> None:
        self._users = {address.lower(): password for address, password in users.items()}
        self._controller = Controller(
            _Delivery(dovecot, self._users),
            hostname="127.0.0.1",
            port=port,
            ssl_context=context,
            authenticator=self._authenticate,
            auth_require_tls=False,  # the TLS is around everything; aiosmtpd only knows of STARTTLS
            data_size_limit=MAX_SIZE_OCTETS,
            enable_SMTPUTF8=True,
        )

    def start(self) -> None:
        """Listen; returns when connections are accepted."""
        self._controller.start()

    def stop(self) -> None:
        """Stop listening and end the thread."""
        self._controller.stop()

    def _authenticate(self, server: Any, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        if not isinstance(data, LoginPassword):
            return AuthResult(success=False, handled=False)
        expected = self._users.get(data.login.decode("utf-8", "replace").lower(), "")
        good = bool(expected) and hmac.compare_digest(expected.encode(), data.password)
        return AuthResult(success=good, auth_data=data if good else None, handled=False)
