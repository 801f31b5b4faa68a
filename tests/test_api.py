"""The interface for programs: keys and their scopes, rights, polling, octets, errors, its own description."""

import contextlib
import hashlib
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import openapi_schema_validator
import pytest
from flask import Flask
from openapi_spec_validator import validate
from sqlalchemy import func, select, update
from test_web_pages import browser, log_in
from web_archive import ADMIN, ANNA, ANNA_PASSWORD, Filling, application, archive, ingest, old

from postbuch.archive import apikeys, auditlog, database, jobs, savedsearches, users
from postbuch.archive.apikeys import SCOPES
from postbuch.archive.config import Config
from postbuch.archive.database import Role
from postbuch.archive.errors import UsageError
from postbuch.archive.jobwork import Hand
from postbuch.archive.listview import VIEWS
from postbuch.archive.schema import api_key, app_user, audit_event, letter
from postbuch.webmail import apiaccess, handout
from postbuch.webmail.language import ZONE_COOKIE
from postbuch.webmail.login import limiter

LENA = "lena@firma.example"
PDF = b"%PDF-1.4 nicht wirklich"
LETTERS = 5


def octets(number: int) -> bytes:
    return (
        f"From: Kunde <k{number}@x.example>\r\nTo: {ANNA}\r\nSubject: Angebot {number} für Möbel\r\n"
        f"Message-ID: <m{number}@x>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
        "--b\r\nContent-Type: text/plain\r\n\r\nText\r\n--b\r\nContent-Type: application/pdf; name=a.pdf\r\n"
        f"Content-Disposition: attachment; filename=a{number}.pdf\r\n\r\n{PDF.decode()}\r\n--b--\r\n"
    ).encode()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Flask, Config]]:
    """Five letters for Anna, one for Lena that Anna may not read."""
    with archive(tmp_path_factory.mktemp("api"), "127.0.0.1:1") as config:
        filling = Filling()
        for number in range(LETTERS):
            filling.add(octets(number), ANNA, at=old(LETTERS - number))
        filling.add(octets(77).replace(b"Angebot", b"Geheim"), LENA)
        ingest(config, filling.records)
        with database.connection(config, Role.OWNER) as conn:
            users.grant(conn, ANNA, ANNA, by="test")
        with application(config) as app:
            yield app, config


@pytest.fixture(autouse=True)
def nobody_is_slowed() -> None:
    limiter.reset()


_KEYS: dict[Any, str] = {}


def key(site: tuple[Flask, Config], *scopes: str, login: str = ANNA) -> str:
    wanted = (id(site[1]), login, scopes)
    if wanted not in _KEYS:
        with database.connection(site[1], Role.WEB) as conn:
            number = users.user_number(conn, login)
            _KEYS[wanted], _ = apikeys.make(conn, number, f"Test {scopes}", scopes or list(SCOPES), by="test")
    return _KEYS[wanted]


def ask(
    site: tuple[Flask, Config], path: str, method: str = "GET", *, with_key: str | None = None, **other: Any
) -> Any:
    shown = key(site) if with_key is None else with_key
    headers = {"Authorization": f"Bearer {shown}"} if shown else {}
    return site[0].test_client().open(f"/api/v1{path}", method=method, headers=headers, **other)


def problem(answer: Any, status: int) -> str:
    """The detail of a problem, which is one as RFC 9457 has it."""
    assert answer.status_code == status and answer.content_type == "application/problem+json", answer.text
    assert answer.json["status"] == status and answer.json["title"] and answer.json["type"] == "about:blank"
    assert "Set-Cookie" not in answer.headers
    return str(answer.json["detail"])


def events(site: tuple[Flask, Config]) -> list[Any]:
    with database.connection(site[1], Role.WEB) as conn:
        return list(conn.execute(select(audit_event).order_by(audit_event.c.id)).all())


@contextlib.contextmanager
def shut_out(config: Config) -> Iterator[None]:
    """Anna is not active meanwhile."""
    anna = update(app_user).where(app_user.c.login == ANNA)
    with database.connection(config, Role.OWNER) as conn:
        conn.execute(anna.values(active=False))
    try:
        yield
    finally:
        with database.connection(config, Role.OWNER) as conn:
            conn.execute(anna.values(active=True))


