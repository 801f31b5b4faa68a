"""What other mail programs read of a message that is written in an unusual way, the archive reads as well."""

import base64
import hashlib
import time
from dataclasses import replace

import pytest
from written_mail import files, mail, multipart, part, shown

from postbuch.archive import display, legible, message
from postbuch.archive.encodedwords import decode_words

HTML = part("text/html", "<p>Beta</p>")
PDF = part("application/pdf; name=a.pdf", "PDF")
AMP = part("text/x-amp-html", "<html amp4email><body>Alpha</body></html>")


@pytest.mark.parametrize(("field", "found"), [
    ('Your message of "Thu, 22 Aug 2002 18:42:33 BST."', ""), ("Message from liste@k of Thu, 22 Aug", ""),
    ('Message from Anna <anna@k> of "Thu, 22 Aug 2002"', ""),
    ('Message from Anna <anna@k> of "Thu, 22 Aug 2002"\r\n <id@k>', "id@k"),
    ('Your message of "Thu, 22 Aug 2002" <id@k>', "id@k"), ('<id@k> from "Anna" at Aug 22, 2', "id@k"),
    ("<id@k> (message from Anna on Thu)", "id@k"), ("(Anna) <id@k> (Thu)", "id@k"), ("id@k (Anna)", "id@k"),
    ("id@k next@k", "id@k"), ("<Scan 20260305 1000@k>", "Scan 20260305 1000@k"), ('<"a b"@k>', '"a b"@k'),
    ("<id\r\n @k>", "id@k"), ("=?utf-8?q?=3Cid?=\r\n =?utf-8?q?=40k=3E?=", "id@k"), ("<id@k", "id@k"), ("id", "id"),
    ("<>", ""),
])  # fmt: skip
def test_a_message_id_is_no_word_of_prose(field: str, found: str) -> None:
    """In-Reply-To of RFC 822 is prose: what answers `Your message of` is no topic of its own."""
    answer = message.parse(f"Message-ID: <own@k>\r\nIn-Reply-To: {field}\r\n\r\nx".encode())
    assert (answer.in_reply_to, answer.thread_root) == (found, found or "own@k")


@pytest.mark.parametrize(("written", "as_at_first"), [
    ("<Scan 1@k>", "Scan"), ("<id\r\n @k>", "id"), ("Scan 1", "Scan"),
    ("=?utf-8?q?=3Cid=40k=3E?=", "=?utf-8?q?=3Cid=40k=3E?="),
])
def test_a_message_id_that_was_read_otherwise_finds_its_copies(written: str, as_at_first: str) -> None:
    """What was archived before is linked by what was read then; also by the field that a provider kept."""
    for name in ("Message-ID", "X-Google-Original-Message-ID"):
        found = message.parse(f"{name}: {written}\r\n\r\nx".encode())
        assert found.original_id == as_at_first != found.message_id


@pytest.mark.parametrize(("text", "decoded", "as_at_first"), [
    ("=?utf-8?B?w6TDts?= =?utf-8?B?O8IEVuZGU=?=", "äöü Ende", None),
    ("=?utf-8?B?w?=\r\n =?utf-8?B?6Q=?= x", "ä x", None),
    ("=?utf-8?B?w6Q?= =?utf-8?B?w6Q=?=", "ää", "ää"), ("=?utf-8?B?w6Q=?= =?utf-8?Q?=C3=A4?=", "ää", "ää"),
    ("=?latin1?B?5A?= =?latin1?B?5A==?=", "ää", "ää"),
])
def test_base64_that_is_cut_anywhere(text: str, decoded: str, as_at_first: str | None) -> None:
    """Programs encode the whole and cut it afterwards; others leave the filling out. The digest keeps its reading."""
    assert decode_words(text) == decoded
    assert (decode_words(text, by_standard=True) == as_at_first) is (as_at_first is not None)


