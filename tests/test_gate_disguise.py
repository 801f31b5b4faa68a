"""Attempts to have a message taken for archived that is not: the gate would let it go (invariant 3).

Whoever wants a letter out of the world may first fetch it in ways that make the tap believe it has all of it, or
has it under another name. Against a real Dovecot.
"""

from collections.abc import Iterator

import pytest
from gate_case import BODY, COUNT, Case
from imap_proxy import Client, ImapProxy, config_for

from provider.dovecot import Dovecot

ENCODED = (
    b"MIME-Version: 1.0\r\nSubject: anbei\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n"
    b"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    b"aGFsbG8gd2VsdA==\r\n--x--\r\n"
)
DISGUISES = {
    "one origin twice, short first": b"a UID FETCH 1:* (BODY.PEEK[]<0.5> BODY.PEEK[]<0.100000>)\r\n",
    "one origin twice, short last": b"a UID FETCH 1:* (BODY.PEEK[]<0.100000> BODY.PEEK[]<0.5>)\r\n",
    "one origin in two commands": (
        b"a UID FETCH 1:* BODY.PEEK[]<0.5>\r\nb UID FETCH 1:* BODY.PEEK[]<0.100000>\r\n"
    ),
    "a part behind a literal": (
        b"a UID FETCH 1:* (BODY.PEEK[HEADER.FIELDS ({1+}\r\nX)] BODY.PEEK[]<0.5>)\r\n"
        b"b UID FETCH 1:* BODY.PEEK[]<0.100000>\r\n"
    ),
    "parts with a hole": b"a UID FETCH 1:* BODY.PEEK[]<0.5>\r\nb UID FETCH 1:* BODY.PEEK[]<9.100000>\r\n",
    "a length that wraps": b"a UID FETCH 1:* BODY.PEEK[]<0.18446744073709551621>\r\n",
    "another length that wraps": b"a UID FETCH 1:* BODY.PEEK[]<0.4294967301>\r\n",
    "an origin of many digits": (
        b"a UID FETCH 1:* BODY.PEEK[]<000000000000000000000.5>\r\nb UID FETCH 1:* BODY.PEEK[]<0.100000>\r\n"
    ),
    "a length of many digits": (
        b"a UID FETCH 1:* BODY.PEEK[]<0.000000000000000000005>\r\nb UID FETCH 1:* BODY.PEEK[]<0.100000>\r\n"
    ),
    "an origin that wraps": (
        b"a UID FETCH 1:* BODY.PEEK[]<4294967296.5>\r\nb UID FETCH 1:* BODY.PEEK[]<0.100000>\r\n"
    ),
    "decoded": b"a UID FETCH 1:* BINARY.PEEK[]\r\n",
    "a part of the decoded": b"a UID FETCH 1:* (BODY.PEEK[]<0.100000> BINARY.PEEK[]<0.5>)\r\n",
    "text alone": b"a UID FETCH 1:* (BODY.PEEK[TEXT] BODY.PEEK[HEADER])\r\n",
    "the UID of another": b'a FETCH 1 (BODY.PEEK[HEADER.FIELDS ("a]" UID 3)] BODY.PEEK[])\r\n',
    "the UID of another, brackets": (
        b'a FETCH 1 (BODY.PEEK[HEADER.FIELDS ("a]" "(" x UID 3 ")")] BODY.PEEK[])\r\n'
    ),
    "the UID of another, a string": b'a FETCH 1 (BODY.PEEK[HEADER.FIELDS ("a] x UID 3 X" b)] BODY.PEEK[])\r\n',
    "a header that looks like a body": b'a UID FETCH 1:* (BODY.PEEK[HEADER.FIELDS ("x] BODY[]")])\r\n',
    "brackets in a name": b'a UID FETCH 1:* BODY.PEEK[HEADER.FIELDS (BODY[] "A B" RFC822 "EVIL X")]\r\n',
    "a bracket in a name": b'a UID FETCH 1:* BODY.PEEK[HEADER.FIELDS (A] ZZ RFC822 "EVIL Y" B)]\r\n',
    "a bracket in another's name": b'a UID FETCH 1:* BODY.PEEK[header.fields.NOT (A] ZZ BODY[] "EVIL Z" B)]\r\n',
    "the UID of another, in brackets": b'a FETCH 1 (BODY.PEEK[HEADER.FIELDS (X[] "A B" UID 3)] BODY.PEEK[])\r\n',
    "a name that is a literal": b"a UID FETCH 1:* (BODY.PEEK[HEADER.FIELDS (RFC822 {5+}\r\nE\nVIL)])\r\n",
    "a tag twice": b"a UID FETCH 1:* BODY.PEEK[]<0.5>\r\na ID NIL\r\nb UID FETCH 1:* BODY.PEEK[]<0.100000>\r\n",
}


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory, dovecot: Dovecot) -> Iterator[ImapProxy]:
    config = config_for(tmp_path_factory.mktemp("mask"), dovecot)
    with ImapProxy(config) as made:
        yield made


