"""What arrives is looked at behind the drain, by a real name server, and verifies again when its key has gone."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from postbuch.archive import audit, dkimrows, dkimwork, letters, mailfirst, spool
from postbuch.archive.config import Config, Dns
from postbuch.archive.dkimagain import check_again, verifies
from postbuch.archive.dkimparser import SignatureParser
from postbuch.archive.dkimwork import SignatureWork
from postbuch.archive.dnsrecords import Records
from postbuch.archive.ingest import Ingester
from postbuch.archive.schema import image
from postbuch.archive.schema_dkim import dkim_check
from postbuch.archive.verification import Verification
from provider.archive import fresh_archive, ingester, message_facts, message_record
from provider.nameserver import NameServer
from provider.signer import ed25519_signer, rsa_signer

FIRMA, BULK = rsa_signer("firma.example", bits=1024), ed25519_signer("versand.example")
POLICY = b"v=DMARC1; p=reject; adkim=r"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """An archive, its name server, and the job that looks at what arrives."""

    config: Config
    engine: Engine
    ingester: Ingester
    names: NameServer
    work: SignatureWork

    def store(self, octets: bytes) -> int:
        """Have the message ingested; the number of its image."""
        self.ingester.ingest([message_record(octets)])
        with self.engine.connect() as conn:
            return conn.scalar(select(func.max(image.c.id))) or 0

    def look_of(self, number: int) -> dict[str, Any] | None:
        """What was found of an image."""
        with self.engine.connect() as conn:
            found = dkimrows.facts(conn, [number])
        return found[0] if found else None

    def octets(self, number: int) -> bytes:
        with self.engine.connect() as conn:
            return letters.octets(conn, self.config, number)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Config, Engine, Ingester]]:
    with fresh_archive(tmp_path_factory.mktemp("a")) as (config, engine), ingester(config, engine) as work:
        yield config, engine, work


@pytest.fixture
def scene(archive: tuple[Config, Engine, Ingester]) -> Iterator[Scene]:
    config, engine, stored = archive
    with NameServer() as names:
        names.texts = {
            FIRMA.key_name: [FIRMA.record], BULK.key_name: [BULK.record], "_dmarc.firma.example": [POLICY],
        }
        config = config.model_copy(update={"dns": Dns(enabled=True, servers=[names.listen])})
        work = SignatureWork(config, engine)
        yield Scene(config=config, engine=engine, ingester=stored, names=names, work=work)
        work.close()


def mail(text: str, sender: str = "anna@firma.example") -> bytes:
    return (
        f"From: Anna <{sender}>\r\nTo: b@kunde.example\r\nSubject: {text}\r\nMessage-ID: <{text}@x>\r\n\r\n"
        f"Guten Tag {text}\r\n"
    ).encode()


def test_a_signature_is_judged_by_the_key_of_the_day(scene: Scene) -> None:
    """Verdict, alignment, key record and policy are on record, and sealed."""
    number = scene.store(FIRMA.sign(mail("eins")))
    assert scene.work.look() == ""
    look = scene.look_of(number)
    assert look is not None
    assert (look["from_domain"], look["signature_count"], look["reason"]) == ("firma.example", 1, "")
    assert (look["dmarc_name"], look["dmarc_record"]) == ("_dmarc.firma.example", POLICY.decode())
    [verdict] = look["signatures"]
    assert (verdict["verdict"], verdict["reason"], verdict["aligned"]) == ("pass", "", "strict")
    assert (verdict["key_name"], verdict["key_record"]) == (FIRMA.key_name, FIRMA.record.decode())
    assert look["says"] == "signed by firma.example, matches the sender: verified on arrival"
    report = Verification(scene.config, scene.engine).run(full=True)
    assert not report.findings.count and report.checked["dkim_check"] >= 1


def test_it_verifies_again_when_its_key_is_gone(scene: Scene) -> None:
    """By the stored record; a changed text, another record or a forged verdict do not come out again."""
    number = scene.store(FIRMA.sign(mail("zwei")))
    scene.work.look()
    scene.names.texts.clear()
    look = scene.look_of(number)
    assert look is not None
    asked = len(scene.names.asked)
    with SignatureParser() as parser:
        [again] = check_again(parser, scene.octets(number), look)["signatures"]
        assert again["again"] == "pass" and verifies(again)
        [again] = check_again(parser, scene.octets(number).replace(b"Guten", b"Boesen"), look)["signatures"]
        assert again["again"] == "fail" and not verifies(again)
        other = rsa_signer("firma.example", bits=1024).record.decode()
        forged = {**look, "signatures": [{**look["signatures"][0], "key_record": other}]}
        assert not verifies(check_again(parser, scene.octets(number), forged)["signatures"][0])
    assert len(scene.names.asked) == asked


@pytest.mark.parametrize(("make", "standing", "verdict"), [
    (lambda: FIRMA.sign(mail("a1")).replace(b"Guten", b"Boesen"), "altered", "fail"),
    (lambda: mail("a2"), "unsigned", None),
    (lambda: BULK.sign(mail("a3")), "other_domain", "pass"),
    (lambda: BULK.sign(FIRMA.sign(mail("a4"))), "matches", "pass"),
    (lambda: FIRMA.sign(mail("a5", "anna@mail.firma.example")), "matches", "pass"),
    (lambda: FIRMA.sign(mail("a6", "anna@firma.example.evil.example")), "other_domain", "pass"),
    (lambda: rsa_signer("firma.example", "gone", bits=1024).sign(mail("a7")), "no_key", "no-key"),
    (lambda: BULK.sign(mail("a8", "a@versand.example")).replace(b"d=versand", b"d=ver sand"), "not_checked", "unfit"),
])  # fmt: skip
def test_what_people_are_told(
    scene: Scene, make: Callable[[], bytes], standing: str, verdict: str | None
) -> None:
    """Forged, unsigned, signed by others, by a list as well, by a sister domain, with a key that was gone before."""
    number = scene.store(make())
    scene.work.look()
    look = scene.look_of(number)
    assert look is not None
    assert look["standing"] == standing, look
    assert [each["verdict"] for each in look["signatures"]][:1] == ([verdict] if verdict else [])


def test_a_strict_policy_wants_the_same_domain(scene: Scene) -> None:
    """`adkim=s` (RFC 7489 section 6.3), found at the organisation's domain; of two policies none holds."""
    scene.names.texts["_dmarc.firma.example"] = [b"v=DMARC1; p=none; adkim=s"]
    number = scene.store(FIRMA.sign(mail("b1", "anna@mail.firma.example")))
    scene.work.look()
    look = scene.look_of(number)
    assert look is not None
    assert (look["standing"], look["signatures"][0]["aligned"]) == ("other_domain", "relaxed")
    assert look["dmarc_name"] == "_dmarc.firma.example"


