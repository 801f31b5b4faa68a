"""DKIM signatures on outgoing mail (RFC 6376), for domains whose key the admin gives. The home of dkimpy in the proxy.

Header lines and the body's hash are all that is looked at: nothing here parses MIME.
"""

import base64
import hashlib
import itertools
import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dkim
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from dkim.canonicalization import CanonicalizationPolicy
from dkim.crypto import parse_pem_private_key
from nacl.signing import SigningKey

from postbuch.archive import systemwords
from postbuch.archive.config import Config, Signing
from postbuch.archive.dkimsignature import MIN_KEY_BITS, from_domain
from postbuch.archive.errors import ConfigError
from postbuch.archive.headers import MAX_HEADER_OCTETS
from postbuch.archive.settingreasons import Setting
from postbuch.proxy.unstuff import Unstuffer

log = logging.getLogger("postbuch.proxy.submission")

_EMPTY_LINE = b"\r\n\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """The key of one domain, as dkimpy takes it."""

    domain: str
    selector: str
    algorithm: bytes
    private: Any


class Keys:
    """All keys, read once. Raises ConfigError with the path and what to do."""

    def __init__(self, config: Config) -> None:
        self._keys = {each.domain.lower(): _load(each) for each in config.signing}

    def of(self, domain: str) -> Key | None:
        """The key that signs for the domain: its own, else that of a domain above it (relaxed alignment, RFC 7489)."""
        if not self._keys:
            return None
        labels = domain.lower().split(".")
        names = (".".join(labels[start:]) for start in range(len(labels)))
        return next((self._keys[name] for name in names if name in self._keys), None)


def signature(keys: Keys, wire: Iterable[bytes]) -> bytes:
    """The DKIM-Signature field for a message, with its line end; empty when it is nobody's whom we sign for.

    `wire`: the octets as they go upstream, dots doubled, line ends CRLF, without the final dot. Blocks: it reads and
    hashes all of them.
    """
    reader, head, body = Unstuffer(), bytearray(), SimpleBody()
    in_body = False
    for chunk in itertools.chain(wire, (b".\r\n",)):  # one piece at a time: it may be 100 MB
        plain, _ = reader.feed(chunk)
        if in_body:
            body.update(plain)
            continue
        head += plain
        end = head.find(_EMPTY_LINE)
        if end >= 0:
            in_body = True
            body.update(bytes(head[end + 4 :]))
            del head[end + 2 :]
        elif len(head) > MAX_HEADER_OCTETS:
            return b""
    key = keys.of(from_domain(bytes(head)))
    if key is None:
        return b""
    try:
        return _field(key, bytes(head), body.digest())
    except (dkim.DKIMException, IndexError, AssertionError) as error:
        # A header that cannot be signed goes out as it always did.
        log.warning("not-signed domain=%s reason=%s", key.domain, type(error).__name__)
        return b""


class SimpleBody:
    """SHA-256 of a body in its simple form (RFC 6376 section 3.4.3): one line end at the end, whatever came."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._held: list[bytes] = []

    def update(self, octets: bytes) -> None:
        """The next octets; line ends are CRLF."""
        text = octets.rstrip(b"\r\n")
        if text:
            for held in self._held:
                self._hash.update(held)
            self._hash.update(text)
            self._held = []
        if len(text) < len(octets):
            self._held.append(octets[len(text) :])

    def digest(self) -> bytes:
        """Once, at the end."""
        self._hash.update(b"\r\n")
        return self._hash.digest()


def _field(key: Key, head: bytes, digest: bytes) -> bytes:
    message = dkim.DKIM(head, signature_algorithm=key.algorithm)
    message.hasher = hashlib.sha256
    names = [name.lower() for name in message.default_sign_headers()]
    fields = [
        (b"v", b"1"), (b"a", key.algorithm), (b"c", b"relaxed/simple"), (b"d", key.domain.encode()),
        (b"s", key.selector.encode()), (b"t", str(int(time.time())).encode()), (b"h", b" : ".join(names)),
        (b"bh", base64.b64encode(digest)), (b"b", b"0" * 60),
    ]
    policy = CanonicalizationPolicy.from_c_value(b"relaxed/simple")
    made: bytes = message.gen_header(fields, names, policy, b"DKIM-Signature", key.private)
    return b"DKIM-Signature: " + made


def _load(settings: Signing) -> Key:
    path = Path(settings.key_file)
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError(Setting.SIGNING_UNREADABLE.said(path=path, cause=systemwords.cause(error))) from None
    try:
        found = serialization.load_pem_private_key(raw, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ConfigError(Setting.SIGNING_DAMAGED.said(path=path)) from None
    algorithm: bytes
    private: Any
    if isinstance(found, rsa.RSAPrivateKey) and found.key_size >= MIN_KEY_BITS:
        plain = found.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
        algorithm, private = b"rsa-sha256", parse_pem_private_key(plain)
    elif isinstance(found, ed25519.Ed25519PrivateKey):
        algorithm, private = b"ed25519-sha256", SigningKey(found.private_bytes_raw())
    else:
        raise ConfigError(Setting.SIGNING_OTHER.said(path=path, bits=MIN_KEY_BITS))
    return Key(domain=settings.domain.lower(), selector=settings.selector, algorithm=algorithm, private=private)
