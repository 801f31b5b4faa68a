"""The interface for programs: letters by polling and searching, days and times, marks, topics, kept searches."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import pytest
from api_site import LETTERS, Site, ask, events, filled, key, problem
from sqlalchemy import func, select
from web_archive import ADMIN, ANNA

from postbuch.archive import auditlog, database, savedsearches, users
from postbuch.archive.database import Role
from postbuch.archive.listview import VIEWS
from postbuch.archive.schema import letter
from postbuch.webmail.language import ZONE_COOKIE
from postbuch.webmail.login import limiter


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with filled(tmp_path_factory.mktemp("api")) as made:
        yield made


@pytest.fixture(autouse=True)
def nobody_is_slowed() -> None:
    limiter.reset()


def test_polling_with_since_id(site: Site) -> None:
    """Bare arrays, newest number first; what comes later is above the highest that was seen; nothing of Lena's."""
    found = ask(site, "/letters").json
    assert isinstance(found, list) and [each["subject"] for each in found] == [
        f"Angebot {number} für Möbel" for number in reversed(range(LETTERS))
    ]
    numbers = [each["id"] for each in found]
    assert numbers == sorted(numbers, reverse=True)
    assert ask(site, f"/letters?since_id={numbers[2]}").json == found[:2]
    assert ask(site, f"/letters?before_id={numbers[2]}&limit=1").json == found[3:4]
    assert ask(site, f"/letters?since_id={numbers[0]}").json == []
    told = json.loads(events(site)[-1].after_value)
    assert (events(site)[-1].action, told.pop("key") > 0, told) == ("list", True, {"since_id": numbers[0]})
    ask(site, f"/letters?since_id={numbers[2]}&before_id={numbers[0]}&q=Angebot")
    told = json.loads(events(site)[-1].after_value)
    assert (events(site)[-1].action, told["q"]) == ("search", "Angebot")
    assert (told["since_id"], told["before_id"]) == (numbers[2], numbers[0])
    first = found[0]
    assert first["from"] == "Kunde <k4@x.example>" and first["files"] == ["a4.pdf"] and first["account"] == [ANNA]
    assert first["date"].endswith("Z") and first["unread"] is True
    columns = [each.name for each in VIEWS["letters"].columns if each.shown]
    assert sorted(first) == sorted({*columns, "id"})


def test_search_and_conditions(site: Site) -> None:
    """The language of the search box and the grammar of links; counts; what is not understood is told."""
    assert [each["subject"] for each in ask(site, "/letters", query_string={"q": "from:k3@x.example"}).json] == [
        "Angebot 3 für Möbel"
    ]
    conditions = "(from~contains~k2@x.example)(subject~contains~angebot)"
    assert len(ask(site, "/letters", query_string={"q": conditions}).json) == 1
    both = {"q": "(from~contains~k2@x)(from~contains~k3@x)", "within": "(subject~contains~angebot 3)"}
    assert [each["subject"] for each in ask(site, "/letters", query_string=both).json] == ["Angebot 3 für Möbel"]
    assert ask(site, "/exports", "POST", json={"format": "csv", **both}).json["steps"] == 1
    assert ask(site, "/letters/count").json == {"total": LETTERS}
    assert ask(site, "/letters/count", query_string={"q": "Geheim"}).json == {"total": 0}
    assert "bogus" in problem(ask(site, "/letters", query_string={"q": "(bogus~equals~1)"}), 422)
    assert "from:" in problem(ask(site, "/letters", query_string={"q": "from:"}), 422)
    answer = ask(site, "/letters?limit=1000&colour=red")
    problem(answer, 422)
    assert set(answer.json["errors"]["query"]) == {"limit", "colour"}
    assert len(ask(site, "/letters").json) == LETTERS
    assert {event.action for event in events(site) if event.actor == ANNA} >= {"list", "search"}
    # What was typed is hidden from who may not read every letter, as for the pages.
    assert "search" in auditlog.WORDED


