"""Many rows in one statement, in and out, quickly. The values stand in it as literals, as the driver binds them too.

Each statement that writes a write-once table is entered in the ledger, in the same transaction: nothing else may
insert into those tables, or `postbuch verify` takes the rows for a forgery.

PyMySQL's `executemany` behind SQLAlchemy's takes 9 µs a value on finding out what each one is; a message has a hundred.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from types import NoneType
from typing import Any

from sqlalchemy import Column, Connection, Table, UniqueConstraint, select, tuple_

from postbuch.archive import database
from postbuch.archive.columns import Covered
from postbuch.archive.schema_ledger import ledger_entry

# 4 MiB of text: one image larger than that goes alone; MariaDB's own default for a packet is 16 MiB.
STATEMENT_CHARACTERS = 4_194_304
# 1,000 values a query: below it a query plan is by index, and a statement stays far below max_allowed_packet.
CHUNK = 1000


def insert_rows(
    conn: Connection, table: Table, rows: Sequence[dict[str, Any]], *, skip_known: bool = False
) -> list[tuple[int, int]]:
    """Insert the rows; all have the same keys in the same order. Errors are SQLAlchemy's, as from `execute`.

    `skip_known`: rows whose key is there already are left out (INSERT IGNORE). Gives (rows, number of the first) of
    each statement that it took.
    """
    alone = table.info["covered"] is Covered.ALONE
    if skip_known and alone and "id" not in table.c:
        rows = _unknown(conn, table, rows)
    if not rows:
        return []
    names = list(rows[0])
    columns = ", ".join(f"`{table.c[name].name}`" for name in names)
    verb = "INSERT IGNORE" if skip_known else "INSERT"
    head = f"{verb} INTO `{table.name}` ({columns}) VALUES "
    done: list[tuple[int, int]] = []
    wrote = 0
    # Column by column: values of one type are written by one loop.
    written = [_literals(conn, [row[name] for row in rows]) for name in names]
    for values in _statements([f"({','.join(literals)})" for literals in zip(*written, strict=True)]):
        wrote += _execute(conn, head, values, done)
    if alone and wrote:
        _enter(conn, table, rows, done, complete=wrote == len(rows))
    return done


def _enter(
    conn: Connection, table: Table, rows: Sequence[dict[str, Any]], done: list[tuple[int, int]], *, complete: bool
) -> None:
    """The ledger's entry of what was written just now. `complete`: no row was left out."""
    if "id" not in table.c:
        keys = [".".join(str(row[column.name]) for column in table.primary_key) for row in rows]
    else:
        step = _step(conn)
        if complete:
            ranges = [(first, first + (count - 1) * step) for count, first in done]
        else:
            ranges = [(number, number) for number in _inserted(conn, table, rows, done, step)]
        mark = "" if step == 1 else f"/{step}"
        keys = [f"{first}-{last}{mark}" for first, last in ranges]
    insert_rows(conn, ledger_entry, [{"kind": str(table.name), "wrote": " ".join(keys)}])


def _inserted(
    conn: Connection, table: Table, rows: Sequence[dict[str, Any]], done: list[tuple[int, int]], step: int
) -> list[int]:
    """The numbers of the rows that an INSERT IGNORE did not leave out: by key, among those that it had taken."""
    unique = min(
        (each for each in table.constraints if isinstance(each, UniqueConstraint)), key=lambda each: len(each.columns)
    )
    columns = list(unique.columns)
    keys = tuple_(*columns).in_([tuple(row[column.name] for column in columns) for row in rows])
    found: list[int] = []
    for count, first in done:
        taken = table.c.id.between(first, first + (count - 1) * step)
        found += conn.scalars(select(table.c.id).where(taken, keys)) if first else ()
    return found


