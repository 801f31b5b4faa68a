"""The query words of the search box, the API and the command line, as a tree. Pure: knows no database.

    plain words and "phrases" (AND-ed), beginnings of words as `rech*`, -word, OR, ( … ), and the fields of FIELDS as
    `field:word`, `field:"a phrase"` or `field:rech*`
"""

import re
from dataclasses import dataclass, replace
from datetime import date
from itertools import takewhile
from typing import Literal

from postbuch.archive import clock, index_digits, index_wholes, writtenvalue
from postbuch.archive.errors import UsageError
from postbuch.archive.wrong import Mistake

# What a person types or a program makes; each word is at least one join.
MAX_CHARACTERS = 2000
MAX_WORDS = 50
# Each writing of a text is a clause of its own in each field, 14 of eight words: a search of more conditions than
# people type is looked for as it is written.
MOST_CLOSED = 8
# An account is 34 signs in groups of four; a telephone `+49 ( 0 ) 89 / 12 34 56`.
MOST_GROUPS = 9
SURE_GROUPS = 3
# The day after is part of the question.
LAST_DAY = date(9999, 1, 1)

TEXT_FIELDS = (
    "from", "to", "cc", "subject", "body", "attachment", "filename", "account", "mailbox", "sha256", "message-id",
)
FLAG_FIELDS = {"has": ("attachment",), "is": ("unread", "read")}
DATE_FIELDS = ("before", "after", "on")
SIZE_FIELDS = ("larger", "smaller")
FIELDS = (*TEXT_FIELDS, *FLAG_FIELDS, *DATE_FIELDS, *SIZE_FIELDS)

