"""What both parsers' walks through a message share: limits, notes, and a leaf made of its fields. Pure."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import count, repeat

from postbuch.archive import charsetguess, contentkind, headers, parameters
from postbuch.archive.charsets import decode_octets
from postbuch.archive.encodedwords import decode_words
from postbuch.archive.mimepart import Part

# 1,000 leaves, 100 levels: no mail that people sent comes near; hostile ones overflow stacks at 1,000 levels.
MAX_LEAVES = 1000
MAX_DEPTH = 100
_CHARSET = re.compile(r"(?<![\w-])charset\*?\s*=\s*(?:\"([^\"]{1,60})\"|([^\s;\"]{1,60}))", re.IGNORECASE)
# As nearly all write them (RFC 2045 section 6.1). Others may have a comment, quotes or a semicolon.
ENCODINGS = frozenset({"", "7bit", "8bit", "binary", "base64", "quoted-printable"})
# Of before MIME; as compat32 knows it.
UUENCODED = frozenset({"x-uuencode", "uuencode", "uue", "x-uue"})
UNUSUAL_ENCODING = re.compile(r"[\s\"']*(base64|quoted-printable)(?![\w-])", re.IGNORECASE)

# The alternatives around a leaf: see `mimepart.py`.
Path = tuple[tuple[int, int], ...]


class TooDeep(Exception):
    """Parts within parts beyond MAX_DEPTH; the message is then read as one text."""


@dataclass(slots=True)
class Walk:
    """What a walk through a message takes note of."""

    defect: str = ""
    is_hollow: bool = False  # there is a multipart without parts
    is_quoted: bool = False  # there is quoted-printable
    is_empty: bool = False  # there is a part in which nothing is, as far as this parser sees
    is_quoted_wrongly: bool = False  # with octets in it that it cannot have
    numbers: Iterator[int] = field(default_factory=count)  # of the alternatives
    # The parts of an embedded message with what is in containers among them.
    unfold: Callable[[list[Part]], list[Part]] = list

    def branches(self, content_type: str, path: Path) -> Iterator[Path]:
        """The path of each child of a multipart in turn."""
        if content_type != "multipart/alternative":
            return repeat(path)
        number = next(self.numbers)
        return ((*path, (number, branch)) for branch in count())


def part(
    content_type: str, charset: str | None, disposition: str, file_name: str, content_id: str, payload: bytes,
    inner_text: str = "", alternatives: Path = (), location: str = "", base: str = "", flow: str = "",
    written: str = "", first_read: bytes | None = None,
) -> Part:
    """A leaf. `written`: the content type as the field has it, where the parser gives another for one that is none."""
    kind_at_first = _kind(content_type)
    if "\x1b" in file_name:  # ISO-2022-JP as it is
        octets = file_name.encode("utf-8", "replace")
        file_name = decode_octets(octets, charsetguess.charset(octets, None))
    file_name = headers.one_line(decode_words(file_name), 255)
    kind = contentkind.read(_kind(written) if written else kind_at_first, payload, file_name)
    disposition = disposition.partition("(")[0].strip()
    return Part(
        content_type=kind,
        charset=charset,
        disposition=disposition if disposition in ("attachment", "inline") else "",
        file_name=file_name,
        content_id=headers.one_line(content_id.strip().strip("<>"), 255),
        payload=payload,
        location=location,
        base=base,
        flow=flow if kind == "text/plain" else "",
        inner_text=inner_text,
        alternatives=alternatives,
        first_read=first_read,
        is_text_in_digest=kind_at_first.startswith("text/") or kind_at_first == "text",
    )


def _kind(content_type: str) -> str:
    return headers.one_line(content_type.lower().partition(";")[0].partition("(")[0], 255)


def file_name(disposition: str, content_type: str) -> str:
    return (
        parameters.read(disposition[: headers.MAX_FIELD_OCTETS], "filename")
        or parameters.read(content_type[: headers.MAX_FIELD_OCTETS], "name")
    )  # fmt: skip


# 256 fields of at most 65,536 characters (MAX_FIELD_OCTETS): 64 MiB at the worst, of a parser child's 2 GiB.
@lru_cache(maxsize=256)
def charset(content_type_field: str) -> str | None:
    name = parameters.read(content_type_field, "charset")
    if not name:  # without the semicolon before it
        match = _CHARSET.search(content_type_field)
        name = match[1] or match[2] if match else ""
    name = (name.partition("'")[0].partition("(")[0].split() or [""])[0]
    return name if name.isascii() and name else None


@lru_cache(maxsize=256)
def flow(content_type_field: str) -> str:
    """What it says of the lines (RFC 3676 section 3): flowed, delsp, or nothing."""
    if parameters.read(content_type_field, "format").lower() != "flowed":
        return ""
    return "delsp" if parameters.read(content_type_field, "delsp").lower() == "yes" else "flowed"