def test_it_describes_itself(site: tuple[Flask, Config]) -> None:
    """OpenAPI 3.1, valid, every address in it, nothing from elsewhere; without a key."""
    found = ask(site, "/openapi.json", with_key="").json
    validate(found)
    assert found["openapi"] == "3.1.0"
    rules = {rule.rule for rule in site[0].url_map.iter_rules() if rule.rule.startswith("/api/v1/")}
    assert len(found["paths"]) == len(rules) - 1  # that of the description itself
    assert "://" not in json.dumps(found["paths"]) and "servers" not in found


def test_me_by_either_header(site: tuple[Flask, Config]) -> None:
    """Bearer and X-API-Key; the answer sets no cookie; the use is known to the minute; on record with the key."""
    answer = ask(site, "/me")
    assert answer.json == {"login": ANNA, "role": "employee", "key": "Test ()", "scopes": list(SCOPES)}
    other = site[0].test_client().get("/api/v1/me", headers={"X-API-Key": key(site)})
    assert other.json == answer.json and "Set-Cookie" not in other.headers
    event = events(site)[-1]
    assert (event.actor, event.action, event.target) == (ANNA, "api", "me")
    with database.connection(site[1], Role.WEB) as conn:
        row = conn.execute(select(api_key).where(api_key.c.id == json.loads(event.after_value)["key"])).one()
    assert row.used_at is not None and row.key_sha256 == hashlib.sha256(key(site).encode()).digest()
    assert key(site) not in str(row)


def test_who_has_no_good_key_gets_nothing(site: tuple[Flask, Config]) -> None:
    """None, a wrong one, a cookie alone, a revoked one, one of a user who is shut out."""
    client = browser(site)
    log_in(client, ANNA, ANNA_PASSWORD)
    for answer in (
        ask(site, "/letters", with_key=""), ask(site, "/letters", with_key="pb_" + "x" * 43),
        ask(site, "/letters", with_key="ü"), client.get("/api/v1/letters"),
    ):
        assert "Bearer" in problem(answer, 401) and answer.headers["WWW-Authenticate"].startswith("Bearer")
    with database.connection(site[1], Role.WEB) as conn:
        number = users.user_number(conn, ANNA)
        made, place = apikeys.make(conn, number, "kurz", ["letters"], by="test")
    assert ask(site, "/letters", with_key=made).status_code == 200
    with database.connection(site[1], Role.WEB) as conn:
        apikeys.revoke(conn, number, place)
    problem(ask(site, "/letters", with_key=made), 401)
    with shut_out(site[1]):
        problem(ask(site, "/letters"), 401)


NEEDS = [
    ("/letters", "GET", "letters"), ("/letters/1", "GET", "letters"), ("/letters/1/attachments", "GET", "letters"),
    ("/letters/1/topic", "GET", "letters"), ("/media/1", "GET", "letters"), ("/media/1/file", "GET", "content"),
    ("/topics", "GET", "letters"), ("/views", "GET", "letters"), ("/letters/1/message", "GET", "content"),
    ("/letters/1/attachments/1/1", "GET", "content"), ("/letters/1/mark", "PUT", "marks"), ("/jobs", "GET", "exports"),
    ("/searches", "GET", "letters"), ("/searches/1/letters", "GET", "letters"), ("/suggestions", "GET", "letters"),
    ("/exports", "POST", "exports"), ("/jobs/1", "DELETE", "exports"), ("/jobs/1/file", "GET", "exports"),
]


@pytest.mark.parametrize(("path", "method", "scope"), NEEDS)
def test_a_scope_is_needed(site: tuple[Flask, Config], path: str, method: str, scope: str) -> None:
    """With every scope but this one it is refused, whatever is asked for."""
    others = tuple(each for each in SCOPES if each != scope)
    assert f"'{scope}'" in problem(ask(site, path, method, with_key=key(site, *others)), 403)
    event = events(site)[-1]
    assert (event.actor, event.action) == (ANNA, "refused") and event.target.startswith("page /api/v1/")
    assert json.loads(event.after_value)["scope"] == scope


