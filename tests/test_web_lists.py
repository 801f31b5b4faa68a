"""Lists by HTTP: the seed's links, chips, columns, whole lists marked and undone, kept searches, outgoing links."""

import html
import re
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from web_archive import ADMIN, ADMIN_PASSWORD, ANNA, ANNA_PASSWORD, Filling, application, archive, ingest, old

from postbuch.archive import auditlog, database, linktemplates, savedsearches, users
from postbuch.archive.config import Config
from postbuch.archive.database import Role
from postbuch.archive.errors import UsageError
from postbuch.archive.listview import VIEWS
from postbuch.archive.schema import list_choice, mark
from postbuch.archive.users import ALL, FOREVER
from postbuch.webmail import listwords, mailbox
from postbuch.webmail.login import limiter

AUDITOR, AUDITOR_PASSWORD = "pruefer@firma.example", "pruefer-Postbuch-1"
LINK = "/intexmail/mail_messages_list.php?q=%28from_email~equals~test%40test.de%29&tab=read&orderby=dmaildate"
# Header lines and the first of the two bodies of a message with a file; `octets` adds what follows.
WITH_FILE = (
    "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: application/x-y; name=a.bin\r\n"
    "Content-Disposition: attachment; filename=a.bin\r\n\r\nx\r\n--b\r\n"
)
RAW = "/intexmail/mail_messages_list.php?q=(from_email~equals~test@test.de)&tab=read&orderby=dmaildate"


def octets(number: int, sender: str, subject: str, extra: str = "") -> bytes:
    """A plain message."""
    return (
        f"From: {sender}\r\nTo: anna@firma.example\r\nSubject: {subject}\r\nMessage-ID: <w{number}@x>\r\n{extra}\r\n"
        f"Text {number}\r\n"
    ).encode()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Flask, Config]]:
    """Three letters of test@test.de, two of them read; one that only looks alike; a hundred others; a topic."""
    folder = tmp_path_factory.mktemp("weblists")
    with archive(folder / "data", "127.0.0.1:1") as config:
        filling = Filling()
        for number, (subject, seen) in enumerate((("Erstens", True), ("Zweitens", False), ("Drittens", True))):
            filling.add(octets(number, "Test Er <test@test.de>", subject), ANNA, at=old(20 - number),
                        flags=["\\Seen"] if seen else [])  # fmt: skip
        filling.add(octets(9, "mytest@test.de", "Aehnlich"), ANNA, at=old(9), flags=["\\Seen"])
        filling.add(octets(10, "rat@y.example", "Re: Erstens", "References: <w0@x>\r\n"), ANNA, at=old(8))
        for number in range(100, 200):
            filling.add(octets(number, "viele@y.example", f"Nummer {number}"), ANNA, at=old(30 + number))
        filling.add(octets(300, "fremd@y.example", "Fremder"), "lena@firma.example", at=old(1))
        filling.add(octets(301, "kaputt", "Ohne Adresse", WITH_FILE), "lena@firma.example", at=old(300))
        ingest(config, filling.records)
        with database.connection(config, Role.OWNER) as conn:
            users.grant(conn, ANNA, ANNA, by="test")
            users.create_user(conn, AUDITOR, role="auditor", password=AUDITOR_PASSWORD)
        with application(config) as app:
            yield app, config


def token(client: FlaskClient, path: str = "/login") -> str:
    """The CSRF token of a page."""
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', client.get(path).text)
    assert found
    return found[1]


def enter(site: tuple[Flask, Config], login: str = ANNA, password: str = ANNA_PASSWORD) -> FlaskClient:
    """A browser that speaks English and is logged in."""
    limiter.reset()
    client = site[0].test_client()
    client.environ_base["HTTP_ACCEPT_LANGUAGE"] = "en"
    answer = client.post("/login", data={"csrf_token": token(client), "login": login, "password": password})
    assert answer.status_code == 302
    return client


def subjects(page: str) -> list[str]:
    """Those of the letters or topics of a list, in their order."""
    return [html.unescape(found) for found in re.findall(r'<bdi class="subject">([^<]*)</bdi>', page)]


def chips(page: str) -> list[tuple[str, str]]:
    """Text and address of each chip."""
    found = re.findall(r'filter-chip[^"]*">.*?<bdi>(.*?)</bdi><a href="([^"]*)"', page, re.DOTALL)
    return [(html.unescape(text), html.unescape(href)) for text, href in found]


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


