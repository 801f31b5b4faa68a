"""The leaf parts of a message, by fast-mail-parser or by the standard library's compat32. The only home of both.

A leaf is a part that people see as one thing: a text, a file, an embedded message as a whole. Their order in the octets
is their position, by which the archive and the web page name them.
"""

import binascii
import email
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import policy
from email.message import Message
from functools import lru_cache
from itertools import count, islice, repeat

import fast_mail_parser

from postbuch.archive import headers, mimepart, parameters, references
from postbuch.archive.charsets import decode_octets
from postbuch.archive.encodedwords import decode_words
from postbuch.archive.mimepart import Part

# 1,000 leaves, 100 levels: no mail that people sent comes near; hostile ones overflow stacks at 1,000 levels.
MAX_LEAVES = 1000
MAX_DEPTH = 100
# fast-mail-parser's time grows with the square of the encoded words in a field: 9 ms for 2,000, 80 ms for 5,000, 43 s
# for 100,000; compat32 reads 5,000 in 3 ms.
MAX_WORDS = 2000
_CHARSET = re.compile(r"(?<![\w-])charset\*?\s*=\s*(?:\"([^\"]{1,60})\"|([^\s;\"]{1,60}))", re.IGNORECASE)
# As nearly all write them (RFC 2045 section 6.1). Others may have a comment, quotes or a semicolon.
_ENCODINGS = frozenset({"", "7bit", "8bit", "binary", "base64", "quoted-printable"})
_UNUSUAL_ENCODING = re.compile(r"[\s\"']*(base64|quoted-printable)(?![\w-])", re.IGNORECASE)
# Whole lines of base64, up to the one that is filled up.
_BASE64 = re.compile(rb"(?:[A-Za-z0-9+/]*[ \t]*\r?\n)*+(?:[A-Za-z0-9+/]+={0,2}[ \t]*(?=[\r\n]|\Z))?")
_DELIMITER = re.compile(rb"^--([^\s\"\\][^\"\\\r\n]{0,68}?)[ \t]*\r?$", re.MULTILINE)

# The alternatives around a leaf: see `mimepart.py`.
Path = tuple[tuple[int, int], ...]


