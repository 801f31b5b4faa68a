"""What stands before a header: a message is read from its first field on, and kept and linked as it stands."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postbuch.archive import display, headers, message
from postbuch.archive.extract_read import read

MAIL = (
    b"Subject: Angebot\r\nFrom: Anna <anna@firma.example>\r\nDate: Mon, 23 Nov 2026 11:00:00 +0100\r\n"
    b"Message-ID: <1@firma.example>\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    b"--b\r\nContent-Type: text/plain\r\n\r\nGuten Tag\r\n"
    b"--b\r\nContent-Type: application/pdf; name=a.pdf\r\n\r\nPDF\r\n--b--\r\n"
)
LEADS = [
    b"\r\n", b"\n", b"\r\n\r\n", b"\n\n\n", b" \r\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\r\n", b"From -\r\n",
    b">From nobody\r\n", b"From anna@firma.example Mon Nov 23 11:00:00 2026\n", b"\xef\xbb\xbfFrom -\n",
    b"\n\nFrom nobody\n",
]


@pytest.mark.parametrize("lead", LEADS)
def test_it_is_read_as_without(lead: bytes) -> None:
    """Who, what about, when, the words and the files; the page has them at the same places."""
    plain, found = message.parse(MAIL), message.parse(lead + MAIL)
    for name in ("subject", "from_display", "date", "message_id", "original_id", "text", "parts", "addresses"):
        assert getattr(found, name) == getattr(plain, name), name
    assert display.bodies(lead + MAIL) == display.bodies(MAIL)
    assert display.leaf(lead + MAIL, 1).payload == b"PDF"
    header = message.parse_header(lead + MAIL, "")
    assert (header.subject, header.from_display) == (plain.subject, plain.from_display)


@pytest.mark.parametrize("lead", [b"\r\n", b"\xef\xbb\xbf", b"From -\n"])
def test_a_message_in_a_file_is_read_so_too(lead: bytes) -> None:
    """As it is attached: its fields and its words."""
    assert read(lead + MAIL).text == read(MAIL).text


@pytest.mark.parametrize("lead", LEADS)
def test_two_of_them_are_two(lead: bytes) -> None:
    """Messages that differ in their words or their subject have different keys, as without."""
    other_words, other_subject = MAIL.replace(b"Guten Tag", b"Guten Abend"), MAIL.replace(b"Angebot", b"Auftrag")
    keys = {
        (found.body_sha256, found.people_sha256)
        for found in (message.parse(lead + octets) for octets in (MAIL, other_words, other_subject))
    }
    assert len(keys) == 3


def test_the_key_is_the_one_that_old_images_have() -> None:
    """Behind an empty line everything was one text: by its digest a copy is still found that came before."""
    found = message.parse(b"\r\n" + MAIL)
    assert found.body_sha256 == "056d5444c3288bcb3853fd49937835d7c2c7c53abe6bdbb7203e49fe635a9a2f"


@pytest.mark.parametrize("octets", [
    b"\r\nHinweis: morgen ist frei\r\n\r\nGruss\r\n", b"\r\n\r\n-----Original Message-----\r\nFrom: a@b.example\r\n",
    b"\r\n", b"\n\n", b"\xef\xbb\xbfGuten Tag\r\n", b"From here on it goes down\r\n\r\nx", b"",
    b"From: a@b.example\r\n\r\n", b"\n" * 200 + MAIL,
    b"From  : a@b.example\r\nTo: c@d.example\r\n\r\nx",
])
def test_a_message_without_header_stays_one(octets: bytes) -> None:
    """Words with a colon behind an empty line are the text of it."""
    assert headers.from_first_field(octets) is octets


PIECES = st.sampled_from([*LEADS, b"Subject: x\r\n", b"From: a@b\r\n", b":", b"x", b"From ", b"\r"])


@given(st.lists(PIECES, max_size=12))
def test_any_arrangement_is_read(pieces: list[bytes]) -> None:
    """What is read is always the end of what is there."""
    octets = b"".join(pieces)
    found = headers.from_first_field(octets)
    assert octets.endswith(found)
    message.parse(octets)
    display.bodies(octets)
