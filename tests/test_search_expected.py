"""What people in an office type for a thing that is written otherwise in a letter: a table, asked of a real index."""

from datetime import datetime
from pathlib import Path

import pytest

from postbuch.archive import index_joins, index_query, index_schema, index_store
from postbuch.archive.index_letters import IndexedLetter
from postbuch.archive.index_query import Searcher
from postbuch.archive.index_snippets import marked, wanted
from postbuch.archive.index_store import Mark, Writing
from postbuch.archive.query import Node, parse

FOUND = (
    ("Maße", "MASSE"), ("Masse", "Maße"), ("Straße", "STRAẞE"), ("Baer", "Bär"), ("Bär", "Baer"), ("Übung", "Uebung"),
    ("5 kg", "5 kg"), ("5kg", "5kg"), ("5 kg", "5kg"), ("100 Euro", "100 Euro"), ("12%", "12 %"), ("m2", "m²"),
    ("AB-1234/26", "AB-1234/26"), ("AB1234", "AB-1234/26"), ("1234/26", "AB-1234/26"), ("ab 1234", "AB1234"),
    ("rechnung 2026", "Rechnung_2026-11.pdf"), ("Rechnung_2026", "Rechnung_2026-11.pdf"),
    ("rechnung 2026", "rechnung2026.pdf"), ("pdf", "Rechnung_2026-11.pdf"),
    ("GmbH & Co. KG", "GmbH&Co.KG"), ("GmbH", "GmbH & Co. KG"), ("C++", "in C++"),
    ("anna@firma.example", "anna@firma.example"), ("anna", "anna@firma.example"),
    ("firma.example", "anna@firma.example"),
    ("@firma.example", "anna@firma.example"), ("www.firma.example/neu", "https://www.firma.example/neu?x=1"),
    ("Müller", "Müller's"), ("Müller’s", "Müller's"), ("hôtel", "l’hôtel"), ("l'hotel", "l’hôtel"),
    ("Versand", "Ver\u00adsand"), ("Versand", "Ver\u200bsand"), ("Non-Profit", "Non\u2011Profit"), ("finden", "ﬁnden"),
    ("ABC123", "ＡＢＣ１２３"), ("1234-567", "+49 30 1234-567"), ("030/1234567", "Tel. 030/1234567"),
)  # fmt: skip
NOT_FOUND = (
    ("23.11.2026", "23. November 2026"), ("23.11.2026", "2026-11-23"), ("10 12", "1012"), ("2.5", "25"),
    ("Müller", "Müllerei"), ("hindi", "hin di"),
)  # fmt: skip
TEXTS = list(dict.fromkeys(text for _, text in FOUND + NOT_FOUND))


@pytest.fixture(scope="module")
def writing(tmp_path_factory: pytest.TempPathFactory) -> Writing:
    """An index with each text as the body of a letter."""
    data: Path = tmp_path_factory.mktemp("expected")
    made = Writing(index_store.new_generation(data))
    made.put(
        IndexedLetter(id=number, at=datetime(2026, 1, 1), shared={"body": [text]})
        for number, text in enumerate(TEXTS, start=1)
    )
    made.commit(Mark(leaf=0, built=None, highest=len(TEXTS), texts=""))
    return made


def found(writing: Writing, search: str) -> list[str]:
    """The texts that the index finds."""
    index = index_store.opened(writing.generation)
    asked = index_query.of(index_joins.widened(parse_kept(search)), Searcher(own=(), places=lambda _: ()))
    hits = index.searcher().search(asked, limit=len(TEXTS), order_by_field="order").hits
    return [TEXTS[index_schema.letter_of(order) - 1] for order, _ in hits]


def parse_kept(search: str) -> Node:
    """The tree without words that are only signs."""
    kept = index_query.without_empty(parse(search))
    assert kept is not None
    return kept


@pytest.mark.parametrize(("search", "text"), FOUND)
def test_found_and_marked(writing: Writing, search: str, text: str) -> None:
    """In the index, and something of it is marked."""
    assert text in found(writing, search) and marked(text, wanted(parse(search))).spans


@pytest.mark.parametrize(("search", "text"), NOT_FOUND)
def test_not_found(writing: Writing, search: str, text: str) -> None:
    """Nobody would expect it, or it would find too much."""
    assert text not in found(writing, search) and not marked(text, wanted(parse(search))).spans
