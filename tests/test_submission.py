"""Submission as clients do it: log-in, upstream's own replies, the message in spool and sink (proxy.md section 6)."""

import base64
import gc
import hashlib
import re
import shutil
import smtplib
import subprocess
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest
from submission_proxy import ANNA, BERND, USERS, Client, RunningProxy, make_config, plain

from provider.ports import wait_until
from provider.sink import Sink

MESSAGE = b"Subject: Angebot\r\nFrom: anna@firma.example\r\n\r\nGuten Tag,\r\n..ein Punkt\r\n"


@pytest.fixture(scope="module")
def module_proxy(sink_server: Sink, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    folder = tmp_path_factory.mktemp("submission")
    with RunningProxy(
        make_config(folder, f"smtps://localhost:{sink_server.smtps_port}", sink_server.ca_file)
    ) as running:
        yield running


@pytest.fixture
def proxy(module_proxy: RunningProxy, sink: Sink) -> RunningProxy:
    module_proxy.fresh()
    return module_proxy


@pytest.fixture
def client(proxy: RunningProxy) -> Iterator[Client]:
    with proxy.client() as made:
        assert made.log_in() == b"235 2.7.0 welcome\r\n"
        yield made


def test_ehlo_announces_what_upstream_has_and_what_we_do(proxy: RunningProxy) -> None:
    """The intersection plus our own AUTH and PIPELINING; never STARTTLS, CHUNKING and their kin."""
    with proxy.client() as client:
        lines = client.ask(b"EHLO client.example").decode().splitlines()
    words = {line[4:].split()[0] for line in lines[1:]}
    assert words == {"PIPELINING", "SIZE", "8BITMIME", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES", "AUTH"}
    assert "250-SIZE 104857600" in lines and any(line.endswith("AUTH PLAIN LOGIN") for line in lines)


def test_helo_is_answered_in_one_line(proxy: RunningProxy) -> None:
    """RFC 5321 section 4.1.1.1; what EHLO would tell is there all the same."""
    with proxy.client() as client:
        assert re.fullmatch(rb"250 \S+\r\n", client.ask(b"HELO client.example"))


def test_a_message_is_in_spool_and_sink(proxy: RunningProxy, client: Client, sink: Sink) -> None:
    """Invariant 1 and 2: after 250 the octets are durable with digest, envelope and outcome."""
    assert client.ask(b"MAIL FROM: <anna@firma.example> SIZE=2000 BODY=8BITMIME") == b"250 2.1.0 sender ok\r\n"
    for person in (b"bernd", b"carla", b"geheim.bcc"):
        assert client.ask(b"RCPT TO:<%b@firma.example>" % person) == b"250 2.1.5 recipient ok\r\n"
    assert client.ask(b"DATA") == b"354 go ahead\r\n"
    assert client.ask(MESSAGE + b".") == b"250 2.0.0 queued as 1\r\n"
    [record] = proxy.messages()
    whole = MESSAGE.replace(b"\r\n..", b"\r\n.")
    assert record.load() == whole == sink.messages[0].octets
    assert record.facts["sha256"] == hashlib.sha256(whole).hexdigest()
    assert (record.facts["source"], record.facts["account"], record.facts["normalised"]) == ("submission", ANNA, False)
    envelope = record.facts["envelope"]
    assert envelope["mail_from"] == ANNA and envelope["parameters"] == ["SIZE=2000", "BODY=8BITMIME"]
    assert envelope["client_name"] == "client.example"
    assert [each["address"] for each in envelope["recipients"]][2] == "geheim.bcc@firma.example"
    assert all(each["code"] == 250 and each["text"] == "2.1.5 recipient ok" for each in envelope["recipients"])
    [outcome] = proxy.events("outcome")
    assert (outcome["of"], outcome["verdict"], outcome["code"]) == (record.capture.hex(), "accepted", 250)
    assert outcome["text"] == "2.0.0 queued as 1"
    [login] = [each for each in proxy.events("login") if each["session"] == record.facts["session"]]
    assert login["ok"] and login["account"] == ANNA


def test_refused_recipients_go_on_record_with_upstreams_words(proxy: RunningProxy, client: Client, sink: Sink) -> None:
    """The client gets upstream's code and text; the record has taken and refused recipients."""
    sink.behaviour.refuse_recipients = {"niemand@firma.example"}
    client.ask(b"MAIL FROM:<anna@firma.example>")
    assert client.ask(b"RCPT TO:<niemand@firma.example>") == b"550 5.1.1 no such person as niemand@firma.example\r\n"
    assert client.ask(b"RCPT TO:<bernd@firma.example>")[:3] == b"250"
    assert client.ask(b"DATA")[:3] == b"354" and client.ask(MESSAGE + b".")[:3] == b"250"
    recipients = proxy.messages()[0].facts["envelope"]["recipients"]
    assert [each["code"] for each in recipients] == [550, 250]


def test_multi_line_replies_come_back_unchanged(client: Client, sink: Sink) -> None:
    """Octet for octet, at MAIL, RCPT, DATA (with a recipient at the end, without one at once) and after the dot."""
    text = "550-5.7.1 Ihre Nachricht\r\n550-5.7.1 wurde nicht angenommen \r\n550 5.7.1 (Richtlinie 7)"
    for stage, lines in (
        ("mail", [b"MAIL FROM:<anna@firma.example>"]),
        ("rcpt", [b"MAIL FROM:<anna@firma.example>", b"RCPT TO:<bernd@firma.example>"]),
        ("data", [b"MAIL FROM:<anna@firma.example>", b"DATA"]),
        ("data", [b"MAIL FROM:<anna@firma.example>", b"RCPT TO:<bernd@firma.example>", b"DATA", MESSAGE + b"."]),
        ("dot", [b"MAIL FROM:<anna@firma.example>", b"RCPT TO:<bernd@firma.example>", b"DATA", MESSAGE + b"."]),
    ):
        sink.behaviour.replies = {stage: text}
        assert [client.ask(line) for line in lines][-1] == text.encode() + b"\r\n"
        client.ask(b"RSET")


def test_parameters_reach_upstream(client: Client, sink: Sink) -> None:
    """SIZE, DSN, BODY, SMTPUTF8 and AUTH= of MAIL, NOTIFY and ORCPT of RCPT, the null sender, UTF-8 addresses."""
    client.ask("MAIL FROM:<änne@firma.example> SIZE=99 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=QQ314 AUTH=<>".encode())
    client.ask(b"RCPT TO:<bernd@firma.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;bernd@firma.example")
    client.ask(b"RSET")
    assert client.ask(b"mail from:<>") == b"250 2.1.0 sender ok\r\n"
    assert client.ask(b'RCPT TO:<"odd > one"@firma.example>')[:3] == b"250"
    wanted = "MAIL FROM:<änne@firma.example> SIZE=99 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=QQ314 AUTH=<>\r\n".encode()
    assert wanted in sink.commands
    assert b"RCPT TO:<bernd@firma.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;bernd@firma.example\r\n" in sink.commands
    assert b"MAIL FROM:<>\r\n" in sink.commands and b'RCPT TO:<"odd > one"@firma.example>\r\n' in sink.commands


@pytest.mark.parametrize(
    "line", [b"MAIL FROM:<a@b> BODY=BINARYMIME", b"MAIL FROM:<a@b> SIZE=x", b"MAIL TO:<a@b>", b"MAIL",
             b"MAIL FROM:<a b>", b"MAIL FROM:<a@b>x", b"MAIL FROM:<a\t@b>", b"MAIL FROM:a@b> X"]
)  # fmt: skip
def test_bad_arguments_are_refused_here(client: Client, sink: Sink, line: bytes) -> None:
    """501, and upstream hears nothing of it."""
    assert client.ask(line)[:3] == b"501"
    assert not [each for each in sink.commands if each.startswith(b"MAIL")]


def test_log_in_comes_first(proxy: RunningProxy) -> None:
    """530 before AUTH, whatever the command."""
    with proxy.client() as client:
        assert client.ask(b"AUTH PLAIN " + plain(ANNA, USERS[ANNA]))[:3] == b"503"
        client.ask(b"EHLO client.example")
        for line in (b"MAIL FROM:<anna@firma.example>", b"RCPT TO:<a@b>", b"DATA", b"VRFY anna"):
            assert client.ask(line) == b"530 5.7.0 log in first\r\n"


def _b64(text: str) -> bytes:
    return base64.b64encode(text.encode())


@pytest.mark.parametrize(
    "exchange",
    [
        [b"AUTH PLAIN " + plain(ANNA, USERS[ANNA])],
        [b"auth plain " + plain(ANNA, USERS[ANNA])],
        [b"AUTH PLAIN", plain(ANNA, USERS[ANNA])],
        [b"AUTH LOGIN", _b64(ANNA), _b64(USERS[ANNA])],
        [b"auth login " + _b64(ANNA), _b64(USERS[ANNA])],
    ],
)
def test_each_way_to_log_in(proxy: RunningProxy, exchange: list[bytes]) -> None:
    """PLAIN and LOGIN, with and without initial response, in any case; upstream's own consent comes back."""
    with proxy.client() as client:
        client.ask(b"EHLO client.example")
        answers = [client.ask(line) for line in exchange]
        assert answers[-1] == b"235 2.7.0 welcome\r\n"
        assert all(answer[:4] == b"334 " for answer in answers[:-1])
        assert client.ask(b"AUTH PLAIN " + plain(ANNA, USERS[ANNA]))[:3] == b"503"


def test_login_prompts_are_what_outlook_expects(proxy: RunningProxy) -> None:
    """`Username:` and `Password:` (proxy.md section 6, 7)."""
    with proxy.client() as client:
        client.ask(b"EHLO client.example")
        assert client.ask(b"AUTH LOGIN") == b"334 " + _b64("Username:") + b"\r\n"
        assert client.ask(_b64(ANNA)) == b"334 " + _b64("Password:") + b"\r\n"
        assert client.ask(b"*")[:3] == b"501"


@pytest.mark.parametrize("octets", [2000, 12_000])
@pytest.mark.parametrize("initial", [True, False])
def test_long_tokens_pass(proxy: RunningProxy, sink: Sink, octets: int, initial: bool) -> None:
    """A password of 2,000 octets and more, inline or after 334."""
    sink.users["long@firma.example"] = "x" * octets
    token = plain("long@firma.example", "x" * octets)
    with proxy.client() as client:
        client.ask(b"EHLO client.example")
        lines = [b"AUTH PLAIN " + token] if initial else [b"AUTH PLAIN", token]
        assert [client.ask(line) for line in lines][-1] == b"235 2.7.0 welcome\r\n"


@pytest.mark.parametrize(
    "lines", [[b"AUTH PLAIN ???"], [b"AUTH PLAIN", b"?"], [b"AUTH PLAIN " + _b64("a\0b")], [b"AUTH PLAIN ="],
              [b"AUTH PLAIN " + _b64("other\0anna@firma.example\0x")], [b"AUTH LOGIN " + _b64("a\0b"), _b64("c")]]
)  # fmt: skip
def test_malformed_exchanges_are_refused(proxy: RunningProxy, lines: list[bytes]) -> None:
    """501 and the connection goes on."""
    with proxy.client() as client:
        client.ask(b"EHLO client.example")
        assert [client.ask(line) for line in lines][-1][:3] == b"501"
        assert client.ask(b"AUTH CRAM-MD5")[:3] == b"504"
        assert client.ask(b"NOOP")[:3] == b"250"


def test_wrong_password_is_one_generic_answer(proxy: RunningProxy) -> None:
    """535 5.7.8 whether the password or the domain is wrong; it goes on record; guessing gets slower."""
    with proxy.client() as client:
        client.ask(b"EHLO client.example")
        for user in (ANNA, "eva@elsewhere.example"):
            answer = client.ask(b"AUTH PLAIN " + plain(user, "falsch"))
            assert answer.startswith(b"535 5.7.8 the log-in failed (session ")
    assert [each["ok"] for each in proxy.events("login", 2)] == [False, False]
    assert any("refused the log-in" in sentence for sentence in proxy.failures())
    with proxy.client() as client:
        client.ask(b"EHLO client.example")
        for _ in range(2):  # the same again is not asked upstream again
            assert client.ask(b"AUTH PLAIN " + plain(ANNA, "falsch"))[:3] == b"535"
    assert any("was not asked" in sentence for sentence in proxy.failures())
    assert proxy.runtime.throttle.attempt("127.0.0.1", ANNA, b"falsch").delay_s > 0


def test_commands_may_be_pipelined(proxy: RunningProxy, sink: Sink) -> None:
    """Everything at once, also the next transaction right behind the final dot."""
    with proxy.client() as client:
        client.log_in()
        start = b"MAIL FROM:<anna@firma.example>\r\nRCPT TO:<bernd@firma.example>\r\nDATA\r\n"
        client.send(start)
        assert [client.reply()[:3] for _ in range(3)] == [b"250", b"250", b"354"]
        client.send(MESSAGE + b".\r\n" + start)
        assert [client.reply()[:3] for _ in range(4)] == [b"250", b"250", b"250", b"354"]
        client.send(MESSAGE + b".\r\nRSET\r\nQUIT\r\n")
        assert [reply[:3] for reply in client.replies()] == [b"250", b"250", b"221"]
    assert len(sink.messages) == 2 and len(proxy.messages()) == 2


def test_many_messages_on_one_connection(proxy: RunningProxy, client: Client, sink: Sink) -> None:
    """One log-in upstream, each message on its own record."""
    for number in range(5):
        assert client.message(b"Subject: %d\r\n\r\n" % number)[:3] == b"250"
    assert [each.octets for each in sink.messages] == [each.load() for each in proxy.messages()]
    assert len([each for each in sink.commands if each == b"AUTH"]) == 1


@pytest.mark.parametrize(
    "farewell", [b"QUIT\r\n", b"", b"NOOP\0\r\n", b"MAIL FROM:<a@x.example>\r\nRCPT TO:<b@x.example>\r\nDATA\r\nhalf a"]
)
def test_a_session_leaves_nothing_behind(proxy: RunningProxy, farewell: bytes) -> None:
    """No circle keeps it: its buffers and both of its TLS connections go when it ends, without the collector."""
    gc.disable()
    try:
        with proxy.client() as client:
            client.log_in()
            assert client.message(MESSAGE).startswith(b"250")
            (session,) = proxy.sessions
            left = [weakref.ref(each) for each in (session, session._outgoing.leg)]
            del session
            client.send(farewell)
        wait_until(lambda: not any(each() for each in left), "the end of the session", 10)
    finally:
        gc.enable()


def test_small_commands(client: Client) -> None:
    """HELP, NOOP, VRFY, EXPN, STARTTLS and unknown words have sensible answers; RSET reaches upstream."""
    for line, code in (
        (b"NOOP x", b"250"), (b"HELP", b"214"), (b"VRFY anna", b"252"), (b"EXPN list", b"502"), (b"STARTTLS", b"503"),
        (b"XCLIENT NAME=x", b"500"), (b"DATA", b"503"), (b"RCPT TO:<a@b>", b"503"), (b"RSET", b"250"),
        (b"QUIT", b"221"),
    ):  # fmt: skip
        assert client.ask(line)[:3] == code, line
    assert client.reply() == b""


def test_bdat_ends_the_connection(client: Client) -> None:
    """Its octets must not be read as commands."""
    client.send(b"BDAT 20 LAST\r\nMAIL FROM:<x@y>\r\nNOOP\r\n")
    assert [reply[:3] for reply in client.replies()] == [b"502"]


def test_python_client_works(proxy: RunningProxy, sink: Sink) -> None:
    """smtplib by itself: EHLO, AUTH, SIZE, dot-stuffing."""
    with smtplib.SMTP_SSL("localhost", proxy.port, context=proxy.trust) as client:
        client.login(ANNA, USERS[ANNA])
        client.sendmail(ANNA, [BERND, "carla@firma.example"], "Subject: x\n\n.\n..\nEnde\n")
    assert sink.messages[0].octets == b"Subject: x\r\n\r\n.\r\n..\r\nEnde\r\n" == proxy.messages()[0].load()


def test_swaks_works(proxy: RunningProxy, sink: Sink, tmp_path: Path) -> None:
    """The tool of administrators, with an attachment, pipelined."""
    swaks = shutil.which("swaks")
    assert swaks, "scripts/setup installs swaks"
    attachment = tmp_path / "Rechnung.pdf"
    attachment.write_bytes(bytes(range(256)) * 400)
    done = subprocess.run(
        [swaks, "--server", f"127.0.0.1:{proxy.port}", "--tls-on-connect", "--auth", "LOGIN", "--auth-user", ANNA,
         "--auth-password", USERS[ANNA], "--from", ANNA, "--to", f"{BERND},carla@firma.example", "--pipeline",
         "--attach", f"@{attachment}", "--header", "Subject: Rechnung"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert proxy.messages()[0].load() == sink.messages[0].octets
    assert b"Rechnung.pdf" in sink.messages[0].octets
