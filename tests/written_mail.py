"""Messages written out for a test, and what of them people see."""

import zlib

from postbuch.archive import display, message


def part(content_type: str, body: str, *fields: str) -> str:
    """One leaf."""
    return "".join(f"{line}\r\n" for line in (f"Content-Type: {content_type}", *fields)) + f"\r\n{body}\r\n"


def multipart(kind: str, *parts: str) -> str:
    """Parts within each other have boundaries of their own."""
    boundary = f"b{zlib.crc32(repr((kind, parts)).encode())}"
    inside = "".join(f"--{boundary}\r\n{each}" for each in parts)
    return f"Content-Type: multipart/{kind}; boundary={boundary}\r\n\r\n{inside}--{boundary}--\r\n"


def mail(content: str) -> bytes:
    """The whole message."""
    return f"From: anna@firma.example\r\nMessage-ID: <x@firma.example>\r\n{content}".encode()


def shown(octets: bytes) -> list[str]:
    """The texts of the page in order."""
    return [body.text.strip() for body in display.bodies(octets).shown]


def files(octets: bytes) -> list[str]:
    """The names of the attachments, which page and summary agree about."""
    found = display.bodies(octets).attachments
    assert [each for each in message.parse(octets).parts if each.is_attachment] == list(found)
    return [each.file_name for each in found]
