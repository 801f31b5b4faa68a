"""The begin of a submitted message: room in the spool, DATA upstream, and the transfer that takes its octets."""

from collections.abc import Callable

from postbuch.proxy.envelope import Envelope
from postbuch.proxy.outgoing import Outgoing
from postbuch.proxy.runtime import Runtime
from postbuch.proxy.signed import GO_AHEAD
from postbuch.proxy.smtpreply import Reply
from postbuch.proxy.transfer import Transfer
from postbuch.proxy.upstream_smtp import Say, SmtpLeg


async def begin(
    runtime: Runtime, outgoing: Outgoing, leg: SmtpLeg, envelope: Envelope, read_client: Callable[[bool], None],
    say: Say,
) -> tuple[Transfer | None, Reply]:
    """The transfer, once the client was told to send; or None and a refusal. Raises SpoolError, UpstreamFailed."""
    message = runtime.spool.begin(envelope.size_octets) if outgoing.archived else None
    transfer, ahead = None, envelope.deliverable and leg.usable
    try:
        if ahead:
            # Upstream will hardly refuse: it is asked while the client sends already.
            reply = Reply(code=354, octets=GO_AHEAD)
            say(reply.octets)
            outgoing.send_data()
        else:
            reply = await outgoing.data()
            if reply.code == 354:
                say(reply.octets)
        if reply.code == 354:
            limit_octets = runtime.config.submission.max_size_octets
            transfer = Transfer(leg, message, limit_octets, read_client, agreed=not ahead)
    finally:
        if transfer is None and message is not None:
            message.abort()
    return transfer, reply
