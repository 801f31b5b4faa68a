"""Days are of the reader's clock: in the index, in SQL, in lists, in what stands beside them and in exports."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from indexed import follow
from role_probes import token
from sqlalchemy import Connection, select
from test_web_pages import browser, log_in
from web_archive import ADMIN, ADMIN_PASSWORD, ANNA, Filling, application, archive, ingest

from postbuch.archive import apikeys, clock, database, export_list, listview, query, search_facets, search_times, users
from postbuch.archive.config import Config
from postbuch.archive.database import Role
from postbuch.archive.filterform import Condition, Filter
from postbuch.archive.schema import header_summary, letter, letter_image
from postbuch.archive.search import search
from postbuch.archive.search_facets import Facet
from postbuch.archive.search_sql import Conditions
from postbuch.archive.users import ALL
from postbuch.webmail import timeline
from provider.archive import fresh_archive, ingester, message_record

BERLIN, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")
# Name → when it came. In Berlin the clocks went forward on 29 March 2026 and back on 25 October.
LETTERS = {
    "sylvester": datetime(2025, 12, 31, 22, 30), "neujahr": datetime(2025, 12, 31, 23, 30),
    "kater": datetime(2026, 1, 1, 10, 0), "vor": datetime(2026, 3, 28, 22, 59, 59),
    "erster": datetime(2026, 3, 28, 23, 0), "letzter": datetime(2026, 3, 29, 21, 59, 59),
    "nach": datetime(2026, 3, 29, 22, 0), "herbst": datetime(2026, 10, 24, 22, 0),
    "winter": datetime(2026, 10, 25, 22, 59, 59),
}  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Flask, Config]]:
    """The letters, in the index."""
    with archive(tmp_path_factory.mktemp("clock"), "127.0.0.1:1") as config:
        filling = Filling()
        for name, at in LETTERS.items():
            octets = f"From: uhr@kunde.example\r\nTo: {ANNA}\r\nSubject: Uhr {name}\r\n\r\nTick\r\n".encode()
            filling.add(octets, ANNA, at=at.replace(tzinfo=UTC))
        ingest(config, filling.records)
        engine = database.engine(config, Role.INGEST)
        follow(config, engine)
        engine.dispose()
        with application(config) as app:
            yield app, config


@pytest.fixture
def conn(site: tuple[Flask, Config]) -> Iterator[Connection]:
    with database.connection(site[1], Role.WEB) as conn:
        yield conn


def by_index(conn: Connection, text: str) -> set[str]:
    result = search(conn, text, ALL)
    assert result.indexed
    return {row["subject"].removeprefix("Uhr ") for row in result.rows}


def by_sql(conn: Connection, text: str) -> set[str]:
    subjects = (
        select(header_summary.c.subject).join(letter_image, letter_image.c.image_id == header_summary.c.image_id)
        .join(letter, letter.c.id == letter_image.c.letter_id).where(Conditions(ALL, None).of(query.parse(text)))
    )
    return {subject.removeprefix("Uhr ") for subject in conn.scalars(subjects)}


def by_list(conn: Connection, op: str, value: str, second: str = "") -> set[str]:
    wanted = Filter(conditions=(Condition(field="date", op=op, value=value, second=second),))
    rows = listview.stream(conn, listview.VIEWS["letters"], wanted, ALL, None, ("subject",))
    return {str(row[0]).removeprefix("Uhr ") for row in rows}


LIST_OPS = {"on": "equals", "before": "lessthan", "after": "morethan"}


@pytest.mark.parametrize(
    ("zone", "field", "day", "names"),
    [
        (UTC, "on", "2025-12-31", "sylvester neujahr"), (BERLIN, "on", "2025-12-31", "sylvester"),
        (NEW_YORK, "on", "2025-12-31", "sylvester neujahr"),
        (UTC, "on", "2026-01-01", "kater"), (BERLIN, "on", "2026-01-01", "neujahr kater"),
        (BERLIN, "before", "2026-01-01", "sylvester"), (BERLIN, "after", "2025-12-31", set(LETTERS) - {"sylvester"}),
        (BERLIN, "on", "29.03.2026", "erster letzter"), (BERLIN, "on", "2026-03-28", "vor"),
        (BERLIN, "after", "2026-03-29", "nach herbst winter"), (BERLIN, "on", "2026-10-25", "herbst winter"),
        (ZoneInfo("Pacific/Kiritimati"), "on", "2026-01-01", "sylvester neujahr"),
        (ZoneInfo("Pacific/Kiritimati"), "on", "2026-01-02", "kater"),
    ],
)  # fmt: skip
def test_a_day_is_the_same_everywhere(
    conn: Connection, zone: tzinfo, field: str, day: str, names: str | set[str]
) -> None:
    """In the index, in SQL and in the filter of a list."""
    expected = set(names.split()) if isinstance(names, str) else names
    with clock.on(zone):
        assert by_index(conn, f"{field}:{day} uhr") == expected
        assert by_sql(conn, f"{field}:{day}") == expected
        assert by_list(conn, LIST_OPS[field], day) == expected


def test_hours_are_those_of_the_clock_too(conn: Connection) -> None:
    """A time without a zone; one that has a zone is that moment on any clock."""
    with clock.on(BERLIN):
        assert by_list(conn, "equals", "2026-01-01T00:30") == {"neujahr"}
        assert by_list(conn, "equals", "2025-12-31T23:30Z") == {"neujahr"}
        assert by_list(conn, "between", "2025-12-31", "2026-01-01 00:30") == {"sylvester", "neujahr"}


@pytest.mark.parametrize(("zone", "counts"), [
    (UTC, {"2026-10": 2, "2026-03": 4, "2026-01": 1, "2025-12": 2}),
    (BERLIN, {"2026-10": 2, "2026-03": 4, "2026-01": 2, "2025-12": 1}),
    (NEW_YORK, {"2026-10": 2, "2026-03": 4, "2026-01": 1, "2025-12": 2}),
])  # fmt: skip
def test_months_beside_a_search_hold_what_they_count(conn: Connection, zone: tzinfo, counts: dict[str, int]) -> None:
    """The newest first; each leads to as many letters as it says."""
    with clock.on(zone):
        months = [each for each in search_facets.facets(conn, "uhr", ALL) if each.kind == "month"]
        assert [(each.value, each.count) for each in months] == list(counts.items())
        assert [len(by_index(conn, each.query)) for each in months] == list(counts.values())
        assert not [each for each in search_facets.facets(conn, "uhr", ALL) if each.kind == "year"]


@pytest.mark.parametrize(("kind", "answer", "shown"), [
    ("month", {"2026-01": 3, "2025-12": 1}, ("month", {"2026-01": 3, "2025-12": 1})),
    ("month", {"2026-01": 3, "2026-02": 4, "2022-12": 1}, ("year", {"2026": 7, "2022": 1})),
    ("year", {"2010": 2, "2026": 3}, ("year", {"2026": 3, "2010": 2})), ("year", {}, ("year", {})),
])  # fmt: skip
def test_few_years_are_told_by_month(kind: str, answer: dict[str, int], shown: tuple[str, dict[str, int]]) -> None:
    """Of three years all months, of more the years, whatever was asked first and for whichever span."""
    assert search_times.counted(kind, answer, lambda _: {}) == shown
    asked: list[dict[str, Any]] = []

    def again(wanted: dict[str, Any]) -> dict[str, Any]:
        asked.append(wanted)
        return {"month": {"buckets": [{"key": "2024-02", "doc_count": 4}, {"key": "2025-01", "doc_count": 0}]}}

    assert search_times.counted("year", {"2024": 4, "2026": 1}, again) == ("month", {"2024-02": 4})
    ranges = asked[0]["month"]["range"]["ranges"]
    months = [f"{year}-{month:02}" for year in (2024, 2025, 2026) for month in range(1, 13)]
    assert [each["key"] for each in ranges] == months


def test_the_picture_has_no_gaps() -> None:
    """What lies between is one bar without letters; the longest is whole, and the shortest can be seen."""
    months = [("2026-03", 1_000), ("2026-02", 1), ("2025-11", 500), ("2025-09", 250)]
    found = [Facet(kind="month", value=value, count=count, query=value) for value, count in months]
    assert [(bar.first, bar.last, bar.count, bar.percent) for bar in timeline.bars(found)] == [
        ("2026-03", "2026-03", 1_000, 100), ("2026-02", "2026-02", 1, 2), ("2025-12", "2026-01", 0, 0),
        ("2025-11", "2025-11", 500, 50), ("2025-10", "2025-10", 0, 0), ("2025-09", "2025-09", 250, 25),
    ]
    years = [Facet(kind="year", value=value, count=1, query="") for value in ("2020", "1999")]
    assert [(bar.first, bar.last) for bar in timeline.bars(years)] == [
        ("2020", "2020"), ("2000", "2019"), ("1999", "1999"),
    ]
    assert timeline.bars([]) == []


def test_many_bars_stand_in_groups() -> None:
    """Months by their year, years by their decade, with all that they hold; few bars stand by themselves."""
    months = [f"{year}-{month:02}" for year, last in ((2026, 3), (2025, 9), (2024, 12)) for month in range(last, 0, -1)]
    found = [Facet(kind="month", value=value, count=2, query=value) for value in months if value != "2025-01"]
    made = timeline.groups(timeline.bars(found))
    assert [(each.first, each.last, each.count, each.percent, len(each.bars)) for each in made] == [
        ("2026", "2026", 6, 25, 4), ("2025", "2025", 16, 67, 9), ("2024", "2024", 24, 100, 12),
    ]
    # The months between two years without letters.
    assert [(bar.first, bar.last) for bar in (made[0].bars[-1], made[1].bars[-1])] == [
        ("2025-10", "2025-12"), ("2025-01", "2025-01"),
    ]
    years = [Facet(kind="year", value=str(year), count=1, query="") for year in range(2021, 2003, -1)]
    assert [(each.first, each.last, len(each.bars)) for each in timeline.groups(timeline.bars(years))] == [
        ("2020", "2029", 2), ("2010", "2019", 10), ("2000", "2009", 6),
    ]
    assert timeline.groups(timeline.bars(years[:timeline.MOST_BARS])) == []


def on_the_clock_of(site: tuple[Flask, Config], zone: str) -> FlaskClient:
    client = browser(site)
    log_in(client, ADMIN, ADMIN_PASSWORD)
    client.set_cookie("zone", zone)
    return client


@pytest.mark.parametrize(("zone", "number"), [("Europe/Berlin", 1), ("Etc/UTC", 2)])
def test_pages_and_exports_take_the_readers_day(site: tuple[Flask, Config], zone: str, number: int) -> None:
    """The list, the filter, what is exported of both, and the search that is kept and counted."""
    client = on_the_clock_of(site, zone)
    for arguments in ({"q": "on:2025-12-31"}, {"q": "(date~equals~2025-12-31)"}):
        assert client.get("/", query_string=arguments).text.count('class="row-link"') == number
        data = {"csrf_token": token(client), "view": "letters", "format": "json", **arguments}
        assert len(json.loads(client.post("/export", data=data).data)["rows"]) == number
    kept = {"csrf_token": token(client), "name": zone, "counted": "1"}
    client.post("/searches", query_string={"q": "on:2025-12-31"}, data=kept)
    numbers = re.findall(r"</span>(\d+)</span>", client.get("/searches/counts").text)
    assert set(numbers) == {str(number)}


@pytest.mark.parametrize(("zone", "number"), [("Europe/Berlin", 1), ("", 2)])
def test_a_job_takes_the_day_of_who_asked(conn: Connection, zone: str, number: int) -> None:
    """It is done later by a process that has no reader."""
    asked = export_list.Asked(form="zip", view="letters", arguments={"q": "on:2025-12-31"}, zone=zone)
    asked = export_list.from_json(asked.as_json())
    assert export_list.count(conn, asked, ALL, None) == number
    assert len(export_list.letters_of(conn, asked, ALL, None)) == number


def test_programs_get_days_of_utc(site: tuple[Flask, Config]) -> None:
    """As the times in their answers are, whatever cookies the program keeps."""
    with database.connection(site[1], Role.OWNER) as conn:
        user = users.find_user(conn, ADMIN)
        assert user is not None
        secret, _ = apikeys.make(conn, user.id, "clock", [apikeys.LETTERS], by="test")
    client = on_the_clock_of(site, "Europe/Berlin")
    assert client.get("/", query_string={"q": "on:2025-12-31"}).text.count('class="row-link"') == 1
    answer = client.get("/api/v1/letters?q=on:2025-12-31", headers={"X-API-Key": secret})
    assert len(json.loads(answer.data)) == 2


def test_the_next_reader_has_his_own_clock(site: tuple[Flask, Config]) -> None:
    """One process answers all of them, and threads are used again."""
    found = []
    for zone in ("Europe/Berlin", "Etc/UTC", "Pacific/Kiritimati", "Europe/Berlin"):
        page = on_the_clock_of(site, zone).get("/", query_string={"q": "on:2025-12-31"}).text
        found.append(page.count('class="row-link"'))
    assert found == [1, 2, 0, 1]


@given(
    st.sampled_from(sorted(available_timezones())), st.dates(date(1, 1, 1), date(9999, 12, 30)), st.integers(0, 2),
)  # fmt: skip
def test_days_follow_each_other_without_a_gap(name: str, day: date, step: int) -> None:
    """Whatever a zone did with its clocks: each moment is in one day, and a day has between 0 and 48 hours."""
    with clock.on(ZoneInfo(name)):
        first, behind = clock.stretch(day)
        assert timedelta() <= behind - first <= timedelta(hours=48)
        if day < date(9999, 12, 29):
            assert clock.stretch(day + timedelta(days=1))[0] == behind


def test_today_is_the_day_there() -> None:
    """Between Kiritimati and Baker Island there are always two or three days."""
    def day_in(hours: int) -> date:
        with clock.on(ZoneInfo(f"Etc/GMT{hours:+}")):
            return clock.today()

    assert day_in(-14) > day_in(12)


@pytest.mark.parametrize(("at", "year"), [
    (datetime(1965, 5, 5), "1970"), (datetime(2200, 5, 5), "2106"), (datetime(1970, 1, 1), "1970"),
    (datetime(2106, 2, 7, 7), "2106"), (datetime(2025, 12, 31, 23, 30), "2026"),
])  # fmt: skip
def test_years_that_the_order_does_not_know(tmp_path: Path, at: datetime, year: str) -> None:
    """A letter of any time is in one of them; here it is the only one beside one of another year."""
    with fresh_archive(tmp_path) as (config, engine), ingester(config, engine) as work:
        for uid, moment in enumerate((at, datetime(2010, 6, 1)), start=1):
            octets = b"From: a@x.example\r\nSubject: Uhr %d\r\n\r\nTick\r\n" % uid
            stamp = moment.replace(tzinfo=UTC).isoformat()
            work.ingest([message_record(octets, uid=uid, internal_date=stamp, seen_at=stamp)])
        follow(config, engine)
        with engine.connect() as conn, clock.on(BERLIN):
            years = {each.value: each.count for each in search_facets.facets(conn, "uhr", ALL) if each.kind == "year"}
    assert years == {year: 1, "2010": 1}
