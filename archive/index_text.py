"""How texts become the words of the index, German and English alike. Pure.

Each text stands in the index twice: as it is spelled (phrases, prefixes, names) and by its stems (plain words). Both
are folded first, so that ü = ue = u and ß = ss. A stem is what the German and then the English stemmer of Snowball
leave: both are harmless to words of the other language, and one field needs one look. Beside the stems stands what
signs part and people write as one word (`index_wholes`).
"""

import re
from collections.abc import Collection
from functools import cache

from tantivy import Filter, TextAnalyzer, TextAnalyzerBuilder, Tokenizer

from postbuch.archive import index_combining, index_unspaced, index_wholes

# Longer than any German word and most addresses; what is longer is a key or a piece of a file in the text.
LONGEST_TOKEN = 80
_SOFT = "\xad"
_PLAIN = (
    ("ä", "a"), ("ö", "o"), ("ü", "u"), ("ß", "ss"), ("æ", "ae"), ("œ", "oe"), (_SOFT, ""),
    *((sign, "-") for sign in index_wholes.HYPHENS[1:]),
)  # fmt: skip
# ae, oe, ue for an umlaut: not behind a vowel (Steuer, neue, Frauen) or a q, and not at the end (value, issues, does).
# The e that is left out comes first in the pattern: that is looked for eight times as fast.
_SPELLED = re.compile(r"e(?<=[aou]e)(?<![aeiouq][aou]e)(?=[^\W_])(?!s(?![^\W_]))")
# Who comes from a town in -en loses an e: Münchner, Dresdner. Only for stems, so that prefixes stay prefixes.
_DROPPED = (("nchner", "nchener"), ("sdner", "sdener"))
# The German stemmer takes ue for ü also here: values, issues.
_PLURAL = re.compile(r"ues(?![^\W_])")
# With what belongs to a letter and is written behind it (u and diaeresis, vowel signs), and what is not seen within
# words. Of scripts without spaces each character.
_LETTER = rf"[^\W_{index_unspaced.CLASS}]"
_VOWEL = rf"(?![{index_unspaced.CLASS}])[{index_combining.KEPT}]"
_ACCENT = f"(?![{index_unspaced.CLASS}{index_combining.WITHOUT_WIDTH}])[{index_combining.CLASS}]"
_WORD = re.compile(
    rf"(?:{_LETTER}|{_VOWEL})(?>(?:{_LETTER}++|{_ACCENT}|[{index_combining.WITHOUT_WIDTH}]++(?={_LETTER}|{_VOWEL}))*)"
    f"|{index_unspaced.CHARACTER}"
)
# Stems that are kept, as Snowball takes more than all the rest: 10 MB, nine in ten words of a letter.
KNOWN_STEMS = 50_000
_stems: list[dict[str, str]] = [{"": ""}]


def fold(text: str) -> str:
    """Lower case, umlauts in one spelling. What other accents there are the analyzers take off."""
    if text.isascii():
        return _SPELLED.sub("", text.lower())
    text = index_combining.composed(text).lower()
    for letter, plain in _PLAIN:
        text = text.replace(letter, plain)
    if not text.isascii():
        text = index_combining.settle(index_unspaced.part(text))
    return _SPELLED.sub("", text)


def _for_stems(words: str) -> str:
    """Words, with what the stemmers cannot know."""
    for short, long in _DROPPED:
        if short in words:
            words = words.replace(short, long)
    return _PLURAL.sub("ue", words) if "ues" in words else words


def fold_prefix(text: str) -> str:
    """`fold` for the beginning of words: `mue` stands for mü…, although at an end it would not."""
    return fold(text + "x")[:-1]


@cache
def spelling() -> TextAnalyzer:
    """Folded text → words as they are spelled."""
    return _without_accents(Tokenizer.simple())


@cache
def _stemming() -> TextAnalyzer:
    """Words with spaces between → stems."""
    made = TextAnalyzerBuilder(Tokenizer.whitespace())
    return made.filter(Filter.stemmer("german")).filter(Filter.stemmer("english")).build()


@cache
def _plain() -> TextAnalyzer:
    """Folded words with spaces between, signs and all → as `spelling` has their letters."""
    return _without_accents(Tokenizer.whitespace())


def _without_accents(tokenizer: Tokenizer) -> TextAnalyzer:
    made = TextAnalyzerBuilder(tokenizer).filter(Filter.remove_long(LONGEST_TOKEN))
    return made.filter(Filter.ascii_fold()).build()


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
    return stems_of(words(text))


