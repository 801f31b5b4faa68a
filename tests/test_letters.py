"""Reading: the list, one letter with all that is known, the octets; rights are part of every question.

Anna submits a letter to Bernd and, by Bcc, to Carla; everybody's copy is one letter.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select

from postbuch.archive import audit, database, letterfacts, letters, listorder, listview, marks, search, users
from postbuch.archive.accounts import find_account
from postbuch.archive.config import Config
from postbuch.archive.database import Role
from postbuch.archive.errors import NotFound
from postbuch.archive.filterform import Filter
from postbuch.archive.letters import Cursor
from postbuch.archive.listview_letters import LETTERS
from postbuch.archive.record import Record
from postbuch.archive.schema import letter_image, mailbox, mark, sighting
from postbuch.archive.users import ALL, Rights
from provider.archive import event_record, fresh_archive, ingester, message_record

ANNA, BERND, CARLA = (f"{name}@firma.example" for name in ("anna", "bernd", "carla"))
BODY = b"Content-Type: text/plain\r\n\r\nDas Angebot.\r\n"
HEAD = b"From: anna@firma.example\r\nTo: bernd@firma.example\r\nSubject: Angebot\r\nMessage-ID: <offer@firma>\r\n"
SUBMITTED = HEAD + BODY
DELIVERED = b"Received: by provider\r\n" + SUBMITTED
FILED = HEAD + b"Bcc: carla@firma.example\r\n" + BODY
# What the last test adds to the letter.
ELSEWHERE = b"seen elsewhere!!"


@dataclass
class Archive:
    """The archive, its accounts by address, and the letter of the story."""

    config: Config
    conn: Connection
    accounts: dict[str, int] = field(default_factory=dict)
    offer: int = 0

    def rights(self, *addresses: str) -> Rights:
        """Who may read these accounts."""
        return frozenset(self.accounts[address] for address in addresses)


def letter_of(number: int, **facts: Any) -> Record:
    """A letter of its own, one a minute."""
    octets = b"From: x@y.example\r\nSubject: Nr %d\r\nMessage-ID: <n%d@y>\r\n\r\nText %d\r\n" % (number, number, number)
    at = f"2026-01-{1 + number // 1440:02}T{number // 60 % 24:02}:{number % 60:02}:00+00:00"
    return message_record(octets, internal_date=at, seen_at=at, **facts)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    """Some letters in each account, the offer in all three."""
    envelope = {
        "mail_from": ANNA, "parameters": "", "client_name": "laptop", "at": "2026-11-23T12:00:00+00:00",
        "recipients": [{"address": address, "code": 250, "text": "ok"} for address in (BERND, CARLA)]
        + [{"address": "weg@firma.example", "code": 550, "text": "no such user"}],
    }
    sent = message_record(SUBMITTED, source="submission", mailbox=None, uidvalidity=None, envelope=envelope)
    records = [
        sent,
        event_record(event="outcome", of=sent.facts["capture"], verdict="accepted", code=250, text="queued as 1"),
        message_record(FILED, source="append", mailbox="Sent", uid=1),
        message_record(DELIVERED, account=BERND, uid=1),
        message_record(DELIVERED, account=CARLA, uid=1),
        *(letter_of(number, uid=number + 10) for number in range(30)),
        *(letter_of(number, uid=number + 10, mailbox="Archiv") for number in range(0, 30, 3)),
        *(letter_of(number, uid=number + 10, account=BERND) for number in range(20, 40)),
        # All at one moment: the order is by number then.
        *(letter_of(number, account=BERND, mailbox="Alt") for number in (1000,)),
    ]
    with fresh_archive(tmp_path_factory.mktemp("letters")) as (config, engine), ingester(config, engine) as work:
        stored = work.ingest(records)
        made = database.engine(config, Role.WEB)
        with made.connect() as conn:
            archive = Archive(config=config, conn=conn, offer=stored[0].letter_id)
            for address in (ANNA, BERND, CARLA):
                archive.accounts[address] = find_account(conn, address) or 0
                users.create_user(conn, address)
            conn.commit()
            yield archive
        made.dispose()


@pytest.fixture(autouse=True)
def _roll_back(archive: Archive) -> Iterator[None]:
    yield
    archive.conn.rollback()


def user(archive: Archive, address: str = ANNA) -> int:
    """His number."""
    found = users.find_user(archive.conn, address)
    assert found is not None
    return found.id


def box(archive: Archive, address: str, name: str) -> int:
    """The number of a mailbox."""
    query = select(mailbox.c.id).where(mailbox.c.account_id == archive.accounts[address], mailbox.c.name == name)
    return int(archive.conn.scalars(query).one())


def walk(archive: Archive, accounts: Rights, limit: int = 7, **wanted: Any) -> list[int]:
    """All pages, there by `older` and back by `newer`: both ways show the same letters in the same order."""
    listed = partial(listview.page, archive.conn, LETTERS, Filter(**wanted), accounts, user(archive), limit=limit)
    pages = [listed()]
    while (place := pages[-1].older) is not None:
        pages.append(listed(before=place))
        assert len(pages) < 100
    numbers = [[row["id"] for row in page.rows] for page in pages]
    back = [numbers[-1]]
    page = pages[-1]
    while page.newer is not None:
        page = listed(after=page.newer)
        back.append([row["id"] for row in page.rows])
        assert len(back) < 100
    assert list(itertools.chain(*numbers)) == list(itertools.chain(*reversed(back)))
    return list(itertools.chain(*numbers))


@pytest.mark.parametrize("streams", [64, 0])
def test_the_list_is_all_that_may_be_read(archive: Archive, monkeypatch: pytest.MonkeyPatch, streams: int) -> None:
    """For each of the rights: every letter once, newest first, and no other; by either way of reading."""
    monkeypatch.setattr(listorder, "MAX_STREAMS", streams)
    anna, bernd, carla = archive.rights(ANNA), archive.rights(BERND), archive.rights(CARLA)
    everything = walk(archive, ALL)
    assert len(everything) == len(set(everything)) == 42 and everything[0] == archive.offer
    assert [len(walk(archive, each)) for each in (anna, bernd, carla)] == [31, 22, 1]
    assert walk(archive, archive.rights(ANNA, BERND)) == walk(archive, archive.rights(ANNA, BERND, CARLA)) == everything
    assert walk(archive, bernd) == [number for number in everything if number in walk(archive, bernd)]
    assert walk(archive, frozenset()) == [] and walk(archive, frozenset({999})) == []


@pytest.mark.parametrize("streams", [64, 0])
def test_the_list_of_a_place(archive: Archive, monkeypatch: pytest.MonkeyPatch, streams: int) -> None:
    """An account, a mailbox, the submissions; what is not within the rights is empty."""
    monkeypatch.setattr(listorder, "MAX_STREAMS", streams)
    anna, sent = archive.rights(ANNA), archive.accounts[ANNA]
    old = box(archive, ANNA, "Archiv")
    assert len(walk(archive, anna, account=sent, mailbox=old)) == 10
    assert len(walk(archive, anna, mailbox=old)) == len(walk(archive, ALL, mailbox=old)) == 10
    assert walk(archive, anna, account=sent, mailbox=0) == walk(archive, ALL, mailbox=0) == [archive.offer]
    assert len(walk(archive, ALL, account=archive.accounts[BERND])) == 22
    assert walk(archive, archive.rights(BERND), account=sent) == []
    assert walk(archive, archive.rights(BERND, CARLA), mailbox=old) == []
    assert walk(archive, anna, account=archive.accounts[BERND], mailbox=old) == []


MANY = 20_000
FILL = (
    "INSERT INTO account (id, address, upstream, created_at) VALUES (1, 'a@x', 'p', NOW(6)), (2, 'b@x', 'p', NOW(6))",
    "INSERT INTO mailbox (id, account_id, name, created_at) VALUES (1, 1, 'INBOX', NOW(6)), (2, 2, 'INBOX', NOW(6))",
    "INSERT INTO image (id, sha256, size_octets, skeleton, parser, archived_at)"
    f" SELECT seq, UNHEX(SHA2(seq, 256)), 1, '', 'fast', NOW(6) FROM seq_1_to_{MANY}",
    f"INSERT INTO letter SELECT seq, seq, '2020-01-01' + INTERVAL seq MINUTE FROM seq_1_to_{MANY}",
    "INSERT INTO letter_place SELECT id, 1 + id MOD 2, 1 + id MOD 2, sort_at FROM letter",
    "INSERT INTO letter_place SELECT id, 1, 0, sort_at FROM letter",
)


def test_a_page_costs_the_same_among_many(tmp_path: Path) -> None:
    """At most some hundred rows are read for a page of 50 among 20,000 letters, near and deep, there and back."""
    place = Cursor(sort_at=datetime(2020, 1, 8), letter_id=10_080)
    one, both = frozenset({1}), frozenset({1, 2})
    with fresh_archive(tmp_path) as (config, _), database.connection(config, Role.OWNER) as conn:
        for statement in FILL:
            conn.exec_driver_sql(statement)
        conn.exec_driver_sql("ANALYZE TABLE letter, letter_place")

        def rows_read() -> int:
            status = conn.exec_driver_sql("SHOW SESSION STATUS LIKE 'Handler_read%%'")
            return sum(int(row[1]) for row in status)

        accounts: Rights
        for accounts, mailbox_id in ((one, None), (one, 1), (one, 0), (both, None), (ALL, None), (ALL, 2)):
            for cursor in ({}, {"before": place}, {"after": place}):
                wanted = listorder.Selection(
                    accounts=accounts, user_id=1, mailbox_id=mailbox_id, unread=True,
                    before=cursor.get("before"), after=cursor.get("after"),
                )  # fmt: skip
                before = rows_read()
                assert len(listorder.cursors(conn, wanted, 51)) == 51
                assert rows_read() - before < 1000, (accounts, mailbox_id, cursor)


def test_nothing_but_a_number_of_his_opens_a_letter(archive: Archive) -> None:
    """A letter out of rights is not found, in the words for one that does not exist (no way to tell the two apart)."""
    foreign = letters.find_letter(archive.conn, "n1@y", ALL)
    carla = archive.rights(CARLA)
    names = (str(foreign), "999999", "9" * 18, "9" * 40, "n1@y", "<n1@y>", "0" * 64, "", "x", "-1", "x@\udcff")
    for reference in names:
        with pytest.raises(NotFound) as caught:
            letters.find_letter(archive.conn, reference, carla)
        assert str(caught.value) == f"there is no letter '{audit.storable(reference)}' that you may read"
        with pytest.raises(NotFound):
            letters.find_image(archive.conn, reference, carla)
    for number in (foreign, 999999):
        with pytest.raises(NotFound, match="there is no letter"):
            letterfacts.read(archive.conn, number, carla)
        assert letters.mark_read(archive.conn, [number], user(archive, CARLA), True, carla) == []


def test_a_letter_is_found_by_all_its_names(archive: Archive) -> None:
    """By number, digest of any image of it, Message-ID; the octets come back unaltered."""
    [digest, *_] = [each["sha256"] for each in letterfacts.read(archive.conn, archive.offer)["images"]]
    for reference in (str(archive.offer), digest, digest.upper(), "offer@firma", "<offer@firma>"):
        assert letters.find_letter(archive.conn, reference) == archive.offer
    for accounts, octets in ((ALL, SUBMITTED), (archive.rights(BERND), DELIVERED)):
        image = letters.find_image(archive.conn, str(archive.offer), accounts)
        assert letters.octets(archive.conn, archive.config, image.id) == octets
        assert image.size_octets == len(octets)
    with pytest.raises(NotFound):
        letters.octets(archive.conn, archive.config, 999999)


def test_the_sender_sees_everything(archive: Archive) -> None:
    """Images, sightings with what upstream answered, the envelope with Bcc, places, parts."""
    audit.record(archive.conn, BERND, "192.0.2.1", "view", f"letter {archive.offer}")
    facts = letterfacts.read(archive.conn, archive.offer)
    assert [(each["parser"], each["defect"], each["sources"]) for each in facts["images"]] == [
        ("fast", "", ["submission"]), ("fast", "", ["append"]), ("fast", "", ["fetch"]),
    ]  # fmt: skip
    assert facts["summary"]["subject"] == "Angebot" and facts["summary"]["message_id"] == "offer@firma"
    seen = [each for each in facts["sightings"] if each["capture"] != ELSEWHERE.hex()]
    assert [(each["account"], each["mailbox"], each["verdict"]) for each in seen] == [
        (ANNA, None, "accepted"), (ANNA, "Sent", None), (BERND, "INBOX", None), (CARLA, "INBOX", None),
    ]  # fmt: skip
    [envelope] = facts["envelopes"]
    assert (envelope["mail_from"], envelope["verdict"], envelope["answer"]) == (ANNA, "accepted", "queued as 1")
    assert [(each["address"], each["code"], bool(each["accepted"])) for each in envelope["recipients"]] == [
        (BERND, 250, True), (CARLA, 250, True), ("weg@firma.example", 550, False),
    ]  # fmt: skip
    assert {(each["account"], each["mailbox"]) for each in facts["places"]} == {
        (ANNA, None), (ANNA, "Sent"), (BERND, "INBOX"), (CARLA, "INBOX"),
    }  # fmt: skip
    assert [each["content_type"] for each in facts["parts"]] == ["text/plain"] * 3
    assert [each["actor"] for each in facts["history"]] == [BERND]
    own = letterfacts.read(archive.conn, archive.offer, archive.rights(ANNA))
    assert own["envelopes"] == facts["envelopes"]


def test_a_recipient_never_sees_bcc(archive: Archive) -> None:
    """Bernd sees his copy alone: no envelope, no filed copy with its Bcc field, nobody else's place or history."""
    audit.record(archive.conn, CARLA, "192.0.2.1", "view", f"letter {archive.offer}")
    bernd = archive.rights(BERND)
    facts = letterfacts.read(archive.conn, archive.offer, bernd)
    assert "carla" not in str(facts) and "weg@" not in str(facts)
    assert len(facts["images"]) == 1 and facts["envelopes"] == [] and facts["history"] == []
    [row] = search.rows(archive.conn, [archive.offer], bernd)
    assert "carla" not in str(row)
    assert (row["sha256"], row["accounts"], row["mailboxes"]) == (facts["images"][0]["sha256"], [BERND], ["INBOX"])
    filed = next(
        each["sha256"] for each in letterfacts.read(archive.conn, archive.offer)["images"]
        if each["sources"] == ["append"]
    )  # fmt: skip
    with pytest.raises(NotFound):
        letters.find_image(archive.conn, filed, bernd)


