"""What goes wrong on command, in the pretend provider and on the way to it, goes wrong exactly as it says."""

import contextlib
import imaplib
import json
import smtplib
import socket
import socketserver
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from provider.dovecot import Dovecot
from provider.obstacle import Mode, Obstacle
from provider.sink import Sink

ANNA = ("anna@firma.example", "geheim")
TO = "b@firma.example"
LETTER = b"Subject: x\r\n\r\n.one dot\r\n..two\r\n.\r\r\nend\r\n"
# More than fits into the socket buffers of one hop (net.ipv4.tcp_wmem, tcp_rmem: at most 4 and 6 MiB).
MUCH = bytes(range(256)) * (64 * 1024)
SCRIPTS = Path(__file__).resolve().parent.parent / "scripts"


class _Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        with contextlib.suppress(OSError):
            while block := self.request.recv(1 << 16):
                self.request.sendall(block)


class _EchoServer(socketserver.ThreadingTCPServer):
    daemon_threads = True


@pytest.fixture(scope="module")
def echo() -> Iterator[int]:
    """A port that sends back what it gets, until the client ends."""
    with _EchoServer(("127.0.0.1", 0), _Echo) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.fixture
def obstacle(echo: int) -> Iterator[Obstacle]:
    with Obstacle(echo) as stands_between:
        yield stands_between


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Sink]:
    """One for each test, which thereby also ends it with connections in every state."""
    with Sink(tmp_path, dict([ANNA])) as server:
        yield server


def _connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def _send(client: socket.socket, octets: bytes) -> None:
    with contextlib.suppress(OSError):  # cut off while sending is what some tests want
        client.sendall(octets)
        client.shutdown(socket.SHUT_WR)


def _all(client: socket.socket) -> bytes:
    got = bytearray()
    while block := client.recv(1 << 16):
        got += block
    return bytes(got)


def _echoed(port: int, octets: bytes) -> bytes:
    with _connect(port) as client:
        sender = threading.Thread(target=_send, args=(client, octets))
        sender.start()
        got = _all(client)
        sender.join(10)
        return got


def test_an_obstacle_forwards_every_octet(obstacle: Obstacle) -> None:
    """Both ways, and each side's end as an end."""
    assert _echoed(obstacle.port, MUCH) == MUCH
    assert _echoed(obstacle.port, b"") == b""
    assert obstacle.connections == 2


def test_an_obstacle_refuses_and_opens_again(obstacle: Obstacle) -> None:
    """Nobody listens; the connections that stood before go on; afterwards the same port works again."""
    with _connect(obstacle.port) as early:
        early.sendall(b"a")
        assert early.recv(1) == b"a"
        obstacle.set(Mode.REFUSE)
        with pytest.raises(ConnectionRefusedError):
            _connect(obstacle.port)
        early.sendall(b"b")
        assert early.recv(1) == b"b"
    obstacle.set(Mode.FORWARD)
    assert _echoed(obstacle.port, b"again") == b"again"


def test_an_obstacle_hangs(obstacle: Obstacle) -> None:
    """Connected, and nothing comes, whatever is said."""
    obstacle.set(Mode.HANG)
    with _connect(obstacle.port) as client:
        client.sendall(b"hello")
        client.settimeout(0.3)
        with pytest.raises(TimeoutError):
            client.recv(1)


@pytest.mark.parametrize("octets", [0, 1, 70_001, 3_000_000])
def test_an_obstacle_cuts_off_after_so_many_octets(obstacle: Obstacle, octets: int) -> None:
    """The client has exactly the first part, then the end."""
    obstacle.set(Mode.CUT, cut_after_octets=octets)
    with _connect(obstacle.port) as client:
        sender = threading.Thread(target=_send, args=(client, MUCH))
        sender.start()
        got = bytearray()
        with contextlib.suppress(ConnectionResetError):  # what the client had sent is not taken any more
            while block := client.recv(1 << 16):
                got += block
        sender.join(10)
    assert MUCH.startswith(got)
    assert len(got) == octets


def test_an_obstacle_resets_what_stands(obstacle: Obstacle) -> None:
    """`cut` is a reset for the client, not an orderly end."""
    with _connect(obstacle.port) as client:
        client.sendall(b"a")
        assert client.recv(1) == b"a"
        obstacle.cut()
        with pytest.raises(ConnectionResetError):
            client.recv(1)
    assert _echoed(obstacle.port, b"again") == b"again"


def test_an_obstacle_without_a_target_ends_the_connection() -> None:
    """The target is away: accepted and ended at once."""
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        target = nobody.getsockname()[1]
    with Obstacle(target) as stands_between:
        assert _echoed(stands_between.port, b"") == b""


def _log_in(sink: Sink) -> smtplib.SMTP:
    client = smtplib.SMTP("127.0.0.1", sink.smtp_port, timeout=10)
    client.ehlo()
    client.login(*ANNA)
    return client


