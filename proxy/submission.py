"""The submission listener: aiosmtpd's command loop, with everything that matters overridden (proxy.md section 6).

AUTH is checked by logging in upstream; MAIL and RCPT get upstream's own replies; DATA goes through `delivery.py`.
There is no queue: a message is upstream's before the client hears 250, or it is still the client's.
"""

import asyncio
import binascii
import logging
import socket
import ssl
from base64 import b64decode, b64encode
from datetime import UTC, datetime
from typing import Any

from aiosmtpd.smtp import SMTP

from postbuch.archive.config import Upstream
from postbuch.archive.errors import ConfigError, SpoolError
from postbuch.proxy import esmtp
from postbuch.proxy.delivery import Delivery, Verdict
from postbuch.proxy.failure import Reason, UpstreamFailed
from postbuch.proxy.listener import listen
from postbuch.proxy.login import MAX_CREDENTIAL_OCTETS, Credentials, plain_response
from postbuch.proxy.runtime import Runtime
from postbuch.proxy.smtpleg import Reply, SmtpLeg, open_leg
from postbuch.proxy.upstream import peer_name, set_no_delay

log = logging.getLogger("postbuch.proxy.submission")
# aiosmtpd writes a line for each command; ours are enough, and no argument of AUTH may ever stand in a log.
logging.getLogger("mail.log").setLevel(logging.ERROR)

# Per line, AUTH's base64 token included (proxy.md: 2,000 octets and more): 16 KiB of token are 22 KiB of base64.
MAX_LINE_OCTETS = 32 * 1024
# Read from the client at once; the loop never works on more before others have their turn.
BLOCK_OCTETS = 128 * 1024
IDLE_TIMEOUT_S = 300.0  # RFC 5321 section 4.5.3.2.7
# RFC 5321 section 4.5.3.1.8 asks for at least 100.
MAX_RECIPIENTS = 10_000

_TRY_LATER = "451 4.3.0 the mail provider cannot be used at the moment; try again later (session {session})"
_NOT_KEPT = "451 4.3.0 the message cannot be archived at the moment; try again later (session {session})"


class Announced:
    """Provider name → extensions of its last EHLO: what may be announced before the log-in."""

    def __init__(self) -> None:
        self.learned: dict[str, dict[str, str]] = {}

    async def ask_all(self, runtime: Runtime) -> None:
        """Ask every provider once; one that is away is learned at its first log-in."""
        for provider in runtime.config.upstream:
            try:
                leg = await open_leg(runtime, provider)
            except (UpstreamFailed, ConfigError) as error:
                log.info("extensions-unknown upstream=%s cause=%r", provider.name, str(error))
                continue
            self.learned[provider.name] = leg.extensions
            leg.quit()


