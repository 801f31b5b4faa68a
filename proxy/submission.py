"""What a submitting client says, and what it is answered (proxy.md section 6).

AUTH is checked by logging in upstream; MAIL, RCPT and the message get upstream's own replies. The 354 is ours once it
has taken a recipient: the client sends while DATA is on its way there. There is no queue: a message is upstream's
before the client hears 250, or it is still the client's.
"""

import asyncio
import logging

from postbuch.archive import said
from postbuch.archive.errors import SpoolError
from postbuch.proxy import envelope, submission_data, submission_login
from postbuch.proxy.delivery import Delivery
from postbuch.proxy.extensions import Extensions
from postbuch.proxy.failure import Detail, Reason
from postbuch.proxy.runtime import Runtime
from postbuch.proxy.signed import GO_AHEAD, Signer, deliver_signed
from postbuch.proxy.smtpreply import Reply
from postbuch.proxy.submission_session import MAX_AUTH_OCTETS, SubmissionSession
from postbuch.proxy.transfer import Transfer

log = logging.getLogger("postbuch.proxy.submission")

MAX_LOGINS = 5


class Submission(SubmissionSession):
    """One client's connection."""

    def __init__(
        self, runtime: Runtime, extensions: Extensions, signer: Signer, sessions: set[SubmissionSession]
    ) -> None:
        super().__init__(runtime, sessions)
        self._extensions = extensions
        self._signer = signer
        self._client_name = ""
        self._logins = 0

    # --- greeting and small commands ------------------------------------------------------------------------------

    async def smtp_EHLO(self, hostname: str) -> None:
        await self._greet(hostname, self._extensions.lines(self._outgoing.provider))

    async def smtp_HELO(self, hostname: str) -> None:
        await self._greet(hostname, [])  # in one line (RFC 5321 section 4.1.1.1)

    async def _greet(self, hostname: str, extensions: list[str]) -> None:
        if not hostname:
            await self._say(b"501 5.5.4 say your name\r\n")
            return
        self._broken = False
        await self._outgoing.reset()
        self._client_name = hostname.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        lines = [self.hostname, *extensions]
        text = "".join(f"250-{line}\r\n" for line in lines[:-1]) + f"250 {lines[-1]}\r\n"
        await self._say(text.encode())

    async def smtp_RSET(self, arg: str) -> None:
        self._broken = False
        reply = await self._outgoing.reset()
        if reply is None:
            await self._say(b"250 2.0.0 done\r\n")
        else:
            await self._relay(reply)

    async def smtp_VRFY(self, arg: str) -> None:
        if await self._may():
            await self._say(b"252 2.5.2 send the message and see\r\n")

    async def smtp_BDAT(self, arg: str) -> None:
        # Octets follow that are no commands, and it was never offered.
        await self._break_off(b"502 5.5.1 not served here\r\n", Detail.BDAT.said())

    # --- AUTH -----------------------------------------------------------------------------------------------------

    async def smtp_AUTH(self, arg: str) -> None:
        mechanism, _, initial = arg.encode("utf-8", "surrogateescape").partition(b" ")
        if not self._client_name:
            await self._say(b"503 5.5.1 EHLO comes first\r\n")
        elif self._logged_in:
            await self._say(b"503 5.5.1 you are logged in\r\n")
        elif mechanism.upper() not in submission_login.MECHANISMS:
            await self._say(b"504 5.5.4 use PLAIN or LOGIN\r\n")
        else:
            try:
                credentials = await submission_login.read_credentials(
                    mechanism.upper(), initial.strip() or None, self._ask
                )
            except submission_login.Malformed as error:
                await self._say(error.answer)
                return
            self._logged_in, answer = await submission_login.log_in(
                self._runtime, self._outgoing, credentials, self._client_name
            )
            provider, leg = self._outgoing.provider, self._outgoing.leg
            if self._logged_in and provider is not None and leg is not None:
                self._extensions.learn(provider.name, leg.extensions)
            self._logins += 1
            if not self._logged_in and self._logins >= MAX_LOGINS:
                await self._break_off(b"421 4.7.0 too many log-ins\r\n", Detail.TOO_MANY_LOG_INS.said())
            else:
                await self._say(answer)

    async def _ask(self, challenge: bytes) -> bytes:
        await self._say(challenge)
        return (await self._line(MAX_AUTH_OCTETS)).strip()

    async def _may(self) -> bool:
        if not self._logged_in:
            await self._say(b"530 5.7.0 log in first\r\n")
        return self._logged_in

    # --- MAIL, RCPT, DATA -----------------------------------------------------------------------------------------

    async def smtp_MAIL(self, arg: str) -> None:
        if not await self._may():
            return
        self._broken = False
        given = envelope.parse(arg, b"FROM")
        limit = self._runtime.config.submission.max_size_octets
        if given is None or given.unfit:
            await self._say(b"501 5.5.4 write MAIL FROM:<address>\r\n")
        elif (given.size_octets or 0) > limit:
            await self._say(f"552 5.3.4 the message is larger than {limit} octets\r\n".encode())
        else:
            await self._outgoing.mail(given, self._answer)
            await self._heard()

    async def smtp_RCPT(self, arg: str) -> None:
        if not await self._may():
            return
        given, current = envelope.parse(arg, b"TO"), self._outgoing.envelope
        if current is None:
            await self._out_of_order()
        elif given is None:
            await self._say(b"501 5.5.4 write RCPT TO:<address>\r\n")
        else:
            reply = await self._outgoing.rcpt(current, given, self._answer)
            if not reply.positive:
                log.info("recipient-refused session=%s account=%s code=%d", self.id, self._outgoing.account, reply.code)
            await self._heard()

    async def smtp_DATA(self, arg: str) -> None:
        if not await self._may():
            return
        outgoing = self._outgoing
        if arg:
            await self._say(b"501 5.5.4 write DATA alone\r\n")
            return
        if outgoing.envelope is None or outgoing.leg is None:
            await self._out_of_order()
            return
        if self._signer.wanted(outgoing.envelope.mail_from, outgoing.account):
            await self._data_to_sign()
            return
        try:
            transfer, reply = await submission_data.begin(
                self._runtime, outgoing, outgoing.leg, outgoing.envelope, self._read_client, self._answer
            )
        except SpoolError as error:
            self._failed(Reason.SPOOL_UNWRITABLE, said.of(error), leg="spool")
            await self._refuse_data(
                Reply(code=451, octets=self._text("451 4.3.0 the message cannot be kept at the moment"))
            )
            return
        if transfer is None:
            await self._refuse_data(reply)
            return
        delivery = Delivery(self._runtime, outgoing, transfer, self._answer)
        self._delivery, transfer.then = delivery.done, delivery.begin
        self._answered = False  # the message is not
        self._begin(transfer)
        await asyncio.shield(self._delivery)

    async def _refuse_data(self, reply: Reply) -> None:
        if self._inbox:
            # What came with DATA may be a message: it must not be taken for commands.
            await self._break_off(reply.octets, Detail.SENT_WITHOUT_WAITING.said())
        else:
            await self._relay(reply)

    async def _data_to_sign(self) -> None:
        hold = self._signer.hold()
        transfer = Transfer(hold, None, self._runtime.config.submission.max_size_octets, self._read_client)
        whole = asyncio.Event()
        transfer.then = whole.set
        self._client.write(GO_AHEAD)
        self._begin(transfer)
        await whole.wait()
        self._delivery = self._runtime.spawn(
            deliver_signed(self._runtime, self._signer, self._outgoing, transfer, hold, self._answer)
        )
        await asyncio.shield(self._delivery)

    async def _relay(self, reply: Reply) -> None:
        """Upstream's own reply."""
        self._answer(reply.octets)
        await self._heard()