def test_chips_mirror_the_address(site: tuple[Flask, Config]) -> None:
    """Each says its condition and leads to the list without it; what is unknown says so, and the rest counts."""
    client = enter(site)
    page = client.get("/?q=(from~contains~test.de)(subject~startswith~Z)(farbe~equals~rot)(subject~sounds~like)").text
    assert subjects(page) == ["Zweitens"]
    found = chips(page)
    assert [text for text, _ in found] == [
        "From contains test.de", "Subject begins with Z", "There is no comparison “sounds”",
        "There is no field “farbe” here",
    ]
    assert "1 letter found" in page
    assert subjects(client.get(found[1][1]).text) == ["Aehnlich", "Drittens", "Zweitens", "Erstens"]
    assert subjects(client.get(found[0][1]).text) == ["Zweitens"]
    clean = client.get(found[2][1]).text
    assert [text for text, _ in chips(clean)] == ["From contains test.de", "Subject begins with Z"]
    both = client.get("/?q=(from~contains~test.de)(subject~startswith~Z)&criteria=or").text
    assert "at least one of:" in both
    # One click leads to the same with all of them, and back.
    [other] = re.findall(r'<a class="chip criteria" href="([^"]*)"', both)
    all_of = client.get(html.unescape(other)).text
    assert "all of:" in all_of and "criteria=or" in re.findall(r'<a class="chip criteria" href="([^"]*)"', all_of)[0]
    assert 'class="chip criteria"' not in client.get("/?q=(from~contains~a)(from~contains~b)").text
    assert len(subjects(both)) == 4


def test_a_filter_is_added_by_a_form(site: tuple[Flask, Config]) -> None:
    """To what narrows the list already; the form needs no script."""
    client = enter(site)
    form = "add_field=date&add_op=between&add_value=2000-01-01&add_second=today"
    answer = client.get(f"/?q=(from~contains~test.de)&{form}", follow_redirects=True)
    assert [text for text, _ in chips(answer.text)] == ["From contains test.de", "Date between 2000-01-01 and today"]
    assert len(subjects(answer.text)) == 4
    assert "add_field" not in answer.request.url


def test_a_second_filter_on_a_field_narrows_as_well(site: tuple[Flask, Config]) -> None:
    """It must hold beside the first: two ends of a time, two words that are not meant. Each chip takes its own away."""
    client = enter(site)
    form = "add_field=subject&add_op=notcontain&add_value=Erstens"
    page = client.get(f"/?q=(from~contains~test.de)(subject~notcontain~Zweitens)&{form}", follow_redirects=True).text
    assert sorted(subjects(page)) == ["Aehnlich", "Drittens"]
    found = chips(page)
    assert [text for text, _ in found] == [
        "From contains test.de", "Subject does not contain Zweitens", "Subject does not contain Erstens",
    ]
    assert 'class="joined"' not in page
    assert sorted(subjects(client.get(found[2][1]).text)) == ["Aehnlich", "Drittens", "Erstens"]
    assert sorted(subjects(client.get(found[1][1]).text)) == ["Aehnlich", "Drittens", "Zweitens"]
    # Who chose that one of all is enough gets one more of them.
    either = client.get("/?q=(subject~equals~Erstens)&criteria=or&add_field=subject&add_op=equals&add_value=Zweitens",
                        follow_redirects=True).text  # fmt: skip
    assert sorted(subjects(either)) == ["Erstens", "Zweitens"]


def test_chips_say_which_of_them_are_alternatives(site: tuple[Flask, Config]) -> None:
    """Conditions of a link on one field stand beside each other with an "or", and what must hold behind an "and"."""
    client = enter(site)
    link = "/?q=(subject~equals~Erstens)(from~contains~test)(subject~equals~Zweitens)&within=(size~morethan~1)"
    page = client.get(link)
    said = re.findall(r'<li class="joined">(\w+)</li>|<bdi>([^<]*)</bdi><a', page.text)
    assert [joined or text for joined, text in said] == [
        "Subject is Erstens", "or", "Subject is Zweitens", "and", "From contains test", "and", "Size is more than 1",
    ]
    assert sorted(subjects(page.text)) == ["Erstens", "Zweitens"]


