"""On whose clock days are meant: `on:2026-11-23`, `today`, a day in the filter of a list. Of UTC where nobody says.

Whoever asks says it once, before anything is parsed: searches, lists, counts and exports of one request then mean the
same day. It holds for the thread (PEP 567), until the next one asks. Moments are UTC without a zone, as the database
keeps them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

_zone: ContextVar[tzinfo] = ContextVar("zone", default=UTC)
_DAY = timedelta(days=1)
# The longest name has 32: America/Argentina/ComodRivadavia.
MAX_NAME_CHARACTERS = 64


def use(chosen: tzinfo) -> None:
    """From now on days are those of this zone."""
    _zone.set(chosen)


def zone() -> tzinfo:
    """The zone that days are of now."""
    return _zone.get()


def named(name: str) -> tzinfo:
    """The zone of an IANA name (Europe/Berlin). Raises LookupError for what is none."""
    if not name or len(name) > MAX_NAME_CHARACTERS:
        raise LookupError(name)
    try:
        return ZoneInfo(name)
    except (ValueError, OSError) as error:  # a path; a folder of zones
        raise LookupError(name) from error


@contextmanager
def on(chosen: tzinfo) -> Iterator[None]:
    """Days are those of this zone meanwhile."""
    before = _zone.set(chosen)
    try:
        yield
    finally:
        _zone.reset(before)


def today() -> date:
    """The day that it is there."""
    return datetime.now(_zone.get()).date()


def moment(written: datetime) -> datetime:
    """A time that somebody read from this clock. With a zone of its own it is that. Raises OverflowError."""
    aware = written if written.tzinfo else written.replace(tzinfo=_zone.get())
    return aware.astimezone(UTC).replace(tzinfo=None)


def stretch(day: date) -> tuple[datetime, datetime]:
    """(first moment, first moment behind it) of a day: 23 or 25 hours where the clock is changed.

    Raises OverflowError for the last day of the calendar.
    """
    return _begin(day), _begin(day + _DAY)


def _begin(day: date) -> datetime:
    begin = datetime.combine(day, time())
    try:
        return moment(begin)
    except OverflowError:  # the calendar ends here, so the clock cannot go another way
        return begin
