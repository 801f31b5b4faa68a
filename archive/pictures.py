"""Pictures that every browser shows and in which no script can stand, by how they begin. Pure.

What a sender calls a file says nothing: a text can be called a picture, and a picture anything.
"""

import re

BEGINNINGS = {
    "image/png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "image/jpeg": re.compile(rb"\xff\xd8\xff"),
    "image/gif": re.compile(rb"GIF8[79]a"),
    "image/webp": re.compile(rb"RIFF....WEBP", re.DOTALL),
    "image/bmp": re.compile(rb"BM.{4}\0\0\0\0", re.DOTALL),  # two letters alone begin many a text
}


def content_type(octets: bytes) -> str | None:
    """What kind of picture it is, if any."""
    return next((kind for kind, beginning in BEGINNINGS.items() if beginning.match(octets)), None)
