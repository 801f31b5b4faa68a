"""Who may do what in the database: its users, their grants, and the triggers that hold everyone else.

Made from the `Writes` mark on each table of `schema.py`, and made good again at every start, so that a table can
never be there without its guard (invariant 4).
"""

from collections.abc import Iterator

from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError, ProgrammingError

from postbuch.archive import schema, secrets
from postbuch.archive.columns import Writes
from postbuch.archive.config import Config
from postbuch.archive.database import Role, connection
from postbuch.archive.databaseerrors import number
from postbuch.archive.reasons import Reason

ROLES = (Role.INGEST, Role.WEB, Role.REPORT)
# MariaDB: access denied for a statement that needs a privilege, 1143 for a column; the last one is "no SUPER and binary
# logging on".
DENIED = {1044, 1045, 1142, 1143, 1227, 1410, 1419}
# A sentence names so many rights; a grant on the whole database gives a hundred.
MOST_RIGHTS = 4
# MariaDB: there is no such grant that could be taken away.
_NOT_GRANTED = 1141

_GRANTS: dict[Writes, dict[Role, str]] = {
    Writes.ONCE: {Role.INGEST: "SELECT, INSERT", Role.WEB: "SELECT"},
    Writes.ONCE_BY_ALL: {Role.INGEST: "SELECT, INSERT", Role.WEB: "SELECT, INSERT"},
    Writes.VERSIONED: {Role.INGEST: "SELECT, INSERT, UPDATE", Role.WEB: "SELECT, INSERT, UPDATE"},
    Writes.REVISED: {Role.INGEST: "SELECT, INSERT, UPDATE", Role.WEB: "SELECT"},
}
# Those that a user could have of a table; the owner has no DROP to give or to take (`setup.make_owner`).
_PRIVILEGES = {"SELECT", "INSERT", "UPDATE", "DELETE", "ALTER", "TRIGGER"}
_FORBIDDEN: dict[Writes, tuple[str, ...]] = {
    Writes.ONCE: ("UPDATE", "DELETE"),
    Writes.ONCE_BY_ALL: ("UPDATE", "DELETE"),
    Writes.VERSIONED: ("DELETE",),
    Writes.REVISED: ("DELETE",),
}


def grants(table: str, writes: Writes) -> dict[Role, str]:
    """Role → privileges on the table. A role that is absent has none."""
    return _GRANTS[writes]


def guards(table: str, writes: Writes) -> Iterator[tuple[str, str]]:
    """Name and text of each trigger of the table."""
    for verb in _FORBIDDEN[writes]:
        name = f"{table}_no_{verb.lower()}"
        yield name, (
            f"CREATE TRIGGER `{name}` BEFORE {verb} ON `{table}` FOR EACH ROW "
            f"SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'postbuch: rows of {table} take no {verb}'"
        )


def apply_guards(conn: Connection) -> str:
    """Make every trigger that is missing or another. Empty when done, else one sentence why it could not be."""
    there = _triggers(conn)
    for table in schema.metadata.sorted_tables:
        for name, statement in guards(table.name, table.info["writes"]):
            if there.get(name) == statement:
                continue
            try:
                if name in there:
                    conn.exec_driver_sql(f"DROP TRIGGER `{name}`")
                conn.exec_driver_sql(statement)
            except (OperationalError, ProgrammingError) as error:
                if number(error) not in DENIED:
                    raise
                return Reason.TRIGGERS_DENIED.said()
    return ""


def _triggers(conn: Connection) -> dict[str, str]:
    """Name and text of each trigger that the connected user may see."""
    query = (
        "SELECT trigger_name, CONCAT('CREATE TRIGGER `', trigger_name, '` ', action_timing, ' ', event_manipulation,"
        " ' ON `', event_object_table, '` FOR EACH ROW ', action_statement)"
        " FROM information_schema.triggers WHERE trigger_schema = DATABASE()"
    )
    return {row[0]: row[1] for row in conn.execute(text(query))}


def unguarded(config: Config) -> list[str]:
    """The triggers that are gone or are others than each start makes them. Raises ServiceMissing.

    A hosted database may not let its user have triggers, or see them: that is told elsewhere.
    """
    with connection(config, Role.OWNER) as conn:
        there = _triggers(conn)
    if config.database.url and not there:
        return []
    return [
        name for table in schema.metadata.sorted_tables for name, statement in guards(table.name, table.info["writes"])
        if there.get(name) != statement
    ]


