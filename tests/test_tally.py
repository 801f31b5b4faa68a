"""The summaries of attachments and senders against counts by hand, whatever order, repetition and interruption."""

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from office_files import mail_with
from sqlalchemy import Connection, Engine, event, func, select
from tallied import catch_up

from postbuch.archive import attachments, listsummary, listview
from postbuch.archive.config import Config
from postbuch.archive.errors import NotFound
from postbuch.archive.filterform import Condition, Filter
from postbuch.archive.filtergrammar import parse
from postbuch.archive.schema import account
from postbuch.archive.schema_media import attachment_summary, correspondent, tallied_image
from postbuch.archive.tallywork import TallyWork
from postbuch.archive.users import ALL, Rights
from provider.archive import fresh_archive, ingester, message_record

ANNA, BERND = "anna@firma.example", "bernd@firma.example"


def mail(sender: str, to: str, subject: str, extra: str = "") -> bytes:
    head = f"From: {sender}\r\nTo: {to}\r\n{extra}Subject: {subject}\r\nMessage-ID: <{subject}@x>\r\n"
    return f"{head}\r\nText {subject}\r\n".encode()


def records() -> list[Any]:
    """Letters in and out of two accounts, one in both, a submission with Bcc and its copy under Sent, files twice."""
    both = mail("Kunde <kunde@kunde.example>", f"{ANNA}, {BERND}", "beide")
    sent = mail(f"Anna <{ANNA}>", "Kunde GmbH <kunde@kunde.example>", "antwort", "Cc: chef@kunde.example\r\n")
    files = mail_with({"Preisliste.pdf": b"%PDF-1.4 eins", "logo.png": b"\x89PNG\r\n\x1a\n1"}, "datei1")
    again = mail_with({"Preise 2026.pdf": b"%PDF-1.4 eins"}, "datei2")
    envelope = {"mail_from": ANNA, "recipients": [
        {"address": each, "code": 250, "text": "Ok"}
        for each in ("kunde@kunde.example", "chef@kunde.example", "geheim@kunde.example")
    ]}
    return [
        message_record(both, account=ANNA, seen_at="2026-11-01T10:00:00+00:00"),
        message_record(both, account=BERND, seen_at="2026-11-01T10:00:01+00:00"),
        message_record(sent, account=ANNA, source="submission", mailbox=None, envelope=envelope,
                       seen_at="2026-11-02T10:00:00+00:00"),
        message_record(b"X-Filed: yes\r\n" + sent, account=ANNA, mailbox="Sent", source="append",
                       seen_at="2026-11-02T10:00:05+00:00"),
        message_record(files, account=ANNA, seen_at="2026-11-03T10:00:00+00:00"),
        message_record(again, account=BERND, seen_at="2026-11-04T10:00:00+00:00"),
        message_record(mail(f"Bernd <{BERND}>", ANNA, "intern"), account=ANNA, seen_at="2026-11-05T10:00:00+00:00"),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Config, Engine]]:
    with fresh_archive(tmp_path_factory.mktemp("a")) as (config, engine), ingester(config, engine) as work:
        mails = records()
        rest = mails[2:]  # behind those by which both accounts are known as ours
        random.Random(3).shuffle(rest)
        mails = [*mails[:2], *rest]
        for each in mails:  # one by one, so that letters are counted before their further images come
            work.ingest([each])
            job = TallyWork(engine)
            job.look()
        catch_up(engine)
        yield config, engine


def rights_of(conn: Connection, *names: str) -> Rights:
    return frozenset(conn.scalars(select(account.c.id).where(account.c.address.in_(names))))


def people(conn: Connection, rights: Rights, wanted: Filter | None = None) -> dict[str, tuple[str, int, int]]:
    page = listview.page(conn, listview.VIEWS["senders"], wanted or Filter(), rights, None, limit=50)
    assert page.total == len(page.rows)
    return {row["address"]: (row["name"], row["in"], row["out"]) for row in page.rows}


