"""The list of topics: letters that belong together, each topic once, where its newest letter stands.

A row is the newest letter of its topic within the rights (its *head*), so the page is read like the list of letters.
A filter holds for a topic when it holds for one of its letters that may be read.
"""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, exists, false, func, not_, select

from postbuch.archive import topics
from postbuch.archive.filterform import Filter, Order
from postbuch.archive.listcolumn import Column, Kind, Place, Scope, Test, View, compare
from postbuch.archive.listimages import of_shown, within
from postbuch.archive.listletters import rows
from postbuch.archive.listorder import Cursor, cursors, is_head
from postbuch.archive.listview_letters import ALIASES, LETTERS, selection
from postbuch.archive.marks import is_read
from postbuch.archive.schema import header_summary, letter, letter_place, letter_topic
from postbuch.archive.users import ALL
from postbuch.archive.visible import readable, readable_each

# Of a topic with more letters the people of the newest are named.
PEOPLE_OF = 20
_head = letter.alias("head")
_own = letter_topic.alias("own_topic")


def _members(scope: Scope, *conditions: ColumnElement[bool]) -> Select[Any]:
    """The letters of all topics within the rights."""
    return (
        select(letter_topic.c.topic_id).select_from(letter)
        .join(letter_topic, letter_topic.c.letter_id == letter.c.id).where(within(scope), *conditions)
    )


def _any(condition: Callable[[Scope], ColumnElement[bool]], scope: Scope) -> ColumnElement[bool]:
    return _own.c.topic_id.in_(_members(scope, condition(scope)))


def _lifted(name: str) -> Callable[[Scope, Test], ColumnElement[bool]]:
    """A comparison of letters, for topics."""
    column = LETTERS.column(name)
    if column is None:
        raise LookupError(name)

    def condition(scope: Scope, test: Test) -> ColumnElement[bool]:
        def of_letter(scope: Scope) -> ColumnElement[bool]:
            if column.condition is not None:
                return column.condition(scope, test)
            return compare(column.expression(scope), column.kind, test)

        return _any(of_letter, scope)

    return condition


def _count(scope: Scope) -> ColumnElement[int]:
    other = letter_topic.alias()
    found = select(func.count()).select_from(other).where(other.c.topic_id == _own.c.topic_id)
    return found.where(readable_each(scope.rights, other.c.letter_id)).correlate(_own).scalar_subquery()


def _filter(name: str, kind: Kind) -> Column:
    """A column of letters that topics can be filtered by, and that they do not have."""
    return Column(
        name=name, kind=kind, title="", expression=lambda _: false(), condition=_lifted(name), sortable=False,
        shown=False,
    )


COLUMNS = (
    Column(name="people", kind="list", title="People", expression=lambda _: false(), sortable=False,
           condition=_lifted("from")),
    Column(name="subject", kind="text", title="Subject", condition=_lifted("subject"),
           expression=of_shown(header_summary.c.subject_start, header_summary.c.image_id, _head)),
    Column(name="letters", kind="number", title="Letters", expression=_count),
    Column(name="unread", kind="number", title="Unread", expression=lambda _: false(), sortable=False,
           filterable=False),
    Column(name="attachments", kind="number", title="Attachments", expression=lambda _: false(), sortable=False,
           condition=_lifted("attachments")),
    Column(name="preview", kind="text", title="First words", expression=lambda _: false(), sortable=False,
           filterable=False),
    Column(name="account", kind="list", title="Account", expression=lambda _: false(), sortable=False,
           condition=_lifted("account"), shown_first=False),
    Column(name="mailbox", kind="list", title="Mailbox", expression=lambda _: false(), sortable=False,
           condition=_lifted("mailbox"), shown_first=False),
    Column(name="first", kind="time", title="First letter", expression=lambda _: false(), sortable=False,
           filterable=False, shown_first=False),
    Column(name="date", kind="time", title="Date", expression=lambda _: _head.c.sort_at, condition=_lifted("date")),
    _filter("to", "text"), _filter("cc", "list"), _filter("body", "text"), _filter("files", "list"),
    _filter("size", "size"), _filter("message_id", "text"),
)  # fmt: skip


