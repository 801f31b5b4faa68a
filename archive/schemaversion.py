"""Which version of the tables a database has, held against the one that this program works with.

The migrations are numbered files; alembic writes the number of the newest that was applied into `alembic_version`.
"""

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from postbuch.archive import database
from postbuch.archive.config import Config
from postbuch.archive.database import Role
from postbuch.archive.errors import ServiceMissing
from postbuch.archive.reasons import Reason

# v0023_old_office.py is the version 0023.
NEWEST = max(path.name[1:5] for path in (Path(__file__).parent / "migrations" / "versions").glob("v[0-9]*.py"))


def require(config: Config) -> None:
    """Raises ServiceMissing when the tables are not those of this program, with what makes them so."""
    with database.connection(config, Role.OWNER) as conn:
        refuse_newer(conn)
        if _found(conn) < NEWEST:
            raise ServiceMissing(Reason.TABLES_OLDER.said())


def refuse_newer(conn: Connection) -> None:
    """Raises ServiceMissing when the tables are a newer program's: this one knows no way back."""
    if _found(conn) > NEWEST:
        raise ServiceMissing(Reason.TABLES_NEWER.said())


def _found(conn: Connection) -> str:
    """Empty where nothing was migrated yet."""
    if not inspect(conn).has_table("alembic_version"):
        return ""
    return conn.scalar(text("SELECT version_num FROM alembic_version")) or ""
