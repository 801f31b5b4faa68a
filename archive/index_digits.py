"""Numbers that people write in groups of digits, each group as they like: of telephones, orders, invoices. Pure.

    +49 (0)89 / 123-456 = 0049 89 123456 = 089 123456 = 089123456
    4711-0815 = 4711/0815 = 4711 0815 = 47110815

All their digits are one word of the index. That of a telephone is what is dialled within its country, so that who
writes the country finds who does not; numbers of two countries may so be the same.
"""

import re
from collections.abc import Iterator

BETWEEN = " ./()\u2010\u2011\u2013-"
# What stands between two digits, as in `(0)89 / 12`; and where another number begins: 089 123456 / 0171 123456.
_BETWEEN = rf"[{BETWEEN}]{{0,3}}"
_ANOTHER = r"(?! ?/ ?0[1-9])"
# E.164 has at most 15 digits; 00 and (0) are three more. The shortest are of small towns: 0123 456.
LEAST, MOST = 7, 18
# A date begins with two digits and mostly a point, an area code with three or a blank: 01 23 45 67 89. Not within other
# numbers (192.168.0.1), nor in a row of such.
_TELEPHONE = re.compile(
    rf"[+0](?<![^\W_].)(?<![+.,]0)(?<!\d[ ./-][+0])(?:(?<=\+)[1-9]|(?<=0)(?:\d\d|[1-9](?: |/\d{{5}})))"
    rf"(?>(?:{_ANOTHER}{_BETWEEN}\d){{{LEAST - 3},{MOST}}})(?![^\W_])(?!{_ANOTHER}{_BETWEEN}\d)"
)
# What may be one, behind its first digit. What has no blanks or signs in it is a word anyway, but for the countries.
BEGIN = rf"(?<=\+[0-9])|(?=(?<=0)0[1-9][0-9]{{4}}|[0-9]++[{BETWEEN}][0-9{BETWEEN}]{{3}})"
_TRUNK = re.compile(r"\(0\)")
_SIGNS = re.compile(rf"[+{BETWEEN}]")
# The codes of E.164 with one and two digits; all others have three.
_COUNTRY = re.compile(r"(?:1|7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|\d{3})(?=\d{4})")
# Rows of short groups are tables, and a point with two digits behind it an amount.
_GROUPED = re.compile(
    r"\d(?<![\w.,/-]\d)(?<!\d \d)\d\d++(?>(?:/\d\d++|[ .]\d{3,}+){1,4})(?![^\W_])(?![ .,/-]\d)"
)
_LEAST_GROUPED, _MOST_GROUPED = 7, 20


def at(text: str, place: int) -> Iterator[tuple[int, int, str]]:
    """Begin, end and the digits of a number whose first digit is here."""
    begin = place - (text[place - 1 : place] == "+")
    if found := _TELEPHONE.match(text, begin):
        dialled = _dialled(found[0])
        if dialled != found[0]:
            yield begin, found.end(), dialled
    elif grouped := _GROUPED.match(text, place):
        digits = _SIGNS.sub("", grouped[0])
        if _LEAST_GROUPED <= len(digits) <= _MOST_GROUPED:
            yield place, grouped.end(), digits


def joined(text: str) -> str | None:
    """The one word that all of a text is."""
    return next((one for begin, end, one in at(text, text.startswith("+")) if (begin, end) == (0, len(text))), None)


def telephone(text: str) -> str | None:
    """The same when only numbers of telephones are written so."""
    return joined(text) if text.startswith(("+", "0")) else None


def pattern(text: str) -> str | None:
    """Of MariaDB, for a number in whatever groups; None when a text is none."""
    for hyphen in "\u2010\u2011-":
        text = text.replace(hyphen, "/")
    digits = text if text.isdecimal() and LEAST <= len(text) <= _MOST_GROUPED else joined(text)
    if digits is None:
        return None
    begin = ""
    if digits[0] == "0":
        digits, begin = digits[1:], rf"(?:0|(?:\+|00)[1-9][0-9]{{0,2}}{_BETWEEN}(?:\(0\))?){_BETWEEN}"
    return f"(?<![0-9]){begin}{_BETWEEN.join(digits)}(?![0-9])"


def _dialled(written: str) -> str:
    """The digits of a number without its country."""
    digits = _SIGNS.sub("", _TRUNK.sub("", written))
    if written[0] == "+":
        rest = digits
    elif digits.startswith("00") and digits[2] != "0":
        rest = digits[2:]
    else:
        return digits
    code = _COUNTRY.match(rest)
    # Italy dials its 0 from abroad, too.
    return "0" + rest[code.end() if code else 0 :].lstrip("0")