def _source(scope: Scope) -> Select[Any]:
    heads = select(_head.c.id).select_from(_head).join(_own, _own.c.letter_id == _head.c.id)
    return heads.where(readable(scope.rights, _head.c.id))


def _narrowed(_conn: Connection, scope: Scope, wanted: Filter) -> list[ColumnElement[bool]]:
    found = [is_head(_head.c.id, scope.rights, wanted.account, wanted.mailbox)]
    if wanted.account is not None or wanted.mailbox is not None:
        conditions = [letter_place.c.letter_id == _head.c.id]
        if wanted.account is not None:
            conditions.append(letter_place.c.account_id == wanted.account)
        if wanted.mailbox is not None:
            conditions.append(letter_place.c.mailbox_id == wanted.mailbox)
        if scope.rights != ALL:
            conditions.append(letter_place.c.account_id.in_(scope.rights))
        found.append(exists().where(*conditions))
    if wanted.tab == "unread":
        found.append(_has_unread(scope))
    return found


def _has_unread(scope: Scope) -> ColumnElement[bool]:
    """Looked up for each topic that is reached: the set of all unread letters would be found before the first page."""
    other = letter_topic.alias()
    found = select(other.c.letter_id).where(
        other.c.topic_id == _own.c.topic_id, not_(is_read(other.c.letter_id, scope.user_id, scope.rights))
    )
    found = found.where(readable_each(scope.rights, other.c.letter_id))
    return found.correlate(_own).limit(1).scalar_subquery().is_not(None)


def _words(conn: Connection, text: str, scope: Scope) -> ColumnElement[bool]:
    if LETTERS.words is None:
        raise LookupError("words")
    words = LETTERS.words
    return _any(lambda scope: words(conn, text, scope), scope)


def _quick(conn: Connection, scope: Scope, wanted: Filter, place: Place) -> list[Cursor]:
    return cursors(conn, selection(conn, scope, wanted, place, heads=True), place.limit, place.offset)


def _rows(conn: Connection, ids: list[int], scope: Scope, names: Sequence[str]) -> list[dict[str, Any]]:
    """The topics of these heads. `unread` counts among the newest `topics.MEMBERS`, `attachments` of PEOPLE_OF."""
    members = topics.members(conn, ids, scope)
    newest = sorted({number for each in members.values() for number, _ in each.newest[:PEOPLE_OF]})
    facts = {
        row["id"]: row for row in rows(
            conn, newest, scope, ("from", "subject", "preview", "attachments", "account", "mailbox", "date")
        )
    }  # fmt: skip
    unread = topics.unread(conn, [number for each in members.values() for number, _ in each.newest], scope)
    found = []
    for head in ids:
        if head not in facts:
            continue
        topic = members[head]
        shown = [facts[number] for number, _ in topic.newest[:PEOPLE_OF] if number in facts]
        whole = {
            "people": list(dict.fromkeys(row["from"] for row in reversed(shown))),
            "subject": facts[head]["subject"], "preview": facts[head]["preview"], "letters": topic.total,
            "unread": sum(number in unread for number, _ in topic.newest),
            "attachments": sum(row["attachments"] for row in shown),
            "account": list(dict.fromkeys(name for row in shown for name in row["account"])),
            "mailbox": list(dict.fromkeys(name for row in shown for name in row["mailbox"])),
            "first": topic.first, "date": facts[head]["date"],
        }
        found.append({"id": head, **{name: whole[name] for name in names}})
    return found


TOPICS = View(
    name="topics", title="By topic", columns=COLUMNS, key=_head.c.id, source=_source,
    order=(Order(field="date", descending=True),), aliases=ALIASES | {"from": "people", "from_email": "people",
    "from_name": "people", "sender": "people"}, tabs=("all", "unread"), narrowed=_narrowed, words=_words, rows=_rows,
    quick=_quick, quick_tabs=("", "all"),
)  # fmt: skip
