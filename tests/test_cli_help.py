"""The help and the answers to a wrong use are in the language of the locale, and say what to do."""

import os
import re
import subprocess
import sys

import pytest
import typer
from typer.core import TyperGroup

from postbuch.cli.main import COMMANDS, make_app

# Of the library that reads the command line, and of Python.
FOREIGN = re.compile(
    r"Usage|Options|Commands|Arguments|ARGS|Show this|required|default:|<(?:str|int|path|list)|Invalid|No such|Missing"
    r"|Input should|Value error|unexpected|Try '"
)


def said(*words: str, locale: str = "de_DE.UTF-8", code: int = 2) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "postbuch.cli.main", *words], capture_output=True, text=True,
        env={**os.environ, "LC_ALL": locale, "COLUMNS": "80"},
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    return done.stdout if code == 0 else done.stderr


@pytest.mark.parametrize("name", [name for name, command in COMMANDS.items() if not command.hidden])
def test_the_help_of_each_command_is_german(name: str) -> None:
    """All of it, and no line is longer than the terminal is wide."""
    found = said(name, "--help", code=0)
    assert found.startswith(f"Aufruf: postbuch {name} ")
    assert "Diese Hilfe zeigen." in found
    assert not FOREIGN.search(found), found
    assert max(map(len, found.splitlines())) <= 80


def test_the_help_says_what_each_command_does() -> None:
    """In full, and in the order in which an administrator needs them."""
    group = typer.main.get_command(make_app([]))
    assert isinstance(group, TyperGroup)
    for locale in ("de_DE.UTF-8", "en_GB.UTF-8"):
        found = said("--help", locale=locale, code=0)
        listed = found.split(":\n")[-1]
        assert "..." not in listed
        names = re.findall(r"^  ([a-z]+) ", listed, re.MULTILINE)
        assert names == [name for name, command in COMMANDS.items() if not command.hidden]
    text = " ".join(said("--help", locale="en_GB.UTF-8", code=0).split())
    for name, command in group.commands.items():
        assert command.hidden or f"{name} {command.help}" in text


@pytest.mark.parametrize(
    ("words", "german", "english"),
    [
        ("serach", "Den Befehl 'serach' gibt es nicht; ist 'search', 'user' gemeint?",
         "There is no command 'serach'; did you mean 'search', 'user'?"),
        ("user zzz", "Den Befehl 'zzz' gibt es nicht.", "There is no command 'zzz'."),
        ("--nix", "Die Option --nix gibt es hier nicht.", "There is no option --nix here."),
        ("status --jsn", "Die Option --jsn gibt es hier nicht, wohl aber --json.",
         "There is no option --jsn here; there is --json."),
        ("get", "Das Argument 'ID|SHA256' fehlt.", "The argument 'ID|SHA256' is missing."),
        ("prove x", "Die Option '--output' fehlt.", "The option '--output' is missing."),
        ("config example mehr", "Zu viel angegeben: mehr.", "Too much was given: mehr."),
        ("search --limit viele x", "Der Wert von '--limit' ist keine ganze Zahl.",
         "The value of '--limit' is no whole number."),
        ("search --limit 0 x", "Der Wert von '--limit' muss 1 oder mehr sein.",
         "The value of '--limit' must be 1 or more."),
        ("audit --limit 99999999999999999999", "Der Wert von '--limit' darf höchstens 1000000 sein.",
         "The value of '--limit' must be 1000000 or less."),
        ("user add a@b.example --role boss",
         "'boss' ist kein Wert für '--role'; möglich sind 'employee', 'auditor', 'admin'.",
         "'boss' is no value of '--role', which takes 'employee', 'auditor', 'admin'."),
        ("status --config", "Die Option '--config' braucht einen Wert.", "The option '--config' needs a value."),
        ("status --json=1", "Die Option '--json' nimmt keinen Wert.", "The option '--json' takes no value."),
    ],
)  # fmt: skip
def test_a_wrong_use_is_said_in_one_sentence(words: str, german: str, english: str) -> None:
    """With how it is used and where there is more about it, when that is known."""
    found = said(*words.split())
    assert german in found
    assert not FOREIGN.search(found), found
    assert english in said(*words.split(), locale="en_GB.UTF-8")


def test_a_wrong_use_is_json_for_who_asked_for_it() -> None:
    """As every other failure."""
    done = subprocess.run(
        [sys.executable, "-m", "postbuch.cli.main", "status", "--nix", "--json"], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert '"exit_code": 2' in done.stdout
    assert "There is no option --nix here" in done.stdout
