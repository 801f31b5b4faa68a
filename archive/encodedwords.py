"""RFC 2047 encoded words as text, and what real programs make of them. Pure, linear, never raises on content."""

import base64
import quopri
import re
from itertools import groupby

from postbuch.archive.charsets import codec, decode_octets, fits, with_whole_characters

# As it stands in a list of addresses, where a `<` begins one.
ENCODED_WORD = r"=\?[^?\s]{1,80}\?[bBqQ]\?[^?<>]*+\?="
_WORD = re.compile(r"=\?([^?\s]{1,80})\?([bBqQ])\?([^?]*)\?=")
# With question marks in the text, which RFC 2047 section 4.2 forbids and programs write; no word begins in another.
_ASKING = re.compile(r"=\?([^?\s]{1,80})\?([bBqQ])\?([^?]*+(?>(?:(?<!=)\?(?!=)[^?]*+)*))\?=")
# The last one of several, where a program cut the field off; of its last letter as much as is there.
_CUT = re.compile(r"\s+=\?([^?\s]{1,80})\?([bBqQ])\?([^?\s]*+)\??")
# The only one, in which something is encoded: else it may be what somebody wrote.
_ONLY_CUT = re.compile(
    r"(?<!\S)=\?([^?\s]{1,80})\?(?:([bB])\?(?=[\w+/]{8})|([qQ])\?(?=[^?\s]*=[0-9A-F]{2}))([^?\s]*+)\??\Z"
)
_CUT_LETTER = re.compile(r"=[0-9A-Fa-f]?\Z")
_BASE64 = re.compile(rb"[A-Za-z0-9+/]+")
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/=]+")


def decode_words(text: str, by_standard: bool = False) -> str:
    """Encoded words decoded; neighbours of one charset are joined first, for split characters."""
    if "=?" not in text:
        return text
    out: list[str] = []
    pending: list[tuple[str, str]] = []
    pending_charset = ""
    end = 0
    for match in (_WORD if by_standard else _ASKING).finditer(text):
        between = text[end : match.start()]
        charset = match[1].partition("*")[0].lower()
        if pending_charset and (between.strip() or charset != pending_charset):
            out.append(decode_octets(_octets(pending, pending_charset, by_standard), pending_charset))
            pending, pending_charset = [], ""
        if between.strip() or end == 0:
            out.append(between)
        pending.append((match[2].lower(), match[3]))
        pending_charset = charset
        end = match.end()
    cut = None if by_standard or not pending_charset else _CUT.fullmatch(text, end)
    if cut is not None and cut[1].partition("*")[0].lower() == pending_charset:
        pending.append((cut[2].lower(), _CUT_LETTER.sub("", cut[3])))
        end = len(text)
    if pending_charset:
        said = decode_octets(_octets(pending, pending_charset, by_standard), pending_charset)
        out.append(said if cut is None else said.rstrip("\N{REPLACEMENT CHARACTER}"))
    only = None if by_standard or cut is not None else _ONLY_CUT.search(text, end)
    if only is None or not codec(only[1]):
        return "".join([*out, text[end:]])
    last = [((only[2] or only[3]).lower(), _CUT_LETTER.sub("", only[4]))]
    said = decode_octets(_octets(last, only[1], by_standard), only[1]).rstrip("\N{REPLACEMENT CHARACTER}")
    return "".join([*out, text[end : only.start()], said])


def _octets(words: list[tuple[str, str]], charset: str, by_standard: bool) -> bytes:
    """What neighbours say. Base64 that a program cut anywhere (RFC 2047 section 5 forbids it) says something together.

    Others leave out what fills a word up: so the words are joined only where they are damaged apart and whole together.
    """
    apart = b"".join(_word_octets(*word) for word in words)
    if by_standard:
        return apart
    if not any(encoding == "b" and len(payload) % 4 for encoding, payload in words[:-1]):
        return with_whole_characters(apart, charset)
    together = b"".join(
        _word_octets(encoding, "".join(payload for _, payload in run))
        for encoding, run in groupby(words, lambda word: word[0])
    )
    name = codec(charset) or "utf_8"
    return with_whole_characters(together if fits(together, name) and not fits(apart, name) else apart, charset)


def _word_octets(encoding: str, payload: str) -> bytes:
    raw = payload.encode("utf-8", "ignore")
    if encoding == "q":
        return quopri.decodestring(raw.replace(b"_", b" "), header=False)
    return base64_octets(raw)


def base64_octets(raw: bytes) -> bytes:
    """Octets of base64 however it is damaged: several stretches, each filled up or not, with other signs between."""
    return b"".join(map(_stretch_octets, _BASE64.findall(_NOT_BASE64.sub(b"", raw))))


def _stretch_octets(piece: bytes) -> bytes:
    """Of one stretch without its padding. One letter too many says nothing."""
    whole = piece[:-1] if len(piece) % 4 == 1 else piece
    return base64.b64decode(whole + b"=" * (-len(whole) % 4))
