"""Alembic migrations, run as the `owner` database user. The versions are frozen; `schema.py` says where they lead."""

from pathlib import Path

from alembic import command
from alembic.config import Config as AlembicConfig
from sqlalchemy import Connection, text

from postbuch.archive import access, database, schemaversion
from postbuch.archive.config import Config
from postbuch.archive.errors import ServiceMissing
from postbuch.archive.reasons import Reason

# Two processes that start at once: the second waits for the first, which on an empty database needs seconds.
_LOCK_S = 120


def upgrade(config: Config) -> str:
    """Bring the database to the newest version and make its guards good. Raises ServiceMissing.

    Empty, or one sentence why the guards could not be made.
    """
    with database.connection(config, database.Role.OWNER) as conn:
        if conn.scalar(text("SELECT GET_LOCK('postbuch-migration', :s)"), {"s": _LOCK_S}) != 1:
            raise ServiceMissing(Reason.MIGRATING.said())
        schemaversion.refuse_newer(conn)
        _run(conn)
        return access.apply_guards(conn)


def _run(conn: Connection) -> None:
    alembic = AlembicConfig()
    alembic.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    alembic.set_main_option("path_separator", "os")
    alembic.attributes["connection"] = conn
    command.upgrade(alembic, "head")
