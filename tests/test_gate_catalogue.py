"""A catalogue of attempts to remove messages past the gate, against a real Dovecot (invariant 3).

Each attempt works on messages that were put into the mailbox behind the proxy's back and never fetched through it.
Afterwards each of them is still there upstream, or durable in the spool, octet for octet.
"""

import itertools
import threading
from collections.abc import Iterator

import psutil
import pytest
from gate_case import BODY, COUNT, Case
from imap_proxy import Client, ImapProxy, config_for

from provider.dovecot import Dovecot


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory, dovecot: Dovecot) -> Iterator[ImapProxy]:
    config = config_for(tmp_path_factory.mktemp("gate"), dovecot)
    with ImapProxy(config) as made:
        yield made


@pytest.fixture
def case(proxy: ImapProxy, dovecot: Dovecot) -> Iterator[Case]:
    made = Case(proxy, dovecot)
    yield made
    made.close()


REMOVALS = {
    "store then expunge": ([b"STORE 1:2 +FLAGS (\\Deleted)", b"EXPUNGE"], 2),
    "uid store 1:*": ([b"UID STORE 1:* +FLAGS.SILENT (\\Deleted)", b"EXPUNGE"], 6),
    "star": ([b"STORE * +FLAGS (\\Deleted)", b"EXPUNGE"], 1),
    "reversed range": ([b"STORE *:4 FLAGS (\\Deleted)", b"UID EXPUNGE 1:*"], 3),
    "lower case": ([b"store 1 +flags (\\deleted)", b"expunge"], 1),
    "mixed case, several flags": ([b"Uid StOrE 1,3,5 FLAGS (\\Seen \\dElEtEd $x)", b"EXPUNGE"], 3),
    "without brackets": ([b"STORE 1 +FLAGS \\Deleted", b"EXPUNGE"], 1),
    "unchangedsince": ([b"STORE 1 (UNCHANGEDSINCE 99999999) +FLAGS (\\Deleted)", b"EXPUNGE"], 1),
    "close": ([b"STORE 1:3 +FLAGS (\\Deleted)", b"CLOSE"], 3),
    "saved search": ([b"SEARCH RETURN (SAVE) 2:3", b"STORE $ +FLAGS (\\Deleted)", b"EXPUNGE"], 2),
    "saved search by uid": ([b"UID SEARCH RETURN (SAVE) ALL", b"UID STORE $ +FLAGS (\\Deleted)", b"EXPUNGE"], 6),
    "uid expunge of a saved search": (
        [b"STORE 1:4 +FLAGS (\\Deleted)", b"UID SEARCH RETURN (SAVE) 1:2", b"UID EXPUNGE $"], 2
    ),
    "after an expunge the numbers are others": (
        [b"STORE 1 +FLAGS (\\Deleted)", b"EXPUNGE", b"STORE 1:2 +FLAGS (\\Deleted)", b"EXPUNGE"], 3
    ),
    "move to a new mailbox, which is deleted": (
        [b"CREATE %s-weg", b"MOVE 1:3 %s-weg", b"DELETE %s-weg"], 3
    ),
    "uid move with star": ([b"CREATE %s-weg", b'UID MOVE 1:* "%s-weg"', b"DELETE %s-weg"], 6),
    "delete of the selected mailbox": ([b"DELETE %s"], 6),
    "delete of another mailbox": ([b"UNSELECT", b'DELETE "%s"'], 6),
    "rename, then delete": ([b"UNSELECT", b"RENAME %s %s-alt", b"DELETE %s-alt"], 6),
    "names with wildcards": ([b"UNSELECT", b'RENAME %s "%s-a*b%%c"', b'DELETE "%s-a*b%%c"'], 6),
    "a name with letters of other alphabets": ([b"UNSELECT", b'RENAME %s "%s-&APw-"', b'DELETE "%s-&APw-"'], 6),
    "nested": ([b"UNSELECT", b"RENAME %s %s-x/y/z", b"DELETE %s-x/y/z"], 6),
    "qresync": (
        [b"ENABLE QRESYNC", b"SELECT %s", b"UID STORE 1:4 +FLAGS.SILENT (\\Deleted)", b"EXPUNGE",
         b"STORE 1:* +FLAGS (\\Deleted)", b"CLOSE"], 6
    ),
    "flag taken back and set again": (
        [b"STORE 1 +FLAGS (\\Deleted)", b"STORE 1 -FLAGS (\\Deleted)", b"STORE 1:2 +FLAGS (\\Deleted)", b"CLOSE"], 2
    ),
}


