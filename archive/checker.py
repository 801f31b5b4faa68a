#!/usr/bin/env python3
"""Checks a proof of Postbuch without Postbuch: python3 check.py PROOF.zip [KEY-LINE]

Needs Python 3.9 or newer and the package `cryptography`. A proof ZIP shows that a message was in an archive at a time:

  message.eml     the message, octet for octet
  leaf-*.txt      what the archive says of it, as sealed: one text for each row (docs/ledger.md)
  proof.json      for each leaf its place in the hash tree and the hashes beside its way to the root (RFC 6962)
  checkpoint.txt  the root, signed (C2SP signed note, Ed25519)
  key.txt         the lines of the public keys, the oldest first; the last one has signed. Compare one of them with
                  one you got from somewhere else, or give that one
  rotation-*.txt  for each key but the first the checkpoint that introduced it, signed by it and by the key before

This program says yes when: the message has the SHA-256 and the length that its leaf names; each leaf leads to the
signed root; the signature is good; each key was introduced by the one before; the leaves belong together; facts.json
says what the leaves say. It cannot say that the key is the company's: that is why you compare it. It writes nothing and
uses no network. Of stamp.tsr it looks only whether it is for this checkpoint; README.txt and
check.py in the ZIP are no evidence and not looked at. Take this program from elsewhere.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sys
import zipfile

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

KNOWN = {"message.eml", "proof.json", "checkpoint.txt", "key.txt", "facts.json", "check.py", "README.txt", "stamp.tsr"}
# 1 GiB: a message has 100 MiB as a rule, all else a few MiB. A file gives no more octets than the ZIP says it has.
MOST_OCTETS = 1 << 30


class No(Exception):
    """The proof is not good; says why."""


def expect(good: object, why: str) -> None:
    if not good:
        raise No(why)


def sha256(*pieces: bytes) -> bytes:
    return hashlib.sha256(b"".join(pieces)).digest()


Row = dict[str, bytes]


def read_leaf(text: bytes) -> tuple[str, str, dict[tuple[str, int], Row]]:
    """The columns of a leaf: {(table, number of the row of that table): {column: octets, or a digest as hex}}."""
    head, _, rest = text.partition(b"\n")
    words = head.decode().split(" ")
    expect(len(words) == 3 and words[0] == "postbuch-ledger/1", "a leaf begins with something else")
    rows: dict[tuple[str, int], Row] = {}
    counts: dict[str, int] = {}
    row: Row | None = None
    while rest:
        if rest.startswith(b"= "):
            name, _, rest = rest[2:].partition(b"\n")
            table = name.decode()
            counts[table] = counts.get(table, -1) + 1
            row = rows[table, counts[table]] = {}
            continue
        column, _, rest = rest.partition(b" ")
        kind, _, rest = rest.partition(b" ")
        if row is None or column.decode() in row:
            raise No("a leaf has a column in a wrong place")
        if kind == b"sha256":
            value, rest = rest[:64], rest[64:]
        else:
            expect(kind.isdigit(), "a leaf has a line that is none")
            value, rest = rest[: int(kind)], rest[int(kind) :]
        expect(rest[:1] == b"\n", "a leaf has a column of another length")
        row[column.decode()], rest = value, rest[1:]
    return words[1], words[2], rows


def root_of(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """The root that the leaf and the hashes beside its way lead to (RFC 9162 section 2.1.3.2)."""
    expect(0 <= index < size, "a leaf has a place outside the tree")
    place, last, found = index, size - 1, sha256(b"\x00", leaf)
    for step in path:
        expect(last > 0 and len(step) == 32, "a way through the tree is too long")
        if place & 1 or place == last:
            found = sha256(b"\x01", step, found)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            found = sha256(b"\x01", found, step)
        place, last = place >> 1, last >> 1
    expect(last == 0, "a way through the tree is too short")
    return found


def read_files(path: str) -> dict[str, bytes]:
    """What is in the ZIP, when it is what a proof has and nothing else."""
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        names = {member.filename for member in members}
        expect(len(names) == len(members), "the ZIP has two files of one name")
        for name in names:
            ours = name in KNOWN or (name.startswith(("leaf-", "rotation-")) and not set("/\\:") & set(name))
            expect(ours, "the ZIP has files that belong to no proof")
        expect(sum(member.file_size for member in members) <= MOST_OCTETS, "the ZIP has more in it than any proof")
        files = {name: archive.read(name) for name in names}
    expect(all(len(files[each.filename]) == each.file_size for each in members), "the ZIP names a wrong length")
    return files


def check_signature(note: str, key_line: str) -> list[str]:
    """The lines of the note, which the key has signed."""
    text, mark, tail = note.rpartition("\n\n")
    expect(mark, "the checkpoint is no signed note")
    text += "\n"
    name, number, encoded = key_line.strip().split("+", 2)
    key = base64.b64decode(encoded, validate=True)
    expect(len(key) == 33 and key[0] == 1, "the key is no Ed25519 key")
    expect(sha256(name.encode() + b"\n" + key)[:4].hex() == number, "the key's number is not its own")
    for line in tail.splitlines():
        dash, who, signature = line.split(" ")
        octets = base64.b64decode(signature, validate=True)
        if (dash, who, octets[:4].hex()) == ("\u2014", name, number):
            Ed25519PublicKey.from_public_bytes(key[1:]).verify(octets[4:], text.encode())
            expect(text.startswith(f"{name}\n"), "a checkpoint is of another archive than the key")
            return text.splitlines()
    raise No("a checkpoint is not signed by the key that it needs")


def fact(lines: list[str], name: str) -> str:
    """What a checkpoint says in a line of its own."""
    return next((line[len(name) + 1 :] for line in lines[3:] if line.startswith(f"{name} ")), "?")


def check_keys(files: dict[str, bytes], keys: list[str]) -> list[str]:
    """Each key was introduced by the one before; when, as lines for people."""
    rotations = sorted(name for name in files if name.startswith("rotation-"))
    expect(len(rotations) == len(keys) - 1, "the checkpoints that introduce keys are not those of these keys")
    lines = []
    for old, new, name in zip(keys, keys[1:], rotations):  # noqa: B905 - as many, as was just found
        note = files[name].decode()
        said = check_signature(note, old)
        expect(check_signature(note, new) == said and fact(said, "next-key") == new, f"{name} introduces another key")
        lines.append(f"new key:    {fact(said, 'time')}, introduced by the key before: {new}")
    return lines


def check_belongs(number: str, rows: dict[tuple[str, str, str, int], Row]) -> None:
    """The row of each leaf is about the message, or named by one that is; what else is in the leaf belongs to it."""
    captures = {row["capture"] for (kind, *_), row in rows.items() if kind == "sighting"}
    for (kind, key, table, _), row in rows.items():
        if kind == "image" or table != kind:
            belongs = True
        elif kind in ("smtp_envelope", "outcome"):
            belongs = row["capture"] in captures
        elif "image_id" in row:
            belongs = row["image_id"] == number.encode()
        elif kind in ("letter", "mailbox", "address", "object"):
            belongs = any(other.get(f"{kind}_id") == key.encode() for other in rows.values())
        else:
            belongs = False
        expect(belongs, f"{kind} {key} is not about this message")


def unread(row: Row) -> str:
    """Where the octets were not fetched again: by what the provider's message was taken for this one."""
    return f", known by {row['recognised_by'].decode()}" if "recognised_by" in row else ""


