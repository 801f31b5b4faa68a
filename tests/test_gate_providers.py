"""The gate in front of providers with habits of their own (proxy.md section 3): Gmail, Exchange, iCloud, and REPLACE.

Whenever the provider removes a message for good, it looks whether that message is durable here by then.
"""

import contextlib
import hashlib
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from imap_proxy import PATIENCE_S, Client, ImapProxy, scripted_proxy
from pretender import ALL, GMAIL, PLAIN, SPAM, TRASH, Provider

from postbuch.proxy import holding
from provider.ports import wait_until

ANNA = "anna@firma.example"
LETTERS = [b"Subject: %d\r\n\r\nnur hier %d\r\n" % (number, number) for number in range(6)]


class House:
    """A provider and a proxy in front of it."""

    def __init__(self, proxy: ImapProxy, provider: Provider) -> None:
        self.proxy = proxy
        self.provider = provider
        self.also: list[bytes] = []  # messages that count as the letters do
        self.unseen: list[bytes] = []  # removed when they were not here
        provider.on_removal = self._look

    def _look(self, octets: bytes) -> None:
        if octets in (*LETTERS, *self.also) and hashlib.sha256(octets).hexdigest() not in self.here():
            self.unseen.append(octets)

    def here(self) -> set[str]:
        return {record.facts["sha256"] for record in self.proxy.records() if record.kind == 1}

    def client(self, name: bytes = b"INBOX") -> Client:
        made = self.proxy.logged_in(ANNA, "geheim")
        made.ok(b'SELECT "%s"' % name)
        return made

    def whole(self, client: Client, numbers: bytes = b"1:*") -> None:
        """Have the client fetch what the proxy then knows."""
        client.send(b"w UID FETCH %s (BODY.PEEK[])\r\n" % numbers)
        while not (line := client.line()).startswith(b"w "):
            literal = re.search(rb"\{(\d+)\}\r\n", line)
            client.octets(int(literal[1]) if literal else 0)

    def heard(self) -> list[bytes]:
        """What the provider was asked since the mailbox was opened."""
        opened = max(place for place, words in enumerate(self.provider.heard) if words.startswith(b"SELECT"))
        return self.provider.heard[opened + 1 :]


@contextlib.contextmanager
def house(folder: Path, provider: Provider, box: bytes = b"INBOX") -> Iterator[House]:
    for letter in LETTERS:
        provider.put(box, letter)
    for each in (b"INBOX", TRASH, SPAM, ALL, b"Drafts"):
        provider.boxes.setdefault(each, {})
    with scripted_proxy(folder, provider.script) as proxy:
        made = House(proxy, provider)
        yield made
        assert made.unseen == []


@pytest.mark.parametrize(
    ("words", "count"),
    [
        (b"STORE 1:2 +FLAGS (\\Deleted)", 2),
        (b"UID STORE 1:* +FLAGS.SILENT (\\Deleted)", 6),
        (b"COPY 2 [Gmail]/Trash", 1),
        (b'UID COPY 1:* "[Gmail]/Trash"', 6),
        (b"COPY 5:* [Gmail]/Spam", 2),
        (b'MOVE 1:3 "[Gmail]/Trash"', 3),
        (b"STORE 1:3 +X-GM-LABELS (\\Trash)", 3),
        (b"UID STORE 1:* +X-GM-LABELS \\Spam", 6),
        (b"STORE 1 +X-GM-LABELS (\\Junk)", 1),
    ],
)  # fmt: skip
def test_gmail(tmp_path: Path, words: bytes, count: int) -> None:
    """\\Deleted removes at once; a copy to Trash or Spam, or their label, takes the message away."""
    with house(tmp_path, Provider(capabilities=GMAIL, gmail=True)) as made:
        made.client().ok(words)
        assert len(made.provider.gone) == count and len(made.here()) == count


