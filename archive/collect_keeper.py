"""From the collector's hands into the spool, in bounded memory, and what went there and is not in the archive yet.

The spool is durable, so what is in it counts as archived; the drain brings it to the database within a second.
"""

import time
from collections.abc import Iterable
from concurrent.futures import Future
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from postbuch.archive import mailboxname, spool
from postbuch.archive.collect_answers import Fetched
from postbuch.archive.collect_imap import Session
from postbuch.archive.collect_rows import Owner
from postbuch.archive.spool import SpoolMessage, SpoolWriter
from postbuch.archive.uidset import UidSet

# What waits for the drain before the collector waits for it: 5 s of its work, so that a client's mail is not behind
# an hour of old mail.
WAITING_MESSAGES = 5000
# The list of waiting files is read so often at most.
LOOK_EVERY_S = 0.5
# The spool's thread is behind a stream by so much before we wait for it.
PENDING_OCTETS = 4_194_304


class Keeper:
    """One a process, for all threads."""

    def __init__(self, writer: SpoolWriter) -> None:
        self._writer = writer
        self._looked_at = 0.0
        self._waiting = 0
        # (account, mailbox, UIDVALIDITY) → UIDs that are durable; those that the archive shows are taken out again.
        self._durable: dict[tuple[int, str, int], UidSet] = {}

    @property
    def folder(self) -> Path:
        return self._writer.folder

    def is_behind(self) -> bool:
        """Whether so much waits for the drain that nothing more should be fetched."""
        now = time.monotonic()
        if now - self._looked_at > LOOK_EVERY_S:
            self._waiting, self._looked_at = spool.waiting_counts(self.folder)[0], now
        return self._waiting > WAITING_MESSAGES

    def with_durable(self, place: tuple[int, str, int], archived: UidSet) -> UidSet:
        """What the archive has and what waits for it; the latter is forgotten as far as the archive has it."""
        left = self._durable.get(place, UidSet()).without(archived)
        if left:
            self._durable[place] = left
        else:
            self._durable.pop(place, None)
        whole = UidSet(archived.spans())
        whole.update(left)
        return whole

    def durable(self, place: tuple[int, str, int]) -> UidSet:
        """What waits for the archive, or was there when it was last asked for."""
        return self._durable.get(place, UidSet())

    def keep(
        self, session: Session, owner: Owner, name: bytes, place: tuple[int, str, int], found: Iterable[Fetched]
    ) -> tuple[set[int], int]:
        """Write the messages and wait until they are durable; their UIDs and octets.

        Fetches the rest of large ones. Raises SpoolError, and UpstreamTrouble when upstream breaks off in a message.
        """
        futures: dict[int, Future[str]] = {}
        octets = 0
        last: tuple[int, SpoolMessage, dict[str, Any]] | None = None
        try:
            for one in found:
                if one.uid in futures or (last is not None and last[0] == one.uid):
                    continue  # a server that says it twice
                if last is not None:
                    futures[last[0]] = last[1].commit(last[2], urgent=False)
                facts = _facts(session, owner, name, place[2], one)
                last = one.uid, self._writer.begin(len(one.octets)), facts
                octets += self._write(session, last[1], one)
        except BaseException:
            if last is not None:
                last[1].abort()
            raise
        if last is not None:  # it is waited for, and all go with it
            futures[last[0]] = last[1].commit(last[2], urgent=True)
        for future in futures.values():
            future.result()
        self._durable.setdefault(place, UidSet()).update(UidSet.of(sorted(futures)))
        return set(futures), octets

    def _write(self, session: Session, message: SpoolMessage, one: Fetched) -> int:
        message.write(one.octets)
        size = len(one.octets)
        for part in session.rest(one):
            message.write(part)
            size += len(part)
            while message.pending_octets > PENDING_OCTETS:
                time.sleep(0.01)
        return size

    def gap(self, owner: Owner, name: str, uidvalidity: int, uid: int, reason: str, capture: bytes) -> None:
        """A message that is known to have existed and cannot be had."""
        self._writer.event({
            "event": "gap", "capture": capture.hex(), "account": owner.address, "upstream": owner.upstream,
            "mailbox": name, "uidvalidity": uidvalidity, "uid": uid, "reason": reason,
            "at": datetime.now(UTC).isoformat(),
        }).result()


def _facts(session: Session, owner: Owner, name: bytes, uidvalidity: int, one: Fetched) -> dict[str, Any]:
    return {
        "source": "collector", "account": owner.address, "upstream": owner.upstream,
        "mailbox": mailboxname.of_octets(name), "mailbox_utf8": False, "uidvalidity": uidvalidity, "uid": one.uid,
        "flags": list(one.flags), "internal_date": one.internal_date.isoformat() if one.internal_date else None,
        "session": session.name, "client_address": "", "seen_at": datetime.now(UTC).isoformat(), "normalised": False,
        "identity": one.identity,
    }
