"""Kept searches by HTTP: among the folders, renamed, counted, removed and got back; their addresses and names."""

import re
from collections.abc import Iterator

import pytest
from flask import Flask
from web_archive import ADMIN, ADMIN_PASSWORD, ANNA
from web_lists_site import enter, filled, subjects, token

from postbuch.archive import database, savedsearches, users
from postbuch.archive.config import Config
from postbuch.archive.database import Role


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Flask, Config]]:
    """As `filled` gives it."""
    with filled(tmp_path_factory.mktemp("websaved")) as made:
        yield made


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