def test_gmail_copies_elsewhere_are_archived_as_well(tmp_path: Path) -> None:
    """Which mailboxes are Trash depends on the language of the account: all copies count."""
    with house(tmp_path, Provider(capabilities=GMAIL, gmail=True)) as made:
        made.client().ok(b"COPY 1:2 Drafts")
        assert len(made.here()) == 2
    with house(tmp_path / "plain", Provider()) as made:
        made.client().ok(b"COPY 1:2 Drafts")
        assert made.here() == set() and made.heard() == [b"COPY 1:2 Drafts"]


@pytest.mark.parametrize("words", [b"STORE 2:3 +FLAGS (\\Deleted)", b"STORE 5:* FLAGS (\\Deleted)"])
def test_exchange_numbers(tmp_path: Path, words: bytes) -> None:
    """FETCH answers with numbers above EXISTS: the UIDs are right, and the command goes on with them."""
    with house(tmp_path, Provider(number_offset=1000)) as made:
        client = made.client()
        client.ok(words)
        assert len(client.ok(b"EXPUNGE")) == 3
        assert len(made.provider.gone) == 2 and len(made.here()) == 2
        assert any(words.startswith(b"UID STORE 10") for words in made.heard())


@pytest.mark.parametrize("words", [b"STORE 1:* +FLAGS (\\Deleted)", b"UID MOVE 1:* Drafts", b"XREMOVE", b"EXPUNGE"])
def test_icloud_answers_without_a_body(tmp_path: Path, words: bytes) -> None:
    """FETCH is answered OK and one message has no literal: nothing is removed, and the client hears that it is not."""
    provider = Provider()
    with house(tmp_path, provider) as made:
        provider.withheld = frozenset({max(provider.boxes[b"INBOX"])})
        for uid in provider.boxes[b"INBOX"]:
            provider.flags[uid] = {b"\\Deleted"} if words == b"EXPUNGE" else set()
        assert b" NO [UNAVAILABLE] " in made.client().command(words)[-1]
        assert provider.gone == [] and len(provider.boxes[b"INBOX"]) == 6


def test_icloud_rfc822(tmp_path: Path) -> None:
    """What was asked for as RFC822 and came without a literal is not here; the gate asks for BODY.PEEK[]."""
    with house(tmp_path, Provider()) as made:
        client = made.client()
        client.ok(b"FETCH 1:* RFC822")
        client.ok(b"UID STORE 1:* +FLAGS.SILENT (\\Deleted)")
        client.ok(b"EXPUNGE")
        assert len(made.provider.gone) == 6 and len(made.here()) == 6


def test_renumbered_when_it_must_not_be(tmp_path: Path) -> None:
    """EXPUNGE during the FETCH of a held command: its numbers mean others now, and it is refused."""
    with house(tmp_path, Provider(renumbers=True)) as made:
        client = made.client()
        assert b" NO [UNAVAILABLE] " in client.command(b"STORE 2:3 +FLAGS (\\Deleted)")[-1]
        assert made.provider.gone == [] and len(made.provider.boxes[b"INBOX"]) == 5
        client.ok(b"STORE 2:3 +FLAGS (\\Deleted)")
        client.ok(b"EXPUNGE")
        assert made.provider.gone == LETTERS[2:4]


@pytest.mark.parametrize("words", [b"MOVE 1:2 Drafts", b"UID MOVE 101:107 Drafts", b"EXPUNGE", b"CLOSE", b"XREM"])
def test_mailbox_that_is_made_anew_while_a_command_is_held(tmp_path: Path, words: bytes) -> None:
    """Others have the UIDs of messages that are archived: the command is refused, and goes on once they are too."""
    with house(tmp_path, provider := Provider(capabilities=PLAIN), b"Alt") as made:
        client = made.client(b"Alt")
        made.whole(client)
        made.proxy.messages(6)
        new = {uid: b"Subject: neu %d\r\n\r\n" % uid for uid in provider.boxes[b"Alt"]}
        for uid in new:
            provider.flags[uid] = {b"\\Deleted"}
        made.also += new.values()
        provider.put(b"Alt", b"Subject: noch ungelesen\r\n\r\n")
        provider.anew = dict(new)
        assert b" NO [UNAVAILABLE] " in client.command(words)[-1]
        assert provider.gone == []
        client.ok(words)
        assert set(made.provider.gone) <= set(new.values())


