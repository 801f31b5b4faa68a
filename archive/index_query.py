"""The tree of `query.py` as a query of the index, for one searcher. His rights are part of each word.

Words without a letter or digit in them (`&`, `-`) are not in the index and are passed over.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from tantivy import FieldType, Occur, Query

from postbuch.archive import clock, index_joins, index_text, query
from postbuch.archive import index_schema as names
from postbuch.archive.index_schema import OWN, STEM, schema
from postbuch.archive.query import Group, Node, Not, Word
from postbuch.archive.users import ALL, Rights

# Query word → the fields of the index that it means.
FIELDS: dict[str, tuple[str, ...]] = {
    "": ("head", "body", "attached"), "from": ("from",), "to": ("to",), "cc": ("cc",), "subject": ("subject",),
    "body": ("body",), "filename": ("file",), "attachment": ("file", "attached"),
}
PLACES = ("account", "mailbox")
# A set of words costs 0.3 ms to set up, whatever its size; as many single words cost as much.
FEW = 20
# What else the index knows; the rest (is:, larger:, smaller:, sha256:, message-id:) is asked of the database.
OTHERS = ("has", *query.DATE_FIELDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Searcher:
    """For whom a query is made.

    `own`: the accounts whose own words he may know, as far as there are any (`Look.owning`). `places`: numbers of the
    accounts or mailboxes within his rights that a word of the fields PLACES means.
    """

    own: Sequence[int]
    places: Callable[[Word], Sequence[int]]


def knows(node: Node) -> bool:
    """Whether the index can answer all of a tree."""
    match node:
        case Word():
            return node.field in FIELDS or node.field in PLACES or node.field in OTHERS
        case Not():
            return knows(node.node)
        case Group():
            return all(knows(each) for each in node.nodes)


def without_empty(node: Node) -> Node | None:
    """The tree without what is no word (`&`); None when nothing is left.

    A word that is too long for the index is in no letter of it: passed over, it would find what has all the others.
    """
    match node:
        case Word():
            if node.field not in FIELDS or index_text.words(node.text):
                return node
            return Group(kind="or", nodes=()) if any(map(str.isalnum, node.text)) else None
        case Not():
            inner = without_empty(node.node)
            return None if inner is None else Not(node=inner)
        case Group():
            kept = tuple(each for each in map(without_empty, node.nodes) if each is not None)
            return Group(kind=node.kind, nodes=kept) if kept or not node.nodes else None


def within_rights(made: Query, rights: Rights) -> Query:
    """Only letters that the searcher may read."""
    if rights == ALL:
        return made
    if not rights:
        return none()
    return both(made, "account", sorted(rights))


def of(node: Node, searcher: Searcher) -> Query:
    """The query of a tree that `knows` is true of, without the rights over letters."""
    match node:
        case Word():
            return _word(node, searcher)
        case Not():
            return Query.boolean_query([(Occur.Must, every()), (Occur.MustNot, of(node.node, searcher))])
        case Group():
            if not node.nodes:
                return every() if node.kind == "and" else none()
            occur = Occur.Must if node.kind == "and" else Occur.Should
            return Query.boolean_query([(occur, of(each, searcher)) for each in node.nodes])


def terms(node: Node, searcher: Searcher) -> list[tuple[str, str]]:
    """(field, word) of which each is enough, where that is all that a tree means; else none."""
    if not isinstance(node, Word) or node.kind != "word" or node.field not in FIELDS or searcher.own:
        return []
    spelled = [_spelled(field, node) for field in FIELDS[node.field]]
    return [(field, words[0]) for field, words in spelled] if all(len(words) == 1 for _, words in spelled) else []


def term(field: str, word: str) -> Query:
    """What has a word in a field."""
    return Query.term_query(schema(), field, word, "basic")


def any_of(parts: Sequence[Query]) -> Query:
    """What is in one of these."""
    return parts[0] if len(parts) == 1 else Query.boolean_query([(Occur.Should, each) for each in parts])


def without(made: Query, other: Query) -> Query:
    """What of a query is not in another."""
    return Query.boolean_query([(Occur.Must, made), (Occur.MustNot, other)])


def both(made: Query, field: str, numbers: Sequence[int]) -> Query:
    """What of a query is in one of these accounts or mailboxes."""
    return Query.boolean_query([(Occur.Must, made), (Occur.Must, _numbers(field, numbers))])


def none() -> Query:
    """No letter."""
    return Query.empty_query()


def every() -> Query:
    """All letters."""
    return Query.const_score_query(Query.term_query(schema(), "kind", names.LETTER_KIND, "basic"), 1.0)


def _numbers(field: str, values: Sequence[int]) -> Query:
    if not values:
        return none()
    if len(values) == 1:
        return Query.term_query(schema(), field, values[0], "basic")
    return Query.term_set_query(schema(), field, list(values))


def _word(word: Word, searcher: Searcher) -> Query:
    if word.field in PLACES:
        return _numbers(word.field, searcher.places(word))
    if word.field == "has":
        own = [names.own_word(account, "has", "attachment") for account in searcher.own]
        return any_of([term("has", "attachment"), *_any_of(own)])
    if word.field in query.DATE_FIELDS:
        return _days(word.field, date.fromisoformat(word.text))
    return any_of([each for field in FIELDS[word.field] for each in _in_field(field, word, searcher)])


def _in_field(field: str, word: Word, searcher: Searcher) -> list[Query]:
    """The word in the texts that all may know, and in those that only the searcher may."""
    texts = (word.text, *index_joins.closed(word))
    if word.kind == "prefix":
        return [each for text in texts for each in _rows(field, index_text.prefix_words(text), searcher, _prefix)]
    field, words = _spelled(field, word)
    if len(words) == 1:
        own = [each for account in searcher.own for each in _owned(account, field, words)]
        return [term(field, words[0]), *_any_of(own)]
    rows = [each for text in texts for each in _rows(field, index_text.words(text), searcher, _phrase)]
    return [*rows, *_whole(field, word, searcher)]


def _rows(
    field: str, words: list[str], searcher: Searcher, made: Callable[[str, Sequence[str]], Query]
) -> list[Query]:
    return [made(field, words), *(made(OWN, _owned(account, field, words)) for account in searcher.own)]


def _whole(field: str, word: Word, searcher: Searcher) -> list[Query]:
    """What signs part may be written as one word, or be parted by others: E-Mails, Email."""
    stem = index_text.whole_stem(word.text) if word.kind == "word" and field in names.STEMMED else None
    if stem is None:
        return []
    field += STEM
    return [term(field, stem), *_any_of([names.own_word(account, field, stem) for account in searcher.own])]


def _spelled(field: str, word: Word) -> tuple[str, list[str]]:
    """The field of the index, and its words that one of a search is there."""
    # A word may become too long for a stem, which then has none.
    if word.kind != "prefix" and field in names.STEMMED and (
        stem := index_text.stem_sought(word.text, quoted=word.kind == "phrase")
    ):  # fmt: skip
        return field + STEM, [stem]
    return field, index_text.words(word.text)


def _any_of(own: Sequence[str]) -> list[Query]:
    if len(own) > FEW:
        return [Query.term_set_query(schema(), OWN, list(own))]
    return [term(OWN, each) for each in own]


def _owned(account: int, field: str, words: Sequence[str]) -> list[str]:
    return [names.own_word(account, field, each) for each in words]


def _phrase(field: str, words: Sequence[str]) -> Query:
    return term(field, words[0]) if len(words) == 1 else Query.phrase_query(schema(), field, list(words))


def _prefix(field: str, words: Sequence[str]) -> Query:
    """Words that begin so; of a phrase its last one. Words are letters and digits, so nothing in them is a pattern."""
    beginning = f"{words[-1]}.*"
    if len(words) == 1:
        return Query.regex_query(schema(), field, beginning)
    return Query.regex_phrase_query(schema(), field, [*words[:-1], beginning])


def _days(field: str, day: date) -> Query:
    first, behind = (names.second_of(each) << names.ORDER_BITS for each in clock.stretch(day))
    lower, upper = {"before": (0, first), "after": (behind, (1 << 64) - 1), "on": (first, behind)}[field]
    return Query.range_query(
        schema(), "order", FieldType.Unsigned, lower, upper, include_upper=field == "after"
    )
