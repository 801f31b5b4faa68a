"""Percent-encoded text of links (RFC 3986 section 2.5): UTF-8, or Windows-1252 as old programs write it. Pure."""

import re
from urllib.parse import quote, unquote_to_bytes

_RUN = re.compile(r"(?:%[0-9A-Fa-f]{2})+")


def as_utf8(encoded: str) -> str:
    """The same text with each run of octets that is no UTF-8 (`B%FCro`) encoded as UTF-8 (`B%C3%BCro`)."""
    return _RUN.sub(_read, encoded)


def _read(run: re.Match[str]) -> str:
    octets = unquote_to_bytes(run[0])
    try:
        octets.decode("utf-8")
    except UnicodeDecodeError:
        return quote(octets.decode("cp1252", "replace"), safe="")
    return run[0]
