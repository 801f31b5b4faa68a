"""MAPI properties: lists of them as TNEF holds them (MS-OXTNEF section 2.1.3.4), and what they say. Pure."""

import struct
from dataclasses import dataclass

from postbuch.archive import codepage
from postbuch.archive.charsets import decode_octets

STRING8, UNICODE, BINARY, OBJECT = 0x001E, 0x001F, 0x0102, 0x000D
_MULTIPLE = 0x1000
_NAMED = 0x8000
# What each type takes in the list, filled up to four octets; all others say their length.
_SIZES = {
    0x0001: 0, 0x0002: 4, 0x0003: 4, 0x0004: 4, 0x0005: 8, 0x0006: 8, 0x0007: 8, 0x000A: 4, 0x000B: 4, 0x0014: 8,
    0x0040: 8, 0x0048: 16,
}  # fmt: skip
_LONG = (STRING8, UNICODE, BINARY, OBJECT)
# Values in one list: a message has 200. Many of no length would cost time and nothing else.
MAX_VALUES = 100_000
_U32 = struct.Struct("<I")
# Properties (MS-OXPROPS).
SUBJECT, BODY, RTF, HTML, CHARSET, RECIPIENTS = 0x0037, 0x1000, 0x1009, 0x1013, 0x3FDE, 0x0E04
DISPLAY, DATA, SHORT_NAME, LONG_NAME = 0x3001, 0x3701, 0x3704, 0x3707
# The name of who wrote it, then addresses: of whom it is from, and of who sent it, which may be all that is there.
SENDERS = ((0x0042, 0x5D02, 0x0065), (0x0C1A, 0x5D01, 0x0C1F))


@dataclass(frozen=True, slots=True)
class Property:
    """One value. That of an object begins with the 16 octets of its interface."""

    kind: int
    value: bytes


class _Cut(Exception):
    """The list ends here, whatever its count says."""


@dataclass(slots=True)
class _Source:
    octets: bytes
    place: int = 0
    left: int = MAX_VALUES

    def number(self) -> int:
        if self.place + 4 > len(self.octets):
            raise _Cut
        (found,) = _U32.unpack_from(self.octets, self.place)
        self.place += 4
        return int(found)

    def take(self, count: int) -> bytes:
        """So many octets and what fills them up; fewer where the list is cut off."""
        self.left -= 1
        if self.left < 0 or (self.place >= len(self.octets) and count):
            raise _Cut
        found = self.octets[self.place : self.place + count]
        self.place += count + -count % 4
        return found


def read(octets: bytes) -> dict[int, Property]:
    """The properties that have a number of MAPI's own, by it; of several values the first. Never raises.

    A count that lies costs no more than what is there.
    """
    found: dict[int, Property] = {}
    source = _Source(octets)
    try:
        for _ in range(source.number()):
            tag = source.number()
            kind, name = tag & 0xFFFF, tag >> 16
            if name >= _NAMED:
                _pass_name(source)
            values = _values(source, kind)
            if values and name < _NAMED:
                found.setdefault(name, Property(kind & ~_MULTIPLE, values[0]))
    except _Cut:
        pass
    return found


def _pass_name(source: _Source) -> None:
    """A set of names, and in it a number or a name (section 2.1.3.4)."""
    source.take(16)
    if source.number():
        source.take(source.number())
    else:
        source.number()


def _values(source: _Source, kind: int) -> list[bytes]:
    base = kind & ~_MULTIPLE
    count = source.number() if kind & _MULTIPLE or base in _LONG else 1
    if base not in _LONG and base not in _SIZES:
        raise _Cut  # nobody knows where the next one begins
    values: list[bytes] = []
    for _ in range(count if base in _LONG or _SIZES[base] else 0):
        values.append(source.take(source.number() if base in _LONG else _SIZES[base]))
    return values


def text(given: dict[int, Property], number: int, code_page: int) -> str:
    """A property as text, up to its first NUL; empty where it is none."""
    found = given.get(number)
    if found is None or found.kind not in (STRING8, UNICODE, BINARY):
        return ""
    if found.kind == UNICODE:
        return found.value[: len(found.value) // 2 * 2].decode("utf-16-le", "replace").partition("\0")[0]
    return decoded(found.value, code_page)


def decoded(octets: bytes, code_page: int) -> str:
    """Octets in a code page of Windows, up to the first NUL."""
    return decode_octets(octets.partition(b"\0")[0], codepage.label(code_page))


def sender(given: dict[int, Property], code_page: int) -> str:
    """Who wrote it, as a field From has it."""
    return next(filter(None, (_person(given, each, code_page) for each in SENDERS)), "")


def _person(given: dict[int, Property], numbers: tuple[int, ...], code_page: int) -> str:
    name, *addresses = (text(given, each, code_page) for each in numbers)
    address = next((each for each in addresses if "@" in each), "")
    quoted = name.replace("\\", "").replace('"', "")
    return f'"{quoted}" <{address}>' if name and address else address or name


def html(given: dict[int, Property]) -> tuple[bytes, str]:
    """The page, and its charset."""
    found, page = given.get(HTML), charset(given)
    if found is None or found.kind == UNICODE:
        return text(given, HTML, page).encode("utf-8", "replace"), "utf-8"
    return found.value.rstrip(b"\0"), codepage.label(page) if page else "utf-8"


def charset(given: dict[int, Property]) -> int:
    """The code page of the text and the page; 0 where it says none."""
    found = given.get(CHARSET)
    return int.from_bytes(found.value[:4], "little") if found else 0
