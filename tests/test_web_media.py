"""The pages of attachments and senders: what they show, what they give out, and by keyboard and touch in Chromium."""

import hashlib
import io
import re
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from accessible import assert_accessible
from browser import Watch, chromium, context, log_in, serving
from flask import Flask
from flask.testing import FlaskClient
from office_files import docx, mail_with, protected_office
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page
from sqlalchemy import select
from web_archive import (
    ADMIN,
    ADMIN_PASSWORD,
    ANNA,
    ANNA_PASSWORD,
    Filling,
    application,
    archive,
    firm_mail,
    ingest,
    old,
)

from postbuch.archive import database
from postbuch.archive.config import Config
from postbuch.archive.database import Role
from postbuch.archive.export_list import from_json, write_table
from postbuch.archive.objects import ObjectStore
from postbuch.archive.schema import audit_event, job
from postbuch.archive.users import ALL
from postbuch.webmail import export_list, media
from provider.archive import read_files
from provider.ports import free_port

PHONE = {"viewport": {"width": 375, "height": 812}, "has_touch": True, "is_mobile": True}
BELEG = (300, 200)
PLAIN_PART = (
    b'--b\r\nContent-Type: application/octet-stream; name="Skizze.png"\r\nContent-Disposition: attachment; '
    b'filename="Skizze.png"\r\n\r\nkeine\r\n--b--'
)


def picture(size: tuple[int, int] = (800, 600)) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", size, (30, 120, 90)).save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Config]:
    """The firm's mail, and letters with files: one twice under two names, a protected one, a formula as a name.

    In the last one `Skizze.png` is no object of its own: it is read out of the message.
    """
    folder = tmp_path_factory.mktemp("media")
    with archive(folder / "data", f"127.0.0.1:{free_port()}") as made:
        filling = Filling()
        firm_mail(filling, datetime.now(UTC))
        owner = "media@firma.example"
        filling.add(mail_with({"Messebild.png": picture(), "Vertrag.docx": docx("Liefervertrag")}, "Messe"), owner)
        filling.add(mail_with({"Messebild Kopie.png": picture(), "geheim.docx": protected_office()}, "Nachtrag"), owner)
        formula = mail_with({"kaputt.png": b"\x89PNG\r\n\x1a\nkaputt"}, "Formel")
        formula = formula.replace(b"Kunde <kunde@kunde.example>", b'"=1+1" <formel@kunde.example>')
        filling.add(formula, owner, at=old(3))
        filling.add(mail_with({"Beleg.png": picture(BELEG)}, "Beleg").replace(b"--b--", PLAIN_PART), owner, at=old(4))
        ingest(made, filling.records)
        engine = database.engine(made, Role.INGEST)
        read_files(made, engine)
        engine.dispose()
        yield made


@pytest.fixture(scope="module")
def app(config: Config) -> Iterator[Flask]:
    with application(config) as made:
        yield made


def entered(app: Flask, login: str = ADMIN, password: str = ADMIN_PASSWORD) -> FlaskClient:
    client = app.test_client()
    client.environ_base["HTTP_ACCEPT_LANGUAGE"] = "en"
    answer = client.post("/login", data={"csrf_token": token(client), "login": login, "password": password})
    assert answer.status_code == 302
    return client


def token(client: FlaskClient) -> str:
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', client.get("/login", follow_redirects=True).text)
    assert found
    return found[1]


def number_of(client: FlaskClient, name: str) -> int:
    page = client.get("/media", query_string={"q": f"(name~equals~{name})"}).text
    found = re.findall(r'href="/media/(\d+)"', page)
    assert len(set(found)) == 1, page
    return int(found[0])


