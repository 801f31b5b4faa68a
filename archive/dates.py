"""The Date field as a moment (RFC 5322 sections 3.3 and 4.3, and what programs make of it). Pure, and linear.

What is written is read by its meaning or not at all: a day that no calendar has is never taken for another one.
"""

import re
import unicodedata
from datetime import UTC, date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from postbuch.archive import monthnames
from postbuch.archive.charsets import decode_octets
from postbuch.archive.encodedwords import decode_words

FIRST_YEAR, LAST_YEAR = 1900, 9000
# 200 characters without comments and folds: the longest form, with a long name of a day, has 60.
MAX_CHARACTERS = 200

# Nine of ten: what RFC 5322 section 3.3 has.
_USUAL = re.compile(
    rb"[ \t]*(?:[A-Za-z]{3},[ \t]+)?([0-9]{1,2}) ([A-Z][a-z]{2}) (19[1-9][0-9]|20[0-9]{2})"
    rb" ([0-9]{2}):([0-9]{2}):([0-9]{2}) ([+-](?:[01][0-9]|2[0-3])[0-5][0-9])(?: \([A-Za-z]*\))?\s*"
)
_MONTHS = {
    b"Jan": 1, b"Feb": 2, b"Mar": 3, b"Apr": 4, b"May": 5, b"Jun": 6, b"Jul": 7, b"Aug": 8, b"Sep": 9, b"Oct": 10,
    b"Nov": 11, b"Dec": 12,
}
# Hours from UTC: RFC 5322 section 4.3, and the names that people elsewhere have. A name that means several zones, as
# IST does, is none, and neither is a single letter, which old programs used in both directions: such a date is read
# as one in UTC.
_ZONES = {
    "ut": 0, "utc": 0, "gmt": 0, "z": 0, "est": -5, "edt": -4, "cst": -6, "cdt": -5, "mst": -7, "mdt": -6, "pst": -8,
    "pdt": -7, "ast": -4, "adt": -3, "wet": 0, "west": 1, "wez": 0, "wesz": 1, "bst": 1, "cet": 1, "cest": 2, "mez": 1,
    "mesz": 2, "met": 1, "mest": 2, "eet": 2, "eest": 3, "oez": 2, "oesz": 3, "msk": 3, "msd": 4,
    "мск": 3, "jst": 9, "kst": 9, "hkt": 8, "sgt": 8, "awst": 8, "aest": 10, "aedt": 11, "nzst": 12, "nzdt": 13,
    "hst": -10, "akst": -9, "akdt": -8, "acst": 9.5, "acdt": 10.5, "ict": 7, "wib": 7, "pkt": 5, "idt": 3, "trt": 3,
    "eat": 3, "cat": 2, "sast": 2, "wat": 1, "art": -3, "brt": -3, "brst": -2,
    "wedt": 1, "cedt": 2, "eedt": 3,
}  # fmt: skip
_PARENTHESIS = re.compile(r"\\.|[()]", re.DOTALL)
# Also with an article: Freitag, den 23. August; le vendredi 23 août.
_DAY_NAME = r"(?:le\s)?(?:[^\W\d_]+\.?\s*,?|,)?\s*(?:den\s)?"
# Between day, month and year: a hyphen, else blanks. A hyphen behind a blank would be the sign of a year.
_BETWEEN = r"(?:[-/]|\.?,?\s|[.,])"
_WORD = r"(?:de\s|d['’])?(?P<month>[^\W\d_]{3,12})"
_DAY = r"(?P<day>[0-9]{1,2})(?:st|nd|rd|th)?"
_YEAR = r"(?:del?\s)?(?P<year>[0-9]{2,4})(?![0-9])"
_TIME = (
    r"(?P<hour>[0-9]{1,2})\s?[:.h]\s?(?P<minute>[0-9]{1,2})(?:\s?[:.]\s?(?P<second>[0-9]{1,2})(?:[.,][0-9]+)?)?(?![0-9:])"
    r"(?:\s?(?P<half>[ap])\.?\s?m\b\.?|\s?(?:Uhr|h)\b)?"
)
_TIME_IN_FULL = r"(?P<hour>[0-9]{2})(?P<minute>[0-9]{2})(?P<second>[0-9]{2})(?![0-9])(?P<half>)"
# Europe/Berlin, as programs write that know of nothing but tz's names; MET DST, as old Unix wrote its summer.
_ZONE = (
    r"(?:\s?\[?(?P<place>[A-Za-z]+/[A-Za-z0-9_+/-]+)|\s?(?P<zone>[^\W\d_]+)(?![^\W_])(?P<summer>\sDST\b)?)?"
    r"(?:\s?(?P<sign>[+-])\s?(?P<away>[0-9]{1,2}:[0-9]{2}|[0-9]{1,4})(?![0-9:]))?"
)
_FORMS = tuple(re.compile(form, re.IGNORECASE) for form in (
    rf"{_DAY_NAME}{_DAY}{_BETWEEN}{_WORD}{_BETWEEN}{_YEAR},?\s(?:[^\W\d_]{{1,3}}\s)?{_TIME}{_ZONE}",
    rf"{_DAY_NAME}{_WORD}{_BETWEEN}{_DAY}{_BETWEEN}{_YEAR},?\s(?:[^\W\d_]{{1,3}}\s)?{_TIME}{_ZONE}",
    # asctime, and `date` of Unix with the zone before the year
    rf"{_DAY_NAME}{_WORD}\s{_DAY}\s{_TIME}\s{_YEAR}{_ZONE}",
    rf"{_DAY_NAME}{_WORD}\s{_DAY}\s{_TIME}{_ZONE}\s{_YEAR}",
    # ISO 8601
    rf"{_DAY_NAME}(?P<year>[0-9]{{4}})-(?P<month>[0-9]{{1,2}})-(?P<day>[0-9]{{1,2}})[T\s]\s?{_TIME}{_ZONE}",
    rf"(?P<year>[0-9]{{4}})(?P<month>[0-9]{{2}})(?P<day>[0-9]{{2}})T{_TIME_IN_FULL}{_ZONE}",
    # China, Japan, Korea; half of a day would stand before the clock
    r"(?P<year>[0-9]{4})\s?[年년]\s?(?P<month>[0-9]{1,2})\s?[月월]\s?(?P<day>[0-9]{1,2})\s?[日일]\s?"
    rf"(?:(?:星期|週|周)\w\s?|\w(?:曜日|요일)\s?)?{_TIME}{_ZONE}",
))  # fmt: skip
_NUMBERS = re.compile(
    rf"{_DAY_NAME}(?P<one>[0-9]{{1,4}})(?P<mark>[./-])(?P<blank>\s?)(?P<two>[0-9]{{1,2}})(?P=mark)(?P=blank)"
    rf"(?P<three>[0-9]{{1,4}})(?![0-9])\.?,?[\sT]\s?{_TIME}{_ZONE}", re.IGNORECASE
)  # fmt: skip
# What a clock of Unix counts, from 2001 to 2033: with fewer or more digits it would be something else.
_SECONDS = re.compile(r"@?(1[0-9]{9})(?:\.[0-9]+)?")
# By numbers alone no other calendar's years are told from ours: 2569 is Thai, 1405 Persian.
_PLAIN_YEARS = range(1950, 2150)


