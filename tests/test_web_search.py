"""The search page in real Chromium: what was found is marked, values narrow it down, words are suggested."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from accessible import assert_accessible
from browser import chromium, context, log_in, serving
from indexed import follow
from playwright.sync_api import Browser, Page, expect
from web_archive import ADMIN, ADMIN_PASSWORD, Filling, archive, firm_mail, ingest, old

from postbuch.archive import database, index_store
from postbuch.archive.config import Config
from postbuch.archive.database import Role
from provider.ports import free_port

ATTACK = (
    b"From: x@spion.example\r\nTo: anna@firma.example\r\nSubject: <b>Muenchen</b> <script>alert(1)</script>\r\n"
    b"Message-ID: <angriff@x>\r\n\r\n<img src=x onerror=alert(1)> liegt in M\xc3\xbcnchen & <i>anderswo</i>\r\n"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The pages that run, and a browser that is logged in by `state`."""

    config: Config
    base: str
    browser: Browser
    state: Any

    @contextmanager
    def page(self, **choices: Any) -> Iterator[Page]:
        """A page whose browser must have nothing to complain of at the end."""
        with context(self.browser, self.base, storage_state=self.state, **choices) as (made, watch):
            yield made.new_page()
            watch.assert_clean()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The firm's mail and one that attacks, indexed."""
    folder = tmp_path_factory.mktemp("found")
    with archive(folder / "data", f"127.0.0.1:{free_port()}") as config:
        filling = Filling()
        firm_mail(filling, datetime.now(UTC))
        filling.add(ATTACK, "anna@firma.example", at=old(1))
        for word, step, times in (("Monatsheft", 30, 20), ("Jahrbuch", 365, 24)):
            for number in range(times):
                octets = ATTACK.replace(b"angriff", f"{word}{number}".encode()).replace(b"Muenchen", word.encode())
                octets = octets.replace(b"M\xc3\xbcnchen", b"Berlin")
                filling.add(octets, "anna@firma.example", at=old(3 + step * number))
        ingest(config, filling.records)
        with database.pool(config, Role.INGEST) as engine:
            follow(config, engine)
        with serving(config, folder / "postbuch.toml") as base, chromium() as browser:
            with context(browser, base) as (first, _watch):
                log_in(first.new_page(), ADMIN, ADMIN_PASSWORD)
                state = first.storage_state()
            yield Site(config=config, base=base, browser=browser, state=state)


def test_marks_hold_no_markup(site: Site) -> None:
    """The words stand marked, in whatever spelling; what a mail has of HTML stays text."""
    with site.page(locale="en-GB") as page:
        page.goto("/?q=münchen from:spion")
        expect(page.locator("#letters mark")).to_have_text(["Muenchen", "München"])
        expect(page.locator(".subject")).to_have_text("<b>Muenchen</b> <script>alert(1)</script>")
        assert page.locator("#letters img, #letters b, #letters i").count() == 0
        expect(page.locator(".found")).to_have_text("1 letter found")


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 390)])
def test_narrowing_down(site: Site, theme: Any, width: int) -> None:
    """A value leads to as many letters as stand beside it; the page holds for everybody."""
    with site.page(locale="en-GB", color_scheme=theme, viewport={"width": width, "height": 900}) as page:
        page.goto("/?q=Rechnung OR Angebot")
        for title in ("Account", "Mailbox", "Sender", "Month"):
            value = page.locator("aside section", has=page.locator("h3", has_text=title)).locator("a").first
            expect(value).to_be_visible()
            count = value.locator(".count").inner_text().split()[-1]
            page.goto(str(value.get_attribute("href")))
            assert page.locator(".found").inner_text().startswith(f"{count} letter")
            page.go_back(wait_until="load")
            expect(value).to_be_visible()
        longest = page.locator("aside .times .bar rect").evaluate_all("all => all.map(each => each.getBBox().width)")
        counts = page.locator("aside .times a .count").evaluate_all("all => all.map(each => +each.lastChild.data)")
        assert len(counts) > 2 and longest.index(max(longest)) == counts.index(max(counts))
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert_accessible(page)


@pytest.mark.parametrize(("language", "theme", "width", "word"), [
    ("de-DE", "light", 1280, "Monatsheft"), ("en-GB", "dark", 390, "Monatsheft"), ("de-DE", "dark", 390, "Jahrbuch"),
    ("en-GB", "light", 390, "Jahrbuch"),
])  # fmt: skip
def test_a_long_time_stands_in_folds(site: Site, language: str, theme: Any, width: int, word: str) -> None:
    """Years with their months, decades with their years: the newest open, the others by the keyboard, with numbers."""
    with site.page(locale=language, color_scheme=theme, viewport={"width": width, "height": 900}) as page:
        page.goto(f"/?q={word}")
        folds = page.locator("aside .times details")
        expect(folds.first).to_have_attribute("open", "")
        counts = [int(each.split()[-1]) for each in folds.locator("summary .count").all_inner_texts()]
        assert sum(counts) == (24 if word == "Jahrbuch" else 20)
        assert len(counts) > 1 and page.locator("aside .times details[open]").count() == 1
        name = folds.last.locator("summary bdi").inner_text()
        assert re.fullmatch(r"\d{3}0 – \d{3}9" if word == "Jahrbuch" else r"\d{4}", name)
        folds.last.locator("summary").focus()
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        value = folds.last.locator("a").first
        expect(value).to_be_focused()
        assert sum(int(each.split()[-1]) for each in folds.last.locator("a .count").all_inner_texts()) == counts[-1]
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert_accessible(page)
        count = value.locator(".count").inner_text().split()[-1]
        page.keyboard.press("Enter")
        page.wait_for_url("**after:**")
        assert page.locator(".found").inner_text().startswith(f"{count} ")


