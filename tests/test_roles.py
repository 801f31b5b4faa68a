"""Who gets what: every route and every command, for every role, about letters of every kind, as docs/roles.md has it.

The table is made by really asking. A letter outside the rights answers octet for octet like one that does not exist.
"""

import hashlib
import json
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer
from flask import Flask
from flask.testing import FlaskClient
from role_letters import ARRIVED, PNG, RELATIONS, ROLES, SENT, Letter, login, nothing, roles_archive, table_of
from role_probes import ABOUT_A_LETTER, ABOUT_NONE, LINES, LISTED, enter, outcome
from sqlalchemy import func, select
from web_archive import NOBODY, NOBODY_PASSWORD, application
from werkzeug.test import TestResponse

from postbuch.archive import database, departments, users
from postbuch.archive.config import Config
from postbuch.archive.database import Role
from postbuch.archive.errors import NotFound
from postbuch.archive.objects import ObjectStore
from postbuch.archive.schema import audit_event
from postbuch.certs import authority
from postbuch.cli import main
from postbuch.webmail.ftps_visit import Visit
from postbuch.webmail.login import limiter

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "roles.md").read_text(encoding="utf-8")
ROUTES, COMMANDS, FILES = (table_of(PAGE, heading) for heading in ("Routes", "Commands", "Files by FTPS"))
COLUMNS = [(role, relation) for role in ROLES for relation in RELATIONS]
# What only the one at the machine is told, and what every command says that shows no letter.
SILENT = "–"


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """The archive, its pages, its letters, a browser for each role, and a file with its configuration."""

    config: Config
    app: Flask
    letters: dict[str, Letter]
    clients: dict[str, FlaskClient]
    file: Path


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One for all tests: none of them changes who may read what for good."""
    folder = tmp_path_factory.mktemp("roles")
    with roles_archive(folder) as (config, letters), application(config) as app:
        clients = {role: _client(app, role) for role in ROLES}
        authority.initialise(config.data, ["localhost"])  # the mark of a folder that was set up
        file = folder / "postbuch.toml"
        file.write_text(f'data_dir = "{config.data_dir}"\n[web]\nlisten = "http://127.0.0.1:1"\n', encoding="utf-8")
        yield House(config=config, app=app, letters=letters, clients=clients, file=file)


def _client(app: Flask, role: str = "") -> FlaskClient:
    made = app.test_client()
    made.environ_base["HTTP_ACCEPT_LANGUAGE"] = "en"
    if role:
        enter(made, login(role))
    return made


def test_every_route_has_its_line(house: House) -> None:
    """A new route without a line in docs/roles.md fails here, and so does a line without a request."""
    there = {
        f"{method} {rule}" for rule in house.app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }  # fmt: skip
    named = {line if line in there else line.rpartition(" ")[0] for line in ROUTES}
    assert named == there
    assert sorted(ROUTES) == sorted(LINES)


@pytest.mark.parametrize("line", LINES)
def test_a_route_answers_as_the_table_says(house: House, line: str) -> None:
    """Every role about every kind of letter, and a stranger."""
    limiter.reset()
    # Who logs out is not there for the next line.
    clients = house.clients if line != "POST /logout" else {}
    found = {"stranger": outcome(_client(house.app), line, house.letters["own"])}
    for role, relation in COLUMNS:
        client = clients.get(role) or _client(house.app, role)
        found[f"{role}: {relation}"] = outcome(client, line, house.letters[relation])
    assert found == ROUTES[line]


@pytest.mark.parametrize("role", ["employee", "admin"])
def test_nothing_foreign_stands_anywhere(house: House, role: str) -> None:
    """No subject, address, name of a file or folder of a foreign letter in any answer about other things.

    The admin's pages of the system and its completeness name every account and folder: that is his work.
    """
    client, foreign = house.clients[role], house.letters["foreign"].mark.encode()
    pages = {path: _read(client.get(path)) for path in ("/", "/?unread=1", "/?q=kunde", "/?q=has:attachment", "/audit")}
    for line, asks in ABOUT_A_LETTER.items():
        for relation in ("own", "granted", "department"):
            pages |= {f"{line} {relation}": _read(ask(client, house.letters[relation])) for ask in asks}
    pages |= {line: _read(ABOUT_NONE[line](client, nothing())) for line in ABOUT_NONE
              if line not in ("POST /logout", "POST /login", "GET /admin", "GET /completeness")}  # fmt: skip
    assert [line for line, said in pages.items() if foreign in said] == []
    if role == "employee":
        assert b"3 letters found" in pages["/?q=kunde"]


def _read(answer: TestResponse) -> bytes:
    """Head and body, before anything else is asked for: a stream holds the context of its request."""
    with answer:
        return f"{answer.headers}".encode() + bytes(answer.data)


def test_pieces_of_a_foreign_letter_are_not_had_by_way_of_an_own_one(house: House) -> None:
    """The number of a foreign image behind the number of an own letter is none of its images."""
    own, foreign = house.letters["own"], house.letters["foreign"]
    client = house.clients["employee"]
    for path in ("body/{}", "inline/{}/1", "attachment/{}/2", "preview/{}/2", "tile/{}/3", "files/{}.zip",
                 "message/{}.eml"):  # fmt: skip
        answers = [client.get(f"/m/{own.id}/{path.format(number)}") for number in (foreign.image, nothing().image)]
        assert [answer.status_code for answer in answers] == [404, 404], path
        assert answers[0].data == answers[1].data, path
    answers = [client.get(f"/m/{own.id}?image={number}") for number in (foreign.image, nothing().image)]
    assert answers[0].data == answers[1].data


def test_a_copy_that_only_a_colleague_has_is_not_there(house: House) -> None:
    """One letter, two images: the other one, its Bcc and its sender's account are not told, nor found by its digest."""
    auditor, employee = house.clients["auditor"], house.clients["employee"]
    digests = [hashlib.sha256(each).hexdigest() for each in (SENT, ARRIVED)]
    answers = [auditor.get(f"/m/by-message-id/{digest}") for digest in digests]
    letter = answers[0].headers["Location"]
    assert answers[1].headers["Location"] == letter  # one letter
    assert digests[0] in auditor.get(f"{letter}/evidence").text
    assert employee.get(f"/m/by-message-id/{digests[1]}").headers["Location"] == letter
    there, nowhere = (employee.get(f"/m/by-message-id/{digest}") for digest in (digests[0], "0" * 64))
    assert (there.status_code, there.data) == (404, nowhere.data)
    for path in (letter, f"{letter}/headers", f"{letter}/source", f"{letter}/evidence"):
        page = employee.get(path)
        assert page.status_code == 200
        assert "markforeign" not in page.text
        assert digests[0] not in page.text
    for words in (f"sha256:{digests[0]}", "geheim.markforeign", "to:geheim.markforeign", "account:konto.markforeign"):
        assert "0 letters found" in employee.get("/", query_string={"q": words}).text, words
        assert "0 letters found" not in auditor.get("/", query_string={"q": words}).text, words


