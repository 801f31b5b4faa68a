"""Topics: which letters belong together, whatever order they come in, and what each reader is shown of them."""

import itertools
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, select, update

from postbuch.archive import database, listview, topics, users
from postbuch.archive.accounts import find_account
from postbuch.archive.config import Config
from postbuch.archive.database import Role
from postbuch.archive.filterform import Condition, Filter
from postbuch.archive.keeping import Keeper
from postbuch.archive.listcolumn import Scope
from postbuch.archive.listview import VIEWS
from postbuch.archive.record import Record
from postbuch.archive.schema import letter_topic
from postbuch.archive.topics import bare_subject
from postbuch.archive.users import ALL, Rights
from provider.archive import fresh_archive, ingester, message_record
from provider.ports import wait_until

TOPICS = VIEWS["topics"]
ANNA, BERND = "anna@firma.example", "bernd@firma.example"
START = datetime(2026, 3, 1, 12)
_names = itertools.count()


def mail(
    name: str, subject: str, *, refs: str = "", reply: str = "", sender: str = "kunde@x.example", to: str = ANNA,
    days: float = 0, account: str = ANNA, text: str = "", **facts: Any,
) -> Record:
    """A message; `refs` and `reply` name others."""
    head = f"From: {sender}\r\nTo: {to}\r\nSubject: {subject}\r\nMessage-ID: <{name}@x>\r\n"
    if refs:
        head += "References: " + " ".join(f"<{each}@x>" for each in refs.split()) + "\r\n"
    if reply:
        head += f"In-Reply-To: <{reply}@x>\r\n"
    at = f"{(START + timedelta(days=days)).isoformat()}+00:00"
    whole = {"account": account, "internal_date": at, "seen_at": at, "uid": next(_names) + 1, **facts}
    return message_record(f"{head}\r\n{text or name}\r\n".encode(), **whole)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Config, Engine]]:
    """One database; each test takes letters of its own."""
    with fresh_archive(tmp_path_factory.mktemp("topics")) as made:
        yield made


def store(house: tuple[Config, Engine], records: list[Record], *, at_once: bool = True) -> list[int]:
    """Take them up in this order; the numbers of their letters. Not `at_once`: each has its topic before the next."""
    config, engine = house
    found = []
    with ingester(config, engine) as work:
        for batch in [records] if at_once else [[each] for each in records]:
            found += [stored.letter_id for stored in work.ingest(batch)]
            follow(engine)
    return found


def follow(engine: Engine) -> None:
    """As the archive process does."""
    with engine.begin() as conn:
        while topics.follow(conn):
            pass


def topic_of(engine: Engine, letters: list[int]) -> list[int]:
    """The topic of each."""
    with engine.connect() as conn:
        known = {row.letter_id: row.topic_id for row in conn.execute(select(letter_topic))}
    return [known[number] for number in letters]


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("seed", range(4))
def test_references_make_one_topic_in_any_order(house: tuple[Config, Engine], seed: int, at_once: bool) -> None:
    """A chain whose links are told by References or by In-Reply-To alone, in any order of arrival: one topic.

    Beside it a second chain, which stays another.
    """
    tag = f"r{seed}{at_once}"
    records = [
        mail(f"{tag}a", "Plan"), mail(f"{tag}b", "Re: Plan", reply=f"{tag}a"),
        mail(f"{tag}c", "Re: Plan", reply=f"{tag}b"), mail(f"{tag}d", "Re: Plan", refs=f"{tag}a {tag}b {tag}c"),
        mail(f"{tag}e", "AW: Plan", refs=f"{tag}c", reply=f"{tag}d"),
    ]
    other = [mail(f"{tag}x", "Plan"), mail(f"{tag}y", "Re: Plan", reply=f"{tag}x")]
    whole = [(0, each) for each in records] + [(1, each) for each in other]
    random.Random(seed).shuffle(whole)
    found = topic_of(house[1], store(house, [record for _, record in whole], at_once=at_once))
    by_chain = [{topic for (chain, _), topic in zip(whole, found, strict=True) if chain == which} for which in (0, 1)]
    assert [len(each) for each in by_chain] == [1, 1]
    assert by_chain[0] != by_chain[1]


@pytest.mark.parametrize("reverse", [False, True])
def test_the_subject_joins_what_names_nothing(house: tuple[Config, Engine], reverse: bool) -> None:
    """A reply without references, within 30 days and between the same people; nothing else with the same words."""
    tag = f"s{reverse}"
    subject = f"Angebot Lager {tag}"
    records = [
        mail(f"{tag}1", subject, sender="kunde@x.example", to=ANNA),
        mail(f"{tag}2", f"AW: {subject}", sender=ANNA, to="kunde@x.example", days=2),
        # The same words from somebody else, too late, and before the letter that it would answer.
        mail(f"{tag}3", f"Re: {subject}", sender="fremd@y.example", to=ANNA, days=3),
        mail(f"{tag}4", f"Re: {subject}", sender=ANNA, to="kunde@x.example", days=60),
        mail(f"{tag}5", subject, sender="kunde@x.example", to=ANNA, days=90),
    ]
    found = topic_of(house[1], store(house, records[::-1] if reverse else records, at_once=False))
    if reverse:
        found.reverse()
    assert found[0] == found[1]
    assert len({found[0], *found[2:]}) == 4


