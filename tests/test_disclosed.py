"""What a reader of a letter would not see: where a link leads that names another place, what a blocked picture says."""

import re
import time

import pytest
from growing import times_as_long

from postbuch.webmail.bounds import MAX_CHARACTERS
from postbuch.webmail.disclosed import disclosed
from postbuch.webmail.plaintext import to_html
from postbuch.webmail.sanitize import clean_html


def leads(html: str) -> list[str]:
    """What is written beside links."""
    return re.findall(r'<span data-leads="">([^<]*)</span>', clean_html(html, {}).html)


@pytest.mark.parametrize(("text", "address", "shown"), [
    ("https://www.bank.example/konto", "https://evil.example/x", "evil.example"),
    ("bank.example", "https://evil.example", "evil.example"),
    ("www.bank.example", "//evil.example", "evil.example"),
    ("<b>https://</b><i>bank</i>.example", "https://evil.example", "evil.example"),
    ("https://bank&#8203;.example", "https://evil.example", "evil.example"),
    ("Zur Bank: https://bank.example", "https://evil.example", "evil.example"),
    ("&lt;www.bank.example&gt;", "https://evil.example", "evil.example"),
    ("Zur Bank (https://bank.example), jetzt", "https://evil.example", "evil.example"),
    ("https://bank.example", "https://bank.example@evil.example/", "evil.example"),
    ("https://bank.example", "https://bank.example.evil.example/", "bank.example.evil.example"),
    ("https://bank.example", "https://evil.example\\@bank.example/", "evil.example"),
    ("https://bank.example", "https:///evil.example/", "evil.example"),
    ("https://bank.example", "https://%65vil.example/", "evil.example"),
    ("https://bank.example", "https://192.0.2.1/", "192.0.2.1"),
    ("https://bank.example", "tel:+49123", "tel:+49123"),
    ("https://müller.example", "https://muller.example", "muller.example"),
    ("chef@firma.example", "mailto:boese@evil.example?subject=x", "boese@evil.example"),
    ("chef@firma.example", "https://evil.example/", "evil.example"),
    ("<img src=https://x.example/a.png alt=https://bank.example>", "https://evil.example", "evil.example"),
])
def test_a_link_that_names_another_place(text: str, address: str, shown: str) -> None:
    """It says where it leads, by the host that a browser would go to."""
    assert leads(f'<p><a href="{address}">{text}</a></p>') == [shown]


@pytest.mark.parametrize(("text", "address"), [
    ("https://bank.example/konto", "https://bank.example/konto"), ("bank.example", "https://www.bank.example/?a"),
    ("www.bank.example", "https://konto.bank.example"), ("shop.bank.example", "https://bank.example"),
    ("Jetzt ansehen", "https://track.example"), ("Punkt. Komma", "https://track.example"), ("", "https://a.example"),
    ("müller.example", "https://xn--mller-kva.example/"), ("HTTPS://Bank.Example:443/", "https://bank.example"),
    ("anna@firma.example", "mailto:Anna@firma.example?subject=x"),
    ("mailto:anna@firma.example", "mailto:anna@firma.example"),
    ("12.30", "https://track.example"), ("bank.example", "#bank"), ("Fa.Berg hier", "https://berg.example"),
])
def test_a_link_that_says_what_it_is(text: str, address: str) -> None:
    """Nothing is written beside it."""
    assert leads(f'<a href="{address}">{text}</a>') == []


def test_a_letter_cannot_write_it_itself() -> None:
    """Only ours are marked as ours."""
    assert clean_html('<span data-leads="">bank.example</span><i data-alt>x</i>', {}).html == (
        "<span>bank.example</span><i>x</i>"
    )


def test_the_words_of_a_picture_stand_where_it_is_blocked() -> None:
    """As large as it; one without words keeps its place, one of the letter's own is shown."""
    remote = 'src="https://x.example/a.png"'
    clean = clean_html(
        f'<img {remote} alt="50 % &lt;b&gt;" width="600" height="50%" style="border:0" class="a"><img {remote} alt=" ">'
        f'<img {remote} alt="x"><img src="cid:a" alt="y">', {"cid:a": "/m/1/inline/2/3"},
    )
    words = '<span data-alt="" class="a" style="width:600px;height:50%;border:0">50 % &lt;b&gt;</span>'
    assert clean.html.startswith(f"{words}<img ")
    assert '<span data-alt="">x</span><img src="/m/1/inline/2/3"' in clean.html
    assert clean.remote_images == 3


@pytest.mark.parametrize("piece", [
    '<a href="https://a.example">bank.example</a>', '<a href="https://a.example"><table><td>',
    '<a href="https://a.example">b', '<img src="x" alt="y">',
])
def test_many_links_take_time_by_their_number(piece: str) -> None:
    """Also within each other, and with nothing that ends them."""
    assert times_as_long(lambda count: disclosed(piece * count, "x"), 2_000) < 10


@pytest.mark.parametrize("piece", ["a", "1", "-", "a.", "a@"])
def test_a_long_text_that_is_nearly_a_place_takes_time_by_its_length(piece: str) -> None:
    def work(count: int) -> str:
        return disclosed(f'<a href="https://a.example">a.{piece * (count // len(piece))}§</a>' * 20, "x")

    assert times_as_long(work, 490) < 10


