"""The charset of octets for which none is named that could be theirs, by what they show of it. Pure, linear.

UTF-16 shows it by its NULs; Cyrillic, Greek, Hebrew, Chinese, Japanese and Korean by the letters that each language has
most. What is too short to show it is read as Windows-1252.
"""

import codecs
import re

from postbuch.archive.charsets import codec

# What octets beyond these say is another charset than the one that is named.
_NARROW = frozenset({"", "ascii", "utf_8"})
# 64 KiB of a text have more letters than are needed to tell.
_LOOKED_AT_OCTETS = 65_536
# ISO-2022 says by itself what it is, in seven bits (RFC 1468, RFC 1557).
_SHIFTS = ((re.compile(rb"\x1b\$[@B]"), "iso-2022-jp"), (re.compile(rb"\x1b\$\)C"), "iso-2022-kr"))
_META = re.compile(rb"<meta\b[^<>]{0,200}?\bcharset\s*=\s*[\"']?([\w.:-]{1,60})", re.IGNORECASE)
# Words of octets beyond ASCII alone: Western ones have a few among others.
_WORD = re.compile(rb"[\xa3\xa8\xb3\xb8\xc0-\xff]{3,}")
_BEYOND = re.compile(rb"[\x80-\xff]")
# Nine letters make 62 % of Russian and somewhat less of Bulgarian and Ukrainian, and as much of Greek and Hebrew; of
# other letters read so, a third to a half.
_CYRILLIC, _GREEK, _HEBREW = frozenset("оеаинтсрв"), frozenset("αοιετσνηρ"), frozenset("יוהלארבתמ")
# Behind each how many octets there must be: a few of Korean look Greek, and eight signs of it are 16.
_ALPHABETS = (
    ("koi8-r", _CYRILLIC, 6), ("windows-1251", _CYRILLIC, 6), ("windows-1253", _GREEK, 16),
    ("windows-1255", _HEBREW, 16),
)
_LEAST_SHARE = 0.45
# Two in five signs of Chinese and Korean are among these, two in three of Japanese; of other letters read so, one in
# twenty. Letters of mail stand before those of books.
_KANA = frozenset(map(chr, (*range(0x3041, 0x3094), *range(0x30A1, 0x30F7), 0x30FC)))
_SIMPLIFIED = frozenset(
    "的一是不了在人有我他这中大来上个国和说们为你生会年能到家可时出过也要就对以多公司您好地下行产"
    "品网发信用请业电话务件"
)
_TRADITIONAL = frozenset(
    "的一是不了在人有我他這中大來上個國和說們為你生會年能到家可時出過也要就對以多公司您好地下行產"
    "品網發信用請業電話務件"
)
_KOREAN = frozenset(
    "이다는의가에을를한고하지기도로사은자리시나어인해서그있수보으니만들것대일제라정부스게여주요전"
    "습합구장원신"
)
_EAST_ASIAN = (
    ("shift_jis", _KANA), ("euc-jp", _KANA), ("gb18030", _SIMPLIFIED), ("big5", _TRADITIONAL), ("euc-kr", _KOREAN),
)
_LEAST_SHARE_OF_SIGNS = 0.2
_LEAST_SIGNS = 8


def charset(octets: bytes, named: str | None, is_html: bool = False) -> str | None:
    """The one that is named, unless its octets are others and show what they are."""
    if codec(named or "") not in _NARROW:
        return named
    if octets.isascii() and b"\0" not in octets:
        return next((name for shift, name in _SHIFTS if shift.search(octets)), named) if b"\x1b$" in octets else named
    if _is_utf_16(octets):
        return "utf-16"
    try:
        octets.decode()
    except UnicodeDecodeError:
        meta = _META.search(octets, 0, _LOOKED_AT_OCTETS) if is_html else None
        looked = octets[:_LOOKED_AT_OCTETS]
        return meta[1].decode() if meta else _east_asian(looked) or _alphabet(looked) or named
    return named


def _is_utf_16(octets: bytes) -> bool:
    """With its mark, or with every second octet NUL in most places and no other one."""
    if octets.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return len(octets) % 2 == 0
    looked = octets[:_LOOKED_AT_OCTETS]
    even, odd = looked[::2].count(0), looked[1::2].count(0)
    return len(looked) >= 4 and min(even, odd) == 0 and 2 * max(even, odd) > len(looked) // 2


def _alphabet(octets: bytes) -> str | None:
    words = b"".join(_WORD.findall(octets))
    if len(words) < 0.8 * len(_BEYOND.findall(octets)):
        return None
    shares = {
        name: sum(letter in frequent for letter in words.decode(name, "replace").lower()) / len(words)
        for name, frequent, least in _ALPHABETS if len(words) >= least
    }
    best = max(shares, key=lambda name: shares[name], default=None)
    return best if best is not None and shares[best] >= _LEAST_SHARE else None


def _east_asian(octets: bytes) -> str | None:
    if len(_BEYOND.findall(octets)) < _LEAST_SIGNS:
        return None
    shares = {name: _share(octets, codec(name), frequent) for name, frequent in _EAST_ASIAN}
    best = max(shares, key=lambda name: shares[name])
    return best if shares[best] >= _LEAST_SHARE_OF_SIGNS else None


def _share(octets: bytes, read_as: str, frequent: frozenset[str]) -> float:
    """How many of the signs beyond ASCII are frequent ones; none where octets are damaged or the signs are few."""
    wide = [sign for sign in octets.decode(read_as, "replace") if sign > "\x7f"]
    if len(wide) < _LEAST_SIGNS or 50 * wide.count("\N{REPLACEMENT CHARACTER}") > len(wide):
        return 0.0
    return sum(sign in frequent for sign in wide) / len(wide)
