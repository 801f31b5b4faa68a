"""The words of XML are found one by one, whatever its elements are; hostile ones take no longer."""

import base64
from collections.abc import Iterator

import pytest

from postbuch.archive import xmltext
from postbuch.archive.extract_parser import FileParser

CII = (
    '<?xml version="1.0" encoding="UTF-8"?><rsm:CrossIndustryInvoice xmlns:rsm="urn:un:unece:uncefact:data:standard:'
    'CrossIndustryInvoice:100" xmlns:ram="urn:x"><rsm:ExchangedDocument><ram:ID>RE-4711</ram:ID><ram:TypeCode>380'
    "</ram:TypeCode></rsm:ExchangedDocument><ram:Name>Müller &amp; Söhne</ram:Name><ram:CityName>Köln</ram:CityName>"
    "</rsm:CrossIndustryInvoice>"
)
UBL = (
    '<?xml version="1.0" encoding="UTF-8"?><ubl:Invoice xmlns:ubl="urn:oasis:names:specification:ubl:schema:xsd:'
    'Invoice-2" xmlns:cbc="urn:x"><cbc:ID>4711</cbc:ID>{}<cbc:Note>Danke</cbc:Note><cbc:PayableAmount currencyID="EUR">'
    "119.00</cbc:PayableAmount></ubl:Invoice>"
)
WORD_2003 = (
    '<?xml version="1.0"?><?mso-application progid="Word.Document"?><w:wordDocument '
    'xmlns:w="http://schemas.microsoft.com/office/word/2003/wordml"><w:body><w:p><w:r><w:t>Grü</w:t></w:r><w:proofErr/>'
    "<w:r><w:rPr><w:b/></w:rPr><w:t>ße</w:t></w:r></w:p><w:tbl><w:tr><w:tc><w:p><w:r><w:t>links</w:t></w:r></w:p></w:tc>"
    "<w:tc><w:p><w:r><w:t>rechts</w:t></w:r><w:r><w:t> </w:t></w:r><w:r><w:t>aussen</w:t></w:r></w:p></w:tc></w:tr>"
    "</w:tbl></w:body></w:wordDocument>"
)
EXCEL_2003 = (
    '<?xml version="1.0"?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet" '
    'xmlns:ss="urn:schemas-microsoft-com:office:spreadsheet"><ss:Row><ss:Cell><ss:Data ss:Type="String">links</ss:Data>'
    "</ss:Cell><ss:Cell><ss:Data>5</ss:Data></ss:Cell></ss:Row></Workbook>"
)


@pytest.fixture(scope="module")
def files() -> Iterator[FileParser]:
    with FileParser() as made:
        yield made


@pytest.mark.parametrize(("source", "words"), [
    (CII, "RE-4711 380 Müller & Söhne Köln"),
    (UBL.format(""), "4711 Danke 119.00"),
    (WORD_2003, "Grüße links rechts aussen"),
    (EXCEL_2003, "links 5"),
    ("<?xml version='1.0'?><r><title>Alpha</title><code>1</code><b>2</b><object>Beta</object></r>", "Alpha 1 2 Beta"),
    ("<?xml version='1.0'?><r><a b='x>y'>Alpha</a><!-- <c>nie</c> --><c><![CDATA[3 < 4 & <b>]]></c>Beta</r>",
     "Alpha 3 < 4 & <b> Beta"),
    ("<?xml version='1.0'?><text:p>Al<text:span style='x'>pha</text:span></text:p><text:p>Beta</text:p>", "Alpha Beta"),
    ("<?xml version='1.0'?><r><Größe>5</Größe><Länge>6</Länge>3 < 4 <ohne Ende", "5 6 3 < 4 <ohne Ende"),
])  # fmt: skip
def test_words_of_xml(files: FileParser, source: str, words: str) -> None:
    """Each element ends a word but those that stand within one; no element is kept quiet for its name."""
    found = files.extract(source.encode())
    assert (" ".join(found.text.split()), found.reason, found.extractor) == (words, "", "xml")


def test_papers_within_an_invoice_are_no_words(files: FileParser) -> None:
    """A PDF in base64, in lines or in one, hides nothing of what stands behind it."""
    for written in (base64.encodebytes, base64.b64encode):
        paper = f"<cbc:EmbeddedDocumentBinaryObject>{written(bytes(range(256)) * 12_000).decode()}" \
                "</cbc:EmbeddedDocumentBinaryObject>"
        found = files.extract(UBL.format(paper).encode())
        assert found.text.split()[0] == "4711" and found.text.split()[-2:] == ["Danke", "119.00"]
        assert len(found.text) < 200 and not found.reason


@pytest.mark.parametrize("piece", [
    "<", "<a ", "<a b='", '<a b="', "<!--", "<![CDATA[", "<![CDATA[]", "<?", "<a>", "A" * 59 + " ",
])
def test_xml_is_read_once(piece: str) -> None:
    """What opens and does not end takes no longer for being there often."""
    source = piece * (2_097_152 // len(piece))
    assert sum(map(len, xmltext.words(source))) <= len(source)
