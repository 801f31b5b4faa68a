"""DATA of a domain that is signed here: taken whole, signed, then sent and archived with the signature above it.

The hash of the body stands in the header, so nothing can go upstream before the end has come. What is kept is
what goes upstream (invariant 1). The client's 354 is ours; upstream is asked for its own when the message is there.
"""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from postbuch.archive import said, systemwords
from postbuch.archive.config import Config
from postbuch.archive.errors import SpoolError
from postbuch.proxy.delivery import Delivery
from postbuch.proxy.failure import Detail, Reason, UpstreamFailed
from postbuch.proxy.hold import Hold
from postbuch.proxy.outgoing import Outgoing
from postbuch.proxy.runtime import Runtime
from postbuch.proxy.signing import Keys, signature
from postbuch.proxy.transfer import Transfer
from postbuch.proxy.upstream_smtp import ANSWER_TIMEOUT_S, Say

GO_AHEAD = b"354 go ahead\r\n"


class Signer:
    """The keys and the thread that hashes. One a process. Raises ConfigError."""

    def __init__(self, config: Config) -> None:
        self.keys = Keys(config)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="signing")

    def wanted(self, mail_from: str, account: str) -> bool:
        """Whether a message of this sender may have to be signed: its From is known only when it has come."""
        return any(self.keys.of(each.rpartition("@")[2]) is not None for each in (mail_from, account))

    def hold(self) -> Hold:
        """For the next message."""
        return Hold(self._thread)

    async def sign(self, hold: Hold) -> bytes:
        """The signature field; empty when there is to be none. Raises OSError."""
        hold.flush()
        return await self._run(lambda: signature(self.keys, hold.chunks()))

    async def next_chunk(self, chunks: Iterator[bytes]) -> bytes:
        """Empty at the end. Raises OSError."""
        return await self._run(lambda: next(chunks, b""))

    async def _run(self, work: Callable[[], bytes]) -> bytes:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


async def deliver_signed(
    runtime: Runtime, signer: Signer, outgoing: Outgoing, received: Transfer, hold: Hold, say: Say
) -> None:
    """Sign what was received and bring it to its end, as `Delivery` does. Goes on when the client has left.

    The client waits at most ANSWER_TIMEOUT_S until all has gone upstream, and then as long for sync and reply.
    """
    if received.reader.nul or received.too_large:
        await _deliver(runtime, outgoing, received, say)
        return
    try:
        hold.write(received.tail)
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            sent = await _send(runtime, signer, outgoing, hold, say)
    except TimeoutError:  # an OSError too
        detail = Detail.TOOK_NO_OCTETS.said(seconds=round(ANSWER_TIMEOUT_S))
        _fail(runtime, outgoing, UpstreamFailed(Reason.UPSTREAM_TIMEOUT, detail), say)
    except UpstreamFailed as error:
        _fail(runtime, outgoing, error, say)
    except (SpoolError, OSError) as error:
        words = said.of(error) if isinstance(error, SpoolError) else systemwords.cause(error)
        _fail(runtime, outgoing, UpstreamFailed(Reason.SPOOL_UNWRITABLE, words), say)
    else:
        if sent is not None:
            await _deliver(runtime, outgoing, sent, say)
    finally:
        hold.close()


async def _deliver(runtime: Runtime, outgoing: Outgoing, transfer: Transfer, say: Say) -> None:
    delivery = Delivery(runtime, outgoing, transfer, say)
    delivery.begin()
    await delivery.done


def _fail(runtime: Runtime, outgoing: Outgoing, failure: UpstreamFailed, say: Say) -> None:
    """Upstream has nothing that looks like a message; the client still has it."""
    outgoing.drop()
    if failure.reason is Reason.SPOOL_UNWRITABLE:
        leg, words = "spool", "451 4.3.0 the message cannot be kept at the moment"
    else:
        leg, words = "submission", "451 4.4.1 the mail provider cannot be used at the moment"
    say(f"{words} (session {outgoing.session})\r\n".encode())
    runtime.failed(
        failure.reason, account=outgoing.account, leg=leg, detail=failure.detail, session=outgoing.session,
        answered=True, upstream=outgoing.provider,
    )


async def _send(runtime: Runtime, signer: Signer, outgoing: Outgoing, hold: Hold, say: Say) -> Transfer | None:
    """The message with its signature on its way, up to the dot. None: upstream refused DATA, which was said."""
    field = await signer.sign(hold)
    leg = outgoing.leg
    if leg is None:
        raise UpstreamFailed(Reason.UPSTREAM_CLOSED, Detail.BEFORE_COMMAND.said())
    size_octets = outgoing.envelope.size_octets if outgoing.envelope else None
    message = runtime.spool.begin(size_octets) if outgoing.archived else None
    try:
        reply = await outgoing.data()
        if reply.code != 354:
            if message is not None:
                message.abort()
            # For the client the transaction is over with its dot; upstream may still have it.
            await outgoing.reset()
            say(reply.octets)
            return None
        may_go_on = asyncio.Event()
        may_go_on.set()
        limit = runtime.config.submission.max_size_octets + len(field)
        transfer = Transfer(leg, message, limit, lambda go: may_go_on.set() if go else may_go_on.clear())
        chunk, chunks = field, hold.chunks()
        while chunk or (chunk := await signer.next_chunk(chunks)):
            transfer.feed(chunk)
            await may_go_on.wait()
            chunk = b""
        transfer.feed(b".\r\n")
    except BaseException:
        if message is not None:
            message.abort()
        outgoing.drop()
        raise
    return transfer
