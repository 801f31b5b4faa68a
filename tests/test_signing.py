"""Mail of domains whose key the admin gives is signed; what is kept is what went upstream."""

import itertools
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ed25519, rsa
from submission_proxy import ANNA, BERND, Client, RunningProxy, make_config

from postbuch.archive.config import Config, Signing, parse
from postbuch.archive.dkimcheck import judge
from postbuch.archive.dkimsignature import Question, signatures
from postbuch.archive.errors import ConfigError
from postbuch.proxy.signing import Keys, SimpleBody, signature
from provider.ports import wait_until
from provider.signer import record_of
from provider.sink import Sink

MESSAGE = (
    b"Subject: Angebot\r\nFrom: Anna <anna@firma.example>\r\nTo: b@kunde.example\r\n\r\n"
    b"Guten Tag,\r\n..ein Punkt\r\n"
)
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ED = ed25519.Ed25519PrivateKey.generate()


def write_key(folder: Path, key: Any, name: str = "dkim.pem") -> Path:
    path = folder / name
    path.write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ))  # fmt: skip
    return path


@contextmanager
def running(folder: Path, sink: Sink, key: Any, domain: str = "firma.example", **keys: Any) -> Iterator[RunningProxy]:
    made = make_config(folder, f"smtps://localhost:{sink.smtps_port}", sink.ca_file, **keys)
    signing = Signing(domain=domain, selector="post", key_file=str(write_key(folder, key)))
    with RunningProxy(made.model_copy(update={"signing": [signing]})) as proxy:
        yield proxy


def verdict(octets: bytes, key: Any) -> str:
    """What a receiver finds of the first signature."""
    [found, *_], _ = signatures(octets)
    assert found.key_name == "post._domainkey.firma.example"
    [judged] = judge(octets, Question(keys={0: record_of(key).decode()}, at=4_000_000_000))
    return judged.verdict


def submit(proxy: RunningProxy, octets: bytes) -> bytes:
    with proxy.client() as client:
        client.log_in()
        return client.message(octets, recipient="b@kunde.example")


@pytest.mark.parametrize("key", [RSA, ED], ids=["rsa", "ed25519"])
def test_what_goes_upstream_is_signed_and_is_what_is_kept(tmp_path: Path, sink: Sink, key: Any) -> None:
    """Invariant 1: spool and upstream have the same octets; the client's stand below the signature unchanged."""
    with running(tmp_path, sink, key) as proxy:
        assert submit(proxy, MESSAGE) == b"250 2.0.0 queued as 1\r\n"
        [record] = proxy.messages()
        [outcome] = proxy.events("outcome")
    sent = sink.messages[0].octets
    assert record.load() == sent
    assert sent.endswith(MESSAGE.replace(b"\r\n..", b"\r\n.")) and sent.startswith(b"DKIM-Signature: v=1;")
    assert verdict(sent, key) == "pass"
    assert verdict(sent.replace(b"Guten", b"Boesen"), key) == "fail"
    assert (outcome["verdict"], outcome["of"]) == ("accepted", record.capture.hex())
    assert not record.facts["normalised"]


@pytest.mark.parametrize("body", [
    b"", b"\r\n", b"\r\n\r\n\r\n", b"x", b"x\r\n\r\n", b"\r\n\r\nx \t\r\n", b"..\r\n...\r\n", "ü€\r\n".encode(),
    b"bare\nline\rends\r\r\n", b"a" * 3_000_000 + b"\r\n", b"\r\n" * 200_000 + b"x\r\n", b"zeile\r\n" * 500_000,
], ids=range(12))  # fmt: skip
def test_any_body_verifies(tmp_path: Path, sink: Sink, body: bytes) -> None:
    """Empty, without a last line end, with dots, with bare line ends, large enough for the disk."""
    head = MESSAGE.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    stuffed = head + body
    if not stuffed.endswith(b"\r\n"):
        stuffed += b"\r\n"
    with running(tmp_path, sink, ED) as proxy:
        assert submit(proxy, stuffed)[:3] == b"250"
        [record] = proxy.messages()
    sent = sink.messages[0].octets
    assert record.load() == sent
    assert verdict(sent, ED) == "pass"


@pytest.mark.parametrize(("sender", "signed"), [
    (b"anna@mail.firma.example", True), (b"anna@FIRMA.example", True), (b"anna@kunde.example", False),
    (b"anna@boesefirma.example", False), (b"anna@firma.example, x@kunde.example", False),
])  # fmt: skip
def test_only_the_domains_own_mail_is_signed(tmp_path: Path, sink: Sink, sender: bytes, signed: bool) -> None:
    """By the From that people see: it and what is below it; all else goes out as it came."""
    octets = MESSAGE.replace(b"anna@firma.example", sender)
    with running(tmp_path, sink, ED) as proxy:
        assert submit(proxy, octets)[:3] == b"250"
    assert sink.messages[0].octets.startswith(b"DKIM-Signature") is signed
    assert sink.messages[0].octets.endswith(octets.replace(b"\r\n..", b"\r\n."))


def test_what_cannot_be_signed_goes_out_as_it_is(tmp_path: Path, sink: Sink) -> None:
    """A header that is none, or none at all."""
    with running(tmp_path, sink, ED) as proxy:
        for octets in (b"no header line\r\nFrom: anna@firma.example\r\n\r\nx\r\n", b"\r\nx\r\n", b"x: y\r\n"):
            sink.messages.clear()
            assert submit(proxy, octets)[:3] == b"250"
            [message] = sink.messages
            assert message.octets.endswith(octets)


