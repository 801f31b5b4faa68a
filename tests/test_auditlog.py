"""The record of who did what (invariant 9): asked by who, what, when, on what and by words; on pages and as CSV."""

import csv
import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from role_letters import PASSWORD, login
from role_probes import enter
from sqlalchemy import Connection, select
from web_archive import application, archive

from postbuch.archive import audit, auditlog, csvtext, database, users
from postbuch.archive.auditlog import Filter, Place
from postbuch.archive.config import Config
from postbuch.archive.database import Role
from postbuch.archive.errors import UsageError
from postbuch.archive.schema import audit_event
from postbuch.archive.users import ALL
from postbuch.webmail import actions, targets

SECRET = "Kündigung Meier"
NOTHING = frozenset[int]()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Flask, Config]]:
    """An archive of its own with an auditor, an admin without any right, an employee."""
    with archive(tmp_path_factory.mktemp("audit") / "data", "127.0.0.1:1") as config:
        with database.connection(config, Role.OWNER) as conn:
            for role in users.ROLES:
                users.create_user(conn, login(role), role=role, password=PASSWORD)
        with application(config) as app:
            yield app, config


@pytest.fixture
def conn(site: tuple[Flask, Config]) -> Iterator[Connection]:
    """As the web works, with a few events of somebody whom nobody else is; committed, as events are."""
    with database.connection(site[1], Role.WEB) as made:
        yield made


def client(site: tuple[Flask, Config], role: str, language: str = "en") -> FlaskClient:
    """A browser in which somebody of that role is logged in."""
    made = site[0].test_client()
    made.environ_base["HTTP_ACCEPT_LANGUAGE"] = language
    enter(made, login(role))
    return made


def record(conn: Connection, actor: str, count: int) -> None:
    """So many events of somebody: every third a search with the secret words, the others about letters."""
    for number in range(count):
        if number % 3 == 0:
            audit.record(conn, actor, "192.0.2.1", "search", f"search {SECRET}", after={"query": SECRET})
        else:
            audit.record(conn, actor, "192.0.2.1", "view", f"letter {number}", {"read": False}, {"read": True})


def numbers(found: auditlog.Page) -> list[int]:
    """The events of a page."""
    return [row["id"] for row in found.rows]


def test_pages_hold_every_event_once(conn: Connection) -> None:
    """Newest first, page after page, whatever comes meanwhile; each filter gives its own events and no others."""
    record(conn, "emil@firma.example", 25)
    wanted = Filter(actor="Emil@firma.example")
    found, place, pages = [], None, 0
    while True:
        page = auditlog.page(conn, wanted, ALL, before=place, limit=10)
        found += numbers(page)
        record(conn, "emil@firma.example", 1)  # newer than what is read: not in a later page
        pages, place = pages + 1, page.older
        if place is None:
            break
    assert pages == 3
    assert len(found) == 25
    assert found == sorted(set(found), reverse=True)
    views = auditlog.page(conn, Filter(actor="emil@firma.example", action="view", target="letter 4"), ALL)
    assert [(row["before"], row["after"]) for row in views.rows] == [({"read": False}, {"read": True})]
    assert {row["action"] for row in auditlog.page(conn, Filter(text=SECRET), ALL).rows} == {"search"}
    now = audit.now()
    assert auditlog.page(conn, Filter(since=now + timedelta(hours=1)), ALL).rows == []
    assert auditlog.page(conn, Filter(until=now - timedelta(days=1)), ALL).rows == []
    assert numbers(auditlog.page(conn, Filter(since=now - timedelta(hours=1)), ALL))


def test_what_was_typed_is_for_those_who_may_read_it(conn: Connection) -> None:
    """For others such an event has neither words nor values, and is not found by them: part of the query."""
    record(conn, "frieda@firma.example", 4)
    seen = auditlog.page(conn, Filter(actor="frieda@firma.example"), NOTHING)
    assert [(row["action"], row["target"], row["after"]) for row in seen.rows] == [
        ("search", None, None), ("view", "letter 2", {"read": True}), ("view", "letter 1", {"read": True}),
        ("search", None, None),
    ]  # fmt: skip
    for asked in (Filter(text=SECRET), Filter(text="Meier"), Filter(target=f"search {SECRET}")):
        assert auditlog.page(conn, asked, ALL).rows
        assert auditlog.page(conn, asked, NOTHING).rows == []


