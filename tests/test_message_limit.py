"""A provider that looks at so many messages of a command and says OK (RFC 9738, as Yahoo does): none goes unseen."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from imap_proxy import Wire
from pretender import Provider
from test_gate_providers import LETTERS, House, house

from postbuch.archive import limited

LIMIT = 2
CAPABILITIES = b"IMAP4rev1 LITERAL+ UIDPLUS MOVE UNSELECT MESSAGELIMIT=%d" % LIMIT


@dataclass(slots=True, eq=False)
class Limited(Provider):
    """Commands with a set and SEARCH come to the LIMIT messages with the highest UIDs."""

    untagged: bool = False  # it is said in a NO of its own
    lowest: int = 0

    def script(self, wire: Wire) -> None:
        say = wire.say

        def telling(octets: bytes) -> None:
            if octets.endswith(b" OK done\r\n") and self.lowest:
                code, self.lowest = b"[MESSAGELIMIT %d %d]" % (LIMIT, self.lowest), 0
                if self.untagged:
                    say(b"* NO " + code + b" there is more\r\n")
                else:
                    octets = octets.replace(b" OK ", b" OK " + code + b" ")
            say(octets)

        wire.say = telling  # type: ignore[method-assign]
        Provider.script(self, wire)

    def _answers(self, wire: Wire, words: bytes, selected: bytes) -> Iterator[bytes]:
        if words.startswith(b"UID SEARCH DELETED"):
            within = self._of(selected, words[23:] or b"1:*", True)
            found = [uid for uid in within if b"\\Deleted" in self.flags[uid]]
            yield b"* SEARCH" + b"".join(b" %d" % uid for uid in found) + b"\r\n"
            return
        yield from Provider._answers(self, wire, words, selected)

    def _of(self, name: bytes, numbers: bytes, by_uid: bool) -> list[int]:
        found = Provider._of(self, name, numbers, by_uid)
        if len(found) > LIMIT:
            self.lowest = found[-LIMIT]
        return found[-LIMIT:]


@pytest.fixture(params=[False, True], ids=["tagged", "untagged"])
def provider(request: pytest.FixtureRequest) -> Limited:
    return Limited(capabilities=CAPABILITIES, untagged=request.param)


def flag_all(made: House) -> None:
    for uid in made.provider.boxes[b"INBOX"]:
        made.provider.flags[uid].add(b"\\Deleted")


@pytest.mark.parametrize("name", [b"Alt", b"Neu"])
def test_mailbox_that_goes_as_a_whole(tmp_path: Path, provider: Limited, name: bytes) -> None:
    """By DELETE, or by a RENAME to its name: all of it is here before."""
    with house(tmp_path, provider, b"Alt") as made:
        provider.boxes[b"Neu"] = {}
        made.client().ok(b"DELETE Alt" if name == b"Alt" else b"RENAME Neu Alt")
        assert sorted(provider.gone) == LETTERS


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("words", [b"EXPUNGE", b"CLOSE", b"UID EXPUNGE 1:*"])
def test_all_that_is_flagged(tmp_path: Path, provider: Limited, words: bytes, exact: bool) -> None:
    """All of it is here before, and all of it goes, as EXPUNGE and CLOSE know no limit."""
    if not exact:
        provider.capabilities = CAPABILITIES.replace(b"UIDPLUS ", b"")
    with house(tmp_path, provider) as made:
        flag_all(made)
        made.client().ok(words)
        if exact or not words.startswith(b"UID"):
            assert sorted(provider.gone) == LETTERS


@pytest.mark.parametrize("words", [b"UID EXPUNGE 1:*", b"EXPUNGE"])
def test_all_that_is_known(tmp_path: Path, provider: Limited, words: bytes) -> None:
    """And was fetched before."""
    with house(tmp_path, provider) as made:
        client = made.client()
        for uid in sorted(provider.boxes[b"INBOX"]):
            made.whole(client, b"%d" % uid)
        flag_all(made)
        client.ok(words)
        assert sorted(provider.gone) == LETTERS


@pytest.mark.parametrize("words", [b"UID STORE 1:* +FLAGS (\\Deleted)", b"UID MOVE 1:* Drafts"])
def test_all_of_a_set(tmp_path: Path, provider: Limited, words: bytes) -> None:
    """Is looked at, and hit."""
    with house(tmp_path, provider) as made:
        made.client().ok(words)
        hit = [uid for uid, flags in provider.flags.items() if flags] or list(provider.boxes[b"Drafts"])
        assert len(hit) == len(LETTERS) == len(made.here())


@pytest.mark.parametrize("words", [b"STORE 2:* +FLAGS (\\Deleted)", b"MOVE 1:6 Drafts"])
def test_a_set_by_number(tmp_path: Path, provider: Limited, words: bytes) -> None:
    """Goes on as it is, and the client hears from upstream that there is more."""
    with house(tmp_path, provider) as made:
        assert b" [MESSAGELIMIT 2 105] " in b"".join(made.client().ok(words))
        assert len(made.here()) == (5 if b"2:" in words else 6)


@pytest.mark.parametrize(
    ("numbers", "lowest", "rest"),
    [(b"1:*", 5, b"1:4"), (b"7,3:4", 4, b"3"), (b"5:*", 5, b""), (b"$", 5, None), (b"1:4", 5, None), (b"1:4", 0, None)],
)
def test_what_is_left(numbers: bytes, lowest: int, rest: bytes | None) -> None:
    """None where upstream does not say, or says what makes no sense."""
    assert limited.below(numbers, lowest) == rest
