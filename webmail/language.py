"""German or English, and how times, sizes and counts are written. The home of Babel."""

from collections.abc import Callable
from datetime import UTC, date, datetime, tzinfo
from functools import lru_cache
from typing import Any, TypeVar
from urllib.parse import unquote

import flask_babel
from babel import Locale
from babel.dates import LOCALTZ, format_date, format_datetime
from babel.numbers import format_decimal
from flask import Flask, g, request
from flask_login import current_user

from postbuch.archive import clock, said
from postbuch.archive.errors import UsageError

T = TypeVar("T")


def install(app: Flask) -> None:
    """The reader's language and time zone for the pages of an application and its templates."""
    flask_babel.Babel(app, locale_selector=choose_language, timezone_selector=choose_zone)
    app.jinja_env.install_gettext_callables(  # type: ignore[attr-defined] # of the extension that Babel has added
        gettext=lambda text: _catalog().ugettext(text),
        ngettext=lambda one, many, number: _catalog().ungettext(one, many, number), newstyle=True,
    )


def _once(name: str, make: Callable[[], T]) -> T:
    """What a page asks for hundreds of times, made once for its request."""
    found: T | None = g.get(name)
    if found is None:
        found = make()
        setattr(g, name, found)
    return found


def _catalog() -> Any:
    """The texts of the reader's language, found once for each request: a page asks for hundreds."""
    return _once("catalog", flask_babel.get_translations)


def gettext(text: str, **values: object) -> str:
    """The text in the reader's language."""
    found = str(_catalog().ugettext(text))
    return found % values if values else found


def ngettext(one: str, many: str, number: int) -> str:
    """The text for that many, which stands in it as `%(num)s`."""
    return str(_catalog().ungettext(one, many, number)) % {"num": count(number)}


def told(sentence: str) -> str:
    """What a process says of itself, in the reader's language, with a capital letter as it stands alone.

    An address or a path at its beginning stays as it is written.
    """
    text = said.told(sentence, language())
    first = text.partition(" ")[0]
    return text[:1].upper() + text[1:] if first.isalpha() else text


def wrong(error: UsageError) -> str:
    """What was wrong with what somebody asked for, as a sentence of its own."""
    return told(said.of(error)) + "."


def lazy_gettext(text: str) -> Any:
    """A text that is translated when it is shown."""
    return flask_babel.lazy_gettext(text)


LANGUAGES = {"de": "Deutsch", "en": "English"}
FALLBACK = "de"
LANGUAGE_COOKIE = "language"
ZONE_COOKIE = "zone"
# Cookies of choice stay for a year.
COOKIE_S = 365 * 24 * 3600

_KIB = 1024
# Days that are kept as they are written: two ways and two languages for each day of seven years.
DAYS_KEPT = 10_000
_GERMAN = Locale("de", "DE")
# "en" alone writes 11/23/26 and 12-hour times; an English-reading employee of a European firm wants neither.
_ENGLISH = Locale("en", "GB")


def choose_language() -> str:
    """The user's choice, else this browser's choice, else what the browser asks for, else German."""
    chosen = getattr(current_user, "language", "") or request.cookies.get(LANGUAGE_COOKIE, "")
    if chosen in LANGUAGES:
        return chosen
    return request.accept_languages.best_match(list(LANGUAGES)) or FALLBACK


def choose_zone() -> tzinfo:
    """The browser's time zone, which our script leaves in a cookie; else the server's. Looked up once for a request."""
    return _once("zone", _zone)


def _zone() -> tzinfo:
    name = unquote(request.cookies.get(ZONE_COOKIE, ""))  # our script once wrote "Europe%2FBerlin"
    try:
        # Not Babel's own look-up: a zone of pytz, if that is installed, does not fit datetime's `replace`.
        return clock.named(name)
    except LookupError:
        return LOCALTZ


