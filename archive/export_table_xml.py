"""A table as XML 1.0, for programs. The schema is `table.xsd`, which every installation serves at `/schema/table.xsd`.

What XML cannot hold (control characters) stands there as its picture, such as U+2400 for NUL.
"""

from datetime import datetime
from pathlib import Path
from typing import IO
from xml.sax.saxutils import escape, quoteattr

from postbuch.archive.export_table import Column, Rows, Table, readable

SCHEMA = Path(__file__).parent / "table.xsd"
NAMESPACE = "urn:postbuch:table:1"
# A reader of XML makes a line end of a plain one (XML 1.0 section 2.11).
_ENTITIES = {"\r": "&#13;"}


def write(stream: IO[bytes], table: Table, rows: Rows) -> None:
    """An element for each value that is there, named by its kind; times in UTC (xs:dateTime)."""
    stream.write((
        f'<?xml version="1.0" encoding="UTF-8"?>\n<table xmlns="{NAMESPACE}" name={_attribute(table.name)} '
        f"title={_attribute(table.title)} xml:lang={_attribute(table.language)}>\n<columns>\n"
    ).encode())  # fmt: skip
    for each in table.columns:
        line = f"<column name={_attribute(each.name)} kind={_attribute(each.kind)} title={_attribute(each.title)}/>\n"
        stream.write(line.encode())
    stream.write(b"</columns>\n<rows>\n")
    heads = [(each, f"<{each.kind} name={_attribute(each.name)}>") for each in table.columns]
    for row in rows:
        cells = (_cell(column, head, value) for (column, head), value in zip(heads, row, strict=True))
        stream.write(f"<row>{''.join(cells)}</row>\n".encode())
    stream.write(b"</rows>\n</table>\n")


def _cell(column: Column, head: str, value: object) -> str:
    if value is None:
        return ""
    if column.kind == "list" and isinstance(value, list | tuple):
        inside = "".join(f"<item>{_text(str(each))}</item>" for each in value)
    elif isinstance(value, bool):
        inside = "true" if value else "false"
    elif isinstance(value, datetime):
        inside = f"{value.isoformat(timespec='microseconds')}Z"
    else:
        inside = _text(str(value))
    return f"{head}{inside}</{column.kind}>"


def _text(text: str) -> str:
    return escape(readable(text), _ENTITIES)


def _attribute(text: str) -> str:
    return quoteattr(readable(text))
