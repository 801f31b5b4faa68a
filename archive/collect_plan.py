"""What the collector has to do, decided from what upstream says and what the archive has. Pure: no I/O.

Nothing here relies on CONDSTORE or QRESYNC. Without news UIDNEXT and the number of messages stay as they were: UIDs
only rise (RFC 9051 section 2.3.1.1), so the same UIDNEXT and the same count are the same messages.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

from postbuch.archive import mailboxname
from postbuch.archive.errors import UsageError
from postbuch.archive.uidset import LARGEST, UidSet
from postbuch.archive.wrong import Wrong

# A SEARCH answer is one line and imaplib takes 1,000,000 octets: 50,000 UIDs of ten digits and a space are 550,000.
WINDOW_MESSAGES = 50_000
# What is asked for in one FETCH: enough that round trips do not count, little enough that four at once are 16 MiB.
BATCH_OCTETS = 4_194_304
BATCH_MESSAGES = 200
# All UIDs of a mailbox are compared this often, also when counts say that nothing has changed: a server may lie.
SWEEP_EVERY = timedelta(hours=24)

ALL, NONE, NAMED = "all", "none", "mailboxes:"
NO_UIDS = UidSet()


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A mailbox that upstream lists: its name on the wire and as people read it, attributes in lower case."""

    name: bytes
    readable: str
    attributes: frozenset[bytes] = frozenset()
    delimiter: str = "/"

    @property
    def selectable(self) -> bool:
        return not self.attributes & {b"\\noselect", b"\\nonexistent"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which mailboxes of an account are collected: all, none (`named` is empty), or the named ones; less some."""

    everything: bool = True
    named: frozenset[str] = frozenset()
    excluded: frozenset[str] = frozenset()

    @property
    def nothing(self) -> bool:
        return not self.everything and not self.named


def read_choice(archive: str, excluded: Iterable[str] = ()) -> Choice:
    """The choice from `account.archive` (all, none, mailboxes:A,B) and the exclusions. Raises UsageError."""
    left_out = frozenset(map(_folded, excluded))
    if archive in (ALL, NONE):
        return Choice(everything=archive == ALL, excluded=left_out)
    names = [name.strip() for name in archive.removeprefix(NAMED).split(",")]
    if not archive.startswith(NAMED) or not all(names):
        raise UsageError(Wrong.NOTHING_TO_ARCHIVE.said(text=archive, named=NAMED))
    return Choice(everything=False, named=frozenset(map(_folded, names)), excluded=left_out)


def chosen(listed: Sequence[Listed], choice: Choice, *, gmail: bool = False) -> list[Listed]:
    """The mailboxes to collect, what people wait for first.

    Gmail shows each message under every label: All Mail, Spam and Trash are everything, once.
    """
    found = [each for each in listed if each.selectable and _is_chosen(each, choice)]
    if gmail and choice.everything:
        whole = [each for each in found if each.attributes & {b"\\all", b"\\junk", b"\\trash"}]
        if any(b"\\all" in each.attributes for each in whole):
            found = whole
    return sorted(found, key=_rank)


def _is_chosen(one: Listed, choice: Choice) -> bool:
    name, names = mailboxname.of_octets(one.name), {one.readable}
    while name:  # it, and those above it; with their marks and as people type them
        names |= {mailboxname.readable(name), mailboxname.decode(name)}
        name = name.rpartition(one.delimiter)[0] if one.delimiter else ""
    names = set(map(_folded, names))
    if choice.excluded.intersection(names):
        return False
    return choice.everything or bool(choice.named.intersection(names))


def _folded(name: str) -> str:
    """Names of mailboxes have case, INBOX has none (RFC 9051 section 5.1)."""
    first, slash, rest = name.strip().partition("/")
    return "INBOX" + slash + rest if first.upper() == "INBOX" else name.strip()


def _rank(one: Listed) -> tuple[int, str]:
    if one.readable == "INBOX":
        return 0, ""
    if one.attributes & {b"\\sent", b"\\all"}:
        return 1, one.readable
    return 3 if one.attributes & {b"\\junk", b"\\trash", b"\\drafts"} else 2, one.readable


# --- one mailbox -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What upstream says of a mailbox. `uidnext` 0: it does not say."""

    uidvalidity: int
    uidnext: int
    messages: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What stood there when the mailbox was last found complete. `listed` counts the UIDs that upstream listed."""

    uidvalidity: int
    uidnext: int
    messages: int
    listed: int
    swept_at: datetime | None
    failure: str = ""


class Look(Enum):
    """How closely a mailbox has to be looked at."""

    NOTHING = "nothing"
    NEW = "new"  # the UIDs from the old UIDNEXT on
    ALL = "all"


def how_to_look(standing: Standing, before: Swept | None, now: datetime) -> Look:
    """A new mailbox or UIDVALIDITY, a count that fell, and the daily sweep need all UIDs; news needs the new ones."""
    if before is None or before.uidvalidity != standing.uidvalidity or before.swept_at is None:
        return Look.ALL
    if abs(now - before.swept_at) > SWEEP_EVERY or not standing.uidnext or standing.uidnext < before.uidnext:
        return Look.ALL
    if standing.uidnext == before.uidnext:
        return Look.NOTHING if standing.messages == before.messages else Look.ALL
    return Look.ALL if before.failure else Look.NEW  # what was missing may be there now


def is_whole(standing: Standing, before: Swept, new: int) -> bool:
    """After a look at the `new` UIDs alone: whether the counts say that nothing else has changed."""
    return standing.messages == before.messages + new


def window_starts(messages: int) -> list[int]:
    """Sequence numbers whose UIDs part the mailbox into windows of at most WINDOW_MESSAGES; [] when one is enough."""
    return list(range(WINDOW_MESSAGES + 1, messages + 1, WINDOW_MESSAGES))


def windows(first: int, starts: Iterable[int]) -> list[tuple[int, int]]:
    """(first, last) UID of each window, from the UIDs at `window_starts`; the last one has no end."""
    begins = [first, *sorted({uid for uid in starts if uid > first})]
    ends = [uid - 1 for uid in begins[1:]]
    return list(zip(begins, [*ends, LARGEST], strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What to do after UIDs were compared. The sets are disjoint."""

    fetch: UidSet
    vanished: UidSet = field(default_factory=UidSet)
    never_seen: UidSet = field(default_factory=UidSet)  # given out since we last looked, and gone again


def compare(
    listed: UidSet, archived: UidSet, vanished: UidSet, *, first: int = 1, given: tuple[int, int] | None = None,
    unread: UidSet = NO_UIDS,
) -> Difference:
    """`listed` are upstream's UIDs from `first` on; `archived` what the archive had before they were asked for.

    `unread` are those of the archived that were sent there, and nobody has read what upstream made of them.
    `vanished` is known to have gone. `given` (old UIDNEXT, new UIDNEXT): what was given out meanwhile must be listed,
    or archived, or it is a gap. Without it nothing is known of UIDs that are not there.
    """
    before = archived.without(UidSet([(1, first - 1)] if first > 1 else [])).without(vanished)
    missing = UidSet()
    if given is not None and given[0] < given[1]:
        missing = UidSet([(max(given[0], 1), given[1] - 1)]).without(listed).without(archived).without(vanished)
    fetch = listed.without(archived.without(unread))
    return Difference(fetch=fetch, vanished=before.without(listed), never_seen=missing)


def batches(sizes: Mapping[int, int]) -> Iterator[list[int]]:
    """UIDs in the order given, in batches of limited size; `sizes` is what upstream says, which proves nothing."""
    batch: list[int] = []
    octets = 0
    for uid, size in sizes.items():
        if batch and (len(batch) >= BATCH_MESSAGES or octets + size > BATCH_OCTETS):
            yield batch
            batch, octets = [], 0
        batch.append(uid)
        octets += size
    if batch:
        yield batch


def portions(uids: UidSet, count: int) -> Iterator[UidSet]:
    """The set in pieces of `count` UIDs, newest first: what people look for is recent."""
    piece: list[tuple[int, int]] = []
    held = 0
    for first, last in reversed(list(uids.spans())):
        while first <= last:
            start = max(first, last - (count - held) + 1)
            piece.append((start, last))
            held += last - start + 1
            last = start - 1
            if held == count:
                yield UidSet(piece)
                piece, held = [], 0
    if piece:
        yield UidSet(piece)
