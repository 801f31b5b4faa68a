"""The readable tree of the attachments as somebody may see it: year/month/day/account/letter-name, from the tables.

The same folders and names as below `attachments/` in the data folder, where the ingest links them. A folder of an
account holds what that account saw, and is there for those who may read it; a folder without a file is not there.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, literal, select, true

from postbuch.archive.imagerows import StoredFile, files_of
from postbuch.archive.objects import readable_names, safe_name
from postbuch.archive.schema import account, image, image_object, letter, letter_image, letter_place, sighting
from postbuch.archive.users import ALL, Rights
from postbuch.archive.visible import seen_images

# Rows that one question asks for; with some files to a letter that is below a megabyte of answers.
PAGE = 500
# No letter arrives later than now.
LAST_YEAR = 9998
# The letter's number at the beginning of a name; 18 digits never overflow a BIGINT.
_DIGITS = 18


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One file of the tree. `part` is the place of the MIME part in its image; `at` when the letter arrived (UTC)."""

    name: str
    letter_id: int
    image_id: int
    part: int | None
    sha256: bytes
    size_octets: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A letter as a place in the listing of a folder: others come after it."""

    at: datetime
    letter_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """The folder of an account, or of several whose addresses give the same name."""

    day: date
    accounts: frozenset[int]

    @property
    def span(self) -> tuple[datetime, datetime]:
        """The first moment of the day and the first one after it."""
        begin = datetime.combine(self.day, datetime.min.time())
        return begin, begin + timedelta(days=1)


def years(conn: Connection, rights: Rights) -> list[int]:
    """The years with a file within the rights."""
    found: list[int] = []
    at = _next(conn, rights, datetime.min)
    while at is not None:
        begin, end = datetime(at.year, 1, 1), datetime(at.year + 1, 1, 1)
        if has_files(conn, rights, begin, end):
            found.append(at.year)
        at = _next(conn, rights, end)
    return found


def months(conn: Connection, rights: Rights, year: int) -> list[int]:
    """The months of a year with a file within the rights."""
    begins = [datetime(year, month, 1) for month in range(1, 13)]
    ends = [*begins[1:], datetime(year + 1, 1, 1)]
    return [begin.month for begin, end in zip(begins, ends, strict=True) if has_files(conn, rights, begin, end)]


def days(conn: Connection, rights: Rights, year: int, month: int) -> list[int]:
    """The days of a month with a file within the rights."""
    begin, found = datetime(year, month, 1), []
    while begin.month == month:
        if has_files(conn, rights, begin, begin + timedelta(days=1)):
            found.append(begin.day)
        begin += timedelta(days=1)
    return found


def accounts(conn: Connection, rights: Rights, day: date) -> list[str]:
    """The folders of a day: each account within the rights that has a file, by its address as a name."""
    begin, end = Folder(day=day, accounts=frozenset()).span
    there = _files_of_account(begin, end).scalar_subquery().is_not(None)
    query = select(account.c.address).where(there, _mine(rights))
    return sorted({safe_name(address) for address in conn.scalars(query)})


def folder(conn: Connection, rights: Rights, day: date, name: str) -> Folder | None:
    """The folder of that name within the rights; None when there is none, or no file in it."""
    query = select(account.c.id, account.c.address).where(_mine(rights))
    numbers = frozenset(row.id for row in conn.execute(query) if safe_name(row.address) == name)
    found = Folder(day=day, accounts=numbers)
    return found if numbers and has_files(conn, numbers, *found.span) else None


def page(conn: Connection, where: Folder, after: Place | None = None) -> tuple[list[File], Place | None]:
    """The files of the next letters of a folder, at most PAGE, and where to go on; None at the end."""
    begin, end = where.span
    time, number = letter_place.c.sort_at, letter_place.c.letter_id
    rows: list[Any] = []
    if after is not None:
        # All letters of an import may have one time, so the index is entered at the letter.
        rows = _letters(conn, where, time == after.at, number > after.letter_id)
        begin = after.at
    if len(rows) < PAGE:
        rows += _letters(conn, where, time > begin if after else time >= begin, time < end, limit=PAGE - len(rows))
    # A letter that lies in several mailboxes has a row for each, one after the other.
    arrived = {row.letter_id: row.sort_at for row in rows}
    images = seen_images(conn, arrived, where.accounts)
    files = files_of(conn, sorted({number for numbers in images.values() for number in numbers}))
    found = [
        each for letter_id, at in arrived.items()
        for each in _named(letter_id, at, images.get(letter_id, []), files)
    ]  # fmt: skip
    last = Place(at=rows[-1].sort_at, letter_id=rows[-1].letter_id) if len(rows) == PAGE else None
    return found, last


def find(conn: Connection, where: Folder, name: str) -> File | None:
    """The file of that name in a folder."""
    letter_id = letter_in(name)
    if letter_id is None:
        return None
    begin, end = where.span
    at = letter_place.c.sort_at
    rows = _letters(conn, where, at >= begin, at < end, letter_place.c.letter_id == letter_id, limit=1)
    if not rows:
        return None
    images = seen_images(conn, [letter_id], where.accounts).get(letter_id, [])
    named = _named(letter_id, rows[0].sort_at, images, files_of(conn, images))
    return next((each for each in named if each.name == name), None)


def letter_in(name: str) -> int | None:
    """The number of the letter in the name of a file."""
    digits = name.partition("-")[0]
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= _DIGITS else None


def image_sha256(conn: Connection, image_id: int) -> str:
    """The digest of the message that a file is part of, in hex, for the record."""
    return bytes(conn.execute(select(image.c.sha256).where(image.c.id == image_id)).scalar_one()).hex()


def _named(
    letter_id: int, at: datetime, images: list[int], files: dict[int, list[StoredFile]]
) -> list[File]:
    """The files of one letter by the names that the ingest gives them, each once."""
    taken: dict[str, File] = {}
    for image_id in images:
        for each in files.get(image_id, ()):
            for name in readable_names(letter_id, each.name):
                there = taken.get(name)
                if there is None:
                    taken[name] = File(
                        name=name, letter_id=letter_id, image_id=image_id, part=each.part, sha256=each.sha256,
                        size_octets=each.size_octets, at=at,
                    )
                if there is None or there.sha256 == each.sha256:
                    break
    return list(taken.values())


def _letters(conn: Connection, where: Folder, *conditions: ColumnElement[bool], limit: int = PAGE) -> list[Any]:
    """Letters of the folder's accounts in the order of the index, as often as there are mailboxes that they lie in."""
    query = (
        select(letter_place.c.sort_at, letter_place.c.letter_id)
        .where(letter_place.c.account_id.in_(where.accounts), *conditions)
        .order_by(letter_place.c.sort_at, letter_place.c.letter_id).limit(limit)
    )
    return list(conn.execute(query))


