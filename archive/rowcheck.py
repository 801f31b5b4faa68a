"""The check of the tables: no row that was never entered in the ledger, none that belongs to nothing.

Rows that were committed a moment ago have no leaf yet. So what has none is only suspected, and looked at again after
the sealer has been there.
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, func, literal_column, select, text, tuple_

from postbuch.archive import coverage
from postbuch.archive.bulk import CHUNK
from postbuch.archive.columns import Covered, written
from postbuch.archive.findings import LISTED, Detail, Findings, Kind
from postbuch.archive.schema import ledger_leaf, metadata

# 20,000 rows: 50 ms of look-ups in the index of the leaves.
WINDOW = 20_000


def check_emptied(conn: Connection, findings: Findings) -> bool:
    """Whether a column of a write-once table is NULL that takes none: then somebody has changed the table.

    Such a row cannot be read as what it was, so nothing else is checked before it is put right.
    """
    nullable = set(map(tuple, conn.execute(text(
        "SELECT table_name, column_name FROM information_schema.columns"
        " WHERE table_schema = DATABASE() AND is_nullable = 'YES'"
    ))))  # fmt: skip
    units = {table: unit for unit in coverage.units().values() for table in unit.members}
    before = findings.count
    for table in metadata.sorted_tables:
        unit = units.get(table)
        if unit is None and table.info["covered"] is not Covered.TREE:
            continue
        kind = table.name if unit is None else unit.kind
        key = coverage.key_sql(table, of_unit=unit is None or table is unit.table)
        for column in written(table):
            if not column.nullable and (table.name, column.name) in nullable:
                row: ColumnElement[Any] = literal_column(key)
                for number in conn.scalars(select(row).select_from(table).where(column.is_(None)).limit(LISTED)):
                    findings.add(
                        Kind.ROW_CHANGED, f"{kind} {number}",
                        Detail.ROW_EMPTIED.said(column=f"{table.name}.{column.name}"),
                    )
    return findings.count > before


def without_leaf(conn: Connection, unit: coverage.Unit, first: int = 0) -> Iterator[list[str]]:
    """Keys of rows from number `first` on that have no leaf, a list for each window of rows that was read."""
    columns = list(unit.table.primary_key)
    key: ColumnElement[Any] = func.concat(columns[0]) if unit.numbered else func.concat_ws(".", *columns)
    leaf = select(ledger_leaf.c.position).where(ledger_leaf.c.kind == str(unit.kind), ledger_leaf.c.row_key == key)
    after: tuple[int, ...] = (first - 1, *(0 for _ in columns[1:])) if first else (-1,) * len(columns)
    while True:
        above = columns[0] > after[0] if unit.numbered else tuple_(*columns) > after
        window = select(*columns).where(above).order_by(*columns).limit(WINDOW)
        end = conn.execute(window.with_only_columns(*columns).offset(WINDOW - 1).limit(1)).one_or_none()
        below = _up_to(columns, tuple(end)) if end is not None else None
        query = select(*columns).where(above, ~leaf.exists())
        query = query if below is None else query.where(below)
        yield [".".join(map(str, row)) for row in conn.execute(query.limit(LISTED))]
        if end is None:
            return
        after = tuple(end)


def _up_to(columns: list[Any], end: tuple[int, ...]) -> ColumnElement[bool]:
    return columns[0] <= end[0] if len(columns) == 1 else tuple_(*columns) <= end


def still_without(conn: Connection, unit: coverage.Unit, keys: list[str]) -> list[str]:
    """Those of the rows that have no leaf now either."""
    left = []
    for start in range(0, len(keys), CHUNK):
        part = keys[start : start + CHUNK]
        query = select(ledger_leaf.c.row_key).where(ledger_leaf.c.kind == str(unit.kind))
        sealed = set(conn.scalars(query.where(ledger_leaf.c.row_key.in_(part))))
        left += [key for key in part if key not in sealed]
    return left


def orphans(conn: Connection, table: Table) -> list[str]:
    """Keys of the rows that a member table's rows belong to and that are not there."""
    first = coverage.key_column(table)
    parent = next(iter(first.foreign_keys)).column
    query = select(first).distinct().where(~select(parent).where(parent == first).exists()).limit(LISTED)
    return [str(key) for key in conn.scalars(query)]


def check_orphans(conn: Connection, findings: Findings) -> None:
    """Rows that belong to no row: in no leaf, so nobody would miss or see them."""
    for unit in coverage.units().values():
        for table in unit.members[1:]:
            for key in orphans(conn, table):
                findings.add(
                    Kind.ROW_INSERTED, f"{table.name} of {unit.kind} {key}",
                    Detail.ROW_OF_NOTHING.said(kind=unit.kind),
                )
