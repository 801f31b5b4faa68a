"""The archive whose lists are asked for by HTTP, and what its tests do again and again."""

import contextlib
import html
import re
from collections.abc import Iterator
from pathlib import Path

from flask import Flask
from flask.testing import FlaskClient
from web_archive import ANNA, ANNA_PASSWORD, Filling, application, archive, ingest, old

from postbuch.archive import database, users
from postbuch.archive.config import Config
from postbuch.archive.database import Role
from postbuch.webmail.login import limiter

AUDITOR, AUDITOR_PASSWORD = "pruefer@firma.example", "pruefer-Postbuch-1"
LINK = "/intexmail/mail_messages_list.php?q=%28from_email~equals~test%40test.de%29&tab=read&orderby=dmaildate"
# Header lines and the first of the two bodies of a message with a file; `octets` adds what follows.
WITH_FILE = (
    "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: application/x-y; name=a.bin\r\n"
    "Content-Disposition: attachment; filename=a.bin\r\n\r\nx\r\n--b\r\n"
)
RAW = "/intexmail/mail_messages_list.php?q=(from_email~equals~test@test.de)&tab=read&orderby=dmaildate"


def octets(number: int, sender: str, subject: str, extra: str = "") -> bytes:
    """A plain message."""
    return (
        f"From: {sender}\r\nTo: anna@firma.example\r\nSubject: {subject}\r\nMessage-ID: <w{number}@x>\r\n{extra}\r\n"
        f"Text {number}\r\n"
    ).encode()


@contextlib.contextmanager
def filled(folder: Path) -> Iterator[tuple[Flask, Config]]:
    """Three letters of test@test.de, two of them read; one that only looks alike; a hundred others; a topic."""
    with archive(folder / "data", "127.0.0.1:1") as config:
        filling = Filling()
        for number, (subject, seen) in enumerate((("Erstens", True), ("Zweitens", False), ("Drittens", True))):
            filling.add(octets(number, "Test Er <test@test.de>", subject), ANNA, at=old(20 - number),
                        flags=["\\Seen"] if seen else [])  # fmt: skip
        filling.add(octets(9, "mytest@test.de", "Aehnlich"), ANNA, at=old(9), flags=["\\Seen"])
        filling.add(octets(10, "rat@y.example", "Re: Erstens", "References: <w0@x>\r\n"), ANNA, at=old(8))
        for number in range(100, 200):
            filling.add(octets(number, "viele@y.example", f"Nummer {number}"), ANNA, at=old(30 + number))
        filling.add(octets(300, "fremd@y.example", "Fremder"), "lena@firma.example", at=old(1))
        filling.add(octets(301, "kaputt", "Ohne Adresse", WITH_FILE), "lena@firma.example", at=old(300))
        ingest(config, filling.records)
        with database.connection(config, Role.OWNER) as conn:
            users.grant(conn, ANNA, ANNA, by="test")
            users.create_user(conn, AUDITOR, role="auditor", password=AUDITOR_PASSWORD)
        with application(config) as app:
            yield app, config


def token(client: FlaskClient, path: str = "/login") -> str:
    """The CSRF token of a page."""
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', client.get(path).text)
    assert found
    return found[1]


def enter(site: tuple[Flask, Config], login: str = ANNA, password: str = ANNA_PASSWORD) -> FlaskClient:
    """A browser that speaks English and is logged in."""
    limiter.reset()
    client = site[0].test_client()
    client.environ_base["HTTP_ACCEPT_LANGUAGE"] = "en"
    answer = client.post("/login", data={"csrf_token": token(client), "login": login, "password": password})
    assert answer.status_code == 302
    return client


def subjects(page: str) -> list[str]:
    """Those of the letters or topics of a list, in their order."""
    return [html.unescape(found) for found in re.findall(r'<bdi class="subject">([^<]*)</bdi>', page)]


def chips(page: str) -> list[tuple[str, str]]:
    """Text and address of each chip."""
    found = re.findall(r'filter-chip[^"]*">.*?<bdi>(.*?)</bdi><a href="([^"]*)"', page, re.DOTALL)
    return [(html.unescape(text), html.unescape(href)) for text, href in found]