def test_newsletters_with_one_subject_stay_apart(house: tuple[Config, Engine]) -> None:
    """Nothing answers anything there; nor do subjects that are too short to say anything."""
    records = [mail(f"news{each}", "Wochenbericht", days=each) for each in range(5)]
    records += [mail(f"short{each}", "Re: ?", days=each) for each in range(3)]
    assert len(set(topic_of(house[1], store(house, records)))) == 8


@pytest.mark.parametrize(("subject", "bare", "is_reply"), [
    ("Plan", "Plan", False), ("Re: Plan", "Plan", True), ("AW: WG: Plan", "Plan", True), ("RE[2]: Plan", "Plan", True),
    ("Antwort: Plan", "Plan", True), ("re : Plan", "Plan", True), ("[EXTERN] Re: Plan", "Plan", True),
    ("Regen: morgen", "Regen: morgen", False), ("Fwd:Plan", "Plan", True), ("Re:", "", True), ("", "", False),
    ("回复：计划", "计划", True), ("Wgt: 3", "Wgt: 3", False),
])
def test_bare_subjects(subject: str, bare: str, is_reply: bool) -> None:
    """Without what mail programs put before it, and nothing more."""
    assert bare_subject(subject) == (bare, is_reply)


class Story:
    """Two accounts, a few topics, and who may read what."""

    def __init__(self, conn: Connection, user_id: int) -> None:
        self.conn = conn
        self.user_id = user_id
        self.accounts = {address: find_account(conn, address) or 0 for address in (ANNA, BERND)}

    def shown(self, rights: Rights, wanted: Filter | None = None, **more: Any) -> list[dict[str, Any]]:
        """The rows of the first page."""
        return listview.page(self.conn, TOPICS, wanted or Filter(), rights, self.user_id, limit=50, **more).rows


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """A topic of three letters, one with Bernd alone, one submitted and filed; letters of their own around it."""
    folder: Path = tmp_path_factory.mktemp("story")
    envelope = {"mail_from": ANNA, "recipients": [{"address": "kunde@x.example", "code": 250, "text": "ok"}]}
    sent = mail("sent", "Re: Lieferung", refs="one", sender=ANNA, to="kunde@x.example", days=3, source="submission",
                mailbox=None, uidvalidity=None, envelope=envelope, text="unterwegs")  # fmt: skip
    sent.facts["uid"] = None
    filed = mail("sent", "Re: Lieferung", refs="one", sender=ANNA, to="kunde@x.example", days=3, source="append",
                 mailbox="Sent", text="unterwegs")  # fmt: skip
    records = [
        mail("one", "Lieferung", flags=["\\Seen"]), mail("before", "Davor", days=-1),
        mail("between", "Dazwischen", days=2), sent, filed,
        mail("three", "Re: Lieferung", refs="one sent", account=BERND, to=BERND, days=5, text="nur bernd"),
        mail("after", "Danach", days=4, account=BERND),
    ]
    with fresh_archive(folder) as (config, engine), ingester(config, engine) as work:
        work.ingest(records)
        follow(engine)
        made = database.engine(config, Role.WEB)
        with made.connect() as conn:
            user_id = users.create_user(conn, ANNA)
            conn.commit()
            yield Story(conn, user_id)
        made.dispose()


def test_each_topic_stands_once_where_its_newest_letter_is(story: Story) -> None:
    """With count, people, times and what is unread; the SMTP and the Sent copy count once."""
    rows = story.shown(ALL, names=("subject", "letters", "people", "unread", "first", "date"))
    assert [(bare_subject(row["subject"])[0], row["letters"]) for row in rows] == [
        ("Lieferung", 3), ("Danach", 1), ("Dazwischen", 1), ("Davor", 1),
    ]
    assert rows[0]["people"] == ["kunde@x.example", ANNA]
    assert rows[0]["unread"] == 1
    assert rows[0]["date"] - rows[0]["first"] == timedelta(days=5)


