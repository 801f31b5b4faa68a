"""A proof is found good by the stand-alone checker, and bad when anything in it is another."""

import base64
import hashlib
import io
import json
import os
import struct
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from postbuch.archive import checker, checkpoints, letters, merkle, proof, signednote
from postbuch.archive.config import Config
from postbuch.archive.schema import letter
from postbuch.archive.schema_ledger import checkpoint_stamp
from provider.archive import fresh_archive, ingester
from provider.evidence import fill, views
from provider.stamper import Stamper

Files = dict[str, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A proof about a message that was fetched and submitted, one about another message, and the archive.

    The key was changed once: `old_key` and a checkpoint of its time with its stamp, `key` since.
    """

    config: Config
    engine: Engine
    path: Path
    other: Path
    key: str
    old_key: str
    stale: str
    stale_stamp: bytes
    python: Path


def prove(config: Config, engine: Engine, number: str, path: Path) -> proof.Proof:
    with engine.connect() as conn:
        image = letters.find_image(conn, number)
    return proof.write(config, engine, image, path)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    folder = tmp_path_factory.mktemp("a")
    with fresh_archive(folder) as (config, engine), ingester(config, engine) as work, Stamper(folder / "tsa") as tsa:
        stamped = config.ledger.model_copy(update={"tsa_url": tsa.url, "tsa_ca_file": str(tsa.ca_file)})
        config = config.model_copy(update={"ledger": stamped})
        fill(engine, work, 3)
        views(engine, 300)
        stale = checkpoints.make(config, engine)
        old = prove(config, engine, "1", folder / "old.zip")
        checkpoints.make(config, engine, rotate=True)
        checkpoints.make(config, engine)
        first = prove(config, engine, "1", folder / "proof.zip")
        prove(config, engine, "2", folder / "other.zip")
        with engine.connect() as conn:
            stamp = conn.scalar(select(checkpoint_stamp.c.response).where(checkpoint_stamp.c.checkpoint_id == 1))
        assert stamp is not None
        yield Made(
            config=config, engine=engine, path=folder / "proof.zip", other=folder / "other.zip", key=first.key,
            old_key=old.key, stale=stale.note, stale_stamp=stamp, python=_without_postbuch(folder / "venv"),
        )


def _without_postbuch(folder: Path) -> Path:
    """A Python that has cryptography and no Postbuch."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    [site] = (folder / "lib").glob("python*/site-packages")
    [ours] = (Path(sys.prefix) / "lib").glob("python*/site-packages")
    for name in ("cryptography", "cffi", "pycparser", "_cffi_backend"):
        for path in ours.glob(f"{name}*"):
            (site / path.name).symlink_to(path)
    return folder / "bin" / "python"


def run_checker(made: Made, path: Path, *words: str, limit_octets: int = 0) -> subprocess.CompletedProcess[str]:
    """The program as a stranger runs it: the file alone, in an interpreter without Postbuch.

    `limit_octets`: how much memory it may take; 0 for any.
    """
    program = path.parent / "check.py"
    program.write_bytes(Path(checker.__file__).read_bytes())
    limit = ["prlimit", f"--as={limit_octets}"] if limit_octets else []
    return subprocess.run(
        [*limit, made.python, "-I", program, path, *words], capture_output=True, text=True, check=False, cwd="/",
        env={"PATH": os.environ["PATH"]},
    )


def test_the_stranger_says_yes(made: Made) -> None:
    """With each key of the archive given and with none; the words name digest, time and places.

    Postbuch cannot be imported there. A key of before the change is as good as that of now.
    """
    gone = subprocess.run([made.python, "-I", "-c", "import postbuch"], capture_output=True, check=False, cwd="/")
    assert gone.returncode != 0
    assert made.old_key != made.key
    for words in ((), (made.key,), (made.old_key,)):
        done = run_checker(made, made.path, *words)
        assert done.returncode == 0 and done.stdout.startswith("YES\n"), done.stderr
        assert ("your key:   none" in done.stdout) != bool(words) and "introduced by the key before" in done.stdout
    before = run_checker(made, made.path.with_name("old.zip"), made.old_key)
    assert before.returncode == 0 and "introduced" not in before.stdout
    after = run_checker(made, made.path.with_name("old.zip"), made.key)
    assert after.returncode == 1 and "none of those in the ZIP" in after.stderr
    assert "submission" in done.stdout and "fetch" in done.stdout and "Grüße" in done.stdout
    assert run_checker(made, made.path, made.key.replace("postbuch/", "postbuch/0")).returncode != 0


def test_the_proof_says_everything(made: Made) -> None:
    """Envelope with Bcc, answer, addresses, mailbox and attachment are in it; the stamp; the reader's words."""
    with zipfile.ZipFile(made.path) as packed:
        names = packed.namelist()
        facts = json.loads(packed.read("facts.json"))
        assert packed.read("check.py") == Path(checker.__file__).read_bytes()
        assert "DEUTSCH" in packed.read("README.txt").decode()
    kinds = {name.split()[0] for name in facts}
    assert kinds == {
        "image", "letter", "sighting", "mailbox", "object", "smtp_envelope", "outcome", "address", "dkim_check",
        "provider_identity",
    }  # fmt: skip
    assert "stamp.tsr" in names
    assert any(row["address"] == "bcc@x.example" for fact in facts.values() for row in fact.get("address", ()))


def test_the_checker_is_short_and_stands_alone() -> None:
    """At most 250 lines, and nothing imported but the standard library and cryptography."""
    text = Path(checker.__file__).read_text()
    assert len(text.splitlines()) <= 250
    tops = {line.split()[1].split(".")[0] for line in text.splitlines() if line.startswith(("import ", "from "))}
    assert tops - {"cryptography"} <= sys.stdlib_module_names


def repacked(source: Path, target: Path, change: Callable[[Files], Any]) -> Path:
    """The ZIP with something changed in its files."""
    with zipfile.ZipFile(source) as packed:
        files = {name: packed.read(name) for name in packed.namelist()}
    change(files)
    with zipfile.ZipFile(target, "w") as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return target


def replace(name: str, old: bytes, new: bytes) -> Callable[[Files], None]:
    def change(files: Files) -> None:
        [found] = [each for each in files if each.startswith(name)][:1]
        assert old in files[found]
        files[found] = files[found].replace(old, new, 1)

    return change


def in_proof(name: str, change: Callable[[dict[str, Any]], Any]) -> Callable[[Files], None]:
    def whole(files: Files) -> None:
        said = json.loads(files["proof.json"])
        change(said[next(each for each in said if each.startswith(name))])
        files["proof.json"] = json.dumps(said, indent=1).encode()

    return whole


def without_leaf(files: Files) -> None:
    """Leaf and way of the image gone."""
    said = json.loads(files["proof.json"])
    del files["leaf-image-1.txt"], said["leaf-image-1.txt"]
    files["proof.json"] = json.dumps(said, indent=1).encode()


def renamed(files: Files) -> None:
    """The leaf of the image under the name of another row."""
    said = json.loads(files["proof.json"])
    files["leaf-image-2.txt"], said["leaf-image-2.txt"] = files.pop("leaf-image-1.txt"), said.pop("leaf-image-1.txt")
    files["proof.json"] = json.dumps(dict(sorted(said.items())), indent=1).encode()


def said_twice(name: str) -> Callable[[Files], None]:
    """JSON that says a thing twice: programs believe the second, people may read the first."""
    def change(files: Files) -> None:
        begin, rest = files[name].split(b"\n", 1)
        first = rest.split(b"\n", 1)[0].split(b":")[0]
        files[name] = begin + b"\n" + first + b": {},\n" + rest
        assert len(json.loads(files[name])) == len(json.loads(begin + b"\n" + rest))

    return change


def rotation(files: Files) -> str:
    """The name of the one checkpoint that introduces a key."""
    [name] = [each for each in files if each.startswith("rotation-")]
    return name


def keys_exchanged(files: Files) -> None:
    files["key.txt"] = b"".join(line + b"\n" for line in files["key.txt"].splitlines()[::-1])


MANIPULATIONS: dict[str, Callable[[Files], Any]] = {
    "an octet of the message": replace("message.eml", b"Text 0", b"Text 1"),
    "a line end of the message": replace("message.eml", b"\r\n", b"\n"),
    "an empty message": lambda files: files.update({"message.eml": b""}),
    "no message": lambda files: files.pop("message.eml"),
    "the time of archiving": replace("leaf-image", b"archived_at 26 20", b"archived_at 26 19"),
    "the digest": replace("leaf-image", b"sha256 64 ", b"sha256 64 0"),
    "the subject": replace("leaf-image", "Grüße".encode(), "Grüsse".encode()),
    "the time of a sighting": replace("leaf-sighting", b"seen_at 26 2026-11", b"seen_at 26 2026-10"),
    "the source of a sighting": replace("leaf-sighting", b"source 5 fetch", b"source 5 other"),
    "the recipient's reply": replace("leaf-smtp_envelope", b"code 3 250", b"code 3 550"),
    "the answer": replace("leaf-outcome", b"accepted", b"refusedx"),
    "an address": replace("leaf-address", b".example", b".exemple"),
    "a leaf's name": replace("leaf-image", b"image 1\n", b"image 2\n"),
    "a leaf's version": replace("leaf-image", b"postbuch-ledger/1", b"postbuch-ledger/2"),
    "a leaf is gone": without_leaf,
    "a leaf that the proof does not name": lambda files: files.update({"leaf-image-9.txt": files["leaf-image-1.txt"]}),
    "a leaf's place": in_proof("leaf-image", lambda said: said.update(index=said["index"] + 1)),
    "a place outside": in_proof("leaf-image", lambda said: said.update(index=10**9)),
    "a negative place": in_proof("leaf-image", lambda said: said.update(index=-1)),
    "a shorter way": in_proof("leaf-image", lambda said: said["path"].pop()),
    "a longer way": in_proof("leaf-image", lambda said: said["path"].append(said["path"][0])),
    "a step of the way": in_proof("leaf-image", lambda said: said["path"].__setitem__(0, said["path"][1])),
    "the steps in another order": in_proof("leaf-image", lambda said: said["path"].reverse()),
    "no way": in_proof("leaf-image", lambda said: said.pop("path")),
    "no proof": lambda files: files.pop("proof.json"),
    "the root": replace("checkpoint.txt", b"=\n", b"=x\n"),
    "the size": replace("checkpoint.txt", b"\n6", b"\n7"),
    "the time of the checkpoint": replace("checkpoint.txt", b"time 20", b"time 19"),
    "the origin": replace("checkpoint.txt", b"postbuch/", b"postbuch/0"),
    "the signature": replace("checkpoint.txt", "— postbuch/".encode(), "— postbuch/0".encode()),
    "no signature": lambda files: files.update({"checkpoint.txt": files["checkpoint.txt"].split(b"\n\n")[0] + b"\n\n"}),
    "no checkpoint": lambda files: files.pop("checkpoint.txt"),
    "the key": replace("key.txt", b"+A", b"+B"),
    "the key's number": replace("key.txt", b"+", b"+0"),
    "no key": lambda files: files.pop("key.txt"),
    "no key but the old one": lambda files: files.update({"key.txt": files["key.txt"].splitlines()[0]}),
    "no key but the new one": lambda files: files.update({"key.txt": files["key.txt"].splitlines()[1]}),
    "the keys in another order": keys_exchanged,
    "nothing introduces the key": lambda files: files.pop(rotation(files)),
    "the new key is introduced twice": lambda files: files.update({"rotation-9.txt": files[rotation(files)]}),
    "the key is introduced by another checkpoint": lambda files: files.update(
        {rotation(files): files["checkpoint.txt"]}),
    "the key is introduced at another time": lambda files: files.update(
        {rotation(files): files[rotation(files)].replace(b"time 20", b"time 19")}),
    "the key is introduced without the old one": lambda files: files.update(
        {rotation(files): b"\n".join([*files[rotation(files)].splitlines()[:-2],
                                     files[rotation(files)].splitlines()[-1], b""])}),
    "a leaf under another name": renamed,
    "a message of another proof": lambda files: files.update({"message.eml": b"From: x\r\n\r\nx\r\n"}),
    "the time stamp is rubbish": lambda files: files.update({"stamp.tsr": b"rubbish"}),
    "the facts say a thing twice": said_twice("facts.json"),
    "the proof says a thing twice": said_twice("proof.json"),
    "the facts are laid out anew": lambda files: files.update(
        {"facts.json": json.dumps(json.loads(files["facts.json"])).encode()}),
    "rubbish for facts": lambda files: files.update({"facts.json": b"["}),
    "JSON without an end": lambda files: files.update({"proof.json": b"[" * 1_000_000}),
    "a place that is no number": in_proof("leaf-image", lambda said: said.update(index="0")),
    "a place with a point": in_proof("leaf-image", lambda said: said.update(index=float(said["index"]))),
    "a step that is too short": in_proof("leaf-image", lambda said: said["path"].__setitem__(0, "QUJD")),
    "a leaf that goes on": lambda files: files.update({"leaf-image-1.txt": files["leaf-image-1.txt"] + b"x 1 y\n"}),
    "a leaf without an end": lambda files: files.update({"leaf-image-1.txt": files["leaf-image-1.txt"][:-1]}),
    "the facts": replace("facts.json", b"accepted", b"refused"),
    "no facts": lambda files: files.pop("facts.json"),
    "a file that nobody knows": lambda files: files.update({"invoice.pdf": b"x"}),
}


@pytest.mark.parametrize("name", MANIPULATIONS)
def test_the_stranger_says_no(made: Made, name: str, tmp_path: Path) -> None:
    """Anything else in it, and the program says no, with a reason and exit code 1."""
    assert len(MANIPULATIONS) >= 40
    done = run_checker(made, repacked(made.path, tmp_path / "p.zip", MANIPULATIONS[name]))
    assert done.returncode == 1 and done.stderr.startswith("NO: ") and not done.stdout, done.stdout
    assert "Traceback" not in done.stderr


def test_leaves_of_another_message_are_no_proof(made: Made, tmp_path: Path) -> None:
    """A good leaf of the same checkpoint that is about another message is refused."""
    with zipfile.ZipFile(made.other) as packed:
        said = json.loads(packed.read("proof.json"))
        name = next(each for each in said if each.startswith("leaf-sighting"))
        leaf = packed.read(name)

    def add(files: Files) -> None:
        whole = json.loads(files["proof.json"]) | {name: said[name]}
        facts = json.loads(files["facts.json"])
        kind, key, rows = checker.read_leaf(leaf)
        facts[f"{kind} {key}"] = {kind: [{column: value.decode() for column, value in rows[kind, 0].items()}]}
        files.update({
            name: leaf, "proof.json": json.dumps(whole, indent=1).encode(),
            "facts.json": json.dumps(facts, indent=1, ensure_ascii=False).encode(),
        })

    done = run_checker(made, repacked(made.path, tmp_path / "p.zip", add))
    assert done.returncode == 1 and "not about this message" in done.stderr


def test_a_stale_checkpoint_is_no_proof(made: Made, tmp_path: Path) -> None:
    """A good checkpoint of this archive from before, with its key and its stamp, does not hold these leaves."""
    def stale(files: Files) -> None:
        del files[rotation(files)]
        files.update({
            "checkpoint.txt": made.stale.encode(), "key.txt": made.old_key.encode(), "stamp.tsr": made.stale_stamp
        })

    done = run_checker(made, repacked(made.path, tmp_path / "p.zip", stale), made.old_key)
    assert done.returncode == 1 and ("signed root" in done.stderr or "tree" in done.stderr)
    stamp = repacked(made.path, tmp_path / "p.zip", lambda files: files.update({"stamp.tsr": made.stale_stamp}))
    done = run_checker(made, stamp)
    assert done.returncode == 1 and "time stamp is for another checkpoint" in done.stderr


def forged(files: Files, key: signednote.SigningKey, text: bytes = b"") -> None:
    """A proof that agrees with itself about another message: leaves, tree, facts and signature made anew."""
    files["message.eml"] = files["message.eml"].replace(b"Text 0", b"Text 1") + text
    leaves = sorted(name for name in files if name.startswith("leaf-"))
    old = files["leaf-image-1.txt"]
    digest = hashlib.sha256(files["message.eml"]).hexdigest().encode()
    _, _, rows = checker.read_leaf(old)
    size = rows["image", 0]["size_octets"]
    new = str(len(files["message.eml"])).encode()
    files["leaf-image-1.txt"] = old.replace(rows["image", 0]["sha256"], digest).replace(
        b"size_octets %d %s\n" % (len(size), size), b"size_octets %d %s\n" % (len(new), new))  # fmt: skip
    hashes = [merkle.leaf_hash(files[name]) for name in leaves]

    class Tree:
        def node(self, height: int, index: int) -> bytes:
            return merkle.combined(hashes[index << height : (index + 1) << height])

    way = {
        name: {"index": place, "path": [
            base64.b64encode(step).decode() for step in merkle.inclusion(Tree(), place, len(leaves))
        ]}
        for place, name in enumerate(leaves)
    }  # fmt: skip
    facts: dict[str, dict[str, list[dict[str, str]]]] = {}
    for name in leaves:
        kind, number, of_leaf = checker.read_leaf(files[name])
        said = facts.setdefault(f"{kind} {number}", {})
        for (table, _), row in of_leaf.items():
            said.setdefault(table, []).append({column: value.decode() for column, value in row.items()})
    root = base64.b64encode(merkle.root(Tree(), len(leaves))).decode()
    note = signednote.sign(f"{key.name}\n{len(leaves)}\n{root}\ntime 2026-11-23T10:00:00Z\n", [key])
    files.pop(rotation(files), None)
    files.pop("stamp.tsr")
    files.update({
        "proof.json": json.dumps(way, indent=1).encode(), "checkpoint.txt": str(note).encode(),
        "facts.json": json.dumps(facts, indent=1, ensure_ascii=False).encode(), "key.txt": f"{key.verifier}\n".encode(),
    })


def test_a_forger_needs_the_key(made: Made, tmp_path: Path) -> None:
    """A proof made anew under a key of one's own agrees with itself, and falls to whoever knows the company's key."""
    name = made.key.partition("+")[0]
    thief = signednote.make_key(name)

    def introduced(files: Files) -> None:
        """As if the company's key had introduced the forger's."""
        real = checkpoints.read(made.stale).note
        text = f"{real.text}next-key {thief.verifier}\n"
        forged(files, thief)
        note = signednote.Note(text=text, signatures=real.signatures + signednote.sign(text, [thief]).signatures)
        files["rotation-1.txt"] = str(note).encode()
        files["key.txt"] = f"{made.old_key}\n{thief.verifier}\n".encode()

    own = repacked(made.path, tmp_path / "own.zip", lambda files: forged(files, thief))
    alone = run_checker(made, own)
    assert alone.returncode == 0 and "your key:   none" in alone.stdout
    for words in (made.key, made.old_key):
        assert run_checker(made, own, words).returncode == 1
    chained = repacked(made.path, tmp_path / "chained.zip", introduced)
    assert run_checker(made, chained, made.old_key).returncode == 1
    assert run_checker(made, chained).returncode == 1
    other = signednote.make_key("postbuch/0123456789abcdef")
    elsewhere = repacked(made.path, tmp_path / "elsewhere.zip", lambda files: forged(files, other))
    done = run_checker(made, elsewhere, made.key)
    assert done.returncode == 1 and "none of those" in done.stderr


def patched(octets: bytes, member: str, *, size: int) -> bytes:
    """The ZIP with another uncompressed size of the member in its directory."""
    place = octets.index(b"PK\x01\x02")
    while octets[place + 46 : place + 46 + len(member)] != member.encode():
        place = octets.index(b"PK\x01\x02", place + 4)
    return octets[: place + 24] + struct.pack("<I", size) + octets[place + 28 :]


def hostile(made: Made, kind: str) -> bytes:
    """A ZIP that is made to do harm."""
    whole = made.path.read_bytes()
    if kind in ("huge", "short", "long"):
        with zipfile.ZipFile(made.path) as packed:
            length = packed.getinfo("message.eml").file_size
        return patched(whole, "message.eml", size={"huge": 0xFFFFFFF0, "short": length - 1, "long": length + 1}[kind])
    if kind == "cut":
        return whole[: len(whole) // 2]
    if kind == "empty":
        return b""
    stream = io.BytesIO(whole)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a name is there twice is what is wanted
        with zipfile.ZipFile(stream, "a", zipfile.ZIP_DEFLATED) as packed:
            names = {
                "twice": "message.eml", "absolute": "/etc/passwd", "above": "leaf-../../x.txt", "link": "link",
                "folder": "sub/", "bomb": "leaf-bomb-1.txt", "drive": "rotation-C:\\x",
            }  # fmt: skip
            packed.writestr(names[kind], bytes(64 << 20) if kind == "bomb" else b"x")
    octets = stream.getvalue()
    return patched(octets, "leaf-bomb-1.txt", size=10) if kind == "bomb" else octets


@pytest.mark.parametrize("kind", [
    "huge", "short", "long", "cut", "empty", "twice", "absolute", "above", "drive", "folder", "bomb", "link",
])  # fmt: skip
def test_a_hostile_zip_does_nothing(made: Made, kind: str, tmp_path: Path) -> None:
    """Names that are there twice or lead elsewhere, sizes that are lies: no, at once, and nothing is written."""
    path = tmp_path / "p.zip"
    path.write_bytes(hostile(made, kind))
    done = run_checker(made, path, limit_octets=1 << 30)
    assert done.returncode == 1 and done.stderr.startswith("NO: ") and "MemoryError" not in done.stderr, done.stderr
    assert sorted(each.name for each in tmp_path.iterdir()) == ["check.py", "p.zip"]


def test_every_octet_of_the_zip_counts(made: Made, tmp_path: Path) -> None:
    """A flipped bit anywhere gives no, or leaves everything that the proof says as it was; never an error of ours."""
    whole = made.path.read_bytes()
    good = checker.check(str(made.path))
    path = tmp_path / "p.zip"
    for place in range(0, len(whole), 97):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        try:
            lines = checker.check(str(path))
        except Exception:  # main() makes NO of any
            continue
        assert lines == good or not any(line.startswith("stamp") for line in lines)


def test_a_message_of_this_moment_is_proved(made: Made, tmp_path: Path) -> None:
    """What was archived after the last checkpoint gets one first, also after the key has changed."""
    with ingester(made.config, made.engine) as work:
        for rotate, start in ((False, 500), (True, 600)):
            checkpoints.make(made.config, made.engine, rotate=rotate)
            fill(made.engine, work, 1, start=start)
            with made.engine.connect() as conn:
                newest = conn.scalar(select(func.max(letter.c.id)))
            written = prove(made.config, made.engine, str(newest), tmp_path / "p.zip")
            assert checker.check(str(tmp_path / "p.zip"), written.key)
