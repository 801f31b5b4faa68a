"""DELETE and RENAME: every message of the mailboxes that they name is durable first.

Also of the one that a RENAME puts another in the place of: it is an error when there is one (RFC 9051 section 6.3.6),
but some servers overwrite it. By a second session, because looking into a mailbox selects it.
"""

import re
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial

from postbuch.proxy import aside, command
from postbuch.proxy.answers import Refused, Unsafe, is_news, is_ok
from postbuch.proxy.captures import Mailbox, place_of
from postbuch.proxy.failure import Detail
from postbuch.proxy.harvest import Harvester
from postbuch.proxy.relay import Relay
from postbuch.proxy.verdict import Held, Verdict

SecondSession = Callable[[], AbstractAsyncContextManager[tuple[Harvester, Relay]]]

# What tells of a mailbox that is being opened, and all else but the end of the session.
_OPENING = re.compile(rb"\* (?!BYE\b)", re.IGNORECASE)
# What servers put between the levels of a name; at the end of one some do not read it.
_SEPARATORS = b"/.\\"
_WILDCARD = re.compile(rb"[%*]")
# Attributes, separator and name in an answer to LIST; a name that comes as a literal cannot be told.
_LISTED = re.compile(
    rb'\* LIST \(([^()]*)\) (?:NIL|"\\?(.?)") ("(?:[^"\\]|\\.)*"|[^"{\s]+)\r\n', re.IGNORECASE
)


def _lists(line: bytes, quoted: bytes) -> bool:
    """Whether an answer to LIST may be that of the mailbox: its name in another case as well, or one not to be read."""
    found = _LISTED.match(line)
    listed = None if found is None else command.argument(found.group(3))
    name = command.argument(quoted)
    return listed is None or name is None or listed[0].lower() == name[0].lower()


def _words(answer: bytes) -> str:
    return answer[:200].decode("utf-8", "replace").strip()


