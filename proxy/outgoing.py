"""What a submitting client has upstream: its account, the connection that was opened at its log-in, its transaction."""

from typing import Any

from postbuch.archive.config import Upstream
from postbuch.proxy.credential import Credentials
from postbuch.proxy.envelope import Envelope, PathArgument
from postbuch.proxy.failure import Detail, Reason, UpstreamFailed
from postbuch.proxy.runtime import Runtime
from postbuch.proxy.smtpreply import Reply
from postbuch.proxy.upstream_smtp import Say, SmtpLeg, open_leg

TOO_MANY = Reply(code=452, octets=b"452 4.5.3 too many recipients\r\n")


class Outgoing:
    """One a session. Methods that talk to upstream raise UpstreamFailed; the connection is then of no use any more."""

    def __init__(self, runtime: Runtime, session: str, client_address: str) -> None:
        self.session = session
        self.client_address = client_address
        self.provider: Upstream | None = None
        self.account = ""
        self.leg: SmtpLeg | None = None
        self.envelope: Envelope | None = None
        self._runtime = runtime
        self._credentials: Credentials | None = None
        self._client_name = ""
        self._unclean = False  # upstream may have a transaction that we have not

    @property
    def archived(self) -> bool:
        """Whether this account's mail is kept at all."""
        return self.provider is not None and self.provider.archive != "none"

    async def log_in(self, provider: Upstream, credentials: Credentials, client_name: str) -> Reply:
        """Open upstream and log in there; its consent. Raises SmtpLoginRefused, UpstreamFailed, ConfigError."""
        leg = await open_leg(self._runtime, provider, client_name)
        try:
            reply = await leg.log_in(credentials)
        except BaseException:
            leg.abort()
            raise
        self.leg, self.provider, self.account = leg, provider, credentials.account
        # Kept for as long as the client stays: upstream may close an idle connection that the client holds open.
        self._credentials, self._client_name = credentials, client_name
        return reply

    async def mail(self, argument: PathArgument, say: Say) -> Reply:
        """MAIL; on a connection that upstream has closed meanwhile, on a new one. Raises SmtpLoginRefused as well.

        The client is told the reply before it is looked at.
        """
        reused = self.leg is not None and self.leg.usable
        if not reused:
            await self._again()
        try:
            reply = await self._command(self._line(b"MAIL FROM:", argument), say)
        except UpstreamFailed as error:
            if not reused or error.reason is not Reason.UPSTREAM_CLOSED:
                raise
            # It closed while our line was on its way: nothing was begun.
            await self._again()
            reply = await self._command(self._line(b"MAIL FROM:", argument), say)
        if reply.positive:
            self._unclean = True
            self.envelope = Envelope(
                mail_from=argument.address,
                parameters=[each.decode("utf-8", "replace") for each in argument.parameters],
                client_name=self._client_name,
                size_octets=argument.size_octets,
            )
        return reply

    async def rcpt(self, envelope: Envelope, argument: PathArgument, say: Say) -> Reply:
        """RCPT; the client is told the reply; taken or refused, it goes on record."""
        if envelope.full:
            say(TOO_MANY.octets)
            return TOO_MANY
        reply = await self._command(self._line(b"RCPT TO:", argument), say)
        envelope.add(argument.address, reply.code, reply.text)
        return reply

    async def data(self) -> Reply:
        """DATA."""
        return await self._command(b"DATA")

    def send_data(self) -> None:
        """DATA, without waiting for the reply: whoever watches the connection from now on gets it."""
        self._usable_leg().send(b"DATA")

    async def reset(self) -> Reply | None:
        """RSET, if upstream has something to forget. None: it has not, or forgets it because its connection ends."""
        self.envelope = None
        if not self._unclean or self.leg is None or not self.leg.usable:
            return None
        self._unclean = False
        try:
            return await self._command(b"RSET")
        except UpstreamFailed:
            self.drop()
            return None

    def finished(self) -> None:
        """The transaction is over."""
        self.envelope = None
        self._unclean = False

    async def forget(self) -> None:
        """DATA was refused: the transaction is over here, upstream may have it still. It costs no new log-in."""
        if self.leg is not None:
            self.leg.watcher = None
            await self.reset()

    def drop(self) -> None:
        """End upstream's connection at once, in the middle of whatever it was doing."""
        leg, self.leg = self.leg, None
        self.finished()
        if leg is not None:
            leg.watcher = None
            leg.abort()

    def abort(self) -> None:
        """End upstream's connection at once; whoever waits for it hears so."""
        if self.leg is not None:
            self.leg.abort()

    async def close(self) -> None:
        """The client has left."""
        self._credentials = None
        if self.leg is not None:
            await self.leg.quit()

    def facts(self) -> dict[str, Any]:
        """What records and events of this client have in common."""
        return {
            "account": self.account, "upstream": self.provider.name if self.provider else "",
            "session": self.session, "client_address": self.client_address,
        }

    async def _again(self) -> None:
        provider, credentials = self.provider, self._credentials
        self.drop()
        if provider is None or credentials is None:
            raise UpstreamFailed(Reason.INTERNAL, "no log-in to repeat")
        await self.log_in(provider, credentials, self._client_name)

    async def _command(self, line: bytes, say: Say | None = None) -> Reply:
        return await self._usable_leg().command(line, say=say)

    def _usable_leg(self) -> SmtpLeg:
        if self.leg is None:
            raise UpstreamFailed(Reason.UPSTREAM_CLOSED, Detail.BEFORE_COMMAND.said())
        return self.leg

    def _line(self, verb: bytes, argument: PathArgument) -> bytes:
        # SIZE and AUTH= are ours to offer, so a provider without them is not to be asked about them.
        known = self.leg.extensions if self.leg is not None else {}
        return argument.line(verb, {keyword for keyword in (b"SIZE", b"AUTH") if keyword.decode() not in known})
