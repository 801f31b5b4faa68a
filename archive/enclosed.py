"""A message that was attached to another inside of winmail.dat, written as one that every mail program opens. Pure.

The same octets each time: a file of a letter is known by its digest.
"""

import base64
import hashlib
import re
from collections.abc import Sequence
from datetime import datetime
from email.header import Header
from email.utils import format_datetime
from urllib.parse import quote

from postbuch.archive import headers
from postbuch.archive.mimepart import Part

_TYPE = re.compile(r"[a-z0-9][a-z0-9.+_-]{0,100}/[a-z0-9][a-z0-9.+_-]{0,100}")
_FIELD_CHARACTERS = 1000


def compose(subject: str, sender: str, recipients: str, sent: datetime | None, parts: Sequence[Part]) -> bytes:
    """The message with its texts and files."""
    fields = [("Subject", subject), ("From", sender), ("To", recipients)]
    head = [f"{name}: {_written(value)}" for name, value in fields if value]
    if sent is not None:
        head.append(f"Date: {format_datetime(sent)}")
    boundary = "=_" + hashlib.sha256(b"".join(hashlib.sha256(part.payload).digest() for part in parts)).hexdigest()[:32]
    head += ["MIME-Version: 1.0", f'Content-Type: multipart/related; boundary="{boundary}"', "", ""]
    pieces = ["\r\n".join(head).encode()]
    for part in parts:
        pieces += [f"--{boundary}\r\n".encode(), _leaf(part)]
    return b"".join([*pieces, f"--{boundary}--\r\n".encode()])


def _written(value: str) -> str:
    value = headers.one_line(value, _FIELD_CHARACTERS)
    return Header(value, None if value.isascii() else "utf-8").encode(linesep="\r\n")


def _leaf(part: Part) -> bytes:
    kind = part.content_type if _TYPE.fullmatch(part.content_type) else "application/octet-stream"
    charset = f"; charset={part.charset}" if part.charset else ""
    lines = [f"Content-Type: {kind}{charset}", "Content-Transfer-Encoding: base64"]
    if part.file_name or part.disposition:
        named = f"; filename*=utf-8''{quote(part.file_name, safe='')}" if part.file_name else ""
        lines.append(f"Content-Disposition: {part.disposition or 'inline'}{named}")
    if part.content_id.isascii() and part.content_id:
        lines.append(f"Content-ID: <{part.content_id}>")
    return "\r\n".join([*lines, "", ""]).encode() + base64.encodebytes(part.payload).replace(b"\n", b"\r\n")
