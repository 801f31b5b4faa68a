"""Every page in real Chromium by finger, at 390 and 320 px, and where the system rules the colours."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser import chromium, context, log_in, serving
from playwright.sync_api import Browser, StorageState
from room import lacks_room
from web_archive import ADMIN, ADMIN_PASSWORD, Filling, archive, collected, firm_mail, ingest

from provider.ports import free_port

PAGES = (
    "/", "/?unread=1", "/?q=Rechnung", "/?q=xyzzyqq", "/topics", "/media", "/media?look=table", "/senders", "/searches",
    "/jobs", "/keys", "/links", "/audit", "/admin", "/completeness", "/verification",
)  # fmt: skip
VIEWS = ("", "/headers", "/source", "/evidence", "/topic")
# Words as German has them, and as programs make them, in every place that a sender or a provider fills.
WORD = "Donaudampfschifffahrtselektrizitaetenhauptbetriebswerkbauunterbeamtengesellschaft"
LONG = (
    f"From: {WORD} <{WORD[:50].lower()}@{WORD[:40].lower()}.{WORD[40:].lower()}.example>\r\nTo: anna@firma.example\r\n"
    f"Subject: {WORD}{WORD}\r\nMessage-ID: <lang@x>\r\nMIME-Version: 1.0\r\n"
    "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>Kurz</p>\r\n"
    f"--b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename={WORD}{WORD}.pdf\r\n\r\n"
    "%PDF-1.4\r\n--b--\r\n"
).encode()

# What would do away with what is ours in a letter, by whatever is strong in a style sheet.
HIDING = (
    b"From: lena@kunde.example\r\nTo: anna@firma.example\r\nSubject: AW: Versteckt\r\nMessage-ID: <versteckt@x>\r\n"
    b"Content-Type: text/html\r\n\r\n"
    b"<style>.a summary,#a span,details{display:none!important;visibility:hidden!important;"
    b"opacity:0!important;font-size:0!important;height:0!important;width:0!important;text-indent:-99px!important}</style>"
    b"<div id=a class=a><p>Danke <a href=https://evil.example>bank.example</a></p>"
    b"<i style='display:inline-block;margin-top:-90px;width:900px;height:90px;background:#fff;opacity:.99'></i>"
    b"<p>Von: Lena<br>Gesendet: 3.3.2026 12:00<br>An: Anna<br>Betreff: Quittung</p><p>Alles von vorher</p></div>\r\n"
)
# Footers of newsletters have such an address in a cell.
ADDRESS = (
    b"From: lena@kunde.example\r\nTo: anna@firma.example\r\nSubject: Abbestellen\r\nMessage-ID: <abbestellen@x>\r\n"
    b"Content-Type: text/html\r\n\r\n<table><tr><td>Seite</td><td>https://x.example/%s</td></tr></table>\r\n"
) % (b"a1B2" * 150)
_SIDEWAYS = "[...document.querySelectorAll('.scroll')].map(e => e.scrollWidth - e.clientWidth).filter(n => n > 0)"


class Site:
    """The address of the pages, the browser, and the state of one who is logged in."""

    def __init__(self, base: str, browser: Browser, state: StorageState) -> None:
        self.base = base
        self.browser = browser
        self.state = state


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The firm's mail, and an admin who may see every page; as no proxy runs, that of the system names long paths."""
    folder = tmp_path_factory.mktemp("room")
    filling = Filling()
    firm_mail(filling, datetime.now(UTC))
    filling.add(LONG, "anna@firma.example", mailbox=f"Projekte/{WORD[:60]}/{WORD[:60]}")
    filling.add(HIDING, "anna@firma.example")
    filling.add(ADDRESS, "anna@firma.example")
    with archive(folder / "data", f"127.0.0.1:{free_port()}") as config:
        ingest(config, filling.records)
        collected(config)
        with serving(config, folder / "postbuch.toml") as base, chromium() as browser:
            with context(browser, base) as (first, _):
                log_in(first.new_page(), ADMIN, ADMIN_PASSWORD)
                state = first.storage_state()
            yield Site(base, browser, state)


