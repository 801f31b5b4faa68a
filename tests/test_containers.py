"""Letters within what other programs pack them into: their text, their files, and what hostile ones cost."""

import base64
import struct
from collections.abc import Callable, Iterator

import pytest
from container_files import (
    BINARY,
    ENVELOPED,
    RTF,
    attribute,
    compressed,
    lzfu,
    signed,
    streamed,
    text,
    tnef,
    tnef_file,
    tnef_message,
)
from test_mime_bodies import HTML, PLAIN
from written_mail import files, mail, multipart, part, shown

from postbuch.archive import containers, display, message, mimewalk, rtf
from postbuch.archive import lzfu as expansion
from postbuch.archive import tnef as outlook
from postbuch.archive.parser import Parser
from postbuch.archive.remarks import Remark
from provider.corpus import corpus_folder

PNG = b"\x89PNG\r\n\x1a\n"
OF_RTF = "<p>Angebot für Straßen ž €<b>hundert</b>😀</p>"
OF_HTML = {0x1013: (BINARY, "<p>Grüße <img src='cid:p@x'>".encode("cp1252")), 0x3FDE: (3, b"")}
PDF = part("application/pdf; name=a.pdf", "%PDF-")
ENTITY = multipart("mixed", multipart("alternative", PLAIN, HTML), PDF).encode()


@pytest.fixture(scope="module")
def parser() -> Iterator[Parser]:
    with Parser() as made:
        yield made


def packed(octets: bytes, kind: str = "application/ms-tnef; name=winmail.dat", *fields: str) -> str:
    """A part with these octets."""
    return part(kind, base64.encodebytes(octets).decode(), "Content-Transfer-Encoding: base64", *fields)


def wrapped(octets: bytes, kind: str = "application/pkcs7-mime; smime-type=signed-data; name=smime.p7m") -> bytes:
    """A letter that is nothing but this."""
    return mail(packed(octets, kind, "Content-Disposition: attachment; filename=smime.p7m"))


def dat(given: dict[int, tuple[int, bytes]], *inside: bytes) -> str:
    return packed(tnef(given, *inside))


@pytest.mark.parametrize(("content", "seen"), [
    (dat({0x1009: (BINARY, lzfu(RTF))}), [OF_RTF]),
    (dat({0x1013: (BINARY, "<p>Grüße".encode("cp1252")), 0x1009: (BINARY, lzfu(RTF))}), ["<p>Grüße"]),
    (dat({0x1000: text("Grüße"), 0x1009: (BINARY, b"LZFu")}), ["Grüße"]),
    (dat({0x1009: (BINARY, lzfu(rb"{\rtf1\ansi Zeile\par {\*\x y}{\pict 00}Ende}"))}), ["Zeile\nEnde"]),
    (packed(tnef({}) + attribute(1, 0x0002800C, b"Gr\xfc\xdfe\0")), ["Grüße"]),
    (packed(tnef({0x1000: text("Alpha")}), "application/octet-stream; name=ATT1.dat"), ["Alpha"]),
    # What the letter says itself is not said twice; what it does not say is.
    (multipart("mixed", part("text/plain", "Angebot für Straßen ž € hundert"), dat({0x1009: (BINARY, lzfu(RTF))})),
     ["Angebot für Straßen ž € hundert"]),
    (multipart("mixed", dat({0x1000: text("Gamma")}), PLAIN), ["Gamma", "Alpha"]),
    (part("text/rtf", RTF.decode()), [OF_RTF]),
    (multipart("alternative", part("text/plain", "Angebot für Straßen ž € hundert"), part("text/rtf", RTF.decode())),
     ["Angebot für Straßen ž € hundert"]),
    (multipart("mixed", PLAIN, part("text/rtf; name=a.rtf", RTF.decode())), ["Alpha"]),
])
def test_the_text_of_a_container_is_shown_and_found(content: str, seen: list[str]) -> None:
    """The richest form that says something, in its place, unless the letter says the same for every program."""
    octets = mail(content)
    assert shown(octets) == seen
    assert all(each.split("<")[0].strip() in message.parse(octets).text for each in seen)


def test_files_of_outlook_are_files_of_the_letter() -> None:
    """By their own names and as themselves; a picture in the text is none, and winmail.dat stays what it is."""
    made = tnef(OF_HTML, tnef_file("Müller.pdf", b"%PDF-1"), tnef_file("bild.png", PNG, content_id="p@x"))
    octets = mail(multipart("mixed", part("text/plain", " "), packed(made)))
    assert files(octets) == ["winmail.dat", "Müller.pdf"]
    found = display.bodies(octets)
    assert found.containers == {3: 1} and found.inline["cid:p@x"] == 4
    assert [display.leaf(octets, n).payload for n in (1, 3, 4)] == [made, b"%PDF-1", PNG]
    assert display.leaf(octets, 3).content_type == "application/pdf"


