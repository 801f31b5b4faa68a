"""Whoever has the database's root and the file system changes one thing: `verify` names it and its place.

Each deed is done alone on the same archive, which is then put back; between deeds nothing is found.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from little_memory import little_memory
from sqlalchemy import Boolean, Column, DateTime, Engine, Integer, LargeBinary, String
from sqlalchemy.dialects import mysql

from postbuch.archive import checkpoints, coverage, ledgerkey, signednote, skeleton
from postbuch.archive.columns import Covered, written
from postbuch.archive.config import Config
from postbuch.archive.ledgertree import StoredNodes, tree_size
from postbuch.archive.objects import ObjectStore
from postbuch.archive.schema import metadata
from postbuch.archive.sealer import Sealer
from postbuch.archive.verification import Verification
from provider.archive import fresh_archive, ingester
from provider.evidence import fill, views
from provider.stamper import Stamper
from provider.tampering import Intruder

Place = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """The archive, whoever tampers with it, and a checkpoint that was carried away before."""

    config: Config
    engine: Engine
    intruder: Intruder
    carried_away: Path

    def findings(self, *, external: bool = False) -> list[Place]:
        """(kind, where) of everything that a full check finds."""
        paths = [self.carried_away] if external else []
        report = Verification(self.config, self.engine).run(full=True, external=paths, restart=True)
        found = [(each.kind, each.where) for each in report.findings.listed]
        guards = {("guard-gone", name) for name in self.intruder.triggers}
        assert guards <= set(found)  # the intruder has taken them away, all of them
        return [each for each in found if each not in guards]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("a")
    with fresh_archive(folder) as (config, engine), ingester(config, engine) as work, Stamper(folder / "tsa") as tsa:
        stamped = config.ledger.model_copy(update={"tsa_url": tsa.url, "tsa_ca_file": str(tsa.ca_file)})
        config = config.model_copy(update={"ledger": stamped})
        fill(engine, work, 4)
        checkpoints.make(config, engine)
        views(engine, 200)
        checkpoints.make(config, engine, rotate=True)
        fill(engine, work, 2, start=100)
        Verification(config, engine).run(full=True)
        carried_away = folder / "carried-away.txt"
        carried_away.write_text(checkpoints.make(config, engine).note)
        Sealer(engine).seal()  # as the archive process does each second
        intruder = Intruder(config, folder / "safe")
        intruder.keep()
        yield Scene(config=config, engine=engine, intruder=intruder, carried_away=carried_away)
        intruder.close()


@pytest.fixture
def scene(archive: Scene) -> Iterator[Scene]:
    yield archive
    archive.intruder.put_back()


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """Statements, or something done to the files, and the findings that must be among those of the check."""

    name: str
    sql: str = ""
    files: Callable[[Scene], None] | None = None
    found: tuple[Place, ...] = field(default=())


def changed(table: str, key: str, assignment: str, row: str, kind: str = "row-changed") -> Deed:
    """One column of one row."""
    return Deed(
        name=f"{table}.{assignment.partition('=')[0].strip()}", sql=f"UPDATE `{table}` SET {assignment} WHERE {key}",
        found=((kind, row),),
    )


def objects(scene: Scene) -> list[Path]:
    """The attachments' files, always in the same order."""
    return sorted(path for path in (scene.config.data / "objects").rglob("*") if path.is_file())


def names(scene: Scene) -> list[Path]:
    """The readable names of the attachments, the oldest letter first."""
    found = [path for path in (scene.config.data / "attachments").rglob("*") if path.is_file()]
    return sorted(found, key=lambda path: int(path.name.partition("-")[0]))


def lead(path: Path, target: Path) -> None:
    """A link in the place of a file."""
    path.unlink()
    path.symlink_to(target)


def overwrite(path: Path, octets: bytes) -> None:
    """Other octets under the same name."""
    path.unlink()
    path.write_bytes(octets)


