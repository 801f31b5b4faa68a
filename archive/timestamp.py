"""Time stamps of an authority (RFC 3161) on a text. The home of rfc3161-client; one HTTP request, which blocks."""

import hashlib
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from postbuch.archive import systemwords
from postbuch.archive.errors import ServiceMissing
from postbuch.archive.reasons import Reason

TIMEOUT_S = 30
# A response with a chain of certificates has some 5 KiB.
RESPONSE_OCTETS = 1_048_576


class StampInvalid(ServiceMissing):
    """The authority's answer is none, refuses, or is not for this text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """The authority's answer as it came, and the time within, without a zone, in UTC."""

    response: bytes
    at: datetime


def request(text: bytes, url: str, ca_file: Path) -> Stamp:
    """Have the text stamped. Raises ServiceMissing when there is no answer, StampInvalid when it is no good."""
    builder = TimestampRequestBuilder().data(text).hash_algorithm(HashAlgorithm.SHA256).nonce(nonce=True)
    wanted = builder.cert_request(cert_request=True).build()
    call = urllib.request.Request(  # noqa: S310 - http or https: the configuration takes nothing else
        url, data=wanted.as_bytes(), headers={"Content-Type": "application/timestamp-query"}
    )
    try:
        with urllib.request.urlopen(call, timeout=TIMEOUT_S) as answer:  # noqa: S310
            octets = answer.read(RESPONSE_OCTETS)
    except (OSError, urllib.error.URLError) as error:
        raise ServiceMissing(Reason.STAMP_SILENT.said(url=url, words=error)) from None
    return Stamp(response=octets, at=_verify(octets, text, ca_file, wanted.nonce))


def verify(response: bytes, text: bytes, ca_file: Path) -> datetime:
    """The time of a stamp on the text, which the authority of the certificate gave. Raises StampInvalid."""
    return _verify(response, text, ca_file, None)


def imprinted(response: bytes, text: bytes) -> datetime:
    """The time of a stamp on the text, by whoever made it. Raises StampInvalid."""
    read = _read(response)
    if read.tst_info.message_imprint.message != hashlib.sha256(text).digest():
        raise StampInvalid(Reason.STAMP_OF_ANOTHER.said())
    return read.tst_info.gen_time.astimezone(UTC).replace(tzinfo=None)


def _verify(response: bytes, text: bytes, ca_file: Path, nonce: int | None) -> datetime:
    read = _read(response)
    try:
        builder = VerifierBuilder(roots=x509.load_pem_x509_certificates(ca_file.read_bytes()))
        (builder if nonce is None else builder.nonce(nonce)).build().verify_message(read, text)
    except OSError as error:
        raise StampInvalid(Reason.STAMP_ROOT_UNREADABLE.said(path=ca_file, words=systemwords.cause(error))) from None
    except (VerificationError, ValueError) as error:
        raise StampInvalid(Reason.STAMP_NOT_GOOD.said(words=error)) from None
    return imprinted(response, text)


def _read(response: bytes) -> TimeStampResponse:
    try:
        return decode_timestamp_response(response)
    except ValueError as error:
        raise StampInvalid(Reason.STAMP_NONE.said(words=error)) from None
