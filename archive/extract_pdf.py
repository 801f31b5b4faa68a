"""PDF by PDFium: its words, and its first page as a picture. The home of pypdfium2. Runs in a child alone."""

from typing import Any

import pypdfium2

from postbuch.archive.extract_bounds import MAX_PAGES, Budget, GivenUp

# How PDFium marks a word that goes on in the next line.
_HYPHEN = "\ufffe"
# The longest page that is drawn: a paper of 200 inches, the largest that a PDF may have (ISO 32000-1, annex C).
_POINTS = 14_400


def read_pdf(octets: bytes, budget: Budget) -> None:
    """Page by page."""
    document = _opened(octets)
    try:
        count = len(document)
        if not count:
            raise GivenUp("DAMAGED")
        for number in range(min(count, MAX_PAGES)):
            budget.look()
            try:
                budget.add(_words(document, number) + "\n")
            except pypdfium2.PdfiumError:  # this page alone
                continue
    finally:
        document.close()
    if count > MAX_PAGES:
        raise GivenUp("PAGES")


def draw(octets: bytes, side: int) -> Any:
    """The first page as a picture of Pillow's, at most `side` pixels wide and high. Raises GivenUp."""
    document = _opened(octets)
    try:
        page = document[0]
        width, height = page.get_size()
        if not (0 < width <= _POINTS and 0 < height <= _POINTS):
            raise GivenUp("DAMAGED")
        return page.render(scale=side / max(width, height)).to_pil()
    except pypdfium2.PdfiumError:
        raise GivenUp("DAMAGED") from None
    finally:
        document.close()


def _words(document: Any, number: int) -> str:
    page = document[number]
    try:
        text = page.get_textpage()
        try:
            found = str(text.get_text_range())
        finally:
            text.close()
    finally:
        page.close()
    return found.replace("\r\n", "\n").replace(_HYPHEN + "\n", "").replace(_HYPHEN, "")


def _opened(octets: bytes) -> Any:
    try:
        return pypdfium2.PdfDocument(octets)
    except pypdfium2.PdfiumError as error:
        raise GivenUp("PASSWORD" if "password" in str(error).lower() else "DAMAGED") from None
