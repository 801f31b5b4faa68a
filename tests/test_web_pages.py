"""The pages by HTTP: log-in and its limits, rights, record, lists, letters, files, languages, errors."""

import base64
import hashlib
import io
import re
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, render_template_string
from flask.testing import FlaskClient
from sqlalchemy import select
from web_archive import (
    ADMIN,
    ADMIN_PASSWORD,
    ANNA,
    ANNA_PASSWORD,
    NOBODY,
    NOBODY_PASSWORD,
    Filling,
    application,
    archive,
    ingest,
    old,
)

from postbuch.archive import database, query, users
from postbuch.archive.config import Config
from postbuch.archive.database import Role
from postbuch.archive.health import HealthFile, failure, health_path
from postbuch.archive.reasons import Reason
from postbuch.archive.schema import audit_event
from postbuch.webmail import filenames
from postbuch.webmail.language import ngettext
from postbuch.webmail.login import limiter
from provider.dovecot import Dovecot

MEHMET, MEHMET_PASSWORD = "mehmet@dienst.example", 'Zirkel "ü" \\7'

PDF = b"%PDF-1.4\n%made for a test\n"
PLAIN = (
    b"From: Helene Dubois <helene@kunde.example>\r\nTo: anna@firma.example\r\nSubject: Angebot\r\n"
    b"Date: Mon, 02 Nov 2026 10:00:00 +0100\r\nMessage-ID: <angebot/1@kunde.example>\r\n\r\n"
    b"Guten Tag,\r\n> alt\r\nhttps://kunde.example/angebot\r\n"
)
FILES = (
    b"From: anna@firma.example\r\nTo: lena@firma.example\r\nSubject: Anlagen\r\nMessage-ID: <anlagen@firma.example>\r\n"
    b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="x"\r\n\r\n--x\r\nContent-Type: text/html\r\n\r\n'
    b'<p>Hallo</p><img src="https://spion.example/p.gif">\r\n'
    b'--x\r\nContent-Type: application/pdf; name="a.pdf"\r\nContent-Disposition: attachment; filename="a.pdf"\r\n\r\n'
    + PDF
    + b'\r\n--x\r\nContent-Type: application/pdf; name="b.pdf"\r\n'
    b'Content-Disposition: attachment; filename="b.pdf"\r\n\r\n'
    b"<script>alert(1)</script>\r\n"
    b'--x\r\nContent-Type: text/html; name="../c.html"\r\nContent-Disposition: attachment; filename="../c.html"\r\n\r\n'
    b"<script>alert(2)</script>\r\n"
    b'--x\r\nContent-Type: text/plain; charset=iso-8859-1; name="d.txt"\r\n'
    b'Content-Disposition: attachment; filename="d.txt"\r\n\r\ngr\xfc\xdfe\r\n--x--\r\n'
)
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360f8cfc0f01f00050002"
    "01a5d6f0c70000000049454e44ae426082"
)
PICTURES = (
    b"From: anna@firma.example\r\nTo: lena@firma.example\r\nSubject: Bilder\r\nMessage-ID: <bilder@firma.example>\r\n"
    b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="x"\r\n\r\n--x\r\nContent-Type: text/plain\r\n\r\n'
    b"Bilder\r\n"
    + b"".join(
        b'--x\r\nContent-Type: image/png\r\nContent-Disposition: attachment; filename="%s"\r\n'
        b"Content-Transfer-Encoding: base64\r\n\r\n%s\r\n" % (name, base64.b64encode(octets))
        for name, octets in ((b"gut.png", PNG), (b"falsch.png", b"<svg onload=alert(1)>"))
    )
    + b"--x--\r\n"
)
SECRET = (
    b"From: chef@firma.example\r\nTo: lena@firma.example\r\nSubject: Geheim\r\nMessage-ID: <geheim@x>\r\n\r\n"
    b"nur Lena\r\n"
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Flask, Config]]:
    """An archive with a few letters; Anna may read her account, the admin all, and Mehmet's upstream is a Dovecot."""
    folder = tmp_path_factory.mktemp("web")
    with (
        Dovecot(folder / "dovecot", {MEHMET: MEHMET_PASSWORD}, tls=False) as dovecot,
        archive(folder / "data", "127.0.0.1:1") as made,
    ):
        upstream = {
            "name": "dienst", "domains": ["dienst.example"], "imap": f"imap://127.0.0.1:{dovecot.imap_port}",
            "submission": "smtp://127.0.0.1:1",
        }
        away = {
            "name": "weg", "domains": ["weg.example"], "imap": "imap://127.0.0.1:1", "submission": "smtp://127.0.0.1:1"
        }
        config = Config.model_validate({**made.model_dump(), "upstream": [upstream, away]})
        filling = Filling()
        filling.add(PLAIN, ANNA, at=old(3))
        sent = filling.add(FILES, ANNA, mailbox=None, source="submission", at=old(2), envelope={
            "mail_from": ANNA, "parameters": "", "client_name": "notebook", "at": old(2).isoformat(),
            "recipients": [
                {"address": "lena@firma.example", "code": 250, "text": "ok"},
                {"address": "chef@firma.example", "code": 250, "text": "ok"},
            ],
        })
        filling.outcome(sent)
        filling.add(FILES, "lena@firma.example", at=old(2))
        filling.add(PICTURES, "lena@firma.example", at=old(2))
        filling.add(SECRET, "lena@firma.example", at=old(1))
        ingest(config, filling.records)
        with database.connection(config, Role.OWNER) as conn:
            users.grant(conn, ANNA, ANNA, by="test")
        with application(config) as app:
            yield app, config


