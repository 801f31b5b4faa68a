"""What a leaf of the ledger stands for: a row of a write-once table with all rows that belong to it, as one text.

Made from the `Covered` mark of each table, so that a new table is covered without a word here. The text is defined
in docs/ledger.md, and the database writes it itself: what people can compute with a dozen lines from any SQL client
is what is hashed.

    postbuch-ledger/1 image 12
    = header_summary
    attachment_count 1 2
    …
    = image
    sha256 64 9f86d081…
    skeleton sha256 2c26b46b…

Each row begins with `= table`; each column that is not NULL is a line `name octets value`, in the order of the names;
what the database computes of other columns has none. A value above LONG_OCTETS, and every BLOB, is a line
`name sha256 digest`. Binary values are in hex, times as `2026-11-23 10:00:00.000000` in UTC. The rows are sorted as
octets.
"""

import secrets
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cache

from sqlalchemy import Column, Connection, LargeBinary, Table
from sqlalchemy.dialects import mysql
from sqlalchemy.types import DateTime

from postbuch.archive import merkle
from postbuch.archive.columns import Covered, written
from postbuch.archive.schema import metadata

HEAD = "postbuch-ledger/1"
# A subject (1,000 characters, 4,000 octets) can be read in the text; a body (256 KiB) stands as its digest.
LONG_OCTETS = 4096
# 8 MiB: what the server joins into one value; 300 images with all that belongs to them have 1 MiB.
JOINED_OCTETS = 8_388_608
KINDS_OF_LEAVES = (Covered.ALONE, Covered.ENTRY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """The tables of one kind of leaf: the table itself and those whose rows belong to it."""

    kind: str
    table: Table
    members: tuple[Table, ...]

    @property
    def numbered(self) -> bool:
        """Whether its key is the one number `id`."""
        return "id" in self.table.c


@cache
def units() -> dict[str, Unit]:
    """Kind → unit, for every write-once table that has leaves."""
    tables = metadata.sorted_tables
    members: dict[str, list[Table]] = {}
    for table in tables:
        if table.info["covered"] is Covered.WITH_PARENT:
            first = next(iter(table.primary_key))
            members.setdefault(next(iter(first.foreign_keys)).column.table.name, []).append(table)
    return {
        table.name: Unit(kind=table.name, table=table, members=(table, *members.get(table.name, ())))
        for table in tables
        if table.info["covered"] in KINDS_OF_LEAVES
    }


def key_column(table: Table) -> Column[int]:
    """The column that names the row of the unit: `id`, or the first of the primary key."""
    return next(iter(table.primary_key))


def key_sql(table: Table, *, of_unit: bool) -> str:
    """The key of a row as SQL text; of a member it is that of the row it belongs to."""
    names = [f"`{table.name}`.`{column.name}`" for column in table.primary_key]
    return names[0] if len(names) == 1 or not of_unit else f"CONCAT_WS('.', {', '.join(names)})"


@cache
def row_sql(table: Table) -> str:
    """The lines of one row as an SQL expression that gives octets."""
    lines = [_line_sql(column) for column in sorted(written(table), key=lambda column: column.name)]
    return f"CONCAT(CAST('= {table.name}\\n' AS BINARY), {', '.join(lines)})"


def _line_sql(column: Column[object]) -> str:
    name = f"`{column.name}`"
    kind = column.type
    long = f"CONCAT('{column.name} sha256 ', SHA2({name}, 256), '\\n')"
    if isinstance(kind, mysql.LONGBLOB | mysql.MEDIUMBLOB):
        line = long
    else:
        value = name
        if isinstance(kind, LargeBinary | mysql.BINARY | mysql.VARBINARY):
            value = f"LOWER(HEX({name}))"
        elif isinstance(kind, DateTime):
            value = f"CAST({name} AS CHAR)"
        line = f"CONCAT('{column.name} ', LENGTH({value}), ' ', {value}, '\\n')"
        if isinstance(kind, mysql.LONGTEXT | mysql.MEDIUMTEXT | mysql.TEXT):
            line = f"IF(LENGTH({value}) > {LONG_OCTETS}, {long}, {line})"
    return f"IF({name} IS NULL, '', {line})" if column.nullable else line


def texts(conn: Connection, unit: Unit, condition: str) -> dict[str, bytes]:
    """Key → text of the leaf, for the rows whose key column meets the condition (SQL, `{key}` is the column).

    Rows come in the order of their keys. A member without its row is not looked at here.
    """
    rows: dict[str, list[bytes]] = {}
    for table in unit.members:
        own = table is unit.table
        where = condition.format(key=f"`{table.name}`.`{key_column(table).name}`")
        found = _rows(conn, table, key_sql(table, of_unit=own), where)
        if own:
            rows = {key: [row] for key, row in sorted(found, key=lambda each: _numbers(each[0]))}
            continue
        for key, row in found:
            if (known := rows.get(key)) is not None:
                known.append(row)
    return {key: leaf_text(unit.kind, key, lines) for key, lines in rows.items()}


def _rows(conn: Connection, table: Table, key: str, where: str) -> list[tuple[str, bytes]]:
    """(key, text) of each row, in no order.

    All in one value, which the server joins with a mark that no row can hold, because nobody knows it before: a row
    of a result costs the driver more than all else that is done with it. What is too long for that comes row by row.
    """
    mark = secrets.token_hex(16)
    row = row_sql(table)
    joined = (
        f"SET STATEMENT group_concat_max_len = {JOINED_OCTETS} FOR "  # noqa: S608 - ours
        f"SELECT COUNT(*), GROUP_CONCAT(CONCAT({key}, ' ', {row}) SEPARATOR '{mark}') FROM `{table.name}` WHERE {where}"
    )
    [(count, text)] = conn.exec_driver_sql(joined, execution_options={"no_parameters": True})
    if not count:
        return []
    pieces = [] if text is None or len(text) >= JOINED_OCTETS else text.split(mark.encode())
    if len(pieces) == count:
        return [(name.decode(), octets) for name, _, octets in (piece.partition(b" ") for piece in pieces)]
    statement = f"SELECT {key}, {row} FROM `{table.name}` WHERE {where}"  # noqa: S608 - ours
    found = conn.exec_driver_sql(statement, execution_options={"no_parameters": True})
    return [(str(name), octets) for name, octets in found]


def _numbers(key: str) -> list[int]:
    return [int(part) for part in key.split(".")]


def texts_of(conn: Connection, unit: Unit, keys: Collection[str]) -> dict[str, bytes]:
    """Key → text of the leaf, for rows by their keys. A row that is not there is left out."""
    # What somebody wrote into the tree by hand may be no key at all, and so names no row.
    numbers = sorted({int(key.partition(".")[0]) for key in keys if key.replace(".", "").isdecimal() and key[0] != "."})
    if not numbers:
        return {}
    found = texts(conn, unit, f"{{key}} IN ({', '.join(map(str, numbers))})")
    return found if unit.numbered else {key: text for key, text in found.items() if key in keys}


def leaf_text(kind: str, key: str, rows: Iterable[bytes]) -> bytes:
    """What is hashed as the leaf of a row."""
    return b"".join([f"{HEAD} {kind} {key}\n".encode(), *sorted(rows)])


def leaf_hash(text: bytes) -> bytes:
    """The hash of the leaf with this text."""
    return merkle.leaf_hash(text)
