"""Search: each query word finds what it says, exactly counted, within the rights and nowhere else."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from postbuch.archive import audit, clock, database, letters, users
from postbuch.archive.accounts import find_account
from postbuch.archive.database import Role
from postbuch.archive.errors import UsageError
from postbuch.archive.record import Record
from postbuch.archive.search import search
from postbuch.archive.users import ALL, Rights
from provider.archive import fresh_archive, ingester, message_record

ANNA, BERND = "anna@firma.example", "bernd@firma.example"
TODAY = audit.now().date()


def mail(name: str, head: str, text: str, *, file: str = "", size: int = 0) -> bytes:
    """A message; its Message-ID names it. With `file` it has an attachment of `size` octets."""
    top = f"Message-ID: <{name}@x>\r\nMIME-Version: 1.0\r\n{head}\r\n"
    body = f"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{text}\r\n"
    if not file:
        return (top + body).encode()
    return (
        f"{top}Content-Type: multipart/mixed; boundary=bb\r\n\r\n--bb\r\n{body}--bb\r\n"
        f"Content-Type: application/pdf; name=\"{file}\"\r\n"
        f"Content-Disposition: attachment; filename=\"{file}\"\r\n\r\n"
        f"{'x' * size}\r\n--bb--\r\n"
    ).encode()


def days_ago(days: int) -> dict[str, str]:
    """When it came."""
    moment = f"{TODAY - timedelta(days=days)}T12:00:00+00:00"
    return {"internal_date": moment, "seen_at": moment}


RECORDS: dict[str, Record] = {
    "offer": message_record(
        mail("offer", "From: Jürgen Groß <jg@kunde.example>\r\nTo: anna@firma.example\r\nSubject: Angebot für Möbel",
             "Guten Tag, 100% Rabatt_heute auf Stühle."), **days_ago(10),
    ),
    "invoice": message_record(
        mail("invoice", "From: shop@laden.example\r\nTo: anna@firma.example\r\nCc: Chefin <chef@firma.example>\r\n"
             "Subject: Rechnung 4711", "Anbei die offene Rechnung.", file="rechnung_4711.pdf", size=5000),
        mailbox="Rechnungen", **days_ago(5),
    ),
    "again": message_record(
        mail("again", "From: shop@laden.example\r\nTo: bernd@firma.example\r\nSubject: Rechnung 4712",
             "Die offene Frage zur Rechnung."), account=BERND, **days_ago(4),
    ),
    "sent": message_record(
        mail("sent", "From: anna@firma.example\r\nTo: jg@kunde.example\r\nSubject: AW: Angebot", "Danke."),
        source="submission", mailbox=None, uidvalidity=None, **days_ago(3),
        envelope={"mail_from": ANNA, "recipients": [
            {"address": "jg@kunde.example", "code": 250, "text": "ok"},
            {"address": "geheim@blind.example", "code": 250, "text": "ok"},
        ]},
    ),
    "spam": message_record(
        mail("spam", "From: gewinn@laden.example\r\nTo: bernd@firma.example\r\nSubject: 100 Euro", "Rabatt heute!"),
        account=BERND, mailbox="Junk", **days_ago(1),
    ),
}  # fmt: skip


@pytest.fixture(autouse=True)
def today(monkeypatch: pytest.MonkeyPatch) -> None:
    """The day of the letters, also when midnight passes while the tests run."""
    monkeypatch.setattr(clock, "today", lambda: TODAY)


@pytest.fixture(scope="module")
def conn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    """An archive with the five letters."""
    with fresh_archive(tmp_path_factory.mktemp("search")) as (config, engine), ingester(config, engine) as work:
        work.ingest(list(RECORDS.values()))
        made = database.engine(config, Role.WEB)
        with made.connect() as conn:
            users.create_user(conn, ANNA)
            yield conn
        made.dispose()


def found(conn: Connection, text: str, accounts: Rights = ALL, **kw: Any) -> list[str]:
    """Which letters, by their names, newest first; the total says the same number."""
    result = search(conn, text, accounts, **kw)
    assert result.total == len(result.rows)
    return [row["message_id"].removesuffix("@x") for row in result.rows]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", "spam sent again invoice offer"),
        ("Rechnung", "again invoice"),
        ("rechnung 4711", "invoice"),
        ('"offene Rechnung"', "invoice"),
        ("offene Rechnung", "again invoice"),
        ("möbel", "offer"), ("MÖBEL", "offer"), ("mobel", "offer"), ("Stühle", "offer"),
        ("Jürgen", "offer"), ("jg@kunde.example", "sent offer"), ("kunde", "sent offer"),
        ("100%", "offer"), ("100% Rabatt_", "offer"), ("Rabatt", "spam offer"), ("t_h", "offer"), ("%", "offer"),
        ("\\", ""), ("|", ""), ("'", ""), ("' OR 1=1 --", ""), ("x' OR '1'='1", ""),
        ("from:laden", "spam again invoice"), ("from:Groß", "offer"), ("from:anna", "sent"),
        ("to:anna", "invoice offer"), ("to:bernd", "spam again"), ("cc:chef", "invoice"), ("cc:Chefin", "invoice"),
        ("to:blind.example", "sent"), ("geheim@blind.example", "sent"), ("cc:blind.example", ""),
        ("subject:Angebot", "sent offer"), ('subject:"AW: Angebot"', "sent"), ("body:Angebot", ""),
        ("body:offene", "again invoice"), ("subject:offene", ""),
        ("filename:4711.pdf", "invoice"), ("attachment:rechnung_", "invoice"), ("4711.pdf", "invoice"),
        ("has:attachment", "invoice"), ("-has:attachment", "spam sent again offer"),
        ("account:bernd", "spam again"), ("mailbox:Junk", "spam"), ("mailbox:Rechn", "invoice"),
        ("-Rechnung", "spam sent offer"), ("Rechnung -4712", "invoice"), ("-(Rechnung OR Angebot)", "spam"),
        ("4711 OR 4712", "again invoice"), ("from:laden (4711 OR Euro)", "spam invoice"),
        ("larger:4k", "invoice"), ("smaller:4k", "spam sent again offer"), ("larger:1k smaller:4k", ""),
        ("message-id:offer@x", "offer"), ("message-id:<offer@x>", "offer"),
        (f"sha256:{RECORDS['spam'].facts['sha256']}", "spam"), ("sha256:zz", ""),
        (f"before:{TODAY - timedelta(days=5)}", "offer"), (f"on:{TODAY - timedelta(days=5)}", "invoice"),
        (f"after:{TODAY - timedelta(days=5)}", "spam sent again"), ("on:yesterday", "spam"),
        ("is:unread", "spam again invoice offer"), ("is:read", "sent"),
    ],
)  # fmt: skip
def test_query_words(conn: Connection, text: str, names: str) -> None:
    """Each finds what it says."""
    assert found(conn, text) == names.split()


@pytest.mark.parametrize(
    ("text", "anna", "bernd"),
    [
        ("", "sent invoice offer", "spam again"), ("Rechnung", "invoice", "again"), ("-Rechnung", "sent offer", "spam"),
        ("-(-Rechnung)", "invoice", "again"), ("Rechnung OR -Rechnung", "sent invoice offer", "spam again"),
        ("account:bernd", "", "spam again"), ("account:anna", "sent invoice offer", ""), ("mailbox:Junk", "", "spam"),
        ("message-id:spam@x", "", "spam"), ("larger:1", "sent invoice offer", "spam again"),
        ("blind.example", "sent", ""), ("to:blind.example", "sent", ""), ("before:2999-01-01 kunde", "sent offer", ""),
    ],
)  # fmt: skip
def test_rights(conn: Connection, text: str, anna: str, bernd: str) -> None:
    """The same words in other hands: the letters of his own accounts and no others, in the total as well."""
    one, two = (find_account(conn, address) or 0 for address in (ANNA, BERND))
    assert found(conn, text, frozenset({one})) == anna.split()
    assert found(conn, text, frozenset({two})) == bernd.split()
    assert found(conn, text, frozenset()) == []
    assert set(found(conn, text, frozenset({one, two}))) == {*anna.split(), *bernd.split()} == set(found(conn, text))


def test_total_is_exact_on_every_page(conn: Connection) -> None:
    """Also behind the last one."""
    pages = [search(conn, "", ALL, limit=2, offset=offset) for offset in (0, 2, 4, 6)]
    assert [(page.total, len(page.rows)) for page in pages] == [(5, 2), (5, 2), (5, 1), (5, 0)]
    names = [row["message_id"] for page in pages for row in page.rows]
    assert names == ["spam@x", "sent@x", "again@x", "invoice@x", "offer@x"]
    assert search(conn, "nichts", ALL, offset=10).total == 0


def test_read_marks_are_those_of_the_searcher(conn: Connection) -> None:
    """`is:unread` asks for his own."""
    user = users.find_user(conn, ANNA)
    assert user is not None
    number = letters.find_letter(conn, "offer@x")
    letters.mark_read(conn, [number], user.id, True, ALL)
    assert found(conn, "is:read", user_id=user.id) == ["sent", "offer"]  # what was sent was read
    assert "offer" not in found(conn, "is:unread", user_id=user.id)
    assert found(conn, "is:read") == ["sent"]
    conn.rollback()


def test_a_row(conn: Connection) -> None:
    """The keys that scripts rely on (interface.md)."""
    [row] = search(conn, "4711", ALL).rows
    assert {
        "id", "sha256", "message_id", "subject", "from", "to", "date", "archived_at", "accounts", "mailboxes",
        "has_attachments",
    } <= set(row)  # fmt: skip
    assert (row["subject"], row["from"], row["accounts"], row["mailboxes"], row["has_attachments"]) == (
        "Rechnung 4711", "shop@laden.example", [ANNA], ["Rechnungen"], True,
    )  # fmt: skip
    assert row["sha256"] == RECORDS["invoice"].facts["sha256"] and row["date"].endswith("Z")


def test_not_understood(conn: Connection) -> None:
    """Said, not guessed."""
    with pytest.raises(UsageError, match="at character 1"):
        search(conn, "(Rechnung", ALL)


def test_long_and_strange(conn: Connection) -> None:
    """Fifty words, NUL, emoji and lone surrogates are only words."""
    assert found(conn, " ".join(["a"] * 50)) is not None
    for text in ("\0", "😀", "ﬁ", "\u202e", "a\nb", "\udcff"):
        assert isinstance(found(conn, text), list)
