"""A command whose set is too long for one line: written shorter where nothing else is hit by that, else sent in parts.

A UID that no message has, below one that a message has, is given to none any more (RFC 9051 section 2.3.1.1). So two
messages whose sequence numbers are neighbours may be written as one range, however far apart their UIDs are.
"""

import re
from collections.abc import Sequence

from postbuch.archive import uidset
from postbuch.archive.collect_plan import portions
from postbuch.archive.uidset import UidSet
from postbuch.proxy import command, gate
from postbuch.proxy.answers import Found, is_ok
from postbuch.proxy.harvest import Harvester
from postbuch.proxy.relay import Relay
from postbuch.proxy.verdict import Held, Verdict

# RFC 9051 section 4: what a server must take is not said; 8,192 octets are what all take.
MAX_SET_OCTETS = 8000
# No mailbox has it in practice: the set that hits nothing, where an empty one cannot be written.
NOTHING = b"%d" % uidset.LARGEST

_MODIFIED = re.compile(rb"OK \[MODIFIED ([\d:,]+)\]", re.IGNORECASE)
_COPIED = re.compile(rb"OK \[COPYUID ", re.IGNORECASE)


def joined(found: Sequence[Found]) -> UidSet:
    """The UIDs of these, and between neighbours those that no message has. The numbers are of one moment."""
    in_order = sorted(found, key=lambda each: each.uid)
    spans = [(each.uid, each.uid) for each in in_order]
    for place in range(1, len(spans)):
        if in_order[place].sequence == in_order[place - 1].sequence + 1:
            spans[place - 1] = (spans[place - 1][0], spans[place][0])
    return UidSet(spans)


def sets(uids: UidSet, shorter: UidSet | None = None, *, most: int | None = None) -> list[bytes]:
    """As few as can be, each short enough. `shorter`: hits the same, for when one line does not hold the UIDs.

    `most`: of how many messages upstream takes a command; what is above would be left undone.
    """
    if most is not None and len(uids) > most:
        return [line for part in portions(uids, most) for line in part.wires(MAX_SET_OCTETS)]
    found = list(uids.wires(MAX_SET_OCTETS))
    if len(found) > 1 and shorter is not None:
        found = list(shorter.wires(MAX_SET_OCTETS))
    return found or [NOTHING]


async def send(
    harvester: Harvester, relay: Relay, held: Held, verb: bytes, sets: list[bytes], found: Sequence[Found]
) -> Verdict:
    """Of one set the command itself is left to be sent; of several it is done, and the client has one answer.

    `found`: the messages, where the client may be told of them by number.
    """
    rest = _behind_set(held, verb, utf8=relay.selection.utf8)
    if len(sets) == 1 or rest is None:
        numbers = b",".join(sets)
        new = b" " + numbers + b"\r\n" if verb == b"UID EXPUNGE" else gate.with_set(held.command.rest, numbers)
        return Verdict(verb=verb, pieces=held.released(verb, new))
    modified = UidSet()
    for place, numbers in enumerate(sets, 1):
        _, answer = await harvester.ask(verb + b" " + numbers + rest, lambda line: False)
        if not is_ok(answer):
            break
        if (told := _MODIFIED.match(answer)) is not None:
            modified.update(uidset.parse(told[1]) or UidSet())
        elif place < len(sets) and _COPIED.match(answer):
            relay.say(b"* " + answer)
    else:
        if modified:
            if not held.command.verb.startswith(b"UID "):
                modified = UidSet.of(each.sequence for each in found if each.uid in modified)
            answer = b"OK [MODIFIED " + modified.wire() + b"] the others were changed\r\n"
    return Verdict(answer=held.command.tag + b" " + answer)


def _behind_set(held: Held, verb: bytes, *, utf8: bool) -> bytes | None:
    """The arguments behind the set, on one line; None when they are none, or the command takes one message only."""
    if verb == b"UID EXPUNGE":
        return b""
    rest = gate.behind_set(held.command.rest)
    if verb in gate.REPLACING:
        return None
    if len(held.pieces) == 1:
        return rest.removesuffix(b"\r\n")
    if len(held.pieces) != 3 or held.pieces[2] != b"\r\n":
        return None
    name = command.argument(rest, [held.pieces[1]])  # MOVE and COPY to a mailbox whose name is a literal
    written = None if name is None or name[1] else command.quoted(name[0], utf8=utf8)
    return None if written is None else b" " + written
