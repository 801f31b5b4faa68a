"""The end of a submission: durable in the spool, then the final dot, then upstream's reply, on record (invariant 2)."""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime

from postbuch.archive import said
from postbuch.proxy.durable import durable
from postbuch.proxy.failure import Detail, Reason, UpstreamFailed
from postbuch.proxy.outgoing import Outgoing
from postbuch.proxy.runtime import Runtime
from postbuch.proxy.smtpreply import Reply
from postbuch.proxy.transfer import Transfer
from postbuch.proxy.upstream_smtp import ANSWER_TIMEOUT_S, SmtpLeg

log = logging.getLogger("postbuch.proxy.submission")


Say = Callable[[bytes], None]


async def deliver(runtime: Runtime, outgoing: Outgoing, transfer: Transfer, say: Say) -> None:
    """Bring the message to its end and `say` the answer. Goes on when the client has left: the outcome is on record.

    The client waits at most ANSWER_TIMEOUT_S for sync and reply together. It is answered before the outcome is written
    down, so that it does not wait for the spool's thread a second time.
    """
    deadline = asyncio.get_running_loop().time() + ANSWER_TIMEOUT_S
    try:
        if transfer.reader.nul or transfer.too_large:
            _refuse(runtime, outgoing, transfer, say)
            return
        if transfer.message is not None:
            # Nothing is awaited between here and the dot but the disk, and 354 if upstream has not said it yet.
            error = await _sync(outgoing, transfer, deadline)
            if error is not None:
                outgoing.drop()
                say(b"451 4.3.0 the message cannot be kept at the moment" + _session(outgoing))
                _failed(runtime, outgoing, Reason.SPOOL_UNWRITABLE, error, leg="spool")
                return
        await transfer.answered(deadline)
        await _finish(runtime, outgoing, transfer, deadline, say)
    except BaseException:
        outgoing.drop()
        raise


def _refuse(runtime: Runtime, outgoing: Outgoing, transfer: Transfer, say: Say) -> None:
    outgoing.drop()
    if transfer.reader.nul:
        # RFC 5321 section 2.3.8 wants none; some servers drop it, which makes an end of data out of CRLF.NUL CRLF.
        reason, answer = "the message contains the octet NUL", b"550 5.6.0 the message contains the octet NUL\r\n"
    else:
        reason = f"the message is larger than {runtime.config.submission.max_size_octets} octets"
        answer = b"552 5.3.4 " + reason.encode() + b"\r\n"
    say(answer)
    if outgoing.archived:
        runtime.event({
            **outgoing.facts(), "event": "refusal", "source": "submission", "reason": reason,
            "size_octets": transfer.reader.size_octets, "at": datetime.now(UTC).isoformat(),
        })
    runtime.counters["submissions-refused"] += 1
    log.info(
        "refused session=%s account=%s octets=%d reason=%r",
        outgoing.session, outgoing.account, transfer.reader.size_octets, reason,
    )


async def _sync(outgoing: Outgoing, transfer: Transfer, deadline: float) -> str | None:
    """Make the message durable; why it could not be, as a sentence."""
    message, envelope = transfer.message, outgoing.envelope
    if message is None:
        return None
    facts = {
        **outgoing.facts(), "source": "submission", "mailbox": None, "mailbox_utf8": False, "uidvalidity": None,
        "uid": None, "flags": [], "internal_date": None, "seen_at": datetime.now(UTC).isoformat(),
        "normalised": transfer.reader.normalised, "envelope": envelope.facts() if envelope else None,
    }
    error = await durable(lambda waiter: message.end(facts, waiter, urgent=True), deadline)
    return None if error is None else said.of(error)


async def _finish(runtime: Runtime, outgoing: Outgoing, transfer: Transfer, deadline: float, say: Say) -> None:
    """The dot, if upstream still listens, and what came of it."""
    leg = outgoing.leg
    if transfer.early is not None:
        # It refused before the end; what it got has no end. If it refused DATA itself, it got nothing.
        if transfer.agreed or transfer.early.code == 421:
            outgoing.drop()
        say(transfer.early.octets)
        _outcome(runtime, outgoing, transfer, "refused", transfer.early)
        await outgoing.forget()
    elif transfer.failure is not None or leg is None:
        failure = transfer.failure or UpstreamFailed(Reason.UPSTREAM_CLOSED, Detail.IN_MESSAGE.said())
        _no_reply(runtime, outgoing, transfer, failure, "refused", say)
    else:
        try:
            reply = await _dot(leg, transfer.tail, deadline)
        except asyncio.CancelledError:
            stopped = Reply(code=0, octets=b"000 the proxy was stopped before upstream's reply")
            _outcome(runtime, outgoing, transfer, "unknown", stopped)
            raise
        except UpstreamFailed as failure:
            _no_reply(runtime, outgoing, transfer, failure, "unknown", say)
        else:
            outgoing.finished()
            say(reply.octets)
            _outcome(runtime, outgoing, transfer, "accepted" if reply.positive else "refused", reply)
            runtime.succeeded(account=outgoing.account, leg="submission")


async def _dot(leg: SmtpLeg, tail: bytes, deadline: float) -> Reply:
    leg.watcher = None
    leg.write(tail + b".\r\n")
    reply = await leg.reply(max(1.0, deadline - asyncio.get_running_loop().time()))
    if reply.code < 400 and not reply.positive:
        leg.abort()
        raise UpstreamFailed(Reason.UPSTREAM_PROTOCOL, Detail.ANSWERED_END.said(code=reply.code))
    return reply


def _no_reply(
    runtime: Runtime, outgoing: Outgoing, transfer: Transfer, failure: UpstreamFailed, verdict: str, say: Say
) -> None:
    """Upstream gave no answer: before the dot nothing was sent; after it nobody knows."""
    outgoing.drop()
    say(b"451 4.4.2 the mail provider gave no answer" + _session(outgoing))
    text = f"451 4.4.2 {failure.reason.name.lower().replace('_', '-')}: {failure.detail}"
    _outcome(runtime, outgoing, transfer, verdict, Reply(code=451, octets=text.encode()))
    _failed(runtime, outgoing, failure.reason, failure.detail)


def _outcome(runtime: Runtime, outgoing: Outgoing, transfer: Transfer, verdict: str, reply: Reply) -> None:
    if transfer.message is not None:
        runtime.event({
            "event": "outcome", "of": transfer.message.capture.hex(), "verdict": verdict, "code": reply.code,
            "text": reply.text[:1000], "uidvalidity": None, "uid": None, "at": datetime.now(UTC).isoformat(),
        })
    runtime.counters[f"submissions-{verdict}"] += 1
    log.info(
        "submitted session=%s account=%s octets=%d verdict=%s code=%d normalised=%s",
        outgoing.session, outgoing.account, transfer.reader.size_octets, verdict, reply.code,
        transfer.reader.normalised,
    )


def _failed(runtime: Runtime, outgoing: Outgoing, reason: Reason, detail: str, leg: str = "submission") -> None:
    runtime.failed(
        reason, account=outgoing.account, leg=leg, detail=detail, session=outgoing.session, answered=True,
        upstream=outgoing.provider,
    )


def _session(outgoing: Outgoing) -> bytes:
    return f" (session {outgoing.session})\r\n".encode()
