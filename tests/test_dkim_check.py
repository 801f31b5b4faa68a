"""Signatures of DKIM are judged as RFC 6376 says, by records that are given, also those that are made to hurt."""

import base64
import time
from collections.abc import Iterator
from pathlib import Path

import dkim
import psutil
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from dkim.canonicalization import Relaxed, Simple
from hypothesis import given
from hypothesis import strategies as st

from postbuch.archive import dkimbody
from postbuch.archive.dkimparser import SignatureParser
from postbuch.archive.dkimsignature import MAX_SIGNATURES, Question, from_domain, signatures
from provider.corpus import corpus_folder
from provider.signer import Signer, ed25519_signer, rsa_signer

MAIL = (
    b"From: Anna <anna@firma.example>\r\nTo: bernd@kunde.example\r\nSubject: Angebot\r\n"
    b"Date: Mon, 23 Nov 2026 10:00:00 +0100\r\nMessage-ID: <1@firma.example>\r\n\r\n"
    b"Hallo Bernd,\r\n\r\n  Text \t x\r\n\r\n"
)
NOW = time.time()
# 20120113._domainkey.gmail.com, as it was until Google withdrew it.
GMAIL = (
    b"k=rsa; p="
    b"MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA1Kd87/UeJjenpabgbFwh+eBCsSTrqmwIYYvywlbhbqoo2DymndFkbjOV"
    b"IPIldNs/m40KF+yzMn1skyoxcTUGCQs8g3FgD2Ap3ZB5DekAo5wMmk4wimDO+U8QzI3SD07y2+07wlNWwIt8svnxgdxGkVbbhzY8"
    b"i+RQ9DpSVpPbF7ykQxtKXkv/ahW3KjViiAH+ghvvIhkx4xYSIc9oSwVmAl5OctMEeWUwg8Istjqz8BZeTWbf41fbNhte7Y+YqZOw"
    b"q1Sd0DbvYAD9NOZK9vlfuac0598HY+vtSBczUiKERHv1yRbcaQtZFh5wtiRrN04BLUTD21MycBX5jYchHjPY/wIDAQAB"
)
RSA, SHORT = rsa_signer("firma.example"), rsa_signer("firma.example", bits=1024)
ED = ed25519_signer("firma.example")


@pytest.fixture(scope="module")
def parser() -> Iterator[SignatureParser]:
    with SignatureParser() as made:
        yield made


def judged(
    parser: SignatureParser, octets: bytes, *records: bytes, at: float = NOW
) -> list[tuple[str, str]]:
    """(verdict, doubt) of each signature by its record."""
    keys = {place: record.decode("latin-1") for place, record in enumerate(records)}
    return [(each.verdict, each.doubt) for each in parser.judge(octets, Question(keys=keys, at=at))]


@pytest.mark.parametrize("signer", [RSA, SHORT, ED], ids=["rsa", "rsa-1024", "ed25519"])
@pytest.mark.parametrize("policy", [(b"relaxed", b"relaxed"), (b"relaxed", b"simple"), (b"simple", b"simple")])
def test_what_was_signed_passes_and_what_was_changed_does_not(
    parser: SignatureParser, signer: Signer, policy: tuple[bytes, bytes]
) -> None:
    """Both algorithms, all canonical forms: untouched, another text, another sender, a forged signature."""
    signed = signer.sign(MAIL, canonicalize=policy)
    assert judged(parser, signed, signer.record) == [("pass", "")]
    assert judged(parser, signed.replace(b"Hallo", b"Hello"), signer.record) == [("fail", "BODY_CHANGED")]
    assert judged(parser, signed.replace(b"Anna", b"Eva"), signer.record) == [("fail", "HEADER_CHANGED")]
    assert judged(parser, signed.replace(b"From: ", b"From: x@y.example\r\nFrom: ", 1), signer.record)[0][0] == "fail"
    other = rsa_signer("firma.example") if signer is not ED else ed25519_signer("firma.example")
    assert judged(parser, signed, other.record) == [("fail", "HEADER_CHANGED")]


def test_the_example_of_rfc_8463_passes(parser: SignatureParser) -> None:
    """Appendix A: one message with an Ed25519 and an RSA signature, and their published records."""
    octets = (corpus_folder() / "mimekit-msg" / "rfc8463-example.msg.eml").read_bytes()
    found, count = signatures(octets)
    names = ["brisbane._domainkey.football.example.com", "test._domainkey.football.example.com"]
    assert (count, [each.key_name for each in found]) == (2, names)
    records = (
        b"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
        b"v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/"
        b"J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLz"
        b"BfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB",
    )
    assert judged(parser, octets, *records) == [("pass", ""), ("pass", "")]
    assert judged(parser, octets.replace(b"hungry", b"thirsty"), *records) == [("fail", "BODY_CHANGED")] * 2


