"""A made-up company archive of any size, written straight into the tables: what searching it costs does not depend on
the way in.

Words follow Zipf's law over German and English words and German compounds; senders do as well. Every letter has 30 to
250 words, one in four has an attachment with a name, one in five of which is a file that many have. Each of 50 accounts
has its letters; one in ten is in two, one in six goes out, three in ten answer an earlier one, one in ten is unread.

What topics, attachments and senders are listed from is written as their followers would write it (`topics.py`,
`tally.py`): by themselves they would take as long as all the rest.
"""

import hashlib
import itertools
import random
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any

from sqlalchemy import Connection, Engine, Table, insert

from postbuch.archive import audit, skeleton
from postbuch.archive.bulk import insert_rows
from postbuch.archive.filefamily import family
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
    letter_topic,
    mailbox,
    part,
    seen_sender,
    sighting,
)
from postbuch.archive.schema_media import EVERY_ACCOUNT, attachment, attachment_summary, correspondent
from postbuch.archive.topics import bare_subject
from postbuch.archive.widths import SORT_CHARACTERS

ACCOUNTS = 50
SENDERS = 20_000
BATCH = 2_000
# Rows of what is written at the end, in one transaction.
SUMMARY_BATCH = 20_000
# One in so many letters has its octets, so that it can be opened.
OPENED = 199
# Answers come within so many letters.
NEAR = 2_000
KINDS = (
    ("pdf", "application/pdf", 50), ("png", "image/png", 15), ("jpg", "image/jpeg", 8),
    ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", 12),
    ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", 10), ("zip", "application/zip", 5),
)  # fmt: skip
FIRST_DAY = datetime(2016, 11, 21)
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
    """One letter as text, for whoever keeps letters otherwise. `root`: the letter that began its topic."""

    id: int
    at: datetime
    owner: int
    person: str
    goes_out: bool
    unread: bool
    subject: str
    body: str
    root: int
    answers: int
    file: int
    file_name: str
    content_type: str

    @property
    def sender(self) -> str:
        return account_of(self.owner) if self.goes_out else self.person

    @property
    def recipient(self) -> str:
        return self.person if self.goes_out else account_of(self.owner)


def sender_of(rank: int) -> str:
    """The address with this rank, the most frequent one has 0."""
    return f"person{rank}@kunde{rank % 3000}.example"


def account_of(number: int) -> str:
    """The address of an account."""
    return f"konto{number}@firma.example"


def letters(count: int) -> Iterator[Made]:
    """The same letters each time, in the order of their arrival."""
    chance, turn = random.Random(2), random.Random(3)
    words = vocabulary()
    weights = list(itertools.accumulate(1 / (rank + 3) for rank in range(len(words))))
    senders = list(itertools.accumulate(1 / (rank + 1) for rank in range(SENDERS)))
    step = timedelta(days=365 * YEARS) / count
    roots = array("Q", [0])
    for number in range(1, count + 1):
        text = chance.choices(words, cum_weights=weights, k=chance.randint(30, 250))
        # Now and then a phrase that people look for.
        if number % 50 == 0:
            text[10:10] = ["offene", "Rechnung"]
        sender = chance.choices(range(SENDERS), cum_weights=senders)[0]
        answers = number - turn.randint(1, min(number - 1, NEAR)) if number > 1 and turn.random() < 0.3 else 0
        roots.append(roots[answers] if answers else number)
        file = 0 if number % 4 else number if number % 20 else number % 400 + 1
        ending, content_type, _ = random.Random(file).choices(KINDS, [each[2] for each in KINDS])[0]
        yield Made(
            id=number, at=(FIRST_DAY + number * step).replace(microsecond=0), owner=number % ACCOUNTS + 1,
            person=sender_of(sender), goes_out=turn.random() < 1 / 6, unread=turn.random() < 0.1,
            subject="AW: " * bool(answers) + " ".join(text[5:12]), body=" ".join(text),
            root=roots[number], answers=answers, file=file, content_type=content_type,
            file_name=f"{words[file % 300]}-{file}.{ending}" if file else "",
        )