def test_polling_with_since_id(site: tuple[Flask, Config]) -> None:
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


def test_search_and_conditions(site: tuple[Flask, Config]) -> None:
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
    assert {event.action for event in events(site) if event.actor == ANNA} >= {"list", "search"}
    # What was typed is hidden from who may not read every letter, as for the pages.
    assert "search" in auditlog.WORDED


def test_one_letter_with_its_octets(site: tuple[Flask, Config]) -> None:
    """The message has the SHA-256 of what came in (invariant 1); so has its attachment; each look is on record."""
    newest = ask(site, "/letters?limit=1").json[0]["id"]
    facts = ask(site, f"/letters/{newest}").json
    assert facts["summary"]["message_id"] == "m4@x" and facts["history"] == []
    message = ask(site, f"/letters/{newest}/message")
    assert message.data == octets(4) and message.headers["Content-Security-Policy"].endswith("sandbox")
    [part] = ask(site, f"/letters/{newest}/attachments").json
    assert (part["file_name"], part["content_type"]) == ("a4.pdf", "application/pdf")
    attachment = ask(site, f"/letters/{newest}/attachments/{part['image']}/{part['position']}")
    assert attachment.data == PDF and hashlib.sha256(PDF).hexdigest() == part["sha256"]
    assert "attachment" in attachment.headers["Content-Disposition"]
    *_, viewed, taken = events(site)
    assert (viewed.action, viewed.target) == ("view", f"letter {newest}")
    assert (taken.action, taken.target) == ("download", f"letter {newest}")
    told = json.loads(taken.after_value)
    assert (told["image"], told["part"]) == (hashlib.sha256(octets(4)).hexdigest(), part["position"])
    problem(ask(site, f"/letters/{newest}/attachments/{part['image']}/9"), 404)
    assert events(site)[-1].action == "refused" and events(site)[-2].id == taken.id


PIECES: list[tuple[str, dict[str, str], int, slice, str | None]] = [
    ("GET", {}, 200, slice(None), None), ("HEAD", {}, 200, slice(0, 0), "nothing"),
    ("GET", {"If-None-Match": "{etag}"}, 304, slice(0, 0), "nothing"),
    ("GET", {"If-None-Match": "{etag}", "Range": "bytes=0-3"}, 304, slice(0, 0), "nothing"),
    ("GET", {"If-None-Match": '"other"'}, 200, slice(None), None),
    ("GET", {"Range": "bytes=2-5"}, 206, slice(2, 6), "2-5"),
    ("GET", {"Range": "bytes=-4"}, 206, slice(-4, None), "{size-4}-{size-1}"),
    ("GET", {"Range": "bytes=5-", "If-Range": "{etag}"}, 206, slice(5, None), "5-{size-1}"),
    ("GET", {"Range": "bytes=5-", "If-Range": '"other"'}, 200, slice(None), None),
    ("GET", {"Range": "bytes=0-1,4-5"}, 200, slice(None), None),
    ("GET", {"Range": "lines=1-2"}, 200, slice(None), None), ("GET", {"Range": "bytes=x"}, 200, slice(None), None),
    ("HEAD", {"Range": "bytes=2-5"}, 200, slice(0, 0), "nothing"),
    ("GET", {"Range": "bytes=99999-"}, 416, slice(0, 0), "nothing"),
    ("GET", {"If-Match": '"other"'}, 412, slice(0, 0), "nothing"),
    ("GET", {"If-Match": "*"}, 200, slice(None), None), ("GET", {"If-Match": "{etag}"}, 200, slice(None), None),
    ("GET", {"If-Match": "{etag}", "If-None-Match": "{etag}"}, 304, slice(0, 0), "nothing"),
    ("GET", {"Range": "bytes=-99999"}, 206, slice(None), "0-{size-1}"),
    ("GET", {"Range": "bytes=5-99999"}, 206, slice(5, None), "5-{size-1}"),
    ("GET", {"Range": "bytes=5-", "If-Range": "W/{etag}"}, 200, slice(None), None),
]  # fmt: skip