def swap(one: Path, two: Path) -> None:
    """Each under the other's name."""
    first, second = one.read_bytes(), two.read_bytes()
    overwrite(one, second)
    overwrite(two, first)


def add(path: Path) -> None:
    """A file that was not there."""
    path.write_bytes(b"x")


def checkpoint_file(scene: Scene, number: int) -> Path:
    return scene.config.data / "checkpoints" / checkpoints.file_name(number)


FACTS = [
    changed("image", "id = 2", "archived_at = archived_at + INTERVAL 1 SECOND", "image 2"),
    changed("image", "id = 2", "parser = 'compat'", "image 2"),
    changed("image", "id = 2", "sha256 = REVERSE(sha256)", "image 2"),
    changed("image", "id = 2", "size_octets = size_octets + 1", "image 2"),
    changed("image", "id = 2", "skeleton = CONCAT(skeleton, 'x')", "image 2"),
    changed("header_summary", "image_id = 3", "subject = 'Angebot'", "image 3"),
    changed("header_summary", "image_id = 3", "subject = CONCAT(subject, ' ')", "image 3"),
    changed("header_summary", "image_id = 3", "date_header = NOW(6)", "image 3"),
    changed("header_summary", "image_id = 3", "message_id = UPPER(message_id)", "image 3"),
    changed("body_text", "image_id = 1", "text = 'Nein'", "image 1"),
    changed("part", "image_id = 1 AND position = 1", "file_name = 's.pdf'", "image 1"),
    changed("image_address", "image_id = 4 AND field = 'to' AND position = 0", "address_id = 1", "image 4"),
    changed("image_address", "image_id = 4 AND field = 'to' AND position = 1", "display_name = ''", "image 4"),
    changed("image_object", "image_id = 4", "object_id = 1", "image 4"),
    changed("link_key", "image_id = 2", "original_id = 'x'", "image 2"),
    changed("letter_image", "image_id = 2", "letter_id = 1", "image 2"),
    changed("letter", "id = 2", "sort_at = '2020-01-01'", "letter 2"),
    changed("letter_place", "letter_id = 1 AND mailbox_id = 1", "sort_at = '2020-01-01'", "letter_place 1.1.1"),
    changed("sighting", "id = 3", "seen_at = seen_at - INTERVAL 1 DAY", "sighting 3"),
    changed("sighting", "id = 3", "flags = '\\\\\\\\Deleted'", "sighting 3"),
    changed("sighting", "id = 3", "uid = 77", "sighting 3"),
    changed("sighting", "id = 3", "image_id = 1", "sighting 3"),
    changed("outcome", "id = 1", "verdict = 'refused'", "outcome 1"),
    changed("smtp_envelope", "id = 1", "mail_from = 'eva@firma.example'", "smtp_envelope 1"),
    changed("smtp_recipient", "envelope_id = 1 AND position = 0", "code = 550", "smtp_envelope 1"),
    changed("refusal", "id = 1", "reason = 'x'", "refusal 1"),
    changed("gap", "id = 1", "uid = NULL", "gap 1"),
    changed("vanishing", "id = 1", "noticed_at = noticed_at - INTERVAL 1 DAY", "vanishing 1"),
    changed("dkim_check", "id = 1", "from_domain = 'else.example'", "dkim_check 1"),
    changed("dkim_check", "id = 2", "dmarc_record = 'v=DMARC1; p=none'", "dkim_check 2"),
    changed("dkim_verdict", "check_id = 2", "verdict = 'fail'", "dkim_check 2"),
    changed("dkim_verdict", "check_id = 2", "key_record = CONCAT(key_record, ' ')", "dkim_check 2"),
    changed("dkim_verdict", "check_id = 2", "key_record = NULL", "dkim_check 2"),
    changed("mailbox", "id = 1", "name = 'Archiv'", "mailbox 1"),
    changed("address", "id = 1", "address = 'else@x.example'", "address 1"),
    changed("object", "id = 1", "size_octets = 1", "object 1"),
    changed("spool_file", "id = 1", "messages = 5", "spool_file 1"),
    changed("audit_event", "id = 50", "actor = 'bernd'", "audit_event 50"),
    changed("audit_event", "id = 50", "at = at + INTERVAL 1 MICROSECOND", "audit_event 50"),
    changed("audit_event", "id = 1", "after_value = NULL", "audit_event 1"),
    changed("verification", "id = 1", "findings = 1", "verification 1"),
    changed("ledger_entry", "id = 30", "wrote = '1-2'", "ledger_entry 30"),
    changed("ledger_key", "id = 1", "created_at = NOW(6)", "ledger_key 1"),
    changed("checkpoint_stamp", "id = 1", "stamped_at = '2020-01-01'", "checkpoint_stamp 1", "stamp-wrong"),
    changed("checkpoint_stamp", "id = 1", "response = (SELECT response FROM checkpoint_stamp AS other WHERE id = 2)",
            "checkpoint_stamp 1", "stamp-wrong"),
]  # fmt: skip