def test_without_uidplus(tmp_path: Path) -> None:
    """EXPUNGE and CLOSE go as they are, after all that is flagged was archived."""
    for number, words in enumerate((b"EXPUNGE", b"CLOSE")):
        with house(tmp_path / str(number), Provider(capabilities=PLAIN)) as made:
            client = made.client()
            for uid in list(made.provider.boxes[b"INBOX"])[:4]:
                made.provider.flags[uid] = {b"\\Deleted"}
            client.ok(words)
            assert len(made.provider.gone) == 4 and made.heard()[-1] == words


@pytest.mark.parametrize("by_uid", [False, True])
def test_archived_message_costs_no_round_trip(tmp_path: Path, by_uid: bool) -> None:
    """What is known goes on as the client wrote it, and EXPUNGE by UID; upstream is asked nothing."""
    provider = Provider(capabilities=PLAIN + b" UIDPLUS")
    with house(tmp_path, provider) as made:
        client = made.client()
        made.whole(client)
        made.proxy.messages(6)
        before = len(provider.heard)
        numbers = b"%d:%d" % (min(provider.boxes[b"INBOX"]), max(provider.boxes[b"INBOX"])) if by_uid else b"1:6"
        words = (b"UID " if by_uid else b"") + b"STORE " + numbers + b" +FLAGS (\\Deleted)"
        client.ok(words)
        assert len(client.ok(b"EXPUNGE")) == 7
        assert provider.heard[before:] == [words, b"UID EXPUNGE 101:106"] and len(provider.gone) == 6


def test_numbers_move_with_each_expunge(tmp_path: Path) -> None:
    """One message after the other by number: the first has another UID each time, and nobody is asked for it."""
    with house(tmp_path, Provider()) as made:
        client = made.client()
        made.whole(client)
        made.proxy.messages(6)
        before = len(made.provider.heard)
        for number in (3, 3, 1, 3, 1, 1):
            client.ok(b"STORE %d +FLAGS.SILENT (\\Deleted)" % number)
            client.ok(b"EXPUNGE")
        assert made.provider.gone == [LETTERS[place] for place in (2, 3, 0, 5, 1, 4)]
        assert len(made.provider.heard) - before == 12


def test_open_sets_are_written_out(tmp_path: Path) -> None:
    """`*` is what upstream has told of: a message that comes now is not archived, and not hit."""
    with house(tmp_path, Provider()) as made:
        client = made.client()
        made.whole(client)
        made.proxy.messages(6)
        client.ok(b"STORE 5:* +FLAGS (\\Deleted)")
        assert made.heard()[-1] == b"STORE 5:6 +FLAGS (\\Deleted)"


@pytest.mark.parametrize(
    ("words", "gmail", "offset"),
    [(b"MOVE 2 Drafts", False, 0), (b"STORE 2 +FLAGS (\\Deleted)", True, 0), (b"STORE 3 +FLAGS (\\Deleted)", False, 1)],
)
def test_numbers_are_asked_for(tmp_path: Path, words: bytes, gmail: bool, offset: int) -> None:
    """Where the command itself removes, and where upstream's numbers were odd once (Exchange)."""
    provider = Provider(capabilities=GMAIL, gmail=True) if gmail else Provider(number_offset=offset)
    with house(tmp_path, provider) as made:
        client = made.client()
        made.whole(client)
        made.proxy.messages(6)
        before = len(provider.heard)
        client.ok(words)
        assert provider.heard[before] == b"FETCH %s (UID)" % words.split()[1]


