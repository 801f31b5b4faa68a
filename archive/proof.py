"""Proofs that leave the house: a ZIP that shows what is kept of one message, and that it is unchanged.

What is in it, and how it is checked without Postbuch, stands in `checker.py`, which goes along.
"""

import base64
import json
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, and_, or_, select

from postbuch.archive import checker, checkpoints, coverage, ledgerkey, letters, merkle
from postbuch.archive.config import Config
from postbuch.archive.errors import NotFound
from postbuch.archive.ledgertree import StoredNodes
from postbuch.archive.schema import image_address, image_object, letter_image, outcome, sighting, smtp_envelope
from postbuch.archive.schema import smtp_recipient as recipient
from postbuch.archive.schema_ledger import checkpoint, checkpoint_stamp, ledger_leaf
from postbuch.archive.sealer import Sealer
from postbuch.archive.wrong import Wrong

# Of zlib's levels: more of them costs three times as long, and base64 hardly gets smaller.
FASTEST = 1
# What is larger is a message with a file in base64: 30 ms for each MB, and a quarter saved.
LARGE_OCTETS = 131_072
_README = """\
Postbuch: Nachweis zu einer Nachricht / proof of a message

DEUTSCH
Dieses Archiv zeigt, dass die Nachricht message.eml unverändert im Postbuch-Archiv liegt und was dort über sie
festgehalten ist (facts.json). Geprüft wird ohne Postbuch, mit Python 3.9 oder neuer und dem Paket "cryptography":

    python3 check.py DIESE-DATEI.zip "ZEILE DES SCHLÜSSELS"

Die Zeile des Schlüssels (eine aus key.txt) muss aus anderer Quelle stammen, etwa aus einem früheren Nachweis oder vom
Wirtschaftsprüfer; sonst zeigt die Prüfung nur, dass der Nachweis in sich stimmt. Ebenso das Programm check.py. Wurde
der Schlüssel seither gewechselt, so gilt auch der frühere: rotation-*.txt zeigt, wie jeder den nächsten einführte.
Liegt stamp.tsr bei, so hat eine fremde Stelle den Zeitpunkt bestätigt (RFC 3161):

    openssl ts -verify -data checkpoint.txt -in stamp.tsr -CAfile WURZEL-DER-STELLE.pem

ENGLISH
This archive shows that the message message.eml is kept unchanged in the Postbuch archive, and what is on record there
about it (facts.json). It is checked without Postbuch, by Python 3.9 or newer and the package "cryptography":

    python3 check.py THIS-FILE.zip "LINE OF THE KEY"

Take the line of the key (one of key.txt) from somewhere else, such as an earlier proof or the auditor; else the check
shows only that the proof agrees with itself. The same goes for the program check.py. An earlier key does as well:
rotation-*.txt shows how each introduced the next. With stamp.tsr another party has confirmed the time (RFC 3161); the
openssl command above checks it.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What was proved: the message, the size of the signed tree, the line of the key, and how many leaves."""

    sha256: str
    size: int
    key: str
    leaves: int


def write(config: Config, engine: Engine, image: letters.Image, path: Path) -> Proof:
    """Write the ZIP about one image. Raises NotFound, SkeletonDamaged, ServiceMissing, OSError.

    When the newest checkpoint is older than anything said of the message, one is made first.
    """
    with engine.connect() as conn:
        octets = letters.octets(conn, config, image.id)
        wanted = _wanted(conn, image.id)
        places, row = _places(conn, wanted), _newest(conn)
        unsealed = len(places) < sum(map(len, wanted.values()))
        conn.rollback()
        if unsealed:
            Sealer(engine).seal(window=None)
        if row is None or unsealed or max(places.values()) >= row.size:
            checkpoints.make(config, engine)
            places, row = _places(conn, wanted), _newest(conn)
        if row is None or not places:
            raise NotFound(Wrong.NO_LEAF.said(number=image.id))
        files, proof = _leaves(conn, wanted, places, row.size)
        stamp = conn.scalar(select(checkpoint_stamp.c.response).where(checkpoint_stamp.c.checkpoint_id == row.id))
        keys, rotations = _keys(conn, row)
    files |= {
        "message.eml": octets, "proof.json": json.dumps(proof, indent=1).encode(), "checkpoint.txt": row.note.encode(),
        "key.txt": "".join(f"{key}\n" for key in keys).encode(), "facts.json": _facts(files),
        "README.txt": _README.encode(), "check.py": Path(checker.__file__).read_bytes(), **rotations,
    }
    if stamp is not None:
        files["stamp.tsr"] = stamp
    at = row.at.timetuple()[:6]
    with zipfile.ZipFile(path, "w") as packed:
        for name, content in sorted(files.items()):
            method = zipfile.ZIP_STORED if len(content) > LARGE_OCTETS else zipfile.ZIP_DEFLATED
            packed.writestr(zipfile.ZipInfo(name, at), content, method, FASTEST)
    return Proof(sha256=image.sha256, size=row.size, key=keys[-1], leaves=len(places))


