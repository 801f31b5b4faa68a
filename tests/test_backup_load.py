"""Invariant 2, the drill: a backup while mail comes in, everything destroyed, and back from the backup alone."""

import json
import shutil
import time
from pathlib import Path

import pytest
from conftest import MakeConfig
from sqlalchemy import func, select
from test_kill import Appending, Submitting, _rebuilt

from postbuch.archive import backupfiles, database
from postbuch.archive.database import Role
from postbuch.archive.schema import metadata
from provider.dovecot import Dovecot
from provider.instance import Postbuch
from provider.ports import wait_until
from provider.sink import Sink

TABLES = ("image", "sighting", "letter", "refusal", "gap")


@pytest.mark.timeout(600)
def test_the_drill(tmp_path: Path, make_config: MakeConfig, dovecot: Dovecot, sink: Sink) -> None:
    """What was acknowledged before the backup began is there; counts are the backup's; verify --full is clean."""
    instance = Postbuch(make_config(tmp_path / "house"))
    instance.initialise()
    loads = [Appending(instance, 1), Appending(instance, 2), Submitting(instance, 1), Submitting(instance, 2)]
    target = tmp_path / "target"
    try:
        instance.start()
        for load in loads:
            load.start()
        wait_until(lambda: sum(len(load.kept) for load in loads) > 60, "mail to come in", 60)
        before = [digest for load in loads for digest in load.kept]
        made = json.loads(instance.command("backup", str(target), "--json"))
        during = sum(len(load.kept) for load in loads) - len(before)
        time.sleep(0.5)
        for load in loads:
            load.end()
    finally:
        instance.kill()
    assert during > 10 and made["problems"] == []
    shutil.rmtree(instance.folder)
    instance.folder.mkdir()

    restored = json.loads(instance.command("restore", str(target), "--json"))
    assert restored["tables"] == made["tables"]
    found = json.loads(instance.command("verify", "--full", "--json"))
    assert found["ok"], found["findings"]
    manifest = backupfiles.newest(target).read()
    with database.running(instance.config), database.connection(instance.config, Role.WEB) as conn:
        there = {name: conn.scalar(select(func.count()).select_from(metadata.tables[name])) for name in TABLES}
    assert there == {name: manifest.tables[name] for name in TABLES}
    with instance:
        instance.wait_drained()
        assert set(before) <= _rebuilt(instance)
        assert json.loads(instance.command("verify", "--full", "--json"))["ok"]
        status = instance.status()
    assert status["books"]["balanced"] and status["images"] >= max(manifest.tables["image"], len(before))
