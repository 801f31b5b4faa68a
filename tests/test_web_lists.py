"""Lists by HTTP: chips, filters, columns, whole lists marked and undone, what stands on record."""

import html
import re
from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import func, select
from web_archive import ADMIN, ADMIN_PASSWORD, ANNA, ANNA_PASSWORD
from web_lists_site import chips, enter, filled, subjects, token

from postbuch.archive import auditlog, database
from postbuch.archive.config import Config
from postbuch.archive.database import Role
from postbuch.archive.listview import VIEWS
from postbuch.archive.schema import audit_event, list_choice, mark
from postbuch.archive.users import ALL, FOREVER
from postbuch.webmail import listwords, mailbox
from postbuch.webmail.login import limiter


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Flask, Config]]:
    """As `filled` gives it."""
    with filled(tmp_path_factory.mktemp("weblists")) as made:
        yield made


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
    """The answer and what it answers are one row; its page has both, oldest first, the unread and the asked one open.

    The page counts nothing as read: that does what is fetched when a letter comes into view, and puts it on record.
    """
    client = enter(site)
    page = client.get("/topics?q=subject:Erstens").text
    assert subjects(page) == ["Erstens"]
    href = re.search(r'href="(/m/\d+/topic[^"]*)"', page)
    assert href
    topic = client.get(html.unescape(href[1])).text
    assert re.findall(r'<span class="preview"><bdi>([^<]*)', topic) == ["Text 0", "Text 10"]
    assert "2 letters" in topic
    assert "Fremder" not in client.get("/topics").text
    first, answer = (int(found) for found in re.findall(r'<li class="row[^"]*" id="letter-(\d+)"', topic))
    opened = r'id="letter-(\d+)">.*?<details class="piece"( open)?>'
    assert re.findall(opened, client.get(f"/m/{first}/topic").text, re.DOTALL) == [
        (str(first), " open"), (str(answer), " open")
    ]
    with database.connection(site[1], Role.WEB) as conn:
        before = conn.scalar(select(func.max(audit_event.c.id)))
    part = client.get(f"/m/{answer}/opened")
    assert f'src="/m/{answer}/body/' in part.text and "<html" not in part.text and 'hx-swap-oob="true"' in part.text
    assert 'hx-swap-oob="true"' not in client.get(f"/m/{answer}/opened").text
    with database.connection(site[1], Role.WEB) as conn:
        found = conn.execute(select(audit_event.c.action, audit_event.c.target).where(audit_event.c.id > before)).all()
    assert [tuple(each) for each in found] == [("view", f"letter {answer}")] * 2
    topic = client.get(f"/m/{first}/topic").text
    assert re.findall(opened, topic, re.DOTALL) == [(str(first), " open"), (str(answer), "")]
    assert "earlier=1" not in topic


def test_a_long_topic_opens_with_its_newest_letters(
    site: tuple[Flask, Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The earlier ones on demand, and as far back as the letter that was asked for."""
    monkeypatch.setattr("postbuch.webmail.topics.FIRST_LETTERS", 1)
    client = enter(site)
    row = r'<li class="row[^"]*" id="letter-(\d+)"'
    found = re.search(r'href="/m/(\d+)/topic', client.get("/topics?q=subject:Erstens").text)
    assert found
    short = client.get(f"/m/{found[1]}/topic").text
    assert re.findall(row, short) == [found[1]]
    more = re.search(r'href="(/m/\d+/topic[^"]*earlier=1[^"]*)"', short)
    assert more
    whole = re.findall(row, client.get(html.unescape(more[1])).text)
    assert len(whole) == 2
    assert re.findall(row, client.get(f"/m/{whole[0]}/topic").text) == whole


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


@pytest.mark.parametrize(("more", "said"), [
    ("colour=red&frm=anna&colour=blue", "colour, frm"), ("Q=x", "Q"), ("<i>=1", "<i>"),
    ("&".join(f"x{number}=1" for number in range(99)), None),
    ("tab=read&sortby=asubject&goto=1&pagesize=20&a=&editid1=7&qs=&criteria=and&orderby=&offset=0", ""),
    ("utm_source=a&utm_medium=b&fbclid=c&gclid=d&menuItemId=3&_=99", ""),
    ("account=&mailbox=&unread=0&within=&behind=9&before=&add_field=", ""),
])  # fmt: skip
@pytest.mark.parametrize("path", ["/", "/topics", "/media", "/senders", "/intexmail/mail_messages_list.php"])
def test_an_argument_that_no_list_knows_is_told(
    site: tuple[Flask, Config], path: str, more: str, said: str | None
) -> None:
    """As a red chip that takes it away. None for what old links and trackers carry, and for what our forms send."""
    page = enter(site).get(f"{path}?{more}").text
    chip = r'<li class="chip[^"]*bad">(?:<svg.*?</svg>)?<bdi>([^<]*)</bdi>\s?<a href="([^"]*)"'
    found = re.findall(chip, page, re.DOTALL)
    told = [html.unescape(text).partition(": ")[2] for text, _ in found if "Passed over" in text]
    if said is None:
        assert len(told) == 1 and len(told[0]) == 80 and told[0].endswith("…")
    else:
        assert told == ([said] if said else [])
    for text, without in found:
        assert "Passed over" not in text or not {"colour", "frm", "x1", "Q"} & set(re.findall(r"[?;&](\w+)=", without))


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
