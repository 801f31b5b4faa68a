"""The manifest of an exported ZIP: one JSON document with one message a line, so that either end reads it as a stream.

    {"format": "postbuch-export-1", "made_at": …, "query": …, "messages": [
    {"file": "anna@firma.example/INBOX/…eml", "sha256": …, "size_octets": …, "account": …, "mailbox": …, …},
    …
    ], "files": 2, "missing": []}

Beside it lies `SHA256SUMS` with the same digests for `sha256sum --check`. Pure.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO, Any

NAME = "manifest.json"
SUMS = "SHA256SUMS"
FORMAT = "postbuch-export-1"
# 64 KiB: the longest of ours has a path of four names of 180 octets and 1,000 characters of flags.
LINE_OCTETS = 65_536
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One file of the ZIP: the message and one place where it was. `mailbox` None: submitted, in no mailbox."""

    file: str
    sha256: str
    size_octets: int
    letter: int
    account: str
    mailbox: str | None
    flags: tuple[str, ...]
    internal_date: datetime | None
    seen_at: datetime
    source: str
    uidvalidity: int | None
    uid: int | None
    subject: str


def head(facts: Mapping[str, Any]) -> bytes:
    """The first line: the format, then what else is said of the whole."""
    return json.dumps({"format": FORMAT, **facts}, ensure_ascii=False)[:-1].encode() + b', "messages": [\n'


def line(entry: Entry, *, first: bool) -> bytes:
    """The line of one file."""
    facts = {name: _plain(getattr(entry, name)) for name in Entry.__slots__}
    text = json.dumps(facts, ensure_ascii=False).encode("utf-8", "replace")
    return text if first else b",\n" + text


def tail(facts: Mapping[str, Any]) -> bytes:
    """The last line: what is known at the end."""
    return b"\n], " + json.dumps(facts, ensure_ascii=False, default=str)[1:].encode() + b"\n"


def sum_line(sha256: str, file: str) -> bytes:
    """The line of `SHA256SUMS`; names of ours hold neither line ends nor backslashes, so none is escaped."""
    return f"{sha256}  {file}\n".encode()


def is_ours(first: bytes) -> bool:
    """Whether a manifest begins like one that we wrote."""
    return first.startswith(b'{"format": "' + FORMAT.encode() + b'"')


def entries(lines: IO[bytes]) -> Iterator[Entry]:
    """The files, of a manifest that `is_ours`. A line that makes no sense is passed over: its file is read plainly."""
    while raw := lines.readline(LINE_OCTETS):
        if raw.startswith(b'{"file": '):
            try:
                yield _entry(json.loads(raw.rstrip(b",\n")))
            except (ValueError, KeyError, TypeError, OverflowError):
                continue


def _entry(facts: dict[str, Any]) -> Entry:
    account, mailbox = facts["account"], facts["mailbox"]
    flags = tuple(map(str, facts["flags"]))
    if not (isinstance(account, str) and "@" in account and isinstance(mailbox, str | None)):
        raise ValueError("no account and mailbox")
    if not (isinstance(facts["file"], str) and _SHA256.fullmatch(facts["sha256"])):
        raise ValueError("no file with a digest")
    return Entry(
        file=facts["file"], sha256=facts["sha256"], size_octets=int(facts["size_octets"]),
        letter=int(facts["letter"]), account=account, mailbox=mailbox, flags=flags,
        internal_date=_time(facts["internal_date"]), seen_at=_time(facts["seen_at"]) or datetime.now(UTC),
        source=str(facts["source"]), uidvalidity=facts["uidvalidity"], uid=facts["uid"], subject=str(facts["subject"]),
    )


def _plain(value: Any) -> Any:
    return value.isoformat() + "Z" if isinstance(value, datetime) else value


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
