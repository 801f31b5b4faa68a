"""Octets as text, by the charset they claim and by what they are. Pure, linear, never raises on content.

A label means what the WHATWG Encoding Standard says: the wider charset that programs write under the narrow one's name.
"""

import codecs
import re
from encodings.aliases import aliases
from functools import lru_cache

# No others are ever used: Python knows codecs that are slow by design (punycode), no text (zlib) or no mail's (EBCDIC).
_NAMES = """
    ascii big5 big5hkscs cp720 cp737 cp775 cp850 cp852 cp855 cp857 cp858 cp860 cp861 cp862 cp863 cp864 cp865 cp866
    cp869 cp874 cp932 cp949 cp950 cp1125 cp1250 cp1251 cp1252 cp1253 cp1254 cp1255 cp1256 cp1257 cp1258 cp437
    euc_jis_2004 euc_jisx0213 euc_jp euc_kr gb18030 gb2312 gbk hp_roman8 hz iso2022_jp iso2022_jp_1 iso2022_jp_2
    iso2022_jp_2004 iso2022_jp_3 iso2022_jp_ext iso2022_kr iso8859_10 iso8859_11 iso8859_13 iso8859_14 iso8859_15
    iso8859_16 iso8859_2 iso8859_3 iso8859_4 iso8859_5 iso8859_6 iso8859_7 iso8859_8 iso8859_9 johab koi8_r koi8_t
    koi8_u kz1048 latin_1 mac_croatian mac_cyrillic mac_greek mac_iceland mac_latin2 mac_roman mac_romanian
    mac_turkish ptcp154 shift_jis shift_jis_2004 shift_jisx0213 tis_620 utf_16 utf_16_be utf_16_le utf_32 utf_32_be
    utf_32_le utf_7 utf_8
"""
_CODECS = frozenset(_NAMES.split())
_WIDER = {
    "big5": "big5hkscs", "cp950": "big5hkscs", "euc_kr": "cp949", "gb2312": "gb18030", "gbk": "gb18030",
    "iso2022_jp": "iso2022_jp_ext", "iso8859_11": "cp874", "iso8859_9": "cp1254", "latin_1": "cp1252",
    "shift_jis": "cp932", "tis_620": "cp874",
}  # fmt: skip
# Nearly any octets fit these: what does not fit the narrow one, and is UTF-8, is UTF-8.
_NARROW = {"big5hkscs": "big5", "cp949": "euc_kr", "gb18030": "gb2312"}
# Labels that Python does not know.
_LABELS = {
    "asmo708": "iso8859_6", "cesu8": "utf_8", "cnbig5": "big5", "cp10000": "mac_roman", "dos874": "cp874",
    "gb231280": "gb2312",
    "iso10646ucs2": "utf_16", "iso88591": "latin_1", "iso88596e": "iso8859_6", "iso88596i": "iso8859_6",
    "iso88598e": "iso8859_8", "iso88598i": "iso8859_8", "isoir149": "euc_kr", "jis": "iso2022_jp", "koi": "koi8_r",
    "koi8": "koi8_r", "koi8ru": "koi8_u", "ksc5601": "euc_kr", "ksc56011989": "euc_kr", "logical": "iso8859_8",
    "mac": "mac_roman", "macce": "mac_latin2", "maccentraleurope": "mac_latin2", "macukrainian": "mac_cyrillic",
    "sjis": "shift_jis", "ucs2": "utf_16", "unicode": "utf_16", "unicodefffe": "utf_16_be", "unicode11utf8": "utf_8",
    "utf8mb4": "utf_8", "utf8sig": "utf_8", "visual": "iso8859_8", "windows31j": "cp932", "windows874": "cp874",
    "windows949": "cp949",
}  # fmt: skip
_NO_LETTER = re.compile(r"[^a-z0-9]+")
# Names and labels by their letters and digits alone: programs write cp-1251, UTF_8, x-x-big5.
_KNOWN = {
    _NO_LETTER.sub("", label.lower()): codec
    for label, codec in (*aliases.items(), *((codec, codec) for codec in _CODECS), *_LABELS.items())
    if codec in _CODECS
}
# Windows-1252 with its five undefined octets as they are.
_WINDOWS = "".join(bytes([octet]).decode("cp1252", "ignore") or chr(octet) for octet in range(256))
# The begin of a character at the end of UTF-8. One octet alone must be C2 or C3: others end words in Windows-1252.
_CUT = re.compile(rb"(?:[\xc2\xc3]|[\xe0-\xef][\x80-\xbf]|[\xf0-\xf4][\x80-\xbf]{1,2})\Z")
# Half of a character beyond the first 65,536 each, as programs encode it that have strings in UTF-16 (CESU-8, UTR 26).
_HALVES = re.compile(rb"\xed[\xa0-\xaf][\x80-\xbf]\xed[\xb0-\xbf][\x80-\xbf]")
_JIS = re.compile(rb"\x1b(\$[@B]|\([BJI])([^\x1b]*)")
_EUC = re.compile(rb"\x8e([\xa1-\xdf])|((?>(?:[\xa1-\xfe]{2})+))")
_SEVEN_BITS = bytes(octet & 0x7F for octet in range(256))


