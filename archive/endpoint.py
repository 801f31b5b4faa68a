"""Where something listens or answers, as it stands in the configuration: addresses and URLs, checked. Pure."""

import ipaddress
from functools import lru_cache
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict

from postbuch.archive.settingreasons import Setting

PORTS = {"imaps": 993, "imap": 143, "smtps": 465, "submission": 587, "smtp": 25}
PLAIN = {"imap", "smtp"}
DNS_PORT = 53
# What a listener on all addresses of a machine names, and where it is reached from there.
EVERY_HOST = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - nothing is bound here


class Address(BaseModel):
    """A host and a port; `str()` gives `host:port` with brackets round an IPv6 host."""

    model_config = ConfigDict(frozen=True)
    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(text: str) -> Address:
    """`host:port` or `[v6]:port` as an `Address`. Raises ValueError with a sentence."""
    parts = urlsplit(f"//{text}")
    try:
        port = parts.port
    except ValueError:
        port = None
    if not parts.hostname or port is None:
        raise ValueError(Setting.NO_ADDRESS.said(text=text))
    return Address(host=parts.hostname, port=port)


class Endpoint(BaseModel):
    """One upstream service: scheme (imaps, imap, smtps, submission, smtp), host, port."""

    model_config = ConfigDict(frozen=True)
    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}"


def is_loopback(host: str) -> bool:
    """Whether the host is this machine by its name or address, without asking the DNS."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@lru_cache(maxsize=256)  # asked at each connection
def parse_endpoint(text: str, schemes: tuple[str, ...]) -> Endpoint:
    """`scheme://host[:port]` as an `Endpoint`. Raises ValueError with a sentence."""
    parts = urlsplit(text)
    if parts.scheme not in schemes or not parts.hostname:
        raise ValueError(Setting.NO_ENDPOINT.said(text=text, scheme=schemes[0], schemes=", ".join(schemes)))
    try:
        port = parts.port or PORTS[parts.scheme]
    except ValueError:
        raise ValueError(Setting.NO_PORT.said(text=text)) from None
    if parts.scheme in PLAIN and not is_loopback(parts.hostname):
        raise ValueError(Setting.WITHOUT_TLS.said(text=text, scheme=schemes[0]))
    return Endpoint(scheme=parts.scheme, host=parts.hostname, port=port)


def _imap_url(text: str) -> str:
    parse_endpoint(text, ("imaps", "imap"))
    return text


def _submission_url(text: str) -> str:
    parse_endpoint(text, ("smtps", "submission", "smtp"))
    return text


def _listen(text: str) -> str:
    parse_address(text)
    return text


def _web_listen(text: str) -> str:
    bare = text.removeprefix("http://")
    if bare != text and not is_loopback(parse_address(bare).host):
        raise ValueError(Setting.WEB_WITHOUT_TLS.said(text=text))
    parse_address(bare)
    return text


def _optional_listen(text: str) -> str:
    return _listen(text) if text else text


def parse_ports(text: str) -> range:
    """`first-last` as a range with both. Raises ValueError with a sentence."""
    first, dash, last = text.partition("-")
    if dash and first.isdecimal() and last.isdecimal() and 1024 <= int(first) <= int(last) <= 65535:
        return range(int(first), int(last) + 1)
    raise ValueError(Setting.NO_PORTS.said(text=text))


def _port_range(text: str) -> str:
    parse_ports(text)
    return text


def _ipv4(text: str) -> str:
    try:
        return str(ipaddress.IPv4Address(text)) if text else text
    except ValueError:
        raise ValueError(Setting.NO_IPV4.said(text=text)) from None


def _database_url(text: str) -> str:
    if not text:
        return text
    parts = urlsplit(text)
    try:
        good = parts.scheme in ("mysql", "mariadb") and parts.hostname and parts.path.strip("/") and parts.port != 0
    except ValueError:  # the port is not a number
        good = False
    if not good:
        raise ValueError(Setting.NO_DATABASE_URL.said())
    return text


def _http_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # brackets round what is no address, or a port that is none
        good = False
    if not good:
        raise ValueError(Setting.NO_HTTP_URL.said(text=text))
    return text


def _optional_http_url(text: str) -> str:
    return _http_url(text) if text else text


def parse_name_server(text: str) -> Address:
    """An IP address with or without a port as an `Address`. Raises ValueError with a sentence."""
    try:
        return Address(host=str(ipaddress.ip_address(text)), port=DNS_PORT)
    except ValueError:
        pass
    try:
        found = parse_address(text)
        return Address(host=str(ipaddress.ip_address(found.host)), port=found.port)
    except ValueError:
        raise ValueError(Setting.NO_NAME_SERVER.said(text=text)) from None


def _name_server(text: str) -> str:
    parse_name_server(text)
    return text


ImapUrl = Annotated[str, AfterValidator(_imap_url)]
SubmissionUrl = Annotated[str, AfterValidator(_submission_url)]
Listen = Annotated[str, AfterValidator(_listen)]
WebListen = Annotated[str, AfterValidator(_web_listen)]
DatabaseUrl = Annotated[str, AfterValidator(_database_url)]
HttpUrl = Annotated[str, AfterValidator(_optional_http_url)]
PublicUrl = Annotated[str, AfterValidator(_http_url)]
OptionalListen = Annotated[str, AfterValidator(_optional_listen)]
PortRange = Annotated[str, AfterValidator(_port_range)]
OptionalIpv4 = Annotated[str, AfterValidator(_ipv4)]
NameServer = Annotated[str, AfterValidator(_name_server)]
