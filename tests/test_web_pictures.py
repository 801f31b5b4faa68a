"""Pictures that come with a letter stand where its HTML has them, in real Chromium, and nowhere else."""

import base64
import io
from collections.abc import Iterator

import pytest
from browser import chromium, context, log_in, serving
from PIL import Image
from playwright.sync_api import Locator, expect
from web_archive import ADMIN, ADMIN_PASSWORD, ANNA, Filling, archive, ingest, old

from provider.picture import Colour, png
from provider.ports import free_port

RED, GREEN, BLUE, OCHRE, PINK = (200, 0, 0), (0, 160, 0), (0, 0, 200), (180, 120, 0), (250, 100, 150)
HTML = b"""<html><head><style>.g { background: /* green */ url("http://bilder.example/green.png") }
.s { width: 60px; height: 60px }</style></head><body background="cid:pink@firma">
<div id=red class=s style="background-image:url('cid:red@firma')">R</div><div id=green class="s g">G</div>
<table><tr><td id=ochre class=s background="cid:ochre@firma">O</td></tr></table>
<img id=blue src="blue.png" width=60 height=60><img src="http://bilder.example/spy.png">
<div style="background-image:url(cid:lost@firma) var(--x)">L</div>
<p style="background:url(//bilder.example/spy.png)">Ende</p></body></html>"""
SHOWN: dict[str, Colour] = {"red": RED, "green": GREEN, "ochre": OCHRE, "blue": BLUE}


def picture(colour: Colour, *fields: str) -> bytes:
    """One part of a single colour."""
    octets = base64.b64encode(png(60, 60, lambda _x, _y: colour))
    lines = ["Content-Type: image/png", "Content-Transfer-Encoding: base64", *fields]
    return "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n" + octets + b"\r\n"


def letter() -> bytes:
    """As mail programs and saved pages refer to their pictures; one that none refers to, one where no browser would."""
    parts = (
        b"Content-Type: text/html\r\n\r\n" + HTML + b"\r\n",
        picture(RED, "Content-ID: <red@firma>"),
        picture(GREEN, "Content-Location: http://bilder.example/green.png"),
        picture(OCHRE, "Content-ID: <ochre@firma>"),
        picture(BLUE, "Content-Location: blue.png"),
        picture(PINK, "Content-ID: <pink@firma>"),
        picture(RED[::-1], "Content-ID: <other@firma>", "Content-Disposition: inline; filename=other.png"),
        picture(PINK[::-1], "Content-ID: <lost@firma>").replace(b"image/png", b"application/octet-stream"),
    )
    return (
        b"From: lena@kunde.example\r\nTo: anna@firma.example\r\nSubject: Briefpapier\r\nMessage-ID: <p@x>\r\n"
        b"Content-Type: multipart/related; boundary=b\r\n\r\n"
    ) + b"".join(b"--b\r\n" + part for part in parts) + b"--b--\r\n"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The web mail over an archive with that letter."""
    folder = tmp_path_factory.mktemp("pictures")
    with archive(folder / "data", f"127.0.0.1:{free_port()}") as config:
        filling = Filling()
        filling.add(letter(), ANNA, at=old(2))
        filed = (
            b"From: a@b.example\r\nSubject: %s\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n"
            b"\r\n--x\r\nContent-Type: text/plain\r\n\r\nHier\r\n--x\r\nContent-Type: image/png\r\n"
            b'Content-Disposition: attachment; filename="bild.png"\r\nContent-Transfer-Encoding: base64\r\n\r\n%s'
            b"\r\n--x--\r\n"
        )
        for subject, octets in ((b"Kein Bild", b"<svg/>"), (b"Ein Bild", png(60, 60, lambda _x, _y: RED))):
            filling.add(filed % (subject, base64.b64encode(octets)), ANNA, at=old(3))
        ingest(config, filling.records)
        with serving(config, folder / "postbuch.toml") as made:
            yield made


def colour_of(place: Locator) -> Colour:
    """What is seen a little within its lower right corner."""
    image = Image.open(io.BytesIO(place.screenshot())).convert("RGB")
    found = image.getpixel((image.width - 6, image.height - 6))
    assert isinstance(found, tuple)
    return found[0], found[1], found[2]


def test_pictures_stand_where_they_belong(base: str) -> None:
    """By either name they have their colours, nobody else is asked, and those that none shows are files."""
    with chromium() as browser, context(browser, base, locale="en-GB") as (made, _watch):
        page = made.new_page()
        log_in(page, ADMIN, ADMIN_PASSWORD)
        answers: list[int] = []
        page.on("response", lambda answer: answers.append(answer.status) if "/inline/" in answer.url else None)
        page.click("text=Briefpapier")
        page.wait_for_load_state("networkidle")
        frame = page.frame_locator("iframe.body")
        for name, colour in SHOWN.items():
            assert colour_of(frame.locator(f"#m-{name}")) == colour, name
        assert colour_of(frame.locator("p")) == PINK
        assert answers == [200] * 5
        files = page.locator("a[href*='/attachment/']").evaluate_all("all => all.map(each => each.href)")
        assert {address.rpartition("/")[2] for address in files} == {"6", "7"}


def test_what_is_no_picture_has_the_sign_of_its_kind(base: str) -> None:
    """In its tile nothing of a picture that the browser cannot show is seen, and the sign stands behind no other."""
    with chromium() as browser, context(browser, base, locale="en-GB") as (made, _watch):
        page = made.new_page()
        log_in(page, ADMIN, ADMIN_PASSWORD)
        for subject, is_picture in (("Kein Bild", False), ("Ein Bild", True)):
            page.goto(f"/?q=subject:%22{subject}%22")
            page.click("#letters .row-link")
            page.wait_for_load_state("networkidle")
            tile = page.locator(".file-sign")
            assert tile.locator(".icon").count() == 1
            picture = tile.locator("img")
            if not is_picture:
                expect(picture).to_have_count(0)
                continue
            before = tile.screenshot()
            tile.locator(".icon").evaluate("each => each.style.visibility = 'hidden'")
            assert tile.screenshot() == before
            assert colour_of(picture) == RED
