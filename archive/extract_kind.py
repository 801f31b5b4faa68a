"""What a file is, by its octets alone: its name and its type are a sender's words, and one file may have many. Pure.
"""

import re

from postbuch.archive import cms, tnef
from postbuch.archive.compound import MAGIC, Compound

# How much is looked at to tell text from other octets.
SAMPLE_OCTETS = 65_536
_PICTURES = re.compile(
    rb"\x89PNG|\xff\xd8\xff|GIF8[79]a|RIFF....(?:WEBP|WAVE|AVI )|BM.{4}\0\0\0\0|II\*\0|MM\0\*|\0\0\0.ftyp|ID3|OggS|"
    rb"fLaC|\x1aE\xdf\xa3|\xff[\xfb\xf3\xf2]|\0\0\x01\0|\xd7\xcd\xc6\x9a|8BPS",
    re.DOTALL,
)
_PDF = re.compile(rb"[\s\S]{0,1024}?%PDF-")
# How such a file names the stream of a protected document (MS-OFFCRYPTO section 2.3.4.2): in UTF-16.
_PROTECTED = "EncryptedPackage".encode("utf-16-le")
# The streams that make a compound file one of these.
_COMPOUND = {
    "worddocument": "doc", "workbook": "xls", "book": "xls", "powerpoint document": "ppt",
    "__properties_version1.0": "msg", "encryptedpackage": "protected",
}  # fmt: skip
# A file of Excel 5 to 2003 without a compound file around it, as some programs write it.
_EXCEL = re.compile(rb"\x09\x08[\x08\x10]\0\0[\5\6]")
# Pages begin like this, and the tables and reports that programs save as .xls and .doc.
_HTML = re.compile(
    rb"\s*(?:<!--.{0,500}?-->\s*)?<(?:!doctype html|html|head|body|meta|title|style|table|div)\b", re.I | re.DOTALL
)
_CARDS = re.compile(rb"\s*BEGIN:(?:VCALENDAR|VCARD)[ \t]*\r?\n", re.IGNORECASE)
_FIELD = re.compile(rb"(?m)^(from|to|subject|date|received|return-path|message-id|mime-version|delivered-to):", re.I)
# A page in one file (RFC 2557), as Office saves it: with no field that only a letter has.
_PARTS = re.compile(rb"(?m)^content-type:\s*multipart/", re.I)
# Line ends, tab, form feed, escape; what else is below a space stands in no text.
_CONTROL = bytes(set(range(32)) - {9, 10, 12, 13, 27}) + b"\x7f"


def kind_of(octets: bytes) -> str:
    """What it is.

    pdf, docx, xlsx, pptx, odf, zip, rtf, html, xml, mail, cards (calendars as well), text, silent (pictures, sound),
    doc, xls, ppt, msg (by Outlook), ole (another compound file), broken (a damaged one), protected, tnef (winmail.dat),
    signed (with its content in the signature), other.
    """
    head = octets[:4096]
    if head.startswith(tnef.MAGIC):
        return "tnef"
    if head[:1] == b"0" and cms.kind(head) == cms.SIGNED:
        return "signed"
    if head.startswith(b"PK\3\4"):
        return _packed(octets)
    if head.startswith(MAGIC):
        return _compound(octets)
    if _EXCEL.match(head):
        return "xls"
    if _PICTURES.match(head):
        return "silent"
    if _PDF.match(head[:1100]):
        return "pdf"
    if head.lstrip().startswith(b"{\\rtf"):
        return "rtf"
    if not is_text(octets):
        return "other"
    is_wide = head.startswith((b"\xff\xfe", b"\xfe\xff"))
    plain = head.decode("utf-16", "replace").encode() if is_wide else head.removeprefix(b"\xef\xbb\xbf")
    if _HTML.match(plain):
        return "html"
    if plain.lstrip().startswith(b"<?xml"):
        return "html" if re.search(rb"<html\b", plain, re.I) else "xml"
    if _CARDS.match(plain):
        return "cards"
    return "mail" if _is_mail(octets) else "text"


def _packed(octets: bytes) -> str:
    """Which kind of ZIP, by the members that make it one. Reads the directory alone."""
    tail = octets[-4_194_304:] if len(octets) > 8_388_608 else octets
    for name, kind in (
        (b"word/document.xml", "docx"), (b"xl/workbook.xml", "xlsx"), (b"ppt/presentation.xml", "pptx"),
    ):
        if name in tail:
            return kind
    if b"mimetypeapplication/vnd.oasis.opendocument." in octets[:200] or b"content.xml" in tail:
        return "odf"
    return "zip"


def _compound(octets: bytes) -> str:
    """Which compound file, by the streams that stand in it itself: a document may have others within."""
    names = Compound(octets).names()
    for name, kind in _COMPOUND.items():
        if name in names:
            return kind
    if _PROTECTED in octets[:1_048_576] or _PROTECTED in octets[-1_048_576:]:
        return "protected"
    return "ole" if names else "broken"


def _is_mail(octets: bytes) -> bool:
    """Whether it begins as a message does: three or more fields that only a message has, or parts, in its head."""
    head = octets[:16_384].removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n")
    head = head.replace(b"\r\n", b"\n").partition(b"\n\n")[0]
    first = head.partition(b"\n")[0]
    if not re.match(rb"[A-Za-z0-9-]{1,60}:|From ", first):
        return False
    fields = {match[1].lower() for match in _FIELD.finditer(head)}
    return len(fields) >= 3 or (b"mime-version" in fields and _PARTS.search(head) is not None)


def is_text(octets: bytes) -> bool:
    """Whether octets are text in some charset: in UTF-16 by its mark, in all others without control characters."""
    if octets.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True
    sample = octets[:SAMPLE_OCTETS]
    return len(sample) - len(sample.translate(None, _CONTROL)) <= len(sample) // 500
