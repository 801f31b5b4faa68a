"""Reading an IMAP command's first line and its arguments (RFC 9051 sections 6 and 9). Pure."""

import re
from dataclasses import dataclass

from postbuch.archive import imapstring

_TAG = re.compile(rb"[^\x00-\x20\x7f-\xff(){%*\"\\+]+")
_FIRST = re.compile(rb"(\S+) +(UID +)?([A-Za-z][A-Za-z0-9.-]*)(?= |\r\n)", re.IGNORECASE)
# `{n}` at the end of a line stands for the literal that follows. Servers take a backslash in an atom. A string with
# something right behind it is one thing to us and may be another to them: that is no argument.
_ASTRING = re.compile(rb' *(?:(?:"((?:[^"\\]|\\.)*)"|([^\s"(){]+))(?=[ \r]|\Z)|(\{\d+\+?\})\r\n)')
_ESCAPE = re.compile(rb"\\(.)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command's tag, verb in upper case (`UID FETCH` as one verb), and the rest of its first line with CRLF."""

    tag: bytes
    verb: bytes
    rest: bytes


def parse(line: bytes) -> Command | None:
    """A command's first line, or None when it has no tag of the grammar or no verb."""
    found = _FIRST.match(line)
    if not found or not _TAG.fullmatch(found.group(1)):
        return None
    verb = found.group(3).upper()
    return Command(tag=found.group(1), verb=b"UID " + verb if found.group(2) else verb, rest=line[found.end() :])


def tag_of(line: bytes) -> bytes:
    """The tag to answer a command under that could not be read; `*` when there is none."""
    word = line.split(None, 1)[:1]
    return word[0] if word and _TAG.fullmatch(word[0]) else b"*"


def argument(rest: bytes, literals: list[bytes] | None = None) -> tuple[bytes, bytes] | None:
    """The first string or atom of `rest` and what follows it. A literal is taken from `literals`. Else None."""
    found = _ASTRING.match(rest)
    if not found:
        return None
    quoted, atom, literal = found.groups()
    if literal is not None:
        return (literals.pop(0), rest[found.end() :]) if literals else None
    return (_ESCAPE.sub(rb"\1", quoted) if quoted is not None else atom), rest[found.end() :]


def arguments(rest: bytes, literals: list[bytes], count: int) -> tuple[list[bytes], bytes]:
    """As many strings and atoms of `rest` as can be read, `count` at most, and what follows them."""
    found: list[bytes] = []
    while len(found) < count and (one := argument(rest, literals)) is not None:
        found.append(one[0])
        rest = one[1]
    return found, rest


def quoted(text: bytes, *, utf8: bool = False) -> bytes | None:
    """A quoted string, or None when the octets need a literal (RFC 9051 section 4.3; RFC 6855 section 3 for UTF-8)."""
    if len(text) > 1000 or not (utf8 or text.isascii()):
        return None
    return imapstring.quoted(text)
