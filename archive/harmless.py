"""Text that does nothing to what stands beside it, for pages and terminals. Pure. The archive keeps it as it is."""

import re

# Control characters but tab and line feed, what turns the direction of reading round and may go on behind the text
# (each text has its own direction where it is shown), line ends that programs do not expect, lone surrogates.
_DISTURBING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def text(written: str) -> str:
    """The text without such characters."""
    return written if written.isprintable() else _DISTURBING.sub("", written)


def json(document: str) -> str:
    """The same of a JSON document, in which they are escaped: nothing is lost."""
    return _DISTURBING.sub(lambda found: f"\\u{ord(found[0]):04x}", document)
