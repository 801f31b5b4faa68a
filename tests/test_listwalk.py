"""Lists sorted by sender, subject and size against a model in plain Python, whichever way their pages are read.

Letters have several images, with another subject, sender and size each, of which somebody may have seen any.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pytest
from sqlalchemy import Connection, select

from postbuch.archive import database, listsender, listview, listwalk, users
from postbuch.archive.accounts import find_account
from postbuch.archive.database import Role
from postbuch.archive.filterform import Filter, Order
from postbuch.archive.listcolumn import Place, Scope
from postbuch.archive.listview import VIEWS
from postbuch.archive.migrations.versions import v0021_sender
from postbuch.archive.record import Record
from postbuch.archive.schema import mailbox, seen_sender
from postbuch.archive.users import ALL, Rights
from provider.archive import fresh_archive, ingester, message_record

LETTERS = VIEWS["letters"]
ACCOUNTS = ("anna@firma.example", "bernd@firma.example", "carla@firma.example", "doris@firma.example")
MAILBOXES = ("INBOX", "Sent", "Old")
COUNT = 90
# Few of each, so that many are equal. Some differ behind the 80th character only, or in letter case.
LONG = "very " * 15 + "long "  # 80 characters
SUBJECTS = ("offer", "Offer", "invoice", "plan a", "plan", f"{LONG}x", f"{LONG}y", f"{LONG}a", "")
SENDERS = ("Anna", "anna", "Bernd", "Zoe", "Anna Maria")
PADDINGS = (0, 0, 0, 10, 500)


@dataclass(kw_only=True)
class Image:
    """One image of a letter, as the model knows it. `number`: of its row, so in the order of arrival."""

    letter: int
    subject: str
    sender: str
    padding: int
    places: list[tuple[str, str]]
    number: int = 0

    def octets(self) -> bytes:
        head = f"From: {self.sender} <x@y.example>\r\nTo: z@y.example\r\nSubject: {self.subject}\r\n"
        head += f"Message-ID: <letter{self.letter}@y.example>\r\nX-Padding: {'p' * self.padding}\r\n"
        return f"{head}\r\nThe letter {self.letter}.\r\n".encode()

    def sorted_by(self, name: str) -> str | int:
        if name == "size":
            return len(self.octets())
        text = self.subject if name == "subject" else f"{self.sender} <x@y.example>"
        return text[:80].lower().rstrip()  # as utf8mb4_unicode_ci: blanks at the end are nothing


@dataclass(kw_only=True)
class World:
    """The archive, and the images of each letter by its number."""

    conn: Connection
    user_id: int
    accounts: dict[str, int] = field(default_factory=dict)
    mailboxes: dict[tuple[str, str], int] = field(default_factory=dict)
    letters: dict[int, list[Image]] = field(default_factory=dict)

    def rights(self, allowed: frozenset[str]) -> Rights:
        return ALL if len(allowed) == len(ACCOUNTS) else frozenset(self.accounts[each] for each in allowed)

    def expected(self, wanted: "Wanted") -> list[int]:
        """The letters of the list in its order."""
        found = []
        for number, images in self.letters.items():
            places = [place for each in images for place in each.places if place[0] in wanted.allowed]
            if not any(wanted.account in ("", at) and wanted.mailbox in ("", box) for at, box in places):
                continue
            seen = [each for each in images if wanted.every or any(at in wanted.allowed for at, _ in each.places)]
            shown = min(seen, key=lambda each: each.number)
            found.append(((shown.sorted_by(wanted.order.field), shown.number), number))
        return [number for _, number in sorted(found, reverse=wanted.order.descending)]

    def filter(self, wanted: "Wanted") -> Filter:
        return Filter(
            order=(wanted.order,), tab=wanted.tab, account=self.accounts.get(wanted.account),
            mailbox=self.mailboxes[wanted.account, wanted.mailbox] if wanted.mailbox else None,
        )


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A list: for whom, of which account and mailbox, in which order."""

    allowed: frozenset[str]
    order: Order
    account: str = ""
    mailbox: str = ""
    tab: str = ""

    @property
    def every(self) -> bool:
        return len(self.allowed) == len(ACCOUNTS)


def _images(chance: random.Random) -> list[Image]:
    found = []
    for letter in range(COUNT):
        for _ in range(chance.choice((1, 1, 2, 3))):
            accounts = chance.sample(ACCOUNTS, chance.choice((1, 1, 1, 2)))
            found.append(Image(
                letter=letter, subject=chance.choice(SUBJECTS), sender=chance.choice(SENDERS),
                padding=chance.choice(PADDINGS), places=[(each, chance.choice(MAILBOXES)) for each in accounts],
            ))  # fmt: skip
    chance.shuffle(found)
    return found


