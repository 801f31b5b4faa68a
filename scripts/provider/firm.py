"""The mail of the demo firm: five employees, twelve weeks, German and English; the same for the same `now`."""

import datetime
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from provider import letter as letters
from provider import paper
from provider.letter import ZONE, Letter
from provider.people import Employee, Person, person
from provider.routine import routine
from provider.story import Thread, threads

INBOX = "INBOX"
SENT = "Sent"
# As they go over the wire (RFC 3501 section 5.1.3): "Aufträge", "Rechnungen", "Systemmeldungen".
ORDERS = "Auftr&AOQ-ge"
INVOICES = "Rechnungen"
REPORTS = "Systemmeldungen"

_UNREAD_DAYS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One message in one mailbox of one employee."""

    owner: Employee
    mailbox: str
    octets: bytes
    at: datetime.datetime
    seen: bool


def mail(now: datetime.datetime) -> list[Delivery]:
    """Everything that lies in the mailboxes, oldest first."""
    written = [each for thread in threads() for each in _letters(thread, now)]
    written += routine(now)
    written.sort(key=lambda each: each.at)
    return [delivery for each in written for delivery in _deliveries(each, now)]


def _deliveries(written: Letter, now: datetime.datetime) -> Iterator[Delivery]:
    plain = letters.octets(written)
    incoming = letters.received(plain, written)
    seen = now - written.at > datetime.timedelta(days=_UNREAD_DAYS)
    if isinstance(written.sender, Employee):
        yield Delivery(owner=written.sender, mailbox=SENT, octets=plain, at=written.at, seen=True)
    for receiver in (*written.to, *written.cc):
        if isinstance(receiver, Employee):
            mailbox = _mailbox(written, receiver, filed=now - written.at > datetime.timedelta(days=21))
            yield Delivery(owner=receiver, mailbox=mailbox, octets=incoming, at=written.at, seen=seen)


def _mailbox(written: Letter, receiver: Person, *, filed: bool) -> str:
    """Where the receiver has put it: older letters are filed by those who file."""
    if not filed:
        return INBOX
    if receiver.first_name == "Sofia" and written.subject.startswith("Rechnung"):
        return INVOICES
    if receiver.first_name == "Lena" and written.subject.startswith(("Bestellung", "Purchase order")):
        return ORDERS
    if receiver.first_name == "Mehmet" and written.subject.startswith("[backup]"):
        return REPORTS
    return INBOX


def _letters(thread: Thread, now: datetime.datetime) -> list[Letter]:
    day = _workday(now.astimezone(ZONE) - datetime.timedelta(days=thread.days_ago))
    written: list[Letter] = []
    for place, turn in enumerate(thread.turns):
        day = _workday(day + datetime.timedelta(days=turn.after_days))
        hour, minute = (int(part) for part in turn.at.split(":"))
        at = day.replace(hour=hour, minute=minute, second=place * 11 % 60, microsecond=0)
        # A thread may reach beyond now on a Monday; its last letters then came a few minutes ago.
        at = min(at, now.astimezone(ZONE) - datetime.timedelta(minutes=5 * (len(thread.turns) - place)))
        written.append(_letter(thread, place, at, tuple(written)))
    return written


def _letter(thread: Thread, place: int, at: datetime.datetime, before: tuple[Letter, ...]) -> Letter:
    turn = thread.turns[place]
    sender = person(turn.by)
    to = tuple(person(key) for key in turn.to.split(","))
    cc = tuple(person(key) for key in turn.cc.split(",")) if turn.cc else ()
    seed = zlib.crc32(f"{thread.subject}{place}".encode()) % 100_000
    answer = "Re: " if sender.english or to[0].english else "AW: "
    return Letter(
        sender=sender,
        to=to,
        cc=cc,
        text=turn.text,
        at=at,
        answers=before,
        subject=f"{answer}{thread.subject}" if before else thread.subject,
        attachments=tuple(
            paper.hanging(name, seed + number, at.date(), sender, to[0]) for number, name in enumerate(turn.hangs_on)
        ),
    )


def _workday(day: datetime.datetime) -> datetime.datetime:
    """The day, or the Monday after it."""
    return day + datetime.timedelta(days=(7 - day.weekday()) if day.weekday() >= 5 else 0)
