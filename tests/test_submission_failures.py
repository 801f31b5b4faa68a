"""What goes wrong with a submission: upstream's own answer or a temporary one, nothing lost, a sentence for status."""

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from submission_proxy import ANNA, BERND, USERS, Client, RunningProxy, make_config, plain

from postbuch.proxy import delivery, envelope, submission_connection, transfer, upstream_smtp
from postbuch.proxy.receiver import BUFFER_OCTETS
from postbuch.proxy.upstream import CONNECT_TIMEOUT_S
from provider.ports import free_port, wait_until
from provider.sink import Sink

MESSAGE = b"Subject: Angebot\r\n\r\nGuten Tag\r\n"
START = (f"MAIL FROM:<{ANNA}>".encode(), f"RCPT TO:<{BERND}>".encode(), b"DATA")
Make = Callable[..., RunningProxy]


@pytest.fixture
def make(sink: Sink, tmp_path: Path) -> Iterator[Make]:
    """`make(upstream=…, reserve_octets=…)`: a listener in front of the sink or of another upstream."""
    with contextlib.ExitStack() as stack:

        def made(upstream: str = "", *, reserve_octets: int = 0, **keys: int) -> RunningProxy:
            address = upstream or f"smtps://localhost:{sink.smtps_port}"
            config = make_config(tmp_path / str(free_port()), address, sink.ca_file, **keys)
            return stack.enter_context(RunningProxy(config, reserve_octets=reserve_octets))

        yield made


@pytest.fixture
def proxy(make: Make) -> RunningProxy:
    return make()


@pytest.fixture
def client(proxy: RunningProxy) -> Iterator[Client]:
    with proxy.client() as made:
        assert made.log_in()[:3] == b"235"
        yield made


def verdicts(proxy: RunningProxy, count: int = 1) -> list[str]:
    return [each["verdict"] for each in proxy.events("outcome", count)]


def test_upstream_that_is_down(make: Make) -> None:
    """454 at AUTH, at once; only what we do ourselves is announced; status names the leg and what to do."""
    proxy = make(f"smtps://localhost:{free_port()}")
    with proxy.client() as client:
        assert b"8BITMIME" not in client.ask(b"EHLO client.example")
        began = time.monotonic()
        assert client.ask(b"AUTH PLAIN " + plain(ANNA, USERS[ANNA])).startswith(b"454 4.7.0 ")
        assert time.monotonic() - began < CONNECT_TIMEOUT_S  # nothing was waited for
    [sentence] = proxy.failures()
    assert "provider (smtps://localhost:" in sentence and "cannot be reached" in sentence


def test_certificate_that_is_not_trusted(make: Make, sink: Sink) -> None:
    """A certificate for another name is refused; the password is not sent."""
    with make(f"smtps://127.0.0.2:{sink.smtps_port}").client() as client:
        assert client.log_in()[:3] == b"454"
    with make(f"smtps://localhost:{sink.smtps_port}").client() as client:
        assert client.log_in()[:3] == b"235"


def test_untrusted_root_is_named(make: Make, sink: Sink, tmp_path: Path) -> None:
    """Without the provider's root in ca_file: a sentence about the certificate."""
    config = make_config(tmp_path / "own", f"smtps://localhost:{sink.smtps_port}", sink.ca_file)
    bare = config.upstream[0].model_copy(update={"ca_file": ""})
    with RunningProxy(config.model_copy(update={"upstream": [bare]})) as proxy:
        with proxy.client() as client:
            assert client.log_in()[:3] == b"454"
        assert any("the certificate of provider" in sentence for sentence in proxy.failures())
    assert b"AUTH" not in sink.commands


def test_starttls_is_required_and_used(make: Make, sink: Sink) -> None:
    """submission://: the log-in comes inside TLS, after a second EHLO."""
    with make(f"submission://localhost:{sink.submission_port}").client() as client:
        assert client.log_in()[:3] == b"235"
        assert client.message(MESSAGE)[:3] == b"250"
    verbs = [line.split()[0] for line in sink.commands if line.split()]
    upgrade, login = verbs.index(b"STARTTLS"), verbs.index(b"AUTH")
    assert upgrade < login and b"EHLO" in verbs[upgrade:login]
    assert [each.octets for each in sink.messages] == [MESSAGE]


