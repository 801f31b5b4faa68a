"""Words side by side that others write as one: `e mail` and `E-Mail` are also Email. Pure.

A text is looked for as it is and with each run of its words closed up. Digits beside digits are none, 10 12 is not
1012, but for long numbers in groups (`index_digits`).
"""

import re
from collections.abc import Callable, Sequence
from itertools import groupby, pairwise

from postbuch.archive import index_digits, index_text, index_wholes
from postbuch.archive.query import Group, Node, Not, Word

# Longest run, and how many words a text may have: what is longer is a sentence that somebody copied.
MOST_JOINED = 3
MOST_WORDS = 8
_BETWEEN = re.compile(rf"\s+|[{index_wholes.HYPHENS}]")


def closed(word: Word) -> list[str]:
    """Its text with one run of its words closed up, for each run: of `e mail adresse` three."""
    text = word.text
    places = index_text.places(text) if word.closes else []
    if not 1 < len(places) <= MOST_WORDS:
        return []
    joint = [
        _BETWEEN.fullmatch(text, end, begin) is not None and _may_join(text[end - 1], text[begin])
        for (_, end), (begin, _) in pairwise(places)
    ]
    return [
        text[: places[first][0]]
        + "".join(text[begin:end] for begin, end in places[first : last + 1])
        + text[places[last][1] :]
        for first, last in _runs(joint)
    ]


def widened(node: Node, is_there: Callable[[Word], bool] = lambda word: True) -> Node:
    """A tree in which plain words that stand side by side may also be one word.

    `is_there`: whether any letter has such a word. One that none has would only make a search slower: to look for all
    of several words takes a good third longer when each may be another.
    """
    match node:
        case Word():
            return node
        case Not():
            return Not(node=widened(node.node, is_there))
        case Group(kind="or"):
            return Group(kind="or", nodes=tuple(widened(each, is_there) for each in node.nodes))
        case Group():
            nodes: list[Node] = []
            for plain, some in groupby(node.nodes, _is_plain):
                row = list(some)
                nodes += (
                    _beside([each for each in row if isinstance(each, Word)], is_there) if plain
                    else [widened(each, is_there) for each in row]
                )
            return Group(kind="and", nodes=tuple(nodes))


def _is_plain(node: Node) -> bool:
    return isinstance(node, Word) and (node.field, node.kind, node.closes) == ("", "word", True)


def _beside(words: Sequence[Word], is_there: Callable[[Word], bool]) -> list[Node]:
    """Each word, or one that it is part of."""
    if len(words) > MOST_WORDS:
        return list(words)
    found: list[list[Node]] = [[each] for each in words]
    for first, last in _runs([True] * (len(words) - 1)):
        text = _as_one([each.text for each in words[first : last + 1]])
        joined = Word(field="", text=text or "")
        for place in range(first, last + 1) if text and is_there(joined) else ():
            found[place].append(joined)
    return [each[0] if len(each) == 1 else Group(kind="or", nodes=tuple(each)) for each in found]


def _as_one(texts: Sequence[str]) -> str | None:
    """Neighbours as one word, where they may be one."""
    if all(_may_join(one[-1:], other[:1]) for one, other in pairwise(texts)):
        return "".join(texts)
    return index_digits.joined(" ".join(texts))


def names(text: str) -> list[str]:
    """Neighbours of a name closed up: of `Eva Müller Lüdenscheidt` EvaMüller and MüllerLüdenscheidt."""
    places = index_text.places(text)[:MOST_WORDS]
    return [
        text[begin:end] + text[start:stop] for (begin, end), (start, stop) in pairwise(places)
        if _may_join(text[end - 1], text[start])
    ]  # fmt: skip


def _may_join(last: str, first: str) -> bool:
    return last.isalnum() and first.isalnum() and not (last.isnumeric() and first.isnumeric())


def _runs(joint: Sequence[bool]) -> list[tuple[int, int]]:
    """First and last word of each run. `joint`: whether a word and the next one may be one."""
    return [
        (first, last)
        for first in range(len(joint))
        for last in range(first + 1, min(first + MOST_JOINED, len(joint) + 1))
        if all(joint[first:last])
    ]
