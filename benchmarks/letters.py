"""A made-up company archive of any size, written straight into the tables: what searching it costs does not depend on
the way in.

Words follow Zipf's law over German and English words and German compounds; senders do as well. Every letter has 30 to
250 words, one in four has an attachment with a name. Each of 50 accounts has its letters; one in ten is in two.
"""

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine, insert

from postbuch.archive import audit
from postbuch.archive.bulk import insert_rows
from postbuch.archive.schema import (
    account,
    address,
    body_text,
    header_summary,
    image,
    image_address,
    letter,
    letter_image,
    letter_place,
    mailbox,
    part,
    sighting,
)

ACCOUNTS = 50
SENDERS = 20_000
BATCH = 2_000
FIRST_DAY = datetime(2017, 1, 2)
YEARS = 10
_COMMON = """
die der und in zu den das nicht von sie ist des sich mit dem dass er es ein ich auf so eine auch als an nach wie im
für man aber aus durch wenn nur war noch werden bei hat wir was wird sein einen welche sind oder um haben einer mir
über ihm diese einem ihr uns da zum zur kann doch vor dieser mich ihn du hatte seine mehr am denn nun unter sehr
selbst schon hier bis habe ihre dann ihnen seiner alle wieder meine Zeit gegen vom ganz einzelnen wo muss ohne eines
können sei the of and to in that is was for it with as his on be at by had not are but from or have an they which one
you were her all she there would their we him been has when who will more no if out so said what up its about into
than them can only other new some could time these two may then do first any my now such like our over man me even
most made after also did many before must through back years where much your way well down should because each just
those people how too little bitte danke anbei freundlichen Grüßen Damen Herren sehr geehrte Rechnung Angebot Termin
Lieferung Bestellung Vertrag Kunde Projekt Woche Montag Dienstag Mittwoch Donnerstag Freitag heute morgen gestern
please thanks regards invoice offer meeting order delivery contract customer project week Monday Tuesday attached dear
kind payment account report team
"""
_FIRST = """
Rechnung Liefer Bestell Angebot Vertrag Kunden Projekt Termin Zahlung Konto Steuer Personal Einkauf Verkauf Lager
Versand Qualität Sicherheit Maschinen Werkzeug Material Energie Wasser Gebäude Brandschutz Arbeits Urlaub Reise Kosten
Preis Waren Transport Fracht Zoll Export Import Messe Presse Werbe Daten Netz Server Telefon Büro Möbel Küchen Garten
Stahl Holz Kunststoff Metall Schrauben Dichtung Motor Getriebe Pumpen Ventil Kessel Heizung Lüftung Klima Elektro
Kabel Schalter Sensor Mess Prüf Wartung Reparatur Ersatzteil Garantie Mängel Abnahme Übergabe Bau Planungs Zeichnung
"""
_JOINT = ("", "s")
_LAST = """
nummer schein bestätigung adresse datum anfrage prüfung liste plan vertrag bericht übersicht gespräch termin abteilung
leiter gruppe stelle auftrag eingang ausgang bestand bedarf menge position vorlage formular muster entwurf freigabe
änderung kündigung verlängerung übernahme rückgabe annahme ablehnung beschwerde meldung anzeige rechnung gutschrift
abrechnung vorauszahlung gebühr steuer rabatt nachlass summe betrag kosten preis frist verzug schaden
"""


