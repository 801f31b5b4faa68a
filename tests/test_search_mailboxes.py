"""Mailboxes in a search: by the provider's name and by what a page calls them, in German and in English."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from indexed import follow
from sqlalchemy import Connection, func, select
from test_house_translations import _catalogue
from test_search import mail

from postbuch.archive import listview, query, search_facets
from postbuch.archive.accounts import find_account
from postbuch.archive.filterform import Condition, Filter
from postbuch.archive.mailboxkind import SHOWN, kind_of
from postbuch.archive.mailboxname import readable
from postbuch.archive.schema import letter
from postbuch.archive.search import search
from postbuch.archive.search_sql import Conditions
from postbuch.archive.users import ALL
from provider.archive import fresh_archive, ingester, message_record

ANNA, BERND = "anna@firma.example", "bernd@firma.example"
# Letter → account and mailbox.
PLACES = {
    "in": (ANNA, "INBOX"), "sent": (ANNA, "INBOX.Sent"), "sent_de": (BERND, "Gesendete Objekte"),
    "drafts": (ANNA, "Drafts"), "drafts_de": (BERND, "Entwürfe"), "trash": (ANNA, "INBOX/Trash"),
    "junk": (BERND, "Spam"), "archive": (ANNA, "Archives"), "own": (ANNA, "INBOX.Neue Kunden"),
    "own_root": (BERND, "neue kunden"), "below": (ANNA, "Kunden/Gesendet"),
}  # fmt: skip


@pytest.fixture(scope="module")
def conn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    """One letter in each, indexed."""
    with fresh_archive(tmp_path_factory.mktemp("boxes")) as (config, engine), ingester(config, engine) as work:
        for uid, (name, (owner, box)) in enumerate(PLACES.items(), start=1):
            octets = mail(name, f"From: a@x.example\r\nSubject: Plan {name}", "Anbei.")
            work.ingest([message_record(octets, account=owner, mailbox=box, mailbox_utf8=True, uid=uid)])
        follow(config, engine)
        with engine.connect() as made:
            yield made


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("mailbox:Gesendet", "sent sent_de below"), ("mailbox:gesend", "sent sent_de below"), ("mailbox:Sent", "sent "
         "sent_de"), ('mailbox:"Gesendet"', "sent sent_de"), ('mailbox:"Sent Items"', "sent sent_de"),
        ("mailbox:Entwürfe", "drafts drafts_de"), ("mailbox:Entwuerfe", "drafts drafts_de"), ("mailbox:drafts",
        "drafts "
         "drafts_de"), ("mailbox:Papierkorb", "trash"), ("mailbox:TRASH", "trash"), ("mailbox:Unerwünscht", "junk"),
        ("mailbox:junk", "junk"), ("mailbox:spam", "junk"), ('mailbox:"Junk"', "junk"), ("mailbox:Archiv", "archive"),
        ("mailbox:Posteingang", "in"), ('mailbox:"Posteingang"', "in"), ('mailbox:"INBOX"', "in"),
        ("mailbox:inbox", "in sent trash own"), ('mailbox:"Neue Kunden"', "own own_root"),
        ('mailbox:"INBOX.Neue Kunden"', "own own_root"), ("mailbox:kunden", "own own_root below"),
        ("-mailbox:Gesendet mailbox:kunden", "own own_root"), ("mailbox:Objekte", "sent_de"), ('mailbox:""', ""),
        ("mailbox:gibtesnicht", ""), ('mailbox:"Kunden"', ""),
    ],
)  # fmt: skip
def test_by_the_name_that_is_shown(conn: Connection, text: str, names: str) -> None:
    """In either language, by the provider's name and by the use; the database finds the same as the index."""
    result = search(conn, text, ALL)
    assert {row["message_id"].removesuffix("@x") for row in result.rows} == set(names.split())
    condition = Conditions(ALL, None).of(query.parse(text))
    assert conn.scalar(select(func.count()).select_from(letter).where(condition)) == result.total


@pytest.mark.parametrize(("op", "value", "names"), [
    ("equals", "Gesendet", "sent sent_de"), ("contains", "gesend", "sent sent_de below"),
    ("in", "Junk, Papierkorb", "junk trash"),
    ("startswith", "Ges", "sent_de"), ("notcontain", "kunden", "in sent sent_de drafts drafts_de trash junk archive"),
    ("equals", "Entwurfe", "drafts_de"), ("equals", "Neue Kunden", "own own_root"),
])  # fmt: skip
def test_the_filter_of_a_list_means_the_same(conn: Connection, op: str, value: str, names: str) -> None:
    """Beginnings and ends are of the provider's name, and accents make no difference in it, as in other filters."""
    wanted = Filter(conditions=(Condition(field="mailbox", op=op, value=value),))
    rows = listview.stream(conn, listview.VIEWS["letters"], wanted, ALL, None, ("subject",))
    assert {str(row[0]).removeprefix("Plan ") for row in rows} == set(names.split())


