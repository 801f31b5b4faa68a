"""What stands beside a result: how it is spread, what one may be typing, and the passages that were found."""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from postbuch.archive import audit, index_query, index_reader, index_snippets, index_text, query, search_times
from postbuch.archive.index_attached import texts_of
from postbuch.archive.index_reader import Look
from postbuch.archive.index_snippets import Snippet
from postbuch.archive.mailboxkind import bare_name, identity, kind_of, shown_of
from postbuch.archive.query import Group, Node
from postbuch.archive.readnow import current, text_now
from postbuch.archive.schema import account, body_text, later_reading, letter_image, mailbox
from postbuch.archive.search import in_index
from postbuch.archive.users import ALL, Rights
from postbuch.archive.visible import seen

# As many as fit beside a list; senders and types go on for long.
SHOWN = 8
# Each account or folder that has to be counted by itself costs a millisecond; of more only the most frequent ones are.
MOST_COUNTED = 30
# Of so many accounts or folders the index tells all numbers at once.
MOST_BUCKETS = 1_000
SIZES = {"account": MOST_BUCKETS, "mailbox": MOST_BUCKETS, "sender": SHOWN, "type": SHOWN}
_MAILBOX_IN_QUOTES = re.compile(r'(?<!\S)mailbox:"[^"]*\Z', re.IGNORECASE)
# Shorter beginnings fit half the dictionary.
LEAST_TYPED = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Facet:
    """One value: `kind` is account, mailbox, sender, year, month or type; `query` is the search narrowed to it."""

    kind: str
    value: str
    count: int
    query: str


def facets(conn: Connection, text: str, accounts: Rights) -> list[Facet]:
    """The values of what a search finds, the most frequent ones first; all years or months (2026-11), newest first.

    Empty when there is no index, and for searches that it cannot answer alone. Raises UsageError.
    """
    tree = query.parse(audit.storable(text))
    asked = in_index(conn, text, accounts)
    if asked is None:
        return []
    look, made = asked
    wanted: dict[str, Any] = {kind: {"terms": {"field": kind, "size": size}} for kind, size in SIZES.items()}
    times, wanted_times = search_times.asked(conn)
    answer = look.aggregate(made, {**wanted, times: wanted_times})
    buckets = {
        kind: {
            str(each["key"]).removesuffix(".0"): int(each["doc_count"]) for each in found["buckets"]
            if each["doc_count"]
        }
        for kind, found in answer.items()
    }  # fmt: skip
    found: list[Facet] = []
    for kind, names in _places_of(conn, accounts):
        counts = _counts(look, made, kind, names, {int(key): count for key, count in buckets[kind].items()})
        if len(counts) > 1:
            found += _most(kind, counts, tree, text)
    by_time, by_times = search_times.counted(times, buckets[times], lambda other: look.aggregate(made, other))
    for kind, values in (("sender", buckets["sender"]), (by_time, by_times), ("type", buckets["type"])):
        if len(values) > 1:
            found += _most(kind, values, tree, text)
    return found


def _counts(look: Look, made: Any, kind: str, names: dict[str, list[int]], known: dict[int, int]) -> dict[str, int]:
    """How many letters each name has. `known`: those of each number, perhaps without the rarest."""
    whole = len(known) < MOST_BUCKETS
    counts = {name: known.get(numbers[0], 0) for name, numbers in names.items() if whole and len(numbers) == 1}
    # A letter in two folders of one name is one letter: these are counted, the most frequent ones of many.
    rest = sorted(names.keys() - counts.keys(), key=lambda name: -sum(known.get(each, 0) for each in names[name]))
    counts |= {name: look.count(index_query.both(made, kind, names[name])) for name in rest[:MOST_COUNTED]}
    return {name: count for name, count in counts.items() if count}


def _places_of(conn: Connection, accounts: Rights) -> list[tuple[str, dict[str, list[int]]]]:
    """Accounts and mailboxes within the rights: the field of the index, and name → the numbers that have it.

    Mailboxes that are one to a reader (`mailboxkind.identity`) go by the first of their names.
    """
    owners, boxes = select(account.c.address, account.c.id), select(mailbox.c.name, mailbox.c.id)
    if accounts != ALL:
        owners, boxes = owners.where(account.c.id.in_(accounts)), boxes.where(mailbox.c.account_id.in_(accounts))
    found: list[tuple[str, dict[str, list[int]]]] = []
    for kind, asked in (("account", owners), ("mailbox", boxes)):
        names: dict[str, list[int]] = {}
        first: dict[str, str] = {}
        for name, number in conn.execute(asked.order_by(asked.selected_columns[1])):
            one = identity(name) if kind == "mailbox" else name
            names.setdefault(first.setdefault(one, name), []).append(number)
        found.append((kind, names))
    return found


def _most(kind: str, counts: dict[str, int], tree: Node, text: str) -> list[Facet]:
    of_time = kind in search_times.KINDS
    most = list(counts.items()) if of_time else sorted(counts.items(), key=lambda pair: -pair[1])[:SHOWN]
    text += '"' * (text.count('"') % 2)  # an open quote would take what is added into its phrase
    before = f"({text})" if isinstance(tree, Group) and tree.kind == "or" else text
    return [
        Facet(kind=kind, value=value, count=count, query=f"{before} {_words(kind, value)}".strip())
        for value, count in most
    ]