class Named:
    """One a session."""

    def __init__(self, relay: Relay, harvester: Harvester, account: str, second: SecondSession) -> None:
        self._relay = relay
        self._harvester = harvester
        self._account = account
        self._second = second

    async def verdict(self, held: Held, capabilities: set[bytes]) -> Verdict:
        """Make the command safe. Raises Unsafe."""
        renames = held.command.verb == b"RENAME"
        names, rest = command.arguments(held.command.rest + b"".join(held.pieces[2::2]), held.pieces[1::2], 1 + renames)
        verdict = Verdict(verb=held.command.verb, pieces=held.pieces)
        if not names and not held.command.rest.strip():
            return verdict  # names nothing: upstream says so
        if not names or (renames and len(names) == 1 and rest.strip()):  # it might read a name where we see none
            return Verdict(answer=held.command.tag + b" BAD this is no name of a mailbox\r\n")
        if any(command.quoted(name, utf8=self._relay.selection.utf8) is None for name in names):  # we cannot ask for it
            return Verdict(answer=held.command.tag + b" NO [CANNOT] a mailbox cannot be named like this\r\n")
        name = names[0]
        async with self._second() as (harvester, relay):
            if self._relay.selection.utf8:
                await harvester.ask(b"ENABLE UTF8=ACCEPT IMAP4rev2", lambda line: False)
                if not relay.selection.utf8:  # the same octets would name another mailbox
                    raise Unsafe(Detail.NO_STRING.said())
            quoted = command.quoted(name, utf8=relay.selection.utf8)
            if quoted is None:
                raise Unsafe(Detail.NO_STRING.said())
            answer = await aside.look_into(harvester, relay, name, name)
            if relay.selection.mailbox is None:
                verdict = await self._closed_name(held, harvester, quoted, answer)
                if verdict.pieces is not None and held.command.verb == b"DELETE":
                    await self._secure_below(harvester, relay, name)
                if verdict.pieces is not None:
                    await self._secure_targets(harvester, relay, names[1:])
                return verdict
            await self._secure(harvester, relay)
            alone = held.command.verb == b"DELETE" and not rest.strip()
            if alone and await aside.may_move(harvester, relay, name):
                said = await self._delete(harvester, relay, name, capabilities)
                if said is not None:
                    return Verdict(answer=held.command.tag + b" " + said)
                await aside.look_into(harvester, relay, name, name)
            elif held.command.verb == b"DELETE":
                await self._secure_below(harvester, relay, name)
                await aside.look_into(harvester, relay, name, name)
            # Again: what was delivered while the first round was fetched.
            await self._secure(harvester, relay)
            await self._secure_targets(harvester, relay, names[1:])
        return verdict

    async def _delete(
        self, harvester: Harvester, relay: Relay, name: bytes, capabilities: set[bytes]
    ) -> bytes | None:
        """Upstream's answer to the DELETE, without the tag; None: it must be sent as it is.

        A server whose session deletes the mailbox that it has open goes on with none; when another session does it,
        the first one breaks, and so does Dovecot's when the DELETE is refused. So the client's session leaves the
        mailbox, and opens it again when it was not deleted.
        """
        mailbox = self._relay.selection.mailbox
        opened = mailbox if mailbox is not None and mailbox.name == name else None
        if opened is None:
            return await self._put_aside(harvester, relay, name)
        if not {b"UNSELECT", b"IMAP4REV2"} & capabilities:
            return None
        await self._harvester.look(b"NOOP", lambda line: False)
        known = await self._uids()
        _, answer = await self._harvester.ask(b"UNSELECT", is_news, verb=b"UNSELECT")
        if not is_ok(answer):
            return None
        try:
            said = await self._put_aside(harvester, relay, name)
            if said is None:
                await aside.look_into(harvester, relay, name, name)
                await self._secure(harvester, relay)
                await aside.close(harvester)
                written = command.quoted(name, utf8=self._relay.selection.utf8) or b'""'
                _, said = await self._harvester.ask(b"DELETE " + written, lambda line: False)
        except Exception:
            await self._open_again(opened, known)
            raise
        if not is_ok(said):
            await self._open_again(opened, known)
        return said

    async def _put_aside(self, harvester: Harvester, relay: Relay, name: bytes) -> bytes | None:
        try:
            return await aside.delete(harvester, relay, name, partial(self._secure, harvester, relay))
        except aside.LeftAside as left:
            async with self._second() as (other, _):
                await aside.put_back(other, left.here, left.there)
            raise

    async def _secure(self, harvester: Harvester, relay: Relay) -> None:
        if relay.selection.mailbox is not None:
            await harvester.secure_all(place_of(self._account, relay.selection.mailbox))

    async def _secure_targets(self, harvester: Harvester, relay: Relay, names: list[bytes]) -> None:
        """What a RENAME may overwrite: its target, however servers spell it, and what lies below. Raises Unsafe."""
        for name in names * 2:  # again: what was delivered while the first round was fetched
            if is_ok(await aside.look_into(harvester, relay, name, name)):  # not all that can be opened is listed
                await self._secure(harvester, relay)
            await self._secure_below(harvester, relay, name, itself=True)

    async def _secure_below(self, harvester: Harvester, relay: Relay, name: bytes, *, itself: bool = False) -> None:
        """What lies below a mailbox: some servers remove it along (RFC 9051 section 6.3.5 says that it stays).

        Nothing of the INBOX, which no server removes and which is above all mailboxes at some. Raises Unsafe.
        """
        if name.upper() == b"INBOX":
            return
        for each in await self._listed(harvester, relay, name):
            listed = command.argument(each[3])
            if listed is None:
                raise Unsafe(Detail.NO_STRING.said())
            if b"\\NOSELECT" in each[1].upper() or b"\\NONEXISTENT" in each[1].upper():
                continue
            separator = each[2] or b""
            there, above = listed[0].lower(), name.lower().removesuffix(separator)
            if (separator and there.startswith(above + separator)) or (itself and there == above):
                answer = await aside.look_into(harvester, relay, listed[0], listed[0])
                if not is_ok(answer):
                    raise Unsafe(Detail.NOT_SELECTED.said(words=_words(answer)))
                await self._secure(harvester, relay)

    async def _listed(self, harvester: Harvester, relay: Relay, name: bytes) -> list[re.Match[bytes]]:
        """All mailboxes as LIST tells them; those that may have to do with this one if not all can be read.

        Raises Unsafe.
        """
        begin = command.quoted(name.rstrip(_SEPARATORS) + b"*", utf8=relay.selection.utf8)
        for pattern in filter(None, (b'"*"', begin)):
            lines, answer = await harvester.ask(b'LIST "" ' + pattern, lambda line: line[:6].upper() == b"* LIST")
            listed = [found for line in lines if (found := _LISTED.match(line)) is not None]
            if is_ok(answer) and len(listed) == len(lines):
                return listed
        raise Unsafe(Detail.NO_STRING.said())

    async def _open_again(self, mailbox: Mailbox, known: list[int] | None) -> None:
        """Unseen by the client, if the numbers that it knows are right still: nobody may have removed anything."""
        written = command.quoted(mailbox.name, utf8=self._relay.selection.utf8)
        if known is None or written is None:
            return
        verb = b"EXAMINE" if mailbox.read_only else b"SELECT"
        _, answer = await self._harvester.ask(
            verb + b" " + written, lambda line: _OPENING.match(line) is not None, verb=verb, mailbox=mailbox.name
        )
        if not is_ok(answer):
            return
        now = await self._uids()
        if now is None or now[: len(known)] != known or self._relay.selection.mailbox != mailbox:
            await self._harvester.ask(b"UNSELECT", is_news, verb=b"UNSELECT")
        elif len(now) > len(known):
            self._relay.say(b"* %d EXISTS\r\n" % len(now))

    async def _uids(self) -> list[int] | None:
        """Of all messages that the client's session knows, in order; None: upstream does not say."""
        if not self._relay.selection.exists:
            return []  # FETCH of none is an error at some
        try:
            found = await self._harvester.resolve(b"1:*", by_uid=False)
        except (Refused, Unsafe):
            return None
        return [each.uid for each in sorted(found, key=lambda each: each.sequence)]

    async def _closed_name(self, held: Held, harvester: Harvester, quoted: bytes, answer: bytes) -> Verdict:
        """A name that cannot be opened: there is no such mailbox, or it holds no messages. Raises Unsafe otherwise."""
        lines, listed = await harvester.ask(b'LIST "" ' + quoted, lambda line: line[:6].upper() == b"* LIST")
        if _WILDCARD.search(quoted):  # lists others as well, and there is no way to ask for this one alone
            lines = [line for line in lines if _lists(line, quoted)]
        absent = [b"\\NOSELECT" in line.upper() or b"\\NONEXISTENT" in line.upper() for line in lines]
        if not is_ok(listed) or not all(absent):
            raise Unsafe(Detail.NOT_SELECTED.said(words=_words(answer)))
        if not lines and held.command.verb == b"DELETE" and answer[:2].upper() == b"NO":
            # Not sent on: it might exist and hold a letter by the time the command arrives.
            return Verdict(answer=held.command.tag + b" " + aside.no_such(answer))
        return Verdict(verb=held.command.verb, pieces=held.pieces)
