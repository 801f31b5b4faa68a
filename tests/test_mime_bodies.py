"""What of a message is body, picture within it, or file: nothing that people sent may be nowhere."""

import base64
import time
from collections.abc import Callable
from hashlib import sha256

import pytest
from growing import times_as_long
from written_mail import files, mail, multipart, part, shown

from postbuch.archive import display, message, mime
from postbuch.archive.display import Body

LONG = "Sehr geehrte Frau Huber, " * 20


PLAIN, HTML = part("text/plain", "Alpha"), part("text/html", "<p>Beta</p>")
MORE, FOOTER = part("text/html", "<p>Gamma</p>"), part("text/plain", "Liste")
PDF = part("application/pdf; name=a.pdf", "PDF")
EMPTY = part("text/html", "<html><head><title>x</title></head><body>&nbsp;<br></body></html>")
NAMED = part("text/html", "<p>Angebot</p>", "Content-Disposition: inline; filename=angebot.html")


@pytest.mark.parametrize(("content", "seen", "named"), [
    (multipart("mixed", HTML, PDF, MORE), ["<p>Beta</p>", "<p>Gamma</p>"], ["a.pdf"]),
    (multipart("alternative", PLAIN, multipart("mixed", HTML, PDF, MORE)), ["<p>Beta</p>", "<p>Gamma</p>"], ["a.pdf"]),
    (multipart("mixed", PLAIN, HTML), ["Alpha", "<p>Beta</p>"], []),
    (multipart("mixed", HTML, FOOTER), ["<p>Beta</p>", "Liste"], []),
    (multipart("mixed", multipart("alternative", PLAIN, HTML), FOOTER), ["<p>Beta</p>", "Liste"], []),
    (multipart("mixed", PLAIN, NAMED), ["Alpha"], ["angebot.html"]),
    (multipart("mixed", multipart("alternative", PLAIN, HTML), NAMED), ["<p>Beta</p>"], ["angebot.html"]),
    (NAMED, ["<p>Angebot</p>"], []),
    (multipart("alternative", PLAIN, NAMED), ["<p>Angebot</p>"], []),
    (multipart("alternative", PLAIN, EMPTY), ["Alpha"], []),
    (multipart("alternative", PLAIN, multipart("related", HTML, PDF)), ["<p>Beta</p>"], ["a.pdf"]),
    (multipart("alternative", HTML, PLAIN), ["Alpha"], []),
    (multipart("alternative", PLAIN, part("text/calendar", "BEGIN:VCALENDAR")), ["Alpha"], [""]),
    (multipart("mixed", EMPTY, PDF), [], ["a.pdf"]),
])
def test_every_text_is_shown_or_a_file(content: str, seen: list[str], named: list[str]) -> None:
    """As other mail programs do it: of alternatives the last that says something, of all else each."""
    assert (shown(mail(content)), files(mail(content))) == (seen, named)


@pytest.mark.parametrize(("content", "text"), [
    (multipart("mixed", HTML, FOOTER), "\nBeta\n\nListe"),
    (multipart("mixed", multipart("alternative", PLAIN, HTML), FOOTER), "Alpha\nListe"),
    (multipart("alternative", PLAIN, HTML), "Alpha"),
    (multipart("alternative", PLAIN, EMPTY), "Alpha"),
    (HTML, None),
    (multipart("alternative", part("text/plain", ""), HTML), None),
])
def test_the_letter_in_plain_text_lacks_nothing(content: str, text: str | None) -> None:
    """The form without HTML where there is one, else the words of the HTML."""
    assert display.bodies(mail(content)).text == text


@pytest.mark.parametrize("kind", ["application/pkcs7-signature", "application/x-pkcs7-signature"])
@pytest.mark.parametrize("field", ["X: x", "Content-Disposition: attachment; filename=smime.p7s"])
def test_a_signature_of_smime_is_no_file(kind: str, field: str) -> None:
    """Outlook, Thunderbird and Apple Mail all call it an attachment, and none of them shows it as one."""
    assert files(mail(multipart("signed", PLAIN, part(f"{kind}; name=smime.p7s", "MIIB", field)))) == []


