"""The Date field: read by its meaning in every form that mail has, or not at all; never another day."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from babel import Locale
from hypothesis import given, settings
from hypothesis import strategies as st

from postbuch.archive import dates

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def at(hour: int, minute: int = 0, second: int = 0, day: int = 23) -> datetime:
    return datetime(2026, 11, day, hour, minute, second, tzinfo=UTC)


@pytest.mark.parametrize(("zone", "hour"), [
    ("+0100", 10), ("+01:00", 10), ("+1", 10), ("GMT+0100", 10), ("GMT +01:00", 10), ("UTC+1", 10), ("UT", 11),
    ("GMT", 11), ("Z", 11), ("CET", 10), ("CEST", 9), ("cest", 9), ("MEZ", 10), ("MESZ", 9), ("MET", 10), ("BST", 10),
    ("WEST", 10), ("EET", 9), ("EEST", 8), ("MSK", 8), ("EST", 16), ("EDT", 15), ("CST", 17), ("CDT", 16), ("MST", 18),
    ("MDT", 17), ("PST", 19), ("PDT", 18), ("(EDT) -0400", 15), ("-0500 (MEZ)", 16), ("-0000", 11), ("", 11),
    ("Europe/Berlin", 10), ("America/New_York", 16), ("Asia/Tokyo", 2), ("[Europe/Berlin]", 10), ("Mars/City", 11),
    ("America/Argentina/Ushuaia", 14), ("Etc/GMT-2", 9), ("Europe/", 11), ("Europe/../Berlin", 11), ("Europe//", 11),
    ("CEDT", 9), ("MET DST", 9), ("MET DST +0200", 9), ("SAST", 9), ("BRT", 14),
    ("JST", 2), ("KST", 2), ("HKT", 3), ("AEDT", 0), ("HST", 21), ("AKST", 20),
    ("A", 11), ("M", 11), ("IST", 11), ("XYZ", 11), ("+9999", 11), ("+0160", 11), ('"CET"', 10),
])
def test_zones(zone: str, hour: int) -> None:
    """RFC 5322 section 4.3, the names of Europe and the Pacific, digits in every shape; what says nothing is UTC."""
    assert dates.read(f"Mon, 23 Nov 2026 11:00:00 {zone}".encode()) == at(hour)


@pytest.mark.parametrize("value", [
    "Mon, 23 Nov 2026 11:00 +0100", "Mon, 23 Nov 2026 11:00:00.999999 +0100", "Mon,23 Nov 2026 11:00:00+0100",
    " Mon, 23 Nov\r\n 2026 11:00:00\r\n\t+0100\r", "(a)Mon(b(c)\\)),(d)23(e)Nov(f)2026(g)11(h):(i)00:00(j)+0100(k)",
    "Mon, 23 Nov 2026 11:00:00 +0100 (MEZ", "Mo, 23 Nov 2026 11:00:00 +0100", "lun., 23 nov. 2026 11:00:00 +0100",
    "Пн, 23 Nov 2026 11:00:00 +0100", "Montag, 23. November 2026 11:00:00 MEZ", "23-Nov-2026 11:00:00 +0100",
    "Monday, 23-Nov-26 10:00:00 GMT", "23 Nov 126 11:00:00 +0100", "Mon, 23 Nov 2026 11.00.00 +0100",
    "Mon Nov 23 10:00:00 2026", "Mon Nov 23 11:00:00 2026 +0100", "Mon Nov 23 11:00:00 CET 2026",
    "Mon Nov 23 2026 11:00:00 GMT+0100 (Mitteleuropäische Normalzeit)", "Monday, November 23, 2026 at 10:00 AM",
    "2026-11-23T10:00:00Z", "2026-11-23T10:00:00", "2026-11-23 10:00:00", "2026-11-23T11:00:00.123+01:00",
    "2026-11-23 11:00 +0100", "Mon, 2026-11-23 11:00:00 +0100", "Mon Nov 23 11:00:00 +0100 2026",
    "Mon Nov 23 11:00:00 GMT+0100 2026", '"Mon, 23 Nov 2026 11:00:00 +0100"', "Mon Nov 23 11:00:00 2026 CET",
    "Montag, 23. November 2026, 11:00 Uhr MEZ", "lunes, 23 de noviembre de 2026 11:00:00 +0100",
    "23 d’nov. de 2026 11:00 +0100", "Mon Nov 23 0126 11:00 +0100", "23 Nov 2026 10:00 a.m.",
    "=?utf-8?Q?Mon,_23_Nov_2026_11=3A00=3A00_+0100?=", "Mon, 23 Nov 2026 11:00:00 =?us-ascii?Q?+0100?=",
    "Mon, 23 Nov 2026 10:00 a. m. +0000",
    "Пн, 23 ноября 2026 13:00:00 МСК", "2026年11月23日 11:00:00 +0100", "2026年11月23日星期一 11:00 +0100",
    "2026년 11월 23일 월요일 11:00:00 +0100",
    "Montag, den 23. November 2026 um 10:00 Uhr", "lundi 23 novembre 2026 10h00", "Le lundi 23 novembre 2026 à 10 h 00",
    "20261123T100000Z", "20261123T110000+0100", "1795428000", "@1795428000.25",
])
def test_forms(value: str) -> None:
    """One moment, as programs write it."""
    assert dates.read(value.encode()) == at(10)


@pytest.mark.parametrize("value", [
    "23.11.2026 10:00", "Mo, 23.11.2026 11:00:00 +0100", "23. 11. 2026 10:00:00", "23.11.26, 11:00 Uhr MEZ",
    "2026/11/23 10:00:00", "2026.11.23 10:00", "2026. 11. 23. 10:00", "11/23/2026 10:00:00 AM", "23/11/2026 10:00",
    "11/23/26 10:00", "23-11-2026 10:00:00", "11-23-2026 10:00", "11.23.2026 10:00", "2026/11/23T10:00:00Z",
])
def test_numbers_that_mean_one_day(value: str) -> None:
    """With points the day comes first in all languages, with slashes in most."""
    assert dates.read(value.encode()) == at(10)


@pytest.mark.parametrize("value", [
    "11/12/2026 10:00", "11-12-2026 10:00", "23/11/26 10:00", "26/11/23 10:00", "23. 11. 26 10:00", "10/11/12 10:00",
    "23.11.2569 10:00", "1405/09/02 10:00", "115/11/23 10:00", "23.11.126 10:00", "2026/13/01 10:00",
    "31.02.2026 10:00", "2026/11/23", "23.11/2026 10:00", "23.11.2026 10:00 μμ", "2026/11/23 10:00 下午",
    "2026年11月23日 下午10:00", "2026年11月31日 10:00", "2026/11/23 下午 10:00", "1.2.3.4 10:00", "26.11.2026.5 10:00",
])
def test_numbers_that_mean_none_or_two(value: str) -> None:
    """No date is better than a wrong one; other calendars have other years."""
    assert dates.read(value.encode()) is None


def test_one_day_where_day_and_month_are_alike() -> None:
    """Whichever comes first."""
    assert dates.read(b"11/11/2026 10:00") == at(10, day=11)


def test_octets_of_an_old_charset() -> None:
    """A day in Spanish, in Latin-1."""
    assert dates.read(b"mi\xe9, 25 nov 2026 11:00:00 +0100") == at(10, day=25)


@pytest.mark.parametrize(("written", "month"), [
    ("Mär", 3), ("März", 3), ("Mai", 5), ("Okt", 10), ("Dez", 12), ("janv.", 1), ("févr.", 2), ("juin", 6),
    ("juil.", 7), ("août", 8), ("ene", 1), ("dic", 12), ("mag", 5), ("ott", 10), ("mrt", 3),
])
def test_months_in_other_languages(written: str, month: int) -> None:
    """As programs write them that translate what must not be translated."""
    assert dates.read(f"3 {written} 2026 12:00:00 +0000".encode()) == datetime(2026, month, 3, 12, tzinfo=UTC)


LANGUAGES = (
    "de", "en", "fr", "es", "it", "pt", "nl", "ca", "gl", "da", "nb", "nn", "sv", "is", "fo", "fi", "et", "lv", "lt",
    "pl", "cs", "sk", "sl", "hr", "bs", "sr", "ro", "hu", "sq", "tr", "el", "ru", "uk", "be", "bg", "mk", "lb",
)  # fmt: skip
# November in one and October in another; June and July; July and August.
AMBIGUOUS = {"lis", "listopad", "listopada", "lip", "srp"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_name_that_cldr_has(language: str) -> None:
    """Each is read as its month; what is another month elsewhere, as none."""
    for context in Locale.parse(language).months.values():
        for width in ("wide", "abbreviated"):
            for number, name in context[width].items():
                if name.removeprefix("d’") == "ag.":  # two letters say too little
                    continue
                found = dates.read(f"3 {name} 2026 12:00:00 +0000".encode())
                assert found == (None if name in AMBIGUOUS else datetime(2026, number, 3, 12, tzinfo=UTC)), name


@pytest.mark.parametrize(("written", "year"), [
    ("00", 2000), ("49", 2049), ("50", 1950), ("99", 1999), ("101", 2001), ("0102", 2002),
])
def test_short_years(written: str, year: int) -> None:
    """RFC 5322 section 4.3."""
    assert dates.read(f"1 Jan {written} 12:00:00 +0000".encode()) == datetime(year, 1, 1, 12, tzinfo=UTC)


def test_a_leap_second_is_the_next_second() -> None:
    """RFC 5322 section 3.3 has it."""
    assert dates.read(b"Mon, 23 Nov 2026 11:00:60 +0100") == at(10, 1)
    assert dates.read(b"2026-11-23T10:59:60Z") == at(11)


@pytest.mark.parametrize("value", [
    "31 Feb 2026 11:00:00 +0100", "Mon, 29 Feb 2027 11:00:00 +0100", "0 Nov 2026 11:00:00 +0000",
    "32 Dec 2026 11:00:00", "23 Nov 2026 25:00:00 +0000", "23 Nov 2026 24:00:00 +0000", "23 Nov 2026 11:60:00",
    "23 Nov 2026 11:00:61 +0000", "23 Nov 2026 -1:00:00", "23 Nov -2026 11:00:00", "23-Nov--26 11:00:00",
    "23 Nov 0026 11:00:00", "23 Nov 0202 11:00:00", "23 Nov 20266 11:00:00", "23 Nov 9999 11:00:00 +0000",
    "1 Jan 1900 00:00:00 +0100", "2026-02-30T10:00:00Z", "2026-13-01T10:00:00Z", "-2026-11-23T10:00:00Z",
    "12026-11-23T10:00:00Z", "23 Foo 2026 11:00:00", "Wed, 15 Dec 2010    59:10 -0500", "23 Nov 2026", "%DATE%", "",
    "179542800", "1795428000000", "17954280001", "1795428000 x", "20261123", "20261323T100000Z", "20261123T1000",
    "(23 Nov 2026 11:00:00)", "Nov 2026 11:00:00", "23 Nov 2026 13:00 PM", "٢٣ Nov 2026 11:00:00",
])
def test_what_no_calendar_has_is_no_date(value: str) -> None:
    """Neither a day of the next month nor one of the next year."""
    assert dates.read(value.encode()) is None


MOMENTS = st.datetimes(datetime(1901, 1, 1), datetime(2899, 12, 31)).map(lambda found: found.replace(microsecond=0))
ZONES = st.integers(-23 * 60 - 59, 23 * 60 + 59)


@given(MOMENTS, ZONES)
def test_every_moment_comes_back(moment: datetime, minutes: int) -> None:
    """In each form, with every zone."""
    clock, day, month = f"{moment:%H:%M:%S}", DAYS[moment.weekday()], MONTHS[moment.month - 1]
    zone = f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}{abs(minutes) % 60:02}"
    found = moment.replace(tzinfo=timezone(timedelta(minutes=minutes))).astimezone(UTC)
    for written in (
        f"{day}, {moment.day} {month} {moment.year} {clock} {zone}",
        f"{day}, {moment.day:02} {month} {moment.year} {clock} {zone[:3]}:{zone[3:]}",
        f"{day} (x) {moment.day} {month} {moment.year} {clock} GMT{zone} (y)",
        f"{day} {month} {moment.day:2} {clock} {moment.year} {zone}",
        f"{moment:%Y-%m-%d}T{clock}{zone[:3]}:{zone[3:]}",
        f"{moment:%Y-%m-%d} {clock}.5 {zone}",
    ):
        assert dates.read(written.encode()) == found, written


PIECES = st.sampled_from([
    b"Mon", b",", b" ", b"23", b"Nov", b"2026", b"-", b"+", b":", b"11", b"00", b"60", b"31", b"Feb", b"0100", b"GMT",
    b"CEST", b"(", b")", b"\\", b".", b"T", b"Z", b"AM", b"\xff", b"\xc3\xa9", b"\x00", b"\r\n ", b"99999", b"/",
    "\N{ARABIC-INDIC DIGIT TWO}".encode(), "\N{SUPERSCRIPT TWO}".encode(),
])


@settings(max_examples=500)
@given(st.one_of(st.binary(max_size=300), st.lists(PIECES, max_size=25).map(b"".join)))
def test_any_octets_are_read(octets: bytes) -> None:
    """A moment that the database takes, or none; never an exception."""
    found = dates.read(octets)
    assert found is None or (found.tzinfo is UTC and dates.FIRST_YEAR <= found.year <= dates.LAST_YEAR)


@given(st.integers(0, 99), st.sampled_from(MONTHS), st.integers(1900, 2100))
def test_the_day_is_the_one_that_is_written(day: int, month: str, year: int) -> None:
    """Where there is no such day, there is no date."""
    found = dates.read(f"{day} {month} {year} 12:00:00 UTC".encode())
    try:
        written = datetime(year, MONTHS.index(month) + 1, day, 12, tzinfo=UTC)
    except ValueError:
        written = None
    assert found == written


def test_the_zone_of_a_place_has_its_summer() -> None:
    """And digits say more than it does."""
    assert dates.read(b"Mon, 6 Jul 2026 11:00:00 Europe/Berlin") == datetime(2026, 7, 6, 9, tzinfo=UTC)
    assert dates.read(b"Mon, 6 Jul 2026 11:00:00 Australia/Adelaide") == datetime(2026, 7, 6, 1, 30, tzinfo=UTC)
    assert dates.read(b"2026-07-06T11:00:00+01:00[Europe/Berlin]") == datetime(2026, 7, 6, 10, tzinfo=UTC)
    assert dates.read(b"Mon Jul  6 11:00:00 MET DST 2026") == datetime(2026, 7, 6, 9, tzinfo=UTC)
    assert dates.read(b"2026-07-06T11:00:00 ACST") == datetime(2026, 7, 6, 1, 30, tzinfo=UTC)
