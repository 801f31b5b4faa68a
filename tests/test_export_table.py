"""A table as Excel, CSV, XML, SQL and JSON: each is read by a program that is not ours, and says what went in."""

import csv
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import openpyxl
import pytest
from lxml import etree
from sqlalchemy import text

from postbuch.archive import database, export_table_sql, export_table_xlsx, export_table_xml
from postbuch.archive.config import Config
from postbuch.archive.database import Role
from postbuch.archive.export_table import Column, Form, Row, Table
from postbuch.archive.export_table_forms import write
from postbuch.archive.server import DATABASE, PrivateServer
from provider.archive import fresh_archive

BERLIN = ZoneInfo("Europe/Berlin")
COLUMNS = (
    Column(name="id", kind="number", title="Nummer"), Column(name="subject", kind="text", title="Betreff"),
    Column(name="arrived", kind="time", title="Datum"), Column(name="size", kind="size", title="Größe"),
    Column(name="files", kind="flag", title="Anhang"), Column(name="accounts", kind="list", title="Konten"),
)  # fmt: skip
NOON = datetime(2026, 7, 1, 12, 30, 15)
# What people and attackers write into a subject.
HOSTILE = [
    "Grüße aus Köln – 20 €", "Party 🎉👩‍👩‍👧", "=HYPERLINK(\"http://x.example\")", "+49 40 1234", "-1+1", "@SUM(A1)",
    "\t=1", "\r=1", "a;b,c\"d'e", "zwei\r\nZeilen\nund\rmehr", "<r>x</r>", "<b>&amp;</b>", "]]>", "_x0041_",
    "C:\\neu\\'; DROP TABLE letters; -- ", "ends with \\", "Null\x00 und Klingel\x07 und Esc\x1b", "entfernt\x7f",
    "kein Zeichen \uffff", "halb \ud83d", "'schon", " Rand ", "https://x.example/", "0049", "1e5", "x" * 40_000,
    "🎉" * 20_000, "``", "%s %(x)s :name", "",
]  # fmt: skip
ROWS: list[Row] = [
    (number, subject, NOON, 2**40, number % 2 == 0, ["anna@firma.example", "bernd@firma.example"])
    for number, subject in enumerate(HOSTILE)
]
ROWS.append((2**60, None, None, None, None, []))
ROWS.append((-5, "am Anfang der Zeit", datetime(1, 1, 1), 0, False, ()))
ROWS.append((6, "am Ende der Zeit", datetime(9999, 12, 31, 23, 59, 59), 0, True, ("eins",)))


def table(**other: Any) -> Table:
    return Table(name="letters", title="Briefe", columns=COLUMNS, language="de", zone=BERLIN, **other)


def written(form: Form, rows: Any = ROWS, **other: Any) -> bytes:
    stream = io.BytesIO()
    write(stream, form, table(**other), iter(rows))
    return stream.getvalue()


def shown(subject: str | None) -> str | None:
    """What may stand for a subject where control characters cannot stand."""
    if subject is None:
        return None
    pictures = {code: 0x2400 + code for code in range(32) if chr(code) not in "\t\n\r"} | {0x7F: 0x2421}
    return plain(subject.translate(pictures))


def plain(subject: str) -> str:
    return subject.replace("\uffff", "�").replace("\ud83d", "�")


def test_csv_reads_back_and_stays_text() -> None:
    """Python's csv reads every cell back; none begins like a formula, umlauts and emoji are as they were."""
    octets = written(Form.CSV, semicolon=True)
    assert octets.startswith(b"\xef\xbb\xbf")
    lines = list(csv.reader(io.StringIO(octets.decode("utf-8-sig"), newline=""), delimiter=";"))
    assert lines[0] == ["Nummer", "Betreff", "Datum (Europe/Berlin)", "Größe", "Anhang", "Konten"]
    assert len(lines) == len(ROWS) + 1
    for line, row in zip(lines[1:], ROWS, strict=True):
        subject = shown(row[1] if row[1] is None else str(row[1])) or ""
        quoted = f"'{subject}" if subject.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) else subject
        assert line[1] == quoted
        assert not line[1].startswith(("=", "+", "-", "@", "\t", "\r"))
        assert line[0] == str(row[0])
    assert lines[1][2:] == ["2026-07-01 14:30:15", str(2**40), "1", "anna@firma.example, bernd@firma.example"]
    bare = written(Form.CSV, ROWS[:1], byte_order_mark=False).decode()
    assert bare.startswith("Nummer,Betreff,")