_TOKEN = re.compile(
    r'\s*(?:(\()|(\))|(-)(?=[^\s)])|(?:([a-zA-Z][\w-]*):)?(?:"([^"]*)"?|([^\s()"]+)))'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """One condition. `field` is empty for a plain word; dates are `YYYY-MM-DD` (days of `clock.py`), sizes are octets.

    A `phrase` is meant as it is spelled; of a `prefix` the last word is the beginning of one (its star is taken off).
    `closes`: words side by side in it, and beside it, may also be written as one.
    """

    field: str
    text: str
    kind: Literal["word", "phrase", "prefix"] = "word"
    closes: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Not:
    """The opposite of a condition."""

    node: "Node"


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Conditions that hold all (and) or at least one (or). An empty `and` holds always."""

    kind: Literal["and", "or"]
    nodes: tuple["Node", ...]


Node = Word | Not | Group


def parse(text: str) -> Node:
    """The tree of a query. Raises UsageError with a sentence that names the place."""
    if len(text) > MAX_CHARACTERS:
        raise UsageError(Mistake.TOO_LONG.said(number=MAX_CHARACTERS))
    parser = _Parser(text)
    if not parser.tokens:
        return Group(kind="and", nodes=())
    node = parser.either()
    if parser.position < len(parser.tokens):
        raise UsageError(Mistake.NO_OPENING.said(place=parser.place()))
    return node


class _Parser:
    def __init__(self, text: str) -> None:
        self.tokens = list(_TOKEN.finditer(text.rstrip()))
        self.position = 0
        if len(self.tokens) > 2 * MAX_WORDS:
            raise UsageError(Mistake.TOO_MANY_WORDS.said(number=MAX_WORDS))

    def either(self) -> Node:
        nodes = [self.every()]
        while self._peek() == "OR":
            self.position += 1
            nodes.append(self.every())
        return nodes[0] if len(nodes) == 1 else Group(kind="or", nodes=tuple(nodes))

    def every(self) -> Node:
        nodes: list[Node] = []
        while self._peek() not in (None, ")", "OR"):
            if self._peek() == "AND":
                self.position += 1
                continue
            nodes.append(self._grouped() or self.one())
        if not nodes:
            raise UsageError(Mistake.NO_WORD.said(place=self.place()))
        return nodes[0] if len(nodes) == 1 else Group(kind="and", nodes=tuple(nodes))

    def _grouped(self) -> Node | None:
        """What was typed with blanks and is one thing, as one condition: 089 123456 may stand without them."""
        run = list(takewhile(
            lambda match: not (match[3] or match[4]) and match[5] is None,
            self.tokens[self.position : self.position + MOST_GROUPS],
        ))
        for count in range(len(run), 1, -1):
            text = run[0].string[run[0].end() - len(run[0][0].lstrip()) : run[count - 1].end()]
            if made := _one_thing(text):
                self.position += count
                return made
        return None

    def one(self) -> Node:
        match = self.tokens[self.position]
        self.position += 1
        opening, _, minus, field, phrase, word = match.groups()
        if minus:
            return Not(node=self.one())  # the pattern of a token sees to it that one follows, and no ')'
        if opening:
            opened = self.position - 1
            node = self.either()
            if self._peek() != ")":
                raise UsageError(Mistake.NO_CLOSING.said(place=self.place(opened)))
            self.position += 1
            return node
        made = _word(field, phrase if phrase is not None else word, match.group(0).strip())
        if made.field and made.field not in TEXT_FIELDS:
            return made
        made = replace(made, closes=len(self.tokens) <= MOST_CLOSED)
        beginning = made.text.rstrip("*")
        if beginning and beginning != made.text:
            return replace(made, text=beginning, kind="prefix")
        return replace(made, kind="phrase") if phrase is not None and (made.field or not field) else made

    def place(self, position: int | None = None) -> str:
        """Where a token stands, as people count: from 1."""
        position = self.position if position is None else position
        if position >= len(self.tokens):
            return Mistake.AT_END.said()
        match = self.tokens[position]
        start = match.end() - len(match.group(0).lstrip())
        return Mistake.AT_CHARACTER.said(number=start + 1)

    def _peek(self) -> str | None:
        if self.position >= len(self.tokens):
            return None
        match = self.tokens[self.position]
        if match.group(2):
            return ")"
        plain: str | None = match.group(6) if not match.group(4) else None
        return plain if plain in ("OR", "AND") else ""


def _one_thing(text: str) -> Node | None:
    """The condition that words with blanks between are together; None when each stands for itself."""
    parts = text.split()
    one = "".join(parts) if index_wholes.is_account(text) else None
    if text.count("(") == text.count(")"):
        one = one or index_digits.telephone(text.removeprefix("("))
    if one:
        # 0815 2026 may also be a number and a year.
        is_sure = len(parts) > SURE_GROUPS or text.startswith("00") or not all(map(str.isdecimal, parts))
        apart = tuple(Word(field="", text=part, closes=False) for part in parts)
        other = Word(field="", text=text, kind="phrase") if is_sure else Group(kind="and", nodes=apart)
        return Group(kind="or", nodes=(Word(field="", text=one), other))
    # A sign alone is no word: of 100 € and § 15 the number would be looked for.
    lacks_word = any(not any(map(str.isalnum, part)) for part in parts)
    return Word(field="", text=text) if lacks_word and index_wholes.is_measure(text) else None


def _word(field: str | None, text: str, whole: str) -> Word:
    name = (field or "").lower()
    if field and name not in FIELDS:
        # `http://…` and `10:30` are words, not fields.
        return Word(field="", text=whole.replace('"', ""))
    if name in FLAG_FIELDS and text.lower() not in FLAG_FIELDS[name]:
        choices = ", ".join(f"{name}:{choice}" for choice in FLAG_FIELDS[name])
        raise UsageError(Mistake.NO_FLAG.said(word=whole, choices=choices))
    if name in FLAG_FIELDS:
        return Word(field=name, text=text.lower())
    if name in DATE_FIELDS:
        return Word(field=name, text=_date(text, whole).isoformat())
    if name in SIZE_FIELDS:
        size = writtenvalue.octets(text)
        if size is None:
            raise UsageError(Mistake.NO_SIZE.said(word=whole, name=name))
        return Word(field=name, text=str(size))
    if not field and text.lower().rstrip(":") in FIELDS and text.endswith(":"):
        raise UsageError(Mistake.NO_VALUE.said(word=text))
    return Word(field=name, text=text)


def _date(text: str, whole: str) -> date:
    found = writtenvalue.day(text, clock.today())
    if found is not None and found < LAST_DAY:
        return found
    raise UsageError(Mistake.NO_DATE.said(word=whole))
