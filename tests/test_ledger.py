"""Every write-once row gets its leaf, and a stranger computes the same from the rows alone."""

import hashlib
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import Engine, LargeBinary, Table, func, select
from sqlalchemy.dialects import mysql

from postbuch.archive import audit, coverage, merkle
from postbuch.archive.bulk import insert_rows
from postbuch.archive.columns import Covered, written
from postbuch.archive.ledgertree import StoredNodes, tree_size
from postbuch.archive.schema import metadata
from postbuch.archive.schema_ledger import ledger_entry, ledger_leaf
from postbuch.archive.sealer import Sealer
from provider.archive import ACCOUNT, event_record, fresh_archive, ingester, message_record
from provider.evidence import a_message, fill


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with fresh_archive(tmp_path_factory.mktemp("a")) as (config, engine), ingester(config, engine) as work:
        fill(engine, work, 5)
        Sealer(engine).seal()
        yield engine


def test_every_write_once_table_is_covered() -> None:
    """Each is a kind of leaf, belongs to one, or is the tree; not what may change, and what can be made again."""
    in_leaves = {table.name for unit in coverage.units().values() for table in unit.members}
    for table in metadata.sorted_tables:
        covered = table.info["covered"]
        if not table.info["writes"].is_once:
            assert covered is None
        elif covered is Covered.TREE:
            assert table.name in ("ledger_leaf", "ledger_node")
        elif covered is Covered.REMADE:
            assert table.name in ("attachment", "object_text", "seen_sender", "tallied_image")
        else:
            assert table.name in in_leaves


def stranger(row: Any, table: Table) -> bytes:
    """The lines of one row, by docs/ledger.md and nothing else."""
    lines = [f"= {table.name}\n".encode()]
    for column in sorted(written(table), key=lambda one: one.name):
        value = row._mapping[column]
        if value is None:
            continue
        if isinstance(column.type, mysql.LONGBLOB | mysql.MEDIUMBLOB):
            octets = value
        elif isinstance(column.type, LargeBinary | mysql.BINARY):
            octets = value.hex().encode()
        elif isinstance(value, datetime):
            octets = value.isoformat(" ", "microseconds").encode()
        else:
            octets = str(int(value) if isinstance(value, bool) else value).encode()
        if len(octets) > 4096 or isinstance(column.type, mysql.LONGBLOB | mysql.MEDIUMBLOB):
            lines.append(f"{column.name} sha256 {hashlib.sha256(octets).hexdigest()}\n".encode())
        else:
            lines.append(f"{column.name} {len(octets)} ".encode() + octets + b"\n")
    return b"".join(lines)


def test_a_stranger_computes_every_leaf(sealed: Engine) -> None:
    """From the rows as any client reads them, by the definition in the docs: the same hash for each leaf."""
    kinds = set()
    with sealed.connect() as conn:
        for kind, unit in coverage.units().items():
            for row in conn.execute(select(unit.table)):
                key = ".".join(str(row._mapping[column]) for column in unit.table.primary_key)
                rows = [stranger(row, unit.table)]
                for table in unit.members[1:]:
                    first = coverage.key_column(table)
                    rows += [stranger(one, table) for one in conn.execute(select(table).where(first == int(key)))]
                text = f"postbuch-ledger/1 {kind} {key}\n".encode() + b"".join(sorted(rows))
                leaf = select(ledger_leaf.c.hash).where(ledger_leaf.c.kind == kind, ledger_leaf.c.row_key == key)
                assert conn.scalar(leaf) == hashlib.sha256(b"\0" + text).digest(), text.decode()
                kinds.add(kind)
    assert kinds >= {"image", "object", "sighting", "letter", "letter_place", "outcome", "smtp_envelope", "refusal",
                     "gap", "audit_event", "spool_file", "address", "mailbox", "ledger_entry"}  # fmt: skip


