"""A small PDF writer: one page of text in Helvetica, enough for an invoice that every viewer opens.

ISO 32000-1: header, objects, cross-reference table, trailer. Text in WinAnsiEncoding, which has ä, ö, ü, ß and €.
"""

import zlib
from dataclasses import dataclass

# DIN A4 in points (1/72 inch).
WIDTH, HEIGHT = 595, 842


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """A line of text at a place counted from the lower left corner, in points."""

    x: float
    y: float
    text: str
    size: float = 10
    bold: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A thin horizontal line."""

    x: float
    y: float
    length: float


def document(items: list[Words | Line], title: str) -> bytes:
    """A whole PDF file of one page. The same items give the same octets."""
    content = zlib.compress(b"\n".join(_operator(item) for item in items), 9)
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %d %d] /Contents 4 0 R "
        b"/Resources << /Font << /F1 5 0 R /F2 6 0 R >> >> >>" % (WIDTH, HEIGHT),
        b"<< /Length %d /Filter /FlateDecode >>\nstream\n%s\nendstream" % (len(content), content),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold /Encoding /WinAnsiEncoding >>",
        b"<< /Title (%s) /Producer (Postbuch demo) >>" % _escape(title),
    ]
    out = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    places = []
    for number, body in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    for place in places:
        out += b"%010d 00000 n \n" % place
    out += b"trailer\n<< /Size %d /Root 1 0 R /Info 7 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    return bytes(out)


def _operator(item: Words | Line) -> bytes:
    if isinstance(item, Line):
        return b"0.5 w %.1f %.1f m %.1f %.1f l S" % (item.x, item.y, item.x + item.length, item.y)
    font = b"F2" if item.bold else b"F1"
    return b"BT /%s %.1f Tf %.1f %.1f Td (%s) Tj ET" % (font, item.size, item.x, item.y, _escape(item.text))


def _escape(text: str) -> bytes:
    octets = text.encode("cp1252", "replace")
    return octets.replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")
