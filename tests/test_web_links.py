"""Links by HTTP: those of the seed and of old programs, and those to other programs."""

import html
import re
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from flask import Flask
from web_archive import ADMIN, ADMIN_PASSWORD, ANNA, ANNA_PASSWORD
from web_lists_site import AUDITOR, AUDITOR_PASSWORD, LINK, RAW, chips, enter, filled, subjects, token

from postbuch.archive import linktemplates
from postbuch.archive.config import Config
from postbuch.archive.errors import UsageError
from postbuch.webmail.login import limiter


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Flask, Config]]:
    """As `filled` gives it."""
    with filled(tmp_path_factory.mktemp("weblinks")) as made:
        yield made


@pytest.mark.parametrize("link", [
    LINK, RAW, LINK.replace("/intexmail/", "/"), LINK.replace("/intexmail/", "/a/b%20c/"),
    RAW.replace(")&", "&"), LINK.replace("%28", "%2528").replace("%29", "%2529").replace("%40", "%2540"),
])
def test_the_links_of_the_seed_lead_to_their_list(site: tuple[Flask, Config], link: str) -> None:
    """Not logged in: to the log-in, and from there to the link, which shows what it says, on any prefix."""
    limiter.reset()
    client = site[0].test_client()
    client.environ_base["HTTP_ACCEPT_LANGUAGE"] = "en"
    asked = client.get(link)
    assert asked.status_code == 302
    login = asked.headers["Location"]
    assert login.startswith("/login?next=")
    answer = client.post(login, data={"csrf_token": token(client), "login": ANNA, "password": ANNA_PASSWORD},
                         follow_redirects=True)  # fmt: skip
    assert answer.request.path.endswith("/mail_messages_list.php")
    assert subjects(answer.text) == ["Drittens", "Erstens"]
    assert [text for text, _ in chips(answer.text)] == ["From is test@test.de", "Read"]


@pytest.mark.parametrize(("written", "text"), [
    ("B%FCro%20Gro%DF", "Büro Groß"), ("B%C3%BCro", "Büro"), ("100%", "100%"), ("%80%20100", "€ 100"),
    ("%E2%82%AC", "€"), ("a+b%2Bc", "a b+c"), ("B%25FCro", "B%FCro"),
])  # fmt: skip
def test_links_of_old_programs_have_their_umlauts_in_windows_1252(
    site: tuple[Flask, Config], written: str, text: str
) -> None:
    """Also behind the log-in and when Excel has encoded the link once more; what is UTF-8 stays what it is."""
    limiter.reset()
    client = site[0].test_client()
    client.environ_base["HTTP_ACCEPT_LANGUAGE"] = "en"
    login = client.get(f"/intexmail/mail_messages_list.php?q=(subject~contains~{written})").headers["Location"]
    answer = client.post(login, data={"csrf_token": token(client), "login": ANNA, "password": ANNA_PASSWORD},
                         follow_redirects=True)  # fmt: skip
    assert [said for said, _ in chips(answer.text)] == [f"Subject contains {text}"]
    if "%25" not in written and "+" not in written:
        twice = quote(f"%28subject~contains~{written}%29", safe="")
        page = client.get("/mail_messages_list.php", query_string=f"q={twice}").text
        assert [said for said, _ in chips(page)] == [f"Subject contains {text}"]


def test_a_backslash_in_a_link_survives_the_log_in(site: tuple[Flask, Config]) -> None:
    """It escapes in the grammar, and browsers send it as it is."""
    limiter.reset()
    client = site[0].test_client()
    login = client.get("/?q=(subject~contains~x\\~y)").headers["Location"]
    answer = client.post(login, data={"csrf_token": token(client), "login": ANNA, "password": ANNA_PASSWORD})
    assert answer.headers["Location"] == "/?q=(subject~contains~x%5C~y)"


def test_one_letter_by_the_link_of_the_seed(site: tuple[Flask, Config]) -> None:
    """`editid1` is its number; a letter that one may not read, none and nonsense are all not there."""
    client = enter(site)
    number = re.search(r'href="/m/(\d+)', client.get("/?q=subject:Zweitens").text)
    assert number
    answer = client.get(f"/x/mail_messages_view.php?editid1={number[1]}")
    assert answer.headers["Location"] == f"/m/{number[1]}"
    foreign = re.search(r'href="/m/(\d+)', enter(site, ADMIN, ADMIN_PASSWORD).get("/?q=subject:Fremder").text)
    assert foreign
    for text in (foreign[1], "999999", "x", "", "9" * 30, "-1"):
        assert client.get(f"/x/mail_messages_view.php?editid1={text}").status_code == 404, text