def scripted(answers: list[bytes | None]) -> tuple[int, list[bytes]]:
    """A plain upstream on loopback: the first answer is the greeting, then one a line it gets; None closes."""
    heard: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as lines:
            for answer in answers:
                if answer is None:
                    return
                connection.sendall(answer)
                heard.append(lines.readline())
            while line := lines.readline():
                heard.append(line)

    def accept() -> None:
        with listener:
            for _ in range(8):
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with contextlib.suppress(OSError):
                    serve(connection)

    listener.settimeout(5)
    threading.Thread(target=accept, daemon=True).start()
    return int(listener.getsockname()[1]), heard


@pytest.mark.parametrize(
    "answers",
    [
        [b"220 x\r\n", b"250 x\r\n"],  # no STARTTLS
        [b"220 x\r\n", b"250-x\r\n250 STARTTLS\r\n", b"454 no\r\n"],
        [b"220 x\r\n", b"250-x\r\n250 STARTTLS\r\n", b"220 go\r\n250-x\r\n250 AUTH PLAIN\r\n"],  # injected
        [b"220 x\r\n", b"250-x\r\n250 STARTTLS\r\n", None],
        [b"554 no\r\n"],
        [b"nonsense\r\n"],
        [None],
    ],
)
def test_upstream_without_tls_never_hears_the_password(make: Make, answers: list[bytes | None]) -> None:
    """STARTTLS missing, refused, with octets behind its reply, broken off: 454, and AUTH is never sent."""
    port, heard = scripted(answers)
    with make(f"submission://localhost:{port}").client() as client:
        assert client.log_in()[:3] == b"454"
    assert not [line for line in heard if line.upper().startswith(b"AUTH")]


def test_refusal_before_the_end_is_the_answer(make: Make) -> None:
    """Upstream says 552 while the message is on its way: its words come back, refused on record, no dot is sent."""
    port, heard = scripted(
        [b"220 x\r\n", b"250-x\r\n250 AUTH PLAIN\r\n", b"235 ok\r\n", b"250 ok\r\n", b"250 ok\r\n",
         b"354 go\r\n", b"552 5.3.4 too much\r\n"]
    )  # fmt: skip
    proxy = make(f"smtp://127.0.0.1:{port}")
    with proxy.client() as client:
        client.log_in()
        assert client.message(MESSAGE * 1000) == b"552 5.3.4 too much\r\n"
    assert verdicts(proxy) == ["refused"] and proxy.messages()[0].load() == MESSAGE * 1000
    assert b".\r\n" not in heard


def test_reply_that_was_not_asked_for_accepts_nothing(make: Make) -> None:
    """`250` in the same packet as `354` is not taken for the answer to the message."""
    port, heard = scripted(
        [b"220 x\r\n", b"250-x\r\n250 AUTH PLAIN\r\n", b"235 ok\r\n", b"250 ok\r\n", b"250 ok\r\n",
         b"354 go\r\n250 accepted\r\n"]
    )  # fmt: skip
    proxy = make(f"smtp://127.0.0.1:{port}")
    with proxy.client() as client:
        client.log_in()
        assert client.message(MESSAGE)[:3] == b"451"
    assert verdicts(proxy) == ["refused"] and b".\r\n" not in heard


@pytest.mark.parametrize("stage", ["mail", "rcpt", "data", "body", "dot"])
def test_upstream_that_breaks_off(proxy: RunningProxy, client: Client, sink: Sink, stage: str) -> None:
    """451 wherever it happens; before the dot refused, after it unknown; the next message passes."""
    sink.behaviour.close_at = stage
    answers = [client.ask(line)[:3] for line in START]
    if stage in ("data", "body", "dot"):
        assert answers == [b"250", b"250", b"354"]
        client.send(MESSAGE * 5000)
        if stage == "body":
            [session] = proxy.sessions
            wait_until(lambda: session._outgoing.leg is None or not session._outgoing.leg.usable, "upstream's end")
        assert client.ask(b".")[:3] == b"451"
        assert verdicts(proxy) == ["unknown" if stage == "dot" else "refused"]
        assert len(proxy.messages()) == 1
    else:
        assert answers == ([b"451"] * 3 if stage == "mail" else [b"250", b"451", b"451"])
        assert client.ask(b"RSET")[:3] == b"250" and client.ask(b"DATA")[:3] == b"503"
        assert proxy.messages() == []
    assert any("closed the connection" in sentence for sentence in proxy.failures())
    sink.behaviour.close_at = ""
    assert client.message(MESSAGE)[:3] == b"250"
    assert [each.octets for each in sink.messages] == [MESSAGE]
    assert proxy.failures() == []


