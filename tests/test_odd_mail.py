"""Mail that old or broken programs wrote is read as people mean it, and kept and linked as it stands."""

import base64
import binascii
import time

import pytest
from written_mail import files, mail, multipart, part, shown

from postbuch.archive import display, legible, message, uuencoded

FORK = "application/applefile"
HTML, PDF = part("text/html", "<p>Beta</p>"), part("application/pdf; name=a.pdf", "PDF")


@pytest.mark.parametrize(("kind", "text"), [
    ("html", "<p>x</p>"), ("text html", "<p>x</p>"), ("text\\html", "<p>x</p>"), ("/html", "<p>x</p>"),
    ('"text/html"', "<p>x</p>"), ("text/html charset=utf-8", "<p>x</p>"), ("text/htm", "<p>x</p>"),
    ("text", "x"), ("plain", "x"), ("text/", "x"), ("charset=utf-8", "Grüße"), ("plain/text", "x"), ("text/text", "x"),
    ("us-ascii", "x"), ("none", "<html><p>x"),
])
@pytest.mark.parametrize("is_fast", [True, False])
def test_a_content_type_that_is_none(kind: str, text: str, is_fast: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Text or HTML, for both parsers."""
    octets = mail(part(kind, text))
    if not is_fast:
        monkeypatch.setattr("fast_mail_parser.parse_email_tree", lambda *_, **__: binascii.unhexlify("x"))
    bodies = display.bodies(octets)
    assert [(body.is_html, body.text.strip()) for body in bodies.shown] == [(text.startswith("<"), text)]
    assert bodies.attachments == ()


@pytest.mark.parametrize("mark", ["SIGNED MESSAGE", "MESSAGE"])
def test_a_text_of_pgp_before_mime_is_one(mark: str) -> None:
    """Mutt called it application/pgp; under a name it is a file."""
    text = f"-----BEGIN PGP {mark}-----\n\nAlpha\n-----END PGP MESSAGE-----"
    octets = mail(part("application/pgp; format=text; x-action=sign", text))
    assert (shown(octets), files(octets)) == ([text], [])
    assert [each.value for each in display.bodies(octets).remarks] == ["encrypted"] * (mark == "MESSAGE")
    assert files(mail(part("application/pgp; name=a.pgp", text))) == ["a.pgp"]


@pytest.mark.parametrize(("field", "kind"), [
    ("html", "application/octet-stream"), ("pdf; name=a.pdf", "application/octet-stream"),
    ("image/gif:", "image/gif"), ("text", "application/octet-stream"),
])
def test_octets_that_are_no_text_are_a_file(field: str, kind: str) -> None:
    """Whatever they are called."""
    found = display.bodies(mail(part(field, "GIF89a\0\1")))
    assert (found.shown, [each.content_type for each in found.attachments]) == ((), [kind])


OCTETS = bytes(range(256)) * 3


def uu(name: str, payload: bytes = OCTETS, end: bytes = b"`\nend\n") -> bytes:
    """A uuencoded file."""
    lines = (binascii.b2a_uu(payload[place : place + 45]) for place in range(0, len(payload), 45))
    return b"begin 644 %b\n%b%b" % (name.encode(), b"".join(lines), end)


def yenc(name: str, payload: bytes = OCTETS, crc: int | None = None) -> bytes:
    """One in yEnc."""
    shifted = ((octet + 42) % 256 for octet in payload)
    text = b"".join(b"=%c" % ((octet + 64) % 256) if octet in b"\0\n\r=" else b"%c" % octet for octet in shifted)
    size, crc = len(payload), binascii.crc32(payload) if crc is None else crc
    head = f"=ybegin line=128 size={size} name={name}\r\n".encode()
    return head + text + b"\r\n=yend size=%d crc32=%08x\r\n" % (size, crc)


BASE64 = b"begin-base64 644 c.bin\n" + binascii.b2a_base64(OCTETS[:57]) + b"====\n"


@pytest.mark.parametrize(("body", "rest", "named"), [
    (b"Eins\n\n" + uu("a b.pdf") + b"\nZwei\n", "Eins\n\nZwei", ["a b.pdf"]),
    (b"Eins\n" + uu("a.bin") + b"Zwei\n" + uu("Gr\u00fc\u00dfe.txt") + yenc("c.bin"), "Eins\n\nZwei",
     ["a.bin", "Gr\u00fc\u00dfe.txt", "c.bin"]),
    (uu("a.bin").replace(b"\n", b"\r\n"), "", ["a.bin"]),
    (uu("a.bin", end=b"end\n"), "", ["a.bin"]),
    (uu("a.bin", end=b"\nend"), "", ["a.bin"]),
    (uu("").replace(b"begin 644 ", b"begin 644"), "", [""]),
    (BASE64 + b"Ende", "Ende", ["c.bin"]),
    (b"begin 644 d\n!00__\n`\nend\n", "", ["d"]),
    (b"=ybegin size=0 name=a\n" + uu("a.bin"), "=ybegin size=0 name=a", ["a.bin"]),
    (b"Eins\n=ybegin line=128 size=900 name=a\nabc\n" + yenc("b.bin") + b"Zwei\n" + yenc("c.bin"),
     "Eins\n=ybegin line=128 size=900 name=a\nabc\n\nZwei", ["b.bin", "c.bin"]),
    (b"=ybegin part=1 total=2 line=128 size=9 name=d\n=ypart begin=1 end=1\nk\n=yend size=1 part=1 pcrc32=D3D99E8B\n",
     "", ["d"]),
])
def test_files_within_a_text(body: bytes, rest: str, named: list[str]) -> None:
    """They are files with their names, also for the search, and the text is without them."""
    octets = mail("") + b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + body
    assert files(octets) == named and "".join(shown(octets)) == rest
    parsed = message.parse(octets)
    assert parsed.text == rest and parsed.attachment_count == len(named)
    for each in parsed.parts[1:]:
        assert display.leaf(octets, each.position).payload in (OCTETS, OCTETS[:57], b"A")


@pytest.mark.parametrize("body", [
    b"begin 644 a.bin\nkein uuencode\nend\n", uu("a.bin", end=b""), b"begin  der Besprechung\n", yenc("a", crc=1),
    yenc("a")[:-30], BASE64.replace(b"====", b"=!"), b"begin 644 a.bin\n", b"=ybegin size=0 name=a\n=yend\n",
])
def test_what_does_not_decode_is_text(body: bytes) -> None:
    """Nothing is lost."""
    octets = mail("\r\n") + body
    assert files(octets) == [] and display.leaf(octets, 0).payload == body
    assert shown(octets)[0].encode("utf-8", "surrogateescape")[:9] == body[:9]


def test_a_file_within_a_text_changes_no_place() -> None:
    """Rows of old name the leaves by their places."""
    content = multipart("mixed", part("text/plain", f"Alpha\r\n{uu('a.bin').decode()}"), PDF)
    assert [each.file_name for each in message.parse(mail(content)).parts] == ["", "a.pdf", "a.bin"]


def test_a_text_whose_files_find_no_room_keeps_them() -> None:
    """As text they can be had."""
    text = part("text/plain", uu("a.bin", b"x").decode() * uuencoded.MAX_FILES)
    parts = message.parse(mail(multipart("mixed", *[text] * 6))).parts
    assert len(parts) == 6 + 4 * uuencoded.MAX_FILES
    whole = shown(mail(multipart("mixed", *[text] * 6)))
    assert [each.count("begin 644") for each in whole] == [uuencoded.MAX_FILES] * 2


@pytest.mark.parametrize(("written", "as_at_first"), [
    ("<a@k> <b@k>", "b@k"), ("a@k b@k", "a@k"), ("a@b@k", "a@b"), ("x@k <a@k", "x@k"),
    ('a@k "B, C" <b@k>', "b@k"), ('<a@k> "B, C" <b@k>', "b@k"), ("a@k (x, y) b@k", "a@k"), ("Anna <anna", "x"),
    ("anna @ k.example", "x"), ("anna(x)@k.example", "x"), ("Anna > @k.example", "x"), ("Anna Weber/K@K", "weber/k@k"),
    ("<Anna Weber/K@K>", "annaweber/k@k"), ("CN=Anna W/O=K K@K", "k@k"), ("CN=W, Anna/O=K@K", "anna/o=k@k"),
    ("<anna at k>", "<annaatk>"), ("<anna(at)k>", "<annak>"), ("anna at k.example", "x"), ("<a@k:25>", "<25>"),
    ("a@k:25", "x"),
])
def test_addresses_that_were_read_otherwise_find_their_copies(written: str, as_at_first: str) -> None:
    """What was archived before has the digest of what was read then."""
    now, then = (message.parse(f"To: {to}\r\n\r\nx".encode()) for to in (written, as_at_first))
    assert now.people_sha256 == then.people_sha256 and now.addresses != then.addresses


@pytest.mark.parametrize(("content", "digest"), [
    (part("text/plain", f"Alpha\r\n{uu('a.bin', b'x').decode()}"), "f838a4860fc51d58"),
    (part("html", "<p>x </p> \r\n"), "f9fcd7c3c1e3a7c1"), (part("text html", "<p>x </p> \r\n"), "f9fcd7c3c1e3a7c1"),
])
def test_the_digests_are_what_they_were(content: str, digest: str) -> None:
    """Images that were archived before are linked to those that come now."""
    assert message.parse(mail(content)).body_sha256.startswith(digest)


@pytest.mark.parametrize("octets", [
    mail("\r\n") + b"begin 644 a\nM%b\n" % (b"!" * 60) * 20_000 + b"=ybegin name=a\n" * 20_000,
    b"Subject: x\r\r\n" + b"\r" * 200_000 + b"x",
])
def test_what_begins_over_and_over_costs_nothing(octets: bytes) -> None:
    """No octet is looked at anew for each begin before it."""
    began = time.thread_time()  # what others do meanwhile does not count
    assert files(octets) == []
    assert time.thread_time() - began < 5


MAIL = mail("Subject: Grüße\r\nTo: berta@firma.example\r\n" + multipart(
    "mixed", part("text/plain; charset=utf-8", "Schöne Grüße"), PDF,
))  # fmt: skip


@pytest.mark.parametrize("octets", [
    MAIL.replace(b"\r\n", b"\r"), MAIL.replace(b"\r\n", b"\r") + b"\n", MAIL.replace(b"\r\n", b"\r\r\n"),
    MAIL.decode().encode("utf-16"), b"\xfe\xff" + MAIL.decode().encode("utf-16-be"),
    b"\xff\xfe" + MAIL.decode().replace("=utf-8", "=iso-8859-1").encode("utf-16-le"),
    MAIL.decode().replace("=utf-8", "=utf-16").encode("utf-16"),
], ids=["cr", "cr-lf", "crcrlf", "utf-16", "utf-16-be", "latin-1", "labelled"])  # fmt: skip
def test_other_line_ends_and_wide_octets(octets: bytes) -> None:
    """Header, text and files are read; the octets stay what they are."""
    plain, found = message.parse(MAIL), message.parse(octets)
    for name in ("subject", "from_display", "to_display", "message_id", "text", "preview", "addresses"):
        assert getattr(found, name) == getattr(plain, name), name
    assert (shown(octets), files(octets)) == (["Schöne Grüße"], ["a.pdf"])
    # By the digest of what stands there it is found again.
    assert found.body_sha256 != plain.body_sha256 or b"\r\r\n" in octets


@pytest.mark.parametrize("octets", [
    MAIL, MAIL.replace(b"\r\n", b"\n"), b"Subject: a\rb\r\nFrom: a@b.example\r\n\r\nx\ry\r\n", b"\r\r\r", b"\xff",
    b"Subject: a\rFrom: b\r\n\r\nx",
])
def test_a_lone_cr_in_a_line_ends_none(octets: bytes) -> None:
    """Only the header as a whole says how lines end."""
    assert legible.message(octets) is octets


SHEET = part("text/css; name=s.css", "p{color:red}</style><b>", "Content-ID: <s@x>", "Content-Location: http://h/s.css")


@pytest.mark.parametrize(("link", "is_used"), [
    ("<link rel=stylesheet href=cid:s@x>", True), ("<LINK REL='StyleSheet' HREF='http://h/s.css'>", True),
    ("<link rel=stylesheet href='s.css'>", True), ("<link rel=icon href=cid:s@x>", False),
    ("<link rel=stylesheet href='http://other/x.css'>", False),
])
def test_a_style_sheet_that_came_with_the_html(link: str, is_used: bool) -> None:
    """It stands where it is referred to, cannot end its element, and is no file."""
    octets = mail(multipart("related", part("text/html", f"{link}<p>Beta"), SHEET))
    assert files(octets) == []
    assert shown(octets) == ["<style>p{color:red}style><b></style><p>Beta" if is_used else f"{link}<p>Beta"]


def test_a_style_sheet_alone_is_a_file() -> None:
    """Somebody sent it."""
    attached = SHEET.replace("\r\n\r\n", "\r\nContent-Disposition: attachment\r\n\r\n")
    assert files(mail(multipart("mixed", part("text/plain", "x"), SHEET))) == ["s.css"]
    assert files(mail(multipart("mixed", HTML, attached))) == ["s.css"]
    assert files(mail(multipart("related", HTML, SHEET))) == ["s.css"]  # nothing refers to it


def test_a_file_of_a_macintosh_is_one() -> None:
    """The resource fork stays a part that can be had; alone it is all that there is."""
    fork = part("application/applefile; name=a.pdf", "AAUWBwACAAA=", "Content-Transfer-Encoding: base64")
    whole = mail(multipart("mixed", HTML, multipart("appledouble", fork, PDF)))
    assert files(whole) == ["a.pdf"]
    assert [each.content_type for each in message.parse(whole).parts] == ["text/html", FORK, "application/pdf"]
    single = fork.replace("AAUWBw", "AAUWAA")
    assert files(mail(multipart("mixed", HTML, single, PDF))) == ["a.pdf", "a.pdf"]
    assert files(mail(multipart("mixed", HTML, fork))) == ["a.pdf"]
    text, rtf = part("text/plain", uu("a.bin").decode()), part("text/rtf", r"{\rtf1 x}")
    assert sorted(files(mail(multipart("mixed", text, rtf, fork)))) == ["", "a.bin", "a.pdf"]


@pytest.mark.parametrize(("head", "display", "field"), [
    ("Sender: Anna <anna@firma.example>", "Anna <anna@firma.example>", "sender"),
    ("From:\r\nResent-From: Anna <anna@firma.example>", "Anna <anna@firma.example>", "sender"),
    ("Return-Path: <anna@firma.example>\r\nFrom: <>", "anna@firma.example", "sender"),
    ("Return-Path: <x@y.example>\r\nSender: anna@firma.example", "anna@firma.example", "sender"),
    ("Return-Path: <x@y.example>\r\nFrom: anna@firma.example", "anna@firma.example", "from"),
])
def test_a_letter_without_from_has_a_sender(head: str, display: str, field: str) -> None:
    """Who is named in its place, and it is said in which field."""
    parsed = message.parse(f"{head}\r\n\r\nx".encode())
    assert parsed.from_display == display
    assert [(each.field, each.address) for each in parsed.addresses] == [(field, "anna@firma.example")]


SAME = "Content-Type: multipart/{}; boundary=b\r\n\r\n"
BRANCHES = "".join(f"--b\r\n{each}" for each in (part("text/plain", "Alpha"), part("text/html", "<p>Beta")))


@pytest.mark.parametrize("end", ["--b--\r\n", ""])
def test_two_multiparts_with_one_boundary(end: str) -> None:
    """What stands behind the end of the inner one is no less there."""
    content = SAME.format("mixed") + "--b\r\n" + SAME.format("alternative") + BRANCHES + f"--b--\r\n--b\r\n{PDF}" + end
    assert files(mail(content)) == ["a.pdf"] and shown(mail(content)) == ["<p>Beta"]


@pytest.mark.parametrize(("field", "ends"), [
    ("; boundary=other", ""), ("; boundary=other", "--third--\r\n"), ("", ""), ("; boundary=", "--b"),
])
def test_a_boundary_that_is_another_and_has_no_end(field: str, ends: str) -> None:
    """A line behind which a field of a part stands begins one."""
    inside = part("text/html", base64.b64encode(b"<p>Beta</p>\n").decode(), "Content-Transfer-Encoding: base64")
    assert shown(mail(f"Content-Type: multipart/alternative{field}\r\n\r\n--b\r\n{inside}{ends}")) == ["<p>Beta</p>"]


def test_a_boundary_that_is_there_twice_and_loses_nothing() -> None:
    """Such a message is read as it stands: one that another program quotes, one with nothing behind the inner one."""
    quoted = mail(multipart("mixed", part("text/plain", f"{SAME}{BRANCHES}--b--\r\n" * 2), PDF))
    nested = mail(SAME.format("mixed") + "--b\r\n" + SAME.format("alternative") + BRANCHES + "--b--\r\n\r\n--b--\r\n")
    assert legible.message(quoted) is quoted and legible.message(nested) is nested


def test_a_line_of_hyphens_begins_no_part() -> None:
    """A text that is called a multipart by mistake stays one."""
    octets = mail("Content-Type: multipart/mixed; boundary=x\r\n\r\nAlpha\r\n-- \r\nAnna\r\n--\r\nBerta: ja\r\n")
    assert shown(octets) == ["Alpha\n-- \nAnna\n--\nBerta: ja"]
