"""Lists in real Chromium: the seed's link pasted by a stranger, keyboard alone, touch on a phone, nobody shut out.

Each test ends by holding the browser to it: no violation of the policy, no foreign request, no error, no dialog.
"""

import re
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from accessible import assert_accessible
from browser import chromium, context, serving
from playwright.sync_api import Browser, Page, Route
from pypdfium2 import PdfDocument
from web_archive import ADMIN, ADMIN_PASSWORD, ANNA, Filling, archive, firm_mail, ingest, old

from provider.ports import free_port, wait_until

LINK = "/intexmail/mail_messages_list.php?q=%28from_email~equals~test%40test.de%29&tab=read&orderby=dmaildate"
# A letter with colours of its own, and at its end what it answers.
ANSWER = (
    b"From: Kunde <kunde@regale.example>\r\nTo: anna@firma.example\r\nSubject: %sRegale\r\n"
    b"Message-ID: <regale%d@x>\r\nIn-Reply-To: <anfrage@x>\r\nReferences: <regale0@x>\r\n"
    b"MIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n"
    b'<hr><hr color="#000"><p style="color:#222;background:#fff">Guten Tag, hier ist Nummer %d.</p>'
    b'<div class="gmail_quote">Anna schrieb:'
    b"<blockquote>Bitte<br>ein<br>Angebot</blockquote></div>\r\n"
)
# What has many more lines on paper than on a screen.
LONG = b"<p>%sSchluss.</p>" % (b"Die Regale stehen in der Halle am Nordtor und tragen dreihundert Kilogramm. " * 60)
PRINT = "window.papers = []; window.print = () => papers.push(document.querySelectorAll('.opened-head').length)"
RAW = "/intexmail/mail_messages_list.php?q=(from_email~equals~test@test.de)&tab=read&orderby=dmaildate"


class Site:
    """The address of the pages, the browser, and the state of one who is logged in."""

    def __init__(self, base: str, browser: Browser) -> None:
        self.base = base
        self.browser = browser
        self.state: Any = None


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The firm's mail, and three letters of test@test.de of which two are read."""
    folder = tmp_path_factory.mktemp("lists")
    listen = f"127.0.0.1:{free_port()}"
    filling = Filling()
    firm_mail(filling, datetime.now(UTC))
    for number, seen in enumerate((True, False, True)):
        octets = (
            f"From: Test Er <test@test.de>\r\nTo: anna@firma.example\r\nSubject: Probe {number}\r\n"
            f"Message-ID: <probe{number}@test.de>\r\n\r\nText\r\n"
        ).encode()
        filling.add(octets, ANNA, at=old(20 - number), flags=["\\Seen"] if seen else [])
    for number in range(12):
        octets = ANSWER % (b"Re: " if number else b"", number, number)
        if number == 10:
            octets = octets.replace(b"<div", b'<div style="width:700px">Plan</div><div', 1)
        if number == 11:
            octets = octets.replace(b"<div", LONG + b"<div", 1)
        filling.add(octets, ANNA, at=old(60 - number),
                    flags=["\\Seen"] if number in (0, 11) else [])  # fmt: skip
    with archive(folder / "data", listen) as config:
        ingest(config, filling.records)
        with serving(config, folder / "postbuch.toml") as base, chromium() as browser:
            made = Site(base, browser)
            with context(browser, base) as (first, _):
                page = first.new_page()
                _log_in(page, "/")
                made.state = first.storage_state()
            yield made


def _log_in(page: Page, address: str) -> None:
    """Ask for an address as a stranger and fill in the form that comes instead."""
    page.goto(address)
    assert "/login" in page.url
    page.fill("#login", ADMIN)
    page.fill("#password", ADMIN_PASSWORD)
    page.click("main button.btn-primary")
    page.wait_for_selector("#letters, .empty")


