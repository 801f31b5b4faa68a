"""`postbuch sync` and the choices of `account set`, as people call them."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from conftest import MakeConfig

from postbuch.cli import syncing
from provider.instance import Postbuch


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory, make_config: MakeConfig) -> Postbuch:
    """An installation whose processes do not run."""
    made = Postbuch(make_config(tmp_path_factory.mktemp("sync")))
    made.initialise()
    made.command("account", "add", "anna@firma.example")
    return made


def test_choices_are_kept_and_shown(quiet: Postbuch) -> None:
    """Modes are checked, exclusions replaced as a whole, both listed."""
    quiet.command("account", "set", "anna@firma.example", "--archive", "mailboxes:Archiv", "--exclude", "Junk, Drafts")
    row = _only(quiet, "account", "list", "--json")
    assert (row["archive"], row["exclude"]) == ("mailboxes:Archiv", ["Drafts", "Junk"])
    changed = json.loads(quiet.command("account", "set", "anna@firma.example", "--exclude", "Junk", "--json"))
    assert changed["exclude"] == ["Junk"]
    quiet.command("account", "set", "anna@firma.example", "--archive", "all", "--exclude", "")
    assert _only(quiet, "account", "list", "--json")["exclude"] == []


def _only(postbuch: Postbuch, *words: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = json.loads(postbuch.command(*words))
    assert len(found) == 1
    return found[0]


def test_modes_that_say_nothing_are_refused(quiet: Postbuch) -> None:
    """A misspelt mode would leave mail uncollected without a word."""
    with pytest.raises(AssertionError, match="mailboxes:Archiv,INBOX"):
        quiet.command("account", "set", "anna@firma.example", "--archive", "alles")


def test_pause_and_resume(quiet: Postbuch) -> None:
    """A pause is shown and holds until it is ended."""
    [before] = json.loads(quiet.command("sync", "--resume", "--json"))["accounts"]
    paused = json.loads(quiet.command("sync", "--pause", "--account", "anna@firma.example", "--json"))
    assert [each["state"] for each in paused["accounts"]] == ["paused"] and paused["complete"] is False
    resumed = json.loads(quiet.command("sync", "--resume", "--json"))
    assert [each["state"] for each in resumed["accounts"]] == [before["state"]] != ["paused"]


def test_sync_says_what_is_missing(quiet: Postbuch) -> None:
    """Without a credential nothing can be collected: said, not waited for."""
    found = json.loads(quiet.command("sync", "--once", "--json"))
    assert found["complete"] is False
    assert [each["state"] for each in found["accounts"]] == ["no-credential"]
    assert "anna@firma.example" in quiet.command("sync", "--once")


def test_the_running_process_is_asked(quiet: Postbuch) -> None:
    """While `up` runs the command shows the work of its archive process; status has it too."""
    with quiet:
        assert [each["state"] for each in json.loads(quiet.command("sync", "--json"))["accounts"]] == ["no-credential"]
        assert quiet.status()["accounts"][0]["collector"]["state"] == "no-credential"
        assert quiet.status()["sentences"] == []


@pytest.mark.parametrize("state", ["idle", "failing"])
@pytest.mark.parametrize("days", [-400, 0, 400])
def test_an_answer_counts_by_whatever_clock(state: str, days: int) -> None:
    """The clock was set since the last run or is set during this one: the old answer is none, and the new one is."""
    old = datetime(2026, 11, 23, 10)
    before = {"state": state, "failure": "x" if state == "failing" else "", "finished_at": old, "told_at": old}
    new = old + timedelta(days=days, seconds=3)
    assert not syncing.is_settled(before, before)
    assert syncing.is_settled({**before, "finished_at": new, "told_at": new}, before)