@pytest.mark.parametrize("name", ["gmail", "multipart-no-end-boundary", "related"])
def test_real_mail_verifies_years_after_its_key_has_gone(parser: SignatureParser, name: str) -> None:
    """Messages of 2015 and 2016 from Gmail, whose key is not in the DNS any more, by its record."""
    octets = (corpus_folder() / "mimekit-msg" / f"{name}.msg.eml").read_bytes()
    [found], _ = signatures(octets)
    assert (found.key_name, from_domain(octets)) == ("20120113._domainkey.gmail.com", "gmail.com")
    assert judged(parser, octets, GMAIL) == [("pass", "")]
    assert judged(parser, octets + b"x\r\n", GMAIL) == [("fail", "BODY_CHANGED")]
    assert judged(parser, octets.replace(b"\nSubject: ", b"\nSubject: x", 1), GMAIL) == [("fail", "HEADER_CHANGED")]


def test_a_record_that_is_not_fit(parser: SignatureParser) -> None:
    """Withdrawn, of another kind, unreadable, for another service, for the domain itself alone, too large."""
    signed = RSA.sign(MAIL)
    for record, expected in (
        (b"v=DKIM1; p=", ("no-key", "REVOKED")),
        (ED.record, ("unfit", "KEY_OF_OTHER_KIND")),
        (b"v=DKIM1; k=rsa; p=xx", ("unfit", "KEY_UNREADABLE")),
        (b"v=spf1 -all", ("unfit", "KEY_UNREADABLE")),
        (b"\xff\x00;=;", ("unfit", "KEY_UNREADABLE")),
        (RSA.record + b"; s=telephone", ("unfit", "KEY_UNREADABLE")),
        (RSA.record + b"; t=s:y", ("pass", "")),
    ):
        assert judged(parser, signed, record) == [expected], record
    below = RSA.sign(MAIL, identity=b"anna@mail.firma.example")
    assert judged(parser, below, RSA.record) == [("pass", "")]
    assert judged(parser, below, RSA.record + b"; t=s") == [("unfit", "KEY_FOR_ONE_NAME")]
    for modulus, exponent in ((1 << 8192, 65537), (1 << 2047, (1 << 64) + 1)):
        huge = rsa.RSAPublicNumbers(exponent, modulus + 1).public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        assert judged(parser, signed, b"p=" + base64.b64encode(huge)) == [("unfit", "LONG_KEY")]


def test_what_matches_and_still_says_little(parser: SignatureParser) -> None:
    """SHA-1 and short keys (RFC 8301), l= that leaves a tail to anybody, x= that is over, t= that is to come."""
    sha1 = rsa_signer("firma.example", algorithm="rsa-sha1")
    assert judged(parser, sha1.sign(MAIL), sha1.record) == [("weak", "SHA1")]
    short = rsa_signer("firma.example", bits=1024)
    signed = short.sign(MAIL, length=True)
    assert judged(parser, signed, short.record) == [("pass", "")]
    assert judged(parser, signed + b"Und 1 Mio.\r\n", short.record) == [("part", "PART")]
    ends = RSA.sign_until(MAIL, int(NOW) + 1000)
    assert judged(parser, ends, RSA.record) == [("pass", "")]
    assert judged(parser, ends, RSA.record, at=NOW + 1002) == [("expired", "EXPIRED")]
    assert judged(parser, ends.replace(b"Hallo", b"Hello"), RSA.record, at=NOW + 1002)[0] == ("fail", "BODY_CHANGED")
    assert judged(parser, RSA.sign(MAIL), RSA.record, at=NOW - 40_000) == [("unfit", "FROM_FUTURE")]
    # Ten years later the same question has the same answer.
    assert judged(parser, ends, RSA.record, at=NOW) == [("pass", "")]


def test_rubbish_is_unfit_and_hurts_nobody(parser: SignatureParser) -> None:
    """Missing tags, doubled ones, no header line, a signature of 64 KiB: a verdict, soon, from the same child."""
    child = None
    for octets in (
        b"DKIM-Signature: \r\n" + MAIL,
        b"DKIM-Signature: v=1; a=rsa-sha256; a=rsa-sha256; d=x; s=y\r\n" + MAIL,
        RSA.sign(MAIL).replace(b"v=1", b"v=2"),
        RSA.sign(MAIL).replace(b"rsa-sha256", b"md5"),
        RSA.sign(MAIL).replace(b"bh=", b"bh=!!!"),
        b"no header line\r\n" + RSA.sign(MAIL),
        b" continued\r\n" + RSA.sign(MAIL),
        b"DKIM-Signature: v=1; b=" + b"\r\n " * 20_000 + b"x; d=x\r\n" + MAIL,
        RSA.sign(MAIL, include_headers=[b"from"]).replace(b"h=from", b"h=date"),
    ):
        [(verdict, _)] = judged(parser, octets, RSA.record)
        assert verdict in ("unfit", "fail"), octets[:60]
        child = child or parser._child
        assert parser._child is child
    assert judged(parser, b"", RSA.record) == [("unfit", "UNREADABLE")]