@pytest.mark.parametrize("link", [LINK, RAW])
def test_the_seeds_link_leads_through_the_log_in_to_its_list(site: Site, link: str) -> None:
    """Pasted into a browser that is not logged in: log-in, then the letters that it means, in its order."""
    with context(site.browser, site.base, locale="en-GB") as (made, _):
        page = made.new_page()
        _log_in(page, link)
        assert page.url == f"{site.base}{link}"
        assert page.locator("#letters .subject").all_inner_texts() == ["Probe 2", "Probe 0"]
        assert page.locator(".filter-chip bdi").all_inner_texts() == ["From is test@test.de", "Read"]
        page.goto("/m/by-message-id/probe0@test.de")
        assert page.inner_text("#subject") == "Probe 0"
        page.goto(link.replace("from_email", "farbe"))
        assert page.locator(".filter-chip.bad bdi").all_inner_texts() == ["There is no field “farbe” here"]


def test_lists_and_topics_by_keyboard_alone(site: Site) -> None:
    """Add a filter, take it away, sort, go through topics into one and back: no hand on the mouse."""
    with context(site.browser, site.base, storage_state=site.state, locale="en-GB") as (made, _):
        page = made.new_page()
        page.goto("/")
        page.focus("button[popovertarget=list-filter]")
        page.keyboard.press("Enter")
        page.wait_for_selector("#list-filter:popover-open")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.name") == "add_field"
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        page.keyboard.type("test.de")
        page.keyboard.press("Enter")
        page.wait_for_selector(".filter-chip")
        assert page.locator("#letters .row").count() == 3
        page.focus(".filter-chip a")
        page.keyboard.press("Enter")
        page.wait_for_url(lambda url: url == f"{site.base}/")
        page.keyboard.press("g")
        page.keyboard.press("t")
        page.wait_for_url("**/topics")
        first = page.locator("#letters .row-link").first.get_attribute("href")
        page.keyboard.press("j")
        page.keyboard.press("o")
        page.wait_for_url(f"**{first}")
        page.wait_for_selector(".topic iframe.body")
        page.goto("/topics")
        page.keyboard.press("j")
        page.keyboard.press("j")
        page.keyboard.press("Enter")
        page.wait_for_selector(".topic-head")
        page.keyboard.press("u")
        page.wait_for_url("**/topics#letter-*")
        # At the topic that one came from: j goes on from there.
        focused = "[...document.querySelectorAll('#letters .row-link')].indexOf(document.activeElement)"
        page.wait_for_function(f"() => {focused} === 1")
        page.keyboard.press("j")
        assert page.evaluate(focused) == 2
        # Of what is yes or no the filter offers no more and no less.
        page.goto("/?offset=1")
        page.click("button[popovertarget=list-filter]")
        page.select_option("#list-filter [name=add_op]", "between")
        page.select_option("#list-filter [name=add_field]", "unread")
        assert page.input_value("#list-filter [name=add_op]") == "equals"
        assert page.locator("#list-filter [name=add_op] option:enabled").count() == 3


def test_a_whole_list_is_selected_marked_and_undone(site: Site) -> None:
    """The page, then all letters of the list; the line of the undo brings everything back; the page stays."""
    with context(site.browser, site.base, storage_state=site.state, locale="en-GB") as (made, _):
        page = made.new_page()
        page.goto("/?q=(from~contains~e)&pagesize=20")
        count = int(page.inner_text(".found").split()[0])
        assert count > 20
        page.check("#pick-all")
        page.click("[data-select-all]")
        assert page.inner_text("#selection-count") == "all letters of this list selected"
        page.evaluate("window.stayed = true")
        page.click("#marks button[value=unread]")
        page.wait_for_selector(".snack")
        read = page.locator("#letters .row:not(.unread)")
        wait_until(lambda: read.count() == 0, "all letters of the page to be unread")
        # What has just been done is not done once more: also what had to change nothing is chosen no longer.
        wait_until(lambda: page.locator("#letters :checked").count() == 0, "nothing to be chosen any more")
        assert not page.locator("#marks .selection-buttons").is_visible()
        page.click(".snack .btn-snack")
        wait_until(lambda: read.count() > 0, "what was read to be read again")
        assert page.evaluate("window.stayed") is True