def test_what_else_narrows_a_search_is_a_chip(site: tuple[Flask, Config]) -> None:
    """The tab and the mailbox of a search are said and can be taken away; else they are the title of the list."""
    client = enter(site)
    page = client.get("/").text
    [account, mailbox] = map(int, re.findall(r'href="/\?account=(\d+)&amp;mailbox=(\d+)"', page)[0])
    place = f"account={account}&mailbox={mailbox}"
    for path, words in (("/", "&q=subject:Zweitens"), ("/", "&q=(subject~equals~Zweitens)"),
                        ("/topics", "&q=(subject~equals~Zweitens)")):  # fmt: skip
        found = chips(client.get(f"{path}?{place}&unread=1{words}").text)
        assert [text for text, _ in found][1:] == ["Unread", f"Inbox · {ANNA}"], path
        assert "unread" not in found[1][1] and "mailbox=" in found[1][1]
        assert "unread=1" in found[2][1] and "account" not in found[2][1] and "mailbox" not in found[2][1]
        assert "Zweitens" in found[2][1]
    assert chips(client.get(f"/?{place}&unread=1").text) == []


def test_columns_are_chosen_and_remembered(site: tuple[Flask, Config]) -> None:
    """A table with these columns and so many rows, for this user alone; each choice stays with its end."""
    client = enter(site)
    data = {"csrf_token": token(client, "/"), "column": ["subject", "size", "from", "nosuch"], "size": "20",
            "look": "table", "next": "/"}  # fmt: skip
    assert client.post("/settings/list/letters", data=data).status_code == 302
    page = client.get("/").text
    heads = re.findall(r'<th scope="col"[^>]*>(.*?)</th>', page, re.DOTALL)
    heads = [re.sub(r"<[^>]+>|\s", "", head) for head in heads]
    assert [head for head in heads if head != "Selection"] == ["Subject", "Size", "From"]
    assert page.count('class="row-line') == 20
    sorted_by_size = re.search(r'href="([^"]*orderby=dsize[^"]*)"', page)
    assert sorted_by_size
    answer = client.get(html.unescape(sorted_by_size[1])).text
    assert 'aria-sort="descending"' in answer
    assert "<table" not in enter(site, ADMIN, ADMIN_PASSWORD).get("/").text
    for name in ("nosuch", "media", "senders"):
        bare = {"csrf_token": data["csrf_token"], "column": ["subject"]}
        assert client.post(f"/settings/list/{name}", data=bare).status_code == 404
    client.post("/settings/list/letters", data={**data, "look": "usual", "size": ""})
    assert "<table" not in client.get("/").text
    with database.connection(site[1], Role.WEB) as conn:
        rows = conn.execute(select(list_choice.c.column_names, list_choice.c.until == FOREVER)).all()
    assert [tuple(row) for row in rows] == [("subject size from", 0), ("", 1)]


def test_a_length_of_pages_counts_more_than_that_of_the_link(site: tuple[Flask, Config]) -> None:
    """Whoever came by a link with one and chooses another has that; the rest of the address stays as it was written."""
    client = enter(site)
    link = "/?q=(from~contains~viele)&pagesize=20&orderby=asubject"
    data = {"csrf_token": token(client, link), "look": "usual", "next": link}
    assert len(subjects(client.get(link).text)) == 20
    answer = client.post("/settings/list/letters", data={**data, "size": "100"})
    assert answer.location == "/?q=(from~contains~viele)&orderby=asubject"
    assert len(subjects(client.get(answer.location).text)) == 100
    answer = client.post("/settings/list/letters", data={**data, "size": "", "next": "/a.php?q=(x~equals~B%FCro)"})
    assert answer.location == "/a.php?q=(x~equals~B%FCro)"


