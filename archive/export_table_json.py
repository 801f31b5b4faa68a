"""A table as JSON (RFC 8259), UTF-8, for programs: the columns, then the rows as objects, one a line.

    {"name": "letters", "columns": [{"name": …, "kind": …, "title": …}], "rows": [
    {"id": 12, "subject": "Angebot", "arrived": "2026-11-23T10:00:00.000000Z"},
    …
    ], "count": 2}

A reader that stops in the middle sees that no `count` came.
"""

import json
from dataclasses import asdict
from datetime import datetime
from typing import IO

from postbuch.archive.export_table import Rows, Table, encodable


def write(stream: IO[bytes], table: Table, rows: Rows) -> None:
    """Names of columns as keys; times in UTC (RFC 3339)."""
    names = [each.name for each in table.columns]
    head = {"name": table.name, "title": table.title, "language": table.language}
    columns = _text([asdict(each) for each in table.columns])
    stream.write(f'{_text(head)[:-1]}, "columns": {columns}, "rows": ['.encode())
    count = 0
    for row in rows:
        line = _text(dict(zip(names, map(_value, row), strict=True)))
        stream.write(f"{',' if count else ''}\n{line}".encode())
        count += 1
    stream.write(f'\n], "count": {count}}}\n'.encode())


def _text(value: object) -> str:
    return encodable(json.dumps(value, ensure_ascii=False))


def _value(value: object) -> object:
    return f"{value.isoformat(timespec='microseconds')}Z" if isinstance(value, datetime) else value
