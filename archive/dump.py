"""The tables as SQL text and back: what a backup holds of the database. One statement a line, UTF-8.

Read in one transaction with a snapshot, so the tables are as they were at one moment, while everything goes on. Any
client can load it (`zstdcat database.sql.zst | mariadb postbuch`). Why not mariadb-dump: the numbers of rows in a
backup are those of the very snapshot, which a restore is held to; what lies beside the database is read right before
and right behind the moment of the snapshot (`backup.py`); and a database elsewhere needs no client of its version. The
server puts each row into words, so what is done here for a row is one string.

Triggers, users and grants are not in it: `setup.initialise` makes them good wherever it finds tables.
"""

from collections.abc import Callable, Iterator
from typing import IO, Any

from sqlalchemy import Connection, text

from postbuch.archive import database
from postbuch.archive.errors import ServiceMissing
from postbuch.archive.reasons import Saving

# 1 MiB of rows in one statement: a few milliseconds of the server, far below any max_allowed_packet.
STATEMENT_CHARACTERS = 1_048_576
# What is loaded between two commits: 64 MiB, so that the undo log stays small.
COMMIT_OCTETS = 67_108_864
# So many rows come from the server at once; one may be a message of 100 MiB, which comes alone.
ROWS = 200
_SETTINGS = (
    "SET NAMES utf8mb4", "SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO'", "SET SESSION time_zone = '+00:00'",
    "SET SESSION foreign_key_checks = 0", "SET SESSION unique_checks = 0",
)
_NUMBERS = {"tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "float", "double", "year"}
_OCTETS = {"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob", "bit"}

Advance = Callable[[int], None]


def begin(conn: Connection) -> None:
    """From now on the connection sees the database as it is at this moment, and nothing later."""
    conn.exec_driver_sql("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    conn.commit()
    conn.exec_driver_sql("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
    for setting in _SETTINGS[:3]:
        conn.exec_driver_sql(setting)


def tables(conn: Connection) -> list[str]:
    """The names of all tables."""
    query = (
        "SELECT table_name FROM information_schema.tables "
        "WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE' ORDER BY table_name"
    )
    return [str(name) for name in conn.scalars(text(query))]


def estimate(conn: Connection) -> int:
    """About how many rows there are."""
    query = "SELECT COALESCE(SUM(table_rows), 0) FROM information_schema.tables WHERE table_schema = DATABASE()"
    return int(conn.scalar(text(query)) or 0)


def write(conn: Connection, stream: IO[bytes], advance: Advance) -> dict[str, int]:
    """Every table, after `begin`; how many rows each has. `advance` is told how many rows were just written."""
    for setting in _SETTINGS:
        stream.write(f"{setting};\n".encode())
    counts = {}
    for table in tables(conn):
        made = str(conn.exec_driver_sql(f"SHOW CREATE TABLE `{table}`").one()[1])
        stream.write(" ".join(made.splitlines()).encode() + b";\n")
        counts[table] = 0
        for rows, statement in _inserts(conn, table):
            stream.write(statement.encode("utf-8"))
            counts[table] += rows
            advance(rows)
    return counts


def _inserts(conn: Connection, table: str) -> Iterator[tuple[int, str]]:
    columns = _columns(conn, table)
    names = ", ".join(f"`{name}`" for name, _ in columns)
    row = ", ',', ".join(_literal(name, kind) for name, kind in columns)
    head = f"INSERT INTO `{table}` ({names}) VALUES "  # noqa: S608 - names of our own tables
    waiting: list[str] = []
    size = 0
    query = text(f"SELECT CONCAT('(', {row}, ')') FROM `{table}`")  # noqa: S608 - names of our own tables
    rows = conn.execute(query, execution_options={"stream_results": True, "yield_per": ROWS}).scalars()
    with database.streaming(conn):
        for value in rows:
            if value is None:  # longer than the server's max_allowed_packet
                raise ServiceMissing(Saving.ROW_TOO_LONG.said(table=table))
            waiting.append(value)
            size += len(value)
            if size >= STATEMENT_CHARACTERS:
                yield len(waiting), f"{head}{','.join(waiting)};\n"
                waiting, size = [], 0
    if waiting:
        yield len(waiting), f"{head}{','.join(waiting)};\n"


def _columns(conn: Connection, table: str) -> list[tuple[str, str]]:
    """Name and type of each column but those that the database computes: it takes no value for them."""
    query = (
        "SELECT column_name, data_type FROM information_schema.columns "
        "WHERE table_schema = DATABASE() AND table_name = :table AND COALESCE(generation_expression, '') = '' "
        "ORDER BY ordinal_position"
    )
    return [(row[0], row[1].lower()) for row in conn.execute(text(query), {"table": table})]


def _literal(name: str, kind: str) -> str:
    """An expression whose value is the column's value as a literal, in one line."""
    column = f"`{name}`"
    if kind in _OCTETS:
        return f"IF({column} IS NULL, 'NULL', IF(LENGTH({column}) = 0, '''''', CONCAT('0x', HEX({column}))))"
    if kind in _NUMBERS:
        return f"IFNULL(CONVERT({column} USING utf8mb4), 'NULL')"
    quoted = f"CONVERT(QUOTE({column}) USING utf8mb4) COLLATE utf8mb4_bin"  # NULL gives the word
    return f"REPLACE({quoted}, CHAR(10 USING utf8mb4), CONCAT(CHAR(92 USING utf8mb4), 'n'))"


def load(conn: Connection, lines: IO[bytes], advance: Advance) -> None:
    """Run what `write` wrote, in an empty database. `advance` is told how many octets were just loaded."""
    driver: Any = conn.connection.driver_connection  # SQLAlchemy would take a % in the text for a parameter
    size = 0
    for line in lines:
        driver.query(line.rstrip(b";\n"))
        advance(len(line))
        size += len(line)
        if size >= COMMIT_OCTETS:
            driver.commit()
            size = 0
    driver.commit()


def counts(conn: Connection) -> dict[str, int]:
    """How many rows each table has."""
    return {
        table: int(conn.exec_driver_sql(f"SELECT COUNT(*) FROM `{table}`").scalar_one())  # noqa: S608 - ours
        for table in tables(conn)
    }