def test_beside_a_result(conn: Connection) -> None:
    """What a page shows under one name is one, and leads to as many letters as stand there."""
    facets = [each for each in search_facets.facets(conn, "Plan", ALL) if each.kind == "mailbox"]
    assert {each.value: each.count for each in facets if each.count > 1} == {
        "INBOX.Sent": 2, "Drafts": 2, "INBOX.Neue Kunden": 2,
    }  # fmt: skip
    for each in facets:
        assert search(conn, each.query, ALL).total == each.count, each


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("mailbox:ges", ["mailbox:Gesendet", "mailbox:Kunden/Gesendet"]),
        ("Plan mailbox:Pap", ["Plan mailbox:Papierkorb"]),
        ("mailbox:tra", ["mailbox:Papierkorb"]), ("mailbox:entwue", ["mailbox:Entwürfe"]),
        ('mailbox:"neu', ['mailbox:"Neue Kunden"']), ('Plan mailbox:"Neue Ku', ['Plan mailbox:"Neue Kunden"']),
        ("mailbox:neu", ['mailbox:"Neue Kunden"']), ("mailbox:xyz", []),
    ],
)  # fmt: skip
def test_suggestions(conn: Connection, typed: str, offered: list[str]) -> None:
    """The name that a page shows, whatever the provider calls it; each finds something."""
    german = {kind: names[1] for kind, names in SHOWN.items()}

    def shown(name: str) -> str:
        return german.get(kind_of(name), name.removeprefix("INBOX."))

    assert search_facets.suggest(conn, typed, ALL, 8, shown) == offered
    for each in offered:
        assert search(conn, each, ALL).total > 0


def test_suggestions_are_within_the_rights(conn: Connection) -> None:
    """No name of a colleague's mailbox."""
    anna = find_account(conn, ANNA) or 0
    assert search_facets.suggest(conn, "mailbox:s", frozenset({anna}), 8) == ["mailbox:Sent"]
    assert search_facets.suggest(conn, "mailbox:s", frozenset(), 8) == []


def test_suggestions_know_the_names_of_both_languages(conn: Connection) -> None:
    """Who types the German name on an English page is offered what that page calls the mailbox."""
    anna = find_account(conn, ANNA) or 0
    assert search_facets.suggest(conn, "mailbox:gesend", frozenset({anna}), 8) == [
        "mailbox:Kunden/Gesendet", "mailbox:Sent",
    ]  # fmt: skip


def test_what_a_page_calls_them() -> None:
    """The names that are looked for are those of the pages."""
    german = _catalogue("webmail")
    for english, other in SHOWN.values():
        message = german.get(english)
        assert message is not None and message.string == other
    assert all(kind_of(name) == kind for kind, names in SHOWN.items() for name in names)


def test_a_name_that_is_marked_has_the_same_use() -> None:
    """A server that writes German names with 8 bits has drafts like others."""
    marked = readable("Entw\u00fcrfe")
    assert marked != "Entwürfe"
    assert kind_of(marked) == "drafts"
    assert kind_of(f"Kunden {marked}") == "folder"


def test_names_in_quotes_are_those_alone(tmp_path: Path) -> None:
    """A value beside a result leads to as many letters as it says: a letter in two folders of one name is one."""
    with fresh_archive(tmp_path) as (config, engine), ingester(config, engine) as work:
        octets = mail("both", "From: a@x.example\r\nSubject: Plan", "Anbei.", file="ohne-endung")
        places = [("anna@firma.example", "INBOX"), ("bernd@firma.example", "INBOX"), ("anna@firma.example", "INBOX.x")]
        for uid, (owner, box) in enumerate(places, start=1):
            work.ingest([message_record(octets, account=owner, mailbox=box, mailbox_utf8=True, uid=uid)])
        work.ingest([message_record(mail("other", "From: b@x.example\r\nSubject: Plan", "Da."), mailbox="INBOX.x")])
        follow(config, engine)
        with engine.connect() as conn:
            facets = search_facets.facets(conn, 'Plan "', ALL)
            assert {each.kind for each in facets} == {"account", "mailbox", "sender"}
            for each in facets:
                assert search(conn, each.query, ALL).total == each.count, each
            assert {each.value: each.count for each in facets if each.kind == "mailbox"} == {"INBOX": 1, "INBOX.x": 2}
            assert [search(conn, text, ALL).total for text in ("mailbox:inbox", 'mailbox:"inbox"')] == [2, 1]
