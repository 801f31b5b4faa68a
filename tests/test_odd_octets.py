"""Charsets that nobody names, encodings that are not what they say, and parts without their empty line."""

import base64

import pytest
from written_mail import files, mail, multipart, part, shown

from postbuch.archive import display, legible, message

RUSSIAN = "Привет, как дела"


def text(payload: bytes, kind: str = "text/plain", *fields: str) -> bytes:
    """A message of one part with these octets."""
    head = "".join(f"{field}\r\n" for field in (f"Content-Type: {kind}", *fields))
    return mail(head + "\r\n") + payload


@pytest.mark.parametrize(("octets", "said"), [
    (RUSSIAN.encode("koi8-r"), RUSSIAN), (RUSSIAN.encode("cp1251"), RUSSIAN),
    ("Grüße an Ægir, öäüÖÄÜß".encode("cp1252"), "Grüße an Ægir, öäüÖÄÜß"), ("ÄÖÜÄÖÜ".encode("cp1252"), "ÄÖÜÄÖÜ"),
    ("Grüße an alle".encode("utf-16"), "Grüße an alle"), ("Grüße an alle".encode("utf-16-le"), "Grüße an alle"),
    ("Grüße an alle".encode("utf-16-be"), "Grüße an alle"), (b"a\0b c d", "a\N{REPLACEMENT CHARACTER}b c d"),
    (RUSSIAN.encode(), RUSSIAN), ("Узнай как заработать от 1000$ в неделю".encode("cp1251"),
                                  "Узнай как заработать от 1000$ в неделю"),
])
@pytest.mark.parametrize("kind", ["text/plain", "text/plain; charset=us-ascii", "text/plain; charset=utf-8"])
def test_octets_that_show_their_charset(octets: bytes, said: str, kind: str) -> None:
    """Where none is named, or one that they are not."""
    encoded = text(base64.b64encode(octets), kind, "Content-Transfer-Encoding: base64")
    assert shown(encoded) == [said]


@pytest.mark.parametrize("charset", ["koi8-r", "cp1251"])
@pytest.mark.parametrize("kind", ["X: x", "Content-Type: text/plain; charset=us-ascii"])
def test_russian_names_in_a_header(charset: str, kind: str) -> None:
    """As the text: nobody says in what they are."""
    octets = f"Subject: {RUSSIAN}\r\nFrom: Анна Каренина <a@b.example>\r\n{kind}\r\n\r\nx".encode(charset)
    found = message.parse(octets)
    assert (found.subject, found.from_display) == (RUSSIAN, "Анна Каренина <a@b.example>")
    assert message.parse("Subject: Grüße, Öle, Äpfel\r\n\r\nx".encode("latin-1")).subject == "Grüße, Öle, Äpfel"


EAST_ASIAN = [
    ("shift_jis", "お世話になっております。会議の資料を送ります。"),
    ("euc-jp", "お世話になっております。会議の資料を送ります。"),
    ("gb2312", "您好，我们公司的新产品已经上市了，请您有时间来看一下。"),
    ("big5", "您好，我們公司的新產品已經上市了，請您有時間來看一下。"),
    ("euc-kr", "안녕하세요. 회의 자료를 보내 드리니 확인해 주시기 바랍니다."),
]


@pytest.mark.parametrize(("charset", "said"), EAST_ASIAN)
@pytest.mark.parametrize("kind", ["text/plain", "text/plain; charset=us-ascii", "text/html"])
def test_chinese_japanese_and_korean_without_a_charset(charset: str, said: str, kind: str) -> None:
    """Each by the signs that it has most; a short subject by the text."""
    head = f"Subject: {said[:3]}\r\nFrom: {said[:2]} <anna@firma.example>\r\nContent-Type: {kind}\r\n\r\n"
    octets = (head + said).encode(charset)
    assert shown(octets) == [said]
    found = message.parse(octets)
    assert (found.subject, found.from_display) == (said[:3], f"{said[:2]} <anna@firma.example>")


GREEK = "Σας στέλνουμε την προσφορά που ζητήσατε, η παράδοση θα γίνει την Τρίτη"
HEBREW = "מצורפת הצעת המחיר שביקשתם, נא לאשר את ההזמנה בטלפון"


@pytest.mark.parametrize(("charset", "said"), [
    ("cp1253", GREEK), ("iso8859-7", GREEK), ("cp1255", HEBREW), ("iso8859-8", HEBREW),
    ("koi8-r", "Высылаем вам предложение, поставка будет в следующий вторник"),
    ("cp1251", "Изпращаме ви офертата, доставката ще бъде следващия вторник"),
])
def test_each_alphabet_without_a_charset(charset: str, said: str) -> None:
    """By the letters that a language has most: Greek and Hebrew read as Cyrillic have many of those as well."""
    found = message.parse(f"Subject: {said}\r\nContent-Type: text/plain\r\n\r\n{said}".encode(charset))
    assert (found.subject, found.text) == (said, said)


@pytest.mark.parametrize(("charset", "said"), [
    ("cp1252", "Grüße aus Österreich: süße Äpfel, große Mäuse, über Öfen, für Übermüdete, ÄÖÜß"),
    ("cp1252", "À bientôt, les élèves étaient déjà là-bas, où ça ? Çà et là, naïveté, été"),
    ("cp1252", "Está mañana à tarde não há corações, ações, informações, ÇÃO ÇÕES ÃÕÉÊ"),
])
def test_western_text_without_a_charset_stays_western(charset: str, said: str) -> None:
    """Its octets can be read as Chinese; no sign of that is a frequent one."""
    assert shown(text(said.encode(charset))) == [said]