def test_a_file_stands_once_with_all_its_letters(app: Flask) -> None:
    """Tiles and table; the page of one file names both letters, its words and its drawing."""
    client = entered(app)
    number = number_of(client, "Messebild Kopie.png")
    assert client.get("/media?q=(name~equals~Messebild.png)").text.count('href="/media/') == 0
    page = client.get(f"/media/{number}").text
    assert "2 letters with this file" in page and "Messe" in page and "Nachtrag" in page
    drawn = client.get(f"/media/{number}/drawing")
    assert drawn.mimetype == "image/jpeg" and Image.open(io.BytesIO(drawn.data)).size == (320, 240)
    assert "sandbox" in drawn.headers["Content-Security-Policy"]
    assert drawn.headers["X-Content-Type-Options"] == "nosniff"
    # The second time out of the folder, which may be thrown away.
    assert client.get(f"/media/{number}/drawing").data == drawn.data
    for broken in ("kaputt.png", "Vertrag.docx"):
        assert client.get(f"/media/{number_of(client, broken)}/drawing").mimetype == "image/gif"
    words = client.get(f"/media/{number_of(client, 'Vertrag.docx')}").text
    assert "Liefervertrag" in words and "Not searched" not in words
    secret = client.get(f"/media/{number_of(client, 'geheim.docx')}").text
    assert "Not searched: It is protected by a password" in secret
    table = client.get("/media?look=table&orderby=dsize").text
    assert 'aria-sort="descending"' in table and "<table" in table


def test_the_letter_says_what_is_not_searched(app: Flask) -> None:
    """Beside the attachment, in the reader's language."""
    client = entered(app)
    page = client.get(f"/media/{number_of(client, 'geheim.docx')}").text
    letter = re.search(r'href="(/m/\d+)"', page)
    assert letter
    assert "Not searched: It is protected by a password" in client.get(letter[1]).text
    client.environ_base["HTTP_ACCEPT_LANGUAGE"] = "de"
    assert "Nicht durchsucht: Sie ist mit einem Kennwort geschützt" in client.get(letter[1]).text


def test_what_is_not_in_the_form_stays(app: Flask) -> None:
    """Words in one field and a second condition of a field: said beside the form, and kept when it is sent."""
    client = entered(app)
    page = client.get("/senders?qs=kunde~address&q=(domain~notequal~x.example)&look=none").text
    assert "Address contains kunde" in page and "Domain is not x.example" in page
    form = re.search(r'<form class="panel filters".*?</form>', page, re.DOTALL)
    assert form
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form[0]))
    sent = client.get("/senders", query_string={**hidden, "words": "kunde", "by_domain": "kunde.example"})
    page = client.get(sent.location).text
    assert "Address contains kunde" in page and "Domain is not x.example" in page and 'value="kunde.example"' in page


@pytest.mark.parametrize(("link", "said"), [
    ("/senders?q=(last~moreequal~today-7d)", "Last since today-7d"),
    ("/senders?q=(last~moreequal~01.11.2026)", "Last since 01.11.2026"),
    ("/media?q=(size~morethan~3k)", "Size is more than 3k"), ("/media?q=(family~equals~PDF)", "Kind is PDF"),
])
def test_what_the_form_cannot_show_is_a_chip_and_stays(app: Flask, link: str, said: str) -> None:
    """A date field shows no `today-7d`, a choice nothing that it does not have: the list was narrowed unsaid."""
    client = entered(app)
    page = client.get(link).text
    assert f"<bdi>{said}</bdi>" in page
    [form] = re.findall(r'<form class="panel filters".*?</form>', page, re.DOTALL)
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form))
    sent = client.get(link.partition("?")[0], query_string={**hidden, "words": ""})
    assert f"<bdi>{said}</bdi>" in client.get(sent.location).text


def test_the_form_narrows_what_a_link_leaves_open(app: Flask) -> None:
    """Alternatives of a link are chips; what is filled in must hold beside them, and stands in its field again."""
    client = entered(app)
    page = client.get("/senders?q=(domain~equals~firma.example)(domain~equals~kunde.example)").text
    assert "<bdi>Domain is firma.example</bdi>" in page and '<li class="joined">or</li>' in page
    assert 'name="by_domain" value=""' in page
    sent = client.get("/senders?q=(domain~equals~firma.example)(domain~equals~kunde.example)&form=1"
                      "&by_domain=kunde.example")  # fmt: skip
    page = client.get(sent.location).text
    assert "kunde@kunde.example" in page and "@firma.example</bdi>" not in page
    assert 'name="by_domain" value="kunde.example"' in page