def test_json_reads_back_exactly() -> None:
    """Every value comes back as it was, control characters too; times are in UTC; the count closes the file."""
    found = json.loads(written(Form.JSON))
    assert found["count"] == len(ROWS) == len(found["rows"])
    assert found["columns"][3] == {"name": "size", "kind": "size", "title": "Größe"}
    assert [row["subject"] for row in found["rows"]] == [
        None if row[1] is None else plain(str(row[1])) for row in ROWS
    ]
    assert found["rows"][0]["arrived"] == "2026-07-01T12:30:15.000000Z" and found["rows"][-3]["id"] == 2**60
    assert json.loads(written(Form.JSON, []))["rows"] == []


def test_xml_is_valid_by_the_published_schema() -> None:
    """lxml validates against table.xsd; the schema has teeth; values read back."""
    schema = etree.XMLSchema(etree.parse(str(export_table_xml.SCHEMA)))
    tree = etree.fromstring(written(Form.XML))
    schema.assertValid(tree)
    space = {"t": export_table_xml.NAMESPACE}
    rows = tree.findall("t:rows/t:row", space)
    texts = [row.findtext("t:text", namespaces=space) for row in rows]
    assert texts == [shown(None if row[1] is None else str(row[1])) for row in ROWS]
    assert rows[0].findtext("t:time", namespaces=space) == "2026-07-01T12:30:15.000000Z"
    assert [each.text for each in rows[0].findall("t:list/t:item", space)] == list(ROWS[0][5])  # type: ignore[call-overload]
    schema.assertValid(etree.fromstring(written(Form.XML, [])))
    for wrong in (b"<flag name=\"files\">perhaps</flag>", b"<size name=\"size\">-1</size>", b"<other/>"):
        broken = written(Form.XML, ROWS[:1]).replace(b"</row>", wrong + b"</row>")
        assert not schema.validate(etree.fromstring(broken))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Config]:
    """A server of its own: nobody may drop a table of the one that tests share."""
    with fresh_archive(tmp_path_factory.mktemp("sql")) as (config, _):
        yield config


MODES = ["", "NO_BACKSLASH_ESCAPES", "ANSI_QUOTES,STRICT_ALL_TABLES", "ORACLE,NO_BACKSLASH_ESCAPES", "TRADITIONAL"]


