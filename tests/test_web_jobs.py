"""The Export menu of lists, the page of jobs, the page of keys: what is given is what is shown, on record first."""

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from accessible import assert_accessible
from browser import chromium, context, serving
from browser import log_in as enter_browser
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Browser, Page
from role_probes import token
from sqlalchemy import insert, select
from test_web_pages import browser, log_in
from web_archive import ADMIN, ADMIN_PASSWORD, ANNA, ANNA_PASSWORD, Filling, application, archive, ingest, old

from postbuch.archive import audit, database, jobs, users
from postbuch.archive.config import Config
from postbuch.archive.database import Role
from postbuch.archive.export_list import ask as export_ask
from postbuch.archive.jobwork import Hand
from postbuch.archive.reasons import Work
from postbuch.archive.schema import audit_event, job
from postbuch.webmail import export_list
from provider.ports import free_port

LENA = "lena@firma.example"
PATIENCE_MS = 30_000


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Config]:
    """Sixty letters for Anna, one for Lena; Anna and the admin may read Anna's."""
    with archive(tmp_path_factory.mktemp("webjobs") / "data", f"127.0.0.1:{free_port()}") as config:
        filling = Filling()
        for number in range(60):
            head = f"From: k{number}@x.example\r\nTo: {ANNA}\r\nSubject: =Angebot {number:02}\r\n"
            filling.add(f"{head}\r\nText\r\n".encode(), ANNA, at=old(60 - number))
        filling.add(b"From: a@x.example\r\nSubject: Geheim\r\n\r\nText\r\n", LENA)
        ingest(config, filling.records)
        with database.connection(config, Role.OWNER) as conn:
            users.grant(conn, ANNA, ANNA, by="test")
        yield config


@pytest.fixture
def site(house: Config) -> Iterator[tuple[Flask, Config]]:
    with application(house) as app:
        yield app, house


@pytest.fixture
def anna(site: tuple[Flask, Config]) -> FlaskClient:
    client = browser(site)
    log_in(client, ANNA, ANNA_PASSWORD)
    return client


def export(client: FlaskClient, form: str, view: str = "letters", **other: str) -> Any:
    data = {"csrf_token": token(client), "view": view, "format": form, **other}
    return client.post("/export", data=data)


def events(config: Config) -> list[Any]:
    with database.connection(config, Role.WEB) as conn:
        return list(conn.execute(select(audit_event).order_by(audit_event.c.id)).all())


def test_the_menu_stands_at_every_list(anna: FlaskClient) -> None:
    """With the list's own address in it; messages only where there are letters."""
    page = anna.get("/?q=Angebot&orderby=asubject").text
    assert 'action="/export"' in page and 'name="orderby" value="asubject"' in page and 'value="mbox"' in page
    page = anna.get("/topics").text
    assert 'name="view" value="topics"' in page and 'value="xlsx"' in page and 'value="mbox"' not in page


def test_exactly_what_the_list_shows(anna: FlaskClient, house: Config) -> None:
    """All pages, the same order, the chosen columns, titles in the language; on record with query and count."""
    data = {"csrf_token": token(anna), "column": ["subject", "from"], "look": "table", "size": "20"}
    anna.post("/settings/list/letters", data=data)
    answer = export(anna, "csv", q="(subject~contains~angebot)", orderby="asubject")
    assert answer.status_code == 200 and answer.headers["Content-Security-Policy"].endswith("sandbox")
    assert re.search(r"postbuch-letters-[\d-]+\.csv", answer.headers["Content-Disposition"])
    lines = list(csv.reader(io.StringIO(answer.text, newline="")))
    assert lines[0] == ["From", "Subject"] or lines[0] == ["Subject", "From"]
    place = lines[0].index("Subject")
    assert [line[place] for line in lines[1:]] == [f"'=Angebot {number:02}" for number in range(60)]
    event = events(house)[-1]
    assert (event.actor, event.action) == (ANNA, "export")
    told = json.loads(event.after_value)
    assert (told["count"], told["q"], told["format"]) == (60, "(subject~contains~angebot)", "csv")
    anna.post("/settings/list/letters", data={"csrf_token": token(anna), "look": "usual"})
    anna.environ_base["HTTP_ACCEPT_LANGUAGE"] = "de"
    excel = export(anna, "csv-excel").data
    assert excel.startswith(b"\xef\xbb\xbf") and b"Betreff" in excel.splitlines()[0] and b";" in excel
    assert b"Geheim" not in excel and len(excel.splitlines()) == 61


def test_what_makes_no_sense_leads_back(anna: FlaskClient) -> None:
    """To the list, with a sentence; a stranger to the log-in; a foreign address to none."""
    for form, other in (("docx", {}), ("csv", {"q": "before:never"}), ("mbox", {"view": "topics"})):
        answer = export(anna, form, **{"next": "/?q=x", **other})
        assert (answer.status_code, answer.location) == (302, "/?q=x")
    assert export(anna, "csv", view="nowhere", next="https://evil.example/").location == "/"


