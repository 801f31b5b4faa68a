"""The words of files that are text themselves: in whatever charset, HTML, XML, RTF. The home of its libraries."""

import re

import charset_normalizer
from striprtf.striprtf import rtf_to_text

from postbuch.archive import htmltext, xmltext
from postbuch.archive.charsets import decode_octets
from postbuch.archive.extract_bounds import MAX_CHARACTERS, Budget, GivenUp

# What a charset is guessed by: 32 KiB are judged in 20 ms.
SAMPLE_OCTETS = 32_768
# 16 MB of RTF, most of it pictures in hexadecimal, take 8 s.
MAX_RTF_OCTETS = 16_777_216
# An invoice in XML may hold its papers as files, 15 MB of them; the lines of the invoice stand behind those.
MAX_XML_OCTETS = 16_777_216
# Four octets a character at most: what is behind it is not decoded.
_ENOUGH_OCTETS = 4 * MAX_CHARACTERS + 4
# What German and other mail comes in, besides UTF-8. Without a list 90 codes are tried, and short texts turn to noise.
_CHARSETS = [
    "cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "iso8859_15", "cp850", "koi8_r", "mac_roman",
    "shift_jis", "euc_jp", "gb18030", "big5", "euc_kr",
]
_NAMED = re.compile(rb"(?:charset|encoding)\s*=\s*[\"']?([A-Za-z0-9_.:-]{1,40})", re.IGNORECASE)


def read_text(octets: bytes, budget: Budget) -> None:
    """Plain text, CSV, JSON, logs."""
    budget.add(decoded(octets))


def read_markup(octets: bytes, budget: Budget) -> None:
    """HTML as `htmltext` reads it. Raises GivenUp."""
    _html(_marked_up(octets, _ENOUGH_OCTETS), budget)


def read_xml(octets: bytes, budget: Budget) -> None:
    """What stands between the tags of XML. Raises GivenUp."""
    for piece in xmltext.words(_marked_up(octets, MAX_XML_OCTETS)):
        budget.add(piece)
    if len(octets) > MAX_XML_OCTETS:
        raise GivenUp("PART")


def read_html(octets: bytes, charset: str, budget: Budget) -> None:
    """HTML whose charset is known."""
    _html(decode_octets(octets[:_ENOUGH_OCTETS], charset), budget)


def _html(text: str, budget: Budget) -> None:
    budget.add(htmltext.words(text))
    if len(text) > htmltext.MAX_CHARACTERS:
        raise GivenUp("PART")


def read_rtf(octets: bytes, budget: Budget) -> None:
    """Rich text."""
    if len(octets) > MAX_RTF_OCTETS:
        raise GivenUp("TOO_MUCH")
    try:
        text = str(rtf_to_text(octets.decode("latin-1"), errors="replace"))  # type: ignore[no-untyped-call]
    except (ValueError, LookupError, IndexError, KeyError, TypeError, UnicodeError):
        raise GivenUp("DAMAGED") from None
    budget.add(text)


def _marked_up(octets: bytes, most: int) -> str:
    """The first octets as text, in the charset that they name."""
    named = _NAMED.search(octets[:2048])
    return decode_octets(octets[:most], named[1].decode("ascii")) if named else decoded(octets, most)


def decoded(octets: bytes, most: int = _ENOUGH_OCTETS) -> str:
    """Octets as text: UTF-8 or UTF-16 where they are, else in the charset that they look like. Never raises."""
    octets = octets[:most]
    if octets.startswith((b"\xff\xfe", b"\xfe\xff")):
        return octets.decode("utf-16", "replace")
    try:
        return octets.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if error.start > len(octets) - 4:  # cut within a character
            return octets[: error.start].decode("utf-8-sig")
    best = charset_normalizer.from_bytes(octets[:SAMPLE_OCTETS], cp_isolation=_CHARSETS).best()
    return octets.decode(best.encoding if best is not None else "cp1252", "replace")