def test_octets_in_part_or_not_again(site: tuple[Flask, Config]) -> None:
    """ETag, ranges and HEAD of messages and files, for programs and on pages; on record is what was given."""
    newest = ask(site, "/letters?limit=1").json[0]["id"]
    part = ask(site, f"/letters/{newest}/attachments").json[0]
    media = ask(site, "/media?limit=1").json[0]["id"]
    client = browser(site)
    log_in(client, ANNA, ANNA_PASSWORD)
    place, image = f"{part['image']}/{part['position']}", part["image"]
    paths = ask(site, "/openapi.json", with_key="").json["paths"].values()
    described = [each["get"] for each in paths if "206" in each.get("get", {"responses": {}})["responses"]]
    for each in described:
        assert {str(status) for _, _, status, _, _ in PIECES} <= set(each["responses"])
        asked_by = {name.removeprefix("If-") for _, headers, *_ in PIECES for name in headers} - {"Match"}
        assert {one["name"].removeprefix("If-") for one in each["parameters"] if one["in"] == "header"} == asked_by
    assert len(described) == 3
    for path, whole, action in (
        (f"/api/v1/letters/{newest}/message", octets(4), "download-message"),
        (f"/api/v1/letters/{newest}/attachments/{place}", PDF, "download"),
        (f"/api/v1/media/{media}/file", PDF, "download"), (f"/m/{newest}/attachment/{place}", PDF, "download"),
        (f"/m/{newest}/message/{image}.eml", octets(4), "download-message"),
    ):
        etag, size = f'"{hashlib.sha256(whole).hexdigest()}"', len(whole)
        for method, asked, status, share, given in PIECES:
            headers = {name: value.replace("{etag}", etag) for name, value in asked.items()}
            answer = client.open(path, method=method, headers={"X-API-Key": key(site), **headers})
            assert answer.status_code == status, (path, asked)
            event = events(site)[-1]
            told = json.loads(event.after_value).get("given")
            expected = given and given.replace("{size-4}", str(size - 4)).replace("{size-1}", str(size - 1))
            assert (event.action, told) == (action, expected), (path, asked)
            if status == 416 and path.startswith("/api/"):
                assert answer.headers["Content-Range"] == f"bytes */{size}"
            if status > 400:
                continue
            assert (answer.data, answer.headers["ETag"]) == (whole[share], etag), (path, asked)
            if status == 206:
                assert answer.headers["Content-Range"] == f"bytes {expected}/{size}"
            if status != 304:
                assert answer.headers["Accept-Ranges"] == "bytes"
                assert answer.content_length == (size if method == "HEAD" else len(whole[share]))


def test_octets_that_are_not_those_of_the_etag(site: tuple[Flask, Config]) -> None:
    """Of a part that was decoded otherwise when it came: all of it, and nothing that a range could be added to."""
    with site[0].test_request_context("/", headers={"Range": "bytes=1-2"}):
        answer = handout.prepared(hashlib.sha256(b"before").hexdigest(), 6, "a.bin")
        assert answer.status_code == 206
        recorded: list[dict[str, str]] = []
        answer = handout.given(answer, lambda: b"otherwise", recorded.append)
    assert recorded == [{"given": "1-2"}, {}]  # nobody has more than is on record
    assert (answer.status_code, answer.data, answer.content_length) == (200, b"otherwise", 9)
    assert not {"ETag", "Content-Range", "Accept-Ranges"} & set(answer.headers.keys())


def test_a_file_of_the_list_and_a_topic(site: tuple[Flask, Config]) -> None:
    """From a row of /media to its letters and octets; the letters of a topic; both within the rights, and on record."""
    number = ask(site, "/media?limit=1").json[0]["id"]
    found = ask(site, f"/media/{number}").json
    assert found["sha256"] == hashlib.sha256(PDF).hexdigest() and found["letters"][0]["subject"].startswith("Angebot")
    assert [each["id"] for each in found["letters"]] == [each["id"] for each in ask(site, "/letters").json]
    assert (events(site)[-2].action, events(site)[-2].target) == ("media-view", f"attachment {number}")
    assert ask(site, f"/media/{number}/file").data == PDF
    newest = found["letters"][0]["id"]
    assert (events(site)[-1].action, events(site)[-1].target) == ("download", f"letter {newest}")
    assert ask(site, f"/letters/{newest}/topic").json == ask(site, f"/letters?since_id={newest - 1}&limit=1").json
    assert ask(site, f"/letters/{newest}/topic?offset=1").json == []
    with database.connection(site[1], Role.WEB) as conn:
        [foreign] = [row["id"] for row in conn.exec_driver_sql("SELECT MAX(id) AS id FROM letter").mappings()]
    for path in ("/media/999999", "/media/999999/file", "/letters/999999/topic", f"/letters/{foreign}/topic"):
        problem(ask(site, path), 404)
        assert events(site)[-1].action == "refused"