def test_marks(archive: Archive) -> None:
    """Read is each user's own; a mark ends and stays; the numbers and the filter follow."""
    anna, conn = archive.rights(ANNA), archive.conn
    sent, *mine = walk(archive, anna)  # the newest is her own
    who, other = user(archive), user(archive, BERND)
    assert walk(archive, anna, tab="unread") == mine and sent == archive.offer
    assert letters.mark_read(conn, [*mine[:3], 999999], who, True, anna) == mine[:3]
    assert letters.mark_read(conn, mine[:3], who, True, anna) == []
    assert walk(archive, anna, tab="unread") == mine[3:] and marks.unread_of(conn, mine, other, anna) == set(mine)
    shown = listview.page(conn, LETTERS, Filter(), anna, who, limit=5, names=("unread",)).rows
    assert [row["unread"] for row in shown] == [False, False, False, False, True]
    assert sorted(letters.mark_read(conn, mine[:2], who, False, anna)) == sorted(mine[:2])
    assert walk(archive, anna, tab="unread") == [*mine[:2], *mine[3:]]
    assert letters.mark_read(conn, mine[:1], who, True, anna) == mine[:1]
    rows = conn.execute(select(mark).where(mark.c.user_id == who, mark.c.letter_id == mine[0])).all()
    assert [row.kind for row in rows if row.until == users.FOREVER] == ["read"] and len(rows) == 3