def test_large_ones_become_jobs(anna: FlaskClient, house: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """Above the limit of rows, or of octets for messages: a job, its page, its file, told once, nobody else's."""
    monkeypatch.setattr(export_list, "AT_ONCE_ROWS", 59)
    monkeypatch.setattr(export_list, "AT_ONCE_OCTETS", 100)
    assert export(anna, "json", q="Angebot").location == "/jobs"
    assert export(anna, "mbox").location == "/jobs"
    told = [json.loads(event.after_value) for event in events(house) if event.action == "export"][-2:]
    assert [(each["count"], each["format"]) for each in told] == [(60, "json"), (60, "mbox")]
    page = anna.get("/jobs").text
    assert "Letters: Angebot" in page and "<progress" in page and 'hx-trigger="every 2s"' in page
    assert 'id="job-news"' in anna.get("/").text and anna.get("/jobs/news").status_code == 204
    numbers = sorted(int(each) for each in re.findall(r"/jobs/(\d+)/cancel", page))
    with database.pool(house, Role.WEB) as engine:
        for number in numbers:
            with engine.begin() as conn:
                found = jobs.claim(conn, number, "w")
            assert found is not None
            Hand(config=house, engine=engine, job=found, worker="w").run()
    news = anna.get("/jobs/news").text
    assert "2 exports have ended" in news and 'id="job-news"' in news
    assert "ended" not in anna.get("/jobs/news").text and 'id="job-news"' not in anna.get("/").text
    part = anna.get("/jobs/part").text
    assert part.count("Download") >= 2 and "every 2s" not in part
    answer = anna.get(f"/jobs/{numbers[0]}/file")
    assert json.loads(answer.data)["count"] == 60 and answer.mimetype == "application/json"
    answer.close()
    assert (events(house)[-1].action, events(house)[-1].target) == ("job-download", f"job {numbers[0]}")
    other = browser((anna.application, house))
    log_in(other, ADMIN, ADMIN_PASSWORD)
    assert other.get(f"/jobs/{numbers[0]}/file").status_code == 404
    assert other.post(f"/jobs/{numbers[0]}/cancel", data={"csrf_token": token(other)}).status_code == 404
    assert "Angebot" not in other.get("/jobs").text
    anna.post(f"/jobs/{numbers[0]}/cancel", data={"csrf_token": token(anna)})
    assert "It had ended already." in anna.get("/jobs").text


def test_a_failure_is_told_in_the_readers_language(anna: FlaskClient, house: Config) -> None:
    """The sentence of the archive, translated."""
    at = audit.now()
    with database.connection(house, Role.WEB) as conn:
        conn.execute(insert(job).values(
            user_id=users.user_number(conn, ANNA), title="Briefe", parameters="{}", state=jobs.FAILED,
            reason=Work.DISK_NEARLY_FULL.said(), made_at=at, beat_at=at,
        ))  # fmt: skip
    anna.environ_base["HTTP_ACCEPT_LANGUAGE"] = "de"
    assert "Die Festplatte ist fast voll" in anna.get("/jobs").text


@pytest.mark.parametrize(("state", "said"), [
    (jobs.CANCELLED, "cancelled"), (jobs.EXPIRED, "file removed after a week"),
])  # fmt: skip
def test_what_has_no_file_has_not_the_sign_of_success(anna: FlaskClient, house: Config, state: str, said: str) -> None:
    """Green is for what is done."""
    at = audit.now()
    with database.connection(house, Role.WEB) as conn:
        conn.execute(insert(job).values(
            user_id=users.user_number(conn, ANNA), title="Briefe", parameters="{}", state=state, made_at=at, beat_at=at,
        ))  # fmt: skip
    assert f'<span class="state idle">{said}</span>' in anna.get("/jobs").text


def test_keys_on_the_page(anna: FlaskClient, house: Config) -> None:
    """Shown once, used, listed by its beginning, revoked; one without a name or a right is not made."""
    data = {"csrf_token": token(anna), "name": "Kundendatenbank", "scope": ["letters"]}
    page = anna.post("/keys", data=data).text
    [key] = set(re.findall(r"pb_[\w-]{43}", page))
    bare = anna.application.test_client()
    assert f'"{ANNA}"' in bare.get("/api/v1/me", headers={"X-API-Key": key}).text
    page = anna.get("/keys").text
    assert key not in page and key[:11] in page and "Kundendatenbank" in page
    page_of_form = anna.post("/keys", data={**data, "name": "CRM", "scope": []}).text
    assert "at least one right" in page_of_form
    # What was typed is mended, not typed again.
    assert 'value="CRM"' in page_of_form and not re.search(r'name="scope"[^>]*checked', page_of_form)
    number = re.search(r"/keys/(\d+)/revoke", page)
    assert number is not None
    other = browser((anna.application, house))
    log_in(other, ADMIN, ADMIN_PASSWORD)
    assert other.post(f"/keys/{number[1]}/revoke", data={"csrf_token": token(other)}).status_code == 404
    anna.post(f"/keys/{number[1]}/revoke", data={"csrf_token": token(anna)})
    assert bare.get("/api/v1/me", headers={"X-API-Key": key}).status_code == 401
    assert {"key-add", "key-revoke"} <= {event.action for event in events(house)}
    assert key not in str(events(house))


@pytest.fixture(scope="module")
def walked(house: Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Browser]]:
    with serving(house, tmp_path_factory.mktemp("served") / "postbuch.toml") as base, chromium() as made:
        yield base, made


