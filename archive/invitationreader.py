"""Reads the appointment of a calendar (iCalendar, RFC 5545). The home of icalendar. Pure, hostile input: in a child.

Line by line, with icalendar for what stands in a line. Its reader of whole calendars is not used: it gives up at the
first odd line, expands the rules of the time zones that a calendar brings along, of which a hostile one has no end, and
keeps such a zone for the calendars of others. Zones are known by their names, those of Windows too.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple

from icalendar import vDDDTypes, vRecur, vText
from icalendar.parser import Contentline, Contentlines
from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from postbuch.archive import clock
from postbuch.archive.dates import FIRST_YEAR, LAST_YEAR
from postbuch.archive.headers import one_line
from postbuch.archive.invitation import Guest, Invitation

# 256 Ki characters: an invitation of 3,000 people, which takes 0.2 s.
MAX_CHARACTERS = 262_144
MAX_GUESTS = 50
MAX_WORDS = 300  # characters of a title, a place, a name
MAX_NAME = 20  # of a method, an answer, a frequency: the longest known one has 14
# `/freeassociation.sourceforge.net/America/Argentina/Buenos_Aires`: names of zones have up to three parts.
ZONE_PARTS = 3

_MAILTO = "mailto:"


class Property(NamedTuple):
    """One line of a component."""

    value: str
    parameters: dict[str, Any]

    def parameter(self, name: str) -> str:
        """What a parameter says; a comma without quotes, as in CN=Brandt, Anna, makes a list of it, and it was none."""
        said = self.parameters.get(name, "")
        return one_line(",".join(said) if isinstance(said, list) else str(said), MAX_WORDS)


@dataclass(slots=True)
class Component:
    """The properties of one component by their names, without what stands in components within it."""

    name: str
    properties: dict[str, list[Property]] = field(default_factory=dict)

    def all(self, name: str) -> list[Property]:
        """Those of a name."""
        return self.properties.get(name, [])

    def words(self, name: str) -> str:
        """The text of the first of a name; empty without one."""
        for each in self.all(name):
            return one_line(str(vText.from_ical(each.value[: 4 * MAX_WORDS])), MAX_WORDS)
        return ""


def read(text: str) -> Invitation | None:
    """The first appointment of a calendar; None when there is none, or nothing in it that could be shown."""
    if len(text) > MAX_CHARACTERS:
        return None
    components = list(_components(text))
    # What was moved of a series comes beside the series itself.
    events = sorted(
        (each for each in components if each.name == "VEVENT"), key=lambda event: bool(event.all("RECURRENCE-ID"))
    )
    if not events:
        return None
    event, calendar = events[0], next((each for each in components if each.name == "VCALENDAR"), Component(""))
    title, (begin, zone) = event.words("SUMMARY"), _moment(event, "DTSTART")
    if begin is None and not title:
        return None
    guests = list(_guests(event, "ATTENDEE"))
    is_cancelled = event.words("STATUS").upper() == "CANCELLED"
    return Invitation(
        method="cancel" if is_cancelled else calendar.words("METHOD")[:MAX_NAME].lower(), title=title,
        place=event.words("LOCATION"), begin=None if begin is None else _plain(begin), end=_end(event, begin),
        is_whole_days=begin is not None and not isinstance(begin, datetime), zone=zone, repeats=_repeats(event),
        organiser=next(_guests(event, "ORGANIZER"), None), guests=tuple(guests[:MAX_GUESTS]),
        more_guests=max(0, len(guests) - MAX_GUESTS),
        more_appointments=len({each.words("UID") or str(number) for number, each in enumerate(events)}) - 1,
    )  # fmt: skip


def _components(text: str) -> Iterator[Component]:
    """Each component, from the outermost in; a line that is none is passed over."""
    around: list[Component] = []
    for line in Contentlines.from_ical(text.lstrip("\ufeff")):  # type: ignore[no-untyped-call]
        try:
            name, parameters, value = Contentline(line).parts()
        except ValueError:
            continue
        name = name.upper()
        if name == "BEGIN":
            around.append(Component(value.strip().upper()))
            yield around[-1]
        elif name == "END":
            if around and around[-1].name == value.strip().upper():
                around.pop()
        elif around:
            around[-1].properties.setdefault(name, []).append(Property(value, dict(parameters)))


def _moment(event: Component, name: str) -> tuple[date | datetime | None, str]:
    """A day, a moment in UTC, or one without a zone and what the calendar calls its zone."""
    for written in event.all(name)[:1]:
        try:
            found = vDDDTypes.from_ical(written.value.strip())
        except ValueError:
            break
        if not isinstance(found, date) or not FIRST_YEAR <= found.year <= LAST_YEAR:
            break
        if not isinstance(found, datetime):
            return found, ""
        if found.tzinfo is not None:
            return found.astimezone(UTC), ""
        called = written.parameter("TZID")
        for known in _zone_names(called):
            try:
                return found.replace(tzinfo=clock.named(known)).astimezone(UTC), ""
            except LookupError:
                continue
        return found, called
    return None, ""


def _zone_names(called: str) -> Iterator[str]:
    """What the zone may be named in the list of all: as it is called, by Windows' name, without what stands before."""
    yield called
    yield WINDOWS_TO_OLSON.get(called, "")
    parts = called.split("/")
    for count in range(ZONE_PARTS, 1, -1):
        if len(parts) > count:
            yield "/".join(parts[-count:])


def _end(event: Component, begin: date | datetime | None) -> datetime | None:
    """The end, for whole days the last of them; None when there is none behind the begin."""
    if begin is None:
        return None
    end = _moment(event, "DTEND")[0] or _after(event, begin)
    if end is None or isinstance(begin, datetime) != isinstance(end, datetime):
        return None
    if not isinstance(end, datetime):
        end -= timedelta(days=1)  # DTEND is the day behind it (RFC 5545 section 3.6.1)
    first, last = _plain(begin), _plain(end)
    return last if (first.tzinfo is None) == (last.tzinfo is None) and last > first else None


def _after(event: Component, begin: date | datetime) -> date | datetime | None:
    """The end by DURATION."""
    for written in event.all("DURATION")[:1]:
        try:
            lasts = vDDDTypes.from_ical(written.value.strip())
            return begin + lasts if isinstance(lasts, timedelta) else None
        except (ValueError, OverflowError):
            break
    return None


def _plain(moment: date | datetime) -> datetime:
    return moment if isinstance(moment, datetime) else datetime.combine(moment, time())


def _repeats(event: Component) -> str:
    for rule in event.all("RRULE")[:1]:
        try:
            return str(next(iter(vRecur.from_ical(rule.value)["FREQ"]))).lower()[:MAX_NAME]
        except (ValueError, KeyError, StopIteration):
            break
    return ""


def _guests(event: Component, name: str) -> Iterator[Guest]:
    for each in event.all(name):
        said = one_line(each.value, MAX_WORDS)
        address = said[len(_MAILTO) :] if said[: len(_MAILTO)].lower() == _MAILTO else ""
        called = each.parameter("CN")
        answer = each.parameter("PARTSTAT").lower()[:MAX_NAME]
        if address or called:
            yield Guest("" if called == address else called, address, answer)