def test_who_asks_for_what_he_may_not_see_is_on_record(house: House) -> None:
    """Invariant 9: a foreign letter and one that does not exist leave the same event; so does a page of the admin."""
    client, foreign = house.clients["employee"], house.letters["foreign"]
    for number in (foreign.id, nothing().id):
        client.get(f"/m/{number}/source")
    client.get("/admin")
    client.get(f"/m/by-message-id/{foreign.message_id}")
    with database.connection(house.config, Role.WEB) as conn:
        rows = conn.execute(
            select(audit_event).where(audit_event.c.actor == login("employee")).order_by(audit_event.c.id.desc())
        ).fetchmany(5)
    assert [(row.action, row.target) for row in reversed(rows)] == [
        ("refused", f"letter {foreign.id}"), ("refused", f"letter {nothing().id}"), ("refused", "page /admin"),
        ("find", f"message-id {foreign.message_id}"), ("refused", "page /m/by-message-id/…"),
    ]  # fmt: skip


def test_a_right_that_ends_ends_with_the_next_click(house: House) -> None:
    """Out of the department, out of its letters, in a session that goes on; back in, back again."""
    client, letter = house.clients["employee"], house.letters["department"]
    assert client.get(f"/m/{letter.id}").status_code == 200
    for change, status in (("remove_members", 404), ("add_members", 200)):
        with database.connection(house.config, Role.OWNER) as conn:
            departments.change(conn, "Einkauf", by="test", **{change: [login("employee")]})
        assert client.get(f"/m/{letter.id}").status_code == status
    with database.connection(house.config, Role.OWNER) as conn:
        users.set_user(conn, login("employee"), active=False)
    assert client.get("/").headers["Location"].startswith("/login")
    with database.connection(house.config, Role.OWNER) as conn:
        users.set_user(conn, login("employee"), active=True)
    assert client.get("/").status_code == 200


def test_who_may_read_nothing_gets_nothing(house: House) -> None:
    """No right, no letter, and no count."""
    client = _client(house.app)
    page = client.get("/login").text
    token = page.partition('name="csrf_token"')[2].partition('value="')[2].partition('"')[0]
    client.post("/login", data={"csrf_token": token, "login": NOBODY, "password": NOBODY_PASSWORD})
    for relation in RELATIONS:
        assert outcome(client, "GET /m/<int:letter_id>", house.letters[relation]) == "none"
        assert outcome(client, LISTED, house.letters[relation]) == "none"
    assert client.get("/news?since=1970-01-01T00:00:00_0").status_code == 204


def test_an_auditor_changes_nothing(house: House) -> None:
    """Reading leaves no mark, and there is no button for one."""
    client, letter = house.clients["auditor"], house.letters["own"]
    before = client.get("/").text.count("row unread")
    page = client.get(f"/m/{letter.id}").text
    assert before == len(RELATIONS)
    assert 'name="mark"' not in page
    assert client.get("/").text.count("row unread") == before
    assert 'name="letter"' not in client.get("/").text


# --- commands -------------------------------------------------------------------------------------------------------


