"""The words of one file, whatever it is. Pure, but for the time and memory it may take: run it in a child under limits.
"""

import re
from collections.abc import Callable

from postbuch.archive import headers, legible, mime
from postbuch.archive.extract_bounds import MAX_CHARACTERS, MAX_DEPTH, MAX_INSIDE, Budget, GivenUp
from postbuch.archive.extract_doc import read_doc
from postbuch.archive.extract_found import Extract
from postbuch.archive.extract_kind import kind_of
from postbuch.archive.extract_packed import read_document, read_names, read_open_document, read_sheets, read_slides
from postbuch.archive.extract_pdf import read_pdf
from postbuch.archive.extract_plain import read_markup, read_rtf, read_text
from postbuch.archive.extract_ppt import read_ppt
from postbuch.archive.extract_xls import read_xls
from postbuch.archive.mimepart import Part

# What stands between words is of no use for finding them; a phrase goes on across it.
_SPACES, _LINES = re.compile(r"[ \t\f\xa0]+"), re.compile(r" ?\n[ \n]*")
_HEAD_FIELDS = ("subject", "from", "to", "cc", "date")


def read(octets: bytes) -> Extract:
    """Never raises on content, but may run out of memory or of time."""
    budget = Budget(packed_octets=len(octets))
    kind = kind_of(octets)
    reason = ""
    try:
        _into(octets, kind, budget)
    except GivenUp as given_up:
        reason = given_up.reason
    except RecursionError:
        reason = "TOO_MUCH"
    text = "".join(budget.pieces).replace("\r\n", "\n").replace("\r", "\n")
    text = headers.clean(_LINES.sub("\n", _SPACES.sub(" ", text)), MAX_CHARACTERS).strip()
    if not text and not reason and kind == "pdf":
        reason = "NO_TEXT"
    return Extract(text, reason, kind)


def _into(octets: bytes, kind: str, budget: Budget) -> None:
    """Read a file into the budget. Raises GivenUp."""
    if kind in _REASONS:
        raise GivenUp(_REASONS[kind])
    _READERS[kind](octets, budget)


def _mail(octets: bytes, budget: Budget) -> None:
    """A message: who and what about, its text, and the files in it."""
    if budget.depth == MAX_DEPTH:
        raise GivenUp("INSIDE")
    budget.depth += 1
    octets = legible.message(octets)
    fields = headers.fields(octets)
    for name in _HEAD_FIELDS:
        if name in fields:
            budget.add(headers.text(fields[name][0], 1000) + "\n")
    given_up = ""
    for part in mime.take_apart(octets).parts:
        budget.inside += 1
        if budget.inside > MAX_INSIDE:
            raise GivenUp("INSIDE")
        if part.is_body:
            _body(part, budget)
            continue
        if part.file_name:
            budget.add(part.file_name + "\n")
        try:
            _into(part.payload, "mail" if part.content_type == "message/rfc822" else kind_of(part.payload), budget)
        except GivenUp as error:
            if error.reason in ("PART", "TIME"):  # nothing is left for the others
                raise
            given_up = "INSIDE"
    budget.depth -= 1
    if given_up:
        raise GivenUp(given_up)


def _body(part: Part, budget: Budget) -> None:
    if part.content_type == "text/html":
        read_markup(part.text().encode("utf-8", "replace"), budget)
    else:
        budget.add(part.text() + "\n")


_READERS: dict[str, Callable[[bytes, Budget], None]] = {
    "pdf": read_pdf, "docx": read_document, "xlsx": read_sheets, "pptx": read_slides, "odf": read_open_document,
    "doc": read_doc, "xls": read_xls, "ppt": read_ppt,
    "zip": read_names, "rtf": read_rtf, "html": read_markup, "xml": read_markup, "mail": _mail, "text": read_text,
    # What is in these are parts of the letter themselves.
    "silent": lambda _, __: None, "tnef": lambda _, __: None, "signed": lambda _, __: None,
}  # fmt: skip
_REASONS = {"ole": "LEGACY", "broken": "DAMAGED", "protected": "PASSWORD", "other": "KIND"}
