"""What has to be entered in the ledger is inserted in the one place that enters it."""

import ast
from pathlib import Path

from postbuch.archive.schema import metadata

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("archive", "certs", "cli", "proxy", "rules", "webmail")
# A Python name may end in an underscore where the table's is a word of the language.
WRITE_ONCE = {table.name for table in metadata.sorted_tables if table.info["writes"].is_once}


def test_write_once_rows_go_through_bulk() -> None:
    """No `insert(table)` of SQLAlchemy for a write-once table: `bulk.insert_rows` alone makes the entry."""
    wrong = []
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            if "node_modules" in path.parts:
                continue
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "insert":
                    name = ast.unparse(node.args[0]).rpartition(".")[2]
                    if name.rstrip("_") in WRITE_ONCE:
                        wrong.append(f"{path.relative_to(ROOT)}:{node.lineno} inserts into {name}")
    assert wrong == []