def test_the_form_takes_no_alternative_of_a_link_away(app: Flask) -> None:
    """What must hold is one of the alternatives: sent as it stands, and emptied, both of them stay."""
    client = entered(app)
    both = "(domain~equals~firma.example)(domain~equals~kunde.example)"
    page = client.get("/senders", query_string={"q": both, "within": "(domain~equals~kunde.example)"}).text
    assert 'name="by_domain" value="kunde.example"' in page
    assert "<bdi>Domain is firma.example</bdi>" in page and "<bdi>Domain is kunde.example</bdi>" in page
    [form] = re.findall(r'<form class="panel filters".*?</form>', page, re.DOTALL)
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form))
    same = client.get("/senders", query_string={**hidden, "by_domain": "kunde.example"}).location
    page = client.get(same).text
    assert 'value="kunde.example"' in page and "<bdi>Domain is firma.example</bdi>" in page
    emptied = client.get(client.get("/senders", query_string={**hidden, "by_domain": ""}).location).text
    assert emptied.count("<bdi>Domain is ") == 2 and "@firma.example</bdi>" in emptied


def test_the_form_becomes_an_address(app: Flask) -> None:
    """Fields of the form and conditions of a link come together; what is not understood is said."""
    client = entered(app)
    answer = client.get("/media?form=1&words=messe&by_family=image&by_size=&by_sender=kunde&q=(first~notempty)")
    assert answer.status_code == 302
    page = client.get(answer.headers["Location"]).text
    assert 'value="messe"' in page and 'value="image" selected' in page and 'value="kunde"' in page
    assert "First is not empty" in page and "Messebild Kopie.png" in page and "Vertrag.docx" not in page
    assert "There is no field “schuhe” here" in client.get("/media?q=(schuhe~equals~1)").text
    assert client.get("/media?q=(size~morethan~viel)").status_code == 200
    assert "No address fits" in client.get("/senders?q=(in~morethan~99999)").text


def test_zip_of_the_chosen(app: Flask) -> None:
    """The files octet for octet, names told apart, on record before; nothing chosen is said."""
    client = entered(app)
    numbers = [number_of(client, name) for name in ("Messebild Kopie.png", "Vertrag.docx")]
    answer = client.post("/media.zip", data={"csrf_token": token(client), "file": [*numbers, 999_999, "x"]})
    with zipfile.ZipFile(io.BytesIO(answer.data)) as packed:
        assert sorted(packed.namelist()) == ["Messebild Kopie.png", "Vertrag.docx"]
        assert packed.read("Messebild Kopie.png") == picture() and packed.read("Vertrag.docx") == docx("Liefervertrag")
    with database.connection(app.extensions["postbuch"].config, Role.OWNER) as conn:
        last = conn.execute(select(audit_event).order_by(audit_event.c.id.desc()).limit(1)).one()
    assert (last.action, last.target) == ("export", "attachments") and str(numbers[0]) in last.after_value
    answer = client.post("/media.zip", data={"csrf_token": token(client)}, follow_redirects=True)
    assert "Choose some files first." in answer.text