@pytest.mark.parametrize("name", REMOVALS)
def test_removed_after_it_was_archived(case: Case, name: str) -> None:
    """The client's removal goes through, as it asked for it, and every message is here."""
    commands, count = REMOVALS[name]
    client = case.client()
    for words in commands:
        client.ok(words.replace(b"%s", case.name).replace(b"%%", b"%"))
    assert case.nothing_lost() == count


def test_mailbox_with_others_below_it_is_deleted(case: Case) -> None:
    """What lies below is not moved with it and stays."""
    client = case.client(select=False)
    client.ok(b"CREATE %s/unten" % case.name)
    client.ok(b"DELETE " + case.name)
    assert case.nothing_lost() == COUNT
    assert any(b"%s/unten" % case.name in line for line in client.ok(b'LIST "" *'))
    client.ok(b"DELETE %s/unten" % case.name)


def test_what_is_not_there_is_not_deleted(case: Case) -> None:
    """A mailbox that does not exist, INBOX, and the one that is open."""
    client = case.client()
    assert b" NO [NONEXISTENT]" in client.command(b"DELETE %s-nie" % case.name)[-1]
    assert client.command(b"DELETE INBOX")[-1].split()[1] == b"NO"
    client.ok(b"FETCH 1 FLAGS")  # it is open still
    client.ok(b"DELETE " + case.name)
    assert client.command(b"FETCH 1 FLAGS")[-1].split()[1] == b"BAD"  # as it is straight: nothing is open
    assert case.nothing_lost() == COUNT


LITERALS = {
    "delete, synchronising": [b"DELETE {%d}" , b"%s"],
    "delete, literal+": [b"DELETE {%d+}", b"%s"],
    "rename, both names": [b"RENAME {%d}", b"%s {6}", b"anders"],
    "move": [b"MOVE 1:* {5}", b"Trash"],
    "uid move, literal+": [b"UID MOVE 1:* {5+}", b"Trash"],
}


@pytest.mark.parametrize("name", LITERALS)
def test_literals_in_odd_places(case: Case, name: str) -> None:
    """A mailbox's name as a literal of either kind."""
    case.straight.command(b"CREATE Trash")
    lines = [
        line.replace(b"%d", b"%d" % len(case.name)).replace(b"%s", case.name) for line in LITERALS[name]
    ]
    client = case.client(select="move" in name)
    client.send(b"x " + lines[0] + b"\r\n")
    for before, line in itertools.pairwise(lines):
        if before.endswith(b"}") and not before.endswith(b"+}"):
            assert client.line().startswith(b"+")
        client.send(line + (b"\r\n"))
    answer = client.until(b"x")[-1]
    assert answer.startswith(b"x OK"), answer
    client.ok(b"NOOP")
    case.nothing_lost()
    case.straight.command(b"DELETE anders")


