"""The life of a submitting client's session: its commands one after the other, what it hears when one fails, its end.

What the commands are and what they are answered is `submission.py`.
"""

import asyncio
import logging
from urllib.parse import urlsplit

from postbuch.archive import said
from postbuch.archive.errors import ConfigError
from postbuch.proxy.failure import Detail, Reason, UpstreamFailed
from postbuch.proxy.outgoing import Outgoing
from postbuch.proxy.runtime import Runtime
from postbuch.proxy.submission_connection import Connection, LineBroken
from postbuch.proxy.upstream import peer_name
from postbuch.proxy.upstream_smtp import SmtpLoginRefused

log = logging.getLogger("postbuch.proxy.submission")

# RFC 4954 section 4.3: a line of an AUTH exchange has up to 12,288 octets; tokens of 16 KiB are 22 KiB of base64.
MAX_AUTH_OCTETS = 24 * 1024
# RFC 5321 section 4.5.3.1.4: 512 octets, and what extensions add (RFC 3461 and RFC 4954: 500 each).
MAX_COMMAND_OCTETS = 4096
LOGIN_TIMEOUT_S = 120.0  # before the log-in; a slowed-down guess and upstream's own delay fit in
MAX_MISTAKES = 10


class SubmissionSession(Connection):
    """One client's session."""

    def __init__(self, runtime: Runtime, sessions: "set[SubmissionSession]") -> None:
        super().__init__(urlsplit(runtime.config.web.public_url).hostname or "localhost")
        self.id = runtime.new_session()
        self._runtime = runtime
        self._sessions = sessions
        self._outgoing = Outgoing(runtime, self.id, "")
        self._delivery: asyncio.Future[None] | None = None
        self._logged_in = self._answered = False
        self._broken = False  # a failure ended the transaction, and the client may have more of it on its way
        self._mistakes = 0

    @property
    def busy(self) -> bool:
        """Whether a message is on its way."""
        return self._transfer is not None or (self._delivery is not None and not self._delivery.done())

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._outgoing.client_address = peer_name(transport)
        self._sessions.add(self)
        self._runtime.counters["submission-connections"] += 1
        super().connection_made(transport)

    async def _handle_client(self) -> None:
        try:
            await self._say(f"220 {self.hostname} ESMTP Postbuch\r\n".encode())
            while not self._closing:
                self._reset_timeout(None if self._logged_in else LOGIN_TIMEOUT_S)
                line = await self._line(MAX_COMMAND_OCTETS if self._logged_in else MAX_AUTH_OCTETS)
                self._reset_timeout(None if self._logged_in else LOGIN_TIMEOUT_S)  # upstream's time is not the client's
                await self._execute(line)
        except LineBroken as error:
            await self._break_off(error.answer, said.of(error))
        except ConnectionError:
            pass  # the client has left
        finally:
            self._end()

    def _end(self) -> None:
        transfer, self._transfer = self._transfer, None
        if transfer is not None:
            # Without the dot upstream takes it for nothing.
            transfer.abort()
            self._outgoing.drop()
            self._delivery = None
            self._failed(Reason.CLIENT_PROTOCOL, Detail.LEFT_IN_MESSAGE.said(), answered=False, leg="client")
        self._runtime.spawn(self._leave())

    async def _leave(self) -> None:
        await self._hang_up()
        if self._delivery is not None:
            # The message was whole: it went on its way, and what became of it is on record.
            await asyncio.wait([self._delivery])
        await self._outgoing.close()
        self._sessions.discard(self)
        log.info("end session=%s account=%s", self.id, self._outgoing.account or "-")
        self._let_go()

    def abort(self) -> None:
        """Wait for nothing any more."""
        self._client.abort()
        self._outgoing.abort()

    async def _break_off(self, answer: bytes, detail: str) -> None:
        self._failed(Reason.CLIENT_PROTOCOL, detail, leg="client")
        self._closing = True
        await self._say(answer)

    async def _execute(self, line: bytes) -> None:
        verb, _, argument = line.decode("utf-8", "surrogateescape").partition(" ")
        handler = self._smtp_methods.get(verb.upper(), self._unknown)
        self._answered = False
        try:
            await handler(argument.strip(" \t"))
        except (UpstreamFailed, ConfigError) as error:
            self._break_transaction()
            if isinstance(error, UpstreamFailed):
                self._failed(error.reason, error.detail)
            else:
                self._failed(Reason.UPSTREAM_CERTIFICATE, said.of(error))
            await self._say(self._text("451 4.4.1 the mail provider cannot be used at the moment"))
        except SmtpLoginRefused as refused:
            # A password that was good at the log-in and is not any more.
            self._failed(Reason.LOGIN_REFUSED, f"{refused.reply.code} {refused.reply.text[:200]}")
            self._closing = True
            await self._say(self._text("421 4.7.0 log in again"))
        except (ConnectionError, LineBroken):
            raise
        except Exception as error:  # a defect of ours is never the message's fault: a temporary answer
            log.exception("submission-error session=%s", self.id)
            self._break_transaction()
            self._failed(Reason.INTERNAL, type(error).__name__)
            if self._answered:
                self._closing = True
            else:
                await self._say(self._text("451 4.3.0 an error here; try again later"))

    def _break_transaction(self) -> None:
        self._outgoing.drop()
        self._broken = True

    async def _out_of_order(self) -> None:
        """RCPT or DATA without a transaction.

        What stood behind the failure in a pipeline (RFC 2920) comes to be tried again as well: at a 503 a mail server
        would return the message to its sender, also to those recipients that were taken already.
        """
        if self._broken:
            await self._say(self._text("451 4.4.1 the mail provider cannot be used at the moment"))
        else:
            await self._say(b"503 5.5.1 MAIL comes first\r\n")

    async def _unknown(self, arg: str) -> None:
        self._mistakes += 1
        if self._mistakes >= MAX_MISTAKES:
            await self._break_off(b"421 4.7.0 too many unknown commands\r\n", Detail.TOO_MANY_UNKNOWN.said())
        else:
            await self._say(b"500 5.5.1 unknown command\r\n")

    def _answer(self, octets: bytes) -> None:
        """The reply to a command, at once; no second one may follow. After 421 upstream closes, and so do we."""
        self._answered = True
        self._closing = self._closing or octets.startswith(b"421")
        if not self._client.is_closing():
            self._client.write(octets)

    # --- failures -------------------------------------------------------------------------------------------------

    def _text(self, words: str) -> bytes:
        return f"{words} (session {self.id})\r\n".encode()

    def _failed(self, reason: Reason, detail: str, *, answered: bool = True, leg: str = "submission") -> None:
        self._runtime.failed(
            reason, account=self._outgoing.account, leg=leg, detail=detail, session=self.id, answered=answered,
            upstream=self._outgoing.provider,
        )