def test_a_foreign_letter_is_like_none(site: tuple[Flask, Config]) -> None:
    """Octet for octet the same answer, and on record."""
    with database.connection(site[1], Role.WEB) as conn:
        [foreign] = [row["id"] for row in conn.exec_driver_sql("SELECT MAX(id) AS id FROM letter").mappings()]
    for path in ("/letters/{}", "/letters/{}/message", "/letters/{}/attachments", "/letters/{}/attachments/6/1"):
        answers = [ask(site, path.format(number)) for number in (foreign, 999_999)]
        assert problem(answers[0], 404) and answers[0].data == answers[1].data
        assert events(site)[-1].action == "refused"
    for number in (foreign, 999_999):
        problem(ask(site, f"/letters/{number}/mark", "PUT", json={"read": True}), 404)


def test_marks(site: tuple[Flask, Config]) -> None:
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


def test_an_export_from_the_order_to_the_file(site: tuple[Flask, Config]) -> None:
    """Asked for, made, fetched; somebody else's is not there; cancelled; what makes no sense is told."""
    order = {"format": "csv", "q": "Angebot", "columns": ["id", "subject"], "language": "de", "semicolon": True}
    answer = ask(site, "/exports", "POST", json=order)
    assert answer.status_code == 202 and answer.json["state"] == "waiting" and answer.json["steps"] == LETTERS
    number = answer.json["id"]
    problem(ask(site, f"/jobs/{number}/file"), 404)
    with database.pool(site[1], Role.WEB) as engine:
        with engine.begin() as conn:
            job = jobs.claim(conn, number, "w")
        assert job is not None
        Hand(config=site[1], engine=engine, job=job, worker="w").run()
    assert ask(site, f"/jobs/{number}").json["state"] == "done"
    answer = ask(site, f"/jobs/{number}/file")
    lines = answer.data.decode().splitlines()
    assert lines[0] == "Nummer;Betreff" and len(lines) == LETTERS + 1 and "Angebot 4 für Möbel" in answer.text
    answer.close()
    assert [each["id"] for each in ask(site, f"/jobs?since_id={number - 1}").json] == [number]
    admin = key(site, login=ADMIN)
    for path in (f"/jobs/{number}", f"/jobs/{number}/file"):
        problem(ask(site, path, with_key=admin), 404)
    problem(ask(site, f"/jobs/{number}", "DELETE", with_key=admin), 404)
    second = ask(site, "/exports", "POST", json={"format": "zip"}).json["id"]
    assert ask(site, f"/jobs/{second}", "DELETE").json["state"] == "cancelled"
    for wrong, word in (
        ({"format": "docx"}, "arguments"), ({"format": "csv", "view": "nowhere"}, "nowhere"),
        ({"format": "csv", "columns": ["body"]}, "body"), ({"format": "csv", "q": "(bogus~equals~1)"}, "bogus"),
        ({"format": "csv", "q": "from:"}, "from:"), ({}, "arguments"),
    ):
        assert word in problem(ask(site, "/exports", "POST", json=wrong), 422), wrong


