"""What of a list's address is none of its arguments: who mistypes one would take the list for a narrower one. Pure."""

import re
from collections.abc import Iterable

from postbuch.archive import filtergrammar
from postbuch.archive.filterform import Warned
from postbuch.webmail import listing

# What our own forms send: to add a condition, and those above the files and the senders (`summarylist.py`).
_FORMS = re.compile(r"add_(?:field|op|value|second)|form|words|by_[a-z_]+")
# What the seed product's addresses carry that narrows nothing, and what mailing tools, advertisements and scripts
# append to any link.
_PASSED_OVER = re.compile(
    r"editid[0-9]|menuItemId|rndval|_"
    r"|(?:utm|mtm|pk)_\w+|[a-z]*clid|[gw]braid|msclkid|mc_[ce]id|mkt_tok|_g[al]|_hs\w+|igshid|srsltid|li_fat_id",
    re.IGNORECASE,
)
_KNOWN = frozenset((*filtergrammar.ARGUMENTS, "pagesize", "goto", *listing.PLACES))
# As much as a chip holds.
_MOST_CHARACTERS = 80


def warnings(names: Iterable[str], own: Iterable[str] = ()) -> tuple[Warned, ...]:
    """One warning for all that are none; `own`: what this page knows beside the arguments of every list."""
    known = _KNOWN.union(own)
    strange = [
        each for each in dict.fromkeys(names)
        if each and each not in known and not _FORMS.fullmatch(each) and not _PASSED_OVER.fullmatch(each)
    ]  # fmt: skip
    text = ", ".join(strange)
    if len(text) > _MOST_CHARACTERS:
        text = f"{text[: _MOST_CHARACTERS - 1]}…"
    return (Warned(kind="argument", text=text),) if strange else ()