def test_a_whole_list_is_marked_and_undone(site: tuple[Flask, Config], monkeypatch: pytest.MonkeyPatch) -> None:
    """All letters of a filter, not the page alone; undo gives each its state; more than the limit is refused."""
    client = enter(site)
    path = "/marks?q=(from~equals~viele@y.example)"
    assert "Select all 100 letters of this list" in client.get(path.replace("/marks", "/count")).text
    data = {"csrf_token": token(client, "/"), "all": "1", "mark": "read", "next": "/"}
    page = client.post(path, data=data, follow_redirects=True).text
    assert "100 letters marked as read." in page
    undo = re.search(r'name="undo" value="([^"]+)"', page)
    assert undo
    unread = "/?q=(from~equals~viele@y.example)&unread=1"
    assert "Nothing found" in client.get(unread).text
    changed = client.post("/marks", data={**data, "all": "", "undo": undo[1], "mark": "unread"}, follow_redirects=True)
    assert "100 letters marked as unread." in changed.text
    assert "100 letters found" in client.get(unread).text
    monkeypatch.setattr(mailbox, "MAX_BULK", 99)
    assert "More than 99 letters" in client.post(path, data=data, follow_redirects=True).text
    asked_by_script = client.post(path, data=data, headers={"HX-Request": "true"})
    assert asked_by_script.status_code == 200 and asked_by_script.headers["HX-Redirect"].startswith("/")
    assert "More than 99 letters" in client.get(asked_by_script.headers["HX-Redirect"]).text
    assert "100 letters found" in client.get(unread).text
    assert client.post("/marks", data={**data, "undo": "nonsense"}).status_code == 400
    with database.connection(site[1], Role.WEB) as conn:
        count = conn.scalar(select(func.count()).select_from(mark).where(mark.c.until == FOREVER))
    assert count == 100


@pytest.mark.parametrize("address", [
    "/?q=Nummer&unread=1&pagesize=20", "/?q=is:unread+subject:Nummer&pagesize=20",
    "/?unread=1&orderby=asubject&pagesize=20", "/?q=(unread~equals~1)(from~contains~viele)&orderby=dsize&pagesize=20",
    "/?unread=1&orderby=adate&pagesize=20", "/topics?unread=1&pagesize=20",
])
def test_going_on_skips_nothing_that_was_not_seen(site: tuple[Flask, Config], address: str) -> None:
    """A page is marked, so its letters leave the list; the next page is what would have come next, and so back."""
    client = enter(site)
    data = {"csrf_token": token(client, "/")}

    def numbers(page: str) -> list[str]:
        return re.findall(r'id="letter-(\d+)"', page)

    def link(page: str, name: str) -> str:
        [found] = re.findall(rf'href="([^"]*)" rel="{name}"', page)
        return html.unescape(found)

    first = client.get(address).text
    second = client.get(link(first, "next")).text
    third = client.get(link(second, "next")).text
    assert len({*numbers(first), *numbers(second), *numbers(third)}) == 60
    marked: list[str] = []
    try:
        for page, following in ((first, second), (second, third)):
            marked += numbers(page)
            client.post("/marks", data={**data, "mark": "read", "letter": numbers(page)})
            assert numbers(client.get(link(page, "next")).text) == numbers(following)
        # Nothing is left before the third page: back from it leads to the first that there is.
        assert numbers(client.get(link(third, "prev")).text) == numbers(third)
        # A letter of it, and the way back from there.
        assert "behind=" in link(second, "next") and "behind=" in client.get(link(second, "next")).text
    finally:
        client.post("/marks", data={**data, "mark": "unread", "letter": marked})


def test_topics_stand_as_rows_and_open_as_letters(site: tuple[Flask, Config]) -> None:
    """The answer and what it answers are one row; its page has both, oldest first, and leads to each."""
    client = enter(site)
    page = client.get("/topics?q=subject:Erstens").text
    assert subjects(page) == ["Erstens"]
    href = re.search(r'href="(/m/\d+/topic[^"]*)"', page)
    assert href
    topic = client.get(html.unescape(href[1])).text
    assert subjects(topic) == ["Erstens", "Re: Erstens"]
    assert "2 letters" in topic
    assert "Fremder" not in client.get("/topics").text


def test_kept_searches_stand_among_the_folders(site: tuple[Flask, Config]) -> None:
    """With what is unread; only for who keeps them; each can be removed."""
    client = enter(site)
    path = "/searches?q=(from_email~equals~test@test.de)"
    data = {"csrf_token": token(client, "/"), "name": "Vom Tester", "counted": "1"}
    assert "Vom Tester" in client.post(path, data=data, follow_redirects=True).text
    number = re.search(r'href="/searches/(\d+)"', client.get("/").text)
    assert number
    assert "1</span>" in client.get("/searches/counts").text
    answer = client.get(f"/searches/{number[1]}", follow_redirects=True)
    assert len(subjects(answer.text)) == 3
    other = enter(site, ADMIN, ADMIN_PASSWORD)
    assert "Vom Tester" not in other.get("/searches").text
    assert other.get(f"/searches/{number[1]}").status_code == 404
    stolen = {"csrf_token": token(other, "/")}
    assert other.post(f"/searches/{number[1]}/end", data=stolen).status_code == 404
    assert "The name of a saved search has" in client.post(path, data={**data, "name": " "}, follow_redirects=True).text
    client.post(f"/searches/{number[1]}/end", data={"csrf_token": data["csrf_token"]})
    assert "Vom Tester" not in client.get("/searches").text