@pytest.fixture
def case(proxy: ImapProxy, dovecot: Dovecot) -> Iterator[Case]:
    made = Case(proxy, dovecot)
    made.messages.append(ENCODED)
    made.deliver(ENCODED)
    yield made
    made.close()


def through(client: Client, octets: bytes) -> None:
    """Send it all at once, and read until the last of its commands is answered."""
    client.send(octets + b"z NOOP\r\n")
    while not (line := client.line()).startswith(b"z "):
        literal = BODY.search(line)
        if literal:
            client.octets(int(literal.group(1)))


@pytest.mark.parametrize("name", DISGUISES)
def test_what_was_not_read_whole_is_not_archived(case: Case, name: str) -> None:
    """All of it is removed afterwards, and all of it is here."""
    client = case.client()
    through(client, DISGUISES[name])
    client.ok(b"UID STORE 1:7 +FLAGS.SILENT (\\Deleted)")
    client.ok(b"EXPUNGE")
    assert case.nothing_lost() == COUNT + 1


OPENED = {
    "something behind a quoted name": b'SELECT "%s"x',
    "two blanks": b"SELECT  %s",
    "blanks behind it": b"SELECT %s  ",
    "another literal behind it": b"SELECT {%d+}\r\n%s{3+}\r\nabc",
    "more words": b"SELECT %s anders",
}


@pytest.mark.parametrize("name", OPENED)
def test_mailbox_opened_by_an_odd_name(case: Case, name: str) -> None:
    """Dovecot opens it: what is removed there is here, or it is not removed."""
    client = case.client(select=False)
    client.ok(OPENED[name].replace(b"%d", b"%d" % len(case.name)).replace(b"%s", case.name))
    client.command(b"UID STORE 1:* +FLAGS.SILENT (\\Deleted)")
    client.command(b"EXPUNGE")
    case.nothing_lost()


@pytest.mark.parametrize("words", [b"SELECT )", b'EXAMINE "x', b"SELECT x)", b"SELECT anders (", b"EXAMINE"])
def test_mailbox_that_stays_open(case: Case, words: bytes) -> None:
    """Dovecot leaves the mailbox open when it cannot read the SELECT: what is removed then is here."""
    client = case.client()
    client.command(words)
    client.command(b"UID STORE 1:3 +FLAGS.SILENT (\\Deleted)")
    client.command(b"EXPUNGE")
    client.command(b"STORE 1 +FLAGS.SILENT (\\Deleted)")
    client.command(b"CLOSE")
    assert case.nothing_lost() == (0 if words == b"EXAMINE" else 4)


@pytest.mark.parametrize("words", [b"DELETE %s\\x", b'DELETE "%s\\\\x"', b"RENAME %s\\x %s-neu"])
def test_name_with_a_backslash(case: Case, words: bytes) -> None:
    """The mailbox that is named is removed, after it was archived, and not the one whose name is its beginning."""
    case.straight.ok(b'CREATE "%s\\\\x"' % case.name)
    case.straight.ok(b'APPEND "%s\\\\x" {%d+}\r\n%s' % (case.name, len(ENCODED), ENCODED))
    client = case.client(select=False)
    client.ok(words.replace(b"%s", case.name))
    assert case.nothing_lost() == 0
    assert len(case.straight.ok(b"STATUS %s (MESSAGES)" % case.name)) == 2
    assert case.proxy.messages(1, mailbox=f"{case.name.decode()}\\x")[0].load() == ENCODED
    case.straight.command(b"DELETE %s-neu" % case.name)


@pytest.mark.parametrize("words", [b'DELETE "%s"x', b'DELETE %s"x"', b"DELETE %s(x)", b"DELETE (%s)"])
def test_name_that_is_none(case: Case, words: bytes) -> None:
    """Refused: what upstream would read is not known."""
    client = case.client(select=False)
    assert client.command(words.replace(b"%s", case.name))[-1].split()[1] == b"BAD"
    assert case.nothing_lost() == 0


