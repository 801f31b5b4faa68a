"""Who may open which account with a password of Postbuch's own: a file beside the database, for the proxy.

People must get to their mail while the database is away, so the archive process writes what the proxy needs whenever
it changes: argon2 hashes of people's passwords, and the accounts' passwords as they are sealed in the database. Whose
upstream says `auth = "stored"` logs in this way.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Connection, select

from postbuch.archive import private
from postbuch.archive.config import Config
from postbuch.archive.credentials import STORED
from postbuch.archive.schema import account, account_grant, app_user, credential
from postbuch.archive.users import FOREVER


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A user with a password of Postbuch's own."""

    hashed: str = field(repr=False)
    accounts: frozenset[str]

    def may_open(self, address: str) -> bool:
        return address in self.accounts


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """What logs in to an account at its provider; the password as it is sealed."""

    user: str
    sealed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Logins:
    """Log-in name → person, address of the account → key; names in lower case."""

    people: Mapping[str, Person]
    keys: Mapping[str, Key]


def path(data: Path) -> Path:
    """Where the file lies, given the data folder."""
    return data / "run" / "logins"


def mapped(config: Config) -> list[str]:
    """The upstreams whose passwords people do not know."""
    return [each.name for each in config.upstream if each.auth == "stored"]


def gather(conn: Connection, upstreams: Collection[str]) -> Logins:
    """As it is in the database now. One's own account needs no grant; the right to read everything opens none."""
    served = {
        row.id: row.address
        for row in conn.execute(
            select(account.c.id, account.c.address).where(account.c.upstream.in_(upstreams), account.c.active)
        )
    }
    keys = {
        served[row.account_id]: Key(user=row.user_name, sealed=bytes(row.sealed))
        for row in conn.execute(
            select(credential).where(credential.c.kind == STORED, credential.c.until == FOREVER)
        )
        if row.account_id in served
    }
    granted: dict[int, set[str]] = {}
    for row in conn.execute(
        select(account_grant.c.user_id, account_grant.c.account_id).where(account_grant.c.until == FOREVER)
    ):
        if row.account_id in served:
            granted.setdefault(row.user_id, set()).add(served[row.account_id])
    users = conn.execute(
        select(app_user.c.id, app_user.c.login, app_user.c.password_hash)
        .where(app_user.c.active, app_user.c.password_hash != "")
    )
    people = {
        row.login: Person(hashed=row.password_hash, accounts=frozenset({row.login, *granted.get(row.id, ())}))
        for row in users
    }
    return Logins(people=people, keys=keys)


def write(file: Path, logins: Logins) -> None:
    """Replace the file as a whole. Raises OSError."""
    private.write(file, {
        "people": {
            name: {"hash": each.hashed, "accounts": sorted(each.accounts)} for name, each in logins.people.items()
        },
        "keys": {name: {"user": each.user, "sealed": each.sealed.hex()} for name, each in logins.keys.items()},
    })  # fmt: skip


def read(file: Path) -> Logins:
    """What was last written. Raises OSError, and ValueError or KeyError for what `write` did not write."""
    found = json.loads(file.read_text(encoding="utf-8"))
    return Logins(
        people={
            name: Person(hashed=each["hash"], accounts=frozenset(each["accounts"]))
            for name, each in found["people"].items()
        },
        keys={
            name: Key(user=each["user"], sealed=bytes.fromhex(each["sealed"])) for name, each in found["keys"].items()
        },
    )  # fmt: skip
