"""Rows in one statement: what goes in as a literal is what the database has."""

from collections.abc import Iterator
from datetime import datetime

import pytest
from sqlalchemy import Engine

from postbuch.archive import bulk
from provider.archive import fresh_archive

VALUES = [
    ["", "it's", "\\", "\\'", "a\\", "''", '"', "%s %(x)s", "\0\x1a\n\r\t", "Grüße 😀", "-- ", "/*",
     "x'; DROP TABLE image; --"],
    [0, 1, 2**63, -5],
    [b"", b"\0\\'\xff", bytes(range(256))],
    [datetime(2026, 11, 23, 10, 0), datetime(1970, 1, 1, 0, 0, 0, 5)],
]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with fresh_archive(tmp_path_factory.mktemp("a")) as (_, made):
        yield made


@pytest.mark.parametrize("mode", ["", "NO_BACKSLASH_ESCAPES", "ANSI_QUOTES"])
@pytest.mark.parametrize("values", VALUES, ids=["text", "numbers", "octets", "times"])
def test_a_literal_is_the_value(engine: Engine, values: list[object], mode: str) -> None:
    """In every mode of the server, also between NULLs and beside values of other types."""
    with engine.connect() as conn:
        conn.exec_driver_sql(f"SET SESSION sql_mode = '{mode}'")
        for given in (values, [None, *values, None], [*values, True, "x", 1]):
            cast = [
                f"CAST({one} AS DATETIME(6))" if isinstance(value, datetime) else one
                for one, value in zip(bulk._literals(conn, given), given, strict=True)
            ]
            statement = "SELECT " + ", ".join(cast)
            found = conn.exec_driver_sql(statement, execution_options={"no_parameters": True}).one()
            assert [one.encode() if isinstance(value, bytes) and isinstance(one, str) else one
                    for one, value in zip(found, given, strict=True)] == given  # fmt: skip
        conn.invalidate()  # nobody else gets a connection in this mode


def test_a_type_that_no_column_has(engine: Engine) -> None:
    """It is an error, and not whatever its text would be."""
    with engine.connect() as conn, pytest.raises(TypeError, match="float"):
        bulk._literals(conn, [1.5])