@pytest.mark.parametrize("told", [True, False])
def test_capabilities_are_asked_for_once_when_they_were_not_told(tmp_path: Path, told: bool) -> None:
    """A log-in's answer names them at most servers."""

    provider = Provider(tells=told)
    for letter in LETTERS:
        provider.put(b"INBOX", letter)
    with scripted_proxy(tmp_path, provider.script) as proxy:
        client = proxy.logged_in(ANNA, "geheim")
        client.ok(b"SELECT INBOX")
        client.ok(b"STORE 1 +FLAGS (\\Deleted)")
        client.ok(b"STORE 2 +FLAGS (\\Deleted)")
        assert provider.heard.count(b"CAPABILITY") == (0 if told else 1)


def test_the_client_hears_that_we_live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a large message comes slowly from upstream, and the client sees nothing of it, it is told so."""
    monkeypatch.setattr(holding, "KEEP_ALIVE_S", 0.1)
    assert holding.KEEP_ALIVE.startswith(b"* OK ")
    heard = threading.Event()
    with house(tmp_path, Provider(between=lambda: heard.wait(PATIENCE_S))) as made:
        client = made.client()
        client.send(b"s STORE 1 +FLAGS (\\Deleted)\r\n")
        assert client.line() == holding.KEEP_ALIVE and client.line() == holding.KEEP_ALIVE
        assert made.here() == set(), "the message is still on its way"
        heard.set()
        lines = client.until(b"s")
        assert set(lines[:-1]) <= {holding.KEEP_ALIVE} and lines[-1].startswith(b"s OK")


def test_a_thunderbird_does_not_give_up() -> None:
    """It waits for 100 seconds."""
    assert holding.KEEP_ALIVE_S == 15.0


REPLACED = b"Subject: besser\r\n\r\nneu\r\n"
REPLACES = {
    "by number": [b"REPLACE 2 Drafts (\\Seen) {%d}\r\n", b"%s\r\n"],
    "by uid": [b"UID REPLACE 102 Drafts {%d}\r\n", b"%s\r\n"],
    "at once": [b"REPLACE 2 Drafts (\\Draft $x) {%d+}\r\n%s\r\n"],
    "the last": [b"REPLACE * INBOX {%d}\r\n", b"%s\r\n"],
}


@pytest.mark.parametrize("name", REPLACES)
def test_replace(tmp_path: Path, name: str) -> None:
    """RFC 8508: the old message and the new one are both here before either changes upstream."""
    with house(tmp_path, Provider(capabilities=PLAIN + b" UIDPLUS REPLACE")) as made:
        client = made.client()
        pieces = [
            piece.replace(b"%d", b"%d" % len(REPLACED)).replace(b"%s", REPLACED) for piece in REPLACES[name]
        ]
        client.send(b"r " + pieces[0])
        for piece in pieces[1:]:
            assert client.line().startswith(b"+ ")
            client.send(piece)
        answer = client.until(b"r")
        assert answer[-1].startswith(b"r OK")
        assert len(made.provider.gone) == 1 and made.provider.replaced == [REPLACED]
        (record,) = made.proxy.messages(1, source="append")
        assert record.load() == REPLACED
        assert record.facts["mailbox"] == ("INBOX" if name == "the last" else "Drafts")
        assert record.facts["flags"] == {"by number": ["\\Seen"], "at once": ["\\Draft", "$x"]}.get(name, [])
        (outcome,) = made.proxy.outcomes([record])
        assert (outcome["verdict"], outcome["uidvalidity"], outcome["uid"]) == (
            "accepted", 9, 107 if name == "the last" else made.provider.uidnext(b"Drafts") - 1
        )  # fmt: skip


def test_replace_behind_which_more_is_sent(tmp_path: Path) -> None:
    """It renumbers: what is pipelined waits for its answer."""
    with house(tmp_path, Provider(capabilities=PLAIN + b" UIDPLUS REPLACE")) as made:
        client = made.client()
        client.send(
            b"a REPLACE 1 Drafts {%d+}\r\n%s\r\nb STORE 1 +FLAGS (\\Deleted)\r\nc EXPUNGE\r\n"
            % (len(REPLACED), REPLACED)
        )
        assert client.until(b"c")[-1].startswith(b"c OK")
        assert made.provider.gone == LETTERS[:2]


def test_replace_without_room(tmp_path: Path) -> None:
    """The old message cannot be kept: refused, and the new one's octets are no commands."""
    provider = Provider(capabilities=PLAIN + b" UIDPLUS REPLACE")
    for letter in LETTERS:
        provider.put(b"INBOX", letter)
    with scripted_proxy(tmp_path, provider.script, reserve_octets=1 << 60) as proxy:
        client = proxy.logged_in(ANNA, "geheim")
        client.ok(b"SELECT INBOX")
        octets = b"x EXPUNGE\r\n"
        client.send(b"a REPLACE 1 Drafts {%d+}\r\n%s\r\n" % (len(octets), octets))
        assert b" NO [UNAVAILABLE] " in client.until(b"a")[-1]
        client.ok(b"NOOP")
        assert provider.replaced == [] and len(provider.boxes[b"INBOX"]) == 6 and b"EXPUNGE" not in provider.heard


