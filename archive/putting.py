"""Messages of the archive back into mailboxes at upstream: same octets, flags, INTERNALDATE and tree, never twice.

What is there already is known from the sightings: a message whose image was seen, or put by us, under a UID that the
mailbox still has. UIDs that the archive does not know are looked at: those of the right length are fetched and
compared. So a run that was broken off is simply run again. Each message is read back, and its APPEND and upstream's
answer are written down like one of a mail program; one that upstream keeps with other octets is told.
"""

import hashlib
import uuid
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine, select, text

from postbuch.archive import audit, mailboxname
from postbuch.archive.collect_backoff import Trouble
from postbuch.archive.collect_connection import UpstreamTrouble
from postbuch.archive.collect_plan import Listed
from postbuch.archive.config import Config
from postbuch.archive.errors import PostbuchError
from postbuch.archive.export import CHUNK, Export, Message, Place
from postbuch.archive.ingest import Ingester, SpoolFile
from postbuch.archive.put_session import PutSession
from postbuch.archive.reasons import Outward
from postbuch.archive.record import EVENT, MESSAGE, Record, new_capture
from postbuch.archive.schema import letter_place, mailbox
from postbuch.archive.sighted import Place as Where
from postbuch.archive.sighted import sighted
from postbuch.archive.uidset import UidSet

