"""What is wrong with a search, in the reader's language. The archive says it in English for every way in."""

from postbuch.archive import said
from postbuch.archive.wrong import Mistake, Wrong
from postbuch.webmail.language import gettext, language


def explain(sentence: str) -> str:
    """The archive's sentence for people."""
    reason = said.told(said.understood(sentence, Mistake, Wrong), language())
    return gettext("This search cannot be understood: %(reason)s.", reason=reason.rstrip("."))