def test_columns_as_a_table(site: Site) -> None:
    """Chosen in the panel, sorted by a head, opened and marked by key; then the usual look again."""
    with context(site.browser, site.base, storage_state=site.state, locale="en-GB") as (made, _):
        page = made.new_page()
        page.goto("/")
        page.click("button[popovertarget=list-look]")
        page.check("#list-look input[value=size]")
        # By keyboard to the very front; there its box has the focus, as the button is gone.
        page.focus("#list-look .column-pick:has(input[value=size]) [data-earlier]")
        while page.evaluate("document.activeElement.matches('[data-earlier]')"):
            page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.value") == "size"
        assert_accessible(page)
        page.click("#list-look button[value=table]")
        page.wait_for_selector("table#letters")
        assert page.inner_text("table#letters thead th:not(.pick-head) >> nth=0").strip().startswith("Size")
        page.click("table#letters thead a:has-text('Size')")
        page.wait_for_selector("th[aria-sort=descending]")
        assert_accessible(page)
        # What is cut off says so: in a line of text, not of boxes.
        page.evaluate("document.querySelector('#letters .col-subject a').textContent = 'Betreff '.repeat(40)")
        cut = page.evaluate("""() => {
            const link = document.querySelector('#letters .col-subject a'), style = getComputedStyle(link);
            return [style.display, style.textOverflow, link.scrollWidth > link.clientWidth];
        }""")
        assert cut == ["block", "ellipsis", True]
        page.keyboard.press("j")
        page.keyboard.press("x")
        assert page.inner_text("#selection-count") == "1 selected"
        page.keyboard.press("o")
        page.wait_for_selector("iframe.body")
        page.goto("/")
        page.click("button[popovertarget=list-look]")
        page.click("#list-look button[value=usual]")
        page.wait_for_selector("ul#letters")


def test_a_topic_is_read_in_its_place(site: Site) -> None:
    """Keys open and fold; nothing is fetched of what is folded or further down; quotes fold; dark without a reload."""
    with context(site.browser, site.base, storage_state=site.state, locale="en-GB", color_scheme="dark") as (made, _):
        page = made.new_page()
        asked: list[str] = []
        made.on("request", lambda request: asked.append(request.url.rpartition("/")[2].partition("?")[0]))
        page.goto("/topics?q=subject:Regale")
        page.locator("#letters .row-link").first.click()
        # Twelve letters, of which the first and the last are read: where reading begins, and what is in view with it.
        page.wait_for_selector("#letters .row:nth-child(2) iframe.body[style*=height]")
        assert page.locator(".piece[open]").count() == 11 > asked.count("opened")
        assert page.locator(".row:nth-child(1) iframe").count() == 0
        assert page.locator(".row:nth-child(2).unread").count() == 0
        page.click("[data-fold=closed]")
        assert page.locator(".piece[open]").count() == 0
        page.keyboard.press("k")
        page.keyboard.press("o")
        page.wait_for_selector(".row:nth-child(1) iframe.body[style*=height]")
        inside = page.frame_locator(".row:nth-child(1) iframe.body")
        tall = "document.querySelector('.row iframe').clientHeight"
        height = page.evaluate(tall)
        assert not inside.locator("blockquote").is_visible()
        inside.locator("summary").click()
        inside.locator("blockquote").wait_for()
        page.wait_for_function(f"() => {tall} > {height}")
        # Between two documents there is none.
        root = "document.querySelector('.row iframe').contentDocument.documentElement"
        ground = f"({root} && getComputedStyle({root}).backgroundColor)"
        assert page.evaluate(ground) == "rgb(255, 255, 255)"
        page.evaluate("window.stayed = true")
        page.click(".look button:visible")
        page.wait_for_function(f"() => {ground} === 'rgb(26, 30, 33)'")
        assert page.evaluate("window.stayed") is True
        # What browsers would draw white divides only; a line of a colour of its own has that.
        lines = f"[...{root}.querySelectorAll('hr')].map(each => getComputedStyle(each).borderTopColor)"
        assert page.evaluate(lines) == ["rgb(74, 82, 87)", "rgb(124, 124, 124)"]
        page.reload()
        page.wait_for_selector("iframe.body.is-dark")
        # To the letter's own page, back to its topic, and from there to the list.
        page.locator(".opened-tools a[href^='/m/']:not([download])").first.click()
        page.wait_for_selector("#subject")
        page.click(".letter-tools a[href*='/topic']")
        page.wait_for_selector(".row.at .piece[open] iframe.body")
        page.keyboard.press("u")
        page.wait_for_url("**/topics**")
    with context(site.browser, site.base, storage_state=site.state, java_script_enabled=False) as (made, _):
        page = made.new_page()
        page.goto("/topics?q=subject:Regale")
        page.locator("#letters .row-link").first.click()
        page.locator(".row:nth-child(1) summary").click()
        page.locator(".row:nth-child(1) .waiting a").click()
        page.wait_for_selector("iframe.body")


