"""What the page of a letter shows of its texts and pictures, from the octets to the frame."""

import base64
import re
from collections.abc import Iterator
from html import unescape

import pytest
from container_files import BINARY, ENVELOPED, RTF, lzfu, signed, text, tnef, tnef_file
from flask.testing import FlaskClient
from indexed import follow
from web_archive import ADMIN, ADMIN_PASSWORD, ANNA, Filling, application, archive, ingest, old

from postbuch.archive import database, letterfacts
from postbuch.archive.database import Role
from postbuch.archive.errors import NotFound
from postbuch.webmail import letterfiles, reading
from postbuch.webmail.reading import Reader, Reading
from postbuch.webmail.services import services
from provider.archive import read_files

PNG = base64.b64encode(bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360f8cfc0f01f00050002"
    "01a5d6f0c70000000049454e44ae426082"
))  # fmt: skip


def mixed(*parts: bytes, subject: bytes = b"Bodies") -> bytes:
    """A message of these parts."""
    return (
        b"From: lena@kunde.example\r\nTo: anna@firma.example\r\nSubject: %s\r\nMessage-ID: <%s@kunde.example>\r\n"
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n%s--b--\r\n"
    ) % (subject, subject, b"".join(b"--b\r\nContent-Type: %s\r\n" % part for part in parts))


def picture(name: bytes) -> bytes:
    """As telephones send them."""
    return (
        b"image/png; name=%s\r\nContent-Disposition: inline; filename=%s\r\nContent-Id: <%s@icloud>\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\n%s\r\n"
    ) % (name, name, name, PNG)


def packed(kind: bytes, octets: bytes) -> bytes:
    """As Outlook and Exchange send what they pack."""
    return b"%s\r\nContent-Transfer-Encoding: base64\r\n\r\n%s\r\n" % (kind, base64.encodebytes(octets))


WINMAIL = tnef(
    {0x1009: (BINARY, lzfu(RTF.replace(b"hundert", b"hundert<script>alert(1)</script>"))), 0x0037: text("Angebot")},
    tnef_file("Preisliste.txt", b"Zahnriemen"), tnef_file("Skizze.png", base64.b64decode(PNG) + b"x"),
)
UNCLOSED = b"text/html\r\n\r\n<style>p{color:red}</style><table><tr><td>Alpha<!-- <script>\r\n"
PLAIN = b"text/plain\r\n\r\nListe <b> https://liste.example\r\n"
LAST = b"text/html\r\n\r\n<style>b{color:blue}</style><p>Gamma</p><img src='cid:b.png@icloud'>"
LAST += b"<img src=https://x.example/>\r\n"
OLD_PROGRAM = (
    b"Sender: Emil Alt <emil@alt.example>\r\nSubject: Alt\r\n\r\nSiehe Anlage\r\nbegin 644 brief.txt\r\n"
    b"(0G)I969T97@`\r\n`\r\nend\r\n"
)
LINKED = b"text/html\r\n\r\n<link rel=stylesheet href=cid:s@x><p class=x>Wort</p>\r\n"
SHEET = (
    b"text/css; name=s.css\r\nContent-ID: <s@x>\r\n\r\n"
    b".x{color:green;position:fixed;background:url(https://x.example/a.png)}</style><script>alert(1)</script>\r\n"
)


HEAD = (
    b"<p>Von: Lena<br>Gesendet: 3.3.2026 12:00<br>An: Anna<br>Betreff: Quittung</p><p>Alles von vorher</p>\r\n"
)
# What a form on a page sends, an answer in HTML and one in text, and a letter that passes another on.
ANSWERS = (
    mixed(b"text/html\r\n\r\n<p>Nachricht von unserer Seite</p>" + HEAD, subject=b"Formular"),
    mixed(b"text/html\r\n\r\n<p>Danke sehr</p>" + HEAD, subject=b"AW: Quittung"),
    mixed(b"text/plain\r\n\r\nDanke sehr\r\n\r\n> Alles von vorher\r\n", subject=b"AW: Beleg"),
    mixed(b"text/html\r\n\r\n<p>Anna Berg, Einkauf</p>" + HEAD, subject=b"WG: Buchung"),
)


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    made = Reader()
    yield made
    made.close()


