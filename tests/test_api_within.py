"""The interface for programs: files within other parts and in texts, and letters by month on any clock."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from api_site import LETTERS, Site, ask, events, filled, problem
from container_files import signed, tnef, tnef_file
from test_containers import packed, wrapped
from test_later import NOTE, PLAIN, UUENCODED
from written_mail import mail, multipart, part

from postbuch.archive.objects import ObjectStore
from postbuch.webmail.login import limiter

PLAN = b"Eiche und Linde"
WITHIN = mail(multipart(
    "mixed", part("text/plain", f"Anbei.\r\n{UUENCODED}"), packed(tnef({}, tnef_file("plan.txt", PLAN)))
))  # fmt: skip
SIGNED = wrapped(signed(multipart("mixed", PLAIN, NOTE).encode()))
# Half an hour before a month ends in UTC, and half an hour before one ends in Berlin in summer.
NEARLY = [datetime(2025, 1, 31, 23, 30, tzinfo=UTC), datetime(2024, 6, 30, 21, 30, tzinfo=UTC)]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    letters = [octets.replace(b"<x@", f"<{n}@".encode(), 1) for n, octets in enumerate((WITHIN, SIGNED))]
    with filled(tmp_path_factory.mktemp("within"), *zip(letters, NEARLY, strict=True)) as made:
        yield made


@pytest.fixture(autouse=True)
def nobody_is_slowed() -> None:
    limiter.reset()


def number(site: Site, at: datetime) -> int:
    """The letter that arrived then."""
    [found] = [each["id"] for each in ask(site, "/letters").json if each["date"].startswith(f"{at:%Y-%m-%dT%H:%M}")]
    return int(found)


def test_files_say_where_they_stand(site: Site) -> None:
    """In the message, in another part, in a text; each can be had by its place, on record like any other."""
    letter = number(site, NEARLY[0])
    found = ask(site, f"/letters/{letter}/attachments").json
    assert [(each["position"], each["file_name"], each["source"], each["container"]) for each in found] == [
        (1, "winmail.dat", "message", None), (2, "wald.txt", "text", None), (3, "plan.txt", "container", 1),
    ]  # fmt: skip
    for each, octets in zip(found[1:], (b"Ahorn", PLAN), strict=True):
        answer = ask(site, f"/letters/{letter}/attachments/{each['image']}/{each['position']}")
        assert answer.data == octets and answer.headers["ETag"] == f'"{hashlib.sha256(octets).hexdigest()}"'
        assert each["sha256"] == hashlib.sha256(octets).hexdigest() and each["size_octets"] == len(octets)
        event = events(site)[-1]
        assert (event.action, event.target) == ("download", f"letter {letter}")
        assert json.loads(event.after_value)["part"] == each["position"]


def test_a_letter_within_its_signature_has_its_files(site: Site) -> None:
    """The part that they stand in is no file itself."""
    [found] = ask(site, f"/letters/{number(site, NEARLY[1])}/attachments").json
    assert (found["file_name"], found["source"], found["container"]) == ("notiz.txt", "container", 0)


def test_a_damaged_letter_has_the_files_of_its_rows(site: Site) -> None:
    """Its octets changed on the disk or gone: the letter is there all the same, and nobody was refused."""
    letter = number(site, NEARLY[0])
    known = ask(site, f"/letters/{letter}/attachments").json[0]
    path = ObjectStore(site[1].data).path(bytes.fromhex(known["sha256"]))
    whole = path.read_bytes()
    try:
        for change in (lambda: path.write_bytes(whole[::-1]), path.unlink):
            path.chmod(0o600)
            change()
            answer = ask(site, f"/letters/{letter}/attachments")
            assert answer.status_code == 200, answer.text
            assert {**known, "source": None} in answer.json and {each["source"] for each in answer.json} == {None}
            assert events(site)[-1].action == "view"
    finally:
        path.write_bytes(whole)


def months(site: Site, **asked: Any) -> dict[str, int]:
    found = ask(site, "/letters/count/months", query_string=asked).json
    assert [each["month"] for each in found] == sorted({each["month"] for each in found}, reverse=True)
    return {each["month"]: each["total"] for each in found}


@pytest.mark.parametrize("zone", ["", "Europe/Berlin", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Kathmandu"])
def test_letters_by_month(site: Site, zone: str) -> None:
    """Exactly those that the list has, by the month that it was on the clock; also of a search and of conditions."""
    clock = ZoneInfo(zone or "UTC")
    for narrowed in ({}, {"q": "Angebot"}, {"q": "(attachments~morethan~0)"}, {"q": "(from~contains~k2@x)"}):
        listed = ask(site, "/letters", query_string={**narrowed, "tz": zone}).json
        expected = Counter(f"{datetime.fromisoformat(each['date']).astimezone(clock):%Y-%m}" for each in listed)
        assert months(site, **narrowed, tz=zone) == expected, narrowed
    assert months(site, tz="Europe/Berlin")["2025-02"] == 1 == months(site)["2025-01"]
    assert sum(months(site).values()) == LETTERS + 2 == ask(site, "/letters/count").json["total"]
    assert months(site, q="Geheim") == {}


def test_letters_by_month_are_on_record(site: Site) -> None:
    """As a search; what is not understood is told."""
    months(site, q="Angebot")
    event = events(site)[-1]
    assert (event.action, event.target) == ("search", "count of letters by month")
    assert json.loads(event.after_value)["q"] == "Angebot"
    problem(ask(site, "/letters/count/months?q=from:"), 422)
