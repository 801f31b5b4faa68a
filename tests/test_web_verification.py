"""The page of the checks: calm while all is well, plain words and a next step when not; for auditors and admins."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from accessible import assert_accessible
from browser import chromium, context, log_in, serving
from playwright.sync_api import Browser
from sqlalchemy import Engine
from web_archive import ADMIN, ADMIN_PASSWORD, ANNA, ANNA_PASSWORD, Filling, application, archive, firm_mail, ingest

from postbuch.archive import checkpoints, checkreport, database, users
from postbuch.archive.config import Config
from postbuch.archive.database import Role
from postbuch.archive.findings import Kind
from postbuch.archive.verification import Verification
from postbuch.webmail import verification
from provider.ports import free_port
from provider.tampering import Intruder

AUDITOR, AUDITOR_PASSWORD = "pruefer@kanzlei.example", "pruefer-Postbuch-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The archive, whoever tampers with it, the running pages and a browser."""

    config: Config
    engine: Engine
    intruder: Intruder
    base: str
    browser: Browser


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("v")
    with archive(folder / "data", f"127.0.0.1:{free_port()}") as config:
        filling = Filling()
        firm_mail(filling, datetime.now(UTC))
        ingest(config, filling.records[:40])
        with database.connection(config, Role.OWNER) as conn:
            users.create_user(conn, AUDITOR, role="auditor", password=AUDITOR_PASSWORD)
        engine = database.engine(config, Role.INGEST)
        checkpoints.make(config, engine)
        checkpoints.make(config, engine, rotate=True)
        Verification(config, engine).run(full=True)
        Verification(config, engine).run(full=False)
        intruder = Intruder(config, folder / "safe")
        intruder.keep()
        with serving(config, folder / "postbuch.toml") as base, chromium() as browser:
            yield Site(config=config, engine=engine, intruder=intruder, base=base, browser=browser)
        intruder.close()
        engine.dispose()


@pytest.fixture(autouse=True)
def untouched(site: Site) -> Iterator[None]:
    yield
    site.intruder.put_back()


def fetch(site: Site, login: str, password: str, language: str) -> tuple[int, str]:
    """The page as somebody gets it: status and text."""
    with application(site.config) as app:
        client = app.test_client()
        client.environ_base["HTTP_ACCEPT_LANGUAGE"] = language
        found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', client.get("/login").text)
        assert found
        client.post("/login", data={"csrf_token": found[1], "login": login, "password": password})
        answer = client.get("/verification")
    return answer.status_code, answer.text


def tamper(site: Site) -> None:
    """A changed fact, a removed one, a missing file, and a full check that finds them."""
    site.intruder.sql("UPDATE header_summary SET subject = 'x' WHERE image_id = 3")
    site.intruder.sql("DELETE FROM sighting WHERE id = 5")
    next(path for path in sorted((site.config.data / "objects").rglob("*")) if path.is_file()).unlink()
    assert Verification(site.config, site.engine).run(full=True).findings.count >= 3


def test_every_kind_has_words() -> None:
    """Whatever a check can find has a name and a next step on the page."""
    source = Path(verification.__file__).read_text(encoding="utf-8")
    assert [kind for kind in Kind if source.count(f"Kind.{kind.name}:") != 2] == []


@pytest.mark.parametrize(("language", "words"), [
    ("en", ("Yes. The last checks found nothing", "Next check", "what is new, and a sample", "as it was",
            "Key before")),
    ("de", ("Ja. Die letzten Prüfungen fanden nichts", "Nächste Prüfung", "was neu ist", "wie es war",
            "Schlüssel davor")),
])  # fmt: skip
def test_all_is_well(site: Site, language: str, words: tuple[str, ...]) -> None:
    """The last checks, when the next ones are, what is signed and by which keys; for the auditor as for the admin."""
    for login, password in ((ADMIN, ADMIN_PASSWORD), (AUDITOR, AUDITOR_PASSWORD)):
        status, text = fetch(site, login, password, language)
        assert status == 200
        for each in words:
            assert each in text, each
        assert "postbuch/" in text and "notice bad" not in text
    assert fetch(site, ANNA, ANNA_PASSWORD, language)[0] == 403


@pytest.mark.parametrize(("language", "words"), [
    ("en", ("No. Something in the archive", "What to do now", "Facts were changed",
            "What stands there now is not what was sealed", "An attachment is missing", "The row is gone")),
    ("de", ("Nein. Etwas im Archiv", "Was jetzt zu tun ist", "Angaben wurden geändert",
            "Was dort jetzt steht, ist nicht", "Ein Anhang fehlt", "Die Zeile ist weg")),
])  # fmt: skip
def test_something_is_wrong(site: Site, language: str, words: tuple[str, ...]) -> None:
    """Each finding by its place, in the reader's language, with what to do; nothing of the messages themselves."""
    tamper(site)
    text = fetch(site, AUDITOR, AUDITOR_PASSWORD, language)[1]
    for each in (*words, "image 3", "sighting 5", "/objects/"):
        assert each in text, each


def test_a_check_on_its_way_is_shown(site: Site) -> None:
    """How far it came, and since when."""
    folder = site.config.data / "verify"
    facts = {"size": 1500, "of": 6000, "count": 0, "started_at": "2026-11-23T10:00:00"}
    (folder / "full.json").write_text(json.dumps(facts))
    assert "1,500 of 6,000 leaves" in fetch(site, ADMIN, ADMIN_PASSWORD, "en")[1]
    (folder / "full.json").write_text("rubbish")
    assert fetch(site, ADMIN, ADMIN_PASSWORD, "en")[0] == 200


def test_what_counts_now(site: Site) -> None:
    """A full check takes the place of the small ones before it, and a small one after it stands beside it."""
    with site.engine.connect() as conn:
        assert set(checkreport.current(conn)) == {"full", "incremental"}
        assert [each.scope for each in checkreport.recent(conn)] == ["incremental", "full"]
    Verification(site.config, site.engine).run(full=True)
    with site.engine.connect() as conn:
        assert set(checkreport.current(conn)) == {"full"}


@pytest.mark.parametrize(("width", "theme", "language"), [
    (1280, "light", "de-DE"), (1280, "dark", "en-GB"), (390, "light", "en-GB"), (320, "dark", "de-DE"),
])  # fmt: skip
def test_everybody_can_read_it(site: Site, theme: Any, width: int, language: str) -> None:
    """axe finds nothing and a phone has room, when all is well and when it is not."""
    choices: dict[str, Any] = {
        "viewport": {"width": width, "height": 844}, "color_scheme": theme, "locale": language,
    }  # fmt: skip
    with context(site.browser, site.base, **choices) as (made, _):
        page = made.new_page()
        log_in(page, AUDITOR, AUDITOR_PASSWORD)
        for wrong in (False, True):
            if wrong:
                tamper(site)
            page.goto("/verification")
            assert page.locator(".notice.bad").count() == wrong
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert_accessible(page)
