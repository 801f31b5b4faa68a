"""The demo as the README promises it: start it, paste what it prints, find what was sent, end it with Ctrl-C."""

import contextlib
import hashlib
import imaplib
import json
import os
import re
import signal
import smtplib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from postbuch.certs.trust import client_context
from provider import firm
from provider.people import EMPLOYEES

ROOT = Path(__file__).resolve().parent.parent
START_S = 240.0
# What was sent is found within two seconds. A command takes one to start, so the third begins then; in commands and not
# in seconds, because a busy machine is slow with both.
FOUND_BY = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """A running demo and what it printed."""

    folder: Path
    text: str
    process: subprocess.Popen[str]

    def port(self, name: str) -> int:
        found = re.search(rf"{name} localhost:(\d+)", self.text)
        assert found
        return int(found[1])

    def postbuch(self, *words: str) -> Any:
        done = subprocess.run(
            [sys.executable, "-m", "postbuch.cli.main", *words, "--config", self.folder / "postbuch.toml", "--json"],
            capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode in (0, 1), done.stderr
        return json.loads(done.stdout)

    def command(self, name: str) -> str:
        """A command that the demo printed, with its continuation lines."""
        found = re.search(rf"^    ({name} (?:.*\\\n)*.*)$", self.text, re.MULTILINE)
        assert found
        return found[1]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """The Python part of scripts/demo in a folder of its own."""
    folder = tmp_path_factory.mktemp("demo")
    log = (folder / "demo.log").open("w")
    python_path = os.pathsep.join(["scripts", os.environ.get("PYTHONPATH", "")])
    with log, subprocess.Popen(
        [sys.executable, "-m", "provider.demo", "--folder", folder / "d"],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": python_path}, stdout=subprocess.PIPE, stderr=log, text=True,
    ) as process:  # fmt: skip
        children: list[psutil.Process] = []
        try:
            yield Demo(folder=folder / "d", text=_read_guide(process, folder), process=process)
            children = psutil.Process(process.pid).children(recursive=True)
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGINT)
            assert process.wait(60) == 0, (folder / "demo.log").read_text()
            _gone, left = psutil.wait_procs(children, timeout=10)
            assert left == []


def _read_guide(process: subprocess.Popen[str], folder: Path) -> str:
    assert process.stdout is not None
    lines: list[str] = []
    deadline = time.monotonic() + START_S
    for line in process.stdout:
        lines.append(line)
        if "postbuch status" in line:
            return "".join(lines)
        assert time.monotonic() < deadline
    raise AssertionError((folder / "demo.log").read_text() + "".join(lines))


def _found(demo: Demo, query: str, count: int) -> list[dict[str, Any]]:
    deadline = time.monotonic() + 20
    while True:
        found = demo.postbuch("search", query)
        if found["total"] >= count:
            results: list[dict[str, Any]] = found["results"]
            return results
        assert time.monotonic() < deadline, found


def test_the_archive_is_full_and_the_books_balance(demo: Demo) -> None:
    """Every message of the firm is there, each attachment and picture once, and nothing is refused."""
    status = demo.postbuch("status")
    assert status["books"]["balanced"]
    assert status["refusals"] == 0
    assert status["sightings"] >= 400
    assert status["sentences"] == []
    assert _found(demo, "Jahresabschluss", 3)
    assert _found(demo, "mailbox:Aufträge", 1)


def test_mbsync_fetches_everything(demo: Demo) -> None:
    """The printed command: as many files as Anna has messages, with the same octets."""
    done = subprocess.run(["bash", "-c", demo.command("mbsync")], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    files = [
        path for path in (demo.folder / "mail-anna").rglob("*") if path.parent.name in ("cur", "new") and path.is_file()
    ]
    assert len(files) >= 40
    assert EMPLOYEES["anna"].address in demo.text


def test_swaks_sends_a_pdf_and_a_blind_copy(demo: Demo) -> None:
    """The printed command: found by its subject, the Bcc recipient is on record, both colleagues have it."""
    done = subprocess.run(["bash", "-c", demo.command("swaks")], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    row = _found(demo, "subject:Freigabe", 1)[0]
    assert row["has_attachments"]
    recipients = demo.postbuch("show", str(row["id"]))["envelopes"][0]["recipients"]
    assert {each["address"]: each["code"] for each in recipients} == {
        EMPLOYEES["juergen"].address: 250, EMPLOYEES["sofia"].address: 250,
    }  # fmt: skip
    for name in ("juergen", "sofia"):
        with _client(demo, name) as client:
            client.select(firm.INBOX, readonly=True)
            assert client.search(None, "SUBJECT", "Freigabe")[1][0] != b""


def test_what_was_sent_comes_out_with_its_digest(demo: Demo, record_property: Callable[[str, object], None]) -> None:
    """Submission, then the copy that the program files under Sent: one letter, two images, the same octets each."""
    lena = EMPLOYEES["lena"]
    octets = (
        f"From: Lena <{lena.address}>\r\nTo: Mehmet <{EMPLOYEES['mehmet'].address}>\r\nSubject: Kopie und Urschrift\r\n"
        "Message-ID: <kopie@firma.example>\r\nDate: Mon, 23 Nov 2026 12:00:00 +0100\r\n\r\nGuten Tag.\r\n"
    ).encode()
    trust = client_context(demo.folder / "data" / "tls" / "ca.pem")
    with smtplib.SMTP_SSL("localhost", demo.port("SMTP"), context=trust) as sender:
        sender.login(lena.address, lena.password)
        sender.sendmail(lena.address, [EMPLOYEES["mehmet"].address], octets)
    sent = time.monotonic()
    results: list[list[dict[str, Any]]] = []
    while len(results) < FOUND_BY and not any(results):
        results.append(demo.postbuch("search", "subject:Urschrift")["results"])
    record_property("counted", f"asked {len(results)} times in {time.monotonic() - sent:.1f} s after it was sent")
    [row] = results[-1]
    assert row["sha256"] == hashlib.sha256(octets).hexdigest()
    copy = b"X-Mozilla-Status: 0001\r\n" + octets
    with _client(demo, "lena") as client:
        assert client.append(firm.SENT, r"(\Seen)", None, copy)[0] == "OK"
    digests = {hashlib.sha256(each).hexdigest() for each in (octets, copy)}
    deadline = time.monotonic() + 20
    while {image["sha256"] for image in demo.postbuch("show", str(row["id"]))["images"]} < digests:
        assert time.monotonic() < deadline
    assert demo.postbuch("search", "subject:Urschrift")["total"] == 1
    target = demo.folder / "out.eml"
    demo.postbuch("get", hashlib.sha256(copy).hexdigest(), "--output", str(target))
    assert target.read_bytes() == copy


@contextlib.contextmanager
def _client(demo: Demo, name: str) -> Iterator[imaplib.IMAP4_SSL]:
    trust = client_context(demo.folder / "data" / "tls" / "ca.pem")
    with imaplib.IMAP4_SSL("localhost", demo.port("IMAP"), ssl_context=trust) as client:
        client.login(EMPLOYEES[name].address, EMPLOYEES[name].password)
        yield client