def test_dark_letters_that_are_not_taken(site: Site) -> None:
    """Nothing is painted: the page stays when nobody answers, and comes anew when the choice is refused."""
    with context(site.browser, site.base, storage_state=site.state, color_scheme="dark") as (made, watch):
        page = made.new_page()
        page.goto("/topics?q=subject:Regale")
        page.locator("#letters .row-link").first.click()
        page.wait_for_selector("iframe.body[style*=height]")
        page.evaluate("window.stayed = true")
        page.route("**/settings/letters", lambda route: route.abort())
        with page.expect_event("requestfailed"):
            page.click(".look [value=dark]")
        assert page.evaluate("new Promise(done => setTimeout(() => done(window.stayed)))") is True
        page.unroute("**/settings/letters")
        page.route("**/settings/letters", lambda route: route.fulfill(status=403, body="Oh"))
        watch.expect_failures(1)
        with page.expect_event("load"):
            page.click(".look [value=dark]")
        # The choice stands on top; what is open may be below the window, and is fetched when it comes into view.
        page.locator(".piece[open]").first.scroll_into_view_if_needed()
        page.wait_for_selector("iframe.body[style*=height]")
        assert page.evaluate("window.stayed") is None
        assert page.locator("iframe.body.is-dark").count() == 0
        assert page.locator(".look").get_attribute("data-look") == "light"
        # The request that nobody answered, and nothing else.
        failed = "console: Failed to load resource: net::ERR_FAILED"
        assert [each.partition(" http")[0] for each in watch.problems] == [failed]
        watch.problems.clear()


@pytest.mark.parametrize(("language", "theme", "width"), [("de", "light", 1280), ("en", "dark", 390)])
def test_a_topic_is_printed_as_a_whole(site: Site, tmp_path: Path, language: str, theme: Any, width: int) -> None:
    """Every letter is fetched and stands on the paper to its last line; or what is open alone."""
    choices = {"locale": language, "color_scheme": theme, "viewport": {"width": width, "height": 800}}
    with context(site.browser, site.base, storage_state=site.state, **choices) as (made, _):
        made.add_init_script(PRINT)
        page = made.new_page()
        page.goto("/topics?q=subject:Regale")
        page.locator("#letters .row-link").first.click()
        page.wait_for_selector("iframe.body[style*=height]")
        page.click("[data-fold=closed]")
        page.click("[popovertarget=print-what]")
        page.locator("#print-what [data-print]").last.click()
        assert page.evaluate("papers.length") == 1
        assert page.locator(".piece[open]").count() == 0
        page.click("[popovertarget=print-what]")
        page.locator("#print-what [data-print=all]").click()
        page.wait_for_function("() => papers.length === 2")
        assert page.evaluate("papers[1]") == page.locator(".piece[open]").count() == 12
        assert not page.locator("#print-what").is_visible()
        page.pdf(path=tmp_path / "topic.pdf", format="A4", margin={"left": "20mm", "right": "20mm"})
        with closing(PdfDocument(tmp_path / "topic.pdf")) as paper:
            text = "".join(each.get_textpage().get_text_range() for each in paper)
        assert re.findall(r"Guten Tag, hier ist Nummer (\d+)", text) == [str(number) for number in range(12)]
        assert "Schluss." in text
        # Wherever the page stands else, the menu covers a half of something, which axe measures as too small.
        page.evaluate("scrollTo(0, 0)")
        page.click("[popovertarget=print-what]")
        assert_accessible(page)
        # Whoever closes the menu while the letters come has thought better of it.
        held: list[Route] = []
        page.route("**/opened*", lambda route: held.append(route))
        page.reload()
        page.click("[popovertarget=print-what]")
        page.locator("#print-what [data-print=all]").click()
        wait_until(lambda: bool(page.locator("#print-what [role=status]").inner_text() and held), "the first letter")
        page.keyboard.press("Escape")
        page.wait_for_selector("#print-what", state="hidden")
        for route in held:
            route.continue_()
        page.wait_for_function("() => !document.querySelector('#print-what [role=status]').textContent")
        assert page.evaluate("papers") == []


