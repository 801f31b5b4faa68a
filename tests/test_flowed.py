"""Paragraphs of format=flowed are whole, on the page and for finding (RFC 3676)."""

import fast_mail_parser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from postbuch.archive import display, flowed, message, mime


@pytest.mark.parametrize(("text", "deletes_space", "whole"), [
    ("Ein langer \nAbsatz\nEnde\n", False, "Ein langer Absatz\nEnde\n"),
    ("http://h.example/ei \nns\n", True, "http://h.example/eins\n"), ("A  \nB", True, "A B"),
    ("and now there is \na note", True, "and now there is a note"), ("> ja, so \n> nicht", True, "> ja, so nicht"),
    ("da ist  \ndas http://h.example/ei \nns", True, "da ist das http://h.example/eins"),
    ("我们用 Python 来 \n写", True, "我们用 Python 来写"), ("> Zitat \neins", False, "> Zitat \neins"),
    ("> eins \n> zwei\n>> drei \n> vier\n", False, "> eins zwei\n>> drei \n> vier\n"),
    ("Gruß \n-- \nAnna\n", False, "Gruß \n-- \nAnna\n"), (" From hier\n", False, "From hier\n"),
    (" > kein Zitat\n", False, " > kein Zitat\n"), ("  eingerückt\n", False, " eingerückt\n"),
    ("offen ", False, "offen "), ("", False, ""), (">\n", False, "> \n"), ("a \n\nb", False, "a \nb"),
])
def test_paragraphs(text: str, deletes_space: bool, whole: str) -> None:
    """Lines that end in a blank go on; quotes of another depth, signatures and stuffed blanks are what they are."""
    assert flowed.paragraphs(text, deletes_space) == whole


@given(st.text(st.sampled_from("> a-\n")), st.booleans())
def test_no_letter_is_lost(text: str, deletes_space: bool) -> None:
    """Whatever stands there."""
    letters = flowed.paragraphs(text, deletes_space).replace(" ", "").replace("\n", "").replace(">", "")
    assert letters == text.replace(" ", "").replace("\n", "").replace(">", "")


@pytest.mark.parametrize(("kind", "seen"), [
    ("text/plain; format=flowed; delsp=yes", "Donaudampfschiff\n"),
    ("text/plain; Format=Flowed", "Donau dampfschiff\n"),
    ("text/plain; format=fixed; delsp=yes", "Donau \ndampfschiff\n"),
    ("text/html; format=flowed", "Donau \ndampfschiff\n"),
])
def test_letters(kind: str, seen: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By either parser; the octets of the part and their digests stay."""
    octets = f"Content-Type: {kind}\r\n\r\nDonau \r\ndampfschiff\r\n".encode()
    fixed = message.parse(b"Content-Type: text/plain\r\n\r\nDonau \r\ndampfschiff\r\n")
    found = message.parse(octets)
    assert display.bodies(octets).shown[0].text == seen
    assert found.text.split() == seen.split()
    assert (found.body_sha256, found.parts[0].sha256) == (fixed.body_sha256, fixed.parts[0].sha256)
    parts = mime.take_apart(octets).parts

    def refuse(*_: object, **__: object) -> None:
        raise ValueError

    monkeypatch.setattr(fast_mail_parser, "parse_email_tree", refuse)
    assert mime.take_apart(octets).parts == parts
