"""Real Chromium for tests, and a watch on it: what must never happen on any page fails the test at its end."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Dialog, Page, Request, sync_playwright

from postbuch.archive.config import Config
from provider.ports import accepts, wait_until

# Debian's; Playwright's own browsers are not fetched.
CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]
_END_PATIENCE_S = 30


@contextmanager
def chromium(*more: str) -> Iterator[Browser]:
    """One browser for many tests. more: arguments beside the usual ones."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*ARGUMENTS, *more])
        yield browser
        browser.close()


class Watch:
    """What a browser context did that it must not: violations of the policy, foreign hosts, errors, dialogs."""

    def __init__(self, context: BrowserContext, base: str) -> None:
        self.problems: list[str] = []
        self._base = base
        self._expected = 0
        context.on("console", self._console)
        context.on("weberror", lambda error: self.problems.append(f"error: {error.error}"))
        context.on("request", self._request)
        context.on("dialog", self._dialog)

    def expect_failures(self, count: int) -> None:
        """So many answers of 400 and above are meant; the console tells each as an error."""
        self._expected += count

    def assert_clean(self) -> None:
        """Nothing of it happened."""
        assert not self.problems, "\n".join(self.problems[:20])

    def _console(self, message: ConsoleMessage) -> None:
        if message.type not in ("error", "warning"):
            return
        if self._expected and "server responded with a status of" in message.text:
            self._expected -= 1
            return
        self.problems.append(f"console: {message.text} {message.location.get('url')}")

    def _dialog(self, dialog: Dialog) -> None:
        self.problems.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _request(self, request: Request) -> None:
        # Chromium shows a PDF by an extension and pages of its own, which never leave the machine.
        own = (self._base, "data:", "blob:", "about:", "chrome-extension:", "chrome://resources/")
        if not request.url.startswith(own):
            self.problems.append(f"foreign request: {request.url}")


@contextmanager
def context(browser: Browser, base: str, **choices: Any) -> Iterator[tuple[BrowserContext, Watch]]:
    """A browser without memory, watched."""
    made = browser.new_context(base_url=base, **choices)
    watch = Watch(made, base)
    try:
        yield made, watch
    finally:
        made.close()
    watch.assert_clean()


def log_in(page: Page, login: str, password: str) -> None:
    """Fill in the form and arrive at the list."""
    page.goto("/login")
    page.fill("#login", login)
    page.fill("#password", password)
    page.click("main button.btn-primary")
    page.wait_for_selector("#marks")


@contextmanager
def serving(config: Config, file: Path) -> Iterator[str]:
    """The webmail process of this configuration, as the supervisor runs it; gives its address."""
    address = config.web.listen.removeprefix("http://")
    file.write_text(
        f'data_dir = "{config.data_dir}"\n'
        f'[web]\nlisten = "{config.web.listen}"\npublic_url = "{config.web.public_url}"\n',
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "postbuch.cli.main", "run", "webmail", "--config", str(file)]
    process = subprocess.Popen(command)
    try:
        wait_until(lambda: process.poll() is not None or accepts(int(address.rpartition(":")[2])), "webmail")
        yield f"http://{address}"
    finally:
        process.terminate()
        assert process.wait(_END_PATIENCE_S) == 0
