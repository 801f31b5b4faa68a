"""What a reader has to know of a letter that does not show all of itself, or not as itself. Pure."""

import re
from collections.abc import Sequence
from enum import StrEnum

from postbuch.archive import cms
from postbuch.archive.mimepart import Part

_ARMOUR = re.compile(rb"^-----BEGIN PGP MESSAGE-----(?>(?:[^-]++|-(?!----END PGP MESSAGE-----))*)", re.MULTILINE)
# The type of the first part of multipart/encrypted (RFC 3156 section 4); some gateways leave no more of it than that.
_PGP = "application/pgp-encrypted"


class Remark(StrEnum):
    """The sentences are the page's."""

    ENCRYPTED = "encrypted"
    SIGNED = "signed"  # within its signature (RFC 8551 section 3.5.2), which nobody checked
    PARTIAL = "partial"  # RFC 2046 section 5.2.2
    ELSEWHERE = "elsewhere"  # RFC 2046 section 5.2.3


def remarks(parts: Sequence[Part], has_text: bool) -> tuple[Remark, ...]:
    """Those that hold for the letter, in the order of `Remark`; `has_text`: whether there is anything to read."""
    found = {remark for part in parts if (remark := _remark(part, has_text)) is not None}
    return tuple(remark for remark in Remark if remark in found)


def _remark(part: Part, has_text: bool) -> Remark | None:
    if part.content_type == "message/partial":
        return Remark.PARTIAL
    if part.content_type == "message/external-body":
        return Remark.ELSEWHERE
    if part.content_type == _PGP or (part.is_body and _is_armoured(part.payload)):
        return Remark.ENCRYPTED
    if part.is_wrapping:
        return Remark.SIGNED if cms.kind(part.payload) == cms.SIGNED else None
    # Beside a text it is a file that is encrypted, and not the letter.
    is_file = has_text or part.content_type.startswith("text/")
    return Remark.ENCRYPTED if not is_file and _is_encrypted(part.payload) else None


def _is_encrypted(octets: bytes) -> bool:
    """By its octets: servers that make other parts of multipart/encrypted leave no type by which it could be told."""
    return cms.kind(octets) == cms.ENCRYPTED or octets[:200].lstrip().startswith(b"-----BEGIN PGP MESSAGE-----")


def _is_armoured(octets: bytes) -> bool:
    """Whether the most of it is encrypted: more than a footer or a greeting beside that is a letter to read."""
    blocks = sum(len(block[0]) for block in _ARMOUR.finditer(octets))
    return 2 * blocks > len(octets)
