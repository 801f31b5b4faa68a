"""The pages in real Chromium: hostile mail does nothing, nobody is shut out, and what people do works.

Each test ends by holding the browser to it: no violation of the policy, no foreign request, no error, no dialog.
"""

import statistics
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from accessible import assert_accessible
from browser import Watch, chromium, context, log_in, serving
from playwright.sync_api import Browser, BrowserContext, Page
from sqlalchemy import select
from web_archive import ADMIN, ADMIN_PASSWORD, Filling, archive, collected, firm_mail, ingest, old

from postbuch.archive import database
from postbuch.archive.config import Config
from postbuch.archive.database import Role
from postbuch.archive.schema import letter_image, sighting
from provider.corpus import corpus_folder
from provider.ports import free_port, wait_until

HOSTILE = "hostile@firma.example"
# What a reader waits for a page at most on a machine that shows an ordinary letter in ORDINARY_S; on one that is
# slower or busy, all pages are slower alike, so the worst letter is held against an ordinary one of the same minute.
MAX_PAGE_S = 2.0
ORDINARY_S = 0.2
TRIES = 3
FRAMES = 20
LIVE = (
    b"From: bote@kunde.example\r\nTo: anna@firma.example\r\nSubject: Eilig %d\r\n"
    b"Message-ID: <eilig%d@kunde.example>\r\n"
    b"\r\nBitte melden.\r\n"
)
HTML_BOMB = (
    b"From: bombe@spion.example\r\nTo: anna@firma.example\r\nSubject: Bombe\r\nMessage-ID: <bombe@x>\r\n"
    b"MIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n"
)


class Site:
    """The archive, the running pages, and the letters of the hostile messages by the name of their file."""

    def __init__(self, config: Config, base: str, browser: Browser, letters: dict[str, tuple[int, int]]) -> None:
        self.config = config
        self.base = base
        self.browser = browser
        self.letters = letters
        self.state: Any = None


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The firm's mail and the hostile corpus in a real archive, the webmail process, Chromium, a log-in."""
    folder = tmp_path_factory.mktemp("site")
    listen = f"127.0.0.1:{free_port()}"
    with archive(folder / "data", listen) as config:
        letters = _fill(config)
        with serving(config, folder / "postbuch.toml") as base, chromium() as browser:
            made = Site(config, base, browser, letters)
            with context(browser, base) as (first, _watch):
                log_in(first.new_page(), ADMIN, ADMIN_PASSWORD)
                made.state = first.storage_state()
            yield made


def _fill(config: Config) -> dict[str, tuple[int, int]]:
    filling = Filling()
    firm_mail(filling, datetime.now(UTC))
    names: dict[bytes, str] = {}
    hostile = {path.name: path.read_bytes() for name in ("bombs", "dompurify")
               for path in sorted((corpus_folder() / name).glob("*.eml"))}
    # What html5ever would take minutes for, and what makes browsers slow: wide, deep, many, long.
    hostile["deep.eml"] = HTML_BOMB + b"<div>" * 300_000
    hostile["many.eml"] = HTML_BOMB + b"<b>x</b> " * 45_000
    hostile["nested-tables.eml"] = HTML_BOMB + b"<table><tr><td>" * 2_000 + b"x"
    hostile["huge.eml"] = HTML_BOMB + b'<div style="width:9999px;height:9999px;font-size:9999px">x</div>' * 200
    hostile["long-word.eml"] = HTML_BOMB + b"x" * 1_500_000
    for place, (name, octets) in enumerate(hostile.items()):
        names[bytes.fromhex(filling.add(octets, HOSTILE, at=old(400 + place)))] = name
    ingest(config, filling.records)
    collected(config)
    with database.connection(config, Role.WEB) as conn:
        rows = conn.execute(
            select(sighting.c.capture, letter_image.c.letter_id, sighting.c.image_id)
            .join(letter_image, letter_image.c.image_id == sighting.c.image_id)
            .where(sighting.c.capture.in_(names))
        ).all()
    return {names[row.capture]: (row.letter_id, row.image_id) for row in rows}


