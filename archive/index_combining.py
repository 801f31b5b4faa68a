"""Characters that belong to the letter before them, or are not seen: vowel signs, accents, points, joiners. Pure.

The library's analyzer takes some of them for the end of a word, and a pattern's `\\w` all of them.
"""

import re
import unicodedata

# Not looked for: accents that have no letter of their own with what they stand on, points of Hebrew, vowel signs and
# tatweel of Arabic (people leave them out), and what has no width (Unicode 16, 23.2): joiners, marks of direction.
_PASSED_OVER = (
    "\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
    "\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7"
    "\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed"
    "\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufe00-\ufe0f\ufeff\U000e0100-\U000e01ef"
)
# Vowel signs and the like of India and its neighbours: without them it is another word. They stand in the index as
# ideographs that nobody writes, as the analyzer parts words at some of them.
_FIRST, _LAST, _IDEOGRAPHS = 0x0700, 0xABFF, 0x20000
_NOT_SEEN = re.compile(f"[{_PASSED_OVER}]")
KEPT = "".join(
    chr(each) for each in range(_FIRST, _LAST + 1)
    if unicodedata.category(chr(each))[0] == "M" and not _NOT_SEEN.match(chr(each)) and not 0x3000 <= each <= 0x30FF
)  # fmt: skip
# For the inside of a pattern's brackets.
CLASS = _PASSED_OVER + KEPT
WITHOUT_WIDTH = "\xad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff"

_ANY = re.compile(f"[{CLASS}]")
# Cut where no letter is parted from what belongs to it, as far as there is a blank.
_PIECE = re.compile(r"(?s:.{900,1000})(?<=\s)|(?s:.{1,1000})")
_AS_LETTERS = {ord(each): ord(each) + _IDEOGRAPHS for each in KEPT}


def composed(text: str) -> str:
    """The text with each letter and its accents as one character, where there is one.

    In pieces: the library sorts the accents behind a letter in a time that grows with the square of their number.
    """
    return "".join(unicodedata.normalize("NFC", piece) for piece in _PIECE.findall(text))


def settle(text: str) -> str:
    """The text with these as parts of words."""
    if not _ANY.search(text):
        return text
    return _NOT_SEEN.sub("", text).translate(_AS_LETTERS)