def test_delete(tmp_path: Path) -> None:
    """Renamed out of the way, looked through, removed; all of it is here before."""
    with house(tmp_path, Provider(), b"Alt") as made:
        made.client().ok(b"DELETE Alt")
        assert made.provider.gone == LETTERS and not [name for name in made.provider.boxes if b"Alt" in name]


@pytest.mark.parametrize("below", [b"Alt/2025/Januar", b"Alt/a b"])
@pytest.mark.parametrize("words", [b"DELETE Alt", b"DELETE Alt/"])
def test_delete_that_takes_along_what_lies_below(tmp_path: Path, below: bytes, words: bytes) -> None:
    """As some providers do it: all of that is here before, too."""
    with house(tmp_path, Provider(), below) as made:
        made.provider.put(b"Alt", LETTERS[0])
        made.provider.put(b"Altes", b"Subject: nebenan\r\n\r\n")
        made.client().ok(words)
        assert sorted(made.provider.gone) == LETTERS and made.provider.boxes[b"Altes"]


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (b"Ziel", b"RENAME Alt Ziel"), (b"Ziel", b'RENAME "Alt" "Ziel"'), (b"Ziel", b"RENAME Alt Ziel/"),
        (b"Ziel", b"RENAME Alt {4+}\r\nZiel"), (b"Ziel", b"RENAME {3+}\r\nAlt {4+}\r\nZiel"),
        (b"Ziel/Unter", b"RENAME Alt Ziel"), (b"INBOX", b"RENAME Alt INBOX"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("unreadable", [b"", b"F\xc3\xbcnf"])
def test_rename_over_a_mailbox(tmp_path: Path, target: bytes, words: bytes, unreadable: bytes) -> None:
    """Some providers put one in the place of the other: what is in that one is here before (invariant 3)."""
    with house(tmp_path, Provider(unreadable=unreadable), target) as made:
        for name in (b"Alt", b"Alt/Unter"):
            made.provider.put(name, b"Subject: alt\r\n\r\n")
        made.client().ok(words)
        assert made.provider.gone == LETTERS and b"Alt" not in made.provider.boxes


def test_rename_over_a_mailbox_that_cannot_be_archived(tmp_path: Path) -> None:
    """It stays as it is, and the client hears so."""
    provider = Provider()
    with house(tmp_path, provider, b"Ziel") as made:
        made.provider.put(b"Alt", b"Subject: alt\r\n\r\n")
        provider.withheld = frozenset({min(provider.boxes[b"Ziel"])})
        assert b" NO [UNAVAILABLE] " in made.client().command(b"RENAME Alt Ziel")[-1]
        assert not [words for words in provider.heard if words.startswith(b"RENAME")] and provider.gone == []


@pytest.mark.parametrize(("words", "answer"), [
    (b'RENAME Alt "Ziel"x', b" BAD "), (b"RENAME Alt {4+}\r\nZi\r\n", b" NO [CANNOT] "),
])  # fmt: skip
def test_rename_to_what_we_cannot_read(tmp_path: Path, words: bytes, answer: bytes) -> None:
    """It goes to nobody: the provider might read the name of another mailbox."""
    provider = Provider()
    with house(tmp_path, provider, b"Ziel") as made:
        made.provider.put(b"Alt", b"Subject: alt\r\n\r\n")
        assert answer in made.client().command(words)[-1]
        assert not [words for words in provider.heard if words.startswith(b"RENAME")]


def test_client_that_leaves_while_its_mailbox_is_deleted(tmp_path: Path) -> None:
    """The mailbox is there under its own name, or it is gone for good; never left under the longer one."""
    provider = Provider()
    with house(tmp_path, provider, b"Alt") as made:
        client = made.client()

        def leave() -> None:
            provider.on_rename = None
            client.close()
            wait_until(lambda: not any(session.account for session in made.proxy.sessions), "the session's end")

        provider.on_rename = leave
        client.send(b"d DELETE Alt\r\n")
        wait_until(lambda: provider.on_rename is None and not made.proxy.sessions, "the client's end")
        wait_until(lambda: not [name for name in provider.boxes if b"-postbuch-" in name], "the mailbox's name")
        assert b"Alt" not in provider.boxes or list(provider.boxes[b"Alt"].values()) == LETTERS


def test_upstream_that_breaks_off_while_a_mailbox_is_deleted(tmp_path: Path) -> None:
    """Another connection gives the mailbox its name back; nothing is lost, and the client hears NO."""
    provider = Provider()
    with house(tmp_path, provider, b"Alt") as made:
        client = made.client()

        def break_off() -> None:
            provider.on_rename = None
            raise ConnectionError

        provider.on_rename = break_off
        assert b" NO [UNAVAILABLE] " in client.command(b"DELETE Alt")[-1]
        assert provider.gone == []
        assert [name for name in provider.boxes if name.startswith(b"Alt")] == [b"Alt"]
        assert list(provider.boxes[b"Alt"].values()) == LETTERS


@pytest.mark.parametrize(("read", "emptied"), [
    (b"Alt", b"Alt "), (b"Alt 1", b"Alt  1"), (b"a&-b", b"a&b"), (b"INBOX", b"&AEk-NBOX"), (b"x" * 255, b"x" * 256),
    ("Entwürfe".encode(), "Entwürfe".encode("latin-1")), (b"Entw&APw-rfe", "Entwürfe".encode()),
])
def test_mailboxes_that_look_alike(tmp_path: Path, read: bytes, emptied: bytes) -> None:
    """With the same UIDs and UIDVALIDITY: what was read in the one says nothing of the other."""
    provider = Provider(capabilities=GMAIL, gmail=True, next_uids={read: 101, emptied: 101})
    with house(tmp_path, provider, emptied) as made:
        for letter in LETTERS:
            provider.put(read, b"X-Other: 1\r\n" + letter)
        made.whole(made.client(read))
        wait_until(lambda: len(made.here()) == len(LETTERS), "what was read")
        made.client(emptied).ok(b"UID STORE 101:* +FLAGS (\\Deleted)")
        assert len(provider.gone) == len(LETTERS)


@pytest.mark.parametrize(("words", "count"), [
    (b"DELETE INBOX", 6), (b"UID MOVE 101:103 [Gmail]/Trash", 3), (b"MOVE 1:3 [Gmail]/Trash", 3),
    (b"UID MOVE 105:* [Gmail]/Trash", 2),
])
def test_numbers_among_other_facts(tmp_path: Path, words: bytes, count: int) -> None:
    """A server may say flags in any answer, in any order (RFC 9051 section 7.5.2): the message is there anyhow."""
    with house(tmp_path, Provider(wordy=b"FLAGS (a UID 7) ")) as made:
        made.client().ok(words)
        assert len(made.provider.gone) == count
        assert {hashlib.sha256(octets).hexdigest() for octets in made.provider.gone} <= made.here()


@pytest.mark.parametrize("words", [b"UID MOVE 101:* Drafts", b"EXPUNGE", b"XREMOVE"])
def test_mailbox_that_stays_open_behind_a_refusal(tmp_path: Path, words: bytes) -> None:
    """Another one cannot be opened, and the provider goes on with the old one: the gate does as well."""
    with house(tmp_path, Provider()) as made:
        client = made.client()
        for uid in made.provider.boxes[b"INBOX"]:
            made.provider.flags[uid] = {b"\\Deleted"}
        assert client.command(b"SELECT nirgends")[-1].split()[1] == b"NO"
        client.ok(words)
        assert len(made.here()) == len(LETTERS)


@pytest.mark.parametrize("opens", [
    b"[READ-WRITE] [READ-ONLY] selected. (Success)", b"opened, not [READ-ONLY]",
    b"[READ-ONLY] somebody has it open\r\n* OK [READ-WRITE] no longer",
])
@pytest.mark.parametrize("words", [b"EXPUNGE", b"CLOSE"])
def test_mailbox_that_is_not_read_only(tmp_path: Path, opens: bytes, words: bytes) -> None:
    """Gmail says the label's name in its answer to SELECT, and what is read-only may cease to be."""
    with house(tmp_path, Provider(opens=opens)) as made:
        client = made.client()
        for uid in made.provider.boxes[b"INBOX"]:
            made.provider.flags[uid] = {b"\\Deleted"}
        client.ok(words)
        assert len(made.here()) == len(LETTERS)


@pytest.mark.parametrize("words", [b"DELETE INBOX", b"XREMOVE", b"UID MOVE 101:* Drafts"])
def test_answer_that_cannot_be_read(tmp_path: Path, words: bytes) -> None:
    """It is of a message that may be hit: nothing goes on."""
    with house(tmp_path, Provider(wordy=b'X "')) as made:
        client = made.client()
        assert b" NO [UNAVAILABLE] " in client.command(words)[-1]
        assert not any(heard.startswith(words) for heard in made.provider.heard) and made.provider.gone == []


@pytest.mark.parametrize("words", [
    b"PARTIAL 1 RFC822 1 5", b"LOCALDELETE INBOX", b"LOCALAPPEND INBOX {3+}\r\nabc", b"XFER INBOX elsewhere",
])
def test_commands_that_go_to_nobody(tmp_path: Path, words: bytes) -> None:
    """An answer that calls a part RFC822 (RFC 1730 section 6.4.6), and other names for what the gate looks at."""
    with house(tmp_path, Provider()) as made:
        assert made.client().command(words)[-1].split()[1] == b"BAD" and made.heard() == []


@pytest.mark.parametrize("enables", [{b"IMAP4rev2"}, {b"UTF8=ACCEPT"}, set()])
def test_names_in_utf8(tmp_path: Path, enables: set[bytes]) -> None:
    """Both sessions mean the same by a name: what is UTF-8 in the client's is so in the one that looks into it."""
    with house(tmp_path, Provider(enables=frozenset(enables)), b"Alt&APw-") as made:
        client = made.client()
        client.ok(b"ENABLE IMAP4rev2 UTF8=ACCEPT")
        client.ok(b"DELETE Alt&APw-")
        asked = [words.split()[1:] for words in made.provider.heard if words.startswith(b"ENABLE")]
        assert all(enables <= set(words) for words in asked) and len(asked) == (2 if enables else 1)


def test_names_that_are_utf8_in_one_session_only(tmp_path: Path) -> None:
    """The provider does not agree to it a second time: another mailbox would be looked into, and removed."""
    with house(tmp_path, Provider(enables=frozenset({b"IMAP4rev2"})), b"Alt&APw-") as made:
        client = made.client()
        client.ok(b"ENABLE IMAP4rev2")
        made.provider.enables = frozenset()
        assert b" NO [UNAVAILABLE] " in client.command(b"DELETE Alt&APw-")[-1]
        assert made.provider.gone == [] and len(made.provider.boxes[b"Alt&APw-"]) == 6
