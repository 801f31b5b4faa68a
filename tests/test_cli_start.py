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


def test_a_search_loads_what_a_search_needs() -> None:
    """No migrations, no spreadsheets, no web."""
    program = "import sys; from postbuch.cli.main import make_app; make_app(['search']); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert not {"alembic", "xlsxwriter", "flask", "apscheduler", "aiosmtpd"} & set(loaded)
    assert "postbuch.archive.search" in loaded