def test_words_are_looked_for_a_stretch_at_a_time(conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing was found yet the page says how far back it looked, and the next one goes on from there."""
    monkeypatch.setattr(auditlog, "LOOKED_AT", 5)
    audit.record(conn, "gerd@firma.example", "cli", "view", "letter 77")
    record(conn, "gerd@firma.example", 12)
    place, looked = None, 0
    while True:
        page = auditlog.page(conn, Filter(actor="gerd@firma.example", text="letter 77"), ALL, before=place)
        looked += 1
        if page.rows:
            break
        assert page.is_cut
        place = page.older
    assert looked == 3
    assert [row["target"] for row in page.rows] == ["letter 77"]
    whole = list(auditlog.everything(conn, Filter(actor="gerd@firma.example"), ALL, auditlog.newest(conn)))
    assert len(whole) == 13


def test_a_page_costs_what_it_shows(site: tuple[Flask, Config]) -> None:
    """Whatever is asked for and however deep: rows are read in the order of an index, never all of them."""
    with database.connection(site[1], Role.OWNER) as conn:
        conn.exec_driver_sql(
            "INSERT INTO audit_event (at, actor, origin, action, target) SELECT"
            " TIMESTAMPADD(SECOND, seq, '2020-01-01'), CONCAT('viel', seq %% 3, '@firma.example'), 'cli',"
            " ELT(1 + seq %% 2, 'view', 'body'), CONCAT('letter ', seq %% 500) FROM seq_1_to_30000"
        )
        conn.exec_driver_sql("ANALYZE TABLE audit_event")
        middle = Place(at=datetime(2020, 1, 1, 4), id=10**9)
        for wanted in (
            Filter(), Filter(actor="viel1@firma.example"), Filter(action="body"), Filter(target="letter 7"),
            Filter(actor="viel1@firma.example", action="view"), Filter(until=datetime(2020, 1, 1, 5)),
            Filter(action="view", since=datetime(2020, 1, 1, 1), until=datetime(2020, 1, 1, 6)),
        ):  # fmt: skip
            for accounts in (ALL, NOTHING):
                first, second = rows_read(conn), rows_read(conn)
                assert len(auditlog.page(conn, wanted, accounts, before=middle).rows) >= 20
                assert rows_read(conn) - second - (second - first) < 1000, wanted


def rows_read(conn: Connection) -> int:
    """How many rows the server has read for this connection; asking costs some as well."""
    return sum(int(row[1]) for row in conn.exec_driver_sql("SHOW SESSION STATUS LIKE 'Handler_read_%%'"))


def test_reading_the_log_is_on_record_before_it_is_shown(site: tuple[Flask, Config]) -> None:
    """Invariant 9, about itself: the page that is shown holds the event of its own reading, the CSV too."""
    auditor = client(site, "auditor")
    page = auditor.get("/audit?who=rolle.auditor@firma.example&words=audit")
    assert "read the audit log" in page.text
    rows = table(auditor.get("/audit.csv?who=rolle.auditor@firma.example").text)
    assert rows[0]["What"] == "audit-export"
    assert rows[1]["What"] == "audit-read"
    assert "rolle.auditor" in rows[1]["After"]
    employee = client(site, "employee")
    assert [employee.get(path).status_code for path in ("/audit", "/audit.csv")] == [403, 403]


def test_the_page_asks_and_leads_on(site: tuple[Flask, Config]) -> None:
    """The form keeps what was asked, older events are one click away, a day that is none is said to be none."""
    with database.connection(site[1], Role.WEB) as conn:
        record(conn, "heidi@firma.example", 120)
    auditor = client(site, "auditor")
    page = auditor.get("/audit?who=heidi@firma.example&what=view").text
    assert 'value="heidi@firma.example"' in page
    assert '<option value="view" selected>opened a letter</option>' in page
    assert 'href="/m/119"' in page
    seen = re.findall(r'href="/m/(\d+)"', page)
    [older] = re.findall(r'href="(/audit\?[^"]*before=[^"]+)" rel="next"', page)
    seen += re.findall(r'href="/m/(\d+)"', auditor.get(older.replace("&amp;", "&")).text)
    assert seen == [str(number) for number in reversed(range(120)) if number % 3]
    today = datetime.now(UTC).date()
    assert "heidi" in auditor.get(f"/audit?from={today - timedelta(days=2)}&to={today + timedelta(days=2)}").text
    assert "No event fits." in auditor.get(f"/audit?who=heidi@firma.example&to={today - timedelta(days=2)}").text
    for wrong in ("gestern", "9999-12-31"):
        assert "A day is written like" in auditor.get(f"/audit?to={wrong}").text
        assert auditor.get(f"/audit.csv?to={wrong}").status_code == 400


def test_the_admin_sees_numbers_and_never_what_was_typed(site: tuple[Flask, Config]) -> None:
    """Not on the page, not in the CSV, not by asking for it; and no link to what he may not read."""
    with database.connection(site[1], Role.WEB) as conn:
        record(conn, "ida@firma.example", 6)
    admin, auditor = client(site, "admin"), client(site, "auditor")
    assert SECRET in auditor.get("/audit?who=ida@firma.example").text
    page = admin.get("/audit?who=ida@firma.example").text
    assert "letter 4" in page
    assert "what was typed is not shown to you" in page
    assert 'href="/m/' not in page.partition("<tbody>")[2].partition("</tbody>")[0]
    assert SECRET not in page
    assert SECRET not in admin.get("/audit.csv").text
    assert "No event fits." in admin.get("/audit", query_string={"who": "ida@firma.example", "words": "Meier"}).text


def test_cells_never_act(site: tuple[Flask, Config]) -> None:
    """What a spreadsheet would take for a formula stays a text; German gets semicolons; both begin with the mark."""
    for text in ("=1+1", "+49 30", "-1", "@SUM(A1)", "\t=1", "\r=1"):
        assert csvtext.cell(text) == f"'{text}"
    assert [csvtext.cell(value) for value in (-1, 2.5, None, "a=b", "")] == ["-1", "2.5", "", "a=b", ""]
    with database.connection(site[1], Role.WEB) as conn:
        audit.record(conn, "=cmd|' /C calc'!A0", "192.0.2.1", "log-in-refused", "web")
    auditor = client(site, "auditor", "de")
    answer = auditor.get("/audit.csv?what=log-in-refused")
    assert answer.headers["Content-Disposition"] == "attachment; filename=audit.csv"
    assert answer.text.startswith("\ufeffNummer;Zeit (UTC);Wer;")
    assert "'=cmd|" in answer.text


def table(text: str) -> list[dict[str, str]]:
    """The rows of a CSV."""
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))


def test_every_action_has_a_name_in_both_languages(site: tuple[Flask, Config]) -> None:
    """What is recorded in these tests and by the web is called something that people understand."""
    auditor = client(site, "auditor")
    for path in ("/", "/?q=x", "/completeness", "/admin", "/audit", "/audit.csv", "/m/999999"):
        auditor.get(path).close()
    with database.connection(site[1], Role.WEB) as conn:
        recorded: set[Any] = set(conn.scalars(select(audit_event.c.action).distinct()))
    assert recorded - set(actions.NAMES) == set()


def test_a_day_is_a_day() -> None:
    """The sentence names what is wrong."""
    assert auditlog.read_day("2026-01-31") == datetime(2026, 1, 31)
    with pytest.raises(UsageError, match=r"31\.1\.2026"):
        auditlog.read_day("31.1.2026")


DIGEST = "0123456789ab" + "c" * 52


def test_the_page_says_what_an_event_is_about_in_the_readers_language(site: tuple[Flask, Config]) -> None:
    """Target and values by their names, what is recorded in the title; the CSV has it as it is recorded."""
    with database.connection(site[1], Role.WEB) as conn:
        audit.record(conn, "jens@firma.example", "192.0.2.1", "view", "letter 12", None, {"read": True, "x-new": None})
        audit.record(conn, "jens@firma.example", "192.0.2.1", "credential-rotate", "key")
        audit.record(conn, "jens@firma.example", "192.0.2.1", "prove", "what is new here")
        values = {"scope": {}, "q": {"tab": "in", "read": [1, 2]}}
        audit.record(conn, "jens@firma.example", "192.0.2.1", "senders", "senders", None, values)
    for language, seen in (
        ("en", ('title="letter 12"><a href="/m/12">letter 12</a>', ">key of the mail passwords<", "<ins>yes</ins>")),
        ("de", ('title="letter 12"><a href="/m/12">Brief 12</a>', ">Schlüssel der Mailpasswörter<", "<ins>ja</ins>")),
    ):
        auditor = client(site, "auditor", language)
        page = auditor.get("/audit?who=jens@firma.example").text
        for each in (*seen, ">what is new here<", '<span class="key">x-new</span> <ins>–</ins>'):
            assert each in page
        assert "letter 12" in auditor.get("/audit.csv?who=jens@firma.example").text
    assert '<span class="key">gelesen</span>' in page
    assert "<ins>–</ins>" in page and "<ins>Reiter in, gelesen 1, 2</ins>" in page
    assert "{" not in page.partition("<tbody>")[2]
    for typed in ("Brief 12", "letter 12"):  # the form takes what the page shows, and what programs say
        narrowed = auditor.get("/audit", query_string={"who": "jens@firma.example", "target": typed}).text
        assert 'href="/m/12"' in narrowed and "Mailpasswörter<" not in narrowed


def test_what_was_refused_is_called_by_its_address(site: tuple[Flask, Config]) -> None:
    """No name from within the program, and nothing that was typed."""
    employee, auditor = client(site, "employee"), client(site, "auditor")
    for path in ("/audit", "/m/999999/evidence", "/m/by-message-id/never@seen.example"):
        assert employee.get(path).status_code in (403, 404), path
    rows = table(auditor.get("/audit.csv?what=refused").text)[:3]
    assert [(row["On what"], row["After"]) for row in rows] == [
        ("page /m/by-message-id/…", ""), ("letter 999999", '{"page": "/m/…/evidence"}'), ("page /audit", ""),
    ]


@pytest.mark.parametrize("language", ["en", "de"])
def test_every_target_is_found_by_what_the_page_calls_it(site: tuple[Flask, Config], language: str) -> None:
    """No two of them have one name, and each leads back to what is recorded."""
    with site[0].test_request_context(headers={"Accept-Language": language}):
        for target in (*targets.WHOLE, *(f"{beginning}7" for beginning in targets.BEGINNINGS)):
            assert targets.recorded(targets.name(target)) == target
        within = (targets.name(f"list account 3, mailbox INBOX {end}") for end in ("counted", "beside letter 5"))
        assert list(within) == {
            "en": ["list: account 3, mailbox INBOX, counted", "list: account 3, mailbox INBOX, beside letter 5"],
            "de": ["Liste: Konto 3, Ordner INBOX, gezählt", "Liste: Konto 3, Ordner INBOX, neben Brief 5"],
        }[language]


def test_a_digest_is_short_and_leads_to_its_events(site: tuple[Flask, Config]) -> None:
    """In a target as in a value: twelve characters, the whole in title and link, which finds both."""
    with database.connection(site[1], Role.WEB) as conn:
        audit.record(conn, "karl@firma.example", "cli", "prove", f"image {DIGEST}")
        audit.record(conn, "karl@firma.example", "cli", "view", "letter 4", None, {"image": DIGEST})
        audit.record(conn, "karl@firma.example", "cli", "view", "letter 5", None, {"image": DIGEST.replace("c", "d")})
    page = client(site, "auditor").get("/audit?who=karl@firma.example").text
    short = f'<a class="mono nowrap" href="/audit?words={DIGEST}" title="{DIGEST}">0123456789ab…</a>'
    assert page.count(short) == 2
    assert re.findall(r">[^<]*c{52}[^<]*<", page) == []
    found = client(site, "auditor").get(f"/audit?words={DIGEST}").text
    assert 'href="/m/4"' in found and 'href="/m/5"' not in found and f'value="{DIGEST}"' in found
