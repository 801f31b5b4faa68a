"""Who may do what in the database: its users, their grants, and the triggers that hold everyone else.

Made from the `Writes` mark on each table of `schema.py`, and made good again at every start, so that a table can
never be there without its guard (invariant 4).
"""

from collections.abc import Iterator

from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError, ProgrammingError

from postbuch.archive import schema
from postbuch.archive.columns import Writes
from postbuch.archive.database import Role, number
from postbuch.archive.reasons import Reason

ROLES = (Role.INGEST, Role.WEB, Role.REPORT)
# MariaDB: access denied for a statement that needs a privilege; the last one is "no SUPER and binary logging on".
DENIED = {1044, 1045, 1142, 1227, 1410, 1419}

_GRANTS: dict[Writes, dict[Role, str]] = {
    Writes.ONCE: {Role.INGEST: "SELECT, INSERT", Role.WEB: "SELECT"},
    Writes.ONCE_BY_ALL: {Role.INGEST: "SELECT, INSERT", Role.WEB: "SELECT, INSERT"},
    Writes.VERSIONED: {Role.INGEST: "SELECT, INSERT, UPDATE", Role.WEB: "SELECT, INSERT, UPDATE"},
    Writes.REVISED: {Role.INGEST: "SELECT, INSERT, UPDATE", Role.WEB: "SELECT"},
}
_PRIVILEGES = {"SELECT", "INSERT", "UPDATE", "DELETE"}
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
    query = (
        "SELECT trigger_name, CONCAT('CREATE TRIGGER `', trigger_name, '` ', action_timing, ' ', event_manipulation,"
        " ' ON `', event_object_table, '` FOR EACH ROW ', action_statement)"
        " FROM information_schema.triggers WHERE trigger_schema = DATABASE()"
    )
    there = {row[0]: row[1] for row in conn.execute(text(query))}
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
    except (OperationalError, ProgrammingError) as error:
        if number(error) not in DENIED:
            raise
        return Reason.USERS_DENIED.said()
    return ""
