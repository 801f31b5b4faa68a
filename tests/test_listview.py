"""The list engine against an oracle in plain Python: random letters, random filters, rights, orders, pages.

The oracle reads the messages that were put in with the `email` package and knows nothing of the schema.
"""

import random
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from postbuch.archive import (
    database,
    index_letters,
    index_store,
    listlead,
    listnear,
    listorder,
    listresolve,
    listview,
    users,
)
from postbuch.archive.accounts import find_account
from postbuch.archive.database import Role
from postbuch.archive.errors import UsageError
from postbuch.archive.filterform import Condition, Filter, Order, base_op
from postbuch.archive.filtergrammar import parse
from postbuch.archive.index_store import Mark, Writing
from postbuch.archive.listcolumn import Place, Scope
from postbuch.archive.listorder import Anchor
from postbuch.archive.listview import VIEWS
from postbuch.archive.record import Record
from postbuch.archive.users import ALL, Rights
from provider.archive import fresh_archive, ingester, message_record

LETTERS = VIEWS["letters"]
ANNA, BERND, CARLA = "anna@firma.example", "bernd@firma.example", "carla@firma.example"
ACCOUNTS = (ANNA, BERND, CARLA)
MAILBOXES = ("INBOX", "Sent", "Projekte_A", "100%")
# Without what a collation folds, so that Python's lower() says the same; and with what LIKE could mistake.
WORDS = ("offer", "Invoice", "100%", "a_b", "x~y", "f(x)", "back\\slash", "OFFER", "plan", "re|port", ")(", "zeta")
PEOPLE = (
    ("Anna Adler", "anna@firma.example"), ("", "test@test.example"), ("Tom Test", "tom@kunde.example"),
    ("Bernd_B", "bernd@firma.example"), ("", "no_reply@shop.example"), ("100% Shop", "sale@shop.example"),
)
START = datetime(2026, 1, 1)
COUNT = 160


@dataclass(frozen=True, kw_only=True)
class Mail:
    """What the oracle knows of a letter."""

    number: int
    at: datetime
    senders: tuple[tuple[str, str], ...]
    to: tuple[tuple[str, str], ...]
    cc: tuple[tuple[str, str], ...]
    subject: str
    body: str
    files: tuple[str, ...]
    size: int
    places: frozenset[tuple[str, str]]
    seen: bool


@dataclass
class World:
    """The archive and what the oracle knows."""

    conn: Connection
    user_id: int
    accounts: dict[str, int] = field(default_factory=dict)
    mails: dict[int, Mail] = field(default_factory=dict)

    def rights(self, *addresses: str) -> Rights:
        return frozenset(self.accounts[address] for address in addresses)


def _shown(people: tuple[tuple[str, str], ...]) -> str:
    return ", ".join(f'"{name}" <{address}>' if name else address for name, address in people)


def _octets(mail: Mail) -> bytes:
    head = f"From: {_shown(mail.senders)}\r\nTo: {_shown(mail.to)}\r\n"
    head += f"Cc: {_shown(mail.cc)}\r\n" if mail.cc else ""
    head += f"Subject: {mail.subject}\r\nMessage-ID: <m{mail.number}@x>\r\nMIME-Version: 1.0\r\n"
    body = f"Content-Type: text/plain\r\n\r\n{mail.body}\r\n"
    if not mail.files:
        return (head + body).encode()
    parts = "".join(
        f"--bb\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename=\"{name}\"\r\n\r\nx\r\n"
        for name in mail.files
    )
    return f"{head}Content-Type: multipart/mixed; boundary=bb\r\n\r\n--bb\r\n{body}{parts}--bb--\r\n".encode()