def test_senders_are_counted_as_a_person_would(archive: tuple[Config, Engine]) -> None:
    """In by From, out by To, Cc and Bcc of what an account sent; the submission and its copy are one letter."""
    with archive[1].connect() as conn:
        anna = people(conn, rights_of(conn, ANNA))
        assert anna == {
            "kunde@kunde.example": ("Kunde", 2, 1), "chef@kunde.example": ("", 0, 1),
            "geheim@kunde.example": ("", 0, 1), BERND: ("Bernd", 1, 0),
        }  # fmt: skip
        bernd = people(conn, rights_of(conn, BERND))
        assert bernd["kunde@kunde.example"][1:] == (2, 0) and set(bernd) == {"kunde@kunde.example"}
        everybody = people(conn, ALL)
        assert everybody["kunde@kunde.example"][1:] == (3, 1)  # the letter to both is one
        assert everybody[ANNA][1:] == (0, 1)  # from Bernd, who is one of ours
        assert people(conn, rights_of(conn, ANNA, BERND))["kunde@kunde.example"][1:] == (4, 1)  # it lies in both
        assert people(conn, frozenset()) == {}


def test_counts_of_several_accounts_are_whole_numbers(archive: tuple[Config, Engine]) -> None:
    """As those of one account are, in every program's eyes: exports and the API write what stands in the rows."""
    with archive[1].connect() as conn:
        for rights in (rights_of(conn, ANNA, BERND), rights_of(conn, ANNA), ALL):
            for name, columns in (("media", ("size", "letters")), ("senders", ("in", "out"))):
                rows = list(listview.stream(conn, listview.VIEWS[name], Filter(), rights, None, columns))
                assert rows and {type(value) for row in rows for value in row} == {int}, (name, rights)
                assert json.loads(json.dumps(rows)) == [list(row) for row in rows]


def test_files_stand_once(archive: tuple[Config, Engine]) -> None:
    """The same octets under two names are one row, with the newest name; a colleague's file is not there."""
    with archive[1].connect() as conn:
        def names(rights: Rights, query: str = "") -> dict[str, int]:
            page = listview.page(conn, listview.VIEWS["media"], parse({"q": query} if query else {}), rights, None)
            assert page.total == len(page.rows)
            return {row["name"]: row["letters"] for row in page.rows}

        assert names(rights_of(conn, ANNA)) == {"Preisliste.pdf": 1, "logo.png": 1}
        assert names(rights_of(conn, BERND)) == {"Preise 2026.pdf": 1}
        assert names(ALL) == {"Preise 2026.pdf": 2, "logo.png": 1}
        assert sum(names(rights_of(conn, ANNA, BERND)).values()) == 3
        assert names(ALL, "(family~equals~image)") == {"logo.png": 1}
        assert names(ALL, "(size~morethan~9)(name~contains~preis)") == {"Preise 2026.pdf": 2}
        assert names(ALL, "preise") == {"Preise 2026.pdf": 2}
        assert list(listview.stream(conn, listview.VIEWS["media"], Filter(), ALL, None, ("name", "size")))


@pytest.mark.parametrize("name", ["media", "senders"])
def test_conditions_on_texts_in_several_accounts(archive: tuple[Config, Engine], name: str) -> None:
    """Whatever is asked of the texts, and with what else: as by comparing what the list shows."""
    view = listview.VIEWS[name]
    chance, found = random.Random(5), set[int]()
    values = {"media": ("Preis", "Preisliste.pdf", "Preise 2026.pdf", "pdf", "image", ".png", ""),
              "senders": ("Anna", ANNA, "kunde", "firma.example", "kunde@kunde.example", "")}[name]  # fmt: skip
    texts = [each.name for each in view.columns if each.kind == "text"]
    number = {"media": "letters", "senders": "in"}[name]

    def a_condition() -> Condition:
        if chance.random() < 0.2:
            return Condition(field=number, op=chance.choice(("morethan", "equals", "notequal")), value="1")
        op = chance.choice(("equals", "contains", "startswith", "endswith", "notcontain", "notequal", "empty", "in"))
        return Condition(field=chance.choice(texts), op=op, value="" if op == "empty" else chance.choice(values))

    with archive[1].connect() as conn:
        for rights in (rights_of(conn, ANNA, BERND), rights_of(conn, ANNA), ALL):
            for _ in range(60):
                wanted = Filter(
                    conditions=tuple(a_condition() for _ in range(chance.randrange(1, 4))),
                    within=tuple(a_condition() for _ in range(chance.choice((0, 0, 1)))),
                    criteria=chance.choice(("and", "or")), words=chance.choice(("", "", values[0])),
                )
                keys = list(listview.keys_of(conn, view, wanted, rights, None))
                assert keys == list(listview.keys_of(conn, replace(view, of_texts=None), wanted, rights, None)), wanted
                assert listview.page(conn, view, wanted, rights, None).total == len(keys)
                found.add(len(keys))
    assert len(found) > 2