def octets(made: Made, *, whole: bool = True) -> bytes:
    """The letter as a message. Not `whole`: with the name of its file behind the text, which is quicker."""
    head = (
        f"From: {made.sender}\nTo: {made.recipient}\nSubject: {made.subject}\nMessage-ID: <{made.id}@bench>\n"
        f"Date: {format_datetime(made.at)}\nMIME-Version: 1.0\n"
    )
    if not whole or not made.file_name:
        kind = "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n"
        return f"{head}{kind}\n{made.body} {'' if whole else made.file_name}\n".encode()
    message = EmailMessage()
    message.set_content(made.body)
    kind, _, subtype = made.content_type.partition("/")
    message.add_attachment(bytes(3000), maintype=kind, subtype=subtype, filename=made.file_name)
    return head.replace("MIME-Version: 1.0\n", "").encode() + message.as_bytes()


def fill(engine: Engine, count: int) -> None:
    """Write them into the tables of an empty archive. `engine`: of the user `ingest`."""
    now = audit.now()
    known = [*map(sender_of, range(SENDERS)), *map(account_of, range(1, ACCOUNTS + 1))]
    numbers = {each: place for place, each in enumerate(known, start=1)}
    with engine.begin() as conn:
        for number in range(1, ACCOUNTS + 1):
            conn.execute(insert(account).values(
                id=number, address=account_of(number), upstream="provider", created_at=now
            ))  # fmt: skip
        insert_rows(conn, mailbox, [
            {"id": number + shift, "account_id": number, "name": name, "created_at": now}
            for shift, name in ((0, "INBOX"), (ACCOUNTS, "Sent")) for number in range(1, ACCOUNTS + 1)
        ])
        insert_rows(conn, address, [
            {"id": place, "address": each, "domain": each.partition("@")[2]} for each, place in numbers.items()
        ])
    tally = _Tally(numbers)
    source = letters(count)
    while batch := list(itertools.islice(source, BATCH)):
        with engine.begin() as conn:
            conn.exec_driver_sql("SET unique_checks = 0, foreign_key_checks = 0")
            _write(conn, batch, numbers, now)
        for each in batch:
            tally.add(each)
    for table, rows in tally.rows():
        for start in range(0, len(rows), SUMMARY_BATCH):
            with engine.begin() as conn:
                insert_rows(conn, table, rows[start : start + SUMMARY_BATCH])


def owners_of(made: Made) -> list[int]:
    """The accounts that have it, the first one sent or got it."""
    return [made.owner, made.owner % ACCOUNTS + 1] if made.id % 10 == 0 else [made.owner]


