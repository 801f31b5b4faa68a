"""Users, passwords, accounts, grants and the record: rights are by grant alone, and every version stays."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine, select, update

from postbuch.archive import accounts, audit, database, users
from postbuch.archive.config import Config
from postbuch.archive.database import Role
from postbuch.archive.errors import NotFound, UsageError
from postbuch.archive.schema import account_grant, app_user, audit_event

GOOD = "ein langes Geheimnis"


@pytest.fixture(scope="module")
def engine(mariadb: Config) -> Iterator[Engine]:
    """As the web works."""
    made = database.engine(mariadb, Role.WEB)
    yield made
    made.dispose()


@pytest.fixture
def conn(engine: Engine) -> Iterator[Connection]:
    """A transaction that is rolled back."""
    with engine.connect() as made:
        yield made
        made.rollback()


def test_password(conn: Connection) -> None:
    """argon2id; the right one opens, whatever the case of the name; a wrong, an empty one and nobody's do not."""
    number = users.create_user(conn, " Anna@Firma.Example ", password=GOOD)
    kept = conn.scalar(select(app_user.c.password_hash).where(app_user.c.id == number))
    assert kept is not None and kept.startswith("$argon2id$") and GOOD not in kept
    found = users.check_password(conn, "ANNA@firma.example", GOOD)
    assert found is not None and (found.id, found.login, found.role) == (number, "anna@firma.example", "employee")
    for login, password in (("anna@firma.example", "falsch"), ("anna@firma.example", ""), ("keiner@x.example", GOOD)):
        assert users.check_password(conn, login, password) is None
    users.set_password(conn, number, GOOD + "!")
    assert users.check_password(conn, "anna@firma.example", GOOD) is None
    conn.execute(update(app_user).where(app_user.c.id == number).values(active=False))
    assert users.check_password(conn, "anna@firma.example", GOOD + "!") is None
    assert users.find_user(conn, "anna@firma.example") is None


def test_no_password_opens_nothing(conn: Connection) -> None:
    """A user whom upstream checks has no password here, and none is his."""
    users.create_user(conn, "bernd@firma.example")
    assert users.check_password(conn, "bernd@firma.example", "") is None
    found = users.find_user(conn, "bernd@firma.example")
    assert found is not None and not found.has_password


@pytest.mark.parametrize(
    ("login", "role", "password", "words"),
    [
        ("anna", "employee", "", "is not a mail address"),
        ("x@" + "y" * 300, "employee", "", "is not a mail address"),
        ("x@y.example", "boss", "", "is not one of"),
        ("x@y.example", "admin", "kurz", "too short"),
    ],
)
def test_refused(conn: Connection, login: str, role: str, password: str, words: str) -> None:
    """One sentence each; a second user of one name too."""
    with pytest.raises(UsageError, match=words):
        users.create_user(conn, login, role=role, password=password)
    users.create_user(conn, "doppelt@firma.example")
    with pytest.raises(UsageError, match="already a user"):
        users.create_user(conn, "Doppelt@firma.example")


def test_rights_are_grants(conn: Connection) -> None:
    """An admin without a grant reads nothing; a grant and its end are one row that stays."""
    admin = users.create_user(conn, "chefin@firma.example", role="admin", password=GOOD)
    one = accounts.ensure_account(conn, "Eins@firma.example", "provider")
    assert accounts.ensure_account(conn, "eins@firma.example", "other") == one
    assert users.accounts_of(conn, admin) == frozenset()
    users.grant(conn, "chefin@firma.example", "eins@firma.example", by="test")
    users.grant(conn, "chefin@firma.example", "eins@firma.example", by="test")
    assert users.accounts_of(conn, admin) == frozenset({one})
    users.grant(conn, "chefin@firma.example", None, by="test")
    assert users.accounts_of(conn, admin) == users.ALL
    assert [(each["login"], each["accounts"]) for each in users.list_users(conn)] == [("chefin@firma.example", "*")]
    users.revoke(conn, "chefin@firma.example", None, by="test")
    users.revoke(conn, "chefin@firma.example", "eins@firma.example", by="test")
    assert users.accounts_of(conn, admin) == frozenset()
    rows = conn.execute(select(account_grant).where(account_grant.c.user_id == admin)).all()
    assert len(rows) == 2 and all(row.until < users.FOREVER for row in rows)
    users.grant(conn, "chefin@firma.example", "eins@firma.example", by="test")
    assert users.accounts_of(conn, admin) == frozenset({one})


def test_unknown(conn: Connection) -> None:
    """Who and what is not there is named."""
    with pytest.raises(NotFound, match="keiner@x"):
        users.grant(conn, "keiner@x.example", None, by="test")
    users.create_user(conn, "dora@firma.example")
    with pytest.raises(NotFound, match="nichts@x"):
        users.grant(conn, "dora@firma.example", "nichts@x.example", by="test")
    with pytest.raises(NotFound):
        accounts.set_account(conn, "nichts@x.example", archive="none")


def test_first_log_in(conn: Connection) -> None:
    """By the mail password one becomes a user with his own account; what an admin ended stays ended."""
    user = users.ensure_employee(conn, "emil@firma.example", "provider")
    own = accounts.find_account(conn, "emil@firma.example")
    assert users.accounts_of(conn, user.id) == frozenset({own}) and user.role == "employee"
    assert users.ensure_employee(conn, "EMIL@firma.example", "provider") == user
    users.revoke(conn, "emil@firma.example", "emil@firma.example", by="admin")
    users.ensure_employee(conn, "emil@firma.example", "provider")
    assert users.accounts_of(conn, user.id) == frozenset()
    conn.execute(update(app_user).where(app_user.c.id == user.id).values(active=False))
    with pytest.raises(UsageError):
        users.ensure_employee(conn, "emil@firma.example", "provider")


def test_account_settings(conn: Connection) -> None:
    """What was and what is, for the record."""
    accounts.ensure_account(conn, "frida@firma.example", "provider")
    before, after = accounts.set_account(conn, "frida@firma.example", archive="INBOX")
    assert (before, after) == ({"archive": "all", "active": True}, {"archive": "INBOX", "active": True})
    [row] = [each for each in accounts.list_accounts(conn) if each["address"] == "frida@firma.example"]
    assert row["archive"] == "INBOX"


def test_record(conn: Connection) -> None:
    """Who, from where, what, on what, before and after; too long a name is cut, not refused."""
    audit.record(conn, "anna@" + "x" * 300, "192.0.2.1", "account-set", "letter 12", {"a": "ü\udcff"}, {"a": None})
    audit.record(conn, "bernd@firma.example", "cli", "view", "letter 12")
    newest, older = audit.history(conn, "letter 12")
    assert (newest["actor"], newest["action"], older["action"]) == ("bernd@firma.example", "view", "account-set")
    row = conn.execute(select(audit_event).where(audit_event.c.action == "account-set")).one()
    assert (row.before_value, row.after_value) == ('{"a": "ü?"}', '{"a": null}') and len(row.actor) == 255
