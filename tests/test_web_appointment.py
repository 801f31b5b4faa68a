"""The appointment of a letter on its page: in the reader's language and by the reader's clock."""

from collections.abc import Iterator

import pytest
from flask import Flask
from web_archive import ADMIN, ADMIN_PASSWORD, ANNA, Filling, application, archive, ingest, old

from postbuch.webmail.language import ZONE_COOKIE


def _letter(number: int, *lines: str, method: str = "REQUEST") -> bytes:
    event = ["BEGIN:VEVENT", *lines, "END:VEVENT"]
    calendar = "\r\n".join(["BEGIN:VCALENDAR", f"METHOD:{method}", *event, "END:VCALENDAR"])
    return (
        f"From: {ANNA}\r\nTo: lena@firma.example\r\nSubject: Termin {number}\r\nMessage-ID: <{number}@x>\r\n"
        f"MIME-Version: 1.0\r\nContent-Type: text/calendar; charset=utf-8\r\n\r\n{calendar}\r\n"
    ).encode()


LETTERS = (
    _letter(
        1, "SUMMARY:Runde <b>am</b> Tisch", "LOCATION:Halle 3", "DTSTART:20261201T230000Z", "DTEND:20261202T000000Z",
        "RRULE:FREQ=WEEKLY", "ORGANIZER;CN=Anna Brandt:mailto:anna@firma.example",
        "ATTENDEE;CN=Lena;PARTSTAT=ACCEPTED:mailto:lena@firma.example",
    ),
    _letter(2, "SUMMARY:Messe", "DTSTART:20261224", "DTEND:20261227", method="CANCEL"),
    _letter(3, "DTSTART;TZID=Werkszeit:20261201T080000", "RRULE:FREQ=HOURLY"),
)  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """An archive with the letters."""
    with archive(tmp_path_factory.mktemp("web"), "127.0.0.1:1") as config:
        filling = Filling()
        for number, octets in enumerate(LETTERS):
            filling.add(octets, ANNA, at=old(number + 1))
        ingest(config, filling.records)
        with application(config) as app:
            yield app


@pytest.mark.parametrize("language, zone, wanted", [
    ("de", "Europe/Berlin", [
        ("Einladung", "Runde &lt;b&gt;am&lt;/b&gt; Tisch", "Mittwoch, 2. Dezember 2026, 00:00 – 01:00", "wöchentlich",
         "Halle 3", "Anna Brandt", "<small>angenommen</small>"),
        ("Termin abgesagt", "is-off", "Donnerstag, 24. Dezember 2026 – Samstag, 26. Dezember 2026", "<span>Dez</span>"),
        ("Einladung", "Ohne Titel", "Dienstag, 1. Dezember 2026, 08:00 (Werkszeit)", "immer wieder"),
    ]),
    ("en", "America/New_York", [
        ("Invitation", "Tuesday, 1 December 2026, 18:00 – 19:00", "every week", "<small>accepted</small>"),
        ("Appointment called off", "Thursday, 24 December 2026 – Saturday, 26 December 2026", "<span>Dec</span>"),
        ("Without a title", "Tuesday, 1 December 2026, 08:00 (Werkszeit)", "again and again"),
    ]),
])  # fmt: skip
def test_an_appointment(site: Flask, language: str, zone: str, wanted: list[tuple[str, ...]]) -> None:
    """What it is, when, where, who; a letter that is nothing else does not say that it has no text."""
    with site.test_client() as client:
        client.environ_base["HTTP_ACCEPT_LANGUAGE"] = language
        client.set_cookie(ZONE_COOKIE, zone)
        form = client.get("/login").text
        token = form.split('name="csrf_token" value="')[1].split('"')[0]
        client.post("/login", data={"csrf_token": token, "login": ADMIN, "password": ADMIN_PASSWORD})
        for number, words in enumerate(wanted, 1):
            page = client.get(f"/m/by-message-id/{number}@x", follow_redirects=True).text.replace("\u00a0", " ")
            assert [word for word in words if word not in page] == []
            assert "no-text" not in page
