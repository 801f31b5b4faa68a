"""The words of an HTML body, for finding and for the preview. Linear, no renderer, and no protection: see webmail."""

import html
import re

# 1 MiB of HTML is read for its words; newsletters are below 200 KiB.
MAX_CHARACTERS = 1_048_576
# What people never see, from here to its end. Where the end is missing it takes all that is left, as browsers do, so
# that no octet is looked at for each beginning before it; only `head` also ends where the body begins.
_SILENT = re.compile(r"<(?:!--|(script|style|title|template|noscript|object|svg|head)\b)", re.IGNORECASE)
_ENDS = {
    name: re.compile(rf"</{name}[^<>]*>" + (r"|(?=<body\b)" if name == "head" else ""), re.IGNORECASE)
    for name in ("script", "style", "title", "template", "noscript", "object", "svg", "head")
}
_EMPTY_ELEMENT = re.compile(r"[^<>]*/>")
# The look-ahead passes over most other tags by one letter, without trying each of the names.
_BREAK = re.compile(
    r"</?(?=[bpdtlh])(?:br|p|div|tr|li|table|h[1-4]|blockquote|pre|hr)\b[^<>]*>", re.IGNORECASE
)
_TAG = re.compile(r"<[/!?A-Za-z][^<>]*>")


def words(source: str) -> str:
    """The readable text, with a line end at every block."""
    text = _without_silent(source[:MAX_CHARACTERS])
    text = html.unescape(_TAG.sub("", _BREAK.sub("\n", text)))
    return text.replace("\xa0", " ").replace("\u200c", "").replace("\xad", "")


def _without_silent(text: str) -> str:
    pieces = []
    place = 0
    while (start := _SILENT.search(text, place)) is not None:
        pieces.append(text[place : start.start()])
        place = _silent_end(text, start)
    pieces.append(text[place:])
    return "".join(pieces)


def _silent_end(text: str, start: re.Match[str]) -> int:
    if start[1] is None:
        end = text.find("-->", start.end())
        return len(text) if end < 0 else end + 3
    name = start[1].lower()
    if name != "head" and (empty := _EMPTY_ELEMENT.match(text, start.end())) is not None:
        return empty.end()
    found = _ENDS[name].search(text, start.end())
    return len(text) if found is None else found.end()
