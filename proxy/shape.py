"""What a command may look like and what follows from it, before the gate is asked. Pure decisions of the stage."""

import re

from postbuch.proxy import append, gate
from postbuch.proxy.append import is_built_elsewhere
from postbuch.proxy.capability import REFUSED_VERBS
from postbuch.proxy.command import Command
from postbuch.proxy.waiting import Ended

# Search keys, mailbox names, annotations: 1 MiB is a thousand times what clients send.
MAX_LITERAL_OCTETS = 1024 * 1024
# Of a command that is held, each: RENAME has two, and what unknown commands have will not be more.
MAX_LITERALS = 1_000

WITHOUT_LITERAL = frozenset(
    {
        b"NOOP", b"CAPABILITY", b"LOGOUT", b"CHECK", b"CLOSE", b"UNSELECT", b"EXPUNGE", b"UID EXPUNGE", b"IDLE",
        b"NAMESPACE", b"ENABLE",
    }
)
# What the client sent behind one of these may mean the numbers before it or after it: servers differ.
RENUMBERING = gate.REPLACING | {b"EXPUNGE", b"UID EXPUNGE", b"MOVE", b"UID MOVE", b"CLOSE", b"DELETE", b"RENAME"}
NAMING = append.VERBS | {b"SELECT", b"EXAMINE"}
# Whole commands on one line that need no framing, which is what mail programs send all day.
PLAIN = re.compile(
    rb"([A-Za-z0-9._$-]{1,64}) (NOOP|CHECK|(?:UID )?(?:FETCH|SEARCH|STORE|EXPUNGE|MOVE))"
    rb"((?: [^{}\r\n\0]{1,60000})?)\r\n"
)
REMOVING = frozenset({b"STORE", b"UID STORE", b"EXPUNGE", b"UID EXPUNGE", b"MOVE", b"UID MOVE"})


def refusal(parsed: Command) -> bytes | None:
    """What is said behind the tag of a command that goes to nobody; None when it may go on."""
    if parsed.verb in REFUSED_VERBS or parsed.verb.removeprefix(b"UID ") in REFUSED_VERBS:
        return b" BAD this command is not available here\r\n"
    if parsed.verb == b"ENABLE" and b"UIDONLY" in parsed.rest.upper():
        return b" NO UIDONLY is not available here\r\n"
    if parsed.verb in append.VERBS and is_built_elsewhere(parsed.rest):
        return b" BAD CATENATE is not available here\r\n"
    if parsed.verb in append.VERBS and not append.names_a_mailbox(parsed.verb, parsed.rest):
        return b" BAD this is no name of a mailbox\r\n"
    return None


def no_literal(verb: bytes) -> Ended:
    """The end of a session that has a literal in one of WITHOUT_LITERAL."""
    return Ended(f"a literal in {verb.decode()}", b"* BYE this command takes no literal\r\n")


def too_many() -> Ended:
    """The end of one with more than MAX_LITERALS in a command that is held."""
    return Ended(f"more than {MAX_LITERALS} literals", b"* BYE the command has too many literals\r\n")


def too_large() -> Ended:
    """The end of one with a literal that is no message and above its limit."""
    return Ended("a literal that is too large and no message", b"* BYE the literal is too large\r\n")