SIZES = {"desktop": {"width": 1280, "height": 800}, "phone": {"width": 390, "height": 844}}


@pytest.mark.parametrize("size", SIZES)
def test_export_and_jobs_in_chromium(walked: tuple[str, Browser], house: Config, size: str) -> None:
    """By keyboard alone: open the menu, take a file; a job is worked on and fetched; axe finds nothing."""
    base, chrome = walked
    choices: dict[str, Any] = {"viewport": SIZES[size], "locale": "en", "has_touch": size == "phone"}
    with context(chrome, base, **choices) as (made, _):
        page = made.new_page()
        enter_browser(page, ANNA, ANNA_PASSWORD)
        page.goto("/?q=Angebot")
        page.focus("[popovertarget=list-export]")
        page.keyboard.press("Enter")
        page.wait_for_selector("#list-export:popover-open")
        assert_accessible(page)
        _tab_to(page, "csv")
        with page.expect_download() as begun:
            page.keyboard.press("Enter")
        assert Path(begun.value.path()).read_text("utf-8").count("Angebot") == 60
        assert begun.value.suggested_filename.endswith(".csv")
        number = _order(house)
        page.goto("/jobs")
        assert_accessible(page)
        place = page.locator(f"#job-{number}")
        place.get_by_role("link", name="Download").wait_for(timeout=PATIENCE_MS)
        with page.expect_download() as begun:
            place.get_by_role("link", name="Download").press("Enter")
        assert json.loads(Path(begun.value.path()).read_text("utf-8"))["count"] == 60
        box = place.get_by_role("link", name="Download").bounding_box()
        assert box is not None and (size == "desktop" or box["height"] >= 44)
        wide = page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert wide
        page.goto("/keys")
        assert_accessible(page)
        page.fill("#key-name", f"Programm {size}")
        page.keyboard.press("Enter")
        page.wait_for_selector("#key")
        assert_accessible(page)
        assert page.locator("#key").inner_text().startswith("pb_")


def test_a_key_is_revoked_by_the_second_click(walked: tuple[str, Browser]) -> None:
    """Without scripts, by keyboard: the first says what happens and does nothing, the second ends this key alone."""
    base, chrome = walked
    with context(chrome, base, viewport=SIZES["phone"], locale="de", java_script_enabled=False) as (made, _):
        page = made.new_page()
        enter_browser(page, ANNA, ANNA_PASSWORD)
        for name in ("bleibt", "geht"):
            page.goto("/keys")
            page.fill("#key-name", name)
            page.locator(".key-form button").click()
        page.goto("/keys")
        row = page.locator("tr", has=page.get_by_role("rowheader", name="geht", exact=True))
        ends, says = row.get_by_role("button", name="geht widerrufen"), row.get_by_text("lässt sich nicht zurücknehmen")
        assert not ends.is_visible() and not says.is_visible()
        row.locator("summary").press("Enter")
        says.wait_for(timeout=PATIENCE_MS)
        assert page.get_by_role("button", name="widerrufen").count() == 1
        ends.press("Enter")
        page.get_by_text("Der Schlüssel „geht“ wurde widerrufen.").wait_for(timeout=PATIENCE_MS)
        assert row.count() == 0
        assert page.get_by_role("rowheader", name="bleibt", exact=True).count() == 1


def _tab_to(page: Page, value: str) -> None:
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.value") == value:
            return
    raise AssertionError(f"no {value} by Tab")


def _order(config: Config) -> int:
    """A job of Anna's, for the worker of the process that serves."""
    asked = export_ask("json", "letters", {"q": "Angebot"}, (), str)
    with database.connection(config, Role.WEB) as conn:
        return jobs.create(
            conn, users.user_number(conn, ANNA), title="Letters: Angebot", parameters=asked.as_json(),
            steps=60, file_name="postbuch-letters.json", content_type=asked.content_type,
        )  # fmt: skip
