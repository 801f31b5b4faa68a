"""Hosts whose name is written so that it can be taken for another one. Pure.

By the rules of Unicode Technical Standard 39 that browsers apply: a label of a host has one script, or those that are
written together in Japanese, Chinese and Korean ("highly restrictive", section 5.2), and one that is written every day
(Unicode Standard Annex 31, table 5); in none of its letters it looks like a Latin word while it has none (whole-script
confusables, section 4), but below a top-level domain of the same script, as in роса.рф; Latin letters are those that a
language writes, not those of phonetics (identifier types, section 3.1); and no sign stands where it is taken for a
point, a slash or nothing. müller.de, ελλάδα.gr and 東京.jp are what they seem.
"""

import re
import unicodedata
from contextlib import suppress

from postbuch.archive import harmless

# The first word of a letter's Unicode name is its script, but for Han.
_TOGETHER = (
    {"LATIN", "CJK", "HIRAGANA", "KATAKANA"}, {"LATIN", "CJK", "BOPOMOFO"}, {"LATIN", "CJK", "HANGUL"},
)  # fmt: skip
_WRITTEN_TODAY = frozenset(
    """
    ARABIC ARMENIAN BENGALI BOPOMOFO CJK CYRILLIC DEVANAGARI ETHIOPIC GEORGIAN GREEK GUJARATI GURMUKHI HANGUL HEBREW
    HIRAGANA KANNADA KATAKANA KHMER LAO LATIN MALAYALAM MYANMAR ORIYA SINHALA TAMIL TELUGU THAANA THAI TIBETAN
    """.split()  # noqa: SIM905 - a list of quoted words would fill a page
)
# What all of them have: Common and Inherited.
_OF_NO_SCRIPT = frozenset({"DIGIT", "HYPHEN", "COMBINING", "IDEOGRAPHIC", "MIDDLE", "EXTENDED"})
# Small letters that look like one or two of a to z or a digit, with marks or without: by confusables.txt of the
# standard, and by what Chromium adds to it (idn_spoof_checker.cc).
_LIKE_LATIN = frozenset("асԁеһіјӏорԛѕԝхуъьҽпгѵѡӕүꙇꚙб" "αικνροτυωηγϳσ" "ագզէլհյոսցօքռ" "იოყძხჽჿ" "וןס" "اه" "ዐሀ" "ဝഠଠ")
# A middle dot but between two l (RFC 5892 appendix A.3), what is taken for a slash among Latin letters, and a dot on
# one that has it already.
_OUT_OF_PLACE = re.compile(r"(?<!l)·|·(?!l)|(?<=[a-z\d-])[ノソゾン丿](?=[a-z\d-])|(?<=[ijlı])\u0307")
# Beside a to z with marks; beyond Latin Extended-A those alone that a language writes: Azerbaijani, Hausa, Vietnamese.
_END_OF_EXTENDED_A = 0x17F
# Within it, but nobody writes it any more: kra, of Greenland until 1973.
_FORMER = "ĸ"
_FURTHER_LATIN = frozenset("əɓɗƙƴơư")
_ACE = "xn--"
# Of a name and of each of its labels (RFC 1035 section 2.3.4); what is longer is no name that anybody could have.
_MAX_HOST = 253
_MAX_LABEL = 63


def as_in_dns(host: str) -> str:
    """As the DNS has it: small, its labels in ASCII (RFC 3492), without the dot at the end.

    In letters stays what the DNS cannot have for its length: to write it in ASCII takes time by the square of it.
    """
    if not host.isascii():
        # Small before Python's table makes them so: which letters that has depends on the security update.
        host = "".join(each for each in host if not harmless.is_blank(each)).lower()
        if len(host) > _MAX_HOST or any(len(label) > _MAX_LABEL for label in host.split(".")):
            return host.rstrip(".")
    with suppress(UnicodeError):  # no name that the DNS could have, or with letters newer than Python's table
        host = host.encode("idna").decode("ascii")
    host = host.lower().rstrip(".")
    return host if host.isascii() else ".".join(map(_in_ascii, host.split(".")))


def is_lookalike(host: str) -> bool:
    """Whether a host, as the DNS has it, can be taken for another one where its letters are shown."""
    labels = [_in_letters(label) for label in host.split(".")]
    below = _scripts(labels[-1])
    return any(_is_strange(label, below) for label in labels if not label.isascii())


def is_of_one(host: str, shown: str) -> bool:
    """Whether both, as the DNS has them, are one place: the same host, or one lies in the other."""
    return host == shown or host.endswith(f".{shown}") or ("." in host and shown.endswith(f".{host}"))


def _in_ascii(label: str) -> str:
    return label if label.isascii() else _ACE + label.encode("punycode").decode("ascii")


def _in_letters(label: str) -> str:
    if not label.startswith(_ACE):
        return label
    try:
        return label.removeprefix(_ACE).encode("ascii").decode("punycode").lower()
    except UnicodeError:  # no browser shows it in another way
        return ""


def _is_strange(label: str, below: set[str]) -> bool:
    """`below`: the scripts of its top-level domain."""
    scripts = _scripts(label)
    if len(scripts) > 1 and not any(scripts <= each for each in _TOGETHER):
        return True
    letters = [each for each in label if each.isalpha()]
    if not scripts.intersection(map(_script, letters)) <= _WRITTEN_TODAY or _OUT_OF_PLACE.search(label):
        return True
    if "LATIN" not in scripts:
        return scripts != below and bool(letters) and all(_base(each) in _LIKE_LATIN for each in letters)
    return any(_script(each) == "LATIN" and not _is_written(each) for each in letters)


def _scripts(label: str) -> set[str]:
    return {script for each in label if (script := _script(each)) not in _OF_NO_SCRIPT}


def _script(character: str) -> str:
    return unicodedata.name(character, "UNKNOWN").replace("-", " ").partition(" ")[0]


def _is_written(letter: str) -> bool:
    base = _base(letter)
    if base.isascii() or base in _FURTHER_LATIN:
        return True
    return ord(letter) <= _END_OF_EXTENDED_A and letter not in _FORMER


def _base(letter: str) -> str:
    """Without its marks."""
    return unicodedata.normalize("NFD", letter)[0]
