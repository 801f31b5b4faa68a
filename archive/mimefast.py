"""The leaves of a message by fast-mail-parser. The only home of it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

import fast_mail_parser

from postbuch.archive import headers, mimepart, mimewalk, references, uuencoded
from postbuch.archive.charsets import decode_octets
from postbuch.archive.mimepart import Part
from postbuch.archive.mimewalk import Path, Walk

# fast-mail-parser's time grows with the square of the encoded words in a field: 9 ms for 2,000, 80 ms for 5,000, 43 s
# for 100,000; compat32 reads 5,000 in 3 ms.
MAX_WORDS = 2000
# By an expression: `find` and `count` take three to six times as long for two octets.
_WORD = re.compile(rb"=\?")
_PART_FIELD = re.compile(rb"Content-(?:Type|Disposition)[ \t]*+:([^\n]*+(?>(?:\n[ \t][^\n]*+)*))", re.IGNORECASE)


def leaves(octets: bytes, walk: Walk) -> Iterator[Part]:
    """Each leaf in turn. Raises TooDeep; ValueError for what it cannot read, or not as people mean it."""
    words = [word.start() for word in islice(_WORD.finditer(octets), MAX_WORDS + 1)]
    if len(words) > MAX_WORDS:
        raise ValueError("too many encoded words")
    try:
        written = _with_words(octets, words)
        yield from _leaves(fast_mail_parser.parse_email_tree(octets, mode="lazy"), walk, written, 0)
    except fast_mail_parser.ParseError as error:
        raise ValueError(str(error)) from error


def _leaves(
    node: fast_mail_parser.PyLazyMimePart, walk: Walk, written: Mapping[str, str], depth: int, path: Path = (),
    base: str = "",
) -> Iterator[Part]:
    if depth > mimewalk.MAX_DEPTH:
        raise mimewalk.TooDeep
    content = node.content
    fields = _of_content(node.headers)
    location, base = references.within(fields.get("content-location", ""), fields.get("content-base", ""), base)
    if content is None:
        walk.is_hollow |= not node.children
        for child, branch in zip(node.children, walk.branches(node.content_type, path), strict=False):
            yield from _leaves(child, walk, written, depth + 1, branch, base)
        return
    inner = ""
    if node.is_message:
        inner = mimepart.inner_text(walk.unfold([
            part for child in node.children for part in _leaves(child, walk, {}, depth + 1)
        ]))  # fmt: skip
    walk.is_empty |= not content and depth > 0 and node.content_type in mimepart.TEXTS
    written_encoding = fields.get("content-transfer-encoding", "")
    encoding = written_encoding.strip().lower()
    if encoding not in mimewalk.ENCODINGS and mimewalk.UNUSUAL_ENCODING.match(encoding):
        raise ValueError("an unusual way to write an encoding")
    first_read = None
    if encoding in mimewalk.UUENCODED and (files := uuencoded.take_out(content, None)[0]):
        content, first_read = files[0].payload, content
    elif encoding in ("base64", "quoted-printable") and written_encoding.strip() != written_encoding:
        content, first_read = _decoded(content, encoding), content
    walk.is_quoted |= encoding == "quoted-printable"
    declared = fields.get("content-type", "")
    declared = written.get(declared, declared)[: headers.MAX_FIELD_OCTETS]
    disposition = fields.get("content-disposition", "")
    yield mimewalk.part(
        node.content_type or "text/plain", mimewalk.charset(declared), (node.disposition or "").lower(),
        mimewalk.file_name(written.get(disposition, disposition), declared), node.content_id or "", content, inner,
        path, location, base, mimewalk.flow(declared), first_read=first_read,
    )


def _decoded(content: bytes, encoding: str) -> bytes:
    """What fast-mail-parser left as it stands: a blank beside the name of an encoding makes it an unknown one."""
    head = f"Content-Transfer-Encoding: {encoding}\n\n".encode()
    return fast_mail_parser.parse_email_tree(head + content, mode="lazy").content or b""


def _of_content(fields: Mapping[str, list[str]]) -> dict[str, str]:
    """The first value of each field about the content, by its name in lower case."""
    found: dict[str, str] = {}
    for name, values in fields.items():
        if name[:1] in "Cc":
            found.setdefault(name.lower(), values[0])
    return found


def _with_words(octets: bytes, words: Sequence[int]) -> dict[str, str]:
    """The fields with words that say what a part is, as they stand, by what fast-mail-parser makes of them.

    `words`: where encoded words begin. It decodes them first, and then a quote or a semicolon of a name looks like one
    of the field.
    """
    found: dict[str, str] = {}
    place = 0  # behind the last line that was looked at: no octet is looked at twice
    for word in words:
        if word < place:
            continue
        start = octets.rfind(b"\n", place, word) + 1 or place
        while start > place and octets[start : start + 1] in (b" ", b"\t"):
            start = octets.rfind(b"\n", place, start - 1) + 1 or place
        field = _PART_FIELD.match(octets, start)
        place = max(word + 2, field.end() if field else 0)
        if field is not None and len(field[0]) <= headers.MAX_FIELD_OCTETS:
            for values in fast_mail_parser.parse_email_tree(field[0] + b"\n\n", mode="lazy").headers.values():
                found[values[0]] = decode_octets(field[1], None)
    return found