@pytest.mark.parametrize("written", ["{} ", "{}\t", "{}  ", "\r\n {}"])
@pytest.mark.parametrize(("encoding", "body"), [
    ("base64", base64.encodebytes("Grüße".encode()).decode()), ("quoted-printable", "Gr=C3=BC=C3=9F=\r\ne"),
])
def test_a_blank_beside_the_name_of_an_encoding(encoding: str, body: str, written: str) -> None:
    """Says nothing, as a fold before it. The digest of the bodies stays that of the message as it was read before."""
    for content in (body, "Alpha"):
        field = f"Content-Transfer-Encoding: {written.format(encoding)}"
        octets = mail(multipart("mixed", part("text/plain; charset=utf-8", content, field), PDF))
        as_it_stands = octets.replace(field.encode(), b"Content-Transfer-Encoding: 8bit")
        assert message.parse(octets).body_sha256 == message.parse(as_it_stands).body_sha256
    assert shown(mail(part("text/plain; charset=utf-8", body, field))) == ["Grüße"]


def test_blanks_before_colons() -> None:
    """RFC 5322 has readers take them: the parts are there, and the digest is that of the message as it stands."""
    quoted = part("text/html", "<p>=42eta</p>", "Content-Transfer-Encoding: quoted-printable")
    octets = mail(multipart("mixed", quoted, PDF))
    spaced = octets.replace(b"Type:", b"Type :").replace(b"Encoding:", b"Encoding \t:")
    assert (shown(spaced), files(spaced)) == (["<p>Beta</p>"], ["a.pdf"])
    text = spaced.partition(b"\r\n\r\n")[2]
    assert message.parse(spaced).body_sha256 == message.parse(mail("") + b"\r\n" + text).body_sha256
    quoting = mail(part("text/plain", "Content-Type : x"))
    assert shown(quoting) == ["Content-Type : x"]
    assert shown(quoting.replace(b"Type:", b"Type :")) == ["Content-Type : x"]


ENCODED = part("text/html", "PHA+QmV0YTwvcD4=", "Content-Transfer-Encoding: base64", "Subject: Innen")


