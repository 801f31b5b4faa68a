"""From records to rows: everything is there once, however often it is tried; the octets come back."""

import base64
import dataclasses
import hashlib
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Table, func, select

from postbuch.archive import imagerows, letters
from postbuch.archive.ingest import Ingester, SpoolFile
from postbuch.archive.objects import ObjectStore
from postbuch.archive.parser import Parser
from postbuch.archive.preparation import RecordUnfit, add_images, read_message
from postbuch.archive.record import SpoolDamaged
from postbuch.archive.schema import (
    account,
    address,
    audit_event,
    gap,
    header_summary,
    image,
    image_address,
    letter,
    letter_place,
    mailbox,
    metadata,
    object_,
    outcome,
    part,
    refusal,
    sighting,
    smtp_envelope,
    smtp_recipient,
    spool_file,
)
from provider.archive import ACCOUNT, event_record, fresh_archive, ingester, message_record

PDF = b"JVBERi0xLjQgcmVjaG51bmc="
MAIL = (
    b"From: =?utf-8?q?Anna_M=C3=BCller?= <Anna@Firma.Example>\r\nTo: b@x.example, \"C, D\" <c@x.example>\r\n"
    b"Subject: Rechnung \xf0\x9f\x98\x80\r\nMessage-ID: <m1@x>\r\nDate: Mon, 23 Nov 2026 10:00:00 +0100\r\n"
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
    b"Gr\xc3\xbc\xc3\x9fe\r\n--b\r\nContent-Type: application/pdf; name=\"../Rechnung.pdf\"\r\n"
    b"Content-Transfer-Encoding: base64\r\n\r\n" + PDF + b"\r\n--b--\r\n"
)


def mail(mark: str) -> bytes:
    """A letter of its own with the same attachment."""
    return MAIL.replace(b"<m1@x>", b"<%s@x>" % mark.encode())


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with fresh_archive(tmp_path_factory.mktemp("a")) as (config, engine), ingester(config, engine) as work:
        yield config, engine, work


def count(engine: Any, table: Table) -> int:
    with engine.connect() as conn:
        return conn.scalar(select(func.count()).select_from(table)) or 0


def rows(engine: Any, table: Table, *conditions: Any) -> list[Any]:
    with engine.connect() as conn:
        return list(conn.execute(select(table).where(*conditions)))


def test_one_message_in_all_its_rows(archive: Any) -> None:
    """The octets come back, the attachment is a file under a harmless name, the fields are decoded."""
    config, engine, work = archive
    [one] = work.ingest([message_record(MAIL, mailbox="Entw&APw-rfe", uid=7, flags=["\\Seen"])])
    with engine.connect() as conn:
        assert letters.octets(conn, config, one.image_id) == MAIL
    [summary] = rows(engine, header_summary, header_summary.c.image_id == one.image_id)
    assert summary.subject == "Rechnung 😀" and summary.from_display == "Anna Müller <anna@firma.example>"
    assert summary.attachment_count == 1 and summary.preview == "Grüße"
    people = rows(engine, image_address, image_address.c.image_id == one.image_id)
    assert {(item.field, item.position, item.display_name) for item in people} == {
        ("from", 0, "Anna Müller"), ("to", 0, ""), ("to", 1, "C, D"),
    }
    assert {item.address for item in rows(engine, address)} >= {"anna@firma.example", "b@x.example", "c@x.example"}
    parts = rows(engine, part, part.c.image_id == one.image_id)
    assert [(item.content_type, bool(item.is_attachment)) for item in parts] == [
        ("text/plain", False), ("application/pdf", True),
    ]
    [seen] = rows(engine, sighting, sighting.c.image_id == one.image_id)
    assert (seen.uid, seen.flags, seen.source) == (7, "\\Seen", "fetch")
    assert [item.name for item in rows(engine, mailbox, mailbox.c.id == seen.mailbox_id)] == ["Entwürfe"]
    [link] = list((config.data / "attachments").rglob(f"{one.letter_id}-*.pdf"))
    assert link.name == f"{one.letter_id}-_Rechnung.pdf" and link.parent.name == ACCOUNT
    assert link.relative_to(config.data / "attachments").parts[:3] == ("2026", "11", "23")
    assert link.read_bytes().startswith(b"%PDF")


def test_again_is_harmless_and_elsewhere_is_a_sighting(archive: Any) -> None:
    """Invariant 5: a replay adds nothing; the same octets elsewhere add a sighting and no image."""
    _, engine, work = archive
    record = message_record(mail("again"))
    [first] = work.ingest([record])
    before = {table.name: count(engine, table) for table in metadata.sorted_tables}
    [again] = work.ingest([record])
    assert (first.new, first.known, again.new, again.known) == (True, False, False, True)
    assert before == {table.name: count(engine, table) for table in metadata.sorted_tables}
    [other] = work.ingest([message_record(mail("again"), account="bernd@firma.example", mailbox="INBOX")])
    assert other.image_id == first.image_id and other.letter_id == first.letter_id
    assert count(engine, image) == before["image"] and count(engine, sighting) == before["sighting"] + 1
    assert count(engine, object_) == before["object"]
    assert len(rows(engine, letter_place, letter_place.c.letter_id == first.letter_id)) == 2