def test_the_pages_of_a_search(site: Site) -> None:
    """All that was found, page by page; what the head says is as many."""
    with site.page(locale="en-GB") as page:
        page.goto("/?q=Rechnung OR Angebot OR firma&pagesize=7")
        seen: list[str] = []
        while True:
            seen += [str(each.get_attribute("id")) for each in page.locator("#letters .row").all()]
            following = page.locator(".list-tools a[rel=next]")
            if not following.count():
                break
            page.goto(str(following.get_attribute("href")))
        assert len(seen) == len(set(seen)) > 14
        assert page.locator(".found").inner_text() == f"{len(seen)} letters found"


def test_suggestions_come_while_typing(site: Site) -> None:
    """By the keyboard alone; what is chosen is searched. Escape, and what was sent, close the list."""
    with site.page(locale="en-GB") as page:
        page.goto("/")
        box, shown = page.get_by_role("combobox", name="Search letters"), page.get_by_role("listbox")
        page.keyboard.press("/")
        expect(box).to_have_attribute("aria-expanded", "false")
        page.keyboard.type("from:ann", delay=20)
        expect(shown.get_by_role("option").first).to_have_text("from:anna@firma.example")
        expect(box).to_have_attribute("aria-expanded", "true")
        page.keyboard.press("ArrowDown")
        expect(box).to_have_attribute("aria-activedescendant", "suggestion-1")
        expect(shown.get_by_role("option", selected=True)).to_have_text("from:anna@firma.example")
        assert_accessible(page)
        page.keyboard.press("ArrowUp")
        expect(shown.get_by_role("option", selected=True)).to_have_count(0)
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        expect(box).to_have_value("from:anna@firma.example")
        expect(shown).to_be_hidden()
        page.keyboard.press("Enter")
        page.wait_for_url("**/?q=from*anna*")
        page.fill("#search", "Rechn")
        expect(shown.get_by_role("option").first).to_have_text("rechnung")
        page.keyboard.press("Escape")
        expect(shown).to_be_hidden()
        expect(box).to_have_value("Rechn")


def test_a_mailbox_is_suggested_by_the_name_that_was_typed(site: Site) -> None:
    """Though the suggestion does not hold it, by touch on a phone; the list stands within the page."""
    with site.page(locale="en-GB", has_touch=True, is_mobile=True, viewport={"width": 390, "height": 800}) as page:
        page.goto("/")
        page.tap("#search")
        page.keyboard.type("mailbox:gesend", delay=20)
        option = page.get_by_role("option", name="mailbox:Sent", exact=True)
        expect(option).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        option.tap()
        expect(page.locator("#search")).to_have_value("mailbox:Sent")
        expect(page.locator("#suggestions")).to_be_hidden()


def test_the_page_says_when_there_is_no_index(site: Site) -> None:
    """The search answers all the same."""
    read = index_store.current(site.config.data)
    assert read is not None
    pointer = index_store.folder(site.config.data) / index_store.CURRENT
    pointer.unlink()
    with site.page(locale="de-DE") as page:
        page.goto("/?q=Rechnung")
        expect(page.locator(".notice")).to_contain_text("Die Suche wird vorbereitet")
        assert page.locator("#letters .row").count() > 0
        index_store.make_current(site.config.data, read)
        page.reload()
        assert page.locator(".notice").count() == 0


def test_the_page_says_how_far_the_index_lags(site: Site) -> None:
    """A letter that came just now; found as soon as the indexer has seen it."""
    filling = Filling()
    filling.add(ATTACK.replace(b"angriff@x", b"spaet@x").replace(b"alert", b"spaeter"), "anna@firma.example")
    ingest(site.config, filling.records)
    with site.page(locale="de-DE") as page:
        page.goto("/?q=spaeter")
        expect(page.locator(".notice")).to_contain_text("Der neueste Brief ist noch nicht auffindbar")
        with database.pool(site.config, Role.INGEST) as engine:
            follow(site.config, engine)
        page.reload()
        assert page.locator(".notice").count() == 0
        expect(page.locator(".found")).to_have_text("1 Brief gefunden")


@pytest.mark.parametrize(("language", "theme", "width"), [
    ("de-DE", "light", 1280), ("en-GB", "dark", 1280), ("de-DE", "dark", 390), ("en-GB", "light", 390),
])  # fmt: skip
def test_screenshots(site: Site, tmp_path: Any, language: str, theme: Any, width: int) -> None:
    """For people to look at; the browser must have nothing to say to them."""
    with site.page(locale=language, color_scheme=theme, viewport={"width": width, "height": 900}) as page:
        page.goto("/?q=Rechnung OR Angebot OR Termin")
        page.screenshot(path=tmp_path / f"search-{language}-{theme}-{width}.png", full_page=True)
