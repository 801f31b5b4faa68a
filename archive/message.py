"""What a message says, for finding: pure functions from octets. The octets stay the truth. `display.py` shows it.

Runs in a child under limits (`parser.py`), because hostile messages can cost any amount of time and memory. Every text
that comes out is fit for its column: decoded, cut, without NUL or lone surrogates.
"""

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime

from postbuch.archive import charsetguess, dates, headers, legible, mime, mimepart
from postbuch.archive.widths import BODY_CHARACTERS, KEY_CHARACTERS, SUBJECT_CHARACTERS

PREVIEW_CHARACTERS = 300
ADDRESS_FIELDS = ("from", "sender", "reply-to", "to", "cc", "bcc")
PEOPLE_FIELDS = frozenset({"from", "to", "cc"})
NAMING_FIELDS = ("subject", "from", "to")
STAND_IN_FIELDS = ("resent-from", "resent-sender", "return-path")
ORIGINAL_ID_FIELDS = (
    "x-google-original-message-id", "x-microsoft-original-message-id", "x-original-message-id", "original-message-id",
)


# Not frozen: to make a frozen one takes three times as long, and a message is made of ten.
@dataclass(slots=True)
class Addressed:
    """One address in one field."""

    field: str
    display_name: str
    address: str


@dataclass(slots=True)
class PartSummary:
    """One leaf part; `position` is its place in `ParsedMessage.parts` and the argument of `leaf`."""

    position: int
    content_type: str
    disposition: str
    file_name: str
    content_id: str
    size_octets: int
    sha256: str
    is_attachment: bool


@dataclass(slots=True)
class ParsedMessage:
    """Everything that goes into rows. `parser` is fast, compat or none; `defect` says what could not be read."""

    parser: str
    defect: str
    subject: str
    message_id: str
    original_id: str
    in_reply_to: str
    thread_root: str
    date: datetime | None
    addresses: tuple[Addressed, ...]
    from_display: str
    to_display: str
    parts: tuple[PartSummary, ...]
    text: str
    preview: str
    body_sha256: str
    people_sha256: str

    @property
    def attachment_count(self) -> int:
        return sum(part.is_attachment for part in self.parts)


def parse(octets: bytes) -> ParsedMessage:
    """The whole summary. Never raises on content.

    What is in the way of reading is passed over (`legible.py`). The digest of the bodies is that of the message as it
    stands, by which a copy is found that was archived before this was so.
    """
    mail = legible.message(octets)
    found = _summary(mail, mime.take_apart(mail))
    if mail is octets:
        return found
    parts = mime.own(octets)
    return replace(found, body_sha256=_body_digest(octets, parts, _digests(parts)))


def parse_header(octets: bytes, defect: str) -> ParsedMessage:
    """The summary from the header alone, for a message that cannot be taken apart within the limits."""
    return _summary(legible.message(octets), mime.Structure(parser="none", parts=[], defect=defect))


def raw_digest(octets: bytes) -> str:
    """What stands for the digest of the decoded bodies where there are none: of the body as it stands."""
    return hashlib.sha256(mime.raw_body(octets)).hexdigest()


def unread(octets: bytes, defect: str) -> ParsedMessage:
    """The summary of a message of which not even the header could be read within the limits.

    Its octets are not looked at; but no other message is to be taken for it.
    """
    return replace(parse_header(b"", defect), body_sha256=raw_digest(octets))


def part_summary(position: int, part: mimepart.Part, digest: bytes) -> PartSummary:
    """A leaf without its octets, of which `digest` is the SHA-256."""
    return PartSummary(
        position, part.content_type, part.disposition, part.file_name, part.content_id,
        len(part.payload), digest.hex(), part.is_attachment,
    )