def test_a_kept_search_is_changed_and_its_end_undone(site: tuple[Flask, Config]) -> None:
    """Another name, counted or not; two are never called the same; only by who keeps it."""
    client, other = enter(site), enter(site, ADMIN, ADMIN_PASSWORD)
    data = {"csrf_token": token(client, "/"), "counted": "1"}

    def numbers(name: str) -> list[str]:
        page = client.get("/searches").text
        return re.findall(rf'href="/searches/(\d+)"><svg.*?</svg><bdi>{name}</bdi>', page.partition("<main")[2])

    for name, words in (("Erste", "eins"), ("Zweite", "zwei")):
        client.post(f"/searches?q={words}", data={**data, "name": name})
    [first], [second] = numbers("Erste"), numbers("Zweite")
    answer = client.post(f"/searches/{first}", data={**data, "name": "zweite"}, follow_redirects=True)
    assert "There is already a saved search" in answer.text and numbers("Erste") == [first]
    assert other.post(f"/searches/{first}", data={"csrf_token": token(other, "/"), "name": "x"}).status_code == 404
    client.post(f"/searches/{first}", data={"csrf_token": data["csrf_token"], "name": "Umbenannt"})
    [renamed] = numbers("Umbenannt")
    assert numbers("Erste") == [] and f'id="saved-{renamed}"' not in client.get("/searches/counts").text
    assert client.get(f"/searches/{renamed}").location.endswith("?q=eins")
    removed = client.post(f"/searches/{second}/end", data=data, follow_redirects=True).text
    assert f'action="/searches/{second}/restore"' in removed and numbers("Zweite") == []
    stolen = {"csrf_token": token(other, "/")}
    assert other.post(f"/searches/{second}/restore", data=stolen).status_code == 404
    for _ in range(2):  # a double click
        client.post(f"/searches/{second}/restore", data=data)
    [back] = numbers("Zweite")
    assert client.get(f"/searches/{back}").location.endswith("?q=zwei")
    for number in (renamed, back):
        client.post(f"/searches/{number}/end", data=data)


def test_the_address_of_a_kept_search_stays_good(site: tuple[Flask, Config]) -> None:
    """After it was renamed, kept again, removed and restored, by each number that it had; not while it is removed."""
    client = enter(site)
    data = {"csrf_token": token(client, "/")}
    with database.connection(site[1], Role.WEB) as conn:
        user = users.user_number(conn, ANNA)

    def number_of(name: str) -> int:
        with database.connection(site[1], Role.WEB) as conn:
            return next(each.id for each in savedsearches.listed(conn, user) if each.name == name)

    def leads_to() -> set[str | None]:
        return {client.get(f"/searches/{number}").location for number in known}

    client.post("/searches?q=drei", data={**data, "name": "Vorher"})
    client.post("/searches?q=andere", data={**data, "name": "Andere"})
    known = [number_of("Vorher")]
    client.post(f"/searches/{known[0]}", data={**data, "name": "Mitte"})
    known.append(number_of("Mitte"))
    # A page that was open since before the change still does what it says.
    client.post(f"/searches/{known[0]}", data={**data, "name": "Nachher"})
    known.append(number_of("Nachher"))
    assert leads_to() == {"/?q=drei"} and len(set(known)) == 3
    client.post("/searches?q=vier", data={**data, "name": "Nachher"})
    known.append(number_of("Nachher"))
    assert leads_to() == {"/?q=vier"}
    removed = client.post(f"/searches/{known[1]}/end", data=data, follow_redirects=True).text
    assert leads_to() == {None} and f'action="/searches/{known[-1]}/restore"' in removed
    client.post(f"/searches/{known[0]}/restore", data=data)
    known.append(number_of("Nachher"))
    assert leads_to() == {"/?q=vier"}
    assert client.get(f"/searches/{number_of('Andere')}").location == "/?q=andere"
    assert enter(site, ADMIN, ADMIN_PASSWORD).get(f"/searches/{known[0]}").status_code == 404
    assert client.get(f"/searches/{10**30}").status_code == 404
    for name in ("Nachher", "Andere"):
        client.post(f"/searches/{number_of(name)}/end", data=data)