def test_a_foreign_letter_is_like_none(site: Site) -> None:
    """Octet for octet the same answer, and on record."""
    with database.connection(site[1], Role.WEB) as conn:
        [foreign] = [row["id"] for row in conn.exec_driver_sql("SELECT MAX(id) AS id FROM letter").mappings()]
    for path in ("/letters/{}", "/letters/{}/message", "/letters/{}/attachments", "/letters/{}/attachments/6/1"):
        answers = [ask(site, path.format(number)) for number in (foreign, 999_999)]
        assert problem(answers[0], 404) and answers[0].data == answers[1].data
        assert events(site)[-1].action == "refused"
    for number in (foreign, 999_999):
        problem(ask(site, f"/letters/{number}/mark", "PUT", json={"read": True}), 404)


def test_marks(site: Site) -> None:
    """Read and unread, once each; an auditor's key changes nothing."""
    number = ask(site, "/letters?limit=1").json[0]["id"]
    answers = [ask(site, f"/letters/{number}/mark", "PUT", json={"read": read}).json for read in (True, True, False)]
    assert [each["changed"] for each in answers] == [True, False, True]
    problem(ask(site, f"/letters/{number}/mark", "PUT", json={"read": "perhaps"}), 422)
    problem(ask(site, f"/letters/{number}/mark", "PUT", json={}), 422)
    problem(ask(site, f"/letters/{number}/mark", "PUT", data="x", content_type="text/plain"), 422)
    with database.connection(site[1], Role.OWNER) as conn:
        users.create_user(conn, "pruefer@firma.example", role="auditor", password="pruefer-Postbuch-1")
    auditor = key(site, login="pruefer@firma.example")
    assert len(ask(site, "/letters", with_key=auditor).json) == LETTERS + 1
    problem(ask(site, f"/letters/{number}/mark", "PUT", json={"read": True}, with_key=auditor), 403)


def test_lists_and_errors_that_no_view_makes(site: Site) -> None:
    """Topics; the columns of each list; an address that there is not; a method that there is not; broken JSON."""
    assert [each["subject"] for each in ask(site, "/topics?orderby=asubject&limit=1").json] == ["Angebot 0 für Möbel"]
    views = {each["name"]: each for each in ask(site, "/views").json}
    assert set(views) == set(VIEWS) and views["letters"]["columns"][0]["name"] == "from"
    problem(ask(site, "/nowhere"), 404)
    problem(ask(site, "/me", "POST"), 405)
    problem(ask(site, "/exports", "POST", data="{", content_type="application/json"), 400)
    problem(ask(site, "/letters?limit=0"), 422)
    problem(ask(site, f"/letters?since_id={2**64}"), 422)


def test_kept_searches(site: Site) -> None:
    """One's own, with what is unread in those that are counted; their letters and number; nobody else's are there."""
    with database.connection(site[1], Role.WEB) as conn:
        anna, admin = users.user_number(conn, ANNA), users.user_number(conn, ADMIN)
        address = "q=Angebot&orderby=asubject&pagesize=20"
        savedsearches.keep(conn, anna, "Angebote", address, in_sidebar=True)
        savedsearches.keep(conn, anna, "Von k3", "q=(from~contains~k3)", in_sidebar=False)
        savedsearches.keep(conn, anna, "Veraltet", "q=(bogus~equals~1)", in_sidebar=False)
        savedsearches.keep(conn, admin, "Fremd", "tab=read", in_sidebar=True)
        [foreign] = savedsearches.listed(conn, admin)
    offers, old_one, single = ask(site, "/searches").json
    assert (offers["name"], offers["counted"], offers["unread"], offers["more_unread"]) == ("Angebote", True, 5, False)
    assert offers["arguments"] == {"q": "Angebot", "orderby": "asubject", "pagesize": "20"}
    assert (single["name"], single["counted"], single["unread"]) == ("Von k3", False, None)
    assert events(site)[-1].target == "searches"
    path = f"/searches/{offers['id']}"
    everything = ask(site, "/letters").json
    assert ask(site, f"{path}/letters").json == everything
    assert ask(site, f"{path}/letters?since_id={everything[2]['id']}&limit=1").json == everything[:1]
    assert (events(site)[-1].action, json.loads(events(site)[-1].after_value)["q"]) == ("search", "Angebot")
    assert ask(site, f"{path}/count").json == {"total": LETTERS}
    assert events(site)[-1].target == "count of letters"
    assert [each["from"] for each in ask(site, f"/searches/{single['id']}/letters").json] == ["Kunde <k3@x.example>"]
    for number in (foreign.id, 999_999):
        problem(ask(site, f"/searches/{number}/letters"), 404)
        problem(ask(site, f"/searches/{number}/count"), 404)
    assert "bogus" in problem(ask(site, f"/searches/{old_one['id']}/letters"), 422)
    with database.connection(site[1], Role.WEB) as conn:
        savedsearches.change(conn, anna, offers["id"], "Umbenannt", in_sidebar=False)
    assert len(ask(site, f"{path}/letters").json) == LETTERS
    assert ask(site, "/suggestions?q=mailbox:inb").json == [{"q": "mailbox:INBOX"}]
    problem(ask(site, "/suggestions"), 422)


