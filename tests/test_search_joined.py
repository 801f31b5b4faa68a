"""What people write as one word, in two or with a hyphen: the index and the database find the same letters."""

from collections.abc import Iterator

import pytest
from indexed import follow
from sqlalchemy import Connection, select
from test_search import mail

from postbuch.archive import database, index_joins, query
from postbuch.archive.database import Role
from postbuch.archive.index_snippets import wanted
from postbuch.archive.query import Group, Node, Not, Word
from postbuch.archive.schema import header_summary, letter, letter_image
from postbuch.archive.search import search
from postbuch.archive.search_sql import Conditions
from postbuch.archive.users import ALL
from provider.archive import fresh_archive, ingester, message_record

# Name of the letter → who sent it, subject, text.
LETTERS = {
    "hyphen": ("Eva Müller-Lüdenscheidt <eva@x.example>", "Die E-Mail-Adresse", "siehe Non\u2011Profit"),
    "blank": ("Eva Müller Lüdenscheidt <eva@y.example>", "Die e-mail adresse", "siehe Nonprofit"),
    "one": ("Eva MüllerLüdenscheidt <e.ml@x.example>", "Die Emailadresse", "siehe Rechnung4711"),
    "half": ("Müllerlüdenscheidt <ml@x.example>", "Die Email-Adresse", "siehe Rechnung-4711"),
    "address": ("chef@baum-schule.example", "Die E Mail Adresse", "siehe Rechnung 4711"),
    "groups": ("Eva <eva@z.example>", "Tel. +49 (0)89 / 123-456", "5 kg zu 100 €, Auftrag 2031/0815, §15, C++, 10 %"),
    "plain": ("Eva <eva@z.example>", "Tel. 089123456", "je 5kg zu EUR 100, Auftrag 20310815, § 15, C, 10%"),
    "other": ("Lüdenscheidt Müller <lm@x.example>", "Adresse der Mail", "am 10 12 und 1012, 10-12"),
}
LONG = "hyphen blank one half address"


@pytest.fixture(scope="module")
def conn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    """The letters, indexed."""
    with fresh_archive(tmp_path_factory.mktemp("joined")) as (config, engine), ingester(config, engine) as work:
        work.ingest([
            message_record(mail(name, f"From: {who}\r\nTo: anna@firma.example\r\nSubject: {subject}", text), uid=number)
            for number, (name, (who, subject, text)) in enumerate(LETTERS.items(), start=1)
        ])
        follow(config, engine)
        made = database.engine(config, Role.WEB)
        with made.connect() as conn:
            yield conn
        made.dispose()


def by_database(conn: Connection, text: str) -> set[str]:
    """What is found while there is no index."""
    numbers = conn.scalars(select(letter.c.id).where(Conditions(ALL, None).of(query.parse(text)))).all()
    found = select(header_summary.c.message_id).join(letter_image, letter_image.c.image_id == header_summary.c.image_id)
    return {each.removesuffix("@x") for each in conn.scalars(found.where(letter_image.c.letter_id.in_(numbers)))}


@pytest.mark.parametrize(("text", "names"), [
    # Plain words and phrases.
    ("E-Mail-Adresse", LONG), ("E-Mail Adresse", LONG), ('"e mail adresse"', LONG),
    ('"E-Mail-Adresse"', LONG), ('subject:"e mail adresse"', LONG), ("subject:E-Mail-Adresse", LONG),
    ('"die e mail adr*"', LONG), ("emailadresse", "hyphen one half"), ("subject:emailadresse", "hyphen one half"),
    ('"Emailadresse"', "hyphen one half"),
    ('"siehe Nonprofit"', "hyphen blank"), ("e mail adresse message-id:one@x", "one"),
    ("Non Profit", "hyphen blank"),
    ("Non-Profit", "hyphen blank"), ("nonprofit", "hyphen blank"),
    ("body:Non\u2011Profit", "hyphen blank"),
    ("Rechnung 4711", "one half address"), ("RECHNUNG-4711", "one half address"), ("rechnung4711", "one half"),
    ('body:"10 12"', "other"), ("10-12", "other"),
    # Numbers and signs.
    ("089 123456", "groups plain"), ("089123456", "groups plain"), ("subject:+4989123456", "groups plain"),
    ("+49 (0)89 123 456", "groups plain"), ("Tel (089) 123456", "groups plain"), ("089123457", ""),
    ("5kg", "groups plain"), ("100€", "groups plain"), ("€ 100", "groups plain"), ("body:100€", "groups plain"),
    ("10%", "groups plain"), ("§ 15", "groups plain"), ("§15", "groups plain"), ("100%", ""),
    ("20310815", "groups plain"), ("2031-0815", "groups plain"), ("2031 0815", "groups plain"), ("C++", "groups"),
    # Names.
    ("from:Müller-Lüdenscheidt", "hyphen blank half one"), ('from:"Müller Lüdenscheidt"', "hyphen blank half one"),
    ("from:MüllerLüdenscheidt", "hyphen blank half one"), ('from:"Eva Müller Lüdenscheidt"', "hyphen blank one"),
    ('from:"Lüdenscheidt Müller"', "other"), ("from:EvaMüller", "hyphen blank"),
    ("from:baumschule.example", "address"), ("from:baum-schule", "address"), ('from:"baum schule"', "address"),
])  # fmt: skip
def test_joined(conn: Connection, text: str, names: str) -> None:
    """Each writing finds the others."""
    result = search(conn, text, ALL)
    assert result.indexed
    by_index = {row["message_id"].removesuffix("@x") for row in result.rows}
    assert by_index == set(names.split()) == by_database(conn, text)


@pytest.mark.parametrize("text", [
    '"a b c d e f g h" ' * 100, '"a b c d e f g h*" ' * 100, "a-b-c-d-e-f-g-h " * 100, "from:a-b-c-d-e-f-g-h " * 90,
    '"a b c d e f g h" ' * 8, "(a b c d e f g h) OR " * 9 + "a", "a b c OR " * 24 + "a",
])  # fmt: skip
def test_as_written_when_many(text: str) -> None:
    """The longest search has about as many clauses as words: all writings of each were fourteen times as many."""
    tree = query.parse(text)
    assert len(wanted(tree)) <= 200
    assert str(Conditions(ALL, None).of(tree)).count("LIKE") <= 1400


@pytest.mark.parametrize("text", [
    "-", '"-"', "\u2011", "- -", "a" * 300, "a " * 40, "from:-", "from:" + "ß" * 61, "a-" * 90,
])  # fmt: skip
def test_strange(conn: Connection, text: str) -> None:
    """No error, and signs alone find no more than what has them."""
    assert by_database(conn, text) <= set(LETTERS) and search(conn, text, ALL).total <= len(LETTERS)
    assert by_database(conn, "from:-") == {"hyphen", "address"}


def test_a_joined_word_that_no_letter_has_is_not_looked_for() -> None:
    """It would find nothing and cost time; one that letters have stands beside each of its parts."""
    tree = query.parse("e mail adresse")
    assert index_joins.widened(tree, lambda word: False) == tree
    some = index_joins.widened(tree, lambda word: word.text == "email")
    assert isinstance(some, Group)
    texts = [[each.text for each in words(node)] for node in some.nodes]
    assert texts == [["e", "email"], ["mail", "email"], ["adresse"]]


def words(node: Node) -> list[Word]:
    """Those of a tree, in order."""
    match node:
        case Word():
            return [node]
        case Not():
            return words(node.node)
        case Group():
            return [word for each in node.nodes for word in words(each)]