def _commands() -> dict[str, Any]:
    """Every command by its words."""
    found: dict[str, Any] = {}

    def walk(group: Any, words: str) -> None:
        for name, command in group.commands.items():
            if hasattr(command, "commands"):
                walk(command, f"{words}{name} ")
            else:
                found[f"postbuch {words}{name}"] = command

    for name in main.COMMANDS:
        walk(typer.main.get_command(main.make_app([name])), "")
    return found


@pytest.mark.parametrize("line", ["folder", "file"])
def test_files_by_ftps_are_there_as_the_table_says(house: House, line: str) -> None:
    """By what stands behind the protocol."""
    found = {}
    with database.pool(house.config, Role.WEB) as engine:
        for role, relation in COLUMNS:
            with engine.begin() as conn:
                user = users.find_user(conn, login(role))
            assert user is not None
            path = next((house.config.data / "attachments").rglob(f"{house.letters[relation].id}-*"))
            path = path.relative_to(house.config.data / "attachments")
            visit = Visit(engine, ObjectStore(house.config.data), user, "192.0.2.7")
            word = "yes"
            try:
                if line == "folder":
                    assert [each.name for each in visit.listing(str(path.parent))] == [path.name]
                else:
                    with visit.open(str(path)) as stream:
                        assert stream.read() == PNG
            except NotFound:
                word = "none"
            found[f"{role}: {relation}"] = word
    assert found == FILES[line]


def test_every_command_has_its_line() -> None:
    """A new command without a line in docs/roles.md fails here; those that look as a user are tried as each."""
    assert sorted(COMMANDS) == sorted(_commands())
    for line, command in _commands().items():
        looks_as_user = any("--as" in option.opts for option in command.params)
        assert looks_as_user == all(word in ("yes", "none") for word in COMMANDS[line].values()), line
        assert (line in SHOWING) == ("yes" in COMMANDS[line].values()), line


# How each command that shows mail is asked for a letter.
SHOWING: dict[str, Callable[[Letter, Path], list[str]]] = {
    "postbuch search": lambda letter, _: ["search", f"subject:{letter.mark}"],
    "postbuch get": lambda letter, folder: ["get", letter.sha256, "--output", str(folder / "letter.eml")],
    "postbuch show": lambda letter, _: ["show", str(letter.id)],
    "postbuch export": lambda letter, folder: [
        "export", f"subject:{letter.mark}", "--format", "zip", "--force", "--output", str(folder / "export.zip"),
    ],
    "postbuch prove": lambda letter, folder: ["prove", letter.sha256, "--output", str(folder / "proof.zip")],
}


@pytest.mark.parametrize("line", sorted(SHOWING))
def test_a_command_answers_as_the_table_says(
    house: House, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Run for the one at the machine and, where it can, as each user; a foreign letter is one that does not exist."""

    def run(letter: Letter, user: str) -> tuple[int, str, str]:
        words = [*SHOWING[line](letter, tmp_path), *(["--as", login(user)] if user else [])]
        monkeypatch.setattr(sys, "argv", ["postbuch", *words, "--json", "--config", str(house.file)])
        code = 0
        try:
            main.run()
        except SystemExit as end:
            code = int(end.code or 0)
        said = capsys.readouterr()
        bare = (text.replace(letter.mark, "…").replace(letter.sha256, "…") for text in said)
        out, error = (text.replace(f"'{letter.id}'", "…") for text in bare)
        return code, out, error

    def word(letter: Letter, user: str) -> str:
        there, nowhere = run(letter, user), run(nothing(), user)
        if there == nowhere:
            assert there[0] in (0, 1), there  # found nothing; there is no such letter
            return "none"
        assert there[0] == 0, there
        return "yes"

    found = {"system user": word(house.letters["foreign"], "")}
    for role, relation in COLUMNS:
        by_role = COMMANDS[line][f"{role}: {relation}"] != SILENT
        found[f"{role}: {relation}"] = word(house.letters[relation], role) if by_role else SILENT
    assert found == COMMANDS[line]
    if line == "postbuch prove":
        with zipfile.ZipFile(tmp_path / "proof.zip") as proof:
            assert json.loads(proof.read("proof.json"))


def test_a_command_is_on_record_also_when_it_finds_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Invariant 9: the search that is wrong, the letter that is not there, and for whom it was looked."""
    with database.connection(house.config, Role.WEB) as conn:
        before = conn.scalar(select(func.max(audit_event.c.id)))
    for words in (["search", "("], ["show", "999999", "--as", login("employee")]):
        monkeypatch.setattr(sys, "argv", ["postbuch", *words, "--config", str(house.file)])
        with pytest.raises(SystemExit):
            main.run()
    capsys.readouterr()
    with database.connection(house.config, Role.WEB) as conn:
        rows = conn.execute(select(audit_event).where(audit_event.c.id > before).order_by(audit_event.c.id)).all()
    assert [(row.action, row.target, row.after_value) for row in rows] == [
        ("search", "letters", '{"query": "("}'), ("find", "reference 999999", f'{{"as": "{login("employee")}"}}'),
    ]  # fmt: skip
