"""What mail says changes nothing beside it, on pages, in file names and on a terminal. The archive and REST keep it."""

import io
import json
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import pytest
from flask.testing import FlaskClient
from rich.console import Console
from web_archive import ADMIN, ADMIN_PASSWORD, ANNA, Filling, application, archive, ingest, old

from postbuch.archive import exportfile, harmless
from postbuch.archive.export import Message
from postbuch.cli import output

# Overrides, embeddings, isolates and their ends; a terminal's escape sequences, of one octet and of two; NUL, half of
# a character, line ends of Unicode.
DISTURBING = "\u202e\u202d\u202a\u202b\u202c\u2066\u2067\u2068\u2069\x1b\x9b\x85\x00\x08\r\x7f\ud800\u2028\u2029"
# An emoji of several, Persian, a mark of direction, accents: their signs mean something.
KEPT = "👩\u200d💻 می\u200cخواهم \u200fא\u200e a\u0308\tß\n"
NAME, NAME_SHOWN = "Akten\u202e\u2066\u20690", "Akten0"
# What nobody sees, by itself: signs of direction, blanks of several widths, fillers, joiners.
UNSEEN = ("", " \t", "\u202e\u2066\u2069", "\u200b\u2060\ufeff", "\xa0\u3000\u3164\u2800", "\u200d\ufe0f\x1b")
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
UNSEEN_MAIL = (
    "From: {1} <u{0}@k.example>\r\nSubject: {1}\r\nMessage-ID: <u{0}@k>\r\nMIME-Version: 1.0\r\n"
    "Content-Type: application/pdf\r\nContent-Disposition: attachment; filename=\"{1}\"\r\n\r\nx\r\n"
)


class Page(HTMLParser):
    """What a page shows, and what its fields and links send back: decoded, each by itself."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.shown: list[str] = []
        self.sent: list[str] = []
        self.forms: dict[str, list[tuple[str, str]]] = {}
        self.blank_links: list[str] = []
        self._form = ""
        self._link: list[str] | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Its attributes, by what they are for."""
        found = {name: value or "" for name, value in attrs}
        for name, value in found.items():
            if name in ("value", "data-value"):
                self.sent.append(value)
            else:
                self.shown.append(value)
            if name in ("href", "action", "hx-get", "hx-post"):
                parts = urlsplit(value)
                self.sent += [unquote(parts.path), *(given for _, given in parse_qsl(parts.query))]
        if tag == "form":
            self._form = found.get("action", "")
        elif tag == "input" and "name" in found and found.get("type") != "checkbox":
            self.forms.setdefault(self._form, []).append((found["name"], found.get("value", "")))
        elif tag == "a":
            self._link = [found.get("aria-label", ""), found.get("href", "")]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """As in `<use …/>`."""
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        """A link without a word is none."""
        if tag == "a" and self._link is not None:
            label, href, *texts = self._link
            if harmless.is_blank(label + "".join(texts)):
                self.blank_links.append(href)
            self._link = None

    def handle_data(self, data: str) -> None:
        """Text, also that of the title."""
        self.shown.append(data)
        if self._link is not None:
            self._link.append(data)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    """A log-in to an archive that has such a letter twice, and letters of which nobody sees subject or sender."""
    with archive(tmp_path_factory.mktemp("harmless") / "data", "127.0.0.1:3") as config:
        filling = Filling()
        for number in range(2):
            filling.add(MAIL.format(number).encode(), ANNA, at=old(number + 1), mailbox=f"Ordner\u202e{number}")
        filling.add(b"Subject: Darin\r\nMessage-ID: <n@k>\r\n\r\nText", ANNA, at=old(3), mailbox=NAME)
        for number, written in enumerate(UNSEEN):
            filling.add(UNSEEN_MAIL.format(number, written).encode(), ANNA, at=old(4 + number))
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
    for each in Page(answer.text).shown:
        assert harmless.text(each) == each