REMOVED = [
    Deed(name="a letter and all that belongs to it", sql=";".join(
        f"DELETE FROM {table} WHERE {column} = 3" for table, column in (
            ("part", "image_id"), ("image_address", "image_id"), ("image_object", "image_id"),
            ("body_text", "image_id"), ("header_summary", "image_id"), ("link_key", "image_id"),
            ("letter_image", "image_id"), ("image", "id"), ("letter", "first_image_id"), ("sighting", "image_id"),
            ("letter_place", "letter_id"),
        )
    ), found=(("row-removed", "image 3"), ("row-removed", "letter 3"), ("row-removed", "sighting 3"))),
]  # fmt: skip

LEDGER = [
    Deed(name="a leaf is gone", sql="DELETE FROM ledger_leaf WHERE position = 20",
         found=(("leaf-removed", "leaf 20"),)),
    Deed(name="a leaf has another hash", sql="UPDATE ledger_leaf SET hash = REVERSE(hash) WHERE position = 21",
         found=(("root-changed", "checkpoint 1"), ("node-changed", "leaves 0 to 255"))),
    Deed(name="a leaf of the end has another hash",
         sql="UPDATE ledger_leaf SET hash = REVERSE(hash) WHERE kind = 'verification'",
         found=(("row-changed", "verification 1"), ("root-changed", "checkpoint 3"))),
    Deed(name="two leaves have changed places", sql=(
        "UPDATE ledger_leaf SET position = 999999 WHERE position = 60;"
        "UPDATE ledger_leaf SET position = 60 WHERE position = 62;"
        "UPDATE ledger_leaf SET position = 62 WHERE position = 999999"
    ), found=(("node-changed", "leaves 0 to 255"), ("root-changed", "checkpoint 2"))),
    Deed(name="two views have changed places with their leaves", sql=(
        "UPDATE audit_event SET id = 999999 WHERE id = 100; UPDATE audit_event SET id = 100 WHERE id = 101;"
        "UPDATE audit_event SET id = 101 WHERE id = 999999"
    ), found=(("row-changed", "audit_event 100"), ("row-changed", "audit_event 101"))),
    Deed(name="a stored hash of many leaves is another", sql="UPDATE ledger_node SET hash = REVERSE(hash)",
         found=(("node-changed", "leaves 0 to 255"),)),
    Deed(name="a leaf for nothing", sql=(
        "INSERT INTO ledger_leaf SELECT MAX(position) + 1, 'nothing', '1', hash FROM ledger_leaf"
    ), found=(("leaf-unknown", "leaf"),)),
    Deed(name="a leaf that nobody entered", sql=(
        "INSERT INTO audit_event (id, at, actor, origin, action, target) VALUES (7777, NOW(6), 'x', 'cli', 'y', 'z');"
        "INSERT INTO ledger_leaf SELECT MAX(position) + 1, 'audit_event', '7777', hash FROM ledger_leaf"
    ), found=(("row-changed", "audit_event 7777"), ("leaf-misplaced", "leaf"))),
    Deed(name="the checkpoint says another size", sql="UPDATE checkpoint SET size = size - 1 WHERE id = 2",
         found=(("checkpoint-changed", "checkpoint 2"),)),
    Deed(name="the checkpoint says another time", sql="UPDATE checkpoint SET at = '2020-01-01' WHERE id = 2",
         found=(("checkpoint-changed", "checkpoint 2"),)),
    Deed(name="the checkpoint's note says another time",
         sql="UPDATE checkpoint SET at = at - INTERVAL 100 YEAR, note = REPLACE(note, 'time 20', 'time 19')",
         found=(("checkpoint-unsigned", "checkpoint 1"),)),
    Deed(name="the note of another checkpoint", sql=(
        "UPDATE checkpoint SET note = (SELECT note FROM checkpoint AS other WHERE id = 1) WHERE id = 3"
    ), found=(("checkpoint-changed", "checkpoint 3"),)),
    Deed(name="the checkpoints are gone", sql="DELETE FROM checkpoint", found=(("checkpoint-removed", "checkpoint-"),)),
    Deed(name="another public key",
         sql="UPDATE ledger_key SET verifier_key = REVERSE(verifier_key) WHERE id = 1",
         found=(("key-unknown", "ledger_key"),)),
    Deed(name="the public keys have changed places", sql=(
        "UPDATE ledger_key SET id = 99 WHERE id = 1; UPDATE ledger_key SET id = 1 WHERE id = 2;"
        "UPDATE ledger_key SET id = 2 WHERE id = 99"
    ), found=(("key-unknown", "checkpoint 2"), ("row-changed", "ledger_key 1"))),
]  # fmt: skip


