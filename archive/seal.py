"""Secrets at rest: sealed with AES-256-GCM under a key file, bound to what they are for.

`keys/seal.json` holds the keys, readable by the owner of the folder alone. While the key is changed it holds both, so
that whatever moment a change is broken off at, everything can still be opened (`credentials.rotate`).

    sealed = "PBC1" | key number u32 | nonce 12 octets | ciphertext and tag

The associated data are the purpose and the account, so that a sealed password of one account opens for no other.
"""

import base64
import json
import secrets
import struct
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from postbuch.archive import private
from postbuch.archive.errors import PostbuchError

_FILE = "seal.json"
MAGIC = b"PBC1"
_HEAD = struct.Struct(">4sI")
_NONCE_OCTETS = 12  # NIST SP 800-38D section 5.2.1.1
_KEY_BITS = 256


class SealBroken(PostbuchError):
    """A sealed secret that does not open: damaged, of another account, or of a key that is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealer:
    """Opens with every key that is there and seals with the current one. `repr` shows no key."""

    current: int
    keys: dict[int, bytes] = field(repr=False)

    def seal(self, secret: str, purpose: str) -> bytes:
        """Sealed; no two are equal. `purpose` names the account and what the secret is for."""
        nonce = secrets.token_bytes(_NONCE_OCTETS)
        sealed = AESGCM(self.keys[self.current]).encrypt(nonce, secret.encode(), purpose.encode())
        return _HEAD.pack(MAGIC, self.current) + nonce + sealed

    def open(self, sealed: bytes, purpose: str) -> str:
        """The secret. Raises SealBroken."""
        body = sealed[_HEAD.size :]
        key = self.keys.get(key_of(sealed))
        if key is None:
            raise SealBroken(f"a secret is sealed with the key {key_of(sealed)}, which is not in {_FILE}")
        try:
            return AESGCM(key).decrypt(body[:_NONCE_OCTETS], body[_NONCE_OCTETS:], purpose.encode()).decode()
        except (InvalidTag, UnicodeDecodeError, ValueError):
            raise SealBroken(f"a sealed secret does not open: it was changed, or is not that of {purpose}") from None


def key_of(sealed: bytes) -> int:
    """The number of the key that it is sealed with; 0 for what is no sealed secret."""
    if len(sealed) < _HEAD.size or not sealed.startswith(MAGIC):
        return 0
    return int(_HEAD.unpack_from(sealed)[1])


def load(folder: Path) -> Sealer:
    """The keys of the folder `keys`; the first one is made. Raises SealBroken when the file is damaged, OSError."""
    try:
        return _read(folder)
    except FileNotFoundError:
        made = Sealer(current=1, keys={1: AESGCM.generate_key(_KEY_BITS)})
        _write(folder, made, fresh=True)
        return _read(folder)  # another process may have been first


def add_key(folder: Path) -> Sealer:
    """A new current key beside the old ones, durable when this returns."""
    known = load(folder)
    number = max(known.keys) + 1
    made = Sealer(current=number, keys={**known.keys, number: AESGCM.generate_key(_KEY_BITS)})
    _write(folder, made)
    return made


def drop_old_keys(folder: Path) -> Sealer:
    """Only the current key stays: when nothing is sealed with the others any more."""
    known = load(folder)
    kept = Sealer(current=known.current, keys={known.current: known.keys[known.current]})
    _write(folder, kept)
    return kept


def _read(folder: Path) -> Sealer:
    text = (folder / _FILE).read_text(encoding="utf-8")
    try:
        facts = json.loads(text)
        keys = {int(number): base64.b64decode(key, validate=True) for number, key in facts["keys"].items()}
        found = Sealer(current=int(facts["current"]), keys=keys)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise SealBroken(f"{folder / _FILE}: is damaged; put it back from a backup") from None
    if found.current not in keys or any(len(key) * 8 != _KEY_BITS for key in keys.values()):
        raise SealBroken(f"{folder / _FILE}: lacks its current key; put it back from a backup")
    return found


def _write(folder: Path, sealer: Sealer, *, fresh: bool = False) -> None:
    keys = {str(number): base64.b64encode(key).decode() for number, key in sealer.keys.items()}
    private.write(folder / _FILE, {"current": sealer.current, "keys": keys}, fresh=fresh)
