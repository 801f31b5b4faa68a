"""How HTML refers to the parts that came with it: by Content-ID (RFC 2392) or Content-Location (RFC 2557), and in
mail of old programs by the name of a file on the sender's machine. Pure.

Nothing is ever fetched: a reference that no part answers means no part.
"""

import re
from collections.abc import Mapping
from typing import TypeVar
from urllib.parse import unquote, urljoin

from postbuch.archive import headers
from postbuch.archive.encodedwords import decode_words

Value = TypeVar("Value")

# What browsers took for an address in the days of such mail; data: is longer and refers to no part.
MAX_CHARACTERS = 2_048

# The name of a file without a folder, or with one that only the sender has.
_PATH = re.compile(r"(?:(?:file:|[A-Za-z]:\\|\\\\)(?>(?:[^/\\]*+[/\\])*))?([^/\\:?#]++)", re.IGNORECASE)


def location(field: str, base: str) -> str:
    """The address that a Content-Location gives in what has the base; empty when it gives none."""
    written = headers.one_line(decode_words(field[: headers.MAX_FIELD_OCTETS]), MAX_CHARACTERS).strip("<>\" ")
    return join(base, written) if written else ""


def within(content_location: str, content_base: str, base: str) -> tuple[str, str]:
    """The address of a part (empty when it has none), and the base of what stands in it.

    Content-Base is of RFC 2110 section 4.2, and goes before the address as a base.
    """
    if not (content_location or content_base):
        return "", base
    around = location(content_base, base) or base
    address = location(content_location, around)
    return address, around if content_base.strip() else address or base


def join(base: str, reference: str) -> str:
    """The address that is meant by a reference in what has the base; as it is written where that would be none.

    Bases add up from part to part, and each is read for each reference: what is too long is no address.
    """
    if len(base) > MAX_CHARACTERS or len(reference) > MAX_CHARACTERS:
        return reference
    try:
        found = urljoin(base, reference)
    except ValueError:  # brackets around no address of IPv6
        return reference
    return found if len(found) <= MAX_CHARACTERS else reference


def resolve(reference: str, base: str = "") -> str:
    """The form in which all ways to write a reference to one part are equal; empty for one to none.

    White space is of folded lines, or stands for `%20`; a Content-ID is known by its small letters.
    """
    written = reference.strip()
    if len(written) > MAX_CHARACTERS:
        return ""
    if written[:4].lower() == "cid:":
        return f"cid:{_bare(written[4:]).strip('<>').lower()}"
    written = written.partition("#")[0]
    return _bare(join(base, written) if base and written else written)


def find(parts: Mapping[str, Value], reference: str, base: str = "") -> Value | None:
    """What a reference means in HTML that has the base, of parts by the resolved form of their names.

    Also as it is written: programs give addresses to the HTML and bare names to its pictures. A path of the sender's
    machine, which nobody else has, means the part with that file name.
    """
    found = parts.get(resolve(reference, base))
    if found is None and base:
        found = parts.get(resolve(reference))
    if found is None and (path := _PATH.fullmatch(reference.strip()[:MAX_CHARACTERS])) is not None:
        found = parts.get(file(path[1]))
    return found


def file(name: str) -> str:
    """The resolved form of a reference to the part with a file name; empty without one."""
    bare = _bare(name).lower()
    return f"file:{bare}" if bare else ""


def _bare(written: str) -> str:
    return "".join(unquote(written).split())