def vocabulary() -> list[str]:
    """The most frequent word first: 300 common ones, 8,000 compounds, then 40,000 numbers of things."""
    compounds = [first + joint + last for first in _FIRST.split() for joint in _JOINT for last in _LAST.split()]
    order = random.Random(1)
    order.shuffle(compounds)
    things = [f"{kind}{number}" for number in range(10_000) for kind in ("art", "pos", "ref", "lot")]
    return list(dict.fromkeys([*_COMMON.split(), *compounds, *things]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """One letter as text, for whoever keeps letters otherwise."""

    id: int
    at: datetime
    owner: int
    sender: str
    subject: str
    body: str
    file_name: str


def sender_of(rank: int) -> str:
    """The address with this rank, the most frequent one has 0."""
    return f"person{rank}@kunde{rank % 3000}.example"


def letters(count: int) -> Iterator[Made]:
    """The same letters each time, in the order of their arrival."""
    chance = random.Random(2)
    words = vocabulary()
    weights = list(itertools.accumulate(1 / (rank + 3) for rank in range(len(words))))
    senders = list(itertools.accumulate(1 / (rank + 1) for rank in range(SENDERS)))
    step = timedelta(days=365 * YEARS) / count
    for number in range(1, count + 1):
        text = chance.choices(words, cum_weights=weights, k=chance.randint(30, 250))
        # Now and then a phrase that people look for.
        if number % 50 == 0:
            text[10:10] = ["offene", "Rechnung"]
        sender = chance.choices(range(SENDERS), cum_weights=senders)[0]
        yield Made(
            id=number, at=(FIRST_DAY + number * step).replace(microsecond=0), owner=number % ACCOUNTS + 1,
            sender=sender_of(sender), subject=" ".join(text[5:12]), body=" ".join(text),
            file_name=f"{text[0]}-{number}.pdf" if number % 4 == 0 else "",
        )


def fill(engine: Engine, count: int) -> None:
    """Write them into the tables of an empty archive. `engine`: of the user `ingest`."""
    now = audit.now()
    with engine.begin() as conn:
        for number in range(1, ACCOUNTS + 1):
            conn.execute(insert(account).values(
                id=number, address=f"konto{number}@firma.example", upstream="provider", created_at=now
            ))  # fmt: skip
        insert_rows(conn, mailbox, [
            {"id": number, "account_id": number, "name": "INBOX", "created_at": now}
            for number in range(1, ACCOUNTS + 1)
        ])
        known = [*(sender_of(rank) for rank in range(SENDERS)),
                 *(f"konto{number}@firma.example" for number in range(1, ACCOUNTS + 1))]  # fmt: skip
        numbers = {each: place for place, each in enumerate(known, start=1)}
        insert_rows(conn, address, [
            {"id": place, "address": each, "domain": each.partition("@")[2]} for each, place in numbers.items()
        ])
    source = letters(count)
    while batch := list(itertools.islice(source, BATCH)):
        with engine.begin() as conn:
            conn.exec_driver_sql("SET unique_checks = 0, foreign_key_checks = 0")
            _write(conn, batch, numbers, now)


def _write(conn: object, batch: list[Made], numbers: dict[str, int], now: datetime) -> None:
    rows: dict[object, list[dict[str, object]]] = {}

    def add(table: object, **values: object) -> None:
        rows.setdefault(table, []).append(values)

    for each in batch:
        digest = each.id.to_bytes(32, "big")
        size = 600 + len(each.body)
        add(image, id=each.id, sha256=digest, size_octets=size, skeleton=b"", parser="fast", archived_at=now)
        add(header_summary, image_id=each.id, subject=each.subject, message_id=f"{each.id}@bench", in_reply_to="",
            thread_root=f"{each.id}@bench", date_header=each.at, from_display=each.sender,
            to_display=f"konto{each.owner}@firma.example", attachment_count=int(bool(each.file_name)),
            preview=each.body[:200])
        add(body_text, image_id=each.id, text=each.body)
        add(image_address, image_id=each.id, field="from", position=0, address_id=numbers[each.sender], display_name="")
        add(image_address, image_id=each.id, field="to", position=0,
            address_id=numbers[f"konto{each.owner}@firma.example"], display_name="")
        if each.file_name:
            add(part, image_id=each.id, position=1, content_type="application/pdf", disposition="attachment",
                file_name=each.file_name, content_id="", size_octets=size, sha256=digest, is_attachment=True)
        add(letter, id=each.id, first_image_id=each.id, sort_at=each.at)
        add(letter_image, image_id=each.id, letter_id=each.id, reason="first")
        owners = [each.owner, each.owner % ACCOUNTS + 1] if each.id % 10 == 0 else [each.owner]
        for place, owner in enumerate(owners):
            add(letter_place, letter_id=each.id, account_id=owner, mailbox_id=owner, sort_at=each.at)
            add(sighting, capture=(each.id * 2 + place).to_bytes(16, "big"), image_id=each.id, account_id=owner,
                mailbox_id=owner, source="import", uidvalidity=1, uid=each.id, flags="", internal_date=each.at,
                session="bench", client_address="127.0.0.1", normalised=False, seen_at=each.at)
    for table, made in rows.items():
        insert_rows(conn, table, made)  # type: ignore[arg-type]
