"""The passage of a letter that a search found, with the words that were looked for. Pure; plain text, never HTML."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from postbuch.archive import index_joins, index_text, index_unspaced
from postbuch.archive.query import Group, Node, Not, Word

# Two lines of a list; and how much of it stands before the first word that was found.
SNIPPET_CHARACTERS = 180
BEFORE_CHARACTERS = 30
# A page of 50 letters with long bodies takes 100 ms; what stands further behind is found and not shown.
LOOKED_AT_CHARACTERS = 20_000
# What is read at once of a text, first and then; a word that goes on for longer behind it is cut.
FIRST_CHARACTERS = 200
PIECE_CHARACTERS = 600
LONGEST_WORD = 100
# With blanks in it: the number of an account, in groups.
LONGEST_WHOLE = 42
_SPACE = re.compile(r"\s")
_SHOWN_FIELDS = ("", "subject", "body", "attachment", "filename", "from", "to", "cc")


@dataclass(frozen=True, slots=True, kw_only=True)
class Snippet:
    """A text and where in it the words stand: (begin, end), in order, not overlapping."""

    text: str
    spans: tuple[tuple[int, int], ...]

    def pieces(self) -> Iterator[tuple[str, bool]]:
        """The text in pieces, each with whether it is one of the words."""
        at = 0
        for begin, end in self.spans:
            if begin > at:
                yield self.text[at:begin], False
            yield self.text[begin:end], True
            at = end
        if at < len(self.text):
            yield self.text[at:], False


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One thing to mark: words as they are spelled, in a row; of a prefix the last begins so; a stem stands alone."""

    words: tuple[str, ...]
    stem: str = ""
    is_prefix: bool = False


def wanted(node: Node | None, fields: tuple[str, ...] = _SHOWN_FIELDS) -> list[Wanted]:
    """What a search asks for in these fields; what it excludes is not in it."""
    return list(_wanted(index_joins.widened(node), fields)) if node else []


def _wanted(node: Node, fields: tuple[str, ...]) -> Iterator[Wanted]:
    match node:
        case Word() if node.field in fields:
            is_prefix = node.kind == "prefix"
            words = index_text.prefix_words(node.text) if is_prefix else index_text.words(node.text)
            if not is_prefix and (stem := index_text.stem_sought(node.text, quoted=node.kind == "phrase")):
                yield Wanted(words=tuple(words), stem=stem)
                return
            for text in (node.text, *index_joins.closed(node)):
                if row := index_text.prefix_words(text) if is_prefix else index_text.words(text):
                    yield Wanted(words=tuple(row), is_prefix=is_prefix)
            if node.kind == "word" and (whole := index_text.whole_stem(node.text)):
                yield Wanted(words=(whole,), stem=whole)
        case Group():
            for each in node.nodes:
                yield from _wanted(each, fields)
        case Not() | Word():
            return


def marked(text: str, looked_for: list[Wanted]) -> Snippet:
    """The whole text with the words marked."""
    words = index_text.spans(text[:LOOKED_AT_CHARACTERS])
    lengths: dict[int, int] = {}
    for one in looked_for:
        for place in _places(words, one):
            lengths[place] = max(_length(words, place, one), lengths.get(place, 0))
    rows = [(words[place][0], words[place + length - 1][1]) for place, length in lengths.items() if length]
    found: list[tuple[int, int]] = []
    for begin, end in sorted(rows + _wholes(text, looked_for), key=lambda row: (row[0], -row[1])):
        if not found or begin >= found[-1][1]:
            found.append((begin, end))
    return Snippet(text=text, spans=tuple(found))


def _wholes(text: str, looked_for: list[Wanted]) -> list[tuple[int, int]]:
    """Where one of the words stands that signs part."""
    stems = {one.stem for one in looked_for if one.stem}
    words = {one.words[0] for one in looked_for if len(one.words) == 1 and not one.stem and not one.is_prefix}
    begins = tuple(one.words[0] for one in looked_for if len(one.words) == 1 and one.is_prefix)
    if not (stems or words or begins):
        return []
    return [
        (begin, end) for begin, end, spelled, found in index_text.whole_spans(text[:LOOKED_AT_CHARACTERS])
        if stems & found or (spelled and (spelled in words or spelled.startswith(begins)))
    ]  # fmt: skip


