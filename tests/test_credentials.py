"""Secrets at rest, and the credentials of accounts (archive/seal.py, archive/credentials.py)."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, select

from postbuch.archive import credentials, database, seal
from postbuch.archive.config import Config, Upstream
from postbuch.archive.credentials import REMEMBERED, STORED
from postbuch.archive.database import Role
from postbuch.archive.errors import NotFound
from postbuch.archive.schema import credential
from postbuch.archive.seal import SealBroken, Sealer
from postbuch.archive.users import FOREVER
from provider.archive import fresh_archive

ANNA, BERND = "anna@firma.example", "bernd@firma.example"
PLANTED = "Xk-planted-secret-81"
SEALER = Sealer(current=2, keys={1: b"a" * 32, 2: b"b" * 32})
PROVIDER = Upstream(
    name="provider", domains=["firma.example"], imap="imaps://i.example:993", submission="smtps://s.example:465"
)


@given(st.text(), st.integers(0, 200), st.integers(1, 255))
def test_opens_whole_or_not_at_all(secret: str, place: int, change: int) -> None:
    """Sealed and opened is the same; any changed octet and any other account are refused."""
    sealed = SEALER.seal(secret, "password of anna")
    assert SEALER.open(sealed, "password of anna") == secret
    with pytest.raises(SealBroken):
        SEALER.open(sealed, "password of bernd")
    damaged = bytearray(sealed)
    damaged[place % len(sealed)] ^= change
    with pytest.raises(SealBroken):
        SEALER.open(bytes(damaged), "password of anna")


def test_no_two_are_equal_and_nothing_is_shown() -> None:
    """The same password sealed twice looks different; `repr` shows no key."""
    assert SEALER.seal("x", "y") != SEALER.seal("x", "y")
    assert "bbbb" not in repr(SEALER)


def test_key_file(tmp_path: Path) -> None:
    """Made once, for the owner alone; a damaged one is named, not replaced."""
    keys = tmp_path / "keys"
    made = seal.load(keys)
    assert seal.load(keys) == made and (keys / "seal.json").stat().st_mode & 0o777 == 0o600
    sealed = made.seal(PLANTED, "p")
    newer = seal.add_key(keys)
    assert newer.current == 2 and newer.open(sealed, "p") == PLANTED
    assert seal.drop_old_keys(keys).keys.keys() == {2}
    with pytest.raises(SealBroken, match="key 1"):
        seal.load(keys).open(sealed, "p")
    for text in ("", "{}", '{"current": 3, "keys": {"1": "YQ=="}}', json.dumps({"current": 1, "keys": {"1": "?"}})):
        (keys / "seal.json").write_text(text)
        with pytest.raises(SealBroken, match=r"seal\.json"):
            seal.load(keys)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Config]:
    with fresh_archive(tmp_path_factory.mktemp("credentials")) as (config, _):
        yield config


@pytest.fixture
def conn(archive: Config) -> Iterator[Connection]:
    with contextlib.closing(database.engine(archive, Role.INGEST).connect()) as made:
        yield made
        made.rollback()
    made.engine.dispose()


def remember(conn: Connection, sealer: Sealer, address: str, password: str, kind: str = REMEMBERED) -> None:
    sealed = sealer.seal(password, credentials.purpose(address))
    credentials.keep(conn, address, kind=kind, user=address, sealed=sealed, given_by="test", upstream="provider")


def test_kept_replaced_refused_forgotten(archive: Config, conn: Connection) -> None:
    """The newest holds; a stored one counts more; a refused one is not tried again; each keeps its end."""
    sealer = seal.load(archive.data / "keys")
    remember(conn, sealer, ANNA, "first")
    remember(conn, sealer, ANNA, PLANTED)
    found = credentials.for_collector(conn, sealer, ANNA, PROVIDER)
    assert found is not None and (found.password, found.user, found.upstream) == (PLANTED, ANNA, "provider")
    assert PLANTED not in repr(found)
    remember(conn, sealer, ANNA, "stored", STORED)
    assert credentials.find(conn, sealer, ANNA).password == "stored"
    credentials.refused(conn, ANNA, ANNA, STORED)
    assert credentials.find(conn, sealer, ANNA).password == PLANTED
    assert credentials.forget(conn, ANNA) == 2 and credentials.find(conn, sealer, ANNA) is None
    rows = conn.execute(select(credential)).all()
    assert len(rows) == 3 and all(row.until != FOREVER for row in rows)
    assert all(PLANTED.encode() not in row.sealed for row in rows)
    with pytest.raises(NotFound):
        credentials.forget(conn, "nobody@firma.example")


def test_sealed_for_one_account(archive: Config, conn: Connection) -> None:
    """A sealed password that somebody moves to another account's row does not open there."""
    sealer = seal.load(archive.data / "keys")
    sealed = sealer.seal(PLANTED, credentials.purpose(ANNA))
    credentials.keep(conn, BERND, kind=STORED, user=BERND, sealed=sealed, given_by="thief", upstream="provider")
    with pytest.raises(SealBroken):
        credentials.find(conn, sealer, BERND)


def test_master_user(archive: Config, conn: Connection, tmp_path: Path) -> None:
    """Without a credential of its own an account is opened by the provider's master user."""
    file = tmp_path / "master"
    file.write_text(PLANTED + "\n")
    provider = PROVIDER.model_copy(update={"master_user": "archiv", "master_password_file": str(file)})
    found = credentials.for_collector(conn, seal.load(archive.data / "keys"), "carla@firma.example", provider)
    assert found is not None and (found.user, found.password, found.authorize_as) == (
        "archiv", PLANTED, "carla@firma.example"
    )  # fmt: skip


def test_another_key(archive: Config, conn: Connection) -> None:
    """Everything is sealed anew or nothing; broken off at any step, all of it still opens."""
    keys = archive.data / "keys"
    remember(conn, seal.load(keys), ANNA, "one")
    remember(conn, seal.load(keys), BERND, "two")
    before = seal.load(keys).current
    conn.commit()

    assert credentials.rotate(conn, keys) == 2
    conn.rollback()  # broken off before the commit
    credentials.finish_rotation(conn, keys)  # must see that the old key is in use
    assert [credentials.find(conn, seal.load(keys), name).password for name in (ANNA, BERND)] == ["one", "two"]
    assert before in seal.load(keys).keys

    assert credentials.rotate(conn, keys) == 2
    conn.commit()
    assert credentials.find(conn, seal.load(keys), ANNA).password == "one"  # broken off behind the commit
    credentials.finish_rotation(conn, keys)
    assert [credentials.find(conn, seal.load(keys), name).password for name in (ANNA, BERND)] == ["one", "two"]
    assert len(seal.load(keys).keys) == 1

    conn.execute(credential.update().where(credential.c.until == FOREVER).values(sealed=b"PBC1\0\0\0\x09damaged"))
    with pytest.raises(SealBroken):
        credentials.rotate(conn, keys)
