"""The leaves of a message by the standard library's compat32, which reads whatever octets there are."""

import base64
import binascii
import email
import re
from collections.abc import Iterator
from email import errors, policy
from email.message import Message
from itertools import islice

from postbuch.archive import headers, mimepart, mimewalk, references
from postbuch.archive.charsets import decode_octets
from postbuch.archive.encodedwords import base64_octets
from postbuch.archive.mimepart import Part
from postbuch.archive.mimewalk import Path, Walk

# Whole lines of base64, up to the one that is filled up.
_BASE64 = re.compile(rb"(?>(?:[A-Za-z0-9+/]*[ \t]*\r?\n)*)(?:[A-Za-z0-9+/]+={0,2}[ \t]*(?=[\r\n]|\Z))?")
# One in ten octets that base64 cannot have: a text in clear has twice as many, a quoted one in base64 one in forty.
_CLEAR_SHARE = 10
_OF_BASE64 = bytes(range(0x30, 0x3A)) + bytes(range(0x41, 0x5B)) + bytes(range(0x61, 0x7B)) + b"+/=\r\n"
# Base64 for addresses (RFC 4648 section 5), which other programs read as if two letters were missing here and there.
_OF_ADDRESSES = re.compile(rb"[A-Za-z0-9\r\n]*+[_-][A-Za-z0-9_\r\n-]*+={0,2}\s*+")
# Each multipart without a boundary of its text is read once more as a whole, also those around it: a letter of people
# has one, and one that was forwarded two.
MAX_REPAIRED = 3
_PART_FIELD = re.compile(rb"\r?\nContent-[a-z-]{1,30}:", re.IGNORECASE)
_OTHER_END = re.compile(rb"\r?\n--[^\s\"\\]{1,70}--\s*\Z")
_DELIMITER = re.compile(rb"^--([^\s\"\\][^\"\\\r\n]{0,68}?)[ \t]*\r?$", re.MULTILINE)


def leaves(octets: bytes, walk: Walk) -> Iterator[Part]:
    """Each leaf in turn. Raises TooDeep, RecursionError."""
    yield from _leaves(email.message_from_bytes(octets, policy=policy.compat32), 0, walk)


def _leaves(
    message: "Message[str, str]", depth: int, walk: Walk, path: Path = (), base: str = "", repaired: int = 0
) -> Iterator[Part]:
    if depth > mimewalk.MAX_DEPTH:
        raise mimewalk.TooDeep
    content = message.get_payload()
    children = [child for child in content if isinstance(child, Message)] if isinstance(content, list) else []
    kind = message.get_content_type()
    location, base = references.within(_field(message, "content-location"), _field(message, "content-base"), base)
    if isinstance(content, list) and kind != "message/rfc822":
        for child, branch in zip(children, walk.branches(kind, path), strict=False):
            yield from _leaves(child, depth + 1, walk, branch, base, repaired)
        return
    if kind.startswith("multipart/"):  # and yet one text
        walk.defect = "a multipart has no usable boundary"
        if repaired < MAX_REPAIRED and (whole := _with_boundary(message, kind)) is not None:
            yield from _leaves(whole, depth + 1, walk, path, base, repaired + 1)
            return
        kind = "text/plain"
    inner, first_read = "", None
    if isinstance(content, list):  # message/rfc822: its octets as compat32 writes them; the image has the true ones
        payload = b"\n".join(child.as_bytes(policy=policy.compat32) for child in children)
        inner = mimepart.inner_text(walk.unfold([
            part for child in children for part in _leaves(child, depth + 1, walk, repaired=repaired)
        ]))  # fmt: skip
    else:
        payload, first_read = _decoded(message, kind, walk)
    declared = _field(message, "content-type")[: headers.MAX_FIELD_OCTETS]
    yield mimewalk.part(
        kind, mimewalk.charset(declared), (message.get_content_disposition() or "").lower(),
        mimewalk.file_name(_raw_field(message, "content-disposition"), _raw_field(message, "content-type")),
        _field(message, "content-id"), payload, inner, path, location, base,
        mimewalk.flow(declared), _written(declared) if kind == "text/plain" else "", first_read,
    )


def _written(declared: str) -> str:
    """The content type as the field has it; empty for a multipart that became a text."""
    return "" if declared.lstrip().lower().startswith("multipart") else declared


def _with_boundary(message: "Message[str, str]", kind: str) -> "Message[str, str] | None":
    """A multipart whose field names no boundary of its text, by the first line of it that can only be one."""
    body = _octets(message)
    for line in islice(_DELIMITER.finditer(body), 20):
        has_end = b"--" + line[1] + b"--" in body[line.end() :]
        if has_end or _PART_FIELD.match(body, line.end()):
            body = body if has_end else _OTHER_END.sub(b"", body)
            head = b"Content-Type: %s; boundary=\"%s\"\n\n" % (kind.encode("ascii", "replace"), line[1])
            whole = email.message_from_bytes(head + body, policy=policy.compat32)
            return whole if whole.is_multipart() else None
    return None


def _octets(message: "Message[str, str]") -> bytes:
    """What a leaf says once its transfer encoding is undone, as far as compat32 can."""
    decoded = message.get_payload(decode=True)
    return decoded if isinstance(decoded, bytes) else b""


def _decoded(message: "Message[str, str]", kind: str, walk: Walk) -> tuple[bytes, bytes | None]:
    """The same for encodings that are written in an unusual way, or in which stands what cannot.

    And what the first Postbuch took for it where that was another (`Part.first_read`).
    """
    encoding = mimewalk.UNUSUAL_ENCODING.match(_field(message, "content-transfer-encoding"))
    if encoding is None:
        return _octets(message), None
    del message["content-transfer-encoding"]
    raw = _octets(message)
    if encoding[1].lower() == "quoted-printable":
        walk.is_quoted_wrongly |= not raw.isascii()
        return binascii.a2b_qp(raw), None
    if kind.startswith("text/") and (found := _with_footer(raw)):
        return found, None
    message["Content-Transfer-Encoding"] = "base64"
    if _OF_ADDRESSES.fullmatch(raw) and not raw.isalnum():
        data = b"".join(raw.split()).rstrip(b"=")
        if len(data) % 4 != 1:
            return base64.urlsafe_b64decode(data + b"=" * (-len(data) % 4)), _octets(message)
    if kind.startswith("text/") and _CLEAR_SHARE * len(raw.translate(None, _OF_BASE64)) > len(raw):
        return raw, _octets(message)
    decoded = _octets(message)
    if any(isinstance(defect, errors.InvalidBase64LengthDefect) for defect in message.defects):
        return base64_octets(raw), decoded  # cut off behind one letter of four, and left as it stands
    return decoded, None


def _with_footer(raw: bytes) -> bytes:
    """A text in base64 behind which a mailing list wrote plain words; empty when it is another."""
    end = (lines := _BASE64.match(raw)) and lines.end()
    footer = raw[end:].strip()
    if not end or b" " not in footer:
        return b""
    data = b"".join(raw[:end].split()).rstrip(b"=")
    data = data[:-1] if len(data) % 4 == 1 else data
    return binascii.a2b_base64(data + b"=" * (-len(data) % 4)) + b"\n" + footer + b"\n"


def _field(message: "Message[str, str]", name: str) -> str:
    value = message.get(name)
    return "" if value is None else str(value)


def _raw_field(message: "Message[str, str]", name: str) -> str:
    """The same with octets beyond ASCII as what they say."""
    value = next((value for other, value in message.raw_items() if other.lower() == name), "")
    return decode_octets(str(value).encode("utf-8", "surrogateescape"), None)
