"""The configuration: one TOML file, read once into validated, frozen models.

`example()` prints the commented file that stands in `docs/configuration.md`; a test holds the two together.
"""

import ipaddress
import os
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from postbuch.archive.errors import ConfigError

ENVIRONMENT_VARIABLE = "POSTBUCH_CONFIG"
DEFAULT_FILE = "postbuch.toml"
# 100 MiB: what the large providers accept today (Gmail 25 MB, Exchange Online up to 150 MB) with room.
DEFAULT_MAX_SIZE_OCTETS = 104_857_600

PORTS = {"imaps": 993, "imap": 143, "smtps": 465, "submission": 587, "smtp": 25}
PLAIN = {"imap", "smtp"}
DNS_PORT = 53


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
        raise ValueError(f"'{text}' is not of the form host:port, for example 0.0.0.0:993")
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


def parse_endpoint(text: str, schemes: tuple[str, ...]) -> Endpoint:
    """`scheme://host[:port]` as an `Endpoint`. Raises ValueError with a sentence."""
    parts = urlsplit(text)
    if parts.scheme not in schemes or not parts.hostname:
        raise ValueError(f"'{text}' must look like {schemes[0]}://host:port (schemes: {', '.join(schemes)})")
    try:
        port = parts.port or PORTS[parts.scheme]
    except ValueError:
        raise ValueError(f"'{text}' has a port that is not a number from 1 to 65535") from None
    if parts.scheme in PLAIN and not is_loopback(parts.hostname):
        raise ValueError(f"'{text}' is without TLS, which is accepted for loopback addresses only; use {schemes[0]}://")
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
        raise ValueError(f"'{text}' is without TLS, which is accepted for loopback addresses only")
    parse_address(bare)
    return text


def _database_url(text: str) -> str:
    if not text:
        return text
    parts = urlsplit(text)
    try:
        good = parts.scheme in ("mysql", "mariadb") and parts.hostname and parts.path.strip("/") and parts.port != 0
    except ValueError:  # the port is not a number
        good = False
    if not good:
        raise ValueError("the database URL must look like mysql://user:password@host/database")
    return text


def _http_url(text: str) -> str:
    if text and (urlsplit(text).scheme not in ("http", "https") or not urlsplit(text).hostname):
        raise ValueError(f"'{text}' must look like https://host/path")
    return text


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
        raise ValueError(f"'{text}' is not the IP address of a name server, for example 192.0.2.1") from None


def _name_server(text: str) -> str:
    parse_name_server(text)
    return text


