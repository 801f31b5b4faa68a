"""The check of the whole archive against its ledger: `postbuch verify`, and by schedule.

Full: every leaf against the tree, its row and its octets; every row against the leaves; every file and its readable
names; every checkpoint.
Incremental: what was added since the last good check, a sample of the rest, and every checkpoint's signature. A full
check that is broken off goes on where it was.
"""

import json
import random
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, select
from sqlalchemy.exc import SQLAlchemyError

from postbuch.archive import access, audit, coverage, databaseerrors, filecheck, merkle, rowcheck, said
from postbuch.archive.bulk import insert_rows
from postbuch.archive.checkmemory import Memory
from postbuch.archive.checkpointcheck import CheckpointCheck, Roots
from postbuch.archive.config import Config
from postbuch.archive.findings import Detail, Findings, Kind, Progress
from postbuch.archive.leafcheck import CHUNK, LeafCheck, check_nodes_beyond
from postbuch.archive.ledgertree import StoredNodes, tree_size
from postbuch.archive.objects import ObjectStore
from postbuch.archive.schema import ledger_leaf
from postbuch.archive.schema_ledger import verification
from postbuch.archive.sealer import Sealer

# Old leaves that an incremental check takes at random: one changed row in a hundred is found with 99.99 %.
SAMPLE = 1000
# Of the checkpoints before the last good check, the newest whose roots are computed again: two days of hourly ones.
OLD_ROOTS = 48
SAVE_EVERY_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was checked and found. `complete` is false when it was stopped; a full check then goes on the next time.

    `resumed_at`: the leaf at which a full check went on that was broken off before; 0 when it read everything.
    """

    scope: str
    complete: bool
    resumed_at: int
    checked: dict[str, int]
    findings: Findings
    started_at: datetime
    ended_at: datetime

    def as_json(self) -> dict[str, Any]:
        """As `postbuch verify --json` prints it."""
        return {
            "ok": self.complete and not self.findings.count, "scope": self.scope, "complete": self.complete,
            "resumed_at": self.resumed_at,
            "started_at": self.started_at.isoformat() + "Z", "ended_at": self.ended_at.isoformat() + "Z",
            "checked": self.checked, "found": self.findings.count, "findings": self.findings.as_json(),
        }


class Verification:
    """One check. The engine is that of the role `ingest`: the report is kept as a row."""

    def __init__(self, config: Config, engine: Engine, progress: Progress = lambda done, total: True) -> None:
        self._config = config
        self._engine = engine
        self._progress = progress
        self._memory = Memory(config.data)
        self._store = ObjectStore(config.data)
        self._findings = Findings()
        self._started = audit.now()
        self._resumed_at = 0
        self._checked = dict.fromkeys(("leaves", "checkpoints", "checkpoint_files"), 0)

    def run(self, *, full: bool, external: Sequence[Path] = (), restart: bool = False) -> Report:
        """Check, keep the report, give it. Raises ServiceMissing."""
        with self._engine.connect() as conn:
            emptied = rowcheck.check_emptied(conn, self._findings)
            size = tree_size(conn)
        for user, sentence in access.told(self._config).items():
            self._findings.add(Kind.RIGHT_TOO_MANY, user, sentence)
        complete = True
        if not emptied:
            self._seal()
            size, complete = self._all(full=full, external=external, restart=restart)
        for trigger in access.unguarded(self._config):
            self._findings.add(Kind.GUARD_GONE, trigger, Detail.TRIGGER_GONE.said())
        report = Report(
            scope="full" if full else "incremental", complete=complete, resumed_at=self._resumed_at,
            checked=self._checked, findings=self._findings, started_at=self._started, ended_at=audit.now(),
        )
        if complete:
            self._keep(report, size)
        return report

    def _all(self, *, full: bool, external: Sequence[Path], restart: bool) -> tuple[int, bool]:
        """The size of the tree that was checked, and whether the check came to its end."""
        with self._engine.connect() as conn:
            size = tree_size(conn)
            checkpoints = CheckpointCheck(self._config, conn, size, self._findings)
            checkpoints.run(external)
            if full:
                complete = self._full(conn, size, checkpoints.roots, restart=restart)
            else:
                complete = self._incremental(conn, size, checkpoints.roots, checkpoints.required)
        self._checked["leaves"] = size
        self._checked["checkpoints"] = sum(map(len, checkpoints.roots.values()))
        self._checked["checkpoint_files"] = checkpoints.files
        return size, complete

    def _seal(self) -> None:
        """Everything committed gets its leaf, however late; a tree that takes none is a finding, not an end."""
        try:
            Sealer(self._engine).seal(window=None)
        except (LookupError, SQLAlchemyError) as error:
            if isinstance(error, SQLAlchemyError) and databaseerrors.is_gone(error):
                raise
            cause = said.of(getattr(error, "orig", None) or error)
            self._findings.add(Kind.UNSEALED, "ledger", Detail.TREE_STUCK.said(words=cause[:200]))

    # --- everything -----------------------------------------------------------------------------------------------

    def _full(self, conn: Connection, size: int, roots: Roots, *, restart: bool) -> bool:
        check = LeafCheck(self._store, self._findings, roots)
        if restart:
            self._memory.forget()
        started_at = self._memory.resume(check, self._findings, StoredNodes(conn), size)
        if started_at is not None:
            self._started, self._resumed_at = started_at, check.frontier.size
            if check.whole:  # those of the leaves that are not read again
                self._old_roots(StoredNodes(conn), [each for each in roots if each <= check.frontier.size], roots)
        saved = time.monotonic()
        while check.frontier.size < size:
            check.read(conn, size)
            conn.rollback()  # the next chunk sees what was added meanwhile, and no old version is kept for us
            going = self._progress(check.frontier.size, size)
            if not going or time.monotonic() - saved > SAVE_EVERY_S:
                self._memory.save(check, self._findings, self._started, size)
                saved = time.monotonic()
            if not going:
                self._note(check)
                return False
        check.complete_entry()
        self._note(check)
        check_nodes_beyond(conn, tree_size(conn), self._findings)
        self._rows(conn, {})
        rowcheck.check_orphans(conn, self._findings)
        self._checked["files"] = filecheck.check_objects(conn, self._store, self._findings)
        self._checked["names"] = filecheck.check_names(conn, self._store, self._findings)
        self._memory.forget()
        return True

    def _note(self, check: LeafCheck) -> None:
        self._checked |= {**check.checked, "octets": check.octets}

    def _rows(self, conn: Connection, first: dict[str, int]) -> None:
        """Rows without a leaf: those that still have none when everything has been sealed again."""
        suspects: dict[str, list[str]] = {}
        for kind, unit in coverage.units().items():
            for keys in rowcheck.without_leaf(conn, unit, first.get(kind, 0)):
                suspects.setdefault(kind, []).extend(keys)
            conn.rollback()
        if not any(suspects.values()):
            return
        self._seal()
        for kind, keys in suspects.items():
            for key in rowcheck.still_without(conn, coverage.units()[kind], keys):
                self._findings.add(Kind.ROW_INSERTED, f"{kind} {key}", Detail.ROW_NOT_ENTERED.said())

    # --- what is new ----------------------------------------------------------------------------------------------

    def _incremental(self, conn: Connection, size: int, roots: Roots, required: set[int]) -> bool:
        nodes = StoredNodes(conn)
        known = self._memory.verified()
        old = known.get("size", 0)
        if old > size:
            self._findings.add(Kind.TAIL_CUT, "ledger", Detail.CHECKED_MORE.said(checked=old, size=size))
            old = 0
        frontier = None
        try:
            frontier = nodes.frontier(old)
            if old and frontier.root().hex() != known.get("root"):
                self._findings.add(Kind.ROOT_CHANGED, "ledger", Detail.CHECKED_OTHER.said(size=old))
            sizes = sorted(each for each in roots if each <= old)
            self._old_roots(nodes, {*sizes[-OLD_ROOTS:], *required.intersection(sizes)}, roots)
        except LookupError as error:
            self._findings.add(Kind.LEAF_REMOVED, "ledger", said.of(error))
            old = 0
        check = LeafCheck(self._store, self._findings, roots, frontier if old else None)
        self._sample(conn, check, old)
        while check.frontier.size < size:
            check.read(conn, size)
            conn.rollback()
            if not self._progress(check.frontier.size - old, size - old):
                self._note(check)
                return False
        check.complete_entry()
        self._note(check)
        marks = {str(kind): int(mark) for kind, mark in known.get("rows", {}).items()} if old else {}
        self._rows(conn, marks)
        return True

    def _old_roots(self, nodes: StoredNodes, sizes: Iterable[int], roots: Roots) -> None:
        """Checkpoints of leaves that are not read now."""
        for size in sorted(sizes):
            try:
                found = merkle.root(nodes, size)
            except LookupError as error:
                self._findings.add(Kind.LEAF_REMOVED, "ledger", said.of(error))
                return
            for where, root in roots[size]:
                if root != found:
                    self._findings.add(Kind.ROOT_CHANGED, where, Detail.SIGNED_OTHER.said(size=size))

    def _sample(self, conn: Connection, check: LeafCheck, old: int) -> None:
        """Rows of old leaves, each time others."""
        positions = random.sample(range(old), min(SAMPLE, old))
        for start in range(0, len(positions), CHUNK):
            query = select(ledger_leaf).where(ledger_leaf.c.position.in_(positions[start : start + CHUNK]))
            check.rows(conn, conn.execute(query).all())

    # --- what is remembered ---------------------------------------------------------------------------------------

    def _keep(self, report: Report, size: int) -> None:
        with self._engine.begin() as conn:
            insert_rows(conn, verification, [{
                "scope": report.scope, "started_at": report.started_at, "ended_at": report.ended_at, "size": size,
                "findings": report.findings.count, "report": json.dumps(report.as_json()),
            }])
            if report.findings.count:
                return
            root = merkle.root(StoredNodes(conn), size)
            rows = {
                kind: conn.scalar(select(coverage.key_column(unit.table)).order_by(
                    coverage.key_column(unit.table).desc()).limit(1)) or 0
                for kind, unit in coverage.units().items() if unit.numbered
            }
        self._memory.keep_verified(size, root, rows)
