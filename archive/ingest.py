"""From captured messages to rows: one transaction a batch, harmless to run again, safe beside other ingesters.

Order of one batch: digest, parse, split and proof; the rows and files of new images, sightings, envelopes and events;
then, under one lock for all ingesters, letters and the readable names of the attachments, and the commit. The lock
keeps two images of one letter, taken up at the same moment by two ingesters, from becoming two letters. Rows that
others may be about to write too (accounts, mailboxes, addresses) are written before it is taken, and shortly before:
who waits for such a row waits for our commit, and must not have the lock by then.
"""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, func, select

from postbuch.archive import audit, bulk, databaseerrors, eventrows, imagerows
from postbuch.archive.bulk import find
from postbuch.archive.errors import ServiceMissing
from postbuch.archive.numbers import Numbers
from postbuch.archive.objects import ObjectStore
from postbuch.archive.parser import Parser
from postbuch.archive.preparation import Message, NewImage, add_images, read_message
from postbuch.archive.reasons import Reason
from postbuch.archive.record import MESSAGE, Record
from postbuch.archive.schema import image, sighting, spool_file
from postbuch.archive.widths import SORT_CHARACTERS

LOCK = "postbuch.ingest"
LOCK_PATIENCE_S = 60
# A deadlock or a lock wait time-out is tried again this often; under the lock they are rare.
ATTEMPTS = 5
DUPLICATE = 1062  # MariaDB: duplicate entry for a unique key


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What became of one message. `known`: this very capture was stored before; `new`: its image was not."""

    capture: bytes
    sha256: bytes
    image_id: int
    letter_id: int
    new: bool
    known: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolFile:
    """A file whose records are all in the batch: its row says that it is drained."""

    name: str
    messages: int
    events: int


class Ingester:
    """One way into the archive: connections, a parser child and what it remembers. One thread."""

    def __init__(self, engine: Engine, store: ObjectStore, parser: Parser | None) -> None:
        self._engine = engine
        self._store = store
        self._parser = parser
        self._numbers = Numbers()

    def begin(self) -> None:
        """Start what takes time to start, before there is anything to do."""
        if self._parser is not None:
            self._parser.begin()

    def ingest(self, records: Sequence[Record], files: Sequence[SpoolFile] = (), *, read: bool = True) -> list[Stored]:
        """Store the records and the rows of their files. `read=False`: store the messages without parsing them.

        Raises RecordUnfit or SpoolDamaged for a record that cannot be stored, ServiceMissing, ObjectsUnwritable.
        """
        messages = [read_message(record) for record in records if record.kind == MESSAGE]
        events = [record for record in records if record.kind != MESSAGE]
        with self._engine.connect() as conn:
            known = find(conn, image.c.sha256, image.c.id, {item.sha256 for item in messages})
        first: dict[bytes, Message] = {}
        for item in messages:
            if item.sha256 in known or first.setdefault(item.sha256, item) is not item:
                item.record.prove(item.octets)  # the first are proved by what is kept of them
        add_images(list(first.values()), self._parser if read else None)
        for attempt in range(ATTEMPTS):
            try:
                return self._transaction(messages, events, files, known if attempt == 0 else None)
            except Exception as error:
                self._numbers.drop()
                if attempt + 1 == ATTEMPTS or not _may_try_again(error):
                    raise
        raise AssertionError("the last attempt returns or raises")

    def unknown(self, captures: Sequence[bytes]) -> set[bytes]:
        """Which of the captures have no sighting yet."""
        with self._engine.connect() as conn:
            return set(captures) - set(find(conn, sighting.c.capture, sighting.c.id, captures))

    def try_events(self, records: Sequence[Record]) -> None:
        """Store the events and roll back: whether they can be stored. Raises as `ingest` does."""
        with self._engine.connect() as conn:
            try:
                eventrows.insert_events(conn, self._numbers, [record.facts for record in records])
            finally:
                self._numbers.drop()
                conn.rollback()

    def _transaction(
        self, messages: Sequence[Message], events: Sequence[Record], files: Sequence[SpoolFile],
        known: dict[bytes, int] | None,
    ) -> list[Stored]:
        with self._store.at_work(), self._engine.connect() as conn:
            files = _not_drained(conn, files)
            batch = _insert_unlinked(conn, self._store, self._numbers, messages, known)
            _insert_events(conn, self._numbers, events, files)
            with _locked(conn):
                found = _insert_letters(conn, self._store, batch)
                conn.commit()
        self._numbers.keep()
        return found


def _may_try_again(error: BaseException) -> bool:
    """After a deadlock, and after another ingester stored the same image between our look and our insert."""
    return databaseerrors.may_try_again(error) or databaseerrors.number(error) == DUPLICATE


@contextlib.contextmanager
def _locked(conn: Connection) -> Iterator[None]:
    """The lock of all ingesters; it ends with the connection at the latest."""
    if conn.scalar(select(func.get_lock(LOCK, LOCK_PATIENCE_S))) != 1:
        raise ServiceMissing(Reason.DATABASE_BUSY.said())
    try:
        yield
    finally:
        with contextlib.suppress(ServiceMissing):
            conn.rollback()
            conn.scalar(select(func.release_lock(LOCK)))
            conn.rollback()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    """A batch whose images have their rows: what is captured already, what is fresh, what is new."""

    messages: Sequence[Message]
    captured: dict[bytes, int]
    fresh: list[Message]
    images: dict[bytes, int]
    new: list[tuple[Message, NewImage]]
    accounts: dict[str, int]
    mailboxes: dict[tuple[int, str], int]


def _insert_unlinked(
    conn: Connection, objects: ObjectStore, numbers: Numbers, messages: Sequence[Message],
    known: dict[bytes, int] | None,
) -> _Batch:
    """The rows that need no lock, most of all rows; the files of the attachments are synced.

    `known`: the images that were there before the messages were parsed, when nothing is likely to have come since: a
    capture that is there after all, or an image by now, is a duplicate key, and then we are called without.
    """
    captured: dict[bytes, int] = {}
    if known is None:
        captured = find(conn, sighting.c.capture, sighting.c.image_id, {item.capture for item in messages})
        known = find(conn, image.c.sha256, image.c.id, {item.sha256 for item in messages})
    fresh = list({item.capture: item for item in messages if item.capture not in captured}.values())
    images = dict(known)
    new = [(item, item.image) for item in fresh if item.image is not None and item.sha256 not in images]
    now = audit.now()
    if new:
        images.update(imagerows.insert_images(conn, new, now))
    accounts = numbers.accounts(conn, {(item.account, item.upstream) for item in fresh})
    named = {(accounts[item.account], item.mailbox) for item in fresh if item.mailbox is not None}
    mailboxes = numbers.mailboxes(conn, named)
    eventrows.insert_sightings(conn, fresh, images, accounts, mailboxes)
    eventrows.insert_senders(
        conn, {(accounts[item.account], images[item.sha256]) for item in fresh},
        {images[item.sha256]: made.parsed.from_display[:SORT_CHARACTERS] for item, made in new},
    )
    eventrows.insert_identities(
        conn, {(accounts[item.account], item.identity, images[item.sha256]) for item in fresh if item.identity}
    )
    imagerows.insert_objects(conn, objects, new, images, now)
    imagerows.insert_people(conn, numbers, new, images)
    eventrows.insert_envelopes(conn, numbers, fresh, accounts)
    return _Batch(
        messages=messages, captured=captured, fresh=fresh, images=images, new=new, accounts=accounts,
        mailboxes=mailboxes,
    )


def _insert_events(
    conn: Connection, numbers: Numbers, events: Sequence[Record], files: Sequence[SpoolFile]
) -> None:
    """The events and the rows of the files.

    Events that come from a file are stored together with its row or not at all: log-ins have no capture.
    """
    now = audit.now()
    bulk.insert_rows(conn, spool_file, [
        {"name": item.name, "messages": item.messages, "events": item.events, "drained_at": now} for item in files
    ])
    fresh_files = {item.name for item in files}
    eventrows.insert_events(conn, numbers, [
        record.facts for record in events if record.path is None or record.path.name in fresh_files
    ])


def _insert_letters(conn: Connection, objects: ObjectStore, batch: _Batch) -> list[Stored]:
    """Letters and where they were seen; when it returns everything is synced, so commit next."""
    letters = imagerows.insert_letters(conn, batch.new, batch.images)
    new_letters = {letter_id for letter_id, _ in letters.values()}
    others = sorted({batch.images[item.sha256] for item in batch.messages} - set(letters))
    letters.update(imagerows.letters_of(conn, others))
    if _place(conn, objects, batch, letters, new_letters):
        objects.sync()
    made_now = {item.sha256 for item, _ in batch.new}
    return [
        Stored(
            capture=item.capture, sha256=item.sha256, image_id=batch.images[item.sha256],
            letter_id=letters[batch.images[item.sha256]][0],
            new=item.sha256 in made_now, known=item.capture in batch.captured,
        )
        for item in batch.messages
    ]


def _not_drained(conn: Connection, files: Sequence[SpoolFile]) -> list[SpoolFile]:
    """The files that have no row yet: a killed drain may have committed and not removed the file."""
    drained = find(conn, spool_file.c.name, spool_file.c.id, [item.name for item in files])
    return [item for item in files if item.name not in drained]


def _place(
    conn: Connection,
    objects: ObjectStore,
    batch: _Batch,
    letters: dict[int, tuple[int, datetime]],
    new_letters: set[int],
) -> bool:
    """Where the letters were seen, and the readable names of their attachments; whether names were made.

    `new_letters`: those of this very transaction.
    """
    places = set()
    owners: set[tuple[int, str]] = set()
    for item in batch.fresh:
        image_id, owner = batch.images[item.sha256], batch.accounts[item.account]
        letter_id, at = letters[image_id]
        mailbox_id = eventrows.mailbox_of(item, batch.accounts, batch.mailboxes) or 0
        places.add((owner, mailbox_id, letter_id, at))
        owners.add((image_id, item.account))
    files = {batch.images[item.sha256]: imagerows.files_in(made) for item, made in batch.new}
    files.update(imagerows.files_of(conn, sorted({image_id for image_id, _ in owners} - set(files))))
    linked = False
    for image_id, account in sorted(owners):
        letter_id, at = letters[image_id]
        for file in files.get(image_id, ()):
            objects.link(file.sha256, at, account, letter_id, file.name)
            linked = True
    eventrows.insert_places(conn, places, new_letters)
    return linked
