"""The submission listener: opened with the process, and drained at its end."""

import asyncio
import contextlib
import ssl

from postbuch.proxy.extensions import Extensions
from postbuch.proxy.listener import listen
from postbuch.proxy.receiver import Receiving
from postbuch.proxy.runtime import Runtime
from postbuch.proxy.signed import Signer
from postbuch.proxy.submission import Submission
from postbuch.proxy.submission_session import SubmissionSession

FIRST_ASK_S = 2.0
DRAIN_STEP_S = 0.05


async def start(
    runtime: Runtime, tls: ssl.SSLContext, sessions: set[SubmissionSession]
) -> list[asyncio.AbstractServer]:
    """Open the submission listeners; `sessions` holds the connections that stand. Raises ConfigError."""
    signer = Signer(runtime.config)
    extensions = Extensions(runtime.config)
    runtime.spawn(extensions.keep_asking(runtime))
    # What is announced should be right from the first client on, if the providers answer soon.
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(extensions.asked.wait(), FIRST_ASK_S)
    return await listen(
        runtime, "submission", runtime.config.submission.listen, tls,
        lambda: Receiving(Submission(runtime, extensions, signer, sessions)),
    )


async def drain(sessions: set[SubmissionSession], patience_s: float) -> None:
    """Close the idle connections, let messages that are on their way arrive, then end what is left."""
    end = asyncio.get_running_loop().time() + patience_s
    while sessions and asyncio.get_running_loop().time() < end:
        for session in sessions:
            if not session.busy:
                session.shut_down(b"421 4.3.2 the server is being restarted\r\n")
        await asyncio.sleep(DRAIN_STEP_S)
    for session in sessions:
        session.abort()
    await asyncio.sleep(DRAIN_STEP_S)