RAW = (
    b"MIME-Version: 1.0\r\nSubject: roh\r\nContent-Type: application/octet-stream\r\n"
    b"Content-Transfer-Encoding: binary\r\n\r\nhallo\0welt\r\n"
)
STORED_OTHERWISE = {
    "bare line feeds": b"APPEND %s {%d+}\r\nSubject: lf\r\n\r\nzeile\nzeile\r\n",
    "a line feed at the beginning": b"APPEND %s {%d+}\r\n\nzeile\r\n",
    "raw octets": b"APPEND %s ~{%d+}\r\n" + RAW,
    "two at once": b"APPEND %s {%d+}\r\nSubject: lf\r\n\r\nzeile\n",
    "with a date": b'APPEND %s (\\Seen) "17-Jul-1996 02:44:25 -0700" {%d+}\r\nSubject: lf\r\n\r\nzeile\n',
}


@pytest.mark.parametrize("name", STORED_OTHERWISE)
def test_what_is_stored_otherwise_is_not_archived_by_its_append(case: Case, name: str) -> None:
    """Dovecot gives out other octets than it got: those are archived before they go, too."""
    head, octets = STORED_OTHERWISE[name].split(b"\r\n", 1)
    client = case.client()
    client.ok(head.replace(b"%s", case.name).replace(b"%d", b"%d" % len(octets)) + b"\r\n" + octets)
    case.add_stored(COUNT + 2)
    client.ok(b"UID STORE 1:* +FLAGS.SILENT (\\Deleted)")
    client.ok(b"EXPUNGE")
    assert case.nothing_lost() == COUNT + 2


@pytest.mark.parametrize(
    "words",
    [
        b'APPEND {%d+}\r\n%sCATENATE (URL "/%s/;UID=1" TEXT {3+}\r\nabc)',
        b'APPEND {%d+}\r\n%s CATENATE (URL "/%s/;UID=1" TEXT {3+}\r\nabc)',
        b'APPEND "%s"CATENATE (URL "/%s/;UID=1" TEXT {3+}\r\nabc)',
        b'APPEND %s (\\Seen)CATENATE (URL "/%s/;UID=1" TEXT {3+}\r\nabc)',
        b'APPEND %s CATENATE(URL "/%s/;UID=1" TEXT {3+}\r\nabc)',
        b'APPEND "%s"x {3+}\r\nabc',
        b"APPEND %s(\\Seen) {3+}\r\nabc",
    ],
)
def test_message_that_we_do_not_see(case: Case, words: bytes) -> None:
    """Refused: its octets come from elsewhere, or go where nobody can tell."""
    client = case.client()
    client.send(b"c " + words.replace(b"%d", b"%d" % len(case.name)).replace(b"%s", case.name) + b"\r\n")
    assert client.line().startswith(b"c BAD ")
    assert case.straight.ok(b"STATUS %s (MESSAGES)" % case.name)[0].endswith(b"(MESSAGES 7)\r\n")
    client = case.client()
    client.ok(b"UID STORE 1:* +FLAGS.SILENT (\\Deleted)")
    client.ok(b"EXPUNGE")
    assert case.nothing_lost() == COUNT + 1


def test_parts_of_two_messages_are_not_joined(case: Case) -> None:
    """Fetched by number, and another message has that number by the second part: what nobody sent is not kept."""
    client = case.client()
    through(client, b"a FETCH 1 BODY.PEEK[]<0.10>\r\n")
    client.ok(b"UID STORE 1 +FLAGS.SILENT (\\Deleted)")
    client.ok(b"EXPUNGE")
    through(client, b"b FETCH 1 BODY.PEEK[]<10.100000>\r\n")
    client.ok(b"UID STORE 2 +FLAGS.SILENT (\\Deleted)")
    client.ok(b"EXPUNGE")
    kept = case.proxy.messages(2, mailbox=case.name.decode())
    assert sorted(record.load() for record in kept) == sorted(case.messages[:2])


def test_a_tag_that_is_in_use(case: Case) -> None:
    """Its second command is refused, and the session goes on."""
    client = case.client()
    client.send(b"a UID FETCH 1:* BODY.PEEK[]\r\na NOOP\r\n")
    answers: list[list[bytes]] = []
    while len(answers) < 2:
        line = client.line()
        literal = BODY.search(line)
        if literal:
            client.octets(int(literal.group(1)))
        elif line.startswith(b"a "):
            answers.append(line[2:].split(b" ", 2)[:2])
    assert sorted(answers)[0] == [b"BAD", b"[CLIENTBUG]"]
    assert sorted(answers)[1][0] == b"OK"
    client.ok(b"NOOP")