def skip_everything(scene: Scene) -> None:
    """A changed row, and a note that a full check had already read all leaves and found nothing."""
    scene.intruder.sql("UPDATE sighting SET uid = 77 WHERE id = 3")
    with scene.engine.connect() as conn:
        size = tree_size(conn)
        peaks = [peak.hex() for peak in StoredNodes(conn).frontier(size).peaks]
    (scene.config.data / "verify" / "full.json").write_text(json.dumps({
        "size": size, "peaks": peaks, "whole": True, "entry": None, "checked": {}, "octets": 0, "findings": [],
        "count": 0, "started_at": "2026-11-23T10:00:00", "of": size,
    }))


def forge_checkpoint(scene: Scene) -> None:
    """The last checkpoint is made again over a shorter tree, with the stolen key, in the database and the folder."""
    key = ledgerkey.current(scene.config.data / "keys")
    assert key is not None
    [note] = scene.intruder.column("SELECT note FROM checkpoint WHERE id = 3")
    lines = checkpoints.read(note).note.text.splitlines()
    lines[2] = "A" * 43 + "="
    forged = str(signednote.sign("\n".join(lines) + "\n", [key]))
    scene.intruder.sql(f"UPDATE checkpoint SET note = '{forged}', root = UNHEX(REPEAT('0', 64)) WHERE id = 3")
    overwrite(checkpoint_file(scene, 3), forged.encode())


