"""What a page shows of a message: texts, pictures, attachments; and one part with its octets. Pure, hostile input.

Runs in a child under limits, as `message.py` does.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from postbuch.archive import filefamily, htmltext, legible, mime, mimepart, stylesheets
from postbuch.archive.invitation import Invitation
from postbuch.archive.message import PartSummary, part_summary
from postbuch.archive.remarks import Remark, remarks

# 1 MiB: what the reader takes, 256 Ki characters, of four octets each.
MAX_CALENDAR_OCTETS = 1_048_576


@dataclass(frozen=True, slots=True)
class Leaf:
    """One part with its octets."""

    content_type: str
    charset: str | None
    disposition: str
    file_name: str
    content_id: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Body:
    """One of the texts that a page shows one after the other, as sent."""

    is_html: bool
    text: str
    base: str = ""  # what references in HTML are relative to


@dataclass(frozen=True, slots=True)
class Bodies:
    """What a page shows: the texts, the same without HTML, the pictures, the attachments.

    `inline` has the position of each picture by what references to it resolve to (`references.py`). `text` is None
    where all that there is to read is HTML. `containers` has, by the position of each attachment that stands in
    another part, the position of that one; `in_texts` the positions of those that stand in a text.
    """

    shown: tuple[Body, ...]
    text: str | None
    inline: dict[str, int]
    attachments: tuple[PartSummary, ...]
    containers: dict[int, int]
    in_texts: frozenset[int]
    remarks: tuple[Remark, ...]
    invitation: Invitation | None
    parser: str
    defect: str


def bodies(octets: bytes) -> Bodies:
    """What to show of the message."""
    structure = mime.take_apart(legible.message(octets))
    readable = mimepart.readable(mime.in_order(structure.parts))
    spoken = mimepart.spoken(readable)
    has_plain = any(part.content_type != "text/html" for part in spoken)
    return Bodies(
        shown=tuple(_body(part, structure.parts) for part in mimepart.shown(readable)),
        text=_whole("\n".join(_in_plain(part) for part in spoken)) if has_plain else None,
        inline=mimepart.named_pictures(structure.parts),
        attachments=tuple(
            part_summary(n, part, hashlib.sha256(part.payload).digest())
            for n, part in enumerate(structure.parts)
            if part.is_attachment
        ),
        containers={
            n: part.within for n, part in enumerate(structure.parts) if part.is_attachment and part.within >= 0
        },
        in_texts=frozenset(n for n, part in enumerate(structure.parts) if part.is_within_text),
        remarks=remarks(structure.parts, bool(readable)),
        invitation=_invitation(structure.parts),
        parser=structure.parser,
        defect=structure.defect,
    )


def leaf(octets: bytes, position: int) -> Leaf:
    """One part by its position. Raises IndexError when there is none."""
    if position < 0:
        raise IndexError(position)
    part = mime.take_apart(legible.message(octets)).parts[position]
    return Leaf(part.content_type, part.charset, part.disposition, part.file_name, part.content_id, part.payload)


def _body(part: mimepart.Part, parts: Sequence[mimepart.Part]) -> Body:
    is_html = part.content_type == "text/html"
    text = _whole(stylesheets.inserted(part, parts) if is_html else part.text())
    return Body(is_html, text, _whole(mimepart.html_base(part, text)) if is_html else "")


def _in_plain(part: mimepart.Part) -> str:
    text = part.text()
    return htmltext.words(text) if part.content_type == "text/html" else text


def _invitation(parts: Sequence[mimepart.Part]) -> Invitation | None:
    """What the first calendar says that stands in the letter itself."""
    for part in parts:
        is_calendar = filefamily.family(part.content_type, part.file_name) == "calendar"
        if is_calendar and part.within < 0 and len(part.payload) <= MAX_CALENDAR_OCTETS:
            # A tenth of a second for each child, and most letters have no calendar.
            from postbuch.archive import invitationreader

            found = invitationreader.read(part.text())
            if found is not None:
                return found
    return None


def _whole(text: str) -> str:
    """The text with `?` for lone surrogates, which UTF-7 can make and no page can hold, and without raw NUL."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")