def processor_s(parser: SignatureParser) -> float:
    """What its child has taken of the processor, whatever else runs here."""
    assert parser._child is not None
    times = psutil.Process(parser._child.pid).cpu_times()
    return times.user + times.system


def test_a_hostile_body_takes_time_in_proportion(parser: SignatureParser) -> None:
    """A megabyte of spaces, of empty lines and of one letter a line, by ten signatures: below three seconds each."""
    signed = RSA.sign(MAIL, canonicalize=(b"relaxed", b"relaxed"))
    signed = signed[: signed.index(b"From:")] * 10 + MAIL
    for tail in (b" " * 1_000_000 + b"x", b"\r\n" * 500_000 + b"x", b"a\n" * 500_000):
        begun = processor_s(parser)
        assert judged(parser, signed + tail, *[RSA.record] * 10) == [("fail", "BODY_CHANGED")] * 10
        assert processor_s(parser) - begun < 3


def test_what_takes_too_long_is_said_to(tmp_path: Path) -> None:
    """The child is ended; the message is not judged, and the next one is."""
    with SignatureParser(time_limit_s=0.05) as parser:
        parser._starting = False
        headers = b"".join(b"A%d: x\r\n" % number for number in range(100_000))
        hostile = b"DKIM-Signature: v=1; a=rsa-sha256; d=firma.example; s=rsa; bh=AAAA; b=AAAA; h=" + b":".join(
            [b"from", *[b"x"] * 3000]
        ) + b"\r\n" + headers + MAIL
        assert judged(parser, hostile, RSA.record)[0][0] in ("unknown", "fail")
    with SignatureParser() as parser:
        assert judged(parser, RSA.sign(MAIL), RSA.record) == [("pass", "")]


@given(st.binary(max_size=40).map(lambda raw: bytes(b"\r\n\n \t\tab"[octet % 8] for octet in raw)))
def test_the_canonical_body_is_that_of_dkimpy(body: bytes) -> None:
    """RFC 6376 section 3.4, both forms, whatever the line ends."""
    octets = b"A: b\r\n\r\n" + body
    header, rest = dkimbody.apart(octets)
    assert header == b"A: b\r\n"
    theirs = dkim.DKIM(octets).body
    assert dkimbody.canonical(rest, relaxed=True) == Relaxed.canonicalize_body(theirs)
    assert dkimbody.canonical(rest, relaxed=False) == Simple.canonicalize_body(theirs)


def test_a_thousand_signatures_are_counted_and_ten_looked_at() -> None:
    """What a hostile message can have us ask the DNS is bounded."""
    found, count = signatures(RSA.sign(MAIL)[: -len(MAIL)] * 1000 + MAIL)
    assert (len(found), count) == (MAX_SIGNATURES, 1000)


@pytest.mark.parametrize(("field", "domain"), [
    (b"d=firma.example; s=a", "a._domainkey.firma.example"),
    (b"d=FIRMA.example; s=A.b", "a.b._domainkey.firma.example"),
    (b"d=firma\r\n .example; s=a", "a._domainkey.firma.example"),
    ("d=müller.example; s=a".encode(), "a._domainkey.xn--mller-kva.example"),
    (b"d=a b/../c; s=..", ""), (b"d=; s=a", ""), (b"s=a", ""), (b"d=x.example; s=*", ""),
    (b"d=" + b"a" * 64 + b".example; s=a", ""), (b"d=" + b"a." * 130 + b"example; s=a", ""),
])  # fmt: skip
def test_only_names_that_can_be_are_asked_for(field: bytes, domain: str) -> None:
    """RFC 1035 section 2.3.4; a domain in UTF-8 is asked for as it stands in the DNS (RFC 8616)."""
    [found], _ = signatures(b"DKIM-Signature: " + field + b"\r\n" + MAIL)
    assert found.key_name == domain


@pytest.mark.parametrize(("fields", "domain"), [
    (b"From: A <a@B.example>\r\n", "b.example"),
    (b"From: a@b.example, c@b.example\r\n", "b.example"),
    (b"From: a@b.example, c@d.example\r\n", ""),
    (b"From: a@b.example\r\nFrom: a@b.example\r\n", ""),
    (b"Subject: x\r\n", ""),
    ("From: a@müller.example\r\n".encode(), "xn--mller-kva.example"),
])  # fmt: skip
def test_the_senders_domain(fields: bytes, domain: str) -> None:
    """Several senders of different domains, or two lines that name them, are no sender (RFC 7489 section 6.6.1)."""
    assert from_domain(fields + b"\r\ntext") == domain