def test_mailboxes(archive: Archive) -> None:
    """Every place within the rights with its unread letters; submissions have a place of their own."""
    anna, conn, who = archive.rights(ANNA), archive.conn, user(archive)

    def unread() -> dict[str | None, int]:
        return {
            each["mailbox"]: letters.unread(conn, each["account_id"], each["mailbox_id"], who, anna, 100)
            for each in letters.mailboxes(conn, anna)
        }

    assert unread() == {None: 0, "Sent": 0, "INBOX": 30, "Archiv": 10}
    letters.mark_read(conn, [archive.offer, letters.find_letter(conn, "n0@y")], who, True, anna)
    assert unread() == {None: 0, "Sent": 0, "INBOX": 29, "Archiv": 9}
    assert {each["account"] for each in letters.mailboxes(conn, ALL)} == {ANNA, BERND, CARLA}
    assert letters.mailboxes(conn, frozenset()) == []


def test_what_is_new(archive: Archive) -> None:
    """How many letters came since the newest that is shown."""
    rows = walk(archive, archive.rights(BERND))
    shown = listview.page(archive.conn, LETTERS, Filter(), archive.rights(BERND), user(archive), limit=4)
    boxes = letters.mailboxes(archive.conn, archive.rights(BERND))
    newest = letters.newest(archive.conn, archive.rights(BERND), boxes)
    assert newest is not None and newest.letter_id == rows[0]
    assert letters.newer_count(archive.conn, archive.rights(BERND), newest) == 0
    assert letters.newest(archive.conn, frozenset(), []) is None
    every = letters.newest(archive.conn, ALL, letters.mailboxes(archive.conn, ALL))
    assert every is not None and every.letter_id == walk(archive, ALL)[0]
    assert shown.older is not None and shown.older.letter_id == rows[3]
    assert letters.newer_count(archive.conn, archive.rights(BERND), shown.older) == 3
    assert letters.newer_count(archive.conn, archive.rights(CARLA), shown.older) == 1