def test_others_stream_as_before(tmp_path: Path, sink: Sink) -> None:
    """A domain without a key is not held: upstream hears of DATA at once, and gets the message as it comes."""
    with running(tmp_path, sink, ED, domain="andere.example") as proxy, proxy.client() as client:
        client.log_in()
        client.ask(b"MAIL FROM:<anna@firma.example>")
        client.ask(b"RCPT TO:<bernd@firma.example>")
        assert client.ask(b"DATA") == b"354 go ahead\r\n"
        wait_until(lambda: sink.commands[-1] == b"DATA\r\n", "DATA before the message")
        assert client.ask(MESSAGE + b".")[:3] == b"250"
    assert not sink.messages[0].octets.startswith(b"DKIM")


@pytest.mark.parametrize("stage", ["data", "dot"])
def test_upstreams_refusal_comes_back(tmp_path: Path, sink: Sink, stage: str) -> None:
    """At DATA or after the dot, word for word; the session goes on."""
    with running(tmp_path, sink, ED) as proxy, proxy.client() as client:
        client.log_in()
        for close_at in ("", "rset"):  # or upstream leaves with it
            sink.behaviour.replies, sink.behaviour.close_at = {stage: "554 5.7.1 nein"}, close_at
            assert client.message(MESSAGE) == b"554 5.7.1 nein\r\n"
            sink.reset()
            assert client.message(MESSAGE)[:3] == b"250"


def test_limits_hold(tmp_path: Path, sink: Sink) -> None:
    """Too large and NUL are refused as ever; a message of exactly the limit goes with its signature on top."""
    size = len(MESSAGE.replace(b"\r\n..", b"\r\n."))
    with running(tmp_path, sink, ED, max_size_octets=size) as proxy:
        assert submit(proxy, MESSAGE + b"x\r\n")[:3] == b"552"
        assert submit(proxy, MESSAGE)[:3] == b"250"
        assert submit(proxy, MESSAGE.replace(b"Tag", b"T\0g"))[:3] == b"550"
    assert len(sink.messages) == 1


def test_nothing_is_sent_when_the_client_leaves(tmp_path: Path, sink: Sink) -> None:
    """In the middle of the message: upstream never hears DATA, the spool is empty."""
    with running(tmp_path, sink, ED) as proxy:
        client = Client(proxy.port, proxy.trust)
        client.log_in()
        client.ask(f"MAIL FROM:<{ANNA}>".encode())
        client.ask(f"RCPT TO:<{BERND}>".encode())
        assert client.ask(b"DATA") == b"354 go ahead\r\n"
        client.send(MESSAGE)
        client.close()
        proxy.events("login")
        assert submit(proxy, MESSAGE)[:3] == b"250"
        assert len(proxy.messages()) == 1
    assert len(sink.messages) == 1


def test_a_key_that_is_none_is_a_clear_error(tmp_path: Path) -> None:
    """Missing, rubbish, too short, of another kind, behind a password: the path and what to do."""
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    for name, octets, words in (
        ("gone.pem", None, "cannot be read"),
        ("rubbish.pem", b"rubbish", "no private key"),
        ("dsa.pem", write_key(tmp_path, dsa.generate_private_key(2048), "d").read_bytes(), "neither an RSA key"),
        ("locked.pem", short.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"x")
        ), "without a password"),
    ):
        if octets is not None:
            (tmp_path / name).write_bytes(octets)
        raw = {"signing": [{"domain": "firma.example", "selector": "s", "key_file": name}]}
        with pytest.raises(ConfigError, match=words) as told:
            Keys(parse(raw, tmp_path / "postbuch.toml"))
        assert str(tmp_path / name) in str(told.value)


def test_a_large_message_is_not_held_in_memory(tmp_path: Path) -> None:
    """What comes piece by piece is hashed piece by piece: of 64 MiB hardly more than a piece is ever here."""
    keys = Keys(Config(signing=[Signing(
        domain="firma.example", selector="post", key_file=str(write_key(tmp_path, ED))
    )]))  # fmt: skip
    line = b"x" * 76 + b"\r\n"
    pieces = 256
    wire = itertools.chain([MESSAGE], (line * (262_144 // len(line)) for _ in range(pieces)))
    tracemalloc.start()
    try:
        assert signature(keys, wire)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 * 262_144, f"{peak / 1e6:.1f} MB"


def test_any_split_gives_the_same_signature(tmp_path: Path) -> None:
    """The octets may come in whatever pieces."""
    keys = Keys(Config(signing=[Signing(
        domain="firma.example", selector="post", key_file=str(write_key(tmp_path, ED))
    )]))  # fmt: skip
    hashes = set()
    for step in (1, 2, 3, 7, 1000):
        field = signature(keys, [MESSAGE[start : start + step] for start in range(0, len(MESSAGE), step)])
        hashes.add(b"".join(field.partition(b"bh=")[2].split()).partition(b";")[0])
    assert len(hashes) == 1
    bodies = set()
    for step in (1, 2, 5, 100):
        body, text = SimpleBody(), b"a\r\n\r\nb\r\n\r\n\r\n"
        for start in range(0, len(text), step):
            body.update(text[start : start + step])
        bodies.add(body.digest())
    assert len(bodies) == 1