def test_what_is_too_much_for_one_zip_is_said(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Back to the list that was shown, and on record as refused."""
    client = entered(app)
    number = number_of(client, "Vertrag.docx")
    monkeypatch.setattr(media, "MAX_ZIP_OCTETS", 100)
    data = {"csrf_token": token(client), "file": number, "next": "/media?q=vertrag"}
    answer = client.post("/media.zip", data=data)
    assert (answer.status_code, answer.location) == (302, "/media?q=vertrag")
    assert "choose fewer" in client.get(answer.location).text
    with database.connection(app.extensions["postbuch"].config, Role.OWNER) as conn:
        assert "export-refused" in conn.scalars(select(audit_event.c.action)).all()
    assert client.post("/media.zip", data={**data, "next": "https://evil.example/"}).location == "/media"


def test_a_damaged_file_is_said(app: Flask, config: Config) -> None:
    """Changed on the disk or gone, its own or another of its message: no ZIP but a sentence, and a clear picture."""
    client = entered(app)
    path = ObjectStore(config.data).path(hashlib.sha256(picture(BELEG)).digest())
    whole = path.read_bytes()
    other, *damaged = [number_of(client, name) for name in ("Vertrag.docx", "Beleg.png", "Skizze.png")]
    try:
        for change in (lambda: path.write_bytes(b"x" * len(whole)), lambda: path.unlink()):
            path.chmod(0o600)
            change()
            for number, name in zip(damaged, ("Beleg.png", "Skizze.png"), strict=True):
                drawn = client.get(f"/media/{number}/drawing")
                assert (drawn.status_code, drawn.mimetype) == (200, "image/gif"), name
                data = {"csrf_token": token(client), "file": [other, number], "next": "/media?look=table"}
                answer = client.post("/media.zip", data=data)
                assert (answer.status_code, answer.location) == (302, "/media?look=table"), name
                assert f"{name} cannot be read. Choose the other files" in client.get(answer.location).text
    finally:
        path.write_bytes(whole)
    assert client.get(f"/media/{damaged[0]}/drawing").mimetype == "image/jpeg"


def test_senders_for_mailing_tools(app: Flask) -> None:
    """From the Export menu of the senders alone: address and name by English names, cells never act, on record."""
    client = entered(app)
    assert 'value="csv-mailing"' in client.get("/senders").text
    assert 'value="csv-mailing"' not in client.get("/media").text
    client.environ_base["HTTP_ACCEPT_LANGUAGE"] = "de"
    data = {"csrf_token": token(client), "view": "senders", "format": "csv-mailing", "orderby": "aaddress"}
    rows = client.post("/export", data=data).text.splitlines()
    assert rows[0] == "email,name" and rows[1:] == sorted(rows[1:]) and len(rows) > 10
    assert client.post("/export", data={**data, "q": "formel"}).text.splitlines() == [
        "email,name", "formel@kunde.example,'=1+1",
    ]  # fmt: skip
    with database.connection(app.extensions["postbuch"].config, Role.OWNER) as conn:
        last = conn.execute(select(audit_event).order_by(audit_event.c.id.desc()).limit(1)).one()
    assert (last.action, last.target) == ("export", "senders") and '"count": 1' in last.after_value
    # Of other lists there is none, as of any format that is none.
    assert client.post("/export", data={**data, "view": "media", "next": "/media"}).location == "/media"


def test_many_senders_become_a_job(app: Flask, config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the same columns, for who asked."""
    client = entered(app)
    monkeypatch.setattr(export_list, "AT_ONCE_ROWS", 3)
    data = {"csrf_token": token(client), "view": "senders", "format": "csv-mailing"}
    assert client.post("/export", data=data).location == "/jobs"
    with database.connection(config, Role.OWNER) as conn:
        asked = from_json(conn.scalars(select(job.c.parameters)).one())
        stream = io.BytesIO()
        write_table(conn, stream, asked, ALL, None)
    assert stream.getvalue().startswith(b"email,name\r\n") and b"kunde@kunde.example,Kunde\r\n" in stream.getvalue()


def test_nothing_of_a_colleague(app: Flask) -> None:
    """Anna, who may read nothing yet, finds no file and no sender, and no page of a file that there is."""
    admin, anna = entered(app), entered(app, ANNA, ANNA_PASSWORD)
    number = number_of(admin, "Vertrag.docx")
    assert "No attachments yet" in anna.get("/media").text and "No senders yet" in anna.get("/senders").text
    assert "No attachment fits" in anna.get("/media?q=x").text and "No address fits" in anna.get("/senders?q=x").text
    for path in ("/media/{}", "/media/{}/drawing"):
        there, nowhere = anna.get(path.format(number)), anna.get(path.format(999_999))
        assert there.status_code == nowhere.status_code == 404 and there.data == nowhere.data
    data = {"csrf_token": token(anna), "view": "senders", "format": "csv-mailing"}
    assert anna.post("/export", data=data).text.splitlines() == ["email,name"]


# --- Chromium -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as made:
        yield made


@pytest.fixture(scope="module")
def base(config: Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(config, tmp_path_factory.mktemp("serving") / "postbuch.toml") as made:
        yield made


@pytest.fixture
def desk(browser: Browser, base: str) -> Iterator[tuple[BrowserContext, Watch]]:
    with context(browser, base, locale="en", viewport={"width": 1280, "height": 900}) as both:
        log_in(both[0].new_page(), ADMIN, ADMIN_PASSWORD)
        yield both


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [{"width": 1280, "height": 900}, {"width": 375, "height": 812}])
def test_axe_finds_nothing(browser: Browser, base: str, scheme: str, size: dict[str, int]) -> None:
    """Tiles, table, one file and senders by axe, light and dark, wide and narrow; nothing is wider than the screen."""
    with context(browser, base, locale="de", color_scheme=scheme, viewport=size) as (made, _):
        page = made.new_page()
        log_in(page, ADMIN, ADMIN_PASSWORD)
        for path in ("/media", "/media?look=table", "/senders", "/media?q=(schuhe~equals~1)"):
            page.goto(path, wait_until="networkidle")
            assert_accessible(page)
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        page.goto("/media?q=Messebild")
        page.click(".tile a")
        page.wait_for_selector(".with-file")
        assert_accessible(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until the focus is there."""
    for _ in range(120):
        page.keyboard.press("Tab")
        if page.evaluate("wanted => document.activeElement?.matches(wanted) ?? false", selector):
            return
    raise AssertionError(f"{selector} is not reached by Tab")


def test_by_keyboard_alone(desk: tuple[BrowserContext, Watch]) -> None:
    """From the list to the attachments, filtered, chosen, as ZIP, one file, its letter; the senders sorted."""
    page = desk[0].pages[0]
    page.goto("/")
    tab_to(page, 'a[href="/media"]')
    page.keyboard.press("Enter")
    page.wait_for_url("**/media")
    tab_to(page, "#words")
    page.keyboard.type("Messebild")
    page.keyboard.press("Enter")
    page.wait_for_url("**/media?q=Messebild*")
    assert page.locator(".tile").count() == 1
    tab_to(page, 'input[name="file"]')
    page.keyboard.press("Space")
    with page.expect_download() as waiting:
        tab_to(page, ".chosen button")
        page.keyboard.press("Enter")
    assert zipfile.is_zipfile(waiting.value.path())
    page.goto("/media?q=Messebild")
    tab_to(page, ".tile a")
    page.keyboard.press("Enter")
    page.wait_for_selector(".with-file")
    tab_to(page, ".with-file a")
    page.keyboard.press("Enter")
    page.wait_for_url("**/m/*")
    page.goto("/senders")
    tab_to(page, "thead th:nth-child(4) a")
    page.keyboard.press("Enter")
    page.wait_for_url("**orderby=din*")
    assert page.get_attribute("thead th:nth-child(4)", "aria-sort") == "descending"
    tab_to(page, "tbody th a")
    page.keyboard.press("Enter")
    page.wait_for_selector("#marks")
    assert page.locator(".row").count() > 0


def test_by_touch_on_a_phone(browser: Browser, base: str) -> None:
    """Choosing, the ZIP, one file and its letter by finger; what is tapped is large enough."""
    with context(browser, base, locale="de", **PHONE) as (made, _):
        page = made.new_page()
        log_in(page, ADMIN, ADMIN_PASSWORD)
        page.tap('button[popovertarget="sidebar"]')
        page.tap('#sidebar a[href="/media"]')
        page.wait_for_selector(".tile")
        box = page.locator(".tile .pick").first.bounding_box()
        assert box is not None and min(box["width"], box["height"]) >= 44
        page.locator(".tile .pick").first.tap()
        with page.expect_download() as waiting:
            page.tap(".chosen button")
        assert Path(waiting.value.path()).stat().st_size > 0
        page.locator(".tile > a").first.tap()
        page.wait_for_selector(".with-file")
        link = page.locator(".with-file a").first
        box = link.bounding_box()
        assert box is not None and box["height"] >= 44
        link.tap()
        page.wait_for_url("**/m/*")
        page.goto("/senders")
        page.locator("tbody th a").first.tap()
        page.wait_for_selector("#marks")


@pytest.mark.parametrize("path", ["/media", "/media?look=table", "/senders", "/audit"])
def test_a_phone_shows_what_is_found_before_the_form(browser: Browser, base: str, path: str) -> None:
    """Without scripts, by keyboard: folded until it is asked for, and open where something stands in it."""
    with context(browser, base, locale="de", java_script_enabled=False, **PHONE) as (made, _):
        page = made.new_page()
        log_in(page, ADMIN, ADMIN_PASSWORD)
        page.goto(path)
        form, fold = page.locator("form.filters"), page.locator(".filter-fold summary")
        assert not form.is_visible()
        box, first = fold.bounding_box(), page.locator(".tile, tbody tr").first.bounding_box()
        assert box is not None and box["height"] >= 44
        assert first is not None and first["y"] < page.evaluate("innerHeight") / 2
        fold.press("Enter")
        form.wait_for()
        page.fill("#words", "Messebild")
        page.press("#words", "Enter")
        page.wait_for_url("**Messebild*")
        assert form.is_visible() and page.input_value("#words") == "Messebild"
        form.get_by_role("link", name="Alles zeigen").click()
        page.wait_for_url(lambda url: "Messebild" not in url)
        assert not form.is_visible()
        page.set_viewport_size({"width": 1280, "height": 800})
        assert form.is_visible() and not fold.is_visible()
