"""How much of a letter a browser is given at once: what would keep it from painting is cut off. Pure.

A page is to stand within two seconds, also on a slow machine and beside other work. Measured with Chromium on a busy
core: 1 µs for a character that stands in the text, 45 µs for an element with a word in it.
"""

import re
from bisect import bisect_right

# 0.5 Mi characters, some 150 printed pages: half a second. Outlook's longest threads have 0.3 Mi between their tags.
MAX_CHARACTERS = 524_288
# Half a second as well; the largest newsletter of the test mails has 4,000.
MAX_ELEMENTS = 12_000
# The parser's time grows with the square of the depth: 0.06 s here, minutes for 300,000. Browsers stop at 512.
MAX_DEPTH = 4_000
# nh3 looks from each `&` and no-break space of a text on for the next `<` or `>` of it, to write them as entities:
# 20,000 of them in a text of 1,000,000 characters take 0.2 s.
MAX_LOOKED_AT = 20_000_000_000

# As our cleaner writes tags: with double quotes, and no others that could hold a sign.
_TAG = re.compile(r'<(?:"[^"]*"|[^">])*>')
_RUN = re.compile(r"[^<>]+")
# The last sign of a text may be the first half of an entity.
_HALF_ENTITY = re.compile(r"&[#\w]{0,31}\Z")

_OPENING_OR_CLOSING = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9]*)")
# Elements that have no end tag, or whose end the parser finds by itself.
_FLAT = frozenset(
    """
    area base basefont bgsound body br col colgroup dd dt embed frame head hr html img input li link meta option p
    param source tbody td tfoot th thead tr track wbr
    """.split()  # noqa: SIM905 - a list of quoted words would fill a page
)


def is_too_deep(html: str) -> bool:
    """Whether elements are nested deeper than any letter does it. By plain counting: an estimate from above."""
    depth = 0
    for found in _OPENING_OR_CLOSING.finditer(html):
        if found[2].lower() in _FLAT:
            continue
        depth = max(depth - 1, 0) if found[1] else depth + 1
        if depth > MAX_DEPTH:
            return True
    return False


def writable(html: str) -> str:
    """The first part of a letter's HTML that nh3 writes in time, whatever signs are in its texts."""
    left = MAX_LOOKED_AT
    if _looked_at(html) <= left:  # as of all letters
        return html
    for run in _RUN.finditer(html):
        looked_at = _looked_at(text := run[0])
        if looked_at > left:
            end = bisect_right(range(len(text)), left, key=lambda place: _looked_at(text[:place])) - 1
            return _text(html, run.start() + end)
        left -= looked_at
    return html


def _looked_at(text: str) -> int:
    return (text.count("&") + text.count("\xa0")) * len(text)


def cut(html: str) -> tuple[str, bool]:
    """The first part of clean HTML that a browser shows in time, and whether there was more.

    Ends between two tags or in a text. Elements that are open there end with the document.
    """
    characters = elements = place = 0
    for tag in _TAG.finditer(html):
        left = MAX_CHARACTERS - characters
        if tag.start() - place > left:
            return _text(html, place + left), True
        characters += tag.start() - place
        elements += html[tag.start() + 1] != "/"
        if elements > MAX_ELEMENTS:
            return html[: tag.start()], True
        place = tag.end()
    end = place + MAX_CHARACTERS - characters
    return (html, False) if len(html) <= end else (_text(html, end), True)


def _text(html: str, end: int) -> str:
    return _HALF_ENTITY.sub("", html[:end])
