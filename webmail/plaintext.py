"""Plain text of a message as HTML: links, quotes by their level, the signature paler. Pure."""

import re
from dataclasses import dataclass

from markupsafe import Markup, escape

from postbuch.webmail import disclosed
from postbuch.webmail.bounds import MAX_CHARACTERS

# Elements are what costs a browser time: beyond these the rest stays plain.
MAX_LINKS = 5_000
MAX_QUOTES = 5_000
# Of hosts with other letters than a to z, in the sum of a letter: so many take 0.2 s, in labels of 60.
MAX_STRANGE_CHARACTERS = 5_000
MAX_LEVEL = 8

_QUOTE = re.compile(r"(?:>[ ]?)+")
# Ends before the punctuation that belongs to the sentence. No nested repetition: linear on any text.
_LINK = re.compile(r"\b(?:https?://|mailto:|www\.)[^\s<>\"\x00-\x1f]{1,2000}", re.IGNORECASE)
_TRAILING = ".,;:!?'*_"
_PAIRS = {")": "(", "]": "[", "}": "{"}


def to_html(text: str) -> Markup:
    """The text as blocks of preformatted lines."""
    out: list[Markup] = []
    level = quotes = 0
    room = _Room()
    lines: list[str] = []

    def flush() -> None:
        if lines:
            out.append(Markup('<div class="text">{}</div>').format(_linked("\n".join(lines), room)))
            lines.clear()

    for line in text[:MAX_CHARACTERS].replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        marks = _QUOTE.match(line)
        wanted = min(marks[0].count(">"), MAX_LEVEL) if marks and quotes < MAX_QUOTES else 0
        if wanted != level:
            flush()
            if wanted > level:
                out.append(Markup("<blockquote>") * (wanted - level))
                quotes += wanted - level
            else:
                out.append(Markup("</blockquote>") * (level - wanted))
            level = wanted
        if line == "-- " and level == 0:
            flush()
            out.append(Markup('<div class="signature-mark"></div>'))
        lines.append(line[marks.end():] if marks and wanted else line)
    flush()
    out.append(Markup("</blockquote>") * level)
    return Markup("").join(out)


@dataclass(slots=True)
class _Room:
    """For what is left of a letter."""

    links: int = MAX_LINKS
    strange_characters: int = MAX_STRANGE_CHARACTERS

    def has(self, target: str) -> bool:
        """Whether there is any for this link, which takes it."""
        host = "" if target.isascii() else disclosed.host(target)
        self.links -= 1
        self.strange_characters -= 0 if host.isascii() else len(host)
        return self.links >= 0 and self.strange_characters >= 0


def _linked(text: str, room: _Room) -> Markup:
    out: list[Markup | str] = []
    place = 0
    for found in _LINK.finditer(text):
        address = _trim(found[0])
        if len(address) < 6:
            continue
        target = f"https://{address}" if address.lower().startswith("www.") else address
        if not room.has(target):
            break
        out.append(escape(text[place : found.start()]))
        out.append(
            Markup('<a href="{}" target="_blank" rel="noopener noreferrer">{}</a>').format(target, address)
        )
        if alike := disclosed.lookalike(target):
            out.append(Markup('<span data-leads="{}">{}</span>').format(disclosed.ALIKE, alike))
        place = found.start() + len(address)
    out.append(escape(text[place:]))
    return Markup("").join(out)


def _trim(address: str) -> str:
    while address:
        last = address[-1]
        if last in _TRAILING or (last in _PAIRS and address.count(last) > address.count(_PAIRS[last])):
            address = address[:-1]
        else:
            break
    return address
