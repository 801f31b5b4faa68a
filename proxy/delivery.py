"""One message on its way out: spool, digest and upstream at once; the final dot only when the spool has it durable.

Proxy.md section 6. Knows nothing of the client's connection but how to read blocks from it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from postbuch.archive.errors import SpoolError
from postbuch.archive.spool import SpoolMessage
from postbuch.proxy.failure import UpstreamFailed
from postbuch.proxy.runtime import Runtime
from postbuch.proxy.smtpleg import Reply, SmtpLeg
from postbuch.proxy.unstuff import Unstuffer

# As for IMAP: what the spool may have waiting before the client is read no further.
MAX_PENDING_OCTETS = 4 * 1024 * 1024
_LOOK_AGAIN_S = 0.005


class Verdict(Enum):
    """How a delivery ended."""

    REPLIED = "replied"  # upstream had the last word, whatever it was
    TOO_LARGE = "too-large"
    NOT_DURABLE = "not-durable"
    FAILED = "failed"  # upstream was lost before the dot: nothing was sent
    UNKNOWN = "unknown"  # upstream was lost behind the dot


class Delivery:
    """From 354 to upstream's reply. `rest` are the octets that the client sent behind the message."""

    def __init__(self, runtime: Runtime, leg: SmtpLeg, message: SpoolMessage, max_size_octets: int) -> None:
        self.rest = b""
        self.reply: Reply | None = None
        self.problem = ""
        self.failure: UpstreamFailed | None = None
        self._runtime = runtime
        self._leg = leg
        self._message = message
        self._max_size_octets = max_size_octets
        self._unstuffer = Unstuffer()

    async def run(self, read: Callable[[], Awaitable[bytes]], facts: Mapping[str, Any]) -> Verdict:
        """Carry the message. Raises EOFError when the client goes away before the end; nothing is sent then."""
        try:
            too_large = not await self._take(read)
            if too_large or self.failure is not None:
                self._message.abort()
                self._leg.abort()
                return Verdict.TOO_LARGE if too_large else Verdict.FAILED
            whole = {**facts, "normalised": self._unstuffer.normalised, "seen_at": datetime.now(UTC).isoformat()}
            try:
                await asyncio.wrap_future(self._message.commit(whole, urgent=True))
            except SpoolError as error:
                self.problem = str(error)
                self._leg.abort()
                return Verdict.NOT_DURABLE
        except BaseException:
            self._message.abort()
            self._leg.abort()
            raise
        return await self._finish()

    async def _take(self, read: Callable[[], Awaitable[bytes]]) -> bool:
        """Read to the end of data; False when the message is larger than allowed (it is read all the same)."""
        fits = True
        while not self._unstuffer.ended:
            chunk = await read()
            if not chunk:
                raise EOFError
            octets, relayed = self._unstuffer.feed(chunk)
            fits = fits and self._unstuffer.size_octets <= self._max_size_octets
            if not fits or self.failure is not None:
                continue
            self._message.write(octets)
            try:
                await self._leg.write(relayed)
            except UpstreamFailed as error:
                self.failure = error
            while self._message.pending_octets > MAX_PENDING_OCTETS:
                await asyncio.sleep(_LOOK_AGAIN_S)  # noqa: ASYNC110 - the spool's thread tells nobody
        self.rest = self._unstuffer.rest
        return fits

    async def _finish(self) -> Verdict:
        """Send the dot and write down what upstream said; a client that leaves now changes nothing about that."""
        verdict, code, text = "unknown", 0, "the client's connection ended before upstream's reply"
        try:
            self.reply = await self._leg.end_of_data()
            verdict = "accepted" if 200 <= self.reply.code < 300 else "refused"
            code, text = self.reply.code, self.reply.text
            return Verdict.REPLIED
        except UpstreamFailed as error:
            self.failure = error
            text = error.detail
            self._leg.abort()
            return Verdict.UNKNOWN
        finally:
            self._runtime.event({
                "event": "outcome", "of": self._message.capture.hex(), "verdict": verdict, "code": code,
                "text": text[:1000], "uidvalidity": None, "uid": None, "at": datetime.now(UTC).isoformat(),
            })