def test_words_of_all_bodies_are_found() -> None:
    """HTML is passed over only where its own plain form says enough."""
    long = part("text/plain", LONG)
    beside = message.parse(mail(multipart("mixed", long, HTML, MORE))).text
    assert beside.split()[-2:] == ["Beta", "Gamma"]
    instead = message.parse(mail(multipart("mixed", multipart("alternative", long, HTML), MORE))).text
    assert "Beta" not in instead and "Gamma" in instead
    sparse = message.parse(mail(multipart("mixed", multipart("alternative", PLAIN, HTML), long))).text
    assert "Alpha" in sparse and "Beta" in sparse


PICTURE = part("image/gif; name=IMG_0001.gif", "GIF89a", "Content-Id: <A1B2@icloud>")
INLINE = PICTURE.replace("\r\n\r\n", "\r\nContent-Disposition: inline; filename=IMG_0001.gif\r\n\r\n")


ATTACHED = INLINE.replace("inline", "attachment")


@pytest.mark.parametrize("picture", [PICTURE, INLINE])
@pytest.mark.parametrize(("text", "is_file"), [
    (PLAIN, True),
    (HTML, True),
    (part("text/html", "<p>cid:A1B2@icloud <!-- <img src='cid:A1B2@icloud'> --></p>"), True),
    (part("text/html", "<p><img alt='>' src=cid:a1b2%40ICLOUD></p>"), False),
    (part("text/html", "<IMG SRC=' cid:A1B2@icloud'>"), False),
    (part("text/html", "<td background='cid:A1B2@icloud'>Wort"), False),
    (part("text/html", "<p style=\"background:#fff url('cid:A1B2@icloud')\">Wort"), False),
    (part("text/html", "<style>p{background-image:url(cid:A1B2@icloud)}</style><p>Wort"), False),
    (part("text/html", "<p style='color:url(cid:A1B2@icloud)'>Wort"), True),
    (part("text/html", "<ul style='list-style:url(cid:A1B2@icloud)'><li>Wort"), False),
    (part("text/html", "<p style='border-image:url(cid:A1B2@icloud) 3'>Wort"), False),
    (part("text/html", "<img src='file:///C:/Users/Anna%20M/img_0001.GIF'>"), False),
    (part("text/html", "<img src='C:\\Temp\\IMG_0001.gif'>"), False),
    (part("text/html", "<img src='\\\\server\\a\\IMG_0001.gif'>"), False),
    (part("text/html", "<img src='IMG_0001.gif'>"), False),
    (part("text/html", "<img src='http://h.example/IMG_0001.gif'>"), True),
    (part("text/html", "<img src='//h.example/IMG_0001.gif'>"), True),
    (multipart("alternative", PLAIN, part("text/html", '<img src="cid:A1B2@icloud">')), False),
    (multipart("alternative", part("text/html", '<img src="cid:A1B2@icloud">'), PLAIN), True),
])
def test_a_picture_that_no_text_shows_is_a_file(text: str, picture: str, is_file: bool) -> None:
    """A Content-ID alone says nothing: telephones give one to every picture."""
    octets = mail(multipart("mixed", text, picture))
    assert files(octets) == (["IMG_0001.gif"] if is_file else [])
    assert message.parse(octets).attachment_count == is_file


def located(source: str, page: str, location: str, whole: str = "", body: str = "GIF89a") -> bytes:
    """HTML with a picture, and where each is from."""
    fields = [[f"Content-Location: {each}"] if each else [] for each in (page, location, whole)]
    related = multipart("related", part("text/html", source, *fields[0]), part("image/gif", body, *fields[1]))
    return mail("".join(f"{line}\r\n" for line in fields[2]) + related)