def _newest(conn: Connection) -> Any:
    return conn.execute(select(checkpoint).order_by(checkpoint.c.id.desc()).limit(1)).one_or_none()


def _keys(conn: Connection, row: Any) -> tuple[list[str], dict[str, bytes]]:
    """The keys up to the one that signed the checkpoint, and as files the checkpoints that introduced them."""
    known = ledgerkey.public_keys(conn)
    note = checkpoints.read(row.note).note
    last = max((place for place, key in enumerate(known) if key.signed(note)), default=None)
    if last is None:
        raise NotFound(Wrong.NO_SIGNER.said())
    query = select(checkpoint.c.id, checkpoint.c.note).where(checkpoint.c.note.like("%\nnext-key %"))
    notes = conn.execute(query.order_by(checkpoint.c.id).limit(last)).all()
    rotations = {f"rotation-{each.id:010}.txt": each.note.encode() for each in notes}
    return [str(key) for key in known[: last + 1]], rotations


def _wanted(conn: Connection, image_id: int) -> dict[str, set[str]]:
    """Kind → keys of all rows that say something of the image."""
    def numbers(query: Any) -> set[str]:
        return {str(number) for number in conn.scalars(query) if number is not None}

    seen = select(sighting.c.capture).where(sighting.c.image_id == image_id)
    envelopes = select(smtp_envelope.c.id).where(smtp_envelope.c.capture.in_(seen))
    units = coverage.units().values()
    about = {unit.kind: unit.table for unit in units if unit.numbered and "image_id" in unit.table.c}
    return {
        "image": {str(image_id)},
        "letter": numbers(select(letter_image.c.letter_id).where(letter_image.c.image_id == image_id)),
        **{kind: numbers(select(table.c.id).where(table.c.image_id == image_id)) for kind, table in about.items()},
        "mailbox": numbers(select(sighting.c.mailbox_id).where(sighting.c.image_id == image_id).distinct()),
        "object": numbers(select(image_object.c.object_id).where(image_object.c.image_id == image_id)),
        "smtp_envelope": numbers(envelopes),
        "outcome": numbers(select(outcome.c.id).where(outcome.c.capture.in_(seen))),
        "address": numbers(select(image_address.c.address_id).where(image_address.c.image_id == image_id).distinct())
        | numbers(select(recipient.c.address_id).where(recipient.c.envelope_id.in_(envelopes)).distinct()),
    }


def _places(conn: Connection, wanted: dict[str, set[str]]) -> dict[tuple[str, str], int]:
    """(kind, key) → place of the leaf, for those that have one."""
    table = ledger_leaf
    named = [and_(table.c.kind == kind, table.c.row_key.in_(keys)) for kind, keys in wanted.items() if keys]
    query = select(table.c.kind, table.c.row_key, table.c.position).where(or_(*named))
    return {(row.kind, row.row_key): row.position for row in conn.execute(query)}


def _leaves(
    conn: Connection, wanted: dict[str, set[str]], places: dict[tuple[str, str], int], size: int
) -> tuple[dict[str, bytes], dict[str, Any]]:
    """The texts of the leaves as files, and the way of each to the root."""
    files, proof, nodes = {}, {}, StoredNodes(conn)
    for kind, keys in wanted.items():
        for key, text in coverage.texts_of(conn, coverage.units()[kind], keys).items():
            place = places.get((kind, key))
            if place is None or place >= size:
                continue
            name = f"leaf-{kind}-{key}.txt"
            files[name] = text
            proof[name] = {"index": place, "path": list(_encoded(merkle.inclusion(nodes, place, size)))}
    return files, proof


def _encoded(path: Iterable[bytes]) -> Iterable[str]:
    return (base64.b64encode(step).decode() for step in path)


def _facts(files: dict[str, bytes]) -> bytes:
    """What the leaves say, as JSON: row → table → list of its columns."""
    facts: dict[str, dict[str, list[dict[str, str]]]] = {}
    for _, text in sorted(files.items()):
        kind, key, rows = checker.read_leaf(text)
        said = facts.setdefault(f"{kind} {key}", {})
        for (table, _), row in rows.items():
            said.setdefault(table, []).append({column: value.decode() for column, value in row.items()})
    return json.dumps(facts, indent=1, ensure_ascii=False).encode()