def test_silence_is_no_verdict(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the DNS does not answer nothing is written, and the status says so; then all is made good."""
    monkeypatch.setattr("postbuch.archive.dnsrecords.QUERY_S", 0.2)
    work = SignatureWork(scene.config, scene.engine)
    monkeypatch.setattr("postbuch.archive.dkimwork.AGAIN_S", 0.0)
    scene.names.silent = True
    numbers = [scene.store(rsa_signer(f"d{place}.example", bits=1024).sign(mail(f"c{place}"))) for place in range(4)]
    try:
        records = Records(scene.config.dns, query_s=0.2)
        work._records = records
        before = len(scene.names.asked)
        assert scene.names.listen in work.look()
        assert [scene.look_of(number) for number in numbers] == [None] * 4
        asked = len(scene.names.asked)
        assert asked > before
        work.look()
        assert len(scene.names.asked) == asked, "silent names are not asked again at once"
        scene.names.silent = False
        records._later.clear()
        work._later.clear()
        work._again_at = 0
        while work.look():
            pass
        looks = [scene.look_of(number) for number in numbers]
        assert [look and look["signatures"][0]["verdict"] for look in looks] == ["no-key"] * 4
    finally:
        work.close()


def test_after_days_of_silence_it_is_given_up(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a row that says why."""
    number = scene.store(FIRMA.sign(mail("d1")))
    scene.names.silent = True
    scene.work._records = Records(scene.config.dns, query_s=0.2)
    now = audit.now()
    monkeypatch.setattr(audit, "now", lambda: now + timedelta(days=dkimwork.GIVE_UP_DAYS, hours=1))
    scene.work.look()
    look = scene.look_of(number)
    assert look is not None
    [verdict] = look["signatures"]
    assert (verdict["verdict"], verdict["reason"]) == ("unknown", "the DNS gave no answer for 5 days")
    assert look["standing"] == "not_checked"


def test_what_is_old_is_left_alone(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """An archive that was there before is not asked about in the DNS; what arrives then is."""
    old = scene.store(FIRMA.sign(mail("e1")))
    now = audit.now()
    monkeypatch.setattr(audit, "now", lambda: now + timedelta(days=dkimwork.LATELY_DAYS, hours=1))
    scene.work.look()
    assert scene.look_of(old) is None


def test_hostile_mail_is_bounded(scene: Scene) -> None:
    """A thousand signatures cost ten questions; the row says that there were more."""
    signed = FIRMA.sign(mail("f1"))
    head = signed[: signed.index(b"From:")]
    many = b"".join(head.replace(b"s=rsa", b"s=k%d" % place) for place in range(1000))
    number = scene.store(many + mail("f1"))
    before = len(scene.names.asked)
    scene.work.look()
    look = scene.look_of(number)
    assert look is not None
    assert (look["signature_count"], len(look["signatures"])) == (1000, 10)
    assert look["reason"] == "only the first 10 of 1000 signatures were checked"
    assert len(scene.names.asked) - before <= 12


def test_a_large_record_comes_by_tcp_and_a_huge_one_is_not_taken(scene: Scene) -> None:
    """A key of 4,096 bits beside others of the name does not fit into one datagram."""
    large = rsa_signer("gross.example", bits=4096)
    scene.names.texts[large.key_name] = [large.record, b"x" * 1000]
    scene.names.texts["huge._domainkey.gross.example"] = [b"p=" + b"A" * 5000]
    number = scene.store(large.sign(mail("g1", "a@gross.example")))
    other = scene.store(replace(large, selector="huge").sign(mail("g2", "a@gross.example")))
    scene.work.look()
    first, second = scene.look_of(number), scene.look_of(other)
    assert first is not None and first["standing"] == "matches"
    assert second is not None and second["standing"] == "no_key"


def test_answers_are_remembered(scene: Scene) -> None:
    """The second letter of a domain asks nothing."""
    scene.store(FIRMA.sign(mail("h1")))
    scene.work.look()
    asked = len(scene.names.asked)
    number = scene.store(FIRMA.sign(mail("h2")))
    scene.work.look()
    assert scene.look_of(number) is not None
    assert len(scene.names.asked) == asked


def test_it_can_be_switched_off(scene: Scene, tmp_path: Path) -> None:
    """Then nothing is asked and nothing written."""
    number = scene.store(FIRMA.sign(mail("i1")))
    off = scene.config.model_copy(update={"dns": scene.config.dns.model_copy(update={"enabled": False})})
    work = SignatureWork(off, scene.engine)
    assert work.look() == ""
    assert scene.look_of(number) is None


def test_it_waits_while_the_drains_have_much_to_do(scene: Scene) -> None:
    """Ingest comes first: with a full spool nothing is looked at, and soon after it is empty everything is."""
    number = scene.store(FIRMA.sign(mail("k1")))
    folder = scene.config.data / "spool"
    with spool.SpoolWriter(folder) as writer:
        for place in range(mailfirst.BEHIND_MESSAGES + 1):
            message = writer.begin(3)
            message.write(b"a\r\n")
            last = message.commit(message_facts(uid=place + 1), urgent=place == mailfirst.BEHIND_MESSAGES)
        last.result(30)
    assert spool.waiting_counts(folder)[0] > mailfirst.BEHIND_MESSAGES
    scene.work.look()
    assert scene.look_of(number) is None
    for path in spool.waiting(folder):
        path.unlink()
    scene.work.look()
    assert scene.look_of(number) is not None


def test_each_image_is_looked_at_once(scene: Scene) -> None:
    """Whatever number it got and however often the job runs."""
    for place in range(3):
        scene.store(mail(f"j{place}"))
    scene.work.look()
    scene.work.look()
    scene.work._far_at = 0
    scene.work._again_at = 0
    scene.work._seen = -1
    scene.work.look()
    with scene.engine.connect() as conn:
        images = list(conn.scalars(select(dkim_check.c.image_id)))
    assert len(images) == len(set(images))