@pytest.fixture
def reader(site: Site) -> Iterator[tuple[BrowserContext, Watch]]:
    """A browser in which the admin is logged in, in English."""
    with context(site.browser, site.base, storage_state=site.state, locale="en-GB") as made:
        yield made


def test_hostile_mail_does_nothing(site: Site, reader: tuple[BrowserContext, Watch]) -> None:
    """Every body of the hostile corpus, opened in real frames: no script, no foreign host, no violation, no dialog.

    Twenty frames a page, and without the sandbox attribute: the policy of the answer has to hold by itself.
    """
    page = reader[0].new_page()
    reader[1].expect_failures(1)
    page.goto("/settings/nothing-here")
    names = list(site.letters)
    assert len(names) > 250
    for place in range(0, len(names), FRAMES):
        chosen = [site.letters[name] for name in names[place : place + FRAMES]]
        titles = page.evaluate(
            """async (addresses) => Promise.all(addresses.map((address) => new Promise((done) => {
                const frame = document.createElement('iframe')
                frame.addEventListener('load', () => { done(frame.contentDocument?.title); frame.remove() })
                frame.src = address
                document.body.append(frame)
            })))""",
            [f"/m/{letter}/body/{image}" for letter, image in chosen],
        )
        assert titles == ["Text of the letter"] * len(chosen), names[place : place + FRAMES]
    assert page.title() == "Nothing here · Postbuch"


def test_hostile_letters_stand_in_their_pages(site: Site, reader: tuple[BrowserContext, Watch]) -> None:
    """The page round the body: bombs and a choice of payloads, with headers and source, none slow to come."""
    page = reader[0].new_page()
    payloads = [name for name in site.letters if name[:3].isdigit()][::20]
    bombs = [name for name in site.letters if not name[:3].isdigit()]
    slow = []
    for name in [*bombs, *payloads]:
        letter, _ = site.letters[name]
        for view in ("", "/headers", "/source"):
            path = f"/m/{letter}{view}"
            if _time(page, path) > MAX_PAGE_S and not _in_time(page, path, f"/m/{site.letters[payloads[0]][0]}"):
                slow.append(path)
        assert page.locator("article.letter").count() == 1, name
    assert slow == []


def _in_time(page: Page, path: str, ordinary: str) -> bool:
    """Whether the page comes within its limit, measured beside an ordinary one."""
    pairs = [(_time(page, ordinary), _time(page, path)) for _ in range(TRIES)]
    usual, best = statistics.median(one for one, _ in pairs), min(other for _, other in pairs)
    return best <= MAX_PAGE_S * max(1.0, usual / ORDINARY_S)


def _time(page: Page, path: str) -> float:
    began = time.monotonic()
    answer = page.goto(path, wait_until="load")
    took = time.monotonic() - began
    assert answer is not None
    assert answer.status == 200, path
    return took


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (1280, "dark"), (390, "light")])
def test_nobody_is_shut_out(site: Site, theme: Any, width: int) -> None:
    """axe finds nothing at WCAG 2.2 AA on any page, in both themes, on desktop and phone."""
    choices = {"viewport": {"width": width, "height": 844}, "color_scheme": theme, "locale": "de-DE"}
    with context(site.browser, site.base, **choices) as (stranger, _):
        page = stranger.new_page()
        page.goto("/login")
        assert_accessible(page)
    with context(site.browser, site.base, storage_state=site.state, **choices) as (made, watch):
        page = made.new_page()
        page.goto("/?q=has:attachment")
        letter = page.locator("#letters .row-link").first.get_attribute("href")
        assert letter
        letter = letter.partition("?")[0]
        for path in ("/", "/?unread=1", "/?q=Rechnung", "/?q=xyzzyqq", "/?q=larger:x", letter,
                     f"{letter}?q=has:attachment", f"{letter}/headers", f"{letter}/source", f"{letter}/evidence",
                     "/admin", "/completeness", "/audit", "/audit?who=x&words=y", "/verification"):
            page.goto(path)
            assert_accessible(page)
        watch.expect_failures(1)
        page.goto("/m/999999")
        assert_accessible(page)
        page.goto("/")
        page.click(".topbar button[popovertarget=menu]")
        assert_accessible(page)
        page.locator("[data-show='#keys']").click()
        assert_accessible(page)