@pytest.mark.parametrize("mode", MODES)
def test_mariadb_loads_the_sql(server: Config, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line client loads it in every sql_mode, in several statements, and each text is as it was."""
    monkeypatch.setattr(export_table_sql, "STATEMENT_ROWS", 7)
    monkeypatch.setattr(export_table_sql, "COMMIT_ROWS", 14)
    name = f"export_{MODES.index(mode)}"
    stream = io.BytesIO()
    made = Table(name=name, title="Anna's \\ Briefe", columns=COLUMNS)
    write(stream, Form.SQL, made, ROWS)
    with database.connection(server, Role.OWNER) as conn:
        account = database.url(server, Role.OWNER)
        command = [
            "mariadb", f"--socket={PrivateServer(server).socket}", f"--user={account.username}",
            f"--password={account.password}", f"--init-command=SET SESSION sql_mode='{mode}'", DATABASE,
        ]
        done = subprocess.run(command, input=stream.getvalue(), capture_output=True)
        assert done.returncode == 0, done.stderr
        found = conn.execute(text(f"SELECT id, subject, arrived, size, files, accounts FROM {name}")).all()
    oracle = mode.startswith("ORACLE")
    assert [row.subject for row in found] == [
        None if row[1] is None or (oracle and row[1] == "" and found[place].subject is None) else plain(str(row[1]))
        for place, row in enumerate(ROWS)
    ]
    assert [row.id for row in found] == [row[0] for row in ROWS]
    assert found[0].arrived == NOON and found[0].accounts == "anna@firma.example, bernd@firma.example"


def test_excel_reads_back() -> None:
    """openpyxl: frozen titles, dates are dates on the reader's clock, no formula, no link, all text as it was."""
    book = openpyxl.load_workbook(io.BytesIO(written(Form.XLSX)))
    [sheet] = book.worksheets
    assert sheet.title == "Briefe" and sheet.freeze_panes == "A2"
    lines = list(sheet.iter_rows())
    assert [cell.value for cell in lines[0]] == [
        "Nummer", "Betreff", "Datum (Europe/Berlin)", "Größe", "Anhang", "Konten"
    ]
    assert lines[0][0].font.b
    for cells, row in zip(lines[1:], ROWS, strict=True):
        assert {cell.data_type for cell in cells} <= {"n", "s", "d", "b", "inlineStr"}
        assert all(cell.hyperlink is None for cell in cells)
        if isinstance(row[1], str) and row[1]:
            wanted = (shown(row[1]) or "").replace("\r\n", "\n").replace("\r", "\n")
            got = str(cells[1].value).replace("_x005F_", "_")
            if len(wanted.encode("utf-16-le")) // 2 > 32_767:
                assert got.endswith("[…]") and wanted.startswith(got[:-4])
                assert len(got.encode("utf-16-le")) // 2 <= 32_767
            else:
                assert got.rstrip(" ") == wanted.rstrip(" ")
    assert lines[1][2].value == datetime(2026, 7, 1, 14, 30, 15) and lines[1][2].is_date
    assert lines[1][3].value == 2**40 and lines[1][4].value is True
    assert lines[-3][0].value == str(2**60)
    assert sheet.column_dimensions["B"].width > 40 > sheet.column_dimensions["A"].width


def test_a_full_sheet_goes_on_in_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows beyond what a sheet holds; a last sheet that is just full is followed by none."""
    monkeypatch.setattr(export_table_xlsx, "SHEET_ROWS", 4)
    for count, sizes in ((0, [1]), (3, [4]), (4, [4, 2]), (6, [4, 4]), (7, [4, 4, 2])):
        book = openpyxl.load_workbook(io.BytesIO(written(Form.XLSX, ROWS[:count])))
        assert [sheet.max_row for sheet in book.worksheets] == sizes
        assert book.sheetnames == ["Briefe", "Briefe 2", "Briefe 3"][: len(sizes)]


def test_libreoffice_opens_the_workbook(tmp_path: Path) -> None:
    """LibreOffice Calc opens it without a complaint and, as CSV again, shows the same cells, none calculated."""
    path = tmp_path / "letters.xlsx"
    path.write_bytes(written(Form.XLSX, ROWS[:20]))
    done = subprocess.run(
        ["soffice", f"-env:UserInstallation=file://{tmp_path}/profile", "--headless", "--convert-to",
         "csv:Text - txt - csv (StarCalc):59,34,76,1,,0,false,true,false", "--outdir", str(tmp_path), str(path)],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0 and "rror" not in done.stderr, done.stderr
    lines = list(csv.reader(io.StringIO((tmp_path / "letters.csv").read_text("utf-8"), newline=""), delimiter=";"))
    assert lines[0] == ["Nummer", "Betreff", "Datum (Europe/Berlin)", "Größe", "Anhang", "Konten"]
    subjects = [line[1] for line in lines[1:]]
    for place, row in enumerate(ROWS[:20]):
        wanted = (shown(str(row[1])) or "").replace("\r\n", "\n").replace("\r", "\n")
        assert subjects[place].replace("_x005F_", "_").strip() == wanted.strip(), place
    assert lines[1][2] in ("01.07.2026 14:30:15", "07/01/2026 14:30:15")  # by the locale of the machine


CHILD = """
import sys
from datetime import datetime
from postbuch.archive.export_table import Column, Form, Table
from postbuch.archive.export_table_forms import write
kinds = ("number", "text", "text", "text", "time", "size", "flag", "list")
columns = tuple(Column(name=f"c{place}", kind=kind, title=f"Titel {place}") for place, kind in enumerate(kinds))
def rows():
    for number in range(int(sys.argv[2])):
        yield (number, f"Angebot {number} für Möbel 🎉", "=1+1", f"anna{number}@firma.example", datetime(2026, 1, 1),
               number, True, ["a@x.example", "b@x.example"])
with open(sys.argv[3], "wb") as stream:
    write(stream, Form(sys.argv[1]), Table(name="letters", title="Briefe", columns=columns), rows())
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""
LIMIT_KIB = 150 * 1024


@pytest.mark.timeout(900)  # beside other work two minutes for Excel
@pytest.mark.parametrize("form", list(Form), ids=[form.value for form in Form])
def test_memory_does_not_grow(form: Form, tmp_path: Path, record_property: Any) -> None:
    """200,000 rows take less than 150 MiB of memory at the peak, and hardly more than 2,000."""
    few, many = (_peak_kib(form, rows, tmp_path / f"{rows}.{form.value}") for rows in (2_000, 200_000))
    record_property("counted", f"{form.value}: {few} KiB for 2,000 rows, {many} KiB for 200,000")
    assert many < LIMIT_KIB and many < few + 20_000
    assert (tmp_path / f"200000.{form.value}").stat().st_size > 5_000_000


def _peak_kib(form: Form, rows: int, path: Path) -> int:
    command = [sys.executable, "-c", CHILD, form.value, str(rows), str(path)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def test_an_error_among_the_rows_goes_through() -> None:
    """What the database says in the middle of the rows is not taken for their end."""

    def rows() -> Iterator[Row]:
        yield ROWS[0]
        raise LookupError("away")

    for form in Form:
        with pytest.raises(LookupError):
            write(io.BytesIO(), form, table(), rows())


def test_the_clock_of_the_reader() -> None:
    """Without a name of a zone the titles say UTC."""
    made = Table(name="x", title="X", columns=COLUMNS, zone=UTC)
    assert made.titles[2] == "Datum (UTC)"