def test_texts_too_long_to_be_joined_come_row_by_row(sealed: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same texts in the same order, whichever way they come."""
    unit = coverage.units()["image"]
    with sealed.connect() as conn:
        joined = coverage.texts(conn, unit, "{key} > 0")
        assert len(joined) > 1
        for octets in (4, 600):  # the first key does not fit; some rows do
            monkeypatch.setattr(coverage, "JOINED_OCTETS", octets)
            assert list(coverage.texts(conn, unit, "{key} > 0").items()) == list(joined.items())


def test_roots_and_proofs_from_the_database(sealed: Engine) -> None:
    """The stored nodes give the root of each size, and each leaf its path."""
    with sealed.connect() as conn:
        nodes, size = StoredNodes(conn), tree_size(conn)
        leaves = nodes.hashes(0, 0, size)
        frontier = merkle.Frontier()
        for leaf in leaves:
            frontier.append(leaf)
        assert len(leaves) == size and merkle.root(nodes, size) == frontier.root()
        assert nodes.frontier(size) == frontier
        for index in range(0, size, 7):
            path = merkle.inclusion(nodes, index, size)
            assert merkle.root_from_inclusion(leaves[index], index, size, path) == frontier.root()


def test_subtrees_are_stored(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Beyond 256 leaves the stored nodes are used, also by a sealer that begins in the middle of one."""
    with fresh_archive(tmp_path_factory.mktemp("b")) as (_, engine):
        for _ in range(3):
            with engine.begin() as conn:
                for number in range(120):
                    audit.record(conn, "anna", "cli", "view", f"letter {number}")
            Sealer(engine).seal()
        with engine.connect() as conn:
            nodes, size = StoredNodes(conn), tree_size(conn)
            leaves = nodes.hashes(0, 0, size)
            assert size == 720 and len(nodes.hashes(1, 0, 9)) == 2
            frontier = merkle.Frontier()
            for leaf in leaves:
                frontier.append(leaf)
            assert merkle.root(nodes, size) == frontier.root() and nodes.frontier(size) == frontier


def test_sealers_take_turns(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Each begins where the tree ends, not where it left it; and nodes that are kept grow with the tree."""
    with fresh_archive(tmp_path_factory.mktemp("turns")) as (_, engine), engine.connect() as conn:
        sealers, nodes, roots = (Sealer(engine), Sealer(engine)), StoredNodes(conn), []
        for number in (0, 0, 1, 0, 1, 1, 0):
            with engine.begin() as other:
                audit.record(other, "anna", "cli", "view", f"letter {number}")
            assert sealers[number].seal() == 2
            size = tree_size(conn)
            roots.append((size, merkle.root(nodes, size)))
        frontier = merkle.Frontier()
        wanted = dict(roots)
        for leaf in StoredNodes(conn).hashes(0, 0, size):
            frontier.append(leaf)
            assert wanted.pop(frontier.size, frontier.root()) == frontier.root()
        assert wanted == {}


def test_a_late_commit_is_not_missed(sealed: Engine) -> None:
    """A transaction that took its numbers first and is committed last, and one that is rolled back."""
    with sealed.connect() as late, sealed.connect() as other, sealed.connect() as gone:
        audit.record(late, "late", "cli", "view", "letter 1")
        audit.record(gone, "gone", "cli", "view", "letter 1")
        gone.rollback()
        audit.record(other, "other", "cli", "view", "letter 1")
        other.commit()
        sealer = Sealer(sealed)
        assert sealer.seal() == 2
        assert sealer.seal() == 0
        late.commit()
        assert sealer.seal() == 2


def test_a_row_that_was_entered_twice_has_one_leaf(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Also when the second entry says that its rows are new: the tree goes on, and each row stands in it once."""
    with fresh_archive(tmp_path_factory.mktemp("twice")) as (_, engine):
        sealer = Sealer(engine)
        for _ in range(2):
            with engine.begin() as conn:
                audit.record(conn, "anna", "cli", "view", "letter 1")
                insert_rows(conn, ledger_entry, [{"kind": "audit_event", "wrote": "1-1"}])
            sealer.seal()
        with engine.connect() as conn:
            kinds = conn.execute(select(ledger_leaf.c.kind, ledger_leaf.c.row_key).order_by(ledger_leaf.c.position))
            found = [tuple(row) for row in kinds]
            frontier = StoredNodes(conn).frontier(len(found))
        assert found == [
            ("ledger_entry", "1"), ("audit_event", "1"), ("ledger_entry", "2"),
            ("ledger_entry", "3"), ("audit_event", "2"), ("ledger_entry", "4"),
        ]  # fmt: skip
        assert sealer._frontier == frontier


def test_what_was_there_already_is_not_entered(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A replay adds no leaf; a batch in which some rows are known enters those that are new."""
    with fresh_archive(tmp_path_factory.mktemp("c")) as (config, engine), ingester(config, engine) as work:
        gap = event_record(event="gap", account=ACCOUNT, upstream="provider", mailbox="INBOX", uid=9, reason="x")
        other = event_record(event="gap", account=ACCOUNT, upstream="provider", mailbox="INBOX", uid=8, reason="x")
        message = message_record(a_message(1))
        work.ingest([message, gap])
        Sealer(engine).seal()
        work.ingest([message, gap])
        assert Sealer(engine).seal() == 0
        work.ingest([message_record(a_message(1)), gap, other])
        assert Sealer(engine).seal() > 0
        with engine.connect() as conn:
            for kind, count in (("gap", 2), ("sighting", 2), ("letter_place", 1)):
                assert conn.scalar(select(func.count()).where(ledger_leaf.c.kind == kind)) == count
                assert conn.scalar(select(func.count()).select_from(metadata.tables[kind])) == count