@pytest.mark.parametrize("name", ["", " \t", "x" * 256, "x" * 10_000])
def test_names_that_no_search_can_have(site: tuple[Flask, Config], name: str) -> None:
    """Are refused with a sentence, and a search keeps the name that it had."""
    client = enter(site)
    data = {"csrf_token": token(client, "/")}
    client.post("/searches?q=eins", data={**data, "name": "Bleibt"})
    number = re.findall(r'action="/searches/(\d+)"', client.get("/searches").text)[0]
    for address in ("/searches?q=zwei", f"/searches/{number}"):
        answer = client.post(address, data={**data, "name": name}, follow_redirects=True)
        assert answer.status_code == 200 and "1 to 255 characters" in answer.text
    odd = "a\0<b>&\ud800\U0001f600".encode("utf-8", "surrogatepass")
    client.post(f"/searches/{number}", data={**data, "name": odd})
    page = client.get("/searches").text
    assert "&lt;b&gt;&amp;" in page and "<b>" not in page.partition("<main")[2]
    assert client.get(f"/searches/{number}").location == "/?q=eins"
    assert client.post(f"/searches/{number}", data={"name": "ohne Marke"}).status_code == 400
    client.post(f"/searches/{number}/end", data=data)


def test_one_more_search_than_there_may_be(site: tuple[Flask, Config]) -> None:
    """Is refused; keeping one of the name again is not one more."""
    client = enter(site)
    data = {"csrf_token": token(client, "/"), "counted": "1"}
    with database.connection(site[1], Role.WEB) as conn:
        user = users.user_number(conn, ANNA)
        for number in range(savedsearches.MAX_SAVED):
            savedsearches.keep(conn, user, f"Voll {number}", "q=x", in_sidebar=False)
    assert "already; remove one" in client.post("/searches?q=y", data={**data, "name": "z"}, follow_redirects=True).text
    again = client.post("/searches?q=y", data={**data, "name": "Voll 1"}, follow_redirects=True).text
    assert "already; remove one" not in again
    with database.connection(site[1], Role.WEB) as conn:
        for each in savedsearches.listed(conn, user):
            savedsearches.remove(conn, user, each.id)


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
    assert "The address of a link begins with http:" in admin.post("/links", data=bad, follow_redirects=True).text
    admin.environ_base["HTTP_ACCEPT_LANGUAGE"] = "de"
    assert "Die Adresse eines Links beginnt mit http:" in admin.post("/links", data=bad, follow_redirects=True).text
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


def test_every_column_has_a_title_in_both_languages() -> None:
    """What the archive calls it in English is what is looked up for the reader."""
    titles = {column.title for view in VIEWS.values() for column in view.columns if column.title}
    assert titles <= set(listwords.TITLES)


def test_admins_do_not_read_what_was_looked_for(site: tuple[Flask, Config]) -> None:
    """That a whole list was marked is on record for them, not what somebody typed to get it."""
    client = enter(site)
    client.get("/?q=subject:Nummer geheimwort")
    data = {"csrf_token": token(client, "/"), "all": "1", "mark": "read", "next": "/"}
    client.post("/marks?q=subject:Nummer -geheimwort", data=data)
    data |= {"mark": "unread"}
    client.post("/marks?q=subject:Nummer -geheimwort", data=data)
    with database.connection(site[1], Role.WEB) as conn:
        newest = auditlog.page(conn, auditlog.Filter(), frozenset(), limit=30).rows
        assert {"mark-read", "mark-unread", "search"} <= {row["action"] for row in newest}
        assert "geheimwort" not in str(newest)
        assert "geheimwort" in str(auditlog.page(conn, auditlog.Filter(action="search"), ALL, limit=30).rows)


def test_what_was_looked_for_is_on_record_in_full(site: tuple[Flask, Config]) -> None:
    """However long it is: the target of an event is cut."""
    words = " ".join(f"wort{number}" for number in range(45))
    enter(site).get(f"/?q={words}")
    with database.connection(site[1], Role.WEB) as conn:
        [row] = auditlog.page(conn, auditlog.Filter(action="search", text="wort44"), ALL, limit=1).rows
    assert row["after"] == {"q": words}