def stems_of(spelled: Collection[str]) -> list[str]:
    """The stem of each word (`words`)."""
    known = _stems[0]
    unknown = [each for each in dict.fromkeys(spelled) if each not in known]
    if unknown:
        if len(known) + len(unknown) > KNOWN_STEMS:
            # Another dictionary, not an empty one: another thread may be reading this one.
            known = _stems[0] = {"": ""}
            unknown = list(dict.fromkeys(spelled))
        known.update(zip(unknown, _stemming().analyze(_for_stems("\n".join(unknown))), strict=True))
    return [known[each] for each in spelled]


def stem_set(spelled: Collection[str]) -> set[str]:
    """The stems of some words."""
    found = set(map(_stems[0].get, spelled))
    return set(stems_of(spelled)) if None in found else {each for each in found if each}


def all_stems(folded: str) -> set[str]:
    """The stems of a folded text, and of what signs part in it."""
    found = stem_set(spelling().analyze(folded))
    if wholes := index_wholes.wholes(folded):
        found.update(_stems_of_wholes(list(map(_refold, wholes))))
    return found


def closed_up(folded: str) -> list[str]:
    """The passages of a folded text that are spelled otherwise where parts with a hyphen are one word."""
    return list(map(_refold, index_wholes.closed_up(folded)))


def _refold(whole: str) -> str:
    """As `fold` has the one word that folded parts are: Kamera-Ecke is Kameraecke."""
    return _SPELLED.sub("", whole)


def _stems_of_wholes(wholes: Collection[str]) -> list[str]:
    """What has figures in it is no word in a form, and mostly comes once."""
    plain = [each for one in wholes for each in ([one] if one.isascii() else _plain().analyze(one))]
    found = [each for each in plain if len(each) <= LONGEST_TOKEN]
    return [each for each in found if not each.isalpha()] + stems_of([each for each in found if each.isalpha()])


def whole_stem(text: str) -> str | None:
    """The stem of the one word that all of a text is, although signs part it."""
    one = index_wholes.whole(fold(text).strip())
    return next(iter(_stems_of_wholes([_refold(one)])), None) if one else None


def stem_sought(text: str, *, quoted: bool) -> str | None:
    """The stem that is looked for where a text has one word; in quotes only of what its signs make another word.

    `C++` and `100 €` have the words C and 100, and are not these.
    """
    spelled = words(text)
    if len(spelled) != 1:
        return None
    one = whole_stem(text)
    if quoted:
        return None if one == spelled[0] else one
    return one or next(iter(stems_of(spelled)), None)


def whole_spans(text: str) -> list[tuple[int, int, str, set[str]]]:
    """What signs part in a text for people: begin, end, and of all of it what the index has: spelling and stems.

    Only parts with hyphens have a spelling.
    """
    found = [(begin, end, one, "") for begin, end, one in index_wholes.others(text)]
    found += [(begin, end, one, "".join(words(one))) for begin, end, one in index_wholes.compounds(text)]
    return [
        (begin, end, spelled, {
            stems[0] for form in index_wholes.forms(fold(one)) if len(stems := _stems_of_wholes([form])) == 1
        })
        for begin, end, one, spelled in found
    ]  # fmt: skip


def places(text: str) -> list[tuple[int, int]]:
    """Where the words of a text for people begin and end."""
    return [match.span() for match in _WORD.finditer(text)]


def spellings(text: str, most: int) -> list[tuple[str, str]]:
    """The first words of a text for people: as it stands there, and as the index has it."""
    found = _WORD.findall(text)[:most]
    spelled = words("\n".join(found))
    if len(found) != len(spelled):  # a word that the analyzer parts or leaves out
        spelled = ["".join(words(each)) for each in found]
    return list(zip(found, spelled, strict=True))


def spans(text: str) -> list[tuple[int, int, str, str]]:
    """Each word of a text for people: begin, end, spelling and stem as the index has them."""
    found = list(_WORD.finditer(text))
    spelled = words("\n".join(match[0] for match in found))
    if len(found) != len(spelled):
        spelled = ["".join(words(match[0])) for match in found]
    stems = stems_of(spelled)
    return [(match.start(), match.end(), one, two) for match, one, two in zip(found, spelled, stems, strict=True)]


def begin_of(text: str, place: int, spelled: list[str]) -> int | None:
    """Where the word of a text begins that is at this place of its `words`, and nowhere before.

    None where it is of letters that are too new for Python's tables, and not for the analyzer's.
    """
    found = list(_WORD.finditer(text))
    if len(found) == len(spelled):
        return found[place].start()
    # The analyzer parts some and leaves some out.
    return next((match.start() for match in found if spelled[place] in words(match[0])), None)
