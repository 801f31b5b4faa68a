"""What the index holds: one document a letter, and one that says how far the indexer is.

A letter is one document, so that totals, negations and AND over its images are exact. What all may read who may read
the letter stands in the shared fields. What only some of them may (a Bcc in the sender's own copy, the recipients of
an envelope) stands in `own`, each word with the account before it: `7/to/geheim`; account 0 is for those who read all.
So rights are part of each word of a query.
"""

from datetime import UTC, datetime
from functools import cache

from tantivy import Index, Schema, SchemaBuilder

from postbuch.archive import index_text

# Changed with the fields and with what is a word (`index_text`). Another number: the folder of an older version is not
# read, and the index is made anew beside it.
VERSION = 4
# Texts as they are spelled, with places for phrases. `head` is all that is not body or text of attachments.
SPELLED = ("head", "subject", "from", "to", "cc", "file", "body", "attached")
# Texts by stems, each once: they come made, and where they stood does not count. People's names have none.
STEMMED = ("head", "subject", "file", "body", "attached")
STEM = "_stem"
OWN = "own"
ALL_ACCOUNTS = 0
# The document of the mark has this number; letters count from 1.
MARK_LETTER = 0
LETTER_KIND = "letter"
# `order` is the second of the letter's arrival and its number: newest first, the same on every page.
ORDER_BITS = 32
_LAST_SECOND = (1 << 32) - 1
FIRST_YEAR, LAST_YEAR = 1970, 2106


@cache
def schema() -> Schema:
    """The fields. Nothing but the mark is stored: pages are made from the database."""
    made = SchemaBuilder()
    made.add_text_field("kind", tokenizer_name="raw", index_option="basic")
    made.add_text_field("mark", stored=True, tokenizer_name="raw", index_option="basic")
    made.add_unsigned_field("letter", indexed=True)
    made.add_unsigned_field("order", indexed=True, fast=True)
    made.add_unsigned_field("account", indexed=True, fast=True)
    made.add_unsigned_field("mailbox", indexed=True, fast=True)
    made.add_text_field("has", tokenizer_name="raw", index_option="basic")
    made.add_text_field("sender", tokenizer_name="raw", index_option="basic", fast=True)
    made.add_text_field("type", tokenizer_name="raw", index_option="basic", fast=True)
    made.add_text_field("suggest", tokenizer_name="raw", index_option="basic")
    for name in SPELLED:
        made.add_text_field(name, tokenizer_name="spelling", index_option="position")
    for name in STEMMED:
        made.add_text_field(name + STEM, tokenizer_name="stems", index_option="basic")
    made.add_text_field("owner", tokenizer_name="raw", index_option="basic")
    made.add_text_field(OWN, tokenizer_name="spaces", index_option="position")
    return made.build()


def register(index: Index) -> None:
    """The analyzers, which each opened index needs to be told."""
    index.register_tokenizer("spelling", index_text.spelling())
    index.register_tokenizer("stems", index_text.between_spaces())
    index.register_tokenizer("spaces", index_text.between_spaces())


def counted(found: object) -> int:
    """The total of a search, which the library's type hints lack."""
    return int(getattr(found, "count", 0) or 0)


def order_of(at: datetime, letter_id: int) -> int:
    """The place of a letter in the order of arrival. `at` in UTC without a zone; before 1970 counts as 1970."""
    return second_of(at) << ORDER_BITS | letter_id


def second_of(at: datetime) -> int:
    """Seconds since 1970, held to what 32 bits take (till 2106)."""
    return min(max(int(at.replace(tzinfo=UTC).timestamp()), 0), _LAST_SECOND)


def letter_of(order: int) -> int:
    """The letter of a place."""
    return order & ((1 << ORDER_BITS) - 1)


def second_at(order: int) -> int:
    """Its second (`second_of`)."""
    return order >> ORDER_BITS


def own_word(account: int, field: str, word: str) -> str:
    """How a word stands in `own`."""
    return f"{account}/{field}/{word}"