def telephone(site: Site, width: int) -> dict[str, Any]:
    """Of an admin who is logged in."""
    return {
        "viewport": {"width": width, "height": 800}, "has_touch": True, "is_mobile": True, "storage_state": site.state,
    }


@pytest.mark.parametrize("width", [390, 320])
@pytest.mark.parametrize("language", ["de", "en"])
def test_every_page_has_room_for_a_finger(site: Site, language: str, width: int) -> None:
    """Nothing is cut off or sticks out, each target has 44 px both ways, and what has the focus can be seen."""
    with context(site.browser, site.base, **telephone(site, width), locale=language) as (made, watch):
        page = made.new_page()
        page.goto("/?q=has:attachment")
        links = page.locator("#letters .row-link")
        letters = [str(links.nth(place).get_attribute("href")).partition("?")[0] for place in (0, 1)]
        page.goto("/media")
        files = [str(page.locator(".tile > a").nth(place).get_attribute("href")) for place in (0, 1)]
        found = {}
        for path in (*PAGES, *(letter + view for letter in letters for view in VIEWS), *files):
            page.goto(path)
            found[path] = lacks_room(page)
        watch.expect_failures(1)
        page.goto("/nothing-here")
        found["error"] = lacks_room(page)
        assert {path: told for path, told in found.items() if told} == {}


def test_a_long_word_hides_no_column(site: Site) -> None:
    """On a screen each table has all of its columns in view, whatever senders and their files are called."""
    choices: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}, "storage_state": site.state}
    with context(site.browser, site.base, **choices) as (made, _):
        page = made.new_page()
        for path in ("/senders", "/media?look=table"):
            page.goto(path)
            assert page.locator("#content table").get_by_text(WORD).first.is_visible()
            assert page.evaluate(_SIDEWAYS) == [], path
        page.goto("/?q=has:attachment")
        link = page.locator("#letters .row-link", has_text=WORD).first.get_attribute("href")
        page.goto(f"{str(link).partition('?')[0]}/evidence")
        assert page.evaluate(_SIDEWAYS) == []


def test_a_letter_does_not_hide_what_is_ours(site: Site) -> None:
    """The button of a quote, and where a link leads that names another place, are seen whatever its style says."""
    with context(site.browser, site.base, storage_state=site.state, locale="de-DE") as (made, _):
        page = made.new_page()
        page.goto("/?q=Versteckt")
        page.goto(str(page.locator("#letters .row-link").first.get_attribute("href")).partition("?")[0])
        page.wait_for_selector("iframe.body[style*=height]")
        said, sizes, is_above = page.evaluate("""() => {
            const inside = document.querySelector('iframe.body').contentDocument
            const mark = inside.querySelector('[data-leads]'), button = inside.querySelector('summary')
            button.click()
            const seen = (e) => e.checkVisibility({ opacityProperty: true, visibilityProperty: true })
            const size = (e) => Math.min(e.getBoundingClientRect().width, e.getBoundingClientRect().height)
            const place = mark.getBoundingClientRect()
            return [getComputedStyle(mark, '::before').content + mark.textContent,
                    [mark, button, button.parentElement.lastElementChild].map((e) => seen(e) ? size(e) : 0),
                    inside.elementFromPoint(place.x + place.width / 2, place.y + place.height / 2) === mark]
        }""")
        assert said == '"führt zu "evil.example'
        assert min(sizes) > 15, sizes
        assert is_above


def test_a_long_address_makes_no_letter_small(site: Site) -> None:
    """It breaks where it stands, and the words beside it do not."""
    with context(site.browser, site.base, **telephone(site, 390)) as (made, _):
        page = made.new_page()
        page.goto("/?q=Abbestellen")
        page.goto(str(page.locator("#letters .row-link").first.get_attribute("href")).partition("?")[0])
        page.wait_for_selector("iframe.body[style*=height]")
        zoom, wide, word = page.evaluate("""() => {
            const frame = document.querySelector('iframe.body'), inside = frame.contentDocument
            return [inside.body.style.zoom, inside.documentElement.scrollWidth - frame.clientWidth,
                    inside.querySelector('td').clientWidth]
        }""")
        assert zoom in ("", "1") and wide <= 0
        assert word > 30


