"""The configuration: one TOML file, read once into validated, frozen models."""

import os
import tomllib
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from postbuch.archive import configfaults, systemwords
from postbuch.archive.endpoint import (
    Address,
    DatabaseUrl,
    Endpoint,
    HttpUrl,
    ImapUrl,
    Listen,
    NameServer,
    OptionalIpv4,
    OptionalListen,
    PortRange,
    PublicUrl,
    SubmissionUrl,
    WebListen,
    parse_endpoint,
    parse_name_server,
    parse_ports,
)
from postbuch.archive.errors import ConfigError
from postbuch.archive.said import Joint
from postbuch.archive.settingreasons import Setting
from postbuch.archive.wrong import Wrong

ENVIRONMENT_VARIABLE = "POSTBUCH_CONFIG"
DEFAULT_FILE = "postbuch.toml"
# 100 MiB: what the large providers accept today (Gmail 25 MB, Exchange Online up to 150 MB) with room.
DEFAULT_MAX_SIZE_OCTETS = 104_857_600

class _Counts(Enum):
    """Marks a path that counts from the folder of the configuration's file."""

    FILE = 1
    FOLDER = 2


File = Annotated[str, _Counts.FILE]


class Section(BaseModel):
    """One table of the file. An unknown key and a wrong type are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Database(Section):
    """Where the archive's rows live."""

    url: DatabaseUrl = Field(
        "", description="empty: own MariaDB in data_dir; else mysql://user:pass@host/db"
    )


class Imap(Section):
    """The IMAP listener for mail programs."""

    listen: list[Listen] = Field(["0.0.0.0:993"], description="implicit TLS")


class Submission(Section):
    """The submission listener for mail programs."""

    listen: list[Listen] = Field(["0.0.0.0:465"], description="implicit TLS")
    max_size_octets: int = Field(DEFAULT_MAX_SIZE_OCTETS, gt=0, description="larger messages are refused with 552")


class Web(Section):
    """The web mail client."""

    listen: WebListen = Field(
        "0.0.0.0:443",
        description="TLS with the same certificates; http://127.0.0.1:PORT form for behind a proxy",
    )
    public_url: PublicUrl = Field("https://localhost", description="the address that people type; used in links")


class Ftps(Section):
    """Reading the attachments by FTPS, for file managers."""

    listen: OptionalListen = Field("", description='FTP with TLS (AUTH TLS), read-only: "0.0.0.0:21"; empty: off')
    passive_ports: PortRange = Field("50000-50099", description="the files come over these ports; open them as well")
    public_address: OptionalIpv4 = Field(
        "", description="IPv4 address that clients reach when the router translates; empty: the one they connected to"
    )
    require_resumption: bool = Field(
        True, description="the connection of a file must resume the TLS session of the log-in; see docs/ftps.md"
    )

    @property
    def ports(self) -> range:
        return parse_ports(self.passive_ports)


class Ledger(Section):
    """The checkpoints of the ledger and where copies of them go."""

    checkpoint_every_minutes: int = Field(60, ge=1, le=1440, description="how often the ledger is signed")
    checkpoint_dirs: Annotated[list[str], _Counts.FOLDER] = Field(
        default_factory=list, description="folders that get a copy: a WORM medium, another host's disk"
    )
    tsa_url: HttpUrl = Field(
        "", description="RFC 3161 authority that stamps checkpoints; empty: none"
    )
    tsa_ca_file: File = Field("", description="its root certificate (PEM)")

    @model_validator(mode="after")
    def _stamps_can_be_checked(self) -> "Ledger":
        if self.tsa_url and not self.tsa_ca_file:
            raise ValueError(Setting.STAMP_UNCHECKED.said())
        return self


class Verify(Section):
    """The scheduled checks of the archive against its ledger."""

    every_hours: int = Field(24, ge=0, le=8760, description="check what is new and a sample; 0: never")
    full_every_days: int = Field(30, ge=0, le=3650, description="check everything; 0: never")


class Dns(Section):
    """The DNS, which is asked for the keys of signatures."""

    enabled: bool = Field(True, description="false: signatures of incoming mail are not checked")
    servers: list[NameServer] = Field(
        default_factory=list, description='name servers, "192.0.2.1" or "[2001:db8::1]:5353"; empty: the system\'s'
    )

    @property
    def addresses(self) -> list[Address]:
        return [parse_name_server(text) for text in self.servers]


