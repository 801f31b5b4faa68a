"""Why a file is not searched, or not all of it, in plain words.

Tables keep these sentences in English; the German ones stand in `translations`.
"""

from postbuch.archive.extract_bounds import MAX_CHARACTERS, MAX_CPU_S, MAX_FILE_OCTETS, MAX_PAGES
from postbuch.archive.said import Named, Said, understood


class Unsearched(Named):
    """What kept words from being found."""

    KIND = "files of this kind are not read"
    LEGACY = "it is a file of an Office or Windows program that is not read"
    PASSWORD = "it is protected by a password"  # noqa: S105 - a sentence
    DAMAGED = "it is damaged, or not what its name says"
    TOO_MUCH = "reading it takes more time or memory than a file may have"
    TOO_LARGE = "it is larger than {megabytes} MB"
    EXPANDS = "it grows beyond all bounds when it is unpacked"
    DOCTYPE = "it defines entities of its own, which nothing needs but an attack"
    PART = "only the first {characters} characters are searched"
    PAGES = "only its first {pages} pages are searched"
    TIME = "reading it was stopped after {seconds} s; what was read until then is searched"
    NAMES = "only the names of the files in it are searched"
    INSIDE = "a file inside it is not searched, or not all of it"
    NO_TEXT = "no text is in it; perhaps its pages are pictures"
    GONE = "its octets could not be read; `postbuch verify` says more"


_DETAILS = {
    "characters": MAX_CHARACTERS, "megabytes": MAX_FILE_OCTETS // 1_000_000, "pages": MAX_PAGES, "seconds": MAX_CPU_S,
}  # fmt: skip


def sentence(name: str) -> str:
    """The sentence of a reason by its name, as it stands in the table; '' for ''. Raises KeyError."""
    return Unsearched[name].said(**_DETAILS) if name else ""


def told(text: str) -> str | Said:
    """The sentence of a table taken apart again, so that it can be put into the reader's language."""
    return understood(text, Unsearched)