SMUGGLED = {
    "a literal that upstream refuses": b"a LOGIN {24+}\r\nb STORE 1 FLAGS \\Deleted\r\nc EXPUNGE\r\n",
    "a literal in NOOP": b"a NOOP {30+}\r\nb STORE 1:* FLAGS \\Deleted  \r\nc EXPUNGE\r\n",
    "a literal in STORE": b"a STORE 1 +FLAGS {11+}\r\n(\\Deleted)  \r\nc EXPUNGE\r\n",
    "a bare line feed": b"a NOOP\nb STORE 1:* +FLAGS (\\Deleted)\r\nc EXPUNGE\r\n",
    "a bare carriage return": b"a NOOP\rb STORE 1:* +FLAGS (\\Deleted)\r\nc EXPUNGE\r\n",
    "NUL": b"a NOOP\0\r\nb STORE 1:* +FLAGS (\\Deleted)\r\nc EXPUNGE\r\n",
    "a number that overflows": b"a STATUS {18446744073709551617+}\r\nb STORE 1:* +FLAGS (\\Deleted)\r\nc EXPUNGE\r\n",
    "a literal that is nearly one": b"a SEARCH {5 +}\r\nb STORE 1:* +FLAGS (\\Deleted)\r\nc EXPUNGE\r\n",
    "pipelined": b"a STORE 1:* +FLAGS (\\Deleted)\r\nb EXPUNGE\r\nc STORE 1 +FLAGS (\\Deleted)\r\nd CLOSE\r\n",
    "pipelined behind reading": b"a FETCH 1:* FLAGS\r\nb UID STORE 1:* +FLAGS (\\Deleted)\r\nc NOOP\r\nd EXPUNGE\r\n",
    "two spaces": b"a  UID  STORE 1:* +FLAGS (\\Deleted)\r\nb EXPUNGE\r\n",
    "idle that does not end": b"a IDLE\r\nb STORE 1:* +FLAGS (\\Deleted)\r\nc EXPUNGE\r\n",
    "one tag for all": b"a STORE 1:3 +FLAGS (\\Deleted)\r\na EXPUNGE\r\na STORE 1 +FLAGS (\\Deleted)\r\na EXPUNGE\r\n",
    "unknown verb": b"a XPURGE 1:*\r\nb UID XREMOVE 1:*\r\n",
    "replace": b"a REPLACE 1 INBOX {3+}\r\nabc\r\nb UID REPLACE 2 INBOX {3+}\r\nabc\r\n",
    "compressed": b"a COMPRESS DEFLATE\r\nb STORE 1:* +FLAGS (\\Deleted)\r\nc EXPUNGE\r\n",
    "starttls": b"a STARTTLS\r\nb STORE 1:* +FLAGS (\\Deleted)\r\nc EXPUNGE\r\n",
    "a set that is none": b"a STORE 1:,2 +FLAGS (\\Deleted)\r\nb STORE 0 +FLAGS (\\Deleted)\r\nc EXPUNGE\r\n",
    "another user": b"a UNAUTHENTICATE\r\nb LOGIN x y\r\nc STORE 1:* +FLAGS (\\Deleted)\r\nd EXPUNGE\r\n",
    "catenate": b"a APPEND INBOX CATENATE (URL \"/INBOX;uid=1\")\r\nb STORE 1:* +FLAGS (\\Deleted)\r\nc EXPUNGE\r\n",
    "deleted while appended": (
        b"a APPEND INBOX (\\Deleted) {3+}\r\nabc\r\nb STORE 1:* +FLAGS (\\Deleted)\r\nc EXPUNGE\r\n"
    ),
    "a sequence that renumbers": (
        b"a STORE 1 +FLAGS (\\Deleted)\r\nb EXPUNGE\r\nc STORE 5 +FLAGS (\\Deleted)\r\nd EXPUNGE\r\n"
    ),
}


@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "octet by octet"])
@pytest.mark.parametrize("name", SMUGGLED)
def test_smuggling(case: Case, name: str, at_once: bool) -> None:
    """Whatever octets a client sends: archived or refused, and the session does not hang."""
    client = case.client()
    octets = SMUGGLED[name] + b"z LOGOUT\r\n"
    if at_once:
        client.send(octets)
    else:
        for octet in octets:
            try:
                client.send(bytes([octet]))
            except OSError:  # it was thrown out before the end
                break
    client.rest()
    case.nothing_lost()


def test_two_sessions(case: Case) -> None:
    """What another session flags, straight upstream, is archived before our EXPUNGE removes it."""
    client = case.client()
    other = case.direct()
    other.ok(b"SELECT " + case.name)
    other.ok(b"STORE 2:4 +FLAGS.SILENT (\\Deleted)")
    client.ok(b"EXPUNGE")
    other.ok(b"STORE 1:* +FLAGS.SILENT (\\Deleted)")
    client.ok(b"CLOSE")
    assert case.nothing_lost() == COUNT
    other.close()


def test_two_sessions_when_all_is_archived(case: Case, proxy: ImapProxy) -> None:
    """What others flag of the archived is removed as well; what they deliver and flag only when we have it."""
    client = case.client()
    _read_all(client)
    proxy.messages(COUNT, mailbox=case.name.decode())
    other = case.direct()
    other.ok(b"SELECT " + case.name)
    other.ok(b"STORE 2:4 +FLAGS.SILENT (\\Deleted)")
    assert sum(b" EXPUNGE\r\n" in line for line in client.ok(b"EXPUNGE")) == 3
    case.messages.append(b"Subject: new\r\n\r\nnobody has read it\r\n")
    case.deliver(case.messages[-1])
    other.ok(b"NOOP")
    other.ok(b"STORE 1,4 +FLAGS.SILENT (\\Deleted)")
    client.ok(b"STORE 2 +FLAGS.SILENT (\\Deleted)")
    client.ok(b"EXPUNGE")
    client.ok(b"EXPUNGE")
    assert case.nothing_lost() == 6
    other.close()


