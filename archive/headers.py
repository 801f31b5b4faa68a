"""Header fields as people read them: found in the octets, unfolded, decoded. Pure, linear, never raises on content.

One reading for every message, whichever parser took its parts apart, so that what is found does not depend on it.
"""

import base64
import binascii
import contextlib
import quopri
import re
from datetime import UTC, datetime, timedelta
from email.utils import mktime_tz, parsedate_tz
from functools import lru_cache

# 1 MiB of header and 64 KiB of one field are read for finding; real headers end below 100 KiB.
MAX_HEADER_OCTETS = 1_048_576
MAX_FIELD_OCTETS = 65_536
# 5,000 recipients of one message are kept for finding; the octets keep all of them.
MAX_ADDRESSES = 5000

FIELDS = frozenset({
    b"subject", b"from", b"sender", b"reply-to", b"to", b"cc", b"bcc", b"date", b"message-id", b"in-reply-to",
    b"references", b"x-google-original-message-id", b"x-microsoft-original-message-id", b"x-original-message-id",
    b"original-message-id",
})
# 100 octets: the longest of these names, and white space behind it.
NAME_OCTETS = 100
_UNFOLDED_END = re.compile(rb"\n(?![ \t])")
_DATE = re.compile(
    rb"[ \t]*(?:[A-Za-z]{3},[ \t]+)?([0-9]{1,2}) ([A-Z][a-z]{2}) (19[1-9][0-9]|20[0-9]{2})"
    rb" ([0-9]{2}):([0-9]{2}):([0-9]{2}) ([+-][0-9]{4})(?: \([A-Za-z]*\))?\s*"
)
_MONTHS = {
    b"Jan": 1, b"Feb": 2, b"Mar": 3, b"Apr": 4, b"May": 5, b"Jun": 6, b"Jul": 7, b"Aug": 8, b"Sep": 9, b"Oct": 10,
    b"Nov": 11, b"Dec": 12,
}
_EMPTY_LINE = re.compile(rb"\n\r?\n")
_FOLD = re.compile(r"[\r\n\t ]+")
_WORD = re.compile(r"=\?([^?\s]{1,80})\?([bBqQ])\?([^?]*)\?=")
_IDENTIFIER = re.compile(r"<([^<>\s]+)>")
_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"|<([^<>]*)>|\(([^()]*)\)|([,;:])|([^",;:<>()]+)|(.)', re.DOTALL)
_SIMPLE = re.compile(r"""(?:"([^"\\=]*)"|([^",;:<>()=\\]*)) ?<([^<>\s,;:"()]+@[^<>\s,;:"()]+)>""")
_ALONE = re.compile(r"[^\s,;:<>()\"'=\\@]+@[^\s,;:<>()\"'=\\@]+")
_BARE = re.compile(r"[^\s@<>]+@[^\s@<>]+")
_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_UNFIT_OCTETS = bytes(octet for octet in range(128) if _UNFIT.match(chr(octet)))
# Codecs that are no charset of a mail: slow by design (punycode is quadratic) or not text.
_NO_CHARSET = {"punycode", "idna", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem", "utf_7_imap"}


def header_block(octets: bytes) -> bytes:
    """The header with its line ends, up to the first empty line, at most MAX_HEADER_OCTETS."""
    end = _EMPTY_LINE.search(octets, 0, MAX_HEADER_OCTETS)
    return octets[: MAX_HEADER_OCTETS if end is None else end.start() + 1]


def fields(octets: bytes) -> dict[str, list[bytes]]:
    """Field name in lower case → its raw values in order, for the fields that are kept for finding."""
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


def decode_octets(octets: bytes, charset: str | None) -> str:
    """Octets as text: by the charset they claim, else UTF-8, else Windows-1252. Never raises."""
    for name in (charset, "utf-8"):
        if not name or name.lower().replace("-", "_") in _NO_CHARSET:
            continue
        try:
            return octets.decode(name)
        except (LookupError, ValueError, UnicodeError):
            continue
        except Exception:  # noqa: S112 - some codecs raise their own (zlib.error, binascii.Error, AssertionError)
            continue
    return octets.decode("cp1252", "replace")


def decode_words(text: str) -> str:
    """RFC 2047 encoded words decoded; neighbours of one charset are joined first, for split characters."""
    if "=?" not in text:
        return text
    out: list[str] = []
    pending = b""
    pending_charset = ""
    end = 0
    for match in _WORD.finditer(text):
        between = text[end : match.start()]
        charset = match[1].partition("*")[0].lower()
        if pending_charset and (between.strip() or charset != pending_charset):
            out.append(decode_octets(pending, pending_charset))
            pending, pending_charset = b"", ""
        if between.strip() or end == 0:
            out.append(between)
        pending += _word_octets(match[2], match[3])
        pending_charset = charset
        end = match.end()
    if pending_charset:
        out.append(decode_octets(pending, pending_charset))
    out.append(text[end:])
    return "".join(out)


def _word_octets(encoding: str, payload: str) -> bytes:
    raw = payload.encode("utf-8", "ignore")
    if encoding in "qQ":
        return quopri.decodestring(raw.replace(b"_", b" "), header=False)
    raw = raw.rstrip(b"= ")
    try:
        return base64.b64decode(raw + b"=" * (-len(raw) % 4))
    except (binascii.Error, ValueError):
        return raw


def text(raw: bytes, limit: int) -> str:
    """A raw field as one line of text."""
    return one_line(decode_words(_FOLD.sub(" ", decode_octets(raw, None))), limit)


def identifiers(raw: bytes, limit: int) -> list[str]:
    """The Message-IDs of a field, without brackets; a field without brackets is taken as it stands."""
    line = decode_octets(raw, None)
    found = _IDENTIFIER.findall(line)
    if not found:
        rest = line.strip().strip("<>").split()
        found = rest[:1]
    return [one_line(item, limit) for item in found if item]


def date(raw: bytes) -> datetime | None:
    """The Date field in UTC; None when it cannot be read or no calendar has it."""
    usual = _DATE.fullmatch(raw)
    if usual is not None and (month := _MONTHS.get(usual[2])):  # nine of ten: what RFC 5322 section 3.3 has
        day, year, hour, minute, second, zone = (int(usual[place]) for place in (1, 3, 4, 5, 6, 7))
        away = timedelta(hours=abs(zone) // 100, minutes=abs(zone) % 100)
        with contextlib.suppress(ValueError, OverflowError):
            read = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
            return read - away if zone >= 0 else read + away
    try:
        parsed = parsedate_tz(decode_octets(raw[:200], None))
        if parsed is None:
            return None
        found = datetime.fromtimestamp(mktime_tz(parsed), UTC)
    except (ValueError, OverflowError, OSError, TypeError, IndexError):
        return None
    return found if 1900 <= found.year <= 9000 else None


def addresses(raw: bytes) -> list[tuple[str, str]]:
    """(display name, address in lower case) of a field, groups flattened; entries without an address are left out."""
    line = decode_octets(raw, None).strip()
    simple = _SIMPLE.fullmatch(line)
    if simple is not None:  # most fields: one address, nothing encoded
        name, address = (simple[1] or simple[2] or "").strip(), simple[3].lower().strip(".,'")
        return [(one_line(name.strip("'"), 255), clean(address, 320))]
    if _ALONE.fullmatch(line) is not None:  # most others: one address and nothing else
        return [("", clean(line.lower().strip("."), 320))]
    found: list[tuple[str, str]] = []
    phrase: list[str] = []
    angle: str | None = None
    comment = ""

    def flush() -> None:
        nonlocal angle, comment
        name = decode_words(" ".join(phrase).strip())
        address = angle
        if address is None:
            bare = _BARE.search(name)
            if bare is not None:
                address, name = bare[0], decode_words(comment)
        elif "@" not in address and "@" in name:  # "anna@firma.example" <>
            address = name
        if address:
            address = "".join(address.rpartition(":")[2].split()).lower().strip(".,'\"")
            address = clean(address, 320)
            if address:
                found.append((one_line(name.strip(" '\""), 255), address))
        phrase.clear()
        angle, comment = None, ""

    for quoted, bracketed, aside, mark, atom, _ in _TOKEN.findall(_FOLD.sub(" ", line)):
        if mark == ":":
            phrase.clear()
        elif mark:
            flush()
            if len(found) >= MAX_ADDRESSES:
                return found
        elif atom:
            if atom != " ":
                phrase.append(atom.strip())
        elif quoted:
            phrase.append(quoted.replace("\\", ""))
        elif bracketed:
            angle = bracketed
        elif aside:
            comment = aside
    flush()
    return found
