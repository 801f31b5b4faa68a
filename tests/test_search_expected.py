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

SUMS = ("1.234,50", "1234,50", "1,234.50", "1'234.50")
TELEPHONES = ("+49 (0)89 / 123-456", "089 123456", "0049 89 123456", "089123456", "+4989123456", "0049-89-12 34 56",
              "(089) 123 456", "089/123456", "+49.89.123456", "+49(89)123456", "+49\xa089\xa0123\u2011456")  # fmt: skip
ACCOUNTS = ("DE89 3704 0044 0532 0130 00", "DE89370400440532013000", "de89\xa03704\xa00044\xa00532\xa00130\xa000")
ORDERS = ("4711-0815", "4711/0815", "4711.0815", "4711 0815", "47110815")

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
    # Numbers with what they count.
    ("5kg", "5 kg"), ("5kg", "je 5\xa0KG."), ("5,5 kg", "5.5kg"), ("2m²", "2 qm"), ("2 m2", "2m²"), ("20°C", "20 °C"),
    ("100€", "100 €"), ("100 €", "100€"), ("EUR 100", "100 €"), ("100€", "EUR 100"), ("€100", "100 Euro"),
    ("100 Euro", "100€"), ("1234,50€", "EUR 1.234,50"), ("1.234 €", "1.234,50 EUR"), ("CHF 20", "20.00 CHF"),
    ("100", "100€"), ("10%", "10 %"), ("10 %", "10%"), ("10 Prozent", "10%"), ("1,5%", "1.5 %"),
    *((search, text) for search in SUMS for text in SUMS),
    # Numbers in groups.
    *((search, text) for search in TELEPHONES for text in TELEPHONES), ("123-456", "+49 (0)89 / 123-456"),
    ("+43 1 2345678", "0043/1/2345678"), ("01 2345678", "+43 1 2345678"), ("+1 (212) 555-1234", "+1.212.555.1234"),
    ("+39 06 1234567", "06 1234567"), ("0171 1234567", "Tel. 089 123456 / 0171 1234567"),
    ("089 123456", "Tel. 089 123456 / 0171 1234567"), ("Tel 089 123456", "Tel.: (089) 123456, Fax -457"),
    *((search, text) for search in ACCOUNTS for text in ACCOUNTS),
    *((search, text) for search in ORDERS for text in ORDERS), ("RE-2024-0815", "RE-2024/0815"),
    # Signs that make another word.
    ("C++", "C++-Entwickler"), ("C#", "in C#."), (".NET", "mit .NET Core"), ("C", "in C++"), ("net", "mit .NET Core"),
    ('"C++"', "in C++"), ("R&D", "R & D"), ("R&D", "die R&D"), ("AT&T", "von AT&T"), ("E.ON", "von E.ON"),
    ("§ 15", "nach §15 BGB"), ("§15", "nach § 15 Abs. 2"), ('"§ 15"', "nach §15 BGB"), ("§ 15a", "§ 15A"),
    ("15", "nach §15 BGB"), (".pdf", "Rechnung_2026-11.pdf"),
    # A letter alone and a word.
    ("email", "die E Mail"), ("emails", "die E Mail"), ("ubahn", "per U Bahn"), ("tshirts", "ein T Shirt"),
)  # fmt: skip
NOT_FOUND = (
    ("23.11.2026", "23. November 2026"), ("23.11.2026", "2026-11-23"), ("10 12", "1012"), ("2.5", "25"),
    ("Müller", "Müllerei"), ("hindi", "hin di"),
    ("5kg", "15 kg"), ("5kg", "0,5 kg"), ("2kg", "2,5 kg"), ("5kg", "5 Kisten"), ("100€", "100 Stück"),
    ("100 €", "100%"), ("10%", "10 Tage"), ("10 %", "am 10.11."), ("2.5 %", "25%"),
    ("(089) 123456", "089 123457"), ("0049 89 123456", "123456 089"), ("08912", "089 123456"),
    ("1234567", "12 34 56 7"),
    ("123456", "1234,56"), ("1012026", "01.01.2026"), ("12345678", "12 3456 78"),
    ("C++", "in C"), ("C++", "C#"), ("C#", "C"), ("C#", "C++"), (".NET", "100 net"), (".NET", "gmx.net"),
    ("§ 15", "Punkt 15"), ("§15", "§ 151"), ("R&D", "R und D"), ("E.ON", "Eon"), ("amail", "a mail"),
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
