"""Thunderbird without a screen, told what to do in JavaScript with the rights of its own code.

Marionette is the remote control of Mozilla's programs: on a loopback port, JSON with its length before it
(firefox-source-docs.mozilla.org/testing/marionette/Protocol.html).
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from provider.ports import accepts, free_port, wait_until

PROGRAM = "/usr/bin/thunderbird"
START_PATIENCE_S = 90.0
# One script: a log-in, a mailbox, a message or two, on a busy machine.
SCRIPT_PATIENCE_S = 60.0
_END_PATIENCE_S = 60.0

# A quiet first start: no assistants, no updates, nothing from the network but the account.
_QUIET: dict[str, str | int | bool] = {
    "app.donation.eoy.version.viewed": 999,
    "app.normandy.enabled": False,
    "app.update.enabled": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.update.enabled": False,
    "mail.inappnotifications.enabled": False,
    "mail.provider.suppress_dialog_on_startup": True,
    "mail.rights.version": 1,
    "mail.shell.checkDefaultClient": False,
    "mail.spotlight.firstRunDone": True,
    "mailnews.start_page.enabled": False,
    "mailnews.start_page_override.mstone": "ignore",
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "network.dns.disablePrefetch": True,
    "security.OCSP.enabled": 0,
    "services.settings.server": "data:,#remote-settings-dummy/v1",
    "toolkit.telemetry.enabled": False,
}


class ScriptFailed(Exception):
    """What Thunderbird said instead of a result."""


class Marionette:
    """The connection to one Thunderbird."""

    def __init__(self, port: int) -> None:
        self._wire = socket.create_connection(("127.0.0.1", port), timeout=SCRIPT_PATIENCE_S + 30)
        self._stream = self._wire.makefile("rb")
        self._number = 0
        self._receive()  # who it is
        self.ask("WebDriver:NewSession", {})
        self.ask("Marionette:SetContext", {"value": "chrome"})
        self.ask("WebDriver:SetTimeouts", {"script": int(SCRIPT_PATIENCE_S * 1000)})

    def close(self) -> None:
        self._stream.close()
        self._wire.close()

    def ask(self, name: str, parameters: Mapping[str, Any]) -> Any:
        """A command's result. Raises ScriptFailed."""
        self._number += 1
        octets = json.dumps([0, self._number, name, parameters]).encode()
        self._wire.sendall(b"%d:%s" % (len(octets), octets))
        _, number, error, result = self._receive()
        assert number == self._number
        if error:
            raise ScriptFailed(f"{name}: {error}")
        return result

    def run(self, body: str, *arguments: object) -> Any:
        """Run the body of an asynchronous function; what it returns must be fit for JSON."""
        script = f"""
            const done = arguments[arguments.length - 1];
            (async (...given) => {{ {body} }})(...Array.from(arguments).slice(0, -1)).then(
                value => done({{ value: value === undefined ? null : value }}),
                error => done({{ error: String(error) + "\\n" + (error.stack || "") }}));
        """
        result = self.ask(
            "WebDriver:ExecuteAsyncScript", {"script": script, "args": list(arguments), "sandbox": "system"}
        )["value"]
        if "error" in result:
            raise ScriptFailed(result["error"])
        return result["value"]

    def _receive(self) -> Any:
        digits = b""
        while (octet := self._stream.read(1)) != b":":
            assert octet, "Thunderbird has gone"
            digits += octet
        return json.loads(self._stream.read(int(digits)))


@contextlib.contextmanager
def thunderbird(folder: Path, preferences: Mapping[str, str | int | bool]) -> Iterator[Marionette]:
    """A Thunderbird with a profile of its own in the folder, which must not be there yet."""
    profile = folder / "profile"
    profile.mkdir(parents=True)
    port = free_port()
    lines = {**_QUIET, **preferences, "marionette.port": port}
    text = "".join(f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in lines.items())
    (profile / "user.js").write_text(text)
    # Tied to us: it ends with us whatever happens to us.
    words = [sys.executable, "-m", "postbuch.cli.tether", str(os.getpid()), PROGRAM]
    words += ["--headless", "--marionette", "--remote-allow-system-access", "--no-remote", "--profile", str(profile)]
    with (folder / "thunderbird.log").open("wb") as log:
        process = subprocess.Popen(
            words, env={**os.environ, "HOME": str(folder), "MOZ_HEADLESS": "1", "MOZ_CRASHREPORTER_DISABLE": "1"},
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        wait_until(lambda: process.poll() is not None or accepts(port), "Thunderbird", START_PATIENCE_S)
        assert process.poll() is None, (folder / "thunderbird.log").read_text(errors="replace")[-2000:]
        connection = Marionette(port)
        try:
            yield connection
            with contextlib.suppress(ScriptFailed, AssertionError):
                connection.ask("Marionette:Quit", {"flags": ["eForceQuit"]})
            process.wait(_END_PATIENCE_S)
        finally:
            connection.close()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # also its children
        process.wait()
