"""MAIL and RCPT arguments, and which extensions a client is told (RFC 5321, 1870, 3461, 6152, 6531, 4954). Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

# `<"odd>one"@x>` is an address too. The space before it is against RFC 5321 and common.
_PATH = re.compile(r'\s*(?:<((?:"(?:\\.|[^"\\])*"|[^<>"])*)>|([^\s<>]+))((?:\s+\S+)*)\s*\Z')
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_PARAMETER = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([^\s=]\S*|))?\Z")

# Extensions that pass through; PIPELINING and AUTH are ours, STARTTLS, CHUNKING, BINARYMIME, BURL, XCLIENT never.
PASSED = ("8BITMIME", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES")
_NEEDS = {
    "SIZE": "SIZE", "BODY": "8BITMIME", "SMTPUTF8": "SMTPUTF8", "RET": "DSN", "ENVID": "DSN", "NOTIFY": "DSN",
    "ORCPT": "DSN", "AUTH": "AUTH",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """An address with the parameters behind it, as the client wrote them."""

    address: str
    parameters: tuple[str, ...]

    def size_octets(self) -> int | None:
        """The SIZE parameter (RFC 1870); None when there is none or it is no number."""
        for parameter in self.parameters:
            name, _, value = parameter.partition("=")
            if name.upper() == "SIZE" and value.isdigit() and len(value) <= 20:
                return int(value)
        return None


def path(argument: str | None, keyword: str) -> Path | None:
    """The path of `FROM:<…> …` or `TO:<…> …`; None when it is none (501)."""
    if argument is None or _CONTROL.search(argument) or not argument.upper().startswith(keyword + ":"):
        return None
    found = _PATH.match(argument[len(keyword) + 1 :])
    if not found:
        return None
    bracketed, bare, parameters = found.groups()
    words = tuple(parameters.split())
    if not all(_PARAMETER.match(word) for word in words):
        return None
    return Path(address=bracketed if bracketed is not None else bare, parameters=words)


def unknown_parameter(parameters: Iterable[str]) -> str | None:
    """The first parameter that belongs to no extension that passes through (555)."""
    return next((word for word in parameters if word.partition("=")[0].upper() not in _NEEDS), None)


def relayed_parameters(parameters: Iterable[str], extensions: Mapping[str, str]) -> str:
    """The parameters that upstream has the extension for, with a space before each."""
    kept = (word for word in parameters if _NEEDS.get(word.partition("=")[0].upper(), "") in extensions)
    return "".join(f" {word}" for word in kept)


def extensions_of(lines: Iterable[str]) -> dict[str, str]:
    """Keyword in upper case → its arguments, from the lines of an EHLO reply behind the first."""
    found = {}
    for line in lines:
        name, _, arguments = line.strip().partition(" ")
        found[name.upper().partition("=")[0]] = arguments
    return found


def announced(upstreams: list[dict[str, str]], max_size_octets: int) -> list[str]:
    """What a client is told: what every upstream has, plus our own; the smallest size limit."""
    limit = max_size_octets
    for extensions in upstreams:
        value = extensions.get("SIZE", "")
        if value.isdigit() and 0 < int(value) < limit:
            limit = int(value)
    passed = [name for name in PASSED if upstreams and all(name in extensions for extensions in upstreams)]
    return ["PIPELINING", f"SIZE {limit}", *passed, "AUTH PLAIN LOGIN"]