@pytest.mark.parametrize("language", ["de", "en"])
def test_a_phone_has_room(site: Site, language: str) -> None:
    """At 390 and 320 px nothing is cut off, and what is touched is at least 44 px high."""
    for width in (390, 320):
        choices: dict[str, Any] = {"viewport": {"width": width, "height": 800}, "locale": language}
        choices |= {"has_touch": True, "is_mobile": True}
        with context(site.browser, site.base, storage_state=site.state, **choices) as (made, _):
            page = made.new_page()
            page.goto("/")
            letter = str(page.locator("#letters .row-link").first.get_attribute("href"))
            bare = letter.partition("?")[0]
            for path in ("/", letter, f"{bare}/headers", f"{bare}/evidence", "/?q=xyzzyqq", "/admin", "/completeness",
                         "/audit", "/verification"):
                page.goto(path)
                assert page.evaluate("document.documentElement.scrollWidth") <= width, path
                small = page.evaluate(
                    """() => [...document.querySelectorAll(
                        '.icon-button, .btn, .row-link, .tabs a, .folders a, a.chip')]
                    .filter(e => e.offsetParent && e.getBoundingClientRect().height < 43.5).map(e => e.outerHTML)"""
                )
                assert small == [], path


def test_reading_a_letter(site: Site, reader: tuple[BrowserContext, Watch]) -> None:
    """From the list to the letter and back by keyboard; the frame is as high as its text; own pictures are there."""
    page = reader[0].new_page()
    page.goto("/?account=1")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("o")
    page.wait_for_selector("iframe.body")
    frame = page.frame_locator("iframe.body")
    frame.locator("body").wait_for()
    page.wait_for_selector("iframe.body[style*=height]")
    # Its pictures may come after its text.
    page.wait_for_function("""() => {
        const frame = document.querySelector('iframe.body');
        return Math.abs(frame.contentDocument.documentElement.scrollHeight - frame.clientHeight) <= 40;
    }""")
    page.keyboard.press("u")
    page.wait_for_selector("#letters")
    page.goto("/?q=Protokoll")
    page.locator("#letters .row-link").first.click()
    page.wait_for_selector("iframe.body")
    picture = page.frame_locator("iframe.body").locator("img").first
    picture.wait_for()
    width = "document.querySelector('iframe.body').contentDocument.images[0].naturalWidth"
    wait_until(lambda: page.evaluate(width) > 0, "the picture in the text")


def test_keys_lead_through_what_a_search_found(reader: tuple[BrowserContext, Watch]) -> None:
    """The letter stands first, then its neighbours are asked for; j and k go on, u back to the search, g i to all."""
    page = reader[0].new_page()
    page.goto("/?q=Rechnung")
    first, second = (page.locator("#letters .row-link").nth(place).get_attribute("href") for place in (0, 1))
    page.keyboard.press("j")
    page.keyboard.press("o")
    page.wait_for_selector("#older")
    assert page.url.endswith(str(first))
    assert page.locator("#newer").count() == 0
    page.keyboard.press("j")
    page.wait_for_url(f"**{second}")
    page.wait_for_selector("#newer")
    page.keyboard.press("k")
    page.wait_for_url(f"**{first}")
    page.keyboard.press("u")
    page.wait_for_url("**/?q=Rechnung#letter-*")
    page.keyboard.press("g")
    page.keyboard.press("i")
    page.wait_for_url(lambda url: url.endswith("/"))


def test_paper_shows_the_letter_alone(site: Site) -> None:
    """Printed from the dark theme: black on white, without bars, buttons and the sidebar."""
    with context(site.browser, site.base, storage_state=site.state, color_scheme="dark") as (made, _):
        page = made.new_page()
        page.goto("/?q=Protokoll")
        page.locator("#letters .row-link").first.click()
        page.wait_for_selector("iframe.body[style*=height]")
        page.emulate_media(media="print")
        for hidden in (".topbar", "#sidebar", ".letter-bar", ".places", ".skip-link >> nth=0"):
            assert not page.locator(hidden).is_visible(), hidden
        assert page.locator("#subject").is_visible()
        colours = page.evaluate("[document.body, document.querySelector('#subject')].map(e => getComputedStyle(e))"
                                ".map(style => style.backgroundColor + ' ' + style.color)")  # fmt: skip
        assert colours[0] == "rgb(255, 255, 255) rgb(0, 0, 0)"
        assert colours[1].endswith("rgb(0, 0, 0)")


