"""A strict submission server of another make than the sink: aiosmtpd, with people who get no mail."""

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from provider.ports import free_port

REFUSALS = {
    "niemand@x.example": "550-5.1.1 no such person here\r\n550 5.1.1 ask somebody else",
    "spaeter@x.example": "451 4.7.1 come back in a while",
    "voll@x.example": "452 4.2.2 the mailbox is full",
}
NO_SENDER = "weg@firma.example"
EMPTY = b"\r\n"


class _House:
    """aiosmtpd's hooks."""

    def __init__(self) -> None:
        self.messages: list[tuple[str | None, list[str], list[str], bytes]] = []

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address == NO_SENDER:
            return "553 5.1.8 that is not you"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 go on"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in REFUSALS:
            return REFUSALS[address]
        envelope.rcpt_tos.append(address)
        return f"250 2.1.5 {address} is known"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = envelope.original_content or b""
        if content == EMPTY:
            return "554 5.6.0 there is nothing in it"
        self.messages.append((envelope.mail_from, envelope.rcpt_tos, envelope.mail_options, content))
        return f"250 2.0.0 {len(content)} octets taken"


class StrictServer:
    """`with` starts and ends it; `messages` are what was taken: sender, recipients, parameters, octets."""

    def __init__(self, folder: Path, users: Mapping[str, str]) -> None:
        self.port, self.ca_file = free_port(), folder / "strict-ca.pem"
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(self.ca_file))
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost", "127.0.0.1").configure_cert(tls)

        def check(server: SMTP, session: Session, envelope: Envelope, mechanism: str, given: Any) -> AuthResult:
            assert isinstance(given, LoginPassword)
            return AuthResult(success=users.get(given.login.decode()) == given.password.decode())

        self._house = _House()
        self._controller = Controller(
            self._house, hostname="127.0.0.1", port=self.port, ssl_context=tls, auth_require_tls=False,
            authenticator=check, enable_SMTPUTF8=True,
        )  # fmt: skip

    @property
    def messages(self) -> list[tuple[str | None, list[str], list[str], bytes]]:
        return self._house.messages

    def __enter__(self) -> "StrictServer":
        self._controller.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._controller.stop()