def _summary(octets: bytes, structure: mime.Structure) -> ParsedMessage:
    found = headers.fields(octets)
    charset = _charset(b" ".join(raw for name in NAMING_FIELDS for raw in found.get(name, ())), structure.own)

    # Of several fields the first that says anything: programs leave an empty one before their own.
    def line(name: str, limit: int) -> str:
        return next(filter(None, (headers.text(raw, limit, charset) for raw in found.get(name, ()))), "")

    def identifier(name: str) -> str:
        return next(filter(None, (headers.identifier(raw, KEY_CHARACTERS) for raw in found.get(name, ()))), "")

    addressed = tuple(
        Addressed(field, name, address)
        for field in ADDRESS_FIELDS
        for raw in found.get(field, ())
        for name, address in headers.addresses(raw, charset)
    )[: headers.MAX_ADDRESSES]
    message_id = identifier("message-id")
    linked = (
        headers.identifier_for_linking(found[name][0], KEY_CHARACTERS)
        for name in (*ORIGINAL_ID_FIELDS, "message-id") if name in found
    )
    sender_display = _display(addressed, "from") or line("from", SUBJECT_CHARACTERS)
    if not sender_display.strip("<>\" "):
        addressed += _stand_in(found, addressed, charset)
        sender_display = _display(addressed, "sender") or sender_display
    in_reply_to = identifier("in-reply-to")
    subject = line("subject", SUBJECT_CHARACTERS)
    text = _text(mime.in_order(structure.parts))
    digests = _digests(structure.parts)
    return ParsedMessage(
        parser=structure.parser,
        defect=structure.defect[:500],
        subject=subject,
        message_id=message_id,
        original_id=next(filter(None, linked), ""),
        in_reply_to=in_reply_to,
        thread_root=identifier("references") or in_reply_to or message_id,
        date=next(filter(None, map(dates.read, found.get("date", ()))), None),
        addresses=addressed,
        from_display=sender_display,
        to_display=_display(addressed, "to") or line("to", SUBJECT_CHARACTERS),
        parts=tuple(
            part_summary(position, part, digest)
            for position, (part, digest) in enumerate(zip(structure.parts, digests, strict=True))
        ),
        text=text,
        preview=headers.one_line(text[: 4 * PREVIEW_CHARACTERS], PREVIEW_CHARACTERS),
        body_sha256=_body_digest(octets, structure.own, digests),
        people_sha256=_people_digest(found, addressed),
    )


def _digests(parts: list[mimepart.Part]) -> list[bytes]:
    return [hashlib.sha256(part.payload).digest() for part in parts]


def _charset(naming: bytes, parts: list[mimepart.Part]) -> str | None:
    """That of fields which nobody encoded: what their octets show, else that of the text, which shows more."""
    texts = [part for part in parts if part.is_body]
    named = next((part.charset for part in texts if part.charset), None)
    found = charsetguess.charset(naming, named)
    if found != named or naming.isascii() or not texts:
        return found
    return texts[0].read_charset(texts[0].payload) or named


def _stand_in(
    found: dict[str, list[bytes]], addressed: tuple[Addressed, ...], charset: str | None
) -> tuple[Addressed, ...]:
    """Who sent a message without From, where Sender does not say so: who passed it on, or who gets its errors."""
    if any(item.field == "sender" for item in addressed):
        return ()
    fields = (raw for name in STAND_IN_FIELDS for raw in found.get(name, ()))
    people = (headers.addresses(raw, charset) for raw in fields)
    return tuple(Addressed("sender", *person) for person in next(filter(None, people), ())[:1])


def _display(addressed: tuple[Addressed, ...], field: str) -> str:
    people = [
        f"{item.display_name} <{item.address}>" if item.display_name else item.address
        for item in addressed[:100]
        if item.field == field
    ]
    return headers.clean(", ".join(people), SUBJECT_CHARACTERS)


def _text(parts: list[mimepart.Part]) -> str:
    pieces = [mimepart.words(parts), *(part.inner_text.strip() for part in parts)]
    return headers.clean("\n".join(piece for piece in pieces if piece), BODY_CHARACTERS)


def _body_digest(octets: bytes, parts: list[mimepart.Part], digests: list[bytes]) -> str:
    """SHA-256 over those of the decoded leaves; all messages without any are not to be equal.

    What is in containers says nothing that the containers do not: it is left out, and `digests` has more at its end.

    Texts have LF line ends for it and no white space at the end of lines and of the text, so that it survives what
    servers do on the way (another transfer encoding, other line ends, a trimmed last line).
    """
    if not parts:
        return raw_digest(octets)
    found = hashlib.sha256()
    for part, digest in zip(parts, digests, strict=False):
        if part.is_within_text:  # and so in the digest of that
            continue
        if part.is_text_in_digest:
            text = part.payload if part.first_read is None else part.first_read
            if b"\r" in text:
                text = text.replace(b"\r\n", b"\n")
            text = text.replace(b" \n", b"\n").rstrip()
            found.update(hashlib.sha256(text).digest())
        else:
            found.update(digest if part.first_read is None else hashlib.sha256(part.first_read).digest())
    return found.hexdigest()


def _people_digest(fields: dict[str, list[bytes]], addressed: tuple[Addressed, ...]) -> str:
    """SHA-256 over the subject and who stands in From, To and Cc; Bcc is in the sender's copy only."""
    subject = headers.text_for_digest(fields["subject"][0], SUBJECT_CHARACTERS) if "subject" in fields else ""
    odd = {field for field in PEOPLE_FIELDS if any(map(headers.has_odd_addresses, fields.get(field, ())))}
    people = {f"{item.field} {item.address}" for item in addressed if item.field in PEOPLE_FIELDS - odd}
    people |= {
        f"{field} {address}" for field in odd for raw in fields[field] for address in headers.addresses_for_digest(raw)
    }
    return hashlib.sha256("\n".join([subject, *sorted(people)]).encode()).hexdigest()
