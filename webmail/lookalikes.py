"""Hosts whose name is written so that it can be taken for another one. Pure.

By the rules of Unicode Technical Standard 39 that browsers apply: a label of a host has one script, or those that are
written together in Japanese, Chinese and Korean ("highly restrictive", section 5.2); in none of its letters it looks
like a Latin word while it has none (whole-script confusables, section 4); and Latin letters are those that a language
writes, not those of phonetics (identifier types, section 3.1). müller.de, ελλάδα.gr and 東京.jp are what they seem.
"""

import unicodedata
from contextlib import suppress

# The first word of a letter's Unicode name is its script, but for Han.
_TOGETHER = (
    {"LATIN", "CJK", "HIRAGANA", "KATAKANA"}, {"LATIN", "CJK", "BOPOMOFO"}, {"LATIN", "CJK", "HANGUL"},
)  # fmt: skip
# What all of them have: Common and Inherited.
_OF_NO_SCRIPT = frozenset({"DIGIT", "HYPHEN", "COMBINING", "IDEOGRAPHIC", "MIDDLE"})
# Small letters that look like one or two of a to z, from confusables.txt as Chromium uses it (idn_spoof_checker.cc).
_LIKE_LATIN = frozenset("асԁеһіјӏорԛѕԝхуъьҽпгѵѡ" "αικνροτυωηγ" "ագզէլհյոսցօք")
# Beside a to z with marks; beyond Latin Extended-A those alone that a language writes: Azerbaijani, Hausa, Vietnamese.
_END_OF_EXTENDED_A = 0x17F
_FURTHER_LATIN = frozenset("əɓɗƙƴơư")
_ACE = "xn--"


def as_in_dns(host: str) -> str:
    """As the DNS has it: small, its labels in ASCII (RFC 3492), without the dot at the end."""
    with suppress(UnicodeError):  # no name that the DNS could have, or with letters newer than Python's table
        host = host.encode("idna").decode("ascii")
    host = host.lower().rstrip(".")
    return host if host.isascii() else ".".join(map(_in_ascii, host.split(".")))


def is_lookalike(host: str) -> bool:
    """Whether a host, as the DNS has it, can be taken for another one where its letters are shown."""
    return any(_is_strange(_in_letters(label)) for label in host.split(".") if label.startswith(_ACE))


def is_of_one(host: str, shown: str) -> bool:
    """Whether both, as the DNS has them, are one place: the same host, or one lies in the other."""
    return host == shown or host.endswith(f".{shown}") or ("." in host and shown.endswith(f".{host}"))


def _in_ascii(label: str) -> str:
    return label if label.isascii() else _ACE + label.encode("punycode").decode("ascii")


def _in_letters(label: str) -> str:
    try:
        return label.removeprefix(_ACE).encode("ascii").decode("punycode").lower()
    except UnicodeError:  # no browser shows it in another way
        return ""


def _is_strange(label: str) -> bool:
    scripts = {script for each in label if (script := _script(each)) not in _OF_NO_SCRIPT}
    if len(scripts) > 1 and not any(scripts <= each for each in _TOGETHER):
        return True
    letters = [each for each in label if each.isalpha()]
    if "LATIN" not in scripts:
        return bool(letters) and all(each in _LIKE_LATIN for each in letters)
    return any(_script(each) == "LATIN" and not _is_written(each) for each in letters)


def _script(character: str) -> str:
    return unicodedata.name(character, "UNKNOWN").replace("-", " ").partition(" ")[0]


def _is_written(letter: str) -> bool:
    base = unicodedata.normalize("NFD", letter)[0]
    return base.isascii() or ord(letter) <= _END_OF_EXTENDED_A or base in _FURTHER_LATIN
