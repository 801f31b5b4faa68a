"""Whom the collector logs in as: an account's own sealed credential, else the provider's master user."""

from sqlalchemy import Engine, select

from postbuch.archive import credentials, seal
from postbuch.archive.collect_connection import LogIn
from postbuch.archive.config import Config
from postbuch.archive.schema import account


class Finder:
    """Finds the credential of an account's number. The keys are read anew each time: they may be rotated meanwhile."""

    def __init__(self, config: Config, engine: Engine) -> None:
        self._config = config
        self._engine = engine

    def __call__(self, number: int) -> LogIn | None:
        """None when there is none. Raises SealBroken, and SQLAlchemy's errors."""
        with self._engine.connect() as conn:
            row = conn.execute(select(account.c.address, account.c.upstream).where(account.c.id == number)).one()
            provider = next((each for each in self._config.upstream if each.name == row.upstream), None)
            if provider is None:
                return None
            return credentials.for_collector(conn, seal.load(self._config.data / "keys"), row.address, provider)