FILES = [
    Deed(name="an attachment is gone", files=lambda scene: objects(scene)[0].unlink(),
         found=(("object-missing", "/objects/"), ("octets-changed", "image "))),
    Deed(name="an attachment is another", files=lambda scene: overwrite(objects(scene)[1], b"x"),
         found=(("object-changed", "/objects/"), ("octets-changed", "image "))),
    Deed(name="an attachment of the same length",
         files=lambda scene: overwrite(objects(scene)[1], b"x" * objects(scene)[1].stat().st_size),
         found=(("object-changed", "/objects/"), ("octets-changed", "image "))),
    Deed(name="two attachments are swapped", files=lambda scene: swap(*objects(scene)[:2]),
         found=(("object-changed", "/objects/"), ("octets-changed", "image "))),
    Deed(name="an attachment too many", files=lambda scene: ObjectStore(scene.config.data).put(
        {hashlib.sha256(b"x").digest(): b"x"}), found=(("object-extra", hashlib.sha256(b"x").hexdigest()),)),
    Deed(name="a file that is no attachment",
         files=lambda scene: add(scene.config.data / "objects" / "note.txt"),
         found=(("object-extra", "note.txt"),)),
    Deed(name="a readable name is gone", files=lambda scene: names(scene)[0].unlink(),
         found=(("name-missing", "/1-r.pdf"),)),
    Deed(name="a readable name is another file", files=lambda scene: overwrite(names(scene)[0], b"x"),
         found=(("name-changed", "/1-r.pdf"),)),
    Deed(name="a readable name is another file of the same length",
         files=lambda scene: overwrite(names(scene)[0], b"x" * names(scene)[0].stat().st_size),
         found=(("name-changed", "/1-r.pdf"),)),
    Deed(name="a readable name is the attachment of another letter", files=lambda scene: overwrite(
        names(scene)[0], names(scene)[1].read_bytes()), found=(("name-changed", "/1-r.pdf"),)),
    Deed(name="a readable name leads elsewhere", files=lambda scene: lead(names(scene)[0], objects(scene)[0]),
         found=(("name-changed", "/1-r.pdf"),)),
    Deed(name="a file too many among the readable names", files=lambda scene: add(
        names(scene)[0].with_name("1-r-2.pdf")), found=(("name-extra", "/1-r-2.pdf"),)),
    Deed(name="an attachment under a name that its sender did not give it",
         files=lambda scene: names(scene)[0].with_name("1-Vertrag.pdf").hardlink_to(names(scene)[0]),
         found=(("name-extra", "/1-Vertrag.pdf"),)),
    Deed(name="a file of no letter among the readable names", files=lambda scene: add(
        names(scene)[0].with_name("9999-r.pdf")), found=(("name-extra", "/9999-r.pdf"),)),
    Deed(name="a file with a name that is no text among the readable names", files=lambda scene: add(
        names(scene)[0].with_name("\udcff.pdf")), found=(("name-extra", "/?.pdf"),)),
    Deed(name="a file above the folders of the accounts", files=lambda scene: add(
        scene.config.data / "attachments" / "1-r.pdf"), found=(("name-extra", "attachments/1-r.pdf"),)),
    Deed(name="a copy of a checkpoint says something else", files=lambda scene: overwrite(
        checkpoint_file(scene, 2), checkpoint_file(scene, 1).read_bytes()),
         found=(("checkpoint-changed", checkpoints.file_name(2)),)),
    Deed(name="a copy of a checkpoint is rubbish", files=lambda scene: overwrite(checkpoint_file(scene, 2), b"\xff"),
         found=(("checkpoint-changed", checkpoints.file_name(2)),)),
    Deed(name="a copy of a checkpoint is empty", files=lambda scene: overwrite(checkpoint_file(scene, 2), b""),
         found=(("checkpoint-changed", checkpoints.file_name(2)),)),
    Deed(name="a copy of a checkpoint is cut", files=lambda scene: overwrite(
        checkpoint_file(scene, 2), checkpoint_file(scene, 2).read_bytes()[:40]),
         found=(("checkpoint-changed", checkpoints.file_name(2)),)),
    Deed(name="a copy of a checkpoint is gone", files=lambda scene: checkpoint_file(scene, 2).unlink(),
         found=(("checkpoint-removed", checkpoints.file_name(2)),)),
    Deed(name="a file under a name of a checkpoint that there never was", files=lambda scene: add(
        checkpoint_file(scene, 77)), found=(("checkpoint-removed", checkpoints.file_name(77)),)),
    Deed(name="the secret key is gone", files=lambda scene: (scene.config.data / "keys" / "ledger.json").unlink(),
         found=(("key-unknown", "ledger_key"),)),
    Deed(name="the secret key is another", files=lambda scene: overwrite(
        scene.config.data / "keys" / "ledger.json", b"{}"), found=(("key-unknown", "ledger_key"),)),
    Deed(name="a note that all had been checked", files=skip_everything, found=(("row-changed", "sighting 3"),)),
    Deed(name="a forged checkpoint under the stolen key", files=forge_checkpoint,
         found=(("root-changed", "checkpoint 3"),)),
]  # fmt: skip

