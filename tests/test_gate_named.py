"""DELETE and RENAME that the provider refuses, at a real Dovecot with access control (proxy/named.py)."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import USERS
from gate_case import COUNT, HEIKE, Case
from imap_proxy import ImapProxy, config_for

from postbuch.proxy import aside
from provider.dovecot import Dovecot

ACL = """
mail_plugins = acl
protocol imap {
  mail_plugins = acl imap_acl
}
plugin {
  acl = vfile
}
"""


@pytest.fixture(scope="module")
def strict() -> Iterator[Dovecot]:
    with (
        tempfile.TemporaryDirectory(prefix="postbuch-acl-") as name,
        Dovecot(Path(name), {HEIKE: USERS[HEIKE]}, extra_configuration=ACL) as server,
    ):
        yield server


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory, strict: Dovecot) -> Iterator[ImapProxy]:
    config = config_for(tmp_path_factory.mktemp("named"), strict)
    with ImapProxy(config) as made:
        yield made


@pytest.fixture
def case(proxy: ImapProxy, strict: Dovecot) -> Iterator[Case]:
    made = Case(proxy, strict)
    yield made
    made.straight.close()


def keep(case: Case) -> None:
    """Nobody may delete or rename it."""
    case.straight.ok(b"SETACL %s %s lrwstipeka" % (case.name, HEIKE.encode()))


@pytest.mark.parametrize("verb", [b"SELECT", b"EXAMINE"])
def test_selected_mailbox_that_may_not_be_deleted(case: Case, verb: bytes) -> None:
    """It is open as before, and what came meanwhile is told of."""
    keep(case)
    client = case.client(select=False)
    client.ok(verb + b" " + case.name)
    answer = client.command(b"DELETE " + case.name)
    assert b" NO [NOPERM] " in answer[-1]
    assert not any(line.startswith((b"* FLAGS", b"* OK [UIDV")) for line in answer), "opened again unseen"
    assert len(client.ok(b"FETCH 1:* (FLAGS)")) == COUNT + 1
    assert (b"read-only" in client.command(b"STORE 1 +FLAGS (\\Seen)")[-1]) == (verb == b"EXAMINE")
    case.nothing_lost()


@pytest.mark.parametrize("removes", [False, True])
def test_others_work_while_a_delete_fails(case: Case, monkeypatch: pytest.MonkeyPatch, removes: bool) -> None:
    """A message that came is told of; where one was removed the numbers are wrong, and nothing is open any more."""
    keep(case)
    inside = aside.delete
    other = case.direct()
    other.ok(b"SELECT " + case.name)

    async def meanwhile(*words: Any) -> bytes | None:
        if removes:
            other.ok(b"STORE 2 +FLAGS.SILENT (\\Deleted)")
            other.ok(b"EXPUNGE")
        else:
            case.deliver(b"Subject: neu\r\n\r\nneu\r\n")
        return await inside(*words)

    monkeypatch.setattr(aside, "delete", meanwhile)
    client = case.client()
    answer = client.command(b"DELETE " + case.name)
    assert b" NO [NOPERM] " in answer[-1]
    if removes:
        assert client.command(b"FETCH 1 (UID)")[-1].split()[1] == b"BAD"
    else:
        assert b"* %d EXISTS\r\n" % (COUNT + 1) in answer
        assert len(client.ok(b"FETCH 1:* (FLAGS)")) == COUNT + 2
    other.close()


def test_selected_mailbox_that_is_deleted(case: Case) -> None:
    """Nothing is open then."""
    client = case.client()
    client.ok(b"DELETE " + case.name)
    assert client.command(b"FETCH 1 FLAGS")[-1].split()[1] == b"BAD"
    assert case.nothing_lost() == COUNT


@pytest.mark.parametrize(
    "words", [b'DELETE "B\xc3\xbc"', b"DELETE {3+}\r\nB\xc3\xbc", b'RENAME "B\xc3\xbc" Neu', b'DELETE "%s"']
)
def test_name_that_no_mailbox_has(case: Case, words: bytes) -> None:
    """Refused for good, as the provider does it, and nothing is on record as not archived."""
    sent = words.replace(b"%s", b"x" * 1500)
    assert case.straight.command(sent)[-1].split()[1] == b"NO"
    client = case.client(select=False)
    counters = case.proxy.runtime.counters
    before = counters["failed-not-archived"]
    assert b" NO [CANNOT] " in client.command(sent)[-1] and counters["failed-not-archived"] == before
    assert case.nothing_lost() == 0
