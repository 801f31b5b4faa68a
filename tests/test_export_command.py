"""`postbuch export`, `backup` and `restore` as scripts call them: exit codes, one document, one sentence."""

import hashlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import MakeConfig
from sqlalchemy import select

from postbuch.archive import database
from postbuch.archive.database import Role
from postbuch.archive.schema import audit_event
from provider.instance import Postbuch

ANNA = "anna@firma.example"
MAIL = {name: f"From: a@x.example\r\nSubject: {name}\r\n\r\nText\r\n".encode() for name in ("Eins", "Zwei")}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, make_config: MakeConfig) -> Iterator[Postbuch]:
    """Two letters in one mailbox; the database runs."""
    made = Postbuch(make_config(tmp_path_factory.mktemp("house")))
    made.initialise()
    for name, octets in MAIL.items():
        (made.folder / f"{name}.eml").write_bytes(octets)
    with database.running(made.config):
        made.command("import", str(made.folder / "Eins.eml"), str(made.folder / "Zwei.eml"), "--account", ANNA)
        yield made


def run(house: Postbuch, *words: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(house.words(*words), capture_output=True, text=True)
    assert "Traceback" not in done.stderr
    return done


def events(house: Postbuch, action: str) -> list[Any]:
    with database.connection(house.config, Role.WEB) as conn:
        rows = conn.scalars(select(audit_event.c.after_value).where(audit_event.c.action == action))
        return [json.loads(each) for each in rows]


def test_each_format(house: Postbuch, tmp_path: Path) -> None:
    """One document that says what was written; each is on record with query, format and count (invariant 9)."""
    single, box, folder, packed = (tmp_path / name for name in ("one.eml", "all.mbox", "all", "all.zip"))
    for path, form, query in (
        (single, "eml", "Eins"), (box, "mbox", "from:a@x.example"), (folder, "eml", "from:a@x.example"),
        (packed, "zip", "from:a@x.example"),
    ):
        told = json.loads(house.command("export", query, "--format", form, "--output", str(path), "--json"))
        assert (told["format"], told["missing"]) == (form, []) and told["messages"] == told["letters"]
        assert events(house, "export")[-1]["messages"] == told["messages"]
    assert single.read_bytes() == MAIL["Eins"] and len(list(folder.iterdir())) == 2
    assert sorted(each.read_bytes() for each in folder.iterdir()) == sorted(MAIL.values())
    words = ("export", "Zwei", "--format", "eml", "--output", str(single))
    done = run(house, *words)
    assert done.returncode == 2 and "--force" in done.stderr and single.read_bytes() == MAIL["Eins"]
    assert run(house, *words, "--force").returncode == 0 and single.read_bytes() == MAIL["Zwei"]


def test_each_table(house: Postbuch, tmp_path: Path) -> None:
    """The columns that are asked for, titles in the language, CSV for Excel; on record with query and count."""
    for form in ("csv", "xlsx", "xml", "sql", "json"):
        path = tmp_path / f"all.{form}"
        words = ("export", "from:a@x.example", "--format", form, "--output", str(path))
        told = json.loads(house.command(*words, "--columns", "subject,date", "--language", "de", "--json"))
        assert (told["format"], told["rows"], told["list"]) == (form, 2, "letters")
        assert told["size_octets"] == path.stat().st_size > 60
        event = events(house, "export")[-1]
        assert (event["count"], event["q"], event["format"]) == (2, "from:a@x.example", form)
        done = run(house, *words)
        assert done.returncode == 2 and "--force" in done.stderr
    lines = (tmp_path / "all.csv").read_text("utf-8").splitlines()
    assert lines[0] == "Betreff,Datum (UTC)" and sorted(line.split(",")[0] for line in lines[1:]) == ["Eins", "Zwei"]
    excel = tmp_path / "excel.csv"
    options = ("--format", "csv", "--excel", "--language", "de", "--output", str(excel))
    done = run(house, "export", "subject:Eins", *options)
    assert done.returncode == 0 and "1 row is in" in done.stderr, done.stderr
    assert excel.read_bytes().startswith(b"\xef\xbb\xbf") and ";" in excel.read_text("utf-8").splitlines()[0]
    with_conditions = ("export", "(subject~equals~Zwei)", "--format", "json", "--output", str(tmp_path / "c.json"))
    assert json.loads(house.command(*with_conditions, "--json"))["rows"] == 1


def test_keys_for_programs(house: Postbuch) -> None:
    """Made and shown once, listed without the key itself, revoked; each on record."""
    (house.folder / "password").write_text("ein langes Geheimnis\n", encoding="utf-8")
    house.command("user", "add", "crm@firma.example", "--password-file", str(house.folder / "password"))
    made = json.loads(house.command(
        "user", "key", "add", "crm@firma.example", "--name", "CRM", "--scope", "letters", "--scope", "content", "--json"
    ))  # fmt: skip
    assert made["key"].startswith("pb_") and made["scopes"] == ["letters", "content"]
    [listed] = json.loads(house.command("user", "key", "list", "crm@firma.example", "--json"))
    assert (listed["name"], listed["id"], listed["used_at"]) == ("CRM", made["id"], None)
    assert made["key"] not in json.dumps(listed) and made["key"].startswith(listed["begins_with"])
    assert "CRM" in house.command("user", "key", "list")
    again = run(house, "user", "key", "add", "crm@firma.example", "--name", "CRM")
    assert again.returncode == 2 and "CRM" in again.stderr
    house.command("user", "key", "revoke", "crm@firma.example", str(made["id"]))
    assert json.loads(house.command("user", "key", "list", "crm@firma.example", "--json")) == []
    assert run(house, "user", "key", "revoke", "crm@firma.example", str(made["id"])).returncode == 1
    assert events(house, "key-add")[-1] == {"user": "crm@firma.example", "name": "CRM", "scopes": "letters content"}
    assert made["key"] not in json.dumps(events(house, "key-add"))


def test_an_exported_zip_needs_no_account(house: Postbuch, tmp_path: Path, make_config: MakeConfig) -> None:
    """Out of one installation and into a fresh one by the commands alone: same digests, same mailbox."""
    path = tmp_path / "all.zip"
    house.command("export", "from:a@x.example", "--output", str(path))
    fresh = Postbuch(make_config(tmp_path / "fresh"))
    fresh.initialise()
    with database.running(fresh.config):
        lines = fresh.command("import", str(path), "--json").splitlines()
        assert {json.loads(line)["sha256"] for line in lines} == {
            hashlib.sha256(octets).hexdigest() for octets in MAIL.values()
        }
        found = json.loads(fresh.command("search", "account:anna", "mailbox:Import", "--json"))
    assert found["total"] == 2


WRONG = [
    (("export", "Eins", "--format", "docx", "--output", "x.docx"), 2, "there are eml, mbox, zip, csv"),
    (("export", "Eins", "--format", "csv", "--columns", "body", "--output", "x.csv"), 2, "no column 'body'"),
    (("export", "Eins", "--format", "csv", "--list", "nowhere", "--output", "x.csv"), 2, "no list 'nowhere'"),
    (("export", "Eins", "--format", "csv", "--language", "fr", "--output", "x.csv"), 2, "there are en, de"),
    (("export", "(sbject~equals~Zwei)", "--format", "csv", "--output", "x.csv"), 2, "field 'sbject'"),
    (("export", "before:never", "--format", "sql", "--output", "x.sql"), 2, "never"),
    (("export", "Eins", "--format", "xlsx", "--output", "no/where/x.xlsx"), 2, "no/where"),
    (("export", "from:a@x.example", "--format", "eml", "--output", "x.eml"), 2, "2 messages were found"),
    (("export", "before:never", "--output", "x.zip"), 2, "never"),
    (("export", "Eins", "--output", "no/where/x.zip"), 2, "no/where"),
    (("export", "Eins", "--account", "nobody@firma.example", "--output", "x.zip"), 1, "nobody"),
    (("import", "Eins.eml"), 2, "--account"),
    (("restore", "nowhere"), 2, "nowhere"),
    (("restore", "."), 1, "no whole backup"),
    (("put", "Eins", "--account", "nobody@elsewhere.example"), 2, "elsewhere"),
]


@pytest.mark.parametrize(("words", "code", "word"), WRONG)
def test_wrong_use_is_one_sentence(
    house: Postbuch, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], code: int, word: str
) -> None:
    """It names what is wrong; nothing is written, nothing is on standard output."""
    monkeypatch.chdir(house.folder)
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    before = sorted(house.folder.rglob("x.*"))
    done = run(house, *words)
    assert (done.returncode, done.stdout) == (code, "") and word in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1  # behind the empty line of a progress bar
    assert sorted(house.folder.rglob("x.*")) == before


def test_backup_and_restore_speak_to_people(house: Postbuch, tmp_path: Path) -> None:
    """Sentences on standard error, numbers on standard output; the configuration comes along; on record."""
    done = run(house, "backup", str(tmp_path / "target"))
    assert done.returncode == 0 and "keys and passwords" in done.stderr and "Letters: 2" in done.stdout
    assert events(house, "backup")[-1]["target"] == str(tmp_path / "target")
    fresh = tmp_path / "fresh" / "postbuch.toml"
    fresh.parent.mkdir()
    words = [*house.words("restore", str(tmp_path / "target"))[:-1], str(fresh)]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0 and "verify --full" in done.stderr and "Letters: 2" in done.stdout, done.stderr
    assert fresh.read_text() == house.config_file.read_text() and (fresh.parent / "provider-ca.pem").is_file()
    again = subprocess.run(words, capture_output=True, text=True)
    assert again.returncode == 2 and "not empty" in again.stderr