@pytest.fixture
def client(site: tuple[Flask, Config]) -> FlaskClient:
    """A browser that speaks English and is nobody yet; nobody has mistyped a password."""
    limiter.reset()
    return browser(site)


def browser(site: tuple[Flask, Config]) -> FlaskClient:
    """One that was never here before."""
    made = site[0].test_client()
    made.environ_base["HTTP_ACCEPT_LANGUAGE"] = "en"
    return made


def token(client: FlaskClient, path: str = "/login") -> str:
    """The CSRF token of a page."""
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', client.get(path).text)
    assert found
    return found[1]


def log_in(client: FlaskClient, login: str = ADMIN, password: str = ADMIN_PASSWORD, target: str = "") -> Any:
    """Fill in the form."""
    return client.post(
        "/login", query_string={"next": target} if target else None,
        data={"csrf_token": token(client), "login": login, "password": password},
    )


def actions(site: tuple[Flask, Config]) -> list[tuple[str, str]]:
    """What is on record: action and target."""
    with database.connection(site[1], Role.WEB) as conn:
        rows = conn.execute(select(audit_event.c.action, audit_event.c.target).order_by(audit_event.c.id)).all()
    return [(row.action, row.target) for row in rows]


def letter_id(client: FlaskClient, subject: str) -> int:
    """The number of the letter with this subject, by searching for it."""
    found = re.search(r'href="/m/(\d+)', client.get("/", query_string={"q": f'subject:"{subject}"'}).text)
    assert found
    return int(found[1])


def addresses(client: FlaskClient, number: int, kind: str) -> list[str]:
    """The addresses of one kind in a letter's page."""
    return re.findall(rf'href="(/m/{number}/{kind}/[^"]+)"', client.get(f"/m/{number}").text)


def test_only_the_log_in_is_open(client: FlaskClient) -> None:
    """Every page sends a stranger to the log-in, which leads back to where he wanted to go."""
    for path in ("/", "/m/1", "/m/1/headers", "/m/1/source", "/m/1/evidence", "/m/1/body/1", "/m/1/inline/1/0",
                 "/m/1/attachment/1/0", "/m/1/preview/1/0", "/m/1/message/1.eml", "/m/1/files/1.zip",
                 "/m/1/tile/1/0", "/m/1/neighbours?q=x", "/news", "/admin", "/completeness", "/audit", "/audit.csv",
                 "/verification",
                 "/m/by-message-id/a@b"):
        answer = client.get(path)
        assert answer.status_code == 302, path
        assert answer.headers["Location"].startswith("/login")
    assert log_in(client, target="/m/by-message-id/angebot/1@kunde.example").headers["Location"] == (
        "/m/by-message-id/angebot/1@kunde.example"
    )


@pytest.mark.parametrize("target", [
    "//evil.example/", "https://evil.example/", "/\\evil.example", "/\t/evil.example", "\\\\evil.example", "evil",
    "javascript:alert(1)", "/%0d%0aSet-Cookie:x=1\r\n", "///evil.example", "/login", "/logout",
])
def test_the_log_in_never_leads_to_another_host(client: FlaskClient, target: str) -> None:
    """What could leave this site, or go round in circles, becomes the list."""
    assert log_in(client, target=target).headers["Location"] == "/"