WRITE_ONCE = [table.name for table in metadata.sorted_tables if table.info["covered"] not in (None, Covered.REMADE)]
TREE = {table for table in WRITE_ONCE if metadata.tables[table].info["covered"] is Covered.TREE}
# What a touched tree can be found by.
TREE_KINDS = {"leaf-removed", "leaf-unknown", "leaf-misplaced", "node-changed", "root-changed", "row-changed",
              "row-removed", "row-inserted"}  # fmt: skip
COLUMNS = [(table, column.name) for table in WRITE_ONCE for column in written(metadata.tables[table])]
FILLED = [
    (table, name) for table, name in COLUMNS
    if not (column := metadata.tables[table].c[name]).nullable and not column.primary_key
]  # fmt: skip
NUMBERED = [table for table in WRITE_ONCE if "id" in metadata.tables[table].c]


def row_of(scene: Scene, table: str, end: str) -> tuple[str, str, str]:
    """The first (ASC) or last (DESC) row: kind and key of its unit, and the condition that is met by it alone."""
    keys = list(metadata.tables[table].primary_key)
    columns = ", ".join(f"QUOTE(`{key.name}`)" for key in keys)
    order = ", ".join(f"`{key.name}` {end}" for key in keys)
    found = scene.intruder.column(f"SELECT CONCAT_WS('|', {columns}) FROM `{table}` ORDER BY {order} LIMIT 1")
    assert found, f"no row of {table} in the archive that is tampered with: `fill` of provider.evidence has to make one"
    values = found[0].split("|")
    condition = " AND ".join(f"`{key.name}` = {value}" for key, value in zip(keys, values, strict=True))
    for unit in coverage.units().values():
        if unit.table.name == table:
            return table, ".".join(value.strip("'") for value in values), condition
        if any(member.name == table for member in unit.members):
            return unit.kind, values[0].strip("'"), condition
    return table, "", condition


def other(column: Column[Any]) -> str:
    """SQL for another value of the column than it has."""
    name, kind = f"`{column.name}`", column.type
    if isinstance(kind, mysql.BINARY):
        return f"UNHEX(REPEAT('5a', {kind.length}))"
    if isinstance(kind, DateTime):
        return f"COALESCE({name}, '2020-01-01') + INTERVAL 1 SECOND"
    if isinstance(kind, Boolean):
        return f"1 - COALESCE({name}, 0)"
    if isinstance(kind, Integer | mysql.BIGINT):
        return f"COALESCE({name}, 0) + 1000"
    assert isinstance(kind, String | LargeBinary | mysql.LONGBLOB | mysql.MEDIUMBLOB), kind
    return f"CONCAT(COALESCE({name}, ''), 'x')"


def assert_named(table: str, where: str, kinds: set[str], found: list[Place]) -> None:
    """One of the kinds at the place; of the tree itself one of those that it is found by."""
    if table in TREE:
        assert any(kind in TREE_KINDS for kind, _ in found), found
    else:
        assert any(kind in kinds and place == where for kind, place in found), (where, found)


