"""Where keys and certificates lie in the data folder, and how they are written: whole or not at all."""

import contextlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from postbuch.archive import systemwords
from postbuch.archive.errors import ConfigError
from postbuch.archive.settingreasons import Setting

PRIVATE_FILE = 0o600
PUBLIC_FILE = 0o644
PRIVATE_FOLDER = 0o700
PUBLIC_FOLDER = 0o755


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateFiles:
    """The four files of an installation. An admin may put a bought certificate in place of the server's two."""

    ca_key: Path
    ca: Path
    server: Path
    server_key: Path


def certificate_files(data_dir: Path) -> CertificateFiles:
    """The places below `data_dir`; touches nothing."""
    return CertificateFiles(
        ca_key=data_dir / "keys" / "ca.key",
        ca=data_dir / "tls" / "ca.pem",
        server=data_dir / "tls" / "server.pem",
        server_key=data_dir / "tls" / "server.key",
    )


def make_folder(folder: Path, mode: int) -> None:
    """Create the folder with its parents. Raises ConfigError when it cannot be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=mode)
        folder.chmod(mode)
    except OSError as error:
        raise ConfigError(Setting.NO_FOLDER.said(path=folder, cause=systemwords.cause(error))) from None


def write_file(path: Path, octets: bytes, mode: int) -> None:
    """Write beside the place and rename, so that a reader sees the old file or the new one. Raises ConfigError."""
    temporary: str | None = None
    try:
        # mkstemp makes the file readable for us alone, so a key is at no moment open to others.
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        with os.fdopen(handle, "wb") as stream:
            stream.write(octets)
            os.fchmod(stream.fileno(), mode)
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).replace(path)
    except OSError as error:
        if temporary is not None:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()
        raise ConfigError(Setting.NOT_WRITTEN.said(path=path, cause=systemwords.cause(error))) from None
