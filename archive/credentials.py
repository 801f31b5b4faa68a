"""Credentials for accounts: remembered from a good log-in, stored by an admin, or the master user of the server.

Secrets are sealed (`seal.py`) before they come near the database. One credential of an account holds at a time; a
stored one counts more than a remembered one. One that the provider has refused is stale and is not tried again.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert, select, update

from postbuch.archive import accounts, seal
from postbuch.archive.audit import now
from postbuch.archive.config import Upstream
from postbuch.archive.schema import account, credential
from postbuch.archive.seal import Sealer
from postbuch.archive.users import FOREVER

REMEMBERED, STORED = "remembered", "stored"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """What logs in upstream. `authorize_as`: whose mailbox a master user opens (RFC 4616, authorisation identity)."""

    account: str
    upstream: str
    user: str
    password: str = field(repr=False)
    authorize_as: str | None = None


def purpose(address: str) -> str:
    """The associated data of an account's password."""
    return f"password of {address}"


def keep(
    conn: Connection, address: str, *, kind: str, user: str, sealed: bytes, given_by: str, upstream: str = ""
) -> None:
    """Keep a sealed password; one of the same kind ends. The account is made when it is new."""
    account_id = accounts.ensure_account(conn, address, upstream) if upstream else accounts.number_of(conn, address)
    at = now()
    conn.execute(
        update(credential)
        .where(credential.c.account_id == account_id, credential.c.kind == kind, credential.c.until == FOREVER)
        .values(until=at)
    )
    conn.execute(insert(credential), {
        "account_id": account_id, "kind": kind, "user_name": user, "sealed": sealed,
        "key_number": seal.key_of(sealed), "since": at, "until": FOREVER, "given_by": given_by,
    })


def forget(conn: Connection, address: str) -> int:
    """End every credential of the account; how many there were. Raises NotFound."""
    ended = conn.execute(
        update(credential)
        .where(credential.c.account_id == accounts.number_of(conn, address), credential.c.until == FOREVER)
        .values(until=now())
    )
    return ended.rowcount


def refused(conn: Connection, address: str, user: str, kind: str) -> None:
    """The provider does not take it any more."""
    conn.execute(
        update(credential)
        .where(
            credential.c.account_id == accounts.number_of(conn, address), credential.c.user_name == user,
            credential.c.kind == kind, credential.c.until == FOREVER,
        )
        .values(stale=True)
    )


def find(conn: Connection, sealer: Sealer, address: str, kinds: tuple[str, ...] = (STORED, REMEMBERED)) -> Any:
    """The row that opens the account and its Credential; None when there is none that is not stale.

    Raises SealBroken.
    """
    query = (
        select(credential, account.c.upstream, account.c.address)
        .join(account, account.c.id == credential.c.account_id)
        .where(
            account.c.address == address.strip().lower(), credential.c.until == FOREVER,
            credential.c.stale.is_(False), credential.c.kind.in_(kinds),
        )
    )
    rows = sorted(conn.execute(query), key=lambda row: kinds.index(row.kind))
    if not rows:
        return None
    row = rows[0]
    return Credential(
        account=row.address, upstream=row.upstream, user=row.user_name,
        password=sealer.open(row.sealed, purpose(row.address)),
    )


def for_collector(conn: Connection, sealer: Sealer, address: str, provider: Upstream) -> Credential | None:
    """What the collector logs in with: the account's own credential, else the provider's master user. SealBroken."""
    own = find(conn, sealer, address)
    if own is not None or not provider.master_user:
        return own  # type: ignore[no-any-return] # a Credential
    return Credential(
        account=address, upstream=provider.name, user=provider.master_user,
        password=Path(provider.master_password_file).read_text(encoding="utf-8").strip(), authorize_as=address,
    )


def rotate(conn: Connection, folder: Path) -> int:
    """Seal everything with a new key; how many. In one transaction, which the caller commits before `finish_rotation`.

    Raises SealBroken, and then nothing is changed: the new key lies unused beside the old ones.
    """
    sealer = seal.add_key(folder)
    rows = conn.execute(
        select(credential.c.id, credential.c.sealed, account.c.address)
        .join(account, account.c.id == credential.c.account_id).with_for_update(of=credential)
    ).all()
    for row in rows:
        again = sealer.seal(sealer.open(row.sealed, purpose(row.address)), purpose(row.address))
        conn.execute(
            update(credential).where(credential.c.id == row.id).values(sealed=again, key_number=sealer.current)
        )
    return len(rows)


def finish_rotation(conn: Connection, folder: Path) -> None:
    """After the commit: the old keys go, when nothing is sealed with them any more."""
    current = seal.load(folder).current
    older = select(credential.c.id).where(credential.c.key_number != current).limit(1)
    if conn.scalar(older) is None:
        seal.drop_old_keys(folder)
