"""What every table of the schema is made of: who may write it, its column types, its way to say what it is.

The tables stand in `schema.py` and in the `schema_….py` that it takes in.
"""

from enum import Enum
from typing import Any

from sqlalchemy import Column, Computed, ForeignKey, MetaData, String, Table
from sqlalchemy.dialects import mysql

from postbuch.archive.widths import KEY_CHARACTERS, SORT_CHARACTERS


class Writes(Enum):
    """Who may write a table, and how."""

    ONCE = "once"  # INSERT by `ingest`; nobody changes or removes a row
    ONCE_BY_ALL = "once by all"  # INSERT by `ingest` and `web` (audit); nobody changes or removes a row
    VERSIONED = "versioned"  # INSERT and UPDATE by `ingest` and `web`; nobody removes a row
    REVISED = "revised"  # INSERT and UPDATE by `ingest`; nobody removes a row

    @property
    def is_once(self) -> bool:
        """Whether nobody changes a row: then the ledger stands for it, or it is REMADE."""
        return self in (Writes.ONCE, Writes.ONCE_BY_ALL)


class Covered(Enum):
    """How the ledger stands for the rows of a write-once table (`coverage.py`)."""

    ALONE = "alone"  # each row has a leaf of its own; the default of tables with an `id`
    WITH_PARENT = "with parent"  # in the leaf of the row that its first key column names; the default of the others
    ENTRY = "entry"  # the ledger's entries: each has a leaf as soon as it is sealed
    TREE = "tree"  # the tree itself
    REMADE = "remade"  # not at all: it can be made again from rows and files that are covered


metadata = MetaData()

BIG = mysql.BIGINT(unsigned=True)
TIME = mysql.DATETIME(fsp=6)
EXACT = mysql.VARCHAR(KEY_CHARACTERS, collation="utf8mb4_bin")
DIGEST = mysql.BINARY(32)
JSON = mysql.LONGTEXT()


def id_column(comment: str) -> Column[Any]:
    """The primary key `id`."""
    return Column("id", BIG, primary_key=True, autoincrement=True, comment=comment)


def reference(name: str, target: str, comment: str, **kw: Any) -> Column[Any]:
    """A foreign key to `target.id`; not null unless said."""
    kw.setdefault("nullable", False)
    return Column(name, BIG, ForeignKey(f"{target}.id"), comment=comment, **kw)


def col(name: str, kind: Any, comment: str, **kw: Any) -> Column[Any]:
    """A column; not null unless said."""
    kw.setdefault("nullable", False)
    return Column(name, kind, comment=comment, **kw)


def start_column(name: str, of: str, comment: str) -> Column[Any]:
    """The first characters of a text column, for an index that lists are read from: computed, not stored in the row.

    MariaDB takes an index on the beginning of a column itself for finding, but not for an order.
    """
    computed = Computed(f"LEFT({of}, {SORT_CHARACTERS})", persisted=False)
    return Column(name, String(SORT_CHARACTERS), computed, comment=comment)


def written(table: Table) -> list[Column[Any]]:
    """The columns that somebody wrote, which the ledger is about: without those that the database computes of them."""
    return [column for column in table.columns if column.computed is None]


def table(name: str, comment: str, writes: Writes, *items: Any, covered: Covered | None = None) -> Table:
    """A table with its COMMENT, its `Writes`, from which grants and triggers are made, and how the ledger covers it.

    A column that a later version adds to a write-once table is nullable: leaves leave out what is NULL, so that
    those of older rows stay as they are.
    """
    if covered is None and writes.is_once:
        numbered = any(isinstance(item, Column) and item.name == "id" for item in items)
        covered = Covered.ALONE if numbered else Covered.WITH_PARENT
    return Table(
        name,
        metadata,
        *items,
        comment=comment,
        info={"writes": writes, "covered": covered},
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_unicode_ci",
    )