def test_marking_and_undoing_without_a_reload(reader: tuple[BrowserContext, Watch]) -> None:
    """Select by key, mark as unread, undo: the rows change in their places and the page stays."""
    page = reader[0].new_page()
    page.goto("/?account=1")
    page.evaluate("window.stayed = true")
    first = page.locator("#letters .row").first
    was = "unread" in str(first.get_attribute("class"))
    page.keyboard.press("j")
    page.keyboard.press("x")
    page.click(f"#marks button[value={'read' if was else 'unread'}]")
    page.wait_for_selector(".snack")
    unread, read = "#letters .row:first-child.unread", "#letters .row:first-child:not(.unread)"
    page.wait_for_selector(read if was else unread)
    page.click(".snack .btn-snack")
    page.wait_for_selector(unread if was else read)
    assert page.evaluate("window.stayed") is True


@pytest.mark.parametrize("how", ["refused", "no answer"])
def test_what_was_not_done_is_said(site: Site, how: str) -> None:
    """A mark that the server refuses or never gets: the row stays as it was, and a sentence says what to do."""
    made = site.browser.new_context(base_url=site.base, storage_state=site.state, locale="en-GB")
    page = made.new_page()
    page.goto("/?account=1")
    row = page.locator("#letters .row").first
    was = "unread" in str(row.get_attribute("class"))
    if how == "refused":
        page.evaluate("document.querySelector('#marks [name=csrf_token]').value = 'x'")
    else:
        page.route("**/marks**", lambda route: route.abort())
    row.locator("[name=letter]").check()
    page.click(f"#marks button[value={'read' if was else 'unread'}]")
    page.wait_for_selector("text=This was not done.")
    assert was == ("unread" in str(row.get_attribute("class")))
    page.click(".snack [data-dismiss]")
    assert page.locator(".snack").count() == 0
    made.close()


def test_new_mail_is_a_badge_and_the_list_stays(site: Site, reader: tuple[BrowserContext, Watch]) -> None:
    """A letter that comes while the list is open shows as "1 new letter", then as one of two; a click brings them."""
    page = reader[0].new_page()
    page.goto("/")
    before = page.locator("#letters .row").first.get_attribute("id")
    filling = Filling(uid=10_000)
    filling.add(LIVE % (1, 1), "anna@firma.example", at=datetime.now(UTC))
    ingest(site.config, filling.records)
    # How soon is no matter of a clock here: `test_web_news.py` holds that the answer is kept back until then.
    page.wait_for_selector(".news")
    assert page.inner_text(".news") == "1 new letter"
    filling.add(LIVE % (2, 2), "anna@firma.example", at=datetime.now(UTC))
    ingest(site.config, filling.records[1:])
    page.wait_for_selector("text=2 new letters")
    assert page.locator("#letters .row").first.get_attribute("id") == before
    page.click(".news")
    page.wait_for_selector("text=Eilig 1")


def test_pages_work_without_script(site: Site) -> None:
    """Log in, search, read, mark, switch the language: links and forms do it all."""
    with context(site.browser, site.base, java_script_enabled=False, locale="en-GB") as (made, _):
        page = made.new_page()
        log_in(page, ADMIN, ADMIN_PASSWORD)
        page.fill("#search", "Rechnung")
        page.press("#search", "Enter")
        page.locator("#letters .row-link").first.click()
        page.wait_for_selector("iframe.body")
        page.click("#mark-unread")
        page.wait_for_selector("text=1 letter marked as unread.")


def test_previews_open(site: Site, reader: tuple[BrowserContext, Watch]) -> None:
    """A PDF of the firm opens in a tab of its own."""
    page = reader[0].new_page()
    page.goto("/?q=filename:pdf")
    page.locator("#letters .row-link").first.click()
    page.wait_for_selector(".file-pdf .file-main")
    with reader[0].expect_page() as opened:
        page.click(".file-pdf .file-main")
    opened.value.wait_for_load_state()
    assert "/preview/" in opened.value.url


