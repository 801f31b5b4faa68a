"""The words of an HTML body, for finding and for the preview. Linear, no renderer, and no protection: see webmail."""

import html
import re

# 1 MiB of HTML is read for its words; newsletters are below 200 KiB.
MAX_CHARACTERS = 1_048_576
# What people never see. Each alternative takes all that is left when its end is missing, as browsers do, so that no
# octet is looked at for each beginning before it; only `head` also ends where the body begins.
_SILENT = re.compile(
    r"<!--.*?(?:-->|\Z)"
    r"|<(script|style|title|template|noscript|object|svg)\b(?:[^<>]*/>|.*?(?:</\1[^<>]*>|\Z))"
    r"|<head\b.*?(?:</head[^<>]*>|(?=<body\b)|\Z)",
    re.IGNORECASE | re.DOTALL,
)
_BREAK = re.compile(r"</?(?:br|p|div|tr|li|table|h[1-4]|blockquote|pre|hr)\b[^<>]*>", re.IGNORECASE)
_TAG = re.compile(r"<[/!?A-Za-z][^<>]*>")
_INVISIBLE = str.maketrans({"\xa0": " ", "\u200c": None, "\xad": None})


def words(source: str) -> str:
    """The readable text, with a line end at every block."""
    text = _SILENT.sub("", source[:MAX_CHARACTERS])
    text = _TAG.sub("", _BREAK.sub("\n", text))
    return html.unescape(text).translate(_INVISIBLE)
