"""RFC 2047 encoded words as text, and what real programs make of them. Pure, linear, never raises on content."""

import base64
import binascii
import quopri
import re

from postbuch.archive.charsets import decode_octets

# As it stands in a list of addresses, where a `<` begins one.
ENCODED_WORD = r"=\?[^?\s]{1,80}\?[bBqQ]\?[^?<>]*+\?="
_WORD = re.compile(r"=\?([^?\s]{1,80})\?([bBqQ])\?([^?]*)\?=")


def decode_words(text: str) -> str:
    """Encoded words decoded; neighbours of one charset are joined first, for split characters."""
    if "=?" not in text:
        return text
    out: list[str] = []
    pending: list[bytes] = []
    pending_charset = ""
    end = 0
    for match in _WORD.finditer(text):
        between = text[end : match.start()]
        charset = match[1].partition("*")[0].lower()
        if pending_charset and (between.strip() or charset != pending_charset):
            out.append(decode_octets(b"".join(pending), pending_charset))
            pending, pending_charset = [], ""
        if between.strip() or end == 0:
            out.append(between)
        pending.append(_word_octets(match[2], match[3]))
        pending_charset = charset
        end = match.end()
    if pending_charset:
        out.append(decode_octets(b"".join(pending), pending_charset))
    out.append(text[end:])
    return "".join(out)


def _word_octets(encoding: str, payload: str) -> bytes:
    raw = payload.encode("utf-8", "ignore")
    if encoding in "qQ":
        return quopri.decodestring(raw.replace(b"_", b" "), header=False)
    raw = raw.rstrip(b"= ")
    try:
        return base64.b64decode(raw + b"=" * (-len(raw) % 4))
    except (binascii.Error, ValueError):
        return raw
