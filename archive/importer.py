"""Old mail into the archive: straight through the ingest, octet for octet, as often as one likes.

The capture of an item follows from account, mailbox and digest: a second run adds nothing and costs little, so an
import that broke off is simply run again.
"""

import hashlib
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, select

from postbuch.archive import audit, database
from postbuch.archive.config import Config
from postbuch.archive.database import Role
from postbuch.archive.failing import is_of_the_record, sentence
from postbuch.archive.ingest import Ingester, SpoolFile, Stored
from postbuch.archive.mailfile import Item, messages_in
from postbuch.archive.objects import ObjectStore
from postbuch.archive.parser import Parser
from postbuch.archive.record import EVENT, MESSAGE, Record
from postbuch.archive.schema import refusal

BATCH_MESSAGES = 300
BATCH_OCTETS = 16_777_216
MAILBOX = "Import"


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemResult:
    """What became of one item: `result` is new, known or refused; `id` is the letter's number."""

    source: str
    sha256: str
    id: int | None
    result: str
    reason: str = ""

    @property
    def refused(self) -> bool:
        return self.result == "refused"


def import_paths(
    config: Config,
    paths: Iterable[Path],
    account: str = "",
    mailbox: str = "",
    progress: Callable[[ItemResult], None] | None = None,
) -> Iterator[ItemResult]:
    """Import every message of the files and folders, in batches; a result for each item once it is committed.

    An item that says where it was (`mailfile.Origin`) goes there, unless `account` or `mailbox` says otherwise.
    The database must answer. Raises ServiceMissing, ObjectsUnwritable: what was yielded until then is stored.
    """
    engine = database.engine(config, Role.INGEST)
    try:
        with Parser() as parser:
            work = _Import(config, engine, Ingester(engine, ObjectStore(config.data), parser), account.lower(), mailbox)
            for batch in _batches(item for path in paths for item in messages_in(path)):
                for result in work.store(batch):
                    if progress is not None:
                        progress(result)
                    yield result
    finally:
        engine.dispose()


def _batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    batch: list[Item] = []
    octets = 0
    for item in items:
        size = len(item.octets or b"")
        if batch and (len(batch) >= BATCH_MESSAGES or octets + size > BATCH_OCTETS):
            yield batch
            batch, octets = [], 0
        batch.append(item)
        octets += size
    if batch:
        yield batch


class _Import:
    def __init__(self, config: Config, engine: Engine, ingester: Ingester, account: str, mailbox: str) -> None:
        self._config = config
        self._engine = engine
        self._ingester = ingester
        self._account = account
        self._mailbox = mailbox

    def store(self, items: Sequence[Item]) -> list[ItemResult]:
        """One batch in one transaction; when a message is unfit, each one alone."""
        try:
            return self._store(items)
        except Exception as error:
            if not is_of_the_record(error):
                raise
            if len(items) > 1:
                return [result for item in items for result in self.store([item])]
            return self._store([Item(source=items[0].source, octets=None, reason=sentence(error))])

    def _store(self, items: Sequence[Item]) -> list[ItemResult]:
        seen: dict[bytes, int] = {}
        records: list[Record] = []
        for place, item in enumerate(items):
            if item.octets is not None:
                record = self._record(item, item.octets)
                if record.capture not in seen:  # the same mail twice in one batch is one sighting
                    seen[record.capture] = place
                    records.append(record)
        fresh = self._ingester.unknown([record.capture for record in records])
        refusals = self._refusals([item for item in items if item.octets is None])
        files = []
        if fresh or refusals:
            count = len(fresh) + len(refusals)
            files = [SpoolFile(name=f"import-{uuid.uuid4()}", messages=count, events=0)]
        stored = {one.capture: one for one in self._ingester.ingest([*records, *refusals], files)}
        return [self._result(place, item, seen, stored) for place, item in enumerate(items)]

    def _result(self, place: int, item: Item, seen: dict[bytes, int], stored: dict[bytes, Stored]) -> ItemResult:
        if item.octets is None:
            return ItemResult(source=item.source, sha256="", id=None, result="refused", reason=item.reason)
        digest = hashlib.sha256(item.octets).hexdigest()
        capture = self._capture(*self._place(item), digest)
        one = stored[capture]
        known = one.known or seen[capture] != place
        return ItemResult(
            source=item.source, sha256=digest, id=one.letter_id, result="known" if known else "new",
        )

    def _place(self, item: Item) -> tuple[str, str]:
        """Account and mailbox, which is empty for a submission."""
        if item.origin is None:
            return self._account, self._mailbox or MAILBOX
        return self._account or item.origin.account.lower(), self._mailbox or item.origin.mailbox or ""

    def _capture(self, account: str, mailbox: str, *words: str) -> bytes:
        text = "\0".join(["import", account, mailbox, *words])
        return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()[:16]

    def _record(self, item: Item, octets: bytes) -> Record:
        digest = hashlib.sha256(octets).hexdigest()
        now = audit.now().isoformat() + "+00:00"
        account, mailbox = self._place(item)
        served = self._config.upstream_for(account)
        facts = {
            "kind": "message", "capture": self._capture(account, mailbox, digest).hex(), "source": "import",
            "account": account, "upstream": "" if served is None else served.name, "mailbox": mailbox or None,
            "mailbox_utf8": True, "flags": item.flags,
            "internal_date": None if item.arrived is None else item.arrived.isoformat(), "seen_at": now,
            "sha256": digest, "size_octets": len(octets),
        }
        return Record(kind=MESSAGE, facts=facts, octets=octets, size_octets=len(octets))

    def _refusals(self, items: Sequence[Item]) -> list[Record]:
        """Items that cannot be kept go on record, each once however often the import is run."""
        found = []
        for item in items:
            account, mailbox = self._place(item)
            facts = {
                "kind": "event", "event": "refusal", "spooled": True,
                "capture": self._capture(account, mailbox, item.source, "refused").hex(),
                "source": "import", "account": account, "reason": f"{item.source} {item.reason}",
                "size_octets": 0, "at": audit.now().isoformat() + "+00:00",
            }
            found.append(Record(kind=EVENT, facts=facts, octets=None, size_octets=0))
        captures = [record.capture for record in found]
        with self._engine.connect() as conn:
            known = set(conn.scalars(select(refusal.c.capture).where(refusal.c.capture.in_(captures))))
        return [record for record in found if record.capture not in known]