def read(raw: bytes) -> datetime | None:
    """The moment in UTC; None when it cannot be read or no calendar has it."""
    usual = _USUAL.fullmatch(raw)
    if usual is not None and (month := _MONTHS.get(usual[2])):
        day, year, hour, minute, second, zone = (int(usual[place]) for place in (1, 3, 4, 5, 6, 7))
        away = abs(zone) // 100 * 60 + abs(zone) % 100
        return _moment(year, month, day, hour, minute, second, away if zone >= 0 else -away)
    line = _without_comments(decode_words(decode_octets(raw, None))).replace('"', "")
    line = " ".join(line.split())[:MAX_CHARACTERS]
    line = unicodedata.normalize("NFC", line)
    for form in _FORMS:
        if (found := form.match(line)) is not None:
            parts = found.groupdict()
            written = parts["month"]
            month = int(written) if written.isdecimal() else monthnames.month(written)
            return _at(_year(parts["year"]), month, int(parts["day"]), parts)
    if (counted := _SECONDS.fullmatch(line)) is not None:
        return datetime.fromtimestamp(int(counted[1]), UTC)
    plain = _NUMBERS.match(line)
    written_day = None if plain is None else _plain_day(plain)
    if plain is None or written_day is None:
        return None
    return _at(written_day.year, written_day.month, written_day.day, plain.groupdict())


