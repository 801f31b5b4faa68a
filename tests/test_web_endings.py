"""What ends something: never by one click that cannot be taken back, without scripts and by keyboard alone."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from accessible import assert_accessible
from browser import chromium, context, log_in, serving
from playwright.sync_api import Browser, Page
from web_archive import ADMIN, ADMIN_PASSWORD, ANNA, Filling, application, archive, ingest, old

from postbuch.archive import database, jobs, linktemplates, users
from postbuch.archive.config import Config
from postbuch.archive.database import Role
from postbuch.archive.export_list import ask
from provider.ports import free_port

TEMPLATES = Path(__file__).resolve().parent.parent / "webmail" / "templates"
# The second click of each does it.
ASKED = {"apikeys.revoke", "outgoing.end", "jobs.cancel"}
# The page that follows offers to undo it.
UNDONE = {"saved.end", "mailbox.mark"}
# Nothing is lost: it makes something, or is chosen again just as easily.
HARMLESS = {
    "apikeys.make", "export_list.export", "listsettings.choose", "login.log_in", "login.log_out", "media.bundle",
    "outgoing.add", "saved.change", "saved.keep", "saved.restore", "settings.choose_language",
    "settings.choose_letters", "settings.choose_theme",
}
SIZES = {"desktop": {"width": 1280, "height": 800}, "phone": {"width": 320, "height": 640}}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Config]:
    """One letter, and an admin who may read it."""
    with archive(tmp_path_factory.mktemp("endings") / "data", f"127.0.0.1:{free_port()}") as config:
        filling = Filling()
        filling.add(b"From: a@x.example\r\nSubject: Angebot\r\n\r\nText\r\n", ANNA, at=old(3))
        ingest(config, filling.records)
        yield config


@pytest.fixture(scope="module")
def walked(house: Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Browser]]:
    with serving(house, tmp_path_factory.mktemp("served") / "postbuch.toml") as base, chromium() as made:
        yield base, made


def test_every_form_is_harmless_or_undone_or_asks(house: Config) -> None:
    """A new one has to say what it is; what asks is nowhere a button of its own."""
    with application(house) as app:
        posted = {
            rule.endpoint for rule in app.url_map.iter_rules()
            if "POST" in (rule.methods or ()) and not rule.rule.startswith("/api/")
        }
    assert posted == ASKED | UNDONE | HARMLESS
    text = "\n".join(path.read_text("utf-8") for path in sorted(TEMPLATES.glob("*.html")))
    for endpoint in ASKED:
        used = re.findall(rf"(\w+\(\s*)?url_for\(.{re.escape(endpoint)}.", text)
        assert [each.rstrip("( \n") for each in used] == ["second_click"], endpoint


@pytest.mark.parametrize("script", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_a_link_is_removed_by_the_second_click(
    walked: tuple[str, Browser], house: Config, size: str, script: bool
) -> None:
    """The first says what happens and does nothing, the second removes this link alone."""
    with database.connection(house, Role.WEB) as conn:
        for each in linktemplates.listed(conn):
            linktemplates.remove(conn, each.id)
        for name in ("bleibt", "geht"):
            linktemplates.add(conn, name, f"https://{name}.example/#EMAIL#", by="test")
    base, chrome = walked
    with context(chrome, base, viewport=SIZES[size], locale="de", java_script_enabled=script) as (made, _):
        page = made.new_page()
        log_in(page, ADMIN, ADMIN_PASSWORD)
        page.goto("/links")
        row = page.locator("li", has=page.get_by_text("geht", exact=True))
        second, says = row.get_by_role("button", name="Link geht entfernen"), row.get_by_text("nicht zurücknehmen")
        assert not second.is_visible() and not says.is_visible()
        row.locator("summary").press("Enter")
        says.wait_for()
        assert page.get_by_role("button", name="entfernen").count() == 1
        if script:
            _fits(page)
        second.press("Enter")
        page.get_by_text("Der Link ist entfernt.").wait_for()
        assert page.get_by_text("geht", exact=True).count() == 0
        assert page.get_by_text("bleibt", exact=True).count() == 1


@pytest.mark.parametrize("size", SIZES)
def test_an_export_is_cancelled_by_the_second_click(walked: tuple[str, Browser], house: Config, size: str) -> None:
    """What was opened stays open, with the focus, while the page asks every two seconds how far the export is."""
    number = _running(house)
    base, chrome = walked
    with context(chrome, base, viewport=SIZES[size], locale="de") as (made, _):
        page = made.new_page()
        log_in(page, ADMIN, ADMIN_PASSWORD)
        page.goto("/jobs")
        row = page.locator(f"#job-{number}")
        row.locator("summary").press("Enter")
        second = row.get_by_role("button", name="Briefe abbrechen")
        second.focus()
        with page.expect_response("**/jobs/part"):
            pass
        with database.connection(house, Role.WEB) as conn:
            assert jobs.beat(conn, number, "test", 7)
        row.get_by_text("7 von 60").wait_for()
        assert row.get_by_text("wird verworfen").is_visible()
        assert second.evaluate("each => each === document.activeElement")
        _fits(page)
        second.press("Enter")
        page.get_by_text("Der Export wurde abgebrochen.").wait_for()
        with database.connection(house, Role.WEB) as conn:
            assert jobs.get(conn, users.user_number(conn, ADMIN), number).cancel_asked
            jobs.ended(conn, number, "test", jobs.CANCELLED)


def _fits(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert_accessible(page)


def _running(config: Config) -> int:
    """An export of the admin's that somebody works on who is not the process that serves."""
    asked = ask("json", "letters", {}, (), str)
    with database.connection(config, Role.WEB) as conn:
        number = jobs.create(
            conn, users.user_number(conn, ADMIN), title="Briefe", parameters=asked.as_json(), steps=60,
            file_name="postbuch-letters.json", content_type=asked.content_type,
        )  # fmt: skip
        assert jobs.claim(conn, number, "test") is not None
    return number
