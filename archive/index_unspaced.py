"""Scripts that put no spaces between words, or write what belongs to a word on to it. Pure.

Each character of them is a word of the index, and what somebody types is a phrase of such: so whatever part of a text
a reader takes for a word is found, without a dictionary, and nothing else is. Tones of Thai and the like become letters
in `index_combining`.
"""

import re
import unicodedata

# Thai, Lao, Burmese, Khmer.
_MARKED = (
    "\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ece\u0edc-\u0edf\u1000-\u103f\u1050-\u109f\u1780-\u17d3\u17d7\u17dc\u17dd"
)
# Jamo that begin a syllable, those alone, syllables; kana, also narrow ones; Bopomofo; Han up to
# Unicode 17, as the library knows it before Python does.
_OTHERS = (
    "\u1100-\u115f\u3131-\u318e\ua960-\ua97c\uac00-\ud7a3"
    "\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\uff66-\uff9d\u3105-\u312f\u31a0-\u31bf"
    "\u3005-\u3007\u3021-\u3029\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003347f"
)
# For the inside of a pattern's brackets.
CLASS = _MARKED + _OTHERS
# One character, with what one character is made of where it was taken apart: sound marks of kana, jamo of a syllable.
CHARACTER = f"[{CLASS}][\u3099\u309a\uff9e\uff9f\u1160-\u11ff\ud7b0-\ud7fb]*"

_ANY = re.compile(f"[{CLASS}]")
_NARROW = re.compile("[\uff65-\uff9f]+")


def part(text: str) -> str:
    """The text with each character of these scripts alone between spaces; narrow kana are wide ones."""
    if not _ANY.search(text):
        return text
    text = _NARROW.sub(lambda match: unicodedata.normalize("NFKC", match[0]), text)
    return _ANY.sub(r" \g<0> ", text)


def begins_word(text: str, place: int) -> bool:
    """Whether a word may be taken to begin here, since the character before it is one of these and is whole."""
    return _ANY.match(text, place - 1) is not None and unicodedata.category(text[place])[0] != "M"
