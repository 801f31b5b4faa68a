"""The interface for programs: messages and files octet for octet, in part or not again; exports."""

import hashlib
import json
from collections.abc import Iterator

import pytest
from api_site import LETTERS, PDF, Site, ask, events, filled, key, octets, problem
from test_web_pages import browser, log_in
from web_archive import ADMIN, ANNA, ANNA_PASSWORD

from postbuch.archive import database, jobs
from postbuch.archive.database import Role
from postbuch.archive.jobwork import Hand
from postbuch.webmail import handout
from postbuch.webmail.login import limiter


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with filled(tmp_path_factory.mktemp("api")) as made:
        yield made


@pytest.fixture(autouse=True)
def nobody_is_slowed() -> None:
    limiter.reset()


def test_one_letter_with_its_octets(site: Site) -> None:
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
]  # fmt: skip  # fmt: skip


def test_octets_in_part_or_not_again(site: Site) -> None:
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
            if status == 416:
                assert answer.headers["Content-Range"] == f"bytes */{size}"
            if status > 400:
                continue
            assert (answer.data, answer.headers["ETag"]) == (whole[share], etag), (path, asked)
            if status == 206:
                assert answer.headers["Content-Range"] == f"bytes {expected}/{size}"
            if status != 304:
                assert answer.headers["Accept-Ranges"] == "bytes"
                assert answer.content_length == (size if method == "HEAD" else len(whole[share]))


def test_octets_that_are_not_those_of_the_etag(site: Site) -> None:
    """Of a part that was decoded otherwise when it came: all of it, and nothing that a range could be added to."""
    with site[0].test_request_context("/", headers={"Range": "bytes=1-2"}):
        answer = handout.prepared(hashlib.sha256(b"before").hexdigest(), 6, "a.bin")
        assert answer.status_code == 206
        recorded: list[dict[str, str]] = []
        answer = handout.given(answer, lambda: b"otherwise", recorded.append)
    assert recorded == [{"given": "1-2"}, {}]  # nobody has more than is on record
    assert (answer.status_code, answer.data, answer.content_length) == (200, b"otherwise", 9)
    assert not {"ETag", "Content-Range", "Accept-Ranges"} & set(answer.headers.keys())


def test_a_file_of_the_list_and_a_topic(site: Site) -> None:
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


def test_an_export_from_the_order_to_the_file(site: Site) -> None:
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
    described = ask(site, "/openapi.json").json["paths"]["/api/v1/jobs/{job_id}/file"]["get"]["responses"]["200"]
    # What reads JSON as its type says finds no text there.
    assert described["content"]["application/json"]["schema"] == {}
    assert described["content"]["application/sql"]["schema"] == {"type": "string", "format": "binary"}
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


def test_messages_in_one_file_need_the_scope_for_messages(site: Site) -> None:
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