@pytest.mark.parametrize("number", [11, 10])
def test_what_an_answer_quotes_by_touch_and_on_paper(site: Site, tmp_path: Path, number: int) -> None:
    """Its button has room for a finger, also in a letter that is shrunk; paper has all of it, and the page stays."""
    choices: dict[str, Any] = {"viewport": {"width": 390, "height": 800}, "has_touch": True, "is_mobile": True}
    with context(site.browser, site.base, storage_state=site.state, **choices) as (made, watch):
        page = made.new_page()
        page.goto("/?q=subject:Regale")
        href = page.locator("#letters .row-link").nth(11 - number).get_attribute("href")
        page.goto(str(href).partition("?")[0])
        page.wait_for_selector("iframe.body[style*=height]")
        frame = page.frame_locator("iframe.body")
        frame.get_by_text(f"Nummer {number}.").wait_for()
        shrunk = frame.locator("body").evaluate("e => Number(e.style.zoom || 1) < 0.9")
        assert shrunk is (number == 10)
        button, quote = frame.locator("summary"), frame.get_by_text("Angebot")
        box = button.bounding_box()
        assert box is not None and min(box["width"], box["height"]) >= 44 - 0.5
        assert not quote.is_visible()
        page.pdf(path=tmp_path / "letter.pdf", format="A4")
        with closing(PdfDocument(tmp_path / "letter.pdf")) as paper:
            assert "Angebot" in "".join(each.get_textpage().get_text_range() for each in paper)
        assert not quote.is_visible()
        height = page.locator("iframe.body").evaluate("e => e.clientHeight")
        button.tap()
        quote.wait_for()
        page.wait_for_function("was => document.querySelector('iframe.body').clientHeight > was", arg=height)
        # Looking for words in a frame that runs no script is told, and nothing else.
        assert all("Blocked script execution" in each for each in watch.problems)
        watch.problems.clear()


def test_a_letter_of_a_topic_that_does_not_come(site: Site) -> None:
    """The way to its own page stands in its place and no page of an error; it does not count as read."""
    with context(site.browser, site.base, storage_state=site.state) as (made, watch):
        watch.expect_failures(12)
        made.route("**/opened*", lambda route: route.fulfill(status=503, content_type="text/html", body="<h1>Oh</h1>"))
        page = made.new_page()
        # Whoever printed the whole topic has read it.
        page.goto("/?q=subject:Regale")
        page.locator("#letters .row-link").first.click()
        page.click("#mark-unread")
        page.goto("/topics?q=subject:Regale")
        with page.expect_response("**/opened*"):
            page.locator("#letters .row-link").first.click()
        page.wait_for_selector(".piece[open] .waiting a:visible")
        assert page.locator("#letters h1").count() == 0
        unread = made.request.get(page.url).text().count('<li class="row unread"')
        assert page.locator("#letters .row.unread").count() == unread > 0


