"""What is one word to people and several to the analyzer; found in time whatever the text is."""

import time

import pytest

from postbuch.archive import index_text, index_wholes

# What began a look at each of its characters, and what nearly is a number of an account, again and again.
LONG = ("ae", "1", "1.", "a-", "東", "de89", "de89 abcd ", "123.123.", "12,", "\u1112\u1161", "a-b ",
        "DE89 3704 ", "a\u0300", "a\u0300-",
        "\u0300", "a\u200b", "\u200b", "\u093e", "a\u093e ")
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


@pytest.mark.parametrize(("text", "words"), [
    ("E-Mail", {"email"}), ("1.234,56", {"1234", "1234.56"}), ("1,234.56", {"1234", "1234.56"}),
    ("192.168.100.7", set()),
    ("DE89 3704 0044 0532 0130 00", {"de89370400440532013000"}), ("DE88 3704 0044 0532 0130 00", set()),
    ("xa-b", {"xab"}), ("a-b-c", {"abc"}), ("a- b", set()),
])  # fmt: skip
def test_one_word(text: str, words: set[str]) -> None:
    """Parts with hyphens, sums, and numbers of accounts that the checksum fits."""
    assert index_wholes.wholes(index_text.fold(text)) == words