def check(path: str, key_line: str | None = None) -> list[str]:
    """What the proof shows, as lines for people. Raises No, or whatever reading rubbish raises."""
    files = read_files(path)
    leaves = sorted(name for name in files if name.startswith("leaf-"))
    keys = files["key.txt"].decode().splitlines()
    expect(key_line is None or key_line.strip() in keys, "the key you gave is none of those in the ZIP")
    lines = check_signature(files["checkpoint.txt"].decode(), keys[-1])
    introduced = check_keys(files, keys)
    origin, size, root = lines[0], int(lines[1]), base64.b64decode(lines[2], validate=True)
    stamp = files.get("stamp.tsr")
    expect(stamp is None or sha256(files["checkpoint.txt"]) in stamp, "the time stamp is for another checkpoint")

    proof = json.loads(files["proof.json"])
    expect(json.dumps(proof, indent=1).encode() == files["proof.json"], "proof.json is not written as it should be")
    expect(set(proof) == set(leaves), "the proof names other leaves than there are")
    rows: dict[tuple[str, str, str, int], Row] = {}
    facts: dict[str, dict[str, list[dict[str, str]]]] = {}
    for name in leaves:
        steps = [base64.b64decode(step, validate=True) for step in proof[name]["path"]]
        found = root_of(files[name], proof[name]["index"], size, steps)
        expect(found == root, f"{name} does not lead to the signed root")
        kind, key, of_leaf = read_leaf(files[name])
        expect(name == f"leaf-{kind}-{key}.txt" and (kind, 0) in of_leaf, f"{name} is the leaf of another row")
        said = facts[f"{kind} {key}"] = {}
        for (table, place), row in of_leaf.items():
            rows[kind, key, table, place] = row
            words = {column: value.decode() for column, value in row.items()}
            said.setdefault(table, []).append(words)
    images = [words[1] for words in map(str.split, facts) if words[0] == "image"]
    expect(len(images) == 1, "the proof is not about one message")
    [number] = images
    check_belongs(number, rows)
    image, message = rows["image", number, "image", 0], files["message.eml"]
    digest = hashlib.sha256(message).hexdigest()
    expect(image["sha256"] == digest.encode(), "the message does not have the SHA-256 that was sealed")
    expect(image["size_octets"] == str(len(message)).encode(), "the message does not have the length that was sealed")
    # Octet for octet: JSON can say a thing twice, and people and programs believe another one.
    written = json.dumps(facts, indent=1, ensure_ascii=False).encode()
    expect(files["facts.json"] == written, "facts.json says something else than the leaves")
    summary = rows.get(("image", number, "header_summary", 0), {})
    seen = [row for (kind, *_), row in rows.items() if kind == "sighting"]
    return [
        f"archive:    {origin}", f"key:        {keys[-1]}", *introduced,
        f"your key:   {key_line.strip() if key_line else 'none; compare one of these with one from somewhere else'}",
        f"signed at:  {fact(lines, 'time')} over {size} leaves",
        f"SHA-256:    {digest} ({len(message)} octets)", f"archived:   {image['archived_at'].decode()} UTC",
        f"subject:    {summary.get('subject', b'').decode()}",
        *(f"seen:       {row['seen_at'].decode()} UTC, {row['source'].decode()}{unread(row)}" for row in seen),
        *(f"DKIM:       {r['domain'].decode()} {r['verdict'].decode()}" for r in rows.values() if "key_name" in r),
        "The message and what is said of it stand in the signed ledger, unchanged.",
        *(["stamp.tsr: openssl ts -verify -data checkpoint.txt -in stamp.tsr -CAfile <the authority's root>"]
          if stamp else []),
    ]  # fmt: skip


def main() -> None:
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    try:
        lines = check(*sys.argv[1:])
    except InvalidSignature:
        sys.exit("NO: the signature of the checkpoint is not good")
    except Exception as error:
        sys.exit(f"NO: {error} ({type(error).__name__})")
    print("\n".join(["YES", *lines]))  # noqa: T201


if __name__ == "__main__":
    main()
