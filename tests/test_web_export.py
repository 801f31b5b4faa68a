"""Messages out of the browser: what a search found, within the rights, with digests, on record before an octet."""

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from role_probes import token
from sqlalchemy import select
from test_web_pages import browser, log_in
from web_archive import ANNA, ANNA_PASSWORD, NOBODY, NOBODY_PASSWORD, Filling, application, archive, ingest

from postbuch.archive import database, users
from postbuch.archive.config import Config
from postbuch.archive.database import Role
from postbuch.archive.schema import audit_event

LENA = "lena@firma.example"
MINE = b"From: a@x.example\r\nTo: anna@firma.example\r\nSubject: Preisliste\r\n\r\nfuer Anna\r\n"
HERS = b"From: a@x.example\r\nTo: lena@firma.example\r\nSubject: Preisliste geheim\r\n\r\nfuer Lena\r\n"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Flask, Config]]:
    """One letter for Anna, one for Lena; Anna may read her own account."""
    with archive(tmp_path_factory.mktemp("export"), "127.0.0.1:1") as config:
        filling = Filling()
        filling.add(MINE, ANNA, flags=["\\Seen"])
        filling.add(MINE, LENA, mailbox="Lenas Ordner")
        filling.add(HERS, LENA)
        ingest(config, filling.records)
        with database.connection(config, Role.OWNER) as conn:
            users.grant(conn, ANNA, ANNA, by="test")
        with application(config) as app:
            yield app, config


def last_event(site: tuple[Flask, Config]) -> Any:
    with database.connection(site[1], Role.WEB) as conn:
        return conn.execute(select(audit_event).order_by(audit_event.c.id.desc()).limit(1)).one()


def export(site: tuple[Flask, Config], login: str, password: str, query: str) -> Any:
    client = browser(site)
    log_in(client, login, password)
    return ordered(client, query)


def ordered(client: FlaskClient, query: str) -> Any:
    data = {"csrf_token": token(client), "view": "letters", "format": "zip", "q": query}
    return client.post("/export", data=data)


def test_what_was_found_and_may_be_read(site: tuple[Flask, Config]) -> None:
    """Invariant 9: Anna gets her copy with its digest and hears of no other account; it is on record."""
    answer = export(site, ANNA, ANNA_PASSWORD, "Preisliste")
    assert answer.status_code == 200 and answer.headers["Content-Type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.data)) as packed:
        told = json.loads(packed.read("manifest.json"))
        [entry] = told["messages"]
        assert hashlib.sha256(packed.read(entry["file"])).hexdigest() == entry["sha256"]
    assert (entry["account"], entry["mailbox"], entry["flags"]) == (ANNA, "INBOX", ["\\Seen"])
    assert entry["sha256"] == hashlib.sha256(MINE).hexdigest() and told["made_by"] == ANNA
    assert b"lena" not in answer.data.lower() and b"geheim" not in answer.data
    event = last_event(site)
    assert (event.actor, event.action) == (ANNA, "export") and json.loads(event.after_value)["count"] == 1


def test_who_may_read_nothing_gets_nothing(site: tuple[Flask, Config]) -> None:
    """Neither letters nor a hint that there are some; a stranger is asked to log in."""
    answer = export(site, NOBODY, NOBODY_PASSWORD, "Preisliste")
    with zipfile.ZipFile(io.BytesIO(answer.data)) as packed:
        assert json.loads(packed.read("manifest.json"))["messages"] == []
    assert ordered(browser(site), "x").location.startswith("/login")