def test_the_sink_records_what_was_on_the_wire(sink: Sink) -> None:
    """Dots as they were doubled, bare line ends, parameters of MAIL and RCPT; nothing behind the final dot."""
    with _log_in(sink) as client:
        stuffed = (b"\r\n" + LETTER).replace(b"\r\n.", b"\r\n..")[2:]
        assert client.docmd("MAIL", f"FROM:<{ANNA[0]}> SIZE=40 BODY=8BITMIME")[0] == 250
        assert client.docmd("RCPT", f"TO:<{TO}> NOTIFY=NEVER")[0] == 250
        assert client.docmd("DATA")[0] == 354
        client.send(stuffed + b".\r\nNOOP\r\n")
        assert [client.getreply()[0] for _ in range(2)] == [250, 250]
    (message,) = sink.messages
    assert (message.raw, message.octets) == (stuffed, LETTER)
    assert message.mail_from == f"<{ANNA[0]}> SIZE=40 BODY=8BITMIME"
    assert message.recipients == [f"<{TO}> NOTIFY=NEVER"]
    assert sink.bare_line_ends == 1


def test_the_sink_announces_what_it_is_told(sink: Sink) -> None:
    """The extensions of EHLO are settable."""
    sink.behaviour.extensions = ("8BITMIME", "AUTH PLAIN")
    with smtplib.SMTP("127.0.0.1", sink.smtp_port, timeout=10) as client:
        client.ehlo()
        assert set(client.esmtp_features) == {"8bitmime", "auth"}
        with pytest.raises(smtplib.SMTPAuthenticationError):
            client.login(ANNA[0], "wrong")


@pytest.mark.parametrize("stage", ["connect", "ehlo", "auth", "mail", "rcpt", "data", "body", "dot"])
def test_the_sink_breaks_off_at_every_stage(sink: Sink, stage: str) -> None:
    """The connection ends there, and no message is kept."""
    sink.behaviour.close_at = stage
    with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionError)):
        _log_in(sink).sendmail(ANNA[0], [TO], LETTER)
    assert sink.messages == []


@pytest.mark.parametrize("stage", ["connect", "mail", "dot"])
def test_the_sink_falls_silent(sink: Sink, stage: str) -> None:
    """It says nothing more and keeps the connection; the fixture ends it in that state."""
    sink.behaviour.silent_at = stage
    with _connect(sink.smtp_port) as client:
        client.settimeout(0.5)
        token = "AGFubmFAZmlybWEuZXhhbXBsZQBnZWhlaW0="  # \0anna@firma.example\0geheim
        client.sendall(
            f"EHLO a\r\nAUTH PLAIN {token}\r\nMAIL FROM:<a@b>\r\nRCPT TO:<{TO}>\r\nDATA\r\nx\r\n.\r\n".encode()
        )
        got = bytearray()
        with pytest.raises(TimeoutError):
            while block := client.recv(1 << 16):
                got += block
    last = {"connect": b"", "mail": b"235 2.7.0 welcome\r\n", "dot": b"354 go on\r\n"}[stage]
    assert got.endswith(last) and bool(got) == bool(last)


def test_the_sink_may_be_ended_under_tls(sink: Sink) -> None:
    """An open connection is no obstacle to the end; the fixture ends it first."""
    client = smtplib.SMTP_SSL(
        "localhost", sink.smtps_port, context=ssl.create_default_context(cafile=str(sink.ca_file)), timeout=10
    )
    client.login(*ANNA)
    sink.behaviour.silent_at = "noop"
    client.sock.sendall(b"NOOP\r\n")  # type: ignore[union-attr]
    client.close()


def test_the_sink_with_a_wrong_certificate(tmp_path: Path) -> None:
    """Given another host's name it is not who the client wants, although the root is trusted."""
    with Sink(tmp_path, dict([ANNA]), host="other.example") as server:
        context = ssl.create_default_context(cafile=str(server.ca_file))
        with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
            smtplib.SMTP_SSL("localhost", server.smtps_port, context=context, timeout=10)


def test_the_sink_as_a_process(tmp_path: Path) -> None:
    """For benchmarks: says its ports, takes mail, ends with its standard input."""
    with subprocess.Popen(
        [sys.executable, "-m", "provider.sink", tmp_path], cwd=SCRIPTS, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        ports = json.loads(process.stdout.readline())
        with smtplib.SMTP("127.0.0.1", ports["smtp"], timeout=10) as client:
            client.login(*ANNA)
            assert client.sendmail(ANNA[0], [TO], MUCH[:1024].replace(b"\r", b"") * 4096) == {}
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(10) == 0


def test_dovecot_delivers_where_it_is_told(dovecot: Dovecot) -> None:
    """Into a mailbox that exists and one that is made by it; as it was, below the fields of the delivery."""
    user, password = next(iter(dovecot.users.items()))
    with imaplib.IMAP4("127.0.0.1", dovecot.imap_port) as client:
        client.login(user, password)
        for mailbox in ("Archive", "Projekte/2026"):
            dovecot.deliver(user, LETTER.replace(b"\r\r\n", b"\r\n"), mailbox)
            client.select(mailbox, readonly=True)
            _, answer = client.fetch("*", "(BODY.PEEK[])")
            assert isinstance(answer[0], tuple)
            assert answer[0][1].endswith(LETTER.replace(b"\r\r\n", b"\r\n"))
            client.unselect()