# Whatever time it is, one of them has another day than UTC.
@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_days_and_times_are_in_utc(site: Site, zone: str) -> None:
    """Of what is asked and of what is answered, whatever cookie of a browser's zone comes along."""
    with database.connection(site[1], Role.WEB) as conn:
        at = conn.execute(select(func.max(letter.c.sort_at)).where(letter.c.id <= LETTERS)).scalar_one()
    client = site[0].test_client()
    client.set_cookie(ZONE_COOKIE, zone)
    day = at.date().isoformat()

    def found(words: str) -> list[Any]:
        answer = client.get("/api/v1/letters", query_string={"q": words}, headers={"X-API-Key": key(site)})
        return [(each["id"], each["date"]) for each in answer.json or []]

    [newest] = [(each["id"], each["date"]) for each in ask(site, "/letters?limit=1").json]
    assert newest[1] == f"{at.isoformat()}Z"
    assert newest in found(f"(date~equals~{day})")
    assert newest not in found(f"before:{day}") and newest not in found(f"after:{day}")


def test_days_of_a_zone_that_is_named(site: Site) -> None:
    """Wherever a day is given; the times of answers stay in UTC, and the next question has days of UTC again."""
    newest = ask(site, "/letters?limit=1").json[0]
    at = datetime.fromisoformat(newest["date"])
    with database.connection(site[1], Role.WEB) as conn:
        anna = users.user_number(conn, ANNA)
    for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago"):
        day = at.astimezone(ZoneInfo(zone)).date().isoformat()
        differs = day != at.date().isoformat()
        for words in (f"on:{day}", f"(date~equals~{day})"):
            asked = {"q": words, "limit": 1, "tz": zone}
            assert ask(site, "/letters", query_string=asked).json == [newest]
            in_utc = [each["id"] for each in ask(site, "/letters", query_string={"q": words}).json]
            assert (newest["id"] not in in_utc) == differs
            total = ask(site, "/letters/count", query_string={"q": words, "tz": zone}).json["total"]
            order = {"format": "csv", "q": words, "tz": zone}
            assert ask(site, "/exports", "POST", json=order).json["steps"] == total > 0
            with database.connection(site[1], Role.WEB) as conn:
                savedsearches.keep(conn, anna, "Tag", urlencode({"q": words}), in_sidebar=True)
            [kept] = [each for each in ask(site, f"/searches?tz={zone}").json if each["name"] == "Tag"]
            assert kept["unread"] == total
            assert ask(site, f"/searches/{kept['id']}/letters?limit=1&tz={zone}").json == [newest]
    for wrong in ("Mars/Olympus", "../../etc/passwd", "Europe", "x" * 300, "\0"):
        answer = ask(site, "/letters", query_string={"tz": wrong})
        problem(answer, 422)
        assert "Europe/Berlin" in answer.json["errors"]["query"]["tz"][0]