def test_submission_with_envelope_and_outcome(archive: Any) -> None:
    """Bcc and refused recipients are on record with upstream's words; a replay adds none."""
    _, engine, work = archive
    envelope = {
        "mail_from": "anna@firma.example", "parameters": "SIZE=100", "client_name": "laptop", "at": None,
        "recipients": [
            {"address": "Bcc@X.example", "code": 250, "text": "2.1.5 Ok"},
            {"address": "gone@x.example", "code": 550, "text": "5.1.1 No such user"},
            {"address": "bcc@x.example", "code": 250, "text": "2.1.5 Ok"},
        ],
    }
    record = message_record(mail("sub"), source="submission", mailbox=None, envelope=envelope)
    answer = event_record(event="outcome", of=record.capture.hex(), verdict="accepted", code=250, text="2.0.0 Ok")
    for _ in range(2):
        work.ingest([record, answer])
    [kept] = rows(engine, smtp_envelope, smtp_envelope.c.capture == record.capture)
    recipients = rows(engine, smtp_recipient, smtp_recipient.c.envelope_id == kept.id)
    assert [(item.code, bool(item.accepted)) for item in recipients] == [(250, True), (550, False), (250, True)]
    assert recipients[0].address_id == recipients[2].address_id
    assert [item.text for item in rows(engine, outcome, outcome.c.capture == record.capture)] == ["2.0.0 Ok"]


def test_events_with_their_file_are_there_once(archive: Any) -> None:
    """Log-ins have no capture: they are stored with the row of their file, or not at all."""
    _, engine, work = archive
    login = event_record(event="login", account=ACCOUNT, upstream="provider", client_address="::1", ok=True)
    gone = event_record(event="gap", account=ACCOUNT, upstream="provider", mailbox="INBOX", uidvalidity=1, uid=9,
                        reason="not in full")
    large = event_record(event="refusal", account=ACCOUNT, source="append", reason="too large", size_octets=9)
    file = SpoolFile(name="0001-1-1-0-3.pbs", messages=0, events=3)
    config, *_ = archive
    path = config.data / "spool" / "new" / file.name
    records = [dataclasses.replace(one, path=path) for one in (login, gone, large)]
    for _ in range(2):
        work.ingest(records, [file])
    assert [item.action for item in rows(engine, audit_event)] == ["log-in"]
    assert count(engine, gap) == count(engine, refusal) == 1
    assert len(rows(engine, spool_file, spool_file.c.name == file.name)) == 1


@pytest.mark.parametrize("date", ["0001-01-01", "1601-01-01", "1899-12-31", "9999-12-31", "9001-01-01"])
def test_an_internaldate_that_no_calendar_has(archive: Any, date: str) -> None:
    """Mail programs append with any, and servers give it back: the message is stored and arrived when it was seen."""
    _, engine, work = archive
    octets = f"Subject: {date}\r\n\r\nx\r\n".encode()
    [one] = work.ingest([message_record(octets, internal_date=f"{date}T00:00:00+00:00")])
    [seen] = rows(engine, sighting, sighting.c.capture == one.capture)
    [found] = rows(engine, letter, letter.c.id == one.letter_id)
    assert seen.internal_date is None and found.sort_at == seen.seen_at


def test_unfit_records_are_named_and_store_nothing(archive: Any) -> None:
    """A record with facts that no record has, or octets of another digest, is told and leaves no row."""
    _, engine, work = archive
    before = count(engine, sighting)
    for changes in ({"source": "elsewhere"}, {"account": ""}, {"seen_at": "soon"}, {"capture": "00"}):
        with pytest.raises(RecordUnfit):
            work.ingest([message_record(MAIL), message_record(MAIL, **changes)])
    with pytest.raises(SpoolDamaged):
        record = message_record(MAIL)
        work.ingest([dataclasses.replace(record, octets=b"other")])
    with pytest.raises(RecordUnfit):
        work.ingest([event_record(event="party")])
    assert count(engine, sighting) == before


def test_octets_without_their_digest_are_never_taken(archive: Any) -> None:
    """Neither of a new image, nor where the digest is that of a stored one or of another in the batch (invariant 1)."""
    _, engine, work = archive
    work.ingest([message_record(mail("held"))])
    before = count(engine, sighting)
    new = message_record(mail("held-new"))
    for good, octets in ((message_record(mail("held")), b"x"), (new, b"y"), (new, mail("held-new")[:-3] + b"\n\n\n")):
        damaged = dataclasses.replace(good, octets=octets)
        for batch in ([damaged], [new, damaged], [damaged, new]):
            with pytest.raises(SpoolDamaged):
                work.ingest(batch)
    assert count(engine, sighting) == before