Listen = Annotated[str, AfterValidator(_listen)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Database(_Section):
    """Where the archive's rows live."""

    url: Annotated[str, AfterValidator(_database_url)] = Field(
        "", description="empty: own MariaDB in data_dir; else mysql://user:pass@host/db"
    )


class Imap(_Section):
    """The IMAP listener for mail programs."""

    listen: list[Listen] = Field(["0.0.0.0:993"], description="implicit TLS")


class Submission(_Section):
    """The submission listener for mail programs."""

    listen: list[Listen] = Field(["0.0.0.0:465"], description="implicit TLS")
    max_size_octets: int = Field(DEFAULT_MAX_SIZE_OCTETS, gt=0, description="larger messages are refused with 552")


class Web(_Section):
    """The web mail client."""

    listen: Annotated[str, AfterValidator(_web_listen)] = Field(
        "0.0.0.0:443",
        description="TLS with the same certificates; http://127.0.0.1:PORT form for behind a proxy",
    )
    public_url: str = Field("https://localhost", description="the address that people type; used in links")


class Ledger(_Section):
    """The checkpoints of the ledger and where copies of them go."""

    checkpoint_every_minutes: int = Field(60, ge=1, le=1440, description="how often the ledger is signed")
    checkpoint_dirs: list[str] = Field(
        default_factory=list, description="folders that get a copy: a WORM medium, another host's disk"
    )
    tsa_url: Annotated[str, AfterValidator(_http_url)] = Field(
        "", description="RFC 3161 authority that stamps checkpoints; empty: none"
    )
    tsa_ca_file: str = Field("", description="its root certificate (PEM)")

    @model_validator(mode="after")
    def _stamps_can_be_checked(self) -> "Ledger":
        if self.tsa_url and not self.tsa_ca_file:
            raise ValueError("tsa_url needs tsa_ca_file: a stamp that cannot be checked proves nothing")
        return self


class Verify(_Section):
    """The scheduled checks of the archive against its ledger."""

    every_hours: int = Field(24, ge=0, le=8760, description="check what is new and a sample; 0: never")
    full_every_days: int = Field(30, ge=0, le=3650, description="check everything; 0: never")


class Dns(_Section):
    """The DNS, which is asked for the keys of signatures."""

    enabled: bool = Field(True, description="false: signatures of incoming mail are not checked")
    servers: list[Annotated[str, AfterValidator(_name_server)]] = Field(
        default_factory=list, description='name servers, "192.0.2.1" or "[2001:db8::1]:5353"; empty: the system\'s'
    )

    @property
    def addresses(self) -> list[Address]:
        return [parse_name_server(text) for text in self.servers]


class Upstream(_Section):
    """One mail provider. Routing comes from here alone, never from a name that a client typed."""

    name: str = Field(min_length=1, description="how status and log call it")
    domains: list[str] = Field(min_length=1, description="which log-ins go there; nothing else does")
    imap: Annotated[str, AfterValidator(_imap_url)] = Field(description="imaps://host:993; imap:// for loopback only")
    submission: Annotated[str, AfterValidator(_submission_url)] = Field(
        description="smtps://host:465, or submission://host:587 (STARTTLS required); smtp:// for loopback only"
    )
    ca_file: str = Field("", description="extra trust root (PEM) for internal servers")
    auth: Literal["password", "stored", "oauth2"] = Field("password", description="password | stored | oauth2")
    remember: bool = Field(
        False, description="keep the password of a good log-in, sealed, so that the collector can work for it"
    )
    master_user: str = Field(
        "", description="log-in that may open every mailbox (Dovecot master user), for the collector; empty: none"
    )
    master_password_file: str = Field("", description="file that holds the password of master_user and nothing else")
    archive: str = Field(
        "all", description="all | none; per account also: mailbox names, or an archive address"
    )

    @property
    def imap_endpoint(self) -> Endpoint:
        return parse_endpoint(self.imap, ("imaps", "imap"))

    @property
    def submission_endpoint(self) -> Endpoint:
        return parse_endpoint(self.submission, ("smtps", "submission", "smtp"))


class Signing(_Section):
    """A domain whose outgoing mail is signed here (DKIM)."""

    domain: str = Field(min_length=1, pattern=r"^[A-Za-z0-9.-]+$", description="mail from addresses of it and below it")
    selector: str = Field(
        min_length=1, pattern=r"^[A-Za-z0-9._-]+$", description="the DNS has the public key: SELECTOR._domainkey.DOMAIN"
    )
    key_file: str = Field(min_length=1, description="the private key (PEM): RSA or Ed25519")


class Config(_Section):
    """The whole file. `data_dir` is absolute after loading (a relative one counts from the file's folder)."""

    data_dir: str = Field("/var/lib/postbuch", description="everything that Postbuch keeps lies below this folder")
    database: Database = Database()
    imap: Imap = Imap()
    submission: Submission = Submission()
    web: Web = Web()
    ledger: Ledger = Ledger()
    verify: Verify = Verify()
    dns: Dns = Dns()
    upstream: list[Upstream] = Field(default_factory=list)
    signing: list[Signing] = Field(default_factory=list)

    @model_validator(mode="after")
    def _one_upstream_a_domain(self) -> "Config":
        owner: dict[str, str] = {}
        for upstream in self.upstream:
            for domain in upstream.domains:
                other = owner.setdefault(domain.lower(), upstream.name)
                if other != upstream.name:
                    raise ValueError(f"two upstreams claim the domain '{domain}': '{other}' and '{upstream.name}'")
        names = [upstream.name for upstream in self.upstream]
        if len(set(names)) != len(names):
            raise ValueError("two upstreams have the same name")
        signed = [signing.domain.lower() for signing in self.signing]
        if len(set(signed)) != len(signed):
            raise ValueError("two [[signing]] tables are for the same domain; one key signs")
        return self

    @property
    def data(self) -> Path:
        return Path(self.data_dir)

    def upstream_for(self, login: str) -> Upstream | None:
        """The upstream that serves the domain of a log-in name (`anna@firma.example`), or None."""
        domain = login.rpartition("@")[2].lower()
        return next((u for u in self.upstream if domain in (d.lower() for d in u.domains)), None)


def locate(given: Path | None) -> Path:
    """The configuration file: `--config`, else POSTBUCH_CONFIG, else ./postbuch.toml."""
    return given or Path(os.environ.get(ENVIRONMENT_VARIABLE) or DEFAULT_FILE)


def load(path: Path) -> Config:
    """Read and check the file. Raises ConfigError with one sentence that names the file and the key."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(
            f"{path}: there is no such configuration file; `postbuch config example > {path}` writes one"
        ) from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is not TOML: {error}") from None
    return parse(raw, path)


def parse(raw: dict[str, Any], path: Path) -> Config:
    """Check a read TOML document. `path` is for messages and for relative paths."""
    try:
        config = Config.model_validate(raw)
    except ValidationError as error:
        raise ConfigError(f"{path}: {_sentence(error)}") from None
    base = path.absolute().parent
    upstream = [
        u.model_copy(update={"ca_file": str(base / u.ca_file)}) if u.ca_file else u for u in config.upstream
    ]
    ledger = config.ledger.model_copy(update={
        "checkpoint_dirs": [str(base / name) for name in config.ledger.checkpoint_dirs],
        "tsa_ca_file": str(base / config.ledger.tsa_ca_file) if config.ledger.tsa_ca_file else "",
    })
    signing = [each.model_copy(update={"key_file": str(base / each.key_file)}) for each in config.signing]
    return config.model_copy(update={
        "data_dir": str(base / config.data_dir), "upstream": upstream, "ledger": ledger, "signing": signing,
    })


def _sentence(error: ValidationError) -> str:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"the key '{key}' is unknown; `postbuch config example` lists all keys"
    if first["type"] == "missing":
        return f"the key '{key}' is missing"
    message = first["msg"].removeprefix("Value error, ")
    return f"the key '{key}': {message}" if key else message


_EXAMPLE_UPSTREAM: dict[str, Any] = {
    "name": "provider",
    "domains": ["firma.example"],
    "imap": "imaps://imap.provider.example:993",
    "submission": "smtps://smtp.provider.example:465",
}


_EXAMPLE_SIGNING: dict[str, Any] = {"domain": "firma.example", "selector": "postbuch", "key_file": "dkim.pem"}


_SECTIONS: dict[str, type[BaseModel]] = {
    "database": Database, "imap": Imap, "submission": Submission, "web": Web, "ledger": Ledger, "verify": Verify,
    "dns": Dns,
}


def example() -> str:
    """The commented example file, made from the models so that it cannot drift from them."""
    lines = [f'data_dir = "{Config.model_fields["data_dir"].default}"']
    for name, model in _SECTIONS.items():
        lines += ["", f"[{name}]", *_keys(model, {})]
    lines += ["", "[[upstream]]", *_keys(Upstream, _EXAMPLE_UPSTREAM)]
    # As a comment: the key has to be made first.
    lines += ["", *(f"# {line}" for line in ("[[signing]]", *_keys(Signing, _EXAMPLE_SIGNING)))]
    return "\n".join(lines) + "\n"


def _keys(model: type[BaseModel], values: dict[str, Any]) -> list[str]:
    out = []
    for key, field in model.model_fields.items():
        setting = f"{key} = {_toml(values.get(key, field.get_default(call_default_factory=True)))}"
        out.append(f"{setting:<40} # {field.description}" if field.description else setting)
    return out


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return str(value) if isinstance(value, int) else '"' + str(value) + '"'
