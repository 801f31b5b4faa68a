"""An untouched archive has no findings; checks go on where they were broken off; what is new is checked first."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from postbuch.archive import checkpoints, checkreport, leafcheck, ledgerkey, sealer, signednote
from postbuch.archive.checkpointcheck import CheckpointCheck
from postbuch.archive.config import Config
from postbuch.archive.findings import Findings
from postbuch.archive.ledgertree import tree_size
from postbuch.archive.schema import image
from postbuch.archive.schema_ledger import verification
from postbuch.archive.verification import Report, Verification
from provider.archive import fresh_archive, ingester
from provider.evidence import fill, views


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Config, Engine, Any]]:
    with fresh_archive(tmp_path_factory.mktemp("a")) as (config, engine), ingester(config, engine) as work:
        fill(engine, work, 6)
        checkpoints.make(config, engine)
        views(engine, 300)
        checkpoints.make(config, engine, rotate=True)
        fill(engine, work, 3, start=100)
        yield config, engine, work


class Watched:
    """What a check told of its progress."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, int]] = []

    def __call__(self, done: int, total: int) -> bool:
        self.seen.append((done, total))
        return True


def findings(report: Report) -> list[Any]:
    return list(report.as_json()["findings"])


@pytest.mark.parametrize("full", [True, False, False, True])
def test_an_untouched_archive(archive: tuple[Config, Engine, Any], full: bool) -> None:
    """Nothing is found, again and again; the report is kept, and as a row of its own is sealed and checked."""
    config, engine, _ = archive
    checkpoints.make(config, engine)
    with engine.connect() as conn:
        images = conn.scalars(select(func.count()).select_from(image)).one()
    report = Verification(config, engine).run(full=full)
    assert findings(report) == [] and report.complete
    assert report.checked["checkpoint_files"] >= 3
    if full:
        assert report.checked["image"] == images >= 9 and report.checked["files"] == report.checked["object"] > 0
    with engine.connect() as conn:
        assert checkreport.current(conn)[report.scope] == report.as_json()


def test_what_comes_meanwhile_is_no_finding(archive: tuple[Config, Engine, Any]) -> None:
    """Mail and page views that are written while the check reads are not taken for forgeries."""
    config, engine, work = archive
    calls = 0

    def meanwhile(done: int, total: int) -> bool:
        nonlocal calls
        calls += 1
        fill(engine, work, 2, start=200 + 10 * calls)
        return True

    for full in (True, False):
        assert findings(Verification(config, engine, meanwhile).run(full=full)) == []
    assert calls > 1


