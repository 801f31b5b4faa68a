"""What stands in an S/MIME container (RFC 5652): which kind it is, and what was signed or compressed. Pure.

Reads BER, as mail programs write it: indefinite lengths, an octet string in pieces. No signature is checked here. The
octets are walked once and without recursion, a length that lies is cut to what is there.
"""

import re
import zlib
from dataclasses import dataclass

from postbuch.archive.encodedwords import base64_octets

SIGNED, COMPRESSED, ENCRYPTED, OTHER = "signed", "compressed", "encrypted", "other"
_OBJECT_IDENTIFIER, _OCTET_STRING, _SEQUENCE, _CONTENT, _CONSTRUCTED = 0x06, 0x04, 0x30, 0xA0, 0x20
_PKCS7 = bytes.fromhex("2a864886f70d0107")
_KINDS = {
    _PKCS7 + b"\x02": SIGNED,
    _PKCS7 + b"\x03": ENCRYPTED,
    bytes.fromhex("2a864886f70d0109100117"): ENCRYPTED,  # authEnvelopedData, RFC 5083
    bytes.fromhex("2a864886f70d0109100109"): COMPRESSED,  # RFC 3274
}
# As text (RFC 7468 section 8), also without its borders: OpenSSL writes so, and programs that name no encoding.
_TEXT = re.compile(rb"\s{0,100}(?:-----BEGIN (?:PKCS ?#?7[A-Z ]{0,20}|CMS)-----\s{1,100})?(?=MI)")
_TEXT_END = b"-----END "
# 400 letters of it have the head.
_HEAD_LETTERS = 400
# Lengths of more than eight octets are no lengths.
_LENGTH_OCTETS = 8
# 1,000,000 elements take 1 s. Programs write strings in pieces of 1,000 octets or more: a message of 1 GB has as many.
MAX_ELEMENTS = 1_000_000


class _NotBer(ValueError):
    """What stands there is not what the structure has in this place."""


@dataclass(slots=True)
class _Element:
    """A tag, and where its content begins and ends; `end` is None where only its end says so."""

    tag: int
    start: int
    end: int | None


def kind(octets: bytes) -> str:
    """SIGNED, COMPRESSED, ENCRYPTED or OTHER; empty for what is no CMS. Looks at the head alone."""
    try:
        return _KINDS.get(_head(_binary(octets, _HEAD_LETTERS))[0], OTHER)
    except _NotBer:
        return ""


def content(octets: bytes, most: int) -> bytes | None:
    """What was signed or compressed, as far as it is there.

    None where none is (the signature stands by itself), or where it was compressed and has more octets than `most`.
    """
    octets = _binary(octets)
    try:
        found, place = _head(octets)
        if _KINDS.get(found) not in (SIGNED, COMPRESSED):
            return None
        place = _into(octets, place, _CONTENT)
        place = _into(octets, place, _SEQUENCE)
        place = _behind(octets, _behind(octets, place))  # version, digestAlgorithms or compressionAlgorithm
        place = _into(octets, place, _SEQUENCE)
        place = _behind(octets, place)  # eContentType
        place = _into(octets, place, _CONTENT)
        inside = _octet_string(octets, place)
    except _NotBer:
        return None
    return inside if _KINDS[found] == SIGNED else _inflated(inside, most)


def _inflated(octets: bytes, most: int) -> bytes | None:
    """RFC 3274 section 2 has zlib alone."""
    reader = zlib.decompressobj()
    try:
        found = reader.decompress(octets, most + 1)
    except zlib.error:
        return None
    return found if len(found) <= most else None


def _binary(octets: bytes, most: int | None = None) -> bytes:
    """The octets of what is written as text, of so many letters of it; others as they are."""
    text = _TEXT.match(octets)
    if text is None:
        return octets
    end = octets.find(_TEXT_END, text.end())
    letters = octets[text.end() : len(octets) if end < 0 else end]
    return base64_octets(letters[:most])


def _head(octets: bytes) -> tuple[bytes, int]:
    """(contentType, where the content begins)."""
    name = _element(octets, _into(octets, 0, _SEQUENCE))
    if name.tag != _OBJECT_IDENTIFIER or name.end is None:
        raise _NotBer
    return octets[name.start : name.end], name.end


def _element(octets: bytes, place: int) -> _Element:
    """The element that begins there. Raises _NotBer."""
    if place + 2 > len(octets) or octets[place] & 0x1F == 0x1F:  # CMS has no tags of several octets
        raise _NotBer
    tag, length, start = octets[place], octets[place + 1], place + 2
    if length == 0x80:
        if not tag & _CONSTRUCTED:
            raise _NotBer
        return _Element(tag, start, None)
    if length > 0x80:
        count = length - 0x80
        if count > _LENGTH_OCTETS:
            raise _NotBer
        length, start = int.from_bytes(octets[start : start + count], "big"), start + count
    return _Element(tag, start, min(start + length, len(octets)))


def _into(octets: bytes, place: int, tag: int) -> int:
    """Where the content of this element begins, which is to have that tag."""
    found = _element(octets, place)
    if found.tag != tag:
        raise _NotBer
    return found.start


def _behind(octets: bytes, place: int) -> int:
    """Where the next element begins. Those of indefinite length are walked through, however deep they are."""
    open_ = 0
    for _ in range(MAX_ELEMENTS):
        found = _element(octets, place)
        if found.end is None:
            open_ += 1
            place = found.start
            continue
        if octets[place : place + 2] == b"\0\0":
            open_ -= 1
        place = found.end
        if open_ <= 0:
            return place
    raise _NotBer


def _octet_string(octets: bytes, place: int) -> bytes:
    """An octet string, in one piece or in many (X.690 section 8.7)."""
    first = _element(octets, place)
    if first.tag == _OCTET_STRING and first.end is not None:
        return octets[first.start : first.end]
    if first.tag != _OCTET_STRING | _CONSTRUCTED:
        raise _NotBer
    pieces: list[bytes] = []
    place = first.start
    limits = [len(octets) if first.end is None else first.end]  # how far each of the strings around this place goes
    for _ in range(MAX_ELEMENTS):
        if not limits:
            break
        if place >= limits[-1]:
            limits.pop()
            continue
        try:
            found = _element(octets, place)
        except _NotBer:
            break  # cut off: what was read so far is what there is
        if found.tag == _OCTET_STRING and found.end is not None:
            pieces.append(octets[found.start : found.end])
            place = found.end
        elif found.tag == _OCTET_STRING | _CONSTRUCTED:
            limits.append(limits[-1] if found.end is None else min(found.end, limits[-1]))
            place = found.start
        else:  # the end of contents, or what cannot stand here
            limits.pop()
            place = found.start
    return b"".join(pieces)