def test_a_message_in_winmail_stays_closed_and_is_found() -> None:
    """As one in message/rfc822: a file that mail programs open, with its words and the names of its files."""
    inner = tnef({0x0037: text("Prüfung"), 0x1000: text("Delta"), 0x0042: text("Anna"), 0x5D02: text("a@b.example")},
                 tnef_file("Plan.txt", b"Epsilon"))
    octets = mail(packed(tnef({0x1000: text("Alpha")}, tnef_message(inner))))
    assert shown(octets) == ["Alpha"] and files(octets) == ["winmail.dat", "Prüfung.eml"]
    assert message.parse(octets).text.split() == ["Alpha", "Delta", "Plan.txt"]
    opened = display.leaf(octets, 2).payload
    assert message.parse(opened).from_display == "Anna <a@b.example>" and message.parse(opened).subject == "Prüfung"
    assert shown(opened) == ["Delta"] and files(opened) == ["Plan.txt"]
    within = mail(multipart("mixed", part("message/rfc822", octets.decode())))
    assert shown(within) == [] and "Delta" in message.parse(within).text


@pytest.mark.parametrize("make", [signed, streamed, lambda content: streamed(content, ends=False)])
@pytest.mark.parametrize("kind", [
    "application/pkcs7-mime; smime-type=signed-data; name=smime.p7m", "application/x-pkcs7-mime",
    "application/octet-stream; name=smime.p7m",
])
def test_a_letter_within_its_signature_is_read(make: Callable[[bytes], bytes], kind: str) -> None:
    """DER, indefinite lengths, pieces, a cut end: the entity inside is the letter, and what holds it no file."""
    octets = wrapped(make(ENTITY), kind)
    assert shown(octets) == ["<p>Beta</p>"] and files(octets) == ["a.pdf"]
    found = display.bodies(octets)
    assert found.text == "Alpha" and found.remarks == (Remark.SIGNED,) and set(found.containers.values()) == {0}
    assert "Alpha" in message.parse(octets).text
    assert display.leaf(octets, 0).payload == make(ENTITY) or make is signed


def test_other_signed_things() -> None:
    """A list's footer stands behind the letter; a header may be protected; a signed file is a file; one in another."""
    listed = mail(multipart("mixed", packed(signed(ENTITY), "application/pkcs7-mime"), part("text/plain", "Liste")))
    assert shown(listed) == ["<p>Beta</p>", "Liste"]
    assert shown(wrapped(signed(b"Content-Type: message/rfc822\r\n\r\n" + mail(PLAIN)))) == ["Alpha"]
    assert shown(wrapped(signed(packed(streamed(ENTITY), "application/pkcs7-mime").encode()))) == ["<p>Beta</p>"]
    assert shown(wrapped(signed(dat({0x1000: text("Gamma")}).encode()))) == ["Gamma"]
    cades = mail(multipart("mixed", PLAIN, packed(signed(b"%PDF-1"), "application/pkcs7-mime; name=Vertrag.pdf.p7m")))
    assert files(cades) == ["Vertrag.pdf.p7m", "Vertrag.pdf"]
    assert display.leaf(cades, 2).content_type == "application/pdf"


@pytest.mark.parametrize("seen", [b"%PDF-1\r\n2", b"%PDF-1\n2\n"])
def test_a_signature_that_holds_what_it_signs(seen: bytes) -> None:
    """What stands beside it is not there twice; what does not stand there is shown."""
    inside = packed(b"%PDF-1\r\n2", "application/pdf; name=a.pdf") + "\r\n"
    signature = packed(signed(inside.encode()), "application/pkcs7-signature; name=smime.p7s")
    assert files(mail(multipart("signed", packed(seen, "application/pdf; name=a.pdf"), signature))) == ["a.pdf"]
    assert files(mail(multipart("signed", PDF, signature))) == ["a.pdf", "a.pdf"]


ARMOUR = "-----BEGIN PGP MESSAGE-----\r\n\r\nhQ==\r\n-----END PGP MESSAGE-----"


