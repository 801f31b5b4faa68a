"""How long the certificates are still good: facts for `postbuch status`, `doctor` and the admin page."""

import datetime
from dataclasses import dataclass
from pathlib import Path

from postbuch.archive import said
from postbuch.archive.config import Config
from postbuch.archive.errors import ConfigError
from postbuch.certs.authority import RENEW_WHEN_DAYS_LEFT, certificate_names, issued_by_us, read_certificate
from postbuch.certs.files import CertificateFiles, certificate_files
from postbuch.certs.reasons import Ending


@dataclass(frozen=True, slots=True, kw_only=True)
class Expiry:
    """One certificate. `sentence` is empty while nothing needs to be done."""

    name: str
    path: Path
    names: list[str]
    not_after: datetime.datetime | None
    days_left: int | None
    own: bool
    sentence: str

    def as_json(self) -> dict[str, object]:
        """The form that `postbuch status --json` prints."""
        return {
            "name": self.name,
            "path": str(self.path),
            "names": self.names,
            "not_after": self.not_after.isoformat() if self.not_after else None,
            "days_left": self.days_left,
            "own": self.own,
        }


def expiries(config: Config, *, now: datetime.datetime | None = None) -> list[Expiry]:
    """The CA and the server certificate; reads two small files, never raises."""
    files = certificate_files(config.data)
    moment = now or datetime.datetime.now(datetime.UTC)
    return [_expiry("ca", files.ca, files, moment), _expiry("server", files.server, files, moment)]


def _expiry(name: str, path: Path, files: CertificateFiles, now: datetime.datetime) -> Expiry:
    try:
        certificate = read_certificate(path)
        own = issued_by_us(files, certificate)
    except ConfigError as error:
        return Expiry(
            name=name, path=path, names=[], not_after=None, days_left=None, own=False, sentence=said.of(error)
        )
    end = certificate.not_valid_after_utc
    days = (end - now).days
    return Expiry(
        name=name,
        path=path,
        names=certificate_names(certificate),
        not_after=end,
        days_left=days,
        own=own,
        sentence=_sentence(files, path, days, own=own),
    )


def _sentence(files: CertificateFiles, path: Path, days: int, *, own: bool) -> str:
    if days >= RENEW_WHEN_DAYS_LEFT:
        return ""
    if path == files.ca:
        remedy = Ending.REPLACE_CA.said(key=files.ca_key)
    else:
        remedy = Ending.RESTART.said() if own else Ending.PUT_RENEWED.said()
    if days < 0:
        return Ending.EXPIRED.said(path=path, remedy=remedy)
    return Ending.ENDS_SOON.said(path=path, days=days, remedy=remedy)
