"""What is wrong with a search, in the reader's language. The archive says it in English for every way in."""

import re

from postbuch.webmail.language import gettext


def _l(text: str) -> str:
    """Marks a text for translation; it is looked up when it is said."""
    return text


# The sentences of archive/query.py; a test holds each of them to a pattern here.
_SENTENCES = (
    (r"has more than (?P<number>\d+) characters", _l("it has more than %(number)s characters")),
    (r"has more than (?P<number>\d+) words", _l("it has more than %(number)s words")),
    (r"has a '\)' without its '\('", _l("a ')' has no '(' before it")),
    (r"has a '\(' without its '\)'", _l("a '(' has no ')' behind it")),
    (r"has a '-' with nothing behind it", _l("nothing stands behind a '-'")),
    (r"has nothing behind '(?P<word>.*)'", _l("nothing stands behind '%(word)s'")),
    (r"'(?P<word>.*)' is not known in a search; there is (?P<choices>.*)",
     _l("'%(word)s' is not known; there is %(choices)s")),
    (r"'(?P<word>.*)' needs a size", _l("'%(word)s' needs a size such as 500k or 2m")),
    (r"fits too many words", _l("the beginning at the end of a phrase fits too many words; write more of it")),
    (r"'(?P<word>.*)' needs a date", _l("'%(word)s' needs a date such as 2026-01-31 or today-7d")),
)


def explain(sentence: str) -> str:
    """The archive's sentence for people."""
    for pattern, text in _SENTENCES:
        found = re.search(pattern, sentence, re.DOTALL)
        if found:
            reason = gettext(text, **found.groupdict())
            break
    else:
        reason = sentence.rstrip(".")
    return gettext("This search cannot be understood: %(reason)s.", reason=reason)
