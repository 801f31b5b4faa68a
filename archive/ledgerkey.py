"""The key that signs checkpoints: `keys/ledger.json`, readable by the owner of the folder alone, and its rotation.

The public keys stand in the table `ledger_key`, the newest last; all but the first came in by a checkpoint that the
key before it signed as well.
"""

import base64
import json
import secrets
from pathlib import Path

from sqlalchemy import Connection, select

from postbuch.archive import audit, private, signednote
from postbuch.archive.bulk import insert_rows
from postbuch.archive.errors import ServiceMissing
from postbuch.archive.schema_ledger import ledger_key
from postbuch.archive.signednote import SigningKey, VerifierKey
from postbuch.archive.spoolfolder import sync_folder

FILE = "ledger.json"
NEXT = "ledger.next.json"
# 8 octets tell the ledgers of all archives apart.
NAME_OCTETS = 8


class KeyMissing(ServiceMissing):
    """The database knows a key whose secret half is not here: checkpoints cannot be signed."""

    temporary = False


def public_keys(conn: Connection) -> list[VerifierKey]:
    """Every key, the oldest first. Raises NoteInvalid when a row is none."""
    query = select(ledger_key.c.verifier_key).order_by(ledger_key.c.id)
    return [signednote.read_verifier(line) for line in conn.scalars(query)]


def ensure(conn: Connection, keys: Path) -> SigningKey:
    """The key that signs now; made when the archive has none. Under the sealer's lock. Raises KeyMissing."""
    known = public_keys(conn)
    if not known:
        name = f"postbuch/{secrets.token_hex(NAME_OCTETS)}"
        made = _read(keys / FILE) or signednote.make_key(name)
        _write(keys / FILE, made)
        enter(conn, made)
        return made
    for file in (FILE, NEXT):
        found = _read(keys / file)
        if found is not None and found.verifier == known[-1]:
            if file == NEXT:  # a rotation was committed and then broken off
                adopt(keys)
            return found
    raise KeyMissing(
        f"{keys / FILE}: the key that signs the ledger is not there; put it back from the backup of the folder `keys`"
    )


def current(keys: Path) -> SigningKey | None:
    """The key that lies in the folder. Raises KeyMissing when the file is none."""
    return _read(keys / FILE)


def prepare_next(keys: Path, name: str) -> SigningKey:
    """The next key, durable on the disk but not in use yet."""
    made = signednote.make_key(name)
    _write(keys / NEXT, made)
    return made


def enter(conn: Connection, key: SigningKey) -> None:
    """The public half into the database: from the commit on it is the key that signs."""
    insert_rows(conn, ledger_key, [{"verifier_key": str(key.verifier), "created_at": audit.now()}])


def adopt(keys: Path) -> None:
    """The next key takes the place of the old one, whose secret half is gone with that."""
    (keys / NEXT).replace(keys / FILE)
    sync_folder(keys)


def _read(path: Path) -> SigningKey | None:
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        key = SigningKey(name=facts["name"], seed=base64.b64decode(facts["seed"], validate=True))
        str(key.verifier)  # ValueError for a seed of another length
        return key
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        raise KeyMissing(f"{path}: is no ledger key; put it back from the backup of the folder `keys`") from None


def _write(path: Path, key: SigningKey) -> None:
    seed = base64.b64encode(key.seed).decode()
    private.write(path, {"name": key.name, "seed": seed, "verifier_key": str(key.verifier)})