def test_a_pipeline_that_upstream_breaks_off_is_temporary_to_its_end(
    proxy: RunningProxy, client: Client, sink: Sink
) -> None:
    """A mail server that relays by us would give up for good at a 503 to DATA, also for those that were taken."""
    sink.behaviour.refuse_recipients, sink.behaviour.close_at = {"weg@x.example"}, "rcpt-refused"
    lines = [START[0], START[1], b"RCPT TO:<weg@x.example>", START[1], START[2]]
    client.send(b"\r\n".join(lines) + b"\r\n")
    assert [client.reply()[:3] for _ in lines] == [b"250", b"250", b"451", b"451", b"451"]
    sink.behaviour.close_at = ""
    assert client.message(MESSAGE)[:3] == b"250"


@pytest.mark.parametrize(("stage", "verdict"), [("data", "refused"), ("dot", "unknown")])
def test_upstream_that_is_silent(
    proxy: RunningProxy, client: Client, sink: Sink, monkeypatch: pytest.MonkeyPatch, stage: str, verdict: str
) -> None:
    """451 before Outlook gives up, counted from the end of the message; nothing of it is sent before the 354."""
    monkeypatch.setattr(delivery, "ANSWER_TIMEOUT_S", 1.0)  # 50 s
    sink.behaviour.silent_at = stage
    assert client.message(MESSAGE).startswith(b"451 4.4.2 ")
    assert verdicts(proxy) == [verdict] and sink.commands[-1] == b"DATA\r\n"
    assert any("did not answer in time" in sentence for sentence in proxy.failures())


