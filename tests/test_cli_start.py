"""A command starts without the libraries of the others."""

import subprocess
import sys

import pytest
import typer
from typer.core import TyperGroup

from postbuch.cli.main import make_app


def commands(words: list[str]) -> set[str]:
    group = typer.main.get_command(make_app(words))
    assert isinstance(group, TyperGroup)
    return set(group.commands)


EVERYTHING = commands([])


@pytest.mark.parametrize("words", [["--help"], ["nonsense"], ["--json", "search"]])
def test_who_asks_for_no_command_gets_all(words: list[str]) -> None:
    """The help, and a hint at what was meant."""
    assert commands(words) == EVERYTHING


@pytest.mark.parametrize("name", sorted(EVERYTHING))
def test_each_command_is_there_alone(name: str) -> None:
    """Each that the help shows."""
    assert name in commands([name]) < EVERYTHING


def loaded_for(words: list[str]) -> set[str]:
    program = f"import sys; from postbuch.cli.main import make_app; make_app({words}); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_a_search_loads_what_a_search_needs() -> None:
    """No migrations, no spreadsheets, no web."""
    loaded = loaded_for(["search"])
    assert not {"alembic", "xlsxwriter", "flask", "apscheduler", "aiosmtpd", "postbuch.certs.authority"} & loaded
    assert "postbuch.archive.search" in loaded


@pytest.mark.parametrize("words", [["--help"], ["serach"]])
def test_the_help_loads_no_command(words: list[str]) -> None:
    """Who asks what there is, or mistypes it, does not wait for the libraries of all commands."""
    assert not {"sqlalchemy", "cryptography", "alembic", "flask"} & loaded_for(words)


def test_the_help_of_a_command_is_the_same_in_both() -> None:
    """In the list of commands and in its own help."""
    for name in EVERYTHING:
        alone = typer.main.get_command(make_app([name]))
        whole = typer.main.get_command(make_app([]))
        assert isinstance(alone, TyperGroup)
        assert isinstance(whole, TyperGroup)
        assert alone.commands[name].help == whole.commands[name].help != ""
        assert alone.commands[name].hidden == whole.commands[name].hidden