def _words(kind: str, value: str) -> str:
    """The query words that mean a value."""
    if kind in search_times.KINDS:
        return search_times.words(value)
    quoted = value.replace('"', "")
    if kind in index_query.PLACES or any(each in quoted for each in " ()"):
        quoted = f'"{quoted}"'
    return {"sender": "from:", "type": "filename:"}.get(kind, f"{kind}:") + quoted


def suggest(
    conn: Connection, text: str, accounts: Rights, limit: int, shown_name: Callable[[str], str] = bare_name
) -> list[str]:
    """Searches that begin like the text: its last word completed by words of subjects, addresses and mailboxes.

    Only of letters within the rights; the most frequent ones first, mailboxes as `shown_name` calls them for the
    reader. Empty when there is no index.
    """
    text = audit.storable(text)
    quoted = _MAILBOX_IN_QUOTES.search(text)
    before, typed = (text[: quoted.start()].rstrip(), quoted[0]) if quoted else text.rpartition(" ")[::2]
    field, colon, beginning = typed.rpartition(":")
    if field.lower() == "mailbox":
        boxes = _mailboxes(conn, beginning, accounts, shown_name)
        return [f"{before} {field}:{name}".strip() for name in boxes[:limit]]
    look = index_reader.of(conn)
    spelled = index_text.prefix_words(beginning)
    folded = spelled[0] if len(spelled) == 1 else beginning.lower()  # an address is kept as it is
    if look is None or len(beginning) < LEAST_TYPED or field not in ("", "from", "to", "cc", "subject"):
        return []
    allowed = None if accounts == ALL else index_query.within_rights(index_query.every(), accounts)
    found: dict[str, None] = {}
    for word, _count in look.searcher.terms_with_prefix("suggest", folded, allowed, 4 * limit):
        shown = word.partition("\t")[2]
        if field in ("from", "to", "cc") and "@" not in shown:
            continue
        found[f"{before} {field}{colon}{shown}".strip()] = None
    return list(found)[:limit]


def _mailboxes(conn: Connection, typed: str, accounts: Rights, shown_name: Callable[[str], str]) -> list[str]:
    """What a page calls the mailboxes of which one begins to type the name, the part of a tree, or the provider's.

    In German and in English, as a search takes them, whatever the page speaks.
    """
    sought, quote = index_text.fold_prefix(typed.lstrip('"')), typed[:1] == '"'
    found: dict[str, None] = {}
    names = _places_of(conn, accounts)[1][1]
    for name, shown in sorted(((name, shown_name(name)) for name in names), key=lambda pair: pair[1].lower()):
        called = (*shown.split("/"), shown, bare_name(name), *shown_of(kind_of(name)))
        begins = any(index_text.fold(each).startswith(sought) for each in called)
        if begins and '"' not in shown:
            found[f'"{shown}"' if quote or any(each in shown for each in " ()") else shown] = None
    return list(found)


def snippets(conn: Connection, text: str, ids: Collection[int], accounts: Rights) -> dict[int, Snippet]:
    """Letter → the passage of its text, or of its attachments, with the words that were looked for.

    Only of images that the searcher may see; letters in which it stands elsewhere are left out. Raises UsageError.
    """
    looked_for = index_snippets.wanted(query.parse(audit.storable(text)), ("", "body", "attachment"))
    if not looked_for or not ids:
        return {}
    found: dict[int, Snippet] = {}
    for letter_id, passage_text in _texts(conn, ids, accounts):
        made = None if letter_id in found else index_snippets.passage(passage_text, looked_for)
        if made is not None:
            found[letter_id] = made
    return found


def _texts(conn: Connection, ids: Collection[int], accounts: Rights) -> list[tuple[int, str]]:
    """(letter, text): the bodies, then the attachments."""
    cut, mine = index_snippets.LOOKED_AT_CHARACTERS, (letter_image.c.letter_id.in_(ids), seen(accounts))
    bodies = (
        select(letter_image.c.letter_id, func.left(text_now(), cut))
        .join(body_text, body_text.c.image_id == letter_image.c.image_id)
        .join(later_reading, later_reading.c.image_id == letter_image.c.image_id, isouter=True)
        .where(*mine).order_by(letter_image.c.image_id)
    )
    # Each file once: a large one may stand in all letters of a page.
    images = select(letter_image.c.image_id).where(*mine)
    part = current(lambda table: table.c.image_id.in_(images) & table.c.is_attachment)
    files = (
        select(letter_image.c.letter_id, part.c.sha256)
        .join(part, part.c.image_id == letter_image.c.image_id)
        .order_by(letter_image.c.image_id, part.c.position)
    )
    found = [(row[0], row[1]) for row in conn.execute(bodies)]
    attached = [(row[0], row[1]) for row in conn.execute(files)]
    texts = texts_of(conn, {sha256 for _, sha256 in attached}, cut) if attached else {}
    return found + [(letter_id, texts[sha256]) for letter_id, sha256 in attached if sha256 in texts]