@pytest.mark.parametrize(("content", "expected"), [
    (packed(ENVELOPED, "application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m"), Remark.ENCRYPTED),
    (packed(ENVELOPED, "application/octet-stream; name=smime.p7m"), Remark.ENCRYPTED),
    (multipart("encrypted", part("application/pgp-encrypted", "Version: 1"), part("application/octet-stream", ARMOUR)),
     Remark.ENCRYPTED),
    (multipart("mixed", PLAIN, packed(ENVELOPED, "application/octet-stream; name=Vertrag.p7m")), None),
    (multipart("mixed", part("text/plain", ""), part("application/octet-stream; name=PGPMIME", "Version: 1"),
               part("application/octet-stream; name=encrypted.asc", ARMOUR)), Remark.ENCRYPTED),
    (multipart("mixed", PLAIN, part("application/octet-stream; name=Vertrag.asc", ARMOUR)), None),
    (part("application/octet-stream; name=b.asc", "-----BEGIN PGP PUBLIC KEY BLOCK-----"), None),
    (part("text/plain", f"Hallo\r\n{ARMOUR}"), Remark.ENCRYPTED),
    (part("message/partial; number=1; total=2; id=x", PLAIN), Remark.PARTIAL),
    (multipart("mixed", PLAIN, part("message/external-body; access-type=URL; URL=x", "Content-Type: a/b\r\n\r\n")),
     Remark.ELSEWHERE),
    (part("text/plain", "> -----BEGIN PGP MESSAGE-----"), None),
    (part("text/plain", f"So sieht das aus:\r\n{ARMOUR}\r\n{'Das kann niemand lesen. ' * 9}"), None),
    (part("text/plain", f"{ARMOUR}\r\nGruß\r\n{ARMOUR}\r\n"), Remark.ENCRYPTED),
    (part("text/plain", "-----BEGIN PGP MESSAGE-----\r\n\r\nabgeschnitten"), Remark.ENCRYPTED),
    (multipart("signed", PLAIN, packed(signed(b"x"), "application/pkcs7-signature; name=smime.p7s")), None),
])
def test_what_a_reader_has_to_know(content: str, expected: Remark | None) -> None:
    """What cannot be read here stays a file, and the page says so."""
    assert display.bodies(mail(content)).remarks == ((expected,) if expected else ())


def test_compressed_rtf_of_the_specification() -> None:
    """The examples of MS-OXRTFCP sections 4.1 and 4.2."""
    simple = "2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320af32068656c090020627705b06c647d0a800fa0"
    crossing = "1a0000001c0000004c5a4675e2d44b51410004205758595a0d6e7d010eb0"
    assert expansion.expand(bytes.fromhex(simple), 1000) == b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n"
    assert expansion.expand(bytes.fromhex(crossing), 1000) == b"{\\rtf1 WXYZWXYZWXYZWXYZWXYZ}"
    assert expansion.expand(bytes.fromhex(crossing), 9) == b"{\\rtf1 WX"


def test_containers_of_the_corpus() -> None:
    """What other programs' authors collected: each with its text or files, all names readable."""
    letters = [path.read_bytes() for path in sorted(corpus_folder().glob("*tnef*/*.eml"))]
    found = [message.parse(octets) for octets in letters]
    opened = [each for each in found if len(each.parts) > 2]
    assert len(opened) >= len(found) - 2 > 15
    assert any(part.file_name == "UmlautAnhang-äüö.txt" for each in found for part in each.parts)


NESTED = ENTITY
for _ in range(30):
    NESTED = b"Content-Type: application/pkcs7-mime\r\nContent-Transfer-Encoding: binary\r\n\r\n" + streamed(NESTED)
CUT = tnef({0x1000: text("Gamma")}, tnef_file("a.pdf", b"%PDF-1"))
MANY = tnef({}, *(tnef_file(f"{n}", b"x") for n in range(1100)))
HEAD = streamed(b"", ends=False)
BOMB = b"\0" * 8 + b"LZFu" + b"\0" * 5 + b"{\\rtf1 a" + (b"\xff" + b"\x0d\x6f" * 8) * 10_000


