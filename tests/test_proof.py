"""A proof is found good by the stand-alone checker, and bad when anything in it is another."""

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from postbuch.archive import checker, checkpoints, letters, proof
from postbuch.archive.config import Config
from postbuch.archive.users import ALL
from provider.archive import fresh_archive, ingester
from provider.evidence import fill, views
from provider.stamper import Stamper

Files = dict[str, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A proof about a message that was fetched and submitted, one about another message, and the archive."""

    config: Config
    engine: Engine
    path: Path
    other: Path
    key: str
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
        checkpoints.make(config, engine)
        first = prove(config, engine, "1", folder / "proof.zip")
        prove(config, engine, "2", folder / "other.zip")
        yield Made(
            config=config, engine=engine, path=folder / "proof.zip", other=folder / "other.zip", key=first.key,
            python=_without_postbuch(folder / "venv"),
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


def run_checker(made: Made, path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The program as a stranger runs it: the file alone, in an interpreter without Postbuch."""
    program = path.parent / "check.py"
    program.write_bytes(Path(checker.__file__).read_bytes())
    return subprocess.run(
        [made.python, "-I", program, path, *words], capture_output=True, text=True, check=False, cwd="/",
        env={"PATH": os.environ["PATH"]},
    )


def test_the_stranger_says_yes(made: Made) -> None:
    """With the key given and without; the words name digest, time and places; Postbuch cannot be imported there."""
    gone = subprocess.run([made.python, "-I", "-c", "import postbuch"], capture_output=True, check=False, cwd="/")
    assert gone.returncode != 0
    for words in ((), (made.key,)):
        done = run_checker(made, made.path, *words)
        assert done.returncode == 0 and done.stdout.startswith("YES\n"), done.stderr
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
    }  # fmt: skip
    assert "stamp.tsr" in names
    assert any(row["address"] == "bcc@x.example" for fact in facts.values() for row in fact.get("address", ()))


def test_the_checker_is_short_and_stands_alone() -> None:
    """At most 200 lines, and nothing imported but the standard library and cryptography."""
    text = Path(checker.__file__).read_text()
    assert len(text.splitlines()) <= 200
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
        files["proof.json"] = json.dumps(said).encode()

    return whole


def without_leaf(files: Files) -> None:
    """Leaf and way of the image gone."""
    said = json.loads(files["proof.json"])
    del files["leaf-image-1.txt"], said["leaf-image-1.txt"]
    files["proof.json"] = json.dumps(said).encode()


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
    "the facts": replace("facts.json", b"accepted", b"refused"),
    "no facts": lambda files: files.pop("facts.json"),
    "a file that nobody knows": lambda files: files.update({"invoice.pdf": b"x"}),
}


@pytest.mark.parametrize("name", MANIPULATIONS)
def test_the_stranger_says_no(made: Made, name: str, tmp_path: Path) -> None:
    """Anything else in it, and the program says no, with a reason and exit code 1."""
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
            name: leaf, "proof.json": json.dumps(whole).encode(), "facts.json": json.dumps(facts).encode()
        })

    done = run_checker(made, repacked(made.path, tmp_path / "p.zip", add))
    assert done.returncode == 1 and "not about this message" in done.stderr


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
                newest = max(row["id"] for row in letters.page(conn, ALL, 1).rows)
            written = prove(made.config, made.engine, str(newest), tmp_path / "p.zip")
            assert checker.check(str(tmp_path / "p.zip"), written.key)
