"""Octets as text: labels as the WHATWG Encoding Standard has them, damage where it is, and no codec but a charset's."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postbuch.archive import charsets, message
from postbuch.archive.charsets import decode_octets


@pytest.mark.parametrize(("label", "octets", "text"), [
    ("gb2312", "简体鎔€".encode("gb18030"), "简体鎔€"),
    ("X-GBK", "镕".encode("gb18030"), "镕"),
    ("shift_jis", "①髙﨑".encode("cp932"), "①髙﨑"),
    ("x-sjis", "①".encode("cp932"), "①"),
    ("windows-31j", "㈱".encode("cp932"), "㈱"),
    ("iso-2022-jp", b'\x1b$B-!$"\x1b(B x \x1b(I1\x1b(B', "①あ x ｱ"),
    ("iso-2022-jp", "日本語".encode("iso2022_jp"), "日本語"),
    ("x-euc-jp", b"\xad\xa1\xa4\xa2 \x8e\xb1", "①あ ｱ"),
    ("euc-kr", "똠방각하".encode("cp949"), "똠방각하"),
    ("ks_c_5601-1987", "똠".encode("cp949"), "똠"),
    ("x-x-big5", "着繁體".encode("big5hkscs"), "着繁體"),
    ("iso-8859-1", b"\x84Gr\xfc\xdfe\x93 \x80", "„Grüße“ €"),
    ("us-ascii", b"\x84Gr\xfc\xdfe\x93", "„Grüße“"),
    ("us-ascii", "Grüße".encode(), "Grüße"),
    ("iso-8859-9", "€ğ".encode("cp1254"), "€ğ"),
    ("iso-8859-8-i", "שלום".encode("iso8859_8"), "שלום"),
    ("iso-8859-11", "ไทย€".encode("cp874"), "ไทย€"),
    ("tis-620", "ไทย€".encode("cp874"), "ไทย€"),
    ("x-cp1251", "Привет".encode("cp1251"), "Привет"),
    ("cp-1251", "Привет".encode("cp1251"), "Привет"),
    ("cp-850", "Grüße".encode("cp850"), "Grüße"),
    ("x-mac-roman", "Grüße".encode("mac_roman"), "Grüße"),
    ("x-mac-ce", "Příliš".encode("mac_latin2"), "Příliš"),
    ("x-mac-cyrillic", "Привет".encode("mac_cyrillic"), "Привет"),
    ("utf-16", "Grüße".encode("utf-16-le"), "Grüße"),
    ("utf-16", "Grüße".encode("utf-16-be"), "Grüße"),
    ("utf-16", "Grüße".encode("utf-16"), "Grüße"),
    ("utf-16", b"no such thing", "no such thing"),
    ("utf-8", b"\xef\xbb\xbfGr\xc3\xbc\xc3\x9fe", "Grüße"),
    ("iso-8859-1", b"\xef\xbb\xbfGr\xc3\xbc\xc3\x9fe", "Grüße"),
    ("koi8-r", "Привет".encode("koi8_r"), "Привет"),
    ("no-such", "Grüße".encode(), "Grüße"),
])  # fmt: skip
def test_labels_mean_what_programs_write(label: str, octets: bytes, text: str) -> None:
    """Each label with what it is used for, in the forms that it is written in."""
    assert decode_octets(octets, label) == decode_octets(octets, label.upper().replace("-", "_")) == text


LONG = "Übermäßige Größe für Bücher "


@pytest.mark.parametrize(("label", "octets", "text"), [
    ("utf-8", LONG.encode() + b"\xfc!", LONG + "\ufffd!"),
    (None, LONG.encode() + b"\xfc!", LONG + "\ufffd!"),
    (None, "Grüße".encode()[:5], "Grü\ufffd"),
    ("utf-8", b"Gr\xc3", "Gr\ufffd"),
    ("utf-8", b"10 \xe2\x82", "10 \ufffd"),
    ("utf-8", LONG.encode("cp1252"), LONG),
    ("utf-8", b"caf\xe9", "café"),
    (None, b"Gru\xdf", "Gruß"),
    (None, b"\xabcaf\xe9\xbb", "«café»"),
    ("gb2312", "简体中文简体中文".encode("gb18030") + b"\xff!", "简体中文简体中文\ufffd!"),
    ("shift_jis", "日本語の".encode("cp932") + b"\x82", "日本語の\ufffd"),
    ("iso-2022-jp", b"\x1b$BF|K\\8l!!$N\x7f\x7f\x1b(B", "日本語　の"),
    ("euc-kr", "Grüße".encode(), "Grüße"),
    ("gb2312", "Grüße".encode(), "Grüße"),
    ("gb2312", "模—·".encode("gb18030"), "模—·"),
    ("windows-1251", b"\x98" + "Привет".encode("cp1251"), "\ufffdПривет"),
    (None, b"\xfc\x81\x8d\x8f\x90\x9d\x80", "ü\x81\x8d\x8f\x90\x9d€"),
    ("windows-1252", b"\xfc\x81", "ü\x81"),
])
def test_damage_stays_where_it_is(label: str | None, octets: bytes, text: str) -> None:
    """A few octets that do not fit are U+FFFD; many say that the charset is another."""
    assert decode_octets(octets, label).replace("\x7f", "") == text


@pytest.mark.parametrize("label", [
    "punycode", "idna", "unicode_escape", "raw-unicode-escape", "rot13", "rot_13", "zlib", "zip", "bz2", "hex", "uu",
    "base64", "quopri", "undefined", "mbcs", "oem", "charmap", "cp037", "palmos", "x" * 10_000, "\0", "",
])
def test_no_codec_that_is_no_charset(label: str) -> None:
    """They are as no label at all."""
    octets = b"Gr\xfc\xdfe \\u0041 -ab xn--mller-kva &AOQ-"
    assert decode_octets(octets, label) == octets.decode("cp1252")
    assert charsets.codec(label) == ""


@settings(max_examples=100)
@given(st.binary(max_size=200), st.sampled_from(sorted({*charsets._KNOWN, "", "no-such"})))
def test_any_octets_under_any_label(octets: bytes, label: str) -> None:
    """Never an exception."""
    decode_octets(octets, label)
    for damaged in (octets + b"\xff", b"\x1b$B" + octets, b"\xa4\xa2" + octets):
        decode_octets(damaged, label)


@pytest.mark.parametrize("label", sorted({charsets.codec(label) for label in charsets._KNOWN}))
def test_no_charset_takes_long(label: str) -> None:
    """300 KB that fit nowhere: the slowest takes 0.5 s; with the square of the time it were minutes."""
    for octets in (b"\xff\x1b$B-!" * 50_000, b"\xad\xa1\xff\x8e\xa1 " * 50_000, b"\x1b$B" + b"-!" * 150_000):
        began = time.thread_time()  # what others do meanwhile does not count
        decode_octets(octets, label)
        assert time.thread_time() - began < 5


def test_the_charset_is_the_parameter_of_that_name() -> None:
    """Not the end of another's."""
    octets = b"Content-Type: text/plain; x-charset=utf-8; charset=koi8-r\r\n\r\n" + "Привет".encode("koi8_r")
    assert message.parse(octets).text == "Привет"
