"""The charset of octets for which none is named that could be theirs: what UTF-16 and Cyrillic show. Pure, linear.

Chinese, Japanese and Korean do not in texts as short as subjects: these are read as Windows-1252, as ever.
"""

import codecs
import re

from postbuch.archive.charsets import codec

# What octets beyond these say is another charset than the one that is named.
_NARROW = frozenset({"", "ascii", "utf_8"})
# 64 KiB of a text have more letters than are needed to tell.
_LOOKED_AT_OCTETS = 65_536
_META = re.compile(rb"<meta\b[^<>]{0,200}?\bcharset\s*=\s*[\"']?([\w.:-]{1,60})", re.IGNORECASE)
# Words of octets beyond ASCII alone: Western ones have a few among others.
_WORD = re.compile(rb"[\xa3\xa8\xb3\xb8\xc0-\xff]{3,}")
_BEYOND = re.compile(rb"[\x80-\xff]")
# Nine letters make 62 % of Russian and somewhat less of Bulgarian and Ukrainian; of other letters read so, a third.
_FREQUENT = frozenset("оеаинтсрв")
_LEAST_SHARE = 0.45
_LEAST_LETTERS = 6


def charset(octets: bytes, named: str | None, is_html: bool = False) -> str | None:
    """The one that is named, unless its octets are others and show what they are."""
    if codec(named or "") not in _NARROW:
        return named
    if octets.isascii() and b"\0" not in octets:
        return named
    if _is_utf_16(octets):
        return "utf-16"
    try:
        octets.decode()
    except UnicodeDecodeError:
        meta = _META.search(octets, 0, _LOOKED_AT_OCTETS) if is_html else None
        return meta[1].decode() if meta else _cyrillic(octets[:_LOOKED_AT_OCTETS]) or named
    return named


def _is_utf_16(octets: bytes) -> bool:
    """With its mark, or with every second octet NUL in most places and no other one."""
    if octets.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return len(octets) % 2 == 0
    looked = octets[:_LOOKED_AT_OCTETS]
    even, odd = looked[::2].count(0), looked[1::2].count(0)
    return len(looked) >= 4 and min(even, odd) == 0 and 2 * max(even, odd) > len(looked) // 2


def _cyrillic(octets: bytes) -> str | None:
    words = b"".join(_WORD.findall(octets))
    if len(words) < max(_LEAST_LETTERS, 0.9 * len(_BEYOND.findall(octets))):
        return None
    shares = {
        name: sum(letter in _FREQUENT for letter in words.decode(name, "replace").lower()) / len(words)
        for name in ("koi8-r", "windows-1251")
    }
    best = max(shares, key=lambda name: shares[name])
    return best if shares[best] >= _LEAST_SHARE else None
