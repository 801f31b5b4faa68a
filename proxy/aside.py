"""Deleting a mailbox without losing what is delivered to it meanwhile: out of the way first, then looked through.

Between the last look into a mailbox and its DELETE anybody may deliver to it, and that message would be gone unseen.
Nobody delivers to a name that nobody knows. So the second session renames the mailbox, fetches what is missing, deletes
it under the new name, and the client has upstream's own answer. When something fails it gets its name back.
"""

import logging
import re
import secrets
from collections.abc import Awaitable, Callable

from postbuch.proxy.answers import is_news, is_ok
from postbuch.proxy.command import quoted
from postbuch.proxy.failure import Reason, UpstreamFailed
from postbuch.proxy.harvest import Harvester
from postbuch.proxy.relay import Relay

log = logging.getLogger("postbuch.proxy.imap")

# Each time somebody else has removed and made the mailbox anew in between.
ATTEMPTS = 3

_LIST = re.compile(rb'\* LIST \(([^)]*)\) (?:"\\?(.)"|NIL) ', re.IGNORECASE)

# As servers say it; some call the mailbox unknown.
_NOT_THERE = re.compile(rb"NO [^\[].*\b(?:exist|existent|unknown)\b", re.IGNORECASE)


class LeftAside(UpstreamFailed):
    """The connection was lost while the mailbox had the other name. Both names are quoted."""

    def __init__(self, here: bytes, there: bytes) -> None:
        super().__init__(Reason.UPSTREAM_CLOSED, "while a mailbox was being deleted")
        self.here = here
        self.there = there


async def may_move(harvester: Harvester, relay: Relay, name: bytes) -> bool:
    """Whether a RENAME moves this mailbox and nothing else.

    INBOX cannot be renamed (RFC 9051 section 6.3.6), and what lies below a mailbox would go with it. A name with
    wildcards cannot be asked for.
    """
    if name.upper() == b"INBOX" or any(octet in name for octet in b"%*"):
        return False
    written = quoted(name, utf8=relay.selection.utf8)
    if written is None:
        return False
    lines, answer = await harvester.ask(b'LIST "" ' + written, lambda line: _LIST.match(line) is not None)
    listed = [match for line in lines if (match := _LIST.match(line)) is not None]
    if not is_ok(answer) or len(listed) != 1:
        return False
    attributes, separator = listed[0][1].upper().split(), listed[0][2]
    if separator is None or b"\\HASNOCHILDREN" in attributes or b"\\NOINFERIORS" in attributes:
        return True
    below = quoted(name.removesuffix(separator) + separator + b"%", utf8=relay.selection.utf8)
    lines, answer = await harvester.ask(b'LIST "" ' + (below or b'""'), lambda line: _LIST.match(line) is not None)
    return is_ok(answer) and not lines


async def delete(
    harvester: Harvester, relay: Relay, name: bytes, secure: Callable[[], Awaitable[None]]
) -> bytes | None:
    """Delete a mailbox that is open in this session; upstream's answer without the tag, or None: it takes no RENAME.

    `secure` makes all of the open mailbox durable; what it raises is passed on. With None the mailbox is closed.
    """
    for _ in range(ATTEMPTS):
        answer = await _once(harvester, relay, name, secure)
        if answer is not None:
            return answer
        opened = await look_into(harvester, relay, name, name)
        if relay.selection.mailbox is None:  # somebody else was quicker
            return no_such(opened)
        await secure()
    await close(harvester)
    return None


async def look_into(harvester: Harvester, relay: Relay, name: bytes, known_as: bytes) -> bytes:
    """EXAMINE; upstream's answer. What is read is written down under the name that the mailbox is known as."""
    written = quoted(name, utf8=relay.selection.utf8)
    _, answer = await harvester.ask(
        b"EXAMINE " + (written or b'""'), lambda line: False, verb=b"EXAMINE", mailbox=known_as
    )
    return answer


def no_such(answer: bytes) -> bytes:
    """Upstream's NO to EXAMINE as it answers DELETE: that one tells the reason as a code (RFC 5530 section 3).

    Only where it is the reason: a name that upstream cannot read gets no code.
    """
    return answer.replace(b"NO ", b"NO [NONEXISTENT] ", 1) if _NOT_THERE.match(answer) else answer


async def _once(
    harvester: Harvester, relay: Relay, name: bytes, secure: Callable[[], Awaitable[None]]
) -> bytes | None:
    """None when upstream does not rename it."""
    aside = name + b"-postbuch-" + secrets.token_hex(4).encode()
    here, there = quoted(name, utf8=relay.selection.utf8), quoted(aside, utf8=relay.selection.utf8)
    if here is None or there is None:
        return None
    await close(harvester)
    moved, deleted = True, False  # a client that leaves while the RENAME is on its way: it may have come about
    try:
        _, answer = await harvester.ask(b"RENAME %s %s" % (here, there), lambda line: False)
        moved = is_ok(answer)
        if not moved:
            return None
        opened = await look_into(harvester, relay, aside, name)
        if relay.selection.mailbox is None:
            return opened
        await secure()
        await close(harvester)
        _, answer = await harvester.ask(b"DELETE " + there, lambda line: False)
        deleted = is_ok(answer)
        return answer
    finally:
        if moved and not deleted:
            await put_back(harvester, here, there)


async def put_back(harvester: Harvester, here: bytes, there: bytes) -> None:
    """Give a mailbox its name back. Raises LeftAside when the connection is lost: another one may do it."""
    try:
        _, answer = await harvester.ask(b"RENAME %s %s" % (there, here), lambda line: False)
    except UpstreamFailed as error:
        log.error("mailbox-left-aside name=%s reason=%s", there.decode("utf-8", "replace"), error)
        raise LeftAside(here, there) from error
    if is_ok(answer):
        log.info("mailbox-put-back name=%s", here.decode("utf-8", "replace"))
    else:
        log.error("mailbox-left-aside name=%s reason=%s", there.decode("utf-8", "replace"), answer[:200])


async def close(harvester: Harvester) -> None:
    """What was opened by EXAMINE loses nothing by CLOSE (RFC 9051 section 6.4.1)."""
    await harvester.ask(b"CLOSE", is_news, verb=b"CLOSE")
