"""Signed notes (C2SP signed-note) with Ed25519, and the key that signs them. The home of cryptography in the archive.

A note is a text, an empty line, and a line `— name base64(key number, signature)` for each key that signed it.
"""

import base64
import binascii
import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from postbuch.archive.errors import PostbuchError

# C2SP signed-note: the signature type of Ed25519.
ED25519 = b"\x01"
KEY_NUMBER_OCTETS = 4
_DASH = "\N{EM DASH} "


class NoteInvalid(PostbuchError):
    """A note or a key that cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifierKey:
    """The public half: `str()` is the line that people keep, `name+number+base64`."""

    name: str
    public: bytes

    @property
    def number(self) -> bytes:
        """Four octets that tell the keys of one name apart."""
        return hashlib.sha256(self.name.encode() + b"\n" + ED25519 + self.public).digest()[:KEY_NUMBER_OCTETS]

    def __str__(self) -> str:
        return f"{self.name}+{self.number.hex()}+{base64.b64encode(ED25519 + self.public).decode()}"

    def signed(self, note: "Note") -> bool:
        """Whether the note bears a good signature of this key."""
        key = Ed25519PublicKey.from_public_bytes(self.public)
        for name, signature in note.signatures:
            if name != self.name or signature[:KEY_NUMBER_OCTETS] != self.number:
                continue
            try:
                key.verify(signature[KEY_NUMBER_OCTETS:], note.text.encode())
            except InvalidSignature:
                return False
            return True
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """The secret half: a seed of 32 octets."""

    name: str
    seed: bytes

    @property
    def verifier(self) -> VerifierKey:
        return VerifierKey(
            name=self.name, public=Ed25519PrivateKey.from_private_bytes(self.seed).public_key().public_bytes_raw()
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A text that ends with a line end, and (name of the key, key number and signature) of each who signed it."""

    text: str
    signatures: tuple[tuple[str, bytes], ...]

    def __str__(self) -> str:
        lines = [f"{_DASH}{name} {base64.b64encode(signature).decode()}\n" for name, signature in self.signatures]
        return self.text + "\n" + "".join(lines)


def make_key(name: str) -> SigningKey:
    """A new key. The name has no space and no plus sign."""
    return SigningKey(name=name, seed=secrets.token_bytes(32))


def sign(text: str, keys: Sequence[SigningKey]) -> Note:
    """The text signed by each of the keys."""
    signatures = []
    for key in keys:
        signature = Ed25519PrivateKey.from_private_bytes(key.seed).sign(text.encode())
        signatures.append((key.name, key.verifier.number + signature))
    return Note(text=text, signatures=tuple(signatures))


def read_note(text: str) -> Note:
    """Take a note apart; says nothing about its signatures. Raises NoteInvalid."""
    body, mark, tail = text.rpartition("\n\n")
    if not mark or not tail.endswith("\n"):  # a note without any signature is none either
        raise NoteInvalid("this is no signed note")
    signatures = []
    for line in tail.splitlines():
        words = line.removeprefix(_DASH).split(" ")
        if not line.startswith(_DASH) or len(words) != 2:
            raise NoteInvalid("the note has a line among its signatures that is none")
        try:
            signatures.append((words[0], base64.b64decode(words[1], validate=True)))
        except binascii.Error:
            raise NoteInvalid("the note has a signature that is not base64") from None
    return Note(text=body + "\n", signatures=tuple(signatures))


def read_verifier(text: str) -> VerifierKey:
    """A public key from its line. Raises NoteInvalid."""
    name, _, rest = text.strip().partition("+")
    number, _, encoded = rest.partition("+")
    try:
        octets = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        octets = b""
    found = VerifierKey(name=name, public=octets[1:])
    if octets[:1] != ED25519 or len(octets) != 33 or found.number.hex() != number:
        raise NoteInvalid("this is no Ed25519 verifier key")
    return found