# Messages are read back and written down together: 20 are one round trip for twenty, and no more than that is looked
# for again after a break.
BATCH_MESSAGES = 20
BATCH_OCTETS = 4_194_304
SENT = "Sent"
# Which UIDs an image has in a mailbox: where it was seen, and where upstream put what was appended. A message that we
# put there and whose UID does not count, because upstream keeps it otherwise or names none, has the UID 0.
_UIDS = text("""
    SELECT s.uid FROM sighting s
    WHERE s.image_id = :image AND s.mailbox_id = :mailbox AND s.uidvalidity = :uidvalidity AND s.uid IS NOT NULL
    UNION
    SELECT o.uid FROM sighting s JOIN outcome o ON o.capture = s.capture
    WHERE s.image_id = :image AND s.mailbox_id = :mailbox AND o.uidvalidity = :uidvalidity AND o.uid IS NOT NULL
    UNION
    SELECT 0 FROM sighting s JOIN outcome o ON o.capture = s.capture
    WHERE s.image_id = :image AND s.mailbox_id = :mailbox AND s.session = :session AND o.verdict = 'accepted'
      AND o.uid IS NULL
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Put:
    """What became of one message: `put`, `there` (already), `altered` (put, and kept otherwise), `refused`."""

    sha256: str
    mailbox: str
    result: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Given:
    """A message that upstream has taken, not yet written down."""

    message: Message
    octets: bytes
    flags: tuple[str, ...]
    at: datetime
    uidvalidity: int | None
    uid: int | None
    said: str


@dataclass(slots=True, kw_only=True)
class _Box:
    """An open mailbox at upstream: what it holds. `unknown`: length → UIDs that the archive does not know."""

    listed: Listed
    uidvalidity: int
    number: int | None
    uids: UidSet
    unknown: dict[int, list[int]]
    digests: set[str] = field(default_factory=set)

    @property
    def session(self) -> str:
        """What marks our own APPENDs into this mailbox, which is another one with another UIDVALIDITY."""
        return f"put-{self.uidvalidity}"


def plan(conn: Connection, found: "array[int]", source: int) -> dict[str | None, "array[int]"]:
    """Mailbox of the source account → the letters in it. None: what was submitted and lies in no mailbox."""
    boxes: dict[str | None, array[int]] = {}
    for start in range(0, len(found), CHUNK):
        wanted = found[start : start + CHUNK].tolist()
        query = (
            select(letter_place.c.letter_id, letter_place.c.mailbox_id, mailbox.c.name)
            .join(mailbox, mailbox.c.id == letter_place.c.mailbox_id, isouter=True)
            .where(letter_place.c.account_id == source, letter_place.c.letter_id.in_(wanted))
        )
        places: dict[int, set[str | None]] = {}
        for row in conn.execute(query):
            places.setdefault(row.letter_id, set()).add(row.name)
        for letter_id in wanted:
            names = places.get(letter_id, set())
            named: list[str | None] = [*sorted(each for each in names if each is not None)]
            for name in named or ([None] if None in names else []):
                boxes.setdefault(name, array("Q")).append(letter_id)
    return boxes


class Putting:
    """Puts messages into mailboxes of one account. One thread; the session is another's to close."""

    def __init__(
        self, config: Config, engine: Engine, ingester: Ingester, session: PutSession, *, account: str, upstream: str,
        prefix: str = "",
    ) -> None:
        self._config = config
        self._engine = engine
        self._ingester = ingester
        self._session = session
        self._account = account
        self._upstream = upstream
        self._prefix = prefix
        self._listed, _ = session.mailboxes()
        self._delimiter = next((each.delimiter for each in self._listed if each.delimiter), "/")

    def run(self, boxes: dict[str | None, "array[int]"], source: int, address: str) -> Iterator[Put]:
        """Everything of a `plan` for the source account, whose address is `address`. Raises UpstreamTrouble."""
        for name, letters in boxes.items():
            box = self._open(name)
            export = Export(self._engine, self._config, frozenset({source}), letters)
            wanted = (
                (message, place) for message in export.messages() for place in message.places
                if (place.account, place.mailbox) == (address, name)
            )
            yield from self._put_all(export, wanted, box)

    # --- the mailbox ----------------------------------------------------------------------------------------------

    def _open(self, name: str | None) -> _Box:
        """The mailbox that one of the archive goes to, made when it is not there, and what is in it."""
        listed = self._target(name)
        if listed not in self._listed:
            self._session.create(listed.name)
            self._listed.append(listed)
        standing = self._session.examine(listed.name)
        if standing is None:
            raise UpstreamTrouble(
                Trouble.ANSWER, Outward.NO_UIDVALIDITY.said(host=self._session.host, mailbox=listed.readable)
            )
        uids = self._session.uids(standing.messages)
        where = Where(account=self._account, mailbox=listed.readable, uidvalidity=standing.uidvalidity)
        with self._engine.connect() as conn:
            unknown = uids.without(UidSet(sighted(conn, where)))
            number = self._number(conn, listed.readable)
        by_size: dict[int, list[int]] = {}
        for uid, told in self._session.described(unknown).items():
            by_size.setdefault(told.size_octets, []).append(uid)
        return _Box(
            listed=listed, uidvalidity=standing.uidvalidity, number=number, uids=uids, unknown=by_size
        )

    def _target(self, name: str | None) -> Listed:
        if name is None and not self._prefix:
            special = next((each for each in self._listed if b"\\sent" in each.attributes), None)
            if special is not None:
                return special
        readable = SENT if name is None else name
        if self._prefix:
            readable = f"{self._prefix}{self._delimiter}{readable}"
        known = next((each for each in self._listed if each.readable == readable and each.selectable), None)
        return known or Listed(
            name=mailboxname.encode(readable), readable=mailboxname.readable(readable, is_utf8=True),
            delimiter=self._delimiter,
        )

    def _number(self, conn: Connection, readable: str) -> int | None:
        """The archive's number of the mailbox; None when it was never seen."""
        query = text(
            "SELECT m.id FROM mailbox m JOIN account a ON a.id = m.account_id "
            "WHERE a.address = :account AND m.name = :mailbox"
        )
        found: int | None = conn.scalar(query, {"account": self._account, "mailbox": readable})
        return found

    # --- the messages ---------------------------------------------------------------------------------------------

    def _put_all(self, export: Export, wanted: Iterable[tuple[Message, Place]], box: _Box) -> Iterator[Put]:
        given: list[_Given] = []
        size = 0
        for message, place in wanted:
            if self._is_there(message, box):
                yield Put(sha256=message.sha256, mailbox=box.listed.readable, result="there")
                continue
            try:
                one = self._give(export, message, place, box)
            except PostbuchError as error:
                if error.temporary and not _is_about_one(error):
                    if isinstance(error, UpstreamTrouble) and error.refused:
                        yield from self._write_down(given, box)
                    raise
                reason = error.args[0]
                yield Put(sha256=message.sha256, mailbox=box.listed.readable, result="refused", reason=reason)
                continue
            given.append(one)
            box.digests.add(message.sha256)
            size += len(one.octets)
            if len(given) >= BATCH_MESSAGES or size >= BATCH_OCTETS:
                yield from self._write_down(given, box)
                given, size = [], 0
        yield from self._write_down(given, box)

    def _is_there(self, message: Message, box: _Box) -> bool:
        if message.sha256 in box.digests:
            return True
        if box.number is not None:
            facts = {
                "image": message.image_id, "mailbox": box.number, "uidvalidity": box.uidvalidity,
                "session": box.session,
            }
            with self._engine.connect() as conn:
                uids = set(conn.scalars(_UIDS, facts))
            if any(uid == 0 or uid in box.uids for uid in uids):
                return True
        for uid in box.unknown.pop(message.size_octets, []) + box.unknown.pop(0, []):
            box.digests.update(self._digests([uid]).values())
        return message.sha256 in box.digests

    def _digests(self, uids: list[int]) -> dict[int, str]:
        """UID → the digest of what upstream gives out."""
        found = {}
        for each in self._session.messages(uids):
            octets = self._session.whole(each)
            found[each.uid] = hashlib.sha256(octets).hexdigest()
        return found

    def _give(self, export: Export, message: Message, place: Place, box: _Box) -> _Given:
        octets = export.octets(message)
        if b"\0" in octets:
            raise PostbuchError(Outward.HOLDS_NUL.said())
        at = place.internal_date or message.arrived
        uidvalidity, uid, said = self._session.append(box.listed.name, octets, place.flags, at)
        return _Given(
            message=message, octets=octets, flags=place.flags, at=at, uidvalidity=uidvalidity, uid=uid, said=said
        )

    def _write_down(self, given: list[_Given], box: _Box) -> Iterator[Put]:
        """Read back what upstream took, and put the sightings with its answers into the archive."""
        if not given:
            return
        self._session.look_again()
        uids = [one.uid for one in given if one.uid is not None and one.uidvalidity == box.uidvalidity]
        digests = self._digests(uids) if uids else {}
        records: list[Record] = []
        for one in given:
            same = one.uid is not None and digests.get(one.uid) == one.message.sha256
            records += self._records(one, box, counts=same)
        count = len(given)
        self._ingester.ingest(records, [SpoolFile(name=f"put-{uuid.uuid4()}", messages=count, events=count)])
        with self._engine.connect() as conn:
            box.number = self._number(conn, box.listed.readable)
        for one in given:
            altered = one.uid in digests and digests[one.uid] != one.message.sha256
            yield Put(
                sha256=one.message.sha256, mailbox=box.listed.readable, result="altered" if altered else "put",
                reason=Outward.KEPT_OTHERWISE.said() if altered else "",
            )

    def _records(self, one: _Given, box: _Box, *, counts: bool) -> list[Record]:
        """The message as one that was appended, and upstream's answer. `counts`: its UID stands for these octets."""
        now, capture = audit.now().replace(tzinfo=UTC).isoformat(), new_capture().hex()
        facts = {
            "kind": "message", "capture": capture, "source": "append", "account": self._account,
            "upstream": self._upstream, "mailbox": box.listed.readable, "mailbox_utf8": True, "uidvalidity": None,
            "uid": None, "flags": list(one.flags), "internal_date": one.at.isoformat(), "session": box.session,
            "client_address": "", "seen_at": now, "normalised": False, "sha256": one.message.sha256,
            "size_octets": len(one.octets),
        }
        answer = {
            "kind": "event", "event": "outcome", "capture": new_capture().hex(), "of": capture, "verdict": "accepted",
            "code": 0, "text": one.said[:1000], "uidvalidity": one.uidvalidity if counts else None,
            "uid": one.uid if counts else None, "at": now,
        }
        return [
            Record(kind=MESSAGE, facts=facts, octets=one.octets, size_octets=len(one.octets)),
            Record(kind=EVENT, facts=answer, octets=None, size_octets=0),
        ]


def _is_about_one(error: PostbuchError) -> bool:
    """Whether upstream refused this message, and may take the next."""
    return isinstance(error, UpstreamTrouble) and error.refused and error.trouble is not Trouble.LIMIT
