"""How texts become the words of the index, German and English alike. Pure.

Each text stands in the index twice: as it is spelled (phrases, prefixes, names) and by its stems (plain words). Both
are folded first, so that ü = ue = u and ß = ss. A stem is what the German and then the English stemmer of Snowball
leave: both are harmless to words of the other language, and one field needs one look.
"""

import re
import unicodedata
from functools import cache

from tantivy import Filter, TextAnalyzer, TextAnalyzerBuilder, Tokenizer

# Longer than any German word and most addresses; what is longer is a key or a piece of a file in the text.
LONGEST_TOKEN = 80
_PLAIN = (("ä", "a"), ("ö", "o"), ("ü", "u"), ("ß", "ss"))
# ae, oe, ue for an umlaut: not behind a vowel (Steuer, neue, Frauen) or a q, and not at the end (value, issues, does).
_SPELLED = re.compile(r"(?<![aeiouq])([aou])e(?!s?(?![^\W_]))")
# Who comes from a town in -en loses an e: Münchner, Dresdner. Only for stems, so that prefixes stay prefixes.
_DROPPED = (("nchner", "nchener"), ("sdner", "sdener"))
# The German stemmer takes ue for ü also here: values, issues.
_PLURAL = re.compile(r"ues(?![^\W_])")
# With the marks that some write behind a letter instead of in it (u and diaeresis).
_WORD = re.compile(r"[^\W_](?:[^\W_]|[\u0300-\u036f])*")


def fold(text: str) -> str:
    """Lower case, umlauts in one spelling. What other accents there are the analyzers take off."""
    text = unicodedata.normalize("NFC", text).lower()
    for letter, plain in _PLAIN:
        text = text.replace(letter, plain)
    return _SPELLED.sub(r"\1", text)


def for_stems(folded: str) -> str:
    """A folded text, with what the stemmers cannot know."""
    for short, long in _DROPPED:
        if short in folded:
            folded = folded.replace(short, long)
    return _PLURAL.sub("ue", folded) if "ues" in folded else folded


def fold_prefix(text: str) -> str:
    """`fold` for the beginning of words: `mue` stands for mü…, although at an end it would not."""
    return fold(text + "x")[:-1]


@cache
def spelling() -> TextAnalyzer:
    """Folded text → words as they are spelled."""
    return _analyzer(stems=False)


@cache
def stems() -> TextAnalyzer:
    """Folded text → stems."""
    return _analyzer(stems=True)


def _analyzer(*, stems: bool) -> TextAnalyzer:
    made = TextAnalyzerBuilder(Tokenizer.simple()).filter(Filter.remove_long(LONGEST_TOKEN)).filter(Filter.ascii_fold())
    if stems:
        made = made.filter(Filter.stemmer("german")).filter(Filter.stemmer("english"))
    return made.build()


@cache
def between_spaces() -> TextAnalyzer:
    """Words that were made before."""
    return TextAnalyzerBuilder(Tokenizer.whitespace()).build()


def words(text: str) -> list[str]:
    """The words of a text as they are spelled."""
    return spelling().analyze(fold(text))


def prefix_words(text: str) -> list[str]:
    """The same; the last one is a beginning."""
    return spelling().analyze(fold_prefix(text))


def stemmed(text: str) -> list[str]:
    """The stems of a text."""
    return stems().analyze(for_stems(fold(text)))


def spans(text: str) -> list[tuple[int, int, str, str]]:
    """Each word of a text for people: begin, end, spelling and stem as the index has them."""
    found = list(_WORD.finditer(text))
    folded = fold("\n".join(match[0] for match in found))
    spelled, stem = spelling().analyze(folded), stems().analyze(for_stems(folded))
    if not len(found) == len(spelled) == len(stem):  # a word that the analyzers part or leave out
        spelled = ["".join(words(match[0])) for match in found]
        stem = ["".join(stemmed(match[0])) for match in found]
    return [(match.start(), match.end(), one, two) for match, one, two in zip(found, spelled, stem, strict=True)]
