"""An archive with something of everything in it, for tests of the ledger and for its benchmark."""

from datetime import datetime

from sqlalchemy import Engine, func, select

from postbuch.archive import audit, dkimrows
from postbuch.archive.collect_rows import Rows
from postbuch.archive.ingest import Ingester, SpoolFile
from postbuch.archive.schema import mailbox
from provider.archive import ACCOUNT, event_record, message_record


def a_message(number: int, people: int = 2) -> bytes:
    """A message with an attachment of its own."""
    to = ", ".join(f"Über <p{place}@x.example>" for place in range(people))
    return (
        f"From: Anna <anna@firma.example>\r\nTo: {to}\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe_{number}?=\r\n"
        f"Message-ID: <m{number}@x>\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nText {number}\r\n"
        "--b\r\nContent-Type: application/pdf; name=\"r.pdf\"\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        f"{'QUJD' * (number + 1)}\r\n--b--\r\n"
    ).encode()


def fill(engine: Engine, work: Ingester, count: int, start: int = 0) -> None:
    """Messages, a submission with its answer, one of each event, in three batches; and one that disappeared."""
    work.ingest([message_record(a_message(start + number, 2 + number)) for number in range(count)])
    sent = message_record(a_message(start), source="submission", mailbox=None, envelope={
        "mail_from": ACCOUNT, "recipients": [{"address": "bcc@x.example", "code": 250, "text": "Ok"}] * 2,
    })  # fmt: skip
    answer = event_record(event="outcome", of=sent.capture.hex(), verdict="accepted", code=250, text="2.0.0 Ok")
    work.ingest([sent, answer])
    events = [
        event_record(event="gap", account=ACCOUNT, upstream="provider", mailbox="INBOX", uid=9, reason="not in full"),
        event_record(event="refusal", account=ACCOUNT, source="append", reason="too large", size_octets=9),
        event_record(event="login", account=ACCOUNT, upstream="provider", client_address="::1", ok=True),
    ]
    work.ingest(events, [SpoolFile(name=f"{start:04}-1-1-0-3.pbs", messages=0, events=3)])
    with engine.connect() as conn:
        place = conn.scalar(select(func.min(mailbox.c.id)))
    assert place is not None
    Rows(engine).add_vanished(place, 1, [start + 1])
    signed(engine)


def signed(engine: Engine) -> None:
    """A look at the signatures of each image that has none, as the job makes it."""
    verdict = {
        "position": 0, "domain": "firma.example", "selector": "s", "identity": "", "algorithm": "rsa-sha256",
        "verdict": "pass", "reason": "", "aligned": "strict", "in_force": True,
        "key_name": "s._domainkey.firma.example", "key_record": "v=DKIM1; p=AA==",
    }
    with engine.begin() as conn:
        dkimrows.write(conn, [
            dkimrows.Look(check={
                "image_id": each.id, "from_domain": "firma.example", "signature_count": 1, "dmarc_name": "",
                "dmarc_record": None, "reason": "", "checked_at": each.archived_at,
            }, verdicts=[verdict])
            for each in dkimrows.waiting(conn, 0, datetime(2000, 1, 1), 100)
        ])  # fmt: skip


def views(engine: Engine, count: int) -> None:
    """Entries in the record of who did what."""
    with engine.begin() as conn:
        for number in range(count):
            audit.record(conn, "anna", "127.0.0.1", "view", f"letter {number}")