class Submission(SMTP):
    """One client's connection."""

    def __init__(self, runtime: Runtime, announced: Announced, sessions: "set[Submission]") -> None:
        super().__init__(
            None, hostname=socket.gethostname(), ident="Postbuch", timeout=IDLE_TIMEOUT_S, enable_SMTPUTF8=True,
            data_size_limit=None, auth_require_tls=False, loop=asyncio.get_running_loop(),
        )
        # aiosmtpd shares this between all connections; a class attribute of our own would do the same.
        self.command_size_limits = dict.fromkeys(self._smtp_methods, MAX_LINE_OCTETS)
        self.command_size_limit = MAX_LINE_OCTETS
        self.id = runtime.new_session()
        self.busy = False
        self._runtime = runtime
        self._announced = announced
        self._sessions = sessions
        self._client_address = ""
        self._client_name = ""
        self._account = ""
        self._provider: Upstream | None = None
        self._leg: SmtpLeg | None = None
        self._credentials: Credentials | None = None
        self._mail: dict[str, Any] | None = None
        self._recipients: list[dict[str, Any]] = []

    # --- the connection -------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._reader._limit = MAX_LINE_OCTETS  # type: ignore[attr-defined] # the constructor takes aiosmtpd's own
        set_no_delay(transport)
        self._client_address = peer_name(transport)
        self._sessions.add(self)
        self._runtime.counters["submission-connections"] += 1

    def connection_lost(self, error: Exception | None) -> None:
        self._sessions.discard(self)
        if self._leg is not None:
            (self._leg.abort if self.busy else self._leg.quit)()
        super().connection_lost(error)

    def shut_down(self) -> None:
        """The proxy ends: say so and close."""
        self._writer.write(b"421 4.3.2 the server is being restarted; try again later\r\n")
        self._writer.close()

    async def handle_exception(self, error: Exception) -> str:
        """A defect of ours is never the message's fault: a temporary answer."""
        log.exception("submission-error session=%s", self.id, exc_info=error)
        self._failed(Reason.INTERNAL, type(error).__name__)
        self._drop_leg()
        return _TRY_LATER.format(session=self.id)

    # --- greeting -------------------------------------------------------------------------------------------------

    async def smtp_EHLO(self, hostname: str) -> None:
        if not hostname:
            await self.push("501 5.5.4 EHLO needs a name")
            return
        await self._reset()
        self._client_name = hostname
        words = esmtp.announced(list(self._announced.learned.values()), self._runtime.config.submission.max_size_octets)
        lines = [self.hostname, *words]
        text = [f"250-{line}" for line in lines[:-1]] + [f"250 {lines[-1]}"]
        await self.push("\r\n".join(text))

    async def smtp_HELO(self, hostname: str) -> None:
        if not hostname:
            await self.push("501 5.5.4 HELO needs a name")
            return
        await self._reset()
        self._client_name = hostname
        await self.push(f"250 {self.hostname}")

    async def smtp_HELP(self, arg: str) -> None:
        await self.push("214 2.0.0 see RFC 6409")

    async def smtp_VRFY(self, arg: str) -> None:
        await self.push("252 2.5.0 send the message and see")

    # --- AUTH -----------------------------------------------------------------------------------------------------

    async def smtp_AUTH(self, arg: str | None) -> None:
        words = (arg or "").split()
        if not self._client_name:
            await self.push("503 5.5.1 say EHLO first")
        elif self._account:
            await self.push("503 5.5.1 you are logged in")
        elif not words or words[0].upper() not in ("PLAIN", "LOGIN"):
            await self.push("504 5.5.4 use AUTH PLAIN or AUTH LOGIN")
        elif len(words) > 2:
            await self.push("501 5.5.4 too many words")
        elif words[0].upper() == "PLAIN":
            token = words[1].encode() if len(words) == 2 else await self._ask(b"")
            credentials = plain_response(token) if token is not None else None
            await self._log_in(credentials)
        else:
            user = _decode(words[1].encode() if len(words) == 2 else await self._ask(b"Username:"))
            password = _decode(await self._ask(b"Password:")) if user else None
            given = user and password is not None
            await self._log_in(Credentials(user=user or b"", password=password or b"") if given else None)

    async def _ask(self, challenge: bytes) -> bytes | None:
        await self.push(b"334 " + b64encode(challenge))
        line = bytes(await self._reader.readuntil()).strip()
        return None if line == b"*" else line

    async def _log_in(self, credentials: Credentials | None) -> None:
        if credentials is None:
            await self.push("501 5.5.2 that is no answer to the challenge")
            return
        account, runtime = credentials.account, self._runtime
        delay_s = runtime.throttle.delay_s(self._client_address, account)
        if delay_s:
            await asyncio.sleep(delay_s)
        provider = runtime.config.upstream_for(account)
        self._provider = provider
        try:
            if provider is None:
                raise UpstreamFailed(Reason.UNKNOWN_DOMAIN, account.rpartition("@")[2] or account)
            if provider.auth != "password":
                raise UpstreamFailed(Reason.MODE_UNAVAILABLE, provider.auth)
            leg, reply = await self._open(provider, credentials)
        except (UpstreamFailed, ConfigError) as error:
            self._failed_leg(error, account if provider else "")
            if provider is None:
                runtime.throttle.failed(self._client_address, account)
                await self.push("535 5.7.8 the log-in failed")
            else:
                await self.push("454 4.7.0 the mail provider cannot be used at the moment; try again later")
            return
        if reply.code != 235:
            leg.quit()
            self._failed(Reason.LOGIN_REFUSED, f"{reply.code} {reply.text}", account)
            runtime.login_event(account, provider, self._client_address, self.id, ok=False)
            if 400 <= reply.code < 500:
                await self.push("454 4.7.0 the log-in is not possible at the moment; try again later")
            else:
                runtime.throttle.failed(self._client_address, account)
                await self.push("535 5.7.8 the log-in failed")
            return
        runtime.throttle.succeeded(self._client_address, account)
        runtime.login_event(account, provider, self._client_address, self.id, ok=True)
        runtime.counters["submission-logins"] += 1
        self._account, self._leg, self._credentials = account, leg, credentials
        self._announced.learned[provider.name] = leg.extensions if provider else {}
        log.info("login session=%s account=%s client=%s", self.id, account, self._client_address)
        await self.push(reply.raw)

    async def _open(self, provider: Upstream, credentials: Credentials) -> tuple[SmtpLeg, Reply]:
        leg = await open_leg(self._runtime, provider)
        try:
            return leg, await leg.authenticate(credentials.user, credentials.password)
        except BaseException:
            leg.abort()
            raise

    # --- MAIL, RCPT, RSET -----------------------------------------------------------------------------------------

    async def smtp_MAIL(self, arg: str | None) -> None:
        path = esmtp.path(arg, "FROM")
        if not self._account:
            await self.push("530 5.7.0 log in first")
        elif self._mail is not None:
            await self.push("503 5.5.1 one MAIL at a time")
        elif path is None:
            await self.push("501 5.5.4 write MAIL FROM:<address>")
        elif (unknown := esmtp.unknown_parameter(path.parameters)) is not None:
            await self.push(f"555 5.5.4 {unknown.partition('=')[0]} is not known here")
        elif (path.size_octets() or 0) > self._runtime.config.submission.max_size_octets:
            await self.push("552 5.3.4 the message is too large")
        else:
            await self._relay_mail(path)

    async def _relay_mail(self, path: esmtp.Path) -> None:
        try:
            leg = await self._usable_leg()
            given = esmtp.relayed_parameters(path.parameters, leg.extensions)
            reply = await leg.command(f"MAIL FROM:<{path.address}>{given}")
        except (UpstreamFailed, ConfigError) as error:
            await self._upstream_failed(error)
            return
        if reply.code == 250:
            self._recipients = []
            self._mail = {
                "mail_from": _text(path.address), "parameters": _text(" ".join(path.parameters)),
                "client_name": _text(self._client_name), "at": datetime.now(UTC).isoformat(),
            }
        await self.push(reply.raw)

    async def smtp_RCPT(self, arg: str | None) -> None:
        path = esmtp.path(arg, "TO")
        if self._mail is None or self._leg is None:
            await self.push("503 5.5.1 MAIL comes first")
        elif path is None or not path.address:
            await self.push("501 5.5.4 write RCPT TO:<address>")
        elif (unknown := esmtp.unknown_parameter(path.parameters)) is not None:
            await self.push(f"555 5.5.4 {unknown.partition('=')[0]} is not known here")
        elif len(self._recipients) >= MAX_RECIPIENTS:
            await self.push("452 4.5.3 too many recipients")
        else:
            try:
                given = esmtp.relayed_parameters(path.parameters, self._leg.extensions)
                reply = await self._leg.command(f"RCPT TO:<{path.address}>{given}")
            except UpstreamFailed as error:
                await self._upstream_failed(error)
                return
            self._recipients.append({"address": _text(path.address), "code": reply.code, "text": reply.text[:1000]})
            await self.push(reply.raw)

    async def smtp_RSET(self, arg: str | None) -> None:
        await self._reset()
        await self.push("250 2.0.0 done")

    async def _reset(self) -> None:
        if self._mail is not None and self._leg is not None:
            try:
                await self._leg.command("RSET")
            except UpstreamFailed as error:
                self._failed_leg(error, self._account)
                self._drop_leg()
        self._forget()

    def _forget(self) -> None:
        self._mail, self._recipients = None, []

    async def _usable_leg(self) -> SmtpLeg:
        """The session's leg; a new one when upstream closed it between two messages (idle time-out)."""
        if self._leg is not None and self._leg.usable:
            return self._leg
        self._drop_leg()
        if self._provider is None or self._credentials is None:
            raise UpstreamFailed(Reason.INTERNAL, "no credentials")
        leg, reply = await self._open(self._provider, self._credentials)
        if reply.code != 235:
            leg.quit()
            raise UpstreamFailed(Reason.LOGIN_REFUSED, f"{reply.code} {reply.text}")
        self._leg = leg
        return leg

    # --- DATA -----------------------------------------------------------------------------------------------------

    async def smtp_DATA(self, arg: str | None) -> None:
        if self._mail is None or self._leg is None:
            await self.push("503 5.5.1 MAIL comes first")
            return
        if arg:
            await self.push("501 5.5.4 DATA takes no argument")
            return
        if not any(200 <= recipient["code"] < 300 for recipient in self._recipients):
            await self.push("554 5.5.1 no valid recipients")
            return
        limit = self._runtime.config.submission.max_size_octets
        try:
            # How long it will be is not known yet; the spool's own reserve is what must be free.
            message = self._runtime.spool.begin()
        except SpoolError as error:
            self._failed(Reason.SPOOL_UNWRITABLE, str(error), leg="spool")
            await self.push(_NOT_KEPT.format(session=self.id))
            return
        try:
            reply = await self._leg.command("DATA")
        except UpstreamFailed as error:
            message.abort()
            await self._upstream_failed(error)
            return
        if reply.code != 354:
            message.abort()
            self._forget()
            await self.push(reply.raw)
            return
        await self.push(reply.raw)
        delivery = Delivery(self._runtime, self._leg, message, limit)
        self.busy = True
        try:
            verdict = await delivery.run(self._block, self._facts())
        except EOFError:
            raise ConnectionResetError("the client closed in the middle of a message") from None
        finally:
            self.busy = False
        self._put_back(delivery.rest)
        await self._conclude(delivery, verdict)

    async def _conclude(self, delivery: Delivery, verdict: Verdict) -> None:
        self._forget()
        if verdict is Verdict.REPLIED and delivery.reply is not None:
            self._runtime.succeeded(account=self._account, leg="submission")
            self._runtime.counters["submissions"] += 1
            log.info("submitted session=%s account=%s code=%d", self.id, self._account, delivery.reply.code)
            await self.push(delivery.reply.raw)
            return
        self._leg = None
        if verdict is Verdict.TOO_LARGE:
            limit = self._runtime.config.submission.max_size_octets
            await self.push(f"552 5.3.4 the message is larger than {limit} octets")
        elif verdict is Verdict.NOT_DURABLE:
            self._failed(Reason.SPOOL_UNWRITABLE, delivery.problem, leg="spool")
            await self.push(_NOT_KEPT.format(session=self.id))
        elif delivery.failure is not None:
            self._failed_leg(delivery.failure, self._account)
            await self.push(_TRY_LATER.format(session=self.id))

    def _facts(self) -> dict[str, Any]:
        return {
            "account": self._account, "upstream": self._provider.name if self._provider else "", "session": self.id,
            "client_address": self._client_address, "source": "submission", "mailbox": None, "mailbox_utf8": False,
            "uidvalidity": None, "uid": None, "flags": [], "internal_date": None,
            "envelope": {**(self._mail or {}), "recipients": self._recipients},
        }

    async def _block(self) -> bytes:
        self._reset_timeout()
        return bytes(await self._reader.read(BLOCK_OCTETS))

    def _put_back(self, octets: bytes) -> None:
        """Commands that came in the same block as the end of the message."""
        if octets:
            self._reader._buffer[0:0] = octets  # type: ignore[attr-defined] # StreamReader has no way to unread

    # --- failures -------------------------------------------------------------------------------------------------

    async def _upstream_failed(self, error: UpstreamFailed | ConfigError) -> None:
        self._failed_leg(error, self._account)
        self._drop_leg()
        self._forget()
        await self.push(_TRY_LATER.format(session=self.id))

    def _drop_leg(self) -> None:
        if self._leg is not None:
            self._leg.abort()
            self._leg = None

    def _failed_leg(self, error: UpstreamFailed | ConfigError, account: str) -> None:
        if isinstance(error, UpstreamFailed):
            self._failed(error.reason, error.detail, account)
        else:
            self._failed(Reason.UPSTREAM_CERTIFICATE, str(error), account)

    def _failed(self, reason: Reason, detail: str, account: str | None = None, leg: str = "submission") -> None:
        self._runtime.failed(
            reason, account=self._account if account is None else account, leg=leg, detail=detail, session=self.id,
            answered=True, upstream=self._provider,
        )


def _decode(token: bytes | None) -> bytes | None:
    if token is None or len(token) > MAX_CREDENTIAL_OCTETS:
        return None
    try:
        return b64decode(token, validate=True)
    except (binascii.Error, ValueError):
        return None


def _text(given: str) -> str:
    """Surrogates from undecodable octets as replacement characters: the database takes text only."""
    return given.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


async def start(
    runtime: Runtime, tls: ssl.SSLContext, sessions: set[Submission]
) -> list[asyncio.AbstractServer]:
    """Open the submission listeners; `sessions` holds the connections that stand."""
    announced = Announced()
    servers = await listen(
        runtime, "submission", runtime.config.submission.listen, tls, lambda: Submission(runtime, announced, sessions)
    )
    runtime.spawn(announced.ask_all(runtime))
    return servers


async def drain(sessions: set[Submission], patience_s: float) -> None:
    """Let messages that are on their way arrive, then close every connection."""
    end = asyncio.get_running_loop().time() + patience_s
    while any(session.busy for session in sessions) and asyncio.get_running_loop().time() < end:
        await asyncio.sleep(0.05)  # noqa: ASYNC110 - once in a process's life
    for session in list(sessions):
        session.shut_down()
