"""What other programs pack letters into, as they write it and as attackers do: TNEF, compressed RTF, S/MIME."""

import struct
import zlib
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7Options, PKCS7SignatureBuilder
from cryptography.x509.oid import NameOID

UNICODE, BINARY, OBJECT = 0x001F, 0x0102, 0x000D
MESSAGE = bytes.fromhex("0703020000000000c000000000000046")
# HTML as Outlook keeps it in RTF: \htmlrtf stands round what is for programs that read the RTF.
RTF = (
    rb"{\rtf1\ansi\ansicpg1252\fromhtml1 \deff0{\fonttbl{\f0\fswiss Arial;}{\f1\fswiss\fcharset238 Arial CE;}}"
    b"\r\n{\\*\\htmltag64 <p>}\\htmlrtf {\\htmlrtf0 Angebot f\\'fcr Stra\\'dfen \\f1 \\'9e\\f0  \\u8364 ?"
    rb"{\*\htmltag84 <b>}\htmlrtf {\b \htmlrtf0 hundert{\*\htmltag92 </b>}\htmlrtf }\htmlrtf0 \u-10179 ?\u-8704 ?"
    rb"{\*\mhtmltag64 <p>}\htmlrtf \par }\htmlrtf0 {\*\htmltag72 </p>}}"
)


def properties(given: dict[int, tuple[int, bytes]]) -> bytes:
    """A list of MAPI properties, one with a name of its own before them."""
    named = struct.pack("<I16sII6sH", 0x85000003, b"\1" * 16, 1, 6, "abc".encode("utf-16-le"), 0) + b"\7\0\0\0"
    found = struct.pack("<I", len(given) + 1) + named
    for number, (kind, value) in given.items():
        found += struct.pack("<III", number << 16 | kind, 1, len(value)) + value + b"\0" * (-len(value) % 4)
    return found


def text(value: str) -> tuple[int, bytes]:
    return UNICODE, f"{value}\0".encode("utf-16-le")


def attribute(level: int, number: int, value: bytes, length: int | None = None) -> bytes:
    """With a check sum that is wrong, as gateways leave it."""
    return struct.pack("<BII", level, number, len(value) if length is None else length) + value + b"\0\0"


def tnef_file(name: str, octets: bytes, **more: str) -> bytes:
    """A file by its data attribute; `content_id`."""
    given = {0x3707: text(name)} | ({0x3712: text(more["content_id"])} if more else {})
    return (
        attribute(2, 0x00069002, b"\0" * 14) + attribute(2, 0x00018010, b"KURZ~1.DAT\0")
        + attribute(2, 0x0006800F, octets) + attribute(2, 0x00069005, properties(given))
    )  # fmt: skip


def tnef_message(inner: bytes) -> bytes:
    """A message that was attached."""
    given = {0x3001: text("Anlage"), 0x3701: (OBJECT, MESSAGE + inner)}
    return attribute(2, 0x00069002, b"\0" * 14) + attribute(2, 0x00069005, properties(given))


def tnef(given: dict[int, tuple[int, bytes]], *files: bytes) -> bytes:
    head = b"\x78\x9f\x3e\x22\1\0" + attribute(1, 0x00069007, struct.pack("<II", 1252, 0))
    return head + attribute(1, 0x00069003, properties(given)) + b"".join(files)


def lzfu(rtf: bytes) -> bytes:
    """Compressed RTF in which nothing is compressed."""
    pieces = b"".join(b"\0" + rtf[place : place + 8] for place in range(0, len(rtf), 8))
    return struct.pack("<II4sI", len(pieces) + 12, len(rtf), b"LZFu", 0) + pieces


@cache
def _signer() -> tuple[x509.Certificate, EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Anna")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1))
    return made.sign(key, hashes.SHA256()), key


def signed(content: bytes) -> bytes:
    """CMS signed-data in DER that holds its content."""
    certificate, key = _signer()
    builder = PKCS7SignatureBuilder().set_data(content).add_signer(certificate, key, hashes.SHA256())
    return builder.sign(serialization.Encoding.DER, [PKCS7Options.Binary])


def streamed(content: bytes, ends: bool = True) -> bytes:
    """The same as programs write it that do not know the length before: in pieces, without a signer."""
    pieces = b"".join(
        b"\x04\x82" + struct.pack(">H", len(piece)) + piece
        for piece in (content[place : place + 50] for place in range(0, len(content), 50))
    )
    head = bytes.fromhex("308006092a864886f70d010702a0803080020101318000003080" "06092a864886f70d010701a0802480")
    return head + pieces + (b"\0" * 12 if ends else b"")


def compressed(content: bytes) -> bytes:
    """CMS compressed-data in BER (RFC 3274)."""
    pieces = zlib.compress(content)
    head = bytes.fromhex("3080060b2a864886f70d0109100109a0803080020100300d060b2a864886f70d01091003083080")
    return head + bytes.fromhex("06092a864886f70d010701a0800484") + struct.pack(">I", len(pieces)) + pieces


ENVELOPED = bytes.fromhex("308006092a864886f70d010703a0803080020100") + b"\x31\x00" + b"\0" * 6