def apply_users(conn: Connection, passwords: dict[Role, str], host: str) -> str:
    """Make the users and give them what they may. Empty when done, else one sentence why it could not be.

    A hosted database may not let its user make others: then everything runs as that user, and the triggers alone hold.
    """
    try:
        for role in ROLES:
            user = f"'{role.user}'@'{host}'"
            for verb in ("CREATE USER IF NOT EXISTS", "ALTER USER"):
                conn.execute(text(f"{verb} {user} IDENTIFIED BY :password"), {"password": passwords[role]})
        for table in schema.metadata.sorted_tables:
            for role, privileges in grants(table.name, table.info["writes"]).items():
                of = f"ON `{table.name}`"
                conn.execute(text(f"GRANT {privileges} {of} TO '{role.user}'@'{host}'"))
                # What was granted when the table was of another kind, or by hand.
                others = ", ".join(sorted(_PRIVILEGES - set(privileges.split(", "))))
                conn.execute(text(f"REVOKE {others} {of} FROM '{role.user}'@'{host}'"))
        for role in ROLES:
            _revoke_all_tables(conn, f"'{role.user}'@'{host}'")
    except (OperationalError, ProgrammingError) as error:
        if number(error) not in DENIED:
            raise
        return Reason.USERS_DENIED.said()
    return ""


def _revoke_all_tables(conn: Connection, user: str) -> None:
    """A right on the whole database, which nobody needs, would stand above those on its tables."""
    name = str(conn.scalar(text("SELECT DATABASE()"))).replace("`", "``").replace(":", r"\:")
    try:
        conn.execute(text(f"REVOKE UPDATE, DELETE ON `{name}`.* FROM {user}"))  # of which the host may be %
    except (OperationalError, ProgrammingError) as error:
        if number(error) != _NOT_GRANTED:
            raise


def excess(conn: Connection) -> list[str]:
    """What the connected user may do to write-once tables and must not (invariant 4), as `UPDATE image`.

    Tried, on no row, because a right has many sources: on the table, the database, all databases, by a role, by PUBLIC.
    """
    found = []
    once = {each.name: each for each in schema.metadata.sorted_tables if each.info["writes"].is_once}
    for name, table in once.items():
        column = next(iter(table.columns)).name
        for verb, statement in (
            ("UPDATE", f"UPDATE `{name}` SET `{column}` = `{column}` WHERE FALSE"),
            ("DELETE", f"DELETE FROM `{name}` WHERE FALSE"),
        ):
            if _is_allowed(conn, statement):
                found.append(f"{verb} {name}")
    # Rights on single columns, and those that take a table or its trigger away, which cannot be tried.
    columns = conn.execute(text(
        "SELECT DISTINCT table_name FROM information_schema.column_privileges"
        " WHERE table_schema = DATABASE() AND privilege_type = 'UPDATE'"
    ))  # fmt: skip
    found += sorted({f"UPDATE {row[0]}" for row in columns if row[0] in once} - set(found))
    kinds = "privilege_type IN ('DROP', 'ALTER', 'TRIGGER')"
    wide = conn.execute(text(
        f"SELECT privilege_type FROM information_schema.user_privileges WHERE {kinds}"
        f" UNION SELECT privilege_type FROM information_schema.schema_privileges"
        f" WHERE DATABASE() LIKE table_schema AND {kinds}"
        f" UNION SELECT privilege_type FROM information_schema.table_privileges"
        f" WHERE table_schema = DATABASE() AND {kinds}"
    ))  # fmt: skip
    return found + sorted(row[0] for row in wide)


def _is_allowed(conn: Connection, statement: str) -> bool:
    try:
        conn.exec_driver_sql(statement)
    except (OperationalError, ProgrammingError) as error:
        if number(error) not in DENIED:
            raise
        return False
    return True


def told(config: Config) -> dict[str, str]:
    """User → one sentence, for each that the archive works as and that may do too much. Raises ServiceMissing.

    With an external database that gave us no users of our own, everything is one user's, which is told elsewhere.
    """
    passwords = secrets.read(config.data / "keys")
    found: dict[str, str] = {}
    for role in (Role.WEB, Role.INGEST):
        if role.user not in passwords:
            continue
        with connection(config, role) as conn:
            rights = excess(conn)
        if rights:
            more = ", …" if len(rights) > MOST_RIGHTS else ""
            words = ", ".join(rights[:MOST_RIGHTS]) + more
            found[role.user] = Reason.RIGHTS_TOO_WIDE.said(user=role.user, rights=words)
    return found