def test_messages_in_one_file_need_the_scope_for_messages(site: tuple[Flask, Config]) -> None:
    """Neither ordered nor fetched with `exports` alone; tables are."""
    weak = key(site, "exports")
    for form in ("zip", "mbox"):
        before = ask(site, "/jobs").json
        assert "'content'" in problem(ask(site, "/exports", "POST", json={"format": form}, with_key=weak), 403)
        assert ask(site, "/jobs").json == before
    assert ask(site, "/exports", "POST", json={"format": "csv"}, with_key=weak).status_code == 202
    number = ask(site, "/exports", "POST", json={"format": "mbox"}).json["id"]
    with database.pool(site[1], Role.WEB) as engine:
        with engine.begin() as conn:
            job = jobs.claim(conn, number, "w")
        assert job is not None
        Hand(config=site[1], engine=engine, job=job, worker="w").run()
    assert "'content'" in problem(ask(site, f"/jobs/{number}/file", with_key=weak), 403)
    assert events(site)[-1].action == "refused"
    answer = ask(site, f"/jobs/{number}/file")
    assert PDF in answer.data
    answer.close()


def test_lists_and_errors_that_no_view_makes(site: tuple[Flask, Config]) -> None:
    """Topics; the columns of each list; an address that there is not; a method that there is not; broken JSON."""
    assert [each["subject"] for each in ask(site, "/topics?orderby=asubject&limit=1").json] == ["Angebot 0 für Möbel"]
    views = {each["name"]: each for each in ask(site, "/views").json}
    assert set(views) == set(VIEWS) and views["letters"]["columns"][0]["name"] == "from"
    problem(ask(site, "/nowhere"), 404)
    problem(ask(site, "/me", "POST"), 405)
    problem(ask(site, "/exports", "POST", data="{", content_type="application/json"), 400)
    problem(ask(site, "/letters?limit=0"), 422)
    problem(ask(site, f"/letters?since_id={2**64}"), 422)


def test_each_operation_has_a_name_of_its_own(site: tuple[Flask, Config]) -> None:
    """Programs that are made of the description call it so."""
    paths = ask(site, "/openapi.json", with_key="").json["paths"].values()
    names = [each.get("operationId", "") for methods in paths for each in methods.values() if isinstance(each, dict)]
    assert len(names) == len(set(names)) > 15 and all(name.isalpha() and name[0].islower() for name in names)


def test_kept_searches(site: tuple[Flask, Config]) -> None:
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
def test_days_and_times_are_in_utc(site: tuple[Flask, Config], zone: str) -> None:
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


def test_days_of_a_zone_that_is_named(site: tuple[Flask, Config]) -> None:
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


def search_of(site: tuple[Flask, Config]) -> int:
    """The number of a search that Anna keeps."""
    with database.connection(site[1], Role.WEB) as conn:
        number = users.user_number(conn, ANNA)
        savedsearches.keep(conn, number, "Beschrieben", "q=Angebot", in_sidebar=True)
        return next(each.id for each in savedsearches.listed(conn, number) if each.name == "Beschrieben")


def test_what_it_answers_is_what_it_describes(site: tuple[Flask, Config]) -> None:
    """Each GET without and with numbers, and errors: status, type and content as the description has them."""
    described = ask(site, "/openapi.json", with_key="").json
    newest = ask(site, "/letters?limit=1").json[0]["id"]
    part = ask(site, f"/letters/{newest}/attachments").json[0]
    numbers = {
        "letter_id": newest, "image_id": part["image"], "position": part["position"], "name": "media",
        "attachment_id": ask(site, "/media?limit=1").json[0]["id"], "search_id": search_of(site),
        "job_id": ask(site, "/exports", "POST", json={"format": "csv"}).json["id"],
    }
    for path, methods in described["paths"].items():
        if "get" not in methods:
            continue
        address = path.removeprefix("/api/v1").format(**numbers)
        needed = "q=ang" if path.endswith("/suggestions") else ""
        answers = [ask(site, f"{address}?{needed}"), ask(site, f"{address}?{needed}&colour=red")]
        for answer in answers:
            told = methods["get"]["responses"].get(str(answer.status_code), methods["get"]["responses"]["default"])
            if "$ref" in told:
                told = described["components"]["responses"][told["$ref"].rpartition("/")[2]]
            assert answer.content_type in told["content"], (path, answer.content_type, list(told["content"]))
            if answer.is_json:
                schema = {**told["content"][answer.content_type]["schema"], "components": described["components"]}
                openapi_schema_validator.validate(answer.json, schema)
        assert answers[0].status_code == (404 if path.endswith("{job_id}/file") else 200), path
        problem(answers[1], 422)
        assert answers[1].json["errors"] == {"query": {"colour": ["Unknown field."]}}, path