def test_a_full_check_goes_on(archive: tuple[Config, Engine, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Broken off in the middle it begins there the next time; with `restart` at the first leaf."""
    config, engine, _ = archive
    monkeypatch.setattr(leafcheck, "CHUNK", 100)
    assert not Verification(config, engine, lambda done, total: done < 300).run(full=True).complete
    watched = Watched()
    whole = Verification(config, engine, watched).run(full=True)
    assert whole.complete and findings(whole) == [] and watched.seen[0][0] == 400
    assert not Verification(config, engine, lambda done, total: done < 300).run(full=True).complete
    watched = Watched()
    again = Verification(config, engine, watched)
    assert again.run(full=True, restart=True).complete and watched.seen[0][0] == 100
    assert not (config.data / "verify" / "full.json").exists()


def test_a_check_that_went_on_holds_old_checkpoints(
    archive: tuple[Config, Engine, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What was signed over leaves that are not read again is compared all the same; the report says where it went on.

    A memory that does not fit the tree is none.
    """
    config, engine, _ = archive
    monkeypatch.setattr(leafcheck, "CHUNK", 100)
    old = checkpoints.read(checkpoints.make(config, engine).note)
    views(engine, 200)
    key = ledgerkey.current(config.data / "keys")
    assert key is not None
    text = f"{old.origin}\n{old.size}\n{'A' * 43}=\ntime 2026-11-23T10:00:00Z\n"
    forged = tmp_path / "forged.txt"
    forged.write_text(str(signednote.sign(text, [key])))
    stop = old.size + 50
    assert not Verification(config, engine, lambda done, total: done < stop).run(full=True).complete
    report = Verification(config, engine).run(full=True, external=[forged])
    assert [(each["kind"], each["where"]) for each in findings(report)] == [("root-changed", str(forged))]
    assert old.size < report.resumed_at == report.as_json()["resumed_at"]
    assert not Verification(config, engine, lambda done, total: done < stop).run(full=True).complete
    file = config.data / "verify" / "full.json"
    facts = json.loads(file.read_text())
    file.write_text(json.dumps({**facts, "peaks": ["00" * 32] * len(facts["peaks"])}))
    again = Verification(config, engine).run(full=True)
    assert again.resumed_at == 0 and findings(again) == []


def test_what_is_signed_meanwhile_is_no_finding(archive: tuple[Config, Engine, Any], tmp_path: Path) -> None:
    """A checkpoint that is made while the check reads the others, also of more leaves than there were; its copies."""
    config, engine, _ = archive
    config = config.model_copy(update={
        "ledger": config.ledger.model_copy(update={"checkpoint_dirs": [str(tmp_path / "copies")]})
    })
    checkpoints.make(config, engine)
    found = Findings()
    with engine.connect() as conn:
        check = CheckpointCheck(config, conn, tree_size(conn), found)
        views(engine, 5)
        checkpoints.make(config, engine)
        check.run()
        check._notes.popitem()  # as if that one had come after its rows were read
        check._folder(tmp_path / "copies")
        assert found.listed == []
        first = min((tmp_path / "copies").iterdir())
        first.unlink()
        check._folder(tmp_path / "copies")
    assert [(each.kind, each.where) for each in found.listed] == [("checkpoint-removed", str(first))]


def test_an_incremental_check_reads_what_is_new(archive: tuple[Config, Engine, Any]) -> None:
    """After a good check the progress counts the new leaves alone."""
    config, engine, _ = archive
    Verification(config, engine).run(full=False)
    views(engine, 10)
    watched = Watched()
    Verification(config, engine, watched).run(full=False)
    assert watched.seen == [(22, 22)]  # ten views, their entries, the row of the report and its entry


def test_a_broken_memory_of_checks_is_none(archive: tuple[Config, Engine, Any]) -> None:
    """Rubbish in the files that remember is the same as no file."""
    config, engine, _ = archive
    for name in ("full.json", "verified.json"):
        for text in ("", "[]", json.dumps({"size": 5}), json.dumps({"size": 5, "peaks": ["00"], "root": "0"})):
            (config.data / "verify").mkdir(exist_ok=True)
            (config.data / "verify" / name).write_text(text)
            report = Verification(config, engine).run(full=name == "full.json")
            wrong = [each["where"] for each in findings(report)]
            assert wrong == ([] if name == "full.json" or "5" not in text else ["ledger"]), (name, text)
    (config.data / "verify" / "verified.json").unlink()


def test_external_checkpoints(archive: tuple[Config, Engine, Any], tmp_path: Path) -> None:
    """A good one is found good; one of another archive, or rubbish, is named."""
    config, engine, _ = archive
    made = checkpoints.make(config, engine)
    good, bad = tmp_path / "good.txt", tmp_path / "bad.txt"
    good.write_text(made.note)
    bad.write_text(made.note.replace("postbuch/", "postbuch/0"))
    assert findings(Verification(config, engine).run(full=False, external=[good])) == []
    found = findings(Verification(config, engine).run(full=False, external=[bad, tmp_path / "none"]))
    assert [each["where"] for each in found] == [str(bad), str(tmp_path / "none")]
    with engine.connect() as conn:
        kept = conn.scalar(select(verification.c.findings).order_by(verification.c.id.desc()).limit(1))
    assert kept == 2 and sealer.ENTRY == "ledger_entry"
