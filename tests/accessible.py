"""What axe says of a page."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

_WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


def assert_accessible(page: Page) -> None:
    """axe finds nothing at WCAG 2.2 AA.

    Frames run no script, so it cannot look into them; what is in there is the sender's. What passed is
    not listed element by element, which would take axe as long as its looking.
    """
    options = {"runOnly": {"type": "tag", "values": _WCAG}, "resultTypes": ["violations"], "iframes": False}
    results = Axe().run(page, options=options)
    found = [(each["id"], each["nodes"][0]["html"]) for each in results.response["violations"]]
    assert found == [], page.url
