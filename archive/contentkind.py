"""What kind of part is meant by a Content-Type that is none: `html`, `text html`, `charset=utf-8` alone. Pure, linear.

RFC 2045 section 5.2 has what cannot be read shown as text; here only when the octets are text as well.
"""

import mimetypes
import re

from postbuch.archive import pictures

OTHER = "application/octet-stream"
# The tables of the machine would make it another archive on the next.
_BY_NAME = mimetypes.MimeTypes()
_WELL_FORMED = re.compile(r"[\w!#$&^.+-]+/[\w!#$&^.+-]+", re.ASCII)
# Well-formed names that nobody registered.
_MEANT = {
    "html/text": "text/html", "plain/text": "text/plain", "text/ascii": "text/plain", "text/htm": "text/html",
    "text/text": "text/plain", "text/txt": "text/plain", "text/us-ascii": "text/plain", "text/utf-8": "text/plain",
}  # fmt: skip
# A text in PGP's armour, as elm, pine and mutt marked it before RFC 2015 and for years after.
_ARMOURED = "application/pgp"
# HTML as XML (RFC 3236), which programs send as the letter or as one of its forms; with a name it is a file.
_XHTML = "application/xhtml+xml"
_WORD = re.compile(r"[a-z0-9.+-]+")
_FILES = frozenset({"application", "audio", "font", "image", "model", "video"})
_TEXTS = frozenset({"charset", "htm", "html", "plain", "text"})
# 64 KiB say what the rest is like: files begin with numbers and lengths.
_LOOKED_AT_OCTETS = 65_536
# No text has these; of control characters ISO-2022 needs ESC, and old programs write back space and form feed.
_BINARY = re.compile(rb"[\x00-\x07\x0b\x0e-\x1a\x1c-\x1f]|\A(?:%PDF-|PK\x03\x04)")
_HTML = re.compile(rb"\s*(?:<!doctype\s+html|<html|<head|<body)\b", re.IGNORECASE)


def read(written: str, payload: bytes, file_name: str) -> str:
    """The content type in small letters. `written`: the field up to its parameters, without a comment."""
    kind = written.strip().lower()
    if kind == _ARMOURED and not file_name and is_text(payload):
        return "text/plain"
    if kind == _XHTML and not file_name and is_text(payload):
        return "text/html"
    if _WELL_FORMED.fullmatch(kind):
        return _MEANT.get(kind, kind)
    words = _WORD.findall(kind)
    if len(words) > 1 and words[0] in _FILES:
        return f"{words[0]}/{words[1]}"
    is_said = not _TEXTS.isdisjoint(words)
    if not is_text(payload) or (file_name and words and not is_said):
        return OTHER
    is_html = "html" in words or "htm" in words
    return "text/html" if is_html or (not is_said and _HTML.match(payload)) else "text/plain"


def by_name(file_name: str) -> str:
    """The content type that the name of a file tells."""
    return _BY_NAME.guess_type(file_name)[0] or OTHER


def is_text(payload: bytes) -> bool:
    """Whether the octets may be one."""
    if payload.startswith((b"\xff\xfe", b"\xfe\xff")):  # UTF-16 with its mark
        return True
    return _BINARY.search(payload, 0, _LOOKED_AT_OCTETS) is None and pictures.content_type(payload) is None