def _write(conn: Connection, batch: list[Made], numbers: dict[str, int], now: datetime) -> None:
    rows: dict[Table, list[dict[str, Any]]] = {}

    def add(table: Table, **values: Any) -> None:
        rows.setdefault(table, []).append(values)

    for each in batch:
        message = octets(each) if each.id % OPENED < 2 else b""
        digest = hashlib.sha256(message or each.id.to_bytes(8, "big")).digest()
        size = len(message) or 600 + len(each.body)
        add(image, id=each.id, sha256=digest, size_octets=size, skeleton=skeleton.whole(message) if message else b"",
            parser="fast", archived_at=now)
        add(header_summary, image_id=each.id, subject=each.subject, message_id=f"{each.id}@bench",
            in_reply_to=f"{each.answers}@bench" if each.answers else "", thread_root=f"{each.root}@bench",
            date_header=each.at, from_display=each.sender, to_display=each.recipient,
            attachment_count=int(bool(each.file_name)), preview=each.body[:200])
        add(body_text, image_id=each.id, text=each.body)
        add(image_address, image_id=each.id, field="from", position=0, address_id=numbers[each.sender], display_name="")
        add(image_address, image_id=each.id, field="to", position=0, address_id=numbers[each.recipient],
            display_name="")
        if each.file_name:
            add(part, image_id=each.id, position=1, content_type=each.content_type, disposition="attachment",
                file_name=each.file_name, content_id="", size_octets=_size(each), sha256=_digest(each),
                is_attachment=True)
        add(letter, id=each.id, first_image_id=each.id, sort_at=each.at)
        add(letter_image, image_id=each.id, letter_id=each.id, reason="first")
        subject = bare_subject(each.subject)[0].casefold().encode()
        add(letter_topic, letter_id=each.id, topic_id=each.root, sort_at=each.at,
            subject_sha256=hashlib.sha256(subject).digest(), by_subject=False,
            reason="references" if each.answers else "first")
        for place, owner in enumerate(owners_of(each)):
            box = owner + ACCOUNTS * (each.goes_out and not place)
            add(letter_place, letter_id=each.id, account_id=owner, mailbox_id=box, sort_at=each.at)
            add(sighting, capture=(each.id * 2 + place).to_bytes(16, "big"), image_id=each.id, account_id=owner,
                mailbox_id=box, source="import", uidvalidity=1, uid=each.id,
                flags="" if each.unread and not each.goes_out else "\\Seen", internal_date=each.at,
                session="bench", client_address="127.0.0.1", normalised=False, seen_at=each.at)
            add(seen_sender, account_id=owner, from_start=each.sender[:SORT_CHARACTERS], image_id=each.id)
    for table, made in rows.items():
        insert_rows(conn, table, made)


def _digest(made: Made) -> bytes:
    return hashlib.sha256(made.file_name.encode()).digest()


def _size(made: Made) -> int:
    return 3000 + made.file * 7919 % 2_000_000


class _Tally:
    """What the lists of attachments and of senders are read from."""

    def __init__(self, numbers: dict[str, int]) -> None:
        self._numbers = numbers
        self._files: dict[bytes, int] = {}
        self._people: dict[tuple[int, str], dict[str, Any]] = {}
        self._media: dict[tuple[int, int], dict[str, Any]] = {}

    def add(self, made: Made) -> None:
        """Count a letter, in each of its accounts and for all together."""
        for owner in (EVERY_ACCOUNT, *owners_of(made)):
            sent = made.goes_out and owner in (EVERY_ACCOUNT, made.owner)
            who = made.recipient if sent else made.sender
            known = self._people.setdefault((owner, who), {
                "account_id": owner, "address_id": self._numbers[who], "address": who,
                "domain": who.partition("@")[2], "display_name": "", "letters_in": 0, "letters_out": 0,
                "first_at": made.at, "last_at": made.at,
            })  # fmt: skip
            known["letters_out" if sent else "letters_in"] += 1
            known["last_at"] = made.at
            if made.file_name:
                self._add_file(owner, made)

    def _add_file(self, owner: int, made: Made) -> None:
        number = self._files.setdefault(_digest(made), len(self._files) + 1)
        known = self._media.setdefault((owner, number), {
            "account_id": owner, "attachment_id": number, "family": family(made.content_type, made.file_name),
            "content_type": made.content_type, "file_name": made.file_name, "sender": made.sender,
            "size_octets": _size(made), "letters": 0, "first_at": made.at, "last_at": made.at,
        })  # fmt: skip
        known["letters"] += 1
        known.update(sender=made.sender, last_at=made.at)

    def rows(self) -> Iterator[tuple[Table, list[dict[str, Any]]]]:
        """What is to be written."""
        yield correspondent, [self._people[key] for key in sorted(self._people)]
        sizes = {row["attachment_id"]: row["size_octets"] for row in self._media.values()}
        yield attachment, [
            {"id": number, "sha256": digest, "size_octets": sizes[number]} for digest, number in self._files.items()
        ]
        yield attachment_summary, [self._media[key] for key in sorted(self._media)]