def test_upstream_that_is_silent_at_a_command(
    proxy: RunningProxy, client: Client, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same for MAIL: 451 in time."""
    monkeypatch.setattr(upstream_smtp, "ANSWER_TIMEOUT_S", 0.5)
    sink.behaviour.silent_at = "mail"
    assert client.ask(f"MAIL FROM:<{ANNA}>".encode())[:3] == b"451"


def test_idle_time_ends_with_what_the_client_says(
    make: Make, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While upstream works on it nobody is idle: a 421 behind the dot would have it sent twice."""
    monkeypatch.setattr(submission_connection, "IDLE_TIMEOUT_S", 1.5)  # 300 s
    with make().client() as client:
        client.log_in()
        sink.behaviour.delays_s = {"mail": 1.0, "dot": 1.0}
        time.sleep(0.8)
        assert [client.ask(line)[:3] for line in START] == [b"250", b"250", b"354"]
        time.sleep(0.8)
        assert client.ask(MESSAGE + b".")[:3] == b"250"
        assert client.reply().startswith(b"421 4.4.2 ")


def test_refusal_of_data_is_the_answer_to_the_message(proxy: RunningProxy, client: Client, sink: Sink) -> None:
    """The client has our 354 and sends; upstream's words come at the end, refused on record; no new log-in is due."""
    sink.behaviour.replies = {"data": "452 4.3.1 voll"}
    assert client.message(MESSAGE * 1000) == b"452 4.3.1 voll\r\n"
    [outcome] = proxy.events("outcome")
    assert (outcome["verdict"], outcome["code"], outcome["text"]) == ("refused", 452, "4.3.1 voll")
    assert proxy.messages()[0].load() == MESSAGE * 1000
    assert sink.messages == [] and sink.commands[-2:] == [b"DATA\r\n", b"RSET\r\n"]
    sink.behaviour.replies = {}
    assert client.message(MESSAGE)[:3] == b"250"
    assert [each.octets for each in sink.messages] == [MESSAGE] and sink.commands.count(b"AUTH") == 1


@pytest.mark.parametrize("reply", ["421 4.3.2 Feierabend", "250 2.0.0 ja"])
def test_answer_to_data_that_ends_the_connection(
    proxy: RunningProxy, client: Client, sink: Sink, reply: str
) -> None:
    """421 comes back as it is, and then we close; a consent that is not 354 is none, and upstream is not used on."""
    sink.behaviour.replies = {"data": reply}
    answer = client.message(MESSAGE)
    assert answer == reply.encode() + b"\r\n" if reply.startswith("421") else answer.startswith(b"451 4.4.2 ")
    assert verdicts(proxy) == ["refused"] and sink.messages == [] and sink.commands[-1] == b"DATA\r\n"
    assert list(client.replies()) == [] if reply.startswith("421") else client.ask(b"NOOP")[:3] == b"250"


def test_no_recipient_was_taken(proxy: RunningProxy, client: Client, sink: Sink) -> None:
    """Then DATA is upstream's to answer, and nothing is sent to nobody."""
    sink.behaviour.refuse_recipients = {BERND}
    sink.behaviour.replies = {"data": "554 5.5.1 no valid recipients"}
    assert [client.ask(line)[:3] for line in START] == [b"250", b"550", b"554"]
    assert client.ask(b"RSET")[:3] == b"250"
    assert proxy.messages() == []


def test_recipients_beyond_what_a_record_holds_are_refused(proxy: RunningProxy, client: Client, sink: Sink) -> None:
    """452 in time: a record that nobody reads again loses the message that upstream took, and those beside it."""
    count, long = 4_600, "x" * 3_900
    sink.behaviour.refuse_recipients = {f"{long}@x.example"}
    assert client.ask(START[0])[:3] == client.ask(START[1])[:3] == b"250"
    line = f"RCPT TO:<{long}@x.example>\r\n".encode()
    codes = []
    for _ in range(count // 10):
        client.send(line * 10)
        codes += [client.reply()[:3] for _ in range(10)]
    assert set(codes) == {b"550", b"452"} and codes.index(b"452") > 1_000
    assert client.ask(b"DATA")[:3] == b"354" and client.ask(MESSAGE + b".")[:3] == b"250"
    [kept] = proxy.messages()
    assert kept.load() == MESSAGE and [each.octets for each in sink.messages] == [MESSAGE]
    assert len(kept.facts["envelope"]["recipients"]) == 1 + codes.index(b"452")


def test_upstream_that_is_silent_at_data_while_much_comes(
    proxy: RunningProxy, client: Client, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client is held back, but not for ever: then its message is taken to the end, and it hears 451."""
    monkeypatch.setattr(transfer, "ANSWER_TIMEOUT_S", 0.5)  # 50 s
    sink.behaviour.silent_at = "data"
    body = MESSAGE * 500_000
    assert client.message(body).startswith(b"451 4.4.2 ")
    assert verdicts(proxy) == ["refused"] and proxy.messages()[0].load() == body
    assert any("took no octets" in sentence for sentence in proxy.failures())


def test_late_354_holds_little(
    proxy: RunningProxy, client: Client, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While upstream has not said 354 a large message waits with the client; then all of it goes up, in order."""
    held: list[int] = []
    send = transfer.Transfer._send

    def watched(self: transfer.Transfer, octets: bytes) -> None:
        send(self, octets)
        held.append(self._held_octets)

    monkeypatch.setattr(transfer.Transfer, "_send", watched)
    sink.behaviour.delays_s = {"data": 1.0}
    body = b"".join(b"%075d\r\n" % number for number in range(200_000))
    assert client.message(body)[:3] == b"250"
    assert [each.octets for each in sink.messages] == [body] and proxy.messages()[0].load() == body
    # What was read before the client could be held back is one buffer of the transport more.
    assert transfer.HELD_OCTETS < max(held) <= transfer.HELD_OCTETS + BUFFER_OCTETS and held[-1] == 0


def test_client_that_leaves_before_354_came(proxy: RunningProxy, client: Client, sink: Sink) -> None:
    """No dot, no record, nothing of the message upstream."""
    sink.behaviour.silent_at = "data"
    for line in START:
        client.ask(line)
    client.send(MESSAGE)
    client.close()
    wait_until(lambda: not proxy.sessions, "the end of the session")
    proxy.spool.event({}, urgent=True).result(10)
    assert sink.commands[-1] == b"DATA\r\n" and proxy.messages() == []


def test_421_of_upstream_ends_the_connection(client: Client, sink: Sink) -> None:
    """It comes back as it is, and then we close, as upstream does."""
    sink.behaviour.replies = {"mail": "421 4.7.0 zu viele"}
    client.send(f"MAIL FROM:<{ANNA}>\r\nNOOP\r\n".encode())
    assert list(client.replies()) == [b"421 4.7.0 zu viele\r\n"]


@pytest.mark.parametrize("line", [b"RSET", b"EHLO client.example"])
def test_upstream_that_breaks_off_at_rset_has_nothing_to_forget(client: Client, sink: Sink, line: bytes) -> None:
    """RSET cannot fail (RFC 5321 section 4.1.1.5), nor can EHLO for that; 421 comes back and ends the connection."""
    for stage in ({"close_at": "rset"}, {"replies": {"rset": "421 4.3.2 Feierabend"}}):
        sink.reset()
        assert client.ask(START[0])[:3] == b"250"
        for name, value in stage.items():
            setattr(sink.behaviour, name, value)
        answer = client.ask(line)
        if line == b"RSET" and "replies" in stage:
            assert answer == b"421 4.3.2 Feierabend\r\n" and list(client.replies()) == []
        else:
            assert answer[:3] == b"250" and client.message(MESSAGE)[:3] == b"250"


def test_upstream_that_closed_while_nobody_wrote(make: Make, sink: Sink) -> None:
    """An idle connection is opened anew when the next message comes."""
    proxy = make()
    with proxy.client() as client:
        client.log_in()
        assert client.message(MESSAGE)[:3] == b"250"
        sink.behaviour.close_at = "noop"
        [session] = proxy.sessions
        leg = session._outgoing.leg
        assert leg is not None
        proxy.loop.call_soon_threadsafe(leg.write, b"NOOP\r\n")  # upstream closes on it
        wait_until(lambda: not leg.usable, "the end of upstream's connection")
        sink.behaviour.close_at = ""
        assert client.message(MESSAGE)[:3] == b"250"
    assert len(sink.messages) == 2


def test_full_disk(make: Make, sink: Sink) -> None:
    """451 4.3.0 at DATA; upstream gets no message; the record of why is in status."""
    proxy = make(reserve_octets=1 << 60)
    with proxy.client() as client:
        client.log_in()
        client.ask(f"MAIL FROM:<{ANNA}>".encode())
        client.ask(f"RCPT TO:<{BERND}>".encode())
        assert client.ask(b"DATA").startswith(b"451 4.3.0 ")
        assert client.ask(b"RSET")[:3] == b"250"
    assert sink.messages == [] and b"DATA\r\n" not in sink.commands
    assert any("disk of the spool is full" in sentence for sentence in proxy.failures())


def test_spool_that_cannot_sync(proxy: RunningProxy, client: Client, sink: Sink) -> None:
    """Invariant 2: the disk fails after the last octet: 451 4.3.0, upstream never gets the dot."""
    new = proxy.config.data / "spool" / "new"
    new.rename(new.with_name("away"))
    assert client.message(MESSAGE).startswith(b"451 4.3.0 ")
    assert sink.messages == []
    new.with_name("away").rename(new)
    wait_until(lambda: proxy.spool.obstacle() is None, "a spool that works again")
    assert client.message(MESSAGE)[:3] == b"250"
    assert len(sink.messages) == 1


@pytest.mark.parametrize("octets", [MESSAGE, MESSAGE * 40_000])
def test_client_that_leaves_in_the_middle(proxy: RunningProxy, client: Client, sink: Sink, octets: bytes) -> None:
    """No dot, no record, nothing left in the spool."""
    for line in START:
        client.ask(line)
    client.send(octets)
    client.close()
    wait_until(lambda: not proxy.sessions, "the end of the session")
    proxy.spool.event({}, urgent=True).result(10)
    assert sink.messages == [] and proxy.messages() == []
    assert list((proxy.config.data / "spool" / "tmp").iterdir()) == []


def test_client_that_leaves_after_the_dot(proxy: RunningProxy, client: Client, sink: Sink) -> None:
    """The message is whole: it is delivered, and the outcome goes on record."""
    sink.behaviour.delays_s = {"dot": 0.5}
    for line in START:
        client.ask(line)
    client.send(MESSAGE + b".\r\n")
    client.close()
    assert verdicts(proxy) == ["accepted"]
    assert [each.octets for each in sink.messages] == [MESSAGE]


def test_message_that_is_too_large(make: Make, sink: Sink) -> None:
    """552 at MAIL when SIZE says so, else at the end; the reason is on record; the next message passes."""
    proxy = make(max_size_octets=10_000)
    with proxy.client() as client:
        client.log_in()
        assert client.ask(f"MAIL FROM:<{ANNA}> SIZE=10001".encode()).startswith(b"552 5.3.4 ")
        assert client.message(b"x" * 70 + b"\r\n" + MESSAGE * 10_000).startswith(b"552 5.3.4 ")
        assert client.message(MESSAGE)[:3] == b"250"
    assert [each.octets for each in sink.messages] == [MESSAGE]
    [refusal] = proxy.events("refusal")
    assert refusal["reason"] == "the message is larger than 10000 octets"
    assert list((proxy.config.data / "spool" / "tmp").iterdir()) == []


def test_a_defect_of_ours_is_a_temporary_answer(
    proxy: RunningProxy, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never a permanent 500 (proxy.md section 6): the client keeps the message and tries again."""
    with monkeypatch.context() as patch:
        patch.delattr(envelope, "parse")
        assert client.ask(f"MAIL FROM:<{ANNA}>".encode()).startswith(b"451 4.3.0 ")
    assert client.message(MESSAGE)[:3] == b"250"


def test_a_defect_behind_a_reply_gives_no_second_one(
    proxy: RunningProxy, client: Client, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client has upstream's reply before it is on record: what fails then ends the connection and sends nothing."""
    client.ask(f"MAIL FROM:<{ANNA}>".encode())
    monkeypatch.delattr(envelope.Envelope, "add")
    assert client.ask(f"RCPT TO:<{BERND}>".encode())[:3] == b"250"
    assert client.reply() == b""
    assert sink.messages == [] and proxy.messages() == []


def test_upstream_settings_of_the_account(sink: Sink, tmp_path: Path) -> None:
    """`archive = "none"` carries the mail and keeps nothing; a log-in mode of a later version is named as such."""
    config = make_config(tmp_path, f"smtps://localhost:{sink.smtps_port}", sink.ca_file)
    unkept = config.upstream[0].model_copy(update={"archive": "none"})
    with RunningProxy(config.model_copy(update={"upstream": [unkept]})) as proxy, proxy.client() as client:
        client.log_in()
        assert client.message(MESSAGE)[:3] == b"250"
        assert client.message(b"\0\r\n")[:3] == b"550"
        assert len(sink.messages) == 1 and [each.facts["event"] for each in proxy.records()] in ([], ["login"])
    for auth, sentence in (("oauth2", "is not available in this version"), ("stored", "is not known yet")):
        other = config.upstream[0].model_copy(update={"auth": auth})
        with RunningProxy(config.model_copy(update={"upstream": [other]})) as proxy, proxy.client() as client:
            assert client.log_in()[:3] == b"454"
            assert any(sentence in failure for failure in proxy.failures())


def test_passwords_are_in_no_log(make: Make, sink: Sink, caplog: pytest.LogCaptureFixture) -> None:
    """Not in ours, not in aiosmtpd's, however the exchange goes wrong."""
    caplog.set_level(0)
    with make().client() as client:
        client.ask(b"EHLO client.example")
        token = plain(ANNA, USERS[ANNA])
        for line in (b"AUTH PLAIN " + token, token, b"AUTH CRAM-MD5 " + token):
            client.ask(line)
    assert USERS[ANNA] not in caplog.text and token.decode() not in caplog.text


def test_slow_upstream_holds_the_client_back(proxy: RunningProxy, client: Client, sink: Sink) -> None:
    """Back-pressure and large files: 60 MB through, octet for octet."""
    block = os.urandom(3 << 20).hex().encode()
    body = b"".join(block[at : at + 76] + b"\r\n" for at in range(0, len(block), 76)) * 10
    assert client.message(body)[:3] == b"250"
    assert sink.messages[0].octets == body == proxy.messages()[0].load()
