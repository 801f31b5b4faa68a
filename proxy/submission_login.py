"""AUTH of the submission listener: the client's credentials, tried upstream. Nothing of them is ever logged.

RFC 4954; PLAIN is RFC 4616, LOGIN is what Outlook speaks (draft-murchison-sasl-login).
"""

import asyncio
import base64
import logging
from collections.abc import Awaitable, Callable

from postbuch.archive import said
from postbuch.archive.errors import ConfigError
from postbuch.proxy.credential import Credentials
from postbuch.proxy.failure import Detail, Reason, UpstreamFailed
from postbuch.proxy.login import decode, plain_response
from postbuch.proxy.mapped import WrongPassword, wanted
from postbuch.proxy.outgoing import Outgoing
from postbuch.proxy.runtime import Runtime
from postbuch.proxy.throttle import Attempt
from postbuch.proxy.upstream_smtp import SmtpLoginRefused

log = logging.getLogger("postbuch.proxy.submission")

MECHANISMS = (b"PLAIN", b"LOGIN")
_MALFORMED = b"501 5.5.2 that is not what the mechanism sends\r\n"
_CANCELLED = b"501 5.7.0 cancelled\r\n"
_WRONG = "535 5.7.8 the log-in failed (session {})\r\n"
_LATER = "454 4.7.0 the mail provider cannot be used at the moment (session {})\r\n"

# Sends a challenge and gives the client's line without CRLF.
Ask = Callable[[bytes], Awaitable[bytes]]


class Malformed(Exception):
    """The client's side of the exchange is not what it should be; carries the answer."""

    def __init__(self, answer: bytes) -> None:
        super().__init__("malformed log-in")
        self.answer = answer


async def read_credentials(mechanism: bytes, initial: bytes | None, ask: Ask) -> Credentials:
    """The exchange up to the last response; `initial` came with AUTH. Raises Malformed."""
    if mechanism == b"PLAIN":
        credentials = plain_response(await _answer(ask, b"") if initial is None else initial)
        if credentials is None:
            raise Malformed(_MALFORMED)
    else:
        user = decode(await _answer(ask, b"Username:") if initial is None else initial)
        password = decode(await _answer(ask, b"Password:"))
        if not user or password is None:
            raise Malformed(_MALFORMED)
        credentials = Credentials(user=user, password=password)
    # Control characters would forge fields of PLAIN (NUL) or lines of the log; no account has them.
    if min(credentials.user) < 0x20 or b"\0" in credentials.password:
        raise Malformed(_MALFORMED)
    return credentials


async def _answer(ask: Ask, challenge: bytes) -> bytes:
    line = await ask(b"334 " + base64.b64encode(challenge) + b"\r\n")
    if line == b"*":
        raise Malformed(_CANCELLED)
    return line


async def log_in(
    runtime: Runtime, outgoing: Outgoing, credentials: Credentials, client_name: str
) -> tuple[bool, bytes]:
    """Try the credentials upstream, once: whether they are good, and the answer to the client."""
    with runtime.throttle.attempt(outgoing.client_address, credentials.account, credentials.password) as attempt:
        await asyncio.sleep(attempt.delay_s)
        return await _log_in(runtime, outgoing, credentials, client_name, attempt)


async def _log_in(
    runtime: Runtime, outgoing: Outgoing, credentials: Credentials, client_name: str, attempt: Attempt
) -> tuple[bool, bytes]:
    who, address = wanted(runtime.config, credentials.account), outgoing.client_address
    account, provider, shown = who.account, who.provider, credentials

    def failed(reason: Reason, detail: str) -> None:
        runtime.failed(
            reason, account=account if provider else "", leg="submission", detail=detail, session=outgoing.session,
            answered=True, upstream=provider,
        )

    if not attempt.may_ask:
        attempt.failed(asked=False)
        runtime.login_event(who, address, outgoing.session, ok=False)
        failed(Reason.LOGIN_REFUSED, Detail.NOT_ASKED.said())
        return False, _WRONG.format(outgoing.session).encode()
    try:
        shown = await runtime.mapped.exchange(who, credentials)
        assert provider is not None  # noqa: S101 - `exchange` has seen to it
        answer = await outgoing.log_in(provider, shown, client_name)
    except WrongPassword:
        runtime.login_event(who, address, outgoing.session, ok=False)
        failed(Reason.REFUSED_HERE, who.person)
        attempt.failed(asked=False)
        return False, _WRONG.format(outgoing.session).encode()
    except SmtpLoginRefused as refused:
        if shown is not credentials:
            # Nothing that the person can do: his mail program is not to ask him for another password.
            if refused.reply.code >= 500:
                runtime.mapped.refused(account)
            failed(Reason.STORED_REFUSED, account)
            return False, _LATER.format(outgoing.session).encode()
        runtime.login_event(who, address, outgoing.session, ok=False)
        failed(Reason.LOGIN_REFUSED, f"{refused.reply.code} {refused.reply.text[:200]}")
        if refused.reply.code < 500:
            return False, _LATER.format(outgoing.session).encode()
        runtime.remembering.refused(provider, credentials)
        attempt.failed(asked=True)
        return False, _WRONG.format(outgoing.session).encode()
    except UpstreamFailed as failure:
        failed(failure.reason, failure.detail)
        if failure.reason is not Reason.UNKNOWN_DOMAIN:
            return False, _LATER.format(outgoing.session).encode()
        # Which domains are served is nothing to learn by trying.
        attempt.failed(asked=False)
        runtime.login_event(who, address, outgoing.session, ok=False)
        return False, _WRONG.format(outgoing.session).encode()
    except ConfigError as error:
        failed(Reason.UPSTREAM_CERTIFICATE, said.of(error))
        return False, _LATER.format(outgoing.session).encode()
    attempt.succeeded()
    runtime.remembering.good(provider, credentials)
    runtime.login_event(who, address, outgoing.session, ok=True)
    runtime.succeeded(account=account, leg="submission")
    runtime.counters["submission-logins"] += 1
    log.info("login session=%s account=%s client=%s", outgoing.session, account, address)
    return True, answer.octets