def test_seen_elsewhere_is_read(archive: Archive) -> None:
    """What a mail program has seen, and what was sent, is read; only sightings in own accounts say so; a mark wins."""
    conn, who = archive.conn, user(archive)
    offer, bernd = archive.offer, archive.rights(BERND)
    place = conn.execute(
        select(sighting.c.account_id, sighting.c.image_id, sighting.c.mailbox_id)
        .join(letter_image, letter_image.c.image_id == sighting.c.image_id)
        .where(letter_image.c.letter_id == offer, sighting.c.account_id.in_(bernd), sighting.c.source == "fetch")
    ).first()
    assert place is not None
    assert offer in marks.unread_of(conn, [offer], who, bernd)
    with database.connection(archive.config, Role.INGEST) as ingest:
        ingest.execute(insert(sighting).values(
            capture=ELSEWHERE, image_id=place.image_id, account_id=place.account_id,
            mailbox_id=place.mailbox_id, source="fetch", flags="\\Answered \\Seen", session="", client_address="",
            seen_at=audit.now(),
        ))
    conn.rollback()  # a new transaction sees it
    assert marks.unread_of(conn, [offer], who, bernd) == set()
    assert letters.mark_read(conn, [offer], who, False, bernd) == [offer]
    assert marks.unread_of(conn, [offer], who, bernd) == {offer}
    assert letters.mark_read(conn, [offer], who, True, bernd) == [offer]
    assert marks.unread_of(conn, [offer], who, bernd) == set()