def test_admins_keep_links_to_other_programs(site: tuple[Flask, Config]) -> None:
    """On each letter with its values, percent-encoded; nobody else changes them."""
    admin = enter(site, ADMIN, ADMIN_PASSWORD)
    data = {"csrf_token": token(admin, "/"), "name": "CRM <b>",
            "template": "https://crm.example/list.php?q=(Email~contains~#EMAIL#)&s=#SUBJECT#"}  # fmt: skip
    page = admin.post("/links", data=data, follow_redirects=True).text
    assert "The link stands on letters from now on." in page
    assert "CRM &lt;b&gt;" in page
    client = enter(site)
    number = re.search(r'href="/m/(\d+)', client.get("/?q=subject:Zweitens").text)
    assert number
    letter = client.get(f"/m/{number[1]}").text
    href = re.search(r'<a class="chip" href="(https://crm[^"]*)" target="_blank" rel="noopener noreferrer"', letter)
    assert href
    assert html.unescape(href[1]) == "https://crm.example/list.php?q=(Email~contains~test%40test.de)&s=Zweitens"
    for who in (client, enter(site, AUDITOR, AUDITOR_PASSWORD)):
        assert who.post("/links", data={**data, "csrf_token": token(who, "/")}).status_code == 403
    bad = {**data, "name": "x", "template": "javascript:alert(1)"}
    page = admin.post("/links", data=bad, follow_redirects=True).text
    assert "The address of a link begins with http:, https:, tel: or sip:." in page
    # What was typed is mended, not typed again.
    assert 'value="x"' in page and 'value="javascript:alert(1)"' in page
    admin.environ_base["HTTP_ACCEPT_LANGUAGE"] = "de"
    page = admin.post("/links", data=bad, follow_redirects=True).text
    assert "Die Adresse eines Links beginnt mit http:, https:, tel: oder sip:." in page
    admin.environ_base["HTTP_ACCEPT_LANGUAGE"] = "en"
    end = re.search(r'action="(/links/\d+/end)"', admin.get("/links").text)
    assert end
    admin.post(end[1], data={"csrf_token": data["csrf_token"]})
    assert "crm.example" not in client.get(f"/m/{number[1]}").text


@pytest.mark.parametrize("template", [
    "", "x", "crm.example/#EMAIL#", "javascript:alert(1)", "JAVASCRIPT:alert(1)", "data:text/html,x", "file:///etc",
    "//crm.example/", "https:///x", "https://#DOMAIN#/", "https://#EMAIL#@x.example/", "https://u:p@x.example/",
    "https://x.example/#NOSUCH#", "https://x.example/ y", "https://x.example\\y", "https://x.example:99999/",
    "https://x.example/\n", "mailto:#EMAIL#", "vbscript:x", "https://" + "x" * 2_000,
])
def test_bad_link_templates_are_refused(template: str) -> None:
    """Other schemes, hosts that a letter could choose, unknown variables, what a browser would read differently."""
    with pytest.raises(UsageError):
        linktemplates.check("CRM", template if template != "https://x.example/\n" else "https://x.example/\ny")


@pytest.mark.parametrize(("template", "expected"), [
    ("https://x.example/?q=#EMAIL#", "https://x.example/?q=a%2Bb%40k%C3%BCnde.example"),
    ("https://x.example/#DOMAIN#/#ID#", "https://x.example/k%C3%BCnde.example/7"),
    ("http://x.example/?n=#NAME#&s=#SUBJECT#", "http://x.example/?n=%22A%22%20%3Cb%3E&s=a%26b%3D%23%2F..%2F"),
    ("tel:#ID#", "tel:7"), ("sip:#EMAIL#", "sip:a%2Bb%40k%C3%BCnde.example"),
    ("https://x.example/#MESSAGEID#", None), ("https://x.example/#top", "https://x.example/#top"),
])
def test_values_are_percent_encoded(template: str, expected: str | None) -> None:
    """Nothing out of a letter leaves its place; without a value there is no link."""
    name, address = linktemplates.check("CRM", template)
    values = linktemplates.values_of(
        address="a+b@künde.example", name='"A" <b>', subject="a&b=#/../", message_id="", letter_id=7
    )
    assert linktemplates.Template(id=1, name=name, template=address).fill(values) == expected


def test_a_filter_is_added_to_a_link_of_the_seed(site: tuple[Flask, Config]) -> None:
    """The form leads to an address of ours, where words stay words."""
    page = enter(site).get("/x_list.php?qs=Nummer").text
    form = re.search(r'<form class="pop" id="list-filter"[^>]*action="([^"]*)"', page)
    assert form and form[1] == "/"
    assert '<input type="hidden" name="q" value="Nummer">' in page
