"""One leaf of a message, and what it is among the others: a body, a form of one, a picture within one, an attachment.

Pure. Every leaf is shown as a body, shown within one, or an attachment; only the lesser form of an alternative is not.
A picture that a text refers to belongs to it, unless it is marked as an attachment: a reference in a text that nobody
sees would hide the file.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, zip_longest

from postbuch.archive import (
    charsetguess,
    contentkind,
    enriched,
    flowed,
    headers,
    htmltext,
    pictures,
    references,
    uuencoded,
)
from postbuch.archive.charsets import decode_octets, with_whole_characters
from postbuch.archive.encodedwords import decode_words

# Below this many characters a text/plain alternative says no more than "please use an HTML viewer".
SPARSE_CHARACTERS = 400
# What a Macintosh keeps beside a file (RFC 1740, appendix B); the file is the next part. AppleSingle holds both.
APPLE_FORK = "application/applefile"
_APPLE_DOUBLE = b"\x00\x05\x16\x07"
TEXTS = ("text/plain", "text/html")
# The same page once more for programs that run it, and for watches: a form beside HTML, and no file.
FORMS_OF_HTML = frozenset({"text/x-amp-html", "text/watch-html"})
# Texts that are files for other programs than those for mail. Any other kind of text is one to read (RFC 2046 section
# 4.1.4): Markdown, text/enriched, what somebody made up.
_FILES_OF_TEXT = FORMS_OF_HTML | {
    f"text/{kind}" for kind in (
        "calendar", "css", "csv", "directory", "ecmascript", "javascript", "rfc822-headers", "rtf",
        "tab-separated-values", "vcard", "x-vcalendar", "x-vcard", "xml",
    )
}  # fmt: skip
SIGNATURES = ("application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature")


# Not frozen: see `message.py`.
@dataclass(slots=True, kw_only=True)
class Part:
    """One leaf, decoded from its transfer encoding."""

    content_type: str
    charset: str | None
    disposition: str
    file_name: str
    content_id: str
    payload: bytes
    location: str = ""  # Content-Location, as an address where what it stands in has one
    base: str = ""  # what references in it are relative to, unless its HTML says something else
    flow: str = ""  # "flowed" or "delsp": what format=flowed says of its lines
    inner_text: str = ""  # what can be read in an embedded message
    # The alternatives around it from the outermost on: the number of each, and in which of its branches it stands.
    alternatives: tuple[tuple[int, int], ...] = ()
    within: int = -1  # the position of the container that it was taken out of (`containers.py`)
    is_wrapping: bool = False  # a container that holds the letter itself, and is no file beside it
    is_attachment: bool = False  # said by `settle`
    is_other_text: bool = False  # likewise: a text of another kind than `TEXTS` that is the letter
    rest: bytes | None = None  # the payload without the files in it, where there are such
    is_within_text: bool = False  # a file that stands in a text, behind all leaves: so each leaf keeps its position
    first_read: bytes | None = None  # what the first Postbuch took for the payload, where it was another
    is_text_in_digest: bool = False  # the digest of the bodies was made of it as of a text since the first Postbuch

    @property
    def is_body(self) -> bool:
        return (self.content_type in TEXTS or self.is_other_text) and not self.is_attachment

    def read_charset(self, octets: bytes) -> str | None:
        """The charset of its text, of which these octets are."""
        return charsetguess.charset(octets, self.charset, self.content_type == "text/html")

    def text(self) -> str:
        """The payload as text by its charset, with LF line ends, a flowed one with whole paragraphs."""
        octets = self.payload if self.rest is None else self.rest
        charset = self.read_charset(octets)
        text = decode_octets(with_whole_characters(octets, charset), charset)
        text = text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
        if self.content_type in (enriched.ENRICHED, enriched.RICHTEXT):
            return enriched.words(text, self.content_type == enriched.RICHTEXT)
        return flowed.paragraphs(text, self.flow == "delsp") if self.flow else text


def settle(parts: Sequence[Part]) -> None:
    """Say of each part whether people would call it an attachment; that depends on the others."""
    bodies: list[Part] = []
    is_linking = any(part.content_type == "text/css" for part in parts) and any(
        part.content_type == "text/html" and b"<link" in part.payload.lower() for part in parts
    )
    for part, following in zip_longest(parts, parts[1:]):
        is_fork = following is not None and _is_fork_of(part, following)
        part.is_other_text = not bodies and _is_text_to_read(part)
        part.is_attachment = _stands_alone(part, bodies, is_linking) and not is_fork
        if part.is_body:
            bodies.append(part)
    for part in parts:
        if part.content_type in FORMS_OF_HTML and part.disposition != "attachment" and not part.file_name:
            part.is_attachment = all(_beside(each, part) for each in bodies)
    candidates = [
        (position, part) for position, part in enumerate(parts)
        if part.is_attachment and part.disposition != "attachment"
        and (part.content_id or part.location or part.file_name)
    ]  # fmt: skip
    if any(_is_picture(part) for _, part in candidates):
        within = _within(parts)
        seen = {parts[position].payload for position in within}
        for position, part in candidates:
            # Sent twice and shown once, it is no file beside itself.
            is_again = bool(part.content_id or part.location) and part.payload in seen
            part.is_attachment = position not in within and not is_again


def take_out(parts: Sequence[Part], room: int) -> list[Part]:
    """The files that stand in the bodies in plain text, each as a part; the bodies then say the rest alone.

    A body whose files are more than there is room for keeps them all.
    """
    found: list[Part] = []
    for body in parts:
        if not body.is_body or body.content_type != "text/plain":
            continue
        files, rest = uuencoded.take_out(body.payload, body.charset)
        if len(found) + len(files) > room:
            continue
        if files:
            body.rest = rest
        for file in files:
            name = headers.one_line(decode_words(file.name), 255)
            kind = pictures.content_type(file.payload) or contentkind.by_name(name)
            found.append(Part(
                content_type=kind, charset=None, disposition="attachment", file_name=name, content_id="",
                payload=file.payload, is_attachment=True, is_within_text=True,
            ))  # fmt: skip
    return found


def named_pictures(parts: Sequence[Part]) -> dict[str, int]:
    """Which part each reference means (`references.py`) of the pictures that browsers show. Of two alike, the last.

    A location that is relative is also one beside the HTML: programs give an address to that alone. A file name means
    a picture where no other has it.
    """
    root = next((part.base for part in parts if part.content_type == "text/html" and part.base), "")
    pictures_there = [(position, part) for position, part in enumerate(parts) if _is_picture(part)]
    files = Counter(references.file(part.file_name) for _, part in pictures_there)
    found = {
        name: position for position, part in pictures_there if files[name := references.file(part.file_name)] == 1
    }
    for position, part in pictures_there:
        if part.content_id:
            found[references.resolve(f"cid:{part.content_id}")] = position
        if part.location:
            found[references.resolve(part.location)] = found[references.resolve(part.location, root)] = position
    found.pop("", None)
    return found


def _within(parts: Sequence[Part]) -> set[int]:
    """The parts that the bodies show as pictures."""
    named = named_pictures(parts)
    found = set()
    for body in shown(readable(parts)):
        if body.content_type == "text/html":
            text = body.text()
            base = html_base(body, text)
            meant = (references.find(named, each, base) for each in htmltext.pictures(text))
            found |= {position for position in meant if position is not None}
    return found


def html_base(part: Part, text: str) -> str:
    """What the references in its HTML are relative to (RFC 2557 section 5)."""
    written = htmltext.base(text)
    return references.join(part.base, written) if len(written) <= references.MAX_CHARACTERS else part.base


def _stands_alone(part: Part, bodies: Sequence[Part], is_linking: bool) -> bool:
    """Whether it is neither body nor signature, as far as those before it tell; and whether HTML links to anything."""
    # All programs mark that of S/MIME as an attachment, and none shows it.
    if part.is_wrapping or part.content_type in SIGNATURES[1:]:
        return False
    if part.disposition == "attachment" or part.content_type == "message/rfc822":
        return True
    if part.content_type == "text/css" and (part.content_id or part.location):  # for the HTML that it came with
        return not is_linking
    if part.content_type in TEXTS:
        # Apple Mail sends text files as inline; a body with a name (scanners, MMS) has no other before it.
        return bool(part.file_name) and any(_beside(each, part) for each in bodies)
    if _is_text_to_read(part):  # once more in another form, or the letter
        return bool(bodies) and all(_beside(each, part) for each in bodies)
    return part.content_type not in SIGNATURES


def _is_text_to_read(part: Part) -> bool:
    """Whether it is a text of another kind than `TEXTS`, and none that is to be a file."""
    return (
        part.content_type.startswith("text/") and part.content_type not in TEXTS
        and part.content_type not in _FILES_OF_TEXT and part.disposition != "attachment" and not part.file_name
        and contentkind.is_text(part.payload)
    )  # fmt: skip


def _is_fork_of(part: Part, following: Part) -> bool:
    if part.content_type != APPLE_FORK or not part.payload.startswith(_APPLE_DOUBLE):
        return False
    return following.within == part.within and not following.is_within_text


def _is_picture(part: Part) -> bool:
    """Whether browsers show it as one. A text that begins like one is none."""
    return not part.content_type.startswith(("text/", "message/")) and pictures.content_type(part.payload) is not None


def _beside(one: Part, other: Part) -> bool:
    """Whether both are to be seen: not in two branches of one alternative."""
    return all(a == b or a[0] != b[0] for a, b in zip(one.alternatives, other.alternatives, strict=False))


def readable(parts: Sequence[Part]) -> list[Part]:
    """The bodies that have anything to see."""
    return [part for part in parts if part.is_body and _shows(part)]


def shown(bodies: Sequence[Part]) -> list[Part]:
    """The bodies to show one after the other, of those that are readable: of each alternative the last form."""
    return _chosen(bodies, 0, False)


def spoken(bodies: Sequence[Part]) -> list[Part]:
    """The same in plain text: of each alternative the last form without HTML, where it has one."""
    return _chosen(bodies, 0, True)


def _chosen(parts: Sequence[Part], level: int, wants_plain: bool) -> list[Part]:
    found: list[Part] = []
    for number, group in groupby(parts, lambda part: part.alternatives[level][0] if _is_within(part, level) else -1):
        if number < 0:
            found += group
            continue
        branches = [
            _chosen(list(branch), level + 1, wants_plain)
            for _, branch in groupby(group, lambda part: part.alternatives[level][1])
        ]
        plain = [branch for branch in branches if all(part.content_type != "text/html" for part in branch)]
        found += (plain if plain and wants_plain else branches)[-1]
    return found


def _is_within(part: Part, level: int) -> bool:
    return len(part.alternatives) > level


def _shows(part: Part) -> bool:
    text = part.text()
    return htmltext.shows(text) if part.content_type == "text/html" else bool(text.strip())


def words(parts: Sequence[Part]) -> str:
    """The words of all bodies, to find them by, and behind them what pictures in HTML say that they show.

    HTML is passed over where its plain form says enough.
    """
    bodies = [
        (part, part.text().strip() if part.content_type != "text/html" else "") for part in parts if part.is_body
    ]
    said: dict[int, int] = {}
    for part, plain in bodies:
        for number, _ in part.alternatives[:1]:
            said[number] = said.get(number, 0) + len(plain)
    pieces, described = [], []
    for part, plain in bodies:
        if part.content_type != "text/html":
            pieces.append(plain)
        elif not any(said[number] >= SPARSE_CHARACTERS for number, _ in part.alternatives[:1]):
            found, descriptions = htmltext.words_and_descriptions(part.text())
            pieces.append(found.strip())
            described.append(descriptions)
    return "\n".join(piece for piece in (*pieces, *described) if piece)


def inner_text(parts: Sequence[Part]) -> str:
    """What an embedded message says and the names of its files, at most 64 Ki characters: enough to find it by."""
    some = parts[:20]
    settle(some)
    files = take_out(some, uuencoded.MAX_FILES)
    pieces = [words(some), *(piece for part in (*some, *files) for piece in (part.file_name, part.inner_text))]
    return "\n".join(piece for piece in pieces if piece)[:65_536]
