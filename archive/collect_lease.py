"""Which process collects which account: a lock in the database that ends with the connection that holds it.

So a killed process leaves none behind, and two never work on one account (`GET_LOCK`; on Galera it holds for one node).
"""

import contextlib

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from postbuch.archive.errors import PostbuchError

# Names of locks belong to the whole server: the database is part of it. 64 characters are the limit of MySQL.
_NAME = "CONCAT('postbuch-collect-', LEFT(SHA1(CONCAT(DATABASE(), ' ', :account)), 32))"
_TAKE = text(f"SELECT GET_LOCK({_NAME}, 0)")
_GIVE = text(f"SELECT RELEASE_LOCK({_NAME})")
_GIVE_ALL = text("SELECT RELEASE_ALL_LOCKS()")


class Leases:
    """One connection of its own. One thread. Raises nothing: without the database there are no leases."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._conn: Connection | None = None
        self.held: set[int] = set()

    def renew(self) -> bool:
        """Whether the leases still hold; when not, `held` is empty."""
        if self._conn is not None and self._scalar(text("SELECT 1"), 0) == 1:
            return True
        self._drop()
        try:
            self._conn = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        except (SQLAlchemyError, PostbuchError, OSError):
            self._conn = None
        return False

    def take(self, account: int) -> bool:
        """Whether we have it now."""
        if account not in self.held and self._scalar(_TAKE, account) == 1:
            self.held.add(account)
        return account in self.held

    def give(self, account: int) -> None:
        """Let others have it."""
        if account in self.held:
            self._scalar(_GIVE, account)
            self.held.discard(account)

    def close(self) -> None:
        """Give all back, so that whoever comes next has them: a server sees late that a connection has ended."""
        self._scalar(_GIVE_ALL, 0)
        self._drop()

    def _scalar(self, statement: object, account: int) -> int | None:
        if self._conn is None:
            return None
        try:
            found: int | None = self._conn.scalar(statement, {"account": account} if account else {})  # type: ignore[call-overload]
        except (SQLAlchemyError, PostbuchError, OSError):
            self._drop()
            return None
        return found

    def _drop(self) -> None:
        conn, self._conn = self._conn, None
        self.held.clear()
        if conn is not None:
            with contextlib.suppress(SQLAlchemyError, PostbuchError, OSError):
                conn.invalidate()  # not back into the pool: the locks go with the connection
                conn.close()
