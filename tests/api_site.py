"""The interface for programs, for tests of it: an archive behind its pages, keys, questions and what is on record."""

import contextlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import select, update
from web_archive import ANNA, Filling, application, archive, ingest, old

from postbuch.archive import apikeys, database, users
from postbuch.archive.apikeys import SCOPES
from postbuch.archive.config import Config
from postbuch.archive.database import Role
from postbuch.archive.schema import app_user, audit_event

Site = tuple[Flask, Config]

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


@contextlib.contextmanager
def filled(folder: Path, *more: tuple[bytes, datetime]) -> Iterator[Site]:
    """Five letters for Anna, one for Lena that Anna may not read; and more for Anna, archived last."""
    with archive(folder, "127.0.0.1:1") as config:
        filling = Filling()
        for number in range(LETTERS):
            filling.add(octets(number), ANNA, at=old(LETTERS - number))
        filling.add(octets(77).replace(b"Angebot", b"Geheim"), LENA)
        for each, at in more:
            filling.add(each, ANNA, at=at)
        ingest(config, filling.records)
        with database.connection(config, Role.OWNER) as conn:
            users.grant(conn, ANNA, ANNA, by="test")
        with application(config) as app:
            yield app, config


_KEYS: dict[Any, str] = {}


def key(site: Site, *scopes: str, login: str = ANNA) -> str:
    wanted = (site[1].data, login, scopes)
    if wanted not in _KEYS:
        with database.connection(site[1], Role.WEB) as conn:
            number = users.user_number(conn, login)
            _KEYS[wanted], _ = apikeys.make(conn, number, f"Test {scopes}", scopes or list(SCOPES), by="test")
    return _KEYS[wanted]


def ask(
    site: Site, path: str, method: str = "GET", *, with_key: str | None = None, **other: Any
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


def events(site: Site) -> list[Any]:
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
