"""What mail says changes nothing beside it, on pages, in file names and on a terminal. The archive and REST keep it."""

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from rich.console import Console
from web_archive import ADMIN, ADMIN_PASSWORD, ANNA, Filling, application, archive, ingest, old

from postbuch.archive import harmless
from postbuch.cli import output

# Overrides, embeddings, isolates and their ends; a terminal's escape sequences, of one octet and of two; NUL, half of
# a character, line ends of Unicode.
DISTURBING = "\u202e\u202d\u202a\u202b\u202c\u2066\u2067\u2068\u2069\x1b\x9b\x85\x00\x08\r\x7f\ud800\u2028\u2029"
# An emoji of several, Persian, a mark of direction, accents: their signs mean something.
KEPT = "👩\u200d💻 می\u200cخواهم \u200fא\u200e a\u0308\tß\n"
HIDDEN = "Rechnung\u2069\u202etxt.exe"
MAIL = (
    f"From: =?utf-8?Q?Anna=E2=81=A9=E2=80=AE_gnutiel?= <anna@firma.example>\r\nTo: \u202eb@k.example\r\n"
    f"Subject: {HIDDEN}\r\nMessage-ID: <{{}}@k>\r\nMIME-Version: 1.0\r\n"
    "Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nGuten Tag\r\n--x\r\n"
    "Content-Type: application/pdf\r\nContent-Disposition: attachment; filename*=utf-8''a%E2%80%AEfdp.exe\r\n\r\n"
    "x\r\n--x--"
)


def test_what_is_disturbing() -> None:
    """And what is not."""
    assert harmless.text(DISTURBING + KEPT) == KEPT and harmless.text("Grüße") == "Grüße"
    written = json.dumps([DISTURBING, KEPT], ensure_ascii=False)
    assert json.loads(harmless.json(written)) == [DISTURBING, KEPT]
    assert harmless.text(harmless.json(written)) == harmless.json(written)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    """A log-in to an archive that has such a letter twice, and one between."""
    with archive(tmp_path_factory.mktemp("harmless") / "data", "127.0.0.1:3") as config:
        filling = Filling()
        for number in range(2):
            filling.add(MAIL.format(number).encode(), ANNA, at=old(number + 1), mailbox=f"Ordner\u202e{number}")
        ingest(config, filling.records)
        with application(config) as app:
            made = app.test_client()
            token = made.get("/login").text.partition('name="csrf_token"')[2].partition('value="')[2].partition('"')[0]
            made.post("/login", data={"csrf_token": token, "login": ADMIN, "password": ADMIN_PASSWORD})
            yield made


@pytest.mark.parametrize("path", [
    "/", "/?q=Rechnung", "/topics", "/media", "/senders", "/m/1", "/m/1/headers", "/m/1/source", "/m/1/evidence",
    "/?view=table", "/?q=from:anna", "/m/by-message-id/1@k", "/audit", "/?q=%E2%80%AEx",
])
def test_no_page_has_what_disturbs(client: FlaskClient, path: str) -> None:
    """Neither in its text nor in titles, labels and the name of its window."""
    answer = client.get(path, follow_redirects=True)
    assert answer.status_code == 200
    assert harmless.text(answer.text) == answer.text


def test_the_name_is_all_there(client: FlaskClient) -> None:
    """In the order in which it was written; REST gives it as it is."""
    assert "Rechnungtxt.exe" in client.get("/").text and "afdp.exe" in client.get("/m/1").text
    for kind in ("files/1.zip", "message/1.eml"):
        with client.get(f"/m/1/{kind}") as answer:
            assert "Rechnungtxt.exe" in answer.headers["Content-Disposition"]


def test_no_output_has_what_disturbs(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal and in a pipe; JSON loses nothing."""
    for is_terminal in (True, False):
        results, messages = io.StringIO(), io.StringIO()
        for name, file in (("_results", results), ("_messages", messages)):
            console = Console(file=file, highlight=False, soft_wrap=True, force_terminal=is_terminal, no_color=True)
            monkeypatch.setattr(output, name, console)
        hostile = f"[bold]a{DISTURBING}b"
        output.print_line(hostile)
        output.print_table(("X", "Y"), [(hostile, 1)])
        output.print_mark(False, hostile, hostile)
        output.say(hostile)
        output.say_problem(hostile)
        with output.Bars(shown=True) as bars:
            bars.show(hostile, 1, 2, hostile)
        own = ("\x1b[", "\r")
        for written in (results.getvalue(), messages.getvalue()):
            assert "[bold]ab" in written
            for each in own:
                written = written.replace(each, "") if is_terminal else written
            assert harmless.text(written) == written


def test_no_document_has_what_disturbs(capsys: pytest.CaptureFixture[str]) -> None:
    """One for programs is looked at on terminals, too."""
    document = {"subject": HIDDEN, "name": DISTURBING, "path": Path("a")}
    output.print_json(document)
    output.print_json_line(document)
    sys.stdout.flush()
    written = capsys.readouterr().out
    assert harmless.text(written) == written
    assert json.loads(written.splitlines()[-1]) == {**document, "path": "a"}
