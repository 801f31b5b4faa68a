"""The words of one file, whatever it is. Pure, but for the time and memory it may take: run it in a child under limits.
"""

import re
from collections.abc import Callable, Iterable
from itertools import chain

from postbuch.archive import headers, legible, lzfu, mime, msg, rtf
from postbuch.archive.compound import Compound
from postbuch.archive.extract_bounds import MAX_CHARACTERS, MAX_DEPTH, MAX_INSIDE, Budget, GivenUp
from postbuch.archive.extract_cards import read_cards
from postbuch.archive.extract_doc import read_doc
from postbuch.archive.extract_found import Extract
from postbuch.archive.extract_kind import kind_of
from postbuch.archive.extract_packed import read_document, read_names, read_open_document, read_sheets, read_slides
from postbuch.archive.extract_pdf import read_pdf
from postbuch.archive.extract_plain import MAX_RTF_OCTETS, read_html, read_markup, read_rtf, read_text, read_xml
from postbuch.archive.extract_ppt import read_ppt
from postbuch.archive.extract_xls import read_xls
from postbuch.archive.mimepart import Part

# What stands between words is of no use for finding them; a phrase goes on across it.
_SPACES, _LINES = re.compile(r"[ \t\f\xa0]+"), re.compile(r" ?\n[ \n]*")
_HEAD_FIELDS = ("subject", "from", "to", "cc", "date")
# The name of what is in a message, empty for its own text, and what reads it.
_Inside = tuple[str, Callable[[], None]]


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
    octets = legible.message(octets)
    fields = headers.fields(octets)
    for name in _HEAD_FIELDS:
        if name in fields:
            budget.add(headers.text(fields[name][0], 1000) + "\n")
    _all_inside((_part(part, budget) for part in mime.take_apart(octets).parts), budget)


def _part(part: Part, budget: Budget) -> _Inside:
    if part.is_body:
        return "", lambda: _body(part, budget)
    kind = "mail" if part.content_type == "message/rfc822" else kind_of(part.payload)
    return part.file_name, lambda: _into(part.payload, kind, budget)


def _outlook(file: Compound, storage: str, budget: Budget) -> None:
    """The same of a message that Outlook saved: its text is plain, or else HTML, or else RTF."""
    message = msg.read(file, storage)
    for line in (message.subject, *message.people):
        budget.add(line[:1000] + "\n")
    text = [("", lambda: _text(message, budget))]
    _all_inside(chain(text, (_file(file, each, budget) for each in msg.files(file, storage))), budget)


def _text(message: msg.Message, budget: Budget) -> None:
    if message.plain.strip():
        budget.add(message.plain + "\n")
    elif message.html:
        read_html(message.html, message.html_charset, budget)
    else:
        text = rtf.read(lzfu.expand(message.rtf, MAX_RTF_OCTETS))
        if text.is_html:
            read_html(text.text.encode("utf-8", "replace"), "utf-8", budget)
        else:
            budget.add(text.text + "\n")


def _file(file: Compound, found: msg.File, budget: Budget) -> _Inside:
    if found.is_message:
        return found.name, lambda: _outlook(file, found.storage, budget)
    kind = "ole" if found.storage else kind_of(found.octets)
    return found.name, lambda: _into(found.octets, kind, budget)


def _all_inside(files: Iterable[_Inside], budget: Budget) -> None:
    """What is in a message, by name and words. Raises GivenUp when not all of it is read."""
    if budget.depth == MAX_DEPTH:
        raise GivenUp("INSIDE")
    budget.depth += 1
    given_up = False
    for name, into in files:
        budget.inside += 1
        if budget.inside > MAX_INSIDE:
            raise GivenUp("INSIDE")
        budget.add(f"\n{name}\n")  # what a file ends with is another word
        try:
            into()
        except GivenUp as error:
            if error.reason == "TIME" or budget.characters >= MAX_CHARACTERS:  # nothing is left for the others
                raise
            given_up = True
    budget.depth -= 1
    if given_up:
        raise GivenUp("INSIDE")


def _body(part: Part, budget: Budget) -> None:
    if part.content_type == "text/html":
        read_markup(part.text().encode("utf-8", "replace"), budget)
    else:
        budget.add(part.text() + "\n")


_READERS: dict[str, Callable[[bytes, Budget], None]] = {
    "pdf": read_pdf, "docx": read_document, "xlsx": read_sheets, "pptx": read_slides, "odf": read_open_document,
    "doc": read_doc, "xls": read_xls, "ppt": read_ppt,
    "msg": lambda octets, budget: _outlook(Compound(octets), "", budget),
    "zip": read_names, "rtf": read_rtf, "html": read_markup, "xml": read_xml, "mail": _mail, "cards": read_cards,
    "text": read_text,
    # What is in these are parts of the letter themselves.
    "silent": lambda _, __: None, "tnef": lambda _, __: None, "signed": lambda _, __: None,
}  # fmt: skip
_REASONS = {"ole": "LEGACY", "broken": "DAMAGED", "protected": "PASSWORD", "other": "KIND"}