LATIN_WITH_CYRILLIC, ALL_CYRILLIC = "xn--bnk-6cd.example", "xn--80ak6aa92e.com"  # bаnk, аррӏе


@pytest.mark.parametrize(("host", "ascii_host"), [
    ("b\u0430nk.example", LATIN_WITH_CYRILLIC), ("B\u0410NK.example", LATIN_WITH_CYRILLIC),
    ("konto.b\u0430nk.example", f"konto.{LATIN_WITH_CYRILLIC}"), (LATIN_WITH_CYRILLIC, LATIN_WITH_CYRILLIC),
    ("www.\u0430\u0440\u0440\u04cf\u0435.com", f"www.{ALL_CYRILLIC}"), (ALL_CYRILLIC, ALL_CYRILLIC),
    ("\u03bd\u03b9\u03ba.gr", "xn--uxach.gr"), ("bank\u03bf.example", "xn--bank-3nd.example"),
    ("\u0261oogle.example", "xn--oogle-qmc.example"), ("b%D0%B0nk.example", LATIN_WITH_CYRILLIC),
    ("\u0138onto.example", "xn--onto-k0a.example"), ("\u13da\u13a2.com", "xn--mz9a4d.com"),
    ("\ua4ee\ua4d0\ua4da.com", "xn--3l8aua2d.com"), ("\u2ca5\u2c9f\u2ca3.com", "xn--zhjie.com"),
    ("\u04d5\u04af\u0431.com", "xn--90a5w0d.com"), ("\u0457\u0441\u0435.com", "xn--e1ax9d.com"),
    ("\u03f3\u03bf\u03c3.com", "xn--0xai6l.com"), ("\u10e7\u10dd.com", "xn--yodt.com"),
    ("pay\xb7pal.com", "xn--paypal-dla.com"), ("bank.de\u30cekonto.jp", "bank.xn--dekonto-u04f.jp"),
    ("pi\u0307n.example", "xn--pin-9dc.example"),
])
def test_a_host_that_looks_like_another(host: str, ascii_host: str) -> None:
    """Letters of several scripts, of one that looks like Latin, of phonetics: it is shown as the DNS has it."""
    mark = f'<span data-leads="alike">{ascii_host}</span>'
    for text in (host, "Hier", "https://bank.example"):
        assert mark in clean_html(f'<a href="https://{host}/x">{text}</a>', {}).html
    assert mark in clean_html(f'<a href="mailto:chef@{host}">Chef</a>', {}).html
    assert mark in to_html(f"Siehe https://{host}/x.")


@pytest.mark.parametrize("host", [
    "müller.de", "xn--mller-kva.de", "straße.de", "łódź.pl", "çığ.com.tr", "việtnam.vn", "president\u0219.ro",
    "президент.рф", "яндекс.com", "ελλάδα.gr", "東京.jp", "ソニーstyle.jp", "日本語とカナ.jp", "한국abc.kr", "中文.com",
    "l\xb7l.cat", "\u0440\u043e\u0441\u0430.\u0440\u0444", "\u043e\u043e\u043e.\u0440\u0444",
    "\u30ce\u30fc\u30c8.jp", "ABC\u30ce\u30fc\u30c8.jp", "ışık.com.tr", "\u0641\u06f1\u06f2.ir", "\U0001f4a9.example",
    "ישראל.co.il", "مثال.com", "ไทย.com", "bank.example", "192.0.2.1", "xn--", "xn--\u00ff.de", "a..b", "123.de",
])
def test_a_host_in_letters_of_a_language(host: str) -> None:
    """Nothing is said of it."""
    assert "data-leads" not in clean_html(f'<a href="https://{host}/">Hier</a>', {}).html
    assert "data-leads" not in to_html(f"https://{host}/")


def _of_many(count: int) -> str:
    """So many letters, no two alike: the DNS form of a name takes time by the square of them (RFC 3492)."""
    return "".join(chr(0x4E00 + 7919 * place % 20_000) for place in range(count))


@pytest.mark.parametrize("host", [
    _of_many(2_000), ".".join([_of_many(60)] * 30), ".".join(_of_many(900)), f"{_of_many(59)}.de", "xn--" + "zz9" * 600,
])
def test_many_links_to_hosts_of_many_letters(host: str) -> None:
    """A letter's text, as long as one is shown, is made ready in the process of the pages: all others would wait."""
    count = MAX_CHARACTERS // (len(host) + 10)
    text = "\n".join(f"https://{chr(0x4E00 + place)}{host}/" for place in range(count))
    began = time.process_time()
    to_html(text)
    assert time.process_time() - began < 2


def test_beyond_what_is_looked_at_there_is_no_link() -> None:
    """So none to a host that would have its mark."""
    text = "\n".join(f"https://b\u0430nk{place}.example/" for place in range(1_000))
    html = to_html(text)
    assert 200 < html.count("<a ") == html.count("data-leads") < 1_000
    assert to_html("https://kunde.example/Gr\xf6\xdfe\n" * 1_000).count("<a ") == 1_000
