"""Numbers of rows that many messages share: accounts, mailboxes, addresses. Looked up in bulk, made when missing.

A number found or made in a transaction is remembered for the next one only after the commit (`keep`).
"""

from collections.abc import Hashable, Iterable

from sqlalchemy import Connection, select, tuple_

from postbuch.archive import accounts, audit
from postbuch.archive.bulk import chunks, find, insert_rows
from postbuch.archive.schema import account, address, mailbox
from postbuch.archive.widths import ADDRESS_CHARACTERS, KEY_CHARACTERS

# 200,000 addresses of 100 octets: 20 MB.
REMEMBERED = 200_000


class Numbers:
    """What one ingester remembers between its batches. One thread."""

    def __init__(self) -> None:
        self._kept: dict[Hashable, int] = {}
        self._new: dict[Hashable, int] = {}

    def keep(self) -> None:
        """The transaction was committed."""
        if len(self._kept) + len(self._new) > REMEMBERED:
            self._kept.clear()
        self._kept.update(self._new)
        self._new.clear()

    def drop(self) -> None:
        """The transaction was rolled back."""
        self._new.clear()

    def _known(self, key: Hashable) -> int | None:
        found = self._kept.get(key)
        return self._new.get(key) if found is None else found

    def accounts(self, conn: Connection, wanted: Iterable[tuple[str, str]]) -> dict[str, int]:
        """Address → number, for (address, upstream); made when new."""
        found: dict[str, int] = {}
        for name, upstream in set(wanted):
            number = self._known(("account", name))
            if number is None:
                number = accounts.ensure_account(conn, name, upstream)
                self._new["account", name] = number
            found[name] = number
        return found

    def mailboxes(self, conn: Connection, wanted: Iterable[tuple[int, str]]) -> dict[tuple[int, str], int]:
        """(account, name) → number; made when new."""
        pairs = set(wanted)
        missing = sorted(pair for pair in pairs if self._known(("mailbox", pair)) is None)
        if missing:
            self._find_mailboxes(conn, missing)
            fresh = [pair for pair in missing if ("mailbox", pair) not in self._new]
            if fresh:
                rows = [{"account_id": owner, "name": name, "created_at": audit.now()} for owner, name in fresh]
                insert_rows(conn, mailbox, rows, skip_known=True)
                self._find_mailboxes(conn, fresh)
        return {pair: self._known(("mailbox", pair)) or 0 for pair in pairs}

    def _find_mailboxes(self, conn: Connection, pairs: list[tuple[int, str]]) -> None:
        for part in chunks(pairs):
            query = select(mailbox).where(tuple_(mailbox.c.account_id, mailbox.c.name).in_(part))
            for row in conn.execute(query):
                self._new["mailbox", (row.account_id, row.name)] = row.id

    def addresses(self, conn: Connection, wanted: Iterable[str]) -> dict[str, int]:
        """Mail address → number; made when new. The addresses are stripped and in lower case."""
        names = set(wanted)
        missing = sorted(name for name in names if self._known(name) is None)
        if missing:
            self._new.update(find(conn, address.c.address, address.c.id, missing))
            fresh = [name for name in missing if name not in self._new]
            if fresh:
                rows = [
                    {
                        "address": name[:ADDRESS_CHARACTERS],
                        "domain": name.rpartition("@")[2][:KEY_CHARACTERS].strip(),
                    }
                    for name in fresh
                ]
                insert_rows(conn, address, rows, skip_known=True)
                self._new.update(find(conn, address.c.address, address.c.id, fresh))
        return {name: self._known(name) or 0 for name in names}

    def find_account(self, conn: Connection, name: str) -> int | None:
        """The number of an account that need not exist."""
        if not name:
            return None
        found: int | None = self._known(("account", name))
        return conn.scalar(select(account.c.id).where(account.c.address == name)) if found is None else found
