"""People as Lotus Notes writes them: CN=Anna Weber/OU=DE/O=Firma@DOMAIN, or without what says which is what. Pure."""

import re

from postbuch.archive.encodedwords import ENCODED_WORD, decode_words

PERSON = re.compile(r"[^\s\"(),:;@]+\s[^\"(),:;@/]*/[^\"(),:;@]*@[^\s\"(),:;@]+\s*")
_COMMON_NAME = re.compile(r"\s*(?:cn=)?([^/]*)", re.IGNORECASE)
COMMON_NAME_START = re.compile(r"cn=[^/]", re.IGNORECASE)
START = re.compile(r"cn=|[^/]*/", re.IGNORECASE)
# The same with a comma in it, which divides nothing there; an encoded word before it is a name, whatever is in it. Each
# sign is looked at for one `cn=` alone.
_WITH_COMMA = re.compile(
    rf"{ENCODED_WORD}|(?<![^\s,;<])(?P<notes>cn=(?>(?:[^\"():;<>@c]|c(?!n=))*)@[^\s\"(),:;<>@]++)", re.IGNORECASE
)
_TO_ESCAPE = re.compile(r'["\\]')


def person(written: str) -> tuple[str, str]:
    """(name, address) of one as Lotus Notes writes it; in mail of the Internet blanks need quotes."""
    local, _, domain = " ".join(decode_words(written).split()).rpartition("@")
    name = _COMMON_NAME.match(local)
    quoted = '"' + _TO_ESCAPE.sub(r"\\\g<0>", local) + '"' if " " in local else local
    return (name[1] if name else "", f"{quoted}@{domain}")


def in_quotes(line: str) -> str:
    """A field without quotes and comments, with quotes around those of these names that have a comma."""
    return _WITH_COMMA.sub(_quoted, line)


def _quoted(found: re.Match[str]) -> str:
    """The same as mail of the Internet has it; what has no comma, or may be another's behind one, as it stands."""
    local, _, domain = (found["notes"] or "").rpartition("@")
    head, comma, tail = local.rpartition(",")
    if not comma or ("/" not in tail and ("/" not in head or "." in domain)):
        return found[0]
    name, address = person(found[0])
    if found.string[found.start() - 1 : found.start()] == "<":
        return address
    # What stands before a semicolon is no begin of the name.
    return ';"' + _TO_ESCAPE.sub(r"\\\g<0>", name) + f'" <{address}>'
