"""A form that is sent after the session has ended: what was typed is there behind the log-in, and nothing was done."""

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from test_web_pages import browser, log_in, token
from web_archive import application, archive

from postbuch.archive import database
from postbuch.archive.audit import now
from postbuch.archive.config import Config
from postbuch.archive.database import Role
from postbuch.archive.schema import api_key, link_template, web_session

Site = tuple[Flask, Config]
TEMPLATE = "https://crm.example/?q=(Email~contains~#EMAIL#)&a=ä+%20"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder: Path = tmp_path_factory.mktemp("undone")
    with archive(folder / "data", "127.0.0.1:1") as config, application(config) as app:
        yield app, config


@pytest.fixture(params=["by the clock", "in another window"])
def sent(site: Site, request: pytest.FixtureRequest) -> Any:
    """Sends a form whose page was opened before the session ended; gives the answer, and the browser."""
    def send(path: str, data: dict[str, Any], page: str) -> tuple[Any, FlaskClient]:
        client = browser(site)
        log_in(client)
        data["csrf_token"] = token(client, page)
        if request.param == "by the clock":
            with database.connection(site[1], Role.WEB) as conn:
                conn.execute(update(web_session).values(until=now()))
        else:
            client.post("/logout", data={"csrf_token": data["csrf_token"]})
        answer = client.post(path, data=data, headers={"Referer": f"http://localhost{page}"})
        assert answer.status_code == 302
        return answer, client

    return send


def after(answer: Any, client: FlaskClient) -> str:
    """Says why at the log-in; gives the address that comes behind it."""
    assert "nothing was done" in client.get(answer.location).text
    where = log_in(client, target=parse_qs(urlsplit(answer.location).query)["next"][0]).location
    assert urlsplit(where).netloc == ""
    return str(where)


@pytest.mark.parametrize(("path", "typed", "table"), [
    ("/links", {"template": TEMPLATE}, link_template), ("/keys", {"scope": ["marks", "exports"]}, api_key),
])
def test_what_was_typed_comes_back(
    site: Site, sent: Any, path: str, typed: dict[str, Any], table: Any, request: pytest.FixtureRequest
) -> None:
    """In the form, which is not sent by that; and can be sent."""
    typed = {"name": f"Büro <b>& {request.node.callspec.id}", **typed}

    def made() -> int:
        with database.connection(site[1], Role.WEB) as conn:
            return len(conn.execute(select(table).where(table.c.name == typed["name"])).all())

    answer, client = sent(path, dict(typed), path)
    page = client.get(after(answer, client)).text
    values = [unescape(each) for each in re.findall(r'value="([^"]*)"', page)]
    assert typed["name"] in values and typed.get("template", typed["name"]) in values
    assert re.findall(r'value="(\w+)"[^>]* checked', page) == typed.get("scope", [])
    assert made() == 0
    client.post(path, data={**typed, "csrf_token": token(client, path)})
    assert made() == 1


def test_a_form_of_another_page(sent: Any) -> None:
    """One gets back to that page, with its search; never to another host."""
    answer, client = sent("/marks", {"letter": "1"}, "/?q=Angebot")
    assert after(answer, client) == "/?q=Angebot"


def test_too_much_is_not_carried(sent: Any) -> None:
    """An address has an end: the form is empty then."""
    answer, client = sent("/links", {"name": "x", "template": "https://x.example/" + "ä" * 3_000}, "/links")
    assert after(answer, client) == "/links"
