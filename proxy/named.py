"""DELETE and RENAME: every message of the mailbox that they name is durable first.

By a second session, because looking into a mailbox selects it.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial

from postbuch.proxy import aside, command
from postbuch.proxy.captures import place_of
from postbuch.proxy.failure import Detail
from postbuch.proxy.harvest import Harvester, Unsafe, is_news, is_ok
from postbuch.proxy.relay import Relay
from postbuch.proxy.verdict import Held, Verdict

SecondSession = Callable[[], AbstractAsyncContextManager[tuple[Harvester, Relay]]]


class Named:
    """One a session."""

    def __init__(self, relay: Relay, harvester: Harvester, account: str, second: SecondSession) -> None:
        self._relay = relay
        self._harvester = harvester
        self._account = account
        self._second = second

    async def verdict(self, held: Held, capabilities: set[bytes]) -> Verdict:
        """Make the command safe. Raises Unsafe."""
        first = command.argument(held.command.rest, held.pieces[1::2])
        verdict = Verdict(verb=held.command.verb, pieces=held.pieces)
        if first is None and not held.command.rest.strip():
            return verdict  # names nothing: upstream says so
        if first is None:  # upstream might read a name where we see none
            return Verdict(answer=held.command.tag + b" BAD this is no name of a mailbox\r\n")
        name = first[0]
        async with self._second() as (harvester, relay):
            if self._relay.utf8:
                await harvester.ask(b"ENABLE UTF8=ACCEPT", lambda line: False)
            quoted = command.quoted(name, utf8=relay.utf8)
            if quoted is None:
                raise Unsafe(Detail.NO_STRING.said())
            answer = await aside.look_into(harvester, relay, name, name)
            if relay.selected is None:
                return await self._closed_name(held, harvester, quoted, answer)
            await self._secure(harvester, relay)
            removes = held.command.verb == b"DELETE" and await aside.may_move(harvester, relay, name)
            if removes and await self._let_go(name, capabilities):
                said = await self._put_aside(harvester, relay, name)
                if said is not None:
                    return Verdict(answer=held.command.tag + b" " + said)
                await aside.look_into(harvester, relay, name, name)
            # Again: what was delivered while the first round was fetched.
            await self._secure(harvester, relay)
        return verdict

    async def _let_go(self, name: bytes, capabilities: set[bytes]) -> bool:
        """Whether the client's own session does not have the mailbox open, or has left it now.

        A server whose session deletes the mailbox that it has open goes on with none; when another session does it,
        the first one breaks.
        """
        if self._relay.selected is None or self._relay.selected.name != name:
            return True
        if not {b"UNSELECT", b"IMAP4REV2"} & capabilities:
            return False
        _, answer = await self._harvester.ask(b"UNSELECT", is_news, verb=b"UNSELECT")
        return is_ok(answer)

    async def _put_aside(self, harvester: Harvester, relay: Relay, name: bytes) -> bytes | None:
        try:
            return await aside.delete(harvester, relay, name, partial(self._secure, harvester, relay))
        except aside.LeftAside as left:
            async with self._second() as (other, _):
                await aside.put_back(other, left.here, left.there)
            raise

    async def _secure(self, harvester: Harvester, relay: Relay) -> None:
        if relay.selected is not None:
            await harvester.secure_all(place_of(self._account, relay.selected))

    async def _closed_name(self, held: Held, harvester: Harvester, quoted: bytes, answer: bytes) -> Verdict:
        """A name that cannot be opened: there is no such mailbox, or it holds no messages. Raises Unsafe otherwise."""
        lines, listed = await harvester.ask(b'LIST "" ' + quoted, lambda line: line[:6].upper() == b"* LIST")
        absent = [b"\\NOSELECT" in line.upper() or b"\\NONEXISTENT" in line.upper() for line in lines]
        if not is_ok(listed) or not all(absent):
            raise Unsafe(Detail.NOT_SELECTED.said(words=answer[:200].decode("utf-8", "replace").strip()))
        if not lines and held.command.verb == b"DELETE" and answer[:2].upper() == b"NO":
            # Not sent on: it might exist and hold a letter by the time the command arrives.
            return Verdict(answer=held.command.tag + b" " + aside.no_such(answer))
        return Verdict(verb=held.command.verb, pieces=held.pieces)
