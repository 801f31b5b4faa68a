"""What is one word to people and several to the analyzer; found in time whatever the text is."""

import time
import unicodedata

import pytest

from postbuch.archive import index_text, index_wholes

# What began a look at each of its characters, and what nearly is a number of an account, again and again.
LONG = ("ae", "1", "1.", "a-", "東", "de89", "de89 abcd ", "123.123.", "12,", "\u1112\u1161", "a-b ",
        "DE89 3704 ", "a\u0300", "a\u0300-",
        "0", "0 ", "08 ", "089 1 / ", "+4", "+49 ", "4711 ", "4711/", "5 kg ", "5.5 ", "EUR 5 ", "§ 1 ", "+",
        "a++", "a#", ".net", "e mail ", "e ", "(0)", "\u0300", "\u0323\u0301",
        "a\u200b", "\u200b", "\u093e", "a\u093e ")
CHARACTERS = 100_000


@pytest.mark.parametrize("piece", LONG)
def test_hostile_texts_take_no_longer(piece: str) -> None:
    """20,000 equal letters held a page for ten seconds: the time grows with the text, not with its square."""
    text = piece * (CHARACTERS // len(piece))
    began = time.thread_time()  # what others do meanwhile does not count
    list(index_wholes.found(text))
    index_text.all_stems(index_text.fold(text))
    index_text.closed_up(index_text.fold(text))
    index_text.places(text)
    assert time.thread_time() - began < 10


@pytest.mark.parametrize("text", ["Mu\u0308ller ", "Nguye\u0302\u0303n\n", "\u1112\u1161\u11ab\u3000", "e\u0301"])
def test_accents_of_long_texts_are_those_of_their_letters(text: str) -> None:
    """However far from the beginning they stand."""
    assert index_text.words(text * 1_100) == index_text.words(unicodedata.normalize("NFC", text * 1_100))


@pytest.mark.parametrize(("text", "words"), [
    ("E-Mail", {"email"}), ("1.234,56", {"1234", "1234.56"}), ("1,234.56", {"1234", "1234.56"}),
    ("192.168.100.7", set()),
    ("DE89 3704 0044 0532 0130 00", {"de89370400440532013000"}), ("DE88 3704 0044 0532 0130 00", set()),
    # Not of tables, dates, and what belongs to a longer number.
    ("12 34 56 78 90", set()), ("01.12.2026", set()), ("12.01.2026", set()), ("10.0.0.128", set()),
    ("4711 0815 2 3", set()), ("1 089 123456", set()), ("0 1 2 3 4 5 6 7 8", set()), ("1.2.3 kg", set()),
    ("0123 4567 8901 2345 6789 0123", set()), ("+49 89 1234", {"0891234"}),
    ("089 123456 / 0171 123456", {"089123456", "0171123456"}), ("2.000 kg", {"2000", "2000kg"}),
    ("2,5 kg", {"2.5kg"}), ("3,50 €", {"3.5eur", "3eur"}), ("was kostet e bike", {"ebike"}),
    ("a mail", set()), ("i.e. that", set()), ("it's that", set()), ("xe mail", set()),
    ("xa-b", {"xab"}), ("a-b-c", {"abc"}), ("a- b", set()),
])  # fmt: skip
def test_one_word(text: str, words: set[str]) -> None:
    """Parts with hyphens, sums, and numbers of accounts that the checksum fits."""
    assert index_wholes.wholes(index_text.fold(text)) == words