@pytest.mark.parametrize("few", [0, 900])
def test_words_in_several_accounts(
    archive: tuple[Config, Engine], few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether few rows have them or many, they are looked for in what the list shows: the name in the first account."""
    monkeypatch.setattr(listsummary, "FEW", few)
    with archive[1].connect() as conn:
        both = rights_of(conn, ANNA, BERND)

        def names(words: str) -> dict[str, int]:
            page = listview.page(conn, listview.VIEWS["media"], parse({"q": words}), both, None)
            assert page.total == len(page.rows)
            return {row["name"]: row["letters"] for row in page.rows}

        assert names("preis") == names("PREISLISTE pdf") == {"Preisliste.pdf": 2}
        assert names("2026") == names("nosuch") == {}
        assert people(conn, both, parse({"q": "kunde"})) == {
            address: row for address, row in people(conn, both).items() if "kunde" in address
        }
        statements: list[str] = []
        event.listen(conn, "before_cursor_execute", lambda *args: statements.append(args[2]))
        names("preis")
        # Only the rows of the keys that were found are put together.
        assert ("attachment_id IN (" in statements[1]) == bool(few)


def test_a_file_is_read_within_the_rights(archive: tuple[Config, Engine]) -> None:
    """All letters of a file, or as many as one may read; none is the same as no such file."""
    with archive[1].connect() as conn:
        number = conn.scalars(
            select(attachment_summary.c.attachment_id).where(attachment_summary.c.letters == 2)
        ).one()
        logo = conn.scalars(
            select(attachment_summary.c.attachment_id).where(attachment_summary.c.file_name == "logo.png").limit(1)
        ).one()
        assert [row["subject"] for row in attachments.letters_of(conn, number, ALL)] == ["datei2", "datei1"]
        bernd = rights_of(conn, BERND)
        assert [row["subject"] for row in attachments.letters_of(conn, number, bernd)] == ["datei2"]
        assert attachments.place_of(conn, number, bernd).file_name == "Preise 2026.pdf"
        said = []
        for unread in (logo, 999_999):
            assert attachments.letters_of(conn, unread, bernd) == []
            with pytest.raises(NotFound) as error:
                attachments.place_of(conn, unread, bernd)
            said.append(str(error.value).replace(str(unread), "N"))
        assert said[0] == said[1]


def test_again_changes_nothing(archive: tuple[Config, Engine], tmp_path: Path) -> None:
    """Counting again, in whatever turn, leaves every number; in another order of arrival it comes out the same."""
    def state(engine: Engine) -> list[Any]:
        with engine.connect() as conn:
            people = conn.execute(select(
                correspondent.c.address, correspondent.c.display_name, correspondent.c.letters_in,
                correspondent.c.letters_out, correspondent.c.first_at, correspondent.c.last_at, account.c.address,
            ).join(account, account.c.id == correspondent.c.account_id, isouter=True)).all()  # fmt: skip
            files = conn.execute(select(
                attachment_summary.c.file_name, attachment_summary.c.letters, attachment_summary.c.sender,
                attachment_summary.c.first_at, attachment_summary.c.last_at, account.c.address,
            ).join(account, account.c.id == attachment_summary.c.account_id, isouter=True)).all()  # fmt: skip
            return [sorted(map(str, people)), sorted(map(str, files)),
                    conn.scalar(select(func.count()).select_from(tallied_image))]  # fmt: skip

    engine = archive[1]
    before = state(engine)
    catch_up(engine)
    TallyWork(engine).look()
    assert state(engine) == before
    with fresh_archive(tmp_path) as (config, other), ingester(config, other) as work:
        work.ingest(records())
        catch_up(other)
        assert state(other) == before
