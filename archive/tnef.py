"""A message of Outlook's own kind in a file, mostly called winmail.dat (MS-OXTNEF). Pure.

Lengths that lie are cut to what is there, check sums are not asked: a file that some gateway damaged is still to be
read as far as it goes. Every octet is looked at once; what comes out is no more than what went in, but for text in
compressed RTF, which is left compressed here.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from postbuch.archive import mapi

MAGIC = b"\x78\x9f\x3e\x22"
_HEAD_OCTETS = 6
_ATTRIBUTE = struct.Struct("<BII")  # level, number and type, length
_CHECKSUM_OCTETS = 2
# A file has eight attributes at most, the message itself 30: no real one has as many for its 1,000 files.
MAX_ATTRIBUTES = 10_000
# Each attribute, by its number without the type.
_BODY, _FILE_DATA, _FILE_TITLE, _FILE_BEGINS = 0x800C, 0x800F, 0x8010, 0x9002
_PROPERTIES, _FILE_PROPERTIES, _CODE_PAGE, _SUBJECT = 0x9003, 0x9005, 0x9007, 0x8004
# Properties (MS-OXPROPS).
_P_TYPE, _P_CONTENT_ID, _P_LOCATION, _P_SENT = 0x370E, 0x3712, 0x3713, 0x0039
_FILETIME_BEGINS = datetime(1601, 1, 1, tzinfo=UTC)
_INTERFACE_OCTETS = 16
# IID_IMessage (MS-OXTNEF section 2.1.3.4.4): a message within.
_MESSAGE = bytes.fromhex("0703020000000000c000000000000046")
_DEFAULT = 1252


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One file. `is_message`: its octets are TNEF again, those of a message that was attached."""

    name: str
    content_type: str
    content_id: str
    location: str
    octets: bytes
    is_message: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Tnef:
    """The text in each of the forms that are there, and the files. `rtf` is compressed (`lzfu.py`)."""

    subject: str
    sender: str
    recipients: str
    sent: datetime | None
    plain: str
    html: bytes
    html_charset: str
    rtf: bytes
    files: tuple[File, ...]


@dataclass(slots=True)
class _Reading:
    """What is known so far."""

    code_page: int = _DEFAULT
    subject: bytes = b""
    body: bytes = b""
    properties: dict[int, mapi.Property] = field(default_factory=dict)
    files: list[dict[int, bytes]] = field(default_factory=list)


def read(octets: bytes, most_files: int) -> Tnef | None:
    """What is in it, with that many files at most; None for what is no TNEF. Never raises."""
    if not octets.startswith(MAGIC):
        return None
    found = _Reading()
    for number, value in _attributes(octets):
        if number == _CODE_PAGE and len(value) >= 4:
            found.code_page = int.from_bytes(value[:4], "little") or _DEFAULT
        elif number == _BODY:
            found.body = value
        elif number == _SUBJECT:
            found.subject = value
        elif number == _PROPERTIES:
            found.properties |= mapi.read(value)
        elif number == _FILE_BEGINS:
            if len(found.files) == most_files:
                break
            found.files.append({})
        elif number in (_FILE_DATA, _FILE_TITLE, _FILE_PROPERTIES) and found.files:
            found.files[-1][number] = value
    return _told(found)


def _attributes(octets: bytes) -> Iterator[tuple[int, bytes]]:
    place = _HEAD_OCTETS
    for _ in range(MAX_ATTRIBUTES):
        if place + _ATTRIBUTE.size > len(octets):
            return
        level, number, length = _ATTRIBUTE.unpack_from(octets, place)
        if level not in (1, 2):  # what stands behind the last one
            return
        start = place + _ATTRIBUTE.size
        yield number & 0xFFFF, octets[start : start + length]
        place = start + length + _CHECKSUM_OCTETS


def _told(found: _Reading) -> Tnef:
    given = found.properties
    html, html_charset = mapi.html(given)
    rtf = given.get(mapi.RTF)
    page = mapi.charset(given) or found.code_page
    plain = mapi.text(given, mapi.BODY, page) or mapi.decoded(found.body, found.code_page)
    return Tnef(
        subject=mapi.text(given, mapi.SUBJECT, found.code_page) or mapi.decoded(found.subject, found.code_page),
        sender=mapi.sender(given, found.code_page),
        recipients=mapi.text(given, mapi.RECIPIENTS, found.code_page),
        sent=_time(given.get(_P_SENT)),
        plain=plain.replace("\r\n", "\n").replace("\r", "\n"),
        html=html,
        html_charset=html_charset,
        rtf=rtf.value if rtf else b"",
        files=tuple(_file(each, found.code_page) for each in found.files),
    )


def _time(value: mapi.Property | None) -> datetime | None:
    """A FILETIME: tenths of microseconds since 1601."""
    if value is None or len(value.value) != 8:
        return None
    try:
        return _FILETIME_BEGINS + timedelta(microseconds=int.from_bytes(value.value, "little") // 10)
    except OverflowError:
        return None


def _file(given: dict[int, bytes], code_page: int) -> File:
    properties = mapi.read(given.get(_FILE_PROPERTIES, b""))
    data = properties.get(mapi.DATA)
    octets = given.get(_FILE_DATA, b"")
    is_message = False
    if data is not None and (data.kind == mapi.OBJECT or not octets):
        octets = data.value
        if data.kind == mapi.OBJECT:
            inside = octets[_INTERFACE_OCTETS:]
            is_message = octets.startswith(_MESSAGE) and inside.startswith(MAGIC)
            octets = inside
    title = mapi.decoded(given.get(_FILE_TITLE, b""), code_page)
    names = [mapi.text(properties, number, code_page) for number in (mapi.LONG_NAME, mapi.SHORT_NAME, mapi.DISPLAY)]
    return File(
        name=names[0] or title or names[1] or names[2],
        content_type=mapi.text(properties, _P_TYPE, code_page),
        content_id=mapi.text(properties, _P_CONTENT_ID, code_page),
        location=mapi.text(properties, _P_LOCATION, code_page),
        octets=octets,
        is_message=is_message,
    )
