"""Reading messages: right for people's mail, and never an exception or an unfit text, whatever the octets."""

import random
import re
from dataclasses import fields
from datetime import UTC, datetime
from email.utils import mktime_tz, parsedate_tz

import fast_mail_parser
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postbuch.archive import dates, display, headers, htmltext, mailboxname, message, mime
from postbuch.archive.encodedwords import decode_words
from postbuch.archive.message import ParsedMessage
from postbuch.archive.widths import BODY_CHARACTERS, SUBJECT_CHARACTERS
from provider.corpus import corpus_files


def fit(parsed: ParsedMessage) -> None:
    """Every text fits its column and the database takes it."""
    limits = {
        "parser": 20, "defect": 500, "subject": SUBJECT_CHARACTERS, "message_id": 255, "original_id": 255,
        "in_reply_to": 255, "thread_root": 255, "from_display": SUBJECT_CHARACTERS,
        "to_display": SUBJECT_CHARACTERS, "text": BODY_CHARACTERS, "preview": 300, "body_sha256": 64,
        "people_sha256": 64,
    }
    texts = [(getattr(parsed, name), limit) for name, limit in limits.items()]
    for one in parsed.addresses:
        texts += [(one.address, 320), (one.display_name, 255), (one.field, 10)]
        assert one.address and one.address == one.address.strip().lower()
    for part in parsed.parts:
        texts += [(part.content_type, 255), (part.disposition, 20), (part.file_name, 255), (part.content_id, 255)]
    for value, limit in texts:
        assert len(value) <= limit
        value.encode("utf-8")
        assert "\0" not in value
    assert {field.name for field in fields(parsed)} >= set(limits)


def test_every_corpus_message_is_read() -> None:
    """All of the corpus: a summary that fits, bodies, and every part that the summary names."""
    for path in corpus_files():
        octets = path.read_bytes()
        parsed = message.parse(octets)
        fit(parsed)
        assert parsed.parser in ("fast", "compat"), path
        found = display.bodies(octets)
        assert [item.position for item in found.attachments] == [p.position for p in parsed.parts if p.is_attachment]
        for part in parsed.parts[:3]:
            assert len(display.leaf(octets, part.position).payload) == part.size_octets


@pytest.mark.parametrize("seed", range(4))
def test_mutated_corpus_messages_are_read(seed: int) -> None:
    """Octets changed, cut out, doubled and swapped between messages: always a summary that fits."""
    chance = random.Random(seed)
    items = [path.read_bytes() for path in corpus_files() if path.stat().st_size < 30_000]
    for _ in range(150):
        octets = bytearray(chance.choice(items))
        for _ in range(chance.randrange(1, 12)):
            place = chance.randrange(len(octets) + 1)
            action = chance.randrange(4)
            if action == 0:
                octets[place : place + 1] = bytes([chance.randrange(256)])
            elif action == 1:
                del octets[place : place + chance.randrange(1, 200)]
            elif action == 2:
                octets[place:place] = octets[place : place + chance.randrange(1, 300)] * 2
            else:
                other = chance.choice(items)
                start = chance.randrange(len(other) + 1)
                octets[place:place] = other[start : start + 200]
        fit(message.parse(bytes(octets)))
        display.bodies(bytes(octets))


PIECES = st.sampled_from([
    b"From: ", b"To: ", b"Subject: ", b"Date: ", b"Message-ID: <", b">", b"=?utf-8?b?", b"=?x?q?", b"?=", b"\r\n",
    b"\n ", b"\r\n\r\n", b"Content-Type: multipart/mixed; boundary=b", b"--b", b"--b--", b",",
    b"Content-Type: message/rfc822",
    b"Content-Type: text/plain; charset=punycode", b"charset*=x''%80", b"filename*0*=utf-8''%ff", b"\x00", b"\xff",
    b'"', b"Content-Transfer-Encoding: base64", b"AAAA", b"(", b"<", b"@", b";", b":", b"<script", b"<!--",
    b"\xf0\x9f\x98\x80",
])


