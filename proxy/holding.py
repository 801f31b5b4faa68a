"""The gate at work: a dangerous command waits here until every message it can hit is durable, then it goes on.

What may go on is a command that hits those messages and no other: its set is written out, EXPUNGE becomes
`UID EXPUNGE` of what was checked, CLOSE the same and UNSELECT (RFC 4315, RFC 3691). So a message that comes, or is
flagged by somebody else, between the check and the command is not removed unseen.
"""

import asyncio
import logging
from collections.abc import Callable

from postbuch.archive import limited, said, uidset
from postbuch.archive.errors import ConfigError
from postbuch.archive.sighted import Place
from postbuch.archive.uidset import UidSet
from postbuch.proxy import gate, inparts
from postbuch.proxy.answers import Found, Refused, Unsafe, is_news
from postbuch.proxy.archived import Archived
from postbuch.proxy.captures import Mailbox, place_of
from postbuch.proxy.command import Command
from postbuch.proxy.failure import Detail, UpstreamFailed
from postbuch.proxy.gate import Hazard, Reach
from postbuch.proxy.harvest import Harvester
from postbuch.proxy.login import LoginRefused
from postbuch.proxy.named import Named, SecondSession
from postbuch.proxy.relay import Relay
from postbuch.proxy.verdict import Held, Verdict

log = logging.getLogger("postbuch.proxy.imap")

# Thunderbird gives up after 100 s without a word.
KEEP_ALIVE_S = 15.0
KEEP_ALIVE = b"* OK still here\r\n"
# Without UIDPLUS an EXPUNGE cannot be told what to remove: what is flagged is looked up so often until all is durable.
LOOKS = 5
# Their servers have UID EXPUNGE.
EXACT = frozenset({b"UIDPLUS", b"IMAP4REV2"})


