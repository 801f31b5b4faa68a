"""Percent-encoded text: what is UTF-8 stays, what is not is Windows-1252."""

from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postbuch.archive import percent


@pytest.mark.parametrize(("encoded", "text"), [
    ("", ""), ("q=%FC", "q=ü"), ("M%FCller+%26+S%F6hne", "Müller+&+Söhne"), ("%C3%BC%FC", "Ã¼ü"), ("%81", "�"),
    ("%", "%"), ("%F", "%F"), ("%zz%FC", "%zzü"), ("%E2%82%AC", "€"), ("%80", "€"),
])  # fmt: skip
def test_what_old_programs_write(encoded: str, text: str) -> None:
    """A run that mixes both is one of Windows-1252; what is no code is left."""
    assert unquote(percent.as_utf8(encoded), errors="strict") == text


@given(st.text())
def test_utf_8_stays(text: str) -> None:
    """However it is encoded."""
    encoded = quote(text.encode("utf-8", "replace"))
    assert percent.as_utf8(encoded) == encoded


@given(st.text("%0123456789abcdefABCDEF=&+~()ü"))
def test_what_is_read_is_utf_8(encoded: str) -> None:
    """Whatever stands there, and a second reading changes nothing."""
    read = percent.as_utf8(encoded)
    unquote(read, errors="strict")
    assert percent.as_utf8(read) == read
