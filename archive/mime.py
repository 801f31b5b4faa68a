"""The leaf parts of a message, by fast-mail-parser or by the standard library's compat32. The only home of both.

A leaf is a part that people see as one thing: a text, a file, an embedded message as a whole. Their order in the octets
is their position, by which the archive and the web page name them.
"""

import email
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import policy
from email.message import Message
from functools import lru_cache

import fast_mail_parser

from postbuch.archive import headers

# 1,000 leaves, 100 levels: no mail that people sent comes near; hostile ones overflow stacks at 1,000 levels.
MAX_LEAVES = 1000
MAX_DEPTH = 100
# fast-mail-parser's time grows with the square of the encoded words in a field: 9 ms for 2,000, 80 ms for 5,000, 43 s
# for 100,000; compat32 reads 5,000 in 3 ms.
MAX_WORDS = 2000
_CHARSET = re.compile(r"(?<![\w-])charset\*?\s*=\s*(?:\"([^\"]{1,60})\"|([^\s;\"]{1,60}))", re.IGNORECASE)
_RFC2231 = re.compile(r"^([A-Za-z0-9_.:-]{1,40})'[A-Za-z0-9-]*'(.*)$", re.DOTALL)


class TooDeep(Exception):
    """Parts within parts beyond MAX_DEPTH; the message is then read as one text."""


@dataclass(slots=True, kw_only=True)
class Part:
    """One leaf, decoded from its transfer encoding. Not frozen: see `message.py`."""

    content_type: str
    charset: str | None
    disposition: str
    file_name: str
    content_id: str
    payload: bytes
    inner_text: str = ""  # what can be read in an embedded message

    @property
    def is_attachment(self) -> bool:
        """Whether people would call it an attachment: not a body text, not a picture within one, not a signature."""
        if self.disposition == "attachment" or self.content_type == "message/rfc822":
            return True
        if self.content_type in ("text/plain", "text/html"):
            return bool(self.file_name) and self.disposition != "inline"
        if self.content_type.startswith("image/") and self.content_id:
            return False
        return self.content_type not in ("application/pgp-signature", "application/pkcs7-signature")

    @property
    def is_body(self) -> bool:
        return self.content_type in ("text/plain", "text/html") and not self.is_attachment

    def text(self) -> str:
        """The payload as text by its charset, with LF line ends."""
        text = headers.decode_octets(self.payload, self.charset)
        return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


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
    try:
        if len(octets) > 2 * MAX_WORDS and octets.count(b"=?") > MAX_WORDS:
            raise ValueError("too many encoded words")
        return _limited("fast", _fast_leaves(fast_mail_parser.parse_email_tree(octets, mode="lazy"), 0))
    except (fast_mail_parser.ParseError, TooDeep, ValueError, RecursionError, OverflowError) as error:
        reason = error
    try:
        return _limited("compat", _compat_leaves(email.message_from_bytes(octets, policy=policy.compat32), 0))
    except TooDeep:
        defect = f"parts are nested deeper than {MAX_DEPTH} levels"
    except RecursionError:
        defect = "parts are nested too deep"
    except Exception as error:
        defect = f"cannot be taken apart: {type(error).__name__} after {type(reason).__name__}"
    body = octets[len(headers.header_block(octets)) :].lstrip(b"\r\n")
    return Structure(parser="none", parts=[_part("text/plain", None, "", "", "", body)], defect=defect)


def _limited(parser: str, leaves: Iterator[Part]) -> Structure:
    parts: list[Part] = []
    for leaf in leaves:
        if len(parts) == MAX_LEAVES:
            return Structure(parser=parser, parts=parts, defect=f"has more than {MAX_LEAVES} parts")
        parts.append(leaf)
    return Structure(parser=parser, parts=parts)


