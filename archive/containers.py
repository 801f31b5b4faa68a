"""What other programs pack a letter into: Outlook's winmail.dat, S/MIME that is signed or compressed, RTF.

Pure. What is in a container becomes parts of the letter like any others, behind all of its own, so that those keep
their positions and digests. An embedded message stays one file as in message/rfc822, found by its words. Signatures are
not checked here.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count

from postbuch.archive import (
    cms,
    contentkind,
    enclosed,
    headers,
    htmltext,
    lzfu,
    mimepart,
    mimewalk,
    pictures,
    rtf,
    tnef,
)
from postbuch.archive.mimepart import Part

# Containers in containers and beside each other. A letter has one, one that was signed and wrapped again three.
MAX_CONTAINERS = 20
# Messages in messages in it: each is written in base64, a third longer, and three times that is 2.4 times as long.
MAX_ENCLOSED = 3
# 8 MiB of RTF in three texts for all of a message: 3 s to expand and 3 s to read, of the parser child's 20. A page has
# 10 KiB.
MAX_RTF_OCTETS = 8_388_608
MAX_RTF_TEXTS = 3
# 32 MiB of what S/MIME has compressed in all of a message: providers take less in one.
MAX_INFLATED_OCTETS = 33_554_432
# A text of which four words in five stand in the letter's own text is that text again.
_SAME_SHARE = 0.8
_WORD = re.compile(r"\w+")
# As much as says whether a text is another.
_COMPARED_CHARACTERS = 262_144
_CONTENT_TYPE = re.compile(rb"^content-type[ \t]*:", re.IGNORECASE | re.MULTILINE)
RTF_TYPES = ("text/rtf", "application/rtf", "application/x-rtf")
# Alternatives in a container are no branches of those around it: no message counts that far.
_FIRST_NUMBER = 1_000_000

TakeApart = Callable[[bytes, "Budget"], list[Part]]


@dataclass(slots=True)
class Budget:
    """What may still be spent on the containers of one message."""

    containers: int = MAX_CONTAINERS
    rtf_octets: int = MAX_RTF_OCTETS
    rtf_texts: int = MAX_RTF_TEXTS
    inflated_octets: int = MAX_INFLATED_OCTETS
    numbers: Iterator[int] = field(default_factory=lambda: count(_FIRST_NUMBER))


def is_one(part: Part) -> bool:
    """Whether it looks like a container. By its octets: programs and gateways give it all kinds of types and names."""
    if part.content_type in RTF_TYPES:
        return not part.file_name and part.disposition != "attachment"
    if part.content_type.startswith(("text/", "message/")):
        return False
    return part.payload.startswith(tnef.MAGIC) or cms.kind(part.payload) in (cms.SIGNED, cms.COMPRESSED)


def unfold(parts: list[Part], take_apart: TakeApart, budget: Budget) -> list[Part]:
    """The parts, which are settled, with those out of the containers among them behind. Theirs are opened in turn.

    `take_apart` gives the settled leaves of a MIME entity; one that is nothing but a message (RFC 8551 section 3.1
    protects the header so) is that message.
    """
    found = list(parts)
    for position, part in enumerate(found):  # grows meanwhile
        if len(found) >= mimewalk.MAX_LEAVES or not budget.containers:
            break
        if not is_one(part):
            continue
        budget.containers -= 1
        room = mimewalk.MAX_LEAVES - len(found)
        for each in _contents(part, found, take_apart, budget)[:room]:
            each.within = position
            found.append(each)
    return found


def _contents(part: Part, parts: list[Part], take_apart: TakeApart, budget: Budget) -> list[Part]:
    if part.content_type in RTF_TYPES:
        return _another(_rtf(part.payload, budget), parts)
    if (packed := tnef.read(part.payload, mimewalk.MAX_LEAVES)) is not None:
        return _another(_best_text(packed, budget), parts) + _files(packed, budget)
    content = (cms.content(part.payload, budget.inflated_octets) or b"").lstrip(b"\r\n")
    if not content:
        return []
    if cms.kind(part.payload) == cms.COMPRESSED:
        budget.inflated_octets -= len(content)
    if not _is_entity(content):  # a signed file (CAdES)
        name = part.file_name[:-4] if part.file_name.lower().endswith((".p7m", ".p7s", ".p7z")) else part.file_name
        return [_file(name, "", content)]
    part.is_wrapping = sum(each.within == part.within for each in parts) == 1  # beside a text it is a file as well
    inside = take_apart(content, budget)
    if not part.is_wrapping:  # a signature that holds once more what it signs
        there = {_lines(each.payload) for each in parts if each.within == part.within}
        inside = [each for each in inside if _lines(each.payload) not in there]
    if len(inside) == 1 and inside[0].content_type == "message/rfc822":
        return take_apart(inside[0].payload, budget)
    return inside


def _lines(octets: bytes) -> bytes:
    """With one kind of line ends, and none at the end: what servers change on the way."""
    return octets.replace(b"\r\n", b"\n").rstrip()


def _is_entity(octets: bytes) -> bool:
    return headers.FIELD.match(octets) is not None and _CONTENT_TYPE.search(headers.header_block(octets)) is not None


def _another(text: Part | None, parts: list[Part]) -> list[Part]:
    """The text, unless the letter says it already in a form that every program shows."""
    if text is None:
        return []
    new = _words([text])
    known = _words(mimepart.readable(parts))
    return [text] if new and len(new & known) < _SAME_SHARE * len(new) else []


def _words(bodies: list[Part]) -> set[str]:
    found: set[str] = set()
    for part in bodies:
        text = part.text()[:_COMPARED_CHARACTERS]
        found.update(_WORD.findall((htmltext.words(text) if part.content_type == "text/html" else text).lower()))
    return found


def _body(content_type: str, text: str) -> Part:
    return mimewalk.part(content_type, "utf-8", "", "", "", text.encode("utf-8", "replace"))


def _rtf(octets: bytes, budget: Budget) -> Part | None:
    if not budget.rtf_texts:
        return None
    budget.rtf_texts -= 1
    octets = octets[: budget.rtf_octets]
    budget.rtf_octets -= len(octets)
    found = rtf.read(octets)
    return _body("text/html" if found.is_html else "text/plain", found.text) if found.text.strip() else None


def _best_text(packed: tnef.Tnef, budget: Budget) -> Part | None:
    """Of the forms of its text the richest that says something."""
    if packed.html:
        part = mimewalk.part("text/html", packed.html_charset, "", "", "", packed.html)
        if mimepart.readable([part]):
            return part
    if packed.rtf:
        part_of_rtf = _rtf(lzfu.expand(packed.rtf, budget.rtf_octets), budget)
        if part_of_rtf is not None and mimepart.readable([part_of_rtf]):
            return part_of_rtf
    return _body("text/plain", packed.plain) if packed.plain.strip() else None


def _files(packed: tnef.Tnef, budget: Budget, depth: int = 0) -> list[Part]:
    return [
        _message(each, budget, depth) if each.is_message and budget.containers and depth < MAX_ENCLOSED else
        _file(each.name, each.content_type, each.octets, each.content_id, each.location)
        for each in packed.files
    ]  # fmt: skip


def _message(file: tnef.File, budget: Budget, depth: int) -> Part:
    """A message within it, as a file that stays closed like all embedded ones."""
    budget.containers -= 1
    inner = tnef.read(file.octets, mimewalk.MAX_LEAVES)
    if inner is None:
        return _file(file.name, "", file.octets)
    text = _best_text(inner, budget)
    parts = [*([text] if text else []), *_files(inner, budget, depth + 1)]
    octets = enclosed.compose(inner.subject, inner.sender, inner.recipients, inner.sent, parts)
    part = _file(f"{inner.subject or file.name}.eml", "message/rfc822", octets)
    part.inner_text = mimepart.inner_text(parts)
    return part


def _file(name: str, content_type: str, octets: bytes, content_id: str = "", location: str = "") -> Part:
    """A file. A picture that a text may show is no attachment before it is known whether one does."""
    if "/" not in content_type:
        content_type = contentkind.by_name(name)
    is_within = bool(content_id or location) and pictures.content_type(octets) is not None
    return mimewalk.part(
        content_type, None, "" if is_within else "attachment", name, content_id, octets, location=location
    )