@pytest.mark.parametrize("language", ["de", "en"])
@pytest.mark.parametrize(("device", "width"), [("desktop", 1280), ("phone", 390)])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_screenshots(site: Site, tmp_path: Path, language: str, device: str, width: int, theme: Any) -> None:
    """Pictures of log-in, list and letter for people to look at; here only that each page paints something."""
    choices = {"viewport": {"width": width, "height": 844}, "color_scheme": theme, "locale": language}
    with context(site.browser, site.base, **choices) as (made, _):
        page = made.new_page()
        page.goto("/login")
        pictures = [page.screenshot(path=tmp_path / f"{language}-{device}-{theme}-login.png")]
        made.add_cookies(site.state["cookies"])
        page.goto("/?q=Protokoll")
        pictures.append(page.screenshot(path=tmp_path / f"{language}-{device}-{theme}-list.png"))
        page.locator("#letters .row-link").first.click()
        page.wait_for_selector("iframe.body")
        pictures.append(page.screenshot(path=tmp_path / f"{language}-{device}-{theme}-letter.png"))
    assert all(len(picture) > 8_000 for picture in pictures)


NAMED = (
    b"From: anna@firma.example\r\nTo: lena@firma.example\r\nMessage-ID: <namen@x>\r\n"
    b"Subject: =?utf-8?Q?Angebot_=E2=80=93_M=C3=BCller_=E5=A0=B1=E4=BB=B7?=\r\n"
    b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="x"\r\n\r\n--x\r\n\r\nHallo\r\n'
    b"--x\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Disposition: attachment;\r\n"
    b" filename*=utf-8''%E2%82%AC%20%E2%80%93%20Gr%C3%BC%C3%9Fe%20%E5%A0%B1.txt\r\n\r\neins\r\n"
    b"--x\r\nContent-Type: text/plain\r\n"
    b'Content-Disposition: attachment; filename="b.txt"\r\n\r\nzwei\r\n--x--\r\n'
)


def test_names_of_any_script_are_downloaded(site: Site, reader: tuple[BrowserContext, Watch]) -> None:
    """Header fields are ASCII (RFC 6266): what else stands in a subject or a file's name is written in it."""
    filling = Filling(uid=11_000)
    filling.add(NAMED, "anna@firma.example", at=datetime.now(UTC))
    ingest(site.config, filling.records)
    page = reader[0].new_page()
    page.goto("/")
    page.locator("#letters .row-link", has_text="Angebot – Müller").first.click()
    page.wait_for_selector("iframe.body")
    found = {}
    for link in page.locator("a[href*='/message/'], a[href*='/attachment/'], a[href*='/files/']").all():
        with page.expect_download() as coming:
            link.evaluate("link => { link.target = ''; link.click() }")
        found[coming.value.suggested_filename] = coming.value.path().read_bytes()
    assert found["Angebot – Müller 報价.eml"] == NAMED
    assert found["€ – Grüße 報.txt"] == b"eins"
    assert "Angebot – Müller 報价.zip" in found


@pytest.mark.parametrize(("zone", "day"), [("Pacific/Kiritimati", "27 November"), ("America/New_York", "26 November")])
def test_times_are_on_the_clock_of_the_browser(site: Site, zone: str, day: str) -> None:
    """From the second page on: the script has told the server by then."""
    filling = Filling(uid=12_000)
    subject = f"Uhr in {zone}".encode()
    octets = b"From: uhr@kunde.example\r\nTo: anna@firma.example\r\nSubject: %s\r\n\r\nTick\r\n" % subject
    filling.add(octets, "anna@firma.example", at=datetime(2025, 11, 26, 12, 30, tzinfo=UTC))
    ingest(site.config, filling.records)
    with context(site.browser, site.base, storage_state=site.state, locale="en-GB", timezone_id=zone) as (made, _watch):
        page = made.new_page()
        page.goto("/")
        page.goto(f"/?q=subject:{zone.rpartition('/')[2]}")
        page.locator("#letters .row-link").first.click()
        page.wait_for_selector("iframe.body")
        assert day in page.inner_text("main")