def test_a_filter_is_added_to_a_link_of_the_seed(site: tuple[Flask, Config]) -> None:
    """The form leads to an address of ours, where words stay words."""
    page = enter(site).get("/x_list.php?qs=Nummer").text
    form = re.search(r'<form class="pop" id="list-filter"[^>]*action="([^"]*)"', page)
    assert form and form[1] == "/"
    assert '<input type="hidden" name="q" value="Nummer">' in page


def test_a_kept_search_of_incoming_letters_is_counted(site: tuple[Flask, Config]) -> None:
    """What is unread of it, as of any other."""
    client, asked = enter(site), "q=(from_email~equals~test@test.de)"
    data = {"csrf_token": token(client, "/"), "name": "Neu vom Tester", "counted": "1"}
    client.post(f"/marks?{asked}", data={**data, "all": "1", "mark": "unread", "next": "/"})
    client.post(f"/searches?{asked}&tab=in", data=data)
    number = re.search(r'href="/searches/(\d+)"', client.get("/").text)
    assert number
    counts = client.get("/searches/counts").text
    assert re.search(rf'id="saved-{number[1]}"[^>]*><span class="visually-hidden">unread: </span>3</span>', counts)
    client.post(f"/searches/{number[1]}/end", data={"csrf_token": data["csrf_token"]})


def test_the_way_back_leads_to_the_page_one_came_from(site: tuple[Flask, Config]) -> None:
    """By place and by offset, from the letter's other pages and its neighbours too, and to the letter itself."""
    client = enter(site)
    older = re.search(r'href="([^"]*before=[^"]*)" rel="next"', client.get("/").text)
    assert older
    for page in (html.unescape(older[1]), "/?orderby=asubject&offset=50", "/?q=viele&offset=50"):
        [first, *_] = re.findall(r'<a class="row-link" href="([^"]*)"', client.get(page).text)
        number = int(re.findall(r"/m/(\d+)", first)[0])
        shown = html.unescape(first)
        for address in (shown, shown.replace("?", "/headers?"), shown.replace("?", "/evidence?")):
            [back] = re.findall(r'id="back" href="([^"]*)"', client.get(address).text)
            bare, _, anchor = html.unescape(back).partition("#")
            assert anchor == f"letter-{number}"
            assert subjects(client.get(bare).text) == subjects(client.get(page).text), address
        tabs = re.findall(r'<a href="(/m/\d+/source[^"]*)"', client.get(shown).text)
        assert all("before=" in each or "offset=50" in each for each in tabs) and tabs
        beside = client.get(shown.replace("?", "/neighbours?")).text if "q=" in page else client.get(shown).text
        [neighbour] = re.findall(r'id="older" href="([^"]*)"', beside) or [shown]
        assert "before=" in neighbour or "offset=50" in neighbour
    # A topic's letters are no page of a list.
    topic = re.search(r'href="(/m/\d+/topic[^"]*offset=50[^"]*)"', client.get("/topics?offset=50").text)
    assert topic
    page = client.get(html.unescape(topic[1])).text
    assert re.search(r'id="back" href="/topics\?offset=50#letter-\d+"', page)
    assert all("offset" not in each for each in re.findall(r'<a class="row-link" href="([^"]*)"', page))


@pytest.mark.parametrize(("address", "last"), [
    ("/?goto=99&pagesize=20", "/?pagesize=20&offset=100"), ("/?offset=999", "/?offset=100"),
    ("/?before=1990-01-01T00:00:00_1", "/?offset=100"), ("/?q=viele&offset=999", "/?q=viele&offset=50"),
    ("/topics?offset=999", "/topics?offset=100"), ("/senders?offset=999", "/senders"),
])
def test_a_page_behind_the_end_says_so(site: tuple[Flask, Config], address: str, last: str) -> None:
    """It is not an empty mailbox; one click leads to the last page, which has rows."""
    client = enter(site)
    page = client.get(address).text
    assert "This page is behind the end of the list" in page
    assert "No letters here" not in page and "No address fits" not in page
    found = re.search(r'href="([^"]*)">To the last page<', page)
    assert found and sorted(html.unescape(found[1]).split("&")) == sorted(last.split("&"))
    assert "This page is behind" not in client.get(last).text
    assert "To the first page" in page
    assert "This page is behind" not in client.get("/?q=gibtesnicht&offset=999").text


