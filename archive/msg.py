"""A message of Outlook's in a file of its own, mostly called .msg (MS-OXMSG): properties as streams. Pure.

Files stand in storages of their own, and a message that was attached has its properties in the storage of its file.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from postbuch.archive import mapi
from postbuch.archive.compound import Compound

_NAME = re.compile(r"__substg1\.0_([0-9a-f]{4})([0-9a-f]{4})")
# What a name says without its properties; those of a fixed length stand in a list (section 2.4).
_LIST, _RECIPIENT, _FILE = "__properties_version1.0", "__recip_version1.0_#", "__attach_version1.0_#"
_ITEM_OCTETS = 16
# Properties (MS-OXPROPS): whom it went to, their addresses, the code page of texts that are in none of Unicode.
_COPIES, _ADDRESS, _SMTP, _CODE_PAGE = 0x0E03, 0x3003, 0x39FE, 0x3FFD
_DEFAULT = 1252
# What is asked of each of the storages; all else in it is left unread.
_OF_MESSAGE = frozenset({
    mapi.SUBJECT, mapi.BODY, mapi.RTF, mapi.HTML, mapi.RECIPIENTS, _COPIES,
    *mapi.SENDERS[0], *mapi.SENDERS[1],
})  # fmt: skip
_OF_RECIPIENT = frozenset({mapi.DISPLAY, _ADDRESS, _SMTP})
_OF_FILE = frozenset({mapi.DISPLAY, mapi.SHORT_NAME, mapi.LONG_NAME, mapi.DATA})


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One file. `storage`: where a message that was attached stands, or another program's object; it has no octets."""

    name: str
    octets: bytes
    storage: str
    is_message: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """Who wrote to whom about what, and the text in each of the forms that are there. `rtf` is compressed."""

    subject: str
    people: tuple[str, ...]
    plain: str
    html: bytes
    html_charset: str
    rtf: bytes


def read(file: Compound, storage: str = "") -> Message:
    """The message in a storage, without its files. Never raises."""
    given = _properties(file, storage, _OF_MESSAGE)
    page = _code_page(given)
    html, html_charset = mapi.html(given)
    rtf = given.get(mapi.RTF)
    people = [mapi.sender(given, page), mapi.text(given, mapi.RECIPIENTS, page), mapi.text(given, _COPIES, page)]
    for name in _within(file, storage, _RECIPIENT):
        recipient = _properties(file, name, _OF_RECIPIENT)
        addresses = [mapi.text(recipient, each, page) for each in (_SMTP, _ADDRESS)]
        people += [mapi.text(recipient, mapi.DISPLAY, page), *(each for each in addresses if "@" in each)]
    return Message(
        subject=mapi.text(given, mapi.SUBJECT, page),
        people=tuple(dict.fromkeys(each for each in people if each)),
        plain=mapi.text(given, mapi.BODY, mapi.charset(given) or page),
        html=html,
        html_charset=html_charset,
        rtf=rtf.value if rtf else b"",
    )


def files(file: Compound, storage: str = "") -> Iterator[File]:
    """The files of the message in a storage, each read when it is asked for. Never raises."""
    page = _code_page(_properties(file, storage, frozenset()))
    for name in _within(file, storage, _FILE):
        given = _properties(file, name, _OF_FILE)
        data = given.get(mapi.DATA)
        names = [mapi.text(given, each, page) for each in (mapi.LONG_NAME, mapi.SHORT_NAME, mapi.DISPLAY)]
        inside = f"{name}/__substg1.0_{mapi.DATA:04x}{mapi.OBJECT:04x}"
        yield File(
            name=next((each for each in names if each), ""),
            octets=data.value if data and data.kind == mapi.BINARY else b"",
            storage=inside if file.names(inside) else "",
            is_message=_LIST in file.names(inside),
        )


def _within(file: Compound, storage: str, begin: str) -> Iterator[str]:
    """The storages in another one whose names begin so, in the order of their numbers."""
    for name in sorted(file.names(storage)):
        if name.startswith(begin):
            yield f"{storage}/{name}" if storage else name


def _properties(file: Compound, storage: str, wanted: frozenset[int]) -> dict[int, mapi.Property]:
    begin = f"{storage}/" if storage else ""
    listed = file.stream(begin + _LIST)
    found = {}
    # Before the list stand 8, 24 or 32 octets: it ends with the stream.
    for place in range(len(listed) % _ITEM_OCTETS, len(listed), _ITEM_OCTETS):
        kind, number = (int.from_bytes(listed[at : at + 2], "little") for at in (place, place + 2))
        if number in (mapi.CHARSET, _CODE_PAGE):
            found[number] = mapi.Property(kind, listed[place + 8 : place + 16])
    for name in file.names(storage):
        match = _NAME.fullmatch(name)
        if match and (number := int(match[1], 16)) in wanted:
            found[number] = mapi.Property(int(match[2], 16), file.stream(begin + name))
    return found


def _code_page(given: dict[int, mapi.Property]) -> int:
    found = given.get(_CODE_PAGE)
    return int.from_bytes(found.value[:4], "little") if found else _DEFAULT
