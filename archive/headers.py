"""Header fields as people read them: found in the octets, unfolded, decoded. Pure, linear, never raises on content.

One reading for every message, whichever parser took its parts apart, so that what is found does not depend on it.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from postbuch.archive import addresses as mailboxes
from postbuch.archive.charsets import decode_octets, with_whole_characters
from postbuch.archive.encodedwords import decode_words

# 1 MiB of header and 64 KiB of one field are read for finding; real headers end below 100 KiB.
MAX_HEADER_OCTETS = 1_048_576
MAX_FIELD_OCTETS = 65_536
# 5,000 recipients of one message are kept for finding; the octets keep all of them.
MAX_ADDRESSES = 5000

FIELDS = frozenset({
    b"subject", b"from", b"sender", b"reply-to", b"to", b"cc", b"bcc", b"date", b"message-id", b"in-reply-to",
    b"references", b"x-google-original-message-id", b"x-microsoft-original-message-id", b"x-original-message-id",
    b"original-message-id", b"resent-from", b"resent-sender", b"return-path",
})
# 100 octets: the longest of these names, and white space behind it.
NAME_OCTETS = 100
_UNFOLDED_END = re.compile(rb"\n(?![ \t])")
# How a field begins (RFC 5322 section 2.2), for expressions that look for one.
FIELD_NAME = rb"[!-9;-~]{1,100}[ \t]*:"
FIELD = re.compile(FIELD_NAME)
# What may stand before the header though it is none of it: a byte order mark, empty lines, the line that begins a
# message in an mbox file. 100 empty lines: nobody has been seen to send more than a few.
_LEAD = re.compile(
    rb"(?:\xef\xbb\xbf)?(?>(?P<empty>[ \t]*\r?\n){0,100})"
    rb"(?:>?From (?![ \t]*:)[^\r\n]{0,1000}\r?\n)?(?=%b)" % FIELD_NAME
)
_LEADS = (b"\xef", b" ", b"\t", b"\r", b"\n", b">", b"F")
# Text that has a word and a colon in its first line is no header behind the empty lines of a message without one.
_SURE = re.compile(rb"^(?:from|date|received|message-id|mime-version|return-path)[ \t]*:", re.IGNORECASE | re.MULTILINE)
_EMPTY_LINE = re.compile(rb"\n\r?\n")
_FOLD = re.compile(r"[\r\n\t ]+")
_ANGLE = re.compile(r"<([^<>]*)>")
_FOLD_WITHIN = re.compile(r"\r?\n[ \t]+")
_COMMENT = re.compile(r"\([^()]*\)")
_WORD = re.compile(r"\w")
_FIRST_IDENTIFIER = re.compile(r"<([^<>\s]+)>")
_JAPANESE = b"\x1b$"
# Two addresses without a comma between them that divides, square brackets, an angle that nothing closes or with a comma
# or an encoded word in it, a blank or a sign beside @, `at` for it, a port, names of Lotus Notes: the first Postbuch
# read these otherwise. A comma in quotes or in a comment divides nothing.
# The signs that are looked for stand in front as one set: so it takes half of the time.
_ODD_ADDRESSES = re.compile(
    rb"[@<\[\]/aA](?:(?<=@)(?:(?<=[\s()<>\"\x80-\xff]@)|[^,@\"(]*+[@\"(]|[\s()<>\"\x80-\xff]|[^,:@]*+:[0-9])"
    rb"|(?<=[\[\]])|(?<=<)(?:[^<>,;]*+(?:[<,;]|\Z)|\s*+=\?)|(?<=/)[^@/]*+@|(?<=[\s(][Aa])[Tt][\s)])"
)
# In these ASCII has other octets than its own: no field is.
_OTHER_OCTETS = re.compile(r"utf|ucs|unicode|10646", re.IGNORECASE)
_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_UNFIT_OCTETS = bytes(octet for octet in range(128) if _UNFIT.match(chr(octet)))


def from_first_field(octets: bytes) -> bytes:
    """The message without what stands before its first header field; the same octets when nothing does."""
    lead = _LEAD.match(octets) if octets.startswith(_LEADS) else None
    if lead is None or not lead.end():
        return octets
    rest = octets[lead.end() :]
    return octets if lead["empty"] is not None and not _SURE.search(header_block(rest)) else rest


def header_block(octets: bytes) -> bytes:
    """The header with its line ends, up to the first empty line, at most MAX_HEADER_OCTETS."""
    end = _EMPTY_LINE.search(octets, 0, MAX_HEADER_OCTETS)
    return octets[: MAX_HEADER_OCTETS if end is None else end.start() + 1]


def fields(octets: bytes) -> dict[str, list[bytes]]:
    """Field name in lower case → its raw values in order, for the fields that are kept for finding.

    The octets begin with a field: see `from_first_field`.
    """
    found: dict[str, list[bytes]] = {}
    for line in _UNFOLDED_END.split(header_block(octets)):
        name, colon, value = line.partition(b":")
        if colon and len(name) <= NAME_OCTETS and (known := _field_name(name)):
            found.setdefault(known, []).append(value[:MAX_FIELD_OCTETS])
    return found


@lru_cache(maxsize=1024)
def _field_name(written: bytes) -> str:
    """The name in lower case, when the field is kept for finding. Mail has a few hundred names, most are kept not."""
    name = written.rstrip(b" \t").lower()
    return name.decode("ascii") if name in FIELDS else ""


def clean(text: str, limit: int) -> str:
    """Fit for a column: no NUL, no lone surrogates, no control characters but line ends, at most `limit` characters."""
    text = text[: limit * 2]
    if text.isascii():  # most are, and octets are passed over ten times as quickly
        return text.encode("ascii").translate(None, _UNFIT_OCTETS).decode("ascii")[:limit]
    # The words of an ordinary text are told at once, without looking at each character in turn.
    if not text.isprintable() and not text.replace("\n", "").isprintable():
        text = _UNFIT.sub("", text)
    return text[:limit]


def one_line(text: str, limit: int) -> str:
    """`clean`, with every run of white space one space, and none at the ends."""
    if len(text) <= limit and "  " not in text and text.isprintable():
        return text.strip()
    return clean(" ".join(text[: limit * 4].split()), limit * 2)[:limit].rstrip()


def text(raw: bytes, limit: int, charset: str | None = None) -> str:
    """A raw field as one line of text; octets beyond ASCII that are no UTF-8 are in the charset of the message."""
    written = _FOLD.sub(" ", _decoded(raw, charset)).strip()
    found = decode_words(written)
    if found.startswith("=?") and found.endswith("?=") and found != written:  # a gateway encoded it once more
        found = decode_words(found)
    return one_line(found, limit)


def text_for_digest(raw: bytes, limit: int) -> str:
    """The same as it was read by the first Postbuch, so that digests of the archive stay what they are."""
    return one_line(decode_words(_FOLD.sub(" ", decode_octets(raw, None)), by_standard=True), limit)


def _decoded(raw: bytes, charset: str | None) -> str:
    if _JAPANESE in raw:  # of seven bits, whoever says so
        return decode_octets(raw, "iso-2022-jp")
    raw = with_whole_characters(raw, None)
    found = decode_octets(raw, None)
    if not charset or raw.isascii() or "\N{REPLACEMENT CHARACTER}" in found or _OTHER_OCTETS.search(charset):
        return found
    try:
        raw.decode()
    except UnicodeError:
        return decode_octets(raw, charset)
    return found


def identifier(raw: bytes, limit: int) -> str:
    """The first Message-ID of a field, without brackets; one word without brackets is one as well.

    In-Reply-To of RFC 822 is prose: of `Message from Anna <anna@firma.example> of "..." <id>` what stands in brackets
    between words is an address, and where no other brackets are there is no Message-ID.
    """
    pieces = _ANGLE.split(decode_words(decode_octets(raw, None)))
    if len(pieces) > 1:
        found: Iterator[str] = (
            _FOLD_WITHIN.sub("", written)
            for before, written, after in zip(pieces[::2], pieces[1::2], pieces[2::2], strict=False)
            if not (_is_prose(before) and _is_prose(after))
        )
    else:
        words = _COMMENT.sub(" ", pieces[0]).strip().strip("<>").split()
        found = iter(words if len(words) == 1 or all("@" in word for word in words) else ())
    return next(filter(None, (one_line(item, limit).strip() for item in found)), "")


def identifier_for_linking(raw: bytes, limit: int) -> str:
    """The first one as the first Postbuch read it, so that copies of what is archived find it."""
    line = decode_octets(raw, None)
    found = _FIRST_IDENTIFIER.search(line)
    words = [found[1]] if found else line.strip().strip("<>").split()[:1]
    return one_line(words[0], limit) if words else ""


def _is_prose(text: str) -> bool:
    return _WORD.search(_COMMENT.sub("", text)) is not None


def addresses(raw: bytes, charset: str | None = None) -> list[tuple[str, str]]:
    """(display name, address in lower case) of a field, groups flattened; entries without an address are left out.

    The charset of the message is for the names alone: it makes no other sender, and what DKIM says is of the one shown.
    """
    field = decode_octets(raw, None)
    found = _addressed(field)
    if found and (_JAPANESE in raw or (charset and not raw.isascii())) and (said := _decoded(raw, charset)) != field:
        named = _addressed(said)
        if [address for _, address in named] == [address for _, address in found]:
            return named
    return found


def has_odd_addresses(raw: bytes) -> bool:
    """Whether the first Postbuch may have read others."""
    return _ODD_ADDRESSES.search(raw) is not None


def addresses_for_digest(raw: bytes) -> list[str]:
    """The addresses that it read, so that digests of the archive stay what they are."""
    return [address for _, address in _addressed(decode_octets(raw, None), at_first=True)]


def _addressed(field: str, at_first: bool = False) -> list[tuple[str, str]]:
    line = _FOLD.sub(" ", field).strip()
    found = mailboxes.read(line, MAX_ADDRESSES, at_first)
    fit = ((one_line(name, 255), clean(address, 320).strip()) for name, address in found)
    return [(name, address) for name, address in fit if address]
