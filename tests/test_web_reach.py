"""Whatever has the focus is seen, below no bar; letters of twice the size make no page wider than its window."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from browser import chromium, context, log_in, serving
from web_archive import ADMIN, ADMIN_PASSWORD, Filling, archive, firm_mail, ingest

from provider.ports import free_port

PAGES = (
    "/", "/?q=Angebot", "/topics", "/m/3", "/m/3/evidence", "/media?look=table", "/senders", "/audit", "/links",
    "/keys",
)  # fmt: skip
MORE_PAGES = (
    "/media", "/m/3/topic", "/m/3/headers", "/m/3/source", "/completeness", "/verification", "/searches", "/jobs",
)  # fmt: skip
# What is wrong with what has the focus; empty: nothing, null: the focus has left the page.
FOCUS = """() => {
  const at = document.activeElement
  if (!at || at === document.body) return null
  const style = getComputedStyle(at), box = at.getBoundingClientRect()
  const top = document.querySelector('.topbar').getBoundingClientRect().bottom
  const lit = (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 1) || style.boxShadow !== 'none'
  const own = at.matches('iframe, [type=date]')  // the focus shows inside
  const above = at.closest('.topbar, .sidebar, .skip-link') || box.height > innerHeight / 2
  const name = `${at.tagName} ${(at.ariaLabel || at.textContent || at.name).trim().slice(0, 40)}`
  return [!lit && !own && `not seen: ${name}`, !above && box.top < top - 1 && `below the bar: ${name}`].filter(Boolean)
}"""


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The firm's mail."""
    folder = tmp_path_factory.mktemp("reach")
    filling = Filling()
    firm_mail(filling, datetime.now(UTC))
    with archive(folder / "data", f"127.0.0.1:{free_port()}") as config:
        ingest(config, filling.records)
        with serving(config, folder / "postbuch.toml") as made:
            yield made


@pytest.mark.parametrize("width", [320, 1280])
def test_what_has_the_focus_is_seen(base: str, width: int) -> None:
    """By Tab through the first forty of each page: it has an outline, and is not hidden by what stays on top."""
    with chromium() as browser, context(browser, base, viewport={"width": width, "height": 640}) as (made, _):
        page = made.new_page()
        log_in(page, ADMIN, ADMIN_PASSWORD)
        problems: set[str] = set()
        for path in PAGES:
            page.goto(path)
            for _ in range(40):
                page.keyboard.press("Tab")
                found = page.evaluate(FOCUS)
                if found is None:
                    break
                problems |= {f"{path} {each}" for each in found}
        assert sorted(problems) == []


@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize("language", ["de", "en"])
def test_larger_letters_get_the_room_that_they_need(base: str, language: str, width: int) -> None:
    """Twice the size of letters in the browser's settings is the layout of a narrower window, on a telephone too."""
    with chromium("--blink-settings=defaultFontSize=32") as browser, context(
        browser, base, locale=language, viewport={"width": width, "height": 800}
    ) as (made, _):
        page = made.new_page()
        log_in(page, ADMIN, ADMIN_PASSWORD)
        for path in (*PAGES, *MORE_PAGES):
            page.goto(path)
            assert page.evaluate("getComputedStyle(document.documentElement).fontSize") == "32px"
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
            assert not page.locator(".brand").is_visible()
