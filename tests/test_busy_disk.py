"""A disk that keeps the spool waiting: reading goes on, and a session ends as upstream ends it (invariants 6, 7)."""

import contextlib
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from imap_proxy import PATIENCE_S, Client, ImapProxy, Scripted, Wire, make_config, scripted_proxy
from pretender import Provider

from postbuch.archive import spool
from postbuch.proxy.balance import MAX_PENDING_OCTETS

ANNA = "anna@firma.example"
# Upstream is held back while more than that waits for the disk; these are what is too much.
TAIL = b"0123456789abcde\n" * 64
MESSAGE = b"x" * (MAX_PENDING_OCTETS - len(TAIL) // 2) + TAIL
BYE = b"* BYE until tomorrow\r\n"


# For an answer that waits for nothing; the disk is busy longer than that.
ANSWER_S = 5.0


class Upstream:
    """Gives out one message that is just too large for a disk that does nothing, then takes a LOGOUT and closes.

    With TLS, as providers have it: what is not read when they close is lost.
    """

    def __init__(self, authority: trustme.CA) -> None:
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost").configure_cert(self._tls)
        self.rest = threading.Event()  # the client has the beginning: what is left goes in one piece
        self.closed = threading.Event()

    def script(self, wire: Wire) -> None:
        wire.connection = self._tls.wrap_socket(wire.connection, server_side=True)
        wire.stream = wire.connection.makefile("rb")
        wire.log_in()
        wire.select()
        tag = wire.tag()
        wire.say(b"* 1 FETCH (UID 1 BODY[] {%d}\r\n" % len(MESSAGE) + MESSAGE[: -len(TAIL)])
        assert self.rest.wait(PATIENCE_S)
        wire.say(TAIL + b")\r\n" + tag + b" OK fetched\r\n")
        wire.say(BYE + wire.tag() + b" OK logged out\r\n")
        wire.connection.settimeout(0)
        with contextlib.suppress(OSError):  # as Dovecot does: it says that it closes, and waits for nobody
            wire.connection.unwrap()
        wire.stream.close()
        wire.connection.close()
        self.closed.set()


@contextlib.contextmanager
def busy_disk(proxy: ImapProxy) -> Iterator[threading.Event]:
    """The spool's thread is at work on something that takes as long as the block, or until the event is set."""
    done, begun = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        done.wait(2 * PATIENCE_S)

    assert proxy.spool.put(work)
    assert begun.wait(PATIENCE_S)
    try:
        yield done
    finally:
        done.set()


def fetch(client: Client, upstream: Upstream) -> None:
    client.ok(b"SELECT INBOX")
    client.send(b"f UID FETCH 1 (BODY.PEEK[])\r\n")
    assert client.line().startswith(b"* 1 FETCH ")
    found = client.octets(len(MESSAGE) - len(TAIL))
    upstream.rest.set()
    assert found + client.octets(len(TAIL)) == MESSAGE
    assert client.until(b"f")[-1] == b"f OK fetched\r\n"


@pytest.mark.parametrize("catches_up", [True, False])
def test_log_out_behind_a_large_message(tmp_path: Path, catches_up: bool) -> None:
    """Upstream answers and closes while the message is not written yet: the answer reaches the client."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    upstream = Upstream(authority)
    with (
        Scripted(upstream.script) as server,
        ImapProxy(make_config(tmp_path, f"imaps://localhost:{server.port}", tmp_path / "ca.pem")) as proxy,
    ):
        client = proxy.logged_in(ANNA, "geheim")
        client.wire.settimeout(ANSWER_S)
        with busy_disk(proxy) as done:
            fetch(client, upstream)
            client.send(b"l LOGOUT\r\n")
            assert upstream.closed.wait(PATIENCE_S)
            if catches_up:
                done.set()
            assert client.rest() == BYE + b"l OK logged out\r\n"
        (record,) = proxy.messages(1)
        assert record.load() == MESSAGE


def test_disk_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of a mailbox is read; what would destroy or take in is refused; it is told (invariants 2, 3 and 7)."""
    provider = Provider(boxes={b"INBOX": {}, b"Drafts": {}})
    for _ in range(3):
        provider.put(b"INBOX", MESSAGE * 2)
    with scripted_proxy(tmp_path, provider.script) as proxy:
        client = proxy.logged_in(ANNA, "geheim")
        client.wire.settimeout(ANSWER_S)
        client.ok(b"SELECT INBOX")
        with busy_disk(proxy), monkeypatch.context() as patched:
            patched.setattr(spool, "STALLED_S", 0.0)
            client.send(b"f UID FETCH 1:* (BODY.PEEK[])\r\n")
            for _ in range(3):
                assert client.line().endswith(b"{%d}\r\n" % (2 * len(MESSAGE)))
                assert client.octets(2 * len(MESSAGE)) == MESSAGE * 2
                assert client.line() == b")\r\n"
            client.until(b"f")
            assert b" NO [UNAVAILABLE] " in client.command(b"UID STORE 1:* +FLAGS (\\Deleted)")[-1]
            assert b" NO [UNAVAILABLE] " in client.command(b"APPEND Drafts {3+}\r\nx\r\n")[-1]
            health = proxy.runtime.health()
            assert not health["spool"]["writable"]
            assert any("does not answer" in str(each["sentence"]) for each in health["failures"])
        client.ok(b"UID STORE 1:* +FLAGS (\\Deleted)")
        assert len(proxy.messages(3)) == 3 and provider.boxes[b"Drafts"] == {}
