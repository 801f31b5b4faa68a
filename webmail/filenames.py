"""Names of attachments as they may be shown and offered for download. Pure."""

import mimetypes
import re
import unicodedata
from collections.abc import Iterable, Iterator
from urllib.parse import quote

from werkzeug.http import dump_options_header

from postbuch.archive import harmless
from postbuch.archive.filefamily import family as family

MAX_CHARACTERS = 150
_FORBIDDEN = re.compile(r'[\\/:*?"<>|]')
# "C:\\Users\\anna\\a.pdf", "../a.pdf", "/etc/a": a place, of which the last part is the name. "11/2026.pdf" is a name.
_PLACE = re.compile(r"(?:[A-Za-z]:|\.*[\\/]).*[\\/]|[\\/]|\.+[\\/]", re.DOTALL)


def display_name(name: str, content_type: str, position: int) -> str:
    """The name without folders, control characters and signs that turn the direction of reading round.

    "gpj.exe" written backwards by U+202E is the oldest trick with attachments.
    """
    kept = "".join(character for character in name if unicodedata.category(character)[0] != "C")
    place = _PLACE.match(kept)
    kept = _FORBIDDEN.sub("_", kept[place.end() if place else 0 :]).strip(" .")
    if harmless.is_blank(kept):
        return f"{position + 1}{mimetypes.guess_extension(content_type) or '.bin'}"
    if len(kept) > MAX_CHARACTERS:
        stem, dot, ending = kept.rpartition(".")
        kept = f"{stem[: MAX_CHARACTERS - 20]}…{dot}{ending[:15]}" if dot else kept[:MAX_CHARACTERS]
    return kept


def disposition(kind: str, name: str) -> str:
    """A Content-Disposition, `attachment` or `inline`: header fields are ASCII, so any other name is given twice.

    In full as RFC 8187 writes it, and for old programs without what ASCII lacks (RFC 6266 section 4.3).
    """
    if name.isascii():
        return dump_options_header(kind, {"filename": name})
    letters = "".join(each for each in unicodedata.normalize("NFKD", name) if not unicodedata.combining(each))
    plain = "".join(each if each.isascii() else "_" for each in letters)
    return dump_options_header(kind, {"filename": plain, "filename*": f"UTF-8''{quote(name, safe='')}"})


def distinct(names: Iterable[str]) -> Iterator[str]:
    """Names for files of one folder, also of one that takes "A.pdf" and "a.pdf" for the same: "a (2).pdf"."""
    taken: set[str] = set()
    for name in names:
        stem, dot, ending = name.rpartition(".")
        fresh, number = name, 1
        while fresh.casefold() in taken:
            number += 1
            fresh = f"{stem} ({number}).{ending}" if dot and stem else f"{name} ({number})"
        taken.add(fresh.casefold())
        yield fresh