SHOWN = [
    ("<img src=image001.gif>", "", "image001.gif", ""),
    ("<img src='mein%20bild.gif'>", "", "mein bild.gif", ""),
    ("<img src='http://h.example/a.gif#x'>", "", "http://h.example/a.gif", ""),
    ("<img src='/a.gif'>", "http://h.example/b/c.html", "http://h.example/a.gif", ""),
    ("<img src='http://h.example/b/a.gif'>", "http://h.example/b/c.html", "a.gif", ""),
    ("<img src='a.gif'>", "http://h.example/b/c.html", "a.gif", ""),
    ("<img src='a.gif'>", "", "http://h.example/b/a.gif", "http://h.example/b/c.html"),
    ("<img src='b/a.gif'>", "http://h.example/c.html", "a.gif", "http://h.example/b/"),
    ("<base href='http://h.example/b/'><img src='a.gif'>", "", "http://h.example/b/a.gif", ""),
    ("<img src='a.gif'>", "b/c.html", "b/a.gif", ""),
    ("<img src='http://h.example/lang/a.gif'>", "", "http://h.example/lang/\r\n a.gif", ""),
    ("<img src='Grüße.gif'>", "", "=?utf-8?Q?Gr=C3=BC=C3=9Fe=2Egif?=", ""),
    ("<p style='background:url(\"a.gif\")'>Wort", "", "a.gif", ""),
]
HIDDEN = [
    ("<img src='http://[h.example/a.gif'>", "http://[x/", "a.gif", ""),
    ("<img src='http://other.example/b/a.gif'>", "http://h.example/b/c.html", "a.gif", ""),
    ("<img src='x/a.gif'>", "", "a.gif", ""),
    ("<img src='#'><img src=''>", "http://h.example/", "", ""),
]


@pytest.mark.parametrize("text", [
    "<img src='cid:A1B2@icloud'>", "<div style='display:none'><img src='cid:A1B2@icloud'></div>",
    "<style>.nobody{background:url(cid:A1B2@icloud)}</style><p>Wort", "<img src='IMG_0001.gif'>",
])
def test_what_is_marked_as_an_attachment_is_one(text: str) -> None:
    """Whatever refers to it: a reference that nobody sees would hide the file from lists and searches."""
    octets = mail(multipart("mixed", part("text/html", text), ATTACHED))
    assert files(octets) == ["IMG_0001.gif"]
    assert message.parse(octets).attachment_count == 1


def test_a_file_beside_the_picture_like_it() -> None:
    """Somebody attached what the text shows as well: both are there."""
    shows = part("text/html", "<img src='cid:A1B2@icloud'>")
    again = ATTACHED.replace("A1B2", "other").replace("IMG_0001", "logo")
    assert files(mail(multipart("mixed", shows, PICTURE, again))) == ["logo.gif"]


def test_a_file_name_of_two_pictures_means_neither() -> None:
    """Better none than the wrong one."""
    two = [PICTURE.replace("A1B2", each).replace("GIF89a", f"GIF89a{each}") for each in "ab"]
    octets = mail(multipart("mixed", part("text/html", "<img src='file:///IMG_0001.gif'>"), *two))
    assert files(octets) == ["IMG_0001.gif"] * 2


