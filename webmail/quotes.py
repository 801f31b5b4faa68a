"""What a letter quotes at its end, folded under a control that opens it again. Pure, and linear in what it reads.

By the lines of the letter (`quotelines.py`). Nothing is taken away, and nothing is folded when nothing is said above:
then the quote is the letter. Where it is not sure where a quote begins or ends, the letter stays as it is.
"""

import re
from collections.abc import Sequence
from html import escape

from postbuch.webmail import quotewords
from postbuch.webmail.quotelines import INLINE, Element, Line, Reading, TooMuch

# Lines that are looked at as the first of a header; a letter with more of them is a list.
MAX_FIELDS = 1_000
# What may hold the control, and what may end above it and go on within.
_HOLDS = frozenset({"div", "section", "article", "main", "center", "td", "th", "blockquote", "li", "dd"})
_GOES_ON = INLINE | {"div", "section", "article", "main", "center", "p", "pre"}


def folded(html: str, control: str, *, plain: bool = False) -> str:
    """The same with what it quotes at its end folded.

    control: what to click on says this. plain: the HTML was made of plain text, so that a line end is one.
    """
    try:
        lines = Reading(html, plain).lines
    except TooMuch:
        return html
    begins = [each for each in (_answered(lines), _copied(lines)) if each is not None]
    place = _place(html, lines, min(begins)) if begins else None
    if place is None:
        return html
    cut, parted, end = place
    closing = "".join(f"</{each.name}>" for each in reversed(parted))
    # An element that is there twice is still one place for a link to it.
    opening = "".join(re.sub(r' id="[^"]*"', "", each.tag) for each in parted)
    control = f"<details data-quoted><summary>{escape(control)}</summary>"
    return f"{html[:cut]}{closing}{control}{opening}{html[cut:end]}</details>{html[end:]}"


def _answered(lines: Sequence[Line]) -> int | None:
    """A quote at the end that stands in elements of its own: where it begins."""
    first = len(lines)
    while first and (lines[first - 1].is_quote or not lines[first - 1].says):
        first -= 1
    quoted = (place for place in range(first, len(lines)) if lines[place].is_quote and lines[place].text)
    return _begun(lines, next(quoted, None))


def _copied(lines: Sequence[Line]) -> int | None:
    """A letter below a copy of its header, as Outlook quotes: where it begins."""
    divided = False
    fields = 0
    for place, line in enumerate(lines):
        if line.is_quote or line.is_indented:
            continue  # what is quoted there has an end of its own
        if any(each.begins_letter for each in line.opened):
            return _begun(lines, place)
        divided = divided or any(each.has_rule for each in line.opened)
        if fields < MAX_FIELDS and line.text and quotewords.kind(line.text):
            fields += 1
            texts = (each.text for each in lines[place : place + quotewords.MAX_LINES])
            if quotewords.is_header(texts, divided):
                return None if _is_answered_within(lines, place) else _begun(lines, place)
        if line.text or line.is_rule:
            divided = line.divides
    return None


def _is_answered_within(lines: Sequence[Line], header: int) -> bool:
    """Whether the letter below a header has marks that others wrote between: what has none is the answer."""
    below = header
    while below < len(lines) and (not lines[below].text or quotewords.kind(lines[below].text)):
        below += 1
    rest = lines[below:]
    return bool(rest) and rest[0].is_indented and any(line.says and not line.is_indented for line in rest)


def _begun(lines: Sequence[Line], first: int | None) -> int | None:
    """Where a quote begins with what mail programs write above it; None when it is not to be folded."""
    if first is None:
        return None
    place = _skipped(lines, first)
    above: list[str] = []
    while place > len(above) and len(above) < 3 and lines[place - len(above) - 1].says:
        above.insert(0, lines[place - len(above) - 1].text)
    begins = first
    if count := quotewords.attribution(above):
        begins = place = place - count
        place = _skipped(lines, place)
    while place and lines[place - 1].divides:
        begins = place - 1
        place = _skipped(lines, begins)
    # What is passed on is what the letter is about.
    near = [*above[-1:], *(each.text for each in lines[begins : first + 4])]
    if any(quotewords.is_forwarded(text) for text in near):
        return None
    said = [line.text for line in lines[:begins] if line.says]
    return begins if said and not any(map(quotewords.points_below, said)) else None


def _skipped(lines: Sequence[Line], place: int) -> int:
    """The place behind the last line above it that is not empty."""
    while place and not lines[place - 1].text and not lines[place - 1].is_rule:
        place -= 1
    return place


def _place(html: str, lines: Sequence[Line], first: int) -> tuple[int, Sequence[Element], int] | None:
    """Where to part the document, which elements end there and go on within the control, and where that ends."""
    line = lines[first]
    last = max(each.cut for each in lines if each.text or each.is_rule)
    parted: list[Element] = []
    for element in reversed(line.around):
        if element.is_part or (element.name in _HOLDS and element.end > last):
            return line.cut, parted[::-1], element.end
        if element.name not in _GOES_ON:
            return None
        parted.append(element)
    return line.cut, parted[::-1], len(html)