@settings(max_examples=300)
@given(st.lists(PIECES, max_size=60))
def test_any_arrangement_is_read(pieces: list[bytes]) -> None:
    """The tokens that steer parsers, in every order."""
    fit(message.parse(b"".join(pieces)))


@pytest.mark.parametrize("value", [
    "Mon, 23 Nov 2026 11:00:00 +0100", "3 Jan 1999 00:00:00 -0830", " Tue,  29 Feb 2028 23:59:59 +0000 (UTC)\r",
    "Mon, 23 Nov 2026 11:00:00 -0000", "Sun, 01 Jan 1911 00:00:00 +1400",
])
def test_usual_dates_are_those_of_the_standard_library(value: str) -> None:
    """What is read without it gives the same moment."""
    parsed = parsedate_tz(value)
    assert parsed is not None
    assert dates.read(value.encode()) == datetime.fromtimestamp(mktime_tz(parsed), UTC)


@settings(max_examples=200)
@given(st.binary(max_size=2000))
def test_any_octets_are_read(octets: bytes) -> None:
    """Anything at all."""
    fit(message.parse(octets))
    headers.addresses(octets)


@given(st.text())
def test_any_html_has_words(source: str) -> None:
    """The reader of HTML never raises."""
    htmltext.words(source)


@pytest.mark.parametrize(
    "octets",
    [
        b"Subject: " + b"=?utf-8?q?=C3=A4?= " * 100_000,
        b"To: " + b"a@b.example, " * 200_000,
        b"To: " + b"(" * 500_000,
        b"To: " + b'"' * 500_001,
        b"To: " + b"<" * 500_000,
        b"References: " + b"<a@b> " * 200_000,
        b"Date: " + b"(" * 500_000,
        b"Date: " + b"Mon, " * 12_000 + b"1 " * 200_000,
        b"Subject: x\n" * 100_000,
        b"A:" + b"\n " * 500_000,
        b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * 20_000,
        b"Content-Type: text/html\n\n" + b"<script" * 100_000,
        b"Content-Type: text/html\n\n" + b"<!--" * 200_000,
        b"Content-Type: text/html\n\n" + b"<" * 500_000 + b"&" * 500_000,
        b"Content-Type: text/plain; charset=punycode\n\n" + b"a" * 500_000 + b"-b" * 10_000,
        b"".join(b"Content-Type: multipart/mixed; boundary=%d\n\n--%d\n" % (n, n) for n in range(3000)),
        b"Content-Type: message/rfc822\n\n" * 3000,
    ],
)
def test_bombs_cost_little(octets: bytes) -> None:
    """What is small to send and dear to read is read within bounds: seconds at the very most, mostly milliseconds."""
    start = datetime.now(UTC)
    fit(message.parse(octets))
    assert (datetime.now(UTC) - start).total_seconds() < 5


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        (b"anna@firma.example", [("", "anna@firma.example")]),
        (b"Anna M <Anna@Firma.example>", [("Anna M", "anna@firma.example")]),
        (b'"M, Anna" <a@x>, b@y', [("M, Anna", "a@x"), ("", "b@y")]),
        (b"=?utf-8?q?M=C3=BCller=2C_J=C3=B6rg?= <j@x>", [("Müller, Jörg", "j@x")]),
        (b"a@x (Anna)", [("Anna", "a@x")]),
        (b"Team: a@x, B <b@y>;, c@z", [("", "a@x"), ("B", "b@y"), ("", "c@z")]),
        (b"undisclosed-recipients:;", []),
        (b"<a@x>,\r\n\t<b@x>", [("", "a@x"), ("", "b@x")]),
        (b"\"anna@x\" <anna@x>", [("anna@x", "anna@x")]),
        ("Jörg <j@x>".encode("latin-1"), [("Jörg", "j@x")]),
        (b"", []),
    ],
)
def test_addresses(raw: bytes, found: list[tuple[str, str]]) -> None:
    """Names with commas, encoded words, groups, comments, raw 8-bit."""
    assert headers.addresses(raw) == found


