"""Conditions in SQL on a text that holds another, also where one has words joined that the other parts, and numbers."""

from typing import Any

from sqlalchemy import ColumnElement, func, or_

from postbuch.archive import index_amounts, index_digits, index_joins
from postbuch.archive.index_wholes import HYPHENS
from postbuch.archive.query import Word

# Each letter is a step of the pattern; what is longer is the name of nobody, and is looked for as it is.
NAME_CHARACTERS = 60


def has(column: ColumnElement[Any], text: str) -> ColumnElement[bool]:
    """`contains` with % and _ taken as they are; letter case as the column's collation has it."""
    return column.contains(text, autoescape=True, escape="|")


def holds(column: ColumnElement[Any], word: Word) -> ColumnElement[bool]:
    """`has`, whether parts are written with a hyphen, side by side or as one word, and numbers in groups or not."""
    if not _without(word.text, "").strip():
        return has(column, word.text)
    texts = [word.text, *index_joins.closed(word)]
    found = [has(_replaced(column, ""), each) for each in dict.fromkeys(_without(each, "") for each in texts)]
    if len(texts) > 1:
        found += [has(_replaced(column, " "), each) for each in dict.fromkeys(_without(each, " ") for each in texts)]
    if word.kind == "word" and (written := index_digits.pattern(word.text) or index_amounts.pattern(word.text)):
        found.append(column.op("REGEXP", is_comparison=True)(written))
    return or_(*found)


def names(column: ColumnElement[Any], word: Word) -> ColumnElement[bool]:
    """`holds` of a name; also where it stands in two words, as the index knows neighbours in names."""
    text = word.text
    if not text.isalnum() or not 1 < len(text) <= NAME_CHARACTERS:
        return holds(column, word)
    apart = f"[{HYPHENS} ]?".join(text)
    return or_(holds(column, word), column.op("REGEXP", is_comparison=True)(
        rf"(?<![\p{{L}}\p{{N}}]){apart}(?![\p{{L}}\p{{N}}])"
    ))  # fmt: skip


def _without(text: str, sign: str) -> str:
    for hyphen in HYPHENS:
        text = text.replace(hyphen, sign)
    return text


def _replaced(column: ColumnElement[Any], sign: str) -> ColumnElement[Any]:
    for hyphen in HYPHENS:
        column = func.replace(column, hyphen, sign)
    return column