def decode_octets(octets: bytes, charset: str | None) -> str:
    """Octets as text, U+FFFD for what is damaged. Never raises.

    The charset that they claim has the first word, then UTF-8; a few octets that do not fit either do not speak against
    it, many do. The rest is Windows-1252.
    """
    if charset is None and octets.isascii():  # nearly all fields
        return octets.decode("ascii")
    claimed = "utf_8" if octets.startswith(codecs.BOM_UTF8) else codec(charset or "")
    if claimed.startswith("utf_16"):
        claimed = _utf_16(octets, claimed)
    narrow = _NARROW.get(claimed)
    if narrow and not fits(octets, narrow) and fits(octets, "utf_8"):
        claimed = "utf_8"
    tried = (claimed, "utf_8") if claimed not in ("", "ascii", "utf_8") else ("utf_8",)
    # ASCII octets are UTF-8 in any case: nothing against a charset of seven bits.
    for each in tried[:1] if octets.isascii() else tried:
        try:
            return octets.decode(each).removeprefix("\ufeff")
        except UnicodeError:
            continue
    for each in tried:
        text = _damaged(octets, each)
        if text is not None:
            return text.removeprefix("\ufeff")
    return codecs.charmap_decode(octets, "strict", _WINDOWS)[0]


def with_whole_characters(octets: bytes, charset: str | None) -> bytes:
    """UTF-8 in which no character stands in two halves; other octets as they are."""
    if b"\xed" not in octets or codec(charset or "utf-8") not in ("utf_8", "ascii"):
        return octets
    return _HALVES.sub(lambda both: _text_of_halves(both[0]).encode(), octets)


def _text_of_halves(octets: bytes) -> str:
    return octets.decode("utf-8", "surrogatepass").encode("utf-16", "surrogatepass").decode("utf-16")


def fits(octets: bytes, codec: str) -> bool:
    """Whether they are text in a codec of `_CODECS`, without a fault."""
    try:
        octets.decode(codec)
    except UnicodeError:
        return False
    return True


@lru_cache(maxsize=1024)
def codec(label: str) -> str:
    """The codec of a label, by the standard's wider meaning; empty for what is no charset of a mail."""
    name = _NO_LETTER.sub("", label[:100].lower())
    found = _KNOWN.get(name) or _KNOWN.get(name.lstrip("x")) or ""
    return _WIDER.get(found, found)


def _utf_16(octets: bytes, codec: str) -> str:
    """Which UTF-16 it is, where no mark says so; UTF-8 under that label is none."""
    if octets.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf_16"
    if b"\0" not in octets and fits(octets, "utf_8"):
        return "utf_8"
    if codec != "utf_16":
        return codec
    return "utf_16_be" if octets[:2000:2].count(0) > octets[1:2000:2].count(0) else "utf_16_le"


def _damaged(octets: bytes, codec: str) -> str | None:
    """The text but for a few octets; None when so many do not fit that it is another charset."""
    if codec == "cp1252":  # nearly every octet fits it: no more can be known
        return codecs.charmap_decode(octets, "strict", _WINDOWS)[0]
    cut = _CUT.search(octets[-3:]) if codec == "utf_8" else None
    whole = octets if cut is None else octets[: -len(cut[0])]
    text = _japanese(whole, codec) or whole.decode(codec, "replace")
    bad = text.count("\ufffd")
    good = len(text) - len(text.encode("ascii", "ignore")) - bad
    if bad > max(1, good // 4) or bad > good:
        return None
    return text if cut is None else text + "\ufffd"


def _japanese(octets: bytes, codec: str) -> str:
    """With the letters of NEC and IBM, which Python has in code page 932 only."""
    if codec == "iso2022_jp_ext":
        octets = _JIS.sub(lambda match: _shifted(match[1], match[2]), octets)
    elif codec == "euc_jp":
        octets = _EUC.sub(lambda match: match[1] or _pairs(match[2].translate(_SEVEN_BITS)), octets)
    else:
        return ""
    return octets.decode("cp932", "replace")


def _shifted(escape: bytes, stretch: bytes) -> bytes:
    """A stretch of ISO-2022-JP in code page 932."""
    if escape.startswith(b"$"):
        return _pairs(stretch)
    return bytes(octet | 0x80 for octet in stretch) if escape == b"(I" else stretch


def _pairs(octets: bytes) -> bytes:
    """Pairs of JIS X 0208 octets as Shift_JIS has them; what is none stays."""
    out = bytearray()
    for row, cell in zip(octets[::2], octets[1::2], strict=False):
        if not (0x21 <= row <= 0x7E and 0x21 <= cell <= 0x7E):
            out += bytes((row, cell))
            continue
        out.append((row + 1) // 2 + (0x70 if row <= 0x5E else 0xB0))
        out.append(cell + (0x7E if row % 2 == 0 else 0x1F if cell < 0x60 else 0x20))
    return bytes(out) + octets[len(octets) & ~1 :]