@pytest.mark.parametrize(
    ("text", "decoded"),
    [
        ("=?utf-8?Q?Gr=C3=BC=C3=9Fe?=", "Grüße"),
        ("=?utf-8?B?w6Q=?= und =?iso-8859-1?q?=F6?=", "ä und ö"),
        ("=?utf-8?B?ww==?= =?utf-8?B?pA==?=", "ä"),
        ("=?utf-8?q?a?=\r\n =?utf-8?q?b?=", "ab"),
        ("=?utf-8?q?=F0=9F=98=80?=", "😀"),
        ("=?no-such?q?abc?=", "abc"),
        ("=?utf-8?q?open", "=?utf-8?q?open"), ("=?utf-8?q?open =?utf-8?q?Gr=C3=BC?=", "=?utf-8?q?open Grü"),
        ("=?utf-8?Q?K=C3=B6ln?= =?utf-8?Q?_und_M=C3=BCnchen_=C", "Köln und München "),
        ("=?utf-8?B?w6Q=?= =?utf-8?B?w7bDvM", "äöü"), ("=?utf-8?q?a?= =?utf-8?q?", "a"),
        ("=?utf-8?q?a?= =?iso-8859-1?q?b", "a =?iso-8859-1?q?b"),
        ("=?utf-8?q?a?= und =?utf-8?q?b", "a und =?utf-8?q?b"),
        ("=?utf-8?Q?Wie_gehts??=", "Wie gehts?"), ("=?utf-8?Q?Wie?_Gut?= =?utf-8?Q?=21?=", "Wie? Gut!"),
        ("=?utf-8?B?R3LD vMOf ZQ==?=", "Grüße"),
        ("=?utf-8?B?R3LDvA==w59l?=", "Grüße"),
        ("Re: =?utf-8?Q?Gr=C3=BC=C3=9Fe_aus_K=C3", "Re: Grüße aus K"), ("=?utf-8?B?R3LDvMOfZQ==?", "Grüße"),
        ("=?no-such?Q?Gr=C3=BC", "=?no-such?Q?Gr=C3=BC"), ("x=?utf-8?Q?Gr=C3=BC", "x=?utf-8?Q?Gr=C3=BC"),
        ("=?utf-8?Q?=ED=A0=BD=ED=B8=80?= =?utf-8?B?7aC97biA?=", "😀😀"), ("=?cesu-8?Q?=ED=A0=BD=ED=B8=80?=", "😀"),
        ("=?gb18030?B?7aC97biA?=", "頎巾竴"),
        ("=?utf-8?B?R3LDvMOfZQ=?=", "Grüße"),
        ("=?utf-8?B?R3LDvMOfZ?=", "Grüß"),
        ("=?utf-8?B?=?=", ""),
    ],
)
def test_encoded_words(text: str, decoded: str) -> None:
    """RFC 2047, and what real programs make of it."""
    assert decode_words(text) == decoded


@pytest.mark.parametrize("charset", ["koi8-r", "gb2312", "shift_jis", "iso-2022-jp", "utf-8", "windows-1251"])
def test_subjects_in_the_charset_of_the_text(charset: str) -> None:
    """Where nobody encoded them; the digest by which copies are found stays that of the first reading."""
    subject = "日本" if charset in ("gb2312", "shift_jis", "iso-2022-jp") else "Привет"
    octets = f"Subject: {subject}\r\nContent-Type: text/plain; charset={charset}\r\n\r\n{subject}".encode(charset)
    found = message.parse(octets)
    assert (found.subject, found.text) == (subject, subject)
    unnamed = message.parse(octets.replace(b"charset=", b"x-is="))
    assert found.people_sha256 == unnamed.people_sha256


def test_subjects_in_utf_8_above_a_text_in_another_charset() -> None:
    """The header of many programs is in UTF-8 whatever the text is in."""
    octets = "Subject: Grüße\r\nContent-Type: text/plain; charset=koi8-r\r\n\r\nx".encode()
    assert message.parse(octets).subject == "Grüße"


