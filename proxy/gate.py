"""Which commands can destroy messages, and which messages: the gate's decisions (invariant 3). Pure.

What is not known to be harmless is dangerous: an unknown verb may hit every message of the selected mailbox, a STORE
that cannot be read counts as one that deletes.
"""

import re
from dataclasses import dataclass
from enum import Enum

from postbuch.archive import uidset

# RFC 9051, RFC 3501 and the extensions in the comment: none of them removes a message or changes which ones there are.
# ACL 4314, QUOTA 9208, METADATA 5464, SORT/THREAD 5256, MULTISEARCH 7377, COMPARATOR 5255, LANGUAGE 5255, CONTEXT 5267.
HARMLESS = frozenset(
    {
        b"NOOP", b"CAPABILITY", b"LOGOUT", b"CHECK", b"FETCH", b"SEARCH", b"SORT", b"THREAD", b"ESEARCH", b"SELECT",
        b"EXAMINE", b"UNSELECT", b"CREATE", b"SUBSCRIBE", b"UNSUBSCRIBE", b"LIST", b"LSUB", b"XLIST", b"STATUS",
        b"APPEND", b"NAMESPACE", b"IDLE", b"ENABLE", b"ID", b"GETQUOTA", b"GETQUOTAROOT", b"SETQUOTA", b"GETACL",
        b"SETACL", b"DELETEACL", b"LISTRIGHTS", b"MYRIGHTS", b"GETMETADATA", b"SETMETADATA", b"COMPARATOR",
        b"LANGUAGE", b"CANCELUPDATE",
        b"UID FETCH", b"UID SEARCH", b"UID SORT", b"UID THREAD", b"UID ESEARCH",
    }
)
_STORE = re.compile(
    rb" (\S+)(?: \(UNCHANGEDSINCE \d+\))? ([+-]?)FLAGS(?:\.SILENT)?"
    rb" (\([^(){}\"]*\)|[^(){}\"\s]+(?: (?![+-]|FLAGS)[^(){}\"\s]+)*)\r\n",
    re.IGNORECASE,
)
# RFC 8508: the message of the set goes, another one comes in its place.
REPLACING = frozenset({b"REPLACE", b"UID REPLACE"})
_FIRST_WORD = re.compile(rb" (\S+)(?= |\r\n)")


class Reach(Enum):
    """What a command can hit."""

    SET = "the messages of its set"
    DELETED = "the messages flagged \\Deleted, or those of its set that are"
    MAILBOX = "every message of the selected mailbox"
    NAMED = "every message of the mailbox it names"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hazard:
    """What a dangerous command can hit. `set`: its first argument as written, where the reach has one."""

    reach: Reach
    set: bytes = b""


def hazard(verb: bytes, rest: bytes, *, selected: bool, gmail: bool) -> Hazard | None:
    """What the command can hit; None when it destroys nothing.

    `verb` in upper case (`UID STORE`), `rest` what follows it on its line, with CRLF. `gmail`: a server where COPY and
    labels move messages and where \\Deleted expunges at once (X-GM-EXT-1).
    """
    if verb in (b"DELETE", b"RENAME"):
        return Hazard(reach=Reach.NAMED)
    if not selected or verb in HARMLESS:
        return None
    plain = verb.removeprefix(b"UID ")
    if verb in (b"EXPUNGE", b"CLOSE"):
        return Hazard(reach=Reach.DELETED)
    if plain == b"STORE":
        return None if _stores_nothing_dangerous(rest) else _of_set(rest, Reach.SET)
    if verb == b"UID EXPUNGE":
        return _of_set(rest, Reach.DELETED)
    if plain == b"COPY":
        return _of_set(rest, Reach.SET) if gmail else None
    if plain == b"MOVE" or verb in REPLACING:
        return _of_set(rest, Reach.SET)
    return Hazard(reach=Reach.MAILBOX)


def _stores_nothing_dangerous(rest: bytes) -> bool:
    found = _STORE.fullmatch(rest)
    return found is not None and (found.group(2) == b"-" or b"\\DELETED" not in found.group(3).upper())


def _of_set(rest: bytes, reach: Reach) -> Hazard:
    found = _FIRST_WORD.match(rest)
    if found is None or not (found.group(1) == b"$" or uidset.is_set(found.group(1))):
        return Hazard(reach=Reach.MAILBOX)  # nobody may find out what upstream makes of it
    return Hazard(reach=reach, set=found.group(1))


def with_set(rest: bytes, numbers: bytes) -> bytes:
    """The arguments with another set in the place of the first."""
    found = _FIRST_WORD.match(rest)
    return rest if found is None else b" " + numbers + rest[found.end() :]


def behind_set(rest: bytes) -> bytes:
    """The arguments behind the set."""
    found = _FIRST_WORD.match(rest)
    return rest if found is None else rest[found.end() :]
