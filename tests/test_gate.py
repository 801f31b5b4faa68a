"""What a command can destroy, and what it cannot (proxy/gate.py; invariant 3)."""

from typing import Any, cast

import pytest

from postbuch.proxy import gate
from postbuch.proxy.framing_client import ClientFramer
from postbuch.proxy.gate import HARMLESS, Hazard, Reach
from postbuch.proxy.holding import Holding
from postbuch.proxy.relay import Relay
from postbuch.proxy.stage import Stage

SET, DELETED, MAILBOX, NAMED = Reach.SET, Reach.DELETED, Reach.MAILBOX, Reach.NAMED


def look(verb: bytes, rest: bytes = b"\r\n", *, selected: bool = True, gmail: bool = False) -> Hazard | None:
    return gate.hazard(verb, rest, selected=selected, gmail=gmail)


@pytest.mark.parametrize(
    ("verb", "rest", "reach", "numbers"),
    [
        (b"STORE", b" 1 +FLAGS (\\Deleted)\r\n", SET, b"1"),
        (b"STORE", b" 1:* flags.silent (\\Seen \\DELETED)\r\n", SET, b"1:*"),
        (b"STORE", b" 1 FLAGS \\deleted\r\n", SET, b"1"),
        (b"STORE", b" $ +FLAGS \\Seen \\Deleted\r\n", SET, b"$"),
        (b"UID STORE", b" 7,9 (UNCHANGEDSINCE 12) +FLAGS.SILENT (\\Deleted)\r\n", SET, b"7,9"),
        (b"UID STORE", b" 7 +X-GM-LABELS (\\Trash)\r\n", SET, b"7"),
        (b"STORE", b" 1 +FLAGS (\\Seen) (\\Deleted)\r\n", SET, b"1"),
        (b"STORE", b" 1 +FLAGS {9}\r\n", SET, b"1"),
        (b"STORE", b" 1 -FLAGS \\Seen +FLAGS \\Deleted\r\n", SET, b"1"),
        (b"STORE", b" 1 -FLAGS \\Seen flags.silent \\Deleted\r\n", SET, b"1"),
        (b"STORE", b" 1 +FLAGS \\Seen +X-GM-LABELS \\Trash\r\n", SET, b"1"),
        (b"STORE", b" 1,x +FLAGS (\\Deleted)\r\n", MAILBOX, b""),
        (b"STORE", b"\r\n", MAILBOX, b""),
        (b"EXPUNGE", b"\r\n", DELETED, b""),
        (b"CLOSE", b"\r\n", DELETED, b""),
        (b"UID EXPUNGE", b" 3:4\r\n", DELETED, b"3:4"),
        (b"MOVE", b" 2:3 Trash\r\n", SET, b"2:3"),
        (b"UID MOVE", b" * {5}\r\n", SET, b"*"),
        (b"UID XDESTROY", b" 1\r\n", MAILBOX, b""),
        (b"X-DELETE-ALL", b"\r\n", MAILBOX, b""),
        (b"REPLACE", b" 4 INBOX {3}\r\n", SET, b"4"),
        (b"DELETE", b" Alt\r\n", NAMED, b""),
        (b"RENAME", b" a b\r\n", NAMED, b""),
    ],
)
def test_dangerous(verb: bytes, rest: bytes, reach: Reach, numbers: bytes) -> None:
    """Each way to remove a message, in the words of several clients; what cannot be read counts as one."""
    assert look(verb, rest) == Hazard(reach=reach, set=numbers)


@pytest.mark.parametrize(
    ("verb", "rest"),
    [
        (b"STORE", b" 1:* +FLAGS (\\Seen $Junk)\r\n"),
        (b"UID STORE", b" 1 -FLAGS.SILENT (\\Deleted)\r\n"),
        (b"STORE", b" 1 -FLAGS \\Deleted \\Seen x-y+z\r\n"),
        (b"STORE", b" 1 FLAGS ()\r\n"),
        (b"COPY", b" 1:* Trash\r\n"),
        (b"UID COPY", b" 1 {3}\r\n"),
        *((verb, b" x\r\n") for verb in sorted(HARMLESS)),
    ],
)
def test_harmless(verb: bytes, rest: bytes) -> None:
    """What only reads, or changes what is no message, is not held."""
    assert look(verb, rest) is None


def test_gmail() -> None:
    """There a COPY to Trash moves the message."""
    assert look(b"COPY", b" 1:2 [Gmail]/Trash\r\n", gmail=True) == Hazard(reach=SET, set=b"1:2")


def test_nothing_selected() -> None:
    """Without a mailbox there are no messages to hit, but DELETE names one."""
    assert look(b"EXPUNGE", selected=False) is None and look(b"XANYTHING", selected=False) is None
    assert look(b"DELETE", b" x\r\n", selected=False) == Hazard(reach=NAMED)


def test_another_set() -> None:
    """The rest of the command stays as it was."""
    assert gate.with_set(b" 1:* (UNCHANGEDSINCE 4) +FLAGS (\\Deleted)\r\n", b"3,5") == (
        b" 3,5 (UNCHANGEDSINCE 4) +FLAGS (\\Deleted)\r\n"
    )
    assert gate.with_set(b" 2 {5}\r\n", b"9") == b" 9 {5}\r\n"


@pytest.mark.parametrize(("line", "taken"), [
    (b"a STORE 1 +FLAGS (\\Seen)\r\n", True), (b"a UID STORE 1:9 -FLAGS.SILENT (\\Deleted)\r\n", True),
    (b"a STORE 1 +FLAGS (\\Deleted)\r\n", False), (b"a UID STORE 1 +X-GM-LABELS (x)\r\n", False),
    (b"a EXPUNGE\r\n", False), (b"a UID MOVE 1 x\r\n", False), (b"a STORE 1 +FLAGS (\\Seen)\r\nb NOOP\r\n", False),
])
def test_a_store_without_danger_goes_the_short_way(line: bytes, taken: bool) -> None:
    """Mail programs mark all day; what can remove something is not among it."""
    sent: list[bytes] = []
    relay, none = Relay(None, sent.append), cast(Any, None)
    holding = Holding(relay, none, none, "a@b", none, none, {b"UIDPLUS"})
    stage = Stage(sent.append, none, relay, ClientFramer(), None, holding)
    assert (stage.take_plain(line), sent) == (taken, [line] if taken else [])
