"""What is read of the appointment in a calendar, of good ones and of odd ones."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from postbuch.archive import display, invitationreader
from postbuch.archive.invitation import Guest, Invitation


def calendar(*lines: str, method: str = "METHOD:REQUEST") -> str:
    """A calendar with one appointment of these lines."""
    whole = ["BEGIN:VCALENDAR", "VERSION:2.0", method, "BEGIN:VEVENT", *lines, "END:VEVENT", "END:VCALENDAR", ""]
    return "\n".join(whole)


def read(*lines: str, method: str = "METHOD:REQUEST") -> Invitation:
    """What is read of one with these lines."""
    found = invitationreader.read(calendar(*lines, method=method))
    assert found is not None
    return found


def utc(month: int, day: int, hour: int, minute: int = 0) -> datetime:
    """Of 2026."""
    return datetime(2026, month, day, hour, minute, tzinfo=UTC)


def test_an_invitation_of_outlook() -> None:
    """Title, place, time, who invites and who is invited; the rules of its zone and its alarm are passed over."""
    found = invitationreader.read("\n".join([
        "BEGIN:VCALENDAR", "METHOD:REQUEST", "BEGIN:VTIMEZONE", "TZID:W. Europe Standard Time", "BEGIN:STANDARD",
        "DTSTART:16010101T030000", "RRULE:FREQ=SECONDLY", "SUMMARY:not this", "END:STANDARD", "END:VTIMEZONE",
        "BEGIN:VEVENT", 'ORGANIZER;CN="Brandt, Anna":MAILTO:anna@firma.example',
        "ATTENDEE;ROLE=REQ-PARTICIPANT;PARTSTAT=NEEDS-ACTION;CN=Jürgen Köhler:mailto:juergen@firma.example",
        "ATTENDEE;CN=Weiß, Lena;PARTSTAT=ACCEPTED:mailto:weiss@firma.example",
        "ATTENDEE;PARTSTAT=DECLINED;CN=lena@firma.example:mailto:lena@firma.example",
        "SUMMARY;LANGUAGE=de-DE:Werkzeug\\, Fräse", " n und mehr", "LOCATION:Halle 3\\nhinten",
        "DTSTART;TZID=W. Europe Standard Time:20261201T100000", "DTEND;TZID=W. Europe Standard Time:20261201T113000",
        "RRULE:FREQ=WEEKLY;UNTIL=20270601T080000Z;INTERVAL=1;BYDAY=TU", "BEGIN:VALARM", "DESCRIPTION:REMINDER",
        "SUMMARY:nor this", "DTSTART:20200101T000000Z", "END:VALARM", "END:VEVENT", "END:VCALENDAR", "",
    ]))  # fmt: skip
    assert found == Invitation(
        method="request", title="Werkzeug, Fräsen und mehr", place="Halle 3 hinten", begin=utc(12, 1, 9),
        end=utc(12, 1, 10, 30), is_whole_days=False, zone="", repeats="weekly",
        organiser=Guest("Brandt, Anna", "anna@firma.example"),
        guests=(
            Guest("Jürgen Köhler", "juergen@firma.example", "needs-action"),
            Guest("Weiß, Lena", "weiss@firma.example", "accepted"),
            Guest("", "lena@firma.example", "declined"),
        ),
        more_guests=0, more_appointments=0,
    )  # fmt: skip


@pytest.mark.parametrize("line, begin, zone", [
    ("DTSTART:20260701T100000Z", utc(7, 1, 10), ""),
    ("DTSTART;TZID=Europe/Berlin:20260701T100000", utc(7, 1, 8), ""),
    ('DTSTART;TZID="Europe/Berlin":20260701T100000', utc(7, 1, 8), ""),
    ("DTSTART;TZID=/mozilla.org/20050126_1/Europe/Berlin:20260701T100000", utc(7, 1, 8), ""),
    ("DTSTART;TZID=/citadel/America/Argentina/Buenos_Aires:20260701T100000", utc(7, 1, 13), ""),
    ("DTSTART;TZID=Eastern Standard Time:20260701T100000", utc(7, 1, 14), ""),
    ("DTSTART;TZID=Werkszeit:20260701T100000", datetime(2026, 7, 1, 10), "Werkszeit"),
    ("DTSTART:20260701T100000", datetime(2026, 7, 1, 10), ""),
    ("DTSTART;VALUE=DATE:20260701", datetime(2026, 7, 1), ""),
    ("DTSTART:20260701", datetime(2026, 7, 1), ""),
    ("DTSTART:tomorrow", None, ""),
    ("DTSTART:20260231T100000", None, ""),
    ("DTSTART:00010101T000000Z", None, ""),
    ("DTSTART;TZID=Asia/Tokyo:99991231T235959", None, ""),
    ("DTSTART:PT1H", None, ""),
    ("DTSTART;TZID=../../../etc/passwd:20260701T100000", datetime(2026, 7, 1, 10), "../../../etc/passwd"),
    (f"DTSTART;TZID={'/a' * 60_000}:20260701T100000", datetime(2026, 7, 1, 10), ("/a" * 150)),
])  # fmt: skip
def test_when_it_begins(line: str, begin: datetime | None, zone: str) -> None:
    """Zones by their names, those of Windows, those with something in front; what is none stays as it is written."""
    found = read("SUMMARY:Runde", line)
    assert (found.begin, found.zone) == (begin, zone)


@pytest.mark.parametrize("lines, end, is_whole_days", [
    (("DTSTART:20260701T100000Z", "DTEND:20260701T110000Z"), utc(7, 1, 11), False),
    (("DTSTART:20260701T100000Z", "DURATION:PT90M"), utc(7, 1, 11, 30), False),
    (("DTSTART:20260701T100000Z", "DURATION:P99999999999D"), None, False),
    (("DTSTART:20260701T100000Z", "DTEND:20260701T100000Z"), None, False),
    (("DTSTART:20260701T100000Z", "DTEND:20260701T090000Z"), None, False),
    (("DTSTART:20260701T100000Z", "DTEND;TZID=Werkszeit:20260701T110000"), None, False),
    (("DTSTART:20260701T100000Z", "DTEND:20260702"), None, False),
    (("DTSTART:20260701", "DTEND:20260702"), None, True),
    (("DTSTART:20260701", "DTEND:20260704"), datetime(2026, 7, 3), True),
    (("DTSTART:20260701", "DURATION:P1W"), datetime(2026, 7, 7), True),
    (("DTSTART:20260701",), None, True),
])  # fmt: skip
def test_when_it_ends(lines: tuple[str, ...], end: datetime | None, is_whole_days: bool) -> None:
    """DTEND or DURATION; of whole days the last one; an end that is none is left out."""
    found = read(*lines)
    assert (found.end, found.is_whole_days) == (end, is_whole_days)


@pytest.mark.parametrize("method, lines, said", [
    ("METHOD:REQUEST", (), "request"),
    ("METHOD:Reply", (), "reply"),
    ("METHOD:REQUEST", ("STATUS:CANCELLED",), "cancel"),
    ("METHOD:CANCEL", (), "cancel"),
    ("X-NO:1", (), ""),
])  # fmt: skip
def test_what_it_is(method: str, lines: tuple[str, ...], said: str) -> None:
    """The calendar's method, unless the appointment itself says that it is off."""
    assert read("SUMMARY:Runde", *lines, method=method).method == said