def _plain_day(found: re.Match[str]) -> date | None:
    """The day that numbers alone mean; None where they can mean two.

    With points the day comes first in every language of CLDR, unless the year does; with slashes and hyphens the month
    does in some. A word behind the clock that is no zone would be half of a day.
    """
    one, two, three, mark = found["one"], found["two"], found["three"], found["mark"]
    if not (found["zone"] or "").isascii():
        return None
    if len(one) == 4 and len(three) <= 2:
        return _day(one, two, three)
    if len(one) > 2 or len(three) not in (2, 4):
        return None
    day_first, month_first = _day(three, two, one), _day(three, one, two)
    if mark == "." and (len(three) == 4 or not found["blank"]):
        return day_first or month_first
    year_first = _day(one, two, three) if len(one) == len(three) == 2 else None
    meant = {day_first, month_first, year_first} - {None}
    return meant.pop() if len(meant) == 1 else None


def _day(year: str, month: str, day: str) -> date | None:
    try:
        found = date(_year(year), int(month), int(day))
    except ValueError:
        return None
    return found if found.year in _PLAIN_YEARS else None


def _at(year: int, month: int, day: int, parts: dict[str, str]) -> datetime | None:
    """The moment of a day, with what a form has of clock and zone."""
    hour = int(parts["hour"])
    if parts["half"]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if parts["half"].lower() == "p" else 0)
    return _moment(
        year, month, day, hour, int(parts["minute"]), int(parts["second"] or 0),
        _minutes_away(parts["zone"] or "", parts["summer"], parts["sign"], parts["away"]),
        _zone(parts["place"]) if parts["place"] and parts["away"] is None else UTC,
    )


def _moment(
    year: int, month: int, day: int, hour: int, minute: int, second: int, minutes_away: int, zone: tzinfo = UTC
) -> datetime | None:
    try:  # a leap second (60) is the first one of the next minute
        written = datetime(year, month, day, hour, minute, min(second, 59) if second <= 60 else second, tzinfo=zone)
        found = written.astimezone(UTC) + timedelta(seconds=second // 60, minutes=-minutes_away)
    except (ValueError, OverflowError):
        return None
    return found if FIRST_YEAR <= found.year <= LAST_YEAR else None


def _year(written: str) -> int:
    """RFC 5322 section 4.3: two digits are of 1950 to 2049, three count from 1900, also filled up to four (0126)."""
    year = int(written)
    if len(written) == 2:
        return year + (2000 if year < 50 else 1900)
    return year + 1900 if len(written) == 3 or 100 <= year < 200 else year


def _minutes_away(name: str, summer: str | None, sign: str | None, away: str | None) -> int:
    """How far from UTC: by the digits (`GMT+0100` is one hour to the east), else by the name, else not at all."""
    if sign is None or away is None:
        hours_away = _ZONES.get(name.strip().lower(), 0)
        return int(hours_away * 60) + (60 if summer else 0)
    hours, colon, minutes = away.partition(":")
    if not colon and len(away) > 2:
        hours, minutes = away[:-2], away[-2:]
    if int(hours) > 23 or int(minutes or 0) > 59:  # no clock; but -1900 is one, which RFC 5322 has and some mean
        return 0
    found = int(hours) * 60 + int(minutes or 0)
    return found if sign == "+" else -found


def _zone(name: str) -> tzinfo:
    """The zone of a place; UTC where tz knows no such place."""
    try:
        return ZoneInfo(name)
    except (ValueError, KeyError, OSError):
        return UTC


def _without_comments(text: str) -> str:
    """The text without comments, which may stand within one another; one without an end takes the rest."""
    if "(" not in text:
        return text
    pieces = []
    depth = place = 0
    for sign in _PARENTHESIS.finditer(text):
        if sign[0] == "(":
            if depth == 0:
                pieces.append(text[place : sign.start()])
            depth += 1
        elif sign[0] == ")" and depth:
            depth -= 1
            place = sign.end()
    return " ".join(pieces if depth else [*pieces, text[place:]])