class KeepAlive:
    """Says now and then that the client's command is not forgotten, until `end`."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._timer = self._wait()

    def end(self) -> None:
        self._timer.cancel()

    def _wait(self) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(KEEP_ALIVE_S, self._say)

    def _say(self) -> None:
        self._timer = self._wait()
        self._relay.say(KEEP_ALIVE)


class Holding:
    """One a session."""

    def __init__(
        self, relay: Relay, harvester: Harvester, archived: Archived, account: str, second: SecondSession,
        failed: Callable[[str], None], capabilities: set[bytes] | None = None,
    ) -> None:
        """`capabilities` in upper case, as upstream told them with its answer to the log-in; None: it did not."""
        self._relay = relay
        self._harvester = harvester
        self._archived = archived
        self._account = account
        self._named = Named(relay, harvester, account, second)
        self._failed = failed
        self._capabilities = capabilities
        self._placed: tuple[Mailbox | None, Place] = (None, Place(account="", mailbox="", uidvalidity=None))

    def hazard(self, parsed: Command) -> Hazard | None:
        """What the command may hit, as far as that can be said before its turn has come."""
        gmail = self._capabilities is None or b"X-GM-EXT-1" in self._capabilities
        return gate.hazard(parsed.verb, parsed.rest, selected=True, gmail=gmail)

    def at_once(self, held: Held) -> Verdict | None:
        """The verdict when all that the command can hit is known, and known to be archived, and upstream owes nothing.

        Else None: somebody must be asked, and the command is held.
        """
        mailbox, capabilities, verb = self._relay.settled_mailbox(), self._capabilities, held.command.verb
        if mailbox is None or capabilities is None:
            return None
        if self._placed[0] is not mailbox:
            self._placed = mailbox, place_of(self._account, mailbox)
        place, numbers = self._placed[1], held.hazard.set
        if verb.startswith(b"UID ") and held.hazard.reach in (Reach.SET, Reach.DELETED):
            wanted = uidset.parse(numbers)
            safe = wanted is not None and self._archived.has(place, wanted)
            return Verdict(verb=verb, pieces=held.pieces) if safe else None
        numbering = self._relay.settled_numbering()
        if numbering is None:
            return None
        if verb == b"STORE" and held.hazard.reach is Reach.SET and b"X-GM-EXT-1" not in capabilities:
            # Flags at the most: what an EXPUNGE removes is named by UID all the same.
            known = numbering.uids(numbers)
            if known is None or not self._archived.has(place, known[1]):
                return None
            rest = gate.with_set(held.command.rest, known[0].wire()) if b"*" in numbers else held.command.rest
            return Verdict(verb=verb, pieces=held.released(verb, rest))
        if verb == b"EXPUNGE" and not mailbox.read_only and capabilities & EXACT and self._most is None:
            # No message that upstream has told of is missing here, so none can be flagged and left.
            there = numbering.all_uids()
            if there is None or not self._archived.has(place, there):
                return None
            # All of them: what lies between two of them has no message and never will.
            uids = inparts.sets(there, there.hull())
            return self._exact(held, uids[0])
        return None

    @staticmethod
    def _exact(held: Held, uids: bytes) -> Verdict:
        """EXPUNGE of these and no others."""
        return Verdict(verb=b"UID EXPUNGE", pieces=held.released(b"UID EXPUNGE", b" " + uids + b"\r\n"))

    @property
    def _most(self) -> int | None:
        """Of how many messages upstream takes a command."""
        return limited.announced(self._capabilities or ())

    async def check(self, held: Held) -> Verdict:
        """Wait for the command's turn and make it safe. Never raises but when it is cancelled."""
        tag = held.command.tag
        alive = KeepAlive(self._relay)
        try:
            return await self._verdict(held)
        except Refused as refused:
            # Upstream's own words, as it would have said them to the command itself.
            words = refused.answer.replace(b"FETCH", held.command.verb.removeprefix(b"UID "))
            return Verdict(answer=tag + b" " + words)
        except (Unsafe, UpstreamFailed, LoginRefused, ConfigError) as error:
            self._failed(error.detail if isinstance(error, UpstreamFailed) else said.of(error))
            return Verdict(answer=tag + b" NO [UNAVAILABLE] the messages cannot be archived now; try again later\r\n")
        finally:
            alive.end()

    async def _verdict(self, held: Held) -> Verdict:
        await self._relay.quiet()
        if self._capabilities is None:
            self._capabilities = await self._harvester.capabilities()
        mailbox, verb = self._relay.selection.mailbox, held.command.verb
        gmail = b"X-GM-EXT-1" in self._capabilities
        hazard = gate.hazard(verb, held.command.rest, selected=mailbox is not None, gmail=gmail)
        if hazard is None:
            return Verdict(verb=verb, pieces=held.pieces)
        if (known := self.at_once(held)) is not None:
            return known
        if hazard.reach is Reach.NAMED:
            return await self._named.verdict(held, self._capabilities)
        if mailbox is None:
            return Verdict(verb=verb, pieces=held.pieces)
        place = place_of(self._account, mailbox)
        if hazard.reach is Reach.MAILBOX:
            await self._harvester.secure_all(place)
            return Verdict(verb=verb, pieces=held.pieces)
        if hazard.reach is Reach.SET:
            return await self._of_set(held, hazard, place)
        return await self._deleted(held, hazard, mailbox, place)

    # --- sets -----------------------------------------------------------------------------------------------------

    async def _of_set(self, held: Held, hazard: Hazard, place: Place) -> Verdict:
        verb = held.command.verb
        by_uid = verb.startswith(b"UID ")
        wanted = None if by_uid else uidset.parse(hazard.set)
        selection = self._relay.selection
        renumbered = selection.renumbered
        found = await self._harvester.resolve(hazard.set, by_uid=by_uid)
        # In order: of one moment, so that they say what lies between two messages.
        in_order = self._are_numbers(found, wanted) and selection.renumbered == renumbered
        numbers = UidSet.of(each.sequence for each in found).wire()
        # By UID as well where there is none, which no number says, and what may have to be sent in parts.
        if not by_uid and not (self._are_numbers(found, wanted) and 0 < len(numbers) <= inparts.MAX_SET_OCTETS):
            verb, by_uid = b"UID " + verb, True
        await self._harvester.secure(place, found, by_uid=by_uid)
        if not by_uid:
            if selection.renumbered != renumbered:
                raise Unsafe(Detail.RENUMBERED.said())
            return Verdict(verb=verb, pieces=held.released(verb, gate.with_set(held.command.rest, numbers)))
        uids = UidSet.of(each.uid for each in found)
        sets = inparts.sets(uids, inparts.joined(found) if in_order else None, most=self._most)
        return await inparts.send(self._harvester, self._relay, held, verb, sets, found)

    def _are_numbers(self, found: list[Found], wanted: UidSet | None) -> bool:
        """Whether the sequence numbers can be what was asked for. Exchange answers with some above those it counts."""
        most = self._relay.selection.exists
        return all(each.sequence <= most and (wanted is None or each.sequence in wanted) for each in found)

    # --- EXPUNGE and CLOSE ----------------------------------------------------------------------------------------

    async def _deleted(self, held: Held, hazard: Hazard, mailbox: Mailbox, place: Place) -> Verdict:
        verb, capabilities = held.command.verb, self._capabilities or set()
        exact = bool(capabilities & EXACT)
        if mailbox.read_only:  # removes nothing
            return Verdict(verb=verb, pieces=held.pieces)
        if verb == b"EXPUNGE" and exact:
            archived = self._archived.known(place)
            if archived and len(archived.wire()) <= inparts.MAX_SET_OCTETS:
                answer, left = await self._harvester.expunge_archived(archived)
                if not left:
                    return Verdict(answer=held.command.tag + b" " + answer)
        # What others flagged a moment ago counts as well, and a SEARCH need not know it. Who closes hears of nothing.
        await self._harvester.look(b"NOOP", is_news if verb == b"CLOSE" else lambda line: False)
        uids = await self._durable_deleted(place, hazard.set)
        if not exact:
            return await self._inexact(held, place)
        if verb == b"CLOSE" and (b"UNSELECT" in capabilities or b"IMAP4REV2" in capabilities):
            await self._harvester.expunge(inparts.sets(uids, most=self._most) if uids else [])
            _, answer = await self._harvester.ask(b"UNSELECT", is_news, verb=b"UNSELECT")
            return Verdict(answer=held.command.tag + b" " + answer.replace(b"Unselect", b"Close", 1))
        if verb == b"CLOSE":  # what others flag between here and there is the narrow gap that such a server leaves
            return Verdict(verb=verb, pieces=held.pieces)
        sets = inparts.sets(uids, most=self._most)
        return await inparts.send(self._harvester, self._relay, held, b"UID EXPUNGE", sets, ())

    async def _durable_deleted(self, place: Place, within: bytes) -> UidSet:
        uids = await self._harvester.deleted(within)
        await self._harvester.secure(place, [Found(sequence=0, uid=uid) for uid in uids], by_uid=True)
        return uids

    async def _inexact(self, held: Held, place: Place) -> Verdict:
        for _ in range(LOOKS):
            uids = await self._harvester.deleted(held.hazard.set)
            if not self._harvester.missing(place, uids):
                return Verdict(verb=held.command.verb, pieces=held.pieces)
            await self._harvester.secure(place, [Found(sequence=0, uid=uid) for uid in uids], by_uid=True)
        raise Unsafe(Detail.FLAGGED_FASTER.said())
