"""The end of a submission: durable in the spool, then the final dot, then upstream's reply, on record (invariant 2).

Each step follows straight from the call that brings it: the client's transport, the spool, upstream. To wake a task for
each would cost the client a turn of the loop every time.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from postbuch.archive import said
from postbuch.archive.errors import SpoolError
from postbuch.proxy.durable import OnLoop
from postbuch.proxy.failure import Detail, Reason, UpstreamFailed
from postbuch.proxy.outgoing import Outgoing
from postbuch.proxy.runtime import Runtime
from postbuch.proxy.smtpreply import Reply
from postbuch.proxy.transfer import Transfer
from postbuch.proxy.upstream_smtp import ANSWER_TIMEOUT_S, Say

log = logging.getLogger("postbuch.proxy.submission")

# Upstream has this long for its reply at least, however long the disk took.
REPLY_LEAST_S = 1.0


class Delivery:
    """One message from its end of data on. Goes on when the client has left: the outcome is on record.

    `say` is called once, with the answer; `done` is over when all is, and raises what is a defect of ours. The client
    waits at most ANSWER_TIMEOUT_S for sync and reply together. It is answered before the outcome is written down, so
    that it does not wait for the spool's thread a second time.
    """

    def __init__(self, runtime: Runtime, outgoing: Outgoing, transfer: Transfer, say: Say) -> None:
        self._runtime = runtime
        self._outgoing = outgoing
        self._transfer = transfer
        self._say = say
        self._loop = transfer.loop
        self.done: asyncio.Future[None] = self._loop.create_future()
        self._late: asyncio.TimerHandle | None = None
        self._durable = False
        self._dot_sent_at: float | None = None

    def begin(self) -> None:
        """The end of data has come."""
        self._late = self._loop.call_later(ANSWER_TIMEOUT_S, self._step, self._give_up)
        self._step(self._keep)

    # --- upstream's calls, from the dot on ----------------------------------------------------------------------------

    def full(self, full: bool) -> None:
        """There is no more to be sent."""

    def spoke(self, reply: Reply) -> None:
        """The answer to the message."""
        self._step(self._answered, reply)

    def lost(self, failure: UpstreamFailed) -> None:
        """Nobody knows what became of it."""
        self._step(self._no_reply, failure, "unknown")

    # --- the steps ----------------------------------------------------------------------------------------------------

    def _step(self, step: Callable[..., None], *args: Any) -> None:
        if self.done.done():
            return
        try:
            step(*args)
        except Exception as error:
            self._outgoing.drop()
            self._end(error)

    def _end(self, error: Exception | None = None) -> None:
        if self._late is not None:
            self._late.cancel()
        self._transfer.answered = self._transfer.then = None
        if self.done.done():
            return
        if error is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(error)

    def _keep(self) -> None:
        transfer, outgoing = self._transfer, self._outgoing
        if transfer.reader.nul or transfer.too_large:
            self._refuse()
            return
        if transfer.message is None:
            self._kept(None)
            return
        facts = {
            **outgoing.facts(), "source": "submission", "mailbox": None, "mailbox_utf8": False, "uidvalidity": None,
            "uid": None, "flags": [], "internal_date": None, "seen_at": datetime.now(UTC).isoformat(),
            "normalised": transfer.reader.normalised,
            "envelope": outgoing.envelope.facts() if outgoing.envelope else None,
        }
        transfer.message.end(facts, OnLoop(lambda error: self._step(self._kept, error)), urgent=True)

    def _kept(self, error: SpoolError | None) -> None:
        if error is not None:
            self._outgoing.drop()
            self._say(b"451 4.3.0 the message cannot be kept at the moment" + self._session())
            self._failed(Reason.SPOOL_UNWRITABLE, said.of(error), leg="spool")
            self._end()
        else:
            self._durable = True
            self._go_on()

    def _go_on(self) -> None:
        """The dot, if upstream still listens."""
        transfer, leg = self._transfer, self._outgoing.leg
        if transfer.early is not None:
            self._refused_early(transfer.early)
        elif transfer.failure is not None or leg is None:
            failure = transfer.failure or UpstreamFailed(Reason.UPSTREAM_CLOSED, Detail.IN_MESSAGE.said())
            self._no_reply(failure, "refused")
        elif not transfer.agreed:
            transfer.answered = lambda: self._step(self._go_on)
        else:
            self._dot_sent_at = self._loop.time()
            leg.watcher = self
            leg.write(transfer.tail + b".\r\n")

    def _answered(self, reply: Reply) -> None:
        if self._outgoing.leg is not None:
            self._outgoing.leg.watcher = None
        if reply.code < 400 and not reply.positive:
            failure = UpstreamFailed(Reason.UPSTREAM_PROTOCOL, Detail.ANSWERED_END.said(code=reply.code))
            self._no_reply(failure, "unknown")
            return
        self._outgoing.finished()
        self._say(reply.octets)
        self._outcome("accepted" if reply.positive else "refused", reply)
        self._runtime.succeeded(account=self._outgoing.account, leg="submission")
        self._end()

    def _refused_early(self, reply: Reply) -> None:
        """Before the end; what it got has no end. If it refused DATA itself, it got nothing and may serve on."""
        keep = not self._transfer.agreed and reply.code != 421
        if not keep:
            self._outgoing.drop()
        self._say(reply.octets)
        self._outcome("refused", reply)
        if keep:
            self._runtime.spawn(self._forget())
        else:
            self._end()

    async def _forget(self) -> None:
        await self._outgoing.forget()
        self._end()

    def _no_reply(self, failure: UpstreamFailed, verdict: str) -> None:
        """Upstream gave no answer: before the dot nothing was sent; after it nobody knows."""
        self._outgoing.drop()
        self._say(b"451 4.4.2 the mail provider gave no answer" + self._session())
        text = f"451 4.4.2 {failure.reason.name.lower().replace('_', '-')}: {failure.detail}"
        self._outcome(verdict, Reply(code=451, octets=text.encode()))
        self._failed(failure.reason, failure.detail)
        self._end()

    def _give_up(self) -> None:
        """The time is over: the disk's, or upstream's."""
        if not self._durable:
            self._kept(SpoolError(Detail.NO_SYNC.said()))
            return
        failure = UpstreamFailed(Reason.UPSTREAM_TIMEOUT, Detail.NO_REPLY_IN_TIME.said())
        if self._dot_sent_at is None:
            self._no_reply(failure, "refused")
        elif (left_s := self._dot_sent_at + REPLY_LEAST_S - self._loop.time()) > 0:
            self._late = self._loop.call_later(left_s, self._step, self._give_up)
        else:
            self._no_reply(failure, "unknown")

    def _refuse(self) -> None:
        """A message that is not to be had: too large, or with NUL in it."""
        outgoing, reader = self._outgoing, self._transfer.reader
        outgoing.drop()
        if reader.nul:
            # RFC 5321 section 2.3.8 wants none; some servers drop it, which makes an end of data out of CRLF.NUL CRLF.
            reason, answer = "the message contains the octet NUL", b"550 5.6.0 the message contains the octet NUL\r\n"
        else:
            reason = f"the message is larger than {self._runtime.config.submission.max_size_octets} octets"
            answer = b"552 5.3.4 " + reason.encode() + b"\r\n"
        self._say(answer)
        if outgoing.archived:
            self._runtime.event({
                **outgoing.facts(), "event": "refusal", "source": "submission", "reason": reason,
                "size_octets": reader.size_octets, "at": datetime.now(UTC).isoformat(),
            })
        self._runtime.counters["submissions-refused"] += 1
        log.info(
            "refused session=%s account=%s octets=%d reason=%r",
            outgoing.session, outgoing.account, reader.size_octets, reason,
        )
        self._end()

    # --- on record ----------------------------------------------------------------------------------------------------

    def _outcome(self, verdict: str, reply: Reply) -> None:
        transfer, outgoing = self._transfer, self._outgoing
        if transfer.message is not None:
            self._runtime.event({
                "event": "outcome", "of": transfer.message.capture.hex(), "verdict": verdict, "code": reply.code,
                "text": reply.text[:1000], "uidvalidity": None, "uid": None, "at": datetime.now(UTC).isoformat(),
            })
        self._runtime.counters[f"submissions-{verdict}"] += 1
        log.info(
            "submitted session=%s account=%s octets=%d verdict=%s code=%d normalised=%s",
            outgoing.session, outgoing.account, transfer.reader.size_octets, verdict, reply.code,
            transfer.reader.normalised,
        )

    def _failed(self, reason: Reason, detail: str, leg: str = "submission") -> None:
        self._runtime.failed(
            reason, account=self._outgoing.account, leg=leg, detail=detail, session=self._outgoing.session,
            answered=True, upstream=self._outgoing.provider,
        )

    def _session(self) -> bytes:
        return f" (session {self._outgoing.session})\r\n".encode()
