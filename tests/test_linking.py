"""Which images are one letter: the rules as a pure decision, and over the database."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from postbuch.archive.linking import Candidate, Key, choose
from postbuch.archive.schema import letter, letter_image
from provider.archive import fresh_archive, ingester, message_record

AT = datetime(2026, 11, 23, 12, 0)


def key(**changes: Any) -> Key:
    facts: dict[str, Any] = {
        "body_sha256": b"b", "people_sha256": b"p", "original_id": "1@x", "submitted": False, "at": AT,
    }
    return Key(**{**facts, **changes})


def chosen(new: Key, *known: Key) -> str | None:
    found = choose(new, [Candidate(reference=number, keys=[one]) for number, one in enumerate(known)])
    return None if found is None else found[1]


def test_equal_identifier_and_bodies_are_one_letter() -> None:
    """Headers may differ (Received, Bcc); the identifier and the bodies are the same."""
    assert chosen(key(people_sha256=b"q"), key()) == "message-id"


def test_known_identifier_with_another_body_is_another_letter() -> None:
    """Message-ID never decides alone (invariant 5)."""
    assert chosen(key(body_sha256=b"c"), key()) is None


def test_submission_and_its_filed_copy_within_half_an_hour() -> None:
    """The provider gave the copy another Message-ID: subject, addresses, bodies and time decide."""
    sent = key(submitted=True)
    copy = key(original_id="2@y", at=AT + timedelta(minutes=29))
    assert chosen(copy, sent) == chosen(sent, copy) == "content"
    assert chosen(key(original_id="2@y", at=AT + timedelta(minutes=31)), sent) is None
    assert chosen(key(original_id="2@y", people_sha256=b"q"), sent) is None
    assert chosen(key(original_id="2@y", body_sha256=b"c"), sent) is None


def test_equal_alerts_stay_letters_of_their_own() -> None:
    """Two mails in the same words, both received or both submitted, are two letters."""
    assert chosen(key(original_id="2@y"), key()) is None
    assert chosen(key(original_id="2@y", submitted=True), key(submitted=True)) is None
    taken = Candidate(reference=5, keys=[key(submitted=True), key()])
    assert choose(key(original_id="2@y"), [taken]) is None


def test_no_identifier_links_nothing_by_identifier() -> None:
    """Two messages without Message-ID are not the same letter for that."""
    assert chosen(key(original_id=""), key(original_id="")) is None


HEAD = b"From: Anna <anna@firma.example>\r\nTo: bernd@firma.example\r\nSubject: Angebot\r\n"


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with fresh_archive(tmp_path_factory.mktemp("a")) as (config, made), ingester(config, made) as work:
        yield made, work


def letters_of(engine: Engine, images: list[int]) -> list[tuple[int, str]]:
    with engine.connect() as conn:
        query = select(letter_image).where(letter_image.c.image_id.in_(images)).order_by(letter_image.c.image_id)
        return [(row.letter_id, row.reason) for row in conn.execute(query)]


def test_submitted_and_filed_copy_are_one_letter(engine: Any) -> None:
    """The Sent copy with another transfer encoding, another order and a Received line; in two batches."""
    made, work = engine
    sent = HEAD + b"Message-ID: <a1@firma>\r\n\r\nGr=C3=BC=C3=9Fe\r\n".replace(b"=C3=BC=C3=9F", b"ss")
    filed = b"Received: by x\r\nMessage-ID: <a1@firma>\r\n" + HEAD + (
        b"MIME-Version: 1.0\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nGr=73se\r\n\r\n"
    )
    [one] = work.ingest([message_record(sent, source="submission", mailbox=None)])
    [two] = work.ingest([message_record(filed, source="append", mailbox="Sent")])
    assert one.image_id != two.image_id and one.letter_id == two.letter_id
    assert [reason for _, reason in letters_of(made, [one.image_id, two.image_id])] == ["first", "message-id"]


def test_identifier_that_a_provider_replaced(engine: Any) -> None:
    """Gmail gives its own Message-ID and keeps the client's beside it."""
    _, work = engine
    stored = work.ingest([
        message_record(HEAD + b"Message-ID: <b1@client>\r\n\r\nText\r\n", source="submission", mailbox=None),
        message_record(
            HEAD + b"Message-ID: <CA1@mail.gmail.com>\r\nX-Google-Original-Message-ID: <b1@client>\r\n\r\nText\r\n"
        ),
    ])
    assert stored[0].letter_id == stored[1].letter_id


def test_identifier_that_a_provider_threw_away(engine: Any) -> None:
    """By content within half an hour, in either order, in one batch or two; the next equal one is its own letter."""
    made, work = engine
    filed = [
        message_record(
            HEAD + b"Message-ID: <server-%d@x>\r\n\r\nAlarm\r\n" % number, mailbox="Sent",
            internal_date=f"2026-11-23T11:{10 * number:02d}:00+00:00",
        )
        for number in range(2)
    ]
    sent = [
        message_record(
            HEAD + b"Message-ID: <client-%d@x>\r\nDate: Mon, 23 Nov 2026 11:%d0:00 +0000\r\n\r\nAlarm\r\n" % (n, n),
            source="submission", mailbox=None,
        )
        for n in range(2)
    ]
    [first] = work.ingest([filed[0]])
    rest = work.ingest([sent[0], sent[1], filed[1]])
    assert rest[0].letter_id == first.letter_id
    assert rest[1].letter_id == rest[2].letter_id != first.letter_id
    with made.connect() as conn:
        assert conn.scalar(select(func.count()).select_from(letter)) == len(
            set(conn.scalars(select(letter_image.c.letter_id)))
        )


def test_images_are_never_merged(engine: Any) -> None:
    """One letter, and both octet strings are there."""
    made, work = engine
    text = HEAD + b"Message-ID: <c1@x>\r\n\r\nText\r\n"
    stored = work.ingest([message_record(text), message_record(b"X-Seen: 1\r\n" + text), message_record(text)])
    assert stored[0].letter_id == stored[1].letter_id
    assert stored[0].image_id == stored[2].image_id != stored[1].image_id
    assert [one.new for one in stored] == [True, True, True]
    assert len(letters_of(made, [stored[0].image_id, stored[1].image_id])) == 2
