"""Messages signed by DKIM, for tests and the demo: keys of our own, their records, and what stands in the DNS."""

import base64
import hashlib
from dataclasses import dataclass

import dkim
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """A domain with one key. `algorithm`: rsa-sha256, rsa-sha1 or ed25519-sha256."""

    domain: str
    selector: str
    private: bytes
    record: bytes
    algorithm: str = "rsa-sha256"

    @property
    def key_name(self) -> str:
        """Where the record stands."""
        return f"{self.selector}._domainkey.{self.domain}"

    def sign(self, octets: bytes, **settings: object) -> bytes:
        """The message with a DKIM-Signature above it; the settings are those of dkimpy."""
        message = dkim.DKIM(octets, signature_algorithm=self.algorithm.encode())
        made: bytes = message.sign(self.selector.encode(), self.domain.encode(), self.private, **settings)
        return made + octets

    def sign_until(self, octets: bytes, ends: int) -> bytes:
        """As `sign`, good until that second (x=), which dkimpy does not write."""
        message = dkim.DKIM(octets)
        header = message.sign(self.selector.encode(), self.domain.encode(), self.private)
        known = dict(each.split(b"=", 1) for each in b"".join(header.partition(b":")[2].split()).split(b";"))
        fields = [*({**known, b"x": b"%d" % ends, b"b": b""}.items())]
        fields.sort(key=lambda field: field[0] == b"b")  # b= is the last
        policy = dkim.CanonicalizationPolicy.from_c_value(known[b"c"])
        key = dkim.parse_pem_private_key(self.private)
        made: bytes = message.gen_header(fields, message.include_headers, policy, b"DKIM-Signature", key)
        return b"DKIM-Signature: " + made + octets


def record_of(key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    """What stands in the DNS for a private key (RFC 6376 section 3.6.1, RFC 8463 section 4)."""
    public = key.public_key()
    if isinstance(public, ed25519.Ed25519PublicKey):
        return b"v=DKIM1; k=ed25519; p=" + base64.b64encode(public.public_bytes_raw())
    octets = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return b"v=DKIM1; k=rsa; p=" + base64.b64encode(octets)


def rsa_signer(domain: str, selector: str = "rsa", bits: int = 2048, algorithm: str = "rsa-sha256") -> Signer:
    """A domain with a new RSA key."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    return Signer(domain=domain, selector=selector, private=private, record=record_of(key), algorithm=algorithm)


def ed25519_signer(domain: str, selector: str = "ed", seed: str = "") -> Signer:
    """A domain with a new Ed25519 key (RFC 8463); the same seed gives the same one."""
    key = ed25519.Ed25519PrivateKey.generate()
    if seed:
        key = ed25519.Ed25519PrivateKey.from_private_bytes(hashlib.sha256(seed.encode()).digest())
    private = base64.b64encode(key.private_bytes_raw())
    return Signer(domain=domain, selector=selector, private=private, record=record_of(key), algorithm="ed25519-sha256")