@pytest.mark.parametrize(("whole", "picture"), [
    ("Content-Base: http://h.example/b/", "Content-Location: a.gif"),
    ("Content-Base: http://h.example/b/\r\nContent-Location: http://other.example/", "Content-Location: a.gif"),
    ("X: x", "Content-Base: http://h.example/b/\r\nContent-Location: a.gif"),
])
def test_a_picture_by_content_base(whole: str, picture: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 2110: the base of what is around it, or its own."""
    html = part("text/html", "<img src='http://h.example/b/a.gif'>")
    octets = mail(f"{whole}\r\n" + multipart("related", html, part("image/gif; name=b.gif", "GIF89a", picture)))
    assert files(octets) == []
    parts = mime.take_apart(octets).parts

    def refuse(*_: object, **__: object) -> None:
        raise ValueError

    monkeypatch.setattr("fast_mail_parser.parse_email_tree", refuse)
    assert mime.take_apart(octets).parts == parts


@pytest.mark.parametrize(("source", "page", "location", "whole"), SHOWN + HIDDEN)
def test_a_picture_by_its_location(
    source: str, page: str, location: str, whole: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RFC 2557: relative to the base of the HTML or of what is around it, else by the name as it stands."""
    octets = located(source, page, location, whole)
    is_shown = (source, page, location, whole) in SHOWN
    assert message.parse(octets).attachment_count == (not is_shown)
    by_fast = mime.take_apart(octets)

    def refuse(*_: object, **__: object) -> None:
        raise ValueError

    monkeypatch.setattr("fast_mail_parser.parse_email_tree", refuse)
    assert mime.take_apart(octets).parts == by_fast.parts


@pytest.mark.parametrize(("kind", "body"), [
    ("text/html", "GIF89a<p>x"), ("image/svg+xml", "<svg xmlns='http://www.w3.org/2000/svg'/>"), ("image/gif", ""),
])
def test_what_browsers_show_as_no_picture_is_a_file(kind: str, body: str) -> None:
    """Whatever it is called: it stands in no text."""
    disposition = "Content-Disposition: attachment" if kind == "text/html" else "X: x"
    picture = part(kind, body, "Content-ID: <a>", disposition)
    octets = mail(multipart("related", part("text/html", "<img src=cid:a>"), picture))
    assert display.bodies(octets).inline == {} and message.parse(octets).attachment_count == 1


@pytest.mark.parametrize(("bodies", "count"), [(("GIF89a 1", "GIF89a 2"), 1), (("GIF89a 1", "GIF89a 1"), 0)])
def test_two_pictures_of_one_name(bodies: tuple[str, ...], count: int) -> None:
    """One is shown; the other is a file unless it is the same."""
    pictures = [part("application/octet-stream", body, "Content-ID: <a>") for body in bodies]
    octets = mail(multipart("related", part("text/html", "<img src=cid:a>"), *pictures))
    assert display.bodies(octets).inline == {"cid:a": 2} and message.parse(octets).attachment_count == count


def test_a_thousand_pictures_in_as_many_texts() -> None:
    """Each name is looked at once, not once for each text."""
    parts = [part("image/gif", f"GIF89a{n}", f"Content-Location: {n}.gif") for n in range(490)]
    parts += [part("text/html", f"<img src={n}.gif>", f"Content-Location: http://h.example/{n}/") for n in range(490)]
    assert message.parse(mail(multipart("mixed", *parts))).attachment_count == 0


BROKEN = [
    "multipart/mixed", "multipart/mixed; boundary=zz", 'multipart/mixed; boundary="a;b"',
    "multipart/mixed; boundary=a;b (x)",
]


@pytest.mark.parametrize("field", BROKEN)
def test_a_multipart_without_a_usable_boundary_has_parts(field: str) -> None:
    """The lines say what the field does not."""
    octets = mail(f"Content-Type: {field}\r\n\r\n--a;b\r\n{PLAIN}--a;b\r\n{PDF}--a;b--\r\n")
    assert (shown(octets), files(octets)) == (["Alpha"], ["a.pdf"])


def test_a_multipart_without_any_boundary_is_one_text() -> None:
    """And it is said; also within another."""
    alone = mail("Content-Type: multipart/mixed\r\n\r\nAlpha\r\n-- \r\nAnna\r\n")
    assert shown(alone) == ["Alpha\n-- \nAnna"]
    assert message.parse(alone).defect == "a multipart has no usable boundary"
    within = mail(multipart("mixed", PLAIN, part("multipart/alternative; boundary=none", "Verloren"), PDF))
    assert (shown(within), files(within)) == (["Alpha", "Verloren"], ["a.pdf"])
    assert "Verloren" in message.parse(within).text


@pytest.mark.parametrize("names", [("b", "b_alt"), ("==_", "==_.REL", "==_.REL.ALT")])
def test_a_boundary_that_begins_with_the_one_around_it(names: tuple[str, ...]) -> None:
    """As Eudora and many PHP programs write them (RFC 2046 section 5.1.1 wants none): the letter is shown once.

    The parts keep the positions by which the archive has them.
    """
    inner = f"--{names[-1]}\r\n{PLAIN}--{names[-1]}\r\n{HTML}--{names[-1]}--\r\n"
    kind = "alternative"
    for name, around in zip(names[:0:-1], names[-2::-1], strict=True):
        head = f'Content-Type: multipart/{kind}; boundary="{name}"\r\n\r\n'
        inner, kind = f"--{around}\r\n{head}{inner}\r\n--{around}\r\n{PDF}--{around}--\r\n", "mixed"
    octets = mail(f'Content-Type: multipart/mixed; boundary="{names[0]}"\r\n\r\n{inner}')
    assert (shown(octets), files(octets)) == (["<p>Beta</p>"], ["a.pdf"] * (len(names) - 1))
    found = display.bodies(octets)
    assert found.text == "Alpha"
    assert [display.leaf(octets, each.position).payload.strip() for each in found.attachments] == [b"PDF"] * (
        len(names) - 1
    )
    assert [each.position for each in found.attachments] == [3, 5][: len(names) - 1]


def test_unreadable_messages_with_other_octets_are_other_letters() -> None:
    """Nothing that differs has the digest that links two images to one letter."""
    def digests(read: Callable[[bytes], message.ParsedMessage]) -> set[str]:
        return {
            read(mail(f"Content-Type: multipart/mixed\r\n\r\n{text}")).body_sha256 for text in ("eins", "zwei")
        }

    assert len(digests(message.parse)) == 2
    assert len(digests(lambda octets: message.parse_header(octets, "too much"))) == 2
    assert len(digests(lambda octets: message.unread(octets, "too much"))) == 2


def test_the_digest_of_an_ordinary_mail_is_what_it_was() -> None:
    """Images that were archived before are linked to those that come now."""
    octets = mail("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" + PLAIN + "--b\r\n" + HTML + "--b--\r\n")
    assert message.parse(octets).body_sha256 == "b3c32770c30a69da61fea005ab86a1ef88a8c328e984e1fd57d4adc0bca9ed43"


@pytest.mark.parametrize("encoding", ["base64;", '"base64"', "base64 (x)", "BASE64", " base64"])
def test_an_encoding_however_it_is_written(encoding: str) -> None:
    """With a semicolon, in quotes, with a comment."""
    body = base64.b64encode("Grüße".encode()).decode()
    field = f"Content-Transfer-Encoding: {encoding}"
    assert shown(mail(part("text/plain; charset=utf-8", body, field))) == ["Grüße"]


@pytest.mark.parametrize("text", ["Grüße", "Grüß", "Grü", "abcdef" * 30])
def test_base64_before_the_footer_of_a_list(text: str) -> None:
    """The list wrote plain words behind it; both can be read."""
    body = base64.encodebytes(text.encode()).decode()
    footer = "_______\r\nListe an firma.example\r\nhttps://liste.example"
    octets = mail(part("text/plain; charset=utf-8", f"{body}{footer}", "Content-Transfer-Encoding: base64"))
    assert shown(octets) == [f"{text}\n{footer}".replace("\r", "")]


def test_octets_in_quoted_printable_that_it_cannot_have_are_kept() -> None:
    """Some programs declare what they do not do. Beside such a part, others are read as ever."""
    quoted = "Content-Transfer-Encoding: quoted-printable"
    octets = mail(part("text/plain; charset=utf-8", "Grüße =C3=A4 x=\r\ny", quoted))
    assert shown(octets) == ["Grüße ä xy"]
    clean = multipart("mixed", part("text/plain; charset=utf-8", "Grüße"), part("text/html", "<p>=C3=A4</p>", quoted))
    assert mime.take_apart(mail(clean)).parser == "fast"
    assert shown(mail(clean)) == ["Grüße", "<p>ä</p>"]


@pytest.mark.parametrize("kind", ["text", "TEXT; charset=utf-8", "text/plain (old)"])
def test_old_ways_to_say_text(kind: str) -> None:
    """It is a body."""
    assert (shown(mail(part(kind, "Alpha"))), files(mail(part(kind, "Alpha")))) == (["Alpha"], [])


@pytest.mark.parametrize("field", ["text/plain", "text/plain; charset=us-ascii", "text/plain; charset=utf-8"])
@pytest.mark.parametrize(("octets", "text"), [
    (b"\x1b$BF|K\\8l\x1b(B", "日本語"), (b"\x1b$)C\x0e>H3g\x0f", "안녕"), (b"\x1b$ 5", "\x1b$ 5"),
    (b"a \xed\xa0\xbd\xed\xb8\x80", "a 😀"),
])
def test_what_octets_say_themselves(field: str, octets: bytes, text: str) -> None:
    """ISO-2022 without its name, which is of seven bits like ASCII, and UTF-8 of programs that have UTF-16."""
    whole = mail(f"Subject: x\r\nContent-Type: {field}\r\n\r\n") + octets
    assert shown(whole) == [text]
    assert message.parse(whole).text == text.replace("\x1b", "")


def test_no_raw_nul_in_a_page() -> None:
    """It would end the page in some browsers."""
    assert shown(mail(part("text/plain", "a\0b"))) == ["a\N{REPLACEMENT CHARACTER}b"]
    found = display.bodies(mail(part("text/html", "a\0b"))).shown
    assert found == (Body(is_html=True, text="a\N{REPLACEMENT CHARACTER}b\n"),)


def test_a_forwarded_message_is_found_by_all_it_holds() -> None:
    """Its text, also in HTML, and the names of its files."""
    innermost = part("message/rfc822", multipart("mixed", part("image/png; name=b.png", "x")))
    inner = multipart("mixed", HTML, PDF, innermost)
    text = message.parse(mail(multipart("mixed", PLAIN, part("message/rfc822", inner)))).text
    assert text.split() == ["Alpha", "Beta", "a.pdf", "b.png"]


def test_long_bases_cost_nothing() -> None:
    """Each reference is read beside each base: 400 kB of one took the parser's whole time."""
    base = "http://x.example/" + "a/" * 200_000
    html = f'<base href="{base}">' + "".join(f'<img src="b{number}.png">' for number in range(2_000))
    octets = (
        b"Content-Type: multipart/related; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n" + html.encode()
        + b"\r\n--b\r\nContent-Type: image/png\r\nContent-Location: b7.png\r\n\r\n\x89PNG\r\n\x1a\n\r\n--b--\r\n"
    )
    began = time.thread_time()  # what others do meanwhile does not count
    parsed = message.parse(octets)
    assert time.thread_time() - began < 5
    assert [part.is_attachment for part in parsed.parts] == [False, False]


@pytest.mark.parametrize("line", [b"--Content-Type : text/plain\n", b"--a:\n", b"--a\n", b"--a\nb:\n", b"--a\n\n"])
def test_what_may_begin_a_part_or_be_a_field_is_looked_at_once(line: bytes) -> None:
    """A megabyte of such lines took a minute."""
    head = b"Content-Type: multipart/mixed; boundary=b\n\n--b\n"
    assert times_as_long(lambda count: mime.take_apart(head + line * count), 1_000) < 10


def test_nested_multiparts_without_boundaries_are_not_read_anew_for_each() -> None:
    """Ninety of them took 10 s for a megabyte, and then nothing of the letter was shown."""
    def nested(count: int) -> bytes:
        level = b"Content-Type: multipart/mixed; boundary=never%d\r\n\r\n--b%d\r\n"
        return b"".join(level % (n, n) for n in range(count)) + part("text/plain", "Alpha\r\n" * 20_000).encode()

    assert times_as_long(lambda count: mime.take_apart(nested(count)), 22) < 3
    assert shown(nested(88))[0].endswith("Alpha")
    assert shown(nested(2))[0].split() == ["Alpha"] * 20_000


def test_xhtml_is_html_and_a_file_only_with_a_name() -> None:
    """RFC 3236. As the letter, as a form of it, and beside it; the digest of the bodies stays that of a file."""
    page = '<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><body><p>Alpha</p></body></html>'
    xhtml = part("application/xhtml+xml; charset=utf-8", page)
    assert shown(mail(xhtml)) == [page] and files(mail(xhtml)) == []
    assert message.parse(mail(xhtml)).text == "Alpha"
    assert message.parse(mail(xhtml)).body_sha256 == sha256(sha256(f"{page}\r\n".encode()).digest()).hexdigest()
    assert shown(mail(multipart("alternative", part("text/plain", "Beta"), xhtml))) == [page]
    beside = multipart("mixed", part("text/plain", "Beta"), part('application/xhtml+xml; name="a.xhtml"', page))
    assert shown(mail(beside)) == ["Beta"] and files(mail(beside)) == ["a.xhtml"]