@pytest.mark.parametrize(("table", "column"), COLUMNS, ids=lambda name: name)
def test_every_column_counts(scene: Scene, table: str, column: str) -> None:
    """Another value in any column of any write-once table, in the first row or the last: its row is named."""
    place = COLUMNS.index((table, column))
    kind, key, condition = row_of(scene, table, "DESC" if place % 2 else "ASC")
    value = other(metadata.tables[table].c[column])
    scene.intruder.sql(f"UPDATE `{table}` SET `{column}` = {value} WHERE {condition}")
    assert_named(table, f"{kind} {key}", {"row-changed", "row-removed"}, scene.findings())


@pytest.mark.parametrize(("table", "column"), FILLED, ids=lambda name: name)
def test_a_value_that_was_taken_away_is_named(scene: Scene, table: str, column: str) -> None:
    """NULL in a column that takes none, by whoever has changed the table: a finding, and no end of the check."""
    kind, key, condition = row_of(scene, table, "ASC")
    of = metadata.tables[table].c[column].type.compile(dialect=mysql.dialect())
    scene.intruder.sql(
        f"ALTER TABLE `{table}` MODIFY `{column}` {of} NULL; UPDATE `{table}` SET `{column}` = NULL WHERE {condition}"
    )
    assert_named(table, f"{kind} {key}", {"row-changed", "row-removed"}, scene.findings())


@pytest.mark.parametrize("end", ["ASC", "DESC"])
@pytest.mark.parametrize("table", WRITE_ONCE)
def test_every_row_counts(scene: Scene, table: str, end: str) -> None:
    """The first or the last row of any write-once table is gone."""
    kind, key, condition = row_of(scene, table, end)
    scene.intruder.sql(f"DELETE FROM `{table}` WHERE {condition}")
    assert_named(table, f"{kind} {key}", {"row-removed" if kind == table else "row-changed"}, scene.findings())