def test_others_remove_and_deliver_meanwhile(case: Case) -> None:
    """Sequence numbers that are not those of upstream any more do not hit messages that were never archived."""
    client = case.client()
    other = case.direct()
    other.ok(b"SELECT " + case.name)
    other.ok(b"STORE 1 +FLAGS.SILENT (\\Deleted)")
    gone = case.messages.pop(0)  # removed behind our back: nobody could have archived it
    other.ok(b"EXPUNGE")
    case.messages.append(b"Subject: new\r\n\r\n" + gone)
    case.deliver(case.messages[-1])
    for number in (1, 5, 6):
        client.command(b"STORE %d +FLAGS (\\Deleted)" % number)
    client.command(b"EXPUNGE")
    case.nothing_lost()
    other.close()


def test_examine_removes_nothing(case: Case) -> None:
    """CLOSE of a mailbox that was opened to read leaves it as it is."""
    case.straight.ok(b"SELECT " + case.name)
    case.straight.ok(b"STORE 1:* +FLAGS.SILENT (\\Deleted)")
    case.straight.ok(b"UNSELECT")
    client = case.client(select=False)
    client.ok(b"EXAMINE " + case.name)
    client.ok(b"CLOSE")
    assert case.nothing_lost() == 0


def test_spool_that_cannot_be_written(tmp_path_factory: pytest.TempPathFactory, dovecot: Dovecot) -> None:
    """Removing is refused with a temporary error; reading goes on (invariant 7)."""
    config = config_for(tmp_path_factory.mktemp("full"), dovecot)
    with ImapProxy(config, reserve_octets=1 << 60) as proxy:
        case = Case(proxy, dovecot)
        client = case.client()
        for words in (b"STORE 1 +FLAGS (\\Deleted)", b"UID MOVE 1:* INBOX", b"XPURGE", b"DELETE " + case.name):
            assert b" NO [UNAVAILABLE] " in client.command(words)[-1]
        client.ok(b"EXPUNGE")  # nothing is flagged
        client.ok(b"CLOSE")
        client.ok(b"SELECT " + case.name)
        assert len(client.ok(b"FETCH 1:* (FLAGS)")) == COUNT + 1
        client.ok(b"STORE 1:* +FLAGS (\\Seen)")
        assert case.nothing_lost() == 0
        case.straight.close()


def _read_all(client: Client) -> None:
    client.send(b"f UID FETCH 1:* (BODY.PEEK[])\r\n")
    while not (line := client.line()).startswith(b"f "):
        literal = BODY.search(line)
        if literal:
            client.octets(int(literal.group(1)))


def test_archived_message_costs_no_round_trip(case: Case, proxy: ImapProxy) -> None:
    """What was fetched before is known by its UID: the STORE goes upstream as the client wrote it."""
    client = case.client()
    _read_all(client)
    proxy.messages(COUNT, mailbox=case.name.decode())
    client.ok(b"UID STORE 1:6 +FLAGS (\\Deleted)")
    client.ok(b"EXPUNGE")
    assert len(proxy.messages(COUNT, mailbox=case.name.decode())) == COUNT and case.nothing_lost() == COUNT


def test_a_large_mailbox_costs_little_memory(case: Case, proxy: ImapProxy) -> None:
    """60 MB are fetched before a MOVE goes on; they pass through to the spool and are not collected in memory."""
    large = b"Subject: %d\r\n\r\n" + b"0123456789abcdef" * 62_500 + b"\r\n"
    for number in range(60):
        case.messages.append(large % number)
        case.deliver(case.messages[-1])
    client = case.client()
    before = psutil.Process().memory_info().rss
    peak, over = before, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not over.wait(0.01):
            peak = max(peak, psutil.Process().memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    client.ok(b"STORE 1:* +FLAGS.SILENT (\\Deleted)")
    over.set()
    watcher.join()
    assert peak - before < 24 * 1024 * 1024, f"{(peak - before) >> 20} MB"
    client.ok(b"EXPUNGE")
    assert case.nothing_lost() == len(case.messages)


def test_modseq_that_a_look_was_told_is_told(case: Case) -> None:
    """With QRESYNC upstream says once how far it is, perhaps to a command of ours: the client hears of it all the same.

    RFC 7162 section 3.2.3: what a client goes by when it comes back.
    """
    client = case.client()
    client.ok(b"FETCH 1:* (MODSEQ)")
    client.ok(b"MOVE 2 Trash")
    client.ok(b"ENABLE QRESYNC")
    straight = case.direct()
    straight.ok(b"ENABLE QRESYNC")
    now = int(b"".join(straight.ok(b"SELECT " + case.name)).split(b"[HIGHESTMODSEQ ")[1].split(b"]")[0])
    straight.close()
    assert b"[HIGHESTMODSEQ %d]" % now in b"".join(client.ok(b"UID EXPUNGE 1:*"))