def test_the_series_and_not_what_was_moved_of_it() -> None:
    """An exception may stand first; appointments with the same UID are one."""
    text = (
        calendar("UID:1", "RECURRENCE-ID:20260708T100000Z", "SUMMARY:moved")
        + calendar("UID:1", "SUMMARY:series", "RRULE:FREQ=DAILY") + calendar("UID:2", "SUMMARY:other")
    )  # fmt: skip
    found = invitationreader.read(text)
    assert found is not None
    assert (found.title, found.repeats, found.more_appointments) == ("series", "daily", 1)


def test_many_guests() -> None:
    """The first are shown, the others counted."""
    found = read("SUMMARY:Fest", *(f"ATTENDEE;CN=P {number}:mailto:p{number}@x.example" for number in range(1000)))
    assert len(found.guests) == invitationreader.MAX_GUESTS
    assert found.more_guests == 1000 - invitationreader.MAX_GUESTS


def _bomb(make: Callable[[int], str]) -> str:
    return make(200_000)[: invitationreader.MAX_CHARACTERS - 1000]


@pytest.mark.parametrize("text", [
    "", "BEGIN:VEVENT", "no calendar\nBEGIN:VEVENT\n", "BEGIN:VCALENDAR\nEND:VCALENDAR\n",
    calendar("X-A:1"), calendar("DTSTART:nonsense"), calendar("SUMMARY:   "),
    calendar("SUMMARY:x") + "x" * invitationreader.MAX_CHARACTERS,
    "BEGIN:VTODO\nSUMMARY:a task\nEND:VTODO\n",
], ids=["nothing", "name", "words", "calendar", "other", "time", "blanks", "long", "task"])  # fmt: skip
def test_what_is_none(text: str) -> None:
    """Nothing is shown, and nothing goes wrong."""
    assert invitationreader.read(text) is None