def test_parts_as_people_count_them() -> None:
    """A picture that the HTML shows and a signature are no attachments; a named file and a forwarded mail are."""
    octets = (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
        b"--b\r\nContent-Type: text/html\r\n\r\n<p>Gru&szlig;</p><img src='cid:Logo'><style>x</style>\r\n"
        b"--b\r\nContent-Type: image/gif\r\nContent-ID: <logo>\r\n\r\nGIF89a\r\n"
        b"--b\r\nContent-Type: application/pgp-signature; name=signature.asc\r\n\r\nSIG\r\n"
        b"--b\r\nContent-Type: application/pdf; name*=utf-8''%C3%9Cbersicht.pdf\r\n\r\nPDF\r\n"
        b"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\ninner words\r\n--b--\r\n"
    )
    parsed = message.parse(octets)
    assert [part.is_attachment for part in parsed.parts] == [False, False, False, True, True]
    assert parsed.parts[3].file_name == "Übersicht.pdf" and parsed.attachment_count == 2
    assert "Gruß" in parsed.text and "inner words" in parsed.text and "x" not in parsed.text.split()
    assert display.bodies(octets).inline == {"cid:logo": 1}


def test_both_parsers_give_the_same_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over the corpus, compat32 finds nearly always the same leaves."""
    items = [path.read_bytes() for path in corpus_files() if path.stat().st_size < 100_000]
    fast = [mime.take_apart(octets) for octets in items]

    def refuse(*_: object, **__: object) -> None:
        raise ValueError

    monkeypatch.setattr(fast_mail_parser, "parse_email_tree", refuse)
    compat = [mime.take_apart(octets) for octets in items]
    assert {item.parser for item in compat} <= {"compat", "none"}
    same = sum(len(a.parts) == len(b.parts) for a, b in zip(fast, compat, strict=True))
    assert same / len(items) > 0.9


@pytest.mark.parametrize(
    ("name", "readable"),
    [
        ("INBOX", "INBOX"), ("Entw&APw-rfe", "Entwürfe"), ("A &- B", "A & B"), ("&2D3eAA-", "😀"),
        ("&broken", "&broken"), ("&AA-", "&AA-"), ("~peter/mail/&U,BTFw-/&ZeVnLIqe-", "~peter/mail/台北/日本語"),
    ],
)
def test_names_of_mailboxes(name: str, readable: str) -> None:
    """Modified UTF-7 (RFC 3501 section 5.1.3); what is none stays."""
    assert mailboxname.decode(name) == readable
    assert mailboxname.decode(name, is_utf8=True) == name


@pytest.mark.parametrize(("octets", "shown"), [
    ("Entwürfe".encode(), "Entwürfe"), ("Entwürfe".encode("latin-1"), "Entwürfe"), (b"A&B", "A&B"),
    (b"Alt  2024 ", "Alt 2024"), (b"a\tb", "a b"), (b"&AEk-NBOX", "INBOX"), (b"x" * 300, "x" * 245),
    ("台北".encode(), "台北"), (b"", ""),
])
def test_names_that_are_not_as_they_are_shown(octets: bytes, shown: str) -> None:
    """They have a mark, so that no two mailboxes are one; what is shown is read again as it is."""
    name = mailboxname.readable(mailboxname.of_octets(octets))
    assert re.fullmatch(re.escape(shown) + " ?#[0-9a-f]{8}", name) and len(name) <= 255
    assert mailboxname.readable(name, is_utf8=True) == name


@pytest.mark.parametrize("is_utf8", [False, True])
def test_each_mailbox_has_a_name_of_its_own(is_utf8: bool) -> None:
    """Whatever octets a server gives: the gate and the collector would take the messages of one for the other's."""
    octets = [
        b"ab", b"ab ", b" ab", b"a b", b"a  b", b"a\tb", "aü".encode(), "aü".encode("latin-1"), b"a&APw-", b"a&-",
        b"a&", "aö".encode("latin-1"), b"a\xff", b"a\xfe", b"&AEk-NBOX", b"INBOX", "\u0131nbox".encode(), b"&ATE-nbox",
        b"a" * 255, b"a" * 256, b"a" * 257, b"?", b"", b" ", "a\u200b".encode(), b"a\x7f",
    ]
    names = [mailboxname.readable(mailboxname.of_octets(each, is_utf8=is_utf8), is_utf8=is_utf8) for each in octets]
    assert len(set(names)) == len(octets)
    assert len({name.rstrip() for name in names}) == len(octets)
