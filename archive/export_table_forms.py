"""Which module writes which format. Apart from `export_table.py`, which all of them import."""

from typing import IO

from postbuch.archive import (
    export_table_csv,
    export_table_json,
    export_table_sql,
    export_table_xlsx,
    export_table_xml,
)
from postbuch.archive.export_table import Form, Rows, Table

_WRITERS = {
    Form.XLSX: export_table_xlsx.write,
    Form.CSV: export_table_csv.write,
    Form.XML: export_table_xml.write,
    Form.SQL: export_table_sql.write,
    Form.JSON: export_table_json.write,
}


def write(stream: IO[bytes], form: Form, table: Table, rows: Rows) -> None:
    """The table in the format. `stream` need not seek; what `rows` raises goes through, and the file is not whole."""
    _WRITERS[form](stream, table, rows)
