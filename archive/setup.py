"""Setting up the database: what `postbuch init` does, harmless when run again."""

import re

import pymysql
from pymysql.cursors import Cursor
from sqlalchemy import text
from sqlalchemy.exc import OperationalError, ProgrammingError

from postbuch.archive import access, database, databaseerrors, migrations, said, secrets
from postbuch.archive.config import Config
from postbuch.archive.database import Role
from postbuch.archive.errors import ServiceMissing
from postbuch.archive.reasons import Reason
from postbuch.archive.server import DATABASE, PrivateServer

_WARNING_FILE = "database-warning"
_LEAST_MARIADB, _LEAST_MYSQL = (10, 11), (8, 0)


def initialise(config: Config) -> None:
    """The database with its tables, users, grants and triggers. Raises ServiceMissing or ConfigError."""
    with database.running(config):
        if config.database.url:
            _check_version(config)
        else:
            make_owner(config)
        unguarded = _migrate(config)
        keys = config.data / "keys"
        passwords = {role: secrets.ensure(keys, role.user) for role in access.ROLES}
        host = "%" if config.database.url else "localhost"
        with database.connection(config, Role.OWNER) as conn:
            problem = access.apply_users(conn, passwords, host)
        if problem:
            secrets.forget(keys, [role.user for role in access.ROLES])
        _remember(config, said.joined([each for each in (unguarded, problem) if each]))


def _check_version(config: Config) -> None:
    with database.connection(config, Role.OWNER) as conn:
        version = str(conn.scalar(text("SELECT VERSION()")))
    if is_too_old(version):
        raise ServiceMissing(Reason.DATABASE_TOO_OLD.said(version=version))


def is_too_old(version: str) -> bool:
    """Whether a server that calls itself so (`10.11.6-MariaDB-log`, `8.0.36`) is older than those we are tried with."""
    found = re.match(r"(\d+)\.(\d+)", version)
    least = _LEAST_MARIADB if "mariadb" in version.lower() else _LEAST_MYSQL
    return found is not None and (int(found[1]), int(found[2])) < least


def _migrate(config: Config) -> str:
    """`migrations.upgrade`; a right that the user of an external database lacks becomes one sentence."""
    try:
        return migrations.upgrade(config)
    except (OperationalError, ProgrammingError) as error:
        if databaseerrors.number(error) not in access.DENIED:
            raise
        why = databaseerrors.reason(error.orig or error)
        raise ServiceMissing(Reason.TABLES_DENIED.said(words=why)) from error


def warning(config: Config) -> str:
    """What is weaker than it could be with an external database: one sentence, or empty."""
    path = config.data / "keys" / _WARNING_FILE
    return said.understood(path.read_text(encoding="utf-8"), Reason) if path.exists() else ""


def _remember(config: Config, problem: str) -> None:
    path = config.data / "keys" / _WARNING_FILE
    if problem:
        path.write_text(problem, encoding="utf-8")
    else:
        path.unlink(missing_ok=True)


def make_owner(config: Config) -> None:
    """The private server's schema and the user that migrates it. Raises ServiceMissing."""
    server = PrivateServer(config)
    keys = config.data / "keys"
    owner = f"{Role.OWNER.user}@localhost"
    password = secrets.ensure(keys, Role.OWNER.user)
    try:
        conn = pymysql.connect(unix_socket=str(server.socket), user="root", password=secrets.read(keys)["root"])
        with conn, conn.cursor() as cursor:
            cursor.execute(
                f"CREATE DATABASE IF NOT EXISTS {DATABASE} CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci"
            )
            cursor.execute(f"CREATE USER IF NOT EXISTS {owner} IDENTIFIED BY %s", (password,))
            cursor.execute(f"GRANT ALL PRIVILEGES ON {DATABASE}.* TO {owner} WITH GRANT OPTION")
            # No migration takes a table away, and whoever gets hold of this user empties none.
            cursor.execute(f"REVOKE DROP ON {DATABASE}.* FROM {owner}")
            cursor.execute(f"GRANT CREATE USER ON *.* TO {owner}")
            _revoke_widely(cursor)
    except pymysql.MySQLError as error:
        raise ServiceMissing(Reason.SET_UP_FAILED.said(words=databaseerrors.reason(error))) from error


def _revoke_widely(cursor: Cursor) -> None:
    """Take from the users what root gave them on all databases, on the whole of one, or to drop a table."""
    names = {f"'{role.user}'@'localhost'" for role in access.ROLES}
    for query in (
        "SELECT DISTINCT grantee, '*' FROM information_schema.user_privileges WHERE privilege_type <> 'USAGE'",
        "SELECT DISTINCT grantee, CONCAT('`', table_schema, '`') FROM information_schema.schema_privileges",
    ):
        cursor.execute(query)
        for grantee, where in cursor.fetchall():
            if grantee in names:
                cursor.execute(f"REVOKE ALL PRIVILEGES ON {where}.* FROM {grantee}")
    cursor.execute(
        "SELECT grantee, CONCAT('`', table_schema, '`.`', table_name, '`') FROM information_schema.table_privileges"
        " WHERE privilege_type = 'DROP'"
    )
    for grantee, where in cursor.fetchall():
        if grantee in names:
            cursor.execute(f"REVOKE DROP ON {where} FROM {grantee}")
