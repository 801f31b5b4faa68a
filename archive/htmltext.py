"""The words of an HTML body, for finding and for the preview. Linear, no renderer, and no protection: see webmail."""

import html
import re

# 1 MiB of HTML is read for its words; newsletters are below 200 KiB.
MAX_CHARACTERS = 1_048_576
_NAME = re.compile(r"/?[A-Za-z0-9]+")
_SILENT = {"script", "style", "head", "title", "template", "noscript", "object", "svg"}
_BREAKS = {"br", "p", "div", "tr", "li", "table", "h1", "h2", "h3", "h4", "blockquote", "pre", "hr"}


def words(source: str) -> str:
    """The readable text, with a line end at every block."""
    pieces = source[:MAX_CHARACTERS].split("<")
    out = [pieces[0]]
    silent = ""
    comment = False
    for piece in pieces[1:]:
        if comment:
            closed, _, rest = piece.partition("-->")
            if not _ or closed is piece:
                continue
            comment = False
            if not silent:
                out.append(rest)
            continue
        if piece.startswith("!--"):
            _, closed, rest = piece.partition("-->")
            comment = not closed
            if not silent:
                out.append(rest)
            continue
        tag, closed, rest = piece.partition(">")
        if not closed:
            if not silent:
                out.append("<" + piece)
            continue
        named = _NAME.match(tag)
        name = named[0].lower() if named else ""
        if silent:
            if name == "/" + silent or (silent == "head" and name == "body"):
                silent = ""
                out.append(rest)
            continue
        if name in _SILENT and not tag.endswith("/"):
            silent = name
            continue
        if name.lstrip("/") in _BREAKS:
            out.append("\n")
        out.append(rest)
    return html.unescape("".join(out)).replace("\xa0", " ").replace("\u200c", "").replace("\xad", "")