def test_a_topic_is_what_one_may_read_of_it(story: Story) -> None:
    """Anna does not see Bernd's letter: not in the place of the topic, its count, its words; nor does he hers."""
    anna, bernd = (frozenset({story.accounts[each]}) for each in (ANNA, BERND))
    assert [(bare_subject(row["subject"])[0], row["letters"]) for row in story.shown(anna)] == [
        ("Lieferung", 2), ("Dazwischen", 1), ("Davor", 1),
    ]
    assert [(bare_subject(row["subject"])[0], row["letters"]) for row in story.shown(bernd)] == [
        ("Lieferung", 1), ("Danach", 1),
    ]
    words = Filter(conditions=(Condition(field="body", op="contains", value="bernd"),))
    assert story.shown(anna, words) == []
    assert [row["letters"] for row in story.shown(bernd, words)] == [1]
    assert [row["letters"] for row in story.shown(ALL, words)] == [3]
    scope = Scope(rights=anna, user_id=story.user_id)
    foreign = story.shown(bernd)[0]["id"]
    # Asked for by a letter of Bernd's, Anna gets her own two, and none for one that nothing of hers belongs to.
    assert topics.members(story.conn, [foreign], scope)[foreign].total == 2
    assert topics.members(story.conn, [story.shown(bernd)[1]["id"]], scope) == {}
    assert listview.count(story.conn, TOPICS, Filter(), anna, story.user_id) == 3
    assert listview.count(story.conn, TOPICS, Filter(account=story.accounts[BERND]), ALL, story.user_id) == 2
    rows = story.shown(ALL, Filter(account=story.accounts[BERND]))
    assert [row["letters"] for row in rows] == [3, 1]


def test_filters_hold_for_a_topic_that_has_such_a_letter(story: Story) -> None:
    """Any of its letters, within the rights; tabs and pages alike."""
    def found(**wanted: Any) -> list[str]:
        return [bare_subject(row["subject"])[0] for row in story.shown(ALL, Filter(**wanted))]

    assert found(tab="unread") == ["Lieferung", "Danach", "Dazwischen", "Davor"]
    assert found(conditions=(Condition(field="from", op="equals", value=ANNA),)) == ["Lieferung"]
    assert found(conditions=(Condition(field="letters", op="morethan", value="1"),)) == ["Lieferung"]
    assert found(words="subject:Davor") == ["Davor"]
    one = listview.page(story.conn, TOPICS, Filter(), ALL, story.user_id, limit=2)
    two = listview.page(story.conn, TOPICS, Filter(), ALL, story.user_id, limit=2, before=one.older)
    assert [row["id"] for row in (*one.rows, *two.rows)] == [row["id"] for row in story.shown(ALL)]
    rows = list(listview.stream(story.conn, TOPICS, Filter(), ALL, story.user_id, ["subject", "letters"]))
    assert rows == [(row["subject"], row["letters"]) for row in story.shown(ALL)]


def test_topics_can_be_made_again(house: tuple[Config, Engine]) -> None:
    """What follows starts behind the last letter that has a topic; an update ends a join for all its letters."""
    numbers = store(house, [mail("m1", "Eins"), mail("m2", "Zwei")], at_once=False)
    with house[1].begin() as conn:
        assert topics.follow(conn) == 0
        conn.execute(update(letter_topic).where(letter_topic.c.letter_id.in_(numbers)).values(reason="first"))
    joined = store(house, [mail("m3", "Re: beide", refs="m1", reply="m2")])
    assert len(set(topic_of(house[1], [*numbers, *joined]))) == 1


def test_the_archive_process_does_it_by_itself(house: tuple[Config, Engine]) -> None:
    """A letter stands in its topic soon after it came."""
    config, engine = house
    keeper = Keeper(config)
    keeper.start()
    try:
        with ingester(config, engine) as work:
            numbers = [stored.letter_id for stored in work.ingest([mail("k1", "Eins"), mail("k2", "x", reply="k1")])]
        query = select(letter_topic.c.topic_id).where(letter_topic.c.letter_id.in_(numbers))

        def found() -> list[int]:
            with engine.connect() as conn:
                return list(conn.scalars(query))

        wait_until(lambda: len(found()) == 2, "the topics of two letters")
        assert len(set(found())) == 1
        assert keeper.troubles == ()
    finally:
        keeper.stop()


def test_of_a_long_topic_the_newest_are_looked_at(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    """How many letters it has and when the first one came stays exact."""
    [whole] = [row for row in story.shown(ALL) if row["letters"] == 3]
    scope = Scope(rights=ALL, user_id=story.user_id)
    before = topics.members(story.conn, [whole["id"]], scope)[whole["id"]]
    monkeypatch.setattr(topics, "MEMBERS", 2)
    after = topics.members(story.conn, [whole["id"]], scope)[whole["id"]]
    assert (after.total, after.first, after.newest) == (3, before.newest[-1][1], before.newest[:2])
    names = ("letters", "first")
    rows = listview.page(story.conn, TOPICS, Filter(), ALL, story.user_id, names=names).rows
    [row] = [row for row in rows if row["id"] == whole["id"]]
    assert (row["letters"], row["first"]) == (3, before.first)