def test_the_files_of_a_new_image_are_those_its_rows_tell(archive: Any) -> None:
    """The readable names made at ingest are those that the tree is read by; a file that comes again has each name."""
    _, engine, work = archive
    file = b"--b\r\nContent-Type: %s\r\nContent-Transfer-Encoding: base64\r\n\r\n%s\r\n"
    large = base64.encodebytes(bytes(range(256)) * 400).replace(b"\n", b"\r\n").strip()
    files = [(b"image/png; name=a.png", PDF), (b"image/png", large), (b"image/png; name=b.png", PDF)]
    octets = MAIL.replace(b"<m1@x>", b"<files@x>").replace(b"--b--", b"".join(file % each for each in files) + b"--b--")
    item = read_message(message_record(octets))
    with Parser() as parser:
        add_images([item], parser)
    [one] = work.ingest([message_record(octets)])
    with engine.connect() as conn:
        told = imagerows.files_of(conn, [one.image_id])[one.image_id]
    assert item.image is not None and imagerows.files_in(item.image) == told
    assert [each.name for each in told] == ["../Rechnung.pdf", "a.png", "attachment-3.bin", "b.png"]


def test_odd_facts_fit_their_columns(archive: Any) -> None:
    """What clients and servers say may be anything: long, with NUL, surrogates, emoji; numbers out of range."""
    _, engine, work = archive
    odd = "x\x00\ud800😀" * 400
    [one] = work.ingest([message_record(
        b"odd", mailbox=odd, flags=[odd, odd], session=odd, client_address=odd, upstream=odd, uid=1 << 70,
        account="  ODD@firma.example ",
    )])
    [seen] = rows(engine, sighting, sighting.c.image_id == one.image_id)
    assert seen.uid is None and len(seen.flags) <= 1000 and "😀" in seen.flags
    assert rows(engine, account, account.c.address == "odd@firma.example")


def test_two_ingesters_at_once(archive: Any) -> None:
    """The same messages by two ingesters at the same time: each image once, each sighting once, one letter each."""
    config, engine, _ = archive
    octets = [mail(str(number)) for number in range(200)]
    before = count(engine, image), count(engine, sighting)
    results: list[Any] = []
    errors: list[BaseException] = []

    def work(shift: int) -> None:
        try:
            with Parser() as parser:
                mine = Ingester(engine, ObjectStore(config.data), parser)
                turned = octets[shift:] + octets[:shift]
                for start in range(0, 200, 20):
                    results.extend(mine.ingest([message_record(one) for one in turned[start : start + 20]]))
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(shift,)) for shift in (0, 10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert (count(engine, image), count(engine, sighting)) == (before[0] + 200, before[1] + 400)
    assert len({one.image_id for one in results}) == 200 == len({one.letter_id for one in results})


def test_rolled_back_batch_leaves_no_memory(archive: Any) -> None:
    """What a failed transaction made (accounts, addresses) is not remembered as if it were there."""
    _, engine, work = archive
    fresh = b"From: new-person@x.example\r\n\r\nnew\r\n"
    bad = event_record(event="outcome", of="zz")
    with pytest.raises(RecordUnfit):
        work.ingest([message_record(fresh, account="new@firma.example", mailbox="Neu"), bad])
    assert not rows(engine, account, account.c.address == "new@firma.example")
    [one] = work.ingest([message_record(fresh, account="new@firma.example", mailbox="Neu")])
    assert rows(engine, image_address, image_address.c.image_id == one.image_id)
    assert rows(engine, account, account.c.address == "new@firma.example")


def test_sort_time_is_never_in_the_future(archive: Any) -> None:
    """A Date header of tomorrow does not put a letter above everything that comes later."""
    _, engine, work = archive
    [one] = work.ingest([message_record(b"Date: Mon, 1 Jan 2091 10:00:00 +0000\r\n\r\nx\r\n")])
    [place] = rows(engine, letter_place, letter_place.c.letter_id == one.letter_id)
    assert place.sort_at.year == 2026


def test_unread_store_keeps_the_octets(archive: Any) -> None:
    """Without the parser the message is stored all the same, flagged, and comes back."""
    config, engine, work = archive
    octets = mail("unread")
    [one] = work.ingest([message_record(octets)], read=False)
    [kept] = rows(engine, image, image.c.id == one.image_id)
    assert kept.parser == "none" and kept.defect and kept.sha256 == hashlib.sha256(octets).digest()
    with engine.connect() as conn:
        assert letters.octets(conn, config, one.image_id) == octets