def _part(
    content_type: str, charset: str | None, disposition: str, file_name: str, content_id: str, payload: bytes,
    inner_text: str = "",
) -> Part:
    kind = headers.one_line(content_type.lower(), 255)
    return Part(
        content_type=kind if "/" in kind else "application/octet-stream",
        charset=charset,
        disposition=disposition if disposition in ("attachment", "inline") else "",
        file_name=headers.one_line(headers.decode_words(file_name), 255),
        content_id=headers.one_line(content_id.strip().strip("<>"), 255),
        payload=payload,
        inner_text=inner_text,
    )


# 256 fields of at most 65,536 characters (MAX_FIELD_OCTETS): 64 MiB at the worst, of a parser child's 2 GiB.
@lru_cache(maxsize=256)
def _charset(content_type_field: str) -> str | None:
    match = _CHARSET.search(content_type_field)
    if match is None:
        return None
    name = (match[1] or match[2]).partition("'")[0].strip()
    return name if name.isascii() and name else None


# --- fast-mail-parser -----------------------------------------------------------------------------------------------


def _fast_leaves(node: fast_mail_parser.PyLazyMimePart, depth: int) -> Iterator[Part]:
    if depth > MAX_DEPTH:
        raise TooDeep
    content = node.content
    if content is None:
        for child in node.children:
            yield from _fast_leaves(child, depth + 1)
        return
    inner = ""
    if node.is_message:
        inner = _inner_text(list(_fast_inner(node, depth)))
    fields = node.headers  # made anew each time it is asked for
    declared = fields.get("Content-Type") or next(
        (values for name, values in fields.items() if name.lower() == "content-type"), [""]
    )
    yield _part(
        node.content_type or "text/plain", _charset(declared[0][: headers.MAX_FIELD_OCTETS]),
        (node.disposition or "").lower(), node.filename or "", node.content_id or "", content, inner,
    )


def _fast_inner(node: fast_mail_parser.PyLazyMimePart, depth: int) -> Iterator[Part]:
    for child in node.children:
        yield from _fast_leaves(child, depth + 1)


def _inner_text(parts: list[Part]) -> str:
    """The texts of an embedded message, at most 64 Ki characters: enough to find it by."""
    plain = [part for part in parts[:20] if part.inner_text or part.content_type == "text/plain"]
    texts = [part.inner_text or part.text() for part in plain]
    return "\n".join(texts)[:65_536]


# --- compat32 -------------------------------------------------------------------------------------------------------


def _compat_leaves(message: "Message[str, str]", depth: int) -> Iterator[Part]:
    if depth > MAX_DEPTH:
        raise TooDeep
    content = message.get_payload()
    children = [child for child in content if isinstance(child, Message)] if isinstance(content, list) else []
    kind = message.get_content_type()
    if isinstance(content, list) and kind != "message/rfc822":
        for child in children:
            yield from _compat_leaves(child, depth + 1)
        return
    inner = ""
    if isinstance(content, list):  # message/rfc822: its octets as compat32 writes them; the image has the true ones
        payload = b"\n".join(child.as_bytes(policy=policy.compat32) for child in children)
        inner = _inner_text([part for child in children for part in _compat_leaves(child, depth + 1)])
    else:
        decoded = message.get_payload(decode=True)
        payload = decoded if isinstance(decoded, bytes) else b""
    declared = _field(message, "content-type")
    yield _part(
        kind, _charset(declared[: headers.MAX_FIELD_OCTETS]), (message.get_content_disposition() or "").lower(),
        _file_name(message), _field(message, "content-id"), payload, inner,
    )


def _field(message: "Message[str, str]", name: str) -> str:
    value = message.get(name)
    return "" if value is None else str(value)


def _file_name(message: "Message[str, str]") -> str:
    for parameter, field in (("filename", "content-disposition"), ("name", "content-type")):
        try:
            value = message.get_param(parameter, None, field)
        except Exception:  # noqa: S112 - get_param trips over broken RFC 2231 parameters in many ways
            continue
        if isinstance(value, tuple):  # (charset, language, text)
            return headers.decode_octets(value[2].encode("latin-1", "ignore"), value[0])
        if value:
            return str(value)
    return ""
