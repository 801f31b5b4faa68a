"""The own certificate authority: made once at `init`, issues the server certificate and renews it in time.

Mail programs and browsers trust `tls/ca.pem` once; the server certificate changes every year without their noticing.
A server certificate that somebody else issued (a bought one) is never overwritten.
"""

import datetime
import ipaddress
import socket
from collections.abc import Iterable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from postbuch.archive import systemwords
from postbuch.archive.config import Config
from postbuch.archive.endpoint import EVERY_HOST, parse_address
from postbuch.archive.errors import ConfigError
from postbuch.archive.settingreasons import Setting
from postbuch.certs.files import (
    PRIVATE_FILE,
    PRIVATE_FOLDER,
    PUBLIC_FILE,
    PUBLIC_FOLDER,
    CertificateFiles,
    certificate_files,
    make_folder,
    write_file,
)
from postbuch.certs.reasons import Ending

# Ten years: people install the CA by hand on phones, so it must outlive them.
CA_DAYS = 3653
# Apple refuses server certificates of more than 398 days issued by public roots; 397 is safe everywhere.
SERVER_DAYS = 397
RENEW_WHEN_DAYS_LEFT = 30
# Clocks of clients may be slow: valid from an hour ago.
_CLOCK_SLACK = datetime.timedelta(hours=1)
# X.520 upper bound for a common name (RFC 5280 appendix A.1, ub-common-name).
_COMMON_NAME_CHARACTERS = 64


def server_names(config: Config) -> list[str]:
    """The names and addresses that clients may type: public_url, this machine, loopback, explicit listen addresses."""
    names = [urlsplit(config.web.public_url).hostname or "", socket.gethostname(), "localhost", "127.0.0.1", "::1"]
    web = config.web.listen.removeprefix("http://")
    hosts = [parse_address(text).host for text in (*config.imap.listen, *config.submission.listen, web)]
    names += [host for host in hosts if host not in EVERY_HOST]
    return list(dict.fromkeys(name.lower() for name in names if _usable(name)))


def initialise(data_dir: Path, names: Sequence[str]) -> CertificateFiles:
    """Make what is missing: the CA and a server certificate for `names`. Harmless when all is there.

    Raises ConfigError when a folder or file cannot be written. Blocks; may be called in any thread.
    """
    files = certificate_files(data_dir)
    make_folder(files.ca_key.parent, PRIVATE_FOLDER)
    make_folder(files.ca.parent, PUBLIC_FOLDER)
    if not files.ca_key.exists() or not files.ca.exists():
        _make_authority(files)
    renew_if_due(data_dir, names)
    return files


def renew_if_due(data_dir: Path, names: Sequence[str], *, now: datetime.datetime | None = None) -> bool:
    """Issue a new server certificate when there is none, it is not good or ends soon, or lacks a name. Whether it did.

    Called at start and once a day by the supervisor; servers notice the changed files by themselves.
    """
    files = certificate_files(data_dir)
    moment = now or datetime.datetime.now(datetime.UTC)
    if files.server.exists() and files.server_key.exists():
        current = read_certificate(files.server)
        if not issued_by_us(files, current):
            return False
        left = current.not_valid_after_utc - moment
        # One that begins later was made while the clock was ahead.
        lasts = left > datetime.timedelta(days=RENEW_WHEN_DAYS_LEFT) and current.not_valid_before_utc <= moment
        if lasts and set(names) <= set(certificate_names(current)):
            return False
        names = [*names, *certificate_names(current)]
    _issue(files, list(dict.fromkeys(names)), moment)
    return True


def read_certificate(path: Path) -> x509.Certificate:
    """The first certificate of a PEM file. Raises ConfigError with a sentence."""
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except OSError as error:
        raise ConfigError(Ending.NOT_READ.said(path=path, words=systemwords.cause(error))) from None
    except ValueError:
        raise ConfigError(Ending.NO_CERTIFICATE.said(path=path)) from None


def certificate_names(certificate: x509.Certificate) -> list[str]:
    """The host names and addresses that the certificate is for (its subject alternative names)."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    hosts = names.get_values_for_type(x509.DNSName)
    return hosts + [str(address) for address in names.get_values_for_type(x509.IPAddress)]


def issued_by_us(files: CertificateFiles, certificate: x509.Certificate) -> bool:
    """Whether our own CA signed it."""
    try:
        certificate.verify_directly_issued_by(read_certificate(files.ca))
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def _usable(name: str) -> bool:
    try:
        _general_name(name.lower())
    except ValueError:
        return False
    return bool(name)


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name.encode("idna").decode("ascii") if not name.isascii() else name)


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _usage(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign_certificates,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _make_authority(files: CertificateFiles) -> None:
    now = datetime.datetime.now(datetime.UTC)
    key = ec.generate_private_key(ec.SECP256R1())
    # The machine and the day stand in the name, so that two installations are told apart in a phone's settings.
    label = f"Postbuch CA {socket.gethostname()} {now:%Y-%m-%d}"[:_COMMON_NAME_CHARACTERS]
    name = x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Postbuch"), x509.NameAttribute(NameOID.COMMON_NAME, label)]
    )
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SLACK)
        .not_valid_after(now + datetime.timedelta(days=CA_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(sign_certificates=True), critical=True)
        .add_extension(identifier, critical=False)
        .sign(key, hashes.SHA256())
    )
    # The key first: a certificate without its key could never issue anything, and nobody would notice for a year.
    write_file(files.ca_key, _private_pem(key), PRIVATE_FILE)
    write_file(files.ca, _pem(certificate), PUBLIC_FILE)


def _authority_key(files: CertificateFiles) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(files.ca_key.read_bytes(), password=None)
    except OSError as error:
        raise ConfigError(Setting.CA_KEY_UNREADABLE.said(path=files.ca_key, cause=systemwords.cause(error))) from None
    except (ValueError, TypeError):
        raise ConfigError(Setting.CA_KEY_DAMAGED.said(path=files.ca_key)) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ConfigError(Setting.CA_KEY_OTHER.said(path=files.ca_key))
    return key


def _issue(files: CertificateFiles, names: Iterable[str], now: datetime.datetime) -> None:
    ca = read_certificate(files.ca)
    ca_key = _authority_key(files)
    key = ec.generate_private_key(ec.SECP256R1())
    wanted = [name for name in names if _usable(name)]
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, wanted[0][:_COMMON_NAME_CHARACTERS])])
    end = min(now + datetime.timedelta(days=SERVER_DAYS) - _CLOCK_SLACK, ca.not_valid_after_utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(ca.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SLACK)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(sign_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in wanted]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    write_file(files.server_key, _private_pem(key), PRIVATE_FILE)
    write_file(files.server, _pem(certificate) + _pem(ca), PUBLIC_FILE)