def _next(conn: Connection, rights: Rights, begin: datetime) -> datetime | None:
    """When the first letter at or after a moment arrived."""
    if rights == ALL:
        query = select(func.min(letter.c.sort_at)).where(letter.c.sort_at >= begin)
    else:
        query = select(func.min(letter_place.c.sort_at)).where(
            letter_place.c.account_id.in_(rights), letter_place.c.sort_at >= begin
        )
    found: datetime | None = conn.scalar(query)
    return found


def has_files(conn: Connection, rights: Rights, begin: datetime, end: datetime) -> bool:
    """Whether a letter that arrived between two moments has a file within the rights. Ends at the first."""
    if rights == ALL:
        query = _straight(
            select(literal(1)).select_from(
                letter.join(letter_image, letter_image.c.letter_id == letter.c.id)
                .join(image_object, image_object.c.image_id == letter_image.c.image_id)
            )
            .where(letter.c.sort_at >= begin, letter.c.sort_at < end)
        )
    elif rights:
        query = _straight(_seen_files().where(letter_place.c.account_id.in_(rights), *_between(begin, end)))
    else:
        return False
    return conn.scalar(query) is not None


def _files_of_account(begin: datetime, end: datetime) -> Select[Any]:
    """One file that the account of the question around it saw between two moments."""
    return _straight(
        _seen_files().where(letter_place.c.account_id == account.c.id, *_between(begin, end)).correlate(account)
    )


def _seen_files() -> Select[Any]:
    return select(literal(1)).select_from(
        letter_place.join(letter_image, letter_image.c.letter_id == letter_place.c.letter_id)
        .join(image_object, image_object.c.image_id == letter_image.c.image_id)
        .join(
            sighting,
            (sighting.c.image_id == letter_image.c.image_id) & (sighting.c.account_id == letter_place.c.account_id),
        )
    )


def _straight(query: Select[Any]) -> Select[Any]:
    """From the letters of the time on, never from all files: the first hit is wanted."""
    return query.prefix_with("STRAIGHT_JOIN").limit(1)


def _between(begin: datetime, end: datetime) -> tuple[ColumnElement[bool], ...]:
    return letter_place.c.sort_at >= begin, letter_place.c.sort_at < end


def _mine(rights: Rights) -> ColumnElement[bool]:
    return true() if rights == ALL else account.c.id.in_(rights)