def read(reader: Reader, octets: bytes) -> Reading:
    """The message ready to be shown; each as a letter of its own."""
    return reader.read(hash(octets), 1, lambda: octets, lambda position: f"/inline/{position}")


def test_no_text_swallows_the_next(reader: Reader) -> None:
    """Whatever one leaves open, the next stands behind it; styles and blocked images are those of all."""
    found = read(reader, mixed(UNCLOSED, PLAIN, LAST, picture(b"b.png"))).html
    assert found is not None
    places = [found.html.index(words) for words in ("Alpha", "Liste &lt;b&gt;", "Gamma", "/inline/3")]
    assert places == sorted(places) and found.html.count("<div data-part>") == 3
    assert "</table></div>" in found.html and 'href="https://liste.example"' in found.html
    assert "red" in found.sheet and "blue" in found.sheet
    assert (found.remote_images, found.truncated) == (1, False)


def test_too_many_texts_are_cut_and_that_is_said(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each takes time to be made harmless."""
    monkeypatch.setattr(reading, "_SHOWN", 2)
    found = read(reader, mixed(*[b"text/html\r\n\r\n<p>Wort</p>\r\n"] * 3))
    assert found.html is not None and found.html.html.count("Wort") == 2
    assert found.truncated


@pytest.mark.parametrize("length", [100, 20_000])
def test_a_text_in_place_of_html_says_where_it_is_cut(reader: Reader, length: int) -> None:
    """What cannot be made harmless is shown by its words, of which the archive keeps the first."""
    found = read(reader, mixed(b"text/html\r\n\r\n" + b"<div>" * 5_000 + b"Wort " * length + b"\r\n"))
    assert found.unsafe and found.text is not None and found.text.startswith("Wort Wort")
    assert found.truncated is (length > 10_000)


def test_one_html_is_shown_as_it_is(reader: Reader) -> None:
    """No border around it."""
    found = read(reader, mixed(LAST)).html
    assert found is not None and "data-part" not in found.html


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    """An admin before an archive with such letters."""
    with archive(tmp_path_factory.mktemp("bodies") / "data", "127.0.0.1:1") as config:
        filling = Filling()
        pictures = (picture(b"a.png"), picture(b"b.png"))
        filling.add(mixed(UNCLOSED, PLAIN, LAST, *pictures, subject=b"Texte"), ANNA, at=old(2))
        filling.add(mixed(PLAIN, picture(b"IMG_0001.png"), subject=b"Telefon"), ANNA, at=old(2))
        filling.add(mixed(LAST, picture(b"b.png"), subject=b"Darin"), ANNA, at=old(2))
        filling.add(b"Subject: Nullen\r\n\r\na\0b\r\n", ANNA, at=old(2))
        filling.add(OLD_PROGRAM, ANNA, at=old(2))
        filling.add(mixed(LINKED, SHEET, subject=b"Blatt"), ANNA, at=old(2))
        winmail = packed(b"application/ms-tnef; name=winmail.dat", WINMAIL)
        filling.add(mixed(winmail, subject=b"Outlook"), ANNA, at=old(2))
        inside = signed(b"Content-Type: text/html\r\n\r\n<p>Zahlungserinnerung</p>")
        for subject, octets in ((b"Signiert", inside), (b"Geheim", ENVELOPED)):
            smime = packed(b"application/pkcs7-mime; name=smime.p7m", octets)
            filling.add(mixed(smime, subject=subject), ANNA, at=old(2))
        for octets in ANSWERS:
            filling.add(octets, ANNA, at=old(2))
        ingest(config, filling.records)
        engine = database.engine(config, Role.INGEST)
        read_files(config, engine)
        follow(config, engine)
        engine.dispose()
        with application(config) as app:
            made = app.test_client()
            made.environ_base["HTTP_ACCEPT_LANGUAGE"] = "en"
            token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', made.get("/login").text)
            assert token
            made.post("/login", data={"csrf_token": token[1], "login": ADMIN, "password": ADMIN_PASSWORD})
            yield made


def letter(client: FlaskClient, subject: str) -> tuple[str, str]:
    """The page and its frame."""
    number = re.search(r'href="/m/(\d+)', client.get("/", query_string={"q": f"subject:{subject}"}).text)
    assert number
    page = client.get(f"/m/{number[1]}").text
    return page, framed(client, page)


def framed(client: FlaskClient, page: str) -> str:
    """What the frame of the page shows."""
    place = re.search(r'<iframe class="body[" ][^>]*src="([^"]+)"', page)
    assert place
    return client.get(unescape(place[1])).text


def test_all_texts_of_a_letter_are_on_its_page(client: FlaskClient) -> None:
    """And each picture stands in the text or among the files."""
    page, frame = letter(client, "Texte")
    assert all(words in frame for words in ("Alpha", "Liste &lt;b&gt;", "Gamma"))
    assert "Download a.png" in page and "Download b.png" not in page
    assert re.search(r'<img src="/m/\d+/inline/\d+/4"', frame)


@pytest.mark.parametrize(("subject", "is_folded"), [
    ("Quittung", True), ("Beleg", True), ("Buchung", False), ("Formular", False),
])  # fmt: skip
def test_what_an_answer_quotes_is_folded(client: FlaskClient, subject: str, is_folded: bool) -> None:
    """In a topic and on its own page, but not in what passes it on, nor in a letter that answers none."""
    page, frame = letter(client, subject)
    number = re.search(r'href="/m/(\d+)/topic', page)
    assert number
    for inside in (frame, framed(client, client.get(f"/m/{number[1]}/opened").text)):
        before, control, behind = inside.partition("<details data-quoted><summary>Quoted text</summary>")
        assert "Alles von vorher" in (behind if is_folded else before)
        assert bool(control) is is_folded


def test_what_a_search_found_is_not_folded(client: FlaskClient) -> None:
    """It may stand in the quote."""
    found = client.get("/", query_string={"q": "subject:Quittung"}).text
    place = re.search(r'href="(/m/\d+\?[^"]*q=[^"]*)"', found)
    assert place
    frame = framed(client, client.get(unescape(place[1])).text)
    assert "Alles von vorher" in frame and "<details" not in frame


def test_the_pictures_of_a_telephone_are_files(client: FlaskClient) -> None:
    """On the page, among the media, and for a search; one that the text shows is none."""
    assert "Download IMG_0001.png" in letter(client, "Telefon")[0]
    assert "Download b.png" not in letter(client, "Darin")[0]
    found = client.get("/", query_string={"q": "has:attachment"}).text
    assert "Telefon" in found and "Darin" not in found
    assert client.get("/media", query_string={"q": "(name~equals~IMG_0001.png)"}).text.count('href="/media/')


def test_no_raw_nul_in_the_frame(client: FlaskClient) -> None:
    """Some browsers end the page there."""
    frame = letter(client, "Nullen")[1]
    assert "a\N{REPLACEMENT CHARACTER}b" in frame and "\0" not in frame


def test_a_letter_of_an_old_program(client: FlaskClient) -> None:
    """Its file is listed, found, opened and searched; its sender is said to be one."""
    page, body = letter(client, "Alt")
    assert "Siehe Anlage" in body and "begin 644" not in body
    assert re.search(r"<dt>Sender</dt><dd>.*?Emil Alt", page, re.DOTALL) and "<dt>From</dt>" not in page
    href = re.search(r'href="([^"]+)" download aria-label="Download brief.txt"', page)
    assert href and client.get(href[1]).data == b"Brieftex"
    for query in ("from:emil@alt.example", "filename:brief.txt", "from:Emil has:attachment"):
        assert "Alt" in client.get("/", query_string={"q": query}).text


def test_a_style_sheet_of_its_own_is_made_harmless(client: FlaskClient) -> None:
    """What colours is there, what acts or loads is not, and it is no file."""
    page, frame = letter(client, "Blatt")
    assert "color:green" in frame.replace(" ", "") and "Download s.css" not in page
    assert not any(each in frame for each in ("fixed", "x.example", "<script", "alert(1)"))


def test_what_outlook_packs_is_on_the_page(client: FlaskClient) -> None:
    """Its text, harmless; its files by name, with where they come from, previewed and found by their words."""
    page, frame = letter(client, "Outlook")
    assert "Angebot für Straßen" in frame and "<b>hundert</b>" in frame and "script" not in frame
    assert page.count("B from winmail.dat") == 2 and "Download winmail.dat" in page and "/tile/" in page
    for name, octets in (("Preisliste.txt", b"Zahnriemen"), ("winmail.dat", WINMAIL)):
        place = re.search(rf'<a[^>]*href="([^"]+/attachment/[^"]+)"[^>]*Download {name}', page)
        assert place and client.get(place[1]).data == octets
    preview = re.search(r'href="([^"]+/preview/[^"]+)"[^>]*Open Preisliste.txt', page)
    assert preview and client.get(preview[1]).content_type == "text/plain; charset=utf-8"
    for words in ("Strassen", "Zahnriemen", "filename:Preisliste"):
        assert "Outlook" in client.get("/", query_string={"q": words}).text


def test_files_without_rows_are_given_out(client: FlaskClient) -> None:
    """Letters that were archived before have none for what is in their containers; the page offers it all the same."""
    place = re.search(r"/m/(\d+)/body/(\d+)", letter(client, "Outlook")[0])
    assert place
    with client.application.app_context():
        with services().transaction() as conn:
            facts = letterfacts.read(conn, int(place[1]))
        known = {part["position"]: part for part in facts["parts"]}
        facts["parts"] = [known[0]]
        number = next(position for position, part in known.items() if part["file_name"] == "Preisliste.txt")
        found = letterfiles.part_of(facts, int(place[2]), number)
        assert found == {name: known[number][name] for name in found} and found["size_octets"] == 10
        for image_id, position in ((int(place[2]), 99), (int(place[2]) + 1, number)):  # of another letter
            with pytest.raises(NotFound):
                letterfiles.part_of(facts, image_id, position)


def test_a_letter_within_its_signature_is_on_the_page(client: FlaskClient) -> None:
    """It is found and read like any other; one that is encrypted says so and stays a file."""
    page, frame = letter(client, "Signiert")
    assert "Zahlungserinnerung" in frame and "has not checked the signature" in page
    assert "Download smime.p7m" not in page and "is encrypted" not in page
    assert "Signiert" in client.get("/", query_string={"q": "Zahlungserinnerung"}).text
    number = re.search(r'href="/m/(\d+)', client.get("/", query_string={"q": "subject:Geheim"}).text)
    assert number
    sealed = client.get(f"/m/{number[1]}").text
    assert "is encrypted; only the recipient" in sealed and "has no text" not in sealed
    assert "Download smime.p7m" in sealed


def test_files_are_listed_where_a_letter_was_archived_before_containers_were_opened(reader: Reader) -> None:
    """There are no rows of them then."""
    found = read(reader, mixed(packed(b"application/ms-tnef; name=winmail.dat", WINMAIL)))
    row = {"image_id": 1, "position": 0, "content_type": "application/ms-tnef", "is_attachment": True}
    names = [each.get("file_name") for each in letterfiles.files_of({"parts": [row]}, 1, found)]
    assert names == ["winmail.dat", "Preisliste.txt", "Skizze.png"]