class TooDeep(Exception):
    """Parts within parts beyond MAX_DEPTH; the message is then read as one text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """All leaves, which parser found them, and what kept it from finding all."""

    parser: str
    parts: list[Part]
    defect: str = ""


def take_apart(octets: bytes) -> Structure:
    """The leaves: quickly where that works, else by compat32, else the whole body as one text. Never raises on content.

    May need time and memory in proportion to hostile input: run it in a child under limits (`parser.py`).
    """
    fast: Structure | None = None
    walk = _Walk()
    try:
        if len(octets) > 2 * MAX_WORDS and octets.count(b"=?") > MAX_WORDS:
            raise ValueError("too many encoded words")
        fast = _limited("fast", _fast_leaves(fast_mail_parser.parse_email_tree(octets, mode="lazy"), 0, walk), walk)
        if not walk.is_hollow and (not walk.is_quoted or octets.isascii()):
            return fast
        reason: Exception = ValueError("read twice")
    except (fast_mail_parser.ParseError, TooDeep, ValueError, RecursionError, OverflowError) as error:
        reason = error
    try:
        again = _Walk()
        message = email.message_from_bytes(octets, policy=policy.compat32)
        compat = _limited("compat", _compat_leaves(message, 0, again), again)
        # Where octets beyond ASCII stand in other parts than quoted ones, the quick reading is right.
        if fast is None or again.is_quoted_wrongly or (walk.is_hollow and _octet_count(compat) > _octet_count(fast)):
            return compat
        return fast
    except TooDeep:
        defect = f"parts are nested deeper than {MAX_DEPTH} levels"
    except RecursionError:
        defect = "parts are nested too deep"
    except Exception as error:
        defect = f"cannot be taken apart: {type(error).__name__} after {type(reason).__name__}"
    if fast is not None:
        return fast
    parts = [_part("text/plain", None, "", "", "", raw_body(octets))]
    return Structure(parser="none", parts=parts, defect=defect)


def _octet_count(structure: Structure) -> int:
    """How much of a message a reading shows."""
    return sum(len(part.payload) for part in structure.parts)


def raw_body(octets: bytes) -> bytes:
    """What stands behind the header, as it stands there."""
    return octets[len(headers.header_block(octets)) :].lstrip(b"\r\n")


@dataclass(slots=True)
class _Walk:
    """What a walk through a message takes note of."""

    defect: str = ""
    is_hollow: bool = False  # there is a multipart without parts
    is_quoted: bool = False  # there is quoted-printable
    is_quoted_wrongly: bool = False  # with octets in it that it cannot have
    numbers: Iterator[int] = field(default_factory=count)  # of the alternatives

    def branches(self, content_type: str, path: Path) -> Iterator[Path]:
        """The path of each child of a multipart in turn."""
        if content_type != "multipart/alternative":
            return repeat(path)
        number = next(self.numbers)
        return ((*path, (number, branch)) for branch in count())


def _limited(parser: str, leaves: Iterator[Part], walk: _Walk) -> Structure:
    parts: list[Part] = []
    defect = ""
    for leaf in leaves:
        if len(parts) == MAX_LEAVES:
            defect = f"has more than {MAX_LEAVES} parts"
            break
        parts.append(leaf)
    mimepart.settle(parts)
    return Structure(parser=parser, parts=parts, defect=defect or walk.defect)


def _part(
    content_type: str, charset: str | None, disposition: str, file_name: str, content_id: str, payload: bytes,
    inner_text: str = "", alternatives: Path = (), location: str = "", base: str = "",
) -> Part:
    kind = headers.one_line(content_type.lower().partition(";")[0].partition("(")[0], 255)
    if "/" not in kind:  # old programs write `text` and mean it
        kind = "text/plain" if kind == "text" else "application/octet-stream"
    disposition = disposition.partition("(")[0].strip()
    return Part(
        content_type=kind,
        charset=charset,
        disposition=disposition if disposition in ("attachment", "inline") else "",
        file_name=headers.one_line(decode_words(file_name), 255),
        content_id=headers.one_line(content_id.strip().strip("<>"), 255),
        payload=payload,
        location=location,
        base=location or base,
        inner_text=inner_text,
        alternatives=alternatives,
    )


def _file_name(disposition: str, content_type: str) -> str:
    return (
        parameters.read(disposition[: headers.MAX_FIELD_OCTETS], "filename")
        or parameters.read(content_type[: headers.MAX_FIELD_OCTETS], "name")
    )  # fmt: skip


# 256 fields of at most 65,536 characters (MAX_FIELD_OCTETS): 64 MiB at the worst, of a parser child's 2 GiB.
@lru_cache(maxsize=256)
def _charset(content_type_field: str) -> str | None:
    match = _CHARSET.search(content_type_field)
    if match is None:
        return None
    name = (match[1] or match[2]).partition("'")[0].strip()
    return name if name.isascii() and name else None


# --- fast-mail-parser -----------------------------------------------------------------------------------------------


def _fast_leaves(
    node: fast_mail_parser.PyLazyMimePart, depth: int, walk: _Walk, path: Path = (), base: str = ""
) -> Iterator[Part]:
    if depth > MAX_DEPTH:
        raise TooDeep
    content = node.content
    fields = node.headers  # made anew each time it is asked for
    location = references.location(_fast_field(fields, "Content-Location"), base)
    if content is None:
        walk.is_hollow |= not node.children
        for child, branch in zip(node.children, walk.branches(node.content_type, path), strict=False):
            yield from _fast_leaves(child, depth + 1, walk, branch, location or base)
        return
    inner = ""
    if node.is_message:
        inner = mimepart.inner_text([
            part for child in node.children for part in _fast_leaves(child, depth + 1, walk)
        ])  # fmt: skip
    encoding = _fast_field(fields, "Content-Transfer-Encoding").strip().lower()
    if encoding not in _ENCODINGS and _UNUSUAL_ENCODING.match(encoding):
        raise ValueError("an unusual way to write an encoding")
    walk.is_quoted |= encoding == "quoted-printable"
    declared = _fast_field(fields, "Content-Type")[: headers.MAX_FIELD_OCTETS]
    yield _part(
        node.content_type or "text/plain", _charset(declared), (node.disposition or "").lower(),
        _file_name(_fast_field(fields, "Content-Disposition"), declared), node.content_id or "", content, inner, path,
        location, base,
    )


def _fast_field(fields: dict[str, list[str]], name: str) -> str:
    """The first value of a field, however its name is written."""
    values = fields.get(name)
    if values is None:
        lower = name.lower()
        values = next((values for other, values in fields.items() if other.lower() == lower), [""])
    return values[0]


# --- compat32 -------------------------------------------------------------------------------------------------------


def _compat_leaves(
    message: "Message[str, str]", depth: int, walk: _Walk, path: Path = (), base: str = ""
) -> Iterator[Part]:
    if depth > MAX_DEPTH:
        raise TooDeep
    content = message.get_payload()
    children = [child for child in content if isinstance(child, Message)] if isinstance(content, list) else []
    kind = message.get_content_type()
    location = references.location(_field(message, "content-location"), base)
    if isinstance(content, list) and kind != "message/rfc822":
        for child, branch in zip(children, walk.branches(kind, path), strict=False):
            yield from _compat_leaves(child, depth + 1, walk, branch, location or base)
        return
    if kind.startswith("multipart/"):  # and yet one text
        walk.defect = "a multipart has no usable boundary"
        if (repaired := _with_boundary(message, kind)) is not None:
            yield from _compat_leaves(repaired, depth + 1, walk, path, location or base)
            return
        kind = "text/plain"
    inner = ""
    if isinstance(content, list):  # message/rfc822: its octets as compat32 writes them; the image has the true ones
        payload = b"\n".join(child.as_bytes(policy=policy.compat32) for child in children)
        inner = mimepart.inner_text([
            part for child in children for part in _compat_leaves(child, depth + 1, walk)
        ])  # fmt: skip
    else:
        payload = _decoded(message, kind, walk)
    declared = _field(message, "content-type")
    yield _part(
        kind, _charset(declared[: headers.MAX_FIELD_OCTETS]), (message.get_content_disposition() or "").lower(),
        _file_name(_raw_field(message, "content-disposition"), _raw_field(message, "content-type")),
        _field(message, "content-id"), payload, inner, path, location, base,
    )


def _with_boundary(message: "Message[str, str]", kind: str) -> "Message[str, str] | None":
    """A multipart whose field names no boundary of its text, by the first line of it that can only be one."""
    body = _octets(message)
    for line in islice(_DELIMITER.finditer(body), 20):
        if b"--" + line[1] + b"--" in body[line.end() :]:
            head = b"Content-Type: %s; boundary=\"%s\"\n\n" % (kind.encode("ascii", "replace"), line[1])
            repaired = email.message_from_bytes(head + body, policy=policy.compat32)
            return repaired if repaired.is_multipart() else None
    return None


def _octets(message: "Message[str, str]") -> bytes:
    """What a leaf says once its transfer encoding is undone, as far as compat32 can."""
    decoded = message.get_payload(decode=True)
    return decoded if isinstance(decoded, bytes) else b""


def _decoded(message: "Message[str, str]", kind: str, walk: _Walk) -> bytes:
    """The same for encodings that are written in an unusual way, or in which stands what cannot."""
    encoding = _UNUSUAL_ENCODING.match(_field(message, "content-transfer-encoding"))
    if encoding is None:
        return _octets(message)
    del message["content-transfer-encoding"]
    raw = _octets(message)
    if encoding[1].lower() == "quoted-printable":
        walk.is_quoted_wrongly |= not raw.isascii()
        return binascii.a2b_qp(raw)
    if kind.startswith("text/") and (found := _with_footer(raw)):
        return found
    message["Content-Transfer-Encoding"] = "base64"
    return _octets(message)


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