def test_wrong_log_ins_get_one_answer_and_are_limited(site: tuple[Flask, Config], client: FlaskClient) -> None:
    """A wrong name and a wrong password look the same; after ten of them it is enough for a minute."""
    texts = set()
    for login in (ADMIN, "niemand@firma.example"):
        answer = log_in(client, login, "falsch")
        assert answer.status_code == 401
        texts.add(re.sub(r'value="[^"]*"', "", answer.text))
    assert len(texts) == 1
    assert [log_in(client, ADMIN, "falsch").status_code for _ in range(10)][-1] == 429
    assert ("log-in-refused", "web") in actions(site)


def test_who_gives_no_name_is_limited_as_well(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    assert [log_in(client, "", "falsch").status_code for _ in range(11)] == [400] * 10 + [429]
    assert not caplog.records


def test_an_employee_logs_in_with_his_mail_password(site: tuple[Flask, Config], client: FlaskClient) -> None:
    """Checked by an IMAP log-in upstream; he becomes a user with a right on his own account, and nothing more."""
    assert log_in(client, MEHMET, "falsch").status_code == 401
    assert log_in(client, MEHMET.upper(), MEHMET_PASSWORD).status_code == 302
    page = client.get("/").text
    assert MEHMET in page
    assert "Angebot" not in page
    assert client.get("/admin").status_code == 403
    assert client.get("/completeness").status_code == 403
    assert client.get("/verification").status_code == 403
    assert log_in(browser(site), "x@weg.example", "egal").status_code == 503


def test_a_log_out_ends_every_copy_of_the_cookie(client: FlaskClient, site: tuple[Flask, Config]) -> None:
    """A stolen cookie is worth nothing after the log-out."""
    log_in(client)
    stolen = client.get_cookie("postbuch")
    assert stolen is not None
    assert client.post("/logout", data={"csrf_token": token(client, "/")}).status_code == 302
    thief = browser(site)
    thief.set_cookie("postbuch", stolen.value)
    assert thief.get("/").status_code == 302


def test_forms_without_their_token_are_refused(client: FlaskClient) -> None:
    """CSRF: every change needs the token of a page of ours."""
    log_in(client)
    for path in ("/logout", "/marks", "/settings/language", "/settings/theme", "/login"):
        answer = client.post(path, data={"letter": "1", "mark": "read", "language": "de", "theme": "dark"})
        assert answer.status_code == 400, path
        assert "expired" in answer.text


def test_cookies_and_headers_are_strict(client: FlaskClient) -> None:
    """HttpOnly, SameSite, no store, no sniffing, and the policy of each kind of answer."""
    answer = log_in(client)
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    page = client.get("/")
    assert "script-src 'self';" in page.headers["Content-Security-Policy"]
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert page.headers["Cache-Control"] == "no-store"
    number = letter_id(client, "Anlagen")
    body = re.search(r'src="(/m/\d+/body/\d+)\?quotes=folded"', client.get(f"/m/{number}").text)
    assert body
    policy = client.get(body[1]).headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; form-action 'none'")
    assert "sandbox allow-same-origin" in policy
    assert "allow-scripts" not in policy


def test_rights_hold_everywhere(site: tuple[Flask, Config], client: FlaskClient) -> None:
    """A letter of somebody else's is not there: not by list, search, number, file or Message-ID; nor is a Bcc."""
    log_in(client)
    secret, shared = letter_id(client, "Geheim"), letter_id(client, "Anlagen")
    files = addresses(client, secret, "message")
    assert "chef@firma.example" in client.get(f"/m/{shared}").text
    client = browser(site)
    log_in(client, ANNA, ANNA_PASSWORD)
    assert "Geheim" not in client.get("/").text
    assert "Nothing found" in client.get("/?q=nur+Lena").text
    for path in (f"/m/{secret}", f"/m/{secret}/headers", f"/m/{secret}/source", f"/m/{secret}/evidence", *files,
                 *(each.replace("/message/", "/files/").replace(".eml", ".zip") for each in files),
                 "/m/by-message-id/geheim@x"):
        assert client.get(path).status_code == 404, path
    client = browser(site)
    log_in(client, NOBODY, NOBODY_PASSWORD)
    assert "Here your letters will be" in client.get("/").text
    assert client.get(f"/m/{shared}").status_code == 404


def test_everything_is_on_record_before_it_is_shown(site: tuple[Flask, Config], client: FlaskClient) -> None:
    """Invariant 9: log-in, list, search, view, body, headers, source, evidence, files, marks, system, log-out."""
    log_in(client)
    number = letter_id(client, "Anlagen")
    before = len(actions(site))
    for path in ("/", "/?q=Anlagen", f"/m/{number}", f"/m/{number}/headers", f"/m/{number}/source",
                 f"/m/{number}/evidence", "/admin", "/completeness", "/verification",
                 addresses(client, number, "attachment")[0],
                 addresses(client, number, "preview")[0], addresses(client, number, "message")[0],
                 addresses(client, number, "files")[0], f"/m/{number}/neighbours?q=Anlagen"):
        with client.get(path) as answer:
            assert answer.status_code == 200
    client.post("/marks", data={"csrf_token": token(client, "/"), "letter": str(number), "mark": "unread"})
    done = actions(site)[before:]
    target = f"letter {number}"
    for wanted in (("list", "list all"), ("search", "search Anlagen"), ("view", target), ("headers", target),
                   ("source", target), ("evidence", target), ("status", "system"),
                   ("status", "completeness"), ("status", "verification"), ("download", target), ("preview", target),
                   ("download-message", target), ("download-all", target),
                   ("search", f"search Anlagen beside {target}"),
                   ("mark-unread", f"letters {number}")):
        assert wanted in done, wanted


def test_files_are_what_they_are_and_cannot_act(client: FlaskClient) -> None:
    """Downloads have clean names; only true pictures, PDF and text are shown; the message comes octet for octet."""
    log_in(client)
    number = letter_id(client, "Anlagen")
    downloads, previews = addresses(client, number, "attachment"), addresses(client, number, "preview")
    names = [client.get(path).headers["Content-Disposition"] for path in dict.fromkeys(downloads)]
    assert names == [f"attachment; filename={name}" for name in ("a.pdf", "b.pdf", "c.html", "d.txt")]
    for path in downloads:
        answer = client.get(path)
        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert "sandbox" in answer.headers["Content-Security-Policy"]
    shown = [client.get(path) for path in previews]
    kinds = [answer.headers["Content-Disposition"].split(";")[0] for answer in shown]
    assert kinds == ["inline", "attachment", "inline"]
    assert shown[0].data == PDF
    assert shown[2].headers["Content-Type"] == "text/plain; charset=utf-8"
    assert shown[2].text.strip() == "grüße"
    html = list(dict.fromkeys(downloads))[2].replace("attachment", "preview")
    assert client.get(html).headers["Content-Disposition"].startswith("attachment")
    message = client.get(addresses(client, number, "message")[0])
    assert hashlib.sha256(message.data).digest() == hashlib.sha256(FILES).digest()


def test_a_letter_shows_people_files_and_what_was_blocked(client: FlaskClient) -> None:
    """Subject, sender, Bcc for who may know it, attachments, the count of remote images, the evidence."""
    log_in(client)
    number = letter_id(client, "Anlagen")
    page = client.get(f"/m/{number}").text
    assert "1 remote image is blocked" in page
    assert "spion.example" not in page
    assert "chef@firma.example" in page
    evidence = client.get(f"/m/{number}/evidence").text
    assert hashlib.sha256(FILES).hexdigest() in evidence
    assert "As submitted" in evidence
    assert "250" in evidence
    assert client.get("/m/by-message-id/angebot/1@kunde.example").status_code == 302
    assert "&lt;angebot/1@kunde.example&gt;" in client.get(f"/m/{letter_id(client, 'Angebot')}/source").text


def test_a_page_says_that_the_archive_does_not_answer(tmp_path: Path) -> None:
    """Also to one who is logged in, whose choice of a language is in it."""
    with ExitStack() as stack:
        config = stack.enter_context(archive(tmp_path / "data", "127.0.0.1:1"))
        with application(config) as app:
            client = app.test_client()
            log_in(client)
            stack.close()
            for path in ("/", "/m/1", "/audit", "/login"):
                answer = client.get(path, headers={"Accept-Language": "en"})
                assert (answer.status_code, "The archive does not answer" in answer.text) == (503, True), path


def test_keys_are_called_as_on_the_keyboard(client: FlaskClient) -> None:
    """In German by another name."""
    log_in(client)
    for language, key in (("en", "Shift"), ("de", "Umschalt")):
        assert f"<kbd>{key}+I</kbd>" in client.get("/", headers={"Accept-Language": language}).text


def test_all_files_of_a_letter_in_one(client: FlaskClient) -> None:
    """A ZIP with each file octet for octet under a name that is safe; a letter without files has none."""
    log_in(client)
    number = letter_id(client, "Anlagen")
    page = client.get(f"/m/{number}").text
    [address] = re.findall(rf'href="(/m/{number}/files/\d+\.zip)"', page)
    assert "4 files as ZIP" in page
    with client.get(address) as answer:
        assert (answer.status_code, answer.content_type) == (200, "application/zip")
        assert "attachment; filename=Anlagen.zip" in answer.headers["Content-Disposition"]
        assert "sandbox" in answer.headers["Content-Security-Policy"]
        octets = answer.data
        assert answer.content_length == len(octets)
    with zipfile.ZipFile(io.BytesIO(octets)) as found:
        assert found.namelist() == ["a.pdf", "b.pdf", "c.html", "d.txt"]
        assert found.read("a.pdf") == PDF
        assert found.read("d.txt") == b"gr\xfc\xdfe"
    plain = letter_id(client, "Angebot")
    assert "files/" not in client.get(f"/m/{plain}").text
    assert client.get(address.replace(f"/m/{number}/", f"/m/{plain}/")).status_code == 404


def test_files_of_one_name_lie_beside_each_other() -> None:
    """Also where upper and lower case are the same to a folder."""
    names = ["a.pdf", "A.pdf", "a.pdf", "a (2).pdf", "LICENSE", "license", ".env", ".env"]
    assert list(filenames.distinct(names)) == [
        "a.pdf", "A (2).pdf", "a (3).pdf", "a (2) (2).pdf", "LICENSE", "license (2)", ".env", ".env (2)"
    ]


def test_pictures_stand_in_their_tiles(client: FlaskClient) -> None:
    """A picture is shown small; what only says that it is one is answered with nothing, which is no error."""
    log_in(client)
    number = letter_id(client, "Bilder")
    page = client.get(f"/m/{number}").text
    good, bad = re.findall(rf'<img src="(/m/{number}/tile/\d+/\d+)" alt=""', page)
    answer = client.get(good)
    assert (answer.status_code, answer.content_type, answer.data) == (200, "image/png", PNG)
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert client.get(bad).status_code == 204


def test_a_search_has_a_next_letter(client: FlaskClient) -> None:
    """The letter asks for its neighbours in the search; their links keep it; either end has one side alone."""
    log_in(client)
    numbers = [int(found) for found in re.findall(r'href="/m/(\d+)\?q=firma', client.get("/?q=firma").text)]
    assert len(numbers) >= 4
    for place, number in enumerate(numbers):
        [ask] = re.findall(r'hx-get="(/m/\d+/neighbours\?q=firma)"', client.get(f"/m/{number}?q=firma").text)
        sides = dict(re.findall(r'id="(newer|older)" href="/m/(\d+)\?q=firma"', client.get(ask).text))
        wanted = {}
        if place:
            wanted["newer"] = str(numbers[place - 1])
        if place < len(numbers) - 1:
            wanted["older"] = str(numbers[place + 1])
        assert sides == wanted
    # From the list no question is asked.
    assert "neighbours?" not in client.get(f"/m/{numbers[0]}").text
    assert 'id="older"' not in client.get(f"/m/{numbers[0]}/neighbours?q=from:(").text


def test_the_next_letter_of_the_unread_ones(client: FlaskClient) -> None:
    """Whoever opens an unread letter has read it, and still gets to the next unread one."""
    log_in(client)
    read = "is:unread"
    numbers = [int(found) for found in re.findall(r'href="/m/(\d+)\?q=is', client.get(f"/?q={read}").text)]
    if len(numbers) < 2:
        marking = {"csrf_token": token(client, "/"), "letter": ["1", "2", "3"], "mark": "unread"}
        client.post("/marks", data=marking)
        numbers = [int(found) for found in re.findall(r'href="/m/(\d+)\?q=is', client.get(f"/?q={read}").text)]
    client.get(f"/m/{numbers[0]}?q={read}")
    assert f'id="older" href="/m/{numbers[1]}?q=is' in client.get(f"/m/{numbers[0]}/neighbours?q={read}").text


def test_reading_marks_and_undo(client: FlaskClient) -> None:
    """A letter is unread until it is opened; marking is undone by the button that comes with it."""
    log_in(client, ANNA, ANNA_PASSWORD)
    number = letter_id(client, "Angebot")
    row = rf'<li class="row unread" id="letter-{number}"'
    post = {"csrf_token": token(client, "/"), "letter": str(number)}
    client.post("/marks", data={**post, "mark": "unread"})
    assert re.search(row, client.get("/").text)
    client.get(f"/m/{number}")
    assert not re.search(row, client.get("/").text)
    answer = client.post("/marks", data={**post, "mark": "unread"}, headers={"HX-Request": "true"})
    assert re.search(row, answer.text)
    assert 'name="mark" value="read"' in answer.text
    assert "1 letter marked as unread." in answer.text


@pytest.mark.parametrize(("theme", "scheme", "letters", "is_dark"), [
    ("dark", "light", "dark", True), ("auto", "dark", "dark", True), ("auto", "light", "dark", False),
    ("auto", "", "dark", False), ("light", "dark", "dark", False), ("dark", "dark", "light", False),
    ("dark", "dark", "", False), ("dark", "dark", "x", False),
])
def test_letters_are_dark_for_who_wants_it_in_the_dark(
    client: FlaskClient, theme: str, scheme: str, letters: str, is_dark: bool
) -> None:
    """Remembered by the browser, known before anything is painted: the frame and its place in the page agree."""
    log_in(client)
    number = letter_id(client, "Anlagen")
    page = f"/m/{number}"
    post = {"csrf_token": token(client, page), "next": page}
    client.post("/settings/theme", data={**post, "theme": theme})
    client.set_cookie("scheme", scheme)
    assert client.post("/settings/letters", data={**post, "letters": letters}).status_code == (
        302 if letters in ("dark", "light") else 400
    )
    shown = client.get(page).text
    frame = re.search(r'<iframe class="body([^"]*)"[^>]* src="([^"]*)"', shown)
    assert frame
    assert ("is-dark" in frame[1]) is is_dark
    assert (":root{color-scheme:dark" in client.get(frame[2]).text) is is_dark


def test_search_mistakes_are_explained(client: FlaskClient) -> None:
    """Every sentence of the query language has its German and its English form here."""
    log_in(client)
    for text, said in (("larger:abc", "needs a size"), ("before:gestern2", "needs a date"), ("(a", "without its"),
                       ("a)", "without its"), ("is:purple", "is not known"), ("from:", "has nothing behind"),
                       ("x " * 120, "more than 50 words")):
        page = client.get("/", query_string={"q": text}).text
        assert "That search did not work" in page, text
        assert said in page, text
        assert "letters found" not in page, text
    assert query.MAX_CHARACTERS <= 2000
    assert "Nothing found" in client.get("/?q=xyzzyqq").text


def test_a_word_that_is_nowhere_may_be_a_beginning(client: FlaskClient) -> None:
    """Of one word the page offers those that begin so; of more, or of what has a star, it does not."""
    log_in(client)
    assert 'href="/?q=xyzzyqq*"' in client.get("/?q=xyzzyqq").text
    for text in ("xyzzyqq*", "xyzzyqq plugh", "from:xyzzyqq"):
        page = client.get("/", query_string={"q": text}).text
        assert "Nothing found" in page and "With a star" not in page and '**"' not in page, text


def test_a_number_in_a_sentence_has_its_thousands_apart(site: tuple[Flask, Config]) -> None:
    """As it stands elsewhere on the page, in the reader's language."""
    for accepted, said in (("de", "20.000 Briefe"), ("en", "20,000 letters")):
        with site[0].test_request_context(headers={"Accept-Language": accepted}):
            written = render_template_string('{{ ngettext("%(num)s letter", "%(num)s letters", 20000) }}')
            assert (written, ngettext("%(num)s letter", "%(num)s letters", 20_000)) == (said, said)


def test_language_is_chosen_kept_and_switched(client: FlaskClient) -> None:
    """The user's choice, else the browser's wish, else German; the switch stands on the log-in and on every page."""
    assert "Log in" in client.get("/login").text
    client.environ_base["HTTP_ACCEPT_LANGUAGE"] = "fr"
    assert "Anmelden" in client.get("/login").text
    log_in(client, NOBODY, NOBODY_PASSWORD)
    assert 'lang="de"' in client.get("/").text
    answer = client.post("/settings/language", data={"csrf_token": token(client, "/"), "language": "en", "next": "/"})
    assert answer.headers["Location"] == "/"
    assert "All letters" in client.get("/").text
    client.post("/settings/theme", data={"csrf_token": token(client, "/"), "theme": "dark", "next": "//evil.example"})
    page = client.get("/").text
    assert 'data-bs-theme="dark"' in page
    client.post("/settings/language", data={"csrf_token": token(client, "/"), "language": "de"})
    assert "Alle Briefe" in client.get("/").text


def test_what_processes_say_is_told_in_the_readers_language(site: tuple[Flask, Config], client: FlaskClient) -> None:
    """A failure in a health file, on the page of the system: German where German is read, no name made a capital."""
    named = Reason.INCOMPLETE.said(account="anna@firma.example", missing=2, messages=9, mailboxes="INBOX")
    waits = Reason.DRAIN_WAITS.said(problem=Reason.DATABASE_SAYS.said(words="gone away"))
    file = HealthFile(health_path(site[1], "archive"))
    file.write({"failures": [failure("x", "named", named, None), failure("x", "waits", waits, None)]})
    log_in(client)
    try:
        pages = {
            language: client.get("/admin", headers={"Accept-Language": language}).text for language in ("de", "en")
        }
    finally:
        file.remove()
    assert "Aufgenommene Mail wartet im Spool, denn die Datenbank meldet: gone away" in pages["de"]
    assert "anna@firma.example: 2 von 9 Nachrichten sind nicht archiviert" in pages["de"]
    assert "Captured mail waits in the spool, because the database says: gone away" in pages["en"]
    assert "anna@firma.example: 2 of 9 messages are not archived" in pages["en"]


def test_errors_have_pages(client: FlaskClient) -> None:
    """404 and 405 in the reader's language, with a way on and no inner workings."""
    log_in(client)
    missing = client.get("/m/999999")
    assert missing.status_code == 404
    assert "There is no such letter" in missing.text
    assert "Traceback" not in missing.text
    assert client.get("/nirgends").status_code == 404
    assert client.get("/m/99999999999999999999999").status_code == 404
    assert client.get("/marks").status_code == 405


def test_the_question_for_news(client: FlaskClient) -> None:
    """Nothing new is an empty answer; what came since is counted."""
    log_in(client)
    assert client.get("/news?since=rubbish").status_code == 204
    assert client.get("/news?since=2099-01-01T00:00:00_1").status_code == 204
    assert "4 new letters" in client.get("/news?since=1970-01-01T00:00:00_0").text


def test_the_key_of_the_cookies_is_private(site: tuple[Flask, Config]) -> None:
    """Only the system user of Postbuch reads what signs the sessions."""
    path = Path(site[1].data_dir) / "keys" / "web.key"
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(path.read_bytes()) >= 32


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("Rechnung 11/2026.pdf", "Rechnung 11_2026.pdf"), ("a\\b.pdf", "a_b.pdf"), ("C:\\Users\\x\\a.pdf", "a.pdf"),
        ("../../etc/passwd", "passwd"), ("/etc/passwd", "passwd"), ("\\\\srv\\share\\d.doc", "d.doc"), ("..", "1.pdf"),
        ("a/../b.pdf", "a_.._b.pdf"),
    ],
)
def test_a_name_is_no_place(given: str, shown: str) -> None:
    """Of a path the last part is the name; a slash within a name is a sign that no file can have."""
    assert filenames.display_name(given, "application/pdf", 0) == shown


def test_a_disposition_is_ascii() -> None:
    """RFC 6266 section 4.3: whole for all of today, and something for the programs of old."""
    assert filenames.disposition("inline", 'a"b.pdf') == 'inline; filename="a\\"b.pdf"'
    found = filenames.disposition("attachment", "Größe – 報.txt")
    assert found == (
        "attachment; filename=\"Gro_e _ _.txt\"; filename*=UTF-8''Gr%C3%B6%C3%9Fe%20%E2%80%93%20%E5%A0%B1.txt"
    )