def _places(words: list[tuple[int, int, str, str]], one: Wanted) -> list[int]:
    """Where one that is looked for may begin."""
    if one.stem:
        return [place for place, word in enumerate(words) if word[3] == one.stem]
    first = one.words[0]
    if one.is_prefix and len(one.words) == 1:
        return [place for place, word in enumerate(words) if word[2].startswith(first)]
    return [place for place, word in enumerate(words) if word[2] == first]


def _length(words: list[tuple[int, int, str, str]], place: int, one: Wanted) -> int:
    """How many words from here on are the one that is looked for; 0 when they are not."""
    if one.stem:
        return int(words[place][3] == one.stem)
    row = words[place : place + len(one.words)]
    if len(row) < len(one.words):
        return 0
    *first, (_, _, last, _) = row
    same = all(word[2] == sought for word, sought in zip(first, one.words, strict=False))
    fits = last.startswith(one.words[-1]) if one.is_prefix else last == one.words[-1]
    return len(row) if same and fits else 0


def passage(text: str, looked_for: list[Wanted]) -> Snippet | None:
    """The part of a text around the first word that was found; None when there is none in it."""
    found = _from_first_on(text, looked_for)
    if not found:
        return None
    first = found[0][0]
    start = max(first - BEFORE_CHARACTERS, 0)
    if start:  # at the beginning of a word
        start = next((at + 1 for at in range(start, first) if _may_begin(text, at + 1)), first)
    end = min(start + SNIPPET_CHARACTERS, len(text))
    lead, tail = "… " if start else "", " …" if end < len(text) else ""
    # White space is as wide as itself, so that the places stay right; a browser shows one space.
    cut = _SPACE.sub(" ", text[start:end])
    shift = len(lead) - start
    spans = tuple((begin + shift, min(last, end) + shift) for begin, last in found if begin < end)
    return Snippet(text=f"{lead}{cut}{tail}", spans=spans)


def _may_begin(text: str, place: int) -> bool:
    return text[place - 1].isspace() or index_unspaced.begins_word(text, place)


def _from_first_on(text: str, looked_for: list[Wanted]) -> list[tuple[int, int]]:
    """Where the first of the words stands, and those that a passage shows behind it.

    Read piece by piece: mostly it stands in the first one.
    """
    most = min(len(text), LOOKED_AT_CHARACTERS)
    if any(len(one.words) > 1 for one in looked_for):
        # Words in a row may stand on both sides of a cut, and the first of them alone is nothing.
        return list(marked(text, looked_for).spans)
    begin, piece = 0, FIRST_CHARACTERS
    while begin < most:
        end = min(_end_of_word(text, begin + piece), most)
        first = _first(text[begin:end], text[begin : min(_end_of_word(text, end + LONGEST_WHOLE), most)], looked_for)
        if first is not None:
            begin += first
            shown = text[begin : _end_of_word(text, begin + SNIPPET_CHARACTERS)]
            return [(begin + one, begin + last) for one, last in marked(shown, looked_for).spans]
        begin, piece = end, PIECE_CHARACTERS
    return []


def _first(text: str, more: str, looked_for: list[Wanted]) -> int | None:
    """Where the first of some single words begins; where words stand costs three times as much as what they are.

    `more`: the same with what follows, into which a word with blanks in it may go.
    """
    spelled = index_text.words(text)
    stems = index_text.stems_of(spelled)
    places = [place for one in looked_for for place in islice(_single(one, spelled, stems), 1)]
    begins = (index_text.begin_of(text, place, spelled) for place in sorted(places))
    first = next(([begin] for begin in begins if begin is not None), [])
    return min(first + [begin for begin, _ in _wholes(more, looked_for) if begin < len(text)], default=None)


def _single(one: Wanted, spelled: list[str], stems: list[str]) -> Iterator[int]:
    """Which of the words are one."""
    if one.stem:
        return (place for place, stem in enumerate(stems) if stem == one.stem)
    word = one.words[0]
    if one.is_prefix:
        return (place for place, each in enumerate(spelled) if each.startswith(word))
    return (place for place, each in enumerate(spelled) if each == word)


def _end_of_word(text: str, place: int) -> int:
    """The next white space from a place on, but not far behind it."""
    rest = (at for at in range(place, min(place + LONGEST_WORD, len(text))) if text[at].isspace())
    return next(rest, min(place + LONGEST_WORD, len(text)))
