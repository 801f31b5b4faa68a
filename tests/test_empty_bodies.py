"""A body without an octet, as of messages that a provider cannot read just now: it stands for none (invariant 3)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pretender import Provider
from test_gate_providers import house


@dataclass(slots=True, eq=False)
class Emptied(Provider):
    """Gives message 103 out without its octets."""

    says: bytes = b"{0}\r\n"

    def _fetch(self, uids: list[int], words: bytes, selected: bytes) -> Iterator[bytes]:
        for uid in uids:
            part = re.search(rb"BODY\.PEEK\[\](?:<(\d+)\.\d+>)?", words)
            if uid == 103 and part is not None:
                origin = b"<%s>" % part[1] if part[1] else b""
                yield b"* 3 FETCH (UID 103 FLAGS () BODY[]%s %s)\r\n" % (origin, self.says)
            else:
                yield from Provider._fetch(self, [uid], words, selected)


@pytest.mark.parametrize("reads", [b"", b"UID FETCH 103 (BODY.PEEK[])", b"UID FETCH 103 (BODY.PEEK[]<0.100>)"])
@pytest.mark.parametrize("says", [b"{0}\r\n", b'""'])
def test_nothing_is_removed(tmp_path: Path, says: bytes, reads: bytes) -> None:
    """Whoever read it before."""
    provider = Emptied(says=says)
    with house(tmp_path, provider) as made:
        client = made.client()
        if reads:
            client.send(b"w " + reads + b"\r\n")
            client.until(b"w")
        for words in (b"UID STORE 103 +FLAGS (\\Deleted)", b"STORE 3 +FLAGS (\\Deleted)", b"UID MOVE 101:* Drafts"):
            assert b" NO [UNAVAILABLE] " in client.command(words)[-1]
        assert provider.flags[103] == set() and provider.boxes[b"Drafts"] == {}
        client.ok(b"UID STORE 102 +FLAGS (\\Deleted)")


@pytest.mark.parametrize("says", [b"{0}\r\n", b'""'])
def test_a_message_that_is_empty(tmp_path: Path, says: bytes) -> None:
    """Its length is 0 as well: there is nothing to lose, and it can be removed."""
    provider = Emptied(says=says)
    with house(tmp_path, provider) as made:
        provider.boxes[b"INBOX"][103] = b""
        client = made.client()
        client.ok(b"UID STORE 103 +FLAGS (\\Deleted)")
        client.ok(b"EXPUNGE")
        assert 103 not in provider.boxes[b"INBOX"]
