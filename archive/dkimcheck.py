"""Whether the DKIM signatures of a message match, by key records that are given. The home of dkimpy.

No network: the records come from the caller, of today or of ten years ago. Runs in the child (`dkimchild.py`) alone,
because dkimpy's regular expressions take time without bounds on a hostile header. The body it never sees.
"""

import base64
import re
from typing import Any

import dkim
from dkim.canonicalization import CanonicalizationPolicy, Relaxed
from dkim.crypto import HASH_ALGORITHMS
from dkim.util import parse_tag_value

from postbuch.archive.dkimbody import apart, canonical
from postbuch.archive.dkimreasons import Doubt
from postbuch.archive.dkimsignature import MIN_KEY_BITS, Judgement, Question, Verdict

# RFC 8301 section 3.2: verifiers accept up to 4,096 bits; 8,192 are computed within 20 ms, and nobody has more.
MAX_KEY_BITS = 8192
# 65537 in practice. A longer exponent is a way to keep us computing.
MAX_EXPONENT_BITS = 64
# Real ones have below 2 KiB. Regular expressions of dkimpy take time by the square: a second for 8 KiB of white space.
MAX_SIGNATURE_OCTETS = 8192
# Clocks of senders go wrong by hours (dkimpy allows as much).
CLOCK_S = 36_000

Tags = dict[bytes, bytes]


class Unsound(Exception):
    """Why the signature is worth less than it seems; `verdict` is what is left of it."""

    def __init__(self, verdict: Verdict, doubt: Doubt) -> None:
        super().__init__(doubt.name)
        self.verdict = verdict
        self.doubt = doubt


class Message:
    """What the signatures of one message have in common: dkimpy with the header alone, and the hashes of the body."""

    def __init__(self, octets: bytes) -> None:
        header, self._body = apart(octets)
        self.dkimpy: Any = dkim.DKIM(header)
        self.fields = [field for field in self.dkimpy.headers if field[0].lower() == b"dkim-signature"]
        self._canonical: dict[bool, bytes] = {}

    def body(self, *, relaxed: bool) -> bytes:
        """The canonical body, made once."""
        if relaxed not in self._canonical:
            self._canonical[relaxed] = canonical(self._body, relaxed=relaxed)
        return self._canonical[relaxed]


def judge(octets: bytes, question: Question) -> list[Judgement]:
    """A judgement for each position that a key record was given for. Never raises on content, but MemoryError."""
    try:
        message = Message(octets)
    except (dkim.DKIMException, IndexError):  # a header line that is none; a continuation of nothing
        return [_judgement(place, Verdict.UNFIT, Doubt.UNREADABLE) for place in sorted(question.keys)]
    found = []
    for place, record in sorted(question.keys.items()):
        try:
            _judge(message, message.fields[place], record.encode("latin-1", "replace"), question.at)
            found.append(Judgement(position=place, verdict=Verdict.PASS.value))
        except Unsound as error:
            found.append(_judgement(place, error.verdict, error.doubt))
        except MemoryError:
            raise
        except Exception:  # dkimpy meets rubbish with whatever its libraries raise
            found.append(_judgement(place, Verdict.UNFIT, Doubt.UNREADABLE))
    return found


def _judgement(place: int, verdict: Verdict, doubt: Doubt) -> Judgement:
    return Judgement(position=place, verdict=verdict.value, doubt=doubt.name)


