"""A letter of the demo as the octets that a mail program would have sent: every encoding that is usual somewhere."""

import datetime
import hashlib
import html
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, formataddr

from provider.people import Employee, Person

# A fixed zone: the octets must not depend on the machine's clock settings.
ZONE = datetime.timezone(datetime.timedelta(hours=1), "CET")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file that hangs on a letter; with a `content_id` it is a picture inside the text."""

    name: str
    content_type: str
    octets: bytes
    content_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What is written. `text` is without greeting's quote and signature; those are added on composing."""

    sender: Person
    to: tuple[Person, ...]
    subject: str
    text: str
    at: datetime.datetime
    cc: tuple[Person, ...] = ()
    html: str = ""
    attachments: tuple[Attachment, ...] = ()
    answers: tuple["Letter", ...] = ()
    headers: dict[str, str] = field(default_factory=dict)
    calendar: str = ""

    @property
    def message_id(self) -> str:
        """Made from what is written, so that a second run gives the same."""
        seed = f"{self.sender.address}|{self.subject}|{self.at.isoformat()}|{self.text}"
        return f"<{hashlib.sha256(seed.encode()).hexdigest()[:24]}@{self.sender.address.partition('@')[2]}>"


def octets(letter: Letter) -> bytes:
    """The message as it leaves the writer's program: CRLF, without a Received field."""
    message = EmailMessage(policy=SMTP)
    message["From"] = _field((letter.sender,))
    message["To"] = _field(letter.to)
    if letter.cc:
        message["Cc"] = _field(letter.cc)
    message["Subject"] = letter.subject
    message["Date"] = format_datetime(letter.at.astimezone(ZONE))
    message["Message-ID"] = letter.message_id
    if letter.answers:
        message["In-Reply-To"] = letter.answers[-1].message_id
        message["References"] = " ".join(answer.message_id for answer in letter.answers)
    for name, value in letter.headers.items():
        message[name] = value
    _fill(message, letter)
    if message.is_multipart():
        _name_boundaries(message, letter.message_id)
    return message.as_bytes()


def received(body: bytes, letter: Letter) -> bytes:
    """The same message as the receiving server keeps it: with the trace field in front (RFC 5321 section 4.4)."""
    host = letter.sender.address.partition("@")[2]
    stamp = format_datetime(letter.at.astimezone(ZONE) + datetime.timedelta(seconds=2))
    trace = f"Received: from mail.{host} (mail.{host} [192.0.2.25])\r\n\tby mx.firma.example with ESMTPS; {stamp}\r\n"
    return trace.encode() + body


def _field(people: tuple[Person, ...]) -> str:
    return ", ".join(formataddr((each.name, each.address), "utf-8") for each in people)


def _fill(message: EmailMessage, letter: Letter) -> None:
    text = letter.text + _signature(letter.sender) + _quote(letter)
    # What programs really choose: base64 for most of Outlook's, quoted-printable for others, 8bit for few.
    transfer = ("quoted-printable", "base64", "8bit")[len(letter.text) % 3]
    charset = "iso-8859-15" if transfer == "quoted-printable" and _fits(text, "iso-8859-15") else "utf-8"
    message.set_content(text, charset=charset, cte=transfer)
    inline = [each for each in letter.attachments if each.content_id]
    if letter.html or inline:
        body = letter.html or _as_html(letter.text + _signature(letter.sender), inline)
        message.add_alternative(body, subtype="html", cte="quoted-printable" if len(body) % 2 else "base64")
        page = message.get_payload(1)
        assert isinstance(page, EmailMessage)
        for each in inline:
            main, sub = each.content_type.split("/")
            page.add_related(each.octets, main, sub, cid=f"<{each.content_id}>", filename=each.name)
    if letter.calendar:
        message.add_alternative(letter.calendar, subtype="calendar", params={"method": "REQUEST"}, cte="8bit")
        message.add_attachment(letter.calendar.encode(), "application", "ics", filename="invite.ics")
    for each in letter.attachments:
        if not each.content_id:
            main, sub = each.content_type.split("/")
            message.add_attachment(each.octets, main, sub, filename=each.name)


def _fits(text: str, charset: str) -> bool:
    try:
        text.encode(charset)
    except UnicodeEncodeError:
        return False
    return True


def _name_boundaries(message: EmailMessage, seed: str) -> None:
    """Fixed boundaries: the library would throw dice."""
    for number, part in enumerate(message.walk()):
        if part.is_multipart():
            part.set_boundary(f"=_{hashlib.sha256(f'{seed}{number}'.encode()).hexdigest()[:28]}")


def _signature(sender: Person) -> str:
    if not isinstance(sender, Employee):
        return f"\n\n{sender.name}\n{sender.firm}\n" if sender.firm else f"\n\n{sender.name}\n"
    return (
        f"\n\n-- \n{sender.name} · {sender.role}\n{sender.firm}\nWerkstraße 12 · 73431 Aalen\n"
        "Amtsgericht Ulm HRB 70 412 · Geschäftsführerin: Anna Brandt\n"
    )


def _quote(letter: Letter) -> str:
    if not letter.answers:
        return ""
    last = letter.answers[-1]
    at = last.at.astimezone(ZONE)
    lead = (
        f"On {at:%d %b %Y at %H:%M}, {last.sender.name} wrote:"
        if letter.sender.english
        else f"Am {at:%d.%m.%Y um %H:%M} schrieb {last.sender.name}:"
    )
    return f"\n{lead}\n" + "\n".join(f"> {line}" for line in last.text.split("\n")) + "\n"


def _as_html(text: str, inline: list[Attachment]) -> str:
    paragraphs = "".join(f"<p>{html.escape(part).replace(chr(10), '<br>')}</p>" for part in text.split("\n\n"))
    pictures = "".join(f'<p><img src="cid:{each.content_id}" alt="{html.escape(each.name)}"></p>' for each in inline)
    return (
        '<html><head><meta charset="utf-8"></head>'
        f'<body style="font-family: Calibri, Arial, sans-serif; font-size: 11pt">{paragraphs}{pictures}</body></html>'
    )