def test_the_buttons_of_a_letter_stand_in_one_line(site: Site) -> None:
    """On a small telephone too, and in the dark, where there is one more of them; its heading has room above it."""
    with context(site.browser, site.base, **telephone(site, 360), color_scheme="dark", locale="de-DE") as (made, _):
        page = made.new_page()
        page.goto("/?q=has:attachment")
        high = "document.querySelector('{}').getBoundingClientRect().height"
        assert page.evaluate(high.format("h1")) >= page.evaluate(high.format(".list-tools .btn"))
        page.locator("#letters .row-link").first.click()
        page.wait_for_selector(".letter-bar .look button")
        # The bar is complete a moment after the letter: what is there in the end counts.
        page.wait_for_function("""() => {
            const all = [...document.querySelectorAll('.letter-bar :is(.icon-button, .look button)')]
            const tops = all.filter(e => e.checkVisibility()).map(e => Math.round(e.getBoundingClientRect().top))
            return tops.length > 6 && new Set(tops).size === 1
        }""", timeout=30_000)


@pytest.mark.parametrize("width", [390, 360, 320])
@pytest.mark.parametrize("language", ["de", "en"])
def test_what_is_chosen_has_room(site: Site, language: str, width: int) -> None:
    """How many letters are chosen, of a page and of a whole list, and what can be done with them."""
    with context(site.browser, site.base, **telephone(site, width), locale=language) as (made, _):
        page = made.new_page()
        page.goto("/")
        page.locator("#letters [name=letter]").first.check()
        assert lacks_room(page) == []
        page.check("#pick-all")
        page.click("[data-select-all]")
        assert lacks_room(page) == []


def test_a_phone_sorts_senders_and_attachments(site: Site) -> None:
    """What sorts a table stands above its cards, and a tap sorts."""
    choices: dict[str, Any] = {"viewport": {"width": 390, "height": 800}, "has_touch": True, "is_mobile": True}
    with context(site.browser, site.base, storage_state=site.state, **choices) as (made, _):
        page = made.new_page()
        for path, place in (("/senders", 4), ("/media?look=table", 4)):
            page.goto(path)
            page.tap(f"thead th:nth-child({place}) a")
            page.wait_for_url("**orderby=**")
            assert page.get_attribute(f"thead th:nth-child({place})", "aria-sort") == "descending"


def test_a_screen_reader_lists_each_place_once(site: Site) -> None:
    """No two landmarks of a page are of one kind and name."""
    with context(site.browser, site.base, storage_state=site.state) as (made, _):
        page = made.new_page()
        for path in ("/media?look=table", "/senders", "/audit", "/admin", "/completeness", "/verification"):
            page.goto(path)
            results = Axe().run(page, options={"runOnly": ["landmark-unique"], "iframes": False})
            assert [each["nodes"][0]["html"] for each in results.response["violations"]] == [], path


def test_where_the_system_rules_the_colours(site: Site) -> None:
    """With forced colours the mark of an unread letter, what was found and how an account stands can still be told."""
    ground = "(e, part) => getComputedStyle(e, part).backgroundColor"
    with context(site.browser, site.base, storage_state=site.state, forced_colors="active") as (made, _):
        page = made.new_page()
        page.goto("/?unread=1")
        canvas = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert page.locator(".unread .row-link").first.evaluate(ground, "::before") != canvas
        page.goto("/?q=Rechnung")
        assert page.locator("mark").first.evaluate(ground) != canvas
        page.goto("/completeness")
        shown = {page.locator(kind).first.evaluate(ground, "::before") for kind in (".state.bad", ".state:not(.bad)")}
        assert len(shown | {canvas}) == 3
