"""Text that does nothing to what stands beside it, for pages and terminals. Pure. The archive keeps it as it is."""

import re
import unicodedata

# Control characters but tab and line feed, what turns the direction of reading round and may go on behind the text
# (each text has its own direction where it is shown), line ends that programs do not expect, lone surrogates.
_DISTURBING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")

# Categories of characters that show nothing: control and format, half a character, blanks and line ends.
_UNSEEN = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp", "Zs"))
# And those of other categories: fillers that count as letters, marks that belong to a letter, a pattern without dots.
_FILLERS = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")


def is_blank(written: str) -> bool:
    """Whether nobody sees anything of the text: a link of it could not be met."""
    return all(unicodedata.category(each) in _UNSEEN or _FILLERS.match(each) for each in written)


def text(written: str) -> str:
    """The text without such characters."""
    return written if written.isprintable() else _DISTURBING.sub("", written)


def json(document: str) -> str:
    """The same of a JSON document, in which they are escaped: nothing is lost."""
    return _DISTURBING.sub(lambda found: f"\\u{ord(found[0]):04x}", document)
