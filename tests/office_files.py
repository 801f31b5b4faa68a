"""Files as office programs write them, as small as they can be, and as attackers do."""

import base64
import io
import quopri
import zipfile

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
S = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
A = 'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'
ODF = (
    'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"'
)


def packed(members: dict[str, str | bytes]) -> bytes:
    """A ZIP of these members."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in members.items():
            # The same members give the same octets, whenever they are packed.
            target.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return stream.getvalue()


def docx(text: str) -> bytes:
    """A paragraph, a deleted one, a table and a foot note."""
    return packed({
        "[Content_Types].xml": "<Types/>",
        "word/document.xml": f"<w:document {W}><w:body><w:p><w:r><w:t>{text}</w:t></w:r></w:p><w:p><w:del><w:r>"
        "<w:delText>gestrichen</w:delText></w:r></w:del></w:p><w:tbl><w:tr><w:tc><w:p><w:r><w:t>links</w:t></w:r>"
        "</w:p></w:tc><w:tc><w:p><w:r><w:t>rechts</w:t></w:r></w:p></w:tc></w:tr></w:tbl></w:body></w:document>",
        "word/footnotes.xml": f"<w:footnotes {W}><w:p><w:r><w:t>Anmerkung</w:t></w:r></w:p></w:footnotes>",
    })


def xlsx(text: str, rows: int = 2) -> bytes:
    """A sheet with a shared text, a number and a text of its own in each row."""
    cells = "".join(
        f'<row r="{n}"><c r="A{n}" t="s"><v>0</v></c><c r="B{n}"><v>{n}.5</v></c>'
        f'<c r="C{n}" t="inlineStr"><is><t>Zeile {n}</t></is></c></row>' for n in range(1, rows + 1)
    )
    return packed({
        "xl/workbook.xml": f'<workbook {S}><sheets><sheet name="Umsatz"/></sheets></workbook>',
        "xl/sharedStrings.xml": f"<sst {S}><si><t>{text}</t></si></sst>",
        "xl/worksheets/sheet1.xml": f"<worksheet {S}><sheetData>{cells}</sheetData></worksheet>",
    })


def pptx(text: str) -> bytes:
    """Eleven slides: the tenth comes after the second."""
    slides: dict[str, str | bytes] = {
        f"ppt/slides/slide{n}.xml": f"<p {A}><a:p><a:r><a:t>Folie {n} {text}</a:t></a:r></a:p></p>"
        for n in (10, 2, 1, 11)
    }
    return packed({"ppt/presentation.xml": "<p/>", **slides})


def odf(text: str, kind: str = "text", manifest: str = "<m/>") -> bytes:
    """An ODT, ODS or ODP."""
    return packed({
        "mimetype": f"application/vnd.oasis.opendocument.{kind}",
        "META-INF/manifest.xml": manifest,
        "content.xml": f"<office:document-content {ODF}><office:body><text:h>Kopf</text:h><table:table-cell>"
        f"<text:p>{text}<text:s/>Ende</text:p></table:table-cell></office:body></office:document-content>",
    })


def page_tree(pages: int) -> bytes:
    """A PDF whose page tree names one page many times."""
    return (
        b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Count " + str(pages).encode()
        + b"/Kids[" + b"3 0 R " * pages + b"]>>endobj\n3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]>>endobj\n"
        b"trailer<</Root 1 0 R>>"
    )


def protected_office() -> bytes:
    """What a DOCX with a password looks like from outside (MS-OFFCRYPTO): not a ZIP any more."""
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(1024) + "EncryptedPackage".encode("utf-16-le") + bytes(4096)


def page_in_one_file(text: str) -> bytes:
    """A DOC or XLS that was saved as a web page in one file: MIME without any field that only a letter has."""
    pages = "".join(
        f"------=_Next\r\nContent-Location: file:///C:/{number}.htm\r\nContent-Transfer-Encoding: quoted-printable\r\n"
        f'Content-Type: text/html; charset="utf-8"\r\n\r\n{quopri.encodestring(page.encode()).decode()}\r\n\r\n'
        for number, page in enumerate((f"<html><p>{text}</p></html>", "<html>zweites Blatt</html>"))
    )
    head = 'MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary="----=_Next"\r\n\r\nWebseite in einer Datei'
    return f"{head}\r\n\r\n{pages}------=_Next--\r\n".encode()


def forwarded(times: int, text: str) -> bytes:
    """A mail in a mail in a mail …"""
    mail = f"From: a@x.example\nTo: b@x.example\nSubject: innen\n\n{text}\n".encode()
    for number in range(times):
        head = f"From: a@x.example\nTo: b@x.example\nSubject: Stufe {number}\nMIME-Version: 1.0\n"
        mail = f"{head}Content-Type: message/rfc822\n\n".encode() + mail
    return mail


def mail_with(files: dict[str, bytes], subject: str = "Anlage") -> bytes:
    """A message with these attachments, in base64 as mail programs send them."""
    head = (
        f"From: Kunde <kunde@kunde.example>\r\nTo: anna@firma.example\r\nSubject: {subject}\r\n"
        f"Message-ID: <{subject}@kunde.example>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n"
        "\r\n--b\r\nContent-Type: text/plain\r\n\r\nanbei\r\n"
    )
    pieces = [head.encode()]
    for name, octets in files.items():
        text = base64.encodebytes(octets).replace(b"\n", b"\r\n")
        pieces.append(
            f'--b\r\nContent-Type: application/octet-stream; name="{name}"\r\nContent-Disposition: attachment; '
            f'filename="{name}"\r\nContent-Transfer-Encoding: base64\r\n\r\n'.encode() + text
        )
    return b"".join([*pieces, b"--b--\r\n"])