def language() -> str:
    """de or en, for this request."""
    return str(flask_babel.get_locale() or FALLBACK)


def _is_german() -> bool:
    """Whether the reader gets German; asked for twice in each row of a list, so found once for each request."""
    def make() -> bool:
        locale = flask_babel.get_locale()
        return locale is None or locale.language == "de"

    return _once("is_german", make)


def _locale() -> Locale:
    return _GERMAN if _is_german() else _ENGLISH


def local(moment: datetime) -> datetime:
    """A moment of the database (UTC, no zone) as the viewer's clock shows it."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(choose_zone())


def to_utc(moment: datetime) -> datetime:
    """A moment of the viewer's clock (no zone) as the database keeps it: UTC, no zone."""
    return moment.replace(tzinfo=choose_zone()).astimezone(UTC).replace(tzinfo=None)


@lru_cache(DAYS_KEPT)
def _day(day: date, pattern: str, locale: str) -> str:
    return format_date(day, pattern, locale=locale)


def short_time(moment: datetime | None) -> str:
    """For lists: the time today, else the day, else with the year."""
    if moment is None:
        return "–"
    then, day_month = local(moment), "d. MMM" if _is_german() else "d MMM"
    now = datetime.now(then.tzinfo)
    if then.date() == now.date():
        return f"{then:%H:%M}"
    return _day(then.date(), day_month if then.year == now.year else "short", str(_locale()))


def long_time(moment: datetime | None) -> str:
    """With weekday, day and time."""
    if moment is None:
        return "–"
    then = local(moment)
    return f"{written_day(then.date())}, {then:%H:%M}"


def written_day(day: date) -> str:
    """With weekday and year."""
    return _day(day, "EEEE, d. MMMM y" if _is_german() else "EEEE, d MMMM y", str(_locale()))


def short_month(day: date) -> str:
    """As on the leaf of a calendar: Dez, Dec."""
    return _day(day, "LLL", str(_locale())).rstrip(".")


def exact_time(moment: datetime | None) -> str:
    """To the second with the zone, for evidence."""
    if moment is None:
        return "–"
    then = local(moment)
    return format_datetime(then, "yyyy-MM-dd HH:mm:ss zzz", tzinfo=then.tzinfo, locale=_locale())


def iso_time(moment: datetime | None) -> str:
    """For the datetime attribute."""
    return "" if moment is None else local(moment).isoformat(timespec="seconds")


def stretch(first: str, last: str) -> str:
    """A year (2026), a month (2026-11), or from the first of them to the last."""
    if first == last:
        return _year_or_month(first, "MMM y")
    alike = first[:4] == last[:4] and len(first) > 4
    return f"{_year_or_month(first, 'MMM' if alike else 'MMM y')} – {_year_or_month(last, 'MMM y')}"


def _year_or_month(written: str, pattern: str) -> str:
    return _day(date.fromisoformat(f"{written}-01"), pattern, str(_locale())) if len(written) > 4 else written


def count(number: int) -> str:
    """With the thousands set apart."""
    return format_decimal(number, locale=_locale())


def size(octets: int) -> str:
    """As file browsers write it: 3 B, 12 KB, 3,4 MB (of 1,024)."""
    if octets < _KIB:
        return f"{octets} B"
    value, unit = octets / _KIB, "KB"
    for larger in ("MB", "GB", "TB"):
        if value < _KIB:
            break
        value, unit = value / _KIB, larger
    pattern = "0.0" if value < 10 and unit != "KB" else "#,##0"
    return f"{format_decimal(value, pattern, locale=_locale())} {unit}"


# What accounts, roles and sources are called on the pages.
SOURCES = {
    "fetch": lazy_gettext("read by the mail program"),
    "append": lazy_gettext("filed by the mail program"),
    "submission": lazy_gettext("sent through Postbuch"),
    "collector": lazy_gettext("collected from the provider"),
    "import": lazy_gettext("imported"),
}