@pytest.mark.parametrize("table", NUMBERED)
def test_the_order_counts(scene: Scene, table: str) -> None:
    """Two rows of a table have changed numbers."""
    numbers = scene.intruder.column(f"SELECT id FROM `{table}` ORDER BY id")
    if len(numbers) == 1:
        numbers.append("5000")  # a number that nobody has
    first, last = numbers[0], numbers[len(numbers) // 2]
    scene.intruder.sql(
        f"UPDATE `{table}` SET id = 999999 WHERE id = {first}; UPDATE `{table}` SET id = {first} WHERE id = {last};"
        f"UPDATE `{table}` SET id = {last} WHERE id = 999999"
    )
    assert_named(table, f"{table} {first}", {"row-changed", "row-removed"}, scene.findings())


@pytest.mark.parametrize("deed", [*FACTS, *REMOVED, *LEDGER, *FILES], ids=lambda deed: deed.name)
def test_a_deed_is_named(scene: Scene, deed: Deed) -> None:
    """What was done is among the findings, with its place."""
    if deed.sql:
        scene.intruder.sql(deed.sql)
    if deed.files is not None:
        deed.files(scene)
    found = scene.findings()
    for kind, where in deed.found:
        assert any(each == kind and where in place for each, place in found), found


@pytest.mark.parametrize("table", WRITE_ONCE)
def test_a_forged_row_is_named(scene: Scene, table: str) -> None:
    """A row put into any write-once table, like one that is there but for its key and what must be unique."""
    columns = written(metadata.tables[table])
    unique = {
        "uid": "7777", "capture": "UNHEX(REPEAT('7', 32))", "sha256": "UNHEX(REPEAT('7', 64))",
        "first_image_id": "7777",
    }
    texts = {"address": "'forged@x.example'", "name": "'forged'", "verifier_key": "'forged'"}
    first = next(iter(metadata.tables[table].primary_key)).name
    values = {column.name: f"`{column.name}`" for column in columns}
    values |= {name: value for name, value in {**unique, **texts}.items() if name in values and table != "part"}
    values[first] = "7777"
    if table == "dkim_check":
        values["image_id"] = "7777"
    if table in ("ledger_leaf", "ledger_node"):
        values |= {"row_key": "'7777'"} if table == "ledger_leaf" else {"position": "0", "level": "9"}
    names = ", ".join(f"`{name}`" for name in values)
    scene.intruder.sql(f"INSERT INTO `{table}` ({names}) SELECT {', '.join(values.values())} FROM `{table}` LIMIT 1")
    found = scene.findings()
    assert found, table
    if table in coverage.units() and table != "ledger_entry":
        assert any(kind == "row-inserted" and f"{table} 7777" in where for kind, where in found), found


def test_a_forged_row_between_others_is_named(scene: Scene) -> None:
    """Where a number was never used: AUTO_INCREMENT has gaps, and nothing relies on them."""
    scene.intruder.sql("UPDATE sighting SET id = 9000 WHERE id = 4")
    found = scene.findings()
    assert ("row-inserted", "sighting 9000") in found and ("row-removed", "sighting 4") in found


def test_a_row_gone_before_it_was_sealed_is_named(scene: Scene) -> None:
    """Even if the sealer comes too late for the row, its entry says that it was written."""
    views(scene.engine, 3)
    [last] = scene.intruder.column("SELECT MAX(id) FROM audit_event")
    scene.intruder.sql(f"DELETE FROM audit_event WHERE id = {last}")
    assert any(kind == "row-removed" and "ledger_entry" in where for kind, where in scene.findings())


def test_a_message_that_takes_all_memory_is_named(scene: Scene) -> None:
    """A skeleton that unpacks to more than there is ends no check: it is named, and so is what comes after it."""
    bomb = skeleton.whole(bytes(400_000_000)).hex()
    scene.intruder.sql(f"UPDATE image SET skeleton = 0x{bomb} WHERE id = 2; UPDATE image SET parser = '' WHERE id = 3")
    with little_memory(100_000_000):
        found = scene.findings()
    assert {("row-changed", "image 2"), ("octets-changed", "image 2"), ("row-changed", "image 3")} <= set(found)


def cut(scene: Scene) -> None:
    """The last twenty leaves with their rows and entries, and every local trace of the checkpoints since."""
    tail = "position >= (SELECT MAX(position) - 19 FROM ledger_leaf AS t)"
    leaves = scene.intruder.column(f"SELECT CONCAT(kind, ' ', row_key) FROM ledger_leaf WHERE {tail}")
    for leaf in leaves:
        kind, key = leaf.split()
        number = key.split(".")[0]
        unit = coverage.units()[kind]
        for table in unit.members:
            scene.intruder.sql(f"DELETE FROM `{table.name}` WHERE {coverage.key_column(table).name} = {number}")
    scene.intruder.sql("DELETE FROM ledger_leaf ORDER BY position DESC LIMIT 20")
    scene.intruder.sql("DELETE FROM checkpoint WHERE size > (SELECT MAX(position) + 1 FROM ledger_leaf)")
    scene.intruder.sql("DELETE FROM checkpoint_stamp WHERE checkpoint_id NOT IN (SELECT id FROM checkpoint)")
    left = set(map(int, scene.intruder.column("SELECT id FROM checkpoint")))
    for path in (scene.config.data / "checkpoints").iterdir():
        if checkpoints.number_of(path) not in left:
            path.unlink()
    for path in (scene.config.data / "verify").iterdir():
        path.unlink()


def test_a_cut_tail_is_found_by_a_checkpoint_elsewhere(scene: Scene) -> None:
    """With the last rows of everything and the local checkpoints gone, the one that was carried away tells."""
    cut(scene)
    found = scene.findings(external=True)
    assert ("tail-cut", str(scene.carried_away)) in found
    views(scene.engine, 40)  # and when the tree has grown beyond it again
    assert any(where == str(scene.carried_away) for _, where in scene.findings(external=True))


def test_nothing_is_found_when_nothing_was_done(scene: Scene) -> None:
    """The archive that all this was done to, put back."""
    assert scene.findings(external=True) == []
