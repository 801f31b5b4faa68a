"""The DKIM signatures of a message (RFC 6376): found in its header, with the names of the keys that they ask for.

Pure and linear, for hostile mail as well. What a signature is worth is found out by `dkimcheck.py`, in a child process.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from postbuch.archive import headers

# Real mail has one to three, of the author, the provider and a list. 10 with a query each, eight at a time, have
# answered within two time limits of `dnsrecords.py`; what stands below them is counted and not looked at.
MAX_SIGNATURES = 10
# RFC 8301 section 3.2: what signs has at least so many bits (RSA).
MIN_KEY_BITS = 1024
# 64 KiB of one field are read, as of every header field; a signature has below 2 KiB.
_NAME = b"dkim-signature"
_FIELD_END = re.compile(rb"\n(?![ \t])")
# RFC 1035 section 2.3.4, with the underscore of `_domainkey`.
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_MAX_NAME = 253


class Verdict(Enum):
    """What one signature is worth."""

    PASS = "pass"  # noqa: S105 - it matches
    PART = "part"  # it matches, and covers only the beginning of the text (l=)
    EXPIRED = "expired"  # it matches, and was past its time (x=) when it was looked at
    WEAK = "weak"  # it matches, by a method that can be forged today
    FAIL = "fail"  # it does not match
    NO_KEY = "no-key"  # the DNS has no key to check it by
    UNFIT = "unfit"  # it is no signature that anybody could check
    UNKNOWN = "unknown"  # it could not be checked here


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """One DKIM-Signature field, as it says itself. `position` counts those fields from the top, from 0."""

    position: int
    domain: str
    selector: str
    algorithm: str
    identity: str

    @property
    def key_name(self) -> str:
        """Where in the DNS its key is (section 3.6.2.1); empty when that is no name that can be asked for."""
        return dns_name(f"{self.selector}._domainkey.{self.domain}") if self.domain and self.selector else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What was found of the signature at a position; `doubt` is the name of a `Doubt`, empty when there is none."""

    position: int
    verdict: str
    doubt: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What the child is asked beside the message: position → key record, and the moment that times are held to."""

    keys: dict[int, str]
    at: float  # seconds since 1970


def signatures(octets: bytes) -> tuple[list[Signature], int]:
    """The first MAX_SIGNATURES from the top, and how many there are in all."""
    found: list[Signature] = []
    count = 0
    for raw in _fields(octets):
        if count < MAX_SIGNATURES:
            tags = dict(_tags(raw.decode("utf-8", "replace")))
            found.append(Signature(
                position=count, domain=_ascii(tags.get("d", "")), selector=tags.get("s", "").lower()[:255],
                algorithm=tags.get("a", "").lower()[:40], identity=headers.one_line(tags.get("i", ""), 255),
            ))  # fmt: skip
        count += 1
    return found, count


def from_domain(octets: bytes) -> str:
    """The domain of the sender as people see it; empty when the header names none, or several (RFC 7489, 6.6.1)."""
    fields = headers.fields(octets).get("from", [])
    if len(fields) != 1:
        return ""
    domains = {_ascii(address.rpartition("@")[2]) for _, address in headers.addresses(fields[0])}
    return domains.pop() if len(domains) == 1 else ""


def dns_name(text: str) -> str:
    """The name in lower case; empty when no such name can be (RFC 1035 section 2.3.4)."""
    name = text.lower().rstrip(".")
    fit = len(name) <= _MAX_NAME and all(_LABEL.fullmatch(label) for label in name.split("."))
    return name if fit else ""


def _ascii(domain: str) -> str:
    """The domain as it stands in the DNS (RFC 8616: a signature may name it in UTF-8)."""
    domain = domain.strip().rstrip(".").lower()[:_MAX_NAME]
    if domain.isascii():
        return domain
    try:
        return domain.encode("idna").decode("ascii")
    except UnicodeError:
        return ""


def _fields(octets: bytes) -> Iterator[bytes]:
    for line in _FIELD_END.split(headers.header_block(octets)):
        name, colon, value = line.partition(b":")
        if colon and name.lower() == _NAME:
            yield value[: headers.MAX_FIELD_OCTETS]


def _tags(text: str) -> Iterator[tuple[str, str]]:
    """Tag and value (section 3.2), white space taken out, which none of these has within."""
    for part in text.split(";"):
        tag, equals, value = part.partition("=")
        if equals:
            yield "".join(tag.split()), "".join(value.split())