def _make(chance: random.Random, number: int) -> Mail:
    places = frozenset(
        (account, chance.choice(MAILBOXES)) for account in chance.sample(ACCOUNTS, chance.choice((1, 1, 1, 2)))
    )
    made = Mail(
        number=number,
        # Some at the same moment, some at midnight.
        at=START + timedelta(days=chance.randrange(20), minutes=chance.choice((0, 0, 1, 719, 1439))),
        senders=(chance.choice(PEOPLE),), to=tuple(chance.sample(PEOPLE, chance.choice((1, 1, 2)))),
        cc=tuple(chance.sample(PEOPLE, chance.choice((0, 0, 1)))),
        subject=" ".join(chance.sample(WORDS, chance.randrange(4))), body=" ".join(chance.sample(WORDS, 3)),
        files=tuple(chance.sample(("plan_a.pdf", "100%.pdf", "offer.PDF"), chance.choice((0, 0, 1, 2)))),
        size=0, places=places, seen=chance.random() < 0.5,
    )
    return replace(made, size=len(_octets(made)))


def _records(mail: Mail) -> Iterator[Record]:
    for account, mailbox in sorted(mail.places):
        yield message_record(
            _octets(mail), account=account, mailbox=mailbox, uid=mail.number + 1, flags=["\\Seen"] if mail.seen else [],
            internal_date=f"{mail.at.isoformat()}+00:00", seen_at=f"{mail.at.isoformat()}+00:00",
        )


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Random letters in three accounts."""
    chance = random.Random(4)
    mails = [_make(chance, number) for number in range(COUNT)]
    records = [(mail, record) for mail in mails for record in _records(mail)]
    with fresh_archive(tmp_path_factory.mktemp("lists")) as (config, engine), ingester(config, engine) as work:
        stored = work.ingest([record for _, record in records])
        made = database.engine(config, Role.WEB)
        with made.connect() as conn:
            world = World(conn=conn, user_id=users.create_user(conn, ANNA))
            world.accounts = {address: find_account(conn, address) or 0 for address in ACCOUNTS}
            conn.commit()
            for (mail, _), row in zip(records, stored, strict=True):
                known = world.mails.setdefault(row.letter_id, mail)
                assert known is mail
            yield world
        made.dispose()


# --- the oracle ----------------------------------------------------------------------------------------------------


def _texts(mail: Mail, name: str, allowed: tuple[str, ...], about_addresses: bool) -> list[str]:
    people = {"from": mail.senders, "to": mail.to, "cc": mail.cc}
    if name in people:
        found = [address for _, address in people[name]]
        return found if about_addresses else found + [person for person, _ in people[name] if person]
    if name == "files":
        return list(mail.files)
    if name == "account":
        return [account for account, _ in mail.places if account in allowed]
    if name == "mailbox":
        return [mailbox for account, mailbox in mail.places if account in allowed]
    return [{"subject": mail.subject, "body": mail.body, "message_id": f"m{mail.number}@x"}[name]]


def _day(text: str) -> tuple[datetime, datetime]:
    start = datetime.fromisoformat(text)
    return (start, start + timedelta(days=1)) if len(text) == 10 else (start, start + timedelta(minutes=1))


def holds(mail: Mail, each: Condition, allowed: tuple[str, ...]) -> bool:
    """Whether a condition holds for a letter, by plain reading of the rules."""
    op, negative = base_op(each.op)
    return negative != _positive(mail, each.field, op, each.value, each.second, allowed)


def _positive(mail: Mail, name: str, op: str, value: str, second: str, allowed: tuple[str, ...]) -> bool:
    if name == "unread":
        return (not mail.seen) == (value == "1")
    if name in ("date", "size", "attachments"):
        return _ordered(mail, name, op, value, second)
    given = [each.strip() for each in re.split("[,;]", value)] if op == "in" else [value, second]
    texts = _texts(mail, name, allowed, all("@" in each for each in given if each) and bool(value or second))
    if op == "empty":
        return not any(texts)
    found = [text.lower() for text in texts]
    wanted = value.lower()
    match op:
        case "contains":
            return any(wanted in text for text in found)
        case "equals":
            return wanted in found
        case "startswith":
            return any(text.startswith(wanted) for text in found)
        case "endswith":
            return any(text.endswith(wanted) for text in found)
        case _:
            return any(each.lower() in found for each in given)


def _ordered(mail: Mail, name: str, op: str, value: str, second: str) -> bool:
    if name == "date":
        low, high = (_day(each) if each else None for each in (value, second))
        at = mail.at
        match op:
            case "equals":
                return low is not None and low[0] <= at < low[1]
            case "morethan":
                return low is not None and at >= low[1]
            case "lessthan":
                return low is not None and at < low[0]
            case "moreequal":
                return low is not None and at >= low[0]
            case "lessequal":
                return low is not None and at < low[1]
            case _:
                return (low is None or at >= low[0]) and (high is None or at < high[1])
    number = mail.size if name == "size" else len(mail.files)
    match op:
        case "equals":
            return number == int(value)
        case "morethan":
            return number > int(value)
        case "lessthan":
            return number < int(value)
        case "moreequal":
            return number >= int(value)
        case "lessequal":
            return number <= int(value)
        case _:
            return (not value or number >= int(value)) and (not second or number <= int(second))


def expected(world: World, wanted: Filter, allowed: tuple[str, ...]) -> list[int]:
    """The letters of a filter, in no order."""
    found = []
    for number, mail in world.mails.items():
        if not any(account in allowed for account, _ in mail.places):
            continue
        fields: dict[str, list[bool]] = {}
        for each in wanted.conditions:
            fields.setdefault(each.field, []).append(holds(mail, each, allowed))
        groups = [any(each) for each in fields.values()]
        if groups and not (any(groups) if wanted.criteria == "or" else all(groups)):
            continue
        if not all(holds(mail, each, allowed) for each in wanted.within):
            continue
        if (wanted.tab == "unread" and mail.seen) or (wanted.tab == "read" and not mail.seen):
            continue
        mailboxes = {mailbox for account, mailbox in mail.places if account in allowed}
        if (wanted.tab == "out" and "Sent" not in mailboxes) or (wanted.tab == "in" and not mailboxes - {"Sent"}):
            continue
        found.append(number)
    return found


TEXT_VALUES = (*WORDS, "off", "_", "%", "pdf", "firma.example", "Adler", "tom@kunde.example", "100% shop", "@shop", "|")
TEXT_OPS = ("contains", "equals", "startswith", "endswith", "empty", "in", "notcontain", "notequal", "notstartwith",
            "notendwith", "notempty", "notin")  # fmt: skip
ORDER_OPS = ("equals", "morethan", "lessthan", "moreequal", "lessequal", "between", "notequal", "notmorethan",
             "notlessthan", "notbetween")  # fmt: skip


def a_condition(chance: random.Random) -> Condition:
    """Any."""
    name = chance.choice(("from", "to", "cc", "subject", "body", "files", "account", "mailbox", "message_id", "date",
                          "date", "size", "attachments", "unread"))  # fmt: skip
    if name == "unread":
        return Condition(field=name, op="equals", value=chance.choice("01"))
    if name in ("date", "size", "attachments"):
        def value() -> str:
            if name == "date":
                day = START + timedelta(days=chance.randrange(-1, 21))
                return chance.choice((day.date().isoformat(), f"{day.date().isoformat()} 11:59"))
            return str(chance.randrange(200, 600) if name == "size" else chance.randrange(4))

        op = chance.choice(ORDER_OPS)
        second = chance.choice(("", value())) if base_op(op)[0] == "between" else ""
        return Condition(field=name, op=op, value=value(), second=second)
    op = chance.choice(TEXT_OPS)
    base, _ = base_op(op)
    texts = (*TEXT_VALUES, *MAILBOXES, *ACCOUNTS)
    value_ = ", ".join(chance.sample(texts, 2)) if base == "in" else chance.choice(texts)
    return Condition(field=name, op=op, value="" if base == "empty" else value_)


@pytest.mark.parametrize("seed", range(6))
def test_random_filters_find_what_the_oracle_finds(world: World, seed: int) -> None:
    """60 filters each, of up to five conditions, for three searchers: the same letters, the same number, no doubles."""
    chance = random.Random(seed)
    for _ in range(60):
        allowed = chance.choice(((ANNA,), (ANNA, BERND), ACCOUNTS))
        rights = ALL if allowed == ACCOUNTS else world.rights(*allowed)
        wanted = Filter(
            conditions=tuple(a_condition(chance) for _ in range(chance.randrange(5))),
            criteria=chance.choice(("and", "and", "or")),
            within=tuple(
                Condition(field="subject", op="contains", value=chance.choice(WORDS))
                for _ in range(chance.choice((0, 0, 0, 1, 2)))
            ),
            tab=chance.choice(("", "", "", "all", "in", "out", "read", "unread")),
        )
        found = list(listview.keys_of(world.conn, LETTERS, wanted, rights, world.user_id))
        assert sorted(found) == sorted(expected(world, wanted, allowed)), (wanted, allowed)
        assert listview.count(world.conn, LETTERS, wanted, rights, world.user_id) == len(found)
        places = [(world.mails[number].at, number) for number in found]
        assert places == sorted(places, reverse=True)


def _indexed(world: World, upto: int | None) -> None:
    """An index of the letters up to a number, or of all; the others have come since."""
    data = Path(world.conn.get_execution_options()[database.DATA_OPTION])
    generation = index_store.new_generation(data)
    ids = [number for number in world.mails if upto is None or number <= upto]
    writing = Writing(generation)
    writing.put(index_letters.load(world.conn, ids))
    writing.commit(Mark(leaf=0, built=None, highest=max(ids), texts=START.isoformat()))
    writing.close()
    index_store.make_current(data, generation)


# Made from the images of the address; by the index, which has all or lacks some, looking at all or at few of what it
# finds; an index that lacks too many; none.
@pytest.mark.parametrize(
    ("most", "upto", "looked_at", "told", "lacking"),
    [
        (10_000, None, (200,), set(), 1000), (3, None, (200,), {True}, 0), (3, 100, (200,), {True}, 60),
        (3, 100, (200,), {False}, 59), (0, 100, (4, 8, 200), {True}, 1000), (0, None, (5, 12), {True, False}, 0),
        (0, 0, (200,), {False}, 1000),
    ],
)  # fmt: skip
@pytest.mark.parametrize("rights", [(ANNA,), (ANNA, BERND), ACCOUNTS])
def test_letters_of_an_address(
    world: World, monkeypatch: pytest.MonkeyPatch, rights: tuple[str, ...], most: int, upto: int | None,
    looked_at: tuple[int, ...], told: set[bool], lacking: int,
) -> None:
    """With other conditions or without, in any order: page by page the letters that the oracle finds."""
    monkeypatch.setattr(listlead, "MOST", most)
    monkeypatch.setattr(listnear, "LOOKED_AT", looked_at)
    monkeypatch.setattr(listnear, "MOST_LACKING", lacking)
    if upto != 0:
        _indexed(world, upto)
    chance, totals, ways = random.Random(most + len(looked_at)), set[int](), set[bool]()
    near = listnear.near

    def asked(*arguments: Any) -> Any:
        answer = near(*arguments)
        ways.add(answer is not None)
        return answer

    view = replace(LETTERS, near=asked)
    allowed = ALL if rights == ACCOUNTS else world.rights(*rights)
    try:
        for _ in range(25):
            people = Condition(
                field=chance.choice(("from", "to", "cc")), op=chance.choice(("equals", "in")),
                value=chance.choice(("tom@kunde.example", "TOM@kunde.example, no_reply@shop.example", *ACCOUNTS)),
            )
            others = tuple(a_condition(chance) for _ in range(chance.choice((0, 0, 0, 1))))
            wanted = Filter(
                conditions=(people, *others) if chance.random() < 0.8 else others,
                criteria=chance.choice(("and", "or")),
                within=() if chance.random() < 0.8 else (people,), tab=chance.choice(("", "", "", "in", "unread")),
                order=chance.choice(((), (), (Order(field="size", descending=True),))),
            )
            pages: list[listview.Page] = []
            while not pages or pages[-1].more:
                pages.append(listview.page(
                    world.conn, view, wanted, allowed, world.user_id, limit=3, offset=3 * len(pages), most=10_000,
                    count_all=False,
                ))  # fmt: skip
            found = [row["id"] for page in pages for row in page.rows]
            assert found == list(listview.keys_of(world.conn, LETTERS, wanted, allowed, world.user_id)), wanted
            assert sorted(found) == sorted(expected(world, wanted, rights)), wanted
            assert {page.total for page in pages} <= {len(found), listview.NOT_COUNTED}
            totals |= {page.total for page in pages if wanted.conditions and not wanted.order}
    finally:
        shutil.rmtree(index_store.folder(Path(world.conn.get_execution_options()[database.DATA_OPTION])), True)
    # The index was asked and told, or did not: it is not there, or too few were looked at.
    assert ways == told
    assert (listview.NOT_COUNTED in totals) == (len(looked_at) > 1)


ORDERS = (
    (Order(field="subject"),), (Order(field="subject", descending=True), Order(field="date")),
    (Order(field="size", descending=True),), (Order(field="date"),), (Order(field="attachments"), Order(field="id")),
)  # fmt: skip


def sort_value(mail: Mail, number: int, name: str) -> Any:
    """What the oracle sorts by; the subjects hold what a collation orders as Python does, but for signs."""
    return {"size": mail.size, "date": mail.at, "attachments": len(mail.files), "id": number}[name]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("rights", [(ANNA,), ACCOUNTS])
def test_pages_are_slices_of_the_order(world: World, rights: tuple[str, ...], order: tuple[Order, ...]) -> None:
    """Sorted by any column: each letter on one page, the totals exact, numbers and times in the order of the oracle."""
    allowed = ALL if rights == ACCOUNTS else world.rights(*rights)
    wanted = Filter(order=order, conditions=(Condition(field="size", op="morethan", value="1"),))
    whole = list(listview.keys_of(world.conn, LETTERS, wanted, allowed, world.user_id))
    assert sorted(whole) == sorted(expected(world, wanted, rights))
    pages = [
        listview.page(world.conn, LETTERS, wanted, allowed, world.user_id, limit=17, offset=offset)
        for offset in range(0, len(whole) + 17, 17)
    ]
    assert [row["id"] for page in pages for row in page.rows] == whole
    assert {page.total for page in pages} == {len(whole)}
    first = order[0]
    if first.field != "subject":
        values = [sort_value(world.mails[number], number, first.field) for number in whole]
        assert values == sorted(values, reverse=first.descending)


# By their streams, or first among the next of all letters, where that is a page and where it is none.
@pytest.mark.parametrize(("few", "near"), [(8, 2_000), (0, 2_000), (0, 40)])
@pytest.mark.parametrize("tab", ["", "in", "out", "read", "unread"])
@pytest.mark.parametrize("rights", [(ANNA,), (ANNA, BERND), ACCOUNTS])
def test_quick_pages_show_what_the_others_do(
    world: World, monkeypatch: pytest.MonkeyPatch, rights: tuple[str, ...], tab: str, few: int, near: int
) -> None:
    """Read in index order, by cursor there and back and by offset: the same letters as the general way."""
    monkeypatch.setattr(listorder, "FEW_STREAMS", few)
    monkeypatch.setattr(listorder, "NEAR", near)
    allowed = ALL if rights == ACCOUNTS else world.rights(*rights)
    wanted = Filter(tab=tab)
    whole = list(listview.keys_of(world.conn, LETTERS, wanted, allowed, world.user_id))
    assert listview.is_quick(LETTERS, wanted)
    found: list[int] = []
    page = listview.page(world.conn, LETTERS, wanted, allowed, world.user_id, limit=23)
    assert page.newer is None
    while True:
        found += [row["id"] for row in page.rows]
        assert page.total == len(whole)
        if page.older is None:
            break
        page = listview.page(world.conn, LETTERS, wanted, allowed, world.user_id, limit=23, before=page.older)
    assert found == whole
    if page.newer is not None:
        back = listview.page(world.conn, LETTERS, wanted, allowed, world.user_id, limit=23, after=page.newer)
        assert [row["id"] for row in back.rows] == whole[-len(page.rows) - 23 : -len(page.rows)]
    by_offset = listview.page(world.conn, LETTERS, wanted, allowed, world.user_id, limit=23, offset=31)
    assert [row["id"] for row in by_offset.rows] == whole[31:54]
    oldest = replace(wanted, order=(Order(field="date", descending=False),))
    backwards = list(listview.keys_of(world.conn, LETTERS, oldest, allowed, world.user_id))
    assert sorted(backwards) == sorted(whole) and LETTERS.walk is not None
    for offset in range(0, len(whole) + 19, 19):
        page = listview.page(world.conn, LETTERS, oldest, allowed, world.user_id, limit=19, offset=offset)
        assert [row["id"] for row in page.rows] == backwards[offset : offset + 19]
        assert page.more is (offset + 19 < len(whole)) and page.total == len(whole)
    scope = Scope(rights=allowed, user_id=world.user_id)
    assert LETTERS.walk(world.conn, scope, oldest, Place(limit=len(whole))) == backwards


CHANGING = (
    Filter(tab="unread"), Filter(tab="read", words="plan OR offer"), Filter(words="is:unread"),
    Filter(conditions=(Condition(field="unread", op="equals", value="1"),)),
    Filter(tab="unread", within=(Condition(field="from", op="contains", value="a"),)),
)  # fmt: skip


@pytest.mark.parametrize("order", [*ORDERS, (Order(field="mailbox"),), (Order(field="to", descending=True),)])
@pytest.mark.parametrize("rights", [(ANNA,), ACCOUNTS])
def test_pages_of_what_changes_begin_behind_a_row(
    world: World, rights: tuple[str, ...], order: tuple[Order, ...]
) -> None:
    """There and back by the rows next to the pages; those behind a row that has left the list are the same."""
    allowed = ALL if rights == ACCOUNTS else world.rights(*rights)
    everything = list(listview.keys_of(world.conn, LETTERS, Filter(order=order), allowed, world.user_id))

    def page(wanted: Filter, anchor: Anchor | None) -> listview.Page:
        return listview.page(
            world.conn, LETTERS, wanted, allowed, world.user_id, limit=9, offset=9, anchor=anchor, most=1_000,
            count_all=False,
        )

    for wanted in (replace(each, order=order) for each in CHANGING):
        whole = list(listview.keys_of(world.conn, LETTERS, wanted, allowed, world.user_id))
        if listview.is_quick(LETTERS, wanted):
            continue
        gone = next(number for number in everything if number not in whole)
        behind = [number for number in everything[everything.index(gone) :] if number in whole]
        first = page(wanted, Anchor(key=gone))
        assert [row["id"] for row in first.rows] == behind[:9]
        assert first.fewer is (len(behind) < len(whole)) and first.more is (len(behind) > 9) and first.changing
        seen = whole[:9]
        while more := page(wanted, Anchor(key=seen[-1])):
            seen += [row["id"] for row in more.rows]
            if not more.more:
                break
        assert seen == whole
        back = page(wanted, Anchor(key=whole[12], ahead=True))
        assert [row["id"] for row in back.rows] == whole[3:12] and back.more and back.fewer
        # Of the few that are left ahead of it no page is made: it is the first.
        few = page(wanted, Anchor(key=whole[4], ahead=True))
        assert [row["id"] for row in few.rows] == whole[:9] and not few.fewer
        # A row that is none tells nothing; one outside the rights neither.
        other = page(wanted, Anchor(key=10**9))
        assert [row["id"] for row in other.rows] == whole[9:18]


def test_a_stream_has_every_column_of_every_row(world: World) -> None:
    """In the order of the list, as the exports take it."""
    some = Condition(field="attachments", op="morethan", value="0")
    wanted = Filter(order=(Order(field="size"),), conditions=(some,))
    names = listview.shown_columns(LETTERS)
    rows = list(listview.stream(world.conn, LETTERS, wanted, ALL, world.user_id, names))
    keys = listview.keys_of(world.conn, LETTERS, wanted, ALL, world.user_id)
    for row, number in zip(rows, keys, strict=True):
        mail, facts = world.mails[number], dict(zip(names, row, strict=True))
        assert facts["subject"] == mail.subject
        assert facts["date"] == mail.at
        assert facts["size"] == mail.size
        assert facts["attachments"] == len(facts["files"]) == len(mail.files)
        assert facts["account"] == sorted({account for account, _ in mail.places})
        assert facts["unread"] is (not mail.seen)
    with pytest.raises(UsageError, match="no column 'body'"):
        next(listview.stream(world.conn, LETTERS, wanted, ALL, world.user_id, ["body"]))


def test_neighbours_are_those_of_the_list(world: World) -> None:
    """Before and after each letter of a filtered and sorted list; one outside the rights has none."""
    wanted = Filter(order=(Order(field="size"),), conditions=(Condition(field="from", op="contains", value="a"),))
    rights = world.rights(ANNA)
    whole = [None, *listview.keys_of(world.conn, LETTERS, wanted, rights, world.user_id), None]
    for before, number, after in list(zip(whole, whole[1:], whole[2:], strict=False))[:12]:
        assert number is not None
        found = listview.beside(world.conn, LETTERS, wanted, rights, world.user_id, number)
        assert found == (before, after)
    foreign = next(number for number, mail in world.mails.items() if all(account != ANNA for account, _ in mail.places))
    assert listview.beside(world.conn, LETTERS, wanted, rights, world.user_id, foreign) == (None, None)


def test_what_a_view_does_not_know_becomes_a_warning(world: World) -> None:
    """Fields, orders, tabs and values: left out, said, and the rest still counts; aliases mean their column."""
    wanted = parse({
        "q": "(from_email~contains~a)(nosuch~equals~1)(size~morethan~many)(maildate~equals~soon)(preview~equals~x)",
        "orderby": "dmaildate;anosuch;abody", "tab": "strange",
    })  # fmt: skip
    found = listresolve.resolve(LETTERS, wanted)
    assert [each.field for each in found.conditions] == ["from"]
    assert found.order == (Order(field="date", descending=True),)
    assert [each.kind for each in found.warnings] == ["field", "value", "value", "field", "order", "order", "tab"]
    assert listresolve.resolve(LETTERS, found) == found
    rows = listview.page(world.conn, LETTERS, wanted, ALL, world.user_id, limit=500).rows
    plain = Filter(conditions=(Condition(field="from", op="contains", value="a"),))
    assert [row["id"] for row in rows] == list(listview.keys_of(world.conn, LETTERS, plain, ALL, world.user_id))


def test_search_words_and_filters_hold_together(world: World) -> None:
    """A search narrows a filter, and one with a mistake raises."""
    wanted = Filter(words="subject:offer", conditions=(Condition(field="from", op="contains", value="adler"),))
    both = set(listview.keys_of(world.conn, LETTERS, wanted, ALL, world.user_id))
    words = set(listview.keys_of(world.conn, LETTERS, Filter(words="subject:offer"), ALL, world.user_id))
    named = set(listview.keys_of(world.conn, LETTERS, replace(wanted, words=""), ALL, world.user_id))
    assert both == words & named
    assert both
    with pytest.raises(UsageError):
        listview.page(world.conn, LETTERS, Filter(words="larger:x"), ALL, world.user_id)


def test_a_list_that_is_only_asked_for_more(world: World) -> None:
    """`most` counts no further; without counting the total says so."""
    assert listview.count(world.conn, LETTERS, Filter(), ALL, world.user_id, most=10) == 11
    page = listview.page(world.conn, LETTERS, Filter(), ALL, world.user_id, count_all=False)
    assert page.total == listview.NOT_COUNTED
    assert [row["id"] for row in page.rows] == [
        each.letter_id for each in listorder.cursors(world.conn, listorder.Selection(accounts=ALL), 50)
    ]
