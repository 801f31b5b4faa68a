"""Senders who are written so that they can be taken for others. Pure.

A mail program shows the name and often nothing else, and a sender may call himself as he likes: also by the address of
somebody else (RFC 5322 section 3.4 asks nothing of a display name).
"""

import re
import unicodedata

from postbuch.archive import harmless
from postbuch.webmail.lookalikes import as_in_dns, is_lookalike, is_of_one

# Real names are shorter than two lines. The slowest one of this length that was measured takes 5 ms, and a page looks
# at eight people who send and eight whom answers go to.
MAX_NAME_CHARACTERS = 300
# The end of an address as people write it; of its domain the last label is no number.
_DOMAIN = re.compile(r"(?<=[^\s@<>()\[\]\"',;:])@((?:[\w-]++\.)+(?=[\d-]*+[^\W\d])[\w-]++)")


def names_another(name: str, address: str) -> bool:
    """Whether the name has an address in it of another place than the one behind it."""
    # As it is seen: a wide @ looks like one, and signs that nobody sees would hide a domain from us.
    seen = unicodedata.normalize("NFKC", name[:MAX_NAME_CHARACTERS])
    seen = "".join(each for each in seen if each.isspace() or not harmless.is_blank(each))
    own = as_in_dns(_domain(address))
    return any(not is_of_one(own, as_in_dns(domain)) for domain in _DOMAIN.findall(seen))


def looks_like(address: str) -> str:
    """The domain as the DNS has it, if its letters are shown and can be taken for another one; else ''."""
    domain = _domain(address)
    host = "" if domain.isascii() else as_in_dns(domain)
    return host if is_lookalike(host) else ""


def _domain(address: str) -> str:
    return address.rpartition("@")[2] if "@" in address else ""