@pytest.mark.parametrize("path", [
    "/?q={}", '/?q=mailbox:"{}"', "/?q=(mailbox~equals~{})", "/?qs={}", "/?within=(mailbox~equals~{})",
    "/topics?q=(mailbox~equals~{})", "/media?form=1&words={}", "/media?form=1&by_sender={}&look=table",
    "/senders?form=1&words={}", "/senders?form=1&by_domain={}", "/audit?words={}", "/audit?who={}", "/audit?target={}",
    "/suggest?q=mailbox:Akt", "/searches", "/m/3?q=(mailbox~equals~{})", "/login?next=/?q={}",
])
def test_what_is_sent_back_is_whole(client: FlaskClient, path: str) -> None:
    """In every field and every link of every page that has a name: what is left out where it is shown is there."""
    if path == "/searches":
        fields = dict(Page(client.get("/?q=x").text).forms["/searches?q=x"])
        client.post("/searches?q=x", data={**fields, "name": NAME})
    page = Page(client.get(path.format(quote(NAME)), follow_redirects=True).text)
    assert any(NAME in each for each in page.sent)
    assert [each for each in page.sent if NAME_SHOWN in each] == []
    for each in page.shown:
        assert harmless.text(each) == each


def test_a_mailbox_is_found_by_what_forms_send(client: FlaskClient) -> None:
    """One whose name has such signs: by the suggestion, by one more filter, and as an export."""
    (suggested,) = [each for each in Page(client.get("/suggest?q=mailbox:Akten").text).sent if NAME in each]
    found = Page(client.get("/", query_string={"q": suggested}).text)
    assert "1 Brief gefunden" in " ".join(found.shown)
    narrowed: dict[str, Any] = {**dict(Page(client.get(f"/?q=(mailbox~equals~{quote(NAME)})").text).forms["/"]),
                                "add_field": "subject", "add_op": "contains", "add_value": "Darin"}  # fmt: skip
    found = Page(client.get("/", query_string=narrowed, follow_redirects=True).text)
    assert "1 Brief gefunden" in " ".join(found.shown)
    fields = {**dict(found.forms["/export"]), "format": "csv"}
    with client.post("/export", data=fields) as answer:
        assert (answer.get_data().count(b"Darin"), answer.get_data().count(b"\n")) == (1, 2)


@pytest.mark.parametrize("path", ["/", "/topics", "/media", "/media?look=table", "/senders"])
@pytest.mark.parametrize("first", ["subject", "from", "attachments"])
def test_no_link_is_blank(client: FlaskClient, path: str, first: str) -> None:
    """Whatever is the first column, and without columns; nor has a letter a heading that nobody sees."""
    token = dict(Page(client.get("/").text).forms["/logout"])
    for look in ("table", "usual"):
        for name in ("letters", "topics"):
            client.post(f"/settings/list/{name}", data={**token, "look": look, "column": [first, "date"], "size": "50"})
        page = Page(client.get(path).text)
        assert page.blank_links == []
        assert len(page.sent) > 20


def test_a_letter_whose_subject_nobody_sees(client: FlaskClient) -> None:
    """It is called so at each place, in the names of its files too; who wrote it is told by the address."""
    for number in range(4, 4 + len(UNSEEN)):
        for view in ("", "/headers", "/source", "/evidence", "/topic"):
            assert "(kein Betreff)" in client.get(f"/m/{number}{view}").text
        assert f"u{number - 4}@k.example" in client.get(f"/m/{number}").text
        with client.get(f"/m/{number}/message/{number}.eml") as answer:
            assert 'filename="(kein Betreff).eml"' in answer.headers["Content-Disposition"]


def test_the_name_is_all_there(client: FlaskClient) -> None:
    """In the order in which it was written; REST gives it as it is."""
    assert "Rechnungtxt.exe" in client.get("/").text and "afdp.exe" in client.get("/m/1").text
    for kind in ("files/1.zip", "message/1.eml"):
        with client.get(f"/m/1/{kind}") as answer:
            assert "Rechnungtxt.exe" in answer.headers["Content-Disposition"]


@pytest.mark.parametrize("unseen", UNSEEN)
def test_an_exported_file_has_no_name_that_nobody_sees(unseen: str) -> None:
    """Its day and number are its name then, as with no subject at all."""
    exported = Message(image_id=7, letter_id=7, sha256="", size_octets=1, subject=unseen, arrived=old(1), places=())
    assert exportfile.file_name(exported) == f"{old(1):%Y-%m-%d}-7.eml"


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
