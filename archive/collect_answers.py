"""What upstream's answers say, from what imaplib and imapclient make of them. No I/O.

Raises ValueError, TypeError, KeyError, IndexError for an answer that makes no sense;
`collect_connection.py` names them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from imapclient.response_parser import parse_fetch_response, parse_response

from postbuch.archive import mailboxname
from postbuch.archive.collect_plan import Listed, Standing
from postbuch.archive.dates import FIRST_YEAR, LAST_YEAR
from postbuch.archive.imapnumber import number, number64
from postbuch.archive.uidset import UidSet, parse

# 8 MiB: what is asked for of one message at a time. Shorter than asked is the whole message (RFC 9051 section 6.4.5),
# says the standard; some servers give less at a time.
PART_OCTETS = 8_388_608
_FETCHED = b"BODY[]<0>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A message as upstream gave it, or its beginning. `size_octets` is what upstream says; 0: it does not."""

    uid: int
    octets: bytes
    flags: tuple[str, ...]
    internal_date: datetime | None
    identity: str = ""  # what the provider calls the message in whatever mailbox; empty when it does not say
    size_octets: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What upstream says of a message without giving it out. `size_octets` 0: it does not say."""

    size_octets: int = 0
    identity: str = ""


def described(facts: dict[bytes, Any]) -> Described:
    """RFC822.SIZE and X-GM-MSGID of an answer, as far as they stand in it."""
    return Described(size_octets=_size(facts), identity=_identity(facts))


def flags(facts: dict[bytes, Any]) -> tuple[str, ...]:
    """FLAGS of an answer."""
    return tuple(text(flag) for flag in facts.get(b"FLAGS") or ())


def internal_date(facts: dict[bytes, Any]) -> datetime | None:
    """INTERNALDATE of an answer in UTC; None for one that no calendar has, as servers may have."""
    at = facts.get(b"INTERNALDATE")
    try:
        found = at.astimezone(UTC) if isinstance(at, datetime) else None
    except (ValueError, OverflowError):  # a zone of more than a day; the end of the calendar
        return None
    return found if found is not None and FIRST_YEAR <= found.year <= LAST_YEAR else None


def _size(facts: dict[bytes, Any]) -> int:
    size = facts.get(b"RFC822.SIZE")
    return size if isinstance(size, int) else 0


def _identity(facts: dict[bytes, Any]) -> str:
    number = facts.get(b"X-GM-MSGID")
    return f"X-GM-MSGID {number}" if isinstance(number, int) and number > 0 else ""


def fetch_answers(data: list[Any]) -> list[dict[bytes, Any]]:
    """The facts of each FETCH response by itself: imapclient would join what a confused server says of one number."""
    return [facts for answer in _answers(data) for facts in parse_fetch_response(answer, False, False).values()]


def fetched(answers: list[dict[bytes, Any]], uids: list[int]) -> Iterator[Fetched]:
    """The messages among the answers that were asked for. One without an octet, and with a size, was not given out."""
    bodies = [
        facts for facts in answers
        if isinstance(facts.get(_FETCHED), bytes) and (facts[_FETCHED] or not _size(facts))
    ]  # fmt: skip
    for facts in bodies:
        uid = facts.get(b"UID")
        if uid is None and len(uids) == len(bodies) == 1:
            uid = uids[0]  # one was asked for and one came: it needs no name
        if uid in uids:
            yield Fetched(
                uid=uid, octets=facts[_FETCHED], flags=flags(facts),
                internal_date=internal_date(facts), identity=_identity(facts), size_octets=_size(facts),
            )  # fmt: skip


def _answers(data: list[Any]) -> Iterator[list[Any]]:
    """The items that imaplib made of the untagged responses, one list for each: it continues behind each literal."""
    answer: list[Any] = []
    for item in data:
        answer.append(item)
        if not isinstance(item, tuple):
            yield answer
            answer = []


def extended(lines: list[bytes | None]) -> UidSet:
    """The UIDs of ESEARCH responses (RFC 4731): `(TAG "A1") UID ALL 1:5,7`; no ALL is no message."""
    spans: list[tuple[int, int]] = []
    for line in lines:
        words = (line or b"").split()
        if b"ALL" in words[:-1]:
            found = parse(words[words.index(b"ALL") + 1])
            if found is None:
                raise ValueError("an ESEARCH answer without a set")
            spans += found.spans()
    return UidSet(spans)


def listed(found: tuple[Any, Any, Any]) -> Listed:
    """A mailbox of a LIST response that imapclient took apart."""
    attributes, delimiter, name = found
    raw = name if isinstance(name, bytes) else str(name).encode()
    return Listed(
        name=raw, readable=mailboxname.readable(mailboxname.of_octets(raw)),
        attributes=frozenset(bytes(each).lower() for each in attributes),
        delimiter="" if delimiter is None else text(delimiter),
    )  # fmt: skip


def statuses(data: list[Any]) -> Iterator[tuple[bytes, Standing]]:
    """The mailboxes of STATUS responses."""
    items = [each for each in data if each is not None]
    parsed = list(parse_response(items)) if items else []
    for name, facts in zip(parsed[::2], parsed[1::2], strict=True):
        known = standing(dict(zip(facts[::2], facts[1::2], strict=True)))
        if known is not None:
            yield name if isinstance(name, bytes) else str(name).encode(), known


def standing(facts: dict[bytes, Any]) -> Standing | None:
    """The numbers of STATUS or EXAMINE; None without UIDVALIDITY: no UID means anything then."""
    def digits(name: bytes) -> bytes:
        value = facts.get(name)
        value = value[0] if isinstance(value, list | tuple) and value else value
        return value if isinstance(value, bytes) else b"%d" % value if isinstance(value, int) else b""

    uidvalidity = number64(digits(b"UIDVALIDITY"))
    if not uidvalidity:
        return None
    return Standing(
        uidvalidity=uidvalidity, uidnext=number(digits(b"UIDNEXT")) or 0, messages=number(digits(b"MESSAGES")) or 0
    )


def text(value: Any) -> str:
    """For people."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