def _judge(message: Message, field: tuple[bytes, bytes], record: bytes, at: float) -> None:
    """Raises Unsound unless the signature matches and nothing is to be said against it (RFC 6376 section 6.1)."""
    if len(field[1]) > MAX_SIGNATURE_OCTETS:
        raise Unsound(Verdict.UNFIT, Doubt.UNREADABLE)
    tags: Tags = parse_tag_value(field[1])
    # The times are held to the day that is asked about, not to today.
    dkim.validate_signature_fields({tag: value for tag, value in tags.items() if tag not in (b"t", b"x")})
    signed = [name.lower() for name in re.split(rb"\s*:\s*", tags[b"h"])]
    if b"from" not in signed:
        raise Unsound(Verdict.UNFIT, Doubt.FROM_UNSIGNED)
    bits = _take_key(message.dkimpy, tags, record)
    whole = _check_body(message, tags)
    # Without bh the body is not looked at again.
    header = {tag: value for tag, value in tags.items() if tag != b"bh"}
    if not message.dkimpy.verify_sig_process(header, signed, field, None):
        raise Unsound(Verdict.FAIL, Doubt.HEADER_CHANGED)
    if tags[b"a"] == b"rsa-sha1":
        raise Unsound(Verdict.WEAK, Doubt.SHA1)
    if message.dkimpy.ktag == b"rsa" and bits < MIN_KEY_BITS:
        raise Unsound(Verdict.WEAK, Doubt.SHORT_KEY)
    made, ends = (int(tags[tag]) if tag in tags else None for tag in (b"t", b"x"))
    if made is not None and made > at + CLOCK_S:
        raise Unsound(Verdict.UNFIT, Doubt.FROM_FUTURE)
    if ends is not None and ends < at:
        raise Unsound(Verdict.EXPIRED, Doubt.EXPIRED)
    if not whole:
        raise Unsound(Verdict.PART, Doubt.PART)


def _check_body(message: Message, tags: Tags) -> bool:
    """Hold the body to its hash; whether the hash covers all of it (RFC 6376 section 3.7)."""
    policy = CanonicalizationPolicy.from_c_value(tags.get(b"c", b"simple/simple"))
    body = message.body(relaxed=policy.body_algorithm is Relaxed)
    signed = memoryview(body)[: int(tags[b"l"])] if tags.get(b"l") else body
    expected = base64.b64decode(re.sub(rb"\s+", b"", tags[b"bh"]))
    if HASH_ALGORITHMS[tags[b"a"]](signed).digest() != expected:
        raise Unsound(Verdict.FAIL, Doubt.BODY_CHANGED)
    return len(signed) == len(body)


def _take_key(checker: Any, tags: Tags, record: bytes) -> int:
    """Give dkimpy the key of the record (RFC 6376 section 3.6.1); its length in bits."""
    try:
        of_key: Tags = parse_tag_value(record)
        if b"p" not in of_key:
            raise Unsound(Verdict.UNFIT, Doubt.KEY_UNREADABLE)
        if not of_key[b"p"].strip():
            raise Unsound(Verdict.NO_KEY, Doubt.REVOKED)
        checker.pk, bits, checker.ktag, checker.seqtlsrpt = dkim.evaluate_pk("", record)
    except Unsound:
        raise
    except Exception:
        raise Unsound(Verdict.UNFIT, Doubt.KEY_UNREADABLE) from None
    if checker.pk is None:  # for another service than mail
        raise Unsound(Verdict.UNFIT, Doubt.KEY_UNREADABLE)
    if checker.ktag != tags[b"a"].partition(b"-")[0]:
        raise Unsound(Verdict.UNFIT, Doubt.KEY_OF_OTHER_KIND)
    if checker.ktag == b"rsa" and (
        bits > MAX_KEY_BITS or checker.pk["publicExponent"].bit_length() > MAX_EXPONENT_BITS
    ):
        raise Unsound(Verdict.UNFIT, Doubt.LONG_KEY)
    # Whether it is too short is said when the rest is known.
    checker.keysize, checker.minkey = bits, 0
    flags = [flag.strip() for flag in of_key.get(b"t", b"").split(b":")]
    named = tags.get(b"i", b"@" + tags[b"d"]).rpartition(b"@")[2]
    if b"s" in flags and named.lower() != tags[b"d"].lower():
        raise Unsound(Verdict.UNFIT, Doubt.KEY_FOR_ONE_NAME)
    return int(bits)