@pytest.mark.parametrize(("content", "seen", "text"), [
    (multipart("mixed", PDF, ENCODED), ["<p>Beta</p>"], "Beta"), (part("message/rfc822", ENCODED), [], "Beta"),
    (multipart("mixed", part("text/plain", "Alpha"), part("message/rfc822", ENCODED)), ["Alpha"], "Alpha\nBeta"),
    (part("message/rfc822", part("message/rfc822", ENCODED)), [], "Beta"),
    (part("message/rfc822", ">From anna Mon Jan  1 00:00:00 2024\r\n" + ENCODED), [], "Beta"),
    (part("message/rfc822", multipart("mixed", part("text/plain", "Alpha"), ENCODED)), [], "Alpha\nBeta"),
])
def test_blanks_before_colons_of_parts(
    content: str, seen: list[str], text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the header of the message has none; texts keep theirs, and the digest is what it was."""
    octets = mail(content)
    head = ENCODED.partition("\r\n\r\n")[0]
    spaced = octets.replace(head.encode(), head.replace(":", " :").encode())
    assert (shown(spaced), message.parse(spaced).text) == (seen, text)
    digest = message.parse(spaced).body_sha256
    assert spaced != octets and legible.message(spaced) == octets.replace(b"Subject:", b"Subject :")
    monkeypatch.setattr(legible, "message", bytes)
    assert message.parse(spaced).body_sha256 == digest


@pytest.mark.parametrize("octets", [b"--a :\n" * 100_000, b"Content-Type: message/rfc822 :\n\n" * 50_000])
def test_lines_that_begin_parts_over_and_over_cost_nothing(octets: bytes) -> None:
    """No header is looked at anew for each line in it."""
    began = time.thread_time()  # what others do meanwhile does not count
    assert legible.message(octets) == octets
    assert time.thread_time() - began < 2


@pytest.mark.parametrize("empty", ["", " ", "=?utf-8?q?_?=", "\r\n "])
def test_an_empty_field_hides_no_other(empty: str) -> None:
    """Programs leave an empty one before their own. The digest of the people keeps the first."""
    said = {
        "Subject": "Alpha", "From": "Anna <a@k>", "To": "b@k", "Message-ID": "<id@k>", "In-Reply-To": "<old@k>",
        "References": "<root@k> <old@k>", "Date": "Fri, 23 Aug 2024 10:00:00 +0200",
    }
    plain, doubled = (
        message.parse("".join(f"{name}: {value}\r\n" for pair in fields for name, value in pair).encode() + b"\r\nx")
        for fields in ([said.items()], [[(name, empty), each] for name, each in zip(said, said.items(), strict=True)])
    )
    read_alike = replace(doubled, people_sha256=plain.people_sha256, original_id=plain.original_id)
    assert read_alike == plain and plain.subject == "Alpha" and plain.date is not None
    assert doubled.people_sha256 == message.parse(b"From: a@k\r\nTo: b@k\r\n\r\nx").people_sha256
    assert message.parse(f"Resent-From: {empty}\r\nResent-From: c@k\r\n\r\nx".encode()).from_display == "c@k"
    assert message.parse(b"Date: x\r\nDate: Fri, 23 Aug 2024 10:00:00 +0200\r\n\r\nx").date == plain.date


@pytest.mark.parametrize(("content", "named"), [
    (multipart("alternative", part("text/plain", "Alpha"), AMP, HTML), []), (multipart("alternative", AMP, HTML), []),
    (multipart("alternative", HTML, AMP.replace("x-amp", "watch")), []),
    (multipart("alternative", AMP), [""]), (multipart("mixed", HTML, AMP), [""]),
    (multipart("alternative", HTML, AMP.replace("-html", "-html; name=a.html", 1)), ["a.html"]),
    (multipart("alternative", HTML, AMP.replace("\r\n\r\n", "\r\nContent-Disposition: attachment\r\n\r\n", 1)), [""]),
])
def test_a_form_of_html_for_some_programs_is_no_file(content: str, named: list[str]) -> None:
    """Newsletters have the same page once more for programs that run it. Where it is all there is, it is a file."""
    assert files(mail(content)) == named


@pytest.mark.parametrize(("content", "seen", "named"), [
    (part("text/plain; name=text_0.txt", "Alpha"), ["Alpha"], []),
    (multipart("mixed", part("text/plain; name=body.txt", "Alpha"), PDF), ["Alpha"], ["a.pdf"]),
    (multipart("related", part("application/smil; name=s", "<smil/>"), part("text/plain; name=t.txt", "Alpha")),
     ["Alpha"], ["s"]),
    (multipart("mixed", part("text/plain", "Alpha"), part("text/plain; name=log.txt", "Beta")), ["Alpha"], ["log.txt"]),
    (part("text/plain; name=log.txt", "Alpha", "Content-Disposition: attachment"), [], ["log.txt"]),
])
def test_the_only_text_is_the_letter_though_it_has_a_name(content: str, seen: list[str], named: list[str]) -> None:
    """Scanners and gateways of MMS name it; behind another text a named one is a file."""
    assert (shown(mail(content)), files(mail(content))) == (seen, named)
    assert all(text in message.parse(mail(content)).text for text in seen)


def other(kind: str, body: str = "Gr*ü*ße") -> str:
    """A text of a kind of its own."""
    return part(f"text/{kind}; charset=utf-8", body)


PLAIN = part("text/plain", "Alpha")


@pytest.mark.parametrize("kind", ["markdown", "x-markdown", "x-log", "troff", "made-up.by+me"])
@pytest.mark.parametrize(("form", "seen", "named"), [
    ("{}", ["{}"], []), ("mixed {} PDF", ["{}"], ["a.pdf"]), ("mixed {} PLAIN", ["{}", "Alpha"], []),
    ("mixed PLAIN {}", ["Alpha"], [""]), ("alternative PLAIN {}", ["Alpha"], []),
    ("alternative PLAIN {} HTML", ["<p>Beta</p>"], []), ("alternative {} HTML", ["<p>Beta</p>"], []),
])
def test_a_text_of_another_kind(kind: str, form: str, seen: list[str], named: list[str]) -> None:
    """RFC 2046 has it shown as text, where it is the letter; its digest is that of a text as it ever was."""
    known = {"{}": other(kind), "PDF": PDF, "PLAIN": PLAIN, "HTML": HTML}
    name, *words = form.split()
    octets = mail(multipart(name, *(known[word] for word in words)) if words else known[name])
    texts = [text.format("Gr*ü*ße") for text in seen]
    assert (shown(octets), files(octets)) == (texts, named)
    parsed = message.parse(octets)
    assert ("ü" in parsed.text) == (not form.startswith(("mixed PLAIN", "alternative PLAIN")))
    as_plain = octets.replace(f"text/{kind}".encode(), b"text/plain")
    assert parsed.body_sha256 == message.parse(as_plain).body_sha256
    assert (display.bodies(octets).text or "").startswith("Alpha" if parsed.text.startswith("Alpha") else "Gr*ü*ße")


@pytest.mark.parametrize("content", [
    other("calendar"), other("x-vcard"), other("csv"), other("xml"), other("x-log; name=a.log"), other("x-log", "\0\1"),
    part("text/markdown", "x", "Content-Disposition: attachment"),
])
def test_a_text_that_is_a_file(content: str) -> None:
    """What other programs open, what has a name, and what is no text."""
    assert shown(mail(content)) == [] and len(files(mail(content))) == 1


@pytest.mark.parametrize(("kind", "body", "text"), [
    ("enriched", "<bold>Alpha</bold>\r\nBeta\r\n\r\nGamma", "Alpha Beta\nGamma"),
    ("enriched", "<Color><param>red</param>Al<<pha</Color> <italic>B", "Al<pha B"),
    ("enriched", "<nofill>a\r\nb</nofill>\r\nc", "a\nb c"), ("enriched", "1 < 2 <x y> <param>z", "1 < 2 <x y> z"),
    ("richtext", "<bold>Alpha</bold>\r\nBeta<nl>\r\nGamma<comment>x</comment> <lt>x>", "Alpha Beta\n Gamma <x>"),
])
def test_text_with_commands(kind: str, body: str, text: str) -> None:
    """Of RFC 1896 and RFC 1341: the words without them."""
    octets = mail(part(f"text/{kind}", body))
    assert shown(octets) == [text] and message.parse(octets).text == text and files(octets) == []


@pytest.mark.parametrize("letters", [400, 401, 402, 403])
def test_base64_that_is_cut_off_is_read_as_far_as_it_goes(letters: int) -> None:
    """Of texts and files; the digest of the bodies is made of what was read at first."""
    whole = b"Sehr geehrte Frau Huber, " * 20
    coded = base64.b64encode(whole)[:letters].decode()
    field = "Content-Transfer-Encoding: base64"
    octets = mail(multipart("mixed", part("text/plain", coded, field), part("application/pdf", coded, field)))
    octets_left = 3 * letters // 4
    assert display.leaf(octets, 0).payload == display.leaf(octets, 1).payload == whole[:octets_left]
    as_it_stands = octets.replace(field.encode(), b"X: x")
    same = message.parse(octets).body_sha256 == message.parse(as_it_stands).body_sha256
    assert same is (letters % 4 == 1)


@pytest.mark.parametrize("written", ["Anna <a@k, b@k>", "<a@k,b@k>, Anna <>"])
def test_two_addresses_in_one_bracket_find_their_copies(written: str) -> None:
    """They were one for the first Postbuch, and are so in the digest of the people."""
    found = message.parse(f"To: {written}\r\n\r\nx".encode())
    assert [each.address for each in found.addresses] == ["a@k", "b@k"]
    assert found.people_sha256 == hashlib.sha256(b"\nto a@k,b@k").hexdigest()
