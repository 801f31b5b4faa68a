"""The words of PPT, as PowerPoint wrote it from 97 to 2003 (MS-PPT): records in records, the newest versions of them.

A presentation that was saved quickly has its older slides as well; which ones hold is said by a list of objects.
"""

import struct
from collections.abc import Iterator

from postbuch.archive.compound import Compound
from postbuch.archive.extract_bounds import Budget, GivenUp

_RECORD = struct.Struct("<HHI")  # version and instance, kind, length
_PLACE = struct.Struct("<I")
_CONTAINER = 0xF
_DOCUMENT, _SLIDE, _NOTES, _EDIT, _OBJECTS = 0x03E8, 0x03EE, 0x03F0, 0x0FF5, 0x1772
_WIDE, _NARROW, _STRING = 0x0FA0, 0x0FA8, 0x0FBA
# Where the document names the objects that are the masters of notes and handouts (section 2.4.2).
_MASTERS = struct.Struct("<40xII")
# Strings are names of all kinds; those of head and foot lines and of comments are words.
_WITH_STRINGS = (0x0FD9, 0x2EE0)
# Later versions keep what earlier ones do not know in here: comments are records again.
_LATER = 0x138B
_ENCRYPTED = 0xF3D1C4DF
# Line ends within a paragraph.
_MARKS = {11: "\n"}
# Each quick save is an edit; PowerPoint makes a whole save of it after some dozen.
MAX_EDITS = 1_000


def read_ppt(octets: bytes, budget: Budget) -> None:
    """The texts of the document (its outline), of slides and of notes; no masters. Raises GivenUp."""
    file = Compound(octets)
    user = file.stream("Current User")
    records = file.stream("PowerPoint Document")
    token, edit = struct.unpack_from("<II", user, 12) if len(user) >= 20 else (0, 0)
    if token == _ENCRYPTED:
        raise GivenUp("PASSWORD")
    found = _objects(records, edit, budget)
    places = sorted(set(found.values())) or list(_top(records, budget))
    masters = {found.get(number) for place in places for number in _masters(records, place)}
    done, is_read = 0, False
    for place in places:
        if place < done or place in masters:  # no object stands in another one
            continue
        kind, length = _kind(records, place)
        done = place + _RECORD.size + length
        if kind in (_DOCUMENT, _SLIDE, _NOTES):
            is_read = True
            _read(records, place, min(done, len(records)), budget)
    if not is_read:
        raise GivenUp("DAMAGED")


def _kind(records: bytes, place: int) -> tuple[int, int]:
    if place + _RECORD.size > len(records):
        return 0, 0
    _, kind, length = _RECORD.unpack_from(records, place)
    return kind, length


def _top(records: bytes, budget: Budget) -> Iterator[int]:
    """Where all records begin that stand in no other: for files whose list of objects is damaged."""
    place = 0
    while place < len(records):
        budget.look()
        yield place
        place += _RECORD.size + _kind(records, place)[1]


def _masters(records: bytes, place: int) -> tuple[int, ...]:
    is_document = _kind(records, place)[0] == _DOCUMENT and place + _MASTERS.size <= len(records)
    return _MASTERS.unpack_from(records, place) if is_document else ()


def _read(records: bytes, place: int, end: int, budget: Budget) -> None:
    """The texts from one place to another. What holds records is gone into, all else passed over."""
    strings_end = 0
    while place + _RECORD.size <= end:
        budget.look()
        version, kind, length = _RECORD.unpack_from(records, place)
        place += _RECORD.size
        if kind in _WITH_STRINGS:
            strings_end = place + length
        if version & 0xF == _CONTAINER or kind == _LATER:
            continue
        start, place = place, place + length
        if kind == _WIDE or (kind == _STRING and place <= strings_end):
            budget.add(records[start : min(place, end)].decode("utf-16-le", "replace").translate(_MARKS) + "\n")
        elif kind == _NARROW:
            budget.add(records[start : min(place, end)].decode("latin-1").translate(_MARKS) + "\n")


def _objects(records: bytes, edit: int, budget: Budget) -> dict[int, int]:
    """Where each object stands, by its number (sections 2.1.2 and 2.3): an edit names its list and the one before."""
    found: dict[int, int] = {}
    for _ in range(MAX_EDITS):
        if edit + 36 > len(records):
            break
        _, kind, length, before, place = struct.unpack_from("<HHI8xII", records, edit)
        if kind != _EDIT:
            break
        if length >= 32:
            raise GivenUp("PASSWORD")
        kind, length = _kind(records, place)
        if kind == _OBJECTS:
            _list(records[place + _RECORD.size : place + _RECORD.size + length], found, budget)
        if not 0 < before < edit:
            break
        edit = before
    return found


def _list(listed: bytes, found: dict[int, int], budget: Budget) -> None:
    """Runs of places, each behind the number of its first object and their count."""
    at = 0
    while at + _PLACE.size <= len(listed):
        budget.look()
        (run,) = _PLACE.unpack_from(listed, at)
        at += _PLACE.size
        count = min(run >> 20, (len(listed) - at) // _PLACE.size)
        for number, place in enumerate(struct.unpack_from(f"<{count}I", listed, at), run & 0xFFFFF):
            found.setdefault(number, place)
        at += count * _PLACE.size