@pytest.mark.parametrize(("meta", "charset", "kind", "said"), [
    ("<meta charset=koi8-r>", "koi8-r", "text/html", "Да"),
    ('<META http-equiv="Content-Type" content="text/html; charset=shift_jis">', "shift_jis", "text/html", "日本"),
    ("<meta charset=iso-8859-2>", "iso-8859-2", "text/html; charset=us-ascii", "Žluť"),
    ("<meta charset=iso-8859-1>", "utf-8", "text/html", "Grüße"),
    ("<meta charset=koi8-r>", "cp1251", "text/html; charset=windows-1251", "Да"),
])
def test_the_charset_that_the_html_names(meta: str, charset: str, kind: str, said: str) -> None:
    """The field goes before, and UTF-8 is UTF-8."""
    assert shown(text(f"{meta}<p>{said}".encode(charset), kind)) == [f"{meta}<p>{said}"]


PDF = part("application/pdf; name=a.pdf", "PDF")
MULTIPART = multipart("mixed", part("text/plain", "Alpha"), PDF)


@pytest.mark.parametrize("line", ["des Betreffs Rest\r\n", ">From anna Mon Nov 23\r\n", "HTTP/1.1 200\r\n mehr\r\n"])
def test_a_line_in_the_header_that_is_no_field(line: str) -> None:
    """What says how the parts are made is behind it: the header goes on."""
    octets = mail(f"Subject: Angebot\r\n{line}{MULTIPART}")
    assert (shown(octets), files(octets), message.parse(octets).subject) == (["Alpha"], ["a.pdf"], "Angebot")


@pytest.mark.parametrize("octets", [
    b"Subject: x\r\nHallo Anna,\r\nwie geht es?\r\n\r\nGruss\r\n",
    mail(f"{MULTIPART}Text\r\nContent-Type: text/html\r\n"),
    b"Guten Tag\r\nContent-Type: text/plain\r\n\r\nx",
    b"Content-Type: text/plain\r\nHallo\r\nContent-Type: a/b\r\n\r\nx",
])
def test_a_text_without_an_empty_line_before_it_stays_whole(octets: bytes) -> None:
    """Nothing of it is taken for the header."""
    assert legible.message(octets) is octets


@pytest.mark.parametrize("head", ["", "Content-Type: text/plain\r\n"])
def test_a_part_without_an_empty_line_has_its_text(head: str) -> None:
    """It was nowhere; with one, all is as ever."""
    begin = f"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n{head}"
    octets = mail(f"{begin}Alpha und Beta\r\n--b\r\n{PDF}--b--\r\n")
    assert (shown(octets), files(octets)) == (["Alpha und Beta"], ["a.pdf"])
    empty = mail(f"{begin}\r\n--b\r\n{PDF}--b--\r\n")
    assert (shown(empty), files(empty)) == ([], ["a.pdf"])
    # By it a copy is found that was archived when nobody saw the text.
    assert message.parse(octets).body_sha256 == message.parse(empty).body_sha256


@pytest.mark.parametrize(("payload", "said"), [
    (b"Hallo, dies ist kein Base64.\r\n", b"Hallo, dies ist kein Base64.\r\n"),
    (base64.urlsafe_b64encode("Grüße??>>ÿÿ".encode()), "Grüße??>>ÿÿ".encode()),
    (b"".join(b"> %s\r\n" % base64.b64encode(b"abcdef" * 9) for _ in range(2)), b"abcdef" * 18),
])
def test_what_base64_is_not(payload: bytes, said: bytes) -> None:
    """A text in clear, and the alphabet for addresses."""
    octets = text(payload, "text/plain; charset=utf-8", "Content-Transfer-Encoding: base64")
    assert display.leaf(octets, 0).payload.split() == said.split()


@pytest.mark.parametrize("encoding", ["x-uuencode", "uuencode", "X-UUE"])
def test_a_part_that_is_uuencoded(encoding: str) -> None:
    """As it was before MIME knew base64."""
    field = f"Content-Transfer-Encoding: {encoding}"
    uu = part("application/pdf; name=a.pdf", "begin 644 b.pdf\r\n#4$1&\r\n`\r\nend", field)
    octets = mail(multipart("mixed", part("text/plain", "x"), uu))
    assert files(octets) == ["a.pdf"] and display.leaf(octets, 1).payload == b"PDF"


@pytest.mark.parametrize(("kind", "field"), [
    ("application/pdf", "Content-Disposition: attachment filename=a.pdf"), ("application/pdf, name=a.pdf", "X: x"),
    ("application/pdf", "Content-Disposition: attachment\r\n filename=\"a.pdf\"; size=3"),
])
def test_a_name_without_its_semicolon(kind: str, field: str) -> None:
    """It is the name all the same."""
    assert files(mail(multipart("mixed", part("text/plain", "x"), part(kind, "PDF", field)))) == ["a.pdf"]


def test_a_subject_encoded_twice() -> None:
    """Some gateways do; what is written about encoded words stays."""
    twice = base64.b64encode(b"=?utf-8?q?Gr=C3=BC=C3=9Fe?=").decode()
    assert message.parse(mail(f"Subject: =?utf-8?b?{twice}?=\r\n\r\n")).subject == "Grüße"
    about = base64.b64encode(b"Was heisst =?utf-8?q?=C3=BC?= hier").decode()
    assert message.parse(mail(f"Subject: =?utf-8?b?{about}?=\r\n\r\n")).subject == "Was heisst =?utf-8?q?=C3=BC?= hier"
