"""What is done with a captured message before the database is asked: digest, parse, split, proof. No SQL here."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from postbuch.archive import headers, mailboxname, skeleton
from postbuch.archive.dates import FIRST_YEAR, LAST_YEAR
from postbuch.archive.errors import PostbuchError
from postbuch.archive.linking import SUBMISSION
from postbuch.archive.message import ParsedMessage, unread
from postbuch.archive.parser import Parser
from postbuch.archive.record import Record

SOURCES = ("fetch", "append", SUBMISSION, "collector", "import")


class RecordUnfit(PostbuchError):
    """The facts of a record are not what a record has; the sentence says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewImage:
    """An image that the archive does not have yet, ready for its rows."""

    skeleton: bytes
    objects: dict[bytes, bytes]
    order: list[bytes]  # the digest of the object at each place of the skeleton
    parsed: ParsedMessage


@dataclass(slots=True, kw_only=True)
class Message:
    """One captured message: the facts of its sighting in the types of the columns."""

    record: Record
    capture: bytes
    sha256: bytes
    octets: bytes
    source: str
    account: str
    upstream: str
    mailbox: str | None
    uidvalidity: int | None
    uid: int | None
    flags: str
    internal_date: datetime | None
    session: str
    client_address: str
    normalised: bool
    seen_at: datetime
    envelope: dict[str, Any] | None
    identity: str = ""  # what the provider calls it in whatever mailbox
    image: NewImage | None = None

    @property
    def submitted(self) -> bool:
        return self.source == SUBMISSION

    def sort_at(self, date: datetime | None) -> datetime:
        """Arrival: INTERNALDATE, else the Date header, else when it was seen; never in the future."""
        known = self.internal_date or (None if date is None else naive(date))
        return self.seen_at if known is None else min(known, self.seen_at)


def naive(at: datetime) -> datetime:
    """UTC without a zone, as the database keeps it."""
    if at.tzinfo is UTC:
        return at.replace(tzinfo=None)
    return at.astimezone(UTC).replace(tzinfo=None) if at.tzinfo else at


def moment(value: Any) -> datetime:
    """An ISO time of a record. Raises RecordUnfit."""
    try:
        found = naive(datetime.fromisoformat(value))
    except (TypeError, ValueError, OverflowError):
        raise RecordUnfit(f"'{str(value)[:40]}' is no time") from None
    if not FIRST_YEAR <= found.year <= LAST_YEAR:
        raise RecordUnfit(f"'{value}' is a time that no calendar has")
    return found


def _internal_date(value: Any) -> datetime | None:
    """INTERNALDATE; None for one of 1601 or 9999, as mail programs append with: the message is kept all the same."""
    try:
        return moment(value)
    except RecordUnfit:
        return None


def text(facts: dict[str, Any], name: str, limit: int) -> str:
    """A fact as one line that fits its column; empty when it is not there."""
    value = facts.get(name)
    return "" if value is None else _line(str(value)[: 4 * limit], limit)


# Most messages say what others said: their account, session, address. 1,024 of at most 4,000 characters.
_line = lru_cache(maxsize=1024)(headers.one_line)


def number(facts: dict[str, Any], name: str) -> int | None:
    """A fact as a number that fits BIGINT UNSIGNED; None when it is not there or no such number."""
    value = facts.get(name)
    return value if isinstance(value, int) and 0 <= value < 1 << 63 else None


def read_message(record: Record) -> Message:
    """The message of a record, not yet held to its digest. Raises RecordUnfit, SpoolDamaged."""
    facts = record.facts
    octets = record.unproved()
    try:
        capture = bytes.fromhex(facts["capture"])
        sha256 = bytes.fromhex(facts["sha256"])
        source, account = str(facts["source"]), text(facts, "account", 255).lower()
    except (KeyError, TypeError, ValueError) as error:
        raise RecordUnfit(f"a record lacks a fact: {error}") from None
    if len(capture) != 16 or source not in SOURCES or not account:
        raise RecordUnfit(f"a record has no good capture, source or account: {source[:20]}, {account[:40]}")
    mailbox = facts.get("mailbox")
    flags = " ".join(str(flag) for flag in facts.get("flags") or ())
    internal_date = facts.get("internal_date")
    return Message(
        record=record,
        capture=capture,
        sha256=sha256,
        octets=octets,
        source=source,
        account=account,
        upstream=text(facts, "upstream", 255),
        mailbox=None if mailbox is None else mailboxname.readable(
            str(mailbox), is_utf8=bool(facts.get("mailbox_utf8"))
        ),
        uidvalidity=number(facts, "uidvalidity"),
        uid=number(facts, "uid"),
        flags=headers.one_line(flags, 1000),
        internal_date=None if internal_date is None else _internal_date(internal_date),
        session=text(facts, "session", 40),
        client_address=text(facts, "client_address", 60),
        normalised=bool(facts.get("normalised")),
        seen_at=moment(facts.get("seen_at")),
        envelope=facts.get("envelope") if source == SUBMISSION else None,
        identity=text(facts, "identity", 255),
    )


def add_images(messages: Sequence[Message], parser: Parser | None) -> None:
    """Parse and split the messages that are new. Without a parser they are stored unread.

    The child parses while this process splits and compresses. Raises SpoolDamaged for octets without their digest.
    """
    if parser is None:
        defect = "is stored without being read, because reading it failed"
        summaries = [unread(item.octets, defect) for item in messages]
        cuts = [_cut(item) for item in messages]
    else:
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(parser.summaries, [item.octets for item in messages])
            cuts = [_cut(item) for item in messages]
            summaries = waiting.result()
    for item, (made, objects), parsed in zip(messages, cuts, summaries, strict=True):
        order = skeleton.digests(made) if objects else []
        item.image = NewImage(
            skeleton=made, objects=dict(zip(order, objects, strict=True)), order=order, parsed=parsed
        )


def _cut(item: Message) -> tuple[bytes, list[bytes]]:
    """Split and prove: what comes back has the digest, and so had the octets. Raises SpoolDamaged.

    An image that does not come back is kept whole.
    """
    for hasty in (True, False):
        made, objects = skeleton.split(item.octets, hasty=hasty)
        if skeleton.verify(made, objects, item.sha256):
            return made, objects
    item.record.prove(item.octets)
    return skeleton.whole(item.octets), []