class Upstream(Section):
    """One mail provider. Routing comes from here alone, never from a name that a client typed."""

    name: str = Field(min_length=1, description="how status and log call it")
    domains: list[str] = Field(min_length=1, description="which log-ins go there; nothing else does")
    imap: ImapUrl = Field(description="imaps://host:993; imap:// for loopback only")
    submission: SubmissionUrl = Field(
        description="smtps://host:465, or submission://host:587 (STARTTLS required); smtp:// for loopback only"
    )
    ca_file: File = Field("", description="extra trust root (PEM) for internal servers")
    auth: Literal["password", "stored", "oauth2"] = Field("password", description="password | stored | oauth2")
    remember: bool = Field(
        False, description="keep the password of a good log-in, sealed, so that the collector can work for it"
    )
    master_user: str = Field(
        "", description="log-in that may open every mailbox (Dovecot master user), for the collector; empty: none"
    )
    master_password_file: File = Field("", description="file that holds the password of master_user and nothing else")
    archive: str = Field(
        "all", description="all | none; per account also: mailbox names, or an archive address"
    )

    @property
    def imap_endpoint(self) -> Endpoint:
        return parse_endpoint(self.imap, ("imaps", "imap"))

    @property
    def submission_endpoint(self) -> Endpoint:
        return parse_endpoint(self.submission, ("smtps", "submission", "smtp"))


class Signing(Section):
    """A domain whose outgoing mail is signed here (DKIM)."""

    domain: str = Field(min_length=1, pattern=r"^[A-Za-z0-9.-]+$", description="mail from addresses of it and below it")
    selector: str = Field(
        min_length=1, pattern=r"^[A-Za-z0-9._-]+$", description="the DNS has the public key: SELECTOR._domainkey.DOMAIN"
    )
    key_file: File = Field(min_length=1, description="the private key (PEM): RSA or Ed25519")


class Config(Section):
    """The whole file. `data_dir` is absolute after loading (a relative one counts from the file's folder)."""

    data_dir: Annotated[str, _Counts.FOLDER] = Field(
        "/var/lib/postbuch", min_length=1, description="everything that Postbuch keeps lies below this folder"
    )
    database: Database = Database()
    imap: Imap = Imap()
    submission: Submission = Submission()
    web: Web = Web()
    ftps: Ftps = Ftps()
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
                    raise ValueError(Setting.DOMAIN_TWICE.said(domain=domain, one=other, other=upstream.name))
        names = [upstream.name for upstream in self.upstream]
        if len(set(names)) != len(names):
            raise ValueError(Setting.UPSTREAM_TWICE.said())
        signed = [signing.domain.lower() for signing in self.signing]
        if len(set(signed)) != len(signed):
            raise ValueError(Setting.SIGNED_TWICE.said())
        return self

    @property
    def data(self) -> Path:
        return Path(self.data_dir)

    @property
    def files(self) -> list[Path]:
        """Every file that the configuration names: certificates, keys, passwords."""
        return sorted(set(_files(self)))

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
        raw = tomllib.loads(path.read_text(encoding="utf-8-sig"))  # Notepad writes the mark
    except FileNotFoundError:
        raise ConfigError(Wrong.NO_CONFIGURATION.said(path=path)) from None
    except OSError as error:
        raise ConfigError(Wrong.UNREADABLE.said(path=path, cause=systemwords.cause(error))) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(Wrong.NO_TOML.said(path=path, cause=error)) from None
    return parse(raw, path)


def parse(raw: dict[str, Any], path: Path) -> Config:
    """Check a read TOML document. `path` is for messages and for relative paths."""
    try:
        config = Config.model_validate(raw)
    except ValidationError as error:
        raise ConfigError(Joint.ABOUT.said(subject=path, what=configfaults.sentence(error, Config))) from None
    return _resolved(config, path.absolute().parent)


AnySection = TypeVar("AnySection", bound=Section)


def _resolved(section: AnySection, folder: Path) -> AnySection:
    """The same with every path made absolute."""
    found: dict[str, Any] = {}
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        is_path = any(isinstance(each, _Counts) for each in field.metadata)
        if isinstance(value, Section):
            found[name] = _resolved(value, folder)
        elif isinstance(value, list):
            found[name] = [
                _resolved(each, folder) if isinstance(each, Section) else str(folder / each) if is_path else each
                for each in value
            ]
        elif is_path and value:
            found[name] = str(folder / value)
    return section.model_copy(update=found)


def _files(section: Section) -> Iterator[Path]:
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        if _Counts.FILE in field.metadata and value:
            yield Path(value)
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, Section):
                yield from _files(each)