@pytest.mark.parametrize(("body", "word"), [
    (b'{"format": "csv", "q": "\\ud800"}', "surrogate"), (b"[" * 100_000, "Nested"),
    (b'{"format": "csv", "account": ' + b"1" * 5_000 + b"}", "digits"),
], ids=["half a character", "deep", "long number"])  # fmt: skip
def test_json_that_no_one_can_keep(site: tuple[Flask, Config], body: bytes, word: str) -> None:
    """Is told, and is no fault of ours."""
    answer = ask(site, "/exports", "POST", data=body, content_type="application/json")
    problem(answer, 422)
    assert word in str(answer.json["errors"])


def test_a_program_is_told_what_to_do(site: tuple[Flask, Config]) -> None:
    """Sentences for who writes it: where the addresses stand, which methods there are, how much is too much."""
    assert "/api/v1/openapi.json" in problem(ask(site, "/nowhere"), 404)
    assert problem(ask(site, "/me", "POST"), 405).endswith("GET, HEAD, OPTIONS")
    assert "2000 characters" in problem(ask(site, "/letters", query_string={"q": "a" * 3_000}), 422)
    assert "50 conditions" in problem(ask(site, "/letters", query_string={"q": "(from~equals~x)" * 60}), 422)
    answer = ask(site, "/letters?tab=bogus")
    assert "'bogus'" in problem(answer, 422) and "unread" in problem(answer, 422)
    answer = ask(site, "/letters?q=a&q=b")
    problem(answer, 422)
    assert "once" in answer.json["errors"]["query"]["q"][0]
    answer = ask(site, "/exports", "POST", data=b'{"format": "csv"}')
    problem(answer, 422)
    assert "Content-Type: application/json" in str(answer.json["errors"])


def test_too_many_questions(site: tuple[Flask, Config], monkeypatch: pytest.MonkeyPatch) -> None:
    """600 a minute with a key; then 429, as a problem, and only for this key."""
    limit = int(apiaccess.LIMIT_BY_KEY.split()[0])
    mine, client = key(site, "marks"), site[0].test_client()
    codes = [client.get("/api/v1/jobs", headers={"X-API-Key": mine}).status_code for _ in range(limit + 1)]
    assert codes == [403] * limit + [429]
    problem(ask(site, "/jobs", with_key=mine), 429)
    assert ask(site, "/jobs").status_code == 200


def test_keys_are_made_with_care(site: tuple[Flask, Config]) -> None:
    """A name, once; known scopes, at least one; not without end."""
    with database.connection(site[1], Role.WEB) as conn:
        number = users.user_number(conn, ADMIN)
        for name, scopes, word in (
            ("", ["letters"], "name"), ("x", [], "at least one"), ("x", ["everything"], "everything"),
        ):
            with pytest.raises(UsageError, match=word):
                apikeys.make(conn, number, name, scopes, by="test")
        apikeys.make(conn, number, "Zwilling", ["letters"], by="test")
        apikeys.make(conn, number, "Büro", ["letters"], by="test")
        for twin in ("zwilling", "Buro", "BÜRO"):
            with pytest.raises(UsageError, match="already"):
                apikeys.make(conn, number, twin, ["letters"], by="test")


def test_a_key_of_one_who_is_shut_out(site: tuple[Flask, Config]) -> None:
    """It can be seen and revoked meanwhile, and holds no more when he is let in again."""
    with database.connection(site[1], Role.WEB) as conn:
        number = users.user_number(conn, ANNA)
        made, place = apikeys.make(conn, number, "vergessen", ["letters"], by="test")
    with shut_out(site[1]):
        problem(ask(site, "/letters", with_key=made), 401)
        with database.connection(site[1], Role.WEB) as conn:
            for found in (apikeys.listed(conn, number), apikeys.listed(conn)):
                assert place in {each.id for each in found}
            assert apikeys.revoke(conn, number, place).name == "vergessen"
    problem(ask(site, "/letters", with_key=made), 401)