@pytest.mark.parametrize("octets", [
    mail(packed(b"\x78\x9f\x3e\x22")), mail(packed(CUT[:-9])), mail(packed(CUT[:60])), mail(packed(MANY)),
    mail(packed(tnef({}) + attribute(1, 0x00069003, struct.pack("<I", 0xFFFFFFFF) + b"\x1f\x10\1\0" + b"\xff" * 4))),
    mail(packed(tnef({}) + attribute(2, 0x0006800F, b"x", 0xFFFFFFFF))),
    mail(packed(tnef({0x1009: (BINARY, BOMB)}))),
    mail(part("text/rtf", "{\\rtf1 " + "{" * 100_000)), mail(part("text/rtf", "{\\rtf1 \\'" + "\\bin99999999 }}\\u")),
    wrapped(NESTED.partition(b"\r\n\r\n")[2]), wrapped(streamed(b"")), wrapped(b"\x30\x80\x06"),
    wrapped(bytes.fromhex("308006092a864886f70d010702a0803080020101") + b"\x31\x80" * 10_000),
    wrapped(HEAD + b"\x24\x80" * 10_000), wrapped(HEAD + b"\x04\x84\xff\xff\xff\xff" + ENTITY),
])
def test_hostile_containers_are_read_as_far_as_they_go(octets: bytes, parser: Parser) -> None:
    """Lengths that lie, cut ends, bombs, nesting: the child lives, and every part can be had."""
    found = parser.summary(octets)
    assert found == message.parse(octets) and found.parser in ("fast", "compat")
    assert len(found.parts) <= mimewalk.MAX_LEAVES
    for each in found.parts[-2:]:
        assert len(parser.leaf(octets, each.position).payload) == each.size_octets
    parser.bodies(octets)


def test_limits_hold() -> None:
    """RTF ends after so many tokens and octets, containers after so many."""
    assert rtf.read(b"{\\rtf1 " + b"\\~" * (rtf.MAX_TOKENS + 9)).text.count("\xa0") < rtf.MAX_TOKENS
    assert len(expansion.expand(BOMB, 65_536)) == 65_536
    beside = multipart("mixed", *(dat({0x1000: text(f"Wort{n}")}) for n in range(containers.MAX_CONTAINERS + 5)))
    assert len(shown(mail(beside))) == containers.MAX_CONTAINERS
    read = outlook.read(tnef({}, *(tnef_file("a", b"") for _ in range(9))), 5)
    assert read is not None and len(read.files) == 5


def test_what_is_in_containers_changes_no_digest() -> None:
    """By the digest copies are found that were archived before containers were opened: it is of the own parts alone."""
    plain = mail(multipart("mixed", PLAIN, packed(CUT)))
    other = plain.replace(b"ms-tnef", b"x-other")
    assert message.parse(plain).body_sha256 == message.parse(other).body_sha256
    assert message.parse(mail(PLAIN)).body_sha256 != message.parse(plain).body_sha256


def armoured(octets: bytes, name: str) -> bytes:
    """As OpenSSL writes it."""
    return f"-----BEGIN {name}-----\n{base64.encodebytes(octets).decode()}-----END {name}-----\n".encode()


@pytest.mark.parametrize(("octets", "remarks"), [
    (compressed(ENTITY), ()), (compressed(wrapped(signed(ENTITY))), (Remark.SIGNED,)),
    (signed(wrapped(compressed(ENTITY))), (Remark.SIGNED,)), (armoured(streamed(ENTITY), "PKCS7"), (Remark.SIGNED,)),
    (armoured(signed(ENTITY), "CMS"), (Remark.SIGNED,)), (armoured(compressed(ENTITY), "PKCS #7 SIGNED DATA"), ()),
    (base64.encodebytes(signed(ENTITY)), (Remark.SIGNED,)),
])
def test_a_letter_that_is_compressed_or_written_as_text(octets: bytes, remarks: tuple[Remark, ...]) -> None:
    """RFC 3274 and RFC 7468: opened like those that are signed; what was only compressed is not said to be signed."""
    whole = wrapped(octets)
    assert (shown(whole), files(whole)) == (["<p>Beta</p>"], ["a.pdf"])
    assert display.bodies(whole).remarks == remarks


def test_what_is_compressed_and_cannot_be_opened_is_a_file() -> None:
    """More than there is room for, no zlib, nothing; and what is encrypted is said to be so, also as text."""
    bomb = compressed(ENTITY + b"\0" * containers.MAX_INFLATED_OCTETS)
    for octets in (bomb, compressed(ENTITY).replace(b"\x78\x9c", b"\0\0"), compressed(b"")):
        assert (shown(wrapped(octets)), files(wrapped(octets))) == ([], ["smime.p7m"])
    assert display.bodies(wrapped(armoured(ENVELOPED, "PKCS7"))).remarks == (Remark.ENCRYPTED,)


def test_a_file_that_was_compressed_is_handed_out_whole(parser: Parser) -> None:
    """It may have many times the octets of the message."""
    whole = wrapped(compressed(multipart("mixed", PLAIN, part("text/csv; name=a.csv", "1;2\r\n" * 200_000)).encode()))
    assert len(whole) < 20_000
    assert len(parser.leaf(whole, 2).payload) > 900_000