def _unknown(conn: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows whose primary key is not there yet. Only under a lock of all who write the table."""
    columns = list(table.primary_key)
    keys = {tuple(row[column.name] for column in columns): row for row in rows}
    # By the first column alone: the optimizer takes 0.4 ms of processor time for each tuple of three among 300.
    for known in look_up(conn, columns, columns[0], {key[0] for key in keys}):
        keys.pop(tuple(known), None)
    return list(keys.values())


def insert_numbered(conn: Connection, table: Table, rows: Sequence[dict[str, Any]], key: Column[Any]) -> dict[Any, int]:
    """Insert rows of a table with an `id`; key → id. The key is unique, and one of the columns given.

    A statement with many rows takes its numbers at once and in order, also beside others (InnoDB, every
    innodb_autoinc_lock_mode for inserts of a known number of rows). That its first and its last row have the numbers
    expected proves those between, because numbers rise and their step is fixed; else they are read.
    """
    found: dict[Any, int] = {}
    start = 0
    for count, first in insert_rows(conn, table, rows):
        keys = [row[key.name] for row in rows[start : start + count]]
        start += count
        ends = find(conn, key, table.c.id, {keys[0], keys[-1]})
        step, rest = divmod(ends[keys[-1]] - first, count - 1) if count > 1 else (1, 0)
        if ends[keys[0]] == first and step == _step(conn) and not rest:
            found.update(zip(keys, range(first, first + count * step, step), strict=True))
        else:
            found.update(find(conn, key, table.c.id, keys))
    return found


def _step(conn: Connection) -> int:
    """By how much numbers rise: more than 1 where several servers take rows (Galera). Asked once a connection."""
    known = conn.connection.info.get("auto_increment_increment")
    if known is None:
        known = conn.exec_driver_sql("SELECT @@auto_increment_increment").scalar_one()
        conn.connection.info["auto_increment_increment"] = known
    return int(known)


def find(conn: Connection, key: Column[Any], wanted: Column[Any], values: Collection[Any]) -> dict[Any, Any]:
    """key → wanted for the rows whose key is among the values."""
    return {row[0]: row[1] for row in look_up(conn, (key, wanted), key, values)}


def look_up(
    conn: Connection, columns: Sequence[Column[Any]], key: Column[Any], values: Collection[Any], also: str = ""
) -> list[Any]:
    """The columns of the rows whose key is among the values. `also`: a condition more, as SQL text."""
    found: list[Any] = []
    if not values:
        return found
    names = ", ".join(f"`{column.name}`" for column in columns)
    head = f"SELECT {names} FROM `{key.table.name}` WHERE `{key.name}` IN ("  # noqa: S608 - names
    tail = f") AND {also}" if also else ")"
    for part in chunks(values):
        statement = head + ",".join(_literals(conn, part)) + tail
        found += conn.exec_driver_sql(statement, execution_options={"no_parameters": True}).all()
    return found


def among(conn: Connection, column: Column[Any], values: Collection[Any]) -> str:
    """The condition that the column holds one of the values, as SQL text."""
    return f"`{column.name}` IN ({','.join(_literals(conn, list(values)))})" if values else "FALSE"


def chunks(values: Collection[Any]) -> Iterable[list[Any]]:
    """The values in lists of at most CHUNK."""
    whole = list(values)
    return (whole[start : start + CHUNK] for start in range(0, len(whole), CHUNK))


def _statements(values: list[str]) -> Iterable[list[str]]:
    """The rows in lists of at most STATEMENT_CHARACTERS, or of one row."""
    if sum(map(len, values)) <= STATEMENT_CHARACTERS:
        yield values
        return
    waiting: list[str] = []
    size = 0
    for each in values:
        if waiting and size + len(each) > STATEMENT_CHARACTERS:
            yield waiting
            waiting, size = [], 0
        waiting.append(each)
        size += len(each)
    yield waiting


def _execute(conn: Connection, head: str, values: list[str], done: list[tuple[int, int]]) -> int:
    """Run one statement, note (rows, number of the first) and give how many rows it wrote."""
    # Without parameters nothing in the statement is taken for a place holder.
    result = conn.exec_driver_sql(head + ",".join(values), execution_options={"no_parameters": True})
    done.append((len(values), int(result.lastrowid or 0)))
    return result.rowcount


def _literals(conn: Connection, values: Sequence[Any]) -> list[str]:
    """The values of one column as the database reads them. Raises TypeError for a type that no column has."""
    kinds = set(map(type, values))
    if NoneType in kinds:
        known = iter(_literals(conn, [value for value in values if value is not None]))
        return ["NULL" if value is None else next(known) for value in values]
    if len(kinds) > 1:
        return [_literals(conn, [value])[0] for value in values]
    if not kinds:
        return []
    [kind] = kinds
    if kind is int:
        return list(map(str, values))
    if kind is str:
        return _quoted(conn, values)
    if kind is bytes:
        return [f"x'{value.hex()}'" for value in values]
    if kind is datetime:
        return [f"'{value}'" for value in values]
    if kind is bool:
        return ["1" if value else "0" for value in values]
    raise TypeError(f"{kind.__name__} is no type of a column")


def _quoted(conn: Connection, values: Sequence[str]) -> list[str]:
    """Texts in single quotes: in UTF-8, nothing else has a meaning there (MariaDB, string literals).

    The driver's own function goes through the text character by character; this takes a quarter of its time.
    """
    if database.is_backslash_plain(conn):
        return ["'" + value.replace("'", "''") + "'" if "'" in value else f"'{value}'" for value in values]
    return [
        "'" + value.replace("\\", "\\\\").replace("'", "''") + "'" if "'" in value or "\\" in value else f"'{value}'"
        for value in values
    ]
