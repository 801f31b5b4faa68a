"""The words between the tags of XML, whatever its elements are: invoices, feeds, what Office 2003 saved. Pure, linear.

No parser: what is damaged is read as far as it goes, and no entity is taken from the file.
"""

import html
import re
from collections.abc import Iterator

# Comments, text as it is (CDATA), instructions and declarations, tags. Possessive: each sign is looked at once, and
# what has no end matches as far as it goes.
_MARKUP = re.compile(
    r"<!--(?>(?:[^-]++|-(?!->))*)(?>(?:-->)?)|<!\[CDATA\[((?>(?:[^\]]++|\](?!\]>))*))(?>(?:\]\]>)?)|"
    r"<(?:[!?]|/?+([^\W\d][^\s/<>\"'=]*+))(?>(?>[^<>\"']++|\"[^\"<]*+\"?+|'[^'<]*+'?+)*)(>?)"
)
# A word may change its looks in the middle. Word writes all but these within it, and OpenDocument these alone.
_WORD = re.compile(r"office/word/2003/wordml|/wordprocessingml/")
_WORD_BORDERS = frozenset({"p", "br", "cr", "tab", "tc", "tr", "tbl", "noBreakHyphen"})
_WORD_PREFIXES = frozenset({"w", "wx", "aml"})
_INLINE = frozenset({"text:span", "text:a", "text:bookmark", "text:bookmark-start", "text:bookmark-end",
                     "text:soft-page-break"})  # fmt: skip
# The namespaces stand at the element that a document begins with; in a file with its parts that is behind some of them.
_HEAD_CHARACTERS = 65_536
# Files in base64, as invoices and Word have them, are no words. Digests and keys are shorter.
_LONG_CHARACTERS = 1_000
_OCTETS = re.compile(r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{60,}+={0,2}")


def words(source: str) -> Iterator[str]:
    """The text, piece by piece, with a line end wherever a tag is the border of a word."""
    is_word = _WORD.search(source, 0, _HEAD_CHARACTERS) is not None
    place, border = 0, ""
    for found in _MARKUP.finditer(source):
        as_it_is, name, end = found[1], found[2], found[3]
        if name is not None and not end:  # no tag
            continue
        text = _readable(source[place : found.start()])
        place = found.end()
        if text.strip():
            yield border + text
            border = ""
        elif text:
            border = border or " "
        if as_it_is:
            yield border + _without_octets(as_it_is)
            border = ""
        elif name is not None and _is_border(name, is_word):
            border = "\n"
    yield border + _readable(source[place:])


def _readable(text: str) -> str:
    return html.unescape(_without_octets(text))


def _without_octets(text: str) -> str:
    return _OCTETS.sub(" ", text) if len(text) > _LONG_CHARACTERS else text


def _is_border(name: str, is_word: bool) -> bool:
    prefix, _, local = name.rpartition(":")
    if is_word and prefix in _WORD_PREFIXES:
        return local in _WORD_BORDERS
    return name not in _INLINE
