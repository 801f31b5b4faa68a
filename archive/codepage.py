"""The charset labels of Windows' code page numbers, as TNEF and RTF name them. Pure."""

_LABELS = {
    936: "gbk", 1200: "utf-16le", 1201: "utf-16be", 10000: "macintosh", 10007: "mac-cyrillic", 10029: "mac-latin2",
    20127: "us-ascii", 20866: "koi8-r", 20932: "euc-jp", 21866: "koi8-u", 50220: "iso-2022-jp", 50221: "iso-2022-jp",
    50222: "iso-2022-jp", 50225: "iso-2022-kr", 51932: "euc-jp", 51936: "gb2312", 51949: "euc-kr", 52936: "hz",
    54936: "gb18030", 65000: "utf-7", 65001: "utf-8",
} | {28590 + part: f"iso-8859-{part}" for part in range(1, 17)}  # fmt: skip


def label(number: int) -> str:
    """A label that `charsets.decode_octets` understands; what nobody knows is its default's business."""
    return _LABELS.get(number, f"cp{number}")
