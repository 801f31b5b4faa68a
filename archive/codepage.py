"""The charset labels of Windows' code page numbers, as TNEF, RTF and old Office files name them. Pure."""

_LABELS = {
    936: "gbk", 1200: "utf-16le", 1201: "utf-16be", 10000: "macintosh", 10007: "mac-cyrillic", 10029: "mac-latin2",
    20127: "us-ascii", 20866: "koi8-r", 20932: "euc-jp", 21866: "koi8-u", 50220: "iso-2022-jp", 50221: "iso-2022-jp",
    50222: "iso-2022-jp", 50225: "iso-2022-kr", 51932: "euc-jp", 51936: "gb2312", 51949: "euc-kr", 52936: "hz",
    54936: "gb18030", 65000: "utf-7", 65001: "utf-8",
} | {28590 + part: f"iso-8859-{part}" for part in range(1, 17)}  # fmt: skip

# By the lower ten bits of a language's number (MS-LCID); all others write in 1252.
_LANGUAGES = {
    0x01: 1256, 0x02: 1251, 0x05: 1250, 0x08: 1253, 0x0D: 1255, 0x0E: 1250, 0x11: 932, 0x12: 949, 0x15: 1250,
    0x18: 1250, 0x19: 1251, 0x1A: 1250, 0x1B: 1250, 0x1C: 1250, 0x1E: 874, 0x1F: 1254, 0x20: 1256, 0x22: 1251,
    0x23: 1251, 0x24: 1250, 0x25: 1257, 0x26: 1257, 0x27: 1257, 0x29: 1256, 0x2A: 1258, 0x2F: 1251,
}  # fmt: skip
# Where the same language has two alphabets: Chinese in Taiwan, Hongkong and Macau, Serbian in Cyrillic letters.
_COUNTRIES = {0x0404: 950, 0x0C04: 950, 0x1404: 950, 0x0004: 936, 0x0804: 936, 0x1004: 936, 0x0C1A: 1251}


def label(number: int) -> str:
    """A label that `charsets.decode_octets` understands; what nobody knows is its default's business."""
    return _LABELS.get(number, f"cp{number}")


def of_language(number: int) -> int:
    """The code page that Windows has for a language by its number."""
    return _COUNTRIES.get(number) or _LANGUAGES.get(number & 0x3FF, 1252)