def _records(images: list[Image]) -> Iterator[tuple[Image, Record]]:
    for number, each in enumerate(images):
        for at, box in [*each.places, each.places[0]]:  # fetched twice from the first place
            yield each, message_record(each.octets(), account=at, mailbox=box, uid=number + 1)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Random letters, whose images came in random order."""
    images = list({each.octets(): each for each in _images(random.Random(7))}.values())
    records = list(_records(images))
    with fresh_archive(tmp_path_factory.mktemp("walk")) as (config, engine), ingester(config, engine) as work:
        stored = [row for start in range(0, len(records), 40) for row in work.ingest(
            [record for _, record in records[start : start + 40]]
        )]  # fmt: skip
        made = database.engine(config, Role.WEB)
        with made.connect() as conn:
            world = World(conn=conn, user_id=users.create_user(conn, ACCOUNTS[0]))
            for address in ACCOUNTS:
                number = world.accounts[address] = find_account(conn, address) or 0
                own = conn.execute(select(mailbox.c.name, mailbox.c.id).where(mailbox.c.account_id == number))
                world.mailboxes |= {(address, row.name): row.id for row in own}
            conn.commit()
            for (image, _), row in zip(records, stored, strict=True):
                image.number = row.image_id
                known = world.letters.setdefault(row.letter_id, [])
                if image not in known:
                    known.append(image)
            # What the tests are about: one image decides the place of a letter for some, another for others.
            assert len(world.letters) == COUNT and sum(len(known) > 1 for known in world.letters.values()) > 30
            yield world
        made.dispose()


def a_list(chance: random.Random) -> Wanted:
    """Any."""
    account = chance.choice(("", *ACCOUNTS))
    return Wanted(
        allowed=frozenset(chance.choice((ACCOUNTS, ACCOUNTS, chance.sample(ACCOUNTS, chance.randrange(4))))),
        order=Order(field=chance.choice(("from", "subject", "size")), descending=chance.random() < 0.5),
        account=account, mailbox=chance.choice(("", *MAILBOXES)) if account else "", tab=chance.choice(("", "all")),
    )


# Rows of a walk for each image, and what a letter is worth: as measured; always walked to the end; always sorted;
# begun, and given up where it is long.
WAYS: dict[str, tuple[int, int] | None] = {
    "measured": None, "walked": (0, 10**9), "sorted": (10**6, 1), "given up": (0, 40),
}


def set_up(monkeypatch: pytest.MonkeyPatch, examined: int, worth: int) -> None:
    monkeypatch.setattr(listwalk, "EXAMINED", examined)
    monkeypatch.setattr(listwalk, "WORTH_OF_ALL", worth)
    monkeypatch.setattr(listwalk, "WORTH_OF_SOME", worth)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("way", WAYS)
def test_pages_are_slices_of_the_order(world: World, monkeypatch: pytest.MonkeyPatch, way: str, seed: int) -> None:
    """Page after page the whole list as the model has it, and streams and neighbours have the same order."""
    constants = WAYS[way]
    if constants is not None:
        set_up(monkeypatch, *constants)
    chance = random.Random(seed)
    for _ in range(25):
        wanted = a_list(chance)
        rights, asked, expected = world.rights(wanted.allowed), world.filter(wanted), world.expected(wanted)
        assert list(listview.keys_of(world.conn, LETTERS, asked, rights, world.user_id)) == expected, wanted
        size = chance.choice((1, 7, 20)) if len(expected) < 40 else 20
        for offset in range(0, len(expected) + size, size):
            page = listview.page(world.conn, LETTERS, asked, rights, world.user_id, limit=size, offset=offset)
            assert [row["id"] for row in page.rows] == expected[offset : offset + size], (wanted, offset)
            assert page.more is (offset + size < len(expected))
            assert page.total == len(expected)
        for before, number, after in list(zip([None, *expected], expected, [*expected[1:], None], strict=False))[:3]:
            found = listview.beside(world.conn, LETTERS, asked, rights, world.user_id, number)
            assert found == (before, after), wanted


def walked(world: World, wanted: Wanted, limit: int = 20, offset: int = 0) -> list[int] | None:
    """What the walk itself says."""
    scope = Scope(rights=world.rights(wanted.allowed), user_id=world.user_id)
    return listwalk.page(world.conn, scope, world.filter(wanted), Place(limit=limit, offset=offset))


BY_SUBJECT = Order(field="subject")
ALL_OF_CARLA = Wanted(allowed=frozenset(ACCOUNTS), account=ACCOUNTS[2], order=BY_SUBJECT)
TWO = Wanted(allowed=frozenset(ACCOUNTS[:2]), order=BY_SUBJECT)


@pytest.mark.parametrize("wanted", [ALL_OF_CARLA, TWO])
def test_each_way_is_taken(world: World, monkeypatch: pytest.MonkeyPatch, wanted: Wanted) -> None:
    """Where it pays, only there; and what was given up is no page, however many rows it had."""
    expected = world.expected(wanted)
    set_up(monkeypatch, 0, 10**9)
    assert walked(world, wanted, limit=len(expected)) == expected
    set_up(monkeypatch, 0, 20)
    assert walked(world, wanted, limit=2) == expected[:2]
    assert walked(world, wanted, limit=len(expected)) is None
    set_up(monkeypatch, 10_000, 20)
    assert walked(world, wanted, limit=2) is None


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize(("account", "mailbox"), [("", ""), (ACCOUNTS[0], ""), (ACCOUNTS[1], "Sent"), ("", "INBOX")])
def test_senders_are_read_by_account(
    world: World, monkeypatch: pytest.MonkeyPatch, account: str, mailbox: str, descending: bool
) -> None:
    """A few at a time, as many as the page takes, from the accounts alone; of too many in another way."""
    wanted = Wanted(allowed=frozenset(ACCOUNTS[:2]), order=Order(field="from", descending=descending), account=account)
    asked = world.filter(wanted)
    if mailbox:
        owner = account or ACCOUNTS[0]
        wanted, asked = replace(wanted, account=owner, mailbox=mailbox), replace(
            asked, mailbox=world.mailboxes[owner, mailbox]
        )
    expected, scope = world.expected(wanted), Scope(rights=world.rights(wanted.allowed), user_id=world.user_id)
    assert len(expected) > 12
    for most in ((5, 20, 1_000), (1_000,)):
        monkeypatch.setattr(listsender, "LOOKED_AT", most)
        for offset in (0, 5, len(expected) - 3):
            found = listsender.page(world.conn, scope, asked, Place(limit=5, offset=offset))
            assert found == expected[offset : offset + 5]
    monkeypatch.setattr(listsender, "LOOKED_AT", (12,))
    assert listsender.page(world.conn, scope, asked, Place(limit=13)) is None
    page = listview.page(world.conn, LETTERS, asked, scope.rights, world.user_id, limit=13)
    assert [row["id"] for row in page.rows] == expected[:13]


@pytest.mark.parametrize("allowed", [(), ACCOUNTS])
def test_senders_of_none_and_of_all(world: World, allowed: tuple[str, ...]) -> None:
    """Where there is no account to read, or the letters have one sender for everybody, it is not asked."""
    wanted = Wanted(allowed=frozenset(allowed), order=Order(field="from"))
    scope = Scope(rights=world.rights(wanted.allowed), user_id=world.user_id)
    assert listsender.page(world.conn, scope, world.filter(wanted), Place(limit=5)) is None


def test_what_an_update_fills(world: World) -> None:
    """For what was archived before, the update makes the same rows as the drains make for what comes."""
    kept = select(seen_sender.c.account_id, seen_sender.c.from_start, seen_sender.c.image_id)
    made = v0021_sender.FILL.partition("SELECT")[2]
    rows = [tuple(row) for row in world.conn.execute(kept)]
    assert sorted(rows) == sorted(tuple(row) for row in world.conn.exec_driver_sql(f"SELECT {made}"))
    assert len(rows) == sum(len({at for at, _ in each.places}) for known in world.letters.values() for each in known)


def test_a_walk_pays_by_what_it_passes(world: World) -> None:
    """As measured: the whole archive always; else the start of a list, until its page is far down."""
    whole = Wanted(allowed=frozenset(ACCOUNTS), order=BY_SUBJECT)
    assert walked(world, whole, offset=80) == world.expected(whole)[80:]
    assert walked(world, TWO, limit=5) == world.expected(TWO)[:5]
    assert walked(world, TWO, limit=5, offset=1000) is None


@pytest.mark.parametrize("asked", [
    Filter(order=(BY_SUBJECT, Order(field="date"))), Filter(order=(Order(field="to"),)), Filter(),
    Filter(order=(BY_SUBJECT,), tab="unread"), Filter(order=(BY_SUBJECT,), tab="in"),
])  # fmt: skip
def test_no_other_list_is_walked(world: World, asked: Filter) -> None:
    """Those in an order that no index has, and those that a tab narrows."""
    assert listwalk.page(world.conn, Scope(rights=ALL, user_id=None), asked, Place(limit=5)) is None
