"""The interface for programs: its description, keys and their scopes, errors, limits."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import openapi_schema_validator
import pytest
from api_site import Site, ask, events, filled, key, problem, shut_out
from openapi_spec_validator import validate
from sqlalchemy import select
from test_web_pages import browser, log_in
from web_archive import ADMIN, ANNA, ANNA_PASSWORD

from postbuch.archive import apikeys, database, savedsearches, users
from postbuch.archive.apikeys import SCOPES
from postbuch.archive.database import Role
from postbuch.archive.errors import UsageError
from postbuch.archive.schema import api_key, audit_event
from postbuch.webmail import apiaccess
from postbuch.webmail.login import limiter


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with filled(tmp_path_factory.mktemp("api")) as made:
        yield made


@pytest.fixture(autouse=True)
def nobody_is_slowed() -> None:
    limiter.reset()


def test_it_describes_itself(site: Site) -> None:
    """OpenAPI 3.1, valid, every address in it, nothing from elsewhere; without a key."""
    found = ask(site, "/openapi.json", with_key="").json
    validate(found)
    assert found["openapi"] == "3.1.0"
    rules = {rule.rule for rule in site[0].url_map.iter_rules() if rule.rule.startswith("/api/v1/")}
    assert len(found["paths"]) == len(rules) - 1  # that of the description itself
    assert "://" not in json.dumps(found["paths"]) and "servers" not in found


def test_each_operation_has_a_name_of_its_own(site: Site) -> None:
    """Programs that are made of the description call it so."""
    paths = ask(site, "/openapi.json", with_key="").json["paths"].values()
    names = [each.get("operationId", "") for methods in paths for each in methods.values() if isinstance(each, dict)]
    assert len(names) == len(set(names)) > 15 and all(name.isalpha() and name[0].islower() for name in names)


def test_me_by_either_header(site: Site) -> None:
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


def test_who_has_no_good_key_gets_nothing(site: Site) -> None:
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
    made = key(site)
    with shut_out(site[1]):
        problem(ask(site, "/letters", with_key=made), 401)


NEEDS = [
    ("/letters", "GET", "letters"), ("/letters/1", "GET", "letters"), ("/letters/1/attachments", "GET", "letters"),
    ("/letters/count/months", "GET", "letters"),
    ("/letters/1/topic", "GET", "letters"), ("/media/1", "GET", "letters"), ("/media/1/file", "GET", "content"),
    ("/topics", "GET", "letters"), ("/views", "GET", "letters"), ("/letters/1/message", "GET", "content"),
    ("/letters/1/attachments/1/1", "GET", "content"), ("/letters/1/mark", "PUT", "marks"), ("/jobs", "GET", "exports"),
    ("/searches", "GET", "letters"), ("/searches/1/letters", "GET", "letters"), ("/suggestions", "GET", "letters"),
    ("/exports", "POST", "exports"), ("/jobs/1", "DELETE", "exports"), ("/jobs/1/file", "GET", "exports"),
]


@pytest.mark.parametrize(("path", "method", "scope"), NEEDS)
def test_a_scope_is_needed(site: Site, path: str, method: str, scope: str) -> None:
    """With every scope but this one it is refused, whatever is asked for."""
    others = tuple(each for each in SCOPES if each != scope)
    assert f"'{scope}'" in problem(ask(site, path, method, with_key=key(site, *others)), 403)
    event = events(site)[-1]
    assert (event.actor, event.action) == (ANNA, "refused") and event.target.startswith("page /api/v1/")
    assert json.loads(event.after_value)["scope"] == scope


def search_of(site: Site) -> int:
    """The number of a search that Anna keeps."""
    with database.connection(site[1], Role.WEB) as conn:
        number = users.user_number(conn, ANNA)
        savedsearches.keep(conn, number, "Beschrieben", "q=Angebot", in_sidebar=True)
        return next(each.id for each in savedsearches.listed(conn, number) if each.name == "Beschrieben")


def test_what_it_answers_is_what_it_describes(site: Site) -> None:
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
def test_json_that_no_one_can_keep(site: Site, body: bytes, word: str) -> None:
    """Is told, and is no fault of ours."""
    answer = ask(site, "/exports", "POST", data=body, content_type="application/json")
    problem(answer, 422)
    assert word in str(answer.json["errors"])


@pytest.mark.parametrize("body", [
    {"semicolon": 0}, {"byte_order_mark": "yes"}, {"account": 5.7}, {"account": True}, {"mailbox": "1"},
], ids=str)  # fmt: skip
def test_json_of_another_type(site: Site, body: dict[str, object]) -> None:
    """What the description calls a boolean or an integer is taken as nothing else."""
    answer = ask(site, "/exports", "POST", json={"format": "csv", **body})
    problem(answer, 422)
    assert answer.json["errors"]["json"].keys() == body.keys()
    assert ask(site, "/exports", "POST", json={"format": "csv", "account": 1.0, "semicolon": True}).status_code == 202


@pytest.mark.parametrize("read", [0, 1, "off", "true", "1"])
def test_a_mark_is_true_or_false(site: Site, read: object) -> None:
    """Nothing that only resembles it."""
    newest = ask(site, "/letters?limit=1").json[0]["id"]
    problem(ask(site, f"/letters/{newest}/mark", "PUT", json={"read": read}), 422)


def test_a_program_is_told_what_to_do(site: Site) -> None:
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
    large = ask(site, "/exports", "POST", data=b'{"q": "%b"}' % (b"x" * 300_000), content_type="application/json")
    assert "262144 octets" in problem(large, 413)
    answer = ask(site, "/exports", "POST", data=b'{"format": "csv"}')
    problem(answer, 422)
    assert "Content-Type: application/json" in str(answer.json["errors"])


def test_too_many_questions(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """600 a minute with a key; then 429, as a problem, and only for this key."""
    limit = int(apiaccess.LIMIT_BY_KEY.split()[0])
    mine, client = key(site, "marks"), site[0].test_client()
    codes = [client.get("/api/v1/jobs", headers={"X-API-Key": mine}).status_code for _ in range(limit + 1)]
    assert codes == [403] * limit + [429]
    problem(ask(site, "/jobs", with_key=mine), 429)
    assert ask(site, "/jobs").status_code == 200


def test_keys_are_made_with_care(site: Site) -> None:
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


def test_a_key_of_one_who_is_shut_out(site: Site) -> None:
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


def test_a_refused_key_is_on_record(site: Site) -> None:
    """From where, and whose it was; not the key, not who shows none, and from one address no more than log-ins."""
    before = len(refused(site))
    with database.connection(site[1], Role.WEB) as conn:
        number = users.user_number(conn, ANNA)
        ended, place = apikeys.make(conn, number, "beendet", ["letters"], by="test")
        apikeys.revoke(conn, number, place)
    secret = "pb_geheim-und-falsch"
    for each in (secret, ended, "", "x" * 5_000):
        assert ask(site, "/letters", with_key=each).status_code == 401
    found = refused(site)[before:]
    assert [(row.actor, row.origin, row.target) for row in found] == [
        (who, "127.0.0.1", "page /api/v1/letters") for who in ("", ANNA, "")
    ]
    assert json.loads(found[1].after_value)["key"] == place
    written = " ".join(map(str, found))
    assert secret not in written and ended not in written and "xxx" not in written
    for path in ("/letters", "/me", "/jobs"):
        for _ in range(20):
            assert ask(site, path, with_key=secret).status_code == 401
    assert len(refused(site)) - before == 10


def refused(site: Site) -> list[Any]:
    """The events of keys that were refused."""
    with database.connection(site[1], Role.WEB) as conn:
        query = select(audit_event).where(audit_event.c.action == "key-refused").order_by(audit_event.c.id)
        return list(conn.execute(query))
