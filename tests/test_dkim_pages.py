"""What the letter, the page Evidence and `postbuch show` say of signatures, in German and English."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from accessible import assert_accessible
from browser import chromium, context, log_in, serving
from flask.testing import FlaskClient
from signed_archive import KUNDE, fill
from web_archive import ADMIN, ADMIN_PASSWORD, NOBODY, NOBODY_PASSWORD, application, archive

from postbuch.archive.config import Config
from postbuch.certs import authority
from provider.ports import free_port

LINES = {
    "Angebot": ("Signed by kunde.example, matches the sender: verified on arrival",
                "Signiert von kunde.example, passt zum Absender: bei Eingang geprüft"),
    "Veraendert": ("The signature of kunde.example does not match: the text was changed, or it is forged",
                   "Die Signatur von kunde.example passt nicht: der Text wurde geändert, oder sie ist gefälscht"),
    "Newsletter": ("Signed by versand.example, which is not the sender&#39;s domain: verified on arrival",
                   "Signiert von versand.example, das ist nicht die Domain des Absenders: bei Eingang geprüft"),
    "Unsigniert": ("No signature of the sender&#39;s domain", "Keine Signatur der Domain des Absenders"),
    "Anhang": ("Signed by kunde.example, but the signature proves little: it covers only the beginning of the text",
               "Signiert von kunde.example, aber die Signatur beweist wenig: sie deckt nur den Anfang des Textes"),
    "Alt": ("Signed by kunde.example; the key was not in the DNS any more",
            "Signiert von kunde.example; der Schlüssel stand nicht mehr im DNS"),
}  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Config, dict[str, int]]]:
    folder = tmp_path_factory.mktemp("signed")
    with archive(folder / "data", f"127.0.0.1:{free_port()}") as config:
        authority.initialise(config.data, ["localhost"])
        yield config, fill(config)


@pytest.fixture
def client(site: tuple[Config, dict[str, int]]) -> Iterator[FlaskClient]:
    with application(site[0]) as app:
        app.config["WTF_CSRF_ENABLED"] = False
        yield app.test_client()


def page(client: FlaskClient, path: str, language: str) -> str:
    return client.get(path, headers={"Accept-Language": language}).text


@pytest.mark.parametrize("subject", LINES)
def test_a_letter_says_by_whom_it_is_signed(
    site: tuple[Config, dict[str, int]], client: FlaskClient, subject: str
) -> None:
    """In plain words, in both languages, with the way to the evidence."""
    client.post("/login", data={"login": ADMIN, "password": ADMIN_PASSWORD})
    number = site[1][subject]
    for language, words in zip(("en", "de"), LINES[subject], strict=True):
        text = page(client, f"/m/{number}", language)
        assert words in text
        assert f"/m/{number}/evidence#signatures-" in text
        assert words in page(client, f"/m/{number}/evidence", language)


def test_what_was_sent_from_here_is_not_called_unsigned(
    site: tuple[Config, dict[str, int]], client: FlaskClient
) -> None:
    """Nobody expects a signature before the provider has made one."""
    client.post("/login", data={"login": ADMIN, "password": ADMIN_PASSWORD})
    assert 'class="signed' not in page(client, f"/m/{site[1]['Gesendet']}", "en")


def test_the_evidence_is_computed_again(site: tuple[Config, dict[str, int]], client: FlaskClient) -> None:
    """By the record that was kept: the DNS knows the key no more, and is not asked."""
    client.post("/login", data={"login": ADMIN, "password": ADMIN_PASSWORD})
    text = page(client, f"/m/{site[1]['Angebot']}/evidence", "en")
    assert "yes, by the key record of that day" in text
    assert KUNDE.key_name in text and KUNDE.record.decode() in text and "v=DMARC1; p=reject" in text
    assert "does not match today either" in page(client, f"/m/{site[1]['Veraendert']}/evidence", "en")


def test_nothing_is_told_to_who_may_not_read(site: tuple[Config, dict[str, int]], client: FlaskClient) -> None:
    """A verdict is a part of its letter (rights)."""
    client.post("/login", data={"login": NOBODY, "password": NOBODY_PASSWORD})
    answer = client.get(f"/m/{site[1]['Angebot']}/evidence")
    assert answer.status_code == 404
    assert "kunde.example" not in answer.text


def test_show_has_the_verdicts(site: tuple[Config, dict[str, int]], tmp_path: Path) -> None:
    """As text and as JSON, checked again in the same breath."""
    config, letters = site
    (tmp_path / "postbuch.toml").write_text(f'data_dir = "{config.data_dir}"\n', encoding="utf-8")

    def show(subject: str, *words: str, language: str = "C.UTF-8") -> str:
        done = subprocess.run(
            [sys.executable, "-m", "postbuch.cli.main", "show", str(letters[subject]), *words], cwd=tmp_path,
            capture_output=True, text=True, check=True, env={**os.environ, "LC_ALL": language, "LANGUAGE": ""},
        )  # fmt: skip
        return done.stdout

    [look] = json.loads(show("Angebot", "--json"))["verdicts"]
    [verdict] = look["signatures"]
    assert (look["standing"], look["from_domain"]) == ("matches", "kunde.example")
    assert (verdict["verdict"], verdict["again"], verdict["domain"]) == ("pass", "pass", "kunde.example")
    assert verdict["key_record"] == KUNDE.record.decode()
    text = show("Angebot")
    assert "signed by kunde.example, matches the sender" in text
    assert "verifies again today, by the key record kept that day" in text
    german = show("Veraendert", language="de_DE.UTF-8")
    assert "die Signatur von kunde.example passt nicht" in german
    assert "der Text wurde nach dem Signieren geändert" in german
    assert "no signature" in show("Unsigniert")


@pytest.mark.parametrize(("width", "theme", "locale"), [(1280, "light", "de-DE"), (390, "dark", "en-GB")])
def test_the_pages_are_for_everybody(
    site: tuple[Config, dict[str, int]], tmp_path: Path, width: int, theme: Any, locale: str
) -> None:
    """axe finds nothing, nothing is wider than the phone, the browser reports nothing."""
    config, letters = site
    choices = {"viewport": {"width": width, "height": 844}, "color_scheme": theme, "locale": locale}
    with (
        serving(config, tmp_path / "postbuch.toml") as base, chromium() as browser,
        context(browser, base, **choices) as (made, _),
    ):  # fmt: skip
        tab = made.new_page()
        log_in(tab, ADMIN, ADMIN_PASSWORD)
        for subject in ("Angebot", "Veraendert", "Anhang"):
            for path in (f"/m/{letters[subject]}", f"/m/{letters[subject]}/evidence"):
                tab.goto(path)
                for folded in tab.locator("dl.signature details").all():
                    folded.evaluate("each => each.open = true")
                assert tab.evaluate("document.documentElement.scrollWidth") <= width
                assert_accessible(tab)
