"""The arguments of MAIL and RCPT, and the envelope that they add up to. Pure, no I/O.

What is relayed is what the client wrote, if it is of the form of RFC 5321 section 4.1.2; whether an address or a
parameter is good is upstream's to say.
"""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from postbuch.archive.record import MAX_FACTS_OCTETS, facts_octets

# One octet, quoted string or quoted pair at a time: no part of it can be read in two ways, so no backtracking.
_PATH = rb'<(?:[^\x00-\x20\x7f<>"\\]|"(?:[^\x00-\x1f\x7f"\\]|\\[\x20-\x7e])*"|\\[\x21-\x7e])*>'
_BARE = rb'[^\x00-\x20\x7f<>"\\]+'
_REST = rb"((?:[ \t]+[^\x00-\x20\x7f]+)*)[ \t]*\Z"
_ARGUMENT = re.compile(rb"(FROM|TO):[ \t]*(" + _PATH + rb"|" + _BARE + rb")" + _REST, re.IGNORECASE)
_PARAMETER = re.compile(rb"[A-Za-z0-9][A-Za-z0-9-]*(?:=[^\x00-\x20\x7f]+)?\Z")
_ROUTE = re.compile(r"\A@[^:]*:")
# RFC 5321 section 4.5.3.1.8 asks for at least 100; this bounds what one client can make us remember (some 10 MB).
MAX_RECIPIENTS = 20_000
# Half of what a record may say: 20,000 recipients have 420 octets each, and the last one's 18 KB go in beside the rest.
MAX_RECIPIENT_OCTETS = MAX_FACTS_OCTETS // 2


@dataclass(frozen=True, slots=True, kw_only=True)
class PathArgument:
    """`path` with its angle brackets and `parameters` as written, in their order."""

    path: bytes
    parameters: tuple[bytes, ...]

    @property
    def address(self) -> str:
        """The address for the record: without brackets and source route; empty for the null sender."""
        return _ROUTE.sub("", self.path[1:-1].decode("utf-8", "replace"), count=1)

    def value(self, keyword: bytes) -> bytes | None:
        """The value of a parameter; empty when it has none, None when it is not there."""
        for parameter in self.parameters:
            name, _, value = parameter.partition(b"=")
            if name.upper() == keyword:
                return value
        return None

    @property
    def size_octets(self) -> int | None:
        """SIZE (RFC 1870); None when it is not given."""
        value = self.value(b"SIZE")
        return int(value) if value and value.isdigit() else None

    @property
    def unfit(self) -> bool:
        """Whether a parameter of MAIL cannot be served: a SIZE that is no number, a body that DATA cannot carry."""
        size = self.value(b"SIZE")
        # RFC 1870 section 4: at most 20 digits.
        wrong_size = size is not None and not (size.isdigit() and len(size) <= 20)
        return wrong_size or (self.value(b"BODY") or b"").upper() == b"BINARYMIME"

    def line(self, verb: bytes, dropped: set[bytes]) -> bytes:
        """The command as it goes upstream, without CRLF."""
        kept = [each for each in self.parameters if each.partition(b"=")[0].upper() not in dropped]
        return b" ".join([verb + self.path, *kept])


def parse(argument: str, keyword: bytes) -> PathArgument | None:
    """What stands behind MAIL (`FROM`) or RCPT (`TO`); octets that are no UTF-8 are surrogates.

    A space before the path and missing brackets are forgiven.
    """
    found = _ARGUMENT.match(argument.encode("utf-8", "surrogateescape"))
    if found is None or found.group(1).upper() != keyword:
        return None
    path = found.group(2)
    parameters = tuple(found.group(3).split())
    if not all(_PARAMETER.match(each) for each in parameters):
        return None
    return PathArgument(path=path if path.startswith(b"<") else b"<" + path + b">", parameters=parameters)


@dataclass(slots=True, kw_only=True)
class Envelope:
    """One transaction: what MAIL and every RCPT said, and what upstream answered."""

    mail_from: str
    parameters: list[str]
    client_name: str
    size_octets: int | None
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    recipients: list[dict[str, Any]] = field(default_factory=list)
    _octets: int = 0

    def add(self, address: str, code: int, text: str) -> None:
        """One RCPT with its reply, taken or not."""
        self.recipients.append({"address": address, "code": code, "text": text[:1000]})
        self._octets += len(facts_octets(self.recipients[-1]))

    @property
    def full(self) -> bool:
        """Whether no further recipient can be put on record, and so none be taken."""
        return len(self.recipients) >= MAX_RECIPIENTS or self._octets > MAX_RECIPIENT_OCTETS

    @property
    def deliverable(self) -> bool:
        """Whether upstream took a recipient."""
        return any(200 <= each["code"] < 300 for each in self.recipients)

    def facts(self) -> dict[str, Any]:
        """For the spool record."""
        return {
            "mail_from": self.mail_from, "parameters": self.parameters, "client_name": self.client_name,
            "at": self.at.isoformat(), "recipients": self.recipients,
        }
