"""Passages: the words marked where they stand in the text as people see it, whatever the text is. Pure."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from postbuch.archive import index_text
from postbuch.archive.index_snippets import BEFORE_CHARACTERS, SNIPPET_CHARACTERS, marked, passage, wanted
from postbuch.archive.query import parse


@pytest.mark.parametrize(
    ("text", "search", "hits"),
    [
        ("Wir fahren nach München.", "muenchen", ["München"]),
        ("Rechnungen und Rechnung", "rechnung", ["Rechnungen", "Rechnung"]),
        ("offene Rechnung, offene Rechnungen", '"offene Rechnung"', ["offene Rechnung"]),
        ("Rechnungsnummer und Recht", "rech*", ["Rechnungsnummer", "Recht"]),
        ("an jg@kunde.example und kunde", "jg@kunde.example", ["jg@kunde.example"]),
        ("Müller und Maier", "Maier -Müller", ["Maier"]),
        ("Gru\u0308n", "grün", ["Gru\u0308n"]),
        ("nichts davon", "Rechnung", []),
        # Vowel signs, points and accents belong to the letter before them; what has no width parts no word.
        ("हिन्दी भाषा", "हिन्दी", ["हिन्दी"]), ("हिन्दी भाषा", "हिन्*", ["हिन्दी"]), ("বাংলা ভাষা", "ভাষা", ["ভাষা"]),
        ("தமிழ் மொழி", "தமிழ்", ["தமிழ்"]),
        ("مُحَمَّد كِتَاب", "محمد", ["مُحَمَّد"]), ("محمد كتاب", "كِتَاب", ["كتاب"]),
        ("שָׁלוֹם עולם", "שלום", ["שָׁלוֹם"]), ("за\u0301мок", "замок", ["за\u0301мок"]),
        ("U\u0308bung an A\u030angstro\u0308m", "übungen ångström", ["U\u0308bung", "A\u030angstro\u0308m"]),
        ("İstanbul", "istanbul", ["İstanbul"]), ("Œuvre", "oeuvre", ["Œuvre"]),
        ("Ver\u200bsand\u200b an\u200d", "versand an", ["Ver\u200bsand", "an"]),
        ("Kaffee\u200aund", "kaffee", ["Kaffee"]),
        ("per E-Mail oder Email, an E-Mails", "emails", ["E-Mail", "Email", "E-Mails"]),
        ("per Email an e-mail", "E-Mail", ["Email", "e-mail"]),
        ("per Email, E-Mail, e mail", "e mail", ["Email", "E-Mail", "e mail"]),
        ("Email-Adresse, die Emailadresse", '"e mail adresse"', ["Email-Adresse", "Emailadresse"]),
        ("E-Mail, e-mails", '"Email"', ["E-Mail"]), ("E-Mail-Adresse", "emaila*", ["E-Mail-Adresse"]),
        ("Gru\u0308n-Markt", "grünmarkt", ["Gru\u0308n-Markt"]), ("Kamera-Ecke", "Kameraecke", ["Kamera-Ecke"]),
        ("zusammen 1.234,56 oder 1234,56", "1,234.56", ["1.234,56", "1234,56"]),
        ("an DE89 3704 0044 0532 0130 00.", "DE89370400440532013000", ["DE89 3704 0044 0532 0130 00"]),
        ("Summe 1.234,56 EUR", "1234", ["1.234,56"]), ("EUR 5 oder 5€, 5", "5 €", ["EUR 5", "5€"]),
        ("Tel. +49 (0)89 / 123-456.", "089 123456", ["+49 (0)89 / 123-456"]), ("C, C++", "c++", ["C++"]),
        ("Bestellung 4711/0815", "4711 0815", ["4711/0815"]), ("5 kg, 5kg", '"5kg"', ["5kg"]),
        ("1.234,56 Kosten", '"123456"', []), ("nach § 15 BGB", "§15", ["§ 15"]), ("東京-大阪 x", "東", ["東"]),
        ("die Rech\u00adnung", "rechnungen", ["Rech\u00adnung"]),
        ("東京2024年 Rechnung", "東京2024", ["東京2024"]),
        ("請求書をお送りします。請求", "請求", ["請求", "請求"]),
        ("서울에서 회의", "서울 회의", ["서울", "회의"]),
        ("ซื้อข้าวสีขาว", "ข้าว", ["ข้าว"]),
        ("ﾃﾞｰﾀを確認", "データ", ["ﾃﾞｰﾀ"]),
        ("\u1112\u1161\u11ab\u1100\u116e\u11a8", "한국", ["\u1112\u1161\u11ab\u1100\u116e\u11a8"]),
    ],
)  # fmt: skip
def test_marks(text: str, search: str, hits: list[str]) -> None:
    """What the index finds is what is marked."""
    assert [piece for piece, hit in marked(text, wanted(parse(search))).pieces() if hit] == hits


@example("\U00013441", "\U00013441")  # a letter for the analyzer, and none for Python
@example("\U00013441 Plan", "Plan")
@given(st.text(max_size=400), st.text(max_size=20))
def test_whatever_the_text(text: str, word: str) -> None:
    """Nothing is lost or added; a passage is short and holds a mark."""
    looked_for = wanted(parse(f'"{word}"' if '"' not in word else "x"))
    whole = marked(text, looked_for)
    assert "".join(piece for piece, _ in whole.pieces()) == text
    found = passage(text, looked_for)
    assert (found is None) == (not whole.spans)
    if found is not None:
        assert len(found.text) <= SNIPPET_CHARACTERS + 4 and found.spans


@pytest.mark.parametrize("search", ["求", "請求書"])
def test_a_passage_of_a_text_without_spaces(search: str) -> None:
    """It begins before the word, as others do, and shows it."""
    found = passage("送りします" * 30 + "請求書" + "確認" * 100, wanted(parse(search)))
    assert found is not None and len(found.text) <= SNIPPET_CHARACTERS + 4
    (begin, end), *_ = found.spans
    assert found.text[begin:end] == search and begin >= BEFORE_CHARACTERS


@pytest.mark.parametrize("before", range(185, 200))
def test_a_passage_of_a_number_in_groups(before: int) -> None:
    """Texts are read in pieces that end at a blank, also at one within a number."""
    text = "x" * before + " 0049 89 123456 " + "y " * 100
    found = passage(text, wanted(parse("089 123456")))
    assert found is not None and [piece for piece, hit in found.pieces() if hit] == ["0049 89 123456"]


LONG = st.lists(
    st.sampled_from(["Rechnung", "rechnungen", "offen", "offene", "x", "ein langes", "wort" * 30, "\n", "-", "…"]),
    min_size=1, max_size=400,
).map(" ".join)  # fmt: skip


@given(LONG, st.sampled_from(["Rechnung", "rechnungen offen", '"offene Rechnung"', "offe*", "langes"]))
def test_a_passage_marks_what_the_whole_text_would(text: str, search: str) -> None:
    """It begins shortly before the first word that was found, and marks each of them that it shows."""
    looked_for = wanted(parse(search))
    every = marked(text, looked_for).spans
    found = passage(text, looked_for)
    assert (found is None) == (not every)
    if found is not None:
        lead = 2 if found.text.startswith("… ") and not text.startswith("… ") else 0
        start = every[0][0] - found.spans[0][0] + lead
        assert 0 <= every[0][0] - start <= BEFORE_CHARACTERS
        end = start + SNIPPET_CHARACTERS
        shown = [(begin - start + lead, min(last, end) - start + lead) for begin, last in every if begin < end]
        assert list(found.spans) == shown


@given(st.text(max_size=60), st.text(max_size=60))
def test_a_beginning_stays_a_beginning(start: str, rest: str) -> None:
    """What `mue*` is folded to is how every word is folded that begins so and goes on with a letter."""
    words, whole = index_text.prefix_words(start), index_text.words(start + "n" + rest)
    if words and start[-1:].isalnum():
        assert whole[len(words) - 1].startswith(words[-1])


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=12), max_size=8))
def test_stems_do_not_depend_on_what_was_known(texts: list[str]) -> None:
    """A word has the same stem alone, among others, for the first time and again."""
    text = " ".join(texts)
    once = index_text.stemmed(text)
    assert index_text.stemmed(text) == once
    assert index_text.stem_set(index_text.words(text)) == {each for each in once if each}


def test_stems_that_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """When too many are known, those of the text in hand are all there."""
    text = "Rechnungen Häuser Münchner values studies Rechnungen"
    whole = index_text.stemmed(text)
    monkeypatch.setattr(index_text, "KNOWN_STEMS", 2)
    for known in ("Rechnungen", "Häuser values", "x y z"):
        index_text.stemmed(known)
        assert index_text.stemmed(text) == whole
    assert index_text.stemmed("Rechnung Haus Münchener value study Rechnung") == whole