def test_no_attachment_is_an_empty_count(site: tuple[Flask, Config]) -> None:
    """Zero files are none."""
    client = enter(site, ADMIN, ADMIN_PASSWORD)
    assert subjects(client.get("/?q=(attachments~notempty~)").text) == ["Ohne Adresse"]
    without = client.get("/?q=(attachments~empty~)&pagesize=500").text
    assert "Ohne Adresse" not in subjects(without) and len(subjects(without)) == 106


@pytest.mark.parametrize("op", ["moreequal", "morethan", "contains", "between", "empty", "notempty"])
def test_yes_and_no_are_neither_more_nor_less(site: tuple[Flask, Config], op: str) -> None:
    """A link that compares so gets a red chip, and the form does not offer it."""
    client = enter(site)
    page = client.get(f"/?q=(unread~{op}~1)(from~contains~test.de)").text
    assert [text for text, _ in chips(page)] == [
        "From contains test.de", f"“unread {op}” compares a yes or no with something that it cannot be",
    ]
    assert "filter-chip bad" in page and len(subjects(page)) == 4
    offered = re.findall(r'<option value="(\w+)" data-flag>', page)
    assert offered == ["equals", "notequal", "in"]
    among, equal = (client.get(f"/?q=(unread~{each}~1)(from~contains~test.de)").text for each in ("in", "equals"))
    assert subjects(among) == subjects(equal)


def test_a_sender_without_an_address_is_shown(site: tuple[Flask, Config]) -> None:
    """What stands in the From line, where no address can be made of it."""
    client = enter(site, ADMIN, ADMIN_PASSWORD)
    [letter] = re.findall(r'class="row-link" href="([^"]*)"', client.get('/?q=subject:"Ohne Adresse"').text)
    page = client.get(html.unescape(letter)).text
    assert re.search(r"<dt>From</dt><dd>.*kaputt", page)
    assert len(re.findall("<dt>To</dt>", page)) == 1


def test_the_usual_columns_name_the_recipients(site: tuple[Flask, Config]) -> None:
    """A list shows them, so its exports and its table do."""
    client = enter(site)
    asked = {"csrf_token": token(client, "/"), "view": "letters", "format": "csv", "q": "subject:Zweitens"}
    lines = client.post("/export", data=asked).data.decode("utf-8-sig").splitlines()
    assert lines[0].split(",")[:3] == ["From", "To", "Subject"]
    assert "anna@firma.example" in lines[1].split(",")[1]


def test_a_session_that_ended_elsewhere_says_so(site: tuple[Flask, Config]) -> None:
    """A part of a page asked for by script: the log-in says why it is there, and leads back to the page."""
    limiter.reset()
    client = site[0].test_client()
    client.environ_base["HTTP_ACCEPT_LANGUAGE"] = "en"
    here = "/?q=viele&offset=50"
    answer = client.get("/news", headers={"HX-Request": "true", "HX-Current-URL": f"http://localhost{here}"})
    assert answer.status_code == 401
    login = answer.headers["HX-Redirect"]
    page = client.get(login)
    assert page.status_code == 200 and "Your session has ended" in page.text
    there = client.post(login, data={"csrf_token": token(client), "login": ANNA, "password": ANNA_PASSWORD})
    assert there.headers["Location"] == here
    # Another site's page, or none, leads nowhere; nor does the log-in say so to who just came.
    for elsewhere in ("//evil.example/", "http:\\\\evil", "http://[", ""):
        led = client.get("/news", headers={"HX-Request": "true", "HX-Current-URL": elsewhere})
        assert "evil" not in led.headers.get("HX-Redirect", "")
    assert "Your session has ended" not in client.get("/login").text


@pytest.mark.parametrize("words", ["a+OR", "OR+a", "()", "(", ")", "before:neulich"])
def test_a_mistake_in_a_search_is_said_in_german(site: tuple[Flask, Config], words: str) -> None:
    """Not half of it in English, in no list."""
    client = enter(site)
    client.environ_base["HTTP_ACCEPT_LANGUAGE"] = "de"
    for path in ("/", "/topics"):
        page = html.unescape(client.get(f"{path}?q={words}").text)
        assert "Diese Suche ist nicht zu verstehen: " in page
        assert "the search" not in page and "needs a" not in page
