"""Who and what is removed is ended, not taken away: every count of the archive stays as it was (invariants 4 and 8)."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from role_letters import Letter, address, login, roles_archive
from sqlalchemy import func, select

from postbuch.archive import database, status, users
from postbuch.archive.collect_rows import Rows
from postbuch.archive.columns import Covered
from postbuch.archive.config import Config
from postbuch.archive.database import Role
from postbuch.archive.schema import app_user, audit_event, metadata
from postbuch.certs import authority
from postbuch.cli import main

House = tuple[Config, dict[str, Letter], Path]
Postbuch = Callable[..., None]
# They grow by each event that says what was done.
GROWING = {"audit_event", *(table.name for table in metadata.sorted_tables
                            if table.info["covered"] in (Covered.ENTRY, Covered.TREE))}  # fmt: skip


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """An archive of its own: accounts, users and a department are ended in it."""
    folder = tmp_path_factory.mktemp("removal")
    with roles_archive(folder) as (config, letters):
        authority.initialise(config.data, ["localhost"])
        file = folder / "postbuch.toml"
        file.write_text(f'data_dir = "{config.data_dir}"\n[web]\nlisten = "http://127.0.0.1:1"\n', encoding="utf-8")
        yield config, letters, file


@pytest.fixture
def postbuch(house: House, monkeypatch: pytest.MonkeyPatch) -> Postbuch:
    """Runs a command that must go well."""

    def run(*words: str) -> None:
        monkeypatch.setattr(sys, "argv", ["postbuch", *words, "--config", str(house[2])])
        with pytest.raises(SystemExit) as end:
            main.run()
        assert not end.value.code, words

    return run


def counts(config: Config) -> tuple[dict[str, int], dict[str, Any]]:
    """Rows of each table, and what `postbuch status` counts."""
    with database.connection(config, Role.WEB) as conn:
        rows = {
            table.name: conn.scalar(select(func.count()).select_from(table)) or 0 for table in metadata.sorted_tables
        }
    facts = status.status(config)
    return rows, {name: facts[name] for name in ("images", "sightings", "letters", "gaps", "refusals", "books")}


def test_what_is_removed_leaves_every_count(house: House, postbuch: Postbuch) -> None:
    """A right, a member, a department, a password, a user, an account, a mailbox; by the commands that people use."""
    config, letters, _ = house
    engine = database.engine(config, Role.INGEST)
    Rows(engine).begin_mailbox(letters["own"].mailbox, 1)
    steps: dict[str, Callable[[], None]] = {
        "right": lambda: postbuch(
            "user", "grant", login("employee"), "--account", address("granted"), "--revoke"
        ),
        "member": lambda: postbuch("department", "set", "Einkauf", "--remove-member", login("admin")),
        "department": lambda: postbuch("department", "remove", "einkauf"),
        "password": lambda: postbuch("account", "forget", address("own")),
        "user": lambda: postbuch("user", "set", login("employee"), "--no-active"),
        "account": lambda: postbuch("account", "set", address("own"), "--no-active"),
        "mailbox": lambda: Rows(engine).end_mailbox(letters["own"].mailbox),
    }
    rows, told = counts(config)
    for name, step in steps.items():
        step()
        now, told_now = counts(config)
        assert told_now == told, name
        assert {table: now[table] for table in now if table not in GROWING} == {
            table: rows[table] for table in rows if table not in GROWING
        }, name
        assert all(now[table] >= rows[table] for table in GROWING), name
    engine.dispose()
    with database.connection(config, Role.WEB) as conn:
        assert users.accounts_of(conn, _number(conn, "auditor")) == users.ALL
        assert users.accounts_of(conn, _number(conn, "admin")) == frozenset(
            {letters["own"].account, letters["granted"].account}
        )
        assert users.find_user(conn, login("employee")) is None


def test_what_was_changed_is_on_record_with_what_it_was(house: House, postbuch: Postbuch) -> None:
    """Invariant 9: values before and after of each change of who may do what."""
    config = house[0]
    postbuch("department", "add", "Vertrieb")
    postbuch("department", "set", "Vertrieb", "--add-member", login("auditor"), "--add-account", address("own"))
    postbuch("department", "remove", "Vertrieb")
    postbuch("department", "add", "Vertrieb")  # the name is free again
    postbuch("user", "set", login("admin"), "--role", "auditor")
    postbuch("user", "grant", login("admin"), "--all")
    with database.connection(config, Role.WEB) as conn:
        rows = conn.execute(select(audit_event).order_by(audit_event.c.id.desc()).limit(6)).all()[::-1]
    full = f'{{"members": ["{login("auditor")}"], "accounts": ["{address("own")}"]}}'
    assert [(row.action, row.before_value, row.after_value) for row in rows] == [
        ("department-add", None, None),
        ("department-set", '{"members": [], "accounts": []}', full),
        ("department-remove", full, None),
        ("department-add", None, None),
        ("user-set", '{"role": "admin", "active": true}', '{"role": "auditor", "active": true}'),
        ("grant", f'{{"may read": ["{address("granted")}", "{address("own")}"]}}',
         f'{{"may read": ["*", "{address("granted")}", "{address("own")}"]}}'),
    ]  # fmt: skip


def _number(conn: Any, role: str) -> int:
    return int(conn.scalar(select(app_user.c.id).where(app_user.c.login == login(role))))
