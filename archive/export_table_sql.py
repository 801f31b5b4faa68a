"""A table as SQL that any MariaDB or MySQL loads: `mariadb DATABASE < letters.sql`. One statement a line, UTF-8.

What a backslash means in quotes, and so where a text ends, depends on the server's sql_mode. So a text with one, or
with a control character, which the command line client would change (`\\r\\n`) or refuse (NUL), stands as hexadecimal
octets with its character set: these mean the same everywhere. Quotes are doubled, names stand in back ticks.
"""

import re
from datetime import datetime
from typing import IO

from postbuch.archive.export_table import Kind, Rows, Table, encodable, joined

# A statement has at most so many rows and about so many characters: far below the 4 MiB that an old MySQL takes.
STATEMENT_ROWS = 500
STATEMENT_CHARACTERS = 524_288
# So many rows between two commits: the undo log of the server stays small.
COMMIT_ROWS = 20_000
# No column says NOT NULL: sql_mode EMPTY_STRING_IS_NULL makes NULL of an empty text.
_TYPES: dict[Kind, str] = {
    "text": "MEDIUMTEXT", "number": "BIGINT", "size": "BIGINT UNSIGNED", "time": "DATETIME(6)", "flag": "TINYINT(1)",
    "list": "MEDIUMTEXT",
}  # fmt: skip
_PLAIN = re.compile("[^\\\\\x00-\x1f\x7f]*")


def write(stream: IO[bytes], table: Table, rows: Rows) -> None:
    """A CREATE TABLE and INSERTs of many rows each; a table of that name that is there already is left alone."""
    name = _name(table.name)
    stream.write(f"SET NAMES utf8mb4;\n{_create(table)};\nSTART TRANSACTION;\n".encode())
    columns = ", ".join(_name(each.name) for each in table.columns)
    head = f"INSERT INTO {name} ({columns}) VALUES "  # noqa: S608 - a text for a file; nothing runs it here
    waiting: list[str] = []
    size = uncommitted = 0
    for row in rows:
        values = f"({', '.join(map(_literal, row))})"
        if waiting and (size + len(values) > STATEMENT_CHARACTERS or len(waiting) >= STATEMENT_ROWS):
            stream.write(f"{head}{', '.join(waiting)};\n".encode())
            uncommitted += len(waiting)
            waiting, size = [], 0
            if uncommitted >= COMMIT_ROWS:
                stream.write(b"COMMIT;\nSTART TRANSACTION;\n")
                uncommitted = 0
        waiting.append(values)
        size += len(values)
    if waiting:
        stream.write(f"{head}{', '.join(waiting)};\n".encode())
    stream.write(b"COMMIT;\n")


def _create(table: Table) -> str:
    columns = ", ".join(
        f"{_name(each.name)} {_TYPES[each.kind]} NULL COMMENT {_comment(each.title)}" for each in table.columns
    )
    return (
        f"CREATE TABLE {_name(table.name)} ({columns}) DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci "
        f"COMMENT={_comment(table.title)}"
    )


def _name(name: str) -> str:
    return f"`{name.replace('`', '``')}`"


def _comment(title: str) -> str:
    """A quoted text, as only these may stand there: without what could end it in any mode."""
    plain = re.sub("[\\\\\x00-\x1f\x7f]", " ", encodable(title)).replace("'", "''")
    return f"'{plain}'"


def _literal(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, datetime):
        return f"'{value.isoformat(' ', 'microseconds')}'"
    text = encodable(joined(value))
    if _PLAIN.fullmatch(text):
        return f"'{text.replace(chr(39), chr(39) * 2)}'"
    return f"_utf8mb4 X'{text.encode().hex()}'"