@pytest.mark.parametrize("text", [
    calendar("SUMMARY:x", _bomb(lambda count: "BEGIN:VEVENT\n" * count)),
    calendar("SUMMARY:x", _bomb(lambda count: "A" + ";B=C" * count)),
    calendar("SUMMARY:x", _bomb(lambda count: 'A;B="' + "," * count)),
    calendar("SUMMARY:x", _bomb(lambda count: ":\n" * count)),
    calendar("SUMMARY:x", _bomb(lambda count: " \n\t\n" * count)),
    calendar(_bomb(lambda count: "SUMMARY:x" + "\\," * count)),
    calendar("SUMMARY:x", _bomb(lambda count: "DTSTART;TZID=/a/b/c:20260701T100000\n" * count)),
    calendar("SUMMARY:x", _bomb(lambda count: "RRULE:FREQ=DAILY;BYDAY=" + "MO," * count)),
    calendar("SUMMARY:\x00\x1b[2J x", "bare\rCR", "\ud800"),
], ids=["events", "parameters", "quote", "colons", "folds", "escapes", "zones", "rule", "controls"])  # fmt: skip
def test_what_is_meant_to_break_it(text: str) -> None:
    """What is there is read; nothing is raised. (A reader that is not linear would run into the limit of a test.)"""
    found = invitationreader.read(text)
    assert found is not None and found.title.lstrip().startswith(("x", "[2J x"))


@pytest.mark.parametrize("head", [
    "Content-Type: text/calendar; charset=utf-8; method=REQUEST",
    "Content-Type: application/ics; name=invite.ics",
    'Content-Type: application/octet-stream; name="Termin.ICS"\r\nContent-Disposition: attachment; filename=Termin.ICS',
])  # fmt: skip
def test_a_letter_with_one(head: str) -> None:
    """As the letter itself or as a file of it."""
    text = calendar("SUMMARY:Fräse", "DTSTART:20260701T100000Z").replace("\n", "\r\n")
    single = f"Subject: x\r\nMIME-Version: 1.0\r\n{head}\r\n\r\n{text}"
    mixed = (
        "Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nHello\r\n"
        f"--b\r\n{head}\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{text}\r\n--b--\r\n"
    )
    for message in (single, mixed):
        found = display.bodies(message.encode()).invitation
        assert found is not None and found.title == "Fräse"


def test_the_calendar_of_a_forwarded_letter_is_not_this_one_s() -> None:
    """What stands in a letter that is attached is that letter's."""
    inner = "Subject: i\r\nContent-Type: text/calendar\r\n\r\n" + calendar("SUMMARY:inner").replace("\n", "\r\n")
    message = (
        "Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nHello\r\n"
        f"--b\r\nContent-Type: message/rfc822\r\n\r\n{inner}\r\n--b--\r\n"
    )
    assert display.bodies(message.encode()).invitation is None