@pytest.mark.parametrize("language", ["de", "en"])
def test_lists_on_a_phone_by_touch(site: Site, language: str) -> None:
    """Nothing is cut off at 390 and 320 px, what is touched is 44 px high, and panels open and close by a tap."""
    for width in (390, 320):
        choices: dict[str, Any] = {"viewport": {"width": width, "height": 800}, "locale": language}
        choices |= {"has_touch": True, "is_mobile": True}
        with context(site.browser, site.base, storage_state=site.state, **choices) as (made, _):
            page = made.new_page()
            page.goto("/topics")
            topic = page.locator("#letters .row-link").first.get_attribute("href")
            for path in ("/", "/?q=(from~contains~a)(farbe~equals~1)", "/topics", topic or "", "/links", "/searches",
                         "/?tab=out"):  # fmt: skip
                page.goto(path)
                assert page.evaluate("document.documentElement.scrollWidth") <= width, path
                small = page.evaluate(
                    """() => [...document.querySelectorAll(
                        '.icon-button, .btn, .row-link, .folders a, a.chip, .filter-chip a, .keep summary, .kept a')]
                    .filter(e => e.offsetParent && e.getBoundingClientRect().height < 43.5).map(e => e.outerHTML)"""
                )
                assert small == [], path
            page.goto("/")
            page.tap("button[popovertarget=list-look]")
            page.wait_for_selector("#list-look:popover-open")
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            page.tap("#list-look .sorts a >> nth=2")
            page.wait_for_url("**orderby=**")
            page.tap("button[popovertarget=list-filter]")
            page.fill("[name=add_value]", "test.de")
            page.tap("#list-filter button[type=submit]")
            page.wait_for_selector(".filter-chip")
            page.tap(".filter-chip a")
            page.wait_for_selector("#letters .row")


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (1280, "dark"), (390, "light")])
def test_nobody_is_shut_out_of_a_list(site: Site, theme: Any, width: int) -> None:
    """axe finds nothing at WCAG 2.2 AA on the lists, their panels, topics, kept searches and links."""
    choices = {"viewport": {"width": width, "height": 844}, "color_scheme": theme, "locale": "de-DE"}
    with context(site.browser, site.base, storage_state=site.state, **choices) as (made, _):
        page = made.new_page()
        page.goto("/topics")
        topic = page.locator("#letters .row-link").first.get_attribute("href")
        for path in ("/?q=(from~contains~a)(farbe~equals~1)&criteria=or", "/?tab=out", "/topics", topic or "",
                     "/topics?q=xyzzyqq", "/links", "/searches", "/?q=(from~contains~nobody)&tab=read"):  # fmt: skip
            page.goto(path)
            assert_accessible(page)
        page.goto("/")
        for panel in ("list-filter", "list-look"):
            page.click(f"button[popovertarget={panel}]")
            assert_accessible(page)
            page.keyboard.press("Escape")


def test_lists_work_without_script(site: Site) -> None:
    """Filter, sort, page and undo are links and forms."""
    choices: dict[str, Any] = {"java_script_enabled": False, "locale": "en-GB"}
    with context(site.browser, site.base, storage_state=site.state, **choices) as (made, _):
        page = made.new_page()
        page.goto("/?q=(from~contains~test.de)")
        page.check("#letters input >> nth=0")
        page.click("#marks button[value=unread]")
        page.wait_for_selector("text=1 letter marked as unread.")
        page.click("form.notice button")
        page.wait_for_selector("text=1 letter marked as read.")
        page.click(".filter-chip a")
        page.wait_for_selector("#letters .row >> nth=10")


def test_the_audit_log_breaks_no_words(site: Site) -> None:
    """What was done stands there in whole words, however narrow the column."""
    with context(site.browser, site.base, storage_state=site.state, locale="de-DE") as (made, _):
        page = made.new_page()
        page.set_viewport_size({"width": 1280, "height": 800})
        page.goto("/audit")
        whole = page.evaluate("""() => [...document.querySelectorAll('.events tbody td:nth-child(3)')].map((cell) => {
            const text = [...cell.childNodes].find((each) => each.nodeType === 3 && each.data.trim());
            const words = [...text.data.matchAll(/\\S+/g)];
            return words.every((word) => {
                const range = document.createRange();
                range.setStart(text, word.index);
                range.setEnd(text, word.index + word[0].length);
                return range.getClientRects().length === 1;
            });
        })""")
        assert whole and all(whole)
