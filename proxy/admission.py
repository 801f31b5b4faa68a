"""A log-in at the IMAP listener: slowed down where somebody guesses, asked upstream, and what the client hears of it.

Decides nothing about passwords itself: `throttle.py` says whether upstream may be asked, `mapped.py` what it is shown.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from postbuch.archive import said
from postbuch.archive.config import Upstream
from postbuch.archive.errors import ConfigError
from postbuch.proxy import login
from postbuch.proxy.credential import Credentials
from postbuch.proxy.failure import Detail, Reason, UpstreamFailed
from postbuch.proxy.login import LoggedIn, LoginRefused
from postbuch.proxy.mapped import Wanted, WrongPassword, wanted
from postbuch.proxy.runtime import Runtime
from postbuch.proxy.throttle import Attempt

log = logging.getLogger("postbuch.proxy.imap")


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """Whose session begins, where, with which connection; `shown` is what upstream took."""

    provider: Upstream
    who: Wanted
    done: LoggedIn
    shown: Credentials


class Admission:
    """One a session. `say` gives the client a line, if it is still there."""

    def __init__(self, runtime: Runtime, session: str, client_address: str, say: Callable[[bytes], None]) -> None:
        self._runtime = runtime
        self._session = session
        self._client_address = client_address
        self._say = say

    async def admit(self, tag: bytes, credentials: Credentials, client_id: bytes) -> Admitted | None:
        """Try to log in. None: the client was told why not, and it is on record."""
        with self._runtime.throttle.attempt(self._client_address, credentials.account, credentials.password) as attempt:
            await asyncio.sleep(attempt.delay_s)
            return await self._ask(tag, credentials, attempt, client_id)

    async def _ask(
        self, tag: bytes, credentials: Credentials, attempt: Attempt, client_id: bytes
    ) -> Admitted | None:
        runtime, who = self._runtime, wanted(self._runtime.config, credentials.account)
        provider, shown = who.provider, credentials
        if not attempt.may_ask:
            attempt.failed(asked=False)
            self._refuse(tag, who, b"", detail=Detail.NOT_ASKED.said())
            return None
        try:
            shown = await runtime.mapped.exchange(who, credentials)
            assert provider is not None  # noqa: S101 - `exchange` has seen to it
            done = await login.log_in(runtime, provider, shown, tag, client_id)
        except WrongPassword:
            attempt.failed(asked=False)
            self._refuse(tag, who, b"", Reason.REFUSED_HERE)
        except LoginRefused as refused:
            runtime.remembering.refused(provider, credentials)
            if shown is not credentials:
                # Nothing that the person can do: his mail program is not to ask him for another password.
                runtime.mapped.refused(who.account)
                self._unavailable(tag, who, Reason.STORED_REFUSED, who.account)
                return None
            if _says_later(refused.answer) is None:
                attempt.failed(asked=True)
            self._refuse(tag, who, refused.answer)
        except (UpstreamFailed, ConfigError) as error:
            reason = error.reason if isinstance(error, UpstreamFailed) else Reason.UPSTREAM_CERTIFICATE
            detail = error.detail if isinstance(error, UpstreamFailed) else said.of(error)
            if reason is Reason.UNKNOWN_DOMAIN:
                attempt.failed(asked=False)
            self._unavailable(tag, who, reason, detail)
        except Exception as error:  # a defect of ours must not leave the client without an answer
            log.exception("login-error session=%s", self._session)
            self._unavailable(tag, who, Reason.INTERNAL, type(error).__name__)
        else:
            attempt.succeeded()
            runtime.remembering.good(provider, credentials)
            runtime.login_event(who, self._client_address, self._session, ok=True)
            runtime.succeeded(account=who.account, leg="imap")
            runtime.counters["imap-logins"] += 1
            return Admitted(provider=provider, who=who, done=done, shown=shown)
        return None

    def _refuse(
        self, tag: bytes, who: Wanted, answer: bytes, reason: Reason = Reason.LOGIN_REFUSED, *, detail: str = ""
    ) -> None:
        """Upstream said no, or we. Codes that say "later" go on; else one text for all reasons."""
        code = _says_later(answer) or b"AUTHENTICATIONFAILED"
        text = answer.split(b" ", 1)[-1].decode("utf-8", "replace").strip()
        self._say(tag + b" NO [" + code + b"] the log-in failed (session " + self._session.encode() + b")\r\n")
        self._runtime.login_event(who, self._client_address, self._session, ok=False)
        self._failed(reason, who, detail or text or who.person)

    def _unavailable(self, tag: bytes, who: Wanted, reason: Reason, detail: str) -> None:
        if reason is Reason.UNKNOWN_DOMAIN:
            answer = b" NO [AUTHENTICATIONFAILED] the log-in failed (session "
        else:
            answer = b" NO [UNAVAILABLE] the mail provider cannot be used at the moment (session "
        self._say(tag + answer + self._session.encode() + b")\r\n")
        self._failed(reason, who, detail)

    def _failed(self, reason: Reason, who: Wanted, detail: str) -> None:
        # What no upstream serves is no account: anybody may type anything.
        account = who.account if who.provider or reason in (Reason.LOGIN_REFUSED, Reason.REFUSED_HERE) else ""
        self._runtime.failed(
            reason, account=account, leg="imap", detail=detail, session=self._session, answered=True,
            upstream=who.provider,
        )


def _says_later(answer: bytes) -> bytes | None:
    """The code by which upstream refuses a log-in without having looked at the password (RFC 5530 section 3)."""
    codes = (b"UNAVAILABLE", b"LIMIT", b"INUSE")
    return next((code for code in codes if b"[" + code in answer.upper()), None)
